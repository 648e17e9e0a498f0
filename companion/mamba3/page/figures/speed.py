"""Figures of the decode cost."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from companion.mamba3.lab.timing import ContextTimes, DecodeTimes
from companion.mamba3.method.roofline import flops, intensity
from companion.mamba3.page.figures.styles import look
from companion.mamba3.sources import STEP_MS
from companion.plotting import BLUE, ORANGE, figure, finding_title, plain_ticks, style


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
