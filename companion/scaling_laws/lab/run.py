"""The chapter's experiments at the size that the settings ask for, ready for figures and claims."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from companion.scale import generator
from companion.scaling_laws.lab.budget import candidate_designs
from companion.scaling_laws.lab.designs import POOLS, Design, large_runs, monte_carlo, targets
from companion.scaling_laws.lab.final_only import EquallyGood, equally_good_laws
from companion.scaling_laws.lab.freedom import Freedom, freedom
from companion.scaling_laws.lab.heatmaps import (
    best_seen,
    leave_one_out,
    n_vs_q,
    n_vs_size,
    one_model,
    scale_down,
    size_vs_q,
    tail_only,
)
from companion.scaling_laws.lab.huber import HuberFit, bootstrap_huber
from companion.scaling_laws.lab.schedules import (
    SIZES,
    Extrapolation,
    Gap,
    extrapolate,
    hot_cool_gaps,
)
from companion.scaling_laws.lab.solvers import compare_solvers, problems
from companion.scaling_laws.method.law import Points
from companion.scaling_laws.method.protocol import (
    CUT,
    Family,
    Run,
    are,
    bias,
    stack,
    training_points,
)
from companion.scaling_laws.method.reduced import fit_one_model
from companion.scaling_laws.method.varpro import fit_varpro
from companion.scaling_laws.settings import Settings
from companion.scaling_laws.sources import (
    gemstones,
    ladder_names,
    printed_heatmaps,
    released_family,
    schedule_curves,
)

SHORT, WHOLE = 1e11, 3.5e11
"""Tokens per run in the two groups of Gemstones designs."""

CUTS = (0.0, CUT)

LAWS = ("bias", "E", "log_A", "log_B", "alpha", "beta", "sse", "n_points")
"""Columns of a heat map's table that no claim and no figure reads; results that ship are small."""


def fit_ladders(settings: Settings, *, progress: bool = True) -> pd.DataFrame:
    """The paper's experiments on the released families; rows as in :mod:`heatmaps`.

    Columns: as in :mod:`heatmaps` without :data:`LAWS`.

    Every family gets ``n vs q`` with and without the cut, in the paper's unit and (experiment
    ``n vs q, nats``) in nats where that changes relative errors, the baseline, single models and
    tails; `settings.experiments` adds all the others.
    """
    names = settings.ladders or ladder_names()
    tables = []
    for name in tqdm(names, desc="families", disable=not progress):
        family, in_nats = released_family(name), released_family(name, "nats")
        for cut in CUTS:
            tables.append(n_vs_q(family, cut=cut))
            if not differ_by_a_factor(family, in_nats):
                tables.append(n_vs_q(in_nats, cut=cut).assign(experiment="n vs q, nats"))
        tables.append(best_seen(family))
        tables.append(one_model(family))
        tables.append(tail_only(family))
        if settings.experiments:
            for experiment in (size_vs_q, n_vs_size, scale_down, leave_one_out):
                tables.append(experiment(family))
    found = pd.concat([table for table in tables if len(table)], ignore_index=True)
    return found.drop(columns=list(LAWS))


def differ_by_a_factor(one: Family, other: Family) -> bool:
    """Whether two readings of a family have one ratio throughout (bits and nats have).

    Relative errors are then the same, and a second fit would be idle.
    """
    if [run.loss.size for run in one.runs] != [run.loss.size for run in other.runs]:
        return False
    ratio = np.concatenate([a.loss / b.loss for a, b in zip(one.runs, other.runs, strict=True)])
    return bool(np.allclose(ratio, ratio[0], rtol=1e-9))


def benchmark_solvers(settings: Settings, seed: int, *, progress: bool = True) -> pd.DataFrame:
    """Both solvers on cells of the released families; see :mod:`solvers`."""
    names = [name for name in (settings.ladders or ladder_names()) if not name.startswith("GPT2")]
    cases = problems([released_family(name) for name in names], settings.bench_fits, seed)
    return compare_solvers(cases, n_starts=settings.bench_starts, seed=seed, progress=progress)


def claim_designs(settings: Settings) -> list[Design]:
    """The Gemstones designs that the claims and their figures need."""
    pools, ks = tuple(POOLS), settings.subset_sizes
    designs = [Design(pool, k, WHOLE, "cut 10B") for pool in pools for k in ks]
    designs += [
        Design(pool, 8, WHOLE, treatment)
        for pool in pools
        for treatment in ("all", "last 30 %", "first 30 %", "final, 3 parameters")
    ]
    designs += [
        Design(pool, k, WHOLE, "final, 5 parameters")
        for pool, k in (("1.05B", 8), ("1.05B", 12), ("120M", 8), ("545M", 8))
        if settings.experiments or pool == "1.05B"
    ]
    designs += [
        Design(pool, 8, SHORT, treatment)
        for pool in pools
        for treatment in ("all", "cut 10B", "cut 35B")
    ]
    return [*designs, Design("1.05B", 8, SHORT, "best seen")]


