"""Training to predict the name: two small networks, and what is measured on a trained one.

Training to predict the name, and what is measured on a trained network.

Every batch is sampled anew, so nothing can be memorized.  With ``targets="exact"`` the sampled
name is replaced by its distribution p(y|x): the same population loss without the noise of labels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from companion.next_token_concepts.lab import measurements
from companion.next_token_concepts.method import theory
from companion.next_token_concepts.method.world import World, make_world
from companion.scale import derive_seed, generator, one_thread
from companion.training import TrainingDiverged


# ----------------------------------------------------------------------------------------- networks
class Block(nn.Module):
    """Pre-norm attention and MLP; (batch, seq, d) to (batch, seq, d), causal."""

    def __init__(self, d: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.norm_1, self.norm_2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.qkv, self.out = nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.up, self.down = nn.Linear(d, 4 * d), nn.Linear(4 * d, d)

    def forward(self, h: Tensor) -> Tensor:
        """The residual stream after this block."""
        batch, seq, d = h.shape
        qkv = self.qkv(self.norm_1(h)).view(batch, seq, 3, self.n_heads, d // self.n_heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each (batch, heads, seq, d / heads)
        mixed = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        h = h + self.out(mixed.transpose(1, 2).reshape(batch, seq, d))
        return h + self.down(nn.functional.gelu(self.up(self.norm_2(h))))


class Transformer(nn.Module):
    """Decoder on BOS, words, ASK; unembedding untied and without bias.

    Tokens 0 to V - 1 are words, V to V + Y - 1 names, then BOS and ASK.
    """

    def __init__(
        self, world: World, *, d: int, n_layers: int = 2, n_heads: int = 4, longest: int = 16
    ) -> None:
        super().__init__()
        self.n_words, self.n_names = world.n_words, world.n_names
        self.bos = self.n_words + self.n_names
        self.ask = self.bos + 1
        self.embedding = nn.Embedding(self.ask + 1, d)
        self.positions = nn.Embedding(longest + 2, d)
        self.blocks = nn.ModuleList(Block(d, n_heads) for _ in range(n_layers))
        self.norm = nn.LayerNorm(d)
        self.unembedding = nn.Linear(d, self.ask + 1, bias=False)
        nn.init.normal_(self.embedding.weight, std=0.3)
        nn.init.normal_(self.positions.weight, std=0.1)

    def tokens(self, words: Tensor) -> Tensor:
        """(N, n) words to (N, n + 2) tokens with BOS in front and ASK behind."""
        edge = words.new_empty(len(words), 1)
        return torch.cat([edge * 0 + self.bos, words, edge * 0 + self.ask], dim=1)

    def stream(self, tokens: Tensor) -> list[Tensor]:
        """Residual stream after the embedding and each block, then f_x: (N, seq, d) each."""
        h = self.embedding(tokens) + self.positions.weight[: tokens.shape[1]]
        found = [h]
        for block in self.blocks:
            found.append(block(found[-1]))
        return [*found, self.norm(found[-1])]

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits of the next token at every position, (N, seq, V + Y + 2)."""
        return self.unembedding(self.stream(tokens)[-1])

    def states(self, words: Tensor) -> list[Tensor]:
        """The stream at ASK, where the name is predicted: (N, d) each, f_x last."""
        return [h[:, -1] for h in self.stream(self.tokens(words))]

    def name_logits(self, f: Tensor) -> Tensor:
        """W_U f_x of the names: (N, Y)."""
        return f @ self.unembedding.weight[self.n_words : self.bos].T


