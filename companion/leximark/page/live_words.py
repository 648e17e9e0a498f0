"""The live figure: which words a keyed mark replaces, and what a t-test then needs.

The page cuts a sentence of the reader's into words, ranks those that it knows by eq. 1, takes the K
rarest, and writes the synonym that the key chooses (eq. 3).  Beside it stands the power of Welch's
test at the AUROC of this K, of the published run, or of the paper's tables where there is none.
``live_words.js`` computes the same from a table of some thousand words (``makers``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np

from companion import data, records
from companion.leximark.lab.arms import NONE, dose
from companion.leximark.lab.detection import (
    POWER,
    effect_of_auroc,
    predicted_power,
    records_needed,
)
from companion.leximark.lab.run import WORDS
from companion.leximark.makers import KEYS, SYNONYMS, TEXTS
from companion.leximark.method.watermark import KEYED, Watermarker
from companion.leximark.method.words import selection_key, sentences, surprisal
from companion.leximark.sources import gains, load_tables
from companion.live import Live, Scene, Slider, Text, fixed, percent

MOST = 40
"""Records a side, the end of the axis."""

SHOWN, ROWS = 2, 8
"""Replacements that the sentence names, and words that the picture has room for."""

LONGEST = 160
"""Characters of the reader's sentence."""

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


@cache
def page_data() -> dict[str, object]:
    """The words of the table with what each key makes of them, and power by dose."""
    levels, source = doses()
    known, rare = packed()
    return {
        "words": known,
        "rare": rare,
        "rows": ROWS,
        "doses": [k for k, _ in levels],
        "aurocs": [round(value, 4) for _, value in levels],
        "needed": [_needed(round(value, 4)) for _, value in levels],
        "power": [
            [
                round(predicted_power(effect_of_auroc(round(value, 4)), n), 5)
                for n in range(2, MOST + 1)
            ]
            for _, value in levels
        ],
        "source": source,
    }


@cache
def tables() -> tuple[dict[str, list[str]], dict[str, int]]:
    """(word -> its parts, synonym -> minus 100 log10 of its frequency), as ``makers`` writes them.

    The parts: minus 100 log10 of the word's frequency, and if keys replace it their choices and
    the synonyms.
    """
    text = data.fetch("leximark/live_words.txt").read_text(encoding="utf-8")
    known, rare = (
        [line.split() for line in part.splitlines() if line and line[0] != "#"]
        for part in text.split(SYNONYMS)
    )
    return {word: parts for word, *parts in known}, {word: int(size) for word, size in rare}


def packed() -> tuple[str, str]:
    """The table as the page is given it: words, and synonyms, which words name by their place.

    Both by frequency, whose size stands before the words that have it.
    """
    rows, rare = tables()
    order = sorted(rare, key=lambda word: (rare[word], word))
    place = {word: _short(i) for i, word in enumerate(order)}
    entries = {
        word: ":".join(
            [word, more[0], ".".join(place[one] for one in more[1:])] if more else [word]
        )
        for word, (_, *more) in rows.items()
    }
    known = sorted(rows, key=lambda word: (int(rows[word][0]), word))
    return (
        _grouped([(int(rows[word][0]), entries[word]) for word in known]),
        _grouped([(rare[word], word) for word in order]),
    )


def _grouped(entries: list[tuple[int, str]]) -> str:
    parts, before = [], -1
    for size, entry in entries:
        parts += [entry] if size == before else [str(size), entry]
        before = size
    return " ".join(parts)


def _short(number: int) -> str:
    """A whole number to the base 36."""
    digits = ""
    while number or not digits:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return digits


def doses() -> tuple[list[tuple[int, float]], str]:
    """(K, AUROC) from no mark on, and where they are from."""
    table = (records.load("leximark") or {}).get("series", {}).get("aurocs")
    if table:
        names = {NONE: 0} | {dose(k): k for k in range(1, 21)}
        rows = zip(table["model"], table["arm"], table["question"], table["level"], strict=True)
        wanted = {NONE: "record"}
        found = sorted(
            (names[arm], float(level))
            for model, arm, question, level in rows
            if model == WORDS and arm in names and question == wanted.get(arm, "protocol")
        )
        if len(found) > 1:
            return found, "the word model's"
    means = gains(load_tables(data.fetch("leximark/paper_tables.csv")))[["none", "LexiMark"]].mean()
    return [(0, means["none"] / 100), (5, means["LexiMark"] / 100)], "the paper's mean"


def _needed(auroc: float) -> int:
    n = records_needed(effect_of_auroc(auroc))
    return int(n) if math.isfinite(n) else 0


