"""A family of tiny byte-level language models, trained while the notebook runs.

GPT-NeoX models (Pythia's architecture and initialization) of 7 thousand to half a million
parameters read the source code of Python's standard library at a constant learning rate after
warm-up, so that every checkpoint is the end of a valid shorter run.  A second arm lets the rate
fall to zero over the last fifth, to show what a schedule does to the curve.
"""

from __future__ import annotations

import platform
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from companion.corpora import Corpus, byte_tokens, random_windows
from companion.models import neox, neox_config
from companion.scale import generator, torch_generator
from companion.scaling_laws.method.protocol import Run
from companion.sweep import sweep
from companion.training import TrainingDiverged, TrainingSettings, next_token_loss, train

VOCAB = 256
COOL_SHARE = 0.2
"""Share of the steps in which a cooled run lowers its rate to zero."""

HELD_OUT_EVERY = 20
"""Every twentieth file of the corpus is kept for evaluation."""

_LEFT_OUT = {"site-packages", "dist-packages", "test", "tests", "idlelib", "lib2to3", "__pycache__"}


@dataclass(frozen=True)
class Recipe:
    """How every model of the family is trained; one value for all sizes.

    batch * seq tokens per step; warmup : steps of linear rise to the constant rate `lr`
    n_checkpoints : evenly spaced evaluations, each on `n_eval` windows of `seq` tokens
    """

    steps: int = 600
    batch: int = 32
    seq: int = 64
    lr: float = 3e-3
    warmup: int = 40
    n_checkpoints: int = 40
    n_eval: int = 128

    def __post_init__(self) -> None:
        if not 0 < self.warmup < self.steps * (1 - COOL_SHARE):
            raise ValueError(
                f"warmup must lie between 0 and {1 - COOL_SHARE:g} of the {self.steps} steps, got "
                f"{self.warmup}"
            )

    @property
    def tokens(self) -> int:
        """Tokens that a run sees."""
        return self.steps * self.batch * self.seq


@dataclass(frozen=True)
class Shape:
    """Layers and width of one size; heads are 16 wide."""

    n_layers: int
    d_model: int

    def __str__(self) -> str:
        return f"{self.n_layers}x{self.d_model}"


class TinyRuns(NamedTuple):
    """Everything that was trained.

    hot : (shape, seed) -> run at constant rate; cool : the same with a cool-down
    failed : "shape, seed: reason" of runs that diverged; they are counted, not replaced
    """

    hot: dict[tuple[Shape, int], Run]
    cool: dict[tuple[Shape, int], Run]
    failed: tuple[str, ...]


@cache
def python_sources() -> Corpus:
    """The standard library's own modules, without tests: about 11 MB of code and comments.

    The text belongs to the running Python, so a result keeps ``provenance()``.

    Raises
    ------
    RuntimeError
        This Python was installed without the sources of its library.
    """
    root = Path(sysconfig.get_path("stdlib"))
    texts = {}
    for path in sorted(root.rglob("*.py")):
        name = path.relative_to(root)
        if not _LEFT_OUT & set(name.parts):
            texts[name.as_posix()] = path.read_text(encoding="utf-8", errors="replace")
    if len(texts) < 100:
        raise RuntimeError(
            f"{root} holds {len(texts)} source files; the tiny family reads the sources of the "
            "standard library, which this Python came without. Use a full installation"
        )
    return Corpus(
        texts, "source code of the Python standard library", "PSF-2.0", platform.python_version()
    )


@cache
def token_streams() -> tuple[torch.Tensor, torch.Tensor]:
    """(training, held out) bytes of the corpus, int64; split by file."""
    texts = list(python_sources().documents.values())
    held_out = texts[HELD_OUT_EVERY - 1 :: HELD_OUT_EVERY]
    training = [text for i, text in enumerate(texts) if i % HELD_OUT_EVERY != HELD_OUT_EVERY - 1]
    return byte_tokens("\n".join(training)), byte_tokens("\n".join(held_out))


def count_parameters(model: torch.nn.Module) -> int:
    """N: all parameters but the input embedding.

    At this size the embedding is up to a third of the model although it computes nothing.
    """
    embedding = model.get_input_embeddings().weight.numel()
    return sum(parameter.numel() for parameter in model.parameters()) - embedding


