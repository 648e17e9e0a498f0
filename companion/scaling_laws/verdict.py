"""What the paper claims, and what a run says of it: C1 to C10 are the paper's, O1 to O6 ours.

Where a rule can be asked of whole families, it is judged three times,
and holds only if all three say so: by the paper's recipe on the seven released families, by a
sound recipe on the same (:mod:`companion.scaling_laws.lab.rules`), and on Gemstones, which the
paper did not see.  A family is one observation: intervals over families are t intervals of the
mean logarithm of a ratio.  Those over subsets of Gemstones say how well the mean over subsets of
these 22 models is known, and nothing about other families.

Every measurement takes results of the notebook by name: ``cells`` beside printed numbers,
``rules`` and ``sweep`` of the seven families, ``five`` (error of the five smallest), ``draws`` of
Gemstones, ``singles``, ``freedom``, ``seeds`` of tiny models, ``chinchilla``, ``solvers``,
``schedules``, ``worlds`` with a known truth, and ``control``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from scipy.stats import chi2, ttest_ind

from companion.claims import MODEL, OURS, PAPER, measured_text
from companion.scale import generator
from companion.scaling_laws.lab.budget import BAD_DAY
from companion.scaling_laws.lab.designs import (
    BEST,
    CUT_10B,
    FIVE,
    NESTED,
    SHORT,
    THREE,
    WHOLE,
    select,
    thrown,
)
from companion.scaling_laws.lab.rules import HALF, PAPER_WAY, RULES, SOUND_WAY, TENTH, ratios_of
from companion.scaling_laws.lab.run import FEW, MANY
from companion.scaling_laws.lab.solvers import no_worse
from companion.scaling_laws.lab.truth import by_world
from companion.stats import LEVEL, Interval, bootstrap, exact, over_seeds, proportion
from companion.verdicts import YES, Measured, Untested, Verdicts, above, below, between, within

USEFUL = 20.0
"""Percent of error up to which a law still tells designs apart, by the paper's own account."""

PUBLISHED_REFIT = {"A": 482.01, "B": 2085.43}
"""Of the Chinchilla points, by Besiroglu et al. 2024."""

SOUND, STONES = "sound recipe", "Gemstones"

LITTLE = between(0.8, 1.25)
"""A change that is little: by less than a quarter, up or down."""

verdicts = Verdicts()


# --------------------------------------------------------------------------- the paper's claims
@verdicts.claim(
    "C1",
    "Throw away the first 10 billion tokens of every run.",
    of=PAPER,
    paper="OPT 17.0 to 7.4 %, Pythia 130 to 6.1 % (Fig. 5)",
    unit="× error",
    needs=("rules", "draws"),
    region=above(1),
    criterion="error without the cut over error with it, geometric mean {}, 95 % interval: over "
    "seven families by the paper's recipe; over the same by the sound one; over subsets of eight "
    "Gemstones runs, mean of six designs (three pools, 100B and 350B tokens)",
    parts={SOUND: above(1), "Gemstones, six designs": above(1)},
)
def drop_start(rules, draws):
    pairs = six_designs(thrown(0))
    each = (f"{subset_ratio(draws, [pair]).estimate:.2f}" for pair in pairs)
    return Measured(
        family_ratio(rules, "cut", PAPER_WAY),
        {
            SOUND: family_ratio(rules, "cut", SOUND_WAY),
            "Gemstones, six designs": subset_ratio(draws, pairs),
        },
        f"families: {listed(ratios_of(rules, 'cut', PAPER_WAY))}; Gemstones: {', '.join(each)}",
    )


