"""What the paper claims, and what a run says of it: C1 to C10 are the paper's, O1 to O6 ours.

Where a rule can be asked of whole families, it is judged three times,
and holds only if all three say so: by the paper's recipe on the released families, by a
sound recipe on the same (:mod:`companion.scaling_laws.lab.released`), and on Gemstones, which the
paper did not see.  A family is one observation: intervals over families are t intervals of the
mean logarithm of a ratio.  Those on Gemstones leave its training runs out, one at a time
(:func:`companion.scaling_laws.lab.designs.over_runs`): they speak of other runs of this recipe,
and not of other families.

Every measurement takes results of the notebook by name: ``cells`` beside printed numbers,
``rules`` and ``sweep`` of the seven families, ``five`` (error of the five smallest), ``draws`` of
Gemstones, ``singles``, ``freedom``, ``seeds`` of tiny models, ``chinchilla``, ``schedules``,
``worlds`` with a known truth, and ``control``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from scipy.special import expit, logit
from scipy.stats import chi2
from scipy.stats import t as student

from companion.claims import MODEL, OURS, PAPER, measured_text
from companion.scaling_laws.lab.designs import (
    BAD_DAY,
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
from companion.scaling_laws.lab.trained import by_world
from companion.stats import LEVEL, Interval, exact, over_seeds, p_value, proportion
from companion.verdicts import (
    FROM_BOOK,
    Measured,
    Untested,
    Verdicts,
    above,
    below,
    between,
    within,
)

USEFUL = 20.0
"""Percent of error up to which a law still tells designs apart, by the paper's own account."""

LITTLE = 1.25
"""A change of the error by less than a quarter, up or down, is little; by more it is substantial.
The paper has no number; a quarter is the step from its best error, 4 %, to 5."""

SOMETIMES = 0.1
"""Share of cases from which "sometimes" is true; below one in ten one would say hardly ever."""

SAFE = 0.95
"""Share of designs that a safe number of models must keep from a bad day."""

PUBLISHED_REFIT = {"A": 482.01, "B": 2085.43}
"""Of the Chinchilla points, by Besiroglu et al. 2024."""

SOUND, STONES = "sound recipe", "Gemstones"

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
    "the six families that were logged before 10B tokens, by the paper's recipe; over the same by "
    "the sound one; eight Gemstones runs of at most 1.05B",
    parts={SOUND: above(1), STONES: above(1)},
)
def drop_start(rules, draws):
    return Measured(
        family_ratio(rules, "cut", PAPER_WAY),
        {
            SOUND: family_ratio(rules, "cut", SOUND_WAY),
            STONES: subset_ratio(draws, eight(thrown(0)), eight(CUT_10B)),
        },
        f"families: {listed(ratios_of(rules, 'cut', PAPER_WAY))}",
    )


@verdicts.claim(
    "C2",
    "Throwing away more than that changes little.",
    of=PAPER,
    paper="in words (sec. 5.2)",
    unit="× error",
    needs=("rules", "draws"),
    region=between(1 / LITTLE, LITTLE),
    criterion="error with 10B tokens cut over error with the first half of each run cut, geometric "
    "mean {}, 95 % interval: over seven families by the paper's recipe; over the same by the sound "
    "one; eight Gemstones runs of at most 1.05B",
    parts={SOUND: between(1 / LITTLE, LITTLE), STONES: between(1 / LITTLE, LITTLE)},
)
def cut_more(rules, draws):
    return Measured(
        family_ratio(rules, "cut more", PAPER_WAY),
        {
            SOUND: family_ratio(rules, "cut more", SOUND_WAY),
            STONES: subset_ratio(draws, eight(CUT_10B), eight(thrown(HALF))),
        },
        f"families: {listed(ratios_of(rules, 'cut more', PAPER_WAY))}",
    )


@verdicts.claim(
    "C3",
    "Fitting intermediate checkpoints, not only final losses, substantially improves accuracy.",
    of=PAPER,
    paper="in words (abstract); Fig. 4, in colors",
    unit="× error",
    needs=("rules", "draws"),
    region=above(LITTLE),
    criterion="error of final losses over error of all checkpoints, geometric mean {}, 95 % "
    "interval: over seven families by the paper's recipe; by the sound one (a law of three "
    "parameters for final losses, scored at the final checkpoint); eight Gemstones runs of at most "
    "1.05B",
    parts={SOUND: above(LITTLE), STONES: above(LITTLE)},
)
def checkpoints(rules, draws):
    fair = subset_ratio(draws, eight(THREE), eight(thrown(TENTH)), column="are_final")
    failed = int((select(draws, treatment=FIVE)["status"] == "failed").sum())
    return Measured(
        family_ratio(rules, "checkpoints", PAPER_WAY),
        {
            SOUND: family_ratio(rules, "checkpoints", SOUND_WAY),
            STONES: subset_ratio(draws, eight(FIVE), eight(CUT_10B)),
        },
        f"families: {listed(ratios_of(rules, 'checkpoints', PAPER_WAY))}; Gemstones with three "
        f"parameters {measured_text(fair)}; {failed} fits failed",
    )


