"""Language models: small ones trained on English text, and the released ones, read.

Small language models on English text: what each part of the layer and each state size is worth.

All arms read the same characters in the same order, seed by seed, so differences are paired.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from companion import corpora
from companion.data import DataUnavailable
from companion.mamba3 import hub
from companion.mamba3.lab.models import LanguageModel, MixerConfig, ModelConfig, Recipe, Stack
from companion.mamba3.method.layer import Mamba3Config
from companion.mamba3.method.mamba2 import Mamba2Config
from companion.scale import generator
from companion.stats import LEVEL, Interval, bootstrap, proportion
from companion.sweep import sweep
from companion.training import n_parameters


# --------------------------------------------------------------------------------------------- text
@dataclass(frozen=True)
class Reading:
    """How the language models are trained and read.

    n_seeds, steps, batch, seq : of the training
    d_model, d_hidden, n_layers, lr : of the models; d_hidden is that of Mamba-3 SISO
    eval_windows : windows of `longest` characters, the held-out text that every model is read on
    lengths : lengths at which it is cut; the loss counts all positions
    """

    n_seeds: int
    steps: int
    batch: int = 8
    seq: int = 128
    d_model: int = 64
    d_hidden: int = 128
    n_layers: int = 2
    lr: float = 3e-3
    eval_windows: int = 16
    lengths: tuple[int, ...] = (64, 128, 256, 512, 1024)

    def __post_init__(self) -> None:
        if min(self.steps, self.batch, self.seq, self.eval_windows) < 1 or self.n_seeds < 1:
            raise ValueError(f"all sizes must be positive, got {self}")
        if self.seq not in self.lengths or any(max(self.lengths) % n for n in self.lengths):
            raise ValueError(
                f"lengths must divide the longest and hold the training length {self.seq}, "
                f"got {self.lengths}"
            )


_PARTS: dict[str, Callable[[Mamba3Config], MixerConfig]] = {
    "full": lambda c: c,
    "no bias": lambda c: replace(c, bias_init=None),
    "no bias, no trapezoid": lambda c: replace(c, bias_init=None, trapezoid="off"),
    "with convolution": lambda c: replace(c, conv=4),
    "bias from 0": lambda c: replace(c, bias_init=0.0),
    "bias from U(-1, 1)": lambda c: replace(c, bias_init=0.0, bias_spread=1.0),
    "Mamba-2": lambda c: _mamba2(c),
}
PARTS = tuple(_PARTS)
"""Arms of the ablation (C6)."""


def _mamba2(config: Mamba3Config) -> Mamba2Config:
    return Mamba2Config(
        d_model=config.d_model,
        d_state=config.d_state,
        head_dim=config.head_dim,
        chunk=config.chunk,
    )


@dataclass(frozen=True)
class Arm:
    """One architecture: family ``"Mamba-2"``, ``"Mamba-3"`` or ``"MIMO"``, and its state size."""

    name: str
    family: str
    d_state: int
    model: ModelConfig


def part_arm(name: str, reading: Reading, vocab_size: int) -> Arm:
    """An arm of :data:`PARTS`, with as many parameters as the full layer has."""
    if name not in _PARTS:
        raise ValueError(f"unknown arm {name!r}; known are {', '.join(PARTS)}")
    base = _base(reading, 16)
    reference = n_parameters(LanguageModel(_model(base, reading, vocab_size)))
    config = matched(_PARTS[name](base), reading, vocab_size, reference)
    return Arm(name, "Mamba-2" if name == "Mamba-2" else "Mamba-3", 16, config)


def size_arm(family: str, d_state: int, reading: Reading, vocab_size: int) -> Arm:
    """An arm of the comparison by state size, matched to Mamba-3 SISO of the same state (C7)."""
    base = _base(reading, d_state)
    reference = n_parameters(LanguageModel(_model(base, reading, vocab_size)))
    mixers = {"Mamba-3": base, "Mamba-2": _mamba2(base), "MIMO": replace(base, rank=4, chunk=16)}
    if family not in mixers:
        raise ValueError(f"unknown family {family!r}; known are {', '.join(mixers)}")
    config = matched(mixers[family], reading, vocab_size, reference)
    return Arm(f"{family}, N = {d_state}", family, d_state, config)


def _base(reading: Reading, d_state: int) -> Mamba3Config:
    return Mamba3Config(d_model=reading.d_model, d_state=d_state, head_dim=16, chunk=32)


def _model(mixer: MixerConfig, reading: Reading, vocab_size: int) -> ModelConfig:
    return ModelConfig(
        mixer=mixer, n_layers=reading.n_layers, d_hidden=reading.d_hidden, vocab_size=vocab_size
    )


def matched(mixer: MixerConfig, reading: Reading, vocab_size: int, target: int) -> ModelConfig:
    """The model whose SwiGLU is narrowed or widened until its parameters come closest to target."""
    start = _model(mixer, reading, vocab_size)
    per_unit = 3 * reading.d_model * reading.n_layers
    missing = target - n_parameters(LanguageModel(start))
    return replace(start, d_hidden=max(1, start.d_hidden + round(missing / per_unit)))


@dataclass(frozen=True)
class Read:
    """One arm after training.

    losses : (steps, n_seeds), nats a character, of the training batches
    held_out : (n_lengths, n_windows, n_seeds), nats a character
    """

    arm: Arm
    n_parameters: int
    losses: np.ndarray
    lengths: tuple[int, ...]
    held_out: np.ndarray

    def renamed(self, arm: Arm) -> Read:
        """The same result as that of another arm of the same model."""
        return replace(self, arm=arm)

    @property
    def alive(self) -> np.ndarray:
        """Seeds whose losses are all finite."""
        return np.isfinite(self.losses).all(axis=0) & np.isfinite(self.held_out).all(axis=(0, 1))

    def loss(self, length: int) -> np.ndarray:
        """Held-out loss per seed, cut at `length`."""
        return self.held_out[self.lengths.index(length)].mean(axis=0)


def characters() -> tuple[Tensor, Tensor, int]:
    """Training and held-out tokens of the English text, and the number of distinct bytes."""
    raw = corpora.byte_tokens(corpora.python_topics().text)
    values, tokens = raw.unique(return_inverse=True)
    train, held_out = corpora.split(tokens)
    return train, held_out, len(values)


def read_arm(arm: Arm, reading: Reading, seed: int) -> Read:
    """Train all seeds of an arm and read them at every length."""
    train, held_out, _ = characters()
    seeds = range(seed, seed + reading.n_seeds)
    stack = Stack(lambda: LanguageModel(arm.model), seeds)

    def batch_at(step: int) -> tuple[Tensor, Tensor]:
        drawn = torch.stack(
            [
                corpora.random_windows(
                    train, reading.batch, reading.seq + 1, generator(one, "text", step)
                )
                for one in seeds
            ]
        )
        return drawn[..., :-1], drawn[..., 1:]

    recipe = Recipe(reading.steps, reading.lr, weight_decay=0.1, betas=(0.9, 0.95))
    losses = stack.train(batch_at, recipe)
    held = _held_out(stack, held_out, reading)
    return Read(arm, n_parameters(stack.one(0)), losses, reading.lengths, held)


@torch.no_grad()
def _held_out(stack: Stack, tokens: Tensor, reading: Reading) -> np.ndarray:
    longest = max(reading.lengths)
    windows = corpora.consecutive_windows(tokens, reading.eval_windows, longest + 1)
    result = []
    for length in reading.lengths:
        losses = []
        for window in windows:
            inputs, labels = (part.reshape(-1, length) for part in (window[:-1], window[1:]))
            shape = (len(stack.seeds), -1, -1)
            losses.append(stack.losses(inputs.expand(shape), labels.expand(shape)).numpy())
        result.append(losses)
    return np.array(result)


def arms_of(
    parts: Sequence[str], sizes: Sequence[int], mimo_sizes: Sequence[int], reading: Reading
) -> list[Arm]:
    """The arms of both comparisons, each architecture once a name."""
    *_, vocab_size = characters()
    arms = [part_arm(name, reading, vocab_size) for name in parts]
    arms += [
        size_arm(family, n, reading, vocab_size)
        for family, numbers in (("Mamba-2", sizes), ("Mamba-3", sizes), ("MIMO", mimo_sizes))
        for n in numbers
    ]
    return arms


def read_all(
    arms: Sequence[Arm], reading: Reading, seed: int, *, n_jobs: int = 1, progress: bool = True
) -> dict[str, Read]:
    """Train and read every arm: name to result."""
    runs = sweep(
        partial(read_arm, reading=reading, seed=seed),
        arms,
        n_jobs=n_jobs,
        label="text" if progress else "",
    )
    return {arm.name: run for arm, run in zip(arms, runs, strict=True)}


# --------------------------------------------------------------------------------------- evaluation
Tokenize = Callable[[str], list[int]]

TOKENIZER = "NousResearch/Meta-Llama-3.1-8B"
"""A public mirror of the gated Llama 3.1 tokenizer."""

FINEWEB = "datasets/HuggingFaceFW/fineweb-edu/sample/10BT/*.parquet"
LAMBADA = "datasets/EleutherAI/lambada_openai/**/*test_en.jsonl"


@torch.no_grad()
def document_losses(model: LanguageModel, documents: Sequence[Tensor], length: int) -> np.ndarray:
    """Mean loss in nats a token of each document's first `length` tokens, shape (documents,).

    The first token is not predicted.  Documents with fewer than two tokens are an error.
    """
    losses = []
    for tokens in documents:
        if len(tokens) < 2:
            raise ValueError(f"a document needs at least 2 tokens, got {len(tokens)}")
        part = tokens[None, :length]
        logits = model(part[:, :-1]).float()
        losses.append(float(cross_entropy(logits[0], part[0, 1:])))
    return np.array(losses)


@torch.no_grad()
def last_word_right(
    model: LanguageModel, passages: Sequence[str], tokenize: Tokenize
) -> np.ndarray:
    """Whether greedy decoding gives each passage's last word, all of its tokens: (passages,) bool.

    The convention of lm-eval: context without the last word, then a space and the word.
    """
    right = []
    for passage in passages:
        context, _, word = passage.rpartition(" ")
        if not context:
            raise ValueError(f"a passage needs two words or more, got {passage!r}")
        known, whole = tokenize(context), tokenize(f"{context} {word}")
        target = torch.tensor(whole[len(known) :])
        logits = model(torch.tensor(whole)[None, :-1])[0, len(known) - 1 :]
        right.append(bool((logits.argmax(-1) == target).all()))
    return np.array(right)


@dataclass(frozen=True)
class Evaluated:
    """What the two released models do.

    losses : model to (documents,), nats a token
    lambada : model to (passages,) of bool
    lesions : model to lesion to (documents,)
    lengths : model to {tokens: (documents,)}
    """

    losses: Mapping[str, np.ndarray]
    lambada: Mapping[str, np.ndarray]
    lesions: Mapping[str, Mapping[str, np.ndarray]] = field(default_factory=dict)
    lengths: Mapping[str, Mapping[int, np.ndarray]] = field(default_factory=dict)

    def accuracy(self, model: str, confidence: float = LEVEL) -> Interval:
        """LAMBADA accuracy in percent, Wilson interval."""
        right = self.lambada[model]
        share = proportion(int(right.sum()), len(right), confidence)
        return share.map(lambda share: 100 * share)

    def mimo_over_siso(self, rng: np.random.Generator) -> Interval:
        """Log ratio of perplexities, MIMO over SISO, paired over documents (bootstrap)."""
        return bootstrap(self.losses["MIMO"] - self.losses["SISO"], rng=rng)


def evaluate_models(
    models: Mapping[str, LanguageModel],
    documents: Sequence[Tensor],
    passages: Sequence[str],
    tokenize: Tokenize,
    *,
    length: int,
    sweep: Sequence[int] = (),
) -> Evaluated:
    """Perplexity, LAMBADA, all lesions, and a sweep over lengths, for each model."""
    losses = {name: document_losses(model, documents, length) for name, model in models.items()}
    lesions: dict[str, dict[str, np.ndarray]] = {name: {} for name in models}
    for name, model in models.items():
        for lesion in hub.LESIONS:
            with hub.lesioned(model, lesion):
                lesions[name][lesion] = document_losses(model, documents, length)
    return Evaluated(
        losses,
        {name: last_word_right(model, passages, tokenize) for name, model in models.items()},
        lesions,
        {
            name: {n: document_losses(model, documents, n) for n in sweep}
            for name, model in models.items()
        },
    )


def evaluate_released(n_documents: int, n_passages: int, length: int) -> Evaluated:
    """Both released 187M models on FineWeb-Edu and LAMBADA, from the Hub.

    Raises ``DataUnavailable`` where the Hub is not reached.
    """
    models = {kind: hub.load_checkpoint(hub.download(kind)) for kind in ("SISO", "MIMO")}
    tokenize = hub_tokenizer()
    texts = fineweb_documents(n_documents, min_characters=8 * length)
    documents = [torch.tensor(tokenize(text))[: length + 1] for text in texts]
    passages = lambada_passages(n_passages)
    sweep = [n for n in (256, 512, 1024, 2048) if n < length]
    return evaluate_models(models, documents, passages, tokenize, length=length, sweep=sweep)


def hub_tokenizer() -> Tokenize:
    """Llama 3.1's tokenizer without a begin token, as a function of a text."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(TOKENIZER)
    except OSError as error:
        raise DataUnavailable(f"the tokenizer {TOKENIZER} is not to be had: {error}") from error
    return lambda text: tokenizer(text, add_special_tokens=False)["input_ids"]


