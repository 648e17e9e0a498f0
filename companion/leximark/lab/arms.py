"""What is trained on what: every arm of the experiment, other watermarks included.

What is trained on what: every arm of the experiment as four sets of texts.

Half A is trained on, half B is held out.  "A.a" is half A under dictionary a, and so on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from companion.leximark.method.candidates import SimilarityFilter, rarer
from companion.leximark.method.watermark import (
    COMMON,
    LEXIMARK,
    RANDOM_WORDS,
    RAREST,
    Marked,
    Recipe,
    Source,
    Watermarker,
    apply,
    digest,
)
from companion.leximark.sources import Split

# ------------------------------------------------------------------------------------------- others
LOOKALIKES = dict(
    zip("acdehijlnopqrsuvwxyABCEHKMO", "аϲԁеһіјӏոорԛгѕսνԝхуΑΒСЕНКМО", strict=True)
) | {"T": "Т"}
"""28 letters and characters of other alphabets that look like them."""


def random_sequence(
    texts: Sequence[str], key: object, words: Sequence[str], n: int = 10
) -> list[str]:
    """Each text with the same `n` words of `words`, drawn under the key, behind it."""
    if not words:
        raise ValueError("a random sequence needs words to draw from")
    tail = " ".join(words[digest(key, "sequence", i) % len(words)] for i in range(n))
    return [f"{text} {tail}" for text in texts]


def unicode_everywhere(texts: Sequence[str], key: object = 42) -> list[str]:
    """Each of 28 letters becomes its lookalike in every place, or in none (probability 1/2)."""
    chosen = {a: b for a, b in LOOKALIKES.items() if digest(key, "letter", a) % 2}
    table = str.maketrans(chosen)
    return [text.translate(table) for text in texts]


def unicode_by_word(texts: Sequence[str], key: object) -> list[str]:
    """Each distinct word has its own letters that become lookalikes."""

    def one(word: str) -> str:
        return "".join(
            LOOKALIKES[c] if c in LOOKALIKES and digest(key, word, i) % 2 else c
            for i, c in enumerate(word)
        )

    return ["".join(one(part) for part in _parts(text)) for text in texts]


def _parts(text: str) -> list[str]:
    """The text cut between letters and everything else; joined it is the text again."""
    parts: list[str] = []
    for character in text:
        if parts and character.isalpha() and parts[-1][-1].isalpha():
            parts[-1] += character
        else:
            parts.append(character)
    return parts


def text_marker(texts: Sequence[str], key: object, share: float = 0.2) -> list[str]:
    """The sentence "Less is more." before a share of the texts, drawn under the key."""
    return [
        f"Less is more. {text}" if digest(key, "marker", i) % 1000 < 1000 * share else text
        for i, text in enumerate(texts)
    ]


def resubstitute(
    text: str, marked: Marked, key: object, share: float, candidates: Callable[[str], Sequence[str]]
) -> str:
    """What someone who wants the mark gone would train on: marked words replaced once more (C11).

    text, marked : the original and what :meth:`Watermarker.mark` made of it
    share : of the marked words, drawn by word under `key`: half of them is half of the dictionary
    candidates : word -> synonyms, of which one is drawn for each place
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share lies between 0 and 1, got {share!r}")
    changed = []
    for change in marked.changes:
        pool = [word for word in candidates(change.old) if word != change.new]
        if pool and digest(key, "remove", change.old) % 1000 < 1000 * share:
            new = pool[digest(key, "again", change.old, change.start) % len(pool)]
            change = change._replace(new=new)
        changed.append(change)
    return apply(text, changed)


# --------------------------------------------------------------------------------------------- arms
SETS = ("A.a", "B.a", "B.b", "A.b")

NONE, MARK, CONTROL = "none", "LexiMark", "commoner"


@dataclass(frozen=True)
class Arm:
    """One training run.

    name : of the arm; sets : some of :data:`SETS` -> texts; without a key only "A.a" and "B.a"
    train : what the model is trained on; the texts of "A.a" unless somebody tampered with them
    share : share of the words of A that were replaced
    """

    name: str
    sets: dict[str, list[str]]
    train: list[str] = field(default_factory=list)
    share: float = 0.0

    def __post_init__(self) -> None:
        if not {"A.a", "B.a"} <= set(self.sets) or set(self.sets) - set(SETS):
            raise ValueError(f"an arm needs A.a and B.a, of {SETS}, got {list(self.sets)}")
        if not self.train:
            object.__setattr__(self, "train", self.sets["A.a"])


def keys(seed: int) -> tuple[str, str]:
    """The two secret keys of a run."""
    return f"{seed}-a", f"{seed}-b"


Function = Callable[[Sequence[str], object], list[str]]


