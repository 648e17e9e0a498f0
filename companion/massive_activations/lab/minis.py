"""Minis: tiny GPT-NeoX models, their attention, their language, and when to measure them.

Two attentions that need no sink, and a way to see the sink of any attention.

Softmax weights sum to one, so a head with nothing to say must still put its weight somewhere.  The
control arms lift that: ReLU attention may give every key weight 0, and softmax-1 adds a key that
costs nothing (a logit of 0 with value 0).

Both are registered by name with transformers.  A model with a registered attention gets **no mask**
from transformers unless a mask function of the same name exists, so the causal mask is built here.

The bigram-backcopy language: small, exactly known, and it makes heads want to do nothing.

Token 0 begins every sequence, the last three ids are triggers.  After a plain token the next one
is drawn from a fixed bigram table P; after a trigger the token before the trigger is repeated.  An
attention head that copies has work to do only at triggers.  Elsewhere it must put its weight
somewhere, and the first token is a place without consequences (Guo et al. 2024, the
Active-Dormant heads paper; the table here is our own).

Minis: which tiny GPT-NeoX models to train, on what, and when to measure them.

Each run is one frozen :class:`Mini`.  Its arms change one thing at a time: the attention, the
optimizer, weight decay, the learning rate, the first token, the data.  The paper has one run per
size, in which everything changes with the size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from transformers import AttentionInterface, PreTrainedModel

from companion import corpora
from companion.scale import generator

# ---------------------------------------------------------------------------------------- attention
RELU = "companion_relu"
SOFTMAX1 = "companion_softmax1"


def causal_mask(scores: Tensor) -> Tensor:
    """True where a query may look: bool of shape (seq, seq) for scores (..., seq, seq)."""
    n_queries, n_keys = scores.shape[-2:]
    if n_queries != n_keys:
        raise ValueError(
            f"these attentions see whole sequences only, got {n_queries} queries and {n_keys} "
            "keys; call the model with use_cache=False"
        )
    return torch.ones(n_queries, n_keys, dtype=torch.bool, device=scores.device).tril()


def relu_weights(scores: Tensor) -> Tensor:
    r"""Weights :math:`\mathrm{ReLU}(s_{ij}) / (i + 1)` for keys j <= i, i from 0.

    scores : shape (..., seq, seq), queries before keys.  Rows need not sum to one.
    """
    n_seen = torch.arange(1, scores.shape[-2] + 1, device=scores.device)[:, None]
    return scores.relu().masked_fill(~causal_mask(scores), 0.0) / n_seen


def softmax1_weights(scores: Tensor) -> Tensor:
    r"""Weights :math:`e^{s_{ij}} / (1 + \sum_{k \le i} e^{s_{ik}})`, rows sum to less than one.

    scores : shape (..., seq, seq), queries before keys
    """
    masked = scores.masked_fill(~causal_mask(scores), -torch.inf)
    nothing = torch.zeros_like(masked[..., :1])
    return torch.cat([nothing, masked], dim=-1).softmax(dim=-1)[..., 1:]


def _attend(weights_of):
    def attend(
        module: nn.Module,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attention_mask: Tensor | None,
        scaling: float,
        **unused: object,
    ) -> tuple[Tensor, Tensor]:
        weights = weights_of(query @ key.transpose(2, 3) * scaling)  # (batch, heads, seq, seq)
        return (weights @ value).transpose(1, 2).contiguous(), weights

    return attend


AttentionInterface.register(RELU, _attend(relu_weights))
AttentionInterface.register(SOFTMAX1, _attend(softmax1_weights))


@contextmanager
def returning_weights(model: PreTrainedModel) -> Iterator[None]:
    """Inside, the model's attention returns its weights (fused kernels never form them)."""
    before = model.config._attn_implementation
    fused = before not in (RELU, SOFTMAX1, "eager")
    if fused:
        model.set_attn_implementation("eager")
    try:
        yield
    finally:
        if fused:
            model.set_attn_implementation(before)


