"""The chapter's explorers."""

from __future__ import annotations

from companion.explore import Explorer, explorer
from companion.mamba3.method.roofline import H100_BALANCE, intensity
from companion.mamba3.page.figures.idea import (
    order_errors,
    order_view,
    roofline_view,
    rotor_accuracy,
    rotor_view,
)


def rotor_explorer() -> Explorer:
    """Turn, decay and length of the layer that computes parity without training."""

    def describe(theta: float, decay: float, length: int) -> str:
        accuracy = rotor_accuracy(theta, decay, length)
        return (
            f"Readings of a rotor that turns by {theta:g} π for a one-bit, with |A| = {decay:g}, "
            f"at the end of {length} tokens: right in {accuracy:.0%} of the last 32 positions."
        )

    return explorer(
        rotor_view,
        name="mamba3-rotor",
        alt=describe,
        labels={"theta": "turn θ/π", "decay": "decay |A|", "length": "length T"},
        start={"theta": 1.0, "decay": 1e-4, "length": 256},
        theta=[0.0, 0.9, 0.99, 1.0],
        decay=[1e-4, 1e-2, 1e-1],
        length=[256, 1024],
    )


def order_explorer() -> Explorer:
    """Step and λ of the discretization, on an equation whose A changes."""

    def describe(step: float, lam: float) -> str:
        errors = order_errors(step, lam)
        told = ", ".join(f"{name} {error:.4f}" for name, error in errors.items())
        return f"Solutions at step {step:g}; errors at the end: {told}."

    return explorer(
        order_view,
        name="mamba3-order",
        alt=describe,
        labels={"step": "step Δ", "lam": "blend λ"},
        start={"step": 0.25, "lam": 0.5},
        step=[0.5, 0.25, 0.125, 0.0625],
        lam=[0.0, 0.5, 0.75, 1.0],
    )


def roofline_explorer() -> Explorer:
    """State size, head width and rank of a decode step under an H100's roofline."""

    def describe(N: int, P: int, R: int) -> str:
        here = intensity(N, P, R)
        return (
            f"A decode step with N = {N}, P = {P}, R = {R} does {here:.1f} FLOP a byte, "
            f"{here / H100_BALANCE:.1%} of what would keep an H100's matrix units busy."
        )

    return explorer(
        roofline_view,
        name="mamba3-roofline",
        alt=describe,
        labels={"N": "state N", "P": "head width P", "R": "rank R"},
        start={"N": 128, "P": 64, "R": 4},
        N=[16, 64, 128],
        P=[32, 64],
        R=[2, 4, 16],
    )
