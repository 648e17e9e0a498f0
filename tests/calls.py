"""A small call of each public function of ``method/``, and nonsense to put into it.

:data:`CALLS` has arguments that are right, made anew for each call; ``tests/test_public.py``
replaces each of them by nonsense.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import importlib
import math
from collections.abc import Callable, Iterator
from contextlib import suppress

import numpy as np
import polars as pl
import torch
from scipy import sparse

from companion.consistent_diffusion.method import diffusion, losses, networks
from companion.gaussian_rbf.method import model as rbf
from companion.gaussian_rbf.method.theory import network
from companion.leximark.method import scores, watermark, words
from companion.mamba3.lab.checks import empty_state, random_tokens
from companion.mamba3.method.layer import Mamba3Config
from companion.mamba3.method.mixing import State
from companion.massive_activations.method.curve import DAMPED_LOG, CurveParams, ReparamParams
from companion.model_ecosystem.method import drift, forest
from companion.next_token_concepts.method import directions, world
from companion.project import PACKAGE
from companion.quartet.method import law as quartet_law
from companion.quartet.method import linear, quantizers
from companion.scaling_laws.method import law, protocol
from companion.tart.method import module, training
from companion.training import History

Arguments = dict[str, object]


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    """Normal numbers in float32."""
    return torch.randn(shape, generator=generator(seed))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def draws(*shape: int, seed: int = 0) -> np.ndarray:
    """Normal numbers in float64."""
    return np.random.default_rng(seed).standard_normal(shape)


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


# --------------------------------------------------------------------------- calls
TIMES = torch.tensor([0.2, 0.5, 0.9])


def energy() -> networks.EnergyMLP:
    return networks.EnergyMLP(2, (4,), generator=generator())


def pull(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    """The score of a normal law."""
    return -x


def diffusion_calls() -> dict[str, Callable[[], Arguments]]:
    at = {"x": lambda: normal(3, 2), "t": lambda: TIMES.clone()}
    moved = {f"v{i}": (lambda i=i: 1e-4 * normal(3, 2, seed=i)) for i in (1, 2)}
    objective = losses.Objective(alpha=0.1, midpoint=0.1)
    return {
        "diffusion.beta": lambda: {"t": TIMES.clone()},
        "diffusion.log_alpha": lambda: {"t": TIMES.clone()},
        "diffusion.alpha": lambda: {"t": TIMES.clone()},
        "diffusion.sigma": lambda: {"t": TIMES.clone()},
        "diffusion.noised": lambda: {
            "x0": normal(3, 2),
            "t": TIMES.clone(),
            "noise": normal(3, 2, seed=1),
        },
        "diffusion.right_side": lambda: {
            "divergence": normal(3),
            "score": normal(3, 2),
            "x": normal(3, 2, seed=1),
            "t": TIMES.clone(),
            "dim": 2.0,
        },
        "diffusion.exact_residual": lambda: {"model": energy(), **{k: f() for k, f in at.items()}},
        "diffusion.displacements": lambda: {
            "x": normal(3, 2),
            "generator": generator(),
            "sigma_v": diffusion.SIGMA_V,
        },
        "diffusion.weak_residuals": lambda: {
            "model": energy(),
            **{k: f() for k, f in (at | moved).items()},
            "dim": 2.0,
        },
        "networks.turned": lambda: {"x": normal(2, 6), "generator": generator()},
        "losses.equal_weight": lambda: {"t": TIMES.clone(), "t0": 0.0, "t1": 1.0, "midpoint": 0.1},
        "losses.draw_times": lambda: {
            "shape": (3,),
            "objective": objective,
            "generator": generator(),
        },
        "losses.objective_loss": lambda: {
            "model": energy(),
            "x0": normal(4, 2),
            "objective": objective,
            "generator": generator(),
        },
        "networks.time_features": lambda: {
            "t": TIMES.clone(),
            "t0": 0.0,
            "t1": 1.0,
            "relative": True,
        },
        "networks.automatic": lambda: {"model": energy(), **{k: f() for k, f in at.items()}},
        "diffusion.denoise": lambda: {
            "score": pull,
            "shape": (3, 2),
            "generator": generator(),
            "steps": 4,
            "chunk": 8,
        },
        "diffusion.simulate": lambda: {
            "score": pull,
            "start": normal(3, 2),
            "dynamics": diffusion.Dynamics(1.0, steps=4, every=2),
            "generator": generator(),
            "t_eval": 0.01,
            "scale": 1.0,
        },
    }


KNOWN = np.array([True, False, True, True])


def members() -> dict[str, np.ndarray]:
    return {"teacher": KNOWN, "baseline": ~KNOWN, "a": KNOWN}


def distillation_calls() -> dict[str, Callable[[], Arguments]]:
    return {
        "memorization.matches": lambda: {
            "generated": torch.tensor([[[3, 4], [5, 6]]]),
            "tokens": torch.tensor([[1, 2, 3, 4], [1, 2, 5, 7]]),
            "prefix": 2,
        },
        "objectives.cross_entropy": lambda: {
            "logits": normal(2, 3, 5),
            "targets": torch.tensor([[0, 1, 2], [3, 4, 0]]),
        },
        "objectives.distillation_loss": lambda: {
            "student": normal(2, 3, 5),
            "teacher": normal(2, 3, 5, seed=1),
            "tau": 2.0,
        },
        "objectives.top_k_loss": lambda: {
            "student": normal(2, 3, 5),
            "ids": torch.tensor([[[0, 1]] * 3] * 2),
            "log_probs": torch.log_softmax(normal(2, 3, 5, seed=1), -1)[..., :2],
            "tau": 2.0,
        },
        "objectives.soft": lambda: {"tau": 2.0},
        "objectives.objectives": lambda: {"taus": (1.0, 2.0)},
    }


ROWS = torch.full((1, 4, 1), 0.25)


def theta() -> rbf.Parameters:
    return rbf.Parameters(torch.eye(2)[None], normal(1, 3, 1), normal(1, 3, 2, seed=1))


def net() -> rbf.Fit:
    return network(np.diag([1.0, 0.2]), draws(3, 2), draws(3, seed=1))


def task(seed: int = 0) -> rbf.Task:
    return rbf.Task(draws(6, 2), draws(6, 1, seed=1), draws(3, 2, seed=2), seed=seed)


def rbf_calls() -> dict[str, Callable[[], Arguments]]:
    inputs = {
        "X": lambda: normal(1, 4, 2, seed=2),
        "y": lambda: normal(1, 4, 1, seed=3),
        "row_weight": lambda: ROWS.clone(),
    }
    return {
        "model.gaussians": lambda: {
            "X": normal(1, 4, 2),
            "U": torch.eye(2)[None],
            "C": normal(1, 3, 2, seed=1),
        },
        "model.data_term": lambda: {
            "F": normal(1, 4, 1),
            "y": normal(1, 4, 1, seed=1),
            "row_weight": ROWS.clone(),
            "kind": "regression",
        },
        "model.evaluate": lambda: {
            "theta": theta(),
            **{name: make() for name, make in inputs.items()},
            "center_mask": torch.ones(1, 3, 1),
            "kind": "regression",
        },
        "model.predict": lambda: {"theta": theta(), "X": normal(1, 4, 2, seed=2)},
        "model.start": lambda: {"task": task()},
        "model.restarts": lambda: {"task": task(), "n": 2},
        "model.best_of": lambda: {"fits": [net(), net()]},
        "precision.spectrum": lambda: {"matrix": np.diag([2.0, 1.0])},
        "precision.importance": lambda: {"P": np.diag([2.0, 1.0])},
        "precision.diagonal_importance": lambda: {"matrix": np.diag([2.0, 1.0])},
        "precision.gradients": lambda: {"fit": net(), "X": draws(4, 2)},
        "precision.agop": lambda: {"fit": net(), "X": draws(4, 2)},
        "precision.principal_angle": lambda: {"A": draws(4, 2), "B": draws(4, 2, seed=1)},
        "precision.ranking_auc": lambda: {"scores": draws(4), "is_true": KNOWN},
        "precision.top_hit": lambda: {"scores": draws(4), "is_true": KNOWN},
        "theory.network": lambda: {
            "P": np.diag([2.0, 1.0]),
            "centers": draws(3, 2),
            "weights": draws(3),
        },
        "theory.counterexample": lambda: {"nodes": 4},
        "theory.quadrature_agop": lambda: {"fit": net(), "nodes": 4},
        "theory.weighted_agop": lambda: {
            "fit": net(),
            "X": draws(4, 2),
            "weights": np.full(4, 0.25),
        },
        "theory.ambiguity": lambda: {"rng": rng(), "n": 3, "size": 1e-9},
        "theory.inactive_change": lambda: {"fit": net(), "X": draws(4, 2), "rng": rng(), "k": 1},
        "theory.normal_agop": lambda: {
            "P": np.diag([2.0, 1.0]),
            "centers": draws(3, 2),
            "weights": draws(3),
        },
        "training.fit_many": lambda: {"tasks": [task()], "recipe": rbf.Recipe(steps=3)},
    }


STATS = scores.TokenStats([-np.ones(4)], [-2 * np.ones(4)], [np.ones(4)])


def leximark_calls() -> dict[str, Callable[[], Arguments]]:
    return {
        "candidates.rarer": lambda: {"word": "happy", "limit": 1e-5},
        "scores.token_moments": lambda: {
            "logits": normal(3, 5),
            "targets": torch.tensor([0, 1, 2]),
        },
        "scores.from_flat": lambda: {
            "moments": [normal(4), normal(4), normal(4)],
            "lengths": [1, 3],
        },
        "scores.lowest_mean": lambda: {"values": draws(5), "share": 0.4},
        "scores.score": lambda: {"stats": STATS, "name": scores.MIN_K_PLUS},
        "watermark.pick": lambda: {
            "sentence": words.tokenize("The happy dog was large."),
            "recipe": watermark.LEXIMARK,
        },
        "watermark.thesaurus": lambda: {"word": "happy", "recipe": watermark.KEYED},
        "watermark.universe": lambda: {"texts": ["A happy dog."], "recipe": watermark.KEYED},
    }


def mamba_calls() -> dict[str, Callable[[], Arguments]]:
    def tokens(seq: int = 3):
        return random_tokens(0, batch=1, seq=seq, state=4, angles=1)

    def scan(weight: str) -> Callable[[], Arguments]:
        def make() -> Arguments:
            parts = tokens()
            return {
                "q": parts.C,
                "k": parts.B,
                "v": parts.x,
                "log_a": parts.log_alpha,
                "gamma": parts.lam,
                weight: parts.dt,
            }

        return make

    sizes = {"N": 4, "P": 2, "R": 1}
    forms = ("recurrence", "masked_attention", "convolution", "complex_state", "single_systems")
    return {
        "discretization.coefficients": lambda: {
            "rule": "exponential-trapezoidal",
            "step": 0.1,
            "A": -np.ones(3),
            "A_before": -2 * np.ones(3),
            "lam": 0.5,
        },
        "discretization.random_equation": lambda: {"seed": 0, "number": 1},
        "layer.heavy_tail": lambda: {"x": normal(4)},
        "layer.initial_dt_bias": lambda: {"n_heads": 2, "dt_range": (1e-3, 1e-1)},
        "layer.both_signs": lambda: {"log_alpha": -torch.tensor([0.1, 1.0, 3.0])},
        "layer.mamba3": lambda: {"config": Mamba3Config(d_model=4, d_state=4, head_dim=4)},
        "mixing.rotate": lambda: {"x": normal(1, 2, 1, 1, 4), "angle": normal(1, 2, 1, 2)},
        "mixing.cumulative_angle": lambda: {
            "increment": normal(1, 3, 2, 1),
            "start": torch.zeros(1, 2, 1),
        },
        "mixing.standard_frequencies": lambda: {"n_angles": 3},
        "mixing.mix": lambda: {
            "tokens": tokens(),
            "state": empty_state(tokens()),
            "chunk": 2,
            "pairs": "neighbors",
        },
        "mixing.mix_step": lambda: {
            "token": tokens(1),
            "state": empty_state(tokens(1)),
            "pairs": "neighbors",
        },
        "mixing.masks": lambda: {
            "log_alpha": -torch.tensor([0.1, 1.0, 3.0]),
            "dt": torch.tensor([0.1, 0.2, 0.3]),
            "lam": torch.tensor([0.5, 0.6, 0.7]),
        },
        "mixing.rotated": lambda: {"tokens": tokens(), "pairs": "neighbors"},
        **{f"mixing.as_{form}": lambda: {"tokens": tokens()} for form in forms},
        "scan.recurrence": scan("beta"),
        "scan.chunked": lambda: {**scan("kappa")(), "chunk": 2},
        **{f"scan.{name}": lambda: dict(sizes) for name in ("flops", "traffic", "intensity")},
    }


def series() -> tuple[np.ndarray, np.ndarray]:
    t = np.arange(12.0)
    return t, np.exp(-0.3 * t) * np.log(t + 1) + 2


def massive_calls() -> dict[str, Callable[[], Arguments]]:
    u = np.linspace(0, 1, 12)
    return {
        "curve.damped_log": lambda: {
            "t": np.arange(3.0),
            "A": 1.0,
            "lam": 0.1,
            "gamma": 1.0,
            "t0": 1.0,
            "K": 0.5,
        },
        "curve.from_reparametrized": lambda: {"params": ReparamParams(1.0, 0.5, 0.3, 0.2, 2.0)},
        "curve.turning_point": lambda: {"params": CurveParams(1.0, 0.1, 1.0, 1.0, 0.5)},
        "curve.check_series": lambda: dict(zip("ty", series(), strict=True), least=3),
        "curve.aicc": lambda: {"rss": 1.0, "n": 12, "n_parameters": 3},
        "curve.project": lambda: {"basis": draws(6, 2), "y": draws(6, seed=1)},
        "curve.fit": lambda: {
            "model": DAMPED_LOG,
            **dict(zip("ty", series(), strict=True)),
            "n_starts": 1,
        },
        "curve.search": lambda: {"model": DAMPED_LOG, "u": u, "z": series()[1], "n_starts": 1},
        "measure.reduce_hidden": lambda: {"hidden": normal(2, 3, 4)},
        "theory.gaussian_ratio": lambda: {"n": 100, "quantile": 0.5},
        "theory.hidden_state_ratio": lambda: {"width": 8, "seq": 16},
    }


def family() -> forest.Forest:
    return forest.forest(4, [0, 0, 1], [1, 2, 3])


def traits() -> drift.Values:
    return drift.values_of(["a", "b", "a", "b"])


def rows() -> sparse.csr_array:
    return sparse.csr_array(np.array([[1.0, 0, 0], [0.6, 0.8, 0], [0, 1.0, 0], [0, 0.6, 0.8]]))


def ecosystem_calls() -> dict[str, Callable[[], Arguments]]:
    counts = np.array([[0.0, 3, 2], [1, 0, 4], [0, 1, 0]])
    links = {"parent": ["a"], "child": ["b"], "relation": ["finetune"]}
    return {
        "drift.transitions": lambda: {"values": traits(), "graph": family()},
        "drift.most_common": lambda: {"values": traits(), "top": 2},
        "drift.best_order": lambda: {"counts": counts.copy()},
        "drift.order_of": lambda: {"counts": counts.copy(), "places": np.array([2, 0, 1])},
        "drift.place_ranges": lambda: {"counts": counts.copy()},
        "forest.forest": lambda: {"n": 4, "parent": [0, 0, 1], "child": [1, 2, 3]},
        "forest.named_forest": lambda: {"names": ["a", "b"], "links": pl.DataFrame(links)},
        "forest.components": lambda: {"graph": family()},
        "forest.depths": lambda: {"parent": np.array([4, 0, 0, 1])},
        "drift.values_of_codes": lambda: {"codes": np.array([0, 1, -1]), "names": ("a", "b")},
        "drift.both_declared": lambda: {"values": traits(), "graph": family()},
        "drift.distance": lambda: {"values": traits(), "graph": family()},
        "drift.one_value": lambda: {"values": traits()},
        "similarity.levenshtein": lambda: {
            "texts": ["abc", "abd", "xyz"],
            "first": [0, 1],
            "second": [1, 2],
        },
        "similarity.draw_pairs": lambda: {"graph": family(), "rng": rng(), "n": 3},
        "similarity.unit_rows": lambda: {"counts": rows()},
        "similarity.dots": lambda: {"a": rows(), "b": rows()},
        "similarity.families": lambda: {"x": rows(), "graph": forest.forest(4, [0, 0], [1, 2])},
        "similarity.random_pair": lambda: {"x": rows()},
        "similarity.pair_types": lambda: {"x": rows(), "graph": family()},
        "theory.parent_child": lambda: {"mu": 0.2, "tagged": 0.1},
        "theory.sibling": lambda: {"mu": 0.2, "s": 0.3, "tagged": 0.1},
        "theory.critical_mutation": lambda: {"s": 0.3},
        "theory.enough_bookkeeping": lambda: {"mu": 0.2, "s": 0.3},
        "theory.most_siblings": lambda: {"kept": 2, "d": 5},
        "theory.concentrated": lambda: {"s": 0.5, "k": 3},
    }


WORLD = world.make_world(rng(), 0.1)
SEEN = WORLD.log_posterior(WORLD.sample(6, 5, rng()).words)


def pairs() -> directions.Pairs:
    return directions.Pairs(draws(4, 3), draws(4, 3, seed=1))


def concepts_calls() -> dict[str, Callable[[], Arguments]]:
    def seen(*names: str) -> Callable[[], Arguments]:
        known = {
            "log_posterior": SEEN,
            "names": WORLD.names,
            "prior": WORLD.prior,
            "configs": WORLD.configs,
            "world": WORLD,
        }
        return lambda: {
            name: known[name].copy() if isinstance(known[name], np.ndarray) else known[name]
            for name in names
        }

    both, of_world = ("log_posterior", "names"), ("world", "log_posterior")
    theory = {
        **dict.fromkeys(("log_predict", "uncertainty", "information"), both),
        **dict.fromkeys(("posterior_of_name", "evidence_matrix"), ("names", "prior")),
        **dict.fromkeys(("log_marginals", "log_odds"), ("log_posterior", "configs")),
        **dict.fromkeys(("first_order", "no_fit_r2", "residual_ratio", "slope"), of_world),
        "identity": ("log_posterior", "names", "prior"),
    }
    return {
        "autoencoders.keep_largest": lambda: {"values": normal(2, 4), "k": 2},
        "autoencoders.norm_p": lambda: {"sparse": normal(2, 4), "p": 0.5},
        "autoencoders.nuclear_norm": lambda: {"rows": normal(3, 4)},
        "autoencoders.correlations": lambda: {"a": draws(6, 2), "b": draws(6, 3, seed=1)},
        "autoencoders.best_feature": lambda: {"code": draws(6, 2), "target": draws(6, 3, seed=1)},
        "directions.unit": lambda: {"vector": draws(3)},
        "directions.direction": lambda: {"pairs": pairs()},
        "directions.isotropic": lambda: {"sizes": [2, 3], "d": 4, "rng": rng()},
        "directions.matched": lambda: {"concepts": [pairs()], "rng": rng()},
        "directions.frobenius": lambda: {"a": draws(2, 4), "w": draws(2, 4, seed=1)},
        **{f"theory.{name}": seen(*given) for name, given in theory.items()},
        "theory.g_eta": lambda: {"eta": 0.1, "log_odds": draws(3)},
        "theory.centred": lambda: {"logits": draws(3, 4)},
        "theory.differences": lambda: {"table": draws(3, 4), "factored": True},
        "world.pick": lambda: {
            "table": WORLD.words.copy(),
            "rows": np.array([0, 1, 2]),
            "rng": rng(),
        },
        "world.all_configs": lambda: {"m": 3},
        "world.random_prior": lambda: {"m": 3, "edges_per_node": 1.0, "rng": rng()},
        "world.hint_words": lambda: {"configs": WORLD.configs.copy(), "groups": WORLD.groups},
        "world.concept_names": lambda: {"configs": WORLD.configs.copy(), "eta": 0.1},
        "world.joint_names": lambda: {"n_configs": 4, "eta": 0.1},
        "world.merged_names": lambda: {"names": WORLD.names.copy(), "size": 2},
        "world.without_name": lambda: {"names": WORLD.names.copy(), "concept": 1},
        "world.make_world": lambda: {"rng": rng(), "eta": 0.1, "m": 4, "edges_per_node": 1.0},
    }


def runs() -> quartet_law.Runs:
    N, D = (one.ravel() for one in np.meshgrid([1e6, 2e6, 4e6], [1e8, 2e8, 4e8]))
    return quartet_law.Runs(N, D, 1.7 + 400 / N**0.34 + 400 / D**0.28)


BASE = quartet_law.Law(np.array([12.0, 0.6, 13.0, 0.55, 0.3, 0.3]), 1.0)


def quartet_calls() -> dict[str, Callable[[], Arguments]]:
    budget = {"speed": quartet_law.Speed(), "quality": quartet_law.Quality(0.7, 0.9)}
    return {
        "law.fit_from": lambda: {"start": BASE.theta.copy(), "runs": runs()},
        "law.starts": lambda: {"n": 2},
        "law.fit_law": lambda: {"runs": runs(), "n_starts": 1},
        "law.fit_efficiency": lambda: {"law": BASE, "runs": runs(), "which": "N"},
        "law.loss_at_budget": lambda: {
            "law": BASE,
            "N": np.array([1e9]),
            "ratio": np.array([100.0]),
            "precision": "FP4:FP4",
            **budget,
        },
        "law.crossover": lambda: {"law": BASE, "N": 1e9, **budget},
        "linear.hadamard": lambda: {"size": 32},
        "linear.random_signs": lambda: {"generator": generator(), "size": 32},
        "linear.rotate": lambda: {"x": normal(2, 32), "signs": torch.ones(32)},
        "linear.rotate_back": lambda: {"y": normal(2, 32)},
        "linear.quantized_product": lambda: {
            "a": normal(2, 32),
            "b": normal(3, 32, seed=1),
            "chosen": quantizers.RTN,
            "recipe": linear.Recipe("RTN", "RTN"),
            "signs": torch.ones(32),
            "generator": generator(),
        },
        "mxfp4.round_": lambda: {"z": torch.tensor([0.3, -1.2, 5.0])},
        "mxfp4.uniform_draws": lambda: {"shape": (2, 3), "generator": generator()},
        "mxfp4.encode": lambda: {"values": torch.tensor([0.5, -1.5, 6.0])},
        "mxfp4.decode": lambda: {"codes": torch.tensor([3, 15])},
        "quantizers.power_of_two": lambda: {"wanted": torch.tensor([0.3, 5.0]), "rule": "floor"},
        "quantizers.absmax_scale": lambda: {"amax": torch.tensor([0.3, 5.0]), "headroom": 0.75},
        "quantizers.group_deviation": lambda: {"groups": normal(2, 32)},
        "quantizers.quest_scale": lambda: {"deviation": torch.tensor([0.3, 5.0])},
        "quantizers.quantize": lambda: {"x": normal(2, 32), "name": "RTN"},
    }


LAW = law.ScalingLaw(1.7, np.log(400), np.log(400), 0.34, 0.28)


def points() -> law.Points:
    return law.points(*runs())


def model_runs() -> list[protocol.Run]:
    D = np.array([2e10, 4e10, 6e10, 8e10])
    return [protocol.Run(f"{N:g}", N, D, LAW.predict(N, D)) for N in (1e7, 1e8, 1e9)]


def scaling_calls() -> dict[str, Callable[[], Arguments]]:
    fits = ("fit_curve_fit", "fit_one_model")
    alone = law.points([1e6, 2e6, 4e6], [1e8] * 3, [3.0, 2.8, 2.7])
    return {
        "law.points": lambda: {"N": [1e6, 2e6], "D": [1e8, 2e8], "loss": [3.0, 2.5]},
        "law.join": lambda: {"parts": [points(), points()]},
        "law.residual_sum": lambda: {"law": LAW, "data": points()},
        "law.is_identified": lambda: {"data": points()},
        "protocol.stack": lambda: {"runs": model_runs()},
        "protocol.training_points": lambda: {"runs": model_runs(), "q": 0.9, "cut": 1e10},
        "protocol.family_points": lambda: {
            "family": protocol.Family("a", tuple(model_runs()), "nats")
        },
        "protocol.target_points": lambda: {"run": model_runs()[0]},
        "protocol.longest": lambda: {"runs": model_runs()},
        **{
            f"protocol.{name}": lambda: {"law": LAW, "target": points()}
            for name in ("signed_errors", "are", "bias")
        },
        **{f"recipe.{name}": lambda: {"data": points()} for name in fits},
        "recipe.fit_multi_start": lambda: {"data": points(), "rng": rng(), "n_starts": 2},
        "recipe.fit_size_only": lambda: {"data": alone},
        "varpro.projected_objective": lambda: {
            "data": points(),
            "alphas": np.array([0.3, 0.4]),
            "betas": np.array([0.2, 0.3]),
        },
        "varpro.linear_part": lambda: {
            "x": np.log([1.0, 2, 4]),
            "y": np.log([1.0, 3, 5]),
            "loss": np.array([3.0, 2.5, 2.4]),
            "alpha": 0.3,
            "beta": 0.3,
        },
        "varpro.fit_varpro": lambda: {"data": points(), "n_starts": 1, "n_zooms": 1},
    }


THIRD = np.array([0.5, 0.25, 0.25])


def synthetic_calls() -> dict[str, Callable[[], Arguments]]:
    laws = np.array([[[0.6, 0.3, 0.1], [0.2, 0.5, 0.3]]])
    return {
        "calibration.sharpen": lambda: {"law": THIRD.copy(), "temperature": 0.5},
        "calibration.calibration": lambda: {
            "confidence": np.array([0.6, 0.9]),
            "correct": np.array([1.0, 0.0]),
            "weight": np.ones(2),
            "n_bins": 5,
        },
        "calibration.fit_temperature": lambda: {
            "laws": laws.copy(),
            "held_out": laws.copy(),
            "n_steps": 5,
        },
        "mixing.student": lambda: {"truth": THIRD[None], "s": 0.5, "temperature": 0.5, "k": 2},
        "mixing.predicted_over_confidence": lambda: {
            "truth": THIRD[None],
            "weight": np.ones(1),
            "s": 0.5,
        },
        "mixing.mixing_law": lambda: {"s": np.array([0.2, 0.5]), "k": 3},
        "mixing.synthetic_share": lambda: {"s": 0.5, "k": 3},
        "mixing.simulated": lambda: {"s": 0.5, "protocol": "fixed", "z": draws(6, 4)},
        "mixing.largest_share": lambda: {"tolerance": 0.5, "k": 3},
    }


def small_head() -> module.HeadConfig:
    return module.HeadConfig(d=2, n_pairs=4, n_embd=4, n_layers=1, n_heads=1)


def tart_calls() -> dict[str, Callable[[], Arguments]]:
    recipe = training.HeadRecipe(small_head(), training.Curriculum(2, 0, 4, 0, 10), 2, 1e-3, 2)
    labels = np.array([0.0, 1, 1, 0])
    return {
        "module.interleave": lambda: {"x": normal(1, 3, 2), "y": torch.tensor([[0.0, 1, 0]])},
        "module.init_": lambda: {
            "module": module.ReasoningModule(small_head()),
            "generator": generator(),
        },
        "module.fresh_head": lambda: {"config": small_head(), "generator": generator()},
        "theory.mean_difference": lambda: {
            "z": draws(4, 2),
            "y": labels.copy(),
            "queries": draws(3, 2, seed=1),
        },
        "theory.ideal": lambda: {
            "x": draws(1, 4, 2),
            "y": labels[None].copy(),
            "queries": draws(1, 3, 2, seed=1),
            "n_samples": 2,
            "rng": rng(),
            "alpha": 10.0,
        },
        "training.knows_the_weights": lambda: {"x": normal(3, 2), "w": normal(2)},
        "training.all_positions_loss": lambda: {
            "head": module.fresh_head(small_head(), generator()),
            "batch": torch.cat([normal(1, 3, 2), torch.tensor([[[0.0], [1], [0]]])], -1),
        },
        "training.train_head": lambda: {"recipe": recipe, "seed": 0, "progress": False},
        "training.settle": lambda: {
            "head": module.fresh_head(small_head(), generator()),
            "recipe": recipe,
            "seed": 0,
            "steps": 2,
            "progress": False,
        },
        "whitening.whiten": lambda: {"context": draws(5, 3), "query": draws(2, 3, seed=1), "p": 2},
        "whitening.fill": lambda: {"z": draws(3, 2), "d": 4},
        "whitening.shrinkage": lambda: {
            "context": draws(5, 3),
            "query": draws(2, 3, seed=1),
            "p": 2,
        },
    }


CALLS: dict[str, Callable[[], Arguments]] = {
    f"{chapter}.{name}": make
    for chapter, calls in {
        "consistent_diffusion": diffusion_calls,
        "distillation_memorization": distillation_calls,
        "gaussian_rbf": rbf_calls,
        "leximark": leximark_calls,
        "mamba3": mamba_calls,
        "massive_activations": massive_calls,
        "model_ecosystem": ecosystem_calls,
        "next_token_concepts": concepts_calls,
        "quartet": quartet_calls,
        "scaling_laws": scaling_calls,
        "synthetic_data": synthetic_calls,
        "tart": tart_calls,
    }.items()
    for name, make in calls().items()
}
"""``chapter.module.function`` -> what makes its arguments."""


# --------------------------------------------------------------------------- what is public
def chapters() -> list[str]:
    """Packages of the chapters."""
    return sorted(path.parent.name for path in PACKAGE.glob("*/method"))


def public(chapter: str) -> Iterator[tuple[str, str]]:
    """(module, name) of each public function at the top of a module of ``method/``."""
    for path in sorted((PACKAGE / chapter / "method").rglob("*.py")):
        module = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                yield module, node.name


def key_of(module: str, name: str) -> str:
    """``chapter.module.name``, as the stored calls have it."""
    return f"{module.removeprefix('companion.').replace('.method', '')}.{name}"


@functools.cache
def every() -> dict[str, tuple[str, str]]:
    """Key -> module and name of all public functions of all chapters."""
    return {key_of(m, n): (m, n) for chapter in chapters() for m, n in public(chapter)}


def function(key: str) -> Callable:
    """The function of a key."""
    module, name = every()[key]
    return getattr(importlib.import_module(module), name)


# --------------------------------------------------------------------------- nonsense
def wrong(value: object, places: tuple[int, ...] = (0, -1)) -> Iterator[tuple[str, object]]:
    """(what, value) of nonsense in the place of a right value.

    places : of an array at which one number is none; they are taken modulo its size
    """
    if isinstance(value, bool | np.bool_) or value is None:
        return
    if isinstance(value, int | float | np.integer | np.floating):
        yield from {"nan": math.nan, "infinity": math.inf, "minus infinity": -math.inf}.items()
        yield from {"text": "nonsense", "nothing": None, "empty": np.zeros(0)}.items()
    elif isinstance(value, np.ndarray | torch.Tensor):
        yield from no_numbers(value, places)
        if isinstance(value, np.ndarray):
            yield "words", np.full(value.shape, "word")
        if value.ndim:
            yield "empty", value[:0]
        yield from {"text": "nonsense", "nothing": None}.items()
    elif isinstance(value, str):
        yield from {"text": "no such thing", "nothing": None, "number": math.nan}.items()
    elif is_record(value) or isinstance(value, list | tuple):
        yield from {"text": "nonsense", "nothing": None}.items()
        yield from inside(value, places)


def is_record(value: object) -> bool:
    """Whether a value has named parts."""
    return hasattr(value, "_fields") or (
        dataclasses.is_dataclass(value) and not isinstance(value, type)
    )


def inside(value: object, places: tuple[int, ...]) -> Iterator[tuple[str, object]]:
    """Numbers that are none in the parts of a record or in the first of a list."""
    if isinstance(value, np.ndarray | torch.Tensor):
        yield from no_numbers(value, places)
    elif isinstance(value, float):
        yield from {"nan": math.nan, "infinity": math.inf}.items()
    elif is_record(value):
        for name, part in parts(value).items():
            for what, one in inside(part, places):
                with suppress(ValueError, TypeError):  # it cannot even be made
                    yield f"{name} {what}", with_part(value, name, one)
    elif isinstance(value, list | tuple) and value:
        for what, one in inside(value[0], places):
            yield f"first {what}", type(value)([one, *value[1:]])


def parts(record: object) -> dict[str, object]:
    """The named parts of a record."""
    if hasattr(record, "_fields"):
        return record._asdict()
    return {f.name: getattr(record, f.name) for f in dataclasses.fields(record) if f.init}


def with_part(record: object, name: str, part: object) -> object:
    """The record with another part."""
    change = getattr(record, "_replace", None) or functools.partial(dataclasses.replace, record)
    return change(**{name: part})


def fresh(arguments: Arguments) -> Arguments:
    """The same for another call: what a call may change in place is copied, generators begin."""
    return {name: _anew(value) for name, value in arguments.items()}


def _anew(value: object) -> object:
    if isinstance(value, np.random.Generator):
        return rng()
    if isinstance(value, torch.Generator):
        return generator()
    if isinstance(value, torch.Tensor):
        return value.clone()
    return value.copy() if isinstance(value, np.ndarray) else value


class Unread:
    """Stands for a part of a record that nobody looks at: any use of it is an error."""


def no_numbers(
    value: np.ndarray | torch.Tensor, places: tuple[int, ...]
) -> Iterator[tuple[str, object]]:
    """The array with one number that is none."""
    is_tensor = isinstance(value, torch.Tensor)
    grid = value.detach().numpy() if is_tensor else value
    back = torch.from_numpy if is_tensor else np.asarray
    if grid.dtype.kind == "f" and grid.size:
        for what, number in (("nan", math.nan), ("infinity", math.inf)):
            for place in places:
                changed = grid.copy()
                changed.reshape(-1)[place % grid.size] = number
                yield f"{what} at {place}", back(changed)
    elif grid.dtype.kind in "iu" and grid.size:
        yield "floats", back(grid + 0.5)
        yield "nan", back(np.full(grid.shape, math.nan))


def finite(value: object) -> bool:
    """Whether a reader would take a result for one: all of its numbers are finite.

    What a record says of itself and may be open is left out: a network that was never trained has
    no loss, and a law without a term has the logarithm of 0.
    """
    if isinstance(value, rbf.Fit):
        value = (value.U, value.W, value.C)
    elif isinstance(value, law.ScalingLaw):
        value = (value.E, value.alpha, value.beta)
    elif isinstance(value, State):
        value = value[:4]
    elif isinstance(value, History):
        value = value.losses
    if isinstance(value, torch.Tensor):
        return value.numel() > 0 and bool(torch.isfinite(value.detach()).all())
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in "biufc":
            return value.size > 0
        return value.size > 0 and bool(np.isfinite(value).all())
    if isinstance(value, float | np.floating):
        return math.isfinite(value)
    if sparse.issparse(value):
        return value.shape[0] > 0 and finite(value.data)
    if isinstance(value, pl.DataFrame):
        return value.height > 0
    if dataclasses.is_dataclass(value):
        return all(finite(one) for one in vars(value).values())
    if isinstance(value, dict):
        return len(value) > 0 and all(finite(one) for one in value.values())
    if isinstance(value, tuple | list):
        return len(value) > 0 and all(finite(one) for one in value)
    return True


def answer(call: Callable, arguments: dict[str, object]) -> object:
    """What a call gives; an iterator is walked."""
    found = call(**arguments)
    return list(found) if isinstance(found, Iterator) else found
