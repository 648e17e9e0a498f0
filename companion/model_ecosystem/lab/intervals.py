"""Intervals whose units are families, and votes that count a family once and an account once.

Directions of change are asked of families, too: do they fit an order, and by more than chance?
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.stats import norm as normal
from scipy.stats import t as student
from scipy.stats import ttest_ind

from companion.model_ecosystem.method.drift import (
    Order,
    Values,
    best_order,
    place_ranges,
    transitions,
)
from companion.model_ecosystem.method.forest import Forest
from companion.stats import LEVEL, Interval, proportion, t_interval

WIDEST = 3.0
"""Largest factor by which an interval is widened for unequal families: for the worth of two equal
families Student's t asks for 6.5, which leaves nothing to be said, and for three for 2.2."""

LEAST_EFFECTIVE = 2.0
"""Families that an interval is credited with at least, so that Student's t has one degree left."""

CHUNK = 64
"""Resamples that are drawn at once; more only take more memory."""

TAILS = (0.5 - LEVEL / 2, 0.5 + LEVEL / 2)


class Rate(NamedTuple):
    """Mean change over edges, with two intervals.

    naive : as if edges were independent; clustered : families resampled; n_families : of the
    latter; effective : (Σd)² / Σd², the number of equal families that would know as much
    """

    naive: Interval
    clustered: Interval
    n_families: int
    effective: float


def rate(
    change: np.ndarray, family: np.ndarray, rng: np.random.Generator, n_resamples: int = 500
) -> Rate:
    """Mean of `change` (edges,), nan left out, with a naive and a family-bootstrap interval.

    family : (edges,) label of the family of each edge
    """
    known = np.isfinite(change)
    value, family = change[known], family[known]
    _, place = np.unique(family, return_inverse=True)
    total, d = np.bincount(place, weights=value), np.bincount(place)
    naive = t_interval(value)._replace(p=None)
    clustered = ratio_bootstrap(total, d, rng, n_resamples)
    return Rate(naive, clustered._replace(n=value.size), d.size, float(d.sum() ** 2 / (d**2).sum()))


def ratio_bootstrap(
    total: np.ndarray, weight: np.ndarray, rng: np.random.Generator, n_resamples: int = 500
) -> Interval:
    """Σ total / Σ weight with a percentile interval over resampled families, arrays (f,).

    Families are drawn with replacement, each with all its members.  Where a few families carry the
    weight, the percentiles are too close, so their distance to the estimate grows by the quantile
    of Student's t with (Σw)² / Σw² − 1 degrees of freedom over the normal one, at most WIDEST;
    the interval stays within the range of the families.
    """
    f = len(total)
    if f < 2:
        estimate = float(np.sum(total) / np.sum(weight)) if f else np.nan
        return Interval(estimate, np.nan, np.nan, None, f)
    draws = []
    for start in range(0, n_resamples, CHUNK):
        size = min(CHUNK, n_resamples - start)
        counts = rng.multinomial(f, np.full(f, 1 / f), size=size)
        draws.append((counts @ total) / np.maximum(counts @ weight, 1e-300))
    estimate = float(np.sum(total) / np.sum(weight))
    ends = np.quantile(np.concatenate(draws), TAILS)
    effective = max(np.sum(weight) ** 2 / np.sum(np.square(weight)), LEAST_EFFECTIVE)
    wider = student.ppf(TAILS[1], effective - 1) / normal.ppf(TAILS[1])
    low, high = estimate + (ends - estimate) * min(wider, WIDEST)
    own = np.divide(total, weight, out=np.full(f, estimate), where=np.asarray(weight) > 0)
    return Interval(estimate, max(float(low), own.min()), min(float(high), own.max()), None, f)


def family_votes(event: np.ndarray, graph: Forest, account: np.ndarray) -> np.ndarray:
    """One number a family: the mean over accounts of an account's mean over its children.

    event : (edges,) what happened on each edge, nan where it does not apply
    account : (n,) labels; children of the parent's own account are left out

    Returns : (families,), families in which nothing applies are left out
    """
    known = np.isfinite(event) & (account[graph.parent] != account[graph.child])
    value, parent, who = event[known], graph.parent[known], account[graph.child][known]
    pairs, place = np.unique(np.column_stack([parent, who]), axis=0, return_inverse=True)
    own = np.bincount(place.ravel(), weights=value) / np.bincount(place.ravel())
    _, family = np.unique(pairs[:, 0], return_inverse=True)
    return np.bincount(family, weights=own) / np.bincount(family)


