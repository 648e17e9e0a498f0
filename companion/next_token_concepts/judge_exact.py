"""Claims judged on exact tables and on broken assumptions: E5 to E8."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import linregress, spearmanr

from companion.claims import Finding, judge, not_tested
from companion.next_token_concepts import claims as c
from companion.next_token_concepts.intervals import over, point
from companion.next_token_concepts.sweeps import Broken
from companion.stats import Interval


def two_ways(scale: str, ways: pd.DataFrame) -> Finding:
    """Claim E5: means over worlds; nothing is sampled but worlds and contexts."""
    mean = ways.groupby(["way", "length", "eta"], as_index=False).mean(numeric_only=True)
    longer = mean[mean["way"] == "longer contexts"].sort_values("length")
    sharper = mean[mean["way"] == "sharper names"].sort_values("eta", ascending=False)
    order = spearmanr(longer["eps"], longer["no_fit"])[0]
    parts = {
        "at 4 words": (point(longer["no_fit"].iloc[0]), c.ABOVE_09),
        "Spearman of eps and R2": (point(order), c.PERFECT_ORDER),
        "names with error 0.3": (point(sharper["no_fit"].iloc[0]), c.BELOW_095),
        "names with error 1e-4": (point(sharper["no_fit"].iloc[-1]), c.NEARLY_ONE),
        "error of the identity": (point(ways["identity"].max()), c.EXACTLY),
    }
    last = longer.iloc[-1]
    measured = point(last["no_fit"], int(ways["seed"].nunique()))
    note = f"{last['length']:.0f} words: eps {last['eps']:.3f}, slope {last['slope']:.2f}"
    return judge(c.BY_ID["E5"], scale, measured, parts=parts, note=note)


def slopes(simulated: pd.DataFrame, edges: float) -> list[float]:
    """Slope of the probe's accuracy on the number of bits, per system and seed."""
    mine = simulated[simulated["edges"] == edges]
    return [float(linregress(g["bits"], g["probe"]).slope) for _, g in mine.groupby(["m", "seed"])]


def simulation(scale: str, simulated: pd.DataFrame) -> Finding:
    """Claim E6."""
    if simulated["probe"].isna().all():
        return not_tested(c.BY_ID["E6"], scale, "no network was trained in this run")
    found = {edges: over(slopes(simulated, edges), scale) for edges in simulated["edges"].unique()}
    by_seed = simulated.assign(gap=simulated["bayes"] - simulated["probe"],
                               lead=simulated["probe"] - simulated["raw"])  # fmt: skip
    middle = by_seed[by_seed["bits"].isin((6, 8))]
    gap = over(by_seed.groupby("seed")["gap"].mean().to_numpy(), scale)
    lead = over(middle.groupby("seed")["lead"].mean().to_numpy(), scale)
    bound = gap._replace(low=gap.high, estimate=gap.high) if gap.high is not None else gap
    first, *rest = sorted(found, key=lambda edges: _low(found[edges]))
    parts = {f"ER{edges}": (found[edges], c.POSITIVE) for edges in rest}
    parts["Bayes minus probe, upper end"] = (bound, c.SMALL_GAP)
    parts["probe minus raw bits"] = (lead, c.POSITIVE)
    return judge(c.BY_ID["E6"], scale, found[first], parts=parts,
                 note=f"slope of ER{first}, the least clear graph")  # fmt: skip


def _low(interval: Interval) -> float:
    value = interval.estimate if interval.low is None else interval.low
    return value if np.isfinite(value) else -np.inf


def diversity(scale: str, broken: Broken) -> Finding:
    """Claim E7."""
    merged, unnamed = broken.merged, broken.unnamed
    table = merged.pivot(index="seed", columns="size", values="exact")
    ranks = merged.groupby("size")["rank"].unique()
    right = all(list(ranks[size]) == [rank] for size, rank in c.RANKS.items())
    falls = bool(((table[1] > table[2]) & (table[2] > table[4])).all())
    by = {named: unnamed.loc[unnamed["named"] == named, "exact"] for named in (True, False)}
    parts = {
        "ranks 15, 7, 3": (point(float(right)), c.FALLS),
        "all names": (over(table[1], scale), c.FULL),
        "lower with each merge": (point(float(falls)), c.FALLS),
        "concept named": (over(by[True], scale), c.NAMED),
        "concept not named": (over(by[False], scale), c.BELOW_06),
    }
    if scale != "toy":
        off = (merged["trained"] - merged["exact"]).abs().groupby(merged["size"]).mean()
        parts["trained, largest mean distance"] = (point(off.max()), c.WITHIN)
    note = f"merged by 2: {table[2].mean():.2f} ({table[2].min():.2f} to {table[2].max():.2f})"
    return judge(c.BY_ID["E7"], scale, over(table[4], scale), parts=parts, note=note)


def independence(scale: str, broken: Broken) -> Finding:
    """Claim E8; judged on the exact logits, those of trained networks in the note."""
    rows = {kappa: part for kappa, part in broken.order.groupby("kappa")}
    strong = rows[max(rows)]
    parts = {
        "kappa 0": (over(rows[0.0]["lm"], scale), c.AT_LEAST_095),
        "with the last word": (over(strong["with_word"], scale), c.AT_LEAST_095),
    }
    note = ""
    trained = strong.dropna(subset=["trained_lm"])
    if len(trained):
        note = (f"trained: {trained['trained_lm'].mean():.2f}, with the last word "
                f"{trained['trained_with_word'].mean():.2f}")  # fmt: skip
    return judge(c.BY_ID["E8"], scale, over(strong["lm"], scale), parts=parts, note=note)
