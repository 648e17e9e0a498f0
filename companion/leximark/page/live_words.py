"""The live figure: which words a keyed mark replaces, and what a t-test then needs.

The page ranks the words of a sentence by eq. 1, takes the K rarest, and writes the synonym that the
key chooses (eq. 3).  Beside it stands the power of Welch's test at the AUROC of this K, of the
published run, or of the paper's tables where there is none.  ``live_words.js`` computes the same.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
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
from companion.leximark.method.candidates import family, rarer
from companion.leximark.method.watermark import KEYED, digest
from companion.leximark.method.words import frequency, sentences, surprisal
from companion.leximark.sources import gains, load_tables
from companion.live import Choice, Live, Scene, Slider, fixed, percent

TEXTS = {
    "harbor": "The old keeper walked down to the harbor with a basket of fresh bread",
    "fox": "The quick brown fox jumps over the lazy dog",
    "garden": "A gardener planted seeds near the broken wall and waited for rain",
    "report": "The committee examined the proposal and rejected the yearly budget",
}
"""Sentences of our own to choose from, and the one of the paper's picture."""

KEYS = 12
MOST = 40
"""Records a side, the end of the axis."""

SHOWN = 2
"""Replacements that the sentence names."""


@cache
def page_data() -> dict[str, object]:
    """The open words of each sentence with what each key makes of them, and power by dose."""
    levels, source = doses()
    return {
        "texts": {name: _words(text) for name, text in TEXTS.items()},
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


def _words(text: str) -> list[dict[str, object]]:
    """Words that may be looked at, in order: frequency, and the replacement under each key."""
    (sentence,) = sentences(text)
    found = []
    for token in sentence:
        if token.reason or not frequency(token.word):
            continue
        pool = rarer(token.word, KEYED.limit)[: KEYED.n]
        is_open = len(pool) >= KEYED.least and frequency(token.word) >= KEYED.limit
        order = digest_order(token.word, len(pool)) if is_open else []
        found.append(
            {
                "word": token.word,
                "p": frequency(token.word),
                "becomes": [pool[i] for i in order],
                "bits": [round(surprisal(pool[i]), 4) for i in order],
            }
        )
    return found


def digest_order(word: str, n: int) -> list[int]:
    """The choice among `n` candidates under each of the keys 1 to :data:`KEYS` (eq. 3)."""
    return [digest(key, family(word)) % n for key in range(1, KEYS + 1)]


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
    words = data["texts"][values["text"]]
    dose_at, key, n = int(values["dose"]), int(values["key"]), int(values["records"])
    k, auroc, needed = data["doses"][dose_at], data["aurocs"][dose_at], data["needed"][dose_at]
    h = [-word["p"] * math.log2(word["p"]) for word in words]
    picked = sorted(sorted(range(len(words)), key=lambda i: (h[i], i))[:k])
    changed = [i for i in picked if words[i]["becomes"]]
    rows = [len(words) - i for i in range(len(words))]
    before = [-math.log2(word["p"]) for word in words]
    after = [words[i]["bits"][key - 1] for i in changed]
    left = [i for i in range(len(words)) if i not in changed]
    ticks = [
        [
            rows[i],
            f"{word['word']} → {word['becomes'][key - 1]}" if i in changed else word["word"],
        ]
        for i, word in enumerate(words)
    ]
    swaps = [f"{words[i]['word']} → {words[i]['becomes'][key - 1]}" for i in changed[:SHOWN]]
    power = data["power"][dose_at]
    told = f": {', '.join(swaps)}" if swaps else ""
    more = " and more" if len(changed) > SHOWN else ""
    enough = f"{needed} for {percent(POWER, 0)}" if needed else "no number is enough"
    return {
        "headline": f"{len(changed)} of {len(words)} open words change{told}{more}.",
        "detail": f"At {data['source']} AUROC of {fixed(auroc, 2)} for K = {k}, {n} records a side "
        f"find the mark in {percent(power[n - 2], 0)} of tests; needed: {enough}.",
        "panels": [
            {
                "title": "Surprisal of each open word",
                "x": {"label": "bits", "domain": [4, 30]},
                "y": {"label": "", "domain": [0.4, len(words) + 0.6], "ticks": ticks},
                "marks": [
                    *(
                        {
                            "kind": "line",
                            "x": [before[i], bits],
                            "y": [rows[i], rows[i]],
                            "role": "ours",
                            "width": 2,
                            "dash": "",
                        }
                        for i, bits in zip(changed, after, strict=True)
                    ),
                    {
                        "kind": "points",
                        "x": [before[i] for i in left],
                        "y": [rows[i] for i in left],
                        "role": "muted",
                        "marker": "o",
                        "name": "stays",
                    },
                    {
                        "kind": "points",
                        "x": [before[i] for i in changed],
                        "y": [rows[i] for i in changed],
                        "role": "baseline",
                        "name": "before",
                    },
                    {
                        "kind": "points",
                        "x": after,
                        "y": [rows[i] for i in changed],
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


def figure() -> Live:
    """Sentence, dose, key, and records; opens on a text in which most rare words change."""
    found = page_data()
    last = len(found["doses"]) - 1
    texts = {str(i): str(k) for i, k in enumerate(found["doses"])}
    names = {"harbor": "harbor", "fox": "the paper's fox", "garden": "garden", "report": "report"}
    start = int(np.argmin([abs(k - KEYED.k) for k in found["doses"]]))
    return Live(
        "lx-words",
        scene,
        Path(str(files("companion.leximark.page"))) / "live_words.js",
        [
            Choice("text", "sentence", list(names.items())),
            Slider("dose", "K, words a sentence", 0, last, start, 1, texts=texts),
            Slider("key", "secret key", 1, KEYS, 3, 1),
            Slider("records", "records a side", 2, MOST, 6, 1),
        ],
        found,
    )