class Perceptron(nn.Module):
    """Features of a context to name logits; the layer before the last is f_x.

    ReLU layers of `widths`, then a linear layer to f_x of width `d`, then W_U without bias.
    """

    def __init__(
        self, n_in: int, n_names: int, *, widths: tuple[int, ...] = (64, 64), d: int = 16
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for width in widths:
            layers += [nn.Linear(n_in, width), nn.ReLU()]
            n_in = width
        self.encoder = nn.Sequential(*layers, nn.Linear(n_in, d))
        self.unembedding = nn.Linear(d, n_names, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        """(N, n_in) to logits (N, n_names)."""
        return self.unembedding(self.encoder(features))

    def name_logits(self, f: Tensor) -> Tensor:
        """W_U f_x: (N, Y)."""
        return self.unembedding(f)


class BagPerceptron(Perceptron):
    """A perceptron that reads word counts, and so cannot see the order of words."""

    def __init__(self, world: World, *, d: int) -> None:
        super().__init__(world.n_words, world.n_names, d=d)
        self.n_words = world.n_words

    def features(self, words: Tensor) -> Tensor:
        """(N, n) words to counts, (N, V), scaled to the order of one."""
        return nn.functional.one_hot(words, self.n_words).sum(1).float() / 4

    def states(self, words: Tensor) -> list[Tensor]:
        """Counts, the two hidden layers, f_x: (N, width) each."""
        found = [self.features(words)]
        for layer in self.encoder:
            found.append(layer(found[-1]))
        return [found[0], *found[2:-1:2], found[-1]]


# ----------------------------------------------------------------------------------------- learning
TARGETS = ("exact", "sampled")
LR, BATCH, POOL = 3e-3, 256, 20_000
SHORTEST, LONGEST = 4, 16
STAKE = 0.5
"""What the name's information is scaled to in the transformer's loss, in nats."""

GATE = 0.03
"""A claim on a trained network counts only if it misses less than this share of I(x; y)."""


class Plan(NamedTuple):
    """One training run: noise of the names, seed, targets, updates, width, kind of network."""

    eta: float
    seed: int
    targets: str
    steps: int
    d: int
    network: str = "transformer"
    m: int = 4


class Trained(NamedTuple):
    """What is measured on one network, with the world's own exact answers beside it.

    excess : KL / I at the evaluated length; enc, enc_exact, enc_untrained : R2_enc by regressor
    curve_r2 : R^2 of the contrasts around g_eta, nothing fitted
    curve : (points, 2) of log odds and contrasts, a sample
    slope : least-squares slope of the contrasts on g_eta
    dec : place -> (m,), R2_dec from counts, an untrained f_x, each layer, f_x
    losses : training losses, averaged over stretches
    twins : directions and probes on counterfactual pairs
    """

    plan: Plan
    excess: float
    enc: dict[str, float]
    enc_exact: dict[str, float]
    enc_untrained: dict[str, float]
    curve_r2: float
    slope: float
    curve: np.ndarray
    dec: dict[str, np.ndarray]
    losses: np.ndarray
    twins: measurements.Twins


def rate(step: int, steps: int) -> float:
    """Learning rate: constant, then linear to zero over the last half."""
    return LR * min(1.0, 2 * (1 - step / steps))


def fit(
    model: nn.Module, loss_at: Callable[[int], Tensor], steps: int, seed: int = 0
) -> np.ndarray:
    """Adam on ``loss_at(step)``; the training losses, (steps,).

    Raises ``TrainingDiverged`` at the first loss that is not finite.
    """
    optimizer = torch.optim.Adam(model.parameters(), lr=LR)
    losses = np.empty(steps)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = rate(step, steps)
        loss = loss_at(step)
        losses[step] = loss.item()
        if not np.isfinite(losses[step]):
            raise TrainingDiverged(f"step {step}, seed {seed}: loss {losses[step]}")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses


def soft_cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Mean cross-entropy against distributions; both (N, Y)."""
    return -(target * logits.log_softmax(-1)).sum(-1).mean()


def name_targets(
    world: World, words: np.ndarray, labels: np.ndarray, targets: str, rng: np.random.Generator
) -> Tensor:
    """(N, Y) distributions: p(y|x), or one sampled name."""
    if targets not in TARGETS:
        raise ValueError(f"unknown targets {targets!r}; choose one of {', '.join(TARGETS)}")
    if targets == "exact":
        found = np.exp(theory.log_predict(world.log_posterior(words), world.names))
    else:
        found = np.eye(world.n_names)[world.sample_names(labels, rng)]
    return torch.from_numpy(found).float()


def train_transformer(world: World, plan: Plan) -> tuple[Transformer, Transformer, np.ndarray]:
    """(trained network, the same before training, losses).

    The loss is the cross-entropy of the next token: its mean over the words (given the words
    before), plus that of the name after ASK times a weight.  The weight makes I(x; y) count as
    STAKE nats whatever the names' error; as one position among many, vague names have so little
    to say (0.017 nats at eta 0.3) that 2000 updates leave a fifth of it unlearned.
    """
    torch.manual_seed(derive_seed(plan.seed, "ntc weights", plan.eta))
    model = Transformer(world, d=plan.d, longest=LONGEST)
    untrained = Transformer(world, d=plan.d, longest=LONGEST)
    untrained.load_state_dict(model.state_dict())
    rng = generator(plan.seed, "ntc batches", plan.eta, plan.targets)
    vocab = model.ask + 1
    sample = world.sample(2048, 12, generator(plan.seed, "ntc information")).words
    weight = STAKE / theory.information(world.log_posterior(sample), world.names)

    def loss_at(step: int) -> Tensor:
        length = int(rng.integers(SHORTEST, LONGEST + 1))
        labels, words = world.sample(BATCH, length, rng)
        target = name_targets(world, words, labels, plan.targets, rng)
        tokens = model.tokens(torch.from_numpy(words))
        logits = model(tokens)
        # the word after BOS and each word after it; ASK itself is never predicted from a name
        plain = nn.functional.cross_entropy(
            logits[:, :-1].reshape(-1, vocab), tokens[:, 1:].reshape(-1)
        )
        wide = logits[:, -1].log_softmax(-1)[:, world.n_words : model.bos]
        return plain - weight * (target * wide).sum(-1).mean()

    return model, untrained, fit(model, loss_at, plan.steps, plan.seed)


def stretch_means(losses: np.ndarray, n: int = 40) -> np.ndarray:
    """Means over `n` stretches of equal length."""
    return np.array([part.mean() for part in np.array_split(losses, min(n, len(losses)))])


def world_of(seed: int, eta: float, m: int = 4) -> World:
    """The world of a seed; its contexts are the same for every eta."""
    return make_world(generator(seed, "ntc world", m), eta, m=m)


def train_perceptron(world: World, plan: Plan) -> tuple[BagPerceptron, BagPerceptron, np.ndarray]:
    """As :func:`train_transformer`, for the order-free network; the loss is that of the name.

    A pool of contexts is sampled once, because the sampler would take longer than the network;
    sampled names are drawn anew in every batch.
    """
    torch.manual_seed(derive_seed(plan.seed, "ntc perceptron", plan.eta))
    model, untrained = BagPerceptron(world, d=plan.d), BagPerceptron(world, d=plan.d)
    untrained.load_state_dict(model.state_dict())
    rng = generator(plan.seed, "ntc pool", plan.eta, plan.targets)
    lengths = range(SHORTEST, LONGEST + 1)
    parts = [world.sample(POOL // len(lengths), length, rng) for length in lengths]
    labels = np.concatenate([part.labels for part in parts])
    features = torch.cat([model.features(torch.from_numpy(part.words)) for part in parts])
    exact = torch.cat(
        [name_targets(world, part.words, part.labels, "exact", rng) for part in parts]
    )

    def loss_at(step: int) -> Tensor:
        rows = rng.integers(0, len(labels), BATCH)
        target = exact[rows]
        if plan.targets == "sampled":
            target = name_targets(world, np.empty((0, 0)), labels[rows], "sampled", rng)
        return soft_cross_entropy(model(features[rows]), target)

    return model, untrained, fit(model, loss_at, plan.steps, plan.seed)


Network = Transformer | BagPerceptron
TRAINERS = {"transformer": train_transformer, "perceptron": train_perceptron}


@torch.no_grad()
def representation(model: Network, words: np.ndarray) -> np.ndarray:
    """f_x of contexts: float64 (N, d)."""
    return model.states(torch.from_numpy(words))[-1].double().numpy()


@torch.no_grad()
def evaluate(
    world: World,
    model: Network,
    untrained: Network,
    plan: Plan,
    *,
    length: int,
    n: int,
    losses: np.ndarray,
) -> Trained:
    """All measurements of E1 to E4 on `n` fresh contexts of `length` words."""
    contexts = world.sample(n, length, generator(plan.seed, "ntc evaluation"))
    log_p = world.log_posterior(contexts.words)
    features = measurements.regressors(world, contexts, log_p)
    odds = theory.log_odds(log_p, world.configs)
    words = torch.from_numpy(contexts.words)
    states, first = model.states(words), untrained.states(words)
    logits = model.name_logits(states[-1]).double().numpy()
    raw = untrained.name_logits(first[-1]).double().numpy()
    contrast, curve = measurements.contrasts(logits), theory.g_eta(plan.eta, odds)
    dec = {"counts": features["bag"], "untrained": first[-1].double().numpy()}
    dec |= {f"layer {i}": h.double().numpy() for i, h in enumerate(states[:-1])}
    dec |= {"f": states[-1].double().numpy()}
    centered = curve - curve.mean(0)
    return Trained(
        plan=plan,
        excess=measurements.excess(world, log_p, logits),
        enc=measurements.encoding(features, logits),
        enc_exact=measurements.encoding(features, features["oracle"]),
        enc_untrained=measurements.encoding(features, raw),
        curve_r2=measurements.r2_no_fit(curve, contrast),
        slope=float((centered * contrast).sum() / (centered**2).sum()),
        curve=np.stack([odds[:150].ravel(), contrast[:150].ravel()], axis=1),
        dec={place: measurements.decoding(values, odds) for place, values in dec.items()},
        losses=stretch_means(losses),
        twins=measurements.measure(
            world, lambda w: representation(model, w), length, generator(plan.seed, "ntc twins")
        ),
    )


@one_thread()
def train_and_evaluate(plan: Plan, length: int, n: int) -> Trained:
    """One run from world to measurements, on one thread."""
    world = world_of(plan.seed, plan.eta, plan.m)
    model, untrained, losses = TRAINERS[plan.network](world, plan)
    return evaluate(world, model, untrained, plan, length=length, n=n, losses=losses)
