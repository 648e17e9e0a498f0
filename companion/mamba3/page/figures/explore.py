"""Frames of the explorers."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from companion.mamba3.lab.rotor import parity_accuracy, parity_reading, random_bits
from companion.mamba3.method.discretization import EQUATIONS, T_END
from companion.mamba3.method.roofline import H100_BALANCE, flops, intensity, traffic
from companion.plotting import BLUE, GREEN, ORANGE, VERMILION, figure, reference_line


@lru_cache(maxsize=128)
def _rotor(theta: float, decay: float, length: int) -> tuple[float, Tensor, Tensor]:
    """Accuracy, and bits and readings of one sequence."""
    bits = random_bits(8, length, seed=1)
    turn = theta * math.pi
    reading = parity_reading(bits[:1], decay=decay, turn=turn)[0]
    return parity_accuracy(bits, decay=decay, turn=turn), bits[0], reading


def rotor_accuracy(theta: float, decay: float, length: int) -> float:
    """Share of the last 32 positions at which the hand-built parity is right."""
    return _rotor(theta, decay, length)[0]


def rotor_view(theta: float, decay: float, length: int) -> Figure:
    """The reading of the hand-built parity over its last tokens.

    theta : turn of a one-bit in units of π; decay : |A|; length : T
    """
    accuracy, bits, reading = _rotor(theta, decay, length)
    last = min(length, 48)
    reading, parity = reading[-last:].numpy(), (bits.cumsum(0) % 2)[-last:].numpy()
    fig, ax = figure(height=3.3)
    where = np.arange(length - last + 1, length + 1)
    for value, color, marker, name in ((0, ORANGE, "s", "even"), (1, BLUE, "o", "odd")):
        ax.plot(
            where[parity == value],
            reading[parity == value],
            marker,
            color=color,
            label=f"{name} count",
        )
    ax.set(xlabel="token", ylabel="reading", ylim=(-1.7, 2.7))
    ax.set_title(f"Accuracy {accuracy:.0%} on the last 32 tokens", weight="normal")
    reference_line(ax, 0.5, "threshold")
    ax.legend(loc="upper right", ncols=2)
    return fig


@lru_cache(maxsize=64)
def _solutions(step: float, lam: float) -> dict[str, np.ndarray]:
    """Solutions of h' = A(t) h + u(t), ``"exact"`` among them."""
    equation, n = EQUATIONS["A(t)"], round(T_END / step)
    return {
        "exact": equation.solve("mean A", 4000, 0.5),
        "exponential-Euler": equation.solve("exponential-Euler", n),
        f"λ = {lam:g}": equation.solve("exponential-trapezoidal", n, lam),
        f"λ = {lam:g}, A averaged": equation.solve("mean A", n, lam),
    }


def order_errors(step: float, lam: float) -> dict[str, float]:
    """Error of each rule at the end."""
    found = _solutions(step, lam)
    end = found["exact"][-1]
    return {name: float(abs(h[-1] - end)) for name, h in found.items() if name != "exact"}


def order_view(step: float, lam: float) -> Figure:
    """The solution of h' = A(t) h + u(t), and three rules at one step."""
    found, errors = _solutions(step, lam), order_errors(step, lam)
    fig, ax = figure(height=3.4)
    looks = {"exact": ("#222222", "", "-")} | dict(
        zip(errors, ((ORANGE, "^", "--"), (BLUE, "o", "--"), (GREEN, "s", "--")), strict=True)
    )
    for name, h in found.items():
        color, marker, dash = looks[name]
        label = name if name == "exact" else f"{name}: error {errors[name]:.4f}"
        ax.plot(
            np.linspace(0, T_END, len(h)),
            h,
            color=color,
            marker=marker,
            linestyle=dash,
            markersize=4,
            linewidth=1.4,
            label=label,
        )
    ax.set(xlabel="time", ylabel="state h", ylim=(-0.6, 1.3))
    ax.legend(loc="upper right", fontsize=8.5)
    return fig


def roofline_view(N: int, P: int, R: int) -> Figure:
    """Where a decode step of one head lies under an H100's roofline."""
    fig, ax = figure(height=3.4)
    x = np.logspace(-0.3, 3.3, 200)
    ax.plot(x, np.minimum(x / H100_BALANCE, 1), color="#222222", label="H100, bf16")
    here = intensity(N, P, R)
    ax.plot(
        intensity(N, P, 1),
        intensity(N, P, 1) / H100_BALANCE,
        "^",
        color=ORANGE,
        markersize=9,
        label="R = 1",
    )
    ax.plot(here, here / H100_BALANCE, "o", color=VERMILION, markersize=10, label=f"R = {R}")
    ax.set(
        xscale="log",
        yscale="log",
        xlabel="FLOP a byte",
        ylabel="share of peak arithmetic",
        ylim=(1e-3, 2),
    )
    ax.set_title(
        f"{flops(N, P, R):,} FLOP, {traffic(N, P, R):,} bytes: {here:.1f} FLOP a byte",
        weight="normal",
    )
    ax.legend(loc="lower right")
    return fig
