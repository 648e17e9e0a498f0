"""The live figure: how many runs, which checkpoints, and how much noise a scaling law bears.

The law is fitted in the page, by ``live_fit.js``; :func:`scene` does the same with the chapter's
own solver and protocol.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np

from companion.live import Choice, Live, Scene, Slider, fixed, percent, short
from companion.scale import generator
from companion.scaling_laws.method.law import LEAST_DISTINCT, ScalingLaw
from companion.scaling_laws.method.protocol import are, longest, target_points, training_points
from companion.scaling_laws.method.varpro import fit_varpro
from companion.scaling_laws.sources import Run, released_family

FAMILIES = {
    "gpt3": ("GPT-3, validation loss", "nats a token"),
    "OPT": ("OPT, validation loss", "nats a token"),
    "pythia": ("Pythia, LAMBADA", "log of a perplexity"),
}
"""Family of the paper's data to what the reader chooses, and the unit of its loss."""

PER_RUN = 40
"""Checkpoints of a run that go into the page, evenly spaced in tokens."""

SHARES = [round(0.05 * i, 2) for i in range(13)]
"""Shares of the longest run that are thrown away, up to where the rest still determines the law."""

CAP = 20
"""Errors above it, in percent, are drawn at the upper edge."""


def family_data(name: str) -> dict[str, object]:
    """A family as it goes into the page: rounded, thinned, with one fixed draw for each loss.

    N : parameters of each run, smallest first, the last one is the target; D, loss, z : a list of
    checkpoints for each run; names : of the sizes; axes : domains and unit of the picture
    """
    family = released_family(name, "nats")
    rng = generator(0, "live figure", name)
    N, D, loss, z = [], [], [], []
    for run in family.runs:
        places = np.linspace(run.D[0], run.D[-1], PER_RUN)
        ranks = range(run.D.size)
        if run.D.size > PER_RUN:
            ranks = np.unique([np.abs(run.D - place).argmin() for place in places])
        N.append(run.N)
        D.append([float(f"{run.D[i]:.4g}") for i in ranks])
        loss.append([round(float(run.loss[i]), 4) for i in ranks])
        z.append([round(float(draw), 2) for draw in rng.normal(size=len(ranks))])
    late = [
        v for d, row in zip(D, loss, strict=True) for x, v in zip(d, row, strict=True) if x > 1e9
    ]
    axes = {
        "x": [float(f"{0.9 * max(1e9, min(d[0] for d in D)):.2g}"), 3.2e11],
        "y": [round(min(late) - 0.2, 1), round(max(late) + 0.2, 1)],
        "label": FAMILIES[name][1],
    }
    names = [short(size) for size in N]
    return {"N": N, "D": D, "loss": loss, "z": z, "names": names, "axes": axes}


@cache
def page_data() -> dict[str, object]:
    """All families, and what the second panel's axis has."""
    ticks = [[at, f"{at} %"] for at in range(0, CAP, 5)] + [[CAP, f"≥ {CAP} %"]]
    families = {name: family_data(name) for name in FAMILIES}
    return {"families": families, "shares": SHARES, "ticks": ticks}


def _runs(family: Mapping, noise: float) -> list[Run]:
    """The runs with a relative error of standard deviation `noise` on each loss."""
    columns = zip(
        family["names"], family["N"], family["D"], family["loss"], family["z"], strict=True
    )
    return [
        Run(name, size, np.array(D), np.array(loss) * np.exp(noise * np.array(z)))
        for name, size, D, loss, z in columns
    ]


