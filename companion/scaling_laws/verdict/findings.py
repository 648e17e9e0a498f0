"""What a run found: all results together, the verdict of every claim, the series of the record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from companion.claims import Finding, not_tested
from companion.data import Missing
from companion.scaling_laws.lab.designs import select
from companion.scaling_laws.lab.facts import Fact
from companion.scaling_laws.lab.final_only import EquallyGood
from companion.scaling_laws.lab.freedom import Freedom
from companion.scaling_laws.lab.huber import HuberFit
from companion.scaling_laws.lab.live import LiveResults
from companion.scaling_laws.lab.run import WHOLE, count_laws
from companion.scaling_laws.lab.schedules import Extrapolation, Gap
from companion.scaling_laws.verdict import claims, designs, here, released


@dataclass(frozen=True)
class Results:
    """Everything that the notebook computed; a field may hold a ``Missing`` instead.

    ladders : of ``fit_ladders``; cells : of ``beside_printed``; solvers : of
    ``benchmark_solvers``; facts : of ``all_facts``; draws, budget_draws : Monte Carlos; budget :
    the practitioner's table; open_end : equally good laws and the error of all checkpoints;
    singles, opt_share : single runs with a borrowed size term; freedom, chinchilla : as named;
    schedules : gaps and extrapolations; lab : of ``run_lab``; control : of ``lawful_ratios``;
    live : of ``run_live``
    """

    ladders: pd.DataFrame | Missing
    cells: pd.DataFrame | Missing
    solvers: pd.DataFrame | Missing
    facts: tuple[Fact, ...] | Missing
    draws: pd.DataFrame | Missing
    budget_draws: pd.DataFrame | Missing
    budget: pd.DataFrame | Missing
    open_end: tuple[EquallyGood, float] | Missing
    singles: pd.DataFrame | Missing
    opt_share: float | Missing
    freedom: Freedom | Missing
    schedules: tuple[list[Gap], list[Extrapolation]] | Missing
    chinchilla: HuberFit | Missing
    lab: pd.DataFrame
    control: pd.DataFrame
    live: LiveResults

    def count_laws(self) -> tuple[int, float]:
        """(laws fitted, seconds of fitting) over all tables of this run."""
        return count_laws(self.ladders, self.draws, self.budget_draws, self.lab)


def _or_not_tested(
    name: str, scale: str, function: Callable[..., Finding], *results: object, **options: object
) -> Finding:
    """``function(scale, *results)``, or `not tested` with the reason of the first missing one."""
    for result in results:
        if isinstance(result, Missing):
            return not_tested(claims.BY_ID[name], scale, result.reason)
    return function(scale, *results, **options)


def evaluate(results: Results, scale: str, seed: int) -> list[Finding]:
    """One finding per claim, in the order of ``CLAIMS``."""
    r, d, p, h = results, designs, released, here
    seeded = {"seed": seed}
    calls: dict[str, tuple[Callable[..., Finding], tuple[object, ...], dict[str, int]]] = {
        "1": (p.protocol, (r.cells,), {}),
        "2": (d.drop_start, (r.draws, r.ladders), seeded),
        "2'": (p.not_everywhere, (r.ladders,), {}),
        "3": (d.intermediate, (r.draws,), seeded),
        "3'": (d.fair_control, (r.draws,), seeded),
        "3''": (d.open_end, (r.open_end,), {}),
        "4": (d.larger, (r.draws,), seeded),
        "5": (d.more, (r.draws,), seeded),
        "5'": (d.small_and_many, (r.draws,), seeded),
        "6": (d.baseline, (r.draws,), seeded),
        "7": (d.one_run, (r.singles, r.opt_share), {}),
        "8": (p.components, (r.freedom,), {}),
        "9": (p.schedule_bias, (r.schedules,), seeded),
        "10": (p.chinchilla, (r.chinchilla,), {}),
        "11": (h.known_truth, (r.lab,), {}),
        "bench": (p.solver, (r.solvers,), {}),
        "count": (p.law_count, (r.ladders, *r.count_laws()), {}),
        "units": (p.all_agree, (r.facts,), {}),
        "seeds": (h.seed_noise, (r.live,), {}),
        "live": (h.live_family, (r.live,), {}),
        "control": (h.control, (r.control,), seeded),
    }
    return [
        _or_not_tested(name, scale, function, *args, **options)
        for name, (function, args, options) in calls.items()
    ]


def series(results: Results) -> dict[str, object]:
    """What the published figures need, small enough for a record."""
    n_laws, seconds = results.count_laws()
    found: dict[str, object] = {"n_laws": n_laws, "fit_seconds": seconds}
    if not isinstance(results.draws, Missing):
        found["error_by_k"] = _columns(error_by_k(results.draws))
    if not isinstance(results.budget, Missing):
        found["budget"] = _columns(results.budget)
    if not isinstance(results.cells, Missing):
        found["cells"] = _columns(
            results.cells[["family", "cut", "n", "q", "printed", "ours"]].round(4)
        )
    lab = results.lab.groupby(["world", "cut"])[["are", "e_error"]].mean()
    found["lab"] = _columns(lab.reset_index())
    found["seed_spread"] = _columns(results.live.spread)
    live = results.live.errors.groupby(["k", "cut"])["are"].mean()
    found["live_errors"] = _columns(live.reset_index())
    return found


def _columns(table: pd.DataFrame) -> dict[str, list]:
    return table.to_dict("list")


def error_by_k(draws: pd.DataFrame) -> pd.DataFrame:
    """Error against the number of training runs, per pool.

    Columns: pool, k, mean, best_tenth and worst_tenth (10th and 90th percentile of the subsets),
    megas (mean size of a training run, millions), n.
    """
    rows = select(draws, tokens=WHOLE, treatment="cut 10B")
    rows = rows.assign(megas=rows["flop"] / (6e6 * WHOLE * rows["k"]))
    groups = rows.groupby(["pool", "k"])
    table = groups["are"].agg(
        mean="mean",
        best_tenth=lambda errors: errors.quantile(0.1),
        worst_tenth=lambda errors: errors.quantile(0.9),
        n="size",
    )
    return table.assign(megas=groups["megas"].mean()).reset_index()