def fineweb_documents(n: int, min_characters: int) -> list[str]:
    """The first `n` long enough documents of FineWeb-Edu's 10B sample.

    It may overlap what the models were trained on: an in-distribution loss, not a test loss.
    """
    import pyarrow.parquet as pq

    found: list[str] = []
    with _open_first(FINEWEB) as stream:
        for batch in pq.ParquetFile(stream).iter_batches(batch_size=256, columns=["text"]):
            texts = batch.column("text").to_pylist()
            found += [text for text in texts if len(text) >= min_characters]
            if len(found) >= n:
                break
    return found[:n]


def lambada_passages(n: int) -> list[str]:
    """The first `n` passages of LAMBADA in OpenAI's form."""
    with _open_first(LAMBADA) as stream:
        lines = stream.read().decode().splitlines()
    return [json.loads(line)["text"] for line in lines[:n]]


def _open_first(pattern: str):
    """The first file of the Hub that matches, opened for reading."""
    from huggingface_hub import HfFileSystem
    from huggingface_hub.errors import HfHubHTTPError

    files = HfFileSystem()
    try:
        names = sorted(files.glob(pattern))
        if not names:
            raise DataUnavailable(f"no file on the Hub matches {pattern}")
        return files.open(names[0], "rb")
    except (OSError, HfHubHTTPError) as error:
        raise DataUnavailable(f"{pattern} could not be opened on the Hub: {error}") from error