def first_token_attention(
    model: PreTrainedModel, input_ids: Tensor, *, batch_size: int = 4
) -> Tensor:
    """Weight that each query gives to the first token, averaged over heads.

    input_ids : int64 of shape (n, seq)
    Returns : float tensor of shape (n, n_layers, seq) on the CPU; entry 0 of the last axis is the
    first token looking at itself (1 for softmax).
    """
    rows = []
    device = next(model.parameters()).device
    with returning_weights(model), torch.no_grad():
        for batch in input_ids.split(batch_size):
            out = model.base_model(batch.to(device), output_attentions=True, use_cache=False)
            layers = [weights[:, :, :, 0].mean(dim=1) for weights in out.attentions]
            rows.append(torch.stack(layers, dim=1).cpu())
    return torch.cat(rows)


# ------------------------------------------------------------------------------------------- bigram
BOS = 0
"""The token that begins every sequence."""

N_TRIGGERS = 3


class Batch(NamedTuple):
    """Sequences and what kind of prediction each position asks for.

    tokens : int64 of shape (n, seq)
    is_copy : bool of shape (n, seq - 1); entry t says that token t + 1 repeats token t - 1
    """

    tokens: torch.Tensor
    is_copy: torch.Tensor


def bigram_table(vocab_size: int, rng: np.random.Generator) -> np.ndarray:
    """The fixed table P, shape (vocab_size, vocab_size); row v is the distribution after v.

    Row-softmax of standard normal logits; BOS gets probability 0 everywhere, triggers four times
    their weight, and a trigger never follows a trigger.  Rows sum to one.
    """
    if vocab_size < N_TRIGGERS + 2:
        raise ValueError(
            f"vocab_size must hold BOS, {N_TRIGGERS} triggers and a plain token: at least "
            f"{N_TRIGGERS + 2}, got {vocab_size}"
        )
    first_trigger = vocab_size - N_TRIGGERS
    table = np.exp(rng.normal(size=(vocab_size, vocab_size)))
    table /= table.sum(axis=1, keepdims=True)
    table[:, BOS] = 0.0
    table[:, first_trigger:] *= 4.0
    table[first_trigger:, first_trigger:] = 0.0
    return table / table.sum(axis=1, keepdims=True)


def copy_positions(tokens: torch.Tensor, vocab_size: int) -> torch.Tensor:
    """Which predictions are back-copies: bool of shape (n, seq - 1), see :class:`Batch`.

    A trigger that is the first token, or that follows another trigger, has nothing to repeat.
    """
    is_trigger = tokens >= vocab_size - N_TRIGGERS
    is_copy = torch.zeros_like(tokens[:, 1:], dtype=torch.bool)
    is_copy[:, 1:] = is_trigger[:, 1:-1] & ~is_trigger[:, :-2]
    return is_copy


def sample(
    n: int, seq: int, table: np.ndarray, rng: np.random.Generator, *, has_bos: bool = True
) -> Batch:
    """Draw `n` sequences of `seq` tokens.

    table : of :func:`bigram_table`
    has_bos : begin with BOS, then a uniform plain token; without it, begin with the plain token
    """
    vocab_size, n_plain_end = len(table), len(table) - N_TRIGGERS
    if seq < 3:
        raise ValueError(f"a back-copy needs three tokens, got seq={seq}")
    cumulative = np.cumsum(table, axis=1)
    cumulative[:, -1] = 1.0 + 1e-12  # rounding must not leave a gap above the last token
    tokens = np.empty((n, seq), dtype=np.int64)
    tokens[:, 0] = BOS
    start = 1 if has_bos else 0
    tokens[:, start] = rng.integers(1, n_plain_end, size=n)
    for t in range(start + 1, seq):
        last = tokens[:, t - 1]
        drawn = (rng.random(n)[:, None] >= cumulative[last]).sum(axis=1)
        if t >= 2:
            # a copy is always plain, so the token before a trigger is never a trigger itself
            drawn = np.where(last >= n_plain_end, tokens[:, t - 2], drawn)
        tokens[:, t] = drawn
    batch = torch.from_numpy(tokens)
    return Batch(batch, copy_positions(batch, vocab_size))


# -------------------------------------------------------------------------------------------- minis
TASK_SEED = 0
"""Seed of the bigram table: one language for all runs."""


