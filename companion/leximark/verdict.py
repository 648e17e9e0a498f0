"""What the paper claims, and what a run says of it; six checks of our own.

C1, C8, and C11 to C17 are the paper's; C2, C3, C4, C6, C7, and C9 ours.

Every measurement takes results of the notebook by name: ``words`` and ``smol``, the runs of the
word model and of SmolLM2-135M (missing at toy scale), ``qualities`` of the marked texts, one a
seed, and ``printed``, the tables of the project page.

All intervals are t intervals over seeds; a seed has random halves and trainings of its own.  The
word model carries a claim, and SmolLM2 repeats it in C1, C6, and C8: what holds, holds in both.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from companion.claims import OURS, PAPER, measured_text
from companion.data import Missing
from companion.leximark.lab.arms import (
    ATTACKED,
    CONTROL,
    KEYS,
    LOOKALIKE,
    MARK,
    NONE,
    RANDOM,
    RAREST,
    SEQUENCE,
    dose,
)
from companion.leximark.lab.detection import simulated_power
from companion.leximark.lab.quality import Quality
from companion.leximark.lab.run import QUESTIONS, SMOL, Run
from companion.leximark.sources import gains
from companion.stats import Interval, exact, over_seeds, p_value, proportion
from companion.verdicts import (
    FROM_BOOK,
    Measured,
    Open,
    Untested,
    Verdicts,
    above,
    below,
    within,
)

LEARNED = 0.1
"""Nats a token by which a text must have become likelier, or its arm was not trained."""

RECORDS = 6
"""Records a side that suffice, as the project page says."""

CLOSE = 0.8
"""The authors' own threshold of the cosine of a sentence with one word replaced."""

CHANCE = 0.1
"""How far from 0.5 a control may lie; five seeds of 60 documents alone give 0.07."""

ACCUSED = 0.05
"""Level at which an innocent model is accused."""

MARKS = {SEQUENCE: "protocol", LOOKALIKE: "record"}
"""Other marks -> the question of their protocol: letters have one plan for both halves."""

GAINS = "gains of 2.5 to 25.7 points in 42 pairs (project page); 69.1 to 94.8 on BookMIA"

verdicts = Verdicts()


# --------------------------------------------------------------------------- the paper's claims
@verdicts.claim(
    "C1",
    "LexiMark makes the texts that a model was trained on easier to tell from others.",
    of=PAPER,
    paper=GAINS,
    unit="AUROC",
    needs=("words",),
    uses=("smol",),
    region=above(0),
    criterion="AUROC of the authors' rule under their protocol (each half marked in a call of its "
    "own) minus that without a mark {}, over seeds; open if an arm was not trained",
    parts={SMOL: above(0)},
    replications=(SMOL,),
)
def gain(words, smol):
    return _both(words, smol, lambda run: _gain(run, MARK, "protocol"), (NONE, MARK))


@verdicts.claim(
    "C12",
    "LexiMark gives a higher AUROC than existing watermarks of training text.",
    of=PAPER,
    paper="significant improvements compared to existing methods (abstract)",
    unit="AUROC",
    needs=("words",),
    region=above(0),
    criterion="AUROC of the authors' rule minus that of another mark, each under its protocol, {}, "
    "over seeds of the word model: of a random sequence and of lookalike letters, the worse of "
    "which counts; open if an arm was not trained",
    scales=FROM_BOOK,
    elsewhere="the other marks are run at book scale",
)
def other_marks(words):
    _require(words, (MARK, "protocol"), *MARKS.items())
    _trained(words, NONE, MARK, *MARKS)
    told = ", ".join(
        f"{name} {_level(words, name, question)}"
        for name, question in ((MARK, "protocol"), *MARKS.items())
    )
    return Measured(_over_marks(words), note=told)


def _over_marks(run: Run) -> Interval:
    """LexiMark minus the mark that it beats by least."""
    marks = [(arm, question) for arm, question in MARKS.items() if run.has(arm, question)]
    found = [_difference(run, (MARK, "protocol"), one) for one in marks]
    return min(found, key=lambda one: one.high)


