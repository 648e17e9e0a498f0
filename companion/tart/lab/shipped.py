"""The shipped module: trained once, on synthetic tasks only, plugged onto any vectors.

``companion make tart head`` trains it in two stages, at the paper's constant rate and then, ours,
at one that falls to 0, and writes three files: the weights in half precision, the losses, and a
record that says how it was made.  Each stage goes on from what is there: the second begins with
the files that the first one left.
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
from torch.nn import functional as F

from companion.data import DataUnavailable
from companion.tart.lab.cells import ASSETS
from companion.tart.method.module import HeadConfig, ReasoningModule
from companion.tart.method.training import Curriculum, HeadRecipe, settle, train_head

RECIPE = HeadRecipe(
    head=HeadConfig(d=16, n_pairs=130, n_embd=64, n_layers=3, n_heads=4, repeats=True),
    curriculum=Curriculum(d_start=4, d_step=4, n_start=18, n_step=16, every=500),
    steps=6_000,
    lr=1e-3,
    batch=32,
)
"""The constant stage.  The paper's module has 57 times as many parameters and 24,000 steps of 128
sequences at lr 1e-4."""

FALLING = 120
"""Steps of the falling stage."""

SEED = 0
MAX_BYTES = 4_000_000
SMOOTH = 100  # steps of one line of the loss file
N_UNSEEN = 512
"""Tasks on which both stages are measured."""


class HeadDamaged(ValueError):
    """Weights and record of the shipped module do not belong together."""


@dataclass(frozen=True)
class ShippedHead:
    """The module and how it was made.

    record : recipe, seed, steps, hash, machine, version of PyTorch, loss and accuracy on new tasks
    losses : (n, 2): step, mean loss of the steps since the line before, in nats
    """

    module: ReasoningModule
    record: dict[str, object]
    losses: np.ndarray


def paths(folder: Path = ASSETS) -> dict[str, Path]:
    """Weights, losses, record."""
    return {
        "weights": folder / "head.safetensors",
        "losses": folder / "head_losses.csv",
        "record": folder / "head.json",
    }


def ship(
    module: ReasoningModule,
    losses: np.ndarray,
    record: dict[str, object],
    folder: Path = ASSETS,
) -> Path:
    """Write the three files; returns the path of the weights.

    losses : (n, 2), as :func:`smoothed` makes them; record : is written with hash and machine

    Raises
    ------
    ValueError : the weights would exceed :data:`MAX_BYTES`
    """
    files = paths(folder)
    folder.mkdir(parents=True, exist_ok=True)
    half = {k: v.detach().half().cpu().contiguous() for k, v in module.state_dict().items()}
    n_bytes = sum(2 * v.numel() for v in half.values())
    if n_bytes > MAX_BYTES:
        raise ValueError(f"the weights are {n_bytes:,} bytes, at most {MAX_BYTES:,} are shipped")
    fresh = files["weights"].with_suffix(".new")
    save_file(half, str(fresh), metadata={"format": "pt"})
    fresh.replace(files["weights"])
    with files["losses"].open("w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow(["step", "loss"])
        writer.writerows([int(step), f"{loss:.5f}"] for step, loss in losses)
    made = {
        "sha256": sha256(files["weights"]),
        **record,
        "parameters": sum(p.numel() for p in module.parameters()),
        "machine": platform.machine(),
        "torch": torch.__version__,
    }
    files["record"].write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
    return files["weights"]


def smoothed(losses: np.ndarray, after: int = 0) -> np.ndarray:
    """Lines of the loss file: last step and mean of every :data:`SMOOTH` steps, (n, 2)."""
    parts = [losses[start : start + SMOOTH] for start in range(0, len(losses), SMOOTH)]
    ends = after + np.cumsum([len(part) for part in parts])
    return np.column_stack([ends, [part.mean() for part in parts]])


def read_head(folder: Path = ASSETS) -> ShippedHead:
    """The shipped module, checked against its record.

    Raises
    ------
    DataUnavailable : it has not been trained
    HeadDamaged : the weights are not those of the record
    """
    files = paths(folder)
    if not all(path.is_file() for path in files.values()):
        raise DataUnavailable(
            "The shipped reasoning module has not been trained yet: run companion make tart head."
        )
    record = json.loads(files["record"].read_text(encoding="utf-8"))
    found = sha256(files["weights"])
    if found != record["sha256"]:
        raise HeadDamaged(f"weights have SHA-256 {found}, their record says {record['sha256']}")
    module = ReasoningModule(HeadConfig(**record["recipe"]["head"]))
    module.load_state_dict({k: v.float() for k, v in load_file(str(files["weights"])).items()})
    losses = np.loadtxt(files["losses"], delimiter=",", skiprows=1, ndmin=2)
    return ShippedHead(module.eval(), record, losses)


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


@cache
def shipped_head() -> ShippedHead:
    """:func:`read_head` of the package's own files, read once."""
    return read_head()


def module_with(weights: str) -> ReasoningModule:
    """The shipped module, if its weights have this hash: what a stored result depends on.

    Raises
    ------
    HeadDamaged : they have another
    """
    shipped = shipped_head()
    if shipped.record["sha256"] != weights:
        raise HeadDamaged(f"the shipped weights are {shipped.record['sha256']}, not {weights}")
    return shipped.module


@torch.no_grad()
def on_unseen(module: ReasoningModule, recipe: HeadRecipe, seed: int) -> dict[str, float]:
    """Loss over all positions, and accuracy at the last one, on tasks that no stage has seen."""
    x, y, _ = recipe.sampler.tasks(N_UNSEEN, recipe.head.n_pairs, seed, "unseen")
    logits = torch.cat([module(a, b) for a, b in zip(x.split(64), y.split(64), strict=True)])
    right = ((logits > 0).float() == y).float()
    return {
        "loss": round(float(F.binary_cross_entropy_with_logits(logits, y)), 5),
        "accuracy": round(float(right[:, -16:].mean()), 4),  # of the last 16 positions
    }


def make_head(
    scratch: Path,
    say: Callable[[str], None],
    *,
    recipe: HeadRecipe = RECIPE,
    falling: int = FALLING,
    seed: int = SEED,
    folder: Path = ASSETS,
) -> Path:
    """Train and ship; goes on from what `scratch` has.

    Sets no number of threads: give the run what the machine has (``OMP_NUM_THREADS``).
    """
    constant = scratch / "constant"
    if not paths(constant)["record"].is_file():
        say(f"{recipe.steps:,} steps at a constant rate; checkpoint in {scratch}")
        module, history = train_head(
            recipe,
            seed,
            checkpoint=scratch / "head.safetensors",
            checkpoint_every=100,
            label="shipped module",
        )
        about = {"recipe": asdict(recipe), "seed": seed, "steps": recipe.steps}
        ship(module, smoothed(history.losses), about, constant)
    begun = read_head(constant)
    say(f"{falling} steps at a falling rate, from {begun.record['sha256'][:16]}")
    before = on_unseen(begun.module, recipe, seed)
    history = settle(begun.module.train(), recipe, seed, falling)
    after = on_unseen(begun.module.eval(), recipe, seed)
    about = {
        "recipe": begun.record["recipe"],
        "seed": begun.record["seed"],
        "steps": begun.record["steps"],
        "constant_sha256": begun.record["sha256"],
        "falling_steps": falling,
        "constant": before,
        "falling": after,
    }
    losses = np.concatenate([begun.losses, smoothed(history.losses, recipe.steps)])
    path = ship(begun.module, losses, about, folder)
    say(f"{path} ({path.stat().st_size:,} bytes); on new tasks {before}, then {after}")
    return path