@dataclass(frozen=True)
class Mini:
    """One training run; the defaults are the base arm.

    data : ``"bigram"`` (bigram-backcopy) or ``"bytes"`` (English text, vocabulary 256)
    attention : ``"sdpa"`` or one of the two registered by this chapter
    peak lr 1e-2 is ours: at 1e-3, Pythia's, no spike grows in a few hundred steps
    n_eval : sequences on which every checkpoint is measured
    """

    arm: str = "base"
    seed: int = 0
    data: str = "bigram"
    n_layers: int = 3
    d_model: int = 64
    n_heads: int = 4
    seq: int = 64
    vocab_size: int = 64
    batch: int = 8
    steps: int = 400
    lr: float = 1e-2
    weight_decay: float = 0.1
    optimizer: str = "adamw"
    attention: str = "sdpa"
    has_bos: bool = True
    n_eval: int = 64
    n_checkpoints: int = 30

    def __post_init__(self) -> None:
        if self.data not in ("bigram", "bytes"):
            raise ValueError(f"data must be 'bigram' or 'bytes', got {self.data!r}")
        if self.data == "bytes" and self.vocab_size != 256:
            raise ValueError(f"bytes need vocab_size=256, got {self.vocab_size}")


ARMS: Mapping[str, Mapping[str, object]] = {
    "base": {},
    "relu": {"attention": RELU},
    "softmax1": {"attention": SOFTMAX1},
    # Momentum 0.9 makes steps ten times longer: this pair shrinks weights as fast as AdamW's
    # (lr * decay / (1 - momentum) = 1e-3 a step). Of lr 0.1, 0.3, 1 this has the lowest loss.
    "sgd": {"optimizer": "sgd", "lr": 0.3, "weight_decay": 3.3e-4},
    "no-decay": {"weight_decay": 0.0},
    "lr-third": {"lr": 1e-2 / 3},
    "no-bos": {"has_bos": False},
    "text": {"data": "bytes", "vocab_size": 256},
}
"""What each arm changes of the base run."""


def arm(base: Mini, name: str) -> Mini:
    """`base` with the changes of one of :data:`ARMS`; ValueError lists them for another name."""
    if name not in ARMS:
        raise ValueError(f"unknown arm {name!r}; choose one of {', '.join(ARMS)}")
    return replace(base, arm=name, **ARMS[name])


def checkpoint_steps(steps: int, n: int = 30) -> tuple[int, ...]:
    """At most `n` steps from 0 to `steps`: powers of two while they are dense, then evenly spaced.

    Like Pythia's own: 0, 1, 2, 4, ... and then every so many.

    Examples
    --------
    >>> checkpoint_steps(100, 10)
    (0, 1, 2, 4, 8, 16, 25, 50, 75, 100)
    """
    if steps < 1 or n < 2:
        raise ValueError(f"need steps >= 1 and n >= 2, got {steps} and {n}")
    for n_even in range(n - 1, 0, -1):
        even = {round(steps * k / n_even) for k in range(1, n_even + 1)}
        powers = {2**k for k in range(steps.bit_length()) if 2**k < steps / n_even}
        chosen = {0} | powers | even
        if len(chosen) <= n:
            break
    # a few checkpoints cannot hold all powers: the end matters more than the first steps
    return tuple(sorted(chosen)) if len(chosen) <= n else (0, *sorted(chosen)[-n + 1 :])


def make_data(mini: Mini) -> tuple[Callable[[int], Tensor], Batch]:
    """The training batch of each step (a pure function of it), and the evaluation batch."""
    n_train = mini.steps * mini.batch
    if mini.data == "bytes":
        tokens, held_out = corpora.split(corpora.byte_tokens(corpora.python_topics().text))
        evaluation = corpora.consecutive_windows(held_out, mini.n_eval, mini.seq)
        copies = torch.zeros_like(evaluation[:, 1:], dtype=torch.bool)
        rng = generator(mini.seed, "mini", "bytes")
        pool = corpora.random_windows(tokens, n_train, mini.seq, rng)
        return _batches(pool, mini.batch), Batch(evaluation, copies)
    table = bigram_table(mini.vocab_size, generator(TASK_SEED, "bigram table"))
    # one stream for all seeds evaluates every run on the same sequences
    held_out_rng = generator(TASK_SEED, "bigram evaluation")
    evaluation = sample(mini.n_eval, mini.seq, table, held_out_rng, has_bos=mini.has_bos)
    rng = generator(mini.seed, "mini", "bigram")
    pool = sample(n_train, mini.seq, table, rng, has_bos=mini.has_bos).tokens
    return _batches(pool, mini.batch), evaluation


def _batches(pool: Tensor, batch: int) -> Callable[[int], Tensor]:
    return lambda step: pool[step * batch : (step + 1) * batch]
