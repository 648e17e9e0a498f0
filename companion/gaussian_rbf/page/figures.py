"""Figures of the chapter.  They only draw: every number comes from a result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
import pandas as pd

from companion.data import Missing
from companion.gaussian_rbf.lab.digits import DeadStart, LogResult
from companion.gaussian_rbf.lab.nested import OURS, Nested, ranks
from companion.gaussian_rbf.lab.penalties import SMALL, Surface
from companion.gaussian_rbf.lab.reduction import METHODS, Reading, without_a_digit
from companion.gaussian_rbf.lab.synthetic import SHARES, gaps, main_rows
from companion.gaussian_rbf.method.model import DIAGONAL, FULL, ISOTROPIC, Fit
from companion.gaussian_rbf.method.precision import importance, spectrum
from companion.gaussian_rbf.method.theory import Counterexample
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
    methods,
    no_record,
    reference_line,
    shows,
    style,
    thin_and_mean,
)
from companion.stats import over_seeds, proportion, t_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LOOKS = methods(FULL, DIAGONAL, ISOTROPIC)
LN2 = float(np.log(2))


# -------------------------------------------------------------------------------- the first figure
def answer(published: Mapping[str, object] | None) -> Figure:
    """Shapes of the precision on rotated planes, and ranks of models over twenty tables."""
    series = (published or {}).get("series", {})
    if not {"ridges", "ranks"} <= set(series):
        return no_record("it")
    fig, (left, right) = figure(1, 2, height=3.4, width_ratios=(1, 1.15))
    ridges = pd.DataFrame(series["ridges"])
    rows = ridges[ridges["rotated"]]
    for place, (structure, (color, marker, _)) in enumerate(LOOKS.items()):
        values = np.sort(rows.loc[rows["structure"] == structure, "r2"].to_numpy())
        spread = np.linspace(-0.18, 0.18, len(values))
        left.plot(place + spread, values, marker, color=color, alpha=0.7, markersize=5)
        left.hlines(np.median(values), place - 0.3, place + 0.3, color=color, linewidth=2.5)
    left.set_xticks(range(len(LOOKS)), list(LOOKS))
    left.set(xlabel="precision matrix", ylabel="test R² on rotated data", ylim=(None, 1.02))
    draw_ranks(right, series["ranks"]["model"], series["ranks"]["rank"], series["critical"])
    wide = rows.pivot(index="seed", columns="structure", values="r2")
    gain = over_seeds((wide[FULL] - wide[DIAGONAL]).dropna())
    finding_title(
        fig,
        "Free directions pay where the data are rotated; the network among seven others",
        holds=shows(gain, above=0.1),
        otherwise="Shapes of the precision, and ranks over real tables",
    )
    return fig


def draw_ranks(ax: Axes, models: Sequence[str], values: Sequence[float], critical: float) -> None:
    """Mean ranks, best on top, with the difference from which two models differ."""
    places = np.arange(len(models))
    colors = [BLUE if name == OURS else GREY for name in models]
    ax.hlines(places, 0, values, color=colors, linewidth=1.2)
    ax.scatter(values, places, c=colors, s=[70 if name == OURS else 40 for name in models])
    ours = values[list(models).index(OURS)]
    ax.axvspan(ours - critical, ours + critical, color=BLUE, alpha=0.1)
    ax.set_yticks(places, models)
    ax.invert_yaxis()
    ax.set(xlabel="mean rank over tables (1 is best)", xlim=(1, len(models)))


# ---------------------------------------------------------------------------------------- rotation
def _r2_panel(ax: Axes, rows: pd.DataFrame) -> dict[tuple[bool, str], float]:
    medians = {}
    for place, rotated in enumerate((True, False)):
        for shift, (structure, (color, marker, _)) in zip(
            (-0.25, 0, 0.25), LOOKS.items(), strict=True
        ):
            values = rows.loc[
                (rows["rotated"] == rotated) & (rows["structure"] == structure), "r2"
            ].to_numpy()
            if not len(values):  # isotropic on the first two axes is not run
                continue
            spread = np.linspace(-0.06, 0.06, len(values)) if len(values) > 1 else [0]
            x = place + shift + np.asarray(spread)
            ax.plot(
                x,
                values,
                marker,
                color=color,
                alpha=0.65,
                markersize=5,
                label=structure if place == 0 else None,
            )
            medians[rotated, structure] = float(np.median(values))
            ax.hlines(
                medians[rotated, structure],
                place + shift - 0.1,
                place + shift + 0.1,
                color=color,
                linewidth=2.5,
            )
    ax.set_xticks([0, 1], ["rotated plane", "first two axes"])
    ax.set(ylabel="test R²", ylim=(min(0.0, rows["r2"].min() - 0.05), 1.02), xlim=(-0.5, 1.5))
    ax.legend(title="precision", loc="lower left", title_fontsize=9)
    return medians


def structures(ridges: pd.DataFrame) -> Figure:
    """Test R2 of the three shapes, on rotated and on aligned data, one mark per seed."""
    fig, ax = figure(height=3.7)
    _r2_panel(ax, main_rows(ridges))
    gain = over_seeds(gaps(ridges, rotated=True, against=DIAGONAL))
    finding_title(
        ax,
        "On rotated data a full precision gains more than a tenth of R²",
        holds=shows(gain, above=0.1),
        otherwise="Full, diagonal, and isotropic precision on the ridge",
    )
    return fig


def sweep(ridges: pd.DataFrame, further: pd.DataFrame) -> Figure:
    """Principal angle of P and of the AGOP at every point; one mark per seed."""
    rows = main_rows(ridges)
    rows = pd.concat([rows[rows["rotated"] & (rows["structure"] == FULL)], further])
    groups = list(rows.groupby(["rows", "lam"], sort=True))
    fig, ax = figure(height=3.6)
    for shift, column, name, color, marker in (
        (-0.1, "angle_p", "eigenvectors of P", BLUE, "o"),
        (0.1, "angle_agop", "eigenvectors of the AGOP", ORANGE, "^"),
    ):
        for place, (_, part) in enumerate(groups):
            values = part[column].to_numpy()
            label = name if place == 0 else None
            at = np.full(len(values), place + shift)
            ax.plot(at, values, marker, color=color, alpha=0.45, markersize=5)
            middle = float(np.median(values))
            ax.hlines(middle, place + shift - 0.1, place + shift + 0.1, color=color, label=label)
    reference_line(ax, 10, "10°")
    ax.set_xticks(range(len(groups)), [f"λ_u = {lam:g}\n{n} rows" for (n, lam), _ in groups])
    ax.set(ylabel="largest principal angle (degrees)", ylim=(0, 93))
    ax.legend(loc="upper right")
    return fig


# ------------------------------------------------------------------------------------------- start
def authors_log(log: LogResult, printed: tuple[np.ndarray, np.ndarray] | Missing) -> Figure:
    """Training objective of our runs over the authors' printed log.

    printed : (epochs, losses), or a ``Missing`` where the file is not here
    """
    fig, ax = figure(height=3.4)
    n = len(log.objective)
    thin_and_mean(
        ax, log.epochs, log.objective, style("ours") | {"marker": "", "label": f"ours, {n} seeds"}
    )
    close = False
    if not isinstance(printed, Missing):
        look = style("paper") | {"linestyle": "", "markersize": 3.5}
        ax.plot(*printed, label="authors' log", **look)
        shared = np.isin(log.epochs, [0, 50, 100, 150, 500, 1000, 2000])
        theirs = np.interp(log.epochs[shared], *printed)
        ratio = log.objective[:, shared] / theirs
        close = n > 1 and bool(
            np.all([shows(over_seeds(one), above=0.5) for one in ratio.T])
            and np.all([shows(over_seeds(one), below=2.0) for one in ratio.T])
        )
    ax.set(yscale="log", xlabel="epoch", ylabel="training objective (nats)", ylim=(3e-3, 2))
    ax.legend()
    finding_title(
        ax,
        "Our loss is within a factor of two of the authors' printed log",
        holds=close,
        otherwise="Training objective on digits, 3 against 8",
    )
    return fig


def dead_start(dead: DeadStart) -> Figure:
    """Data term by weight of the penalty, from the authors' start and from a smaller one."""
    fig, axes = figure(1, 2, height=3.6, sharey=True)
    colors = mpl.colormaps[SEQUENTIAL](np.linspace(0, 0.85, len(dead.lams)))
    for ax, curves, title in (
        (axes[0], dead.loss, "start with spread 1"),
        (axes[1], dead.from_small, "start with spread 1/√D"),
    ):
        for i, lam in enumerate(dead.lams):
            color = colors[i] if lam else VERMILION
            for j, row in enumerate(curves[:, i]):
                label = f"{lam:g}" if j == 0 else None
                dash = "-" if lam else "--"
                ax.plot(
                    dead.steps, np.maximum(row, 1e-3), dash, color=color, linewidth=1, label=label
                )
        reference_line(ax, LN2, "ln 2")
        ax.set(yscale="log", xlabel="Adam step", ylim=(2e-3, 1.5))
        ax.set_title(title, fontsize=10.5, fontweight="normal")
    axes[0].set_ylabel("data term (nats)")
    axes[1].legend(title="λ_u", fontsize=8, ncols=2, loc="lower left", title_fontsize=9)
    asleep = np.abs(dead.loss[:, dead.at(0.0), -1] - LN2) < 1e-3
    finding_title(
        fig,
        f"In {asleep.sum()} of {len(asleep)} seeds the loss stays at ln 2 without the penalty",
        holds=shows(proportion(int(asleep.sum()), len(asleep)), above=0.5),
        otherwise="Training from two starts, by weight of the penalty",
    )
    return fig


