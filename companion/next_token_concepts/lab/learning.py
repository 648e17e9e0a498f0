"""Networks that learn to predict the next token, and what is measured on a trained one.

*Plain* next-token prediction: a transformer reads sampled sentences, and its loss is the mean
cross-entropy of every token given those before it, the name being one among them.  The other
networks are perceptrons on word counts that are given p(y|x) in place of a sampled name: the same
population loss without the noise of labels.  Every batch of sentences is sampled anew.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
WIDER = 6
"""Hidden width of a block's MLP, in widths of the stream."""


class Block(nn.Module):
    """Pre-norm attention and MLP; (batch, seq, d) to (batch, seq, d), causal."""

    def __init__(self, d: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.norm_1, self.norm_2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.qkv, self.out = nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.up, self.down = nn.Linear(d, WIDER * d), nn.Linear(WIDER * d, d)

    def forward(self, h: Tensor) -> Tensor:
        """The residual stream after this block."""
        batch, seq, d = h.shape
        qkv = self.qkv(self.norm_1(h)).view(batch, seq, 3, self.n_heads, d // self.n_heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each (batch, heads, seq, d / heads)
        mixed = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        h = h + self.out(mixed.transpose(1, 2).reshape(batch, seq, d))
        return h + self.down(nn.functional.gelu(self.up(self.norm_2(h))))


class Transformer(nn.Module):
    """Decoder on BOS, words, ASK, name; unembedding untied and without bias.

    Tokens 0 to V - 1 are words, V to V + Y - 1 names, then BOS and ASK.
    """

    def __init__(
        self, world: World, *, d: int, n_layers: int = 1, n_heads: int = 2, longest: int = 16
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


Network = Transformer | BagPerceptron

# ----------------------------------------------------------------------------------------- learning
LR, BATCH, POOL = 3e-3, 256, 20_000
SHORTEST, LONGEST = 4, 16
SENTENCE = 12
"""Words of the sentences that transformers read; perceptrons are given SHORTEST to LONGEST."""

FIXED = 7
"""Width of f_x that eight names fix: as many coordinates as there are differences of names."""

GATE = 0.03
"""A claim on a trained network counts only if it misses less than this share of I(x; y)."""

STOPS = 8
"""How often a training is looked at."""


class Plan(NamedTuple):
    """One training run: error of the names, seed, updates, width of f_x, kind of network."""

    eta: float
    seed: int
    steps: int
    d: int
    network: str = "transformer"
    m: int = 4


Watch = Callable[[int], None]


def rate(step: int, steps: int) -> float:
    """Learning rate: constant, then linear to zero over the last half."""
    return LR * min(1.0, 2 * (1 - step / steps))


def stops(steps: int) -> list[int]:
    """Numbers of updates after which a training is looked at; the last is `steps`."""
    return sorted({round(steps * 2.0 ** (i - STOPS + 1)) for i in range(STOPS)} - {0})


def fit(
    model: nn.Module,
    loss_at: Callable[[int], Tensor],
    steps: int,
    seed: int = 0,
    watch: Watch = lambda done: None,
) -> None:
    """Adam on ``loss_at(step)``; ``watch(done)`` at each of :func:`stops`.

    Raises ``TrainingDiverged`` at the first loss that is not finite.
    """
    optimizer = torch.optim.Adam(model.parameters(), lr=LR, fused=True)
    marks = set(stops(steps))
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = rate(step, steps)
        loss = loss_at(step)
        if not torch.isfinite(loss):
            raise TrainingDiverged(f"step {step}, seed {seed}: loss {loss.item()}")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step + 1 in marks:
            watch(step + 1)


def soft_cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Mean cross-entropy against distributions; both (N, Y)."""
    return -(target * logits.log_softmax(-1)).sum(-1).mean()


def world_of(seed: int, eta: float, m: int = 4) -> World:
    """The world of a seed; its contexts are the same for every eta."""
    return make_world(generator(seed, "ntc world", m), eta, m=m)


def sentences(
    model: Transformer, world: World, n: int, length: int, rng: np.random.Generator
) -> Tensor:
    """Sampled sentences: BOS, words, ASK and one name; int64 (n, length + 3)."""
    labels, words = world.sample(n, length, rng)
    names = torch.from_numpy(world.sample_names(labels, rng) + world.n_words)
    return torch.cat([model.tokens(torch.from_numpy(words)), names[:, None]], dim=1)


def plain_loss(model: Transformer, tokens: Tensor) -> Tensor:
    """Mean cross-entropy of every token given those before it, in nats: all count alike."""
    logits = model(tokens[:, :-1])
    return nn.functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())


def plain_transformer(world: World, plan: Plan) -> tuple[Transformer, Callable[[int], Tensor]]:
    """A fresh transformer, and the loss of each update of plain next-token prediction."""
    torch.manual_seed(derive_seed(plan.seed, "ntc weights", plan.eta))
    model = Transformer(world, d=plan.d, longest=SENTENCE)
    rng = generator(plan.seed, "ntc batches", plan.eta)

    def loss_at(_step: int) -> Tensor:
        return plain_loss(model, sentences(model, world, BATCH, SENTENCE, rng))

    return model, loss_at


def exact_perceptron(world: World, plan: Plan) -> tuple[BagPerceptron, Callable[[int], Tensor]]:
    """A fresh perceptron, and the cross-entropy of each update against p(y|x).

    A pool of contexts is sampled once, because the sampler would take longer than the network.
    """
    torch.manual_seed(derive_seed(plan.seed, "ntc perceptron", plan.eta))
    model = BagPerceptron(world, d=plan.d)
    rng = generator(plan.seed, "ntc pool", plan.eta)
    lengths = range(SHORTEST, LONGEST + 1)
    parts = [world.sample(POOL // len(lengths), length, rng).words for length in lengths]
    features = torch.cat([model.features(torch.from_numpy(words)) for words in parts])
    log_p = np.concatenate([world.log_posterior(words) for words in parts])
    target = torch.from_numpy(np.exp(theory.log_predict(log_p, world.names))).float()

    def loss_at(_step: int) -> Tensor:
        rows = rng.integers(0, len(features), BATCH)
        return soft_cross_entropy(model(features[rows]), target[rows])

    return model, loss_at


KINDS = {"transformer": plain_transformer, "perceptron": exact_perceptron}


@torch.no_grad()
def representation(model: Network, words: np.ndarray) -> np.ndarray:
    """f_x of contexts: float64 (N, d)."""
    return model.states(torch.from_numpy(words))[-1].double().numpy()


@torch.no_grad()
def logits_of(model: Network, f: np.ndarray) -> np.ndarray:
    """Name logits of f_x: float64 (N, Y)."""
    return model.name_logits(torch.from_numpy(f).float()).double().numpy()


# ---------------------------------------------------------------------------------------- measuring
class Trained(NamedTuple):
    """What is measured on one network, with the world's own exact answers beside it.

    course : (stops, 2), updates and KL / I after them; excess : the last KL / I
    logits, vector : held-out R2 of the centered name logits, and of f_x itself, by regressor
    exact, untrained : the same of a perfect predictor's logits, and of the untrained network's
    curve_r2 : R2 of the contrasts around g_eta, nothing fitted
    curve : (points, 2) of log odds and contrasts, a sample
    dec : place -> (m,), R2_dec from counts, an untrained f_x, each layer, f_x
    twins : directions and probes on counterfactual pairs; None where they are not asked for
    """

    plan: Plan
    course: np.ndarray
    excess: float
    logits: dict[str, float]
    vector: dict[str, float]
    exact: dict[str, float]
    untrained: dict[str, float]
    curve_r2: float
    curve: np.ndarray
    dec: dict[str, np.ndarray]
    twins: measurements.Twins | None


@one_thread()
def train_and_measure(plan: Plan, length: int, n: int, twins: bool = False) -> Trained:
    """One run from world to measurements on `n` fresh contexts of `length` words."""
    world = world_of(plan.seed, plan.eta, plan.m)
    model, loss_at = KINDS[plan.network](world, plan)
    contexts = world.sample(n, length, generator(plan.seed, "ntc evaluation"))
    log_p = world.log_posterior(contexts.words)
    words = torch.from_numpy(contexts.words)
    with torch.no_grad():
        first = model.states(words)[-1].double().numpy()
    raw, course = logits_of(model, first), []

    def watch(done: int) -> None:
        f = representation(model, contexts.words)
        course.append((done, measurements.excess(world, log_p, logits_of(model, f))))

    fit(model, loss_at, plan.steps, plan.seed, watch)
    with torch.no_grad():
        states = [h.double().numpy() for h in model.states(words)]
    logits = logits_of(model, states[-1])
    features = measurements.regressors(world, contexts, log_p)
    odds = theory.log_odds(log_p, world.configs)
    contrast, curve = measurements.contrasts(logits), theory.g_eta(plan.eta, odds)
    places = {"counts": features["bag"], "untrained": first}
    places |= {f"layer {i}": h for i, h in enumerate(states[:-1])} | {"f": states[-1]}
    pairs = generator(plan.seed, "ntc twins")
    return Trained(
        plan=plan,
        course=np.array(course),
        excess=course[-1][1],
        logits=measurements.encoding(features, theory.centred(logits)),
        vector=measurements.encoding(features, states[-1]),
        exact=measurements.encoding(features, features["oracle"]),
        untrained=measurements.encoding(features, theory.centred(raw)),
        curve_r2=measurements.r2_no_fit(curve, contrast),
        curve=np.stack([odds[:60].ravel(), contrast[:60].ravel()], axis=1),
        dec={place: measurements.decoding(values, odds) for place, values in places.items()},
        twins=measurements.measure_twins(
            world, lambda new: representation(model, new), length, pairs
        )
        if twins
        else None,
    )


# ------------------------------------------------------------------------------------------ reading
XOR = (0, 3)
"""Concepts without a hint of their own."""


def at(runs: Sequence[Trained], eta: float) -> list[Trained]:
    """The runs of one eta."""
    return [run for run in runs if run.plan.eta == eta]


def column(runs: Sequence[Trained], of: str, name: str) -> np.ndarray:
    """R2 of one regressor by seed; of : ``logits``, ``vector``, ``exact``, ``untrained``."""
    return np.array([getattr(run, of)[name] for run in runs])


def lead(runs: Sequence[Trained], of: str, name: str) -> np.ndarray:
    """R2 from the log marginals minus that from another regressor, by seed."""
    return column(runs, of, "LM") - column(runs, of, name)


def decoded(runs: Sequence[Trained], place: str) -> np.ndarray:
    """R2_dec of the concepts without a hint of their own, mean per seed."""
    return np.array([run.dec[place][list(XOR)].mean() for run in runs])
