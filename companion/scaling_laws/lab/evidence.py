"""What is read off the runs: ratios of errors with their intervals, and tables of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from scipy.special import expit, logit
from scipy.stats import chi2
from scipy.stats import t as student

from companion.scaling_laws.lab.designs import (
    BEST,
    CUT_10B,
    FIVE,
    LARGE,
    NESTED,
    THREE,
    WHOLE,
    bad_days,
    over_runs,
    over_subsets,
    select,
    thrown,
)
from companion.scaling_laws.lab.released import (
    HALF,
    PAPER_WAY,
    RULES,
    SOUND_WAY,
    TENTH,
    ratios_of,
    source_of,
)
from companion.stats import LEVEL, Interval, over_seeds, proportion

USEFUL = 20.0
"""Percent of error up to which a law still tells designs apart, by the paper's own account."""

SAFE = 0.95
"""Share of designs that a safe number of models must keep from a bad day."""


def over_logs(ratios: Iterable[float]) -> Interval:
    """Geometric mean of positive numbers with the t interval of their mean logarithm."""
    return over_seeds(np.log(np.asarray(list(ratios), dtype=float))).map(np.exp)


def family_ratio(rules: pd.DataFrame, rule: str, way: str) -> Interval:
    """Error of a rule's first arm over its second, over families."""
    return over_logs(ratios_of(rules, rule, way))


def several(pool: str, k: int) -> dict[str, object]:
    """A design of `k` whole Gemstones runs without their first 10B tokens."""
    return {"pool": pool, "k": k, "tokens": WHOLE, "treatment": CUT_10B}


def eight(treatment: str, pool: str = "1.05B") -> dict[str, object]:
    """A design of eight whole Gemstones runs."""
    return {"pool": pool, "k": 8, "tokens": WHOLE, "treatment": treatment}


def subset_ratio(draws: pd.DataFrame, one: dict, other: dict, *, column: str = "are") -> Interval:
    """Error of one design over another's on the same subsets, geometric mean over subsets.

    Runs are left out one at a time. Draws with a fit that failed are left out.
    """
    first = select(draws, **one).set_index("draw")
    second = select(draws, **other).set_index("draw")
    logs = np.log(first[column] / second[column]).dropna()
    return over_subsets(logs, first.loc[logs.index]).map(np.exp)


def design_ratio(draws: pd.DataFrame, one: dict, other: dict) -> Interval:
    """Ratio of the geometric mean errors of two designs on different subsets; runs left out."""
    tables = [select(draws, **design).dropna(subset="are") for design in (one, other)]

    def ratio(first: pd.DataFrame, second: pd.DataFrame) -> float:
        return float(np.log(first["are"]).mean() - np.log(second["are"]).mean())

    return over_runs(ratio, *tables).map(np.exp)


def worst_case(rows: pd.DataFrame) -> Interval:
    """Error that :data:`SAFE` of the designs stay under, percent; a failed fit errs beyond all.

    A jackknife that leaves runs out one at a time is not valid for a quantile.  So its interval
    is given only where :func:`answered`, which asks the same of a mean.
    """
    logs = rows[["runs"]].assign(log=np.log(rows["are"].fillna(np.inf)))
    found = over_runs(lambda table: float(np.quantile(table["log"], SAFE, method="higher")), logs)
    found = found.map(np.exp)
    return found if answered(rows) else Interval(found.estimate, n=found.n)


def answered(rows: pd.DataFrame) -> bool:
    """Whether the share of bad days lies on one side of what a safe number allows.

    An interval must do so whole.  Where every design has a bad day, or none has, there is no
    interval, and the share itself answers.
    """
    share, allowed = bad_days(rows), 100 * (1 - SAFE)
    if not share.has_interval:
        return share.estimate in (0.0, 100.0)
    return share.high <= allowed or share.low > allowed


def explained(share: float, without: np.ndarray) -> Interval:
    """Share of variance with the interval of leaving out each source of families, of its logit.

    without : (sources,) the share that is explained without each source
    """
    n, place = without.size, logit(share)
    error = np.sqrt((n - 1) / n * ((logit(without) - place) ** 2).sum()) if n > 1 else 0.0
    if not 0 < error < np.inf:
        return Interval(float(share), -np.inf, np.inf, None, n)
    half = student.ppf((1 + LEVEL) / 2, n - 1) * error
    return Interval(float(place), place - half, place + half, None, n).map(expit)


def nearest(singles: pd.DataFrame) -> pd.DataFrame:
    """Of each family the largest smaller model."""
    others = singles[~singles["is_target"]]
    return others.loc[others.groupby("family", sort=False)["N"].idxmax()]


def own_runs(singles: pd.DataFrame) -> pd.DataFrame:
    """The targets' own runs, where enough of them was logged."""
    return singles[singles["is_target"]].dropna(subset="are")


def single_over_several(singles: pd.DataFrame) -> pd.Series:
    """Error of the largest smaller model alone over that of the law of smaller ones, by family."""
    rows = nearest(singles).set_index("family")
    return (rows["are"] / rows["several"]).dropna()


def useful(rows: pd.DataFrame) -> Interval:
    """Share of predictions whose error is of use."""
    return proportion(int((rows["are"] < USEFUL).sum()), len(rows))


def useful_sources(rows: pd.DataFrame) -> Interval:
    """Share of sources of families of which all predictions are of use."""
    good = (rows["are"] < USEFUL).groupby(rows["family"].map(source_of)).all()
    return proportion(int(good.sum()), len(good))


