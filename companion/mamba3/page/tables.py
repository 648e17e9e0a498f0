"""Small tables of the chapter, ready to be shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from companion.claims import measured_text
from companion.mamba3 import sources as paper
from companion.mamba3.lab.language import Reading
from companion.mamba3.lab.run import Rates, Tiny
from companion.mamba3.lab.timing import ratio_of_medians
from companion.mamba3.lab.tracking import Tracked, count
from companion.mamba3.method.scan import H100_BALANCE, flops, intensity, traffic
from companion.mamba3.verdict import FAR
from companion.scale import generator
from companion.stats import Interval, over_seeds
from companion.tables import styled

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler


def agreement_table(differences: Mapping[str, float], gradient: float) -> Styler:
    """Largest difference of every form from the recurrence, and of the gradient."""
    rows = [*differences.items(), ("gradient, against central differences", gradient)]
    frame = pd.DataFrame(rows, columns=["form", "largest difference ↓"])
    return styled(frame, "forms", {"largest difference ↓": "{:.1e}"})


def tracking_table(runs: Mapping[str, Mapping[str, Tracked]]) -> Styler:
    """Scaled accuracy at the training length and at 256, and how many seeds solve the task."""
    rows = []
    for task, arms in runs.items():
        for name, run in arms.items():
            row = {
                "task": task,
                "model": name,
                "Table 5b, 256": paper.PARITY_AT_256.get(name) if task == "parity" else None,
                "trained to": run.train_length,
            }
            for what, length in (("there", run.train_length), (f"at {FAR}", FAR)):
                is_read = length < len(run.curve)
                row[f"{what} ↑"] = 100 * float(np.mean(run.at(length))) if is_read else np.nan
                row[f"solve it {what}"] = count(run, length) if is_read else "–"
            rows.append(row)
    frame = pd.DataFrame(rows)
    formats = {name: "{:.0f}" for name in frame if "↑" in name} | {"Table 5b, 256": "{:.1f}"}
    return styled(frame, "tracking", formats)


def training_table(sizes: Mapping[str, Mapping[str, object]]) -> Styler:
    """What is trained, and how: one row a size, those of all first, of :func:`lab.run.trainings`.

    sizes : what is trained -> name of a size -> number, several numbers, or nothing
    """
    names = list(dict.fromkeys(name for column in sizes.values() for name in column))
    names.sort(key=lambda name: -sum(name in column for column in sizes.values()))
    rows = [
        (name, *(_size(column[name]) if name in column else "–" for column in sizes.values()))
        for name in names
    ]
    return styled(pd.DataFrame(rows, columns=["size", *sizes]), "trainings")


def _size(value: object) -> str:
    """A size in words; several numbers in a row."""
    if isinstance(value, tuple):
        return ", ".join(_size(one) for one in value)
    return f"{value:,}" if isinstance(value, int) else f"{value:.3g}"


def rate_table(rates: Rates) -> Styler:
    """Loss of recall by peak learning rate, mean over seeds, and the rates that may be the best."""
    rows = [
        {
            "arm": part,
            **{
                f"{rate:g} ↓": measured_text(over_seeds(losses))
                for rate, losses in zip(rates.rates, by_seed, strict=True)
            },
            "may be best": ", ".join(f"{rates.rates[i]:g}" for i in rates.possible(part)),
        }
        for part, by_seed in rates.losses.items()
    ]
    return styled(pd.DataFrame(rows), "rates")


def text_table(reading: Reading) -> Styler:
    """Held-out loss on the way, and how far Mamba-3 is from Mamba-2, paired over seeds."""
    runs = [reading.reads[name] for name in ("Mamba-3", "Mamba-2") if name in reading.reads]
    rows = []
    for i, step in enumerate(runs[0].steps):
        row = {"updates": step}
        row |= {f"{run.family} ↓": measured_text(over_seeds(run.course[i])) for run in runs}
        if len(runs) == 2:
            ours, theirs = (run.course[i] for run in runs)
            row["Mamba-3 minus Mamba-2"] = measured_text(over_seeds(ours - theirs))
        rows.append(row | {"n-gram": reading.n_gram})
    return styled(pd.DataFrame(rows), "text", {"updates": "{:,}", "n-gram": "{:.3f}"})


def cost_table(ranks: Sequence[int] = (1, 2, 4, 8, 16), N: int = 128, P: int = 64) -> Styler:
    """Arithmetic and traffic of one decode step of one head (paper, Table 2)."""
    rows = [
        (
            r,
            flops(N, P, r),
            traffic(N, P, r),
            intensity(N, P, r),
            100 * intensity(N, P, r) / H100_BALANCE,
        )
        for r in ranks
    ]
    busy = "of an H100's balance (%)"
    frame = pd.DataFrame(rows, columns=["R", "FLOP", "bytes", "FLOP a byte", busy])
    formats = {"FLOP": "{:,}", "bytes": "{:,}", "FLOP a byte": "{:.1f}", busy: "{:.1f}"}
    return styled(frame, "cost", formats)


def speed_table(times: Mapping[str, Mapping[str, np.ndarray]]) -> Styler:
    """The scan in chunks beside the published algorithm, and beside the recurrence.

    The published one's times over ours, as it is and with our way from chunk to chunk, have an
    interval over rounds, where there are two or more.
    """
    rows, rng = [], generator(0, "scans")
    for what, ways in times.items():
        ours, slow = ways["ours"], ways.get("token by token")
        rows.append(
            {
                "scan": what,
                "ours (ms) ↓": 1e3 * np.median(ours),
                "published, times ours": _times(ways["published"], ours, rng),
                "with our states": _times(ways["published, apart"], ours, rng),
                "token by token, times ours": np.nan
                if slow is None
                else np.median(slow) / np.median(ours),
            }
        )
    frame = pd.DataFrame(rows)
    return styled(frame, "scan", {"ours (ms) ↓": "{:.1f}", frame.columns[-1]: "{:.0f}"})


def _times(theirs: np.ndarray, ours: np.ndarray, rng: np.random.Generator) -> str:
    """How many times as long they take."""
    if len(ours) > 1:
        return measured_text(ratio_of_medians(theirs, ours, rng))
    return measured_text(Interval(float(np.median(theirs) / np.median(ours))))


def headline_table() -> Styler:
    """Three sentences of the abstract, and what the paper's own tables say of them."""
    k = paper.KERNEL_MS
    half = k["MIMO"][64] / k["Mamba-2"][128]
    small, large = paper.PERPLEXITY["180M"], paper.PERPLEXITY["1.5B"]
    default = list(paper.DEFAULT_PRINTED.values())
    noise = max(default) - min(default)
    lam = paper.LAMBDA_PRINTED
    rows = [
        (
            "half the state, so half the latency",
            "Table 6",
            f"MIMO at N = 64 takes {k['MIMO'][64]} ms, Mamba-2 at N = 128 {k['Mamba-2'][128]} ms: "
            f"a ratio of {half:.2f}",
        ),
        (
            "SISO outperforms at every scale",
            "Table 3",
            "in average accuracy; at 180M the perplexity of GDN is lower "
            f"({small['GDN']} against {small['SISO']}); at 1.5B SISO has {large['SISO']}, "
            f"GDN {large['GDN']}",
        ),
        (
            "a learned λ is best",
            "Table 8",
            f"σ(u) {lam['σ(u)']}, fixed 1/2 {lam['1/2']}: a gap of {lam['1/2'] - lam['σ(u)']:.2f}, "
            f"while the same default is printed as {max(default)} and {min(default)}, {noise:.2f} "
            "apart",
        ),
    ]
    return styled(pd.DataFrame(rows, columns=["sentence", "where", "what is printed"]), "headlines")


def checkpoint_table(tiny: Tiny) -> Styler:
    """Tiny models in the released layout: read back, and evaluated on made-up text."""
    rows = [
        {
            "checkpoint": kind,
            "weights": tiny.weights[kind],
            "difference read back": tiny.gap[kind],
            "loss (nats a token)": float(tiny.evaluated.losses[kind].mean()),
            "of 32 tokens alone": float(tiny.evaluated.lengths[kind][32].mean()),
            "last words right": f"{int(tiny.evaluated.lambada[kind].sum())} of "
            f"{len(tiny.evaluated.lambada[kind])}",
        }
        for kind in tiny.weights
    ]
    formats = {"weights": "{:,}", "difference read back": "{:.1e}"}
    formats |= dict.fromkeys(("loss (nats a token)", "of 32 tokens alone"), "{:.2f}")
    return styled(pd.DataFrame(rows), "checkpoints", formats)


def order_table(orders: Mapping[str, np.ndarray]) -> Styler:
    """Order of every rule over random equations, with its interval."""
    rows = [(name, measured_text(over_seeds(slopes))) for name, slopes in orders.items()]
    return styled(pd.DataFrame(rows, columns=["random equations", "order"]), "orders")
