"""The watermark itself: in each sentence the K rarest words become rarer synonyms.

:data:`LEXIMARK` is the authors' rule: the rarest candidate that a filter accepts, remembered in one
dictionary a call.  :data:`KEYED` is ours: a secret key chooses among the five rarest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from companion import contracts
from companion.leximark.method.candidates import RARE, SimilarityFilter, commoner, family, rarer
from companion.leximark.method.words import Token, frequency, selection_key, sentences, surprisal

PICKS = ("rarest", "random", "commonest")
TARGETS = ("rarer", "commoner")

Source = Callable[[str, str, int], Sequence[str]]
"""(word, its sentence, its place there) -> candidates, the preferred first."""


@dataclass(frozen=True)
class Recipe:
    """What a watermark does.

    k : words per sentence; pick : which (:data:`PICKS`)
    target : rarer synonyms, or commoner ones (the control)
    n : a key chooses among this many candidates; 1 means the rarest, whatever the key
    least : a word with fewer candidates is left alone; 3 keeps keys apart
    limit : synonyms are rarer than this frequency, and words below it are left alone; 1 is the
        authors' rule, which asks only that a synonym is rarer than its word
    """

    k: int = 5
    pick: str = "rarest"
    target: str = "rarer"
    n: int = 1
    least: int = 1
    limit: float = 1.0

    def __post_init__(self) -> None:
        if self.k < 0 or self.n < 1 or self.least < 1:
            raise ValueError(f"need k >= 0, n >= 1 and least >= 1, got {self}")
        if self.pick not in PICKS or self.target not in TARGETS:
            raise ValueError(
                f"pick is one of {PICKS} and target one of {TARGETS}, got {self.pick!r} and "
                f"{self.target!r}"
            )


LEXIMARK = Recipe()
RANDOM_WORDS = Recipe(pick="random")
COMMON = Recipe(target="commoner")
KEYED = Recipe(n=5, least=3, limit=RARE)


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
    """Marks texts with one dictionary, as one call of the authors' code does.

    Under one key of :data:`KEYED`, marked once more, a text stays as it is, whatever `k`, `n`, and
    `least`: what was written is out of reach.  The authors' rule may replace a replacement.

    recipe : what to do; key : any string or number, which counts where ``recipe.n`` is above 1
    similarity : optional filter of candidates
    candidates : another source: (word, sentence, its place there) -> candidates with the preferred
        first; default the thesaurus, which knows no sentence
    dictionary : word -> replacement of an earlier call; a word that it lacks is looked up
    """

    def __init__(
        self,
        recipe: Recipe = LEXIMARK,
        key: object = "",
        *,
        similarity: SimilarityFilter | None = None,
        candidates: Source | None = None,
        dictionary: Mapping[str, str] | None = None,
    ) -> None:
        self.recipe, self.key, self.similarity = recipe, key, similarity
        self._candidates = candidates or (lambda word, sentence, at: thesaurus(word, recipe))
        known = "known from an earlier call"
        self._dictionary = {word: (new, known) for word, new in (dictionary or {}).items()}

    @property
    def dictionary(self) -> dict[str, str]:
        """Word -> what it became, itself where nothing fitted; grows with every text."""
        return {word: new for word, (new, _) in self._dictionary.items()}

    def replacement(self, word: str, sentence: str = "", at: int = 0) -> tuple[str, str]:
        """(what `word` becomes, why); itself where nothing fits.

        sentence, at : the sentence and the word's place in it; the first one that a word is met in
            decides for all later ones, as in the authors' code
        """
        self._learn({word: at}, sentence)
        return self._dictionary[word]

    def _learn(self, places: Mapping[str, int], sentence: str) -> None:
        """Look up the words of a sentence that the dictionary lacks."""
        asked = {}
        for word, at in places.items():
            if word in self._dictionary:
                continue
            if self.recipe.limit < 1 and frequency(word) < self.recipe.limit:
                self._dictionary[word] = word, f"rare as it is (below {self.recipe.limit:g})"
            else:
                asked[word] = at, self._candidates(word, sentence, at)
        if self.similarity is not None:
            for word, close in self.similarity.first(asked, sentence).items():
                why = "the rarest that is close" if close else "none is close"
                self._dictionary[word] = close or word, why
        else:
            for word, (_, found) in asked.items():
                self._dictionary[word] = self._choose(word, found)

    def _choose(self, word: str, found: Sequence[str]) -> tuple[str, str]:
        """(what the word becomes, why), of candidates with the preferred first (eq. 3)."""
        recipe = self.recipe
        found = found[: recipe.n]
        if len(found) < recipe.least:
            return word, f"{len(found)} acceptable synonyms, {recipe.least} needed"
        if recipe.n == 1:
            return found[0], "the rarest" if recipe.target == "rarer" else "the commonest"
        index = digest(self.key, family(word)) % len(found)
        return found[index], f"choice {index + 1} of {len(found)} under the key"

    def mark(self, text: str) -> Marked:
        """Replace words of `text`; every other character stays where it is."""
        changes, kept = [], []
        n_words, picked = plan(text, self.recipe)
        for start, end, tokens in picked:
            places = {token.word: token.start - start for token in reversed(tokens)}
            self._learn(places, text[start:end])
            for token in tokens:
                new, why = self._dictionary[token.word]
                (changes if new != token.word else kept).append(change_of(token, new, why))
        return Marked(apply(text, changes), changes, kept, n_words)

    def __call__(self, texts: Sequence[str]) -> list[str]:
        """The marked texts."""
        return [self.mark(text).text for text in texts]


def change_of(token: Token, new: str, why: str) -> Change:
    """The change of a token to `new`."""
    bits = surprisal(token.word), surprisal(new)
    return Change(token.start, token.end, token.word, new, bits, why)


def apply(text: str, changes: Sequence[Change]) -> str:
    """`text` with the changes written in; their places are those of the original."""
    parts, at = [], 0
    for change in sorted(changes):
        parts += [text[at : change.start], change.new]
        at = change.end
    return "".join([*parts, text[at:]])


def thesaurus(word: str, recipe: Recipe) -> tuple[str, ...]:
    """Candidates of a word without its sentence, the preferred first."""
    return rarer(word, recipe.limit) if recipe.target == "rarer" else commoner(word)


def universe(texts: Sequence[str], recipe: Recipe) -> set[str]:
    """Every word that some key could write into `texts`: what a vocabulary must hold."""
    found = set()
    for text in texts:
        for _, _, tokens in plan(text, recipe)[1]:
            for token in tokens:
                found.update(thesaurus(token.word, recipe)[: recipe.n])
    return found


contracts.guard(
    __name__,
    {
        "Recipe": {
            "k": contracts.WHOLE,
            "n": contracts.COUNT,
            "least": contracts.COUNT,
            "limit": contracts.NOT_NEGATIVE,
        },
    },
)