# ----------------------------------------------------------------------------------------- reading
def decay(readings: list[Reading], n: int = 6) -> Figure:
    """Shares of the first eigenvalues of P, one line per table."""
    fig, ax = figure(height=3.5)
    for i, one in enumerate(readings):
        shares = spectrum(one.fit.P).shares[:n]
        ax.plot(
            np.arange(1, len(shares) + 1),
            shares,
            "o-",
            color=mpl.colormaps[SEQUENTIAL](0.1 + 0.75 * i / max(1, len(readings) - 1)),
            label=one.name,
        )
    ax.set(xlabel="eigenvalue, largest first", ylabel="share of the sum", ylim=(-0.02, 1.05))
    ax.set_xticks(range(1, n + 1))
    ax.legend(fontsize=8.5)
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


def draw_plane(ax: Axes, fit: Fit, X: np.ndarray, y: np.ndarray, *, legend: bool = True) -> None:
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
    draw_plane(ax, reading.fit, reading.X, reading.y)
    shares = spectrum(reading.fit.P).shares
    ax.set_title(
        f"{reading.name}: {reading.X.shape[1]} features in two coordinates, in this network "
        f"{100 * shares[:2].sum():.1f} % of the trace",
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
        ax.set_xticks([])
        ax.set_yticks([])
        ax.grid(False)
    return fig


def bars(ax: Axes, shares: np.ndarray, names: Sequence[str], n: int = 8) -> None:
    """The `n` largest shares as bars."""
    top = np.argsort(-shares, kind="stable")[:n]
    ax.barh(range(len(top)), shares[top], color=ORANGE)
    ax.set_yticks(range(len(top)), [names[i] for i in top], fontsize=8)
    ax.invert_yaxis()
    ax.set_xlim(0, max(0.2, float(shares.max()) * 1.1))


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


# ------------------------------------------------------------------------------------------ models
MARKERS = "os^DvPX*h"


def scores(nested: Nested) -> Figure:
    """Mean outer score per table, one mark per model, and mean ranks with their difference."""
    means = nested.means
    wide = len(means) > 2
    fig, axes = figure(1, 2 if wide else 1, height=1.4 + 0.27 * len(means), squeeze=False)
    ax = axes[0, 0]
    centered = means.sub(means.median(axis=1), axis=0)
    places = np.arange(len(means))
    for i, name in enumerate([OURS, *[n for n in means.columns if n != OURS]]):
        ours = name == OURS
        ax.plot(
            centered[name].clip(-0.3, 0.3),
            places,
            MARKERS[i % len(MARKERS)],
            color=BLUE if ours else PALETTE[1:][i % 7],
            label=name,
            alpha=0.85,
            markersize=8 if ours else 5,
            zorder=3 if ours else 2,
        )
    ax.axvline(0, color=BLACK, linestyle=":", linewidth=1)
    ax.set_yticks(places, [f"{name} ({means.loc[name, OURS]:.2f})" for name in means.index])
    ax.invert_yaxis()
    ax.set_xlabel("score less the median of all models")
    fig.legend(loc="outside lower center", ncols=4, fontsize=8.5)
    if wide:
        found = ranks(means.dropna())
        draw_ranks(axes[0, 1], list(found.mean), list(found.mean.values()), found.critical)
        axes[0, 1].set_title(
            f"band: ±{found.critical:.1f}, Nemenyi 5 %", fontsize=10, fontweight="normal"
        )
    return fig


def features(selection: pd.DataFrame, method: str = "|V| gamma") -> Figure:
    """Mean importance of the ten features in the three problems; true features in color."""
    problems = list(dict.fromkeys(selection["problem"]))
    fig, axes = figure(1, len(problems), height=3.1, sharey=True)
    masses, shares = [], []
    for ax, problem in zip(axes, problems, strict=True):
        rows = selection[(selection["problem"] == problem) & (selection["method"] == method)]
        values = rows[list(SHARES)].to_numpy()
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
        masses.append(over_seeds(rows["mass"]))
        shares.append(proportion(hits, len(rows)))
    axes[0].set_ylabel("importance")
    finding_title(
        fig,
        "More than half of the importance is on true features (green), not always all first",
        holds=all(shows(mass, above=0.5) for mass in masses)
        and any(shows(share, below=0.8) for share in shares),
        otherwise="Importance of true (green) and noise features (hatched)",
    )
    return fig


def penalties(surfaces: Sequence[Surface], start: str = "scale 1/√D") -> Figure:
    """Log-loss over the grid of both penalties, one panel per table."""
    shown = [one for one in surfaces if one.start == start]
    columns = min(3, len(shown))
    n_rows = -(-len(shown) // columns)
    fig, axes = figure(n_rows, columns, height=2.9 * n_rows, squeeze=False)
    for ax in axes.flat[len(shown) :]:
        ax.set_axis_off()
    for ax, one in zip(axes.flat, shown, strict=False):
        drawn = ax.imshow(
            np.log10(one.loss.mean(axis=0)), origin="lower", cmap=SEQUENTIAL, aspect="auto"
        )
        fig.colorbar(drawn, ax=ax, shrink=0.8)
        ticks = [_power(lam) for lam in one.lams]
        ax.set_xticks(range(len(ticks)), ticks, fontsize=8)
        ax.set_yticks(range(len(ticks)), ticks, fontsize=8)
        ax.grid(False)
        (u, w), (full_u, full_w) = one.upto(SMALL).shares, one.shares
        ax.set_title(
            f"{one.table}\nup to {SMALL:g}: u {u:.2f}, w {w:.2f}\n"
            f"all: u {full_u:.2f}, w {full_w:.2f}",
            fontsize=9,
            fontweight="normal",
        )
    for ax in axes[-1]:
        ax.set_xlabel("λ_w")
    for ax in axes[:, 0]:
        ax.set_ylabel("λ_u")
    return fig


def _power(value: float) -> str:
    """A penalty as a tick shows it, powers of ten as such: long decimals run into each other."""
    exponent = np.log10(value)
    whole = round(exponent)
    return f"$10^{{{whole}}}$" if np.isclose(exponent, whole) else f"{value:g}"


def coordinates(pairs: pd.DataFrame) -> Figure:
    """Accuracy of 5 neighbors on two coordinates, one thin mark per pair of digits."""
    fig, ax = figure(height=3.2)
    wide = pairs.pivot_table(index=["first", "second"], columns="method", values="accuracy")
    for place, method in enumerate(METHODS):
        values = np.sort(wide[method].to_numpy())
        color = BLUE if method == OURS else GREY
        spread = np.linspace(-0.2, 0.2, len(values))
        ax.plot(place + spread, values, "o", color=color, alpha=0.5, markersize=4)
        ax.hlines(values.mean(), place - 0.3, place + 0.3, color=color, linewidth=2.5)
    ax.set_xticks(range(len(METHODS)), METHODS)
    ax.set_ylabel("accuracy of 5 neighbors")
    finding_title(
        ax,
        "Two coordinates of the network serve neighbors better than PCA's",
        holds=shows(t_interval(without_a_digit(pairs, "PCA")[1]), above=0),
        otherwise="Neighbors on two coordinates, one mark per pair of digits",
    )
    return fig
