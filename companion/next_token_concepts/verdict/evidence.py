"""Claims judged: trained networks (E1 to E4), exact tables (E5 to E8), real words (E9 to E11)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import statsmodels.api as sm
from scipy.stats import linregress

from companion.claims import (
    DOES_NOT_HOLD,
    NOT_RESOLVED,
    Finding,
    as_verdict,
    judge,
    measured_text,
    not_tested,
)
from companion.next_token_concepts.lab.dictionaries import Dictionaries
from companion.next_token_concepts.lab.learning import GATE, Trained
from companion.next_token_concepts.lab.measurements import PAPER_C
from companion.next_token_concepts.lab.run import Noise
from companion.next_token_concepts.lab.sweeps import Broken
from companion.next_token_concepts.lab.words import Depth, RealWords
from companion.next_token_concepts.method import autoencoders as ae
from companion.next_token_concepts.method.theory import g_eta
from companion.next_token_concepts.verdict import claims
from companion.stats import Interval, exact, holm, over_seeds, paired

# ---------------------------------------------------------------------------------------- intervals
OPEN = Interval(float("nan"))


def over(values: Sequence[float], scale: str) -> Interval:
    """Mean over seeds with its t interval; at toy scale, where the code is tested, a point."""
    found = over_seeds(values)
    return found._replace(low=None, high=None, p=None) if scale == "toy" else found


def gated(finding: Finding, runs: Sequence[Trained]) -> Finding:
    """`not resolved` if a network misses too much of I(x; y) to say anything about optima."""
    worst = float(np.max([run.excess for run in runs])) if runs else float("nan")
    if worst <= GATE:
        return finding
    return as_verdict(
        finding,
        NOT_RESOLVED,
        f"not converged: KL / I(x; y) up to {worst:.3f}, at most {GATE} asked",
    )


# ------------------------------------------------------------------------------------------ learned
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


# -------------------------------------------------------------------------------------------- exact
def two_ways(scale: str, ways: pd.DataFrame) -> Finding:
    """Claim E5: means over worlds; nothing is sampled but worlds and contexts."""
    longer = _by_seed(ways, "longer contexts", "length")
    sharper = _by_seed(ways, "sharper names", "eta")
    rows = ways[ways["way"] == "longer contexts"].groupby("length")[["eps", "slope"]].mean()
    by_eps = longer[rows["eps"].sort_values().index].to_numpy()
    steps = [over(step, scale) for step in np.diff(by_eps, axis=1).T]
    error = ways["identity"].max()
    parts = {
        "at 4 words": (over(longer[longer.columns.min()], scale), claims.ABOVE_09),
        "smallest rise from one eps to the next": (min(steps, key=_low), claims.POSITIVE),
        "names with error 0.3": (over(sharper[sharper.columns.max()], scale), claims.BELOW_095),
        "names with error 1e-4": (over(sharper[sharper.columns.min()], scale), claims.NEARLY_ONE),
        "error of the identity": (exact(error), claims.EXACTLY),
    }
    most = rows.index.max()
    note = f"{most:.0f} words: eps {rows.eps[most]:.3f}, slope {rows.slope[most]:.2f}"
    return judge(claims.BY_ID["E5"], scale, over(longer[most], scale), parts=parts, note=note)


def _by_seed(ways: pd.DataFrame, way: str, along: str) -> pd.DataFrame:
    """No-fit R2, one row a world, one column a length or eta."""
    return ways[ways["way"] == way].pivot(index="seed", columns=along, values="no_fit")


def slopes(simulated: pd.DataFrame, edges: float) -> list[float]:
    """Slope of the probe's accuracy on the number of bits, per system and seed."""
    mine = simulated[simulated["edges"] == edges]
    return [float(linregress(g["bits"], g["probe"]).slope) for _, g in mine.groupby(["m", "seed"])]


