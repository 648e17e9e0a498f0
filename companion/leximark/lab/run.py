"""The experiment: train on half A under dictionary a, score four sets, decompose the AUROC."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np

from companion.leximark.lab import arms, detection
from companion.leximark.lab.detection import Pair
from companion.leximark.lab.models import (
    CausalModel,
    LanguageModel,
    WordModel,
    pieces,
    tiny_transformer,
)
from companion.leximark.method.candidates import SimilarityFilter
from companion.leximark.method.scores import MIN_K_PLUS, score
from companion.leximark.method.watermark import LEXIMARK, universe
from companion.leximark.settings import Settings
from companion.leximark.sources import Split, split
from companion.scale import one_thread
from companion.sweep import sweep

DECOMPOSITION = {
    "record": ("A.a", "B.a"),
    "dictionary": ("B.a", "B.b"),
    "protocol": ("A.a", "B.b"),
    "counterfactual": ("A.a", "A.b"),
}
"""Question -> the two sets whose scores are compared (section "decomposition" of the chapter)."""

SAME_HALF = ("dictionary", "counterfactual")
"""Questions whose two sets are the same documents under two dictionaries."""

STORED = ("loss", "zlib", "Min-K% 20", MIN_K_PLUS)
"""Scores that are kept for every set."""

Scored = dict[str, dict[str, np.ndarray]]
"""Set -> score -> (n_documents,)."""


class ArmResult(NamedTuple):
    """One training run.

    trained, base : scores of the sets by the trained and by the untrained model (may be empty)
    blind : question -> AUROC of naive Bayes (may be empty); share : of words replaced
    tokens : tokens of the texts of A.a as the model counts them, none cut: (n_documents,)
    """

    trained: Scored
    base: Scored
    blind: dict[str, float]
    share: float
    tokens: np.ndarray


@dataclass(frozen=True)
class Run:
    """All seeds of one model: ``results[i][arm]`` belongs to ``seeds[i]``."""

    model: str
    seeds: tuple[int, ...]
    results: tuple[dict[str, ArmResult], ...]

    def has(self, arm: str, question: str = "record") -> bool:
        """Whether the arm was run with the sets that the question compares."""
        return all(
            arm in result and set(DECOMPOSITION[question]) <= set(result[arm].trained)
            for result in self.results
        )

    def pairs(
        self, arm: str, question: str = "record", score: str = MIN_K_PLUS, model: str = "trained"
    ) -> list[Pair]:
        """Per seed the scores of the two sets of a question, by the trained or the base model."""
        first, second = DECOMPOSITION[question]
        found = [getattr(result[arm], model) for result in self.results]
        return [(sets[first][score], sets[second][score]) for sets in found]

    def aurocs(
        self, arm: str, question: str = "record", score: str = MIN_K_PLUS, model: str = "trained"
    ) -> np.ndarray:
        """AUROC per seed: (n_seeds,)."""
        return np.array([detection.auroc(*p) for p in self.pairs(arm, question, score, model)])

    def win_rates(self, arm: str, model: str = "trained") -> np.ndarray:
        """Per seed the share of documents of A that score higher under a than under b."""
        pairs = self.pairs(arm, "counterfactual", model=model)
        return np.array([np.mean((x > y) + 0.5 * (x == y)) for x, y in pairs])


def scored(model: LanguageModel, texts: Sequence[str]) -> dict[str, np.ndarray]:
    """All stored scores of the texts."""
    stats = model.stats(texts)
    return {name: score(stats, name, texts) for name in STORED}


def run_arm(
    base: LanguageModel, arm: arms.Arm, *, epochs: int, lr: float, seed: int, **training: object
) -> ArmResult:
    """Train on the arm's texts and score its sets; the untrained model scores them too.

    training : further arguments of the model's training, such as ``batch``
    """
    model = base.trained(arm.train, epochs=epochs, lr=lr, seed=seed, **training)
    return ArmResult(
        {name: scored(model, texts) for name, texts in arm.sets.items()},
        {name: scored(base, texts) for name, texts in arm.sets.items()},
        blinds(arm, seed),
        arm.share,
        base.lengths(arm.sets["A.a"]),
    )


def blinds(arm: arms.Arm, seed: int) -> dict[str, float]:
    """Question -> what naive Bayes finds without any model, for the questions that can be asked."""
    return {
        question: detection.blind(
            arm.sets[first], arm.sets[second], seed, same=question in SAME_HALF
        )
        for question, (first, second) in DECOMPOSITION.items()
        if {first, second} <= set(arm.sets)
    }


def vocabulary(halves: Split, made: Sequence[arms.Arm], key_docs: int) -> list[str]:
    """Words of the documents in all arms, of the pretraining text, and of every possible key.

    key_docs : this many documents of half A will be marked under keys that are not known yet.  A
    word that occurs once in the pretraining text and nowhere else is left to "unknown".
    """
    words = set(universe(halves.a[:key_docs], LEXIMARK))
    for arm in made:
        for texts in (*arm.sets.values(), arm.train):
            for text in texts:
                words.update(pieces(text))
    counts = Counter(piece for text in halves.pretraining for piece in pieces(text))
    return sorted(words | {word for word, n in counts.items() if n > 1})


class World(NamedTuple):
    """One seed of the word model: its halves, its base model, and its arms."""

    halves: Split
    base: LanguageModel
    arms: list[arms.Arm]


def halves(settings: Settings, seed: int, n_words: int = 0) -> Split:
    """The split of a seed; all seeds of a run share the pretraining text of `n_words` words.

    n_words : default that of the word model
    """
    return split(settings.doc_chars, settings.n_half, n_words or settings.pretrain_words, seed)


def word_world(
    settings: Settings,
    seed: int,
    names: Sequence[str],
    similarity: SimilarityFilter | None = None,
) -> World:
    """Halves, arms, and a pretrained word model of one seed; the last one is remembered."""
    return _word_world(settings, seed, tuple(names), similarity)


@lru_cache(maxsize=1)
@one_thread()
def _word_world(
    settings: Settings,
    seed: int,
    names: tuple[str, ...],
    similarity: SimilarityFilter | None,
) -> World:
    docs = halves(settings, seed)
    made = arms.make(names, docs, seed, similarity=similarity)
    base = WordModel(vocabulary(docs, made, settings.key_docs), seed).trained(
        docs.pretraining, epochs=settings.word_pretrain_epochs, lr=settings.word_lr, seed=seed
    )
    return World(docs, base, made)


@one_thread()
def run_world(world: World, settings: Settings, seed: int) -> dict[str, ArmResult]:
    """Every arm of a world."""
    return {
        arm.name: run_arm(
            world.base, arm, epochs=settings.word_epochs, lr=settings.word_finetune_lr, seed=seed
        )
        for arm in world.arms
    }


def word_seed(settings: Settings, seed: int) -> dict[str, ArmResult]:
    """One seed of the word model, from nothing."""
    return run_world(word_world(settings, seed, settings.all_arms), settings, seed)


def run_words(settings: Settings, seed: int, *, progress: bool = True) -> Run:
    """The word model, all seeds side by side."""
    seeds = tuple(range(seed, seed + settings.seeds))
    label = "word model, seeds" if progress else ""
    found = sweep(partial(word_seed, settings), seeds, n_jobs=settings.jobs, label=label)
    return Run("word model", seeds, tuple(found))


@one_thread()
def pretrained_transformer(settings: Settings, seed: int, *, progress: bool = True) -> CausalModel:
    """The transformer that all seeds start from."""
    return tiny_transformer(
        halves(settings, seed, settings.bpe_pretrain_words).pretraining,
        vocab=settings.bpe_vocab,
        d_model=settings.d_model,
        n_layers=settings.n_layers,
        seq=settings.seq,
        epochs=settings.bpe_pretrain_epochs,
        lr=settings.bpe_lr,
        batch=16,
        seed=seed,
        progress=progress,
    )


@one_thread()
def transformer_seed(base: CausalModel, settings: Settings, seed: int) -> dict[str, ArmResult]:
    """One seed of the transformer, all its arms."""
    docs = halves(settings, seed, settings.bpe_pretrain_words)
    return {
        arm.name: run_arm(
            base, arm, epochs=settings.bpe_epochs, lr=settings.bpe_finetune_lr, seed=seed
        )
        for arm in arms.make(settings.bpe_arms, docs, seed)
    }


def run_transformer(
    base: CausalModel, settings: Settings, seed: int, *, progress: bool = True
) -> Run:
    """The transformer, all seeds side by side from the same pretrained weights."""
    seeds = tuple(range(seed, seed + settings.bpe_seeds))
    found = sweep(
        partial(transformer_seed, base, settings),
        seeds,
        n_jobs=settings.jobs,
        label="transformer, seeds" if progress else "",
        keep=False,
    )
    return Run("transformer", seeds, tuple(found))
