"""Claims judged on exact tables and on broken assumptions: E5 to E8."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import linregress

from companion.claims import Finding, judge, not_tested
from companion.next_token_concepts.lab.sweeps import Broken
from companion.next_token_concepts.verdict import claims
from companion.next_token_concepts.verdict.intervals import over
from companion.stats import Interval, exact, over_seeds


def two_ways(scale: str, ways: pd.DataFrame) -> Finding:
    """Claim E5: means over worlds; nothing is sampled but worlds and contexts."""
    longer = _by_seed(ways, "longer contexts", "length")
    sharper = _by_seed(ways, "sharper names", "eta")
    rows = ways[ways["way"] == "longer contexts"].groupby("length")[["eps", "slope"]].mean()
    by_eps = longer[rows["eps"].sort_values().index].to_numpy()
    steps = [over(step, scale) for step in np.diff(by_eps, axis=1).T]
    error = ways["identity"].max()
    parts = {
        "at 4 words": (over(longer[longer.columns.min()], scale), claims.ABOVE_09),
        "smallest rise from one eps to the next": (min(steps, key=_low), claims.POSITIVE),
        "names with error 0.3": (over(sharper[sharper.columns.max()], scale), claims.BELOW_095),
        "names with error 1e-4": (over(sharper[sharper.columns.min()], scale), claims.NEARLY_ONE),
        "error of the identity": (exact(error), claims.EXACTLY),
    }
    most = rows.index.max()
    note = f"{most:.0f} words: eps {rows.eps[most]:.3f}, slope {rows.slope[most]:.2f}"
    return judge(claims.BY_ID["E5"], scale, over(longer[most], scale), parts=parts, note=note)


def _by_seed(ways: pd.DataFrame, way: str, along: str) -> pd.DataFrame:
    """No-fit R2, one row a world, one column a length or eta."""
    return ways[ways["way"] == way].pivot(index="seed", columns=along, values="no_fit")


def slopes(simulated: pd.DataFrame, edges: float) -> list[float]:
    """Slope of the probe's accuracy on the number of bits, per system and seed."""
    mine = simulated[simulated["edges"] == edges]
    return [float(linregress(g["bits"], g["probe"]).slope) for _, g in mine.groupby(["m", "seed"])]


def simulation(scale: str, simulated: pd.DataFrame) -> Finding:
    """Claim E6."""
    if simulated["probe"].isna().all():
        return not_tested(claims.BY_ID["E6"], scale, "no network was trained in this run")
    found = {edges: over(slopes(simulated, edges), scale) for edges in simulated["edges"].unique()}
    by_seed = simulated.assign(
        gap=simulated["bayes"] - simulated["probe"], lead=simulated["probe"] - simulated["raw"]
    )
    middle = by_seed[by_seed["bits"].isin((6, 8))]
    gap = over(by_seed.groupby("seed")["gap"].mean().to_numpy(), scale)
    lead = over(middle.groupby("seed")["lead"].mean().to_numpy(), scale)
    first, *rest = sorted(found, key=lambda edges: _low(found[edges]))
    parts = {f"ER{edges}": (found[edges], claims.POSITIVE) for edges in rest}
    parts["Bayes minus probe"] = (gap, claims.SMALL_GAP)
    parts["probe minus raw bits"] = (lead, claims.POSITIVE)
    return judge(
        claims.BY_ID["E6"],
        scale,
        found[first],
        parts=parts,
        note=f"slope of ER{first}, the least clear graph",
    )


def _low(interval: Interval) -> float:
    value = interval.estimate if interval.low is None else interval.low
    return value if np.isfinite(value) else -np.inf


def diversity(scale: str, broken: Broken) -> Finding:
    """Claim E7."""
    merged, unnamed = broken.merged, broken.unnamed
    table = merged.pivot(index="seed", columns="size", values="exact")
    ranks = merged.groupby("size")["rank"].unique()
    right = all(list(ranks[size]) == [rank] for size, rank in claims.RANKS.items())
    falls = [over((table[a] - table[b]).to_numpy(), scale) for a, b in ((1, 2), (2, 4))]
    by = {named: unnamed.loc[unnamed["named"] == named, "exact"] for named in (True, False)}
    parts = {
        "ranks 15, 7, 3": (exact(float(right)), claims.EVERY),
        "all names": (over(table[1], scale), claims.FULL),
        "smaller of the two falls": (min(falls, key=_low), claims.POSITIVE),
        "concept named": (over(by[True], scale), claims.NAMED),
        "concept not named": (over(by[False], scale), claims.BELOW_06),
    }
    if scale != "toy":
        off = (merged["trained"] - merged["exact"]).abs().groupby(merged["size"])
        furthest = max((over_seeds(v) for _, v in off), key=lambda one: (one.high, one.estimate))
        parts["trained, largest mean distance"] = (furthest, claims.WITHIN)
    note = f"merged by 2: {table[2].mean():.2f} ({table[2].min():.2f} to {table[2].max():.2f})"
    return judge(claims.BY_ID["E7"], scale, over(table[4], scale), parts=parts, note=note)


def independence(scale: str, broken: Broken) -> Finding:
    """Claim E8; judged on the exact logits, those of trained networks in the note."""
    rows = {kappa: part for kappa, part in broken.order.groupby("kappa")}
    strong = rows[max(rows)]
    parts = {
        "kappa 0": (over_seeds(rows[0.0]["lm"]), claims.AT_LEAST_095),
        "with the last word": (over_seeds(strong["with_word"]), claims.AT_LEAST_095),
    }
    note = ""
    trained = strong.dropna(subset=["trained_lm"])
    if len(trained):
        note = (
            f"trained: {trained['trained_lm'].mean():.2f}, with the last word "
            f"{trained['trained_with_word'].mean():.2f}"
        )
    return judge(claims.BY_ID["E8"], scale, over_seeds(strong["lm"]), parts=parts, note=note)
