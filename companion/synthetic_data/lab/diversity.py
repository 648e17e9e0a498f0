"""How varied a set of texts is: distinct n-grams, self-BLEU, entropy, and semantic spread."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np


def ngrams(tokens: Sequence, n: int) -> list[tuple]:
    """All runs of n tokens."""
    return [tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1)]


def distinct(texts: Sequence[Sequence], n: int) -> float:
    """Different n-grams over all n-grams; depends on length, so compare texts of one length.

    texts : token sequences; nan if there is no n-gram at all
    """
    found = [gram for text in texts for gram in ngrams(text, n)]
    return len(set(found)) / len(found) if found else float("nan")


def bleu(text: Sequence, references: Sequence[Sequence], order: int = 4) -> float:
    """BLEU of one text against all references, add-one smoothing beyond single words.

    Papineni et al. 2002: clipped precisions, geometric mean, brevity penalty with the closest
    length.  Smoothing after Lin and Och 2004.
    """
    if not text or not references:
        return 0.0
    logs = []
    for n in range(1, order + 1):
        own = Counter(ngrams(text, n))
        most: Counter = Counter()
        for reference in references:
            most |= Counter(ngrams(reference, n))
        hits, total = sum((own & most).values()), sum(own.values())
        if n == 1 and hits == 0:
            return 0.0
        smooth = 0 if n == 1 else 1
        logs.append(np.log((hits + smooth) / (total + smooth)))
    closest = min((abs(len(r) - len(text)), len(r)) for r in references)[1]
    brevity = min(0.0, 1 - closest / len(text))
    return float(np.exp(np.mean(logs) + brevity))


def self_bleu(texts: Sequence[Sequence], n_references: int = 20) -> float:
    """Mean BLEU of each text against the `n_references` that follow it, around the circle.

    Against all others the cost is quadratic; a fixed number also keeps sizes comparable.
    """
    m = len(texts)
    if m < 2:
        raise ValueError(f"self-BLEU needs at least 2 texts, got {m}")
    reach = min(n_references, m - 1)
    return float(
        np.mean([bleu(texts[i], [texts[(i + 1 + j) % m] for j in range(reach)]) for i in range(m)])
    )


def dispersion(vectors: np.ndarray) -> float:
    """One minus the mean cosine of all pairs; vectors (n, width) of length one."""
    n = len(vectors)
    if n < 2:
        raise ValueError(f"dispersion needs at least 2 vectors, got {n}")
    total = np.asarray(vectors, float).sum(axis=0)
    return float(1 - (total @ total - n) / (n * (n - 1)))


def vendi(vectors: np.ndarray) -> float:
    """Vendi score: exp of the entropy of the eigenvalues of K / n (Friedman and Dieng 2023).

    vectors : (n, width) of length one; between 1 (all equal) and n (all orthogonal)
    """
    vectors = np.asarray(vectors, float)
    values = np.linalg.svd(vectors / np.sqrt(len(vectors)), compute_uv=False) ** 2
    values = values[values > 1e-15]
    return float(np.exp(-(values * np.log(values)).sum()))