def deviation(percent: float, n: int) -> Interval:
    """Interval of the standard deviation of a normal quantity, from that of `n` values."""
    if n < 2:
        return Interval(float("nan"), -np.inf, np.inf, None, n)
    tails = ((1 + LEVEL) / 2, (1 - LEVEL) / 2)
    low, high = (percent * np.sqrt((n - 1) / chi2.ppf(tail, n - 1)) for tail in tails)
    return Interval(float(percent), float(low), float(high), None, n)


# ------------------------------------------------------------------------------- tables for figures
def relative_sweep(sweep: pd.DataFrame, draws: pd.DataFrame) -> pd.DataFrame:
    """Error by the share thrown away over the error with the first 10B tokens cut.

    Columns: where (``paper`` and ``sound`` recipe on the families, ``sound FAMILY``, ``gemstones
    POOL``), thrown, are (geometric mean, percent), ratio with low and high (95 %, over families or
    with runs left out; nan for one family), n. Families that a share leaves with fewer than three
    token counts are not in its mean (n counts the rest).
    """
    rows = []
    for way in (PAPER_WAY, SOUND_WAY):
        part = sweep[sweep["way"] == way]
        keys = ["family", "target"]
        base = part[part["thrown"].isna()].set_index(keys)["are"]
        for share, table in part.dropna(subset="thrown").groupby("thrown"):
            errors = table.set_index(keys)["are"].dropna()
            logs = np.log(errors / base).dropna().groupby("family").mean()
            levels = np.log(errors).groupby("family").mean()
            about = {"thrown": share, "are": np.exp(levels.mean())}
            ratio = over_seeds(logs).map(np.exp)
            rows.append({"where": way} | about | _ends(ratio))
            if way == SOUND_WAY:
                rows += [
                    {"where": f"{way} {name}", "thrown": share, "are": np.exp(levels[name])}
                    | _ends(Interval(np.exp(log), n=1))
                    for name, log in logs.items()
                ]
    for pool in NESTED:
        rows += _stones_sweep(draws, pool, sorted(sweep["thrown"].dropna().unique()))
    return pd.DataFrame(rows)


def _stones_sweep(draws: pd.DataFrame, pool: str, shares: Sequence[float]) -> list[dict]:
    rows = []
    for share in shares:
        ratio = subset_ratio(draws, eight(thrown(share), pool), eight(CUT_10B, pool))
        errors = select(draws, **eight(thrown(share), pool))["are"].dropna()
        level = float(np.exp(np.log(errors).mean()))
        about = {"where": f"gemstones {pool}", "thrown": share, "are": level}
        rows.append(about | _ends(ratio))
    return rows


def _ends(ratio: Interval) -> dict[str, object]:
    low, high = (ratio.low, ratio.high) if ratio.has_interval else (np.nan, np.nan)
    return {"ratio": ratio.estimate, "low": low, "high": high, "n": ratio.n}


def rule_table(rules: pd.DataFrame, draws: pd.DataFrame) -> pd.DataFrame:
    """Every rule on every family, and over them: first arm's error over the second's.

    Columns: rule, way, who (a family, ``all`` for the geometric mean over families, or
    ``gemstones``), ratio, low, high (95 %; nan for a single family), n.
    """
    rows = []
    for rule in RULES:
        for way in (PAPER_WAY, SOUND_WAY):
            ratios = ratios_of(rules, rule, way)
            about = {"rule": rule, "way": way}
            rows += [
                about | {"who": name, "ratio": value, "low": np.nan, "high": np.nan, "n": 1}
                for name, value in ratios.items()
            ]
            rows.append(about | {"who": "all"} | _ends(over_logs(ratios)))
    for rule, way, ratio in _stones(draws):
        rows.append({"rule": rule, "way": way, "who": "gemstones"} | _ends(ratio))
    return pd.DataFrame(rows)


def _stones(draws: pd.DataFrame) -> list[tuple[str, str, Interval]]:
    """Rule, way, and ratio on Gemstones, as the claims judge it."""
    large = eight(CUT_10B)
    fair = (eight(THREE), eight(thrown(TENTH)))
    return [
        ("cut", PAPER_WAY, subset_ratio(draws, eight(thrown(0)), large)),
        ("cut more", PAPER_WAY, subset_ratio(draws, large, eight(thrown(HALF)))),
        ("checkpoints", PAPER_WAY, subset_ratio(draws, eight(FIVE), large)),
        ("checkpoints", SOUND_WAY, subset_ratio(draws, *fair, column="are_final")),
        ("larger", PAPER_WAY, design_ratio(draws, several("120M", 5), several(LARGE, 5))),
        ("more", PAPER_WAY, design_ratio(draws, several("120M", 3), several("120M", 10))),
        ("law", PAPER_WAY, subset_ratio(draws, eight(BEST), large)),
    ]


def error_by_k(draws: pd.DataFrame) -> pd.DataFrame:
    """Error against the number of training runs, per pool.

    Columns: pool, k, mean, best_tenth and worst_tenth (10th and 90th percentile of the subsets),
    bad with bad_low and bad_high (percentage above :data:`BAD_DAY`, 95 %), n.
    """
    rows = select(draws, tokens=WHOLE, treatment=CUT_10B)
    rows = rows[rows["pool"].isin(NESTED)]
    table = rows.groupby(["pool", "k"])["are"].agg(
        mean="mean",
        best_tenth=lambda errors: errors.quantile(0.1),
        worst_tenth=lambda errors: errors.quantile(0.9),
        n="size",
    )
    bad = [bad_days(part) for _, part in rows.groupby(["pool", "k"])]
    ends = {"bad": "estimate", "bad_low": "low", "bad_high": "high"}
    told = {name: [getattr(one, field) for one in bad] for name, field in ends.items()}
    found = table.assign(**told).reset_index()
    return found.replace([np.inf, -np.inf], np.nan)
