"""Published training curves, as families of runs.

Everything is read through :func:`companion.data.fetch`, which raises ``DataUnavailable`` where a
file cannot be had.
"""

from __future__ import annotations

from functools import cache

import pandas as pd

from companion.data import fetch
from companion.scaling_laws.method.law import Points, points
from companion.scaling_laws.method.protocol import Family, Run

UNITS = ("paper", "nats")
"""``paper``: the number that the authors' code fits; ``nats``: a natural logarithm throughout."""

_END_POINTS = ("chinchilla", "GPT2-c4-contour")  # one point per run, no curves

SEVEN = ("OPT", "gpt3", "t5-pile", "pythia", "pythia-deduped", "pythia-v0", "pythia-deduped-v0")
"""Released families with whole training curves of four models or more: each rule is judged here."""

LEAST_MODELS = 3
"""Two training sizes and a target; the paper's own rule for a law of five parameters."""


def family(name: str, rows: pd.DataFrame, unit: str = "") -> Family:
    """A family from a table with columns model, num_params, tokens and loss.

    Two models are enough for one run with a borrowed size term (OLMo); the law itself needs
    more, and says so when it is fitted.

    Raises
    ------
    ValueError
        A single model, or a row that is not finite and positive (named).
    """
    if (n := rows["model"].nunique()) < 2:
        raise ValueError(
            f"family {name!r} has {n} model; at least 2 are needed, one to train on and a larger "
            "one to predict"
        )
    points(rows["num_params"], rows["tokens"], rows["loss"])
    runs = []
    for model, part in rows.groupby("model", sort=False):
        part = part.sort_values("tokens", kind="stable")
        runs.append(
            Run(
                str(model).strip(),
                float(part["num_params"].iloc[0]),
                part["tokens"].to_numpy(),
                part["loss"].to_numpy(),
            )
        )
    return Family(name, tuple(sorted(runs, key=lambda run: run.N)), unit)


@cache
def released() -> pd.DataFrame:
    """The released checkpoints, one row per model, checkpoint and metric."""
    return pd.read_parquet(fetch("scaling-laws/losses.parquet"))


def ladder_names() -> tuple[str, ...]:
    """Families with whole training curves of at least three models, in a fixed order."""
    rows = released()
    rows = rows[~rows["family"].isin(_END_POINTS)]
    counts = rows.groupby("family")["model"].nunique()
    return tuple(sorted(counts.index[counts >= LEAST_MODELS]))


def released_family(name: str, unit: str = "paper", metric: str | None = None) -> Family:
    """A family of the paper's data.

    unit : one of :data:`UNITS`. What ``paper`` means differs by family: perplexity for OPT, a
        base-2 logarithm of a LAMBADA perplexity for Pythia, nats for most others
    metric : start of the name of a metric, e.g. ``"WikiText"``; without one, ``paper`` takes what
        the authors fit and ``nats`` the family's first metric, the same one for every size

    Raises
    ------
    ValueError
        Unknown family, unit or metric, or a single model.
    """
    if unit not in UNITS:
        raise ValueError(f"unknown unit {unit!r}; choose one of {', '.join(UNITS)}")
    rows = released()
    if name not in set(rows["family"]):
        known = ", ".join(sorted(set(rows["family"])))
        raise ValueError(f"unknown family {name!r}; the data have {known}")
    rows = rows[rows["family"] == name]
    metrics = sorted(rows["metric"].unique())
    if metric is not None:
        if not any(known.startswith(metric) for known in metrics):
            raise ValueError(f"family {name!r} has no metric {metric!r}; it has {metrics}")
        rows = rows[rows["metric"].str.startswith(metric)]
    elif unit == "nats":
        rows = rows[rows["metric"] == metrics[0]]
    else:
        rows = rows[rows["perf"].notna()]
    column = "perf" if unit == "paper" and metric is None else "loss_nats"
    return family(name, rows.assign(loss=rows[column]), unit)


@cache
def printed_heatmaps() -> pd.DataFrame:
    """The numbers printed in the authors' figures; ``n`` is an int, 8 for the row "8+"."""
    table = pd.read_csv(fetch("scaling-laws/paper_heatmaps.csv"))
    table["n"] = table["n_train_models"].str.rstrip("+").astype(int)
    return table


@cache
def chinchilla_points(n_dropped: int = 5) -> Points:
    """Hoffmann et al. 2022, Figure 4: one point per finished run, highest losses dropped.

    n_dropped : 5 leaves the 240 points of Besiroglu et al. 2024
    """
    table = pd.read_csv(fetch("scaling-laws/chinchilla_fig4.csv")).sort_values("loss")
    table = table.iloc[: len(table) - n_dropped]
    return points(table["num_params"], table["tokens"], table["loss"])


@cache
def gemstones(run: str = "hot") -> Family:
    """The Gemstones models (2025), which the paper did not see; validation loss in nats.

    run : ``hot`` (constant rate), ``hot_half_lr``, ``cool_begin`` or ``cool_end``
    """
    table = pd.read_parquet(fetch("scaling-laws/gemstones.parquet"))
    known = sorted(table["run"].unique())
    if run not in known:
        raise ValueError(f"unknown run {run!r}; choose one of {', '.join(known)}")
    return family("gemstones", table[table["run"] == run], "nats")


@cache
def schedule_curves() -> pd.DataFrame:
    """Loss curves of three sizes under several schedules: size, schedule, step, lr, loss."""
    return pd.read_parquet(fetch("scaling-laws/multipowerlaw.parquet"))


@cache
def overtrained_runs() -> pd.DataFrame:
    """104 finished runs from a quarter of the Chinchilla-optimal tokens to 640 times as many."""
    return pd.read_csv(fetch("scaling-laws/overtrain_final.csv"))
