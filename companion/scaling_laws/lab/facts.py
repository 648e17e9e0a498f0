"""What the released numbers really are: ten facts, each with the computation that shows it.

They do not say that the paper's advice is wrong.  They say in which unit its errors are, which of
its surprises come from the data's preparation, and which comparisons its numbers cannot carry.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pandas as pd

from companion.scaling_laws.lab.released import one_model
from companion.scaling_laws.lab.solvers import fit_huber_log
from companion.scaling_laws.method.law import Points, ScalingLaw, points
from companion.scaling_laws.method.protocol import (
    CUT,
    Family,
    Run,
    are,
    target_points,
    training_points,
)
from companion.scaling_laws.method.recipe import BORROWED_ALPHA, BORROWED_LOG_A, fit_one_model
from companion.scaling_laws.method.varpro import fit_varpro, linear_part, projected_objective
from companion.scaling_laws.sources import ladder_names, printed_heatmaps, released, released_family

OPT_VOCABULARY = 50_272


class Fact(NamedTuple):
    """name; what is so; the numbers that show it, in words; whether they do; the numbers."""

    name: str
    statement: str
    shown_by: str
    holds: bool
    numbers: dict[str, float]


def _are(family: Family, *, cut: float = CUT) -> float:
    """ARE of all training models, whole runs."""
    data = training_points(family.runs[:-1], cut=cut)
    return are(fit_varpro(data).law, target_points(family.target))


def opt_is_perplexity() -> Fact:
    """A trained model cannot do worse than guessing; in nats OPT's numbers would."""
    raw, nats = released_family("OPT"), released_family("OPT", "nats")
    largest, guess = max(run.loss.max() for run in raw.runs), math.log(OPT_VOCABULARY)
    in_paper_unit, in_nats = _are(raw), _are(nats)
    return Fact(
        "OPT",
        'The OPT "loss" is a perplexity, without the logarithm.',
        f"values up to {largest:.1f}, where guessing one of {OPT_VOCABULARY:,} tokens costs "
        f"{guess:.1f} nats; the fit's error is {in_paper_unit:.1f} % as printed and "
        f"{in_nats:.1f} % in nats",
        largest > guess and in_paper_unit > 1.5 * in_nats,
        {"largest": largest, "guess": guess, "are_paper": in_paper_unit, "are_nats": in_nats},
    )


def pythia_is_lambada() -> Fact:
    """log2 of the LAMBADA perplexity gives the printed one-model table back."""
    table = one_model(released_family("pythia"))
    table = table[table["status"] == "ok"]
    printed = printed_heatmaps()
    printed = printed[
        (printed["experiment"] == "one_model_borrowed_A_alpha") & (printed["group"] == "pythia")
    ]
    size = printed["row_note"].str.rstrip("B").astype(float) * 1e9
    known = {
        (round(N / 1e7), round(q, 1)): value
        for N, q, value in zip(size, printed["percentage"], printed["are_pct"], strict=True)
    }
    differences = np.array(
        [
            abs(row.are - known[key])
            for row in table.itertuples()
            if (key := (round(row.N / 1e7), round(row.q, 1))) in known
        ]
    )
    return Fact(
        "Pythia",
        'The Pythia "loss" is log2 of the LAMBADA last-word perplexity.',
        f"with it, {(differences < 0.006).sum()} of {differences.size} cells of the one-model "
        "table come out to the printed second decimal",
        bool((differences < 0.006).mean() > 0.95),
        {"cells": differences.size, "largest_difference": float(differences.max())},
    )


def _last_values(name: str) -> pd.DataFrame:
    """Last checkpoint of each size that has every metric of that size: bits and the fitted perf."""
    rows = released()
    rows = rows[rows["family"] == name].assign(bits=lambda r: r["loss_nats"] / math.log(2))
    rows = rows.sort_values("tokens").groupby(["num_params", "metric"]).last().reset_index()
    table = rows.pivot(index="num_params", columns="metric", values="bits")
    table.columns = [column.split()[0].split("-")[0].lower() for column in table.columns]
    perf = rows[rows["perf"].notna()].set_index("num_params")["perf"]
    return table.assign(fitted=perf).reset_index()


def pythia_v0_mixes_metrics() -> Fact:
    """Some sizes average two metrics, so the curve over sizes has a step that no model made."""
    table = _last_values("pythia-v0")
    mixed = table["wikitext"].notna()
    rises = int((np.diff(table["fitted"]) > 0).sum())
    lambada_rises = int((np.diff(table["lambada"]) > 0).sum())
    return Fact(
        "Pythia v0",
        "Pythia v0 fits one metric for some sizes and the mean of two for others.",
        f"{mixed.sum()} of {len(table)} sizes are means of LAMBADA and WikiText; the fitted value "
        f"rises with size {rises} times, LAMBADA alone {lambada_rises} times",
        bool(mixed.any() and not mixed.all() and rises > lambada_rises),
        {"mixed": int(mixed.sum()), "rises": rises, "lambada_rises": lambada_rises},
    )


