"""A text as sentences of words with their places, and what must not be touched.

Nothing is joined or re-spaced: a watermark replaces characters at known places and leaves all
others as they are.  (The authors' code splits at spaces and joins again, and the layout is lost.)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from companion.leximark.method.words import FUNCTION_WORDS, NUMBER_WORDS, is_english

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