@verdicts.claim(
    "C4",
    "Models closer to the target's size predict better.",
    of=PAPER,
    paper="in words (abstract); Fig. 1a: neither strong nor monotone",
    unit="× error",
    needs=("rules", "draws"),
    region=above(1),
    criterion="error of the smallest runs over error of the largest, geometric mean {}, 95 % "
    "interval: over six families by the paper's recipe (windows of four sizes); by the sound one "
    "(three sizes); five Gemstones runs of at most 120M over five of 475M to 1.05B",
    parts={SOUND: above(1), STONES: above(1)},
)
def larger(rules, draws):
    return Measured(
        family_ratio(rules, "larger", PAPER_WAY),
        {
            SOUND: family_ratio(rules, "larger", SOUND_WAY),
            STONES: design_ratio(draws, several("120M", 5), several(LARGE, 5)),
        },
        f"families: {listed(ratios_of(rules, 'larger', PAPER_WAY))}",
    )


@verdicts.claim(
    "C5",
    "Five models are a safe number, even if they are small.",
    of=PAPER,
    paper="macro mean of n = 5 at q = 1: 5.6 % (Fig. 1b)",
    unit="% error",
    needs=("draws", "five"),
    region=below(BAD_DAY),
    criterion=f"Gemstones: error that {100 * SAFE:g} % of designs of five runs of at most 1.05B "
    "stay under {}, 95 % interval; the same of at most 120M; either is open unless the share of "
    f"designs above {BAD_DAY:g} %, whose interval is a mean's, answers too; the five smallest of "
    "six released families: geometric mean error likewise",
    parts={"five of at most 120M": below(BAD_DAY), "released families": below(BAD_DAY)},
)
def five_are_safe(draws, five):
    small, mixed = (select(draws, **several(pool, 5)) for pool in ("120M", "1.05B"))
    return Measured(
        worst_case(mixed),
        {"five of at most 120M": worst_case(small), "released families": over_logs(five)},
        f"released families, %: {listed(five)}; more than {BAD_DAY:g} %: "
        f"{measured_text(bad_days(mixed))} % of designs of at most 1.05B, "
        f"{measured_text(bad_days(small))} % of at most 120M",
    )


@verdicts.claim(
    "C6",
    "Training several small models is sometimes more useful than training a single large one.",
    of=PAPER,
    paper="in words (abstract)",
    unit="share of families",
    needs=("singles",),
    region=above(SOMETIMES),
    criterion="share of families {}, 95 % interval, in which the law of the smallest models, as "
    "many as together cost no more, errs less than the largest smaller model alone with a borrowed "
    "size term; six released families and Gemstones, by the paper's recipe",
)
def small_and_several(singles):
    ratios = single_over_several(singles)
    return Measured(
        proportion(int((ratios > 1).sum()), len(ratios)),
        note=f"single over several, × error: {listed(ratios)}",
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
    "interval: over seven families by the paper's recipe; by the sound one; eight Gemstones runs "
    "of at most 1.05B",
    parts={SOUND: above(1), STONES: above(1)},
)
def baseline(rules, draws):
    paper, sound = (ratios_of(rules, "law", way) for way in (PAPER_WAY, SOUND_WAY))
    return Measured(
        over_logs(paper),
        {SOUND: over_logs(sound), STONES: subset_ratio(draws, eight(BEST), eight(CUT_10B))},
        f"families: {listed(paper)}; the baseline is better in {(paper < 1).sum()} of "
        f"{len(paper)}, by the sound recipe in {(sound < 1).sum()}",
    )


@verdicts.claim(
    "C8",
    "One model is often enough if the size term is borrowed.",
    of=PAPER,
    paper="OLMo below 1 %, OPT 15 % from 30B, GPT-3 6.9 % from 13B (Fig. 6)",
    unit="share of families",
    needs=("singles",),
    region=above(0.5),
    criterion=f"share of eight families whose largest smaller model predicts the target with an "
    f"error under {USEFUL:g} % {{}}, 95 % interval; the same for single runs of Gemstones, and for "
    "sources of families, of which all families must do so (four of the eight are Pythia)",
    parts={"single Gemstones runs": above(0.5), "sources": above(0.5)},
)
def one_run(singles):
    is_stone, own = singles["family"] == "gemstones", own_runs(singles)
    stones, near = singles[is_stone], nearest(singles[~is_stone])
    return Measured(
        useful(near),
        {"single Gemstones runs": useful(stones), "sources": useful_sources(near)},
        f"%: {listed(near.set_index('family')['are'])}; Gemstones {stones['are'].min():.1f} to "
        f"{stones['are'].max():.0f}; the target's own first 30 % instead, not judged: "
        f"{measured_text(useful(own))} of the families",
    )


