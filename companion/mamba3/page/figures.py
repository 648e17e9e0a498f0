"""The chapter's figures.  They only draw: every number comes from a result."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from companion.mamba3.lab.checks import Order
from companion.mamba3.lab.language import SEQ, Reading
from companion.mamba3.lab.recall import (
    N_KEYS,
    Recalled,
    at_one_size,
    by_size,
    half_state_gaps,
    list_loss,
)
from companion.mamba3.lab.timing import ContextTimes, DecodeTimes
from companion.mamba3.lab.tracking import SOLVES, Tracked, solved
from companion.mamba3.method.discretization import EQUATIONS
from companion.mamba3.method.mixing import masks
from companion.mamba3.method.scan import flops, intensity
from companion.mamba3.sources import ABLATIONS, STEP_MS
from companion.mamba3.verdict import BASELINES, FAR, FEW
from companion.plotting import (
    BLACK,
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
    headline,
    methods,
    no_record,
    plain_ticks,
    reference_line,
    shows,
    style,
    thin_and_mean,
)
from companion.scale import generator
from companion.stats import Interval, over_seeds

LOOKS = methods(
    "Mamba-3",
    "Mamba-3, standard RoPE",
    "Mamba-3, no RoPE",
    "Mamba-2",
    "real, both signs",
    "attention",
)


def look(name: str) -> dict[str, object]:
    """Keyword arguments for ``Axes.plot``."""
    return LOOKS[name]._asdict()


# ------------------------------------------------------------------------------------ the first one
def answer(published: Mapping[str, object] | None) -> Figure:
    """Parity by length, and recall by state, from the published record."""
    series = (published or {}).get("series", {})
    if "recall" not in series:
        return no_record("it")
    fig, (left, right) = figure(1, 2, height=4.0, width_ratios=(1.2, 1))
    shown = _curves(left, "parity", series["tracking"])
    left.set_ylabel("scaled accuracy")
    table = series["recall"]
    for family in ("Mamba-3", "Mamba-2"):
        rows = [i for i, part in enumerate(table["part"]) if part == family]
        rows.sort(key=lambda i: table["N"][i])
        ends = {
            end: np.array([table[f"loss{end}"][i] for i in rows], float)
            for end in ("", "_low", "_high")
        }
        _with_bars(right, [table["N"][i] for i in rows], ends, family)
    _recall_axes(right, sorted({*table["N"]}), published["settings"]["n_pairs"])
    fig.legend(shown.values(), shown, loc="outside lower center", ncols=3)
    found = {row["claim"]: row["verdict"] for row in published["findings"]}
    finding_title(
        fig,
        "A state that turns counts to 256; a decay of one sign does not",
        holds=found.get("C4") == "holds",
        otherwise="Counting by the length of the walk, and recall by the size of the state",
    )
    return fig


def _with_bars(ax: Axes, x: Sequence[float], ends: Mapping[str, np.ndarray], name: str) -> None:
    """A line of means with an interval at each."""
    kind = look(name)
    ax.plot(x, ends[""], label=name, **kind)
    for at, low, high in zip(x, ends["_low"], ends["_high"], strict=True):
        if np.isfinite([low, high]).all():
            ax.plot([at, at], [low, high], color=kind["color"], linewidth=3, alpha=0.4)


def _recall_axes(ax: Axes, sizes: Sequence[int], n_pairs: int) -> None:
    guess = math.log(N_KEYS)
    ax.set(xscale="log", xlabel="state size N", ylabel="loss of recall (nats)")
    ax.set_ylim(min(0.0, ax.get_ylim()[0]), max(1.12 * guess, ax.get_ylim()[1]))
    plain_ticks(ax.xaxis, sizes, "{:.0f}")
    reference_line(ax, guess, "a guess")
    reference_line(ax, list_loss(n_pairs), "the list alone")


# ----------------------------------------------------------------------------------------- tracking
TITLES = {"parity": "parity", "modulo 3": "walk modulo 3"}


def tracking(runs: Mapping[str, Mapping[str, Tracked]]) -> Figure:
    """Scaled accuracy by the length of the walk, one panel a task.

    runs : task to arm to result
    """
    series = {
        f"{task}: {name}": {
            "lengths": np.arange(1, len(run.curve)),
            "accuracy": run.curve[1:],
            "train_length": run.train_length,
        }
        for task, arms in runs.items()
        for name, run in arms.items()
    }
    fig, axes = figure(1, len(runs), height=4.2, sharey=True, squeeze=False)
    shown: dict[str, Line2D] = {}
    for ax, task in zip(axes[0], runs, strict=True):
        shown |= _curves(ax, task, series)
        ax.set_title(TITLES[task], weight="normal", fontsize=11)
    axes[0, 0].set_ylabel("scaled accuracy")
    fig.legend(shown.values(), shown, loc="outside lower center", ncols=3)
    finding_title(
        fig,
        "Parity at 256 moves: learned with a turn, and not with a decay of one sign",
        holds=_is_parity_learned(runs["parity"]),
        otherwise="Scaled accuracy by length of the walk",
    )
    return fig


def _is_parity_learned(runs: Mapping[str, Tracked]) -> bool:
    named = ("Mamba-3", *BASELINES)
    if any(name not in runs or len(runs[name].curve) <= FAR for name in named):
        return False
    blind = [over_seeds(runs[name].at(FAR)) for name in BASELINES]
    return shows(solved(runs["Mamba-3"], FAR), above=FEW) and all(
        shows(one, below=0.1) for one in blind
    )


def _curves(ax: Axes, task: str, series: Mapping[str, Mapping[str, object]]) -> dict[str, Line2D]:
    """Seeds thin and their mean, every arm of a task; name to the line of the mean."""
    shown = {}
    for name, run in series.items():
        if not name.startswith(f"{task}: "):
            continue
        accuracy = np.asarray(run["accuracy"], float)
        accuracy = np.where(accuracy < -5, np.nan, accuracy)
        accuracy = accuracy[:, np.isfinite(accuracy).all(axis=0)]  # diverged seeds have no reading
        if accuracy.shape[1]:
            arm = name.removeprefix(f"{task}: ")
            kind = look(arm) | {"marker": ""}
            shown[arm] = thin_and_mean(ax, run["lengths"], accuracy.T, kind, alpha=0.25)
        trained, last = run["train_length"], run["lengths"][-1]
    ax.axvline(trained, color=BLACK, linestyle=":", linewidth=1)
    ax.text(trained, 1.14, "trained up to here ", fontsize=8.5, va="center", ha="right")
    ax.axhline(0, color=BLACK, linewidth=0.8, linestyle=":")
    ax.set(xscale="log", xlabel="moves", ylim=(-1.05, 1.25))
    plain_ticks(ax.xaxis, [n for n in (1, 4, 16, 64, 256, 1024) if n <= last], "{:,}", small=True)
    return shown


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
        ax.plot(t, g, color=BLACK, label="$e^{(t-\\tau)A}|u(\\tau)|$")
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


def orders(found: Mapping[str, Order], random: Mapping[str, np.ndarray]) -> Figure:
    """Error at the end against the step, for constant and for varying A.

    found : one equation, drawn; random : slopes over random ones, of which the title speaks
    """
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
    finding_title(
        fig,
        "The trapezoid is of second order only while A does not change within a step",
        holds=shows(over_seeds(random["λ = 1/2, constant A"]), above=1.9)
        and shows(over_seeds(random["λ = 1/2, A(t)"]), below=1.2),
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
        f"Our layer is the kernel; each mistake costs at least {int(wrong / right)} times as much",
        holds=right < 0.006 < wrong,
        otherwise="Our layer and its mistakes beside the kernels",
    )
    ax.grid(axis="y", color=GREY, alpha=0.2)
    return fig


def learned_turns(runs: Mapping[str, Mapping[str, Tracked]]) -> Figure:
    """Angle of each move relative to the first move, every head and pair of the solved seeds.

    runs : task to arm to result
    """
    tasks = [task for task in runs if "Mamba-3" in runs[task]]
    fig, axes = figure(1, len(tasks), height=3.8, squeeze=False, subplot_kw={"projection": "polar"})
    for ax, task in zip(axes[0], tasks, strict=True):
        run = runs[task]["Mamba-3"]
        order = run.turns.shape[1]
        is_solved = run.at(run.train_length) >= SOLVES
        turns, decay = run.turns[is_solved], run.decay[is_solved]
        relative = (turns - turns[:, :1])[:, 1:]
        strength = np.broadcast_to(np.exp(-decay.mean(1))[:, None, :, None], relative.shape)
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
            ax.plot([2 * np.pi * place / order] * 2, [0, 1], color=BLACK, linestyle=":")
        ax.set_title(f"{TITLES[task]}, {is_solved.sum()} seeds\n", weight="normal", fontsize=11)
        ax.set_rlim(0, 1)
        ax.set_yticks([0.5, 1])
        ax.legend(loc="lower right", bbox_to_anchor=(1.15, -0.12))
    headline(fig, "Learned angles of the moves; dotted: those of the group")
    return fig


# ------------------------------------------------------------------------------- recall and text
def recall_by_state(recalled: Sequence[Recalled], n_pairs: int) -> Figure:
    """Loss and share of right answers against the state size, seeds thin.

    n_pairs : of a sequence, for the loss of knowing the list alone
    """
    fig, axes = figure(1, 2, height=3.8)
    sizes = sorted({run.arm.d_state for run in recalled if run.arm.part in ("Mamba-3", "Mamba-2")})
    for family in ("Mamba-3", "Mamba-2"):
        runs = {r.arm.d_state: r for r in recalled if r.arm.part == family}
        at = sorted(runs)
        for ax, values in zip(
            axes,
            ([runs[n].final for n in at], [runs[n].share[-1] for n in at]),
            strict=True,
        ):
            drawn = look(family) | {"label": family}
            thin_and_mean(ax, at, np.array(values).T, drawn, alpha=0.3)
    _recall_axes(axes[0], sizes, n_pairs)
    axes[1].set(xscale="log", xlabel="state size N", ylabel="share of right answers")
    plain_ticks(axes[1].xaxis, sizes, "{:.0f}")
    reference_line(axes[1], 1 / N_KEYS, "a guess")
    axes[0].legend()
    table = by_size(recalled)
    gap = over_seeds(np.mean(list(half_state_gaps(table).values()), axis=0))
    falls = over_seeds(table["Mamba-2"][sizes[0]] - table["Mamba-2"][sizes[-1]])
    finding_title(
        fig,
        "Mamba-3 recalls better than Mamba-2 with twice the state",
        holds=shows(gap, below=0) and shows(falls, above=0),
        otherwise="Recall by the size of the state",
    )
    return fig


def parts(recalled: Sequence[Recalled]) -> Figure:
    """Loss of each arm above the full layer, seed by seed, beside the paper's perplexities."""
    arms = at_one_size(recalled)
    full, names = arms["Mamba-3"].final, [name for name in arms if name != "Mamba-3"]
    fig, ax = figure(height=1.9 + 0.42 * len(names))
    for row, name in enumerate(names):
        gaps = arms[name].final - full
        found = over_seeds(gaps)
        ax.plot(gaps, np.full(len(gaps), row), "o", color=BLUE, alpha=0.4, markersize=5)
        if np.isfinite([found.low, found.high]).all():
            ax.plot([found.low, found.high], [row, row], color=BLUE, linewidth=3, alpha=0.6)
        ax.plot(found.estimate, row, "D", color=BLUE, markersize=7, label="" if row else "ours")
        if (printed := PRINTED.get(name)) in ABLATIONS:
            theirs = np.log(ABLATIONS[printed] / ABLATIONS["full"])
            ax.plot(theirs, row + 0.2, **style("paper") | {"linestyle": ""})
    ax.plot([], [], **style("paper") | {"linestyle": ""}, label="paper, 440M (Table 5a)")
    ax.set_yticks(range(len(names)), [CALLED.get(name, name) for name in names])
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.set_xlabel("loss above the full layer's (nats; the paper's of text)")
    ax.axvline(0, color=BLACK, linewidth=1)
    ax.legend(loc="best", fontsize=8.5)
    neither = over_seeds(arms["neither"].final - full)
    finding_title(
        fig,
        "After the same training the layer without both parts recalls worse",
        holds=shows(neither, above=0),
        otherwise="Recall without parts of the layer, and with a convolution",
    )
    return fig


