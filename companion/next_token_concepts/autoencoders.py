r"""Sparse autoencoders on cached activations: top-k, batch top-k, p-annealing, structured.

z is the code and :math:`\hat f` the reconstruction.  The structured one splits the code,
z = S + R with S sparse and R of low rank:

.. math:: \lVert f - \hat f\rVert^2 + \lambda_t \lVert S\rVert_{p_t}^{p_t} + \gamma \lVert R\rVert_*

How S and R are made is not stated where we could read it; here two encoders read the same input,
S = ReLU(W_S x + a_S) and R = W_R x + a_R, and one decoder reads their sum.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from scipy.stats import rankdata
from torch import Tensor, nn

from companion.next_token_concepts.learning import fit
from companion.scale import derive_seed, generator, one_thread

KINDS = ("top-k", "batch top-k", "p-annealing", "structured")
LEVELS = {
    "top-k": (4, 16, 48),
    "batch top-k": (4, 16, 48),
    "p-annealing": (3.0, 1.0, 0.3),
    "structured": (3.0, 1.0, 0.3),
}
"""Sparsity levels of each kind, from sparse to dense: k, or the first penalty."""

BATCH = 256
NUCLEAR = 0.01
"""Weight of the nuclear norm, per context; a choice of ours."""


class Score(NamedTuple):
    """One autoencoder, judged on contexts that neither trained nor chose a feature.

    mse : squared error over the variance of f; active : mean number of nonzero sparse features
    exp_r : mean over concepts of |corr(exp(z), p)|, the paper's score
    odds_r, spearman : of z with the log odds, linear and by rank
    """

    kind: str
    level: float
    seed: int
    mse: float
    active: float
    exp_r: float
    odds_r: float
    spearman: float


class Autoencoder(nn.Module):
    """Encoder(s) and decoder; inputs have mean zero and mean square one per coordinate."""

    def __init__(self, kind: str, level: float, d: int, n_features: int) -> None:
        super().__init__()
        if kind not in KINDS:
            raise ValueError(f"unknown autoencoder {kind!r}; choose one of {', '.join(KINDS)}")
        self.kind, self.level = kind, level
        self.encoder = nn.Linear(d, n_features)
        self.decoder = nn.Linear(n_features, d)
        with torch.no_grad():
            self.decoder.weight.copy_(nn.functional.normalize(self.encoder.weight, dim=1).T)
        self.dense = nn.Linear(d, n_features) if kind == "structured" else None
        if self.dense is not None:
            nn.init.normal_(self.dense.weight, std=0.01)

    def sparse(self, x: Tensor) -> Tensor:
        """The sparse code, (batch, features)."""
        raw = self.encoder(x).relu()
        if self.kind == "top-k":
            return keep_largest(raw, int(self.level))
        if self.kind == "batch top-k":
            kept = keep_largest(raw.view(1, -1), int(self.level) * len(x))
            return kept.view_as(raw)
        return raw

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(code z, reconstruction)."""
        z = self.sparse(x)
        if self.dense is not None:
            z = z + self.dense(x)
        return z, self.decoder(z)


def keep_largest(values: Tensor, k: int) -> Tensor:
    """Zeros but for the k largest of each row."""
    k = min(k, values.shape[1])
    top, where = values.topk(k, dim=1)
    return torch.zeros_like(values).scatter(1, where, top)


def norm_p(sparse: Tensor, p: float) -> Tensor:
    """Mean over the batch of sum |s|^p; the offset keeps the slope at zero finite."""
    return (sparse.abs() + 1e-8).pow(p).sum(1).mean()


def nuclear_norm(rows: Tensor) -> Tensor:
    """Sum of singular values of (batch, features), from a matrix of at most d rows' rank."""
    return torch.linalg.svdvals(rows).sum()


class Annealing:
    """p falls from 1 to 0.1 in ten steps over the last half, the weight keeps the penalty level.

    When p changes, the weight is multiplied by the mean norm under the old p over that under the
    new p, as in the library that introduced it.
    """

    def __init__(self, weight: float, steps: int) -> None:
        self.weight, self.steps, self.p = weight, steps, 1.0

    def at(self, step: int, sparse: Tensor) -> float:
        """Move to the p of `step`; returns it."""
        done = max(0.0, step / self.steps - 0.5) * 2
        p = max(0.1, 1.0 - 0.1 * int(10 * done))
        if p != self.p:
            with torch.no_grad():
                self.weight *= float(norm_p(sparse, self.p) / norm_p(sparse, p))
            self.p = p
        return p