@verdicts.claim(
    "C9",
    "The five parameters have about three degrees of freedom.",
    of=PAPER,
    paper="99.49 % of the variance (sec. 9)",
    unit="share of variance",
    needs=("freedom",),
    region=above(0.99),
    criterion="laws of all released families, each parameter in units of its standard deviation: "
    "three principal components explain {}, 95 % interval over five sources of families, left out "
    "one at a time; parameters dealt out to the families at random reach as much in less than one "
    "of twenty deals",
    parts={"dealt out, p": below(0.05)},
)
def components(freedom):
    share, n = freedom.standardized[2], freedom.dealt.size
    p = (1 + int((freedom.dealt >= share).sum())) / (1 + n)
    left = freedom.without
    return Measured(
        explained(share, left),
        {"dealt out, p": p_value(p, n)},
        f"with one source left out {left.min():.3f} to {left.max():.3f}; dealt out "
        f"{freedom.dealt.mean():.3f} on average; in their own units {freedom.raw[2]:.4f}, dealt "
        f"out {freedom.dealt_raw:.4f}; slope of alpha on a {freedom.alpha_slope:.4f}, by "
        f"arithmetic alone {freedom.alpha_arithmetic:.4f}",
    )


@verdicts.claim(
    "C10",
    "More models predict better.",
    of=PAPER,
    paper="macro mean at q = 1: 19 % (n = 3), 8.6 (4), 5.6 (5), 4.8 (8+) (Fig. 1b)",
    unit="× error",
    needs=("rules", "draws"),
    region=above(1),
    criterion="error of three models over that of all, geometric mean {}, 95 % interval: over six "
    "families by the paper's recipe (the three smallest); by the sound one (the three largest); "
    "three Gemstones runs of at most 120M over ten",
    parts={SOUND: above(1), STONES: above(1)},
)
def more_models(rules, draws):
    return Measured(
        family_ratio(rules, "more", PAPER_WAY),
        {
            SOUND: family_ratio(rules, "more", SOUND_WAY),
            STONES: design_ratio(draws, several("120M", 3), several("120M", 10)),
        },
        f"families: {listed(ratios_of(rules, 'more', PAPER_WAY))}",
    )


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
    "Our Huber fit of the Chinchilla points reaches the objective of the published refit.",
    of=OURS,
    paper="objective 0.00101827 at A 482, B 2085 (Besiroglu et al. 2024)",
    unit="objective",
    needs=("chinchilla",),
    region=within(0.00101827, 5e-9, must_hold=True),
    criterion="objective {}; A and B, which lie in a flat valley, at most 3 % off",
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
    "Seeds alone spread the final loss of tiny models by at most the 4 % that the paper names.",
    of=OURS,
    paper="up to 3.5-4 %, citing MultiBERTs",
    unit="%, largest spread",
    needs=("seeds",),
    region=below(4, closed=True),
    scales=FROM_BOOK,
    elsewhere="The tiny models are trained at book scale.",
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


@verdicts.claim(
    "O4",
    "At equal tokens, a run at a constant rate lies above the same run cooled down.",
    of=OURS,
    paper="not measured; raised by a reviewer",
    unit="%",
    needs=("schedules",),
    region=above(0, must_hold=True),
    criterion="Gemstones: loss before over loss after cool-down at equal tokens, mean over models "
    "{} (95 % interval)",
)
def schedule_bias(schedules):
    gaps, ends = schedules
    low, high = np.quantile(np.concatenate([one.percent for one in gaps]), [0.05, 0.95])
    decayed = [end.end_error for end in ends if end.schedule.startswith("wsd")]
    return Measured(
        over_seeds([one.percent.mean() for one in gaps]),
        note=f"90 % of the gaps lie in {low:.1f} to {high:.1f} %; predictions from 70 % of a "
        f"decaying run are {min(decayed):.1f} to {max(decayed):.1f} % too high at three sizes",
    )


@verdicts.claim(
    "O5",
    "In worlds with a known truth, dropping the start brings the fit closer to it.",
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


def listed(values: pd.Series) -> str:
    """Names and numbers in a note."""
    return ", ".join(f"{name} {value:.2g}" for name, value in values.items())


# --------------------------------------------------------------------------- tables for figures
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


def series(results: object) -> dict[str, object]:
    """What the published figures need, small enough for a record."""
    tables = {
        "sweep": relative_sweep(results.sweep, results.draws),
        "rules": rule_table(results.rules, results.draws),
        "error_by_k": error_by_k(results.draws),
        "budget": results.budget,
    }
    return {name: table.to_dict("list") for name, table in tables.items()}
