"""Paper scale: the authors' 30M model on C4, and a pretrained model's gradients, on one GPU.

Everything is emulated, so a run is slower than its unquantized twin; what it shows are losses.
The same functions run in the tests on a model and a text of a few hundred numbers.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from companion import processes
from companion.data import DataUnavailable, Missing, revision
from companion.models import smollm2
from companion.quartet.lab.llama import Shape, TinyLlama
from companion.quartet.lab.rounding import DEPTH_ARMS, Depth, compare
from companion.quartet.lab.training import RECIPES
from companion.quartet.method.linear import QuantizedMatmul, Recipe
from companion.quartet.settings import Settings
from companion.quartet.sources import PAPER_RUNS
from companion.scale import derive_seed, device
from companion.training import TrainingSettings

if TYPE_CHECKING:
    from pathlib import Path

    from transformers import PreTrainedModel

C4 = "allenai/c4"
TOKENIZER = "hf-internal-testing/llama-tokenizer"
"""An open copy of the Llama-2 vocabulary; the original is gated."""

MODEL_30M = Shape(n_layers=6, d_model=640, n_heads=5, hidden=1792, vocab=32_000, seq=512)
LR_30M = 1.2e-3
N_HELD_OUT = 1024  # windows of 512 tokens
CHECKPOINT_EVERY = 200  # updates

BatchAt = Callable[[int], Tensor]


@dataclass(frozen=True)
class LongPlan:
    """One run: `n_windows` windows per update, `micro` of them at a time."""

    shape: Shape
    steps: int
    n_windows: int
    micro: int
    lr: float = LR_30M

    def __post_init__(self) -> None:
        if self.n_windows % self.micro or self.micro * self.shape.seq % 32:
            raise ValueError(
                f"micro must divide n_windows and micro * seq be a multiple of 32, got "
                f"{self.micro}, {self.n_windows}, seq {self.shape.seq}"
            )


def train_long(
    recipe: Recipe,
    plan: LongPlan,
    batch_at: BatchAt,
    held_out: Tensor,
    *,
    seed: int,
    on: str = "cpu",
    progress: bool = True,
) -> float:
    """Final held-out loss in nats per token of one model, with accumulated gradients.

    The parts of a batch are shared by all processes that were started together.  Signs and rounding
    draws are those of step and part, so neither the number of processes nor a stop changes them.

    batch_at : step -> int64 (n_windows, seq), a pure function of the step
    held_out : int64 (windows, seq)

    Raises ``TrainingDiverged`` at the first loss that is not finite.
    """
    noise = torch.Generator(device=on)
    model = TinyLlama(plan.shape, recipe, [derive_seed(seed, "quartet weights")], noise).to(on)
    processes.train(
        model,
        batch_at,
        TrainingSettings(steps=plan.steps, lr=plan.lr, warmup=0.1, floor=0.1),
        seed=seed,
        loss=lambda model, rows: model.losses(rows[None]).sum(),
        parts=plan.n_windows // plan.micro,
        reseed=noise.manual_seed,
        checkpoint_every=CHECKPOINT_EVERY,
        progress=progress,
        label=f"{recipe.forward}, {recipe.backward}",
    )
    noise.manual_seed(derive_seed(seed, "quartet held out"))
    with torch.no_grad():
        losses = [model.losses(part[None].to(on)) for part in held_out.split(plan.micro)]
    return float(torch.cat(losses).mean())


def c4_windows(files: Sequence[Path], tokenize: Callable[[str], list[int]], seq: int) -> Iterator:
    """Windows of `seq` tokens from gzipped JSON lines, documents joined by their end token.

    Yields int64 arrays (seq,), in the order of the files.
    """
    kept: list[int] = []
    for file in files:
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            for line in lines:
                kept += tokenize(json.loads(line)["text"])
                while len(kept) >= seq:
                    yield np.array(kept[:seq], dtype=np.int64)
                    kept = kept[seq:]


def run_paper_runs(settings: Settings, seed: int) -> pd.DataFrame | Missing:
    """Final C4 losses of the 30M model beside the authors'; a Missing below paper scale.

    Columns: recipe, loss, authors, gap, authors' gap.
    """
    if not settings.hub_recipes:
        return Missing(
            "The 30M model is trained at paper scale only: set SCALE to 'paper' on a machine with "
            "a GPU, a network and 20 GB of disk; two to four hours a recipe."
        )
    train_windows, held_out = _c4(settings)

    def batch_at(step: int) -> Tensor:
        first = step * settings.hub_sequences
        return torch.from_numpy(
            np.asarray(train_windows[first : first + settings.hub_sequences], dtype=np.int64)
        )

    plan = LongPlan(MODEL_30M, settings.hub_steps, settings.hub_sequences, settings.hub_micro)
    losses = {
        name: train_long(RECIPES[name], plan, batch_at, held_out, seed=seed, on=device())
        for name in settings.hub_recipes
    }
    return beside_authors(losses)


def beside_authors(losses: dict[str, float]) -> pd.DataFrame:
    """Our losses and gaps beside those of the released runs."""
    rows = [
        {
            "recipe": name,
            "loss": loss,
            "authors": PAPER_RUNS.get(name),
            "gap": loss - losses["none:none"],
            "authors' gap": PAPER_RUNS.get(name, np.nan) - PAPER_RUNS["none:none"],
        }
        for name, loss in losses.items()
    ]
    return pd.DataFrame(rows)


def _c4(settings: Settings) -> tuple[np.ndarray, Tensor]:
    """(training windows as a 16-bit array, held-out windows) from the Hub's C4 files."""
    n, seq = settings.hub_steps * settings.hub_sequences, MODEL_30M.seq
    tokenize = _tokenizer()
    shards = (_c4_file(f"en/c4-train.{i:05}-of-01024.json.gz") for i in range(1024))
    windows = np.empty((n, seq), dtype=np.uint16)  # 32,000 tokens fit
    source = c4_windows(shards, tokenize, seq)
    for i in tqdm(range(n), desc="C4"):
        windows[i] = next(source)
    held_out = c4_windows([_c4_file("en/c4-validation.00000-of-00008.json.gz")], tokenize, seq)
    return windows, torch.from_numpy(np.stack([next(held_out) for _ in range(N_HELD_OUT)]))