def scene(values: Mapping, data: Mapping) -> Scene:
    """Words before and after, and the power of the test."""
    dose_at, n = int(values["dose"]), int(values["records"])
    k, auroc, needed = data["doses"][dose_at], data["aurocs"][dose_at], data["needed"][dose_at]
    known = marked(values["text"], k, int(values["key"]))
    order = sorted(range(len(known)), key=lambda i: (selection_key(known[i][0]), i))
    shown = [known[i] for i in sorted(order[: data["rows"]])]
    rows = [
        (len(shown) - i, word, new, surprisal(word), surprisal(new))
        for i, (word, new) in enumerate(shown)
    ]
    swapped = [row for row in rows if row[1] != row[2]]
    left = [row for row in rows if row[1] == row[2]]
    changes = [_swap(*pair) for pair in known if pair[0] != pair[1]]
    power = data["power"][dose_at]
    told = f": {', '.join(changes[:SHOWN])}" if changes else ""
    more = " and more" if len(changes) > SHOWN else ""
    enough = f"{needed} for {percent(POWER, 0)}" if needed else "no number is enough"
    return {
        "headline": f"{len(changes)} of {len(known)} known words change{told}{more}.",
        "detail": f"At {data['source']} AUROC of {fixed(auroc, 2)} for K = {k}, {n} records a side "
        f"find the mark in {percent(power[n - 2], 0)} of tests; needed: {enough}.",
        "panels": [
            {
                "title": "Surprisal of its rarest words",
                "x": {"label": "bits", "domain": [4, 30]},
                "y": {
                    "label": "",
                    "domain": [0.4, max(len(rows), 1) + 0.6],
                    "ticks": [[y, _swap(word, new)] for y, word, new, *_ in rows],
                },
                "marks": [
                    *(
                        {
                            "kind": "line",
                            "x": [before, after],
                            "y": [y, y],
                            "role": "ours",
                            "width": 2,
                            "dash": "",
                        }
                        for y, _, _, before, after in swapped
                    ),
                    {
                        "kind": "points",
                        "x": [row[3] for row in left],
                        "y": [row[0] for row in left],
                        "role": "muted",
                        "marker": "o",
                        "name": "stays",
                    },
                    {
                        "kind": "points",
                        "x": [row[3] for row in swapped],
                        "y": [row[0] for row in swapped],
                        "role": "baseline",
                        "name": "before",
                    },
                    {
                        "kind": "points",
                        "x": [row[4] for row in swapped],
                        "y": [row[0] for row in swapped],
                        "role": "ours",
                        "size": 4,
                        "name": "after",
                    },
                ],
            },
            {
                "title": "Power of a t-test",
                "x": {"label": "records a side", "domain": [2, MOST]},
                "y": {"label": "", "domain": [0, 1], "percent": True},
                "marks": [
                    {"kind": "rule", "y": POWER, "role": "null", "name": "80 %"},
                    {
                        "kind": "line",
                        "x": list(range(2, MOST + 1)),
                        "y": data["power"][0],
                        "role": "no mark",
                        "name": "no mark",
                    },
                    {
                        "kind": "line",
                        "x": list(range(2, MOST + 1)),
                        "y": power,
                        "role": "protocol",
                        "width": 2.4,
                        "name": "this K",
                    },
                    {
                        "kind": "points",
                        "x": [n],
                        "y": [power[n - 2]],
                        "role": "protocol",
                        "size": 5,
                    },
                ],
            },
        ],
    }


def marked(text: str, k: int, key: int) -> list[tuple[str, str]]:
    """(word, what it becomes) of the words of a text that the page knows, in order."""
    maker, there, found = Watermarker(replace(KEYED, k=k), key), tables()[0], []
    for sentence in sentences(text):
        words = [token.word for token in sentence if token.word in there]
        order = sorted(range(len(words)), key=lambda i: (selection_key(words[i]), i))
        picked = set(order[:k])
        found += [
            (word, maker.replacement(word)[0] if i in picked else word)
            for i, word in enumerate(words)
        ]
    return found


def _swap(word: str, new: str) -> str:
    return word if word == new else f"{word} → {new}"


def figure() -> Live:
    """Sentence, dose, key, and records; opens on a text in which most rare words change."""
    found = page_data()
    last = len(found["doses"]) - 1
    texts = {str(i): str(k) for i, k in enumerate(found["doses"])}
    start = int(np.argmin([abs(k - KEYED.k) for k in found["doses"]]))
    return Live(
        "lx-words",
        scene,
        Path(str(files("companion.leximark.page"))) / "live_words.js",
        [
            Text("text", "your sentence", TEXTS, LONGEST),
            Slider("dose", "K, words a sentence", 0, last, start, 1, texts=texts),
            Slider("key", "secret key", 1, KEYS, 3, 1),
            Slider("records", "records a side", 2, MOST, 6, 1),
        ],
        found,
    )
