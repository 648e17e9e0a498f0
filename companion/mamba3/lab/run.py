"""The parts of the experiment, each from the settings to its result."""

from __future__ import annotations

from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from companion import data
from companion.mamba3 import hub
from companion.mamba3.lab import (
    checks,
    language,
    recall,
    timing,
    tracking,
)
from companion.mamba3.lab.models import Probe
from companion.mamba3.settings import Settings
from companion.scale import one_thread, torch_generator
from companion.stats import over_seeds


@one_thread()
def agreement(settings: Settings, seed: int) -> dict[str, float]:
    """Largest difference of every form from the recurrence (C1)."""
    return checks.disagreements(settings.n_systems, seed)


@one_thread()
def gradient(seed: int) -> float:
    """The gradient's relative gap to central differences (C1)."""
    return checks.gradient_disagreement(seed)


@one_thread()
def kernels() -> dict[str, dict[str, float]]:
    """Errors against the recorded kernels, right and with each mistake (C2)."""
    return checks.mistake_errors()


def orders(settings: Settings) -> dict[str, checks.Order]:
    """Orders of all rules on two equations."""
    return checks.orders(settings.step_counts)


def random_orders(settings: Settings, seed: int) -> dict[str, np.ndarray]:
    """Orders over random equations (C3, C11)."""
    return checks.random_orders(settings.step_counts, settings.n_equations, seed)


@one_thread()
def built_by_hand(settings: Settings, seed: int) -> dict[str, float]:
    """Accuracy of the layers built by hand on parity and on the walk modulo 3."""
    bits = tracking.random_bits(16, settings.rotor_length, seed)
    source = torch_generator(seed, "rotor")
    moves = torch.randint(-1, 2, (16, settings.rotor_length), generator=source)
    return {
        "parity": tracking.parity_accuracy(bits),
        "modulo 3": tracking.walk_accuracy(moves, 3),
        "parity without a turn": tracking.parity_accuracy(bits, turn=0.0),
    }


def parity(settings: Settings, seed: int) -> dict[str, tracking.Tracked]:
    """Train and read every arm on parity (C4, C12)."""
    return _track("parity", settings.parity_arms, settings, seed)


THREE_SEEDS = 7_000
"""Added to the seed for the walk modulo 3: its seeds are no other task's."""


def modulo_three(settings: Settings, seed: int) -> dict[str, tracking.Tracked]:
    """Train and read the arms on the walk modulo 3 (C5)."""
    return _track("modulo 3", settings.three_arms, settings, seed)


COUNTING = ("Mamba-3", "real, both signs")
"""Arms of which some seeds may solve parity; the others stay at chance."""


def _track(
    task: str, arms: tuple[str, ...], settings: Settings, seed: int
) -> dict[str, tracking.Tracked]:
    return tracking.track_all(
        task,
        {arm: training(settings, task, arm) for arm in arms},
        settings.longest,
        settings.n_read,
        seed,
        n_jobs=settings.n_jobs or None,
    )


def training(settings: Settings, task: str, arm: str) -> tracking.Training:
    """How a layer that tracks states is trained on one of the two tasks.

    Only the number of seeds depends on the arm: a share of seeds needs more of them.
    """
    lengths = settings.parity_lengths if task == "parity" else settings.three_lengths
    is_blind = task == "parity" and arm not in COUNTING
    n_seeds = settings.chance_seeds if is_blind else settings.track_seeds
    return tracking.Training(n_seeds, settings.track_steps, settings.track_batch, lengths)


