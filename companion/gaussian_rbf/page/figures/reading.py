"""Figures that read one network, and figures that compare with other methods."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from companion.gaussian_rbf.lab.digits import LogResult
from companion.gaussian_rbf.lab.nested import (
    OURS,
    SMALL,
    Nested,
    Penalties,
    eta_squared,
    mean_scores,
)
from companion.gaussian_rbf.lab.reduction import Reading, Reduction
from companion.gaussian_rbf.method.model import Fit
from companion.gaussian_rbf.method.precision import Counterexample, importance, spectrum
from companion.gaussian_rbf.page.figures.rotation import shade, unlabeled
from companion.plotting import (
    BLACK,
    BLUE,
    DIVERGING,
    GREEN,
    GREY,
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


# ------------------------------------------------------------------------------------------ reading
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


# ------------------------------------------------------------------------------------------- models
MARKERS = "os^DvPX*"


def scores(nested: Nested) -> Figure:
    """Mean outer score per table, one mark per model, less the mean of all models."""
    means = mean_scores(nested)
    fig, ax = figure(height=1.4 + 0.4 * len(means))
    centered = means.sub(means.mean(axis=1), axis=0)
    places = np.arange(len(means))
    for i, name in enumerate([OURS, *[n for n in means.columns if n != OURS]]):
        ours = name == OURS
        color = BLUE if ours else PALETTE[1:][i % 7]
        ax.plot(
            centered[name],
            places,
            MARKERS[i % 8],
            color=color,
            label=name,
            alpha=0.85,
            markersize=9 if ours else 6,
            zorder=3 if ours else 2,
        )
    ax.axvline(0, color=BLACK, linestyle=":", linewidth=1)
    labels = [f"{name} ({means.loc[name, OURS]:.2f})" for name in means.index]
    ax.set_yticks(places, labels)
    ax.invert_yaxis()
    ax.margins(y=0.12)
    ax.set_xlabel("mean outer score less the mean of all models (accuracy or R²)")
    ax.legend(ncols=1, fontsize=8.5, loc="center left", bbox_to_anchor=(1.0, 0.5))
    ranks = means.rank(axis=1, ascending=False).mean()
    finding_title(
        ax,
        f"GRBFNN's mean rank among {means.shape[1]} models is {ranks[OURS]:.1f}",
        holds=bool(np.isfinite(ranks[OURS])),
        otherwise="Nested cross-validation",
    )
    return fig


def features(selection: pd.DataFrame, method: str = "|V| gamma") -> Figure:
    """Mean importance of the ten features in the three problems; true features in color."""
    problems = list(dict.fromkeys(selection["problem"]))
    fig, axes = figure(1, len(problems), height=3.1, sharey=True)
    masses = []
    for ax, problem in zip(axes, problems, strict=True):
        rows = selection[(selection["problem"] == problem) & (selection["method"] == method)]
        values = np.array(rows["scores"].tolist())
        n_true = 3 if problem == "XOR" else 4
        colors = [GREEN if j < n_true else GREY for j in range(values.shape[1])]
        hatches = ["" if j < n_true else "//" for j in range(values.shape[1])]
        ax.bar(
            np.arange(1, 11), values.mean(axis=0), color=colors, hatch=hatches, edgecolor="white"
        )
        ax.set_xticks(range(1, 11), range(1, 11), fontsize=8)
        ax.set(xlabel="feature")
        hits = int(rows["hit"].sum())
        ax.set_title(f"{problem}\nhits {hits} of {len(rows)}", fontsize=9.5, fontweight="normal")
        masses.append(rows["mass"].mean())
    axes[0].set_ylabel("importance")
    finding_title(
        fig,
        f"At least {100 * min(masses):.0f} % of the importance is on true features (green)",
        holds=min(masses) > 0.5,
        otherwise="Importance of true (green) and noise features (hatched)",
    )
    return fig


def penalties(result: Penalties, start: str = "scale 1/√D") -> Figure:
    """Mean cross-validated score over the grid of both penalties, one panel per table."""
    tables = list(dict.fromkeys(name for name, _ in result.scores))
    fig, axes = figure(1, len(tables), height=3.3, squeeze=False)
    leads = []
    for ax, name in zip(axes[0], tables, strict=True):
        surface = result.scores[name, start].mean(axis=0)
        shown = ax.imshow(surface, origin="lower", cmap=SEQUENTIAL, aspect="auto")
        fig.colorbar(shown, ax=ax, shrink=0.8)
        ticks = [f"{lam:g}" for lam in result.lams]
        ax.set_xticks(range(len(ticks)), ticks, rotation=60, fontsize=8)
        ax.set_yticks(range(len(ticks)), ticks, fontsize=8)
        ax.grid(False)
        small = result.upto(SMALL).scores[name, start].mean(axis=0)
        (u, w), (full_u, full_w) = eta_squared(small), eta_squared(surface)
        ax.set_title(
            f"{name}\nη² ≤ {SMALL:g}: u {u:.2f}, w {w:.2f}\nη² all: u {full_u:.2f}, w {full_w:.2f}",
            fontsize=9,
            fontweight="normal",
        )
        ax.set_xlabel("λ_w")
        leads.append((u > w, full_w > full_u))
    axes[0, 0].set_ylabel("λ_u")
    finding_title(
        fig,
        "Which penalty matters depends on the grid",
        holds=all(full for _, full in leads) and any(small for small, _ in leads),
        otherwise="Score over both penalties",
    )
    return fig


def coordinates(reduction: Reduction) -> Figure:
    """Accuracy of 5 neighbors on two coordinates, one thin mark per fold."""
    table = reduction.accuracy
    names = list(dict.fromkeys(table["table"]))
    methods = ["GRBFNN", "NCA", "PCA", "all features"]
    fig, axes = figure(1, len(names), height=3.2, sharey=True, squeeze=False)
    for ax, name in zip(axes[0], names, strict=True):
        for place, method in enumerate(methods):
            rows = table[(table["table"] == name) & (table["method"] == method)]
            values = rows["accuracy"].to_numpy()
            color = BLUE if method == "GRBFNN" else GREY
            ax.plot(np.full(len(values), place), values, "_", color=color, alpha=0.6, markersize=10)
            ax.plot(place, values.mean(), MARKERS[place], color=color, markersize=9)
        ax.set_xticks(range(len(methods)), methods, fontsize=8.5)
        ax.set_title(name, fontsize=10.5, fontweight="normal")
        ax.set_xlim(-0.5, len(methods) - 0.5)
    axes[0, 0].set_ylabel("accuracy of 5 neighbors")
    wide = table[table["table"] == "digits 3v8"].pivot(
        index="fold", columns="method", values="accuracy"
    )
    gain = (wide["GRBFNN"] - wide["PCA"]).mean()
    finding_title(
        fig,
        f"Two coordinates of the network beat PCA's by {100 * gain:.0f} points on digits",
        holds=bool(gain > 0.03),
        otherwise="Neighbors on two coordinates",
    )
    return fig
