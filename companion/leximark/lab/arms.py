"""What is trained on what: every arm of the experiment as up to four sets of texts.

Half A is trained on, half B is held out.  "A.a" is half A under dictionary a, and so on.  The
authors mark each half in a call of its own, which has a dictionary of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from companion.leximark.method.candidates import SimilarityFilter, neighbors
from companion.leximark.method.watermark import (
    COMMON,
    KEYED,
    LEXIMARK,
    RANDOM_WORDS,
    Recipe,
    Source,
    Watermarker,
    apply,
    change_of,
    digest,
    plan,
)
from companion.leximark.sources import Split

SETS = ("A.a", "B.a", "B.b", "A.b")

NONE, MARK, KEYS = "no mark", "LexiMark", "two keys"
RAREST, RANDOM, CONTROL = "rarest words", "random words", "commoner synonyms"
SEQUENCE, LOOKALIKE = "random sequence", "lookalike letters"
ATTACKED = "replaced again"

# ------------------------------------------------------------------------------------- other marks
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


def lookalike_letters(texts: Sequence[str], key: object = 42) -> list[str]:
    """Each of 28 letters becomes its lookalike in every place, or in none (probability 1/2)."""
    chosen = {a: b for a, b in LOOKALIKES.items() if digest(key, "letter", a) % 2}
    table = str.maketrans(chosen)
    return [text.translate(table) for text in texts]


def replaced_again(texts: Sequence[str], key: object) -> list[str]:
    """What someone who suspects a mark would train on: the rarest words replaced once more.

    Whoever does it sees the marked text alone: in each sentence the five rarest words of it become
    random synonyms, by either direction of the thesaurus, drawn for each place.
    """
    return [_again(text, key) for text in texts]


def _again(text: str, key: object) -> str:
    changes = []
    for start, end, tokens in plan(text, LEXIMARK)[1]:
        for token in tokens:
            pool = neighbors(token.word)
            if pool:
                new = pool[digest(key, "again", token.word, text[start:end]) % len(pool)]
                changes.append(change_of(token, new, "replaced again"))
    return apply(text, changes)


# ---------------------------------------------------------------------------------- dictionaries
@dataclass(frozen=True)
class Dictionaries:
    """What the authors' rule wrote for the words of one seed: word -> replacement.

    a : of the call on half A, and then for the words that only half B has; b : of the call on B
    """

    a: dict[str, str]
    b: dict[str, str]

    def maker(self, name: str, recipe: Recipe = LEXIMARK) -> Watermarker:
        """A watermarker that knows one of them."""
        return Watermarker(recipe, dictionary=getattr(self, name))


def dictionaries(docs: Split, similarity: SimilarityFilter) -> Dictionaries:
    """Mark half A and half B in two calls, as the authors' code does.

    A word that only half B has is looked up in its first sentence there under either dictionary, so
    that a takes it from b.
    """
    first, second = (Watermarker(LEXIMARK, similarity=similarity) for _ in range(2))
    first(docs.a)
    second(docs.b)
    return Dictionaries({**second.dictionary, **first.dictionary}, second.dictionary)


# --------------------------------------------------------------------------------------------- arms
@dataclass(frozen=True)
class Arm:
    """One training run.

    name : of the arm; sets : some of :data:`SETS` -> texts
    train : what the model is trained on; the texts of "A.a" unless somebody tampered with them
    changed : share of the words of half A that the mark changed; words behind a text do not count
    """

    name: str
    sets: dict[str, list[str]]
    train: list[str] = field(default_factory=list)
    changed: float = 0.0

    def __post_init__(self) -> None:
        if "A.a" not in self.sets or set(self.sets) - set(SETS):
            raise ValueError(f"an arm needs A.a, and of {SETS} only, got {list(self.sets)}")
        if not self.train:
            object.__setattr__(self, "train", self.sets["A.a"])


Maker = Callable[[Sequence[str]], list[str]]


def under(name: str, docs: Split, makers: Mapping[str, Maker], sets: Sequence[str]) -> Arm:
    """An arm; `makers` marks texts under dictionary "a" and "b"."""
    halves = {"A": docs.a, "B": docs.b}
    return Arm(name, {s: makers[s[2]](halves[s[0]]) for s in sets})


def keys(seed: int) -> dict[str, Watermarker]:
    """Watermarkers under the two secret keys of a seed."""
    return {name: Watermarker(KEYED, f"{seed}-{name}") for name in "ab"}


def dose(k: int) -> str:
    """Name of the arm with `k` words per sentence, two keys."""
    return KEYS if k == KEYED.k else f"two keys, K = {k}"


def marked(
    docs: Split, *, similarity: SimilarityFilter | None = None, candidates: Source | None = None
) -> Arm:
    """The authors' rule from nothing, each half in a call of its own."""
    a, b = (Watermarker(LEXIMARK, similarity=similarity, candidates=candidates) for _ in range(2))
    return under(MARK, docs, {"a": a, "b": b}, ("A.a", "B.b"))


def make(names: Sequence[str], docs: Split, seed: int, known: Dictionaries) -> list[Arm]:
    """The arms of `names`; ``ValueError`` for an unknown name.

    known : the dictionaries of the authors' rule on these documents or on more of the same halves
    """
    pool = sorted({word for text in docs.pretraining[:200] for word in text.split()})
    rule = {name: known.maker(name) for name in "ab"}
    protocol, three = ("A.a", "B.b"), ("A.a", "B.a", "B.b")

    def same(name: str, maker: Maker) -> Arm:
        return under(name, docs, {"a": maker}, ("A.a", "B.a"))

    def again() -> Arm:
        arm = under(ATTACKED, docs, rule, protocol)
        return replace(arm, train=replaced_again(arm.sets["A.a"], f"{seed}-thief"))

    sequences = {k: partial(random_sequence, key=f"{seed}-{k}", words=pool) for k in "ab"}
    known_arms: dict[str, Callable[[], Arm]] = {
        NONE: lambda: same(NONE, list),
        MARK: lambda: under(MARK, docs, rule, three),
        KEYS: lambda: under(KEYS, docs, keys(seed), SETS),
        RAREST: lambda: same(RAREST, Watermarker(LEXIMARK)),
        RANDOM: lambda: same(RANDOM, Watermarker(RANDOM_WORDS)),
        CONTROL: lambda: same(CONTROL, Watermarker(COMMON)),
        SEQUENCE: lambda: under(SEQUENCE, docs, sequences, protocol),
        LOOKALIKE: lambda: same(LOOKALIKE, lookalike_letters),
        ATTACKED: again,
    }
    made = [known_arms[name]() if name in known_arms else _dose(name, docs, seed) for name in names]
    return [replace(arm, changed=changed_share(docs.a, arm.sets["A.a"])) for arm in made]


def changed_share(before: Sequence[str], after: Sequence[str]) -> float:
    """Share of the words, cut at spaces, that differ."""
    pairs = [
        (a, b)
        for x, y in zip(before, after, strict=True)
        for a, b in zip(x.split(), y.split(), strict=False)
    ]
    return sum(a != b for a, b in pairs) / len(pairs)


def _dose(name: str, docs: Split, seed: int) -> Arm:
    start = dose(0)[:-1]
    if not name.startswith(start):
        raise ValueError(f"unknown arm {name!r}")
    recipe = replace(KEYED, k=int(name.removeprefix(start)))
    makers = {key: Watermarker(recipe, f"{seed}-{key}") for key in "ab"}
    return under(name, docs, makers, ("A.a", "B.b"))