def train_tiny(shape: Shape, seed: int, recipe: Recipe, *, cool: float = 0.0) -> Run:
    """One run; its losses are nats per byte on the held-out files.

    seed : of weights and of the order of the data
    cool : share of the steps at the end in which the rate falls to zero along a cosine; 0 keeps
        it constant. The fall starts with a fresh optimizer state, because the shared loop has no
        schedule that first holds and then falls.
    """
    training, held_out = token_streams()
    windows = spread_windows(held_out, recipe.n_eval, recipe.seq + 1)
    model = neox(
        neox_config(
            n_layers=shape.n_layers,
            d_model=shape.d_model,
            n_heads=shape.d_model // 16,
            vocab_size=VOCAB,
            seq=recipe.seq + 1,
        ),
        torch_generator(seed, "scaling-laws", "weights", shape),
    )
    held = recipe.steps - round(cool * recipe.steps)
    phases = [(0, held, recipe.warmup / held, 1.0), (held, recipe.steps, 0.05, 0.0)]
    at = np.unique(np.linspace(0, recipe.steps, recipe.n_checkpoints + 1).astype(int)[1:])
    steps, losses = [], []
    for start, stop, warmup, floor in phases:
        if start == stop:
            continue

        def batch_at(step: int, start: int = start) -> torch.Tensor:
            rng = generator(seed, "scaling-laws", "batch", start + step)
            return random_windows(training, recipe.batch, recipe.seq + 1, rng)

        history = train(
            model,
            batch_at,
            TrainingSettings(steps=stop - start, lr=recipe.lr, warmup=warmup, floor=floor),
            seed=seed,
            measure=lambda model, _: {"loss": next_token_loss(model, windows).item()},
            measure_at=(at[(at > start) & (at <= stop)] - start).tolist(),
            progress=False,
        )
        steps += (history.measured_at + start).tolist()
        losses += history.series["loss"].tolist()
    D = np.array(steps) * float(recipe.batch * recipe.seq)
    return Run(str(shape), float(count_parameters(model)), D, np.array(losses))


def spread_windows(tokens: torch.Tensor, n: int, seq: int) -> torch.Tensor:
    """`n` windows of `seq` tokens at even distances, so that no one file decides: (n, seq)."""
    if n * seq > len(tokens):
        raise ValueError(f"{n} windows of {seq} tokens do not fit into {len(tokens)} tokens")
    starts = torch.arange(n) * (len(tokens) // n)
    return tokens[starts[:, None] + torch.arange(seq)]


def train_tiny_family(
    plan: Sequence[tuple[Shape, int]],
    cool: Sequence[tuple[Shape, int]],
    recipe: Recipe,
    *,
    n_jobs: int = 1,
    progress: bool = True,
) -> TinyRuns:
    """Train every (shape, seed) of `plan` at constant rate and of `cool` with a cool-down.

    n_jobs : runs side by side, each on one thread. Models so small gain little from threads, and
        one thread each makes a run the same on every machine of a kind.
    """
    # the largest first, so that no long run is left to the end
    jobs = [(0, 0.0, *job) for job in plan] + [(1, COOL_SHARE, *job) for job in cool]
    jobs.sort(key=lambda job: -job[2].n_layers * job[2].d_model ** 2)
    outcomes = sweep(
        partial(_train_or_say, recipe=recipe),
        [{"shape": shape, "seed": seed, "cool": share} for _, share, shape, seed in jobs],
        n_jobs=n_jobs,
        label="tiny models" if progress else "",
        unpack=True,
    )
    arms, failed = ({}, {}), []
    for (arm, _, shape, seed), outcome in zip(jobs, outcomes, strict=True):
        if isinstance(outcome, Run):
            arms[arm][shape, seed] = outcome
        else:
            failed.append(outcome)
    return TinyRuns(*arms, tuple(failed))


def _train_or_say(shape: Shape, seed: int, recipe: Recipe, cool: float) -> Run | str:
    """The run, or the reason why there is none."""
    try:
        return train_tiny(shape, seed, recipe, cool=cool)
    except TrainingDiverged as error:
        return f"{shape}, seed {seed}: {error}"