@verdicts.claim(
    "C2",
    "Throwing away more than that changes little.",
    of=PAPER,
    paper="in words (sec. 5.2)",
    unit="× error",
    needs=("rules", "draws"),
    region=LITTLE,
    criterion="error with the start cut over error with the first half of each run cut, geometric "
    "mean {}, 95 % interval: over seven families by the paper's recipe; by the sound one, without "
    "the largest model of each family, whose errors were known when this was written; over subsets "
    "of eight Gemstones runs of at most 1.05B",
    parts={"sound recipe, other targets": LITTLE, STONES: LITTLE},
)
def cut_more(rules, draws):
    other = ratios_of(rules, "cut more", SOUND_WAY, largest=False)
    pairs = [(eight("1.05B", CUT_10B), eight("1.05B", thrown(HALF)))]
    return Measured(
        family_ratio(rules, "cut more", PAPER_WAY),
        {"sound recipe, other targets": over_logs(other), STONES: subset_ratio(draws, pairs)},
        f"families: {listed(ratios_of(rules, 'cut more', PAPER_WAY))}",
    )


@verdicts.claim(
    "C3",
    "Fit to intermediate checkpoints: final losses alone are markedly worse.",
    of=PAPER,
    paper="Fig. 4, in colors",
    unit="× error",
    needs=("rules", "draws"),
    region=above(1),
    criterion="error of final losses over error of all checkpoints, geometric mean {}, 95 % "
    "interval: over seven families by the paper's recipe; by the sound one (a law of three "
    "parameters for final losses, scored at the final checkpoint); over subsets of eight and of "
    "twelve Gemstones runs of at most 1.05B",
    parts={SOUND: above(1), "Gemstones, 8 runs": above(1), "Gemstones, 12 runs": above(1)},
)
def checkpoints(rules, draws):
    def stones(k: int) -> Interval:
        return subset_ratio(draws, [(eight("1.05B", FIVE, k=k), eight("1.05B", CUT_10B, k=k))])

    pair = (eight("1.05B", THREE), eight("1.05B", thrown(TENTH)))
    fair = measured_text(subset_ratio(draws, [pair], column="are_final"))
    failed = int((select(draws, treatment=FIVE)["status"] == "failed").sum())
    return Measured(
        family_ratio(rules, "checkpoints", PAPER_WAY),
        {
            SOUND: family_ratio(rules, "checkpoints", SOUND_WAY),
            "Gemstones, 8 runs": stones(8),
            "Gemstones, 12 runs": stones(12),
        },
        f"families: {listed(ratios_of(rules, 'checkpoints', PAPER_WAY))}; Gemstones with three "
        f"parameters {fair}; {failed} fits failed",
    )


@verdicts.claim(
    "C4",
    "Larger training models, closer to the target, predict better.",
    of=PAPER,
    paper="Fig. 1a, in colors; neither strong nor monotone",
    unit="× error",
    needs=("rules", "draws"),
    region=above(1),
    criterion="error of the smallest runs over error of the largest, geometric mean {}, 95 % "
    "interval: over six families by the paper's recipe (windows of four sizes); by the sound one "
    "(three sizes); five Gemstones runs of at most 120M over five of at most 1.05B",
    parts={SOUND: above(1), STONES: above(1)},
)
def larger(rules, draws):
    five = [several(pool, 5) for pool in NESTED]
    middle = welch(draws, five[1], five[2])
    return Measured(
        family_ratio(rules, "larger", PAPER_WAY),
        {SOUND: family_ratio(rules, "larger", SOUND_WAY), STONES: welch(draws, five[0], five[2])},
        f"families: {listed(ratios_of(rules, 'larger', PAPER_WAY))}; Gemstones, 545M over 1.05B "
        f"{measured_text(middle)}",
    )


