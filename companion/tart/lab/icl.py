"""In-context learning by prompting, and how much of its error is a wrong threshold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from companion.tart.lab.nulls import accuracy


@dataclass(frozen=True)
class Answers:
    """What a prompted model said to n queries.

    logits : (n, 2) of the words of label 0 and 1; first : (n,) likeliest token of all
    label_ids : the two words' tokens; free : logits (2,) after a query without content, "N/A"
    """

    logits: np.ndarray
    first: np.ndarray
    label_ids: tuple[int, int]
    free: np.ndarray

    @property
    def score(self) -> np.ndarray:
        """Logit of label 1 minus logit of label 0: (n,)."""
        return self.logits[:, 1] - self.logits[:, 0]

    def exact(self, labels: np.ndarray) -> float:
        """Accuracy as the authors count it: the likeliest of all tokens must be the right word."""
        return float((self.first == np.asarray(self.label_ids)[labels]).mean())

    @property
    def unparsed(self) -> float:
        """Share of answers that are neither word."""
        return float((~np.isin(self.first, self.label_ids)).mean())

    def contextual(self, labels: np.ndarray) -> float:
        """Accuracy after contextual calibration (Zhao et al. 2021): the threshold is the score of
        a query without content."""
        return accuracy(self.score - (self.free[1] - self.free[0]), labels)

    def median(self, labels: np.ndarray) -> float:
        """Accuracy with the median score of all queries as threshold.

        A diagnostic and no method: it uses that the queries are balanced.
        """
        return accuracy(self.score - np.median(self.score), labels)
