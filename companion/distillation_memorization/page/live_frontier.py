"""The live figure of loss and memory: what each student has learned after some number of epochs.

Every number comes from :mod:`companion.distillation_memorization.lab.evidence`: tables of a run, or
of the published one.  ``live_frontier.js`` finds the student at the baseline's loss as
``evidence.at_loss`` does, so at the baseline's best it shows what "equal" judges.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

import numpy as np

from companion import records
from companion.distillation_memorization.lab import evidence
from companion.distillation_memorization.lab.world import World
from companion.distillation_memorization.method.objectives import (
    BASELINE,
    COMPARED,
    HARD,
    SOFT,
    TEACHER,
)
from companion.live import Live, Scene, Slider, fixed, percent

NAMES = {BASELINE: "baseline", SOFT: "student", HARD: "hard student"}
BETWEEN = 8
"""Points from one budget to the next on the student's curve."""


def page_data(table: Mapping, models: Mapping) -> dict[str, object]:
    """What the page is given, from ``evidence.curve`` and ``evidence.models``; "epochs" is empty
    where there are none."""
    runs, at = {}, {name: i for i, name in enumerate(models.get("model", ()))}
    for name in COMPARED:
        rows = [i for i, model in enumerate(table.get("model", ())) if model == name]
        runs[name] = {key: [table[key][i] for i in rows] for key in ("loss", "memorized")}
        runs[name]["rate"] = [table["memorized"][i] / table["sequences"][i] for i in rows]
        if not rows:
            return {"epochs": [], "start": 0}
        best = int(np.argmin([table["choosing"][i] for i in rows]))
        if name == BASELINE:
            data = {"epochs": [table["epochs"][i] for i in rows], "start": best}
            data["n"] = table["sequences"][rows[0]]
        if name == SOFT:
            data["falling"] = best + 1
    student = runs[SOFT]
    places = np.arange(len(data["epochs"]))
    fine = np.linspace(0, places[-1], BETWEEN * places[-1] + 1)
    logs = np.log(np.array(student["memorized"]) + evidence.HALF)
    known = np.exp(np.interp(fine, places, logs)) - evidence.HALF
    teacher = [models["loss"][at[TEACHER]], models["rate"][at[TEACHER]] / 100]
    base = models["loss"][at[f"{BASELINE}, base"]]
    losses = [base, teacher[0], *(loss for run in runs.values() for loss in run["loss"])]
    rates = [teacher[1], *(rate for run in runs.values() for rate in run["rate"])]
    margin = 0.06 * (max(losses) - min(losses))
    return data | {
        "runs": runs,
        "curve": [
            np.interp(fine, places, student["loss"]).round(5).tolist(),
            (known / data["n"]).round(6).tolist(),
        ],
        "half": evidence.HALF,
        "teacher": teacher,
        "base": base,
        "x": [round(min(losses) - margin, 4), round(max(losses) + margin, 4)],
        "y": [0, round(1.15 * max(rates) + 1e-4, 6)],
    }


def scene(values: Mapping, data: Mapping) -> Scene:
    """Loss and memorized share of three students by budget, and the student at equal loss."""
    if not data["epochs"]:
        return {
            "headline": "There is no published run whose curves could be shown.",
            "detail": "Run the chapter to see its own.",
            "panels": [_panel([0, 1], [0, 1], [])],
        }
    at, runs, marks = int(values["at"]), data["runs"], []
    loss, rate = (runs[BASELINE][key][at] for key in ("loss", "rate"))
    lowest, highest = (find(runs[SOFT]["loss"][: data["falling"]]) for find in (min, max))
    known = evidence.at_loss(
        loss, runs[SOFT]["loss"][: data["falling"]], runs[SOFT]["memorized"][: data["falling"]]
    )
    there = (float(np.exp(known)) - data["half"]) / data["n"]
    as_long = f"{percent(runs[SOFT]['rate'][at], 2)} at {fixed(runs[SOFT]['loss'][at], 3)}"
    if loss > highest:
        said = f"The student predicts better from the start, with {percent(there, 2)}"
    elif loss < lowest:
        said = f"The student never gets so low; at its best it has {percent(there, 2)}"
    else:
        said = f"At that loss the student has {percent(there, 2)}"
    for name, run in runs.items():
        x, y = data["curve"] if name == SOFT else (run["loss"], run["rate"])
        marks.append({"kind": "line", "x": x, "y": y, "role": name, "name": NAMES[name]})
        marks.append({"kind": "points", "x": run["loss"], "y": run["rate"], "role": name})
        marks.append(
            {
                "kind": "points",
                "x": [run["loss"][at]],
                "y": [run["rate"][at]],
                "role": name,
                "size": 7,
            }
        )
    teacher = data["teacher"]
    marks += [
        {
            "kind": "points",
            "x": [teacher[0]],
            "y": [teacher[1]],
            "role": TEACHER,
            "size": 7,
            "name": "teacher",
        },
        {"kind": "rule", "x": data["base"], "role": "muted", "name": "before reading D"},
        {"kind": "rule", "x": loss, "role": BASELINE},
    ]
    if lowest <= loss <= highest:
        marks.append(
            {"kind": "points", "x": [loss], "y": [there], "role": SOFT, "size": 7, "open": True}
        )
    return {
        "headline": f"After {data['epochs'][at]} epochs the baseline has {percent(rate, 2)} of D "
        f"by heart, at a loss of {fixed(loss, 3)}.",
        "detail": f"{said}. After as many epochs it has {as_long}.",
        "panels": [_panel(data["x"], data["y"], marks)],
    }


def _panel(x: list[float], y: list[float], marks: list[dict]) -> dict[str, object]:
    return {
        "title": "Memory and loss",
        "x": {"label": "held-out loss (nats per token)", "domain": x},
        "y": {"label": "memorized of D", "domain": y, "percent": True},
        "marks": marks,
    }


def figure(worlds: list[World] | None = None) -> Live:
    """Of the worlds of a run, or of the published one; opens at the baseline's lowest loss."""
    if worlds:
        tables = evidence.curve(worlds), evidence.models(worlds)
    else:
        kept = (records.load("distillation-memorization") or {}).get("series", {})
        has_all = "choosing" in kept.get("worlds", {})
        tables = (kept["worlds"], kept["models"]) if has_all else ({}, {})
    data = page_data(*tables)
    texts = {str(i): str(e) for i, e in enumerate(data["epochs"])}
    return Live(
        "distill-frontier",
        scene,
        Path(str(files("companion.distillation_memorization.page"))) / "live_frontier.js",
        [Slider("at", "epochs", 0, max(1, len(texts) - 1), data["start"], texts=texts or None)],
        data,
    )
