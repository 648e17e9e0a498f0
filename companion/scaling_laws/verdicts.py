"""From results to findings: every claim is judged here, by the criteria of :mod:`claims`.

Each function takes what an experiment returned and gives one finding.  :func:`judge_all` calls
them, and where a result is :class:`Missing` the claim reads `not tested`, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
import statsmodels.api as sm

from companion.claims import Claim, Finding, judge, not_tested
from companion.scale import generator
from companion.scaling_laws import claims as c
from companion.scaling_laws.across import all_models, paired_ratios, share_above_one
from companion.scaling_laws.compare import share_reproduced
from companion.scaling_laws.designs import ratio_of_means, select
from companion.scaling_laws.facts import Fact
from companion.scaling_laws.final_only import EquallyGood
from companion.scaling_laws.freedom import Freedom
from companion.scaling_laws.huber import HuberFit
from companion.scaling_laws.lab import by_world
from companion.scaling_laws.live import LiveResults
from companion.scaling_laws.missing import Missing
from companion.scaling_laws.schedules import Extrapolation, Gap
from companion.scaling_laws.solvers import summarize
from companion.stats import Interval, bootstrap, exact, geometric_mean

PUBLISHED_REFIT = {"A": 482.01, "B": 2085.43}
"""Of the Chinchilla points, by Besiroglu et al. 2024."""

SHORT, WHOLE = 1e11, 3.5e11
"""Tokens per run in the two groups of Gemstones designs."""

_CLAIMS: dict[str, Claim] = {entry.id: entry for entry in c.CLAIMS}


def _ratio(
    table: pd.DataFrame, above: dict, below: dict, *, seed: int, column: str = "are"
) -> Interval:
    names = (tuple(above.values()), tuple(below.values()), column)
    return ratio_of_means(
        select(table, **above),
        select(table, **below),
        generator(seed, "ratio", *names),
        column=column,
    )


def protocol(scale: str, cells: pd.DataFrame) -> Finding:
    """Claim 1: printed cells reproduced."""
    largest = cells.loc[cells["cut"] == 0, "difference"].abs().max()
    return judge(
        _CLAIMS["1"],
        scale,
        exact(share_reproduced(cells), len(cells)),
        note=f"largest difference where two decimals are printed: {largest:.3f} points",
    )


def drop_start(scale: str, draws: pd.DataFrame, ladders: pd.DataFrame, seed: int) -> Finding:
    """Claim 2: Gemstones ratio, with OPT as a second condition."""
    design = {"pool": "1.05B", "k": 8, "tokens": SHORT}
    ratio = _ratio(
        draws, {**design, "treatment": "all"}, {**design, "treatment": "cut 10B"}, seed=seed
    )
    small = {**design, "pool": "120M"}
    other = _ratio(
        draws, {**small, "treatment": "all"}, {**small, "treatment": "cut 10B"}, seed=seed
    )
    opt = cut_ratios(ladders)["OPT"]
    return judge(
        _CLAIMS["2"],
        scale,
        ratio,
        parts={"OPT": (exact(opt), c.OPT_DROP)},
        note=f"with runs of at most 120M instead: {other.estimate:.2f}",
    )


def cut_ratios(ladders: pd.DataFrame) -> pd.Series:
    """Error without the cut over error with it, all models, per independent family."""
    rows = all_models(ladders[ladders["experiment"] == "n vs q"])
    return paired_ratios(rows[rows["cut"] == 0], rows[rows["cut"] > 0])


def not_everywhere(scale: str, ladders: pd.DataFrame) -> Finding:
    """Claim 2': families that the cut does not help."""
    ratios = cut_ratios(ladders)
    helped = share_above_one(ratios)
    listing = ", ".join(f"{name} {value:.2g}" for name, value in ratios.items())
    p = f"; sign test p = {helped.p:.2f}" if helped.p is not None else ""
    return judge(
        _CLAIMS["2'"],
        scale,
        exact(int((ratios < 1.05).sum()), len(ratios)),
        note=f"ratios: {listing}{p}",
    )