@verdicts.claim(
    "C5",
    "Five models are a safe number, they may be small, and more are better.",
    of=PAPER,
    paper="macro mean at q = 1: 19 % (n = 3), 8.6 (4), 5.6 (5), 4.8 (8+) (Fig. 1b)",
    unit="% of designs",
    needs=("draws", "five", "rules"),
    region=below(5, closed=True),
    criterion=f"Gemstones: percentage of designs of five runs of at most 1.05B that err by more "
    f"than {BAD_DAY:g} % {{}}, 95 % interval; the same of at most 120M; the five smallest of six "
    f"released families: geometric mean error below {BAD_DAY:g} %; error of three over that of "
    "all, sound recipe, above 1; error of three Gemstones runs of at most 120M over that of ten "
    "above 1",
    parts={
        "five of at most 120M": below(5, closed=True),
        "error of released families, %": below(BAD_DAY),
        "three over all, sound recipe": above(1),
        "three over ten, Gemstones": above(1),
    },
)
def five_are_safe(draws, five, rules):
    return Measured(
        bad_days(select(draws, **several("1.05B", 5))),
        {
            "five of at most 120M": bad_days(select(draws, **several("120M", 5))),
            "error of released families, %": over_logs(five),
            "three over all, sound recipe": family_ratio(rules, "more", SOUND_WAY),
            "three over ten, Gemstones": welch(draws, several("120M", 3), several("120M", 10)),
        },
        f"released families, five smallest, %: {listed(five)}; three over all by the paper's "
        f"recipe {measured_text(family_ratio(rules, 'more', PAPER_WAY))}",
    )


@verdicts.claim(
    "C6",
    "At equal cost, many small models are more useful than a few large ones.",
    of=PAPER,
    paper="in words: sometimes (abstract)",
    unit="× error",
    needs=("draws",),
    region=above(1),
    criterion="Gemstones: error of three runs of 475M to 1.05B over that of ten runs of at most "
    "120M that cost the same (the large ones see fewer tokens), ratio of geometric means {}, 95 % "
    "interval over subsets",
)
def small_and_many(draws):
    rows = draws[(draws["pool"] == FEW[0]) & (draws["k"] == FEW[1])]
    few = {"pool": FEW[0], "k": FEW[1], "treatment": CUT_10B}
    many, mixed = several(*MANY), several("1.05B", FEW[1])
    cost = select(draws, **few)["flop"].mean() / select(draws, **many)["flop"].mean()
    medians = [select(draws, **design)["are"].median() for design in (few, many)]
    return Measured(
        welch(draws, few, many),
        note=f"{rows['tokens'].iloc[0] / 1e9:.0f}B tokens each, {cost:.2f} times the cost; medians "
        f"{medians[0]:.1f} and {medians[1]:.1f} %; three drawn from all sizes up to 1.05B instead, "
        f"most of them small: {measured_text(welch(draws, mixed, many))}",
    )


@verdicts.claim(
    "C7",
    "A law predicts better than the best loss seen so far.",
    of=PAPER,
    paper="baselines miss by 18 % on average",
    unit="× error",
    needs=("rules", "draws"),
    region=above(1),
    criterion="error of the best loss seen over error of the law, geometric mean {}, 95 % "
    "interval: over seven families by the paper's recipe; by the sound one; over subsets of eight "
    "Gemstones runs, mean of six designs",
    parts={SOUND: above(1), "Gemstones, six designs": above(1)},
)
def baseline(rules, draws):
    paper, sound = (ratios_of(rules, "law", way) for way in (PAPER_WAY, SOUND_WAY))
    return Measured(
        over_logs(paper),
        {SOUND: over_logs(sound), "Gemstones, six designs": subset_ratio(draws, six_designs(BEST))},
        f"families: {listed(paper)}; the baseline is better in {(paper < 1).sum()} of "
        f"{len(paper)}, by the sound recipe in {(sound < 1).sum()}",
    )


