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

import numpy as np
import pandas as pd

from companion.claims import MODEL, OURS, PAPER, measured_text
from companion.scaling_laws.lab.designs import (
    BAD_DAY,
    BEST,
    CUT_10B,
    FIVE,
    LARGE,
    THREE,
    bad_days,
    select,
    thrown,
)
from companion.scaling_laws.lab.evidence import (
    SAFE,
    USEFUL,
    design_ratio,
    deviation,
    eight,
    error_by_k,
    explained,
    family_ratio,
    nearest,
    over_logs,
    own_runs,
    relative_sweep,
    rule_table,
    several,
    single_over_several,
    subset_ratio,
    useful,
    useful_sources,
    worst_case,
)
from companion.scaling_laws.lab.released import (
    HALF,
    PAPER_WAY,
    SOUND_WAY,
    TENTH,
    ratios_of,
)
from companion.scaling_laws.lab.trained import by_world
from companion.stats import exact, over_seeds, p_value, proportion
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

LITTLE = 1.25
"""A change of the error by less than a quarter, up or down, is little; by more it is substantial.
The paper has no number; a quarter is the step from its best error, 4 %, to 5."""

SOMETIMES = 0.1
"""Share of cases from which "sometimes" is true; below one in ten one would say hardly ever."""


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
def listed(values: pd.Series) -> str:
    """Names and numbers in a note."""
    return ", ".join(f"{name} {value:.2g}" for name, value in values.items())


def series(results: object) -> dict[str, object]:
    """What the published figures need, small enough for a record."""
    tables = {
        "sweep": relative_sweep(results.sweep, results.draws),
        "rules": rule_table(results.rules, results.draws),
        "error_by_k": error_by_k(results.draws),
        "budget": results.budget,
    }
    return {name: table.to_dict("list") for name, table in tables.items()}
