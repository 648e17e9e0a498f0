"""What the paper claims, and what a run says of it; O1 to O6 are checks of our own.

Every measurement takes results of the notebook by name: ``learned`` (modules trained in the run),
``tie`` (the shipped module on synthetic tasks), ``table`` (prompting, and all methods on the
language model's vectors), ``pixels`` and ``sentences`` (all methods on digits and on sentence
vectors).  Differences are paired within a context, and the unit is a context.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from companion.claims import MODEL, OURS, PAPER, measured_text
from companion.data import Missing
from companion.stats import Interval, exact, over_seeds, t_interval
from companion.tart.lab.learned import ARMS, DRAWN, IDEAL, MODULE, WHITE, Tie
from companion.tart.lab.nulls import LOGISTIC, MEAN, NULLS, PENALIZED
from companion.tart.lab.real import difference, pick
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

verdicts = Verdicts()

MARGIN = 0.03
"""Accuracy that two methods may differ by and still count as equal: two or three of 80 queries."""

NEAR_CHANCE = 0.05
"""How far a control may be from one half; an interval that merely contained one half would pass
the more easily the fewer tasks there are."""

AT_CHANCE = {
    "toy": within(0.5, 2 * NEAR_CHANCE),
    **dict.fromkeys(FROM_BOOK, within(0.5, NEAR_CHANCE)),
}
"""Where a control that knows nothing has to be; few tasks leave its interval wide."""

CLOSED = 0.05
"""Accuracy by which a prompt may trail the probe when its gap is called closed: a third of the gap
that other contexts had shown."""

GAINED = 0.01
"""Accuracy that the ideal learner would have to gain before a better module could pay."""

MORE = 0.03
"""What more examples must add."""

APART = 0.03
"""Share of queries on which two chains may differ before the ideal learner's average is not
trusted."""

PROBE, PROMPT, OWN = (LOGISTIC, "LOO"), ("ICL", "prompt"), ("ICL, own examples", "prompt")
TASKS = ("SMS", "YouTube")
WITH_PENALTY = "share with C = 1, minus the one-line rule's"
GROUPS = ("SMS, LOO", "YouTube, LOO", "SMS, MiniLM", "YouTube, MiniLM")
"""Text sets by the model that made their vectors; LOO vectors are SmolLM2's."""


# --------------------------------------------------------------------------- the paper's claims
@verdicts.claim(
    "C1",
    "A Transformer that is trained on random classification tasks alone comes within 3 points of "
    "logistic regression on new ones.",
    of=PAPER,
    on=MODEL,
    paper="trained 'using only synthetic logistic regression tasks' (abstract)",
    unit="accuracy",
    needs=("learned",),
    region={"toy": below(0.12, must_hold=True), **dict.fromkeys(FROM_BOOK, below(MARGIN))},
    criterion="most examples: logistic regression minus module {}; module minus the one-line rule "
    "above 0 (from book scale on); without any example within 0.05 of one half; 95 % intervals "
    "over tasks",
    parts={
        "module minus the one-line rule": dict.fromkeys(FROM_BOOK, above(0)),
        "without an example": within(0.5, NEAR_CHANCE),
    },
)
def learns(learned):
    last = {arm: learned.curve.last(arm) for arm in (MODULE, LOGISTIC, MEAN, "knows w")}
    told = ", ".join(f"{name} {values.mean():.3f}" for name, values in last.items())
    return Measured(
        t_interval(last[LOGISTIC] - last[MODULE]),
        {
            "module minus the one-line rule": t_interval(last[MODULE] - last[MEAN]),
            "without an example": learned.controls.first,
        },
        f"{int(learned.curve.at[-1])} examples: {told}; mean of {len(learned.losses)} modules, "
        "whose training is not in the intervals",
    )


@verdicts.claim(
    "C3",
    "On the same examples a linear classifier on the frozen model's vectors beats its answers.",
    of=PAPER,
    paper="'LLM representations contain sufficient information to make good predictions' "
    "(abstract)",
    unit="accuracy",
    needs=("table",),
    region=above(0),
    criterion="logistic regression on leave-one-out vectors minus prompting {}, 95 % interval over "
    "contexts of both text sets, and on each alone",
    parts=dict.fromkeys(TASKS, above(0)),
    replications=TASKS,
)
def probe(table):
    gain = _known(difference(table, PROBE, PROMPT))
    return Measured(over_seeds(gain), _by_task(gain))


