r"""Take the massive scalars away and see what breaks: the intervention of Sun et al. (2024).

Intuition.  If a scalar has the same huge value whatever the text, it carries no information about
the text: it acts as a bias.  Removing a bias breaks what was built on it; replacing it by its mean
changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from companion.massive_activations.lab.real_model import (
    Location,
    block_output,
    locate,
    nll_per_text,
)
from companion.massive_activations.method.measure import block_list, hidden_of
from companion.stats import Interval, geometric_mean


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
