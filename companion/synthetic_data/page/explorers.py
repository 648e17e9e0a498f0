"""The chapter's explorers: the budget, the threshold, reliability, and rare tokens."""

from __future__ import annotations

import numpy as np

from companion.explore import Explorer, explorer
from companion.scale import generator
from companion.synthetic_data.lab.language import Student
from companion.synthetic_data.lab.loop import Runs
from companion.synthetic_data.lab.theory import survival
from companion.synthetic_data.lab.threshold import one_knot
from companion.synthetic_data.method.mixing import mixing_law
from companion.synthetic_data.page import figures
from companion.synthetic_data.verdict.findings import student_at


def law_explorer() -> Explorer:
    """Protocol, generation, mixing ratio: 40 frames."""

    def alt(protocol: str, k: int, s: float) -> str:
        mixed, alone = (float(mixing_law(np.array(s), k, p)) for p in (protocol, "real only"))
        return (
            f"{protocol} real data, generation {k}, s {s:g}: error variance {mixed:.2f}, with "
            f"the real part alone {alone:.2f}."
        )

    return explorer(
        figures.law_frame,
        name="sd-law",
        alt=alt,
        labels={"protocol": "real data", "k": "generations k", "s": "synthetic share s"},
        start={"protocol": "fresh", "k": 3, "s": 0.3},
        protocol=["fresh", "fixed"],
        k=[1, 2, 3, 10],
        s=[0.1, 0.2, 0.3, 0.5, 0.7],
    )


def threshold_curves(runs: Runs) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Curves in which a threshold can be looked for: name -> (s, value)."""
    inside = runs.shares <= 0.9 + 1e-9
    s = runs.shares[inside]
    mean = {name: runs.metrics[name][-1, inside].mean(axis=1) for name in ("kl", "ece")}
    return {
        "law of mixing, V3": (s, mixing_law(s, 3)),
        "divergence (nats)": (s, mean["kl"]),
        "calibration error": (s, mean["ece"]),
    }


def threshold_explorer(runs: Runs) -> Explorer:
    """Drag the end of the grid; the threshold follows: at most 21 frames."""
    curves = threshold_curves(runs)
    s = next(iter(curves.values()))[0]
    ends = [float(x) for x in s if x > 0.35]

    def alt(what: str, end: float) -> str:
        x, y = curves[what]
        knot = one_knot(x[x <= end + 1e-9], y[x <= end + 1e-9]).knot
        return f"{what} on a grid from 0 to {end:g}: the fitted threshold is at {knot:.2f}."

    return explorer(
        lambda what, end: figures.threshold_frame(curves, what, end),
        name="sd-threshold",
        alt=alt,
        labels={"what": "curve", "end": "end of the grid"},
        start={"what": "law of mixing, V3", "end": ends[0]},
        what=list(curves),
        end=ends[:12],
    )


def reliability_explorer(students: list[Student]) -> Explorer:
    """SmolLM2's student of infinite data: temperature and mixing ratio, 12 frames."""

    def alt(t: float, s: float) -> str:
        one = student_at(students, t, s, 3)
        return (
            f"Temperature {t:g}, s {s:g}, third generation: over-confidence "
            f"{100 * one.over:+.1f} points, divergence {one.kl:.3f} nats."
        )

    return explorer(
        lambda t, s: figures.reliability_frame(students, t, s),
        name="sd-reliability",
        alt=alt,
        labels={"t": "temperature T", "s": "synthetic share s"},
        start={"t": 0.7, "s": 0.5},
        t=[1.0, 0.7, 0.0],
        s=[0.1, 0.2, 0.3, 0.5],
    )


def zipf(n_tokens: int = 100) -> np.ndarray:
    """Zipf's law over `n_tokens` tokens."""
    p = 1 / np.arange(1, n_tokens + 1)
    return p / p.sum()


def survivors(k: int, s: float, seed: int, n: int = 100, replicates: int = 2_000) -> np.ndarray:
    """Share of runs in which each of 100 Zipf tokens is alive, (100,)."""
    return survival(zipf(), n, k, s, replicates, generator(seed, "survivors", k, f"{s:g}"))


def survival_explorer(seed: int = 0) -> Explorer:
    """Mixing ratio and generation: 20 frames."""
    n = 100
    cache = {}

    def alive(k: int, s: float) -> np.ndarray:
        if (k, s) not in cache:
            cache[k, s] = survivors(k, s, seed, n)
        return cache[k, s]

    def alt(s: float, k: int) -> str:
        rare = 100 * alive(k, s)[n * zipf() <= 1].mean()
        return f"Share s {s:g}, generation {k}: {rare:.0f} percent of the rare tokens are alive."

    return explorer(
        lambda s, k: figures.survival_frame(zipf(), alive(k, s), n, k, s),
        name="sd-survival",
        alt=alt,
        labels={"s": "synthetic share s", "k": "generation"},
        start={"s": 1.0, "k": 3},
        s=[0.0, 0.5, 0.8, 0.95, 1.0],
        k=[2, 3, 5, 10],
    )
