"""What grows with what: for each chapter's method sizes at which it is timed, and the theory.

Each :class:`Plan` makes the same call at several sizes; :func:`measure` times them in turns, in
processor time of one thread.  ``make bench`` measures all and keeps them for the page of speeds.
What is measured is the chapter's method; a second plan of a chapter, where there is one, is what it
saves, or what the paper compares it with.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
import torch

from companion.benches import Curve
from companion.scale import generator, torch_generator
from tests.clock import quickest

TURNS = 7
"""Of which the quickest counts, after a first one that does not."""


@dataclass(frozen=True)
class Plan:
    """One curve to be measured.

    chapter, what, over, theory : as in :class:`companion.benches.Curve`; sizes : four to six
    make : size -> the call that is timed; what it needs is made before
    """

    chapter: str
    what: str
    over: str
    sizes: tuple[int, ...]
    theory: str
    make: Callable[[int], Callable[[], object]]


def measure(plan: Plan, turns: int = TURNS) -> Curve:
    """The curve of a plan."""
    calls = [plan.make(size) for size in plan.sizes]
    took = quickest(*calls, repeats=turns)
    return Curve(plan.chapter, plan.what, plan.over, plan.sizes, tuple(took), plan.theory)


def _doubled(first: int, n: int = 5) -> tuple[int, ...]:
    return tuple(first * 2**i for i in range(n))


# --------------------------------------------------------------------------- 1 massive-activations
def hidden_state(tokens: int) -> Callable[[], object]:
    from companion.massive_activations.method.measure import reduce_hidden

    state = torch.randn(1, tokens, 128, generator=torch_generator(0, "curves"))
    return partial(reduce_hidden, state)


# --------------------------------------------------------------------------- 2 tart
@cache
def module() -> torch.nn.Module:
    from companion.tart.method.module import HeadConfig, fresh_head

    shape = HeadConfig(d=16, n_pairs=1_025, n_embd=128, n_layers=4, n_heads=4)
    return fresh_head(shape, torch_generator(0, "curves")).eval()


def reasoning(examples: int) -> Callable[[], object]:
    draws = torch_generator(0, "curves")
    x = torch.randn(examples, 16, generator=draws)
    y = torch.randint(0, 2, (examples,), generator=draws).float()
    return partial(module().scores, x, y, torch.randn(1, 16, generator=draws))


def whitening(examples: int) -> Callable[[], object]:
    from companion.tart.method.whitening import Whitening

    return partial(Whitening.fit, generator(0, "curves").standard_normal((examples, 1_024)), 16)


# --------------------------------------------------------------------------- 3 next-token-concepts
def posterior(contexts: int) -> Callable[[], object]:
    from companion.next_token_concepts.method.world import make_world

    rng = generator(0, "curves")
    world = make_world(rng, 0.05, m=8)
    return partial(world.log_posterior, world.sample(contexts, 12, rng).words)


# --------------------------------------------------------------------- 4 distillation-memorization
def distilling(tokens: int) -> Callable[[], object]:
    from companion.distillation_memorization.method.objectives import distillation_loss

    student, teacher = torch.randn(2, tokens, 1_000, generator=torch_generator(0, "curves"))
    return partial(distillation_loss, student, teacher, 2.0)


# --------------------------------------------------------------------------- 5 leximark
@cache
def documents() -> list[str]:
    from companion.leximark.sources import split

    return split(420, 320, 1_000, 3).a


def marking(texts: int) -> Callable[[], object]:
    from companion.leximark.method.watermark import KEYED, Watermarker, plan

    some = documents()[:texts]

    def mark() -> list[str]:
        plan.cache_clear()
        return Watermarker(KEYED, "k")(some)

    return mark


# --------------------------------------------------------------------------- 6 model-ecosystem
@cache
def relatives(models: int) -> tuple:
    from scipy import sparse

    from companion.model_ecosystem.lab.simulate import grow
    from companion.model_ecosystem.method.similarity import unit_rows

    rng = generator(0, "curves")
    words = rng.integers(0, 200, (models, 8))
    shape = (models, 200)
    cells = (np.ones(8 * models), words.ravel(), np.arange(0, 8 * models + 1, 8))
    counts = sparse.csr_array(cells, shape=shape)
    counts.sum_duplicates()
    return unit_rows(counts), grow(models, rng)


def exact_means(models: int) -> Callable[[], object]:
    from companion.model_ecosystem.method.similarity import families

    return partial(families, *relatives(models))


def all_pairs(models: int) -> Callable[[], object]:
    x, _ = relatives(models)
    rows = x.toarray()
    return lambda: (rows @ rows.T).sum()


def generations(models: int) -> Callable[[], object]:
    from companion.model_ecosystem.method.forest import components, depths

    _, graph = relatives(models)
    return lambda: (components(graph.tree()), depths(graph.primary()))


# --------------------------------------------------------------------------- 7 gaussian-rbf
def fitting(rows: int) -> Callable[[], object]:
    return _rbf(rows, 16)


def fitting_features(features: int) -> Callable[[], object]:
    return _rbf(512, features)


def _rbf(rows: int, features: int) -> Callable[[], object]:
    from companion.gaussian_rbf.method.model import Recipe, Task
    from companion.gaussian_rbf.method.training import fit_many

    X = generator(0, "curves").standard_normal((rows, features))
    task = Task(X, X[:, :1] - X[:, :1].mean(), X[:16], scale=features**-0.5)
    return partial(fit_many, [task], Recipe(steps=8, patience=0))


# --------------------------------------------------------------------------- 8 quartet
def quantizing(numbers: int) -> Callable[[], object]:
    from companion.quartet.lab.speed import rotate_and_quantize

    x = torch.randn(numbers // 1_024, 1_024, generator=torch_generator(0, "curves"))
    return partial(rotate_and_quantize, x)


# --------------------------------------------------------------------------- 9 mamba3
def scanning(tokens: int) -> Callable[[], object]:
    from companion.mamba3.lab.timing import scan_inputs
    from companion.mamba3.method.scan import chunked

    leaves, gamma, _, kappa = scan_inputs(tokens, 1)
    plain = [leaf.detach() for leaf in leaves]
    return partial(chunked, *plain, gamma, kappa, chunk=64)


def attending(tokens: int) -> Callable[[], object]:
    shape = (3, 1, 4, tokens, 64)
    q, k, v = torch.randn(shape, generator=torch_generator(0, "curves"))
    return partial(torch.nn.functional.scaled_dot_product_attention, q, k, v, is_causal=True)


# --------------------------------------------------------------------------- 10 scaling-laws
def law(points: int) -> Callable[[], object]:
    from companion.scaling_laws.method.law import Points
    from companion.scaling_laws.method.varpro import fit_varpro

    rng = generator(0, "curves")
    N = np.geomspace(1e7, 1e10, 10).repeat(points // 10)
    D = 10 ** rng.uniform(9, 12, N.size)
    loss = 1.7 + 400 * N**-0.34 + 410 * D**-0.28 + 0.01 * rng.standard_normal(N.size)
    return partial(fit_varpro, Points(N, D, loss))


# -------------------------------------------------------------------------- 11 consistent-diffusion
def _energy(dim: int) -> tuple:
    from companion.consistent_diffusion.method.networks import EnergyMLP

    draws = torch_generator(0, "curves")
    model = EnergyMLP(dim, (92, 92, 92), generator=draws)
    return model, torch.randn(256, dim, generator=draws), torch.rand(256, generator=draws), draws


def weak(dim: int) -> Callable[[], object]:
    from companion.consistent_diffusion.method.diffusion import displacements, weak_residuals

    model, x, t, draws = _energy(dim)
    first, second = displacements(x, draws)

    def estimate() -> object:
        with torch.no_grad():
            return weak_residuals(model, x, t, first, second)

    return estimate


def exact(dim: int) -> Callable[[], object]:
    from companion.consistent_diffusion.method.diffusion import exact_residual

    model, x, t, _ = _energy(dim)
    return partial(exact_residual, model, x, t)


# --------------------------------------------------------------------------- 12 synthetic-data
def temperatures(models: int) -> Callable[[], object]:
    from companion.synthetic_data.method.calibration import fit_temperature

    rng = generator(0, "curves")
    laws = rng.dirichlet(np.ones(16), (models, 32))
    return partial(fit_temperature, laws, rng.multinomial(100, laws).astype(float))


LINEAR = "1"

PLANS = (
    Plan(
        "massive-activations",
        "the six numbers of a hidden state",
        "tokens",
        _doubled(1_024),
        "1: selection, no sorting",
        hidden_state,
    ),
    Plan(
        "tart",
        "the reasoning module reads a context",
        "examples",
        _doubled(64),
        "1 for its maps, 2 for attention",
        reasoning,
    ),
    Plan("tart", "whitening a context", "examples", _doubled(64), "2 below the width", whitening),
    Plan(
        "next-token-concepts",
        "exact posteriors over 256 configurations",
        "contexts",
        _doubled(1_024),
        LINEAR,
        posterior,
    ),
    Plan(
        "distillation-memorization",
        "the distillation loss",
        "tokens",
        _doubled(512),
        LINEAR,
        distilling,
    ),
    Plan("leximark", "marking texts", "texts", _doubled(20), LINEAR, marking),
    Plan(
        "model-ecosystem",
        "similarity of all siblings and parents, from sums",
        "models",
        _doubled(8_000),
        LINEAR,
        exact_means,
    ),
    Plan("model-ecosystem", "the same pair by pair", "models", _doubled(500), "2", all_pairs),
    Plan(
        "model-ecosystem",
        "families and generations of a forest",
        "models",
        _doubled(20_000),
        "1, and a logarithm for the longest line",
        generations,
    ),
    Plan("gaussian-rbf", "eight steps of a fit", "rows", _doubled(8_192), LINEAR, fitting),
    Plan(
        "gaussian-rbf",
        "eight steps of a fit",
        "features",
        _doubled(64),
        "1 for distances, 2 for the precision",
        fitting_features,
    ),
    Plan("quartet", "rotating and rounding", "numbers", _doubled(2**18), LINEAR, quantizing),
    Plan("mamba3", "the scan in chunks", "tokens", _doubled(1_024), LINEAR, scanning),
    Plan("mamba3", "attention of the same width", "tokens", _doubled(1_024), "2", attending),
    Plan(
        "scaling-laws",
        "the search by variable projection",
        "points",
        _doubled(10_000),
        LINEAR,
        law,
    ),
    Plan(
        "consistent-diffusion",
        "the residual from first derivatives",
        "dimensions",
        _doubled(4),
        "0 below the width of the network",
        weak,
    ),
    Plan(
        "consistent-diffusion",
        "the residual from second derivatives",
        "dimensions",
        _doubled(4),
        "1",
        exact,
    ),
    Plan(
        "synthetic-data",
        "one temperature for each model",
        "models",
        _doubled(64),
        LINEAR,
        temperatures,
    ),
)
