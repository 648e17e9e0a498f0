r"""Massive activations in a real pretrained model, and what happens when they are taken away.

Context.  Sun et al. (2024) call a scalar massive when its magnitude exceeds 100 and about 1000
times the median of its hidden state.  They found few of them, at fixed dimensions and at the first
token; set to zero they break the model, set to their mean over texts they do not.  This module
repeats the observation and the intervention on SmolLM2.

Intuition.  If a scalar has the same huge value whatever the text, it carries no information about
the text: it acts as a bias.  Removing a bias breaks what was built on it; replacing it by its mean
changes nothing.

Every text is cut to the same number of tokens, so a batch needs no padding.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from companion.corpora import Corpus, python_topics
from companion.massive_activations.measure import Measurement, block_list, hidden_of, measure
from companion.stats import Interval, geometric_mean

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
    """The first `seq` tokens of `n` documents, evenly spaced in the order of their titles.

    No token is put in front: each text begins with its own first word.

    corpus : default, the help topics of the running Python

    Raises ValueError when fewer than `n` documents are that long.
    """
    documents = (corpus or python_topics()).documents
    ids = {name: tokenizer(text, add_special_tokens=False)["input_ids"][:seq]
           for name, text in documents.items()}  # fmt: skip
    usable = [name for name, tokens in ids.items() if len(tokens) == seq]
    if not 1 <= n <= len(usable):
        raise ValueError(f"{len(usable)} documents have {seq} tokens, {n} were asked for")
    picked = [usable[round(i)] for i in np.linspace(0, len(usable) - 1, n)]
    return Texts(tuple(picked), torch.tensor([ids[name] for name in picked]))


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
    """Where the massive scalars are.

    block : the first block whose output has them, from 1
    token : their position in every text, from 0
    dims : their dimensions, largest first
    values : their signed values, shape (n_texts, len(dims))
    """

    block: int
    token: int
    dims: tuple[int, ...]
    values: np.ndarray


class NoMassiveActivation(ValueError):
    """No scalar meets the criterion in every text."""


def is_massive(measurement: Measurement) -> np.ndarray:
    """Whether the largest scalar meets the criterion of Sun et al.: bool, (n_texts, n_layers)."""
    return (measurement.top1 > SUN_MAGNITUDE) & (measurement.ratio >= SUN_RATIO)


def locate(
    model: PreTrainedModel, input_ids: Tensor, measurement: Measurement | None = None
) -> Location:
    """Find the scalars that are massive in every text, at the first block that has any.

    measurement : of the same texts, to save a pass

    Raises
    ------
    NoMassiveActivation
        No block is massive in every text, or the place differs between texts.
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
    positions = set(measurement.token[:, layer].tolist())
    if len(positions) != 1:
        raise NoMassiveActivation(
            f"the largest scalar of block {layer + 1} is at different tokens: {sorted(positions)}"
        )
    token = positions.pop()
    rows = token_rows(model, input_ids, layer + 1, token)
    floor = np.maximum(SUN_MAGNITUDE, SUN_RATIO * measurement.median[:, layer])
    massive = np.flatnonzero((np.abs(rows) >= floor[:, None]).all(axis=0))
    if not len(massive):
        raise NoMassiveActivation(
            f"no dimension of token {token} is massive in every text at block {layer + 1}"
        )
    order = massive[np.argsort(-np.abs(rows[:, massive]).mean(axis=0))]
    return Location(layer + 1, token, tuple(order.tolist()), rows[:, order])


def token_rows(model: PreTrainedModel, input_ids: Tensor, block: int, token: int) -> np.ndarray:
    """The hidden state of one token after one block, for each text: shape (n, d)."""
    kept = []

    def keep(module: nn.Module, inputs: tuple, output: Tensor | tuple) -> None:
        kept.append(hidden_of(output)[:, token].detach().float().cpu())

    handle = block_list(model)[block - 1].register_forward_hook(keep)
    try:
        with torch.no_grad():
            for batch in input_ids.to(next(model.parameters()).device).split(8):
                model.base_model(batch, use_cache=False)
    finally:
        handle.remove()
    return torch.cat(kept).numpy()


@contextmanager
def overwritten(
    model: PreTrainedModel, block: int, token: int, dims: tuple[int, ...], values: np.ndarray
) -> Iterator[None]:
    """Inside, the model runs with some scalars of one block's output replaced.

    block : from 1; token : position in the sequence
    values : shape (len(dims),), the same for every text of a batch
    """
    columns = list(dims)

    def replace(module: nn.Module, inputs: tuple, output: Tensor | tuple) -> Tensor | tuple:
        hidden = hidden_of(output).clone()
        hidden[:, token, columns] = torch.as_tensor(values).to(hidden)
        return hidden if isinstance(output, Tensor) else (hidden, *output[1:])

    handle = block_list(model)[block - 1].register_forward_hook(replace)
    try:
        yield
    finally:
        handle.remove()


class Intervention(NamedTuple):
    """Sun et al.'s experiment on some texts.

    location : what was replaced
    base : negative log-likelihood of each text, shape (n,), untouched model
    changed : name -> the same with scalars replaced:
        ``zero`` and ``mean`` (over the other texts) at the massive scalars; ``control``, as many
        ordinary scalars of the same token to zero
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

    The mean of a text is taken over the *other* texts, so a text never contributes to its own
    replacement.  Needs at least three texts.

    rng : picks the dimensions of the control, none of them massive
    location : default, :func:`locate` on the same texts
    block : replace at the output of this block instead of the first massive one
    """
    if len(input_ids) < 3:
        raise ValueError(f"need at least three texts, got {len(input_ids)}")
    found = location or locate(model, input_ids)
    where, values = found.block, found.values
    if block is not None:
        where, values = block, token_rows(model, input_ids, block, found.token)[:, found.dims]
    others = (values.sum(axis=0) - values) / (len(values) - 1)  # (n, k)
    ordinary = np.setdiff1d(np.arange(model.config.hidden_size), found.dims)
    control = tuple(rng.choice(ordinary, size=len(found.dims), replace=False).tolist())
    nothing = np.zeros_like(values)

    def run(dims: tuple[int, ...], rows: np.ndarray) -> np.ndarray:
        result = []
        for text, row in zip(input_ids, rows, strict=True):
            with overwritten(model, where, found.token, dims, row):
                result.append(nll_per_text(model, text[None])[0])
        return np.array(result)

    return Intervention(
        location=found,
        base=nll_per_text(model, input_ids, batch_size=1),
        changed={
            "zero": run(found.dims, nothing),
            "mean": run(found.dims, others),
            "control": run(control, nothing),
        },
        control_dims=control,
    )


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
