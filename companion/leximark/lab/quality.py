"""What the watermark costs: words changed, closeness of meaning, surprise of an innocent model."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from companion.data import Missing
from companion.encoder import Encoder
from companion.leximark.lab import arms
from companion.leximark.lab.models import LanguageModel
from companion.leximark.lab.run import Run, World, halves, run_world, word_world
from companion.leximark.method.candidates import SimilarityFilter
from companion.leximark.method.scores import score
from companion.leximark.method.watermark import Marked, Recipe, Watermarker
from companion.leximark.settings import Settings
from companion.scale import generator, one_thread
from companion.stats import Interval, bootstrap
from companion.sweep import sweep


class Quality(NamedTuple):
    """shares : share of words replaced; ratio : perplexity after / before under the base model;
    cosines : closeness of sentence vectors, None without an encoder.  One number per document."""

    shares: np.ndarray
    ratio: np.ndarray
    cosines: np.ndarray | None

    def interval(self, name: str, seed: int) -> Interval:
        """Mean with its bootstrap interval over documents."""
        return bootstrap(getattr(self, name), rng=generator(seed, "leximark quality", name))


def cosines(encoder: Encoder, before: Sequence[str], after: Sequence[str]) -> np.ndarray:
    """Cosine of the sentence vectors of two versions of each text: (n_texts,)."""
    return (encoder.encode(list(before)) * encoder.encode(list(after))).sum(1)


def perplexity_ratio(
    model: LanguageModel, before: Sequence[str], after: Sequence[str]
) -> np.ndarray:
    """exp(mean loss after - mean loss before) per text."""
    losses = [-score(model.stats(list(texts)), "loss") for texts in (before, after)]
    return np.exp(losses[1] - losses[0])


@one_thread()
def measure(world: World, settings: Settings, seed: int, encoder: Encoder | None) -> Quality:
    """Quality of the main recipe on documents of half A."""
    texts = world.halves.a[: settings.quality_docs]
    marked = [Watermarker(arms.keys(seed)[0]).mark(text) for text in texts]
    after = [m.text for m in marked]
    return Quality(
        np.array([m.share for m in marked]),
        perplexity_ratio(world.base, texts, after),
        None if encoder is None else cosines(encoder, texts, after),
    )


class TradeOff(NamedTuple):
    """Per threshold (None first: no filter) and seed: closeness, share replaced, AUROC.

    run : the training runs; cosine : arm -> (n_seeds, n_documents); share : arm -> (n_seeds,)
    """

    thresholds: tuple[float, ...]
    run: Run
    cosine: dict[str, np.ndarray]
    share: dict[str, np.ndarray]


def trade_off(settings: Settings, seed: int, encoder: Encoder) -> TradeOff | Missing:
    """Train with stricter and stricter filters; a Missing where the settings ask for none."""
    names = settings.threshold_arms
    if not names:
        return Missing("Filters are compared at book scale.")
    seeds = tuple(range(seed, seed + settings.threshold_seeds))
    found = sweep(
        partial(filtered_seed, settings, encoder=encoder), seeds, n_jobs=settings.jobs, keep=False
    )
    results, cosine, share = zip(*found, strict=True)
    return TradeOff(
        settings.thresholds,
        Run("word model, filtered", seeds, results),
        {name: np.array([one[name] for one in cosine]) for name in names},
        {name: np.array([one[name] for one in share]) for name in names},
    )


@one_thread()
def filtered_seed(settings: Settings, seed: int, encoder: Encoder):
    """One seed of :func:`trade_off`: (arm -> result, arm -> cosines, arm -> share)."""
    world = word_world(settings, seed, settings.threshold_arms, SimilarityFilter(encoder, 0.0))
    n = settings.quality_docs
    close = {
        arm.name: cosines(encoder, world.halves.a[:n], arm.sets["A.a"][:n]) for arm in world.arms
    }
    return run_world(world, settings, seed), close, {arm.name: arm.share for arm in world.arms}


def samples(
    settings: Settings, seed: int, n: int = 3, recipe: Recipe | None = None
) -> list[tuple[str, Marked]]:
    """`n` documents of half A, drawn by the seed, with what the watermark makes of them."""
    texts = halves(settings, seed).a
    chosen = generator(seed, "leximark samples").permutation(len(texts))[:n]
    maker = Watermarker(arms.keys(seed)[0], *([recipe] if recipe else []))
    return [(texts[i], maker.mark(texts[i])) for i in chosen]