@verdicts.claim(
    "C8",
    "One model is often enough if the size term is borrowed; so is a third of the target's run.",
    of=PAPER,
    paper="OLMo below 1 %, OPT 15 % from 30B, GPT-3 6.9 % from 13B (Fig. 6)",
    unit="share of families",
    needs=("singles",),
    region=above(0.5),
    criterion=f"share of eight families whose largest smaller model predicts the target with an "
    f"error under {USEFUL:g} % {{}}, 95 % interval; the same for the target's own first 30 %; for "
    "single runs of Gemstones",
    parts={"own first 30 %": above(0.5), "single Gemstones runs": above(0.5)},
)
def one_run(singles):
    released = singles[singles["family"] != "gemstones"]
    others = released[~released["is_target"]]
    nearest = others.loc[others.groupby("family", sort=False)["N"].idxmax()]
    own = released[released["is_target"]].dropna(subset="are")
    stones = singles[singles["family"] == "gemstones"]
    return Measured(
        useful(nearest),
        {"own first 30 %": useful(own), "single Gemstones runs": useful(stones)},
        f"%: {listed(nearest.set_index('family')['are'])}; own run: "
        f"{listed(own.set_index('family')['are'])}; Gemstones {stones['are'].min():.1f} to "
        f"{stones['are'].max():.0f}",
    )


@verdicts.claim(
    "C9",
    "The five parameters have about three degrees of freedom.",
    of=PAPER,
    paper="99.49 % of the variance (sec. 9)",
    unit="share of variance",
    needs=("freedom",),
    region=above(0.99),
    criterion="laws of all released families: three principal components of the raw parameters "
    "explain {}; not resolved if parameters dealt out to the families at random do so as often as "
    "not",
)
def components(freedom):
    reached = float((freedom.unrelated > 0.99).mean())
    return Measured(
        exact(freedom.raw[2], len(freedom.families)),
        note=f"unrelated parameters: {freedom.unrelated.mean():.4f} on average, above 0.99 in "
        f"{100 * reached:.0f} %; standardized parameters: {freedom.standardized[2]:.3f}; slope of "
        f"alpha on a {freedom.alpha_slope:.4f}, by arithmetic alone {freedom.alpha_arithmetic:.4f}",
        doubt="what unrelated parameters pass is no evidence" if reached >= 0.5 else "",
    )


@verdicts.claim(
    "C10",
    "Seeds alone move the final loss by up to 4 %.",
    of=PAPER,
    paper="up to 3.5-4 %, citing MultiBERTs",
    unit="%, largest spread",
    needs=("seeds",),
    region=below(4, closed=True),
    criterion="tiny models trained here: standard deviation of the final loss over seeds {} at "
    "every size, 95 % interval of the size with the largest",
)
def seed_noise(seeds):
    finite = seeds.dropna(subset="loss")
    groups = finite.groupby("shape")["loss"]
    if (groups.size() < 2).all():
        raise Untested("fewer than two seeds of any size converged")
    spread = groups.std(ddof=1) / groups.mean() * 100
    found = {name: deviation(spread[name], int(groups.size()[name])) for name in spread.index}
    worst = max(found, key=lambda name: found[name].high)
    told = ", ".join(f"{name} {measured_text(one)}" for name, one in found.items())
    return Measured(found[worst], note=f"{told}; {len(seeds) - len(finite)} runs diverged")


# --------------------------------------------------------------------------- checks of our own
@verdicts.claim(
    "O1",
    "The protocol as we implement it gives the paper's printed errors.",
    of=OURS,
    paper="Figs. 1b, 5, 6: heat maps",
    unit="share of cells",
    needs=("cells",),
    region=above(0.95, closed=True, must_hold=True),
    criterion="OPT, GPT-3 and T5-Pile, n >= 3, and OPT's single models: share of the printed cells "
    "within 0.05 points {} (where two digits are printed: within half a digit more)",
)
def protocol(cells):
    plain = cells[(cells["cut"] == 0) | (cells["figure"] == "one model")]
    largest = plain["difference"].abs().max()
    return Measured(
        exact(int(cells["reproduced"].sum()) / len(cells), len(cells)),
        note=f"largest difference where two decimals are printed: {largest:.3f} points",
    )


