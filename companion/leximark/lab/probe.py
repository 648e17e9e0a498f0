"""Inside one trained model: the keyed test, and where in a text the trace sits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from companion.leximark.lab import arms
from companion.leximark.lab.detection import KeyedTest, calibration, keyed_test
from companion.leximark.lab.models import LanguageModel, WordModel, pieces
from companion.leximark.lab.run import halves, word_world
from companion.leximark.method.watermark import Source, Watermarker
from companion.leximark.settings import Settings
from companion.leximark.sources import Split
from companion.scale import one_thread


class Probe(NamedTuple):
    """What one seed shows.

    trained, untrained : the keyed test of the two models on the same documents
    innocent : p of independent tests of the untrained model, (n_tests,), possibly empty
    z : (half, place) -> z_t of eq. 4; half "A" or "B", place "replaced" or "other"; may be empty
    """

    trained: KeyedTest
    untrained: KeyedTest
    innocent: np.ndarray
    z: dict[tuple[str, str], np.ndarray]


def z_by_place(model: WordModel, before: Sequence[str], after: Sequence[str]):
    """(z at replaced places, z at all others) over the texts, by the word model.

    A replacement is one word for one word, so both versions have the same pieces elsewhere.
    """
    found: tuple[list, list] = ([], [])
    for old, new, z in zip(before, after, model.stats(list(after)).z, strict=True):
        a, b = pieces(old), pieces(new)
        if len(a) != len(b):
            raise ValueError(f"{len(a)} pieces became {len(b)}: not a word-for-word replacement")
        replaced = np.array([x != y for x, y in zip(a, b, strict=True)])[1:]
        found[0].append(z[replaced])
        found[1].append(z[~replaced])
    return tuple(np.concatenate(parts) for parts in found)


@one_thread()
def probe(
    base: LanguageModel,
    docs: Split,
    settings: Settings,
    seed: int,
    *,
    epochs: int,
    lr: float,
    candidates: Source | None = None,
    **training: object,
) -> Probe:
    """Train on half A under key a and test that key against fresh ones.

    candidates : a source other than the thesaurus; training : as in ``run_arm``
    """

    def maker(key: object) -> Watermarker:
        return Watermarker(key, candidates=candidates)

    key = arms.keys(seed)[0]
    marked_a = maker(key)(docs.a)
    model = base.trained(marked_a, epochs=epochs, lr=lr, seed=seed, **training)
    texts = docs.a[: settings.key_docs]
    trained = keyed_test(model, texts, key, settings.n_keys, seed, maker)
    untrained = keyed_test(base, texts, key, settings.calibration_keys, seed, maker)
    innocent = np.array([])
    if settings.n_calibration:
        innocent = calibration(base, texts, settings.n_calibration, settings.calibration_keys, seed)
    z = {}
    if isinstance(model, WordModel):
        for half, before, after in (("A", docs.a, marked_a), ("B", docs.b, maker(key)(docs.b))):
            z[half, "replaced"], z[half, "other"] = z_by_place(model, before, after)
    return Probe(trained, untrained, innocent, z)


def probe_words(settings: Settings, seed: int) -> Probe:
    """The word model of a seed."""
    world = word_world(settings, seed, settings.all_arms)
    return probe(
        world.base,
        world.halves,
        settings,
        seed,
        epochs=settings.word_epochs,
        lr=settings.word_finetune_lr,
    )


def probe_transformer(base: LanguageModel, settings: Settings, seed: int) -> Probe:
    """The transformer; its innocent tests are left to the word model."""
    docs = halves(settings, seed, settings.bpe_pretrain_words)
    return probe(
        base,
        docs,
        replace(settings, n_calibration=0),
        seed,
        epochs=settings.bpe_epochs,
        lr=settings.bpe_finetune_lr,
    )
