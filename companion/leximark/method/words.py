r"""How rare a word is: frequencies, the key that ranks words, the surprisal that scores them.

The paper calls two different quantities "entropy".  With p the word's frequency in general English,

    h(w) = -p log2 p   ranks the words of a sentence (eq. 1); small h means rare, as p < 1/e
    s(w) = -log2 p     scores a synonym in bits (eq. 2); large s means rare
"""

from __future__ import annotations

import math
from functools import cache

import wordfreq

OTHER_LANGUAGES = ("de", "es", "fr", "it", "nl", "pl", "pt", "sv")
"""Languages that a sentence is compared with; lists of `wordfreq`."""

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


@cache
def _other(language: str) -> dict[str, float]:
    return dict(wordfreq.get_frequency_dict(language, "small"))


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


def zipf(word: str, language: str = "en") -> float:
    """log10 of the frequency per billion words: 0 if unknown, about 7 for "the"."""
    p = frequency(word) if language == "en" else _other(language).get(word, 0.0)
    return math.log10(p) + 9 if p > 0 else 0.0


@cache
def is_foreign(word: str) -> bool:
    """Whether another language uses the word more than ten times as often as English does."""
    english = zipf(word)
    return any(zipf(word, language) > english + 1 for language in OTHER_LANGUAGES)


def is_english(words: list[str]) -> bool:
    """Whether a sentence's words are English rather than anything else.

    The mean of log frequencies must be that of English text (4 or more; English prose has about
    5.5) and no other list may give a higher one.  Names and numbers are left out by the caller; an
    empty sentence is not English, and there is nothing to do in it.
    """
    if not words:
        return False
    mean = sum(map(zipf, words)) / len(words)
    if mean < 4:
        return False
    return all(
        sum(zipf(word, language) for word in words) / len(words) <= mean
        for language in OTHER_LANGUAGES
    )
