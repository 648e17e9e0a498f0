"""What the paper claims, and what a run says of it; six checks of our own.

C1, C8, and C11 to C17 are the paper's; C2, C3, C4, C6, C7, and C9 ours.

Every measurement takes results of the notebook by name: ``words`` and ``smol``, the runs of the
word model and of SmolLM2-135M (missing at toy scale), ``qualities`` of the marked texts, one a
seed, and ``printed``, the tables of the project page.

All intervals are t intervals over seeds; a seed has random halves and trainings of its own.

What the paper says of language models, the word model may support and not refute; what it says of
texts that a language model helped to mark, a thesaurus may support and not refute.  Such claims are
open where the stand-in speaks against them (:func:`_stand_in`).  C1 is asked of SmolLM2, a language
model, and repeated by the word model; C8 and C17 of the numbers that the authors print.
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
)
from companion.leximark.lab.detection import POWER
from companion.leximark.lab.quality import Quality
from companion.leximark.lab.run import SMOL, WORDS, Run
from companion.leximark.lab.summary import (
    CLOSE,
    changed,
    difference,
    distance,
    dose_levels,
    gain,
    level,
    level_text,
    levels_text,
    not_learned,
    perplexity_ratios,
    powers,
    predicted_powers,
)
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

RECORDS = 6
"""Records a side that suffice, as the project page says."""

KEPT, NATURAL, UNSEEN = 0.9, 1.25, 0.6
"""Share of sentences that keep their meaning, perplexity ratio, and a detector's AUROC."""

CHANCE = 0.1
"""How far from 0.5 a control may lie; five seeds of 60 documents alone give 0.07."""

ROOM = 0.1
"""How far a simulated power may lie from that of eq. 7."""

ACCUSED = 0.05
"""Level at which an innocent model is accused."""

MARKS = {SEQUENCE: "protocol", LOOKALIKE: "record"}
"""Other marks -> the question of their protocol: letters have one plan for both halves."""

GAINS = "gains of 2.5 to 25.7 points in 42 pairs (project page); 69.1 to 94.8 on BookMIA"

SMALL = "in the word model, which refutes nothing of a language model"
OLD_WORDS = "with a thesaurus, which refutes nothing of words that a language model finds"
"""Stand-ins, as a note names them."""

verdicts = Verdicts()


# --------------------------------------------------------------------------- the paper's claims
@verdicts.claim(
    "C1",
    "LexiMark makes the texts that a model was trained on easier to tell from others.",
    of=PAPER,
    paper=GAINS,
    unit="AUROC",
    needs=("smol", "words"),
    region=above(0),
    criterion="SmolLM2-135M: AUROC of the authors' rule under their protocol (each half marked in "
    "a call of its own) minus that without a mark {}, over seeds; the word model repeats it; open "
    "if an arm was not trained",
    parts={WORDS: above(0)},
    replications=(WORDS,),
    scales=FROM_BOOK,
    elsewhere="SmolLM2-135M is trained at book scale",
)
def added(smol, words):
    for run in (smol, words):
        _trained(run, NONE, MARK)
    return Measured(
        gain(smol, MARK, "protocol"),
        {WORDS: gain(words, MARK, "protocol")},
        "; ".join(f"{run.model}: {levels_text(run, (NONE, MARK))}" for run in (smol, words)),
    )


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
    "which counts; open if it is below 0, or an arm was not trained",
    scales=FROM_BOOK,
    elsewhere="the other marks are run at book scale",
)
def other_marks(words):
    _require(words, (MARK, "protocol"), *MARKS.items())
    _trained(words, NONE, MARK, *MARKS)
    told = ", ".join(
        f"{name} {level_text(words, name, question)}"
        for name, question in ((MARK, "protocol"), *MARKS.items())
    )
    found = [difference(words, (MARK, "protocol"), one) for one in MARKS.items()]
    worst = min(found, key=lambda one: one.high)
    return _stand_in(Measured(worst, note=told), SMALL, worst.high < 0)


@verdicts.claim(
    "C13",
    "Replacing the rarest words of a sentence marks better than replacing random ones.",
    of=PAPER,
    paper="synonyms for carefully selected high-entropy words (abstract)",
    unit="AUROC",
    needs=("words",),
    region=above(0),
    criterion="AUROC with the five rarest words of each sentence replaced minus that with five "
    "random ones, each by its rarest synonym, {}, over seeds of the word model; open if it is "
    "below 0, or an arm was not trained",
    scales=FROM_BOOK,
    elsewhere="random words are run at book scale",
)
def which_words(words):
    _require(words, (RAREST, "record"), (RANDOM, "record"))
    _trained(words, RAREST, RANDOM)
    told = ", ".join(
        f"{name} {level_text(words, name, 'record')}, {changed(words, name):.1%} of words changed"
        for name in (RAREST, RANDOM)
    )
    found = difference(words, (RAREST, "record"), (RANDOM, "record"))
    return _stand_in(Measured(found, note=told), SMALL, found.high < 0)


