r"""What a student is trained on: cross-entropy, or the teacher's probabilities.

Distillation is a few lines:

.. math:: L_{KD} = \tau^2 \, \frac1n \sum_t \sum_i P_T^\tau(i) \,
   \log \frac{P_T^\tau(i)}{P_S^\tau(i)}, \qquad P^\tau = \mathrm{softmax}(z / \tau)

with the teacher's logits :math:`z^T` and the student's :math:`z^S` after the same true prefix.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import kl_div, log_softmax

from companion import contracts

if TYPE_CHECKING:
    from jaxtyping import Float, Int

# --------------------------------------------------------------------------------------- objectives
KINDS = ("text", "teacher's text", "teacher's logits")


class Cached(NamedTuple):
    """Teacher outputs for every training sequence, by position 0 .. length - 2.

    logits : float32 (n, length - 1, vocab), or None when the k largest are kept
    ids, log_probs : int32 and float16 (n, length - 1, k), or None when everything is kept
    tau : temperature of `log_probs`; 1 for logits
    """

    logits: Tensor | None
    ids: Tensor | None
    log_probs: Tensor | None
    tau: float

    def rows(self, rows: Tensor, to: torch.device | str = "cpu") -> Cached:
        """The outputs for some sequences, on device `to`."""
        at = rows.cpu()
        kept = [None if t is None else t[at].to(to) for t in self[:3]]
        return Cached(*kept, self.tau)


@dataclass(frozen=True)
class Objective:
    """How one student learns.

    kind : ``"text"`` cross-entropy on D (the baseline); ``"teacher's text"`` cross-entropy on what
        the teacher writes (hard distillation); ``"teacher's logits"`` soft distillation
    tau : temperature of soft distillation
    share : of cross-entropy in soft distillation; 0 is the paper's
    """

    kind: str
    tau: float = 1.0
    share: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown kind {self.kind!r}; choose one of {', '.join(KINDS)}")
        if not self.tau > 0:
            raise ValueError(f"the temperature must be positive, got {self.tau!r}")
        if not 0 <= self.share <= 1:
            raise ValueError(f"share must lie in [0, 1], got {self.share!r}")

    @property
    def needs_logits(self) -> bool:
        """Whether the teacher's logits enter the loss."""
        return self.kind == "teacher's logits"

    def loss(self, logits: Tensor, targets: Tensor, teacher: Cached | None) -> Tensor:
        """Mean loss per position, in nats.

        logits : (..., vocab), of the student; targets : int64 (...), the true next tokens
        teacher : the teacher's outputs at the same positions, where the kind needs them

        Raises ``ValueError`` when the outputs are missing or were kept at another temperature.
        """
        if not self.needs_logits:
            return cross_entropy(logits, targets)
        if teacher is None:
            raise ValueError(f"{self.kind!r} needs the teacher's outputs")
        if teacher.logits is not None:
            soft = distillation_loss(logits, teacher.logits, self.tau)
        elif teacher.tau == self.tau:
            soft = top_k_loss(logits, teacher.ids.long(), teacher.log_probs, self.tau)
        else:
            raise ValueError(f"outputs were kept at tau {teacher.tau:g}, not at {self.tau:g}")
        if self.share:
            return self.share * cross_entropy(logits, targets) + (1 - self.share) * soft
        return soft


def cross_entropy(
    logits: Float[Tensor, "*batch vocab"], targets: Int[Tensor, "*batch"]
) -> Float[Tensor, ""]:
    """Mean over positions of -log softmax(z)[target], in nats.  Notebook eq. 1."""
    return torch.nn.functional.cross_entropy(logits.flatten(0, -2).float(), targets.flatten())


def distillation_loss(
    student: Float[Tensor, "*batch vocab"], teacher: Float[Tensor, "*batch vocab"], tau: float
) -> Float[Tensor, ""]:
    """tau^2 KL(teacher || student) at temperature tau, mean over positions.  Notebook eq. 2.

    student, teacher : logits (..., vocab) after the same prefixes, in float32 or cast to it
    """
    log_s = log_softmax(student.float() / tau, -1).flatten(0, -2)
    log_t = log_softmax(teacher.float() / tau, -1).flatten(0, -2)
    return tau**2 * kl_div(log_s, log_t, log_target=True, reduction="batchmean")


def top_k_loss(student: Tensor, ids: Tensor, log_probs: Tensor, tau: float) -> Tensor:
    """The same from the teacher's k largest probabilities, everything else as one outcome.

    student : logits (..., vocab); ids : int64 (..., k); log_probs : (..., k) of the teacher at this
    temperature.  Merging outcomes can only lower a KL divergence; with k = vocab - 1 it is exact.
    """
    log_s = log_softmax(student.float() / tau, -1).gather(-1, ids)
    log_t = log_probs.float()
    log_s = torch.cat([log_s, _rest(log_s)], -1).flatten(0, -2)
    log_t = torch.cat([log_t, _rest(log_t)], -1).flatten(0, -2)
    return tau**2 * kl_div(log_s, log_t, log_target=True, reduction="batchmean")


def _rest(log_probs: Tensor) -> Tensor:
    """log(1 - sum of probabilities), shape (..., 1), kept finite where nothing is left."""
    left = 1 - log_probs.exp().sum(-1, keepdim=True)
    return left.clamp_min(1e-7).log()


# --------------------------------------------------------------------------------------------- arms
TEACHER, BASELINE, HARD = "teacher", "baseline", "hard"
UNREAD = "hard, teacher without D"
"""The negative control: it learns from what the teacher wrote *before* the teacher had read D."""
TAU = 2.0
"""The paper's temperature."""


def soft(tau: float = TAU) -> str:
    """Name of the student of the teacher's logits at a temperature."""
    return f"soft, tau {tau:g}"


SOFT = soft()
COMPARED = (BASELINE, SOFT, HARD)
"""The students of the paper's comparison."""


def objectives(taus: tuple[float, ...], *, control: bool = True) -> dict[str, Objective]:
    """Student -> what it learns from.

    control : whether the student of the unread teacher's text is among them
    """
    arms = {BASELINE: Objective("text")}
    arms |= {soft(tau): Objective("teacher's logits", tau) for tau in taus}
    arms[HARD] = Objective("teacher's text")
    return arms | ({UNREAD: Objective("teacher's text")} if control else {})


contracts.guard_public(__name__, {"soft": {"tau": contracts.POSITIVE}})
