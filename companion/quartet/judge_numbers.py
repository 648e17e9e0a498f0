"""Claims judged on numbers that this notebook makes without training: C1, C2, C3, C7, C8."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.stats import spearmanr

from companion.claims import (
    HOLDS,
    NOT_RESOLVED,
    Criterion,
    Finding,
    as_verdict,
    judge,
    measured_text,
    not_tested,
)
from companion.quartet import claims as c
from companion.quartet.gaussian import Optimum, ScanPoint, Simulated
from companion.quartet.gradients import Depth, ModelAverages, log_slope
from companion.quartet.products import Averages, fit_decay
from companion.stats import Interval, exact, holm, p_value, paired, t_interval


def gaussian_table(scale: str, table: Mapping[str, Simulated]) -> Finding:
    """Claim C1."""
    rtn, sr = table["RTN"], table["SR"]
    ratio = t_interval(sr.mse / rtn.mse)
    narrow = exact(ratio.high - ratio.low < c.RATIO_WIDTH)
    aligned = sr.interval("misalignment")
    if scale == "toy":  # a right program's interval may reach the margin, its estimate does not
        aligned = Interval(aligned.estimate, n=aligned.n)
    return judge(
        c.BY_ID["C1"],
        scale,
        ratio,
        parts={
            f"narrower than {c.RATIO_WIDTH}": (narrow, c.YES),
            "MSE of SR": (sr.interval("mse"), c.SR_MSE),
            "MSE of RTN": (rtn.interval("mse"), c.RTN_MSE),
            "misalignment of SR": (aligned, c.SR_ALIGNED),
            "misalignment of RTN": (rtn.interval("misalignment"), c.RTN_SHRINKS),
        },
    )


def scale_rule(
    scale: str,
    optimum: Optimum,
    means: Mapping[str, tuple[float, float]],
    scans: Mapping[str, ScanPoint],
    table: Mapping[str, Simulated],
) -> Finding:
    """Claim C2.

    means : rule -> (MSE, misalignment) over an octave; scans : rule -> three octaves; both are
    integrals.  table : scheme -> what the quantizers do to random numbers
    """
    (floor_mse, floor_shift), (near_mse, near_shift) = means["floor"], means["nearest"]
    mse = scans["floor"].mse
    simulated = t_interval(table["QuEST"].mse / table["QuEST nearest"].mse)
    swing = mse.max() / mse.min()
    return judge(
        c.BY_ID["C2"],
        scale,
        exact(floor_mse / near_mse),
        parts={
            "misalignment, floor over nearest": (exact(floor_shift / near_shift), c.RULE_SHRINKS),
            "optimal scale": (exact(optimum.scale), c.OPTIMUM),
            "its MSE": (exact(optimum.mse), c.OPTIMUM_MSE),
            "misalignment minus MSE there": (
                exact(optimum.misalignment - optimum.mse),
                c.ORTHOGONAL,
            ),
            "ratio of the quantizers": (simulated, c.SIMULATED),
        },
        note=f"rounded down, the MSE swings by a factor of {swing:.1f} within an octave",
    )


def sign_bug(scale: str, averages: Averages) -> Finding:
    """Claim C3."""
    at_64 = int(np.flatnonzero(averages.counts == 64)[0])
    ratios = {arm: e[:, at_64] / e[:, 0] for arm, e in averages.errors.items()}
    fits = {arm: fit_decay(averages.counts, e) for arm, e in averages.errors.items()}
    right, stochastic = "RTN, signs before", "SR, signs before"
    predicted = float(averages.bias.mean())
    found, none = fits[right].bias, fits[stochastic].bias
    if len(averages.bias) < 2:
        return not_tested(c.BY_ID["C3"], scale, "fewer than two replicates give no interval")
    parts: dict[str, tuple[Interval, Criterion]] = {
        "signs after, two draws identical": (exact(averages.identical["RTN, signs after"]), c.YES),
        "signs before, draws differ": (exact(not averages.identical[right]), c.YES),
        "signs after, ratio": (_identity(ratios["RTN, signs after"]), c.PLATEAU),
        "SR, 64 times the ratio": (t_interval(64 * ratios[stochastic]), c.SR_AVERAGES),
    }
    if scale != "toy":  # a right program misses a 99 % interval at one seed in a hundred
        parts |= {
            "b^2 of RTN contains the prediction": (
                exact(found.low <= predicted <= found.high),
                c.YES,
            ),
            "it is narrower than the prediction": (
                exact(found.high - found.low < predicted),
                c.YES,
            ),
            "b^2 of SR contains 0": (exact(none.low <= 0 <= none.high), c.YES),
            "it is narrower than the prediction of RTN": (
                exact(none.high - none.low < predicted),
                c.YES,
            ),
        }
    return judge(
        c.BY_ID["C3"],
        scale,
        t_interval(ratios[right]),
        parts=parts,
        note=f"b^2 predicted {predicted:.2e}, fitted [{found.low:.2e}, {found.high:.2e}]; "
        f"of SR [{none.low:.1e}, {none.high:.1e}]",
    )


def _identity(ratios: np.ndarray) -> Interval:
    """The ratio farthest from 1 where every draw is the same draw: rounding, and no sampling."""
    return exact(ratios[np.abs(ratios - 1).argmax()], ratios.size)


def depth(scale: str, measured: Depth) -> Finding:
    """Claim C7."""
    cosine, shift = measured.cosine, measured.misalignment
    if len(cosine["RTN"]) < 2:
        return not_tested(c.BY_ID["C7"], scale, "fewer than two batches give no interval")
    depths = range(1, cosine["RTN"].shape[1])
    gains = [paired(cosine["RTN"][:, d], cosine["SR"][:, d]) for d in depths]
    least = min(gains, key=lambda gain: gain.low)
    means = {arm: values.mean(0) for arm, values in shift.items()}
    rank = spearmanr(range(len(means["RTN"])), means["RTN"]).statistic
    sizes = [t_interval(np.sign(means["SR"][d]) * shift["SR"][:, d]) for d in depths]
    steps = np.arange(shift["RTN"].shape[1]) - (shift["RTN"].shape[1] - 1) / 2
    slopes = shift["RTN"] @ steps / (steps @ steps)
    finding = judge(
        c.BY_ID["C7"],
        scale,
        least,
        parts={
            "p after Holm, worst depth": (
                p_value(holm([gain.p for gain in gains]).max()),
                c.SMALL_P,
            ),
            "largest misalignment of SR": (
                max(sizes, key=lambda size: size.high),
                c.DEPTH_ALIGNED,
            ),
            "RTN's, slope per block": (t_interval(slopes), c.POSITIVE),
            "RTN's, deepest": (t_interval(shift["RTN"][:, -1]), c.DEPTH_SHRINKS[scale]),
            "QuEST's over RTN's, deepest": (
                t_interval(shift["QuEST"][:, -1] / shift["RTN"][:, -1]),
                c.TWICE,
            ),
        },
        note=f"Spearman of RTN's misalignment and depth {rank:.2f}",
    )
    if finding.verdict == HOLDS and not rank > c.MONOTONE:
        return as_verdict(finding, NOT_RESOLVED, "RTN's misalignment does not grow at every block")
    return finding


def model_averages(scale: str, averages: ModelAverages) -> Finding:
    """Claim C8."""
    slopes = log_slope(averages.counts, averages.errors["SR, signs before"])
    if slopes.size < 2:
        return not_tested(c.BY_ID["C8"], scale, "fewer than two batches give no interval")
    wrong = averages.errors["RTN, signs after"]
    right = averages.errors["RTN, signs before"]
    kept = t_interval(right[:, -1] / right[:, 0])
    return judge(
        c.BY_ID["C8"],
        scale,
        t_interval(slopes),
        parts={
            f"RTN with signs after, K = {averages.counts[-1]} over K = 1": (
                _identity(wrong[:, -1] / wrong[:, 0]),
                c.STUCK,
            )
        },
        note=f"with signs before {measured_text(kept)}",
    )
