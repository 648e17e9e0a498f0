r"""Two attentions that need no sink, and a way to see the sink of any attention.

Softmax weights sum to one, so a head with nothing to say must still put its weight somewhere.  The
control arms lift that: ReLU attention may give every key weight 0, and softmax-1 adds a key that
costs nothing (a logit of 0 with value 0).

Both are registered by name with transformers.  A model with a registered attention gets **no mask**
from transformers unless a mask function of the same name exists, so the causal mask is built here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, PreTrainedModel

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
