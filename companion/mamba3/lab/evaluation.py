"""Reading real text with a language model: perplexity, LAMBADA, lesions, lengths (C10)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from companion.data import DataUnavailable
from companion.mamba3 import hub
from companion.mamba3.lab.models import LanguageModel
from companion.stats import LEVEL, Interval, bootstrap, proportion

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
