"""The similarity filter: a candidate must leave the meaning of its sentence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from companion.encoder import Encoder


class SimilarityFilter:
    """Accepts candidates whose sentence stays close to the original one (the authors' "sbert").

    encoder : sentence vectors of unit length; threshold : least cosine, -1 to 1
    look_at : only this many candidates are encoded, in the order given
    """

    def __init__(self, encoder: Encoder, threshold: float, look_at: int = 12) -> None:
        if not -1 <= threshold <= 1:
            raise ValueError(f"threshold is a cosine between -1 and 1, got {threshold!r}")
        if look_at < 1:
            raise ValueError(f"look_at must be at least 1, got {look_at}")
        self.encoder, self.threshold, self.look_at = encoder, threshold, look_at
        self._memory: dict[str, tuple[tuple[str, ...], np.ndarray]] = {}

    def with_threshold(self, threshold: float) -> SimilarityFilter:
        """A filter with another threshold that shares what was encoded."""
        other = SimilarityFilter(self.encoder, threshold, self.look_at)
        other._memory = self._memory
        return other

    def accepted(
        self, word: str, candidates: Sequence[str], sentence: str, at: int, n: int
    ) -> tuple[str, ...]:
        """The first `n` candidates with cosine at or above the threshold, in their order.

        The vectors of the first sentence that a word is met in are remembered.
        """
        if word not in self._memory:
            looked = tuple(candidates[: self.look_at])
            self._memory[word] = looked, self.cosines(word, looked, sentence, at)
        looked, cosines = self._memory[word]
        return tuple(c for c, x in zip(looked, cosines, strict=True) if x >= self.threshold)[:n]

    def cosines(self, word: str, candidates: Sequence[str], sentence: str, at: int) -> np.ndarray:
        """Cosine of the sentence with each candidate in place of `word`: (n_candidates,)."""
        if not candidates:
            return np.zeros(0)
        changed = [sentence[:at] + c + sentence[at + len(word) :] for c in candidates]
        vectors = self.encoder.encode([sentence, *changed])
        return vectors[1:] @ vectors[0]
