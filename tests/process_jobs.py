"""What two processes do together on one machine; the same functions run in one for comparison."""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

# The first optimizer of a process imports it: once in the server, not in each fork.
import torch._dynamo
from torch import Tensor, nn

from companion import models, processes
from companion.quartet import hub as quartet
from companion.quartet.lab.llama import Shape
from companion.quartet.method.linear import QUARTET, RECIPES
from companion.tart import hub as tart
from companion.tart.method.module import HeadConfig
from companion.tart.method.training import Curriculum, HeadRecipe
from companion.tart.settings import PRESETS
from companion.training import TrainingSettings

SETTINGS = TrainingSettings(steps=12, lr=1e-2)
ROWS = 5
"""Of a batch: two processes have three and two."""

HEAD = HeadRecipe(HeadConfig(4, 12, 16, 1, 2), Curriculum(4, 0, 12, 0, 1), 6, 1e-3, 5)


class Stopped(Exception):
    """A run ends before its time."""


def tiny() -> nn.Module:
    """A language model of a few thousand numbers, in double precision."""
    config = models.neox_config(n_layers=1, d_model=16, n_heads=2, vocab_size=11, seq=8)
    return models.neox(config, torch.Generator().manual_seed(0)).double()


def rows_at(step: int) -> Tensor:
    """No two rows are alike, so that whoever leaves one out has another gradient."""
    return torch.randint(11, (ROWS, 8), generator=torch.Generator().manual_seed(step))


def stopped_at(last: int):
    """The same rows, until the run stops."""

    def at(step: int) -> Tensor:
        if step == last:
            raise Stopped
        return rows_at(step)

    return at


def weights(model: nn.Module) -> np.ndarray:
    """All of a model, in one row."""
    return torch.cat([p.detach().flatten() for p in model.parameters()]).numpy()


def trained(rows=rows_at, **options: object) -> tuple[np.ndarray, np.ndarray]:
    """Losses and weights of the tiny model."""
    model = tiny()
    history = processes.train(
        model, rows, SETTINGS, seed=3, checkpoint_every=4, progress=False, **options
    )
    return history.losses, weights(model)


class Noisy(nn.Module):
    """Weights that are left out at random."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.ones(8, 3, dtype=torch.float64))


def noisy_loss(model: Noisy, rows: Tensor) -> Tensor:
    """Draws a mask from the generator of torch."""
    return (nn.functional.dropout(model.w, 0.5)[:, :1] * rows[:, 0].double()).square().mean()


def masked() -> tuple[np.ndarray, np.ndarray]:
    """A training whose loss draws random numbers, in four parts."""
    model = Noisy()
    options = {"loss": noisy_loss, "parts": 4, "reseed": torch.manual_seed}
    history = processes.train(model, rows_at, SETTINGS, seed=3, progress=False, **options)
    return history.losses, weights(model)


def in_four_bits() -> tuple[np.ndarray, np.ndarray]:
    """A run of the paper's four-bit training at a millionth of its size: held-out loss."""
    shape = Shape(n_layers=1, d_model=32, n_heads=1, hidden=32, vocab=16, seq=32)
    plan = quartet.LongPlan(shape, steps=3, n_windows=4, micro=1, lr=1e-3)

    def windows(step: int) -> Tensor:
        return torch.randint(16, (4, 32), generator=torch.Generator().manual_seed(step))

    loss = quartet.train_long(RECIPES[QUARTET], plan, windows, windows(99), seed=0, progress=False)
    return np.array([loss]), np.zeros(0)


def module(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """The module of a chapter, as its notebook trains it at paper scale."""
    asked = replace(PRESETS["paper"], hub_models=("none",))
    head = tart.paper_head(asked, 0, recipe=HEAD, folder=folder, progress=False)
    return np.zeros(0), weights(head)


def keep(folder: Path, name: str, found: tuple[np.ndarray, np.ndarray]) -> None:
    """What this process found."""
    np.savez(folder / f"{name}-{os.environ['RANK']}.npz", losses=found[0], weights=found[1])


def stop(path: Path) -> None:
    """A run that ends after step 7; its checkpoint is that of step 4."""
    try:
        trained(stopped_at(7), checkpoint=path)
    except Stopped:
        return


def pair(folder: Path, rank: int, port: int) -> None:
    """All that two processes do together; the last run is killed while it writes."""
    os.environ |= {
        **{"RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_RANK": str(rank), "LOCAL_WORLD_SIZE": "2"},
        **{"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)},
        **{"COMPANION_DEVICE": "cpu", "OMP_NUM_THREADS": "1"},
    }
    if sys.platform == "linux":
        os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    own = folder / str(rank)  # no disk is shared but for the results
    own.mkdir()
    keep(folder, "curve", trained())
    stop(own / "run.safetensors")
    one = folder / "one.safetensors"
    keep(folder, "resumed", trained(checkpoint=one if rank == 0 else own / "none.safetensors"))
    keep(folder, "masked", masked())
    keep(folder, "four bits", in_four_bits())
    keep(folder, "module", module(own))
    try:
        processes.Processes.join().agree(f"model {rank}")
    except processes.OutOfStep as error:
        (own / "said").write_text(str(error))
    killed_while_writing(own / "killed.safetensors")


def killed_while_writing(path: Path) -> None:
    """The main process dies when its second checkpoint is written and not yet renamed."""
    replace_file, n = os.replace, 0

    def dying(source: str, target: str) -> None:
        nonlocal n
        n += 1
        if n == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        replace_file(source, target)

    os.replace = dying
    trained(checkpoint=path)