class Moves(NamedTuple):
    """How often families leave one class of values for another, and the other way.

    there : (f,) votes of families whose parent is of the first class: share that took the second
    back : (g,) votes of families whose parent is of the second class: share that took the first
    accounts : (2,) accounts that moved, there and back, once a family
    drawn : what `difference` would be if every child drew its class from all models that declare
        one, an account one vote: regression to the mean, with nothing inherited and no direction
    """

    there: np.ndarray
    back: np.ndarray
    accounts: np.ndarray
    drawn: float = np.nan

    @property
    def difference(self) -> Interval:
        """Mean vote there minus mean vote back, with Welch's interval; infinite without spread."""
        n, m = self.there.size, self.back.size
        if not n or not m:
            return Interval(np.nan, -np.inf, np.inf, None, n + m)
        found = float(self.there.mean() - self.back.mean())
        if min(n, m) < 2 or np.ptp(self.there) == np.ptp(self.back) == 0:
            return Interval(found, -np.inf, np.inf, None, n + m)
        test = ttest_ind(self.there, self.back, equal_var=False)
        low, high = test.confidence_interval(LEVEL)
        return Interval(found, float(low), float(high), float(test.pvalue), n + m)


def moves(kind: np.ndarray, graph: Forest, account: np.ndarray) -> Moves:
    """Moves between class 0 and class 1; kind : (n,) the class of each model, -1 for neither.

    A child that declares neither class says nothing about its direction and is left out.
    """
    above, below = kind[graph.parent], kind[graph.child]
    both = (above >= 0) & (below >= 0)
    votes, moved = [], []
    for start in (0, 1):
        changed = np.where(both & (above == start), (below != start).astype(float), np.nan)
        votes.append(family_votes(changed, graph, account))
        gone = (changed == 1) & (account[graph.parent] != account[graph.child])
        who = np.column_stack([graph.parent, account[graph.child]])[gone]
        moved.append(len(np.unique(who, axis=0)))
    _, who = np.unique(account[kind >= 0], return_inverse=True)
    own = np.bincount(who, weights=kind[kind >= 0]) / np.bincount(who)
    # there, a child is of the second class by its share; back, of the first by the rest
    drawn = float(2 * own.mean() - 1) if own.size else np.nan
    return Moves(votes[0], votes[1], np.array(moved), drawn)


def resampled_edges(graph: Forest, rng: np.random.Generator) -> np.ndarray:
    """Places of the edges of as many families as there are, drawn with replacement."""
    order = np.argsort(graph.parent, kind="stable")
    _, start = np.unique(graph.parent[order], return_index=True)
    members = np.split(order, start[1:])
    drawn = rng.integers(0, len(members), len(members))
    return np.concatenate([members[i] for i in drawn])


def gini(sizes: np.ndarray) -> float:
    """Gini coefficient of some sizes: 0 if all are equal, near 1 if one has everything."""
    ordered = np.sort(np.asarray(sizes, float))
    n = ordered.size
    return float((2 * np.arange(1, n + 1) - n - 1) @ ordered / (n * ordered.sum()))


def more_unequal(sizes: np.ndarray, rng: np.random.Generator, n_resamples: int) -> Interval:
    """Gini of family sizes minus that of equal chances, 95 % over resampled families.

    Equal chances: every parent has one child, and the others fall on all parents alike.  Each
    resample is compared with a draw of as many children.
    """
    differences = np.empty(n_resamples)
    for i in range(n_resamples):
        some = rng.choice(sizes, sizes.size)
        differences[i] = gini(some) - gini(equal_chances(some, rng))
    expected = np.mean([gini(equal_chances(sizes, rng)) for _ in range(n_resamples)])
    low, high = np.quantile(differences, TAILS)
    return Interval(gini(sizes) - float(expected), float(low), float(high), None, sizes.size)


