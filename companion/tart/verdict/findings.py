"""What a run found: all results together, the verdict of every claim, the series of the record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from companion.claims import Finding, not_tested
from companion.data import Missing
from companion.tart.lab.real import MODULE, pick
from companion.tart.lab.synthetic import Controls, Curve, Noise
from companion.tart.verdict import claims, evidence
from companion.tart.verdict.evidence import (
    closes,
    digits_only,
    fine,
    leave_one_out,
    modalities,
    more,
    null,
    same,
)

NO_MODULE = "the shipped reasoning module has not been trained yet (companion make tart head)"


@dataclass(frozen=True)
class Results:
    """Everything that the notebook computed; parts of real data may be a ``Missing``.

    curve, noise, controls : of synthetic tasks; shipped : curve of the shipped module
    long : curve of the paper's module, at paper scale
    cells : prompting and all methods on the language model's vectors
    tuned : accuracy of the fine-tuned model; stream, digits : tables of methods
    hub : the paper scale's table of cells; media : that of image and sound models
    """

    curve: Curve
    noise: Noise
    controls: Controls
    cells: pd.DataFrame | Missing
    tuned: pd.DataFrame | Missing
    stream: pd.DataFrame | Missing
    digits: pd.DataFrame
    shipped: Curve | Missing
    long: Curve | Missing
    hub: pd.DataFrame | Missing
    media: pd.DataFrame | Missing


def _has_module(table: pd.DataFrame) -> bool:
    return bool((table["method"] == MODULE).any())


def _judged(
    name: str, scale: str, function: Callable[..., Finding], *tables: object, module: bool
) -> Finding:
    """``function(scale, *tables)``, or `not tested` with the reason of what is missing."""
    claim = claims.BY_ID[name]
    if scale not in claim.criteria:
        return not_tested(claim, scale, f"reported, not judged, at {scale} scale")
    for table in tables:
        if isinstance(table, Missing):
            return not_tested(claim, scale, table.reason)
        if module and not _has_module(table):
            return not_tested(claim, scale, NO_MODULE)
    return function(scale, *tables)


def evaluate(results: Results, scale: str) -> list[Finding]:
    """One finding per claim, in the order of ``CLAIMS``."""
    text, tables = results.hub if scale == "paper" else results.cells, _real_tables(results, scale)
    return [
        evidence.learns(scale, results.curve, results.controls, results.long),
        _judged(
            "2",
            scale,
            lambda s, t: fine(s, t, results.cells, results.tuned),
            text,
            module=False,
        ),
        _judged("3", scale, closes, text, module=True),
        _judged("4", scale, lambda s, *t: same(s, t, results.shipped), *tables, module=True),
        _modalities(scale, results),
        _judged("6", scale, more, results.stream, module=True),
        _judged("7", scale, leave_one_out, text, module=False),
        evidence.controls(scale, results.controls),
        _judged("null", scale, lambda s, *t: null(s, t), *tables, module=True),
    ]


def _real_tables(r: Results, scale: str) -> list[pd.DataFrame]:
    """What claims 4 and `null` pool: all tables of real vectors that are there."""
    tables = [r.digits, r.stream, r.cells]
    if scale == "paper":
        tables += [r.hub, r.media]
    return [table for table in tables if not isinstance(table, Missing)]


def _modalities(scale: str, r: Results) -> Finding:
    if scale == "toy":
        return _judged("5", scale, digits_only, r.digits, module=True)
    tables = [r.digits, r.cells, r.stream] + ([r.hub, r.media] if scale == "paper" else [])
    return _judged("5", scale, modalities, *tables, module=True)


def series(results: Results) -> dict[str, object]:
    """What the published figures need, small enough for a record."""
    found: dict[str, object] = {
        "curve": _curve(results.curve),
        "noise": {
            "alphas": results.noise.alphas.tolist(),
            "error": {arm: _rounded(v.mean(0)) for arm, v in results.noise.error.items()},
        },
    }
    if not isinstance(results.shipped, Missing):
        found["shipped"] = _curve(results.shipped)
    if not isinstance(results.cells, Missing):
        found["swapped"] = _swapped(results.cells)
    for name in ("cells", "stream", "digits", "hub", "media"):
        table = getattr(results, name)
        if not isinstance(table, Missing):
            found[name] = _means(table)
    if not isinstance(results.tuned, Missing):
        found["tuned"] = [
            {
                "data": data,
                "k": int(rows["k"].iloc[0]),
                "n": len(rows),
                "accuracy": round(rows["accuracy"].mean(), 4),
            }
            for data, rows in results.tuned.groupby("data", sort=False)
        ]
    return found


def _curve(curve: Curve) -> dict[str, object]:
    """Mean accuracy over tasks by arm and number of examples."""
    means = {arm: _rounded(v.mean(0)) for arm, v in curve.accuracy.items()}
    return {"k": curve.k.tolist(), "n": len(curve.last("module")), "accuracy": means}


def _swapped(table: pd.DataFrame) -> list[dict[str, object]]:
    """Prompting with swapped label words beside the usual ones, on the same contexts."""
    words, usual = pick(table, "ICL, words swapped"), pick(table, "ICL")
    both = pd.DataFrame({"usual": usual, "swapped": words}).dropna()
    return [
        {
            "data": data,
            "k": int(k),
            "n": len(rows),
            "usual": round(rows["usual"].mean(), 4),
            "swapped": round(rows["swapped"].mean(), 4),
        }
        for (data, k), rows in both.groupby(level=["data", "k"], sort=False)
    ]


def _means(table: pd.DataFrame) -> list[dict[str, object]]:
    """Mean accuracy over seeds, one row per data, k, vectors and method."""
    keys = ["data", "k", "vectors", "method"]
    grouped = (
        table.groupby(keys, sort=False)["accuracy"].agg(["mean", "std", "count"]).reset_index()
    )
    return [
        {
            **{key: row[key] if key != "k" else int(row[key]) for key in keys},
            "accuracy": round(float(row["mean"]), 4),
            "n": int(row["count"]),
            "sd": None if pd.isna(row["std"]) else round(float(row["std"]), 4),
        }
        for _, row in grouped.iterrows()
    ]


def _rounded(values: np.ndarray) -> list[float]:
    return np.round(np.asarray(values, dtype=float), 4).tolist()
