"""The experiments as the notebook calls them: settings in, results out."""

from __future__ import annotations

import pandas as pd

from companion.quartet.lab import released, rounding, speed, training
from companion.quartet.method.law import Map, Speed
from companion.quartet.method.quantizers import RULES, SCHEMES
from companion.quartet.settings import Settings
from companion.scale import one_thread


@one_thread()
def quantizer_table(settings: Settings, seed: int) -> dict[str, rounding.Simulated]:
    """Every scheme on the same Gaussian groups (C1, C11)."""
    return {name: rounding.simulate(name, settings.n_groups, seed) for name in SCHEMES}


def scale_rules() -> tuple[dict[str, tuple[float, float]], dict[str, rounding.ScanPoint]]:
    """(octave means, scans over three octaves) by rule, in closed form (C2)."""
    return (
        {rule: rounding.octave_means(rule) for rule in RULES},
        {rule: rounding.scan(rule) for rule in RULES},
    )


@one_thread()
def average_products(settings: Settings, seed: int) -> rounding.Averages:
    """C3 at the settings' size."""
    return rounding.run_products(
        settings.product_rows,
        settings.product_depth,
        settings.product_counts,
        settings.product_replicates,
        seed,
    )


@one_thread()
def averaged_control(seed: int) -> rounding.Averages:
    """The negative control of C3: stochastic rounding with and without room for the maximum."""
    counts = (1, 4, 16, 64)
    return rounding.run_products(64, 512, counts, 2, seed, rounding.CONTROL_ARMS)


@one_thread()
def refit(losses: pd.DataFrame, settings: Settings, seed: int) -> released.Refit:
    """The law and its efficiencies from the authors' losses, and on resampled runs (C5, C6)."""
    return released.run_refit(losses, settings.law_starts, settings.law_resamples, seed)


def maps(found: released.Refit, settings: Settings) -> tuple[Map, Map]:
    """(doubled speed, the authors' RTX 5090 timings) with the refitted law (C6)."""
    return (
        released.optimality_map(found.law, Speed(), found.quality, settings.map_points),
        released.optimality_map(found.law, None, found.quality, settings.map_points),
    )


def marked_models(found: released.Refit) -> released.Leads:
    """How far the models that the paper marks lie beyond their crossover (C6)."""
    return released.marked_models(found)


@one_thread()
def measure_gradients(settings: Settings, seed: int) -> rounding.Gradients:
    """Gradients of a briefly trained model against depth (C7), and averaged over draws (C8)."""
    shape = training.shape_for_text(
        n_layers=settings.depth_layers,
        d_model=settings.depth_d_model,
        hidden=settings.depth_hidden,
        seq=settings.depth_seq,
    )
    windows = settings.depth_windows
    model = rounding.briefly_trained(shape, settings.depth_steps, windows, seed)
    return rounding.Gradients(
        rounding.run_depth(model, settings.depth_batches, windows, seed),
        rounding.run_model_averages(
            model, settings.average_counts, settings.average_replicates, windows, seed
        ),
    )


def train_ladder(settings: Settings, seed: int) -> training.Ladder:
    """Every recipe, and the unquantized ladders of sizes and lengths (C9, C10, C12, C13, C15)."""
    return training.train_ladder(
        settings.recipes,
        width=settings.train_width,
        steps=settings.train_steps,
        widths=settings.ladder_widths,
        lengths=settings.ladder_steps,
        seeds=range(seed, seed + settings.train_seeds),
        n_held_out=settings.held_out_tokens,
        lr=settings.train_rate,
        n_jobs=settings.jobs,
    )


def compare_rates(ladder: training.Ladder, settings: Settings) -> training.Rates:
    """The learning rate of all runs beside its neighbors (C16)."""
    return training.compare_rates(
        settings.rate_recipes,
        settings.rates,
        ladder,
        width=settings.train_width,
        steps=settings.train_steps,
        n_held_out=settings.held_out_tokens,
        n_jobs=settings.jobs,
    )


def speeds(settings: Settings) -> speed.Speeds:
    """Run times, on one thread."""
    return speed.run_speed(settings.bench_size)
