"""How far do seeds alone move a loss?  Tiny byte-level language models, trained in the notebook.

GPT-NeoX models (Pythia's architecture and initialization) of 7 to 100 thousand parameters read
the King James Bible at a constant learning rate after warm-up.  A seed decides about the weights
and the order of the text; the held-out books are the same for all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
import pandas as pd
import torch

from companion.corpora import byte_tokens, king_james, random_windows
from companion.models import neox, neox_config
from companion.scale import generator, torch_generator
from companion.sweep import sweep
from companion.training import TrainingDiverged, TrainingSettings, next_token_loss, train

VOCAB = 256

HELD_OUT_EVERY = 20
"""Every twentieth book is kept for evaluation."""


@dataclass(frozen=True)
class Recipe:
    """How every model is trained.

    batch * seq bytes per step; the final loss is the mean over `n_eval` windows of `seq` bytes
    """

    steps: int
    batch: int
    seq: int = 64
    lr: float = 3e-3
    n_eval: int = 256


@cache
def token_streams() -> tuple[torch.Tensor, torch.Tensor]:
    """(training, held out) bytes of the corpus, int64; split by book."""
    texts = list(king_james().documents.values())
    held_out = texts[HELD_OUT_EVERY - 1 :: HELD_OUT_EVERY]
    training = [text for i, text in enumerate(texts) if i % HELD_OUT_EVERY != HELD_OUT_EVERY - 1]
    return byte_tokens("\n".join(training)), byte_tokens("\n".join(held_out))


def spread_windows(tokens: torch.Tensor, n: int, seq: int) -> torch.Tensor:
    """`n` windows of `seq` tokens at even distances, so that no one book decides: (n, seq)."""
    if n * seq > len(tokens):
        raise ValueError(f"{n} windows of {seq} tokens do not fit into {len(tokens)} tokens")
    starts = torch.arange(n) * (len(tokens) // n)
    return tokens[starts[:, None] + torch.arange(seq)]


def final_loss(shape: tuple[int, int], seed: int, recipe: Recipe) -> float:
    """Held-out loss at the end of one run, nats per byte; nan if it diverged.

    shape : layers and width; heads are 16 wide
    """
    training, held_out = token_streams()
    windows = spread_windows(held_out, recipe.n_eval, recipe.seq + 1)
    layers, width = shape
    config = neox_config(
        n_layers=layers,
        d_model=width,
        n_heads=width // 16,
        vocab_size=VOCAB,
        seq=recipe.seq + 1,
    )
    model = neox(config, torch_generator(seed, "tiny models", "weights", shape))

    def batch_at(step: int) -> torch.Tensor:
        rng = generator(seed, "tiny models", "batch", step)
        return random_windows(training, recipe.batch, recipe.seq + 1, rng)

    try:
        history = train(
            model,
            batch_at,
            TrainingSettings(steps=recipe.steps, lr=recipe.lr, warmup=0.1, floor=1.0),
            seed=seed,
            measure=lambda model, _: {"loss": next_token_loss(model, windows).item()},
            measure_at=[recipe.steps],
            progress=False,
        )
    except TrainingDiverged:
        return float("nan")
    return float(history.series["loss"][-1])


def train_seeds(
    shapes: Sequence[tuple[int, int]],
    seeds: Sequence[int],
    recipe: Recipe,
    *,
    n_jobs: int = 1,
    progress: bool = True,
) -> pd.DataFrame:
    """Every shape with every seed: columns shape, seed, loss (nats per byte; nan: diverged)."""
    jobs = [{"shape": tuple(shape), "seed": seed} for shape in shapes for seed in seeds]
    # the largest first, so that no long run is left to the end
    jobs.sort(key=lambda job: -job["shape"][0] * job["shape"][1] ** 2)
    label = "tiny models" if progress else ""
    job = partial(final_loss, recipe=recipe)
    losses = sweep(job, jobs, n_jobs=n_jobs, label=label, unpack=True)
    names = [f"{layers}x{width}" for layers, width in (job["shape"] for job in jobs)]
    return pd.DataFrame(
        {"shape": names, "seed": [job["seed"] for job in jobs], "loss": np.array(losses)}
    )