@verdicts.claim(
    "C4",
    "The module beats the prompt, and was trained on no text.",
    of=PAPER,
    paper="'improves performance' on 14 text tasks 'without any additional training' (abstract)",
    unit="accuracy",
    needs=("table",),
    region=above(0),
    criterion="module on leave-one-out vectors minus prompting {}, 95 % interval over contexts of "
    "both text sets, and on each alone",
    parts=dict.fromkeys(TASKS, above(0)),
    replications=TASKS,
)
def closes(table):
    gain = _known(difference(table, (MODULE, "LOO"), PROMPT))
    return Measured(over_seeds(gain), _by_task(gain))


@verdicts.claim(
    "C5",
    "One file of weights serves different frozen models: nowhere is it 3 points behind the best "
    "simple rule.",
    of=PAPER,
    paper="composed with 'an arbitrary real-world pre-trained model' (abstract)",
    unit="accuracy",
    needs=("table", "sentences"),
    region=above(-MARGIN),
    criterion="module minus the best simple rule on the same vectors {}, 95 % interval over "
    "contexts, on two text sets by a language model and by a sentence encoder; the lowest mean "
    "is shown. The accuracy itself measures the task, so it is not asked",
    parts=dict.fromkeys(GROUPS, above(-MARGIN)),
)
def serves(table, sentences):
    found, rivals = {}, {}
    for name, rows in _groups(table, sentences).items():
        best = max(NULLS, key=lambda null: pick(rows, null).mean())
        found[name] = over_seeds(_units(rows, MODULE, best))
        rivals[name] = best
    lowest = min(found, key=lambda name: found[name].estimate)
    parts = {name: found[name] if name != lowest else Missing("shown") for name in GROUPS}
    told = ", ".join(f"{name}: {best}" for name, best in rivals.items())
    line = {
        name: over_seeds(_units(rows, MEAN, rivals[name]))
        for name, rows in _groups(table, sentences).items()
        if rivals[name] != MEAN
    }
    return Measured(
        found[lowest],
        parts,
        f"lowest mean: {lowest}; best rule by data: {told}; the one-line rule minus the best, "
        f"where it is another: {_told(line) or 'nowhere'}",
    )


@verdicts.claim(
    "C6",
    "On real vectors the module decides more often as logistic regression does than as the "
    "one-line rule.",
    of=PAPER,
    paper="a reasoning module for 'simple probabilistic reasoning tasks', trained on logistic "
    "regression (abstract)",
    unit="share of queries",
    needs=("table", "sentences"),
    region=above(0),
    criterion="share of queries decided as logistic regression does, minus the share decided as "
    "the one-line rule does {}, without a penalty and with C = 1; open where the two fits "
    f"disagree; accuracy within {MARGIN} of logistic regression; 95 % intervals over contexts of "
    "two text sets by two models",
    parts={WITH_PENALTY: above(0), "accuracy minus logistic regression": within(0, MARGIN)},
)
def decides(table, sentences):
    groups = _groups(table, sentences)
    lead = {
        fit: over_seeds(
            np.concatenate([_units(rows, fit, MEAN, "agrees") for rows in groups.values()])
        )
        for fit in (LOGISTIC, PENALIZED)
    }
    gap = [_units(rows, MODULE, LOGISTIC) for rows in groups.values()]
    alike = {
        name: np.mean([pick(rows, arm, column="agrees").mean() for rows in groups.values()])
        for name, arm in (
            ("logistic regression without a penalty", LOGISTIC),
            ("with C = 1", PENALIZED),
            ("the one-line rule", MEAN),
        )
    }
    told = "decides " + ", ".join(f"as {name} {share:.3f}" for name, share in alike.items())
    # separable contexts have no fit without a penalty, so that one alone decides nothing
    sides = {((one.low or 0) > 0, (one.high or 0) < 0) for one in lead.values()}
    if len(sides) > 1:
        raise Open(
            f"more than as the one-line rule: without a penalty {measured_text(lead[LOGISTIC])}, "
            f"with C = 1 {measured_text(lead[PENALIZED])}: the two fits disagree; {told}"
        )
    return Measured(
        lead[LOGISTIC],
        {
            WITH_PENALTY: lead[PENALIZED],
            "accuracy minus logistic regression": over_seeds(np.concatenate(gap)),
        },
        told,
    )


