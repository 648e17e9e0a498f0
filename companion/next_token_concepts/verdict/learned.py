"""Claims judged on trained networks: E1 to E4."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import statsmodels.api as sm

from companion.claims import Finding, judge, not_tested
from companion.next_token_concepts.lab.learning import Trained
from companion.next_token_concepts.method.theory import g_eta
from companion.next_token_concepts.verdict import claims
from companion.next_token_concepts.verdict.intervals import OPEN, gated, over
from companion.stats import Interval, holm

XOR = (0, 3)
"""Concepts without a hint of their own."""

LOG, POSTERIOR = (0.002, 0.01, 0.05), (0.3, 0.45)
"""Where the log posterior, and where the posterior, must be the better regressor."""


def at(runs: Sequence[Trained], eta: float, targets: str = "exact") -> list[Trained]:
    """The runs of one eta, by seed."""
    found = [r for r in runs if r.plan.eta == eta and r.plan.targets == targets]
    return sorted(found, key=lambda r: r.plan.seed)


def identifiability(scale: str, runs: Sequence[Trained]) -> Finding:
    """Claim E1."""
    runs = at(runs, 0.01)
    gap = {name: over([r.enc["LM"] - r.enc[name] for r in runs], scale) for name in ("P", "bag")}
    parts = {
        "minus posterior": (gap["P"], claims.CLEAR_GAP),
        "untrained": (over([r.enc_untrained["LM"] for r in runs], scale), claims.UNTRAINED),
    }
    if scale != "toy":
        parts["minus counts"] = (gap["bag"], claims.OVER_BAG)
        parts["from exact logits"] = (over([r.enc["oracle"] for r in runs], scale), claims.ORACLE)
    exact = np.mean([r.enc_exact["LM"] for r in runs]) if runs else float("nan")
    finding = judge(
        claims.BY_ID["E1"],
        scale,
        over([r.enc["LM"] for r in runs], scale),
        parts=parts,
        note=f"a perfect predictor gives {exact:.3f}",
    )
    return gated(finding, runs)


def clustered_slope(runs: Sequence[Trained]) -> Interval:
    """OLS slope of contrasts on g_eta over all seeds, interval with the seeds as clusters."""
    if len(runs) < 2:
        return OPEN
    x = np.concatenate([g_eta(r.plan.eta, r.curve[:, 0]) for r in runs])
    y = np.concatenate([r.curve[:, 1] for r in runs])
    groups = np.repeat([r.plan.seed for r in runs], [len(r.curve) for r in runs])
    if not np.isfinite(y).all():
        return OPEN
    fitted = sm.OLS(y, sm.add_constant(x)).fit(
        cov_type="cluster", cov_kwds={"groups": groups}, use_t=True
    )
    low, high = fitted.conf_int()[1]
    return Interval(float(fitted.params[1]), float(low), float(high), None, len(runs))


def curve(scale: str, runs: Sequence[Trained]) -> Finding:
    """Claim E2."""
    sharp, vague = at(runs, 0.01), at(runs, 0.3)
    fits = claims.FITS["toy" if scale == "toy" else "book"]
    parts = {"at eta 0.3": (over([r.curve_r2 for r in vague], scale), fits)}
    if scale != "toy":
        parts |= {
            f"slope at eta {eta}": (clustered_slope(group), claims.SLOPE)
            for eta, group in ((0.01, sharp), (0.3, vague))
        }
    measured = over([r.curve_r2 for r in sharp], scale)
    return gated(judge(claims.BY_ID["E2"], scale, measured, parts=parts), [*sharp, *vague])


def gaps(runs: Sequence[Trained], eta: float) -> list[float]:
    """R2_enc from log marginals minus from the posterior, per seed."""
    return [r.enc["LM"] - r.enc["P"] for r in at(runs, eta)]


def which(scale: str, headline: Sequence[Trained], others: Sequence[Trained]) -> Finding:
    """Claim E3."""
    runs = [*headline, *others]
    wanted = {0.01: claims.POSITIVE, 0.3: claims.NEGATIVE}
    if scale != "toy":
        wanted = dict.fromkeys(LOG, claims.POSITIVE) | dict.fromkeys(POSTERIOR, claims.NEGATIVE)
    lacking = [eta for eta in wanted if not at(runs, eta)]
    if lacking:
        return not_tested(claims.BY_ID["E3"], scale, f"no network was trained at eta {lacking}")
    found = {eta: over(gaps(runs, eta), scale) for eta in wanted}
    note = "gap of log marginals at eta 0.01"
    p_values = [i.p for i in found.values()]
    if None not in p_values:
        note += f"; largest p of all eta after Holm {holm(p_values).max():.1e}"
    if sampled := at(others, 0.01, "sampled"):
        told = ", ".join(f"{r.enc['LM']:.3f}" for r in sampled)
        missed = max(r.excess for r in sampled)
        note += f"; R2_enc of log marginals on sampled names {told} (KL / I up to {missed:.3f})"
    parts = {f"at eta {eta}": (found[eta], wanted[eta]) for eta in wanted if eta != 0.01}
    finding = judge(claims.BY_ID["E3"], scale, found[0.01], parts=parts, note=note)
    return gated(finding, [r for eta in wanted for r in at(runs, eta)])


def decoded(runs: Sequence[Trained], place: str) -> list[float]:
    """R2_dec of the concepts without a hint of their own, mean per seed."""
    return [float(np.mean([r.dec[place][k] for k in XOR])) for r in runs]


def linear(scale: str, runs: Sequence[Trained]) -> Finding:
    """Claim E4."""
    runs = at(runs, 0.01)
    f, counts = decoded(runs, "f"), decoded(runs, "counts")
    parts = {}
    if scale != "toy":
        parts["f_x"] = (over(f, scale), claims.AT_LEAST_09)
        parts["counts"] = (over(counts, scale), claims.AT_MOST_06)
    note = f"f_x {_mean(f)}, counts {_mean(counts)}, untrained {_mean(decoded(runs, 'untrained'))}"
    measured = over(np.subtract(f, counts), scale)
    return gated(judge(claims.BY_ID["E4"], scale, measured, parts=parts, note=note), runs)


def _mean(values: Sequence[float]) -> str:
    return f"{np.mean(values):.2f}" if len(values) else "none"
