"""What worlds show together: pooled counts and losses, with intervals whose unit is the seed.

Every statistic is of all seeds together (a ratio of summed counts, say).  Its interval is the
jackknife's over seeds, with Student's factor: each seed has its own data, so what sequences vary
by is in what seeds vary by.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import binomtest, rankdata
from statsmodels.stats.contingency_tables import mcnemar

from companion.distillation_memorization.lab.world import Reading, World
from companion.distillation_memorization.method.memorization import easy, inherited, rejected
from companion.distillation_memorization.method.objectives import (
    BASELINE,
    COMPARED,
    HARD,
    SOFT,
    TEACHER,
    UNREAD,
    soft,
)
from companion.stats import LEVEL, Interval, over_seeds

HALF = 0.5
"""Added to every count of a ratio, so that a zero does no harm; it only moves ratios towards 1."""

FEW = 10
"""Sequences, of all seeds together, under which seeds are too much alike to tell an interval."""

CLOSE = (0.8, 1.25)
"""Ratio of two rates within which they count as the same."""


# ---------------------------------------------------------------------------------------- intervals
def jackknife(rows: np.ndarray, statistic: Callable[[np.ndarray], float]) -> Interval:
    """A statistic of all seeds with its interval over seeds.

    rows : (seeds, ...); statistic : of any selection of rows, a number on the whole line
    """
    n = len(rows)
    whole = float(statistic(rows))
    if n < 2:
        return over_seeds([whole])
    left = [n * whole - (n - 1) * statistic(np.delete(rows, i, 0)) for i in range(n)]
    found = over_seeds(left)
    if not found.has_interval:
        return found._replace(estimate=whole)
    shift = whole - found.estimate  # around the statistic itself, which tables show
    ends = found.low + shift, found.high + shift
    # no p: its null, a logarithm or a slope of zero, is seldom the border of a claim
    return found._replace(estimate=whole, low=ends[0], high=ends[1], p=None)


def log_ratio(counts: np.ndarray) -> float:
    """log of first over second of summed counts (seeds, 2)."""
    first, second = counts.sum(0) + HALF
    return float(np.log(first / second))


def ratio(counts: np.ndarray) -> Interval:
    """First over second of summed counts (seeds, 2).

    Seeds that all have none look alike, and say little: where one of the sums is below FEW, the
    interval is at least that of the first count given both, a binomial (Clopper and Pearson).
    """
    found = jackknife(counts, log_ratio).map(np.exp)
    first, second = (round(n) for n in counts.sum(0))
    if min(first, second) >= FEW or not found.has_interval:
        return found
    ends = binomtest(first, first + second).proportion_ci(LEVEL) if first + second else (0.0, 1.0)
    low, high = (p / (1 - p) if p < 1 else np.inf for p in ends)
    return found._replace(low=min(found.low, low), high=max(found.high, high))


def share(counts: np.ndarray) -> Interval:
    """Part over whole of summed counts (seeds, 2); its interval stays between 0 and 1.

    Where part or rest is below FEW, it is at least the binomial's, as in :func:`ratio`.
    """

    def of(rows: np.ndarray) -> float:
        part, whole = rows.sum(0)
        return part / whole if whole else np.nan

    found = jackknife(counts, of)
    part, whole = (round(n) for n in counts.sum(0))
    if not found.has_interval:
        return found
    low, high = max(found.low, 0.0), min(found.high, 1.0)
    if min(part, whole - part) < FEW:
        ends = binomtest(part, whole).proportion_ci(LEVEL)
        low, high = min(low, ends.low), max(high, ends.high)
    return found._replace(low=float(low), high=float(high), p=None)


def mcnemar_p(first: np.ndarray, second: np.ndarray) -> float:
    """Exact two-sided p that both are equally often true, from the pairs that differ."""
    table = [
        [np.sum(first & second), np.sum(first & ~second)],
        [np.sum(~first & second), np.sum(~first & ~second)],
    ]
    return float(mcnemar(table, exact=True).pvalue)


# ------------------------------------------------------------------------------------------- worlds
def losses(worlds: Sequence[World], model: str, epochs: int | None = None) -> np.ndarray:
    """Reported held-out losses, (seeds,)."""
    return np.array([w.of(model, epochs).loss for w in worlds])


def counts(worlds: Sequence[World], model: str, epochs: int | None = None) -> np.ndarray:
    """|M| of a model, (seeds,)."""
    return np.array([w.of(model, epochs).memorized.sum() for w in worlds])


def guesses(worlds: Sequence[World], model: str, epochs: int | None = None) -> np.ndarray:
    """Held-out sequences that a model completes, (seeds,)."""
    return np.array([w.of(model, epochs).guessed.sum() for w in worlds])


def guessed(worlds: Sequence[World]) -> Interval:
    """Held-out rate over rate on D of the student; both sets may differ in size."""
    size = len(worlds[0].zlib) / len(worlds[0].of(SOFT).guessed)
    return ratio(np.stack([size * guesses(worlds, SOFT), counts(worlds, SOFT)], 1))


def bases(worlds: Sequence[World], model: str) -> np.ndarray:
    """Held-out losses of the base models, (seeds,); model : TEACHER or BASELINE."""
    return np.array([w.bases[model].loss for w in worlds])


def pooled(worlds: Sequence[World], model: str, epochs: int | None = None) -> np.ndarray:
    """M of a model in all worlds, one after the other."""
    return np.concatenate([w.of(model, epochs).memorized for w in worlds])


def fold(
    worlds: Sequence[World],
    first: str,
    second: str,
    epochs: int | None = None,
    second_epochs: int | None = None,
) -> Interval:
    """|M_first| / |M_second| of all seeds together.

    epochs : budget of both, second_epochs : of the second where it has another
    """
    other = epochs if second_epochs is None else second_epochs
    return ratio(np.stack([counts(worlds, first, epochs), counts(worlds, second, other)], 1))


def growth(worlds: Sequence[World], early: int, late: int) -> Interval:
    """Baseline over student, memorized, after `late` epochs over the same after `early`."""
    arms = [(BASELINE, late), (SOFT, late), (BASELINE, early), (SOFT, early)]
    table = np.stack([counts(worlds, m, e) for m, e in arms], 1)
    found = jackknife(table, lambda rows: log_ratio(rows[:, :2]) - log_ratio(rows[:, 2:]))
    return found.map(np.exp)


def best(worlds: Sequence[World], model: str) -> int:
    """The budget with the lowest held-out loss over all seeds, on the half that chooses."""
    every = worlds[0].epochs
    means = [np.mean([w.of(model, e).tuning for w in worlds]) for e in every]
    return every[int(np.argmin(means))]


class Gate(NamedTuple):
    """Whether the arms of some worlds are trained: four intervals over seeds.

    baseline, teacher : nats that fine-tuning on D takes off the base model's held-out loss
    ahead : loss of the baseline minus the teacher's; more : |M_T| / |M_B|
    """

    baseline: Interval
    teacher: Interval
    ahead: Interval
    more: Interval

    @property
    def missing(self) -> str:
        """What is not shown, in words; "" if all is."""
        said = {
            "fine-tuning improves the baseline": self.baseline.low is not None
            and self.baseline.low > 0,
            "fine-tuning improves the teacher": self.teacher.low is not None
            and self.teacher.low > 0,
            "the teacher predicts better than the baseline": self.ahead.low is not None
            and self.ahead.low > 0,
            "the teacher memorizes more than the baseline": self.more.low is not None
            and self.more.low > 1,
        }
        return ", ".join(words for words, shown in said.items() if not shown)


def gate(worlds: Sequence[World]) -> Gate:
    """Are these models trained, and is this teacher one? The baseline is read at its best."""
    at = best(worlds, BASELINE)
    baseline, teacher = losses(worlds, BASELINE, at), losses(worlds, TEACHER)
    return Gate(
        over_seeds(bases(worlds, BASELINE) - baseline),
        over_seeds(bases(worlds, TEACHER) - teacher),
        over_seeds(baseline - teacher),
        fold(worlds, TEACHER, BASELINE, at),
    )


class BestRate(NamedTuple):
    """The baseline at the learning rate that gives it the lowest loss.

    factor : of the rate that all models have; behind : its loss minus the student's; fold : what
        it memorizes over what the student does
    """

    factor: float
    behind: Interval
    fold: Interval


def best_rate(worlds: Sequence[World], others: Sequence[Mapping[float, Reading]]) -> BestRate:
    """The baseline at its best of several rates, beside the student at the one of all models.

    others : the baseline at other rates, by seed; the judged number of epochs everywhere
    """
    runs = {1.0: [w.of(BASELINE) for w in worlds]}
    runs |= {factor: [one[factor] for one in others] for factor in others[0]}
    factor = min(runs, key=lambda f: np.mean([r.tuning for r in runs[f]]))
    loss = np.array([r.loss for r in runs[factor]])
    known = np.array([r.memorized.sum() for r in runs[factor]])
    return BestRate(
        factor,
        over_seeds(loss - losses(worlds, SOFT)),
        ratio(np.stack([known, counts(worlds, SOFT)], 1)),
    )


class EqualLoss(NamedTuple):
    """The student where it predicts as well as the baseline at its best.

    fold : baseline over student, memorized; reached : lowest loss of the baseline minus that of
        the student, which is above 0 if there is such a place; epochs : of the baseline
    """

    fold: Interval
    reached: Interval
    epochs: int


def at_loss(loss: float, losses: Sequence[float], known: Sequence[float]) -> float:
    """log of a student's count (a half added) where its loss is `loss`.

    losses, known : of its budgets; in between the curve is linear in the loss and in log counts,
        and beyond the highest and the lowest loss it ends
    """
    at, places = np.asarray(losses), np.arange(len(losses))
    order = np.argsort(at)
    place = np.interp(loss, at[order], places[order])
    return float(np.interp(place, places, np.log(np.asarray(known) + HALF)))


def at_equal_loss(worlds: Sequence[World]) -> EqualLoss:
    """Memorized by the baseline at its best over memorized by the student at that loss.

    The student's curve is that of :func:`at_loss`.  Where its shortest budget already predicts
    better, that budget is taken.
    """
    here, theirs = best(worlds, BASELINE), best(worlds, SOFT)
    budgets = [e for e in worlds[0].epochs if e <= theirs]
    known = np.stack([counts(worlds, BASELINE, here), losses(worlds, BASELINE, here)], 1)
    curve = [[counts(worlds, SOFT, e), losses(worlds, SOFT, e)] for e in budgets]
    rows = np.concatenate([known, np.array(curve).reshape(-1, len(worlds)).T], 1)

    def statistic(rows: np.ndarray) -> float:
        memorized, loss = rows[:, 0].sum(), rows[:, 1].mean()
        there = at_loss(loss, rows[:, 3::2].mean(0), rows[:, 2::2].sum(0))
        return float(np.log(memorized + HALF)) - there

    return EqualLoss(
        jackknife(rows, statistic).map(np.exp),
        over_seeds(losses(worlds, BASELINE, here) - losses(worlds, SOFT, theirs)),
        here,
    )


class Matched(NamedTuple):
    """Budgets of the hard and the soft student at which they memorize as many sequences.

    hard, soft : epochs; fold : |M_H| / |M_S| there; inherited : |I_H| / |I_S|;
        n_hard, n_soft, n_only : inherited by each, of what only the teacher knows
    """

    hard: int
    soft: int
    fold: Interval
    inherited: Interval
    n_hard: int
    n_soft: int
    n_only: int


def matched(worlds: Sequence[World]) -> Matched | None:
    """The pair of budgets with the most memorized sequences among those of the same rate.

    The same is within a tenth; None where there is no such pair.  The choice looks at sums over
    all seeds and never at what is inherited.
    """
    epochs = worlds[0].epochs
    sums = {(m, e): counts(worlds, m, e).sum() for m in (HARD, SOFT) for e in epochs}
    pairs = [
        (sums[HARD, h] + sums[SOFT, s], h, s)
        for h in epochs
        for s in epochs
        if sums[SOFT, s] and abs(np.log(max(sums[HARD, h], HALF) / sums[SOFT, s])) < np.log(1.1)
    ]
    if not pairs:
        return None
    _, h, s = max(pairs)
    heirs = heirs_of(worlds, h, s)
    only = sum(int((w.teacher.memorized & ~w.of(BASELINE).memorized).sum()) for w in worlds)
    n_hard, n_soft = (int(n) for n in heirs.sum(0))
    return Matched(h, s, fold(worlds, HARD, SOFT, h, s), ratio(heirs), n_hard, n_soft, only)


def nearest(worlds: Sequence[World]) -> Matched:
    """As :func:`matched`, of the budgets whose rates are nearest, however far."""
    epochs = worlds[0].epochs
    sums = {(m, e): counts(worlds, m, e).sum() + HALF for m in (HARD, SOFT) for e in epochs}
    pairs = [(abs(np.log(sums[HARD, h] / sums[SOFT, s])), h, s) for h in epochs for s in epochs]
    _, h, s = min(pairs)
    heirs = heirs_of(worlds, h, s)
    only = sum(int((w.teacher.memorized & ~w.of(BASELINE).memorized).sum()) for w in worlds)
    n_hard, n_soft = (int(n) for n in heirs.sum(0))
    return Matched(h, s, fold(worlds, HARD, SOFT, h, s), ratio(heirs), n_hard, n_soft, only)


def heirs_of(worlds: Sequence[World], hard: int, soft_: int) -> np.ndarray:
    """(|I_H|, |I_S|) by seed, (seeds, 2), at budgets of their own; the baseline's is the judged."""
    rows = []
    for w in worlds:
        members = w.members() | {
            HARD: w.of(HARD, hard).memorized,
            SOFT: w.of(SOFT, soft_).memorized,
        }
        rows.append([inherited(members, m).sum() for m in (HARD, SOFT)])
    return np.array(rows)


