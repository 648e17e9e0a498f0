"""Sizes of the chapter's experiments, one line a setting."""

from __future__ import annotations

from dataclasses import dataclass

from companion import contracts
from companion.leximark.lab.arms import (
    ATTACKED,
    CONTROL,
    KEYS,
    LOOKALIKE,
    MARK,
    NONE,
    RANDOM,
    RAREST,
    SEQUENCE,
)
from companion.scale import Sized, sized

EVERY = (NONE, MARK, KEYS, RAREST, RANDOM, CONTROL, SEQUENCE, LOOKALIKE, ATTACKED)
"""Arms of the word model at book scale."""

PYTHIA = ("EleutherAI/pythia-160m", "EleutherAI/pythia-410m")


@dataclass(frozen=True)
class Settings(Sized):
    """What a run does; every number that differs between scales is here."""

    # added to SEED: the published run has seeds that no earlier run had
    seed_base: int = sized(toy=0, book=7_300, least=0)
    seeds: int = sized(toy=1, book=5, least=1)  # random halves, each with models of its own
    jobs: int = sized(toy=1, book=2, least=1)  # seeds side by side
    doc_chars: int = sized(
        toy=250, book=420, least=50
    )  # of a document, about a fifth as many words
    n_half: int = sized(toy=10, book=80, least=10)  # documents of each half
    word_docs: int = sized(toy=10, book=60, least=10)  # of them for the word model
    threshold: float = sized(0.8)  # least cosine of a sentence with one word replaced
    pretrain_words: int = sized(toy=8_000, book=40_000)  # of the word model
    arms: tuple[str, ...] = sized((NONE, MARK, KEYS, CONTROL), book=EVERY)  # of the word model
    doses: tuple[int, ...] = sized((), book=(1, 3))  # further K, two keys
    word_pretrain_epochs: int = sized(2, least=1)
    word_lr: float = sized(3e-3)  # peak learning rate of the pretraining
    word_epochs: int = sized(2, least=1)
    word_finetune_lr: float = sized(toy=3e-3, book=1.2e-3)
    key_docs: int = sized(toy=10, book=20, least=5)  # documents of the keyed test
    n_keys: int = sized(toy=19, book=99, least=19)  # fresh keys; with fewer p cannot reach 0.05
    smol_seeds: int = sized(4, least=1)  # the first ones of those above
    smol_docs: int = sized(toy=0, book=80, least=0)  # documents of each half for SmolLM2
    smol_words: int = sized(45, least=8)  # that it reads of each
    smol_epochs: int = sized(2, least=1)
    smol_lr: float = sized(3e-4)  # peak learning rate of its last two blocks
    smol_keys: int = sized(19, least=19)  # fresh keys of its keyed test
    smol_key_seeds: int = sized(2, least=1)  # the first ones, which make that test
    smol_key_docs: int = sized(12, least=5)  # documents of that test
    hub_models: tuple[str, ...] = sized((), paper=PYTHIA)  # trained on BookMIA
    hub_docs: int = sized(0, paper=2400, least=0)  # snippets of each half


contracts.ranges(
    Settings,
    threshold=contracts.SHARE,
    arms=contracts.one_of(EVERY),
    word_lr=contracts.RATE,
    word_finetune_lr=contracts.RATE,
    smol_lr=contracts.RATE,
    hub_models=contracts.NAMES,
)
PRESETS = Settings.presets()
