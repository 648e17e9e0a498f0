"""Tables of the chapter's page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from companion.claims import measured_text
from companion.stats import over_seeds, t_interval
from companion.tables import styled
from companion.tart.lab.cells import Cell
from companion.tart.lab.learned import ARMS, MODULE, Learned, Tie
from companion.tart.lab.nulls import LOGISTIC, MEAN, NULLS, PENALIZED
from companion.tart.lab.real import VARIANTS, pick
from companion.tart.page.figures import words
from companion.tart.verdict import tuning

if TYPE_CHECKING:
    from numpy.typing import ArrayLike
    from pandas.io.formats.style import Styler

    from companion.tart.lab.shipped import ShippedHead

AS_TRAINED = next(iter(VARIANTS))
"""What the other variants are compared with."""


def curve_table(found: Learned) -> Styler:
    """Accuracy on synthetic tasks with the most examples, mean and 95 % interval over tasks."""
    curve = found.curve
    rows = [
        {
            "who": words(name),
            f"accuracy ↑, {int(curve.at[-1])} examples": measured_text(
                t_interval(curve.last(name))
            ),
        }
        for name in ("knows w", MODULE, *NULLS)
    ]
    return styled(pd.DataFrame(rows), "tart-curve")


def shipped_table(shipped: ShippedHead) -> Styler:
    """How the shipped module was made."""
    record, head = shipped.record, shipped.record["recipe"]["head"]
    stages = {
        "at the constant rate": record["constant"],
        "after the falling rate": record["falling"],
    }
    facts = {
        "dimensions, longest context": f"{head['d']}, {head['n_pairs'] - 1} examples",
        "width, blocks, heads": f"{head['n_embd']}, {head['n_layers']}, {head['n_heads']}",
        "parameters": f"{record['parameters']:,}",
        "steps, then at a falling rate": f"{record['steps']:,}, {record['falling_steps']:,}",
        **{
            f"on new tasks, {name}": f"{of['loss']:.3f} nats, {of['accuracy']:.1%} at the end"
            for name, of in stages.items()
        },
        "SHA-256 of the weights": str(record["sha256"])[:16] + "…",
    }
    frame = pd.DataFrame({"shipped module": list(facts), "value": list(facts.values())})
    return styled(frame, "tart-shipped")


def agreement_table(found: Tie, pixels: pd.DataFrame, *tables: pd.DataFrame) -> Styler:
    """How often each rule decides as the module does: synthetic tasks, and real vectors.

    On real vectors the mean over numbers of examples; the ideal learner is asked at some of them.
    The fit with a penalty is not asked on synthetic tasks.
    """
    rows = [
        {
            "data": "synthetic",
            "examples": f"{k}",
            **{words(arm): _share(found.agrees[arm][:, i]) for arm in ARMS if arm != MODULE},
            words(PENALIZED): "",
        }
        for i, k in enumerate(found.k)
    ]
    for table in (pixels, *tables):
        kept = table[~table["vectors"].isin(["prompt", "stream", "vanilla"])]
        for (data, vectors), part in kept.groupby(["data", "vectors"], sort=False):
            arms = [*(arm for arm in ARMS if arm != MODULE), PENALIZED]
            told = {arm: pick(part, arm, column="agrees").dropna() for arm in arms}
            means = {arm: values.groupby(level="seed").mean() for arm, values in told.items()}
            least, most = part["k"].min(), part["k"].max()
            rows.append(
                {
                    "data": f"{data}, {vectors.replace('LOO', 'SmolLM2')}",
                    "examples": f"{least}" if least == most else f"{least} to {most}",
                    **{words(arm): _share(values) for arm, values in means.items()},
                }
            )
    return styled(pd.DataFrame(rows), "tart-agreement")


def _share(values: ArrayLike) -> str:
    """Mean of shares with its interval, which ends at 1."""
    found = over_seeds(values)
    return measured_text(found if found.high is None else found._replace(high=min(1, found.high)))


def answers_table(cells: Sequence[Cell]) -> Styler:
    """What the prompted model said, by text set: answers that are no label, and label bias."""
    rows = [
        {
            "data": cell.task,
            "exact": cell.answers.exact(cell.query_labels),
            "no label (%)": 100 * cell.answers.unparsed,
            "says positive (%)": 100 * (cell.answers.score > 0).mean(),
            "own threshold": cell.answers.from_examples(cell.query_labels),
            "median of the queries": cell.answers.median(cell.query_labels),
        }
        for cell in cells
    ]
    means = pd.DataFrame(rows).groupby("data", sort=False, as_index=False).mean()
    shares = dict.fromkeys(("no label (%)", "says positive (%)"), "{:.0f}")
    numbers = dict.fromkeys(("exact", "own threshold", "median of the queries"), "{:.3f}")
    return styled(means, "tart-answers", shares | numbers)


def protocol_table(table: pd.DataFrame) -> Styler:
    """Accuracy by protocol: the one-line rule, logistic regression and the module."""
    shown = table[table["method"].isin([MEAN, LOGISTIC, MODULE]) & (table["vectors"] != "prompt")]
    wide = shown.pivot_table(
        index=["data", "method"], columns="vectors", values="accuracy", sort=False
    ).reset_index()
    wide["method"] = wide["method"].map(words)
    names = [n for n in ("stream", "vanilla", "LOO") if n in wide.columns]
    return styled(
        wide[["data", "method", *names]], "tart-protocols", dict.fromkeys(names, "{:.3f}")
    )


def tuning_table(table: pd.DataFrame) -> Styler:
    """Accuracy of the fine-tuned model minus two others, on the contexts that were fine-tuned."""
    rows = [
        {"fine-tuned minus": name, "accuracy": measured_text(value)}
        for name, value in tuning(table).items()
    ]
    return styled(pd.DataFrame(rows), "tart-tuning")


def variants_table(table: pd.DataFrame) -> Styler:
    """Accuracy as trained, and what each other variant changes it by, paired within a context.

    The module, and two simple rules on the same coordinates; means over contexts of all data sets.
    """
    wide = table.pivot_table(
        index=["data", "seed"], columns=["variant", "method"], values="accuracy", sort=False
    )
    rows = []
    for variant in wide.columns.unique("variant"):
        row = {"variant": variant if variant == AS_TRAINED else f"{variant}: change"}
        for method in wide.columns.unique("method"):
            values = wide[variant][method] - (variant != AS_TRAINED) * wide[AS_TRAINED][method]
            row[words(method)] = measured_text(over_seeds(values))
        rows.append(row)
    return styled(pd.DataFrame(rows), "tart-variants")


def orders_table(table: pd.DataFrame) -> Styler:
    """How much the order of the same examples matters."""
    rows = [
        {
            "data": data,
            "sd of the probability": measured_text(over_seeds(part["spread"])),
            "answers that some order turns": measured_text(over_seeds(part["turned"])),
            "accuracy, best order minus worst": measured_text(
                over_seeds(part["best"] - part["worst"])
            ),
        }
        for data, part in table.groupby("data", sort=False)
    ]
    return styled(pd.DataFrame(rows), "tart-orders")