def equal_chances(sizes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Sizes of as many families with as many children, one each and the rest by lot."""
    n = len(sizes)
    return 1 + rng.multinomial(int(np.sum(sizes)) - n, np.full(n, 1 / n))


# --------------------------------------------------------------------------------------- directions
class Directions(NamedTuple):
    """The order of a trait's most common values.

    names : (k,) the values; counts : (k, k) transitions, each once
    order : one best order; ranges : (k, 2) first and last place over all best orders
    null : (n,) shares in order of random orientations
    again : (m, 2) share of pairs in order, and of transitions forward, in the best order of each
        of m resamples of the families
    """

    names: tuple[str, ...]
    counts: np.ndarray
    order: Order
    ranges: np.ndarray
    null: np.ndarray
    again: np.ndarray

    @property
    def p(self) -> float:
        """How often random orientations reach the share in order."""
        return p_of_order(self.order.share, self.null)

    @property
    def share(self) -> Interval:
        """Share of the pairs in the best order, 95 % over families."""
        return _over(self.order.share, self.again[:, 0], self.order.pairs)

    @property
    def forward(self) -> Interval:
        """Share of the transitions that go forward in it, 95 % over families."""
        off = self.counts.sum() - np.trace(self.counts)
        return _over(self.order.forward, self.again[:, 1], int(off))

    @property
    def more_than_chance(self) -> Interval:
        """Share in order minus that of random orientations, whose 95 % make the interval."""
        low, high = self.order.share - np.quantile(self.null, TAILS[::-1])
        mean = self.order.share - self.null.mean()
        return Interval(float(mean), float(low), float(high), None, self.order.pairs)


def _over(estimate: float, draws: np.ndarray, n: int) -> Interval:
    """Percentiles of the resamples, no narrower than the interval of n coins.

    Resamples that all agree have no spread, which is no certainty; and each has a best order of
    its own, so that they may lie on one side of the estimate.
    """
    ends = [*np.nanquantile(draws, TAILS), estimate]
    if n:
        coins = proportion(round(estimate * n), n)
        ends += [coins.low, coins.high]
    return Interval(float(estimate), float(min(ends)), float(max(ends)), None, n)


def p_of_order(share: float, null: np.ndarray) -> float:
    """Share of random orientations with as many pairs in order, the data among them."""
    return float((1 + (null >= share).sum()) / (1 + null.size))


def directions(
    values: Values,
    graph: Forest,
    chosen: np.ndarray,
    rng: np.random.Generator,
    n_null: int,
    n_resamples: int,
) -> Directions | None:
    """The best order of some values, what chance would give, and resampled families.

    chosen : (k,) places of the values; those without a direction to any other are left out

    Returns : None where fewer than three are left
    """
    counts = transitions(values, graph)[np.ix_(chosen, chosen)]
    oriented = (counts != counts.T).any(axis=1)
    chosen, counts = chosen[oriented], counts[np.ix_(oriented, oriented)]
    if len(chosen) < 3:
        return None
    again = np.empty((n_resamples, 2))
    for i in range(n_resamples):
        some = graph.where(resampled_edges(graph, rng))
        order = best_order(transitions(values, some)[np.ix_(chosen, chosen)])
        again[i] = order.share, order.forward
    names = tuple(values.names[i] for i in chosen)
    null = null_shares(counts, rng, n_null)
    return Directions(names, counts, best_order(counts), place_ranges(counts), null, again)


def null_shares(counts: np.ndarray, rng: np.random.Generator, n: int = 200) -> np.ndarray:
    """Share in order of the best order when every oriented pair points a random way, (n,).

    This is what has to be beaten, not one half: the best of k! orders agrees with much of anything.
    """
    counts = np.asarray(counts, float)
    oriented = np.triu(counts != counts.T, 1)
    shares = np.empty(n)
    for i in range(n):
        way = oriented & (rng.random(counts.shape) < 0.5)
        shares[i] = best_order(np.where(way, 1.0, 0.0) + (oriented & ~way).T).share
    return shares
