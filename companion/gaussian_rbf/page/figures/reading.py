"""Figures that read one network: decay, contour in its plane, pixels, P against AGOP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from companion.gaussian_rbf.lab.digits import LogResult
from companion.gaussian_rbf.lab.reduction import Reading
from companion.gaussian_rbf.method.precision import importance, spectrum
from companion.gaussian_rbf.method.tasks import Fit
from companion.gaussian_rbf.method.theory import Counterexample
from companion.gaussian_rbf.page.figures.rotation import shade
from companion.gaussian_rbf.page.figures.start import unlabeled
from companion.plotting import (
    BLACK,
    BLUE,
    DIVERGING,
    ORANGE,
    PALETTE,
    SEQUENTIAL,
    VERMILION,
    figure,
    finding_title,
    headline,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def decay(readings: list[Reading], n: int = 6) -> Figure:
    """Shares of the first eigenvalues of P, one line per table."""
    fig, ax = figure(height=3.5)
    for i, one in enumerate(readings):
        shares = spectrum(one.fit.P).shares[:n]
        ax.plot(
            np.arange(1, len(shares) + 1),
            shares,
            "o-",
            color=shade(i, len(readings)),
            label=one.table.name,
        )
    ax.set(xlabel="eigenvalue, largest first", ylabel="share of the sum", ylim=(-0.02, 1.05))
    ax.set_xticks(range(1, n + 1))
    ax.legend(fontsize=8.5)
    firsts = {one.table.name: spectrum(one.fit.P).shares for one in readings}
    finding_title(
        ax,
        "Two eigenvalues make the spectrum on wine",
        holds="wine" in firsts and bool(firsts["wine"][:2].sum() > 0.99),
        otherwise="How the eigenvalues of P decay",
    )
    return fig


def _surface(fit: Fit, basis: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Decision or value on a grid of the plane; several classes: the largest probability."""
    points = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    outputs = fit.predict(points @ basis.T)
    if fit.kind == "binary":
        values = 1 / (1 + np.exp(-outputs[:, 0]))
    elif fit.kind == "regression":
        values = outputs[:, 0]
    else:
        powers = np.exp(outputs - outputs.max(axis=1, keepdims=True))
        values = (powers / powers.sum(axis=1, keepdims=True)).max(axis=1)
    return values.reshape(len(y), len(x))


def _plane(ax: Axes, fit: Fit, X: np.ndarray, y: np.ndarray, *, legend: bool = True) -> None:
    """Contour of the network in (z1, z2), rows and centers on it."""
    basis = spectrum(fit.P).vectors[:, :2]
    z, centers = X @ basis, fit.C @ basis
    low, high = np.quantile(z, [0.005, 0.995], axis=0)
    pad = 0.15 * (high - low)
    x, h = (np.linspace(low[i] - pad[i], high[i] + pad[i], 45) for i in range(2))
    ax.contourf(x, h, _surface(fit, basis, x, h), levels=14, cmap="cividis", alpha=0.75)
    if fit.kind == "regression":
        ax.scatter(*z.T, c=y, cmap="cividis", s=9, edgecolor="white", linewidth=0.3)
    else:
        for label, color, marker in zip(np.unique(y), PALETTE[1:], "o^sDvP", strict=False):
            ax.scatter(
                *z[y == label].T,
                color=color,
                marker=marker,
                s=14,
                edgecolor="white",
                linewidth=0.4,
                label=f"class {label}",
            )
    ax.scatter(*centers.T, marker="X", s=70, color=BLACK, edgecolor="white", label="centers")
    ax.set(xlabel="z₁", ylabel="z₂", xlim=(x[0], x[-1]), ylim=(h[0], h[-1]))
    ax.grid(False)
    if legend:
        ax.legend(fontsize=8.5, loc="best", frameon=True, framealpha=0.8)


def plane(reading: Reading) -> Figure:
    """The authors' main picture: the network in its two leading directions."""
    fig, ax = figure(height=4.2)
    _plane(ax, reading.fit, reading.X, reading.table.y)
    shares = spectrum(reading.fit.P).shares
    ax.set_title(
        f"{reading.table.name}: a table of {reading.X.shape[1]} features in two coordinates, "
        f"{100 * shares[:2].sum():.0f} % of the trace",
        fontsize=11,
    )
    return fig


