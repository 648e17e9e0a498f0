r"""The live figure: one token of a training text, and two models that learn what to write there.

The model is six logits.  The baseline follows the gradient of cross-entropy, the student that of
share * cross-entropy + (1 - share) * distillation, both from the same start:

.. math:: z \leftarrow z - \eta \left[ a (P - e) + (1 - a) \tau (P^\tau - P_T^\tau) \right]

A page computes it as ``live_token.js`` does; a test compares the gradient with that of
``method/objectives``.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

import numpy as np

from companion.distillation_memorization.method.objectives import BASELINE, SOFT, TEACHER
from companion.live import Live, Scene, Slider, fixed, percent

OTHERS = (0.31, 0.22, 0.17, 0.13, 0.1)
"""Probabilities of five other tokens before either model reads the text; the true one has 0.07."""

STEPS, RATE = 60, 0.25
"""Gradient steps that the page shows at most, and their size."""

DATA = {"others": list(OTHERS), "steps": STEPS, "rate": RATE}


def softmax(z: np.ndarray, tau: float) -> np.ndarray:
    """Probabilities at a temperature, of logits (6,)."""
    w = np.exp((z - z.max()) / tau)
    return w / w.sum()


def gradient(z: np.ndarray, teacher: np.ndarray, tau: float, share: float) -> np.ndarray:
    """Of share * cross-entropy of token 0 + (1 - share) * distillation loss, by the logits (6,).

    teacher : its logits (6,)
    """
    hard = softmax(z, 1.0)
    hard[0] -= 1
    return share * hard + (1 - share) * tau * (softmax(z, tau) - softmax(teacher, tau))


def path(start: np.ndarray, data: Mapping, teacher: np.ndarray, tau: float, share: float):
    """Probabilities after 0, 1, ... steps: (steps + 1, 6)."""
    z, found = start.copy(), []
    for _ in range(data["steps"] + 1):
        found.append(softmax(z, 1.0))
        z = z - data["rate"] * gradient(z, teacher, tau, share)
    return np.array(found)


def first_written(probabilities: np.ndarray) -> int | None:
    """The first step after which token 0 is the most likely one; None if there is none."""
    ahead = probabilities[:, 0] > probabilities[:, 1:].max(1)
    return int(np.argmax(ahead)) if ahead.any() else None


def scene(values: Mapping, data: Mapping) -> Scene:
    """Probabilities of six tokens after some steps, and of the true one by step."""
    others, sure, tau, step = (
        np.array(data["others"]),
        values["sure"],
        values["tau"],
        values["step"],
    )
    step = int(step)
    start = np.log(np.array([1 - others.sum(), *others]))
    teacher = np.log(np.array([sure, *(others / others.sum() * (1 - sure))]))
    baseline = path(start, data, teacher, 1.0, 1.0)
    student = path(start, data, teacher, tau, values["share"])
    told = softmax(teacher, tau)
    ranks, steps = list(range(1, 7)), list(range(data["steps"] + 1))
    runs = {BASELINE: baseline, SOFT: student}
    words = []
    for name, run, what in (("baseline", baseline, "the true token"), ("student", student, "it")):
        writes = run[step, 0] > run[step, 1:].max()
        verb = "writes" if writes else "does not write"
        words.append(f"the {name} {verb} {what} ({percent(run[step, 0], 0)})")
    when = [
        f"{name} {'never here' if (at := first_written(run)) is None else at}"
        for name, run in (("baseline", baseline), ("student", student))
    ]
    return {
        "headline": f"Step {step}: {words[0]}, {words[1]}.",
        "detail": f"The teacher gives it {percent(sure, 0)}, and at temperature {fixed(tau, 1)} "
        f"tells {percent(told[0], 0)}. First written after: {', '.join(when)}.",
        "panels": [
            {
                "title": "What each gives",
                "x": {
                    "label": "token",
                    "domain": [0.5, 6.5],
                    "ticks": [[1, "true"], *([i, str(i)] for i in ranks[1:])],
                },
                "y": {"label": "probability", "domain": [0, 1], "percent": True},
                "marks": [
                    {
                        "kind": "points",
                        "x": ranks,
                        "y": told.tolist(),
                        "role": TEACHER,
                        "size": 6,
                        "open": True,
                        "name": "told by the teacher",
                    },
                    *(
                        {
                            "kind": "points",
                            "x": ranks,
                            "y": run[step].tolist(),
                            "role": role,
                            "size": 4,
                            "name": "baseline" if role == BASELINE else "student",
                        }
                        for role, run in runs.items()
                    ),
                ],
            },
            {
                "title": "The true token",
                "x": {"label": "steps", "domain": [0, data["steps"]]},
                "y": {"label": "probability", "domain": [0, 1], "percent": True},
                "marks": [
                    {"kind": "rule", "y": sure, "role": TEACHER, "name": "teacher"},
                    *(
                        {"kind": "line", "x": steps, "y": run[:, 0].tolist(), "role": role}
                        for role, run in runs.items()
                    ),
                    *(
                        {
                            "kind": "points",
                            "x": [step],
                            "y": [float(run[step, 0])],
                            "role": role,
                            "size": 5,
                        }
                        for role, run in runs.items()
                    ),
                ],
            },
        ],
    }


def figure() -> Live:
    """Opens where the baseline has the token by heart and the student has not."""
    return Live(
        "distill-token",
        scene,
        Path(str(files("companion.distillation_memorization.page"))) / "live_token.js",
        [
            Slider("tau", "temperature", 1, 8, 2, 0.1),
            Slider("share", "share of the text in the loss", 0, 1, 0, 0.01, times=100, unit=" %"),
            Slider(
                "sure",
                "what the teacher gives the true token",
                0.02,
                0.98,
                0.24,
                0.01,
                times=100,
                unit=" %",
            ),
            Slider("step", "steps", 0, STEPS, 20, 1),
        ],
        DATA,
    )
