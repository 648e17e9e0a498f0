"""What a run found: all results together, the verdict of every claim, the series of the record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from scipy.stats import binomtest

from companion.claims import (
    DOES_NOT_HOLD,
    HOLDS,
    NOT_RESOLVED,
    Finding,
    as_verdict,
    judge,
    measured_text,
    not_tested,
)
from companion.data import Missing
from companion.model_ecosystem import claims as c
from companion.model_ecosystem.cards import Thinning
from companion.model_ecosystem.directions import least_p, n_directed
from companion.model_ecosystem.here import Drift
from companion.model_ecosystem.intervals import Rate
from companion.model_ecosystem.recovery import covered
from companion.model_ecosystem.resemblance import Resemblance
from companion.model_ecosystem.threshold import Grid
from companion.stats import Interval, exact, over_seeds, p_value, proportion


@dataclass(frozen=True)
class Results:
    """Everything that the notebook computed; a field of real models may be a ``Missing``.

    grid : of ``simulate_grid``; regimes : of ``run_regimes``; coverage, worlds : of ``recovery``;
    inequality : of ``simulate_inequality``; scaling, networkx : of ``benchmark``
    resemblance, families, rates, drift, cards : of the real sample
    languages, curated : of the embedding models
    """

    grid: Grid
    regimes: pl.DataFrame
    coverage: pl.DataFrame
    worlds: pl.DataFrame
    inequality: pl.DataFrame
    scaling: pl.DataFrame
    networkx: Mapping[str, float]
    resemblance: Resemblance | Missing
    families: pl.DataFrame | Missing
    rates: Mapping[str, Rate] | Missing
    drift: Drift | Missing
    cards: Thinning | Missing
    languages: Thinning | Missing
    curated: Drift | Missing

    def on_hub(self, found: Mapping[str, object] | Missing) -> Results:
        """These results with the whole Hub in the place of the sample, where it was read.

        found : of ``run.hub_results``
        """
        if isinstance(found, Missing):
            return self
        names = ("resemblance", "families", "rates", "drift", "cards")
        return replace(self, **{name: found[name] for name in names if name in found})


def evaluate(results: Results, scale: str) -> list[Finding]:
    """One finding per claim, in the order of ``CLAIMS``."""
    r = results
    return [
        _real(c.BY_ID["C1"], scale, _resemble, r.resemblance),
        _real(c.BY_ID["C2"], scale, _siblings, r.resemblance),
        _threshold(scale, r),
        _coverage(scale, r),
        _real(c.BY_ID["C5"], scale, _directed, r.drift, r.worlds, r.curated),
        _real(c.BY_ID["C6"], scale, _order, r.drift, r.worlds),
        _ladder(scale, r),
        _real(c.BY_ID["C8"], scale, _thinner, r.cards, r.languages),
        judge(
            c.BY_ID["C9"],
            scale,
            over_seeds(r.inequality["top_share"].to_numpy())._replace(p=None),
            note="checks the simulator, whose fame was set for it; the Hub decides",
        ),
    ]


def _real(claim, scale, function, first, *others) -> Finding:
    """The finding, or `not tested` where the real models are missing."""
    if isinstance(first, Missing):
        return not_tested(claim, scale, first.reason)
    return function(claim, scale, first, *others)


def _resemble(claim, scale, found: Resemblance) -> Finding:
    return judge(claim, scale, found.lift)


def row_of(table: pl.DataFrame, dna: str, uploader: str, weights: str) -> dict[str, float]:
    """One row of the table of comparisons."""
    return table.filter(dna=dna, uploader=uploader, weights=weights).row(0, named=True)


def _siblings(claim, scale, found: Resemblance) -> Finding:
    plain = row_of(found.table, "none", "any", "pairs")
    measured = Interval(plain["ratio"], plain["ratio_low"], plain["ratio_high"], None, plain["n"])
    told = [f"{plain['effective']:.1f} effective families"]
    for words, *key in (
        ("gap", "none", "any", "pairs"),
        ("equal families", "none", "any", "families"),
        ("tag masked, equal families", "base_model", "any", "families"),
        ("tag masked, equal families, different uploaders", "base_model", "different", "families"),
    ):
        row = row_of(found.table, *key)
        gap = Interval(row["gap"], row["gap_low"], row["gap_high"])
        open_ = " (includes 0)" if row["gap_low"] <= 0 <= row["gap_high"] else ""
        told.append(f"{words} {measured_text(gap)}{open_}, Wilcoxon p {row['wilcoxon']:.2g}, "
                    f"GEE p {row['gee']:.2g}")  # fmt: skip
    return judge(claim, scale, measured, note="; ".join(told))


def _threshold(scale: str, r: Results) -> Finding:
    agree, points = r.grid.agreement()
    parts = {}
    if not isinstance(r.families, Missing):
        broken = int(r.families["violates"].sum())
        name = f"violations in {r.families.height} real families"
        parts[name] = (exact(broken), c.NO_VIOLATION)
    for name, condition in (("A", c.BELOW_0), ("B", c.BELOW_0), ("C", c.ABOVE_0),
                            ("D", c.ABOVE_0), ("D, masked", c.BELOW_0)):  # fmt: skip
        gaps = r.regimes.filter(regime=name)["gap_families"].to_numpy()
        gap = over_seeds(gaps)
        if scale == "toy":  # the interval of three forests may reach 0, their mean does not
            gap = Interval(gap.estimate, n=gap.n)
        parts[f"gap in {name}"] = (gap, condition)
    share = agree / points if points else float("nan")
    return judge(c.BY_ID["C3"], scale, exact(share, points), parts=parts)


def _coverage(scale: str, r: Results) -> Finding:
    shares = covered(r.coverage)
    note = (
        f"naive intervals contain it in {100 * shares['naive']:.0f} %, with "
        f"{r.coverage['effective'].mean():.0f} effective families on average"
    )
    right = pl.col("truth").is_between("low", "high")
    runs = r.coverage.group_by("run", maintain_order=True).agg(right.mean().alias("share"))
    # the traits of one ecosystem share its families, so ecosystems are the units
    return judge(c.BY_ID["C4"], scale, over_seeds(runs["share"].to_numpy()), note=note)


def _directed(claim, scale, drift: Drift, worlds: pl.DataFrame, curated) -> Finding:
    by_families, by_accounts = (n_directed(drift.pairs, b) for b in ("families", "uploaders"))
    none = worlds.filter(world="no direction")
    least = least_p(drift.pairs)
    note = (
        f"with uploaders as blocks {by_accounts} pairs pass, but in worlds without direction they "
        f"find {none['by_uploaders'].mean():.1f} pairs each, families "
        f"{none['by_families'].mean():.1f}; "
        f"families allow no adjusted p below {least:.2g}"
    )
    if not isinstance(curated, Missing):
        both = curated.pairs.filter(
            pl.concat_list("source", "target").list.sort() == ["apache-2.0", "mit"]
        )
        if both.height:
            one = both.row(0, named=True)
            note += (f"; embedding models, {one['source']} to {one['target']}: {one['there']} "
                     f"there, {one['back']} back")  # fmt: skip
    if by_families < 1 and least >= 0.05:
        note += "; the sample has too few families to say no"
    # a pair that is not significant may have a direction all the same: more pairs are possible
    found = Interval(float(by_families), float(by_families), np.inf, None, drift.pairs.height)
    return judge(claim, scale, found, note=note)


def passes_in(worlds: pl.DataFrame, world: str) -> float:
    """Share of the worlds of one kind whose share in order beats random orientations."""
    rows = worlds.filter(world=world)
    return float((rows["share"] > rows["null"]).mean())


def _order(claim, scale, drift: Drift, worlds: pl.DataFrame) -> Finding:
    limit = float(np.quantile(drift.null, 0.975))
    false = passes_in(worlds, "no direction")
    note = (
        f"{drift.order.agree} of {drift.order.pairs} pairs in order, limit {limit:.3f}; worlds "
        f"without direction pass in {100 * false:.0f} %, with two populations in "
        f"{100 * passes_in(worlds, 'two populations'):.0f} %"
    )
    reached = 1 + int((drift.null >= drift.order.share).sum())
    p = p_value(reached / (1 + drift.null.size), drift.order.pairs)
    finding = judge(claim, scale, p, note=note)
    if finding.verdict == HOLDS and false >= 0.5:
        return as_verdict(finding, NOT_RESOLVED, "what a directionless world passes is no evidence")
    return finding


def _ladder(scale: str, r: Results) -> Finding:
    said = {w: r.worlds.filter(world=w)["p"].to_numpy() < 0.05 for w in
            ("ladder", "two populations")}  # fmt: skip
    ladder, two = said["ladder"], said["two populations"]
    level = binomtest(int(two.sum()), two.size, 0.05, alternative="greater").pvalue
    note = f"two populations taken for a ladder in {two.sum()} of {two.size} worlds"
    if not isinstance(r.drift, Missing):
        fits = (("all mutations", r.drift.fit), ("one per account", r.drift.thinned))
        note += "".join(f"; sample, {words}: p = {fit.p:.3f}" for words, fit in fits if fit)
    finding = judge(c.BY_ID["C7"], scale, proportion(int(ladder.sum()), ladder.size), note=note)
    if level < c.TOO_OFTEN:
        return as_verdict(finding, DOES_NOT_HOLD, f"too often for a 5 % test, p {level:.2g}")
    return finding


def _thinner(claim, scale, cards: Thinning, languages: Thinning | Missing) -> Finding:
    if isinstance(languages, Missing):
        return not_tested(claim, scale, languages.reason)
    note = (
        f"shorter in {100 * cards.shorter.estimate:.0f} % of the pairs, but in "
        f"{100 * cards.by_family.estimate:.0f} % of the families "
        f"(sign test p {cards.by_family.p:.2g})"
    )
    p = {"sign test of languages, p": (p_value(languages.shorter.p), c.TINY_P)}
    return judge(claim, scale, cards.median, parts=p, note=note)


def series(results: Results) -> dict[str, object]:
    """What the published figures need, small enough for a record."""
    found: dict[str, object] = {
        "regimes": results.regimes.group_by("regime", maintain_order=True).mean().drop("seed")
        .to_dict(as_series=False),
        "covered": covered(results.coverage),
        "scaling": results.scaling.to_dict(as_series=False),
        "networkx": dict(results.networkx),
        "worlds": results.worlds.group_by("world", maintain_order=True).mean().drop("run")
        .to_dict(as_series=False),
    }  # fmt: skip
    if not isinstance(results.resemblance, Missing):
        found["comparisons"] = results.resemblance.table.to_dict(as_series=False)
    if not isinstance(results.rates, Missing):
        found["rates"] = {
            name: {"naive": list(one.naive[:3]), "clustered": list(one.clustered[:3])}
            for name, one in results.rates.items()
        }
    return found
