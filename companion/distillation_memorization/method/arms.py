"""Who is compared with whom: one teacher, and students of one base model."""

from __future__ import annotations

from companion.distillation_memorization.method.objectives import Objective

TEACHER, BASELINE, HARD = "teacher", "baseline", "hard"
UNREAD = "hard, teacher without D"
"""The negative control: it learns from what the teacher wrote *before* the teacher had read D."""
MIXTURE, SMOOTHED = "mixture", "label smoothing"
TAU = 2.0
"""The paper's temperature."""


def soft(tau: float = TAU) -> str:
    """Name of the student of the teacher's logits at a temperature."""
    return f"soft, tau {tau:g}"


SOFT = soft()


def objectives(taus: tuple[float, ...], extras: tuple[str, ...] = ()) -> dict[str, Objective]:
    """Student -> what it learns from.

    extras : of MIXTURE (half text, half teacher at tau 2) and SMOOTHED (0.3, no teacher at all)
    """
    arms = {BASELINE: Objective("text")}
    arms |= {soft(tau): Objective("teacher's logits", tau) for tau in taus}
    arms |= {HARD: Objective("teacher's text"), UNREAD: Objective("teacher's text")}
    more = {
        MIXTURE: Objective("mixture", TAU, share=0.5),
        SMOOTHED: Objective("smoothed", share=0.3),
    }
    return arms | {name: more[name] for name in extras}
