"""Training to predict the name, and what is measured on a trained network.

Every batch is sampled anew, so nothing can be memorized.  With ``targets="exact"`` the sampled
name is replaced by its distribution p(y|x): the same population loss without the noise of labels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from companion.next_token_concepts.lab import measurements as ms
from companion.next_token_concepts.lab import twins
from companion.next_token_concepts.lab.networks import BagPerceptron, Transformer
from companion.next_token_concepts.method import theory
from companion.next_token_concepts.method.world import World, make_world
from companion.scale import derive_seed, generator, one_thread
from companion.training import TrainingDiverged

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
    twins: twins.Twins


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
    features = ms.regressors(world, contexts, log_p)
    odds = theory.log_odds(log_p, world.configs)
    words = torch.from_numpy(contexts.words)
    states, first = model.states(words), untrained.states(words)
    logits = model.name_logits(states[-1]).double().numpy()
    raw = untrained.name_logits(first[-1]).double().numpy()
    contrast, curve = ms.contrasts(logits), theory.g_eta(plan.eta, odds)
    dec = {"counts": features["bag"], "untrained": first[-1].double().numpy()}
    dec |= {f"layer {i}": h.double().numpy() for i, h in enumerate(states[:-1])}
    dec |= {"f": states[-1].double().numpy()}
    centered = curve - curve.mean(0)
    return Trained(
        plan=plan,
        excess=ms.excess(world, log_p, logits),
        enc=ms.encoding(features, logits),
        enc_exact=ms.encoding(features, features["oracle"]),
        enc_untrained=ms.encoding(features, raw),
        curve_r2=ms.r2_no_fit(curve, contrast),
        slope=float((centered * contrast).sum() / (centered**2).sum()),
        curve=np.stack([odds[:150].ravel(), contrast[:150].ravel()], axis=1),
        dec={place: ms.decoding(values, odds) for place, values in dec.items()},
        losses=stretch_means(losses),
        twins=twins.measure(
            world, lambda w: representation(model, w), length, generator(plan.seed, "ntc twins")
        ),
    )


@one_thread()
def train_and_evaluate(plan: Plan, length: int, n: int) -> Trained:
    """One run from world to measurements, on one thread."""
    world = world_of(plan.seed, plan.eta, plan.m)
    model, untrained, losses = TRAINERS[plan.network](world, plan)
    return evaluate(world, model, untrained, plan, length=length, n=n, losses=losses)
