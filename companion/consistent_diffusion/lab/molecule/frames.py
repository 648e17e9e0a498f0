"""The stored frames of alanine dipeptide: made once by a maintainer, read by the notebook, checked.

``companion make consistent-diffusion frames`` simulates two independent halves of 50 ns and keeps
the five beads every 2 ps: 50,000 frames.  A half is a chain of blocks of 1 ns.  Each block starts
from the end of the one before with a seed of its own, so an interrupted run goes on and ends in
the same file, digit by digit.

A short simulation, run now, is held against it.  The yardstick is the stored data cut into
stretches as long as the live run: how far do their averages lie from the average of all?
"""

from __future__ import annotations

import hashlib
import json
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import numpy as np

from companion.consistent_diffusion.lab.molecule.peptide import (
    BOND_NAMES,
    FORCE_FIELD,
    Motion,
    State,
    bond_lengths,
    in_rare_state,
    phi_psi,
    simulate,
)
from companion.consistent_diffusion.sources import BEADS
from companion.scale import derive_seed

# ------------------------------------------------------------------------------------------- frames
ASSETS = Path(str(files("companion.consistent_diffusion"))) / "assets"
NAME = "molecule_frames"
MAX_BYTES = 4_000_000


class FramesDamaged(ValueError):
    """Frames and record do not belong together."""


@dataclass(frozen=True)
class Plan:
    """Size of the data set; `stride` in steps between frames, `settle` in frames thrown away."""

    n_halves: int = 2
    n_blocks: int = 50
    frames_per_block: int = 500
    stride: int = 500
    settle: int = 100
    seed: int = 20250617  # the day on which the paper appeared
    dynamics: Motion = field(default_factory=Motion)

    @property
    def frame_ps(self) -> float:
        """Time between two frames in ps."""
        return self.stride * self.dynamics.step


PLAN = Plan()


@dataclass(frozen=True)
class Frames:
    """What is stored.

    beads : (n_halves, n, 5, 3) float32 in nm, centered; neighbors are ``plan.frame_ps`` apart
    starts : (n_halves, 22, 3) float32 in nm, all atoms where each half begins
    record : how they were made
    """

    beads: np.ndarray
    starts: np.ndarray
    record: dict[str, object]

    @property
    def all(self) -> np.ndarray:
        """(n, 5, 3) float32: both halves, one after the other."""
        return self.beads.reshape(-1, *self.beads.shape[2:])


def make_frames(
    scratch: Path, say: Callable[[str], None], folder: Path = ASSETS, plan: Plan = PLAN
) -> Path:
    """Simulate what is missing, then write frames and record; returns the path of the frames."""
    scratch = scratch / "frames"
    scratch.mkdir(parents=True, exist_ok=True)
    began, simulated = time.perf_counter(), 0
    states = [_settled(scratch, half, plan, say) for half in range(plan.n_halves)]
    starts = np.stack([state.positions for state in states])
    beads = np.empty((plan.n_halves, plan.n_blocks, plan.frames_per_block, len(BEADS), 3), "f4")
    for block in range(plan.n_blocks):
        for half in range(plan.n_halves):
            path = scratch / f"half{half}-block{block:03d}.npz"
            if not path.is_file():
                _run_block(path, states[half], half, block, plan.frames_per_block, plan)
                simulated += 1
                minutes = (time.perf_counter() - began) / 60
                say(f"block {block + 1} of {plan.n_blocks}, half {half}: {minutes:.1f} min")
            beads[half, block], states[half] = _read_block(path)
    halves = beads.reshape(plan.n_halves, -1, len(BEADS), 3)
    wall = time.perf_counter() - began
    path = _ship(halves, starts, plan, wall, simulated, folder)
    say(f"{path} ({path.stat().st_size:,} bytes)")
    return path


@cache
def load_frames(folder: Path = ASSETS) -> Frames:
    """The stored frames, checked against their record.

    Raises
    ------
    FramesDamaged : the file's hash is not the one that the record names
    """
    path = folder / f"{NAME}.npz"
    record = json.loads((folder / f"{NAME}.json").read_text(encoding="utf-8"))
    if (found := _sha256(path)) != record["sha256"]:
        raise FramesDamaged(
            f"{path.name} has SHA-256 {found[:12]}..., its record says {record['sha256'][:12]}...; "
            "make both again: companion make consistent-diffusion frames"
        )
    with np.load(path, allow_pickle=False) as stored:
        return Frames(stored["beads"], stored["starts"], record)


def _settled(scratch: Path, half: int, plan: Plan, say: Callable[[str], None]) -> State:
    """All atoms after the time that is thrown away."""
    path = scratch / f"half{half}-settled.npz"
    if not path.is_file():
        say(f"half {half}: settling for {plan.settle * plan.frame_ps:g} ps")
        _run_block(path, State(start_positions(), None), half, -1, plan.settle, plan)
    return _read_block(path)[1]


def start_positions() -> np.ndarray:
    """(22, 3) in nm: the minimized structure of the book's data.

    Raises
    ------
    companion.data.DataUnavailable : it is not here; the message says what to do
    """
    from openmm import app, unit

    from companion import data

    pdb = app.PDBFile(str(data.fetch("consistent-diffusion/ala2.pdb")))
    return np.array(pdb.getPositions(asNumpy=True).value_in_unit(unit.nanometer))


def _run_block(path: Path, state: State, half: int, block: int, n_frames: int, plan: Plan) -> None:
    seed = derive_seed(plan.seed, "frames", half, block)
    beads = []
    for frame, now in simulate(state, plan.dynamics, seed, n_frames, plan.stride):
        beads.append(frame)
        state = now
    fresh = path.with_name(f"{path.stem}.new.npz")
    np.savez(
        fresh,
        beads=np.asarray(beads, dtype=np.float32),
        positions=state.positions,
        velocities=state.velocities,
    )
    fresh.replace(path)


