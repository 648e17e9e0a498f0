"""How trainings are compared, when a comparison is left open, and what the record keeps of them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from companion.claims import measured_text
from companion.consistent_diffusion.lab.plane import METHODS, T_EVAL
from companion.data import Missing
from companion.stats import LEVEL, Interval, over_seeds
from companion.verdicts import Open, Untested

GOOD = 0.02
"""Nats above the floor that denoised samples may be off and still count as good: less than half of
what the paper's plain model is off when it simulates (0.033)."""

SMALL_T = 0.09
"""Diffusion times up to which ln Z is followed: where the last expert answers."""


def ratio(over: np.ndarray, under: np.ndarray, confidence: float = LEVEL) -> Interval:
    """Geometric mean over seeds of a ratio, with its interval.

    Raises ``Open`` where a value is not above 0, so that a ratio says nothing.
    """
    over, under = np.asarray(over, dtype=float), np.asarray(under, dtype=float)
    if not (np.isfinite(over).all() and np.isfinite(under).all()):
        return over_seeds(np.full(len(over), np.nan))
    if min(over.min(), under.min()) <= 0:
        raise Open("a divergence lies at or below its floor in some training: no ratio")
    return over_seeds(np.log(over / under), confidence=confidence).map(np.exp)


def enough(seeds: int) -> None:
    """Raises ``Untested`` for a single training."""
    if seeds < 2:
        raise Untested("one training gives no interval")


def drawn_well(plane, *methods: str) -> str:
    """A doubt where denoised samples are not good: then a training failed, and not simulation."""
    return _good({name: over_seeds(plane.above(name, "iid")) for name in methods})


def molecule_drawn_well(molecule, *methods: str) -> str:
    """The same for the molecule."""
    floor = molecule.iid_floor[0]
    return _good({name: over_seeds(molecule.iid_js[name] - floor) for name in methods})


def _good(off: Mapping[str, Interval]) -> str:
    poor = {
        name: value for name, value in off.items() if value.high is None or not value.high < GOOD
    }
    if not poor:
        return ""
    told = ", ".join(f"{name} {measured_text(value)}" for name, value in poor.items())
    return f"denoised samples are not below {GOOD:g} nats above the floor: {told}"


def samples_text(plane, method: str) -> str:
    """Mean divergences of a method on the plane, and the chains that left."""
    means = (plane.iid_js[method].mean(), plane.sim_js[method].mean(), plane.floor[0])
    gone = int(plane.left[method].sum())
    return (
        f"{method}: denoised {means[0]:.4f}, simulated {means[1]:.4f}, floor {means[2]:.4f} of "
        f"{plane.n:,} samples; chains that left: {gone}"
    )


def log_z_range(plane, method: str) -> np.ndarray:
    """Largest minus smallest ln Z up to SMALL_T, (seeds,)."""
    inside = np.array(T_EVAL) <= SMALL_T
    return np.ptp(plane.log_z[method][:, inside], axis=1)


# --------------------------------------------------------------------------- the record
def series(results) -> dict[str, object]:
    """What the first figure and the first sentences need."""
    found: dict[str, object] = {}
    if not isinstance(results.plane, Missing):
        plane = results.plane
        found["plane"] = {
            "method": list(METHODS),
            **_columns("grid_js", [over_seeds(plane.grid_js[name]) for name in METHODS]),
            **_columns("iid_above", [over_seeds(plane.above(name, "iid")) for name in METHODS]),
            **_columns("sim_above", [over_seeds(plane.above(name, "sim")) for name in METHODS]),
            **_columns("log_z", [over_seeds(log_z_range(plane, name)) for name in METHODS]),
        }
        found["seeds"] = {name: _rounded(plane.grid_js[name]) for name in METHODS}
    if not isinstance(results.molecule, Missing):
        molecule = results.molecule
        labels = list(molecule.js)
        scaled = {n: v / molecule.share for n, v in molecule.population.items()}
        found["molecule"] = {
            "label": labels,
            **_columns("js", [over_seeds(molecule.js[label]) for label in labels]),
            **_columns("population", [over_seeds(scaled[label]) for label in labels]),
            **_columns("heat", [over_seeds(molecule.heat[label]) for label in labels]),
            **_columns("bond_pm", [over_seeds(1000 * molecule.bond[label]) for label in labels]),
        }
        found["curves"] = {
            "times_ps": _rounded(molecule.times_ps),
            "floor": _rounded(molecule.true.curve),
            **{name: [_rounded(row) for row in rows] for name, rows in molecule.curves.items()},
        }
        found["share"] = {"data": [round(molecule.share, 5)]}
    return found


def _rounded(values: object) -> list[float | None]:
    return [round(float(v), 6) if np.isfinite(v) else None for v in values]


def _columns(name: str, values: list[Interval]) -> Mapping[str, list]:
    """Estimates and ends as three columns; ends that are not known are None."""
    ends = {"": "estimate", "_low": "low", "_high": "high"}
    return {
        f"{name}{end}": [
            None
            if (x := getattr(value, field)) is None or not np.isfinite(x)
            else round(float(x), 6)
            for value in values
        ]
        for end, field in ends.items()
    }