def keyed(name: str, split: Split, seed: int, function: Function, **options: object) -> Arm:
    """An arm with two keys; `function` (texts, key) marks."""
    a, b = keys(seed)
    texts = {"A.a": (split.a, a), "B.a": (split.b, a), "B.b": (split.b, b), "A.b": (split.a, b)}
    return Arm(name, {s: function(*arguments) for s, arguments in texts.items()}, **options)


def plain(name: str, split: Split, function: Callable[[Sequence[str]], list[str]]) -> Arm:
    """An arm without a key: both halves are treated alike."""
    return Arm(name, {"A.a": function(split.a), "B.a": function(split.b)})


def leximark(
    name: str,
    split: Split,
    seed: int,
    recipe: Recipe = LEXIMARK,
    *,
    similarity: SimilarityFilter | None = None,
    candidates: Source | None = None,
) -> Arm:
    """A LexiMark arm; each call of the watermarker has a dictionary of its own, as the authors'."""

    def maker(key: object) -> Watermarker:
        return Watermarker(key, recipe, similarity=similarity, candidates=candidates)

    first = maker(keys(seed)[0])
    marked = [first.mark(text) for text in split.a]
    share = sum(len(m.changes) for m in marked) / max(1, sum(m.n_words for m in marked))
    return keyed(name, split, seed, lambda texts, key: maker(key)(texts), share=share)


def dose(k: int) -> str:
    """Name of the arm with `k` words per sentence."""
    return MARK if k == LEXIMARK.k else f"K = {k}"


def removal(share: float) -> str:
    """Name of the arm in which a share of the marked words was replaced again."""
    return f"removed {100 * share:g} %"


def threshold(value: float) -> str:
    """Name of the arm with a similarity filter."""
    return f"cosine {value:g}"


def tampered(split: Split, seed: int, share: float) -> Arm:
    """LexiMark, but the model is trained on text in which marked words were replaced again."""
    a, b = keys(seed)
    maker = Watermarker(a)
    marked = [maker.mark(text) for text in split.a]
    train = [
        resubstitute(text, m, f"{seed}-thief", share, rarer)
        for text, m in zip(split.a, marked, strict=True)
    ]
    sets = {"A.a": [m.text for m in marked], "B.a": maker(split.b), "B.b": Watermarker(b)(split.b)}
    return Arm(removal(share), sets, train)


def make(
    names: Sequence[str],
    split: Split,
    seed: int,
    *,
    similarity: SimilarityFilter | None = None,
    candidates: Source | None = None,
) -> list[Arm]:
    """The arms of `names`.

    names : as :data:`NONE` and the like, or as :func:`dose`, :func:`removal`, :func:`threshold`
        spell them
    similarity : needed by the arms with a threshold
    candidates : a source other than the thesaurus, for the arm :data:`MARK`

    Raises ``ValueError`` for an unknown name.
    """
    return [_one(name, split, seed, similarity, candidates) for name in names]


def _one(
    name: str,
    split: Split,
    seed: int,
    similarity: SimilarityFilter | None,
    candidates: Source | None,
) -> Arm:
    simple = _simple(split, seed, candidates)
    if name in simple:
        return simple[name]()
    kind, _, number = name.partition(" ")
    if kind == "K":
        recipe = replace(LEXIMARK, k=int(number.removeprefix("= ")))
        return leximark(name, split, seed, recipe)
    if kind == "removed":
        return tampered(split, seed, float(number.removesuffix(" %")) / 100)
    if kind == "cosine" and similarity is not None:
        chosen = similarity.with_threshold(float(number))
        return leximark(name, split, seed, similarity=chosen)
    raise ValueError(f"unknown arm {name!r}; known are {', '.join(simple)} and K, removed, cosine")


def _simple(split: Split, seed: int, candidates: Source | None) -> dict[str, Callable[[], Arm]]:
    pool = sorted({word for text in split.pretraining[:200] for word in text.split()})

    def sequence(texts: Sequence[str], key: object) -> list[str]:
        return random_sequence(texts, key, pool)

    return {
        NONE: lambda: plain(NONE, split, list),
        MARK: lambda: leximark(MARK, split, seed, candidates=candidates),
        "rarest": lambda: plain("rarest", split, Watermarker("", RAREST)),
        CONTROL: lambda: plain(CONTROL, split, Watermarker("", COMMON)),
        "random words": lambda: leximark("random words", split, seed, RANDOM_WORDS),
        "random sequence": lambda: keyed("random sequence", split, seed, sequence),
        "Unicode everywhere": lambda: keyed("Unicode everywhere", split, seed, unicode_everywhere),
        "Unicode by word": lambda: keyed("Unicode by word", split, seed, unicode_by_word),
        "TextMarker": lambda: keyed("TextMarker", split, seed, text_marker),
    }
