"""Discoverable memorization: given its beginning, does a sequence come to its true end?"""

from __future__ import annotations

import numpy as np
from torch import Tensor


def matches(generated: Tensor, tokens: Tensor, prefix: int) -> np.ndarray:
    """Whether every generated token is the true one: bool (lanes, n).  Notebook eq. 3.

    generated : int64 (lanes, n, suffix); tokens : int64 (n, length); compared are token ids
    """
    suffix = generated.shape[-1]
    if prefix < 1 or prefix + suffix > tokens.shape[1]:
        raise ValueError(
            f"prefix {prefix} and suffix {suffix} do not fit into {tokens.shape[1]} tokens"
        )
    return (generated.cpu() == tokens[:, prefix : prefix + suffix].cpu()).all(-1).numpy()
