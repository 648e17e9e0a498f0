"""Tables of the chapter's page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from companion.claims import measured_text
from companion.stats import t_interval
from companion.tables import styled
from companion.tart.lab.cells import Cell
from companion.tart.lab.nulls import NULLS
from companion.tart.lab.real import MODULE
from companion.tart.lab.synthetic import Curve, Live, Noise

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler

    from companion.tart.lab.shipped import ShippedHead

SYNTHETIC = ("knows w", MODULE, *NULLS)


def live_table(live: Live) -> Styler:
    """What was trained in this run."""
    config = live.recipe.head
    rows = [
        {
            "seed": i,
            "dimensions": config.d,
            "pairs": config.n_pairs,
            "parameters": sum(p.numel() for p in head.parameters()),
            "steps": len(history.losses),
            "first loss": history.losses[:20].mean(),
            "last loss": history.losses[-100:].mean(),
        }
        for i, (head, history) in enumerate(zip(live.heads, live.histories, strict=True))
    ]
    formats = {"parameters": "{:,}", "steps": "{:,}", "first loss": "{:.3f}", "last loss": "{:.3f}"}
    return styled(pd.DataFrame(rows), "tart-live", formats)


def curve_table(curve: Curve) -> Styler:
    """Accuracy on synthetic tasks with the most examples, mean and 95 % interval over tasks."""
    k = int(curve.k[-1])
    rows = [
        {"who": name, f"accuracy ↑, {k} examples": measured_text(t_interval(curve.last(name)))}
        for name in SYNTHETIC
        if name in curve.accuracy
    ]
    return styled(pd.DataFrame(rows), "tart-curve")


def noise_table(found: Noise) -> Styler:
    """Error by noise level, one row per method."""
    columns = [f"α = {a:g}" for a in found.alphas]
    arms = [name for name in SYNTHETIC if name in found.error]
    frame = pd.DataFrame([found.error[a].mean(0) for a in arms], columns=columns)
    frame.insert(0, "error ↓", arms)
    return styled(frame, "tart-noise", dict.fromkeys(columns, "{:.3f}"))


def synthetic_table(curve: Curve) -> Styler:
    """The shipped module and the null models on synthetic tasks, one column per size."""
    columns = [f"k = {int(k)}" for k in curve.k]
    arms = [name for name in SYNTHETIC if name in curve.accuracy]
    rows = [
        [name, *(measured_text(t_interval(v)) for v in curve.accuracy[name].T)] for name in arms
    ]
    return styled(pd.DataFrame(rows, columns=["accuracy ↑", *columns]), "tart-synthetic")


def shipped_table(shipped: ShippedHead) -> Styler:
    """How the shipped module was made."""
    record, head = shipped.record, shipped.record["recipe"]["head"]
    facts = {
        "dimensions, longest context": f"{head['d']}, {head['n_pairs'] - 1} examples",
        "width, blocks, heads": f"{head['n_embd']}, {head['n_layers']}, {head['n_heads']}",
        "parameters": f"{record['parameters']:,}",
        "steps": f"{record['steps']:,}",
        "seed": str(record["seed"]),
        "trained on": f"{record['device']} ({record['machine']}), torch {record['torch']}",
        "last loss": f"{shipped.losses[-1, 1]:.3f} nats",
        "SHA-256 of the weights": str(record["sha256"])[:16] + "…",
    }
    frame = pd.DataFrame({"shipped module": list(facts), "value": list(facts.values())})
    return styled(frame, "tart-shipped")


def method_means(table: pd.DataFrame, name: str) -> Styler:
    """Mean accuracy of every method, one row per method, one column per data set and k."""
    order = ["ICL", "ICL, contextual", "ICL, median", "ICL, words swapped", *NULLS, MODULE]
    shown = table[table["method"].isin(order)]
    if (shown["vectors"] == "LOO").any():
        shown = shown[shown["vectors"].isin(["prompt", "LOO"])]
    wide = shown.pivot_table(index="method", columns=["data", "k"], values="accuracy", sort=False)
    wide = wide.reindex([m for m in order if m in wide.index])
    wide.columns = [f"{data}, k = {k}" for data, k in wide.columns]
    formats = dict.fromkeys(wide.columns, "{:.3f}")
    return styled(wide.rename_axis("accuracy ↑").reset_index(), name, formats)


def published_means(published: Mapping[str, object] | None, series: str) -> Styler | None:
    """The same of a series of the published record; None where the record has none."""
    told = (published or {}).get("series", {}).get(series)
    return None if told is None else method_means(pd.DataFrame(told), f"tart-published-{series}")


def protocol_table(table: pd.DataFrame) -> Styler:
    """Logistic regression, mean difference and the module by protocol."""
    shown = table[
        table["method"].isin(["mean difference", "logistic", MODULE])
        & (table["vectors"] != "prompt")
    ]
    wide = shown.pivot_table(
        index=["data", "k", "method"], columns="vectors", values="accuracy", sort=False
    ).reset_index()
    names = [n for n in ("stream", "vanilla", "LOO") if n in wide.columns]
    return styled(
        wide[["data", "k", "method", *names]], "tart-protocols", dict.fromkeys(names, "{:.3f}")
    )


def answers_table(cells: Sequence[Cell]) -> Styler:
    """What the prompted model said: accuracy, answers that are no label, and label bias."""
    rows = [
        {
            "task": cell.task,
            "k": cell.k,
            "seed": cell.seed,
            "exact": cell.answers.exact(cell.query_labels),
            "no label (%)": 100 * cell.answers.unparsed,
            "says positive (%)": 100 * (cell.answers.score > 0).mean(),
            "median threshold": cell.answers.median(cell.query_labels),
        }
        for cell in cells
    ]
    formats = {
        "exact": "{:.2f}",
        "no label (%)": "{:.0f}",
        "says positive (%)": "{:.0f}",
        "median threshold": "{:.2f}",
    }
    return styled(pd.DataFrame(rows), "tart-answers", formats)


def variants_table(table: pd.DataFrame) -> Styler:
    """Accuracy by variant: the module, and two null models on the same coordinates."""
    table = table[table["method"].isin([MODULE, "mean difference", "logistic"])]
    keys = ["variant", "method"]
    means = table.groupby([*keys, "data"], sort=False)["accuracy"].mean().unstack(sort=False)
    means = means.reset_index()
    numbers = [name for name in means.columns if name not in keys]
    return styled(means, "tart-variants", dict.fromkeys(numbers, "{:.3f}"))


def orders_table(table: pd.DataFrame) -> Styler:
    """How much the order of the same examples matters."""
    means = table.groupby("data", sort=False, as_index=False).mean(numeric_only=True)
    means = means.drop(columns="seed")
    means["turned"] *= 100
    means = means.rename(
        columns={
            "spread": "sd of the probability",
            "turned": "turned (%)",
            "best": "best order",
            "worst": "worst order",
        }
    )
    formats = {
        "sd of the probability": "{:.3f}",
        "turned (%)": "{:.1f}",
        "best order": "{:.3f}",
        "worst order": "{:.3f}",
    }
    return styled(means, "tart-orders", formats)