@verdicts.claim(
    "O2",
    "Our Huber fit of the Chinchilla points is the published refit.",
    of=OURS,
    paper="objective 0.00101827 at A 482, B 2085 (Besiroglu et al. 2024)",
    unit="objective",
    needs=("chinchilla",),
    region=within(0.00101827, 5e-9, must_hold=True),
    criterion="objective {}; A and B at most 3 % off",
    parts={"A and B off by": below(3, "at most 3 %", closed=True)},
)
def chinchilla(chinchilla):
    law = chinchilla.law
    off = max(100 * abs(getattr(law, name) / value - 1) for name, value in PUBLISHED_REFIT.items())
    return Measured(
        exact(chinchilla.objective),
        {"A and B off by": exact(off)},
        f"A {law.A:.0f}, B {law.B:.0f}, E {law.E:.4f}, alpha {law.alpha:.4f}, beta {law.beta:.4f}",
    )


@verdicts.claim(
    "O3",
    "Variable projection needs no start value, ends no higher, and is faster.",
    of=OURS,
    paper="one start of curve_fit; L-BFGS called less stable",
    unit="× time",
    needs=("solvers",),
    region=above(4, closed=True),
    criterion="cells of the seven families drawn at random: time of the paper's one start over "
    "time of variable projection {}, 95 % interval over cells; of twenty starts at least 50; in no "
    "cell does another search end lower",
    parts={"twenty starts": above(50, closed=True), "no search ends lower": YES},
)
def solver(solvers):
    one, many = (
        bootstrap(
            solvers[[column, "seconds_varpro"]].to_numpy(),
            ratio_of_sums,
            rng=generator(0, "times of solvers", column),
        )
        for column in ("seconds_single", "seconds_multi")
    )
    single = solvers["sse_single"].fillna(np.inf) > solvers["sse_varpro"] * (1 + 1e-6)
    return Measured(
        one,
        {"twenty starts": many, "no search ends lower": bool(no_worse(solvers).all())},
        f"one start ends higher, or fails, in {single.sum()} of {len(solvers)} cells",
    )


@verdicts.claim(
    "O4",
    "Checkpoints of a decaying schedule lie above finished runs.",
    of=OURS,
    paper="not measured; raised by a reviewer",
    unit="%",
    needs=("schedules",),
    region=above(0, must_hold=True),
    criterion="Gemstones: loss before over loss after cool-down at equal tokens, mean over models "
    "{} (95 % interval); extrapolated runs that decay end below the prediction at all three sizes",
    parts={"least end error": above(0)},
)
def schedule_bias(schedules):
    gaps, ends = schedules
    low, high = np.quantile(np.concatenate([one.percent for one in gaps]), [0.05, 0.95])
    decayed = [end.end_error for end in ends if end.schedule.startswith("wsd")]
    return Measured(
        over_seeds([one.percent.mean() for one in gaps]),
        {"least end error": exact(min(decayed))},
        f"90 % of the gaps lie in {low:.1f} to {high:.1f} %; predictions from 70 % of a decaying "
        f"run are {min(decayed):.1f} to {max(decayed):.1f} % too high",
    )


@verdicts.claim(
    "O5",
    "Where the truth is known, dropping the start finds it.",
    of=OURS,
    on=MODEL,
    paper="no known truth in the paper",
    unit="× error",
    needs=("worlds",),
    region=above(1, must_hold=True),
    criterion="worlds with a known irreducible loss: error without the cut over error with a tenth "
    "cut, geometric mean {}, 95 % interval over worlds; with the cut E is off by less than 3 % on "
    "average, and by less than half of what it is without",
    parts={"error of E, %": below(3), "over that without cut": below(0.5)},
)
def known_truth(worlds):
    table = by_world(worlds)
    are, off = table["are"], table["e_error"]
    return Measured(
        over_logs(are[0.0] / are[0.1]),
        {
            "error of E, %": over_seeds(off[0.1]),
            "over that without cut": over_logs(off[0.1] / off[0.0]),
        },
        "error without cut {:.1f} to {:.1f} %, with 1 % {:.1f} to {:.1f}, with 10 % {:.2f} to "
        "{:.2f}".format(*(end for cut in are for end in (are[cut].min(), are[cut].max()))),
    )