def scene(values: Mapping, data: Mapping) -> Scene:
    """The smallest runs, the law that they give, and its error on the largest by share cut."""
    family, cut, noise = data["families"][values["family"]], values["cut"], values["noise"]
    count = int(values["runs"])
    train, target = _runs(family, noise)[:count], _runs(family, 0)[-1]
    goal, end = target_points(target), longest(train)

    def fit(share: float) -> ScalingLaw:
        return fit_varpro(training_points(train, cut=share * end)).law

    law = fit(cut)
    used = training_points(train, cut=cut * end)
    seen = float(used.loss.min())
    floor = are(ScalingLaw.of(E=seen, A=0, B=0, alpha=1, beta=1), goal)
    error, by_share = are(law, goal), [are(fit(share), goal) for share in data["shares"]]
    predicted = law.predict(target.N, target.D).tolist()
    band = _band(train, cut, target)
    return {
        "headline": f"Error {percent(error / 100, 1)}: {fixed(predicted[-1], 2)} predicted for the "
        f"end of the {target.model} run, {fixed(float(target.loss[-1]), 2)} measured.",
        "detail": _detail(count, train[-1].model, cut, noise, floor) + _left(band),
        "panels": [
            {
                "title": "Loss while training",
                "x": {"label": "tokens seen", "domain": family["axes"]["x"], "scale": "log"},
                "y": {"label": family["axes"]["label"], "domain": family["axes"]["y"]},
                "marks": [
                    *band,
                    *_curves(_runs(family, 0)[count:-1], role="muted", width=1.2, name="not used"),
                    *_curves(train, role="paper", width=1, opacity=0.5, dash=""),
                    *_checkpoints(train, cut * end, end),
                    {"kind": "rule", "y": seen, "role": "baseline", "name": "best loss fitted"},
                    *_curves([target], role="truth", name=target.model),
                    {
                        "kind": "line",
                        "x": target.D.tolist(),
                        "y": predicted,
                        "role": "ours",
                        "width": 2.4,
                        "name": "predicted",
                    },
                ],
            },
            {
                "title": "Error of the prediction",
                "x": {
                    "label": "share of tokens thrown away",
                    "domain": [0, data["shares"][-1]],
                    "percent": True,
                },
                "y": {"label": "", "domain": [0, CAP], "ticks": data["ticks"]},
                "marks": [
                    {
                        "kind": "rule",
                        "y": 4,
                        "role": "paper",
                        "name": "4 %, the paper's best to expect",
                    },
                    {
                        "kind": "rule",
                        "y": min(CAP, floor),
                        "role": "baseline",
                        "name": "best loss fitted",
                    },
                    {
                        "kind": "line",
                        "x": data["shares"],
                        "y": [min(CAP, e) for e in by_share],
                        "role": "ours",
                        "name": f"law, {count} runs",
                    },
                    {
                        "kind": "points",
                        "x": [cut],
                        "y": [min(CAP, error)],
                        "role": "ours",
                        "size": 5,
                    },
                ],
            },
        ],
    }


def _band(train: list[Run], cut: float, target: Run) -> list[dict]:
    """What the laws without each run in turn predict, where three sizes are left."""
    if len(train) <= LEAST_DISTINCT:
        return []
    curves = []
    for left_out in train:
        rest = [run for run in train if run is not left_out]
        law = fit_varpro(training_points(rest, cut=cut * longest(rest))).law
        curves.append(law.predict(target.N, target.D))
    low, high = np.min(curves, axis=0).tolist(), np.max(curves, axis=0).tolist()
    ends = {"x": target.D.tolist(), "low": low, "high": high}
    return [{"kind": "band", **ends, "role": "ours", "name": "one run left out"}]


def _left(band: list[dict]) -> str:
    if not band:
        return ""
    low, high = band[0]["low"][-1], band[0]["high"][-1]
    return f" Leaving one run out: {fixed(low, 2)} to {fixed(high, 2)}."


def _detail(count: int, largest: str, cut: float, noise: float, floor: float) -> str:
    start = f"without the first {percent(cut, 0)}" if cut > 0 else "from the start"
    spoiled = f"with {percent(noise, 1)} of noise" if noise > 0 else "as measured"
    return (
        f"Fitted: {count} runs up to {largest}, {start}, {spoiled}. "
        f"The best loss among them is {percent(floor / 100, 1)} off."
    )


def _curves(runs: list[Run], *, name: str = "", **look: object) -> list[dict[str, object]]:
    """A line for each run; the first one stands in the key."""
    lines = [{"kind": "line", "x": run.D.tolist(), "y": run.loss.tolist(), **look} for run in runs]
    if lines and name:
        lines[0]["name"] = name
    return lines


def _checkpoints(runs: list[Run], start: float, end: float) -> list[dict[str, object]]:
    """Checkpoints outside and inside of the window that is fitted."""
    tokens, loss = (np.concatenate([getattr(r, part) for r in runs]) for part in ("D", "loss"))
    inside = (tokens > start) & (tokens < end)
    shape = {"kind": "points", "role": "paper", "marker": "o"}
    return [
        {
            **shape,
            "x": tokens[~inside].tolist(),
            "y": loss[~inside].tolist(),
            "open": True,
            "size": 2,
            "name": "thrown away",
        },
        {
            **shape,
            "x": tokens[inside].tolist(),
            "y": loss[inside].tolist(),
            "size": 2.2,
            "name": "fitted",
        },
    ]


def figure() -> Live:
    """Family, number of runs, share thrown away and noise; opens with all runs from their start.

    Raises
    ------
    DataUnavailable : the released families are not on this machine
    """
    data = page_data()
    most = {name: len(family["N"]) - 1 for name, family in data["families"].items()}
    return Live(
        "sl-fit",
        scene,
        Path(str(files("companion.scaling_laws.page"))) / "live_fit.js",
        [
            Choice("family", "family", [(name, text) for name, (text, _) in FAMILIES.items()]),
            Slider(
                "runs",
                "runs to fit, smallest first",
                3,
                max(most.values()),
                most["gpt3"],
                1,
                "runs",
                limits={"by": "family", "high": most},
            ),
            Slider(
                "cut", "thrown away at the start", 0, SHARES[-1], 0.0, 0.01, "%", times=100, show=1
            ),
            Slider(
                "noise", "noise added to each loss", 0, 0.04, 0.0, 0.001, "%", times=100, show=0.1
            ),
        ],
        data,
    )