@verdicts.claim(
    "C7",
    "Leave-one-out vectors serve the module better than those of one prompt.",
    of=PAPER,
    paper="leave-one-out embeddings are proposed in place of the 'vanilla' ones, no number that we "
    "could read",
    unit="accuracy",
    needs=("table",),
    region=above(0),
    criterion="module on leave-one-out vectors minus module on those of one prompt {}, 95 % "
    "interval over contexts of both text sets",
)
def leave_one_out(table):
    gain = _known(difference(table, (MODULE, "LOO"), (MODULE, "vanilla")))
    other = over_seeds(difference(table, PROBE, (LOGISTIC, "vanilla")))
    return Measured(
        over_seeds(gain), note=f"{_told(_by_task(gain))}; with the probe {measured_text(other)}"
    )


# --------------------------------------------------------------------------- ours
@verdicts.claim(
    "O1",
    "A threshold from its own examples leaves less than 5 points, and less than half, of the "
    "prompt's gap to the probe.",
    of=OURS,
    paper="not in what we could read",
    unit="accuracy",
    needs=("table",),
    region=below(CLOSED),
    criterion="logistic regression on leave-one-out vectors minus prompting with the median score "
    "of its own examples as threshold {}; the same less half of the gap to prompting as it is "
    "below 0; the threshold gains more than 0; 95 % intervals over contexts. A wrong threshold is "
    "the simplest reason for a gap, and the only one asked here",
    parts={"left, less half of the gap": below(0), "gained by the threshold": above(0)},
)
def threshold(table):
    left = {
        name: over_seeds(difference(table, PROBE, (method, "prompt")))
        for name, method in (
            ("contextual calibration", "ICL, contextual"),
            ("the median of the queries", "ICL, median"),
        )
    }
    stays, whole = _known(difference(table, PROBE, OWN)), difference(table, PROBE, PROMPT)
    return Measured(
        over_seeds(stays),
        {
            "left, less half of the gap": over_seeds(stays - whole / 2),
            "gained by the threshold": over_seeds(difference(table, OWN, PROMPT)),
        },
        f"left by {_told(left)}",
    )


@verdicts.claim(
    "O2",
    "Averaged over two text sets and two models, the best learner of the synthetic tasks gains "
    "less than one point over one line.",
    of=OURS,
    paper="not in what we could read",
    unit="accuracy",
    needs=("tie", "table", "sentences"),
    region=below(GAINED),
    criterion="ideal learner of eq. 2 minus the one-line rule {}, 95 % interval over contexts of "
    "two text sets by two models; on the synthetic tasks themselves, 32 examples, above 0.02",
    parts={"on synthetic tasks": above(0.02)},
)
def best_learner(tie, table, sentences):
    groups = _groups(table, sentences)
    gain = {name: _units(rows, IDEAL, MEAN) for name, rows in groups.items()}
    at = list(tie.k).index(32)
    drawn = tie.of(DRAWN, IDEAL) - tie.of(DRAWN, MEAN)
    apart = float(tie.apart[at])
    return Measured(
        over_seeds(np.concatenate(list(gain.values()))),
        {"on synthetic tasks": t_interval(drawn[:, at])},
        f"by data: {_told({k: over_seeds(v) for k, v in gain.items()})}; two chains differ on "
        f"{apart:.3f} of the synthetic queries",
        doubt="its two chains differ too often" if apart > APART else "",
    )


@verdicts.claim(
    "O3",
    "Eq. 5 alone takes more than half of logistic regression's lead away, on the same synthetic "
    "tasks.",
    of=OURS,
    on=MODEL,
    paper="not in what we could read",
    unit="accuracy",
    needs=("tie",),
    region=above(0),
    criterion="half of the lead over the one-line rule as the tasks are drawn, minus the lead "
    "after whitening {}, with 32 examples and, from book scale on, with 128; 95 % intervals over "
    "tasks",
    parts={"with 128 examples": dict.fromkeys(FROM_BOOK, above(0))},
)
def whitening(tie):
    leads = {name: tie.of(name, LOGISTIC) - tie.of(name, MEAN) for name in (DRAWN, WHITE)}
    taken = leads[DRAWN] / 2 - leads[WHITE]
    sizes = list(tie.k)
    told = "; ".join(
        f"{k} examples: {measured_text(over_seeds(leads[DRAWN][:, i]))} as drawn, "
        f"{measured_text(over_seeds(leads[WHITE][:, i]))} whitened"
        for i, k in enumerate(sizes)
    )
    most = over_seeds(taken[:, sizes.index(128)]) if 128 in sizes else Missing("not at this scale")
    return Measured(over_seeds(taken[:, sizes.index(32)]), {"with 128 examples": most}, told)


