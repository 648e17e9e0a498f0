"""Are siblings closer than parent and child?  One comparison, under several weights and masks."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import polars as pl
import statsmodels.api as sm
from scipy import sparse
from scipy.stats import wilcoxon

from companion.model_ecosystem.lab import term_weights
from companion.model_ecosystem.lab.intervals import ratio_bootstrap
from companion.model_ecosystem.method import dna
from companion.model_ecosystem.method.similarity import Families, families, pair_types, random_pair
from companion.model_ecosystem.sources import Ecosystem
from companion.scale import generator
from companion.stats import Interval, t_interval

WEIGHTS = ("pairs", "families")
"""Families weighted by their sibling pairs, as the paper's draws do, or equally."""

CARD = "card"
"""The string that is no metadata: words and word pairs of the model card."""

UPLOADERS = ("any", "different")
"""Which pairs count: all, or those of two accounts."""


class Comparison(NamedTuple):
    """One way of asking the question.

    random, parent_child, sibling : weighted means of the similarity
    ratio : sibling over parent-child; gap : sibling minus parent-child (95 % over families)
    wilcoxon, gee : p-values of the gap, signed ranks of families and GEE with family clusters
    n : families; effective : (Σw)² / Σw²
    """

    random: float
    parent_child: float
    sibling: float
    ratio: Interval
    gap: Interval
    wilcoxon: float
    gee: float
    n: int
    effective: float


def compare(
    found: Families,
    chance: float,
    rng: np.random.Generator,
    *,
    weights: str = "pairs",
    n_resamples: int = 500,
) -> Comparison:
    """Siblings against parent and child over families that have both kinds of pairs.

    chance : mean similarity of random pairs, for the record

    Raises
    ------
    ValueError : unknown weights, or fewer than two families with both kinds of pairs
    """
    if weights not in WEIGHTS:
        raise ValueError(f"unknown weights {weights!r}; choose one of {', '.join(WEIGHTS)}")
    both = (found.n_pairs > 0) & (found.n_edges > 0)
    if both.sum() < 2:
        raise ValueError(f"need two families with siblings, got {int(both.sum())}")
    pc, sib, d = found.parent_child[both], found.sibling[both], found.d[both].astype(float)
    w = d * (d - 1) / 2 if weights == "pairs" else np.ones(d.size)
    gap = sib - pc
    if weights == "families":
        interval = t_interval(gap)._replace(p=None)
    else:
        interval = ratio_bootstrap(w * gap, w, rng, n_resamples)
    ranks = wilcoxon(gap).pvalue if np.any(gap != 0) else 1.0
    return Comparison(
        chance,
        float(np.average(pc, weights=w)),
        float(np.average(sib, weights=w)),
        ratio_bootstrap(w * sib, w * pc, rng, n_resamples),
        interval,
        float(ranks),
        _gee(gap, w),
        int(both.sum()),
        float(w.sum() ** 2 / (w**2).sum()),
    )


def _gee(gap: np.ndarray, w: np.ndarray) -> float:
    """p of a mean gap in a GEE whose clusters are families (robust covariance)."""
    if np.ptp(gap) == 0:  # no spread to learn a standard error from
        return float(gap[0] == 0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one observation per cluster: nothing to estimate inside
        model = sm.GEE(gap, np.ones((gap.size, 1)), groups=np.arange(gap.size), weights=w)
        return float(model.fit().pvalues[0])


class Resemblance(NamedTuple):
    """What the sample says about similarity.

    pairs : mask to the 24 pair types
    table : one row per string, weights, uploader; columns dna (a mask, or CARD), and those of
        `Comparison` as numbers
    lift : parent-child minus random with a family-bootstrap interval, nothing masked
    """

    pairs: Mapping[str, pl.DataFrame]
    table: pl.DataFrame
    lift: Interval


def resemblance(
    system: Ecosystem,
    seed: int,
    n_resamples: int,
    cards: tuple[np.ndarray, sparse.csr_array] | None = None,
) -> Resemblance:
    """All masks, weights and uploader rules on one ecosystem, TF-IDF of the metadata string.

    cards : of `term_weights.card_rows`; when given, the cards are compared as a further string
    """
    strings = {
        mask: (system.graph, term_weights.tfidf(dna.strings(system.table, mask)))
        for mask in dna.MASKS
    }
    pairs = {mask: pair_types(x, graph) for mask, (graph, x) in strings.items()}
    graph, x = strings[dna.MASKS[0]]
    every = families(x, graph)
    excess = every.d * (every.parent_child - random_pair(x))
    lift = ratio_bootstrap(excess, every.d.astype(float), generator(seed, "lift"), n_resamples)
    if cards is not None:
        has, rows = cards
        keep = has[graph.parent] & has[graph.child]
        strings[CARD] = (graph.where(keep), rows)
    table = []
    for name, (graph, x) in strings.items():
        chance = random_pair(x if name != CARD else x[np.flatnonzero(cards[0])])
        for uploader in UPLOADERS:
            found = families(x, graph, uploader=system.uploader if uploader != "any" else None)
            for weights in WEIGHTS:
                rng = generator(seed, "resemblance", name, uploader, weights)
                one = compare(found, chance, rng, weights=weights, n_resamples=n_resamples)
                table.append({"dna": name, "uploader": uploader, "weights": weights} | flat(one))
    return Resemblance(pairs, pl.DataFrame(table), lift)


def flat(one: Comparison) -> dict[str, float]:
    """A comparison as plain numbers; the intervals as ratio, ratio_low, ratio_high, and so on."""
    row = {name: value for name, value in one._asdict().items() if name not in ("ratio", "gap")}
    for name in ("ratio", "gap"):
        interval = getattr(one, name)
        row |= {name: interval.estimate, f"{name}_low": interval.low, f"{name}_high": interval.high}
    return row


def levenshtein_pairs(
    system: Ecosystem, mask: str, rng: np.random.Generator, n_pairs: int
) -> dict[str, float]:
    """Normalized Levenshtein similarity of the strings, by drawn pairs (there is no exact sum).

    Returns : mean of random pairs, of parent and child, and of siblings (trio-star weights)
    """
    from rapidfuzz.distance import Levenshtein

    texts, graph = dna.strings(system.table, mask), system.graph
    like = Levenshtein.normalized_similarity
    d = graph.n_children()
    weight = d * (d - 1) / 2
    heads = rng.choice(graph.n, size=n_pairs, p=weight / weight.sum())
    order = np.argsort(graph.parent, kind="stable")
    start = np.searchsorted(graph.parent[order], heads)
    one = (rng.random(n_pairs) * d[heads]).astype(int)
    two = (one + 1 + (rng.random(n_pairs) * (d[heads] - 1)).astype(int)) % d[heads]
    a, b = (graph.child[order][start + pick] for pick in (one, two))
    x, y = rng.integers(0, graph.n, n_pairs), rng.integers(0, graph.n - 1, n_pairs)
    y = y + (y >= x)
    means = {}
    for name, first, second in (("random", x, y), ("parent-child", heads, a), ("sibling", a, b)):
        pairs = zip(first, second, strict=True)
        means[name] = float(np.mean([like(texts[i], texts[j]) for i, j in pairs]))
    return means
