"""What the chapter ships: ``companion make leximark words`` writes the words of the live figure."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import wordfreq

from companion.leximark.method.candidates import family, rarer
from companion.leximark.method.watermark import KEYED, digest
from companion.leximark.method.words import frequency, tokenize

TARGET = Path(str(files("companion.data"))) / "files" / "leximark" / "live_words.txt"

TEXTS = (
    "The old keeper walked down to the harbor with a basket of fresh bread.",
    "The quick brown fox jumps over the lazy dog.",
    "A gardener planted seeds near the broken wall and waited for rain.",
    "The committee examined the proposal and rejected the yearly budget.",
)
"""Sentences of our own to begin with, and the one of the paper's picture."""

KNOWN = 2000
"""Words that a reader may type: the commonest ones that may be touched."""

KEYS = 12
"""Secret keys of the live figure, 1 to this many."""

HEADER = """\
# Words of the live figure of "Watermarks by rare synonyms": word, minus 100 log10 of its frequency,
# and for a word that a key replaces the choice of each key and the synonyms, rarest first.
# Frequencies: wordfreq 3.1 by Robyn Speer, CC BY-SA 4.0 (changed: the commonest words, and what
# they become). Synonyms: Moby Thesaurus II by Grady Ward, public domain.
"""


SYNONYMS = "# Synonyms with their frequency"
"""The line between the two tables."""


def centibels(word: str) -> int:
    """Minus 100 log10 of the frequency, as wordfreq keeps it: a whole number."""
    return round(-100 * math.log10(frequency(word)))


def choices(word: str, n: int) -> str:
    """Digit i: which of `n` candidates key i + 1 takes (eq. 3)."""
    return "".join(str(digest(key, family(word)) % n) for key in range(1, KEYS + 1))


def lines(words: list[str]) -> list[str]:
    """One line a word, then one for each synonym."""
    found, written = [], set()
    for word in words:
        pool = rarer(word, KEYED.limit)[: KEYED.n]
        is_open = len(pool) >= KEYED.least and frequency(word) >= KEYED.limit
        parts = [word, str(centibels(word))]
        if is_open:
            parts += [choices(word, len(pool)), *pool]
            written.update(pool)
        found.append(" ".join(parts))
    return [*found, SYNONYMS, *(f"{word} {centibels(word)}" for word in sorted(written))]


def common(n: int) -> list[str]:
    """The `n` commonest words of at least three letters that a watermark may touch."""
    kept = []
    for word in wordfreq.iter_wordlist("en", "large"):
        if len(word) > 2 and word.isascii() and word.isalpha() and not _reason(word):
            kept.append(word)
        if len(kept) == n:
            break
    return kept


def _reason(word: str) -> str:
    (token,) = tokenize(word)
    return token.reason


def words(scratch: Path, say: Callable[[str], object], target: Path = TARGET) -> Path:
    """Write the table, those words first that the figure's own sentences need."""
    own = {t.word for text in TEXTS for t in tokenize(text) if not t.reason and frequency(t.word)}
    text = HEADER + "\n".join(lines(sorted({*common(KNOWN), *own}))) + "\n"
    target.write_text(text, encoding="utf-8")
    found = hashlib.sha256(text.encode()).hexdigest()
    say(f'for the registry: sha256 = "{found}", bytes = {len(text)}')
    return target


MAKERS = {"words": words}
