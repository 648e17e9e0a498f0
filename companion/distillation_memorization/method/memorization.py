r"""What counts as memorized: single sequences, sets of them, and how surprising they were.

Sets of sequences, not rates: which ones are memorized by whom.

.. math:: E = M_T \cap M_B, \qquad I_S = (M_T \cap M_S) \setminus M_B, \qquad R = E \setminus M_S
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from torch import Tensor

from companion import contracts
from companion.distillation_memorization.method.objectives import BASELINE, TEACHER

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int


# --------------------------------------------------------------------------------------- extraction
def matches(
    generated: Int[Tensor, "lanes n suffix"], tokens: Int[Tensor, "n length"], prefix: int
) -> Bool[np.ndarray, "lanes n"]:
    """Whether every generated token is the true one: bool (lanes, n).  Notebook eq. 3.

    generated : int64 (lanes, n, suffix); tokens : int64 (n, length); compared are token ids
    """
    suffix = generated.shape[-1]
    if prefix < 1 or prefix + suffix > tokens.shape[1]:
        raise ValueError(
            f"prefix {prefix} and suffix {suffix} do not fit into {tokens.shape[1]} tokens"
        )
    return (generated.cpu() == tokens[:, prefix : prefix + suffix].cpu()).all(-1).numpy()


# ------------------------------------------------------------------------------------------- scores
class Scores(NamedTuple):
    """Per lane, sequence and predicted token 1 .. length - 1: (lanes, n, length - 1), nats.

    log_p : log-probability of the true token; entropy : of the prediction
    """

    log_p: np.ndarray
    entropy: np.ndarray

    @property
    def loss(self) -> np.ndarray:
        """Mean negative log-probability per token, (lanes,): the validation loss on held-out."""
        return -self.log_p.mean((1, 2))

    @property
    def perplexity(self) -> np.ndarray:
        """exp(mean loss) of each sequence, (lanes, n)."""
        return np.exp(-self.log_p.mean(2))

    def tail(
        self, prefix: int, suffix: int
    ) -> tuple[Float[np.ndarray, "lanes n"], Float[np.ndarray, "lanes n"]]:
        """(mean entropy, mean log-probability) over the suffix, each (lanes, n).  Notebook eq. 6.

        Token `prefix` is the first of the suffix; it stands at place prefix - 1.
        """
        window = slice(prefix - 1, prefix - 1 + suffix)
        return self.entropy[..., window].mean(-1), self.log_p[..., window].mean(-1)


# --------------------------------------------------------------------------------------------- sets
Members = Mapping[str, np.ndarray]
"""Model -> bool (n,): which training sequences it memorizes."""


def easy(m: Members) -> Bool[np.ndarray, " n"]:
    """E: memorized by teacher and baseline alike.  Notebook eq. 4."""
    return m[TEACHER] & m[BASELINE]


def inherited(m: Members, student: str) -> Bool[np.ndarray, " n"]:
    """I: what only the teacher knew, and the student now has.  Notebook eq. 5."""
    return m[TEACHER] & m[student] & ~m[BASELINE]


def rejected(m: Members, student: str) -> np.ndarray:
    """R: easy sequences that the student does not have."""
    return easy(m) & ~m[student]


def teacher_only(m: Members) -> np.ndarray:
    """What the teacher memorizes and the baseline does not."""
    return m[TEACHER] & ~m[BASELINE]


contracts.guard(
    __name__,
    {
        "matches": {
            "generated": contracts.WHOLE,
            "tokens": contracts.WHOLE,
            "prefix": contracts.COUNT,
        }
    },
)