@verdicts.claim(
    "O4",
    "Without information accuracy is next to one half.",
    of=OURS,
    on=MODEL,
    paper="not in the paper",
    unit="change of a logit",
    needs=("learned",),
    region=below(0, closed=True, must_hold=True),
    criterion="turning the query's own label changes its logit by {}; turning the label before it "
    "by more than 0; accuracy with shuffled labels and of an untrained module within 0.05 of one "
    "half, 95 % intervals over tasks. With few examples the number of labels that are 1, which a "
    "shuffle keeps, says more, and few tasks say little: at toy scale both margins are 0.1",
    parts={
        "label of the example before": above(0),
        "shuffled labels": AT_CHANCE,
        "untrained module": AT_CHANCE,
    },
)
def controls(learned):
    found = learned.controls
    return Measured(
        exact(found.own_label),
        {
            "label of the example before": exact(found.other_label),
            "shuffled labels": t_interval(found.shuffled),
            "untrained module": t_interval(found.untrained),
        },
    )


@verdicts.claim(
    "O5",
    "On real vectors a one-line rule does as well as the module, within 3 points.",
    of=OURS,
    paper="not in what we could read",
    unit="accuracy",
    needs=("table", "sentences", "pixels"),
    region=within(0, MARGIN),
    criterion="module minus the one-line rule {}, 95 % interval over contexts of two text sets by "
    "two models, and on pixels of digits",
    parts={"pixels": within(0, MARGIN)},
)
def one_line(table, sentences, pixels):
    groups = _groups(table, sentences)
    gap = {name: _units(rows, MODULE, MEAN) for name, rows in groups.items()}
    digits = _units(pixels.table, MODULE, MEAN)
    ahead = [
        name
        for name, rows in {**groups, "pixels": pixels.table}.items()
        if all(over_seeds(_units(rows, MODULE, null)).low > 0 for null in NULLS)
    ]
    return Measured(
        over_seeds(np.concatenate(list(gap.values()))),
        {"pixels": over_seeds(digits)},
        f"by data: {_told({k: over_seeds(v) for k, v in gap.items()})}; above every simple rule: "
        f"{', '.join(ahead) or 'nowhere'}",
    )


@verdicts.claim(
    "O6",
    "More examples help the module.",
    of=OURS,
    paper="up to 256 examples (authors' code)",
    unit="accuracy",
    needs=("sentences",),
    scales=FROM_BOOK,
    elsewhere="needs contexts of 128 examples",
    region=above(MORE),
    criterion="sentence vectors: accuracy with 128 examples minus 18, within a context {} on both "
    "text sets, 95 % intervals; the less is shown",
    parts=dict.fromkeys(TASKS, above(MORE)),
)
def more(sentences):
    gain = {}
    for name, part in pick(sentences.table, MODULE).groupby(level="data", sort=False):
        wide = part.reset_index().pivot(index="seed", columns="k", values="accuracy")
        if {18, 128} - set(wide.columns):
            raise Untested("needs contexts of 18 and of 128 examples")
        gain[str(name)] = over_seeds((wide[128] - wide[18]).to_numpy())
    least = min(gain, key=lambda name: gain[name].estimate)
    parts = {name: gain[name] if name != least else Missing("shown") for name in TASKS}
    return Measured(gain[least], parts, f"less: {least}")


# --------------------------------------------------------------------------- readings
def tuning(table: pd.DataFrame) -> dict[str, Interval]:
    """Fine-tuned minus prompting, and minus the probe, on the contexts that were fine-tuned."""
    tuned = ("fine-tuned", "prompt")
    return {
        name: over_seeds(difference(table, tuned, other))
        for name, other in (("prompting", PROMPT), ("logistic regression", PROBE))
    }


def _groups(table: pd.DataFrame, sentences) -> dict[str, pd.DataFrame]:
    """Rows by text set and model: leave-one-out vectors of SmolLM2, and MiniLM's."""
    if "model" in table.columns:
        table = table[table["model"].isna()]  # the Hub's models are another module's
    found = {}
    for rows, vectors in ((table, "LOO"), (sentences.table, "MiniLM")):
        for task in TASKS:
            found[f"{task}, {vectors}"] = rows[
                (rows["data"] == task) & (rows["vectors"] == vectors)
            ]
    return found


