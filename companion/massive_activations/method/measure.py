r"""How large is the largest hidden scalar of each block, and how large the typical one?

The paper's series is :math:`r_{l,t}(x) = \max|h_{l,t}(x)| \,/\, \operatorname{median}|h_{l,t}(x)|`
with :math:`h_l` the output of block l after the residual additions and before any final
normalization, both over all tokens and dimensions of one sequence x.

Context.  ``output_hidden_states=True`` of transformers is not that: its last entry comes after the
final normalization, and it keeps every layer in memory.  Here a forward hook on each block reduces
the hidden state to six numbers per sequence before the next block runs.

Intuition for the cost: a block multiplies every scalar thousands of times, the hook looks at it a
few times.  Sorting would be too much; the median needs only a selection.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from jaxtyping import Float


@dataclass(frozen=True)
class Measurement:
    """Six numbers per sequence and block; every array has shape (n_sequences, n_layers).

    top1, top2, top3 : the largest absolute values; median : the lower middle one
    token, dim : where top1 is, position in the sequence and dimension, both from 0

    Column 0 is the output of block 1.
    """

    top1: np.ndarray
    top2: np.ndarray
    top3: np.ndarray
    median: np.ndarray
    token: np.ndarray
    dim: np.ndarray

    @property
    def ratio(self) -> Float[np.ndarray, "n_sequences n_layers"]:
        """top1 / median of each sequence and layer, the paper's r.  Notebook eq. 1."""
        return self.top1 / self.median

    @property
    def mean_ratio(self) -> np.ndarray:
        """Mean over sequences of the ratio, shape (n_layers,): the value of the series."""
        return self.ratio.mean(axis=0)

    @property
    def ratio_of_means(self) -> np.ndarray:
        """The paper's other reading: mean top1 over mean median, shape (n_layers,)."""
        return self.top1.mean(axis=0) / self.median.mean(axis=0)

    def as_dict(self) -> dict[str, np.ndarray]:
        """The arrays by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


class NotFinite(ValueError):
    """A hidden state has an entry that is NaN or infinite."""


def block_list(model: nn.Module) -> nn.ModuleList:
    """The blocks of a GPT-NeoX or Llama model, with or without its language-model head."""
    body = getattr(model, "gpt_neox", None) or getattr(model, "model", None) or model
    blocks = getattr(body, "layers", None)
    if not isinstance(blocks, nn.ModuleList):
        raise ValueError(
            f"{type(model).__name__} keeps its blocks neither in .gpt_neox.layers nor in "
            ".model.layers; pass a GPT-NeoX or Llama model"
        )
    return blocks


def hidden_of(output: Tensor | tuple) -> Tensor:
    """The hidden state in a block's output: the tensor itself, or the first entry of a tuple."""
    return output if isinstance(output, Tensor) else output[0]


def reduce_hidden(hidden: Tensor) -> dict[str, np.ndarray]:
    """Top three magnitudes, median magnitude and place of the largest, per sequence.

    hidden : shape (batch, seq, d), at least three scalars per sequence; half precision is
        widened first.  Returns arrays of shape (batch,) named like the fields of a Measurement.

    The median is that of ``torch.median``: exact, the lower middle of an even number of values.
    Ties for the largest value may name any of the tied places.
    """
    n_dims = hidden.shape[-1]
    magnitude = hidden.detach().abs().flatten(1)  # (batch, seq * d), a copy
    if magnitude.dtype in (torch.float16, torch.bfloat16):
        magnitude = magnitude.float()
    top, place = magnitude.topk(3, dim=1)
    if not torch.isfinite(top).all():
        raise NotFinite("largest magnitude is NaN or infinite; load the model in float32")
    top, place = top.cpu().numpy(), place[:, 0].cpu().numpy()
    return {
        "top1": top[:, 0],
        "top2": top[:, 1],
        "top3": top[:, 2],
        "median": _median_(magnitude),
        "token": place // n_dims,
        "dim": place % n_dims,
    }


def _median_(values: Tensor) -> np.ndarray:
    """Lower median of each row of `values`, which is scrambled: shape (rows,)."""
    middle = (values.shape[1] - 1) // 2
    if values.device.type != "cpu":
        return values.kthvalue(middle + 1, dim=1).values.cpu().numpy()
    # numpy's in-place selection takes half the time of torch's, which also tracks indices
    rows = values.numpy()
    rows.partition(middle, axis=1)
    return rows[:, middle].copy()


class Watch:
    """Context manager that measures every block whenever the model runs inside it.

    Batches of one or several forward passes are appended as further sequences.  Between two
    blocks nothing but the six numbers is kept.

    Examples
    --------
    >>> from companion.models import neox, neox_config
    >>> shape = dict(n_layers=2, d_model=32, n_heads=2, vocab_size=11, seq=8)
    >>> model = neox(neox_config(**shape), torch.Generator().manual_seed(0))
    >>> with Watch(model) as watch:
    ...     _ = model(torch.zeros(3, 8, dtype=torch.int64))
    >>> watch.measurement().top1.shape
    (3, 2)
    """

    def __init__(self, model: nn.Module) -> None:
        self._blocks = block_list(model)
        self._rows: list[list[dict[str, np.ndarray]]] = [[] for _ in self._blocks]
        self._handles: list = []

    def __enter__(self) -> Watch:
        for index, block in enumerate(self._blocks):
            self._handles.append(block.register_forward_hook(self._hook(index)))
        return self

    def __exit__(self, *exception: object) -> None:
        while self._handles:
            self._handles.pop().remove()

    def _hook(self, index: int):
        def reduce(block: nn.Module, inputs: tuple, output: Tensor | tuple) -> None:
            try:
                self._rows[index].append(reduce_hidden(hidden_of(output)))
            except NotFinite as error:
                raise NotFinite(f"block {index + 1}: {error}") from None

        return reduce

    def measurement(self) -> Measurement:
        """All sequences seen so far.

        Raises ValueError when no forward pass went through all blocks.
        """
        counts = {len(rows) for rows in self._rows}
        if counts == {0} or len(counts) != 1:
            raise ValueError("run the model at least once, and to its end, before reading")
        return Measurement(
            **{
                field.name: np.stack(
                    [np.concatenate([row[field.name] for row in rows]) for rows in self._rows],
                    axis=1,
                )
                for field in fields(Measurement)
            }
        )


def measure(model: nn.Module, input_ids: Tensor, batch_size: int = 8) -> Measurement:
    """Measure `model` on sequences of equal length, without gradients.

    input_ids : int64 of shape (n_sequences, seq); padding would be measured like any token
    batch_size : sequences per forward pass; it changes memory, not results

    The language-model head is not run.
    """
    if input_ids.ndim != 2 or not len(input_ids):
        raise ValueError(f"input_ids must have shape (n, seq), n >= 1, got {input_ids.shape}")
    body = getattr(model, "base_model", model)
    device = next(model.parameters()).device
    with Watch(model) as watch, torch.no_grad():
        for batch in input_ids.split(batch_size):
            body(batch.to(device), use_cache=False)
    return watch.measurement()