@verdicts.claim(
    "C13",
    "Replacing the rarest words of a sentence marks better than replacing random ones.",
    of=PAPER,
    paper="synonyms for carefully selected high-entropy words (abstract)",
    unit="AUROC",
    needs=("words",),
    region=above(0),
    criterion="AUROC with the five rarest words of each sentence replaced minus that with five "
    "random ones, each by its rarest synonym, {}, over seeds of the word model; open if an arm was "
    "not trained",
    scales=FROM_BOOK,
    elsewhere="random words are run at book scale",
)
def which_words(words):
    _require(words, (RAREST, "record"), (RANDOM, "record"))
    _trained(words, RAREST, RANDOM)
    told = ", ".join(
        f"{name} {_level(words, name, 'record')}, {_changed(words, name):.1%} of words changed"
        for name in (RAREST, RANDOM)
    )
    return Measured(_difference(words, (RAREST, "record"), (RANDOM, "record")), note=told)


@verdicts.claim(
    "C14",
    "The marked text keeps its meaning.",
    of=PAPER,
    paper="without altering the semantic integrity (abstract)",
    unit="share of sentences",
    needs=("qualities",),
    region=above(0.9),
    criterion="share of the changed sentences whose vector keeps a cosine of 0.8 with that of the "
    "original, the authors' own threshold for one word, {}, over seeds",
)
def meaning(qualities: Sequence[Quality]):
    shares = [float(np.mean(one.cosines >= CLOSE)) for one in qualities]
    cosines = over_seeds([float(one.cosines.mean()) for one in qualities])
    changed = over_seeds([float(one.shares.mean()) for one in qualities])
    return Measured(
        over_seeds(shares),
        note=f"mean cosine {measured_text(cosines)}, words replaced {measured_text(changed)}",
    )


@verdicts.claim(
    "C15",
    "The marked text reads as naturally as the original.",
    of=PAPER,
    paper="blending seamlessly into the text (abstract)",
    unit="× perplexity",
    needs=("smol",),
    region=below(1.25),
    criterion="perplexity a word under a SmolLM2-135M that saw none of the texts, marked over "
    "original, geometric mean over documents, {}, over seeds",
    scales=FROM_BOOK,
    elsewhere="SmolLM2-135M reads at book scale",
)
def fluency(smol):
    return Measured(over_seeds(perplexity_ratios(smol)))


@verdicts.claim(
    "C16",
    "The mark is difficult to detect without its key.",
    of=PAPER,
    paper="difficult to detect, no visible markers (abstract)",
    unit="AUROC",
    needs=("qualities",),
    region=below(0.6),
    criterion="AUROC of a detector that counts words rarer than one in a million, marked documents "
    "of one half against unmarked ones of the other, {}, over seeds; the same of two unmarked "
    "halves within 0.1 of 0.5",
    parts={"unmarked halves": within(0.5, CHANCE)},
)
def stealth(qualities: Sequence[Quality]):
    return Measured(
        over_seeds([one.seen for one in qualities]),
        {"unmarked halves": over_seeds([one.seen_unmarked for one in qualities])},
    )


@verdicts.claim(
    "C11",
    "The mark survives someone who replaces rare words again before training.",
    of=PAPER,
    paper="resistant to removal (abstract)",
    unit="AUROC",
    needs=("words",),
    region=above(0),
    criterion="AUROC under the authors' protocol, trained on a text whose five rarest words a "
    "sentence were replaced by random synonyms after marking, minus that without a mark {}, over "
    "seeds of the word model; open if the mark itself adds nothing, or an arm was not trained",
    scales=FROM_BOOK,
    elsewhere="removal is run at book scale",
)
def removal(words):
    _require(words, (ATTACKED, "protocol"), (MARK, "protocol"))
    _trained(words, NONE, MARK, ATTACKED)
    before = _gain(words, MARK, "protocol")
    if not before.low > 0:
        raise Open(f"the mark adds {measured_text(before)}: nothing is there to be removed")
    return Measured(
        _gain(words, ATTACKED, "protocol"), note=f"before removal {measured_text(before)}"
    )


@verdicts.claim(
    "C8",
    "Six records a side are enough to show that a marked text was trained on.",
    of=PAPER,
    paper="six records suffice (project page)",
    unit="power",
    needs=("words",),
    uses=("smol",),
    region=above(0.8),
    criterion="power of Welch's test (two-sided, 5 %, right direction) between six marked members "
    "and six marked others under the authors' protocol, {}, over seeds; open if an arm was not "
    "trained",
    parts={SMOL: above(0.8)},
    replications=(SMOL,),
)
def records(words, smol):
    return _both(words, smol, lambda run: over_seeds(powers(run, MARK, "protocol")), (NONE, MARK))