def _tokenizer() -> Callable[[str], list[int]]:
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(
            TOKENIZER, revision=revision(TOKENIZER), trust_remote_code=False
        )
    except OSError as error:
        raise DataUnavailable(f"{TOKENIZER} could not be had from the Hub ({error})") from error
    if len(tokenizer) != MODEL_30M.vocab:
        raise DataUnavailable(f"{TOKENIZER} has {len(tokenizer)} tokens, not {MODEL_30M.vocab}")
    return lambda text: [*tokenizer.encode(text), tokenizer.eos_token_id]


def _c4_file(name: str) -> Path:
    from pathlib import Path

    from huggingface_hub import hf_hub_download

    try:
        return Path(hf_hub_download(C4, name, repo_type="dataset", revision=revision(C4)))
    except OSError as error:
        raise DataUnavailable(f"{C4}/{name} could not be had from the Hub ({error})") from error


@contextmanager
def quantized_backward(model: PreTrainedModel, recipe: Recipe, noise: torch.Generator):
    """Within the block, linear layers of the model's blocks use `recipe`; weights stay theirs."""
    layers = [
        module
        for block in model.model.layers
        for module in block.modules()
        if isinstance(module, nn.Linear)
    ]

    def forward(layer: nn.Linear, x: Tensor) -> Tensor:
        rows = x.reshape(-1, x.shape[-1])
        return QuantizedMatmul.apply(rows, layer.weight, recipe, noise).view(*x.shape[:-1], -1)

    try:
        for layer in layers:
            layer.forward = lambda x, layer=layer: forward(layer, x)
        yield
    finally:
        for layer in layers:
            del layer.forward


def depth_of_pretrained(model: PreTrainedModel, windows: Tensor, seed: int) -> Depth:
    """C7's figure on a Llama of transformers: one batch per window, (windows, seq)."""
    noise = torch.Generator(device=model.device).manual_seed(derive_seed(seed, "pretrained"))
    arms = {name: DEPTH_ARMS[name] for name in ("RTN", "SR", "QuEST")}
    cosine = {arm: [] for arm in arms}
    misalignment = {arm: [] for arm in arms}
    for window in windows:
        exact = _stream_gradients(model, window[None])
        for arm, recipe in arms.items():
            with quantized_backward(model, replace(recipe, forward=None), noise):
                found = _stream_gradients(model, window[None])
            pairs = [compare(q, g) for q, g in zip(found, exact, strict=True)]
            cosine[arm].append([pair[0] for pair in pairs])
            misalignment[arm].append([pair[1] for pair in pairs])
    return Depth(
        {arm: np.array(rows) for arm, rows in cosine.items()},
        {arm: np.array(rows) for arm, rows in misalignment.items()},
    )


def _stream_gradients(model: PreTrainedModel, tokens: Tensor) -> list[Tensor]:
    """Gradients by the input of each block and the output of the last, top first: (tokens, d)."""
    states: list[Tensor] = []

    def keep(_module: nn.Module, args: tuple, _kwargs: dict) -> None:
        states.append(args[0])

    hooks = [
        module.register_forward_pre_hook(keep, with_kwargs=True)
        for module in (*model.model.layers, model.model.norm)
    ]
    try:
        tokens = tokens.to(model.device)
        loss = model(tokens, labels=tokens, use_cache=False).loss
    finally:
        for hook in hooks:
            hook.remove()
    return [g.flatten(0, -2) for g in reversed(torch.autograd.grad(loss, states))]


def run_pretrained_depth(settings: Settings, seed: int) -> Depth | Missing:
    """The depth figure on SmolLM2-135M with C4 validation text; a Missing below paper scale."""
    if not settings.hub_windows:
        return Missing(
            "Gradients of a pretrained model are measured at paper scale only: set SCALE to "
            "'paper' on a machine with a network."
        )
    model, tokenizer = smollm2(device=device())
    file = _c4_file("en/c4-validation.00000-of-00008.json.gz")
    source = c4_windows([file], lambda text: [*tokenizer.encode(text), tokenizer.eos_token_id], 512)
    windows = torch.from_numpy(np.stack([next(source) for _ in range(settings.hub_windows)]))
    return depth_of_pretrained(model, windows, seed)


processes.together(__name__, "run_paper_runs")
