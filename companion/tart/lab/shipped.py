"""The shipped module: trained once, on synthetic tasks only, plugged onto any vectors.

``companion make tart head`` trains it and writes three files: the weights in half precision, the
losses, and a record that says how it was made.  The run goes on from its checkpoint when it is
started again.
"""

from __future__ import annotations

import csv
import hashlib
import json
import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from companion.data import DataUnavailable
from companion.tart.lab.cells import ASSETS
from companion.tart.method.module import HeadConfig, ReasoningModule
from companion.tart.method.training import Curriculum, HeadRecipe, train_head
from companion.training import History

RECIPE = HeadRecipe(
    head=HeadConfig(d=16, n_pairs=130, n_embd=64, n_layers=3, n_heads=4, repeats=True),
    curriculum=Curriculum(d_start=4, d_step=4, n_start=18, n_step=16, every=500),
    steps=6_000,
    lr=1e-3,
    batch=32,
)
"""How the shipped module is trained.  The paper's has 64 times as many parameters and 24,000 steps
of 128 sequences at lr 1e-4.  The losses fall by 0.003 in the last thousand steps."""

SEED = 0
MAX_BYTES = 4_000_000
SMOOTH = 100  # steps of one line of the loss file


class HeadDamaged(ValueError):
    """Weights and record of the shipped module do not belong together."""


@dataclass(frozen=True)
class ShippedHead:
    """The module and how it was made.

    record : recipe, seed, steps, hash, machine, version of PyTorch
    losses : (n, 2): step, mean loss of the steps since the line before, in nats
    accuracy : (measurements, pairs); measured_at : (measurements,) steps
    """

    module: ReasoningModule
    record: dict[str, object]
    losses: np.ndarray
    accuracy: np.ndarray
    measured_at: np.ndarray


def files(folder: Path = ASSETS) -> dict[str, Path]:
    """Weights, losses, record."""
    return {
        "weights": folder / "head.safetensors",
        "losses": folder / "head_losses.csv",
        "record": folder / "head.json",
    }


def ship(
    module: ReasoningModule,
    history: History,
    recipe: HeadRecipe,
    seed: int,
    folder: Path = ASSETS,
    device: str = "cpu",
) -> Path:
    """Write the three files; returns the path of the weights.

    Raises
    ------
    ValueError : the weights would exceed :data:`MAX_BYTES`
    """
    paths = files(folder)
    folder.mkdir(parents=True, exist_ok=True)
    half = {k: v.detach().half().cpu().contiguous() for k, v in module.state_dict().items()}
    n_bytes = sum(2 * v.numel() for v in half.values())
    if n_bytes > MAX_BYTES:
        raise ValueError(f"the weights are {n_bytes:,} bytes, at most {MAX_BYTES:,} are shipped")
    fresh = paths["weights"].with_suffix(".new")
    save_file(half, str(fresh), metadata={"format": "pt"})
    fresh.replace(paths["weights"])
    with paths["losses"].open("w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(["step", "loss"])
        for start in range(0, len(history.losses), SMOOTH):
            part = history.losses[start : start + SMOOTH]
            writer.writerow([start + len(part), f"{part.mean():.5f}"])
    record = {
        "sha256": sha256(paths["weights"]),
        "recipe": asdict(recipe),
        "seed": seed,
        "steps": len(history.losses),
        "parameters": sum(p.numel() for p in module.parameters()),
        "device": device,
        "machine": platform.machine(),
        "torch": torch.__version__,
        "measured_at": history.measured_at.tolist(),
        "accuracy": np.round(history.series["accuracy"], 4).tolist(),
    }
    paths["record"].write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return paths["weights"]


def read_head(folder: Path = ASSETS) -> ShippedHead:
    """The shipped module, checked against its record.

    Raises
    ------
    DataUnavailable : it has not been trained
    HeadDamaged : the weights are not those of the record
    """
    paths = files(folder)
    if not all(path.is_file() for path in paths.values()):
        raise DataUnavailable(
            "The shipped reasoning module has not been trained yet: run companion make tart head."
        )
    record = json.loads(paths["record"].read_text(encoding="utf-8"))
    found = sha256(paths["weights"])
    if found != record["sha256"]:
        raise HeadDamaged(f"weights have SHA-256 {found}, their record says {record['sha256']}")
    module = ReasoningModule(HeadConfig(**record["recipe"]["head"]))
    module.load_state_dict({k: v.float() for k, v in load_file(str(paths["weights"])).items()})
    losses = np.loadtxt(paths["losses"], delimiter=",", skiprows=1, ndmin=2)
    return ShippedHead(
        module.eval(), record, losses, np.array(record["accuracy"]), np.array(record["measured_at"])
    )


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


@cache
def shipped_head() -> ShippedHead:
    """:func:`read_head` of the package's own files, read once."""
    return read_head()


def make_head(
    scratch: Path,
    say: Callable[[str], None],
    *,
    recipe: HeadRecipe = RECIPE,
    seed: int = SEED,
    folder: Path = ASSETS,
) -> Path:
    """Train and ship; goes on from the checkpoint in `scratch` if there is one.

    Sets no number of threads: give the run what the machine has (``OMP_NUM_THREADS``).
    """
    from companion.scale import device

    on = device()
    say(f"{recipe.steps:,} steps on {on}; checkpoint in {scratch}")
    module, history = train_head(
        recipe,
        seed,
        measure_every=max(1, recipe.steps // 6),
        checkpoint=scratch / "head.safetensors",
        checkpoint_every=100,
        device=on,
        label="shipped module",
    )
    module = module.cpu()
    path = ship(module, history, recipe, seed, folder, on)
    say(f"{path} ({path.stat().st_size:,} bytes)")
    return path