def simulation(scale: str, simulated: pd.DataFrame) -> Finding:
    """Claim E6."""
    if simulated["probe"].isna().all():
        return not_tested(claims.BY_ID["E6"], scale, "no network was trained in this run")
    found = {edges: over(slopes(simulated, edges), scale) for edges in simulated["edges"].unique()}
    by_seed = simulated.assign(
        gap=simulated["bayes"] - simulated["probe"], lead=simulated["probe"] - simulated["raw"]
    )
    middle = by_seed[by_seed["bits"].isin((6, 8))]
    gap = over(by_seed.groupby("seed")["gap"].mean().to_numpy(), scale)
    lead = over(middle.groupby("seed")["lead"].mean().to_numpy(), scale)
    first, *rest = sorted(found, key=lambda edges: _low(found[edges]))
    parts = {f"ER{edges}": (found[edges], claims.POSITIVE) for edges in rest}
    parts["Bayes minus probe"] = (gap, claims.SMALL_GAP)
    parts["probe minus raw bits"] = (lead, claims.POSITIVE)
    return judge(
        claims.BY_ID["E6"],
        scale,
        found[first],
        parts=parts,
        note=f"slope of ER{first}, the least clear graph",
    )


def _low(interval: Interval) -> float:
    value = interval.estimate if interval.low is None else interval.low
    return value if np.isfinite(value) else -np.inf


def diversity(scale: str, broken: Broken) -> Finding:
    """Claim E7."""
    merged, unnamed = broken.merged, broken.unnamed
    table = merged.pivot(index="seed", columns="size", values="exact")
    ranks = merged.groupby("size")["rank"].unique()
    right = all(list(ranks[size]) == [rank] for size, rank in claims.RANKS.items())
    falls = [over((table[a] - table[b]).to_numpy(), scale) for a, b in ((1, 2), (2, 4))]
    by = {named: unnamed.loc[unnamed["named"] == named, "exact"] for named in (True, False)}
    parts = {
        "ranks 15, 7, 3": (exact(float(right)), claims.EVERY),
        "all names": (over(table[1], scale), claims.FULL),
        "smaller of the two falls": (min(falls, key=_low), claims.POSITIVE),
        "concept named": (over(by[True], scale), claims.NAMED),
        "concept not named": (over(by[False], scale), claims.BELOW_06),
    }
    if scale != "toy":
        off = (merged["trained"] - merged["exact"]).abs().groupby(merged["size"])
        furthest = max((over_seeds(v) for _, v in off), key=lambda one: (one.high, one.estimate))
        parts["trained, largest mean distance"] = (furthest, claims.WITHIN)
    note = f"merged by 2: {table[2].mean():.2f} ({table[2].min():.2f} to {table[2].max():.2f})"
    return judge(claims.BY_ID["E7"], scale, over(table[4], scale), parts=parts, note=note)


def independence(scale: str, broken: Broken) -> Finding:
    """Claim E8; judged on the exact logits, those of trained networks in the note."""
    rows = {kappa: part for kappa, part in broken.order.groupby("kappa")}
    strong = rows[max(rows)]
    parts = {
        "kappa 0": (over_seeds(rows[0.0]["lm"]), claims.AT_LEAST_095),
        "with the last word": (over_seeds(strong["with_word"]), claims.AT_LEAST_095),
    }
    note = ""
    trained = strong.dropna(subset=["trained_lm"])
    if len(trained):
        note = (
            f"trained: {trained['trained_lm'].mean():.2f}, with the last word "
            f"{trained['trained_with_word'].mean():.2f}"
        )
    return judge(claims.BY_ID["E8"], scale, over_seeds(strong["lm"]), parts=parts, note=note)


# -------------------------------------------------------------------------------------------- words
def directions(scale: str, noise: Sequence[Noise], runs: Sequence[Trained]) -> Finding:
    """Claim E9."""
    at_paper = next(n for n in noise if n.c == PAPER_C)
    runs = at(runs, 0.01)
    held = over_seeds([float(np.diag(r.twins.held_out).mean()) for r in runs])
    slope = over_seeds([r.twins.slope for r in runs])
    parts = {"noise, held out": (over(at_paper.held_out, scale), claims.NO_DIRECTION)}
    if scale != "toy":
        parts["concept world, held out"] = (held, claims.ABOVE_HALF)
        parts["scale-aware slope"] = (slope, claims.TWIN_SLOPE)
    note = (
        f"same-pair cosine on noise, lowest {at_paper.same.min():.4f}; with permuted labels "
        f"{at_paper.permuted.mean():+.2f}; "
        f"concept world held out {measured_text(held)}, slope {measured_text(slope)}"
    )
    finding = judge(claims.BY_ID["E9"], scale, over(at_paper.same, scale), parts=parts, note=note)
    return finding if scale == "toy" else gated(finding, runs)


