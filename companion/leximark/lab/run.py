"""The experiments, one function a step of the notebook: settings in, results out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from companion.data import Missing
from companion.encoder import Encoder, minilm
from companion.leximark.lab import arms, detection, quality
from companion.leximark.lab.arms import KEYS, MARK, NONE, Arm, Dictionaries
from companion.leximark.lab.detection import KeyedTest
from companion.leximark.lab.models import CausalModel, LanguageModel, WordModel, halved, pieces
from companion.leximark.method.candidates import SimilarityFilter
from companion.leximark.method.scores import score
from companion.leximark.method.watermark import KEYED, Marked, universe
from companion.leximark.settings import Settings
from companion.leximark.sources import Split, split
from companion.models import smollm2
from companion.scale import one_thread
from companion.sweep import sweep

QUESTIONS = {
    "record": ("A.a", "B.a"),
    "dictionary": ("B.a", "B.b"),
    "protocol": ("A.a", "B.b"),
    "counterfactual": ("A.a", "A.b"),
}
"""Question -> the two sets whose scores are compared (section "Four sets" of the chapter)."""

SAME_HALF = ("dictionary", "counterfactual")
"""Questions whose two sets are the same documents under two dictionaries."""

WORDS, SMOL = "word model", "SmolLM2-135M"

Scored = dict[str, np.ndarray]
"""Set -> Min-K%++ of its documents, (n_documents,)."""


# --------------------------------------------------------------------------- what a run gives
@dataclass(frozen=True)
class ArmResult:
    """One training run.

    trained, base : scores of the sets by the trained and by the untrained model
    blind : question -> AUROC of naive Bayes
    nats : surprise a word of each text of A.a for the untrained model, (n_documents,)
    learned : mean log-probability of the texts that were trained on, after minus before, in nats a
        token
    changed : share of the words of half A that the mark changed
    """

    trained: Scored
    base: Scored
    blind: dict[str, float]
    nats: np.ndarray
    learned: float
    changed: float


@dataclass(frozen=True)
class SeedResult:
    """Everything that one seed gives.

    arms : name -> result; keyed : the keyed test of the arm with two keys, if it was made
    innocent : p of innocent tests by the model that was trained on the unmarked text
    """

    seed: int
    arms: dict[str, ArmResult]
    keyed: KeyedTest | None
    innocent: np.ndarray


@dataclass(frozen=True)
class Run:
    """All seeds of one model."""

    model: str
    results: tuple[SeedResult, ...]

    @property
    def seeds(self) -> list[int]:
        """In the order of the results."""
        return [one.seed for one in self.results]

    @property
    def arms(self) -> list[str]:
        """Names of the arms, in their order."""
        return list(self.results[0].arms)

    def has(self, arm: str, question: str = "record") -> bool:
        """Whether the arm was run with the sets that the question compares."""
        needed = set(QUESTIONS[question])
        return all(arm in one.arms and needed <= set(one.arms[arm].trained) for one in self.results)

    def pairs(
        self, arm: str, question: str = "record", model: str = "trained"
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """Per seed the scores of the two sets of a question, by the trained or the base model."""
        first, second = QUESTIONS[question]
        found = [getattr(one.arms[arm], model) for one in self.results]
        return [(sets[first], sets[second]) for sets in found]

    def aurocs(self, arm: str, question: str = "record", model: str = "trained") -> np.ndarray:
        """AUROC per seed: (n_seeds,)."""
        return np.array([detection.auroc(*pair) for pair in self.pairs(arm, question, model)])

    def win_rates(self, arm: str, model: str = "trained") -> np.ndarray:
        """Per seed the share of documents of A that score higher under a than under b."""
        pairs = self.pairs(arm, "counterfactual", model)
        return np.array([np.mean((x > y) + 0.5 * (x == y)) for x, y in pairs])


def run_arm(
    base: LanguageModel, arm: Arm, *, epochs: int, lr: float, batch: int, seed: int
) -> tuple[ArmResult, LanguageModel]:
    """Train on the arm's texts and score its sets; the untrained model scores them too."""
    before = {name: base.stats(texts) for name, texts in arm.sets.items()}
    model = base.trained(arm.train, epochs=epochs, lr=lr, batch=batch, seed=seed)
    after = {name: model.stats(texts) for name, texts in arm.sets.items()}
    is_own = arm.train == arm.sets["A.a"]
    seen = [
        score(found["A.a"] if is_own else one.stats(arm.train), "loss").mean()
        for one, found in ((base, before), (model, after))
    ]
    words = [base.words(text) for text in arm.sets["A.a"]]
    totals = [-row.sum() for row in before["A.a"].logp]
    return ArmResult(
        {name: score(stats).astype(np.float32) for name, stats in after.items()},
        {name: score(stats).astype(np.float32) for name, stats in before.items()},
        blinds(arm, seed),
        np.array(totals) / np.array(words),
        float(seen[1] - seen[0]),
        arm.changed,
    ), model


