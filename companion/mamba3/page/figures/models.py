"""Figures of what was trained and timed: state tracking, language models, decode cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from companion.mamba3.lab.language import PARTS, Read
from companion.mamba3.lab.timing import ContextTimes, DecodeTimes
from companion.mamba3.lab.tracking import Tracked, drift, horizon, parity_accuracy, random_bits
from companion.mamba3.method.roofline import flops, intensity
from companion.mamba3.sources import ABLATIONS, STEP_MS
from companion.mamba3.verdict.claims import paired_loss, state_table, train_length
from companion.plotting import (
    BLUE,
    GREEN,
    ORANGE,
    VERMILION,
    figure,
    finding_title,
    methods,
    plain_ticks,
    reference_line,
    style,
    thin_and_mean,
)

# ------------------------------------------------------------------------------------------- styles
LOOKS = methods(
    "Mamba-3",
    "Mamba-3, heavy tail",
    "Mamba-3, standard RoPE",
    "Mamba-3, no RoPE",
    "Mamba-2",
    "real, both signs",
    "MIMO",
    "attention",
)


def look(name: str) -> dict[str, object]:
    """Keyword arguments for ``Axes.plot``."""
    return LOOKS[name]._asdict()


# ----------------------------------------------------------------------------------------- tracking
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


# --------------------------------------------------------------------------------------------- text
def ablation(reads: Mapping[str, Read]) -> Figure:
    """Loss of each arm above the full layer, seed by seed, beside the paper's."""
    names = [name for name in PARTS if name in reads and name != "full"]
    fig, ax = figure(height=1.9 + 0.45 * len(names))
    full = reads["full"]
    length = train_length(full)
    means, lows = {}, {}
    for row, name in enumerate(names):
        both = full.alive & reads[name].alive
        gaps = (reads[name].loss(length) - full.loss(length))[both]
        ax.plot(gaps, np.full(len(gaps), row), "o", color=BLUE, alpha=0.4, markersize=5)
        if len(gaps) >= 2:
            found = paired_loss(reads, name, "full")
            ax.plot([found.low, found.high], [row, row], color=BLUE, linewidth=2.4)
            lows[name] = found.low
        means[name] = float(gaps.mean()) if len(gaps) else np.nan
        ax.plot(means[name], row, "D", color=BLUE, markersize=7, label="ours" if row == 0 else None)
        if name in ABLATIONS:
            theirs = np.log(ABLATIONS[name] / ABLATIONS["full"])
            label = "paper, 440M, Tables 5a and 10a" if row == 0 else None
            ax.plot(theirs, row + 0.18, **style("paper") | {"linestyle": ""}, label=label)
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.set_xlabel("loss above the full layer (nats a token; ours a character)")
    ax.axvline(0, color="#222222", linewidth=1)
    ax.legend(loc="best", fontsize=8.5)
    worse = {"no bias", "no bias, no trapezoid"} & set(means)
    finding_title(
        fig,
        "Taking out the biases makes the model worse",
        holds=bool(worse) and all(lows.get(name, -1.0) > 0 for name in worse),
        otherwise="Held-out loss without parts of the layer",
    )
    return fig


def state_sizes(reads: Mapping[str, Read]) -> Figure:
    """Loss against the state size, one line a family, thin lines for seeds."""
    table = state_table(reads, ("Mamba-2", "Mamba-3", "MIMO"))
    fig, ax = figure(height=3.8)
    means = {}
    for family, part in table.groupby("family"):
        for _, one in part.groupby("seed"):
            ax.plot(one.N, one.loss, color=look(family)["color"], alpha=0.25, linewidth=0.8)
        means[family] = part.groupby("N").loss.mean()
        ax.plot(means[family].index, means[family].to_numpy(), label=family, **look(family))
    sizes = sorted(table.N.unique())
    ax.set(xscale="log", xlabel="state size N", ylabel="held-out loss (nats a character)")
    plain_ticks(ax.xaxis, sizes, small=True)
    ax.legend()
    smaller = means["Mamba-3"].iloc[:-1].to_numpy() <= means["Mamba-2"].iloc[1:].to_numpy()
    finding_title(
        ax,
        "Mamba-3 matches Mamba-2 with half the state",
        holds=bool(smaller.all()),
        otherwise="Half the state does not give the loss of Mamba-2 here",
    )
    return fig