def run_designs(settings: Settings, seed: int) -> pd.DataFrame:
    """Monte Carlo of :func:`claim_designs`, without the signed error."""
    table = monte_carlo(gemstones(), claim_designs(settings), settings.draws, _rng(seed))
    return table.drop(columns="bias")


def run_budget_designs(settings: Settings, seed: int) -> pd.DataFrame:
    """Monte Carlo of all designs of the practitioner's table, without `are_final`."""
    designs = candidate_designs(settings.subset_sizes, settings.table_tokens)
    table = monte_carlo(gemstones(), designs, settings.table_draws, _rng(seed))
    return table.drop(columns="are_final")


def _rng(seed: int):
    return lambda pool, k: generator(seed, "gemstones", pool, k)


def small_runs() -> list[Run]:
    """The nineteen Gemstones runs that may train a law."""
    family = gemstones()
    large = large_runs(family)
    return [run for run in family.runs if run not in large]


def single_run_errors() -> pd.DataFrame:
    """Each small Gemstones run alone, size term borrowed: model, N, are, bias on the targets."""
    window, _ = targets(gemstones())
    rows = []
    for run in small_runs():
        law = fit_one_model(training_points([run], cut=CUT)).law
        rows.append(
            {"model": run.model, "N": run.N, "are": are(law, window), "bias": bias(law, window)}
        )
    return pd.DataFrame(rows)


def opt_one_model_share() -> float:
    """Share of OPT's printed one-model cells that we reproduce within 0.05 points.

    Cells with fewer than three token counts are left out: they do not determine the law.
    """
    printed = printed_heatmaps()
    printed = printed[
        (printed["experiment"] == "one_model_borrowed_A_alpha") & (printed["group"] == "OPT")
    ]
    table = one_model(released_family("OPT"))
    ours = {
        (round(row.N / 1e6), row.q): row.are for row in table.itertuples() if row.status == "ok"
    }
    size = printed["row_note"].str.rstrip("B").astype(float) * 1e3
    cells = [
        abs(ours[key] - value) <= 0.05
        for megas, q, value in zip(size, printed["percentage"], printed["are_pct"], strict=True)
        if (key := (round(megas), round(q, 1))) in ours
    ]
    return float(np.mean(cells))


def final_losses_at(tokens: float, runs: Sequence[Run] | None = None) -> Points:
    """The checkpoint of each run that is nearest to `tokens`, all at one D."""
    rows = []
    for run in small_runs() if runs is None else runs:
        i = int(np.argmin(np.abs(run.D - tokens)))
        rows.append(Run(run.model, run.N, run.D[i : i + 1], run.loss[i : i + 1]))
    return stack(rows)


def open_end() -> tuple[EquallyGood, float]:
    """Final losses at 100B tokens against all checkpoints until then, on the same targets.

    Returns the equally good laws and the error of the law of all checkpoints (first 10B cut).
    """
    window, _ = targets(gemstones())
    short = []
    for run in small_runs():
        seen = run.D
        short.append(run.select(seen <= 1.005 * SHORT))
    law = fit_varpro(training_points(short, q=2.0, cut=CUT)).law
    return equally_good_laws(final_losses_at(SHORT), window), are(law, window)


def refit_points(data: Points, fit: HuberFit, settings: Settings, seed: int) -> np.ndarray:
    """Bootstrap refits of single runs' end points by the Huber objective: theta, (resamples, 5)."""
    thetas, _ = bootstrap_huber(
        data, generator(seed, "huber"), n_resamples=settings.huber_resamples, start=fit.law
    )
    return thetas


def schedule_results() -> tuple[list[Gap], list[Extrapolation]]:
    """(gaps between hot and cooled Gemstones runs, extrapolations of three schedules by size)."""
    curves = schedule_curves()
    ends = [
        extrapolate(curves, size, schedule)
        for size in SIZES
        for schedule in ("constant_72000", "wsd_20000_24000", "cosine_24000")
    ]
    return hot_cool_gaps(gemstones("hot"), gemstones("cool_end")), ends


def all_freedom() -> Freedom:
    """The laws of every released family, for the question how many parameters are free."""
    return freedom([released_family(name) for name in ladder_names()])


def count_laws(*tables: object) -> tuple[int, float]:
    """(laws fitted, seconds of fitting) over tables with a ``status``; others are skipped.

    A window without checkpoints and the baseline are no fits; a fit that failed is one.
    """
    n, seconds = 0, 0.0
    for table in tables:
        if not isinstance(table, pd.DataFrame) or "status" not in table:
            continue
        fitted = table[table["status"] != "empty"]
        if "experiment" in fitted:
            fitted = fitted[fitted["experiment"] != "best seen"]
        n += len(fitted)
        seconds += float(fitted["seconds"].sum()) if "seconds" in fitted else 0.0
    return n, seconds
