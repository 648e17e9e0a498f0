"""One look per regressor and per way of pairing in all figures of the chapter."""

from __future__ import annotations

from companion.plotting import methods

REGRESSORS = methods("LM", "P", "bag", "label", "oracle")


WORDS = {
    "LM": "log marginals",
    "P": "posterior",
    "bag": "word counts",
    "label": "true concepts",
    "oracle": "exact logits",
}

PAIRING = methods("held_out", "same", "permuted")

KINDS = methods("top-k", "batch top-k", "p-annealing", "structured")
