"""What breaks the module, and what a linear rule does not notice."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from torch import nn

from companion.scale import generator, one_thread
from companion.tart.lab.nulls import NULLS, accuracy, null_scores
from companion.tart.lab.real import MODULE, Vectors, classifier
from companion.tart.method.whitening import Whitening

VARIANTS = {
    "as trained": {},
    "scores, not whitened": {"mode": "scores"},
    "coordinates x 0.3": {"scale": 0.3},
    "coordinates x 3": {"scale": 3.0},
    "8 axes, twice": {"n_components": 8, "filling": "repeat"},
    "8 axes, zeros": {"n_components": 8, "filling": "zero"},
    "mean over 8 orders": {"n_orders": 8},
}
"""Ways to hand the coordinates over."""

FLIPS = (0.0, 0.1, 0.2, 0.3)


@one_thread()
def variant_table(vectors: Sequence[Vectors], head: nn.Module) -> pd.DataFrame:
    """Accuracy by variant, of the module and of the null models on the same coordinates.

    Columns data, seed, variant, method, accuracy; the order of the examples is the module's alone
    """
    rows = []
    for v in vectors:
        for name, options in VARIANTS.items():
            model = classifier(head, v, **options)
            found = {MODULE: model.decision_function(v.query)}
            queries = model.coordinates(v.query)
            found |= {n: null_scores(n, model.context_, v.labels, queries) for n in NULLS}
            rows += [
                {
                    "data": v.data,
                    "seed": v.seed,
                    "variant": name,
                    "method": method,
                    "accuracy": accuracy(scores, v.query_labels),
                }
                for method, scores in found.items()
            ]
    return pd.DataFrame(rows)


@one_thread()
def order_table(
    vectors: Sequence[Vectors], head: nn.Module, n_orders: int, seed: int
) -> pd.DataFrame:
    """Spread of the module's probabilities over orders of the same examples.

    Columns data, seed, spread (mean over queries of the standard deviation over orders),
    turned (share of queries whose label some order turns), best, worst (accuracies)
    """
    rows = []
    for v in vectors:
        rng = generator(seed, "tart order table", v.data, v.seed)
        p, hit = [], []
        for _ in range(n_orders):
            order = rng.permutation(v.k)
            shuffled = Vectors(
                v.data,
                v.k,
                v.seed,
                v.name,
                v.context[order],
                v.labels[order],
                v.query,
                v.query_labels,
                v.p,
                v.filling,
            )
            p.append(classifier(head, shuffled).predict_proba(v.query)[:, 1])
            hit.append(accuracy(p[-1] - 0.5, v.query_labels))
        p = np.array(p)
        sides = (p > 0.5).mean(axis=0)
        rows.append(
            {
                "data": v.data,
                "seed": v.seed,
                "spread": p.std(axis=0).mean(),
                "turned": ((sides > 0) & (sides < 1)).mean(),
                "best": max(hit),
                "worst": min(hit),
            }
        )
    return pd.DataFrame(rows)


@one_thread()
def imbalance_table(
    pools: Sequence[Vectors],
    head: nn.Module,
    k: int = 16,
    shares: Sequence[float] = (0.5, 0.2, 0.1),
) -> pd.DataFrame:
    """Balanced accuracy when a share of the context has label 1; queries stay balanced.

    pools : vectors with at least k examples of each label among context and queries; the context
        is drawn anew from the context, so k must not exceed half of it
    Columns data, seed, share, method, accuracy
    """
    rows = []
    for v in pools:
        for share in shares:
            n_one = max(1, round(share * k))
            ones, zeros = (np.flatnonzero(v.labels == label) for label in (1, 0))
            if len(ones) < n_one or len(zeros) < k - n_one:
                continue
            rng = generator(v.seed, "tart imbalance", v.data, share)
            chosen = rng.permutation(np.r_[ones[:n_one], zeros[: k - n_one]])
            few = Vectors(
                v.data,
                k,
                v.seed,
                v.name,
                v.context[chosen],
                v.labels[chosen],
                v.query,
                v.query_labels,
                v.p,
                v.filling,
            )
            rows += _compared(few, head, {"share": share})
    return pd.DataFrame(rows)


@one_thread()
def flip_table(vectors: Sequence[Vectors], head: nn.Module) -> pd.DataFrame:
    """Accuracy when a share of the context's labels is turned around.

    Columns data, seed, flips, method, accuracy
    """
    rows = []
    for v in vectors:
        order = generator(v.seed, "tart flips", v.data).permutation(v.k)
        for share in FLIPS:
            labels = v.labels.copy()
            turned = order[: round(share * v.k)]
            labels[turned] = 1 - labels[turned]
            noisy = Vectors(
                v.data,
                v.k,
                v.seed,
                v.name,
                v.context,
                labels,
                v.query,
                v.query_labels,
                v.p,
                v.filling,
            )
            rows += _compared(noisy, head, {"flips": share})
    return pd.DataFrame(rows)


def _compared(v: Vectors, head: nn.Module, where: dict[str, object]) -> list[dict[str, object]]:
    fitted = Whitening.fit(v.context, v.p)
    z, queries = fitted.transform(v.context), fitted.transform(v.query)
    found = {name: null_scores(name, z, v.labels, queries) for name in NULLS}
    if len(np.unique(v.labels)) == 2:
        found[MODULE] = classifier(head, v).decision_function(v.query)
    return [
        {
            "data": v.data,
            "seed": v.seed,
            **where,
            "method": name,
            "accuracy": accuracy(scores, v.query_labels),
        }
        for name, scores in found.items()
    ]


@one_thread()
def reliability(vectors: Sequence[Vectors], head: nn.Module, n_bins: int = 8) -> pd.DataFrame:
    """Said probability against frequency, queries of all vectors pooled.

    Columns said, happened, n; empty bins are left out.
    """
    p = np.concatenate([classifier(head, v).predict_proba(v.query)[:, 1] for v in vectors])
    y = np.concatenate([v.query_labels for v in vectors])
    place = np.minimum((p * n_bins).astype(int), n_bins - 1)
    rows = [
        {
            "said": p[place == b].mean(),
            "happened": y[place == b].mean(),
            "n": int((place == b).sum()),
        }
        for b in range(n_bins)
        if (place == b).any()
    ]
    return pd.DataFrame(rows)
