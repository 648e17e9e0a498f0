"""Paper scale: Pythia on BookMIA, with candidates of a language model in context.

Two arms (no mark and LexiMark) by the authors' protocol; candidates come from roberta-base, as in
their main tables.  Continued pretraining as in their code: all weights, learning rate 1e-4, four
texts a step, one epoch, 512 tokens.  The tests run it on a model of a few thousand weights.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING

import pandas as pd
import torch
from torch import nn

from companion.data import DataUnavailable, Missing, revision
from companion.leximark.lab import arms
from companion.leximark.lab.models import CausalModel
from companion.leximark.lab.run import Run, run_seed
from companion.leximark.method.candidates import is_refused
from companion.leximark.method.candidates import lemmas as lemma_table
from companion.leximark.method.watermark import Source
from companion.leximark.method.words import FUNCTION_WORDS, surprisal
from companion.leximark.settings import Settings
from companion.leximark.sources import Split
from companion.scale import device, generator

if TYPE_CHECKING:
    from collections.abc import Mapping

BOOKMIA = "swj0419/BookMIA"
SEQ = 512
TRAINING = {"epochs": 1, "lr": 1e-4, "batch": 4}


class Logits(nn.Module):
    """A causal model of the transformers library that gives its logits."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """(batch, n) int64 -> (batch, n, vocab)."""
        return self.net(ids).logits


def bookmia_halves(frame: pd.DataFrame, n_half: int, seed: int) -> Split:
    """Halves of unseen snippets, split by *book*, so that no book is on both sides.

    frame : columns ``snippet``, ``label`` (0 = the model has not seen it), ``book``.  The authors
    take snippets in the order of the file.
    """
    unseen = frame[frame["label"] == 0]
    books = sorted(unseen["book"].unique())
    if len(books) < 2:
        raise ValueError(f"two books are needed to split by book, got {books}")
    order = generator(seed, "leximark books").permutation(len(books))
    first = {books[i] for i in order[: len(books) // 2]}
    inside = unseen["book"].isin(first)
    parts = []
    for rows in (unseen[inside], unseen[~inside]):
        chosen = generator(seed, "leximark snippets").permutation(len(rows))[:n_half]
        parts.append(list(rows["snippet"].iloc[chosen]))
    return Split(list(unseen["snippet"].iloc[:50]), *parts)


def load_bookmia() -> pd.DataFrame:
    """BookMIA from the Hub; ``DataUnavailable`` without a network."""
    from huggingface_hub import hf_hub_download, list_repo_files

    commit = revision(BOOKMIA)
    try:
        names = list_repo_files(BOOKMIA, repo_type="dataset", revision=commit)
        paths = [
            hf_hub_download(BOOKMIA, name, repo_type="dataset", revision=commit)
            for name in sorted(names)
            if name.endswith(".parquet")
        ]
    except OSError as error:
        raise DataUnavailable(f"{BOOKMIA} is on the Hugging Face Hub only ({error})") from error
    if not paths:
        raise DataUnavailable(f"{BOOKMIA} holds no parquet file")
    return pd.concat([pd.read_parquet(path) for path in paths], ignore_index=True)


def load_causal(name: str, seq: int = SEQ) -> CausalModel:
    """A causal model of the Hub with its tokenizer; ``DataUnavailable`` without a network."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    commit = revision(name)
    try:
        tokenizer = AutoTokenizer.from_pretrained(name, revision=commit, trust_remote_code=False)
        net = AutoModelForCausalLM.from_pretrained(
            name,
            revision=commit,
            dtype=torch.float32,
            use_safetensors=True,
            trust_remote_code=False,
        )
    except OSError as error:
        raise DataUnavailable(f"{name} is on the Hugging Face Hub only ({error})") from error
    return CausalModel(Logits(net.to(device())), lambda text: tokenizer(text)["input_ids"], seq)


def pythia(settings: Settings, seed: int) -> list[Run] | Missing:
    """Every model of the settings on BookMIA, without a mark and with LexiMark."""
    if not settings.hub_models:
        return Missing("Pythia on BookMIA runs at paper scale only.")
    docs = bookmia_halves(load_bookmia(), settings.hub_docs, seed)
    candidates = context_source(hub_source())
    return [
        train_on(load_causal(name), docs, seed, name, candidates) for name in settings.hub_models
    ]


def train_on(base: CausalModel, docs: Split, seed: int, name: str, candidates: Source) -> Run:
    """Both arms on one model and one split."""
    plain = arms.Arm(arms.NONE, {"A.a": docs.a, "B.a": docs.b})
    made = [plain, arms.marked(docs, candidates=candidates)]
    return Run(name.rpartition("/")[2], (run_seed(base, made, (), 0, seed, **TRAINING),))


WINDOW = 300
"""Characters of a sentence before and after the word that the filler reads; it takes 512 tokens."""

FillMask = Callable[[str], Sequence[str]]
"""A text with a ``<mask>`` -> words for it, best first; as roberta-base gives them."""


def concatenation(
    sentence: str,
    start: int,
    end: int,
    fill: FillMask,
    *,
    n: int = 15,
    lemmas: Callable[[str], Mapping] = lemma_table,
) -> list[str]:
    """The authors' candidates of their main tables: fillers of the masked word, in context.

    The model reads ``sentence </s> sentence with the word masked``.  Of its 20 best words those are
    kept that are plain, are no function word, and have another lemma; the first `n` remain.  (Their
    second ranking, by similarity of hidden states, is left out.)
    """
    word = sentence[start:end]
    if not word:
        raise ValueError(f"there is no word at {start}:{end} of a text of {len(sentence)}")
    before, after = sentence[:start][-WINDOW:], sentence[end:][:WINDOW]
    own = {base for bases in lemmas(word.lower()).values() for base in bases} | {word.lower()}
    masked = f"{before}{word}{after} </s> {before}<mask>{after}"
    kept = []
    for filler in list(fill(masked))[:20]:
        filler = filler.strip().lower()
        bases = {base for bases in lemmas(filler).values() for base in bases} | {filler}
        plain = re.fullmatch(r"[a-z]{3,}", filler) is not None
        if plain and filler not in FUNCTION_WORDS and not own & bases and filler not in kept:
            kept.append(filler)
    return kept[:n]


def context_source(fill: FillMask) -> Source:
    """Candidates in context for a ``Watermarker``: of the five best fillers the rarest first.

    Only fillers that are rarer than the word; each word of each sentence is asked once.
    """

    @cache
    def rarer_fillers(word: str, sentence: str, at: int) -> tuple[str, ...]:
        found = concatenation(sentence, at, at + len(word), fill)
        bits = surprisal(word)
        kept = [f for f in found if surprisal(f) > bits and not is_refused(f)]
        return tuple(sorted(kept[:5], key=lambda f: (-surprisal(f), f)))

    return rarer_fillers


def hub_source(name: str = "roberta-base") -> FillMask:
    """roberta-base as a filler of masks; ``DataUnavailable`` without a network."""
    from transformers import AutoModelForMaskedLM, AutoTokenizer, pipeline

    commit = revision(name)
    try:
        tokenizer = AutoTokenizer.from_pretrained(name, revision=commit, trust_remote_code=False)
        net = AutoModelForMaskedLM.from_pretrained(
            name, revision=commit, use_safetensors=True, trust_remote_code=False
        )
        filler = pipeline(
            "fill-mask", model=net, tokenizer=tokenizer, top_k=20, trust_remote_code=False
        )
    except OSError as error:
        raise DataUnavailable(f"{name} is on the Hugging Face Hub only ({error})") from error
    return lambda text: [row["token_str"] for row in filler(text)]