def blinds(arm: Arm, seed: int) -> dict[str, float]:
    """Question -> what naive Bayes finds without any model, for the questions that can be asked."""
    return {
        question: detection.blind(
            arm.sets[first], arm.sets[second], seed, same=question in SAME_HALF
        )
        for question, (first, second) in QUESTIONS.items()
        if {first, second} <= set(arm.sets)
    }


# --------------------------------------------------------------------------- steps
def seeds(settings: Settings, seed: int) -> list[int]:
    """The seeds of a run."""
    return list(range(seed, seed + settings.seeds))


def halves(settings: Settings, seed: int) -> Split:
    """The documents of a seed; all seeds of a run share the pretraining text."""
    return split(settings.doc_chars, settings.n_half, settings.pretrain_words, seed)


def first(docs: Split, n: int) -> Split:
    """The first `n` documents of each half, which are in random order."""
    return docs._replace(a=docs.a[:n], b=docs.b[:n])


def dictionaries(settings: Settings, seed: int) -> list[Dictionaries]:
    """What the authors' rule writes, for each seed; needs the sentence encoder."""
    minilm()  # where it is missing, that is said before any process starts
    jobs = [
        {"docs": halves(settings, one), "threshold": settings.threshold}
        for one in seeds(settings, seed)
    ]
    return sweep(find_dictionaries, jobs, n_jobs=settings.jobs, unpack=True, label="dictionaries")


@one_thread()
def find_dictionaries(docs: Split, threshold: float) -> Dictionaries:
    """The dictionaries of one seed."""
    return arms.dictionaries(docs, SimilarityFilter(half_precision(minilm()), threshold))


def half_precision(encoder: Encoder) -> Encoder:
    """The encoder with weights of half precision; cosines move by 0.003 at most."""
    encoder.model.bfloat16()

    def single(_module: object, _given: object, found: object) -> object:
        return type(found)(last_hidden_state=found.last_hidden_state.float())

    encoder.model.register_forward_hook(single)
    return encoder


def qualities(known: list[Dictionaries], settings: Settings, seed: int) -> list[quality.Quality]:
    """What the authors' rule costs, for each seed (C14, C16)."""
    encoder = minilm()
    with one_thread():
        return [
            quality.measure(halves(settings, one), dictionary, encoder)
            for one, dictionary in zip(seeds(settings, seed), known, strict=True)
        ]


def word_model(known: list[Dictionaries], settings: Settings, seed: int) -> Run:
    """The word model, all arms and seeds side by side."""
    jobs = [
        {
            "docs": first(halves(settings, one), settings.word_docs),
            "known": dictionary,
            "names": (*settings.arms, *map(arms.dose, settings.doses)),
            "pretraining": (settings.word_pretrain_epochs, settings.word_lr),
            "training": (settings.word_epochs, settings.word_finetune_lr),
            "key_docs": settings.key_docs,
            "n_keys": settings.n_keys,
            "seed": one,
        }
        for one, dictionary in zip(seeds(settings, seed), known, strict=True)
    ]
    found = sweep(word_seed, jobs, n_jobs=settings.jobs, unpack=True, label="word model")
    return Run(WORDS, tuple(found))


@one_thread()
def word_seed(
    docs: Split,
    known: Dictionaries,
    names: Sequence[str],
    pretraining: tuple[int, float],
    training: tuple[int, float],
    key_docs: int,
    n_keys: int,
    seed: int,
) -> SeedResult:
    """One seed of the word model, from nothing.

    pretraining, training : epochs and peak learning rate
    """
    made = arms.make(names, docs, seed, known)
    base = WordModel(vocabulary(docs, made, key_docs), seed).trained(
        docs.pretraining, epochs=pretraining[0], lr=pretraining[1], seed=seed
    )
    epochs, lr = training
    return run_seed(base, made, docs.a[:key_docs], n_keys, seed, epochs=epochs, lr=lr, batch=128)