@verdicts.claim(
    "O6",
    "Negative control: where the law is true from the start, cutting does not help.",
    of=OURS,
    on=MODEL,
    paper="none",
    unit="× error",
    needs=("control",),
    region=below(1),
    criterion="families drawn from eq. 1 with 1 % of noise: error without the cut over error with "
    "a tenth cut, geometric mean {}, 95 % interval",
)
def control(control):
    return Measured(over_logs(control["ratio"]))


# --------------------------------------------------------------------------- what they share
def over_logs(ratios: Iterable[float]) -> Interval:
    """Geometric mean of positive numbers with the t interval of their mean logarithm."""
    return over_seeds(np.log(np.asarray(list(ratios), dtype=float))).map(np.exp)


def family_ratio(rules: pd.DataFrame, rule: str, way: str) -> Interval:
    """Error of a rule's first arm over its second, over families."""
    return over_logs(ratios_of(rules, rule, way))


def several(pool: str, k: int) -> dict[str, object]:
    """A design of `k` whole Gemstones runs without their first 10B tokens."""
    return {"pool": pool, "k": k, "tokens": WHOLE, "treatment": CUT_10B}


def six_designs(treatment: str) -> list[tuple[dict, dict]]:
    """`treatment` and the first 10B cut, eight runs each: three pools by two lengths."""
    six = [(pool, tokens) for pool in NESTED for tokens in (SHORT, WHOLE)]
    return [(eight(pool, treatment, t), eight(pool, CUT_10B, t)) for pool, t in six]


def eight(pool: str, treatment: str, tokens: float = WHOLE, k: int = 8) -> dict[str, object]:
    """A design of eight Gemstones runs, or of `k`."""
    return {"pool": pool, "k": k, "tokens": tokens, "treatment": treatment}


def subset_ratio(
    draws: pd.DataFrame, pairs: Sequence[tuple[dict, dict]], *, column: str = "are"
) -> Interval:
    """Error of one design over another's on the same subsets, geometric mean over subsets.

    Of several pairs of designs the mean logarithm of each draw counts. Draws with a fit that
    failed are left out (n counts the rest).
    """
    logs = [
        np.log(
            select(draws, **one).set_index("draw")[column]
            / select(draws, **other).set_index("draw")[column]
        )
        for one, other in pairs
    ]
    each = pd.concat(logs, axis=1).mean(axis=1, skipna=False).dropna()
    return over_seeds(each).map(np.exp)


def welch(draws: pd.DataFrame, above: dict, below: dict) -> Interval:
    """Ratio of the geometric mean errors of two designs on different subsets, Welch's interval."""
    logs = [np.log(select(draws, **design)["are"].dropna()) for design in (above, below)]
    test = ttest_ind(*logs, equal_var=False)
    ends = test.confidence_interval(LEVEL)
    n = min(len(one) for one in logs)
    found = logs[0].mean() - logs[1].mean()
    return Interval(found, float(ends.low), float(ends.high), float(test.pvalue), n).map(np.exp)


def bad_days(rows: pd.DataFrame) -> Interval:
    """Percentage of designs that err by more than a bad day, or cannot be fitted."""
    good = int((rows["are"] <= BAD_DAY).sum())
    return proportion(len(rows) - good, len(rows)).map(lambda share: 100 * share)


def useful(rows: pd.DataFrame) -> Interval:
    """Share of predictions whose error is of use."""
    return proportion(int((rows["are"] < USEFUL).sum()), len(rows))


def deviation(percent: float, n: int) -> Interval:
    """Interval of the standard deviation of a normal quantity, from that of `n` values."""
    if n < 2:
        return Interval(float("nan"), -np.inf, np.inf, None, n)
    tails = ((1 + LEVEL) / 2, (1 - LEVEL) / 2)
    low, high = (percent * np.sqrt((n - 1) / chi2.ppf(tail, n - 1)) for tail in tails)
    return Interval(float(percent), float(low), float(high), None, n)