@verdicts.claim(
    "C17",
    "The mark adds 4.2 to 25.7 points of AUROC.",
    of=PAPER,
    on=PAPER,
    paper="AUROC gains of 4.2 to 25.7 points (README)",
    unit="points",
    needs=("printed",),
    region=above(4.15),
    criterion="smallest gain in the 42 pairs of the project page {} (rounded: 4.2), and the "
    "largest within 0.05 of 25.7",
    parts={"largest gain": within(25.7, 0.05)},
)
def printed_gains(printed: pd.DataFrame):
    found = gains(printed)
    least = found.loc[found.gain.idxmin()]
    below_it = int((found.gain < 4.15).sum())
    return Measured(
        exact(round(float(least.gain), 1), len(found)),
        {"largest gain": exact(round(float(found.gain.max()), 1))},
        f"smallest: {least.model} on {least.dataset}, {least.regime}; {below_it} of {len(found)} "
        "pairs gain less than 4.2",
    )


# --------------------------------------------------------------------------- our own checks
@verdicts.claim(
    "C2",
    "The mark helps to find the record itself, with one dictionary for both halves.",
    of=OURS,
    paper="not separated in the paper",
    unit="AUROC",
    needs=("words",),
    region=above(0),
    criterion="AUROC of the authors' rule with the dictionary of half A in both halves, minus that "
    "without a mark {}, over seeds of the word model; open if an arm was not trained",
)
def record_alone(words):
    _require(words, (MARK, "record"))
    _trained(words, NONE, MARK)
    return Measured(_gain(words, MARK, "record"), note=_levels(words, (NONE, MARK)))


@verdicts.claim(
    "C3",
    "Commoner synonyms make members harder to tell.",
    of=OURS,
    paper="rare words leave the deeper trace (abstract)",
    unit="AUROC",
    needs=("words",),
    region=below(0),
    criterion="AUROC with the five rarest words replaced by their commonest synonyms, minus that "
    "without a mark {}, over seeds of the word model; open if an arm was not trained",
)
def direction(words):
    _require(words, (CONTROL, "record"))
    _trained(words, NONE, CONTROL)
    return Measured(_gain(words, CONTROL, "record"))


@verdicts.claim(
    "C4",
    "Models that saw none of the texts cannot tell the halves apart.",
    of=OURS,
    paper="",
    unit="from 0.5",
    needs=("words",),
    uses=("smol",),
    region=below(CHANCE),
    criterion="distance from 0.5 of the AUROC of the untrained word model, without a mark, with "
    "LexiMark, and with two keys, farthest end of all intervals over seeds {}; SmolLM2's few "
    "documents cannot be that near, and stand in the note",
)
def untrained(words, smol):
    found = _untrained(words)
    worst = max(found, key=lambda name: (found[name].high, found[name].estimate))
    told = f"of {len(found)}, shown: {worst}"
    if not isinstance(smol, Missing):
        real = _untrained(smol)
        told += f"; {SMOL}: " + ", ".join(f"{k} {measured_text(v)}" for k, v in real.items())
    return Measured(found[worst], note=told)


def _untrained(run: Run) -> dict[str, Interval]:
    """Distance from 0.5 of the untrained model, by arm and question."""
    asked = ((NONE, "record"), (MARK, "record"), (MARK, "protocol"), (KEYS, "protocol"))
    return {
        f"{arm} ({question})": _distance(_level_of(run, arm, question, "base"))
        for arm, question in asked
        if run.has(arm, question)
    }


@verdicts.claim(
    "C6",
    "A model learns the secret dictionary: it prefers it on texts that it never saw.",
    of=OURS,
    paper="not in the paper",
    unit="AUROC",
    needs=("words",),
    uses=("smol",),
    region=above(0.5),
    criterion="AUROC of the held-out half under the trained key against itself under another key "
    "{}, over seeds; by the untrained model within 0.1 of 0.5; open if an arm was not trained",
    parts={SMOL: above(0.5), "untrained": within(0.5, CHANCE)},
    replications=(SMOL,),
)
def dictionary(words, smol):
    found = _both(words, smol, lambda run: _level_of(run, KEYS, "dictionary"), (NONE, KEYS))
    wins = over_seeds(words.win_rates(KEYS))
    return found._replace(
        parts={**found.parts, "untrained": _level_of(words, KEYS, "dictionary", "base")},
        note=f"{found.note}; members that score higher under their own key {measured_text(wins)}",
    )