def reading_lengths(reads: Mapping[str, Read]) -> Figure:
    """Held-out loss of the same text against the length at which it is cut."""
    fig, ax = figure(height=3.6)
    chosen = {"full": "Mamba-3", "Mamba-2": "Mamba-2"}
    change = {}
    for name, family in chosen.items():
        if name not in reads:
            continue
        read = reads[name]
        mean = read.held_out[:, :, read.alive].mean(axis=1)
        drawn = look(family) | {"label": family}
        thin_and_mean(ax, read.lengths, mean.T, drawn, width=0.8, alpha=0.25)
        beyond = mean.mean(1)[read.lengths.index(train_length(read)) :]
        change[family] = (beyond - beyond[0]).max()
    ax.set(xscale="log", xlabel="characters read at once", ylabel="loss (nats a character)")
    plain_ticks(ax.xaxis, next(iter(reads.values())).lengths, small=True)
    reference_line(ax, train_length(next(iter(reads.values()))), "training length", axis="x")
    ax.legend()
    finding_title(
        ax,
        "Beyond the training length the loss does not rise by 0.01",
        holds=max(change.values()) <= 0.01,
        otherwise="Beyond the training length the loss rises",
    )
    return fig


# -------------------------------------------------------------------------------------------- speed
def decode(times: DecodeTimes) -> Figure:
    """FLOP a byte against R, and the measured time of a state update relative to R = 1."""
    fig, (left, right) = figure(1, 2, height=3.6)
    ranks = sorted(times.times["large"])
    all_ranks = [1, 2, 4, 8, 16]
    left.plot(all_ranks, [intensity(128, 64, r) for r in all_ranks], **style("ours"))
    left.set(xscale="log", xlabel="rank R", ylabel="FLOP a byte (N = 128, P = 64)")
    relative = {}
    for (name, found), color, marker in zip(times.times.items(), (BLUE, ORANGE), "os", strict=True):
        medians = np.array([np.median(found[r]) for r in ranks])
        relative[name] = medians / medians[0]
        size = times.n_bytes[name] / 2**20
        size_text = f"{size:.0f} MB" if size >= 1 else f"{size * 1024:.0f} kB"
        right.plot(
            ranks, relative[name], color=color, marker=marker, label=f"{name} state, {size_text}"
        )
    right.plot(
        ranks,
        [flops(128, 64, r) / flops(128, 64, 1) for r in ranks],
        **style("null") | {"label": "FLOP ratio"},
    )
    right.set(xscale="log", yscale="log", xlabel="rank R", ylabel="time over that of R = 1")
    plain_ticks(right.yaxis, (0.5, 1, 1.5, 2, 3, 5, 8, 12), "{:.1f}", small=True)
    right.legend()
    plain_ticks(left.xaxis, all_ranks, small=True)
    plain_ticks(right.xaxis, ranks, small=True)
    at4 = relative["large"][ranks.index(4)]
    finding_title(
        fig,
        f"R = 4 does 3.4 times the arithmetic in {at4:.1f} times the time of R = 1",
        holds=at4 < 2,
        otherwise=f"R = 4 takes {at4:.1f} times as long as R = 1 on this machine",
    )
    return fig


def contexts(times: ContextTimes) -> Figure:
    """Time of one decoded token against the context, ours and the paper's."""
    fig, (left, right) = figure(1, 2, height=3.7)
    growth = {}
    for name, rounds in times.times.items():
        medians = np.median(rounds, axis=1) * 1e6
        left.plot(times.contexts, medians, label=name, **look(name))
        right.plot(times.contexts, medians / medians.min(), label=f"{name}, ours", **look(name))
        growth[name] = medians[-1] / medians[0]
    for (name, values), dash in zip(STEP_MS.items(), ("-", "--"), strict=True):
        tokens, ms = zip(*values.items(), strict=True)
        kind = style("paper") | {"linestyle": dash}
        right.plot(tokens, np.array(ms) / ms[0], label=f"{name}, Table 7", **kind)
    left.set(xscale="log", yscale="log", xlabel="context (tokens)", ylabel="one token (µs)")
    right.set(
        xscale="log", yscale="log", xlabel="context (tokens)", ylabel="relative to the fastest"
    )
    plain_ticks(left.yaxis, [m * 10**e for e in range(1, 6) for m in (1, 2, 5)], small=True)
    plain_ticks(right.yaxis, (1, 2, 5, 10, 20, 50, 100), small=True)
    left.legend()
    right.legend(fontsize=8)
    finding_title(
        fig,
        "A decoded token costs the same at any context; attention's cost grows",
        holds=growth["Mamba-3"] < 1.1 and growth["attention"] > 1.3,
        otherwise="Time of a decoded token by context",
    )
    return fig
