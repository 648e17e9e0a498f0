"""The other watermarks that the authors compare with (Wei, Wang, and Jia 2024; TextMarker)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from companion.leximark.method.watermark import Marked, apply, digest

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