@verdicts.claim(
    "C7",
    "With a secret key each further word a sentence adds to the AUROC of the protocol.",
    of=OURS,
    paper="K = 5 in the main tables",
    unit="AUROC per word",
    needs=("words",),
    region=above(0),
    criterion="least-squares slope of the AUROC on K, two keys, {}, over seeds of the word model",
    scales=FROM_BOOK,
    elsewhere="one K at toy scale",
)
def doses(words):
    k, levels = dose_levels(words)
    if len(k) < 2:
        raise Untested("one value of K was run")
    slopes = np.polyfit(k, levels, 1)[0]
    told = ", ".join(f"K = {n}: {row.mean():.3f}" for n, row in zip(k, levels, strict=True))
    return Measured(over_seeds(slopes), note=told)


@verdicts.claim(
    "C9",
    "A secret key shows that the marked text was trained on, without held-out documents.",
    of=OURS,
    paper="not in the paper",
    unit="keys",
    needs=("words",),
    uses=("smol",),
    region={
        "toy": below(0.05, closed=True, must_hold=True),
        **dict.fromkeys(FROM_BOOK, below(0.01, closed=True)),
    },
    criterion="largest rank p of the owner's key over the seeds of the word model {}; that of "
    "SmolLM2 at most 0.05; of innocent tests, by models trained on the unmarked texts, fewer than "
    "0.15 reach 5 % (Wilson interval)",
    parts={
        "p of SmolLM2": dict.fromkeys(FROM_BOOK, below(0.05, closed=True)),
        "innocent and accused": dict.fromkeys(FROM_BOOK, below(0.15)),
    },
)
def secret_key(words, smol):
    tests = [one.keyed for one in words.results]
    if any(test is None for test in tests):
        raise Untested("no keyed test was made")
    worst = max(tests, key=lambda test: test.p)
    innocent = np.concatenate([one.innocent for one in words.results])
    if isinstance(smol, Missing):
        real, told = smol, ""
    else:
        test = smol.results[0].keyed
        real = p_value(test.p, len(test.others))
        told = f", SmolLM2 {test.z:.1f} of {len(test.others)}"
    accused = int((innocent <= ACCUSED).sum())
    return Measured(
        p_value(worst.p, len(worst.others)),
        {"p of SmolLM2": real, "innocent and accused": proportion(accused, len(innocent))},
        f"the owner's key lies {min(t.z for t in tests):.1f} deviations or more above the others"
        f"{told}; {accused} of {len(innocent)} innocent tests reach 5 %",
    )


# --------------------------------------------------------------------------- what they share
def _both(words: Run, smol: Run | Missing, measure, arms: Sequence[str]) -> Measured:
    """A claim that the word model carries, and SmolLM2 repeats where it is there."""
    _trained(words, *arms)
    told = [f"word model: {_levels(words, arms)}"]
    again: Interval | Missing = Missing("")
    if not isinstance(smol, Missing):
        _trained(smol, *arms)
        again = measure(smol)
        told.append(f"{SMOL}: {_levels(smol, arms)}")
    return Measured(measure(words), {SMOL: again}, "; ".join(told))


def _levels(run: Run, arms: Sequence[str]) -> str:
    return ", ".join(f"{arm} {_level(run, arm, _asked(run, arm))}" for arm in arms)


def _asked(run: Run, arm: str) -> str:
    return "protocol" if run.has(arm, "protocol") else "record"


def _require(run: Run, *asked: tuple[str, str]) -> None:
    for arm, question in asked:
        if not run.has(arm, question):
            raise Untested(f"the arm {arm!r} was not run")


