"""Text and token streams for small language models.

English text that every Python carries (the help topics of its standard library), as characters or
bytes, and random tokens whose frequencies fall like those of words (Zipf's law).
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

import numpy as np
import torch


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


def python_topics() -> Corpus:
    """The help topics of Python's standard library: 80 documents, 460,000 characters of English.

    The text belongs to the running Python: another minor version has slightly other documents, so
    a result keeps :meth:`Corpus.provenance`.
    """
    from pydoc_data.topics import topics

    return Corpus(
        MappingProxyType({title: topics[title] for title in sorted(topics)}),
        source="pydoc_data.topics of the Python standard library",
        licence="PSF-2.0",
        version=platform.python_version(),
    )


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
    if vocab_size < 1 or exponent < 0:
        raise ValueError(
            f"need vocab_size >= 1 and exponent >= 0, got {vocab_size} and {exponent:g}"
        )
    weights = np.arange(1, vocab_size + 1, dtype=float) ** -exponent
    cumulative = np.cumsum(weights / weights.sum())
    cumulative[-1] = 1.0  # rounding must not leave a gap above the last token
    return torch.from_numpy(np.searchsorted(cumulative, rng.random((n, seq)), side="right"))
