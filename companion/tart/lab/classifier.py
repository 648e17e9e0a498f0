"""The module with scikit-learn's interface: fit stores and whitens, nothing more."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from companion.scale import generator
from companion.tart.method.module import TooLong
from companion.tart.method.whitening import Whitening, fill

if TYPE_CHECKING:
    from numpy.typing import ArrayLike
    from torch import nn

OVERFLOW = ("error", "average")


class TartClassifier(ClassifierMixin, BaseEstimator):
    """In-context classification of embeddings by a frozen reasoning module.

    Parameters
    ----------
    head : a module with ``d``, ``max_context`` and ``scores(x, y, queries)``; the shipped one if
        None.  It is not changed
    n_components : whitened coordinates, at most the module's width, fewer where the context spans
        fewer
    mode, filling : of :class:`Whitening.fit` and of :func:`fill`
    scale : factor on all coordinates, 1 as in training (an ablation turns it)
    n_orders : the module reads examples in an order; scores are averaged over this many
    overflow : with more examples than the module reads, ``"error"`` refuses them, ``"average"``
        deals them out into contexts that fit and averages the scores
    random_state : seed of the orders; the first one is the order of the examples as given

    Attributes
    ----------
    classes_ : labels in increasing order; more than two are told apart one against the rest
    whitening_ : the fitted map; context_ : (k, d) white coordinates; labels_ : (k,) of indices
    """

    def __init__(
        self,
        head: nn.Module | None = None,
        n_components: int = 16,
        mode: str = "whiten",
        filling: str = "zero",
        scale: float = 1.0,
        n_orders: int = 1,
        overflow: str = "error",
        random_state: int = 0,
    ) -> None:
        self.head = head
        self.n_components = n_components
        self.mode = mode
        self.filling = filling
        self.scale = scale
        self.n_orders = n_orders
        self.overflow = overflow
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike) -> TartClassifier:
        """Whiten the examples X (k, d_emb) and keep them with their labels y (k,).

        Raises
        ------
        ValueError : one class only, one distinct example only, or a setting that is not allowed
        TooLong : more examples than the module reads
        """
        if self.overflow not in OVERFLOW or self.n_orders < 1:
            raise ValueError(
                f"overflow must be one of {OVERFLOW} and n_orders at least 1, got "
                f"{self.overflow!r} and {self.n_orders}"
            )
        X, y = validate_data(self, X, y, dtype=np.float64, ensure_min_samples=2)
        check_classification_targets(y)
        self.classes_, self.labels_ = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(
                f"the context has 1 class ({self.classes_[0]!r}), and a classifier needs two"
            )
        self.head_ = self._module()
        if len(X) > self.head_.max_context and self.overflow == "error":
            raise TooLong(
                f"{len(X)} examples, the module reads {self.head_.max_context}: use fewer, or "
                'overflow="average"'
            )
        width = min(self.n_components, self.head_.d or self.n_components)
        self.whitening_ = Whitening.fit(X, width, self.mode)
        self.context_ = self.coordinates(X)
        return self

    def decision_function(self, X: ArrayLike) -> np.ndarray:
        """Logits (n,) of the second class, or (n, classes) of each class against the rest."""
        check_is_fitted(self)
        z = self.coordinates(validate_data(self, X, reset=False, dtype=np.float64))
        if len(self.classes_) == 2:
            return self._logits(z, self.labels_ == 1)
        return np.stack([self._logits(z, self.labels_ == i) for i in range(len(self.classes_))], 1)

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Probabilities (n, classes): the module's for two classes, normalized odds for more."""
        logits = torch.from_numpy(self.decision_function(X))
        if logits.ndim == 1:
            return torch.sigmoid(torch.stack([-logits, logits], dim=1)).numpy()
        return torch.softmax(logits, dim=1).numpy()

    def predict(self, X: ArrayLike) -> np.ndarray:
        """The likelier label (n,); at one half the second."""
        logits = self.decision_function(X)
        best = (logits >= 0).astype(int) if logits.ndim == 1 else logits.argmax(axis=1)
        return self.classes_[best]

    def _module(self) -> nn.Module:
        """A copy in double precision, so that a prediction does not depend on its batch."""
        if self.head is None:
            from companion.tart.lab.shipped import shipped_head

            head = shipped_head().module
        else:
            head = self.head
        return copy.deepcopy(head).double().cpu().eval()

    def coordinates(self, X: np.ndarray) -> np.ndarray:
        """What the module is given for vectors X (n, d_emb): (n, d)."""
        z = self.scale * self.whitening_.transform(X)
        return fill(z, self.head_.d or z.shape[1], self.filling)

    def _logits(self, z: np.ndarray, positive: np.ndarray) -> np.ndarray:
        """Mean logits (n,) over orders, and over contexts where the examples fill several."""
        rng = generator(self.random_state, "tart orders")
        k = len(self.context_)
        orders = [np.arange(k)] + [rng.permutation(k) for _ in range(self.n_orders - 1)]
        queries = torch.from_numpy(z)
        found = []
        for order in orders:
            if k > self.head_.max_context:
                order = generator(self.random_state, "tart deal").permutation(order)
            for part in np.array_split(order, -(-k // self.head_.max_context)):
                x, y = torch.from_numpy(self.context_[part]), torch.from_numpy(positive[part])
                found.append(self.head_.scores(x, y.double(), queries).numpy())
        return np.mean(found, axis=0)