def code_versions_differ_by_metric() -> Fact:
    """Pythia 6.9B, two code versions: 40 % apart as fitted, alike on one metric."""
    old, new = (
        _last_values(name).set_index("num_params").loc[6.9e9]
        for name in ("pythia-deduped-v0", "pythia-deduped")
    )
    fitted = 100 * (old["fitted"] / new["fitted"] - 1)
    lambada = 100 * abs(old["lambada"] / new["lambada"] - 1)
    return Fact(
        "40 %",
        "The 40 % between two code versions of Pythia 6.9B is the same mixture.",
        f"{fitted:.0f} % apart as fitted ({old['fitted']:.2f} and {new['fitted']:.2f}), "
        f"{lambada:.1f} % on LAMBADA alone",
        bool(fitted > 30 and lambada < 2),
        {"fitted": float(fitted), "lambada": float(lambada)},
    )


def t5_is_below_the_size_term() -> Fact:
    """The borrowed size term of T5-Pile exceeds the whole loss, so that law has to fail."""
    target = released_family("t5-pile").target
    loss = float(target.loss[-1])
    term = math.exp(BORROWED_LOG_A - BORROWED_ALPHA * math.log(target.N))
    return Fact(
        "T5",
        "The T5-Pile numbers are 0.05 bit, less than the size term that is lent to them.",
        f"loss {loss:.3f} at the end of the largest model, borrowed size term alone {term:.3f}",
        term > 2 * loss,
        {"loss": loss, "term": term},
    )


def costs() -> pd.DataFrame:
    """Training cost of each run in FLOP: true (6 N D_last), and cumulative values added up."""
    rows = []
    for name in ("OPT", "gpt3", "pythia"):
        for run in released_family(name).runs:
            flops = 6 * run.N * run.D
            rows.append(
                {
                    "family": name,
                    "model": run.model,
                    "n_logged": run.D.size,
                    "true": flops[-1],
                    "added": flops.sum(),
                    "added_logs": np.log10(flops).sum(),
                }
            )
    return pd.DataFrame(rows)


def costs_are_added_up() -> Fact:
    """Summing a cumulative column counts a run as often as it was logged."""
    table = costs()
    factor = table["added"] / table["true"]
    opt = table[table["family"] == "OPT"]
    return Fact(
        "Cost",
        "The cost axis of Fig. 1 adds up cumulative FLOPs; for OPT, their logarithms.",
        f"the sum exceeds the true cost {factor.min():.0f} to {factor.max():.0f} times, by how "
        f"often a run was logged; for OPT it makes the 125M run dearer than 30B "
        f"({opt['added_logs'].iloc[0]:.0f} against {opt['added_logs'].iloc[4]:.0f})",
        bool(factor.max() > 5 * factor.min()),
        {"least": float(factor.min()), "most": float(factor.max())},
    )


def lbfgs_fits_another_axis() -> Fact:
    """Fitted with FLOPs in the place of N and asked with N: the arm called less stable."""
    family = released_family("gpt3")
    data, target = training_points(family.runs[:-1], cut=CUT), target_points(family.target)
    right = are(fit_huber_log(data).law, target)
    swapped = Points(6 * data.N * data.D, data.D, data.loss)
    wrong = are(fit_huber_log(swapped).law, target)
    return Fact(
        "L-BFGS",
        'The "less stable" L-BFGS variant is fitted on FLOPs and asked with N.',
        f"GPT-3, all models: error {right:.1f} % fitted on N, {wrong:.0f} % the code's way",
        wrong > 5 * right,
        {"right": right, "wrong": wrong},
    )


def most_trained_is_a_mean() -> Fact:
    """The "most trained" baseline averages five rows of different sizes."""
    family = released_family("pythia")
    data, target = training_points(family.runs[:-1], cut=CUT), target_points(family.target)
    five = data.loss[np.argsort(data.D, kind="stable")[-5:]].mean()
    largest = family.runs[-2].loss[-1]
    errors = [100 * float(np.abs(1 - value / target.loss).mean()) for value in (five, largest)]
    return Fact(
        "Baseline",
        'The "most trained" baseline is the mean of five rows with most tokens, of any size.',
        f"Pythia: error {errors[0]:.0f} %; the largest training model's last loss misses by "
        f"{errors[1]:.1f} %",
        errors[0] > 2 * errors[1],
        {"five_rows": errors[0], "largest_model": errors[1]},
    )


class Profile(NamedTuple):
    """Laws that differ in alpha only by choice.

    alpha, sse, are : (n,) the imposed exponent, the least error it allows, the target's error
    """

    alpha: np.ndarray
    sse: np.ndarray
    are: np.ndarray


