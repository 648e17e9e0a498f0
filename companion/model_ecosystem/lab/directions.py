"""Do directions fit an order, and by more than chance?"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from companion.model_ecosystem.lab.intervals import TAILS, resampled_edges
from companion.model_ecosystem.method.drift import Order, best_order, place_ranges, transitions
from companion.model_ecosystem.method.forest import Forest
from companion.model_ecosystem.method.rates import Values
from companion.stats import Interval, proportion


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
