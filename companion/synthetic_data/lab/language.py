"""A small language model on real text, and then on mixtures with its own samples.

The text is the King James Bible in lower case, cut into windows of 64 characters.  The model is
the neural language model of Bengio et al. (2003): the last eight characters, each as a vector, go
through one hidden layer.  Each seed has windows of its own for training, for choosing when to stop,
and for testing; no two of them overlap.  A model writes a window from nothing but marks for its
beginning, so its samples are draws from the distribution that it has learned.

When to stop takes the place of the penalty: training goes on for the same number of updates in
every arm, and the weights with the lowest loss on held-out real windows are kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
import pandas as pd
import torch
from torch import nn

from companion.corpora import king_james
from companion.scale import generator, one_thread, torch_generator
from companion.stats import over_seeds
from companion.sweep import sweep
from companion.synthetic_data.method.calibration import calibration
from companion.training import TrainingSettings, train

SEQ = 64
"""Characters of a window."""

CONTEXT = 8
"""Characters that the next one is told from; before the beginning of a window stands token 0."""

SCORES = ("loss", "accuracy", "ece", "over")
"""Of the next character on real test windows: log loss (nats), greedy accuracy, calibration."""

MIXTURE, ALONE = "mixture", "its real part alone"

MEASURED = 20
"""Times that the held-out loss is measured in a training."""


@dataclass(frozen=True)
class Recipe:
    """How every model is trained.

    n_train, n_held_out, n_test : windows; steps : updates; batch : characters of an update
    lr : peak learning rate
    """

    n_train: int
    n_held_out: int
    n_test: int
    steps: int
    batch: int = 256
    lr: float = 1e-2


@dataclass(frozen=True)
class Plan:
    """What the models of one size do.

    shape : width of a character's vector and of the hidden layer
    arms : (temperature, share) of each mixture; generations : K
    """

    shape: tuple[int, int]
    arms: tuple[tuple[float, float], ...]
    generations: int = 3


@dataclass(frozen=True)
class Lives:
    """What the models of one size did.

    mixed : (arm, generation, seed, score), generation 0 is the model of all real windows
    alone : (share, seed, score), the real windows that are left, alone
    shares : of `alone`
    stopped : (trainings, seed), the updates after which the held-out loss was lowest, as a share
    """

    plan: Plan
    seeds: np.ndarray
    mixed: np.ndarray
    alone: np.ndarray
    shares: tuple[float, ...]
    stopped: np.ndarray

    def at(self, score: str, temperature: float, share: float, generation: int = -1) -> np.ndarray:
        """One score of a mixture over seeds: (n_seeds,)."""
        arm = self.plan.arms.index((temperature, share))
        return self.mixed[arm, generation, :, SCORES.index(score)]

    def real_alone(self, score: str, share: float) -> np.ndarray:
        """One score of the real part alone over seeds: (n_seeds,)."""
        return self.alone[self.shares.index(share), :, SCORES.index(score)]


@cache
def all_windows() -> tuple[np.ndarray, int]:
    """Every window of the text, one after another: tokens (n, SEQ), and how many tokens exist.

    Raises
    ------
    CorpusUnavailable : the package that holds the text is not installed
    """
    text = king_james().text.lower()
    letters = sorted(set(text))
    places = np.zeros(max(map(ord, letters)) + 1, dtype=np.int64)
    places[[ord(one) for one in letters]] = np.arange(1, len(letters) + 1)
    tokens = places[np.fromiter(map(ord, text), dtype=np.int64)]
    return tokens[: len(tokens) // SEQ * SEQ].reshape(-1, SEQ), len(letters) + 1


def divided(recipe: Recipe, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Windows for training, for stopping, and for testing; a random choice without repetition."""
    windows, _ = all_windows()
    order = generator(seed, "windows").permutation(len(windows))
    first, second = recipe.n_train, recipe.n_train + recipe.n_held_out
    parts = order[:first], order[first:second], order[second : second + recipe.n_test]
    return tuple(windows[part] for part in parts)


class CharModel(nn.Module):
    """Scores of the next character from the last `CONTEXT` ones (Bengio et al. 2003)."""

    def __init__(self, vocab: int, width: int, hidden: int, rng: torch.Generator) -> None:
        """width : of a character's vector; hidden : of the layer behind them."""
        super().__init__()
        self.characters = nn.Embedding(vocab, width)
        self.hidden = nn.Linear(CONTEXT * width, hidden)
        self.scores = nn.Linear(hidden, vocab)
        with torch.no_grad():
            for part in (self.characters.weight, self.hidden.weight, self.scores.weight):
                part.normal_(0.0, part.shape[1] ** -0.5, generator=rng)
            for part in (self.hidden.bias, self.scores.bias):
                part.zero_()

    def forward(self, contexts: torch.Tensor) -> torch.Tensor:
        """contexts : int64 (n, CONTEXT); returns (n, vocab)"""
        return self.scores(torch.tanh(self.hidden(self.characters(contexts).flatten(1))))


def contexts_of(windows: np.ndarray) -> torch.Tensor:
    """Each character of some windows behind its context: int64 (windows * SEQ, CONTEXT + 1)."""
    padded = nn.functional.pad(torch.from_numpy(windows), (CONTEXT, 0))
    return padded.unfold(1, CONTEXT + 1, 1).reshape(-1, CONTEXT + 1)


def log_loss(model: CharModel, rows: torch.Tensor) -> torch.Tensor:
    """Mean log loss of the last column given the others, nats."""
    return nn.functional.cross_entropy(model(rows[:, :-1]), rows[:, -1])