def pixels(log: LogResult) -> Figure:
    """Importance of the 64 pixels beside the mean images of both classes."""
    fig, axes = figure(1, 3, height=2.9)
    split = log.split
    images = [
        (split.X[split.y[:, 0] == 0].mean(axis=0), "mean 3 (standardized)", DIVERGING),
        (split.X[split.y[:, 0] == 1].mean(axis=0), "mean 8 (standardized)", DIVERGING),
        (importance(log.fit.P), "importance", SEQUENTIAL),
    ]
    for ax, (values, title, colors) in zip(axes, images, strict=True):
        limit = {"vmin": -1.2, "vmax": 1.2} if colors == DIVERGING else {}
        ax.imshow(values.reshape(8, 8), cmap=colors, **limit)
        ax.set_title(title, fontsize=10, fontweight="normal")
        unlabeled(ax)
    shares = importance(log.fit.P)
    difference = np.abs(images[0][0] - images[1][0])
    top = np.argsort(-shares)[:5]
    finding_title(
        fig,
        "The important pixels are among those in which 3 and 8 differ",
        holds=bool(difference[top].mean() > 1.5 * difference.mean()),
        otherwise="Importance of pixels for 3 against 8",
    )
    return fig


def turned(example: Counterexample) -> Figure:
    """The counter-example: contours, the first eigenvector of P, and that of the AGOP."""
    fig, ax = figure(height=3.9)
    x = np.linspace(-4, 4, 81)
    h = np.linspace(-6, 6, 81)
    points = np.stack(np.meshgrid(x, h), axis=-1).reshape(-1, 2)
    values = example.fit.predict(points)[:, 0].reshape(81, 81)
    shown = ax.contourf(x, h, values, levels=np.linspace(-1, 1, 17), cmap=DIVERGING, alpha=0.85)
    fig.colorbar(shown, ax=ax, label="f(x)")
    for matrix, color, name, dash in (
        (example.fit.P, BLUE, "first eigenvector of P", "-"),
        (example.H, VERMILION, "first eigenvector of the AGOP", "--"),
    ):
        v = spectrum(matrix).vectors[:, 0] * 2.4
        ax.plot([-v[0], v[0]], [-v[1], v[1]], dash, color=color, linewidth=3.5, label=name)
    ax.scatter(*example.fit.C.T, marker="X", s=80, color=BLACK, label="centers")
    ax.set(xlabel="x₁", ylabel="x₂", xlim=(-4, 4), ylim=(-6, 6))
    ax.grid(False)
    ax.legend(fontsize=8.5, loc="upper right", frameon=True, framealpha=0.85)
    finding_title(
        ax,
        "P points across the direction in which f varies most",
        holds=example.cosine < 0.1,
        otherwise="First eigenvectors of P and of the AGOP",
    )
    return fig


def path_frame(fit: Fit, X: np.ndarray, y: np.ndarray, names: list[str], title: str) -> Figure:
    """One point of the lambda_u path: contour, spectrum, importance."""
    fig, axes = figure(1, 3, height=3.3, width_ratios=(1.5, 0.8, 1))
    _plane(axes[0], fit, X, y, legend=False)
    shares = spectrum(fit.P).shares[:6]
    axes[1].bar(np.arange(1, len(shares) + 1), shares, color=BLUE)
    axes[1].set(xlabel="eigenvalue", ylabel="share", ylim=(0, 1.02), xlim=(0.4, 6.6))
    axes[1].set_xticks(range(1, 7))
    _bars(axes[2], importance(fit.P), names)
    axes[2].set_xlabel("importance")
    headline(fig, title)
    return fig


def _bars(ax: Axes, shares: np.ndarray, names: list[str], n: int = 8) -> None:
    top = np.argsort(-shares, kind="stable")[:n]
    ax.barh(range(len(top)), shares[top], color=ORANGE)
    ax.set_yticks(range(len(top)), [names[i] for i in top], fontsize=8)
    ax.invert_yaxis()
    ax.set_xlim(0, max(0.2, float(shares.max()) * 1.1))


def formula_frame(shares: np.ndarray, names: list[str], title: str) -> Figure:
    """Importance of the first features by one formula (a frame of the explorer)."""
    fig, ax = figure(height=3.5)
    _bars(ax, shares, names, n=10)
    ax.set_xlabel("share of the importance")
    ax.set_xlim(0, 1)
    ax.set_title(title)
    return fig
