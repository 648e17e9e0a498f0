"""Inside a network: gradients against depth, averaged gradients, tiny training runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import MaxNLocator

from companion.plotting import figure, finding_title
from companion.quartet.lab.gradients import Depth
from companion.quartet.lab.training import BASELINE, Trained
from companion.quartet.page.figures.style import SCHEMES

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def depth(measured: Depth) -> Figure:
    """Cosine and misalignment of the quantized gradient against blocks from the top."""
    fig, (left, right) = figure(1, 2, height=3.9)
    for arm in measured.cosine:
        color, marker, dash = SCHEMES[arm]
        look = {"color": color, "marker": marker, "linestyle": dash, "label": arm}
        left.plot(1 - measured.cosine[arm].mean(0)[1:], **look)
        right.plot(100 * measured.misalignment[arm].mean(0)[1:], **look)
    n = measured.cosine["RTN"].shape[1] - 1
    for ax in (left, right):
        ax.set_xticks(range(n), [str(i + 1) for i in range(n)])
        ax.set_xlabel("blocks below the top")
    left.set(yscale="log", ylabel="1 - cosine with the exact gradient")
    right.set_yscale("symlog", linthresh=0.5)
    right.yaxis.set_major_formatter("{x:g}")
    right.set_ylabel("misalignment (%)")
    top = left.get_ylim()[1]
    left.set_ylim(top=6 * top)
    left.legend(fontsize=8, ncols=2, loc="upper left")
    means = {arm: values.mean(0)[1:] for arm, values in measured.cosine.items()}
    shift = {arm: values.mean(0)[-1] for arm, values in measured.misalignment.items()}
    finding_title(
        fig,
        "RTN keeps the direction better, SR the length; QuEST shrinks gradients most",
        holds=bool(
            (means["RTN"] > means["SR"]).all()
            and shift["QuEST"] > shift["RTN"]
            and shift["RTN"] > abs(shift["SR"])
        ),
        otherwise="Quantized gradients against depth",
    )
    return fig


def gaps(trained: Trained) -> Figure:
    """Held-out loss above the unquantized run, per seed and recipe."""
    names = [name for name in trained.final if name != BASELINE]
    fig, ax = figure(height=1.7 + 0.36 * len(names))
    for i, name in enumerate(names):
        forward, _, backward = name.partition(":")
        look = SCHEMES["naive" if name == "naive" else forward if forward != "none" else backward]
        values = trained.gap(name)
        ax.plot(
            values,
            np.full(len(values), i),
            marker=look.marker,
            linestyle="",
            alpha=0.45,
            color=look.color,
        )
        ax.plot(np.nanmean(values), i, "|", color=look.color, markersize=18, markeredgewidth=2.5)
    ax.axvline(0, color="#222222", linestyle=":", linewidth=1.2)
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set_xlabel("held-out loss above the unquantized run (nats per byte)")
    ax.set_ylabel("forward : backward")
    n = len(trained.plan.seeds)
    backward = [trained.gap(name).mean() for name in names if name.startswith("none:")]
    whole = [trained.gap(name).mean() for name in names if not name.startswith("none:")]
    finding_title(
        ax,
        f"Backward schemes cost less than forward schemes ({n} seeds)",
        holds=bool(backward) and max(backward) < min(whole),
        otherwise=f"Gaps of {trained.plan.steps} steps, {n} seed{'s' if n > 1 else ''}",
    )
    return fig


def curves(trained: Trained) -> Figure:
    """Training loss of every recipe, mean over seeds."""
    fig, ax = figure(height=3.7)
    ends = {}
    for name, values in trained.curves.items():
        forward, _, backward = name.partition(":")
        known = "naive" if name == "naive" else forward if forward != "none" else backward
        look = SCHEMES[known]
        steps = (np.arange(len(values)) + 0.5) * trained.plan.steps / len(values)
        ax.plot(
            steps,
            values.mean(1),
            color=look.color,
            label=name,
            linewidth=1.4,
            linestyle=look.linestyle if not name.startswith("none:") else ":",
        )
        ends[name] = values[-1].mean()
    ax.set(xlabel="training step", ylabel="training loss (nats per byte)")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend(ncols=2, fontsize=8.5)
    finding_title(
        ax,
        "Every recipe learns; the naive one stays above",
        holds=bool(ends.get("naive", -np.inf) == max(ends.values()))
        and all(v[-1].mean() < v[0].mean() for v in trained.curves.values()),
        otherwise="Training losses of all recipes",
    )
    return fig