def _trained(run: Run, *arms: str) -> None:
    """Leave a claim open whose arms did not learn their texts."""
    for arm in arms:
        learned = [one.arms[arm].learned for one in run.results]
        if not min(learned) > LEARNED:
            raise Open(
                f"the arm {arm!r} of the {run.model} was not trained: its texts became likelier "
                f"by {min(learned):.2f} nats a token"
            )
    known = run.aurocs(NONE)
    if len(known) > 1 and not over_seeds(known).low > 0.5:
        raise Open(f"without a mark the {run.model} does not know its texts")


def _difference(run: Run, one: tuple[str, str], other: tuple[str, str]) -> Interval:
    """AUROC of (arm, question) minus another on the same documents, over seeds."""
    try:
        return over_seeds(run.aurocs(*one) - run.aurocs(*other))
    except ValueError:  # a score that is not finite
        return over_seeds([np.nan])


def _gain(run: Run, arm: str, question: str) -> Interval:
    return _difference(run, (arm, question), (NONE, "record"))


def _level_of(run: Run, arm: str, question: str, model: str = "trained") -> Interval:
    try:
        return over_seeds(run.aurocs(arm, question, model))
    except ValueError:
        return over_seeds([np.nan])


def _level(run: Run, arm: str, question: str) -> str:
    return measured_text(_level_of(run, arm, question))


def _changed(run: Run, arm: str) -> float:
    return float(np.mean([one.arms[arm].changed for one in run.results]))


def _distance(interval: Interval) -> Interval:
    """Distance of an AUROC from 0.5."""
    low, high = interval.low, interval.high
    ends = sorted((abs(low - 0.5), abs(high - 0.5)))
    nearest = 0.0 if low <= 0.5 <= high else ends[0]
    return Interval(abs(interval.estimate - 0.5), nearest, ends[1], n=interval.n)


def powers(run: Run, arm: str, question: str, n: int = RECORDS) -> np.ndarray:
    """Power of Welch's test with `n` records a side, per seed: (n_seeds,)."""
    pairs = run.pairs(arm, question)
    return np.array(
        [simulated_power(*pair, n, seed) for pair, seed in zip(pairs, run.seeds, strict=True)]
    )


def perplexity_ratios(run: Run) -> np.ndarray:
    """Perplexity a word of the marked over the unmarked half A, untrained model: (n_seeds,)."""
    return np.array(
        [float(np.exp((one.arms[MARK].nats - one.arms[NONE].nats).mean())) for one in run.results]
    )


def dose_levels(run: Run) -> tuple[list[int], np.ndarray]:
    """(K, AUROC of the protocol with two keys, (n_K, n_seeds)) of every K that was run."""
    there = [k for k in range(1, 21) if run.has(dose(k), "protocol")]
    return there, np.array([run.aurocs(dose(k), "protocol") for k in there])


# --------------------------------------------------------------------------- the record
def series(results) -> dict[str, object]:
    """What the first figure, the live figure, and the first sentences need."""
    runs = [run for run in (results.words, results.smol) if not isinstance(run, Missing)]
    rows = [
        (run, arm, question)
        for run in runs
        for arm in run.arms
        for question in QUESTIONS
        if run.has(arm, question)
    ]
    level, gained = [], []
    for run, arm, question in rows:
        level.append(_level_of(run, arm, question))
        gained.append(_gain(run, arm, question))
    record: dict[str, object] = {
        "aurocs": {
            "model": [run.model for run, _, _ in rows],
            "arm": [arm for _, arm, _ in rows],
            "question": [question for _, _, question in rows],
            **_columns("level", level),
            **_columns("gain", gained),
        }
    }
    if not isinstance(results.qualities, Missing):
        record["quality"] = {
            "what": ["words replaced", "dictionaries agree", "cosine"],
            **_columns(
                "mean",
                [
                    over_seeds([float(one.shares.mean()) for one in results.qualities]),
                    over_seeds([one.agree for one in results.qualities]),
                    over_seeds([float(one.cosines.mean()) for one in results.qualities]),
                ],
            ),
        }
    return record


def _columns(name: str, intervals: Sequence[Interval]) -> dict[str, list]:
    """An interval as three columns of a table; ends that are not known are None."""
    parts = {"": "estimate", "_low": "low", "_high": "high"}
    return {
        f"{name}{end}": [_short(getattr(one, field)) for one in intervals]
        for end, field in parts.items()
    }


def _short(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else float(f"{value:.5g}")