PRINTED = {
    "no bias": "no bias",
    "neither": "no bias, no trapezoid",
    "with convolution": "with convolution",
}
CALLED = {"neither": "neither bias nor trapezoid", "MIMO": "four inputs (MIMO)"}


def text_course(reading: Reading) -> Figure:
    """Held-out loss over the training, and at the end by the length at which the text is cut."""
    fig, (left, right) = figure(1, 2, height=3.8)
    changes: dict[str, Interval] = {}
    for family, run in reading.reads.items():
        drawn = look(family) | {"label": family}
        thin_and_mean(left, run.steps, run.course.T, drawn, alpha=0.3)
        thin_and_mean(right, run.lengths, run.held_out.T, drawn, alpha=0.3)
        changes[family] = over_seeds(run.at(max(run.lengths)) - run.at(SEQ))
    reference_line(left, reading.n_gram, "n-gram of three")
    left.set(xlabel="updates", ylabel="held-out loss (nats a character)")
    right.set(xscale="log", xlabel="characters read at once", ylabel="held-out loss at the end")
    lengths = next(iter(reading.reads.values())).lengths
    plain_ticks(right.xaxis, lengths, "{:,}")
    reference_line(right, SEQ, "training", axis="x")
    left.legend()
    finding_title(
        fig,
        "Text longer than that of training makes both models better",
        holds=all(shows(one, below=0) for one in changes.values()),
        otherwise="Loss on text over the training, and by the length that is read at once",
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
    found = times.ratio("large", 4, generator(0, "figure"))
    more = flops(128, 64, 4) / flops(128, 64, 1)
    finding_title(
        fig,
        f"R = 4: {more:.1f} times the arithmetic in {found.estimate:.1f} times the time",
        holds=shows(found, below=more),
        otherwise="Time of a state update by rank",
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
        growth[name] = times.growth(name, generator(0, "figure"))
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
        "Eight times the context costs a Mamba-3 token under 5 %; attention's cost grows",
        holds=shows(growth["Mamba-3"], below=0.05) and shows(growth["attention"], above=0),
        otherwise="Time of a decoded token by context",
    )
    return fig
