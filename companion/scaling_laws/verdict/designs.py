"""Claims about which runs to train: judged on the Monte Carlo over Gemstones."""

from __future__ import annotations

import numpy as np
import pandas as pd
import statsmodels.api as sm

from companion.claims import Finding, judge
from companion.scale import generator
from companion.scaling_laws.lab.designs import ratio_of_means, select
from companion.scaling_laws.lab.final_only import EquallyGood
from companion.scaling_laws.lab.run import SHORT, WHOLE
from companion.scaling_laws.verdict import claims
from companion.scaling_laws.verdict.across import cut_ratios
from companion.stats import Interval, exact


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


def drop_start(scale: str, draws: pd.DataFrame, ladders: pd.DataFrame, seed: int) -> Finding:
    """Claim 2: Gemstones ratio, with OPT as a second condition.

    OPT is one family with one curve a size: its ratio is a fact about these data, as printed.
    """
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
        claims.BY_ID["2"],
        scale,
        ratio,
        parts={"OPT": (exact(opt), claims.OPT_DROP)},
        note=f"with runs of at most 120M instead: {other.estimate:.2f}",
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
        claims.BY_ID["3"],
        scale,
        ratio(8),
        parts={"12 runs": (ratio(12), claims.ABOVE_ONE)},
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

    others = {f"runs of at most {pool}": (ratio(pool), claims.FAIR) for pool in ("545M", "120M")}
    shown = ", ".join(f"{name}: {part.estimate:.2f}" for name, (part, _) in others.items())
    return judge(claims.BY_ID["3'"], scale, ratio("1.05B"), note=shown)


def open_end(scale: str, result: tuple[EquallyGood, float]) -> Finding:
    """Claim 3'': the worst of the equally good laws over the law of all checkpoints."""
    laws, with_all = result
    return judge(
        claims.BY_ID["3''"],
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
        f"{small} over {large}": (
            _ratio(draws, designs[small], designs[large], seed=seed),
            claims.ABOVE_ONE,
        )
        for small, large in (("120M", "545M"), ("545M", "1.05B"))
        if scale != "toy"
    }
    return judge(
        claims.BY_ID["4"],
        scale,
        _ratio(draws, designs["120M"], designs["1.05B"], seed=seed),
        parts=steps,
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
        claims.BY_ID["5"],
        scale,
        _ratio(draws, {**design, "k": 3}, {**design, "k": 10}, seed=seed),
        parts={"slope": (slope, claims.NEGATIVE)},
    )


def small_and_many(scale: str, draws: pd.DataFrame, seed: int) -> Finding:
    """Claim 5': ten small runs against three large ones."""
    design = {"tokens": WHOLE, "treatment": "cut 10B"}
    few, many = {**design, "pool": "1.05B", "k": 3}, {**design, "pool": "120M", "k": 10}
    cost = select(draws, **few)["flop"].mean() / select(draws, **many)["flop"].mean()
    return judge(
        claims.BY_ID["5'"],
        scale,
        _ratio(draws, few, many, seed=seed),
        note=f"the three cost {cost:.1f} times as much as the ten",
    )


def baseline(scale: str, draws: pd.DataFrame, seed: int) -> Finding:
    """Claim 6: the best loss seen against the law."""
    design = {"pool": "1.05B", "k": 8, "tokens": SHORT}
    return judge(
        claims.BY_ID["6"],
        scale,
        _ratio(
            draws,
            {**design, "treatment": "best seen"},
            {**design, "treatment": "cut 10B"},
            seed=seed,
        ),
    )


def one_run(scale: str, singles: pd.DataFrame, opt_share: float) -> Finding:
    """Claim 7: single runs with a borrowed size term; OPT's printed table as a condition.

    The claim is about every one of these released runs, so the largest error is no estimate.
    """
    large = singles[singles["N"] >= 5e8]
    small = singles[singles["N"] < 5e8]
    return judge(
        claims.BY_ID["7"],
        scale,
        exact(large["are"].max(), len(large)),
        parts={"share of OPT cells reproduced": (exact(opt_share), claims.OPT_CELLS)},
        note=f"smaller runs err by {small['are'].min():.1f} to {small['are'].max():.0f} %; "
        f"{(singles['bias'] > 0).sum()} of {len(singles)} predictions are too high",
    )