def run_seed(
    base: LanguageModel,
    made: Sequence[Arm],
    key_texts: Sequence[str],
    n_keys: int,
    seed: int,
    **training: float,
) -> SeedResult:
    """Every arm of a seed, and the keyed test of the arms with and without the owner's key.

    key_texts : documents of half A that the test is made on, as they were before the mark
    n_keys : fresh keys; without any no test is made
    """
    results, keyed, innocent = {}, None, np.zeros(0)
    fresh = detection.fresh_keys(seed, n_keys + 1)
    for arm in made:
        results[arm.name], model = run_arm(base, arm, seed=seed, **training)
        if arm.name == KEYS and n_keys:
            owner = arms.keys(seed)["a"].key
            keyed = detection.keyed_test(
                detection.key_scores(model, key_texts, [owner, *fresh[:n_keys]])
            )
        if arm.name == NONE and n_keys:
            innocent = detection.innocent_tests(detection.key_scores(model, key_texts, fresh))
    return SeedResult(seed, results, keyed, innocent)


def vocabulary(docs: Split, made: Sequence[Arm], key_docs: int) -> list[str]:
    """Words of the documents in all arms, of the pretraining text, and of every possible key.

    key_docs : this many documents of half A will be marked under keys that are not known yet.  A
    word that occurs once in the pretraining text and nowhere else is left to "unknown".
    """
    words = set(universe(docs.a[:key_docs], KEYED))
    for arm in made:
        for texts in (*arm.sets.values(), arm.train):
            for text in texts:
                words.update(pieces(text))
    counts = Counter(piece for text in docs.pretraining for piece in pieces(text))
    return sorted(words | {word for word, n in counts.items() if n > 1})


SMOL_ARMS = {NONE: ("A.a", "B.a"), MARK: ("A.a", "B.b"), KEYS: ("A.a", "B.a", "B.b")}
"""Arms of SmolLM2, and the sets that are scored: those of C1 and C6."""

LAST_BLOCKS = 2
"""Blocks of SmolLM2 that are trained; the 28 before them read each text once."""


def smol(known: list[Dictionaries], settings: Settings, seed: int) -> Run | Missing:
    """SmolLM2-135M, its last two blocks trained on the first documents of each half."""
    if not settings.smol_docs:
        return Missing("SmolLM2-135M is trained at book scale.")
    smollm2()  # where it is missing, that is said before any process starts
    jobs = []
    for one, dictionary in zip(seeds(settings, seed)[: settings.smol_seeds], known, strict=False):
        jobs.append(
            {
                "docs": first(halves(settings, one), settings.smol_docs),
                "known": dictionary,
                "n_words": settings.smol_words,
                "training": (settings.smol_epochs, settings.smol_lr),
                "key_docs": settings.smol_key_docs,
                "n_keys": settings.smol_keys if one < seed + settings.smol_key_seeds else 0,
                "seed": one,
            }
        )
    found = sweep(smol_seed, jobs, n_jobs=settings.jobs, unpack=True, label=SMOL)
    return Run(SMOL, tuple(found))


@one_thread()
def smol_seed(
    docs: Split,
    known: Dictionaries,
    n_words: int,
    training: tuple[int, float],
    key_docs: int,
    n_keys: int,
    seed: int,
) -> SeedResult:
    """One seed of SmolLM2.  n_words : read of each text; training : epochs, peak learning rate"""
    made = [fewer_sets(arm) for arm in arms.make(SMOL_ARMS, docs, seed, known)]
    epochs, lr = training
    base, texts = load_smol(n_words), docs.a[:key_docs]
    return run_seed(base, made, texts, n_keys, seed, epochs=epochs, lr=lr, batch=4)


def fewer_sets(arm: Arm) -> Arm:
    """The arm with the sets that SmolLM2 is asked about (:data:`SMOL_ARMS`)."""
    return replace(arm, sets={name: arm.sets[name] for name in SMOL_ARMS[arm.name]})


def load_smol(n_words: int) -> CausalModel:
    """SmolLM2-135M with all but its last two blocks frozen."""
    net, tokenizer = smollm2()
    longest = net.config.max_position_embeddings
    return halved(
        net, lambda text: tokenizer(text)["input_ids"], longest, LAST_BLOCKS, most_words=n_words
    )


def samples(
    known: list[Dictionaries], settings: Settings, seed: int, n: int = 3
) -> list[tuple[str, Marked]]:
    """The first `n` documents of half A, in their random order, and what the rule makes of them."""
    texts = halves(settings, seed).a[:n]
    return [(text, known[0].maker("a").mark(text)) for text in texts]
