"""Figures that compare: scores, features found, penalties, coordinates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from companion.gaussian_rbf.lab.nested import OURS, Nested, mean_scores
from companion.gaussian_rbf.lab.penalties import SMALL, Penalties, eta_squared
from companion.gaussian_rbf.lab.reduction import Reduction
from companion.plotting import BLACK, BLUE, GREEN, GREY, PALETTE, SEQUENTIAL, figure, finding_title

if TYPE_CHECKING:
    from matplotlib.figure import Figure

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
