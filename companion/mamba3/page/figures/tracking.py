"""Figures of state tracking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from companion.mamba3.lab.rotor import drift, horizon, parity_accuracy, random_bits
from companion.mamba3.lab.tracking import Tracked
from companion.mamba3.page.figures.styles import look
from companion.plotting import (
    BLUE,
    GREEN,
    ORANGE,
    VERMILION,
    figure,
    finding_title,
    plain_ticks,
    reference_line,
    thin_and_mean,
)

Series = Mapping[str, Mapping[str, object]]


def tracking(runs: Mapping[tuple[str, str], Tracked]) -> Figure:
    """Scaled accuracy of the last position against the length of the walk, one panel a task."""
    series = {
        f"{task}: {variant}": {
            "lengths": run.lengths,
            "accuracy": run.accuracy,
            "train_length": run.train_length,
        }
        for (task, variant), run in runs.items()
    }
    return _panels(series)


def answer(published: Mapping[str, object] | None) -> Figure:
    """The published result, or axes that say that there is none yet."""
    if published is not None:
        return _panels(published["series"]["tracking"])
    fig, axes = figure(height=2.0)
    axes.set_axis_off()
    axes.text(0.5, 0.5, "No published record yet.", ha="center", transform=axes.transAxes)
    return fig


def _panels(series: Series) -> Figure:
    tasks = list(dict.fromkeys(name.split(": ")[0] for name in series))
    fig, axes = figure(1, len(tasks), height=4.4, sharey=True, squeeze=False)
    shown: dict[str, object] = {}
    at_train: dict[tuple[str, str], float] = {}
    for ax, task in zip(axes[0], tasks, strict=True):
        for name, run in series.items():
            if not name.startswith(f"{task}: "):
                continue
            variant = name.removeprefix(f"{task}: ")
            lengths = np.asarray(run["lengths"])
            accuracy = np.asarray(run["accuracy"], float)
            accuracy = accuracy[:, (accuracy > -5).all(axis=0)]  # diverged seeds have no reading
            if accuracy.shape[1] == 0:
                continue
            shown[variant] = thin_and_mean(
                ax, lengths, accuracy.T, look(variant), width=0.8, alpha=0.25
            )
            place = int(np.flatnonzero(lengths == run["train_length"])[0])
            at_train[task, variant] = float(accuracy[place].mean())
        ax.axvline(run_length := _train_length(series, task), color="#222222", linestyle=":")
        ax.text(run_length, 1.13, " trained up to here", fontsize=8.5, va="center", ha="left")
        ax.axhline(0, color="#222222", linewidth=0.8, linestyle=":")
        ax.set(xscale="log", xlabel="moves")
        at = [n for n in (8, 16, 32, 64, 128, 256, 512) if lengths[0] <= n <= lengths[-1]]
        plain_ticks(ax.xaxis, at, small=True)
        ax.set_title(_TASKS[task], weight="normal", fontsize=11)
    axes[0, 0].set(ylabel="scaled accuracy (0 is chance)", ylim=(-1.05, 1.22))
    fig.legend(shown.values(), shown, loc="outside lower center", ncols=3)
    ours = [value for (task, v), value in at_train.items() if v == "Mamba-3" and task != "S3"]
    blind = [v for (_, name), v in at_train.items() if name in ("Mamba-3, no RoPE", "Mamba-2")]
    finding_title(
        fig,
        "A turning state counts; the same layer without the turn does not",
        holds=bool(ours) and bool(blind) and min(ours) > 0.9 and max(blind) < 0.3,
        otherwise="Scaled accuracy by length of the walk",
    )
    return fig


_TASKS = {"parity": "parity", "Z3": "walk modulo 3", "Z5": "walk modulo 5", "S3": "permutations S₃"}


def _train_length(series: Series, task: str) -> int:
    return next(int(r["train_length"]) for n, r in series.items() if n.startswith(f"{task}: "))


def learned_turns(runs: Mapping[tuple[str, str], Tracked]) -> Figure:
    """Angle of each move relative to the first move, every head and pair of the solved seeds."""
    tasks = [t for t in ("parity", "Z3") if (t, "Mamba-3") in runs]
    fig, axes = figure(1, len(tasks), height=4.0, squeeze=False, subplot_kw={"projection": "polar"})
    shares = []
    for ax, task in zip(axes[0], tasks, strict=True):
        run = runs[task, "Mamba-3"]
        order = run.turns.shape[1]
        relative = (run.turns[run.solved] - run.turns[run.solved][:, :1])[:, 1:]
        memory = np.exp(-run.decay[run.solved].mean(1))[:, None, :, None]
        strength = np.broadcast_to(memory, relative.shape)
        for move, color in zip(range(order - 1), (BLUE, ORANGE), strict=False):
            ax.scatter(
                relative[:, move] % (2 * np.pi),
                strength[:, move],
                s=14,
                color=color,
                alpha=0.6,
                marker="o^"[move],
                label=f"move {move + 1}",
            )
        for place in range(1, order):
            ax.plot([2 * np.pi * place / order] * 2, [0, 1], color="#222222", linestyle=":")
        way = 2 * np.pi / order  # a rotor may turn either way
        distance = np.min(
            [np.abs(np.angle(np.exp(1j * (relative[:, 0] - w)))) for w in (way, -way)], 0
        )
        keeps = strength[:, 0] > 0.7
        shares.append(float((distance[keeps] < 0.2).mean()) if keeps.any() else 0.0)
        ax.set_title(
            f"{_TASKS[task]}, {run.solved.sum()} solved seeds\n", weight="normal", fontsize=11
        )
        ax.set_rlim(0, 1)
        ax.set_yticks([0.5, 1])
        ax.legend(loc="lower right", bbox_to_anchor=(1.15, -0.12))
    finding_title(
        fig,
        "Most heads that remember have learned the angle of the group",
        holds=bool(shares) and min(shares) > 0.5,
        otherwise="Learned angles of the moves; dotted: those of the group",
    )
    return fig


def drifting(errors: Sequence[float] = (0.02, 0.05), n_ones: int = 400) -> Figure:
    """Accuracy of a rotor with a wrong angle against the number of one-bits, and the law."""
    fig, axes = figure(len(errors), 1, height=3.6, sharex=True, squeeze=False)
    agreement = []
    for ax, error in zip(axes[:, 0], errors, strict=True):
        found = drift(error, n_ones)
        ax.plot(found.counts, found.accuracy, color=BLUE, label="rotor, measured")
        ax.plot(
            found.counts,
            np.cos(error * found.counts),
            color=ORANGE,
            linestyle="--",
            label="contrast cos(εn)",
        )
        reference_line(ax, horizon(error), f"π/(2ε) = {horizon(error):.0f}", axis="x")
        ax.set_ylabel(f"ε = {error:g} rad")
        ax.set_ylim(-1.1, 1.25)
        agreement.append((found.accuracy == found.predicted).mean())
    axes[0, 0].legend(loc="lower right", fontsize=8.5, framealpha=0.9, frameon=True)
    axes[-1, 0].set_xlabel("one-bits seen, n")
    finding_title(
        fig,
        "Drift aliases: past π/2ε every answer is wrong, later right again",
        holds=min(agreement) > 0.98,
        otherwise="Accuracy of rotors with a wrong angle",
    )
    return fig


def forgetting(
    decays: Sequence[float] = (1e-4, 1e-3, 1e-2, 1e-1),
    lengths: Sequence[int] = (64, 256, 1024, 4096),
) -> Figure:
    """Parity by the layer built by hand when its state decays, and when it does not turn."""
    bits = random_bits(16, max(lengths), seed=0)
    fig, ax = figure(height=4.0)
    curves = {
        f"|A| = {d:g}": [parity_accuracy(bits[:, :n], decay=d) for n in lengths] for d in decays
    }
    curves["no turn"] = [parity_accuracy(bits[:, :n], turn=0.0) for n in lengths]
    colors = ("#0b3c5d", BLUE, GREEN, ORANGE, VERMILION)
    for (name, values), color, marker in zip(curves.items(), colors, "osD^X", strict=False):
        dash = ":" if name == "no turn" else "-"
        ax.plot(lengths, values, color=color, marker=marker, linestyle=dash, label=name)
    ax.set(xscale="log", xlabel="length T", ylabel="accuracy, last 32 positions", ylim=(0.4, 1.04))
    plain_ticks(ax.xaxis, lengths, "{:,}", small=True)
    reference_line(ax, 0.5, "chance")
    fig.legend(loc="outside lower center", ncols=5)
    finding_title(
        ax,
        "Without the turn, or with decay, the hand-built parity falls to chance",
        holds=curves["no turn"][-1] < 0.6
        and curves[f"|A| = {decays[-1]:g}"][-1] < 0.6
        and curves[f"|A| = {decays[0]:g}"][-1] == 1,
        otherwise="Accuracy of the hand-built parity by decay",
    )
    return fig
