"""The watermark itself: in each sentence the K rarest words become rarer synonyms."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from companion.leximark.method.candidates import RARE, SimilarityFilter, commoner, family, rarer
from companion.leximark.method.words import (
    Token,
    frequency,
    is_foreign,
    selection_key,
    sentences,
    surprisal,
)

PICKS = ("rarest", "random", "commonest")
TARGETS = ("rarer", "commoner")

Source = Callable[[str, str, int], Sequence[str]]
"""(word, its sentence, its place there) -> candidates, the preferred first."""


@dataclass(frozen=True)
class Recipe:
    """What a watermark does.

    k : words per sentence; pick : which (:data:`PICKS`)
    target : rarer synonyms, or commoner ones (the control)
    n : the key chooses among this many candidates; 1 means the rarest, whatever the key
    least : a word with fewer candidates is left alone; 3 keeps keys apart
    """

    k: int = 5
    pick: str = "rarest"
    target: str = "rarer"
    n: int = 5
    least: int = 3

    def __post_init__(self) -> None:
        if self.k < 0 or self.n < 1 or self.least < 1:
            raise ValueError(f"need k >= 0, n >= 1 and least >= 1, got {self}")
        if self.pick not in PICKS or self.target not in TARGETS:
            raise ValueError(
                f"pick is one of {PICKS} and target one of {TARGETS}, got {self.pick!r} and "
                f"{self.target!r}"
            )


LEXIMARK = Recipe()
RAREST = Recipe(n=1, least=1)
COMMON = Recipe(target="commoner", n=1, least=1)
RANDOM_WORDS = Recipe(pick="random")


class Change(NamedTuple):
    """One word that was chosen: ``old`` at [start, end) of the original became ``new``.

    bits : surprisal before and after; why : in words.  `new` equals `old` where nothing was done.
    """

    start: int
    end: int
    old: str
    new: str
    bits: tuple[float, float]
    why: str


class Marked(NamedTuple):
    """A text after watermarking; changes : what was replaced; kept : chosen, but left alone.

    n_words : words of the text, touched or not
    """

    text: str
    changes: list[Change]
    kept: list[Change]
    n_words: int

    @property
    def share(self) -> float:
        """Share of words replaced; 0 for an empty text."""
        return len(self.changes) / self.n_words if self.n_words else 0.0


def digest(*parts: object) -> int:
    """A 64-bit number that is a pure function of the parts."""
    text = "\0".join(map(str, parts)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")


def pick(sentence: Sequence[Token], recipe: Recipe) -> list[Token]:
    """The K words of a sentence that are looked at, in order of the text: those of least key.

    Unknown words have an infinite key and are never picked; ties go to the earlier word.  A random
    pick hangs on what no watermark changes, the sentence's other words and the places of these, so
    that it picks the same places again in its own result.
    """
    open_ = [t for t in sentence if not t.reason and frequency(t.word) > 0]
    place = {t.start: i for i, t in enumerate(sentence)}
    frame = " ".join(t.word if t.reason else "" for t in sentence)
    order = {
        "rarest": lambda t: (selection_key(t.word), t.start),
        "commonest": lambda t: (-selection_key(t.word), t.start),
        "random": lambda t: digest("pick", place[t.start], frame),
    }[recipe.pick]
    return sorted(sorted(open_, key=order)[: recipe.k])


@lru_cache(maxsize=20_000)
def plan(text: str, recipe: Recipe) -> tuple[int, tuple[tuple[int, int, tuple[Token, ...]], ...]]:
    """(words of the text, per sentence its place and the words picked); the same for all keys."""
    n_words, picked = 0, []
    for sentence in sentences(text):
        n_words += len(sentence)
        tokens = tuple(pick(sentence, recipe))
        picked.append((sentence[0].start, sentence[-1].end, tokens))
    return n_words, tuple(picked)


class Watermarker:
    """Marks texts under one secret key; the same key and text give the same result.

    Marked once more with the same key a text stays as it is, whatever `k`, `n`, and `least`, for
    the picks "rarest" and "random" with rarer synonyms of the thesaurus: what was written is out of
    reach.  It need not stay with commoner synonyms (a commoner word may have one commoner still, or
    be among the K rarest no longer), with the pick "commonest" (other words are the commonest
    then), with a filter, or with another source (both judge a sentence that has changed).

    recipe : what to do; key : any string or number
    similarity : optional filter of candidates; it remembers a word's candidates from the first
        sentence in which it met the word, as the authors' dictionary does
    candidates : another source: (word, sentence, its place there) -> candidates with the preferred
        first; default the thesaurus, which knows no sentence
    """

    def __init__(
        self,
        key: object,
        recipe: Recipe = LEXIMARK,
        *,
        similarity: SimilarityFilter | None = None,
        candidates: Source | None = None,
    ) -> None:
        self.key, self.recipe, self.similarity = key, recipe, similarity
        default = rarer if recipe.target == "rarer" else commoner
        self._candidates = candidates or (lambda word, sentence, at: default(word))
        self._dictionary: dict[str, tuple[str, str]] = {}

    def replacement(self, word: str, sentence: str = "", at: int = 0) -> tuple[str, str]:
        """(what `word` becomes, why); itself where nothing fits.

        sentence, at : the sentence and the word's place in it, for the similarity filter
        """
        if word not in self._dictionary:
            self._dictionary[word] = self._choose(word, sentence, at)
        return self._dictionary[word]

    def _choose(self, word: str, sentence: str, at: int) -> tuple[str, str]:
        if is_foreign(word):
            return word, "a word of another language"
        found: Sequence[str] = ()
        if self.recipe.target == "commoner" or frequency(word) >= RARE:
            found = self._candidates(word, sentence, at)
        else:
            return word, f"rare as it is (below {RARE:g})"
        if self.similarity is not None:
            found = self.similarity.accepted(word, found, sentence, at, self.recipe.n)
        found = found[: self.recipe.n]
        if len(found) < self.recipe.least:
            return word, f"{len(found)} acceptable synonyms, {self.recipe.least} needed"
        index = digest(self.key, family(word)) % len(found)
        return found[index], f"choice {index + 1} of {len(found)} under the key"

    def mark(self, text: str) -> Marked:
        """Replace words of `text`; every other character stays where it is (eq. 3)."""
        changes, kept = [], []
        n_words, picked = plan(text, self.recipe)
        for start, end, tokens in picked:
            for token in tokens:
                new, why = self.replacement(token.word, text[start:end], token.start - start)
                bits = surprisal(token.word), surprisal(new)
                change = Change(token.start, token.end, token.word, new, bits, why)
                (changes if new != token.word else kept).append(change)
        return Marked(apply(text, changes), changes, kept, n_words)

    def __call__(self, texts: Sequence[str]) -> list[str]:
        """The marked texts."""
        return [self.mark(text).text for text in texts]


def apply(text: str, changes: Sequence[Change]) -> str:
    """`text` with the changes written in; their places are those of the original."""
    parts, at = [], 0
    for change in sorted(changes):
        parts += [text[at : change.start], change.new]
        at = change.end
    return "".join([*parts, text[at:]])


def universe(texts: Sequence[str], recipe: Recipe) -> set[str]:
    """Every word that some key could write into `texts`: what a vocabulary must hold."""
    maker, found = Watermarker("", recipe), set()
    for text in texts:
        for _, _, tokens in plan(text, recipe)[1]:
            for token in tokens:
                if not is_foreign(token.word):
                    found.update(maker._candidates(token.word, "", 0)[: recipe.n])
    return found
