"""The teacher's logits, computed once and kept on disk.

Small vocabularies are kept whole.  With tens of thousands of tokens the `k` largest probabilities
are kept at the temperature of use, and the rest is one outcome (``objectives.top_k_loss``).  Files
are safetensors; a file that belongs to other tokens is refused.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.nn.functional import log_softmax
from tqdm.auto import tqdm

from companion.distillation_memorization.method.objectives import Cached


class WrongCache(ValueError):
    """The file holds the outputs for other tokens, another temperature or another k."""


def _identity(tokens: Tensor, k: int, tau: float, teacher: str) -> str:
    digest = hashlib.sha256(tokens.cpu().numpy().tobytes()).hexdigest()[:16]
    return f"{teacher} tokens {digest} shape {tuple(tokens.shape)} k {k} tau {tau:g}"


@torch.no_grad()
def cache_logits(
    logits_of: Callable[[Tensor], Tensor],
    tokens: Tensor,
    path: Path,
    *,
    teacher: str = "",
    k: int = 0,
    tau: float = 1.0,
    batch: int = 256,
    progress: bool = False,
) -> Cached:
    """What is in `path`, or else the teacher's outputs, written there first.

    logits_of : tokens (b, length) -> logits (b, length, vocab), without gradients
    teacher : names the teacher in the file, so that another teacher's file is refused
    k : number of probabilities kept per position; 0 keeps all logits

    Raises ``WrongCache`` when the file was made for something else.
    """
    identity = _identity(tokens, k, tau, teacher)
    if path.exists():
        return _read(path, identity, tau)
    parts: dict[str, list[Tensor]] = {}
    for rows in tqdm(tokens.split(batch), desc="teacher's logits", disable=not progress):
        logits = logits_of(rows)[:, :-1].float()
        if k:
            top = log_softmax(logits / tau, -1).topk(k, -1)
            kept = {"ids": top.indices.int(), "log_probs": top.values.half()}
        else:
            kept = {"logits": logits}
        for name, value in kept.items():
            parts.setdefault(name, []).append(value.cpu())
    tensors = {name: torch.cat(values).contiguous() for name, values in parts.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        save_file(tensors, str(fresh), metadata={"of": identity})
        os.replace(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)
    return _read(path, identity, tau)


def _read(path: Path, identity: str, tau: float) -> Cached:
    with safe_open(str(path), framework="pt") as file:
        found = (file.metadata() or {}).get("of")
        if found != identity:
            raise WrongCache(f"{path} holds {found!r}, wanted is {identity!r}; delete it")
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    return Cached(tensors.get("logits"), tensors.get("ids"), tensors.get("log_probs"), tau)
