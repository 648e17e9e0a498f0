"""The parts of the experiment, each from the settings to its result."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor

from companion import data
from companion.mamba3 import hub
from companion.mamba3.lab.checks import (
    Order,
    disagreements,
    gradient_disagreement,
    mistake_errors,
    orders,
    random_orders,
)
from companion.mamba3.lab.language import (
    Evaluated,
    Read,
    arms_of,
    evaluate_models,
    evaluate_released,
    read_all,
)
from companion.mamba3.lab.models import LanguageModel
from companion.mamba3.lab.timing import ContextTimes, DecodeTimes, context_times, decode_times
from companion.mamba3.lab.tracking import (
    Tracked,
    parity_accuracy,
    random_bits,
    track_all,
    walk_accuracy,
)
from companion.mamba3.method.roofline import counted_flops, flops
from companion.mamba3.settings import Settings
from companion.scale import generator, torch_generator
from companion.stats import Interval


def run_agreement(settings: Settings, seed: int) -> tuple[dict[str, float], float | None]:
    """Differences of all forms, and the gradient's if it is checked."""
    gap = gradient_disagreement(seed) if settings.check_gradients else None
    return disagreements(settings.n_systems, seed), gap


def run_kernels() -> dict[str, dict[str, float]]:
    """Errors against the recorded kernels, right and with each mistake."""
    return mistake_errors()


def run_orders(
    settings: Settings, seed: int
) -> tuple[dict[str, Order], dict[str, Interval] | None]:
    """Orders of all rules, and those over random equations if any are drawn."""
    found = orders(settings.step_counts)
    if not settings.n_equations:
        return found, None
    return found, random_orders(settings.step_counts, settings.n_equations, seed)


def run_rotor(settings: Settings, seed: int) -> dict[str, float]:
    """Accuracy of the layers built by hand on parity and on the walk modulo 3."""
    bits = random_bits(16, settings.rotor_length, seed)
    source = torch_generator(seed, "rotor")
    moves = torch.randint(-1, 2, (16, settings.rotor_length), generator=source)
    return {"parity": parity_accuracy(bits), "Z3": walk_accuracy(moves, 3)}


def run_tracking(
    settings: Settings, seed: int, *, progress: bool = True
) -> dict[tuple[str, str], Tracked]:
    """Train and read every arm of state tracking."""
    return track_all(
        settings.arms,
        settings.training,
        settings.read_lengths,
        settings.n_read,
        seed,
        n_jobs=settings.n_jobs,
        progress=progress,
    )


def run_text(settings: Settings, seed: int, *, progress: bool = True) -> dict[str, Read]:
    """Train and read the language models; arms that are in both comparisons are trained once."""
    reading = settings.reading
    arms = arms_of(settings.parts, settings.state_sizes, settings.mimo_sizes, reading)
    once = {arm.model: arm for arm in reversed(arms)}
    trained = read_all(
        list(once.values()), reading, seed, n_jobs=settings.n_jobs, progress=progress
    )
    by_model = {run.arm.model: run for run in trained.values()}
    return {arm.name: by_model[arm.model].renamed(arm) for arm in arms}


def run_decode(settings: Settings) -> tuple[tuple[tuple[int, int], ...], DecodeTimes]:
    """Counted operations beside the formula, and the times of a large and a small state."""
    shapes = ((1, 1, 1), (4, 3, 1), (4, 3, 2), (8, 4, 4))
    counts = tuple(
        (counted_flops(*shape, generator(0, "count", *shape))[0], flops(*shape)) for shape in shapes
    )
    heads = {"large": settings.decode_heads, "small": 16}
    return counts, decode_times(heads, settings.decode_ranks, settings.decode_rounds)


def run_contexts(settings: Settings) -> ContextTimes:
    """Times of one decoded token by context."""
    return context_times(settings.contexts, settings.context_rounds)


def run_released(settings: Settings) -> Evaluated | data.Missing | None:
    """The released weights on real text, where the settings ask for them."""
    if not settings.n_documents:
        return None
    return data.attempt(
        evaluate_released,
        settings.n_documents,
        settings.n_passages,
        settings.document_length,
    )


def round_trip(seed: int) -> dict[str, tuple[LanguageModel, LanguageModel]]:
    """Tiny models written in the released layout and read back: name to (original, reloaded)."""
    found = {}
    with TemporaryDirectory() as folder:
        for name, rank in (("SISO", 1), ("MIMO", 4)):
            model = hub.tiny_model(rank, seed)
            place = Path(folder) / name
            hub.write_checkpoint(model, place)
            found[name] = (model, hub.load_checkpoint(place))
    return found


def tiny_tokens(seed: int) -> Tensor:
    """A few tokens for the tiny models."""
    return torch.randint(257, (2, 40), generator=torch_generator(seed, "tiny"))


def tiny_evaluation(seed: int) -> Evaluated:
    """The whole evaluation of the released weights, on tiny checkpoints and made-up text."""
    models = {name: loaded for name, (_, loaded) in round_trip(seed).items()}
    source = torch_generator(seed, "documents")
    documents = [torch.randint(257, (65,), generator=source) for _ in range(4)]
    passages = ["the cat sat on the mat", "one two three four"]
    return evaluate_models(
        models, documents, passages, lambda text: list(text.encode()), length=64, sweep=(32,)
    )