def intermediate(scale: str, draws: pd.DataFrame, seed: int) -> Finding:
    """Claim 3: final losses only, five parameters, against all checkpoints."""

    def ratio(k: int) -> Interval:
        design = {"pool": "1.05B", "k": k, "tokens": WHOLE}
        return _ratio(
            draws,
            {**design, "treatment": "final, 5 parameters"},
            {**design, "treatment": "cut 10B"},
            seed=seed,
        )

    failed = (
        select(draws, treatment="final, 5 parameters", tokens=WHOLE)["status"] == "failed"
    ).sum()
    return judge(
        _CLAIMS["3"],
        scale,
        ratio(8),
        parts={"12 runs": (ratio(12), c.ABOVE_ONE)},
        note=f"the law is not identified, the paper's start decides; {failed} fits failed",
    )


def fair_control(scale: str, draws: pd.DataFrame, seed: int) -> Finding:
    """Claim 3': three parameters for final losses, scored at the final checkpoint."""

    def ratio(pool: str) -> Interval:
        design = {"pool": pool, "k": 8, "tokens": WHOLE}
        return _ratio(
            draws,
            {**design, "treatment": "final, 3 parameters"},
            {**design, "treatment": "cut 10B"},
            seed=seed,
            column="are_final",
        )

    others = {f"runs of at most {pool}": (ratio(pool), c.FAIR) for pool in ("545M", "120M")}
    shown = ", ".join(f"{name}: {part.estimate:.2f}" for name, (part, _) in others.items())
    return judge(_CLAIMS["3'"], scale, ratio("1.05B"), note=shown)


def open_end(scale: str, laws: EquallyGood, with_all: float) -> Finding:
    """Claim 3'': the worst of the equally good laws over the law of all checkpoints."""
    return judge(
        _CLAIMS["3''"],
        scale,
        exact(laws.are.max() / with_all, laws.are.size),
        note=f"equally good laws err by {laws.are.min():.1f} to {laws.are.max():.0f} %, that of "
        f"all checkpoints by {with_all:.1f} %",
    )


def larger(scale: str, draws: pd.DataFrame, seed: int) -> Finding:
    """Claim 4: three pools of sizes."""
    designs = {
        pool: {"pool": pool, "k": 5, "tokens": WHOLE, "treatment": "cut 10B"}
        for pool in ("120M", "545M", "1.05B")
    }
    means = [select(draws, **design)["are"].mean() for design in designs.values()]
    steps = {
        "120M over 545M": (exact(means[0] / means[1]), c.ABOVE_ONE),
        "545M over 1.05B": (exact(means[1] / means[2]), c.ABOVE_ONE),
    }
    return judge(
        _CLAIMS["4"],
        scale,
        _ratio(draws, designs["120M"], designs["1.05B"], seed=seed),
        parts=None if scale == "toy" else steps,
        note="mean errors " + ", ".join(f"{mean:.1f} %" for mean in means),
    )


def more(scale: str, draws: pd.DataFrame, seed: int) -> Finding:
    """Claim 5: three against ten small runs, and the slope over all k."""
    design = {"pool": "120M", "tokens": WHOLE, "treatment": "cut 10B"}
    rows = select(draws, **design)
    fit = sm.OLS(np.log(rows["are"]), sm.add_constant(np.log(rows["k"]))).fit(cov_type="HC3")
    low, high = fit.conf_int().loc["k"]
    slope = Interval(fit.params["k"], low, high, fit.pvalues["k"], len(rows))
    return judge(
        _CLAIMS["5"],
        scale,
        _ratio(draws, {**design, "k": 3}, {**design, "k": 10}, seed=seed),
        parts={"slope": (slope, c.NEGATIVE)},
    )


def small_and_many(scale: str, draws: pd.DataFrame, seed: int) -> Finding:
    """Claim 5': ten small runs against three large ones."""
    design = {"tokens": WHOLE, "treatment": "cut 10B"}
    few, many = {**design, "pool": "1.05B", "k": 3}, {**design, "pool": "120M", "k": 10}
    cost = select(draws, **few)["flop"].mean() / select(draws, **many)["flop"].mean()
    return judge(
        _CLAIMS["5'"],
        scale,
        _ratio(draws, few, many, seed=seed),
        note=f"the three cost {cost:.1f} times as much as the ten",
    )


def baseline(scale: str, draws: pd.DataFrame, seed: int) -> Finding:
    """Claim 6: the best loss seen against the law."""
    design = {"pool": "1.05B", "k": 8, "tokens": SHORT}
    return judge(
        _CLAIMS["6"],
        scale,
        _ratio(
            draws,
            {**design, "treatment": "best seen"},
            {**design, "treatment": "cut 10B"},
            seed=seed,
        ),
    )