def trained(
    shape: tuple[int, int], windows: np.ndarray, held_out: np.ndarray, recipe: Recipe, seed: int
) -> tuple[CharModel, float]:
    """A model at its lowest held-out loss, and the share of the updates that it took.

    Weights and order of the characters start from the seed alone, whatever the windows are.
    """
    _, vocab = all_windows()
    model = CharModel(vocab, *shape, torch_generator(seed, "language", "weights", *shape))
    rows, held = contexts_of(windows), contexts_of(held_out)
    best = {"loss": np.inf, "step": 0, "weights": None}

    def batch_at(step: int) -> torch.Tensor:
        return rows[generator(seed, "language", "batch", step).integers(0, len(rows), recipe.batch)]

    def measure(model: CharModel, step: int) -> dict[str, float]:
        loss = log_loss(model, held).item()
        if loss < best["loss"]:
            weights = {name: value.clone() for name, value in model.state_dict().items()}
            best.update(loss=loss, step=step, weights=weights)
        return {"loss": loss}

    steps = recipe.steps
    at = sorted({round(steps * i / MEASURED) for i in range(1, MEASURED + 1)})
    settings = TrainingSettings(steps=steps, lr=recipe.lr, warmup=0.05, floor=1.0, weight_decay=0.0)
    options = {"loss": log_loss, "measure": measure, "measure_at": at, "progress": False}
    train(model, batch_at, settings, seed=seed, **options)
    model.load_state_dict(best["weights"])
    return model, best["step"] / steps


@torch.inference_mode()
def written(model: CharModel, n: int, temperature: float, rng: torch.Generator) -> np.ndarray:
    """Windows that the model writes, tokens (n, SEQ); the mark is never written."""
    tokens = torch.zeros(n, CONTEXT, dtype=torch.int64)
    for _ in range(SEQ):
        logits = model(tokens[:, -CONTEXT:]) / temperature
        logits[:, 0] = -torch.inf
        new = torch.multinomial(torch.softmax(logits, -1), 1, generator=rng)
        tokens = torch.cat([tokens, new], 1)
    return tokens[:, CONTEXT:].numpy()


@torch.inference_mode()
def score(model: CharModel, windows: np.ndarray) -> np.ndarray:
    """`SCORES` of the next character on windows, (4,)."""
    rows = contexts_of(windows)
    logs = torch.log_softmax(model(rows[:, :-1]), -1)
    loss = -logs.gather(-1, rows[:, -1:]).mean().item()
    most, greedy = logs.max(-1)
    right = (greedy == rows[:, -1]).double().numpy()
    said = calibration(most.exp().double().numpy(), right, np.ones(right.size))
    return np.array([loss, right.mean(), said.error, said.over_confidence])


@one_thread()
def live(plan: Plan, recipe: Recipe, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One size and seed: mixtures, real parts alone, and when each training stopped."""
    real, held_out, test = divided(recipe, seed)
    first, at = trained(plan.shape, real, held_out, recipe, seed)
    start, stopped = score(first, test), [at]
    mixed = np.empty((len(plan.arms), plan.generations + 1, len(SCORES)))
    mixed[:, 0] = start
    shares = shares_of(plan)
    alone = np.empty((len(shares), len(SCORES)))

    def next_one(windows: np.ndarray) -> CharModel:
        model, at = trained(plan.shape, windows, held_out, recipe, seed)
        stopped.append(at)
        return model

    def kept(share: float) -> np.ndarray:
        # one choice of the windows that are kept per share, in every arm and generation
        order = generator(seed, "language", "kept", f"{share:g}").permutation(len(real))
        return real[order[round(share * len(real)) :]]

    for i, share in enumerate(shares):
        alone[i] = score(next_one(kept(share)), test)
    for i, (temperature, share) in enumerate(plan.arms):
        model, part = first, kept(share)
        for k in range(1, plan.generations + 1):
            rng = torch_generator(seed, "language", "written", f"{temperature:g}", f"{share:g}", k)
            own = written(model, len(real) - len(part), temperature, rng)
            model = next_one(np.concatenate([part, own]))
            mixed[i, k] = score(model, test)
    return mixed, alone, np.array(stopped)


def shares_of(plan: Plan) -> tuple[float, ...]:
    """Shares of the mixtures, each once."""
    return tuple(sorted({share for _, share in plan.arms}))


def run_lives(plan: Plan, recipe: Recipe, seeds: Sequence[int], *, n_jobs: int = 1) -> Lives:
    """All seeds of one size, side by side in `n_jobs` processes of one thread each.

    Raises
    ------
    CorpusUnavailable : the package that holds the text is not installed
    """
    done = sweep(partial(live, plan, recipe), list(seeds), n_jobs=n_jobs, label="language models")
    mixed, alone, stopped = (np.stack(part, axis=-1) for part in zip(*done, strict=True))
    # seeds last, and the scores behind them
    return Lives(
        plan,
        np.asarray(seeds),
        np.moveaxis(mixed, -1, -2),
        np.moveaxis(alone, -1, -2),
        shares_of(plan),
        stopped,
    )


def changes(one: Lives) -> pd.DataFrame:
    """Changes against generation 0 at T = 1: kind, share, k, and each score with its interval.

    The real part alone has no generations, and is the same in each.
    """
    rows = []
    for temperature, share in one.plan.arms:
        for k in range(one.mixed.shape[1]) if temperature == 1 else ():
            for kind in (MIXTURE, ALONE):
                row = {"kind": kind, "share": share, "k": k}
                for name in SCORES:
                    now = one.at(name, 1.0, share, k)
                    if kind == ALONE:
                        now = one.real_alone(name, share)
                    change = now - one.at(name, 1.0, share, 0)
                    found = over_seeds(change)
                    ends = (found.low, found.high) if change.any() else (0.0, 0.0)
                    row |= {name: found.estimate, f"{name}_low": ends[0], f"{name}_high": ends[1]}
                rows.append(row)
    return pd.DataFrame(rows)
