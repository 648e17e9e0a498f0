r"""Words of a text: where they stand, how rare they are, and which must not be touched.

The paper calls two different quantities "entropy".  With p the word's frequency in general English,

    h(w) = -p log2 p   ranks the words of a sentence (eq. 1); small h means rare, as p < 1/e
    s(w) = -log2 p     scores a synonym in bits (eq. 2); large s means rare

Nothing is joined or re-spaced: a watermark replaces characters at known places and leaves all
others as they are.  (The authors' code splits at spaces and joins again, and the layout is lost.)
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import wordfreq

_GRAMMAR = """
a about after all also an and any are as at be because been before being but by can could did do
does each for from had has have he her here him his how i if in into is it its just like me more
most my no not now of on one only or other our out over she should so some such than that the their
them then there these they this those through to too under until up us very was we were what when
where which while who will with would you your thee thou thy thine ye unto shall upon hath
"""

FUNCTION_WORDS = frozenset(_GRAMMAR.split())
"""Words that are never touched: the grammar of a sentence hangs on them."""

_CARDINALS = """
zero two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand
million billion trillion dozen threescore fourscore
"""
_ORDINALS = """
first second third fifth eighth ninth twelfth twentieth thirtieth fortieth fiftieth sixtieth
seventieth eightieth ninetieth half once twice thrice twain
"""
_REGULAR = """
four six seven ten eleven thirteen fourteen fifteen sixteen seventeen eighteen nineteen hundred
thousand million billion
"""

NUMBER_WORDS = frozenset(
    [*_CARDINALS.split(), *_ORDINALS.split()]
    + [f"{word}s" for word in _CARDINALS.split()]
    + [f"{word}th{end}" for word in _REGULAR.split() for end in ("", "s")]
    + [f"{word}s" for word in ("third", "fifth", "eighth", "ninth", "twelfth")]
    + [f"{word}fold" for word in _CARDINALS.split()]
)
"""Numbers in words, never touched: what they say is exact ("one" is a function word)."""


@cache
def _english() -> dict[str, float]:
    return dict(wordfreq.get_frequency_dict("en", "large"))


def frequency(word: str) -> float:
    """Share of running English words that are `word` (lower case); 0 if the list lacks it."""
    return _english().get(word, 0.0)


def selection_key(word: str) -> float:
    r"""Eq. 1: h = -p log2 p, smallest for the rarest known words; infinite for unknown ones."""
    p = frequency(word)
    return -p * math.log2(p) if p > 0 else math.inf


def surprisal(word: str) -> float:
    """Eq. 2: s = -log2 p in bits; 0 for unknown words, which are never chosen."""
    p = frequency(word)
    return -math.log2(p) if p > 0 else 0.0


NAME, NUMBER = "name", "number"
SPECIAL, FUNCTION = "not a plain word", "function word"
"""Reasons for which a word is never touched."""


class Token(NamedTuple):
    """A word and its place: ``text[start:end] == word``; `reason` is "" or one of those above."""

    start: int
    end: int
    word: str
    reason: str


_CHUNK = re.compile(r"\S+")
_PLAIN = re.compile(r"[a-z]+(?:['’]s)?")
_SENTENCE_END = re.compile(r"[.!?]+[\"'”’)\]]*(?=\s)|\n")
_PUNCTUATION = ".,;:!?\"'()[]{}<>*_~“”‘’«»…-–—"


def _reason(core: str) -> str:
    if any(character.isdigit() for character in core):
        return NUMBER
    if core[:1].isupper() or (core != core.lower() and core.isalpha()):
        return NAME
    if not _PLAIN.fullmatch(core):
        return SPECIAL
    if core in NUMBER_WORDS:
        return NUMBER
    return FUNCTION if core in FUNCTION_WORDS else ""


def tokenize(text: str) -> list[Token]:
    """Whitespace-separated words without the punctuation around them, each with its reason.

    A word with a capital letter counts as a name, also at the start of a sentence: no recognizer
    of names can fail then.
    """
    tokens = []
    for chunk in _CHUNK.finditer(text):
        core = chunk.group().strip(_PUNCTUATION)
        if core:
            start = chunk.start() + chunk.group().index(core)
            tokens.append(Token(start, start + len(core), core, _reason(core)))
    return tokens


def sentences(text: str) -> Iterator[list[Token]]:
    """The words of each sentence; a sentence ends at . ! ? before a space, or at a line's end."""
    ends = [match.end() for match in _SENTENCE_END.finditer(text)] + [len(text) + 1]
    tokens, at = tokenize(text), 0
    for end in ends:
        sentence = []
        while at < len(tokens) and tokens[at].start < end:
            sentence.append(tokens[at])
            at += 1
        if sentence:
            yield sentence
