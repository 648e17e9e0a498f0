"""Train minis and measure them while they train, one after the other or side by side.

A run leaves the paper's series (ratio, top1 and median of every layer at some thirty checkpoints)
and what tells a sink from a spike: attention to the first token, its norm, the norm of its value,
and the loss on back-copies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn
from transformers import PreTrainedModel

from companion.massive_activations.lab.minis import (
    N_TRIGGERS,
    Batch,
    Mini,
    checkpoint_steps,
    make_data,
    returning_weights,
)
from companion.massive_activations.method.measure import Measurement, Watch, block_list, hidden_of
from companion.models import neox, neox_config
from companion.scale import torch_generator
from companion.sweep import sweep
from companion.training import History, TrainingDiverged, TrainingSettings, train


class MiniRun(NamedTuple):
    """A trained mini.

    steps : shape (n_checkpoints,)
    measurements : one per checkpoint, each array (n_eval, n_layers)
    series : name -> array (n_checkpoints, ...):
        ``loss``, ``loss_copy``, ``loss_other`` (nats; copies exist in the bigram data only),
        ``sink`` (n_layers,): attention of the second half of the sequence to the first token,
        triggers left out; ``first_norm``, ``first_value_norm`` (n_layers,): norm of the first
        token's hidden state and value over the mean norm of the other tokens
    losses : shape (steps,), of the training batches
    """

    mini: Mini
    steps: np.ndarray
    measurements: tuple[Measurement, ...]
    series: Mapping[str, np.ndarray]
    losses: np.ndarray

    def layer_series(self, quantity: str = "ratio") -> np.ndarray:
        """Mean over sequences of ``ratio``, ``top1`` or ``median``: (n_checkpoints, n_layers)."""
        return np.stack([getattr(one, quantity).mean(axis=0) for one in self.measurements])


class FirstTokenNorms:
    """Context manager: norm of the first token over the mean norm of the others, per block.

    hidden, value : lists with one number per block after a forward pass inside, means over
        sequences; `hidden` is of the block's output, `value` of the value vectors that its
        attention reads (all heads as one vector)

    For GPT-NeoX, which packs query, key and value head by head.
    """

    def __init__(self, model: nn.Module) -> None:
        self._blocks = block_list(model)
        self._n_heads = model.config.num_attention_heads
        self._handles: list = []
        self.hidden: list[float] = []
        self.value: list[float] = []

    def __enter__(self) -> FirstTokenNorms:
        for block in self._blocks:
            packed = block.attention.query_key_value
            self._handles.append(block.register_forward_hook(self._on_block))
            self._handles.append(packed.register_forward_hook(self._on_packed))
        return self

    def __exit__(self, *exception: object) -> None:
        while self._handles:
            self._handles.pop().remove()

    def _on_block(self, block: nn.Module, inputs: tuple, output: Tensor | tuple) -> None:
        self.hidden.append(_first_over_others(hidden_of(output)))

    def _on_packed(self, linear: nn.Module, inputs: tuple, output: Tensor) -> None:
        per_head = output.unflatten(-1, (self._n_heads, 3, -1))  # (n, seq, heads, 3, d_head)
        self.value.append(_first_over_others(per_head[..., 2, :].flatten(-2)))


def _first_over_others(vectors: Tensor) -> float:
    norm = vectors.norm(dim=-1)  # (n, seq)
    return (norm[:, 0] / norm[:, 1:].mean(dim=1)).mean().item()


def _probe(model: PreTrainedModel, evaluation: Batch, mini: Mini) -> dict[str, ArrayLike]:
    """All that a checkpoint is asked, in one forward pass; the measurement's names have ``h_``."""
    tokens, is_copy = evaluation
    with returning_weights(model), Watch(model) as watch, FirstTokenNorms(model) as norms:
        out = model(tokens, output_attentions=True, use_cache=False)
    nll = nn.functional.cross_entropy(
        out.logits[:, :-1].transpose(1, 2), tokens[:, 1:], reduction="none"
    )  # (n_eval, seq - 1)
    asks = torch.arange(mini.seq).expand_as(tokens) >= mini.seq // 2
    if mini.data == "bigram":
        asks = asks & (tokens < mini.vocab_size - N_TRIGGERS)
    to_first = [weights[:, :, :, 0].mean(dim=1)[asks].mean() for weights in out.attentions]
    return {
        **{f"h_{name}": array for name, array in watch.measurement().as_dict().items()},
        "loss": nll.mean(),
        "loss_copy": nll[is_copy].mean() if is_copy.any() else np.nan,
        "loss_other": nll[~is_copy].mean(),
        "sink": torch.stack(to_first),
        "first_norm": norms.hidden,
        "first_value_norm": norms.value,
    }


def train_mini(mini: Mini, *, progress: bool = True) -> MiniRun:
    """Train one mini and measure it at its checkpoints; about 17 ms a step for the base arm."""
    config = neox_config(
        n_layers=mini.n_layers,
        d_model=mini.d_model,
        n_heads=mini.n_heads,
        vocab_size=mini.vocab_size,
        seq=mini.seq,
        attention=mini.attention,
    )
    model = neox(config, torch_generator(mini.seed, "mini", "weights"))
    batch_at, evaluation = make_data(mini)
    settings = TrainingSettings(
        steps=mini.steps, lr=mini.lr, weight_decay=mini.weight_decay, optimizer=mini.optimizer
    )
    history = train(
        model,
        batch_at,
        settings,
        seed=mini.seed,
        measure=lambda trained, step: _probe(trained, evaluation, mini),
        measure_at=checkpoint_steps(mini.steps, mini.n_checkpoints),
        progress=progress,
        label=f"{mini.arm}, seed {mini.seed}",
    )
    return _collect(mini, history)


def _collect(mini: Mini, history: History) -> MiniRun:
    raw = {k.removeprefix("h_"): v for k, v in history.series.items() if k.startswith("h_")}
    raw |= {place: raw[place].astype(int) for place in ("token", "dim")}
    measurements = tuple(
        Measurement(**{name: array[i] for name, array in raw.items()})
        for i in range(len(history.measured_at))
    )
    series = {k: v for k, v in history.series.items() if not k.startswith("h_")}
    return MiniRun(mini, history.measured_at, measurements, series, history.losses)


class MiniRuns(NamedTuple):
    """What became of several minis: the runs that finished, and those that did not.

    failed : (mini, message of the error) in the order given
    """

    runs: tuple[MiniRun, ...]
    failed: tuple[tuple[Mini, str], ...]


def train_minis(minis: Sequence[Mini], *, n_jobs: int = 1, progress: bool = True) -> MiniRuns:
    """Train several minis, `n_jobs` at a time in processes of one thread each.

    The result of a run does not depend on `n_jobs`.  A run that diverges is counted in ``failed``
    and does not stop the others; any other error does.
    """
    outcomes = sweep(_attempt, minis, n_jobs=n_jobs, label="minis" if progress else "")
    runs = tuple(one for one in outcomes if isinstance(one, MiniRun))
    failed = [
        (mini, one)
        for mini, one in zip(minis, outcomes, strict=True)
        if not isinstance(one, MiniRun)
    ]
    return MiniRuns(runs, tuple(failed))


def _attempt(mini: Mini) -> MiniRun | str:
    """The run, or the message of its divergence."""
    try:
        return train_mini(mini, progress=False)
    except TrainingDiverged as error:
        return str(error)