def unread_heirs(worlds: Sequence[World]) -> np.ndarray:
    """Inherited from a teacher before and after it read D, (seeds, 2), at the judged budget."""
    return np.array([[inherited(w.members(), m).sum() for m in (UNREAD, HARD)] for w in worlds])


def slope_on_temperature(worlds: Sequence[World]) -> Interval:
    """Slope of log |M_S| on log2 of the temperature, of all seeds together."""
    taus = temperatures(worlds[0])
    table = np.stack([counts(worlds, soft(tau)) for tau in taus], 1)  # (seeds, taus)
    x = np.log2(taus) - np.log2(taus).mean()
    return jackknife(table, lambda rows: float(x @ np.log(rows.sum(0) + HALF) / (x @ x)))


def temperatures(world: World) -> list[float]:
    """Temperatures of the soft students, ascending."""
    known = [a for a in world.students if a.startswith("soft")]
    return sorted(float(name.removeprefix("soft, tau ")) for name in known)


def easy_counts(worlds: Sequence[World]) -> np.ndarray:
    """(|E and M_S|, |M_S|) by seed, (seeds, 2)."""
    both = [(easy(w.members()), w.of(SOFT).memorized) for w in worlds]
    return np.array([[(e & s).sum(), s.sum()] for e, s in both])