def _units(rows: pd.DataFrame, a: str, b: str, column: str = "accuracy") -> np.ndarray:
    """Method a minus method b, mean over numbers of examples: one value a data set and seed."""
    first, second = (pick(rows, name, column=column) for name in (a, b))
    first, second = first.align(second, join="inner")
    return (first - second).groupby(level=["data", "seed"], sort=False).mean().to_numpy()


def _known(gap: pd.Series) -> pd.Series:
    """A difference; :class:`Untested` where no context has both methods."""
    if gap.empty:
        raise Untested("no context was read by both methods")
    return gap


def _by_task(gap: pd.Series) -> dict[str, Interval]:
    """Mean over contexts of each text set."""
    by = dict(iter(gap.groupby(level="data", sort=False)))
    return {task: over_seeds(by.get(task, [])) for task in TASKS}


def _told(parts: Mapping[str, Interval]) -> str:
    """Name and interval, one after the other."""
    return ", ".join(f"{name} {measured_text(value)}" for name, value in parts.items())


# --------------------------------------------------------------------------- the record
SHOWN = (
    "ICL",
    "ICL, contextual",
    "ICL, own examples",
    "fine-tuned",
    MEAN,
    LOGISTIC,
    MODULE,
)
"""Methods of the first figure, in its order."""


def series(results) -> dict[str, object]:
    """What the first figure and the first sentences need."""
    found: dict[str, object] = {}
    if not isinstance(results.table, Missing):
        found["methods"] = method_means(results.table)
        found["tuning"] = _columns(
            [
                {"minus": name, **_ends("gain", value)}
                for name, value in tuning(results.table).items()
            ]
        )
    settings = {}
    if not isinstance(results.tie, Missing):
        settings |= synthetic_gains(results.tie)
    if not isinstance(results.pixels, Missing):
        settings["pixels"] = _above_line(results.pixels.table)
    if not any(isinstance(one, Missing) for one in (results.table, results.sentences)):
        groups = _groups(results.table, results.sentences)
        settings |= {
            name.replace(", LOO", " SmolLM2").replace(",", ""): _above_line(rows)
            for name, rows in groups.items()
        }
    if settings:
        found["gains"] = _columns(
            [
                {"setting": name, "arm": arm, **_ends("gain", value)}
                for name, arms in settings.items()
                for arm, value in arms.items()
            ]
        )
    return found


def method_means(table: pd.DataFrame) -> dict[str, list]:
    """Accuracy by method and text set, mean over contexts; vectors are the leave-one-out ones."""
    if "model" in table.columns:
        table = table[table["model"].isna()]
    rows = table[table["vectors"].isin(["prompt", "LOO"])]
    found = []
    for task in TASKS:
        for method in SHOWN:
            values = pick(rows[rows["data"] == task], method)
            if len(values):
                found.append(
                    {
                        "data": task,
                        "method": method,
                        "n": len(values),
                        **_ends("accuracy", over_seeds(values)),
                    }
                )
    return _columns(found)


def synthetic_gains(tie: Tie, k: int = 32) -> dict[str, dict[str, Interval]]:
    """Gain over the one-line rule on the same synthetic tasks, drawn and whitened."""
    at = list(tie.k).index(k)
    return {
        f"synthetic {name}": {
            arm: over_seeds((tie.of(name, arm) - tie.of(name, MEAN))[:, at])
            for arm in ARMS
            if arm != MEAN
        }
        for name in (DRAWN, WHITE)
    }


def _above_line(rows: pd.DataFrame) -> dict[str, Interval]:
    """Gain of every other arm over the one-line rule."""
    return {arm: over_seeds(_units(rows, arm, MEAN)) for arm in ARMS if arm != MEAN}


def _ends(name: str, value: Interval) -> dict[str, float | None]:
    """An interval as three columns; ends that are not known are None."""
    ends = {"": value.estimate, "_low": value.low, "_high": value.high}
    return {
        f"{name}{end}": None if x is None or not np.isfinite(x) else round(float(x), 5)
        for end, x in ends.items()
    }


def _columns(rows: Sequence[Mapping[str, object]]) -> dict[str, list]:
    """Rows as columns, the way a record keeps a table."""
    return {name: [row[name] for row in rows] for name in rows[0]} if rows else {}