def trainings(settings: Settings) -> dict[str, dict[str, object]]:
    """Sizes of the three kinds of training: what is trained -> name of a size -> its value."""
    one = training(settings, "parity", "Mamba-3")
    counts, recalls = tracking.VARIANTS["Mamba-3"], recall.arm_mixer("Mamba-3", settings.part_size)
    with torch.random.fork_rng(devices=[]):
        reads = language.family_model("Mamba-3", 2)
    letters = settings.text_steps * settings.text_batch * language.SEQ
    return {
        "counting": {
            "layers": signature(Probe).parameters["n_layers"].default,
            "width": counts.d_model,
            "state size N": counts.d_state,
            "Δ at the start, least and largest": counts.dt_range,
            "longest walk, parity": settings.parity_lengths,
            "longest walk, modulo 3": settings.three_lengths,
            "sequences of an update": settings.track_batch,
            "updates": settings.track_steps,
            "learning rate": one.lr,
            "seeds": settings.track_seeds,
        },
        "recall": {
            "layers": recall.N_LAYERS,
            "width": recall.D_MODEL,
            "state size N": settings.state_sizes,
            "Δ at the start, least and largest": recalls.dt_range,
            "pairs": settings.n_pairs,
            "sequences of an update": settings.recall_batch,
            "updates": settings.recall_steps,
            "learning rate": settings.rates,
            "seeds": settings.recall_seeds,
        },
        "text": {
            "layers": reads.n_layers,
            "width": reads.mixer.d_model,
            "state size N": reads.mixer.d_state,
            "Δ at the start, least and largest": reads.mixer.dt_range,
            "characters of a window": language.SEQ,
            "characters read": letters,
            "sequences of an update": settings.text_batch,
            "updates": settings.text_steps,
            "learning rate": settings.text_rate,
            "seeds": settings.text_seeds,
        },
    }


def modulo_five(settings: Settings, seed: int) -> dict[str, dict[str, np.ndarray]] | data.Missing:
    """Train and read the arms on arithmetic modulo 5, where the settings ask for it (C16)."""
    if not settings.arithmetic_arms:
        return data.Missing(
            "three layers and 10⁵ updates, so at paper scale; in a pilot without brackets 80,000 "
            "expressions of up to 40 symbols, with the one label at the end, taught neither "
            "Mamba-3 nor Mamba-2 anything"
        )
    return tracking.calculate_all(
        settings.arithmetic_arms,
        training(settings, "parity", "Mamba-3"),
        256,
        settings.n_read,
        seed,
        n_jobs=settings.n_jobs or None,
    )


@dataclass(frozen=True)
class Rates:
    """Peak learning rates compared: arm to losses, (n_rates, n_seeds), nats a question.

    rates : (n_rates,), ascending
    """

    rates: tuple[float, ...]
    losses: dict[str, np.ndarray]

    def means(self, part: str) -> np.ndarray:
        """Mean loss over seeds, (n_rates,); infinite where a seed diverged."""
        means = self.losses[part].mean(1)
        return np.where(np.isfinite(means), means, np.inf)

    def chosen(self, part: str) -> int:
        """Place of the rate with the smallest mean loss; the first one where none is finite."""
        return int(np.argmin(self.means(part)))

    def best(self, part: str) -> float:
        """The rate with the smallest mean loss."""
        return self.rates[self.chosen(part)]

    def at_an_edge(self, *parts: str) -> list[str]:
        """Those arms whose best rate is the smallest or the largest: another may be better."""
        return [part for part in parts if self.best(part) in (self.rates[0], self.rates[-1])]

    def possible(self, part: str) -> list[int]:
        """Places of the rates that may be the best one, the chosen one first.

        Its loss is below that of another, where the 95 % interval of their difference, paired over
        seeds, says so; a rate at which a seed diverged is not possible.
        """
        best = self.chosen(part)
        rest = [
            i
            for i in np.flatnonzero(np.isfinite(self.means(part)))
            if i != best and not over_seeds(self.losses[part][i] - self.losses[part][best]).low > 0
        ]
        return [best, *map(int, rest)]


def compare_rates(settings: Settings, seed: int) -> Rates:
    """Every arm at every learning rate, on seeds that nothing else is trained with."""
    seeds = tuple(range(seed + 500, seed + 500 + settings.rate_seeds))
    parts = tuple(dict.fromkeys(("Mamba-3", "Mamba-2", *settings.parts)))
    arms = [
        recall.Arm(part, settings.part_size, rate, seeds)
        for part in parts
        for rate in settings.rates
    ]
    found = _recall(arms, settings)
    losses = np.array([one.final for one in found]).reshape(len(parts), len(settings.rates), -1)
    return Rates(settings.rates, dict(zip(parts, losses, strict=True)))