def easy_rank(worlds: Sequence[World], feature: int) -> np.ndarray:
    """Chance that an easy sequence has less of a feature than another one of D, (seeds,).

    1/2 means no difference; ties count half (the area under a ROC curve); nan without easy ones
    """
    found = []
    for w in worlds:
        simple, ranks = easy(w.members()), rankdata(w.features[:, feature])
        n, rest = simple.sum(), (~simple).sum()
        above = ranks[simple].sum() - n * (n + 1) / 2
        found.append(1 - above / (n * rest) if n and rest else np.nan)
    return np.array(found)


def easy_gap(worlds: Sequence[World]) -> np.ndarray:
    """Mean zlib length of easy sequences minus that of all of D, bytes, (seeds,)."""
    both = [(easy(w.members()), w.zlib) for w in worlds]
    return np.array([z[e].mean() - z.mean() if e.any() else np.nan for e, z in both])


def certainty(worlds: Sequence[World]) -> dict[str, np.ndarray]:
    """Model -> mean entropy and log-probability of the suffix on R, (seeds, 2), nats a token.

    nan where the student rejects nothing
    """
    found: dict[str, list[np.ndarray]] = {name: [] for name in worlds[0].tails}
    for w in worlds:
        members = w.members()
        kept = rejected(members, SOFT)[easy(members)]
        for name, values in w.tails.items():
            has_any = kept.any()
            found[name].append(values[:, kept].mean(1) if has_any else np.full(2, np.nan))
    return {name: np.array(rows, dtype=float) for name, rows in found.items()}