@verdicts.claim(
    "C14",
    "The marked text keeps its meaning.",
    of=PAPER,
    paper="without altering the semantic integrity (abstract)",
    unit="share of sentences",
    needs=("qualities",),
    region=above(KEPT),
    criterion="share of the changed sentences whose vector keeps a cosine of 0.8 with that of the "
    "original, the authors' own threshold for one word, {}, over seeds; open if a thesaurus does "
    "not keep it",
)
def meaning(qualities: Sequence[Quality]):
    kept = over_seeds([float(np.mean(one.cosines >= CLOSE)) for one in qualities])
    cosines = over_seeds([float(one.cosines.mean()) for one in qualities])
    shares = over_seeds([float(one.shares.mean()) for one in qualities])
    told = f"mean cosine {measured_text(cosines)}, words replaced {measured_text(shares)}"
    return _stand_in(Measured(kept, note=told), OLD_WORDS, kept.high < KEPT)


@verdicts.claim(
    "C15",
    "The marked text reads as naturally as the original.",
    of=PAPER,
    paper="blending seamlessly into the text (abstract)",
    unit="× perplexity",
    needs=("smol",),
    region=below(NATURAL),
    criterion="perplexity a word under a SmolLM2-135M that saw none of the texts, marked over "
    "original, geometric mean over documents, {}, over seeds; open if a thesaurus raises it more",
    scales=FROM_BOOK,
    elsewhere="SmolLM2-135M reads at book scale",
)
def fluency(smol):
    found = over_seeds(perplexity_ratios(smol))
    return _stand_in(Measured(found), OLD_WORDS, found.low > NATURAL)


@verdicts.claim(
    "C16",
    "The mark is difficult to detect without its key.",
    of=PAPER,
    paper="difficult to detect, no visible markers (abstract)",
    unit="AUROC",
    needs=("qualities",),
    region=below(UNSEEN),
    criterion="AUROC of a detector that counts words rarer than one in a million, marked documents "
    "of one half against unmarked ones of the other, {}, over seeds; the same of two unmarked "
    "halves within 0.1 of 0.5; open if a thesaurus is seen",
    parts={"unmarked halves": within(0.5, CHANCE)},
)
def stealth(qualities: Sequence[Quality]):
    seen = over_seeds([one.seen for one in qualities])
    halves = over_seeds([one.seen_unmarked for one in qualities])
    told = f"unmarked halves {measured_text(halves)}" if seen.low > UNSEEN else ""
    found = Measured(seen, {"unmarked halves": halves}, told)
    return _stand_in(found, OLD_WORDS, seen.low > UNSEEN)


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
    "seeds of the word model; open if it is below 0, if the mark itself adds nothing, or if an arm "
    "was not trained",
    scales=FROM_BOOK,
    elsewhere="removal is run at book scale",
)
def removal(words):
    _require(words, (ATTACKED, "protocol"), (MARK, "protocol"))
    _trained(words, NONE, MARK, ATTACKED)
    before = gain(words, MARK, "protocol")
    if not before.low > 0:
        raise Open(f"the mark adds {measured_text(before)}: nothing is there to be removed")
    left = gain(words, ATTACKED, "protocol")
    told = f"before removal {measured_text(before)}"
    return _stand_in(Measured(left, note=told), SMALL, left.high < 0)


