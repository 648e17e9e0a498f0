"""Training in one process or in several, on processors or GPUs, through Hugging Face Accelerate.

The loop stays :func:`companion.training.train`; what changes is the loss.  Each process holds the
model and is given the whole batch, which is a pure function of the step.  It computes value and
gradient of its parts of the batch, and both are summed over the processes.  The loop in each
process then goes on with value and gradient of the *whole* batch, so clipping, optimizer and
weights are the same everywhere, and how many processes there are changes nothing but the order of
a sum.

Gradients are summed here and not by ``DistributedDataParallel``.  That one takes the mean over
processes as if all had equally many rows, sees only what goes through ``forward``, and gives the
weights other names, so that a run of several processes could not go on in one.

A program that ``accelerate launch`` (or ``torchrun``) starts several times runs the same lines in
each process; started plainly, it is one process with all parts.
"""

from __future__ import annotations

import datetime
import functools
import hashlib
import inspect
import json
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from companion.scale import derive_seed, device

if TYPE_CHECKING:
    from companion.training import History, TrainingSettings

_SIZES = ("WORLD_SIZE", "PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE")
_CHUNK = 1 << 26  # bytes of a file that are sent at a time
_PATIENCE = datetime.timedelta(hours=6)
"""How long one waits for the others: each reads its data by itself, some in an hour."""


class OutOfStep(RuntimeError):
    """Processes that should train the same model are about to train different ones."""


def launched() -> bool:
    """Whether this process is one of several that were started together."""
    return any(os.environ.get(name, "").isdigit() and int(os.environ[name]) > 1 for name in _SIZES)


