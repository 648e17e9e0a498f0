"""What the paper claims of memorization in distillation, what a run says of it, and its series.

1 to 4b and forced are the paper's; equal, control, unread, learned, rate, and late are ours.

Every measurement takes results of the notebook by name: ``worlds`` of word pools and transformers,
on which everything is judged, ``rates`` of their baselines at other learning rates, ``real`` worlds
of a book's text, which repeat some of it, and ``perceptrons``, which show what a baseline past its
best does to the comparison.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from companion.claims import MODEL, OURS, PAPER, measured_text
from companion.data import Missing
from companion.distillation_memorization.lab import evidence
from companion.distillation_memorization.lab.world import World
from companion.distillation_memorization.method.objectives import (
    BASELINE,
    COMPARED,
    HARD,
    SOFT,
    TEACHER,
    soft,
)
from companion.stats import Interval, over_seeds
from companion.verdicts import Measured, Open, Verdicts, above, below, between

AGAIN = "on real text"  # the part that repeats a claim on the book's text

PERMUTED = (0.45, 0.55)
"""AUC within which a predictor of shuffled labels knows nothing."""

verdicts = Verdicts()
THEIRS, OWN = ({"of": who, "on": MODEL, "needs": ("worlds",)} for who in (PAPER, OURS))


@verdicts.claim(
    "1",
    "A distilled student memorizes less than half of what a baseline fine-tuned on the same text "
    "memorizes.",
    **THEIRS,
    paper="more than 50 % less (abstract); 0.17 against 0.07 %, 2.4 times (Pythia, FineWeb); 2.1 "
    "to 7.6 times elsewhere",
    unit="times",
    uses=("real",),
    region=above(2),
    criterion="|M_B| over |M_S|, both after as many epochs as give the baseline its lowest "
    "held-out loss: 95 % interval over seeds {}; so on real text; every claim is open where "
    "teacher and baseline are not trained (see learned)",
    parts={AGAIN: above(2)},
    replications=(AGAIN,),
)
def less_than_half(worlds, real):
    at = _trained(worlds)
    told = ", ".join(
        f"{measured_text(evidence.fold(worlds, BASELINE, SOFT, e))} after {e}"
        for e in worlds[0].epochs
    )
    known = ", ".join(f"{m} {evidence.counts(worlds, m, at).sum()}" for m in (TEACHER, *COMPARED))
    p = evidence.mcnemar_p(*(evidence.pooled(worlds, m, at) for m in (BASELINE, SOFT)))
    again, note = _again(real, lambda w, e: evidence.fold(w, BASELINE, SOFT, e))
    return Measured(
        evidence.fold(worlds, BASELINE, SOFT, at),
        {AGAIN: again},
        f"judged after {at} epochs, {known} of {sum(len(w.zlib) for w in worlds)}; by epochs: "
        f"{told}; McNemar's p, which takes all sequences as independent, {p:.1g}{note}",
    )


@verdicts.claim(
    "1b",
    "The student predicts unseen text better than the baseline, and not as well as its teacher.",
    **THEIRS,
    paper="loss 2.75 (teacher), 2.85 (student), 2.87 (baseline) (Pythia, FineWeb); the same order "
    "in all settings",
    unit="nats per token",
    uses=("real",),
    region=above(0),
    criterion="held-out loss of baseline minus student after as many epochs as give the baseline "
    "its lowest: 95 % interval over seeds {}; each at its own lowest, above 0; student minus "
    "teacher above 0; the first so on real text",
    parts={
        "each at its own lowest": above(0),
        "student minus teacher": above(0),
        AGAIN: above(0),
    },
    replications=(AGAIN,),
)
def better_loss(worlds, real):
    at = _trained(worlds)
    loss = {m: evidence.losses(worlds, m, at) for m in (*COMPARED, TEACHER)}
    lowest = {m: evidence.losses(worlds, m, evidence.best(worlds, m)) for m in (BASELINE, SOFT)}
    again, note = _again(
        real,
        lambda w, e: over_seeds(evidence.losses(w, BASELINE, e) - evidence.losses(w, SOFT, e)),
    )
    told = ", ".join(f"{m} {values.mean():.3f}" for m, values in loss.items())
    return Measured(
        over_seeds(loss[BASELINE] - loss[SOFT]),
        {
            "each at its own lowest": over_seeds(lowest[BASELINE] - lowest[SOFT]),
            "student minus teacher": over_seeds(loss[SOFT] - loss[TEACHER]),
            AGAIN: again,
        },
        f"after {at} epochs: {told}; lowest of the student after {evidence.best(worlds, SOFT)}"
        f"{note}",
    )


@verdicts.claim(
    "tau",
    "The higher the temperature of distillation, the less is memorized.",
    **THEIRS,
    paper="a figure whose numbers are not printed",
    unit="per doubling, log scale",
    region=below(0),
    criterion="slope of log |M_S| on log2 of the temperature: 95 % interval over seeds {}",
)
def cooler(worlds):
    _trained(worlds)
    told = ", ".join(
        f"{evidence.counts(worlds, soft(tau)).sum()} at {tau:g}"
        for tau in evidence.temperatures(worlds[0])
    )
    return Measured(evidence.slope_on_temperature(worlds), note=f"memorized: {told}")


@verdicts.claim(
    "2",
    "Over 95 % of what the student memorizes is easy: teacher and baseline memorize it too.",
    **THEIRS,
    paper="over 95 % (abstract); 95.7 % (Pythia, FineWeb), 88, 85, and 70 % elsewhere",
    unit="share",
    uses=("real",),
    region=above(0.95),
    criterion="share of M_S in E: 95 % interval over seeds {}; so on real text",
    parts={AGAIN: above(0.95)},
    replications=(AGAIN,),
)
def mostly_easy(worlds, real):
    _trained(worlds)
    table = evidence.easy_counts(worlds)
    again, note = _again(real, lambda w, _: evidence.share(evidence.easy_counts(w)))
    simple, n = sum(int(w.tails[SOFT].shape[1]) for w in worlds), sum(len(w.zlib) for w in worlds)
    return Measured(
        evidence.share(table),
        {AGAIN: again},
        f"{table[:, 0].sum()} of {table[:, 1].sum()}, where {simple} of {n} sequences are easy"
        f"{note}",
    )


@verdicts.claim(
    "2b",
    "Easy sequences compress well and have a low perplexity under the baseline.",
    **THEIRS,
    paper="a tight cluster of low zlib entropy and low perplexity (a figure)",
    unit="bytes",
    region=below(0),
    criterion="mean zlib length of the easy sequences minus that of D: 95 % interval over seeds "
    "{}; chance that an easy sequence has the shorter one, and the lower perplexity, than another "
    "sequence of D: above 0.5",
    parts={"shorter than another": above(0.5), "less perplexing than another": above(0.5)},
)
def easy_is_compressible(worlds):
    _trained(worlds)
    return Measured(
        over_seeds(evidence.easy_gap(worlds)),
        {
            "shorter than another": over_seeds(evidence.easy_rank(worlds, 3)),
            "less perplexing than another": over_seeds(evidence.easy_rank(worlds, 1)),
        },
        "that the baseline is less perplexed by what it memorizes could hardly be otherwise",
    )


@verdicts.claim(
    "3",
    "What the student will memorize can be predicted before distilling.",
    **THEIRS,
    paper="AUC 0.9997 against random sequences (Pythia, FineWeb)",
    unit="AUC",
    region=above(0.9),
    criterion="mean AUC of the resamples: 95 % interval over seeds {}; with shuffled labels "
    "between 0.45 and 0.55",
    parts={"shuffled labels": between(*PERMUTED)},
)
def predictable(worlds):
    _trained(worlds)
    found = _predictions(worlds)
    hard = over_seeds([np.nanmean(p.hard) if np.isfinite(p.hard).any() else np.nan for p in found])
    scores = {
        "recall": over_seeds([p.recall.mean() for p in found]),
        "precision": over_seeds([p.precision.mean() for p in found]),
        "AUC against easy sequences that the student rejects": hard,
    }
    told = ", ".join(f"{name} {measured_text(one)}" for name, one in scores.items())
    return Measured(
        over_seeds([p.auc.mean() for p in found], null=0.9),
        {"shuffled labels": over_seeds([p.permuted.mean() for p in found])},
        told,
    )


@verdicts.claim(
    "3b",
    "Distilled again without the sequences that the classifier flags, the student memorizes next "
    "to nothing.",
    **THEIRS,
    paper="4 sequences, against 706 of the student and 1,698 of the baseline (Pythia, FineWeb)",
    unit="of before",
    region=below(0.05),
    criterion="memorized of what the filter kept over memorized before: 95 % interval over seeds "
    "{}; removed sequences that are completed all the same are told and do not count",
)
def filtered(worlds):
    _trained(worlds)
    _predictions(worlds)
    if any(w.filtered is None for w in worlds):
        raise Open("a world has no student of the filtered text")
    table = evidence.filtered_counts(worlds)
    removed = np.mean([1 - w.filtered.kept.mean() for w in worlds])
    gone = sum(int((w.filtered.memorized & ~w.filtered.kept).sum()) for w in worlds)
    return Measured(
        evidence.ratio(table),
        note=f"{100 * removed:.0f} % of D removed; {table[:, 1].sum()} memorized before, "
        f"{table[:, 0].sum()} after; {gone} removed ones are completed all the same",
    )


@verdicts.claim(
    "4",
    "A hard student inherits more of what only the teacher knew than a soft one that memorizes as "
    "much.",
    **THEIRS,
    paper="50 against 18 sequences, 2.7 times, at equal rates (Pythia, FineWeb)",
    unit="times",
    region=above(1),
    criterion="|I_H| over |I_S| (a half added to both) at the budgets of most memorized sequences "
    "among those whose rates agree within a tenth: 95 % interval over seeds {}; open where no "
    "rates agree",
)
def hard_inherits(worlds):
    _trained(worlds)
    found = evidence.matched(worlds)
    if found is None:
        raise Open("no budgets at which hard and soft students memorize as many")
    heirs = evidence.heirs_of(worlds, worlds[0].judged, worlds[0].judged).sum(0)
    return Measured(
        found.inherited,
        note=f"hard after {found.hard} epochs {found.n_hard}, soft after {found.soft} "
        f"{found.n_soft}, of {found.n_only} that only the teacher knows; rates hard over soft "
        f"{measured_text(found.fold)}; both after {worlds[0].judged}: {heirs[0]} and {heirs[1]}; "
        f"held-out loss of the hard student "
        f"{evidence.losses(worlds, HARD, found.hard).mean():.3f}",
    )


@verdicts.claim(
    "4b",
    "Hard and soft students memorize at about the same overall rate.",
    **THEIRS,
    paper="0.07 % both (Pythia, FineWeb)",
    unit="times",
    region=between(*evidence.CLOSE),
    criterion="|M_H| over |M_S|, both after as many epochs as give the hard student its lowest "
    "held-out loss: 95 % interval over seeds {}",
)
def same_rate(worlds):
    _trained(worlds)
    at = evidence.best(worlds, HARD)
    told = ", ".join(
        f"{measured_text(evidence.fold(worlds, HARD, SOFT, e))} after {e}" for e in worlds[0].epochs
    )
    return Measured(
        evidence.fold(worlds, HARD, SOFT, at), note=f"judged after {at} epochs; by epochs: {told}"
    )


@verdicts.claim(
    "forced",
    "Where teacher and baseline memorize and the student does not, the teacher is sure, the "
    "baseline unsure but right, and the student unsure and not right.",
    **THEIRS,
    paper="low entropy and high log-probability (teacher), high and high (baseline), high and low "
    "(student) (a figure)",
    unit="nats per token",
    region=above(0),
    criterion="on R, over the compared continuation: entropy of baseline minus teacher: 95 % "
    "interval over seeds {}; of student minus teacher above 0; log-probability of the truth, "
    "baseline minus student, above 0",
    parts={"entropy, student minus teacher": above(0), "log-probability, B minus S": above(0)},
)
def forced(worlds):
    _trained(worlds)
    at = evidence.certainty(worlds)
    told = ", ".join(
        f"{m} {np.nanmean(values[:, 0]):.3f} and {np.nanmean(values[:, 1]):.3f}"
        for m, values in at.items()
        if np.isfinite(values).any()
    )
    return Measured(
        over_seeds(at[BASELINE][:, 0] - at[TEACHER][:, 0]),
        {
            "entropy, student minus teacher": over_seeds(at[SOFT][:, 0] - at[TEACHER][:, 0]),
            "log-probability, B minus S": over_seeds(at[BASELINE][:, 1] - at[SOFT][:, 1]),
        },
        f"entropy and log-probability: {told}; that the student's is lower on what it does not "
        "memorize could hardly be otherwise",
    )


# --------------------------------------------------------------------------- ours
@verdicts.claim(
    "equal",
    "Where the student predicts as well as the baseline at its best, it memorizes less.",
    **OWN,
    paper="not reported; both are compared after 4 epochs",
    unit="times",
    region=above(1),
    criterion="|M_B| at the baseline's lowest held-out loss over |M_S| at that loss, on the "
    "student's curve over its budgets: 95 % interval over seeds {}; the student's lowest loss is "
    "lower, above 0 nats",
    parts={"the student's lowest loss is lower by": above(0)},
)
def equal_loss(worlds):
    _trained(worlds)
    found = evidence.at_equal_loss(worlds)
    return Measured(
        found.fold,
        {"the student's lowest loss is lower by": found.reached},
        f"the baseline after {found.epochs} epochs",
    )


@verdicts.claim(
    "control",
    "Of text that no model was trained on, the student completes less than half as large a share.",
    **OWN,
    paper="not reported",
    unit="of its rate on D",
    uses=("real",),
    region=below(0.5),
    criterion="held-out rate of the student over its rate on D: 95 % interval over seeds {}; so on "
    "real text",
    parts={AGAIN: below(0.5)},
    replications=(AGAIN,),
)
def control(worlds, real):
    _trained(worlds)
    again, note = _again(real, lambda w, _: evidence.guessed(w))
    return Measured(
        evidence.guessed(worlds),
        {AGAIN: again},
        f"{evidence.guesses(worlds, SOFT).sum()} of {sum(len(w.of(SOFT).guessed) for w in worlds)} "
        f"held out, {evidence.counts(worlds, SOFT).sum()} of {sum(len(w.zlib) for w in worlds)} of "
        f"D{note}",
    )


@verdicts.claim(
    "unread",
    "A hard student whose teacher never read D inherits less than a quarter as much.",
    **OWN,
    paper="not reported",
    unit="of the hard student's",
    region=below(0.25),
    criterion="inherited from the teacher before it read D over inherited from it after: 95 % "
    "interval over seeds {}",
)
def unread(worlds):
    _trained(worlds)
    table = evidence.unread_heirs(worlds)
    before, after = table.sum(0)
    return Measured(evidence.ratio(table), note=f"{before} before, {after} after")


@verdicts.claim(
    "learned",
    "Fine-tuning on D improves both models on unseen text, and the teacher ends ahead in both "
    "senses.",
    **OWN,
    paper="the base models' losses are not reported",
    unit="nats per token",
    region=above(0),
    criterion="held-out loss of the small base model minus the baseline's at its best: 95 % "
    "interval over seeds {}; the same of the teacher, and baseline minus teacher, above 0; |M_T| "
    "over |M_B| above 1",
    parts={
        "teacher": above(0),
        "baseline minus teacher": above(0),
        "|M_T| over |M_B|": above(1),
    },
)
def learned(worlds):
    found = evidence.gate(worlds)
    bases = {m: evidence.bases(worlds, m).mean() for m in (TEACHER, BASELINE)}
    return Measured(
        found.baseline,
        {
            "teacher": found.teacher,
            "baseline minus teacher": found.ahead,
            "|M_T| over |M_B|": found.more,
        },
        f"base models: {bases[TEACHER]:.3f} and {bases[BASELINE]:.3f}",
    )


@verdicts.claim(
    "rate",
    "The baseline predicts worse than the student and memorizes more at its best learning rate of "
    "three, too.",
    of=OURS,
    on=MODEL,
    paper="one rate for all models",
    unit="nats per token",
    needs=("worlds", "rates"),
    region=above(0),
    criterion="held-out loss of the baseline at its best of half, the same, and twice the rate, "
    "minus the student's, after the epochs at which all arms are trained: 95 % interval over seeds "
    "{}; |M_B| there over |M_S| above 1",
    parts={"|M_B| over |M_S|": above(1)},
)
def best_of_rates(worlds, rates):
    _trained(worlds)
    found = evidence.best_rate(worlds, rates)
    told = ", ".join(
        f"{np.mean([one[f].loss for one in rates]):.3f} at {f:g} times the rate" for f in rates[0]
    )
    return Measured(
        found.behind,
        {"|M_B| over |M_S|": found.fold},
        f"the baseline's loss {evidence.losses(worlds, BASELINE).mean():.3f}, {told}",
    )


@verdicts.claim(
    "late",
    "Perceptrons: training beyond the baseline's lowest loss makes distillation look better.",
    of=OURS,
    on=MODEL,
    paper="not reported",
    unit="times",
    needs=("perceptrons",),
    region=above(1),
    criterion="|M_B| over |M_S| at the longest budget over the same at the baseline's lowest "
    "held-out loss: 95 % interval over seeds {}; open where the longest budget is the best",
)
def late(perceptrons):
    at, last = evidence.best(perceptrons, BASELINE), perceptrons[0].epochs[-1]
    if at == last:
        raise Open("the baseline is at its lowest loss after the longest budget")
    early, end = (evidence.fold(perceptrons, BASELINE, SOFT, e) for e in (at, last))
    loss = {e: evidence.losses(perceptrons, BASELINE, e).mean() for e in (at, last)}
    return Measured(
        evidence.growth(perceptrons, at, last),
        note=f"{measured_text(early)} after {at} epochs, {measured_text(end)} after {last}; the "
        f"baseline's loss {loss[at]:.3f} and {loss[last]:.3f}, its base model's "
        f"{evidence.bases(perceptrons, BASELINE).mean():.3f}",
    )


# --------------------------------------------------------------------------- what they share
def _trained(worlds: list[World]) -> int:
    """The budget of the baseline's lowest loss; raises where the arms are not trained."""
    if lacking := evidence.gate(worlds).missing:
        raise Open(f"not shown: {lacking}")
    return evidence.best(worlds, BASELINE)


def _again(
    real: list[World] | Missing, measure: Callable[[list[World], int], Interval]
) -> tuple[Interval | Missing, str]:
    """(a measurement on real text, what to add to the note); missing where nothing was trained."""
    if isinstance(real, Missing):
        return real, ""
    if lacking := evidence.gate(real).missing:
        reason = f"real text is not judged, because it is not shown that {lacking}"
        return Missing(reason), f"; {reason}"
    return measure(real, evidence.best(real, BASELINE)), ""


def _predictions(worlds: list[World]) -> list:
    found = [w.prediction for w in worlds]
    if lacking := sum(not p.tested for p in found):
        raise Open(f"too few memorized sequences in {lacking} of {len(found)} seeds")
    return found


# --------------------------------------------------------------------------- the record
def series(results) -> dict[str, object]:
    """What the first figure and the first sentences need."""
    kinds = {"worlds": results.worlds, "real": results.real, "perceptrons": results.perceptrons}
    found = {name: evidence.curve(w) for name, w in kinds.items() if not isinstance(w, Missing)}
    return found | {"models": evidence.models(results.worlds)}
