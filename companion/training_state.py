"""What a stopped training run needs to go on as if nothing had happened, in one safetensors file.

Weights, buffers, optimizer state, the random state of torch, losses and measurements are tensors;
step, seed and settings are text in the file's header.  Nothing is pickled.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn


@dataclass
class RunState:
    """One run in progress.

    step : updates made so far; losses : one per update
    measured_at, series : the steps of the measurements, and their values by name
    settings : a dataclass; with the seed it identifies the run
    """

    model: nn.Module
    optimizer: torch.optim.Optimizer
    settings: object
    seed: int
    step: int = 0
    losses: list[float] = field(default_factory=list)
    measured_at: list[int] = field(default_factory=list)
    series: dict[str, list[np.ndarray]] = field(default_factory=dict)

    def record(self, step: int, values: Mapping[str, ArrayLike]) -> None:
        """Keep the measurement of `step`; ValueError unless it has the names and shapes of old."""
        arrays = {name: np.asarray(value, dtype=float) for name, value in values.items()}
        if self.measured_at:
            before = {name: kept[0].shape for name, kept in self.series.items()}
            now = {name: array.shape for name, array in arrays.items()}
            if before != now:
                raise ValueError(f"measurement at step {step} has {now}, the first one {before}")
        self.measured_at.append(step)
        for name, array in arrays.items():
            self.series.setdefault(name, []).append(array)

    def save(self, path: Path) -> None:
        """Write everything to `path`; a reader never sees half a file."""
        tensors = {f"model/{name}": value for name, value in self._weights().items()}
        tensors |= {
            f"optimizer/{index}/{name}": value
            for index, entry in self.optimizer.state_dict()["state"].items()
            for name, value in entry.items()
            if value is not None  # momentum before the first update
        }
        tensors["random"] = torch.get_rng_state()
        tensors["losses"] = torch.tensor(self.losses, dtype=torch.float64)
        tensors["measured_at"] = torch.tensor(self.measured_at, dtype=torch.int64)
        tensors |= {
            f"series/{name}": torch.from_numpy(np.stack(kept)) for name, kept in self.series.items()
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            copies = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
            save_file(copies, str(fresh), metadata={"step": str(self.step), "run": self._run()})
            os.replace(fresh, path)
        finally:
            fresh.unlink(missing_ok=True)

    def load(self, path: Path) -> None:
        """Go on from `path`.

        Raises
        ------
        ValueError : the file is not a checkpoint, or is one of another run
        """
        try:
            with safe_open(str(path), framework="pt") as file:
                header = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except SafetensorError as error:
            raise ValueError(f"{path} is no checkpoint ({error}); delete it") from error
        if header.get("run") != self._run():
            raise ValueError(
                f"{path} belongs to the run {header.get('run')}, this is {self._run()}; "
                "delete it or name another file"
            )
        self.step = int(header["step"])
        self._load_weights(_below("model/", tensors))
        self._load_optimizer(_below("optimizer/", tensors))
        torch.set_rng_state(tensors["random"])
        self.losses = tensors["losses"].tolist()
        self.measured_at = tensors["measured_at"].tolist()
        self.series = {k: list(v.numpy()) for k, v in _below("series/", tensors).items()}

    def _run(self) -> str:
        return json.dumps({"seed": self.seed, **asdict(self.settings)}, sort_keys=True)

    def _weights(self) -> dict[str, Tensor]:
        # named_parameters lists a tied weight once, which is what safetensors wants
        return dict(self.model.named_parameters()) | dict(self.model.named_buffers())

    def _load_weights(self, stored: Mapping[str, Tensor]) -> None:
        weights = self._weights()
        shapes = {name: tuple(value.shape) for name, value in weights.items()}
        if shapes != {name: tuple(value.shape) for name, value in stored.items()}:
            raise ValueError("the checkpoint holds another model: names or shapes differ")
        with torch.no_grad():
            for name, value in weights.items():
                value.copy_(stored[name])

    def _load_optimizer(self, stored: Mapping[str, Tensor]) -> None:
        entries: dict[int, dict[str, Tensor]] = {}
        for key, value in stored.items():
            index, name = key.split("/")
            entries.setdefault(int(index), {})[name] = value
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": entries, "param_groups": groups})


def _below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