@dataclass(frozen=True)
class Processes:
    """Those that train together.

    rank : of this one, 0 for the main one, which alone writes files and shows progress
    size : how many there are
    device : that this one computes on
    """

    rank: int
    size: int
    device: torch.device

    @classmethod
    def join(cls) -> Processes:
        """Meet the others, and take one GPU each where there are some; at once where one is alone.

        ``COMPANION_DEVICE=cpu`` keeps them on processors.
        """
        from accelerate import PartialState

        state = PartialState(cpu=device() == "cpu", timeout=_PATIENCE)
        return cls(state.process_index, state.num_processes, state.device)

    @property
    def is_main(self) -> bool:
        """Whether this is the one that writes."""
        return self.rank == 0

    def sum(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """Sums over the processes, the same in each."""
        from accelerate.utils import reduce

        return reduce(list(tensors), "sum") if self.size > 1 else list(tensors)

    @torch.no_grad()
    def copy_main(self, tensors: Iterable[Tensor]) -> None:
        """Overwrite tensors by those of the main process."""
        from accelerate.utils import broadcast

        for tensor in tensors if self.size > 1 else ():
            tensor.copy_(broadcast(tensor.detach().contiguous()))

    def agree(self, what: str) -> None:
        """Raise :class:`OutOfStep` unless all processes come with the same text."""
        from accelerate.utils import gather

        if self.size == 1:
            return
        number = int.from_bytes(hashlib.sha256(what.encode()).digest()[:7], "big")
        found = gather(torch.tensor([number], device=self.device)).tolist()
        if len(set(found)) > 1:
            raise OutOfStep(f"process {self.rank} of {self.size} is at {what}, not all others are")

    def fetch(self, path: Path, target: Path) -> None:
        """Write the main process's file `path`, if it has one, to `target` here."""
        size = path.stat().st_size if self.is_main and path.exists() else 0
        length = torch.tensor([size], device=self.device)
        self.copy_main([length])
        if not length:
            return
        with path.open("rb") if self.is_main else target.open("wb") as file:
            for start in range(0, int(length), _CHUNK):
                n = min(_CHUNK, int(length) - start)
                part = torch.zeros(n, dtype=torch.uint8)
                if self.is_main:
                    part = torch.frombuffer(bytearray(file.read(n)), dtype=torch.uint8)
                part = part.to(self.device)
                self.copy_main([part])
                if not self.is_main:
                    file.write(part.cpu().numpy().tobytes())

    def wait(self) -> None:
        """Until all are here."""
        from accelerate import PartialState

        PartialState().wait_for_everyone()


def leave() -> None:
    """End the connection between the processes, at the end of a program."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


# ---------------------------------------------------------------------------------- the whole batch
class _Known(torch.autograd.Function):
    """A number whose gradients by some parameters have been computed before."""

    @staticmethod
    def forward(ctx, value: Tensor, gradients: list[Tensor | None], *_: Tensor) -> Tensor:
        ctx.gradients = gradients
        return value.clone()

    @staticmethod
    def backward(ctx, outer: Tensor) -> tuple[Tensor | None, ...]:
        return None, None, *(None if g is None else outer * g for g in ctx.gradients)


class WholeBatch:
    """A loss of the whole batch, whose parts the processes share.

    loss : ``loss(model, rows)``, a mean over the rows it is given
    parts : how many parts a batch is cut into along its first axis; part i belongs to process
        i modulo their number.  None: as many as there are processes
    weigh : how much the mean over a part counts, by default its number of rows
    reseed : called with a seed before each part, which depends on run, step and part alone: for
        a loss that draws random numbers

    Raises ``ValueError`` for a loss that draws without a number of parts: its draws would depend on
    how many processes there are.
    """

    def __init__(
        self,
        loss: Callable[[nn.Module, Tensor], Tensor],
        processes: Processes,
        *,
        seed: int,
        parts: int | None = None,
        weigh: Callable[[Tensor], float] = len,
        reseed: Callable[[int], object] | None = None,
    ) -> None:
        if reseed is not None and parts is None:
            raise ValueError("a loss that draws random numbers needs a fixed number of parts")
        if parts is not None and parts < 1:
            raise ValueError(f"a batch has at least one part, got parts={parts}")
        self._loss, self._processes, self._seed = loss, processes, seed
        self._parts, self._weigh, self._reseed = parts, weigh, reseed
        self.step = 0

    def __call__(self, model: nn.Module, batch: Tensor) -> Tensor:
        """The loss of the whole `batch`; its gradients reach the parameters of `model`."""
        pieces = batch.tensor_split(min(self._parts or self._processes.size, len(batch)))
        weights = [self._weigh(piece) for piece in pieces]
        parameters = [p for p in model.parameters() if p.requires_grad]
        value = torch.zeros((), device=parameters[0].device, dtype=parameters[0].dtype)
        gradients: list[Tensor | None] = [None] * len(parameters)
        for i in range(self._processes.rank, len(pieces), self._processes.size):
            if self._reseed is not None:
                self._reseed(derive_seed(self._seed, "part", self.step, i))
            part = self._loss(model, pieces[i]) * (weights[i] / sum(weights))
            found = torch.autograd.grad(part, parameters, allow_unused=True)
            value = value + part.detach()
            gradients = [_plus(a, b) for a, b in zip(gradients, found, strict=True)]
        if self._processes.size > 1:
            value, *gradients = self._summed(value, gradients, parameters)
        return _Known.apply(value, gradients, *parameters)

    def _summed(
        self, value: Tensor, gradients: list[Tensor | None], parameters: list[nn.Parameter]
    ) -> list[Tensor | None]:
        """Value and gradients over all processes; None where no process has one."""
        used = torch.tensor([g is not None for g in gradients], device=value.device).long()
        there = [
            torch.zeros_like(p) if g is None else g
            for g, p in zip(gradients, parameters, strict=True)
        ]
        used, value, *sums = self._processes.sum([used, value, *there])
        return [value, *(g if n else None for g, n in zip(sums, used.tolist(), strict=True))]


def _plus(a: Tensor | None, b: Tensor | None) -> Tensor | None:
    return a if b is None else b if a is None else a + b


# ---------------------------------------------------------------------------------------- the loop
def train(
    model: nn.Module,
    batch_at: Callable[[int], Tensor],
    settings: TrainingSettings,
    *,
    seed: int,
    loss: Callable[[nn.Module, Tensor], Tensor] | None = None,
    parts: int | None = None,
    weigh: Callable[[Tensor], float] = len,
    reseed: Callable[[int], object] | None = None,
    checkpoint: Path | None = None,
    checkpoint_every: int = 1000,
    progress: bool = True,
    label: str = "training",
    **options: object,
) -> History:
    """:func:`companion.training.train` of `model` by all processes; all end with equal weights.

    The file of the main process counts: written under another name and renamed, in safetensors,
    with the weights' own names.  Another number of processes goes on from it, and so does the loop
    by itself.  Within :func:`together` a training without a file of its own is given one.

    loss, parts, weigh, reseed : of :class:`WholeBatch`; the loss of the loop if None
    options : further ones of the loop

    Raises what the loop raises, and :class:`OutOfStep`.
    """
    from companion import training

    plain = inspect.unwrap(training.train)
    processes = Processes.join()
    inside = _INSIDE.get()
    if checkpoint is None and inside is not None:
        checkpoint = inside.file(label)
    processes.agree(f"{label}, seed {seed}, {settings}")
    processes.copy_main([*model.parameters(), *model.buffers()])
    whole = WholeBatch(
        loss or training.next_token_loss,
        processes,
        seed=seed,
        parts=parts,
        weigh=weigh,
        reseed=reseed,
    )

    def noted(step: int) -> Tensor:
        whole.step = step
        return batch_at(step)

    with _own_file(checkpoint, processes) as file:
        history = plain(
            model,
            noted,
            settings,
            seed=seed,
            loss=whole,
            checkpoint=file,
            checkpoint_every=checkpoint_every if processes.is_main else settings.steps + 1,
            progress=progress and processes.is_main,
            label=label,
            **options,
        )
    processes.wait()
    return history


@contextmanager
def _own_file(checkpoint: Path | None, processes: Processes) -> Iterator[Path | None]:
    """The checkpoint, without what a killed run left beside it; for all but the main one a copy."""
    if checkpoint is None:
        yield None
        return
    if processes.is_main:
        for left in checkpoint.parent.glob(f".{checkpoint.name}.*"):
            left.unlink(missing_ok=True)
    if processes.size == 1:
        yield checkpoint
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / checkpoint.name
        processes.fetch(checkpoint, copy)
        yield checkpoint if processes.is_main else copy


# ----------------------------------------------------------------------------------- paper scale
class _Trainings:
    """The trainings of one call of a function, in their order; each has a file of its own.

    The folder is named after the function's digest, settings and seed: other code or settings
    begin anew, the same ones go on.
    """

    def __init__(self, function: Callable, settings: object, seed: int, keeps: bool) -> None:
        self._of, self._keeps, self._n = (function, settings, seed), keeps, 0

    def file(self, label: str) -> Path | None:
        """Of the next training; None where the call is not determined by settings and seed."""
        if not self._keeps:
            return None
        self._n += 1
        return (
            self._folder / f"{self._n:02}-{re.sub(r'[^a-z0-9]+', '-', label.lower())}.safetensors"
        )

    @functools.cached_property
    def _folder(self) -> Path:
        from companion import fingerprint, models, sweep

        function, settings, seed = self._of
        said = json.dumps([fingerprint.digest(function), sweep.content(settings), seed])
        tag = hashlib.sha256(said.encode()).hexdigest()[:16]
        return models.models_folder() / "training" / f"{function.__name__}-{tag}"


_INSIDE: ContextVar[_Trainings | None] = ContextVar("trainings", default=None)
_DOORS: dict[str, tuple[str, ...]] = {}


def share(module: str) -> None:
    """Let the trainings of :func:`together` be shared by all processes; others stay as they are.

    module : that has the loop ``train``; it calls this at its end, after all definitions.  Those
        stay as they are, and with them the digests of stored results: a training at toy or book
        scale is the loop itself
    """
    space = vars(sys.modules[module])
    plain = space["train"]

    @functools.wraps(plain)
    def chosen(*args: object, **kwargs: object) -> History:
        return plain(*args, **kwargs) if _INSIDE.get() is None else train(*args, **kwargs)

    space["train"] = chosen


def together(module: str, *names: str) -> None:
    """From now on what these functions of a module train is trained by all processes.

    module : its ``__name__``; it calls this at its end, after all definitions, which stay as they
        are, and with them the digests of stored results
    names : functions of settings and seed, for paper scale; with further arguments (stand-ins of
        tests) trainings have no file
    """
    space = vars(sys.modules[module])
    for name in names:
        space[name] = _door(space[name])
    _DOORS[module] = names


def _door(function: Callable) -> Callable:
    @functools.wraps(function)
    def opened(settings: object, seed: int, **others: object) -> object:
        if launched():
            Processes.join()  # before anything is put on a GPU
        inside = _INSIDE.set(_Trainings(opened, settings, seed, not others))
        try:
            return function(settings, seed, **others)
        finally:
            _INSIDE.reset(inside)

    return opened


def doors(module: str) -> dict[str, Callable]:
    """Functions of a module that :func:`together` has named, by name."""
    space = vars(sys.modules[module])
    return {name: space[name] for name in _DOORS.get(module, ())}
