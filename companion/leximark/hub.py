"""Larger models: Pythia on BookMIA (paper scale), and SmolLM2-135M from its wheel.

Pythia has three arms (no mark, LexiMark, commoner synonyms) and the keyed test; its runs stand
beside those of the small models in the findings and the record.  Candidates come from roberta-base
in context, as in the authors' main tables.  Continued pretraining as in the authors' code: all
weights, learning rate 1e-4, four texts a step, one epoch, 512 tokens.  SmolLM2 is shown only, with
two arms and candidates of the thesaurus.  The tests run both on a model of a few thousand weights.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd
from tqdm.auto import tqdm

from companion.data import DataUnavailable, Missing
from companion.leximark.lab import arms
from companion.leximark.lab.models import CausalModel
from companion.leximark.lab.probe import Probe, probe
from companion.leximark.lab.run import Run, halves, run_arm
from companion.leximark.method.candidates import is_refused
from companion.leximark.method.candidates import lemmas as lemma_table
from companion.leximark.method.watermark import Source
from companion.leximark.method.words import FUNCTION_WORDS, surprisal
from companion.leximark.settings import Settings
from companion.leximark.sources import Split
from companion.models import smollm2
from companion.scale import device, generator

if TYPE_CHECKING:
    from collections.abc import Mapping

BOOKMIA = "swj0419/BookMIA"
HUB_ARMS = (arms.NONE, arms.MARK, arms.CONTROL)
SEQ = 512
HUB_TRAINING = {"epochs": 1, "lr": 1e-4, "batch": 4}
SMOL_ARMS = (arms.NONE, arms.MARK)
SMOL_TRAINING = {"epochs": 4, "lr": 3e-4, "batch": 4}


class Large(NamedTuple):
    """What a larger model gives: its arms, and the keyed test."""

    run: Run
    probe: Probe


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

    try:
        names = [n for n in list_repo_files(BOOKMIA, repo_type="dataset") if n.endswith(".parquet")]
        paths = [hf_hub_download(BOOKMIA, name, repo_type="dataset") for name in sorted(names)]
    except OSError as error:
        raise DataUnavailable(f"{BOOKMIA} is on the Hugging Face Hub only ({error})") from error
    if not paths:
        raise DataUnavailable(f"{BOOKMIA} holds no parquet file")
    return pd.concat([pd.read_parquet(path) for path in paths], ignore_index=True)


def load_causal(name: str, seq: int = SEQ) -> CausalModel:
    """A causal model of the Hub with its tokenizer; ``DataUnavailable`` without a network."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(name, trust_remote_code=False)
        net = AutoModelForCausalLM.from_pretrained(
            name, dtype=torch.float32, use_safetensors=True, trust_remote_code=False
        )
    except OSError as error:
        raise DataUnavailable(f"{name} is on the Hugging Face Hub only ({error})") from error
    return CausalModel(net.to(device()), lambda text: tokenizer(text)["input_ids"], seq)


def run_large(
    base: CausalModel,
    docs: Split,
    seed: int,
    name: str,
    made: Sequence[arms.Arm],
    training: Mapping[str, float],
    *,
    progress: bool = True,
) -> Run:
    """Some arms on one model and one split."""
    bar = tqdm(made, desc=name, disable=not progress)
    found = {arm.name: run_arm(base, arm, seed=seed, **training) for arm in bar}
    return Run(name, (seed,), (found,))


def run_hub(settings: Settings, seed: int) -> list[Large] | Missing:
    """Paper scale: every model of the settings on BookMIA, arms and keyed test."""
    if not settings.hub_models:
        return Missing("Pythia on BookMIA runs at paper scale only.")
    docs = bookmia_halves(load_bookmia(), settings.hub_docs, seed)
    source = context_source(hub_source())
    made = arms.make(HUB_ARMS, docs, seed, candidates=source)
    innocent = replace(settings, n_calibration=0)  # left to the word model
    found = []
    for full in settings.hub_models:
        base, name = load_causal(full), full.rpartition("/")[2]
        run = run_large(base, docs, seed, name, made, HUB_TRAINING)
        tested = probe(base, docs, innocent, seed, candidates=source, **HUB_TRAINING)
        found.append(Large(run, tested))
    return found


def run_smollm2(settings: Settings, seed: int) -> Run | Missing:
    """SmolLM2-135M, its last two blocks trained further on the book's own documents."""
    if not settings.smol_docs:
        return Missing(
            "SmolLM2-135M is not trained at this scale: on two cores one arm takes several "
            'minutes. Set SETTINGS = {"smol_docs": 60} to run it.'
        )
    net, tokenizer = smollm2()
    base = CausalModel(net, lambda text: tokenizer(text)["input_ids"], settings.seq, train_last=2)
    docs = halves(settings, seed)
    few = docs._replace(a=docs.a[: settings.smol_docs], b=docs.b[: settings.smol_docs])
    return run_large(
        base, few, seed, "SmolLM2-135M", arms.make(SMOL_ARMS, few, seed), SMOL_TRAINING
    )


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
    """Candidates in context for a ``Watermarker``: fillers rarer than the word, best first.

    Each word of each sentence is asked once, for all keys.
    """

    @cache
    def rarer_fillers(word: str, sentence: str, at: int) -> tuple[str, ...]:
        found = concatenation(sentence, at, at + len(word), fill)
        bits = surprisal(word)
        return tuple(f for f in found if surprisal(f) > bits and not is_refused(f))

    return rarer_fillers


def hub_source(name: str = "roberta-base") -> FillMask:
    """roberta-base as a filler of masks; ``DataUnavailable`` without a network."""
    from transformers import pipeline

    try:
        filler = pipeline("fill-mask", model=name, top_k=20)
    except OSError as error:
        raise DataUnavailable(f"{name} is on the Hugging Face Hub only ({error})") from error
    return lambda text: [row["token_str"] for row in filler(text)]