def dictionaries(scale: str, found: Dictionaries) -> Finding:
    """Claim E10: the probe against the best autoencoder of each seed, whatever its kind."""
    best = found.scores.groupby("seed")["exp_r"].max()
    probe = found.probes.set_index("seed")["exp_r"]
    lead = over((probe - best.loc[probe.index]).to_numpy(), scale)
    best_odds = found.scores.groupby("seed")["odds_r"].max()
    odds = found.probes.set_index("seed")["odds_r"]
    lead_odds = over((odds - best_odds.loc[odds.index]).to_numpy(), scale)
    note = (
        f"probe {probe.mean():.3f}, best autoencoder {best.mean():.3f}; linear in the log odds: "
        f"lead {measured_text(lead_odds)}; {variants(found)}; KL / I of the networks up to "
        f"{found.probes['excess'].max():.3f}"
    )
    finding = judge(claims.BY_ID["E10"], scale, lead, note=note)
    if not found.probes["excess"].max() <= GATE:
        return as_verdict(finding, NOT_RESOLVED, "the networks have not converged")
    return finding


def variants(found: Dictionaries) -> str:
    """Structured against p-annealing at equal error: interval and verdict in words."""
    equal = found.at_equal_error()
    both = equal[["structured", "p-annealing"]].to_numpy()
    means = ", ".join(f"{kind} {equal[kind].mean():.2f}" for kind in ae.KINDS)
    if len(both) < 2 or not np.isfinite(both).all():
        return f"at equal error {means}; structured minus p-annealing not decided"
    difference = paired(both[:, 0], both[:, 1])
    verdict = (
        "replicates" if difference.low > 0 else "opposite" if difference.high < 0 else "not decided"
    )
    return (
        f"at equal error {means}; structured minus p-annealing {measured_text(difference)}: "
        f"{verdict}"
    )


def lead(depth: Depth, layer: int = -1) -> np.ndarray:
    """Held-out diagonal minus matched null, (K,)."""
    return depth.held_out[layer] - depth.null[layer]


def real(scale: str, found: RealWords) -> Finding:
    """Claim E11."""
    if set(found.depth) != {"trained", "random"}:
        return not_tested(claims.BY_ID["E11"], scale, "one of the two networks was not read")
    trained, random = (over_seeds(lead(found.depth[arm])) for arm in ("trained", "random"))
    gap = paired_or_open(lead(found.depth["trained"]), lead(found.depth["random"]))
    same = {arm: float(found.depth[arm].same[-1].mean()) for arm in found.depth}
    null = float(found.depth["trained"].null_same[-1].mean())
    whole = {arm: over_seeds(v[np.isfinite(v)]) for arm, v in found.whole.items()}
    note = (
        f"random weights {measured_text(random)}, trained minus random {measured_text(gap)}; same "
        f"pairs {same['trained']:.2f}, random {same['random']:.2f}, matched noise {null:.2f}; "
        f"one-token words only: trained {measured_text(whole['trained'])}, random "
        f"{measured_text(whole['random'])} ({whole['trained'].n or 0} concepts)"
    )
    return _random_scores_nothing(judge(claims.BY_ID["E11"], scale, trained, note=note), random)


def _random_scores_nothing(finding: Finding, random: Interval) -> Finding:
    """Gate of E11: random weights above their null fail it; not to be above establishes nothing."""
    if not random.has_interval:
        return as_verdict(finding, NOT_RESOLVED, "random weights have no interval")
    if random.low > 0:
        return as_verdict(finding, DOES_NOT_HOLD, "random weights are above their null as well")
    return finding


def paired_or_open(a: np.ndarray, b: np.ndarray) -> Interval:
    """Paired interval, or one that resolves nothing."""
    if len(a) < 2 or not (np.isfinite(a).all() and np.isfinite(b).all()):
        return OPEN
    return paired(a, b)