def ratio_of_sums(pairs: np.ndarray, axis: int | None = None) -> float:
    """Sum of the first column over that of the second."""
    return pairs[:, 0].sum() / pairs[:, 1].sum()


def listed(values: pd.Series) -> str:
    """Names and numbers in a note."""
    return ", ".join(f"{name} {value:.2g}" for name, value in values.items())


# --------------------------------------------------------------------------- tables for figures
def relative_sweep(sweep: pd.DataFrame, draws: pd.DataFrame) -> pd.DataFrame:
    """Error by the share thrown away over the error with the first 10B tokens cut.

    Columns: where (``paper`` and ``sound`` recipe on the families, ``gemstones POOL``), thrown,
    are (geometric mean, percent), ratio with low and high (95 %, over families or subsets),
    low_targets and high_targets (over all targets of all families), n. Families that a share
    leaves with fewer than three token counts are not in its mean (n counts the rest).
    """
    rows = []
    for way in (PAPER_WAY, SOUND_WAY):
        part = sweep[sweep["way"] == way]
        keys = ["family", "target"]
        base = part[part["thrown"].isna()].set_index(keys)["are"]
        for share, table in part.dropna(subset="thrown").groupby("thrown"):
            errors = table.set_index(keys)["are"].dropna()
            logs = np.log(errors / base).dropna()
            families = logs.groupby("family").mean()
            ratio, targets = (over_seeds(one).map(np.exp) for one in (families, logs))
            level = np.exp(np.log(errors).groupby("family").mean().mean())
            rows.append(
                {
                    "where": way,
                    "thrown": share,
                    "are": level,
                    **_ends(ratio),
                    "low_targets": targets.low,
                    "high_targets": targets.high,
                }
            )
    for pool in NESTED:
        rows += _stones_sweep(draws, pool, sorted(sweep["thrown"].dropna().unique()))
    return pd.DataFrame(rows)


def _stones_sweep(draws: pd.DataFrame, pool: str, shares: Sequence[float]) -> list[dict]:
    rows = []
    for share in shares:
        ratio = subset_ratio(draws, [(eight(pool, thrown(share)), eight(pool, CUT_10B))])
        errors = select(draws, **eight(pool, thrown(share)))["are"].dropna()
        level = float(np.exp(np.log(errors).mean()))
        about = {"where": f"gemstones {pool}", "thrown": share, "are": level}
        rows.append(about | _ends(ratio) | {"low_targets": np.nan, "high_targets": np.nan})
    return rows


def _ends(ratio: Interval) -> dict[str, object]:
    return {"ratio": ratio.estimate, "low": ratio.low, "high": ratio.high, "n": ratio.n}


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
    large = eight("1.05B", CUT_10B)
    fair = (eight("1.05B", THREE), eight("1.05B", thrown(TENTH)))
    return [
        ("cut", PAPER_WAY, subset_ratio(draws, six_designs(thrown(0)))),
        ("cut more", PAPER_WAY, subset_ratio(draws, [(large, eight("1.05B", thrown(HALF)))])),
        ("checkpoints", PAPER_WAY, subset_ratio(draws, [(eight("1.05B", FIVE), large)])),
        ("checkpoints", SOUND_WAY, subset_ratio(draws, [fair], column="are_final")),
        ("larger", PAPER_WAY, welch(draws, several("120M", 5), several("1.05B", 5))),
        ("more", PAPER_WAY, welch(draws, several("120M", 3), several("120M", 10))),
        ("law", PAPER_WAY, subset_ratio(draws, six_designs(BEST))),
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
    return table.assign(**told).reset_index()


def series(results: object) -> dict[str, object]:
    """What the published figures need, small enough for a record."""
    tables = {
        "sweep": relative_sweep(results.sweep, results.draws),
        "rules": rule_table(results.rules, results.draws),
        "error_by_k": error_by_k(results.draws),
        "budget": results.budget,
    }
    return {name: table.to_dict("list") for name, table in tables.items()}
