"""The experiments as the notebook calls them: settings in, results out."""

from __future__ import annotations

from companion.quartet.lab import budgets, gaussian, gradients, products
from companion.quartet.lab.llama import TinyLlama
from companion.quartet.lab.refit import Refit, quality_of
from companion.quartet.lab.training import Plan, Trained, run_training, shape_for_text
from companion.quartet.method import optimal
from companion.quartet.method.scales import RULES
from companion.quartet.settings import Settings
from companion.scale import one_thread

TABLE_SCHEMES = (
    "RTN",
    "SR",
    "RTN OCP",
    "SR OCP",
    "RTN ceil",
    "RTN fp32 scale",
    "RTN EDEN",
    "QuEST",
    "QuEST nearest",
    "QuEST ceil",
    "QuEST fp32 scale",
    "NVFP4 RTN",
)


@one_thread()
def run_table(settings: Settings, seed: int) -> dict[str, gaussian.Simulated]:
    """Every scheme of the quantizer table on the same Gaussian groups (C1)."""
    return {name: gaussian.simulate(name, settings.n_groups, seed) for name in TABLE_SCHEMES}


def scale_rules() -> tuple[dict[str, tuple[float, float]], dict[str, gaussian.ScanPoint]]:
    """(octave means, scans over three octaves) by rule, in closed form (C2)."""
    return (
        {rule: gaussian.octave_means(rule) for rule in RULES},
        {rule: gaussian.scan(rule) for rule in RULES},
    )


@one_thread()
def average_products(settings: Settings, seed: int) -> products.Averages:
    """C3 at the settings' size."""
    return products.run_products(
        settings.product_rows,
        settings.product_depth,
        settings.product_counts,
        settings.product_replicates,
        seed,
    )


@one_thread()
def averaged_control(seed: int) -> products.Averages:
    """The negative control of C3: stochastic rounding with and without room for the maximum."""
    counts = (1, 4, 16, 64)
    return products.run_products(64, 512, counts, 2, seed, products.CONTROL_ARMS)


def maps(refit: Refit, settings: Settings) -> tuple[optimal.Map, optimal.Map]:
    """(doubled speed, the authors' RTX 5090 timings) with the refitted law (C6)."""
    quality = quality_of(refit)
    n = settings.map_points
    return (
        budgets.optimality_map(refit.law, optimal.Speed(), quality, n),
        budgets.optimality_map(refit.law, None, quality, n),
    )


@one_thread()
def gradient_model(settings: Settings, seed: int) -> TinyLlama:
    """The briefly trained model of C7 and C8."""
    shape = shape_for_text(
        n_layers=settings.depth_layers,
        d_model=settings.depth_d_model,
        hidden=settings.depth_hidden,
        seq=settings.depth_seq,
    )
    return gradients.briefly_trained(shape, settings.depth_steps, settings.depth_windows, seed)


@one_thread()
def gradient_depth(model: TinyLlama, settings: Settings, seed: int) -> gradients.Depth:
    """C7."""
    return gradients.run_depth(model, settings.depth_batches, settings.depth_windows, seed)


@one_thread()
def gradient_averages(model: TinyLlama, settings: Settings, seed: int) -> gradients.ModelAverages:
    """C8."""
    return gradients.run_model_averages(
        model,
        settings.average_counts,
        settings.average_replicates,
        settings.depth_windows,
        seed,
    )


def train(settings: Settings, seed: int, *, progress: bool = True) -> Trained:
    """C9 and C10: every recipe with the same seeds and the same text."""
    plan = Plan(
        steps=settings.train_steps,
        seeds=tuple(range(seed, seed + settings.train_seeds)),
        n_windows=settings.train_windows,
        n_held_out=settings.held_out_tokens,
        shape=shape_for_text(),
    )
    return run_training(settings.recipes, plan, n_jobs=settings.jobs, progress=progress)
