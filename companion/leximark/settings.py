"""Sizes of the chapter's experiments, one preset per scale."""

from __future__ import annotations

from dataclasses import dataclass, replace

from companion.leximark.lab.arms import CONTROL, MARK, NONE, dose, removal, threshold


@dataclass(frozen=True)
class Settings:
    """What a run does; every number that differs between scales is here.

    doc_chars : characters of a document, about a fifth as many words; n_half : documents per half
    pretrain_words : of the pretraining text; seeds : random halves; jobs : seeds side by side
    arms : training runs of the word model (names of :mod:`companion.leximark.lab.arms`)
    doses, removals, thresholds : the values of K, of the share removed, and of the least cosine
        that get an arm of their own
    word_* : epochs and peak learning rates of the word model
    bpe_* and d_model, n_layers, seq : the transformer with its own, longer pretraining text; no
        seeds, no transformer
    key_docs, n_keys : documents and fresh keys of the keyed test
    n_calibration, calibration_keys : innocent tests of the untrained model, keys of each
    quality_docs : documents whose sentence vectors are compared; seeds of the arms with thresholds
        are `threshold_seeds`
    smol_docs : documents per half for SmolLM2-135M; 0 leaves it out
    hub_models : models of the Hub that are trained on BookMIA; hub_docs : snippets per half
    """

    doc_chars: int = 420
    n_half: int = 120
    pretrain_words: int = 40_000
    seeds: int = 1
    jobs: int = 1
    arms: tuple[str, ...] = (NONE, MARK, CONTROL)
    doses: tuple[int, ...] = ()
    removals: tuple[float, ...] = ()
    thresholds: tuple[float, ...] = ()
    threshold_seeds: int = 0
    word_pretrain_epochs: int = 2
    word_lr: float = 3e-3
    word_epochs: int = 2
    word_finetune_lr: float = 1.2e-3
    bpe_seeds: int = 0
    bpe_arms: tuple[str, ...] = ()
    bpe_pretrain_words: int = 400_000
    bpe_vocab: int = 4096
    d_model: int = 128
    n_layers: int = 2
    seq: int = 200
    bpe_pretrain_epochs: int = 1
    bpe_lr: float = 3e-3
    bpe_epochs: int = 2
    bpe_finetune_lr: float = 1e-3
    key_docs: int = 30
    n_keys: int = 19
    n_calibration: int = 0
    calibration_keys: int = 19
    quality_docs: int = 24
    smol_docs: int = 0
    hub_models: tuple[str, ...] = ()
    hub_docs: int = 0

    def __post_init__(self) -> None:
        if not {NONE, MARK} <= set(self.arms):
            raise ValueError(f"arms must hold {NONE!r} and {MARK!r}, got {self.arms}")
        if self.seeds < 1 or self.n_half < 10 or self.key_docs > self.n_half:
            raise ValueError(
                "need a seed, ten documents per half, and no more key_docs than documents, got "
                f"seeds={self.seeds}, n_half={self.n_half}, key_docs={self.key_docs}"
            )
        if self.n_keys < 19:
            raise ValueError(f"with {self.n_keys} other keys p cannot reach 0.05; take 19 or more")

    @property
    def all_arms(self) -> tuple[str, ...]:
        """The word model's arms with those of doses and removals, each once."""
        extra = [*map(dose, self.doses), *map(removal, self.removals)]
        return tuple(dict.fromkeys([*self.arms, *extra]))

    @property
    def threshold_arms(self) -> tuple[str, ...]:
        """Arms with a similarity filter, beside those that they are compared with."""
        return (NONE, MARK, *map(threshold, self.thresholds)) if self.thresholds else ()


TOY = Settings()

BOOK = Settings(
    n_half=160,
    pretrain_words=80_000,
    seeds=5,
    jobs=2,
    arms=(NONE, MARK, "rarest", CONTROL, "random words"),
    doses=(1, 3, 5, 7),
    removals=(0.25, 0.5, 1.0),
    thresholds=(0.8, 0.9, 0.95),
    threshold_seeds=2,
    bpe_seeds=5,
    bpe_arms=(
        NONE,
        MARK,
        "rarest",
        CONTROL,
        "random sequence",
        "Unicode everywhere",
        "Unicode by word",
        "TextMarker",
    ),
    key_docs=40,
    n_keys=99,
    n_calibration=40,
    quality_docs=160,
)

PAPER = replace(
    BOOK,
    hub_models=("EleutherAI/pythia-160m", "EleutherAI/pythia-410m"),
    hub_docs=2400,
)

PRESETS = {"toy": TOY, "book": BOOK, "paper": PAPER}