def one_run(scale: str, singles: pd.DataFrame, opt_share: float) -> Finding:
    """Claim 7: single runs with a borrowed size term; OPT's printed table as a condition."""
    large = singles[singles["N"] >= 5e8]
    small = singles[singles["N"] < 5e8]
    return judge(
        _CLAIMS["7"],
        scale,
        exact(large["are"].max(), len(large)),
        parts={"share of OPT cells reproduced": (exact(opt_share), c.OPT_CELLS)},
        note=f"smaller runs err by {small['are'].min():.1f} to {small['are'].max():.0f} %; "
        f"{(singles['bias'] > 0).sum()} of {len(singles)} predictions are too high",
    )


def components(scale: str, result: Freedom) -> Finding:
    """Claim 8: explained variance."""
    return judge(
        _CLAIMS["8"],
        scale,
        exact(result.raw[2], len(result.families)),
        note=f"standardized parameters: {result.standardized[2]:.3f}; slope of alpha on a "
        f"{result.alpha_slope:.4f}, by arithmetic alone {result.alpha_arithmetic:.4f}",
    )


def schedule_bias(scale: str, gaps: list[Gap], ends: list[Extrapolation], seed: int) -> Finding:
    """Claim 9: before and after cool-down; extrapolation of decaying runs."""
    per_model = np.array([one.percent.mean() for one in gaps])
    every = np.concatenate([one.percent for one in gaps])
    low, high = np.quantile(every, [0.05, 0.95])
    decayed = [end.end_error for end in ends if end.schedule.startswith("wsd")]
    return judge(
        _CLAIMS["9"],
        scale,
        bootstrap(per_model, rng=generator(seed, "gap")),
        parts={"least end error": (exact(min(decayed)), c.TOO_HIGH)},
        note=f"90 % of the gaps lie in {low:.1f} to {high:.1f} %; predictions from 70 % of a "
        f"decaying run are {min(decayed):.1f} to {max(decayed):.1f} % too high",
    )


def chinchilla(scale: str, fit: HuberFit) -> Finding:
    """Claim 10: the objective and the two factors."""
    off = max(
        100 * abs(getattr(fit.law, name) / value - 1) for name, value in PUBLISHED_REFIT.items()
    )
    return judge(
        _CLAIMS["10"],
        scale,
        exact(fit.objective),
        parts={"A and B off by": (exact(off), c.WITHIN_3)},
        note=f"A {fit.law.A:.0f}, B {fit.law.B:.0f}, E {fit.law.E:.4f}, "
        f"alpha {fit.law.alpha:.4f}, beta {fit.law.beta:.4f}",
    )


def known_truth(scale: str, lab: pd.DataFrame) -> Finding:
    """Claim 11: worlds with a known irreducible loss."""
    table = by_world(lab)
    are, error = table["are"], table["e_error"]
    falls = (are[0.0] > are[0.01]) & (are[0.01] > are[0.1])
    return judge(
        _CLAIMS["11"],
        scale,
        exact(falls.mean(), len(falls)),
        parts={
            "largest error of E": (exact(error[0.1].max()), c.E_CLOSE),
            "over that without cut": (exact((error[0.1] / error[0.0]).max()), c.E_HALVED),
        },
        note="error without cut {:.1f} to {:.1f} %, with 1 % {:.1f} to {:.1f}, with 10 % "
        "{:.2f} to {:.2f}".format(
            *(bound for cut in (0.0, 0.01, 0.1) for bound in (are[cut].min(), are[cut].max()))
        ),
    )


def solver(scale: str, table: pd.DataFrame) -> Finding:
    """Claim bench: both solvers on the same fits."""
    result = summarize(table)
    return judge(
        _CLAIMS["bench"],
        scale,
        exact(result.no_worse, result.n),
        parts={"share of its time": (exact(result.time_ratio), c.A_TENTH)},
        note=f"the paper's single start ends higher, or fails, in {100 * result.single_worse:.0f} "
        f"% of the fits; {int(table['failed_starts'].sum())} of the starts gave up",
    )


def law_count(scale: str, n_laws: int, seconds: float) -> Finding:
    """Claim count."""
    if scale == "toy":
        return not_tested(
            _CLAIMS["count"], scale, f"counted at book scale; this run fitted {n_laws:,} laws"
        )
    return judge(
        _CLAIMS["count"], scale, exact(n_laws), note=f"{seconds:.0f} s of fitting altogether"
    )