@verdicts.claim(
    "C8",
    "Six records a side are enough to show that a marked text was trained on.",
    of=PAPER,
    on=PAPER,
    paper="six records suffice (project page)",
    unit="share of pairs",
    needs=("printed", "words"),
    uses=("smol",),
    region=above(0.5),
    criterion="share of the 42 printed AUROCs with the mark at which, by eq. 7, Welch's test "
    "(two-sided, 5 %) on six records a side has a power of 0.8 at least, {}; open if eq. 7 and a "
    "simulation on the word model's scores may differ by more than 0.1 (interval over seeds)",
)
def records(printed: pd.DataFrame, words: Run, smol: Run | Missing):
    reached = predicted_powers(gains(printed)["LexiMark"].to_numpy() / 100, RECORDS)
    enough = int((reached >= POWER).sum())
    told = [f"{enough} of {len(reached)}, power {reached.min():.2f} or more"]
    for run in (words, smol):
        if not isinstance(run, Missing):
            there = powers(run, MARK, "protocol", RECORDS)
            told.append(f"ours, {run.model}: power {measured_text(over_seeds(there))}")
    simulated = powers(words, MARK, "protocol", RECORDS)
    off = over_seeds(simulated - predicted_powers(words.aurocs(MARK, "protocol"), RECORDS))
    told.append(f"simulated less eq. 7: {measured_text(off)}")
    if not (off.low > -ROOM and off.high < ROOM):
        raise Open("; ".join(told))
    return Measured(exact(enough / len(reached), len(reached)), note="; ".join(told))


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
    "With one dictionary for both halves the mark helps to find a record in a word model.",
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
    return Measured(gain(words, MARK, "record"), note=levels_text(words, (NONE, MARK)))


@verdicts.claim(
    "C3",
    "Commoner synonyms make the members of a word model harder to tell.",
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
    return Measured(gain(words, CONTROL, "record"))


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
    "LexiMark, and with two keys, farthest end of all intervals over seeds {}; SmolLM2 repeats it",
    parts={SMOL: below(CHANCE)},
    replications=(SMOL,),
)
def untrained(words, smol):
    worst, name = _untrained(words)
    again: Interval | Missing = Missing("")
    told = f"shown: {name}"
    if not isinstance(smol, Missing):
        again, name = _untrained(smol)
        told += f"; of {SMOL}: {name}"
    return Measured(worst, {SMOL: again}, told)


def _untrained(run: Run) -> tuple[Interval, str]:
    """Distance from 0.5 of the untrained model where it may be farthest, and where that is."""
    asked = ((NONE, "record"), (MARK, "record"), (MARK, "protocol"), (KEYS, "protocol"))
    found = {
        f"{arm} ({question})": distance(level(run, arm, question, "base"))
        for arm, question in asked
        if run.has(arm, question)
    }
    worst = max(found, key=lambda name: (found[name].high, found[name].estimate))
    return found[worst], worst


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
    told, again = [], Missing("")
    for run in (words, smol):
        if not isinstance(run, Missing):
            _trained(run, NONE, KEYS)
            told.append(f"{run.model}: {levels_text(run, (NONE, KEYS))}")
    if not isinstance(smol, Missing):
        again = level(smol, KEYS, "dictionary")
    told.append(
        "members that score higher under their own key "
        + measured_text(over_seeds(words.win_rates(KEYS)))
    )
    before = level(words, KEYS, "dictionary", "base")
    return Measured(
        level(words, KEYS, "dictionary"), {SMOL: again, "untrained": before}, "; ".join(told)
    )


@verdicts.claim(
    "C7",
    "With secret keys each further word a sentence adds to a word model's AUROC.",
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
    criterion="largest rank p of the owner's key over the seeds of the word model {}; over those "
    "of SmolLM2 that were tested at most 0.05; of innocent tests, by models trained on the "
    "unmarked texts, fewer than 0.15 reach 5 % (Wilson interval)",
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
        made = [one.keyed for one in smol.results if one.keyed is not None]
        test = max(made, key=lambda test: test.p)
        real = p_value(test.p, len(test.others))
        told = f", in {len(made)} trainings of SmolLM2 {min(t.z for t in made):.1f}"
    accused = int((innocent <= ACCUSED).sum())
    return Measured(
        p_value(worst.p, len(worst.others)),
        {"p of SmolLM2": real, "innocent and accused": proportion(accused, len(innocent))},
        f"the owner's key lies {min(t.z for t in tests):.1f} deviations or more above the others"
        f"{told}; {accused} of {len(innocent)} innocent tests reach 5 %",
    )


# --------------------------------------------------------------------------- what they share
def _stand_in(found: Measured, stand_in: str, is_contrary: bool) -> Measured:
    """Leave a claim of the paper open that a stand-in speaks against."""
    if is_contrary:
        raise Open(
            "; ".join(filter(None, (f"{measured_text(found.value)} {stand_in}", found.note)))
        )
    return found


def _require(run: Run, *asked: tuple[str, str]) -> None:
    for arm, question in asked:
        if not run.has(arm, question):
            raise Untested(f"the arm {arm!r} was not run")


def _trained(run: Run, *arms: str) -> None:
    """Leave a claim open whose arms did not learn their texts."""
    if reason := not_learned(run, arms):
        raise Open(reason)
