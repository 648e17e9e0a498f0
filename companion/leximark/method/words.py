"""Words of a text: where they stand, how rare they are, and which must not be touched.

How rare a word is: frequencies, the key that ranks words, the surprisal that scores them.

The paper calls two different quantities "entropy".  With p the word's frequency in general English,

    h(w) = -p log2 p   ranks the words of a sentence (eq. 1); small h means rare, as p < 1/e
    s(w) = -log2 p     scores a synonym in bits (eq. 2); large s means rare

A text as sentences of words with their places, and what must not be touched.

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

# -------------------------------------------------------------------------------------------- words
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


# ------------------------------------------------------------------------------------------- tokens
NAME, NUMBER, CODE, QUOTE = "name", "number", "code", "quotation"
SPECIAL, LANGUAGE, FUNCTION = "not a plain word", "other language", "function word"
"""Reasons for which a word is never touched."""


class Token(NamedTuple):
    """A word and its place: ``text[start:end] == word``; `reason` is "" or one of those above."""

    start: int
    end: int
    word: str
    reason: str


_CHUNK = re.compile(r"\S+")
_PLAIN = re.compile(r"[a-z]+")
_SENTENCE_END = re.compile(r"[.!?]+[\"'”’)\]]*(?=\s)|\n")
_PUNCTUATION = ".,;:!?\"'()[]{}<>*_~“”‘’«»…-–—"
_CODE = re.compile(
    r"\A---[ \t]*\n.*?\n(?:---|\.\.\.)[ \t]*$"  # front matter
    r"|```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)|`[^`\n]+`|^(?: {4}|\t)[^\n]*$"
    r"|<(?P<tag>(?i:pre|code|script|style))\b[^<>]*>.*?(?:</(?P=tag)\s*>|\Z)|<[^<>\n]+>"
    r"|\$\$.*?\$\$|\$[^$\n]+\$|\\\(.*?\\\)|\\\[.*?\\\]"
    r"|^ {0,3}\[[^\[\]\n]+\]:[^\n]*$|\[[^\[\]\n]+\]",  # a link's address, and what names it
    re.DOTALL | re.MULTILINE,
)
_PAIRS = ('""', "“”", "«»", "»«", "‹›", "›‹", "「」", "『』")
_QUOTE = re.compile(
    r"^>[^\n]*$"  # a quoted line
    # a mark without partner quotes to the end of its paragraph
    + "".join(rf"|{a}(?:(?!\n\s*\n)[^{b}])*{b}?" for a, b in _PAIRS)
    + r"|„(?:(?!\n\s*\n)[^“”])*[“”]?"
    r"|‚(?:(?!\n\s*\n).)*?(?:[‘’'](?!\w)|(?=\n\s*\n)|\Z)"
    r"|(?<!\w)'(?=\S)(?:(?!\n\s*\n).)+?(?<=\S)'(?!\w)"
    r"|(?<!\w)‘(?:(?!\n\s*\n).)+?’(?!\w)",
    re.DOTALL | re.MULTILINE,
)


def _covered(text: str) -> list[tuple[int, int, str]]:
    """Stretches of code and quotation in order of their start; code wins where they overlap."""
    code = [(m.start(), m.end(), CODE) for m in _CODE.finditer(text)]
    masked = list(text)
    for start, end, _ in code:
        masked[start:end] = re.sub(r"[^\n]", " ", text[start:end])  # its marks quote nothing
    quotes = [(m.start(), m.end(), QUOTE) for m in _QUOTE.finditer("".join(masked))]
    return sorted(code + quotes)


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
    covered, tokens, at = _covered(text), [], 0
    for chunk in _CHUNK.finditer(text):
        core = chunk.group().strip(_PUNCTUATION)
        if not core:
            continue
        start = chunk.start() + chunk.group().index(core)
        end = start + len(core)
        while at < len(covered) and covered[at][1] <= start:
            at += 1
        inside = [kind for low, high, kind in covered[at : at + 8] if low < end and start < high]
        tokens.append(Token(start, end, core, inside[0] if inside else _reason(core)))
    return tokens


def sentences(text: str) -> Iterator[list[Token]]:
    """The words of each sentence; a sentence ends at . ! ? before a space, or at a line's end.

    Words of a sentence that is not English carry the reason "other language"; a sentence of fewer
    than four plain words is judged with the whole text.
    """
    ends = [match.end() for match in _SENTENCE_END.finditer(text)] + [len(text) + 1]
    tokens, at = tokenize(text), 0
    everywhere: bool | None = None
    for end in ends:
        sentence = []
        while at < len(tokens) and tokens[at].start < end:
            sentence.append(tokens[at])
            at += 1
        if not sentence:
            continue
        plain = _words(sentence)
        if len(plain) >= 4:
            english = is_english(plain)
        else:
            if everywhere is None:
                everywhere = is_english(_words(tokens))
            english = everywhere
        yield sentence if english else [_foreign(token) for token in sentence]


def _words(tokens: list[Token]) -> list[str]:
    """What the language is judged by: words of letters, in lower case, outside code."""
    return [
        token.word.lower()
        for token in tokens
        if token.reason in ("", FUNCTION, NUMBER, QUOTE, SPECIAL) and token.word.isalpha()
    ]


def _foreign(token: Token) -> Token:
    return token if token.reason else token._replace(reason=LANGUAGE)