def train(
    kind: str, level: float, x: Tensor, n_features: int, steps: int, seed: int
) -> Autoencoder:
    """One autoencoder on activations (N, d)."""
    torch.manual_seed(derive_seed(seed, "ntc autoencoder", kind, level))
    model = Autoencoder(kind, level, x.shape[1], n_features)
    rng = generator(seed, "ntc autoencoder batches")
    d, warm = x.shape[1], max(1, steps // 10)
    annealing = Annealing(level, steps)

    def loss_at(step: int) -> Tensor:
        batch = x[rng.integers(0, len(x), BATCH)]
        s = model.sparse(batch)
        r = model.dense(batch) if model.dense is not None else None
        loss = (model.decoder(s if r is None else s + r) - batch).square().sum(1).mean()
        if kind in ("p-annealing", "structured"):
            # a feature could shrink and its decoder grow: the penalty counts their product
            sizes = s * model.decoder.weight.norm(dim=0)
            p = annealing.at(step, sizes)
            loss = loss + annealing.weight * min(1.0, step / warm) * norm_p(sizes, p)
        if r is not None:
            loss = loss + NUCLEAR * nuclear_norm(_thin(batch, model.dense)) / np.sqrt(len(batch))
        return loss / d

    fit(model, loss_at, steps, seed)
    return model


def _thin(batch: Tensor, dense: nn.Linear) -> Tensor:
    """A matrix of d + 1 rows with the singular values of the batch's R = [x, 1] [W, a]'."""
    wide = torch.cat([batch, torch.ones_like(batch[:, :1])], dim=1)
    _, triangle = torch.linalg.qr(wide)
    return triangle @ torch.cat([dense.weight, dense.bias[:, None]], dim=1).T


def correlations(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Pearson correlations of the columns of a (N, p) with those of b (N, q): (p, q)."""

    def standard(x: np.ndarray) -> np.ndarray:
        x = x - x.mean(0)
        size = np.linalg.norm(x, axis=0)
        return x / np.where(size > 1e-12, size, np.inf)

    return standard(a).T @ standard(b)


def best_feature(code: np.ndarray, target: np.ndarray) -> np.ndarray:
    """|corr| of the best feature per target column, (q,): chosen on even rows, scored on odd."""
    chosen = np.abs(correlations(code[::2], target[::2])).argmax(0)
    scored = correlations(code[1::2], target[1::2])
    return np.abs(scored[chosen, np.arange(target.shape[1])])


def ranks(values: np.ndarray) -> np.ndarray:
    """Ranks within each column."""
    return rankdata(values, axis=0)


@one_thread()
def score(kind: str, level: float, seed: int, x: np.ndarray, fresh: np.ndarray, odds: np.ndarray,
          n_features: int, steps: int) -> Score:  # fmt: skip
    """Train on x (N, d), judge on fresh (M, d) whose log odds are (M, m)."""
    model = train(kind, level, torch.from_numpy(x).float(), n_features, steps, seed)
    with torch.no_grad():
        batch = torch.from_numpy(fresh).float()
        z, rebuilt = model(batch)
        active = float((model.sparse(batch) > 0).float().sum(1).mean())
        mse = float((rebuilt - batch).square().mean() / batch.var(0, unbiased=False).mean())
    code = z.double().numpy()
    probability = 1 / (1 + np.exp(-odds))
    return Score(
        kind=kind, level=level, seed=seed, mse=mse, active=active,
        exp_r=float(best_feature(np.exp(np.clip(code, -30, 30)), probability).mean()),
        odds_r=float(best_feature(code, odds).mean()),
        spearman=float(best_feature(ranks(code), ranks(odds)).mean()),
    )  # fmt: skip


def at_error(scores: list[Score], mse: float, field: str = "exp_r") -> float:
    """The score at an equal error, interpolated between the levels of one kind and seed.

    nan where no level comes within 20 % of `mse` and none lies on either side.
    """
    points = sorted((s.mse, getattr(s, field)) for s in scores)
    errors, values = np.array(points).T
    if mse < errors[0] * 0.8 or mse > errors[-1] * 1.2:
        return float("nan")
    return float(np.interp(np.log(mse), np.log(errors), values))