def all_agree(scale: str, facts: tuple[Fact, ...]) -> Finding:
    """Claim units: ten computations."""
    failed = [fact.name for fact in facts if not fact.holds]
    return judge(
        _CLAIMS["units"],
        scale,
        exact(len(facts) - len(failed), len(facts)),
        note=f"not so: {', '.join(failed)}" if failed else "",
    )


def seed_noise(scale: str, live: LiveResults) -> Finding:
    """Claim seeds: spread of the final loss."""
    spread = live.spread
    if spread.empty:
        return not_tested(_CLAIMS["seeds"], scale, "fewer than two seeds of any size converged")
    worst = spread.loc[spread["sd_percent"].idxmax()]
    n_failed = len(live.runs.failed)
    return judge(
        _CLAIMS["seeds"],
        scale,
        exact(worst["sd_percent"], int(spread["n"].min())),
        note=f"largest at {worst['shape']}; {n_failed} runs diverged",
    )


def live_family(scale: str, live: LiveResults) -> Finding:
    """Claim live: the target predicted from all training sizes."""
    errors = live.errors
    if errors.empty:
        return not_tested(_CLAIMS["live"], scale, "the target run diverged")
    rows = errors[errors["k"] == errors["k"].max()]
    with_cut = rows.loc[rows["cut"] == 0.1, "are"]
    without = rows.loc[rows["cut"] == 0.0, "are"]
    low, high = np.quantile(with_cut, [0.0, 1.0])
    return judge(
        _CLAIMS["live"],
        scale,
        Interval(float(with_cut.mean()), float(low), float(high), None, with_cut.size),
        note=f"without the cut {without.mean():.1f} %; the range is over choices of seeds",
    )


def control(scale: str, ratios: pd.DataFrame, seed: int) -> Finding:
    """Claim control: the effect of the cut vanishes."""
    return judge(
        _CLAIMS["control"],
        scale,
        geometric_mean(ratios["ratio"], rng=generator(seed, "control")),
    )


def or_not_tested(
    name: str, scale: str, function: Callable[..., Finding], *results: object, **options: object
) -> Finding:
    """``function(scale, *results)``, or `not tested` with the reason of the first missing one."""
    for result in results:
        if isinstance(result, Missing):
            return not_tested(_CLAIMS[name], scale, result.reason)
    return function(scale, *results, **options)


def judge_all(scale: str, seed: int, results: Mapping[str, object]) -> list[Finding]:
    """One finding per claim, in the order of ``CLAIMS``.

    results : by name: cells, draws, ladders, equally_good, with_all, singles, opt_share, freedom,
        gaps, ends, chinchilla, lab, solvers, n_laws, fit_seconds, facts, live, control
    """
    r = results
    calls = {
        "1": (protocol, ("cells",), {}),
        "2": (drop_start, ("draws", "ladders"), {"seed": seed}),
        "2'": (not_everywhere, ("ladders",), {}),
        "3": (intermediate, ("draws",), {"seed": seed}),
        "3'": (fair_control, ("draws",), {"seed": seed}),
        "3''": (open_end, ("equally_good", "with_all"), {}),
        "4": (larger, ("draws",), {"seed": seed}),
        "5": (more, ("draws",), {"seed": seed}),
        "5'": (small_and_many, ("draws",), {"seed": seed}),
        "6": (baseline, ("draws",), {"seed": seed}),
        "7": (one_run, ("singles", "opt_share"), {}),
        "8": (components, ("freedom",), {}),
        "9": (schedule_bias, ("gaps", "ends"), {"seed": seed}),
        "10": (chinchilla, ("chinchilla",), {}),
        "11": (known_truth, ("lab",), {}),
        "bench": (solver, ("solvers",), {}),
        "count": (law_count, ("n_laws", "fit_seconds"), {}),
        "units": (all_agree, ("facts",), {}),
        "seeds": (seed_noise, ("live",), {}),
        "live": (live_family, ("live",), {}),
        "control": (control, ("control",), {"seed": seed}),
    }
    return [
        or_not_tested(name, scale, function, *(r[key] for key in keys), **options)
        for name, (function, keys, options) in calls.items()
    ]