def two_model_profile(
    family: Family, n: int = 2, alphas: np.ndarray | None = None, *, cut: float = CUT
) -> Profile:
    """For each alpha the best law with that exponent, fitted on the n smallest models."""
    alphas = np.geomspace(0.05, 3, 60) if alphas is None else np.asarray(alphas, dtype=float)
    data, target = training_points(family.runs[:n], cut=cut), target_points(family.target)
    betas = np.geomspace(0.02, 8, 2000)
    surface = projected_objective(data, alphas, betas)
    errors = []
    for alpha, beta in zip(alphas, betas[surface.argmin(axis=1)], strict=True):
        (E, A, B), _ = linear_part(np.log(data.N), np.log(data.D), data.loss, alpha, beta)
        errors.append(are(ScalingLaw.of(E=E, A=A, B=B, alpha=alpha, beta=beta), target))
    return Profile(alphas, surface.min(axis=1), np.array(errors))


def two_models_do_not_identify() -> Fact:
    """With two sizes, laws that fit equally well predict whatever one likes."""
    profile = two_model_profile(released_family("gpt3"))
    equal = profile.sse <= profile.sse.min() * (1 + 1e-6)
    low, high = profile.are[equal].min(), profile.are[equal].max()
    return Fact(
        "n = 2",
        "Two sizes do not identify the law; the row n = 2 is decided by the start value.",
        f"GPT-3: alpha from {profile.alpha[equal].min():.2f} to {profile.alpha[equal].max():.2f} "
        f"fits equally (one part in a million) and errs by {low:.0f} to {high:.0f} %",
        bool(high > 1.5 * low),
        {"low": float(low), "high": float(high)},
    )


def runs_are_shared() -> Fact:
    """Two GPT-2 families contain the same run, so they are not two observations."""
    seen: dict[bytes, list[str]] = {}
    for name in ladder_names():
        for run in released_family(name).runs:
            seen.setdefault(run.loss.tobytes(), []).append(f"{name}/{run.model}")
    shared = [names for names in seen.values() if len(names) > 1]
    return Fact(
        "Shared run",
        "Two of the GPT-2 families share a run.",
        "; ".join(" = ".join(names) for names in shared) or "no two runs are equal",
        len(shared) == 1,
        {"shared": len(shared)},
    )


FACTS = (
    opt_is_perplexity,
    pythia_is_lambada,
    pythia_v0_mixes_metrics,
    code_versions_differ_by_metric,
    t5_is_below_the_size_term,
    costs_are_added_up,
    lbfgs_fits_another_axis,
    most_trained_is_a_mean,
    two_models_do_not_identify,
    runs_are_shared,
)


def all_facts() -> tuple[Fact, ...]:
    """Every fact, computed from the data."""
    return tuple(fact() for fact in FACTS)


SIZES = ("25M", "100M", "400M")


class Gap(NamedTuple):
    """One size: how far the run at a high rate lies above the cooled one, percent at equal tokens.

    D, percent : (n,)
    """

    model: str
    D: np.ndarray
    percent: np.ndarray


def gap(hot: Run, cool: Run) -> Gap:
    """(hot - cool) / cool at the tokens of `cool`; hot is interpolated in log D."""
    at = np.interp(np.log(cool.D), np.log(hot.D), hot.loss)
    return Gap(hot.model, cool.D, 100 * (at - cool.loss) / cool.loss)


def hot_cool_gaps(hot: Family, cool: Family) -> list[Gap]:
    """The gap of every model that has both runs."""
    runs = {run.model: run for run in hot.runs}
    return [gap(runs[run.model], run) for run in cool.runs if run.model in runs]


class Extrapolation(NamedTuple):
    """A curve and the law that was fitted to its beginning.

    step, loss, predicted : (n,); share : of the run that was fitted
    end_error : signed, percent, at the last step
    """

    size: str
    schedule: str
    step: np.ndarray
    loss: np.ndarray
    predicted: np.ndarray
    share: float
    end_error: float


def extrapolate(
    curves: pd.DataFrame, size: str, schedule: str, *, share: float = 0.7
) -> Extrapolation:
    """Fit E + B D^-beta to the first `share` of one curve and follow it to the end.

    Raises
    ------
    ValueError : no such curve; the message lists the schedules
    """
    curve = curves[(curves["size"] == size) & (curves["schedule"] == schedule)]
    if curve.empty:
        known = ", ".join(sorted(curves["schedule"].unique()))
        raise ValueError(f"no curve {size}/{schedule}; schedules are {known}")
    curve = curve.sort_values("step")
    step, loss = curve["step"].to_numpy(float), curve["loss"].to_numpy(float)
    N = np.full(step.shape, float(size.rstrip("M")) * 1e6)
    early = step < share * step[-1]
    fit = fit_one_model(points(N[early], step[early], loss[early]), log_A=-np.inf)
    predicted = fit.law.predict(N, step)
    end_error = 100 * float(predicted[-1] / loss[-1] - 1)
    return Extrapolation(size, schedule, step, loss, predicted, share, end_error)
