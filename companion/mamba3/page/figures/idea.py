"""Figures of the idea: the mask, the step, its order, the kernels; frames of the explorers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from companion.mamba3.lab.checks import Order
from companion.mamba3.lab.tracking import parity_accuracy, parity_reading, random_bits
from companion.mamba3.method.discretization import EQUATIONS, T_END
from companion.mamba3.method.mixing import masks
from companion.mamba3.method.roofline import H100_BALANCE, flops, intensity, traffic
from companion.plotting import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SEQUENTIAL,
    SKY,
    VERMILION,
    figure,
    finding_title,
    reference_line,
)


# --------------------------------------------------------------------------------------------- idea
def mask_factors(seq: int = 8, lam: float = 0.5, decay: float = 0.25) -> Figure:
    """L₁, L₂ and their product for equal steps of length one."""
    one = torch.ones(seq, dtype=torch.float64)
    first, second = masks(-decay * one, one, lam * one)
    fig, axes = figure(1, 3, height=2.9, sharey=True)
    pictures = (first, second, first @ second)
    names = ("decay $L_1$", "two ends of a step $L_2$", "mask $L = L_1 L_2$")
    top = float(max(picture.max() for picture in pictures))
    for ax, picture, name in zip(axes, pictures, names, strict=True):
        shown = np.where(picture.numpy() > 0, picture.numpy(), np.nan)
        image = ax.imshow(shown, cmap=SEQUENTIAL, vmin=0, vmax=top)
        ax.set_title(name, weight="normal", fontsize=11)
        ax.set_xlabel("key $s$")
        ax.grid(False)
    axes[0].set_ylabel("query $t$")
    fig.colorbar(image, ax=axes, shrink=0.8, label="weight")
    product = pictures[2]
    expected = math.exp(-decay)  # both halves of the neighbor's weight decay by one step
    finding_title(
        fig,
        "Two bands turn a decay into a trapezoid: only the diagonal is halved",
        holds=bool(abs(product[1, 0] - expected) < 1e-9 and abs(product[0, 0] - lam) < 1e-9),
        otherwise="The product of the two factors",
    )
    return fig


def areas(step: float = 0.4, end: float = 1.6) -> Figure:
    """What each rule takes for the integral of one step of the input, which ends at `end`."""
    equation = EQUATIONS["constant A"]
    rate = float(equation.A(np.array(0.0)))
    t = np.linspace(0, step, 200)
    g = np.exp(rate * (step - t)) * np.abs(equation.u(end - step + t))
    true = float(np.trapezoid(g, t))
    taken = {
        "rectangle (Euler, λ = 1)": step * g[-1],
        "trapezoid (λ = 1/2)": step * (g[0] + g[-1]) / 2,
    }
    fig, axes = figure(1, 2, height=3.1, sharey=True)
    corners = {0: [g[-1], g[-1]], 1: [g[0], g[-1]]}
    for i, (ax, (name, area)) in enumerate(zip(axes, taken.items(), strict=True)):
        ax.plot(t, g, color="#222222", label="$e^{(t-\\tau)A}|u(\\tau)|$")
        ax.fill_between([0, step], corners[i], color=(ORANGE, BLUE)[i], alpha=0.35, label=name)
        ax.set_xlabel("time $\\tau$ within the step")
        ax.set_title(f"area {area:.3f}, true {true:.3f}", weight="normal", fontsize=11)
        ax.legend(loc="upper left")
    axes[0].set_ylabel("decayed input")
    axes[0].set_ylim(0, 1.45 * g.max())
    errors = [abs(area - true) for area in taken.values()]
    finding_title(
        fig,
        f"The trapezoid misses {errors[0] / errors[1]:.0f} times less of the area",
        holds=errors[1] < errors[0] / 2,
        otherwise="Rectangle and trapezoid miss about as much",
    )
    return fig


_LINES = {
    "Euler, constant A": (ORANGE, "^", "-"),
    "λ = 0.7, constant A": (PURPLE, "v", "-"),
    "λ = 1/2, constant A": (BLUE, "o", "-"),
    "λ = 1/2 + Δ, constant A": (SKY, "D", "-"),
    "Euler, A(t)": (ORANGE, "^", "--"),
    "λ = 1/2, A(t)": (VERMILION, "o", "--"),
    "λ = 1/2, A(t) averaged": (GREEN, "s", "--"),
}


def orders(found: Mapping[str, Order]) -> Figure:
    """Error at the end against the step, for constant and for varying A."""
    fig, axes = figure(1, 2, height=4.2, sharey=True)
    for name, order in found.items():
        color, marker, dash = _LINES[name]
        ax = axes[int("A(t)" in name)]
        label = f"{name.removesuffix(', constant A')}: {order.slope.estimate:.2f}"
        ax.plot(order.steps, order.errors, color=color, marker=marker, linestyle=dash, label=label)
    for ax, name in zip(axes, ("constant A", "A(t)"), strict=True):
        ax.set(xscale="log", yscale="log", xlabel="step Δ")
        ax.set_title(name, weight="normal", fontsize=11)
        ax.legend(title="rule and slope", fontsize=8.5, title_fontsize=8.5, loc="lower right")
    axes[0].set_ylim(bottom=min(o.errors.min() for o in found.values()) / 40)
    axes[0].set_ylabel("error at t = 2")
    slope = {name: order.slope.estimate for name, order in found.items()}
    finding_title(
        fig,
        "The trapezoid is of second order only while A does not change within a step",
        holds=slope["λ = 1/2, constant A"] > 1.9 and slope["λ = 1/2, A(t)"] < 1.2,
        otherwise="Slopes of log error on log step, by rule",
    )
    return fig


def mistakes(errors: Mapping[str, Mapping[str, float]]) -> Figure:
    """Relative RMS error against the recorded kernels, right and with one mistake each."""
    fig, ax = figure(height=3.4)
    names = list(next(iter(errors.values())))
    for (kind, found), color, marker in zip(errors.items(), (BLUE, GREEN), ("o", "P"), strict=True):
        ax.plot(
            [found[n] for n in names],
            range(len(names)),
            marker,
            color=color,
            markersize=8,
            label=f"{kind} kernel",
        )
    ax.set(
        xscale="log", yticks=range(len(names)), xlabel="relative RMS error", ylim=(len(names), -0.6)
    )
    ax.set_yticklabels(["as in the text", *names[1:]])
    reference_line(ax, 0.006, "criterion", axis="x")
    ax.legend(loc="upper right")
    right = max(found["none"] for found in errors.values())
    wrong = min(e for found in errors.values() for n, e in found.items() if n != "none")
    finding_title(
        ax,
        f"Our layer is the kernel to bfloat16; each mistake costs {wrong / right:.0f} times more",
        holds=right < 0.006 < wrong,
        otherwise="Our layer and its mistakes beside the kernels",
    )
    ax.grid(axis="y", color=GREY, alpha=0.2)
    return fig


# ------------------------------------------------------------------------------------------ explore
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