def _read_block(path: Path) -> tuple[np.ndarray, State]:
    with np.load(path, allow_pickle=False) as stored:
        return stored["beads"], State(stored["positions"], stored["velocities"])


def _ship(
    beads: np.ndarray, starts: np.ndarray, plan: Plan, wall: float, simulated: int, folder: Path
) -> Path:
    import openmm

    if beads.nbytes > MAX_BYTES:
        raise ValueError(f"{beads.nbytes:,} bytes of frames; at most {MAX_BYTES:,} are shipped")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{NAME}.npz"
    fresh = folder / f"{NAME}.new.npz"
    np.savez(fresh, beads=beads, starts=starts.astype(np.float32))
    record = {
        "what": "alanine dipeptide, centered coordinates of five beads in nm",
        "sha256": _sha256(fresh),
        "bead_atoms": list(BEADS),
        "frames": int(beads.shape[0] * beads.shape[1]),
        "frame_ps": plan.frame_ps,
        "simulated_ns": beads.shape[0] * beads.shape[1] * plan.frame_ps / 1000,
        "plan": asdict(plan),
        "force_field": list(FORCE_FIELD),
        "constraints": "bonds with hydrogen",
        "cutoff": "none",
        "integrator": "LangevinMiddleIntegrator",
        "platform": "Reference",
        "openmm": openmm.version.version,
        "machine": platform.machine(),
        "wall_s_of_the_last_start": round(wall),
        "blocks_of_the_last_start": simulated,
        "license": "CC0-1.0",
    }
    fresh_record = folder / f"{NAME}.new.json"
    fresh_record.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    fresh.replace(path)
    fresh_record.replace(folder / f"{NAME}.json")
    return path


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


# -------------------------------------------------------------------------------------------- check
FRAME_PS = 2.0
"""Time between frames, as in the stored data."""


class Live(NamedTuple):
    """beads : (n, 5, 3) in nm, 2 ps apart; seconds : of wall time; steps : of 4 fs"""

    beads: np.ndarray
    seconds: float
    steps: int

    @property
    def ps(self) -> float:
        """Simulated time."""
        return len(self.beads) * FRAME_PS


class Statistic(NamedTuple):
    """One average.

    live, stored : of the live run and of all stored frames; spread : standard deviation of the
    averages of stored stretches as long as the live run; further : share of those stretches that
    lie at least as far from the stored average as the live run does, 0 if none does
    """

    name: str
    unit: str
    live: float
    stored: float
    spread: float
    further: float


def run_live(frames: Frames, ps: float, temperature: float, seed: int) -> Live:
    """Molecular dynamics, now: from the stored start of the first half.

    temperature : in K; the stored frames have 300
    """
    dynamics = Motion(temperature=temperature)
    stride, n_frames = round(FRAME_PS / dynamics.step), round(ps / FRAME_PS)
    began = time.perf_counter()
    moving = simulate(State(frames.starts[0], None), dynamics, seed, n_frames, stride)
    beads = np.array([frame for frame, _ in moving])
    return Live(beads, time.perf_counter() - began, stride * n_frames)


def compare(live: Live, frames: Frames) -> list[Statistic]:
    """Means and spreads of the bonds, and how psi is distributed.

    Raises
    ------
    ValueError : the live run is longer than half of the stored ones, so there are no stretches
    """
    n = len(live.beads)
    per_half = frames.beads.shape[1] // n
    if per_half < 2:
        raise ValueError(f"a live run of {n} frames has too few stored stretches to compare with")
    stretches = frames.beads[:, : per_half * n].reshape(-1, n, 5, 3)
    ours, stored = _averages(live.beads), _averages(frames.all)
    parts = _averages(stretches)
    found = []
    for key, value in ours.items():
        away = np.abs(parts[key] - stored[key])
        further = float((away >= abs(value - stored[key])).mean())
        found.append(
            Statistic(
                *key, float(value), float(stored[key]), float(parts[key].std(ddof=1)), further
            )
        )
    return found


def _averages(beads: np.ndarray) -> dict[tuple[str, str], np.ndarray]:
    """(name, unit) -> average over the frames: (..., n, 5, 3) to (...)."""
    bonds, psi = bond_lengths(beads) * 1000, phi_psi(beads)[..., 1]
    found = {}
    for k, name in enumerate(BOND_NAMES):
        found[f"bond {k + 1}, {name}: mean", "pm"] = bonds[..., k].mean(-1)
    for k, name in enumerate(BOND_NAMES):
        found[f"bond {k + 1}, {name}: deviation", "pm"] = bonds[..., k].std(-1)
    low, high = np.radians([-120, 60])
    found["psi between -120 and 60 degrees", "%"] = 100 * ((psi > low) & (psi < high)).mean(-1)
    return found


class Visits(NamedTuple):
    """share : of frames in the rare state, per half; n : how often it was entered, per half"""

    share: list[float]
    n: list[int]


def rare_visits(frames: Frames, apart: int = 10) -> Visits:
    """The rare state 0 < phi < 115 degrees in each half of the data.

    apart : a visit is over when the state was empty for so many frames (20 ps)
    """
    inside = in_rare_state(phi_psi(frames.beads)[..., 0])
    counts = []
    for row in inside:
        at = np.flatnonzero(row)
        counts.append(int(1 + (np.diff(at) > apart).sum()) if len(at) else 0)
    return Visits(inside.mean(1).tolist(), counts)