def filtered_counts(worlds: Sequence[World]) -> np.ndarray:
    """(memorized of what the filter kept, memorized before) by seed, (seeds, 2)."""
    return np.array(
        [
            [(w.filtered.memorized & w.filtered.kept).sum(), w.of(SOFT).memorized.sum()]
            for w in worlds
        ]
    )


# ------------------------------------------------------------------------------------------ tables
def curve(worlds: Sequence[World]) -> dict[str, list]:
    """Rate (%) and held-out loss of the compared students by budget, for the record.

    memorized, sequences : counts of all seeds; choosing : mean loss on the half that chooses
    """
    table: dict[str, list] = {}
    for model in COMPARED:
        for e in worlds[0].epochs:
            known = counts(worlds, model, e)
            keys = {
                "model": model,
                "epochs": e,
                "memorized": int(known.sum()),
                "sequences": sum(len(w.zlib) for w in worlds),
                "choosing": round(float(np.mean([w.of(model, e).tuning for w in worlds])), 5),
            }
            rate = over_seeds(100 * known / len(worlds[0].zlib))
            _append(table, keys, rate=rate, loss=over_seeds(losses(worlds, model, e)))
    return table


def models(worlds: Sequence[World]) -> dict[str, list]:
    """Rate, held-out rate (%), and loss of every model at the judged budget, and of the bases."""
    table: dict[str, list] = {}
    readings = {m: [w.of(m) for w in worlds] for m in (TEACHER, *worlds[0].students)}
    readings |= {f"{m}, base": [w.bases[m] for w in worlds] for m in (TEACHER, BASELINE)}
    for model, runs in readings.items():
        _append(
            table,
            {"model": model},
            rate=over_seeds([100 * r.memorized.mean() for r in runs]),
            held=over_seeds([100 * r.guessed.mean() for r in runs]),
            loss=over_seeds([r.loss for r in runs]),
        )
    return table


def _append(table: dict[str, list], keys: dict[str, object], **intervals: Interval) -> None:
    """One more row; an interval is three columns, of six significant digits."""
    row = dict(keys)
    for name, one in intervals.items():
        for column, value in zip((name, f"{name}_low", f"{name}_high"), one[:3], strict=True):
            known = value is not None and np.isfinite(value)
            row[column] = float(f"{value:.6g}") if known else None
    for column, value in row.items():
        table.setdefault(column, []).append(value)
