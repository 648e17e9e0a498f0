"""Claims that compare with other methods: C1, C5, C6 and C9."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import binomtest, friedmanchisquare

from companion.claims import DOES_NOT_HOLD, Finding, as_verdict, judge, not_tested
from companion.gaussian_rbf.lab.nested import OURS, Nested, corrected_interval, mean_scores
from companion.gaussian_rbf.lab.penalties import SMALL, Penalties, lead_of_u
from companion.gaussian_rbf.lab.reduction import Reduction
from companion.gaussian_rbf.verdict import claims
from companion.gaussian_rbf.verdict.spectrum import signed_rank
from companion.scale import generator
from companion.stats import LEVEL, Interval, holm, over_seeds, proportion

RANKED = (OURS, "SVM", "MLP", "random forest", "gradient boosting")
MARGINS = {False: 0.02, True: 0.05}
"""Non-inferiority margin: accuracy, R2."""


def competitive(scale: str, nested: Nested, *, seed: int) -> Finding:
    """Claim C1: against the model of the best mean rank, in units of the margin."""
    claim = claims.BY_ID["C1"]
    if nested.scores.empty:
        return not_tested(claim, scale, "no table could be had")
    means = mean_scores(nested)
    if absent := [name for name in RANKED if name not in means.columns]:
        return not_tested(claim, scale, f"these rivals did not run: {', '.join(absent)}")
    whole = means[list(RANKED)].dropna()
    if len(whole) < 3:
        return not_tested(claim, scale, f"{len(whole)} tables are too few to rank models")
    ranks = whole.rank(axis=1, ascending=False).mean()
    best = ranks.drop(OURS).idxmin()
    kind = nested.scores.groupby("table")["regression"].first()
    margins = kind.map(MARGINS).reindex(whole.index).to_numpy()
    shortfall = (whole[best] - whole[OURS]).to_numpy() / margins
    p_values = [signed_rank(whole[name] - whole[OURS]) or 1.0 for name in RANKED[1:]]
    adjusted = dict(zip(RANKED[1:], holm(p_values), strict=True))
    fine = _not_inferior(nested, whole.index, best)
    friedman = friedmanchisquare(*[whole[name] for name in RANKED]).pvalue
    lost = len(means) - len(whole)
    finding = judge(
        claim,
        scale,
        over_seeds(shortfall),
        note="mean ranks: "
        + ", ".join(f"{name} {ranks[name]:.1f}" for name in RANKED)
        + f"; Friedman p = {friedman:.2f}; not inferior to {best} by a corrected resampled t "
        f"interval on {fine} of {len(whole)} tables; Holm-Wilcoxon p {adjusted[best]:.2g}"
        + (f"; {lost} tables without a finite score of every model" if lost else ""),
    )
    if adjusted[best] < claims.WORSE and np.median(shortfall) > 0:
        return as_verdict(finding, DOES_NOT_HOLD, f"worse than {best}")
    return finding


def _not_inferior(nested: Nested, tables: pd.Index, rival: str) -> int:
    """Tables on which the corrected interval of our score less the rival's is above -margin."""
    count = 0
    for name in tables:
        rows = nested.scores[nested.scores["table"] == name]
        wide = rows.pivot(index="fold", columns="model", values="score")
        difference = (wide[OURS] - wide[rival]).to_numpy()
        _, low, _ = corrected_interval(difference, len(wide))
        count += low > -MARGINS[bool(rows["regression"].iloc[0])]
    return count


def features(scale: str, selection: pd.DataFrame, *, seed: int) -> Finding:
    """Claim C5: hits of the authors' formula on the two problems with classes."""
    ours = selection[selection["method"] == "|V| gamma"]
    hits = {
        name: ours.loc[ours["problem"] == name, "hit"].to_numpy() for name in ("orange skin", "XOR")
    }
    worst = min(hits, key=lambda name: hits[name].mean())
    n, k = len(hits[worst]), int(hits[worst].sum())
    told = [f"{name} {int(row.sum())} of {len(row)}" for name, row in hits.items()]
    auc = selection.pivot_table(index=["problem", "seed"], columns="method", values="auc")
    for rival in ("forest, impurity", "forest, permutation"):
        gain = over_seeds(auc["|V| gamma"] - auc[rival])
        told.append(f"AUC less that of {rival} {_text(gain)}")
    regression = ours.loc[ours["problem"] == "additive regression", "hit"]
    told.append(f"additive regression {int(regression.sum())} of {len(regression)}")
    return judge(
        claims.BY_ID["C5"],
        scale,
        proportion(k, n)._replace(p=float(binomtest(k, n, 0.9).pvalue)),
        note="hits: " + "; ".join(told),
    )


def _text(value: Interval) -> str:
    if not value.has_interval:
        return f"{value.estimate:+.3f}"
    return f"{value.estimate:+.3f} [{value.low:+.3f}, {value.high:+.3f}]"


def penalty(scale: str, penalties: Penalties, *, seed: int) -> Finding:
    """Claim C6: which penalty explains more, on the grid up to 0.1 and on the full one."""

    def lead(part: Penalties, name: str) -> Interval:
        values = lead_of_u(part, generator(seed, "penalty", name))
        draws = values[1:][np.isfinite(values[1:])]
        if not np.isfinite(values[0]) or len(draws) < len(values) / 2:
            return Interval(float("nan"))
        low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        folds = len(next(iter(part.scores.values())))
        return Interval(float(values[0]), float(low), float(high), None, folds)

    top = penalties.lams.max()
    return judge(
        claims.BY_ID["C6"],
        scale,
        lead(penalties.upto(SMALL), "small"),
        parts={f"grid up to {top:g}": (lead(penalties, "full"), claims.ABOVE_ZERO)},
    )


def coordinates(scale: str, reduction: Reduction, *, seed: int) -> Finding:
    """Claim C9: neighbors on two coordinates, digits decide, other tables are told."""
    table = reduction.accuracy.pivot_table(
        index=["table", "fold"], columns="method", values="accuracy"
    )

    def gain(name: str, rival: str) -> Interval:
        rows = table.loc[name]
        difference = (rows["GRBFNN"] - rows[rival]).to_numpy()
        if np.ptp(difference) == 0:  # folds that agree say nothing about their spread
            return over_seeds(difference)
        return Interval(*corrected_interval(difference, len(rows)), None, len(rows))

    others = [name for name in table.index.unique("table") if name != "digits 3v8"]
    told = [
        f"{name}: less PCA {_text(gain(name, 'PCA'))}, less NCA {_text(gain(name, 'NCA'))}"
        for name in others
    ]
    return judge(
        claims.BY_ID["C9"],
        scale,
        gain("digits 3v8", "PCA"),
        parts={"less NCA": (gain("digits 3v8", "NCA"), claims.NOT_BELOW)},
        note="; ".join(told),
    )