def recalled(rates: Rates, settings: Settings, seed: int) -> tuple[recall.Recalled, ...]:
    """Both families at every state size, and the parts at one (C6, C7), each at its best rate."""
    seeds = tuple(range(seed, seed + settings.recall_seeds))
    wanted = [(family, n) for family in ("Mamba-3", "Mamba-2") for n in settings.state_sizes]
    wanted += [(part, settings.part_size) for part in settings.parts]
    arms = [recall.Arm(part, n, rates.best(part), seeds) for part, n in dict.fromkeys(wanted)]
    return _recall(arms, settings)


def _recall(arms: list[recall.Arm], settings: Settings) -> tuple[recall.Recalled, ...]:
    return recall.recall_all(
        arms,
        n_pairs=settings.n_pairs,
        steps=settings.recall_steps,
        batch=settings.recall_batch,
        n_read=settings.recall_read,
        n_jobs=settings.n_jobs or None,
    )


def text(settings: Settings, seed: int) -> language.Reading:
    """Train and read the language models, and the n-gram beside them (C13 to C15)."""
    return language.read_all(
        settings.families,
        range(seed, seed + settings.text_seeds),
        steps=settings.text_steps,
        batch=settings.text_batch,
        n_windows=settings.text_windows,
        rate=settings.text_rate,
        n_jobs=settings.n_jobs or None,
    )


def decode(settings: Settings) -> timing.DecodeTimes:
    """Times of a state update, in a large and a small state (C8)."""
    heads = {"large": settings.decode_heads, "small": 16}
    return timing.decode_times(heads, settings.decode_ranks, settings.decode_rounds)


def contexts(settings: Settings) -> timing.ContextTimes:
    """Times of one decoded token by context (C9)."""
    return timing.context_times(settings.contexts, settings.context_rounds)


def scans(settings: Settings) -> dict[str, dict[str, np.ndarray]]:
    """Times of the scan, ours and as published."""
    return timing.scan_times(settings.scan_length, settings.scan_rounds)


def released(settings: Settings) -> hub.Evaluated | data.Missing:
    """The released weights on real text, where the settings ask for them (C10)."""
    if not settings.n_documents:
        return data.Missing("the released weights are read at paper scale")
    return data.attempt(
        hub.evaluate_released, settings.n_documents, settings.n_passages, settings.document_length
    )


@dataclass(frozen=True)
class Tiny:
    """Tiny models in the released layout, through all that the released ones go through.

    weights : kind to number of weights; gap : largest difference of a logit, written and read back
    evaluated : losses on made-up documents and last words
    """

    weights: dict[str, int]
    gap: dict[str, float]
    evaluated: hub.Evaluated


@one_thread()
def tiny_checkpoints(seed: int) -> Tiny:
    """Write, read back, and evaluate them."""
    source = torch_generator(seed, "tiny")
    tokens = torch.randint(257, (2, 40), generator=source)
    models, gap = {}, {}
    with TemporaryDirectory() as folder, torch.no_grad():
        for kind, rank in (("SISO", 1), ("MIMO", 4)):
            model = hub.tiny_model(rank, seed)
            hub.write_checkpoint(model, Path(folder) / kind)
            models[kind] = hub.load_checkpoint(Path(folder) / kind)
            gap[kind] = float((model(tokens) - models[kind](tokens)).abs().max())
    documents = [torch.randint(257, (65,), generator=source) for _ in range(4)]
    passages = ["the cat sat on the mat", "one two three four"]
    evaluated = hub.evaluate_models(
        models, documents, passages, lambda text: list(text.encode()), length=64, sweep=(32,)
    )
    weights = {kind: sum(p.numel() for p in model.parameters()) for kind, model in models.items()}
    return Tiny(weights, gap, evaluated)
