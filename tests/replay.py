"""Stored answers of the settings and of the judging, so that moving code cannot change them.

``tests/golden/settings.json`` holds every field of every chapter's settings at three scales.
``tests/golden/<slug>.json`` holds what a chapter says of results made by hand: its ``VARIANTS`` and
``BORDERS`` in ``tests/<its folder>/borders.py``, each at three scales, every field of a finding.

    python -m tests.replay settings quartet

writes them anew.  Do that only where a setting, a criterion or a measurement was meant to change,
and read the difference before it is committed.
"""

from __future__ import annotations

import gc
import importlib
import json
import sys
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path

from companion.claims import Finding
from companion.papers import chapters
from companion.scale import SCALES
from tests.borders import alone

GOLDEN = Path(__file__).parent / "golden"
SETTINGS = "settings"

PERFECT = "perfect"
"""The variant in full; of the others only the claims whose finding is another, by the fields that
are."""


def settings() -> dict[str, dict[str, dict[str, object]]]:
    """Slug -> scale -> field -> value, as JSON has it."""
    found = {
        paper.slug: {scale: asdict(presets[scale]) for scale in SCALES}
        for paper in chapters()
        for presets in [importlib.import_module(f"{paper.module}.settings").PRESETS]
    }
    return json.loads(json.dumps(found))


def variants(slug: str) -> dict[str, Callable[[str], list[Finding]]]:
    """Name -> what makes the findings at a scale, of one chapter."""
    module = importlib.import_module(f"tests.{slug.replace('-', '_')}.borders")
    borders = {f"{one.claim}: {one.what}": one.find for one in module.BORDERS}
    return {PERFECT: module.clean, **getattr(module, "VARIANTS", {}), **borders}


def findings(slug: str) -> dict[str, dict[str, dict[str, dict[str, object]]]]:
    """Variant -> scale -> claim -> field -> value; must_hold is a field like the others."""
    gc.freeze()  # statsmodels' multipletests collects garbage each time: most of what this takes
    return {
        name: {scale: _fields(find(scale)) for scale in SCALES}
        for name, find in variants(slug).items()
    }


def again(slug: str, every: int) -> dict[str, dict[str, dict[str, dict[str, object]]]]:
    """The same of some variants, at one scale each, and of the claims that a variant is about.

    every : 3 asks each third variant; the perfect one is always asked, at all scales, for all
    """
    gc.freeze()
    stored = _stored(slug)
    found: dict[str, dict] = {}
    for i, (name, find) in enumerate(list(variants(slug).items())[::every]):
        found[name] = {}
        for scale in SCALES if name == PERFECT else (SCALES[i % len(SCALES)],):
            claims = () if name == PERFECT else tuple(stored[name][scale])
            if name == PERFECT or claims:
                with alone(*claims) if claims else nullcontext():
                    found[name][scale] = _fields(find(scale))
    return found


def _fields(found: list[Finding]) -> dict[str, dict[str, object]]:
    return {f.claim: asdict(f) for f in found}


def load(name: str) -> dict:
    """What is stored, with what is as in the perfect variant filled in."""
    stored = _stored(name)
    if name == SETTINGS:
        return stored
    return {
        variant: {
            scale: {claim: row | scales[scale].get(claim, {}) for claim, row in full[scale].items()}
            for scale in SCALES
        }
        for full in [stored[PERFECT]]
        for variant, scales in stored.items()
    }


def _stored(name: str) -> dict:
    return json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))


def store(name: str) -> None:
    """Write what the code of today says."""
    found = settings() if name == SETTINGS else _differences(findings(name))
    text = json.dumps(found, indent=1, ensure_ascii=False, allow_nan=False)
    (GOLDEN / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def _differences(found: dict) -> dict:
    return {
        variant: {
            scale: {
                claim: changed
                for claim, row in rows.items()
                if (changed := _changed(row, found[PERFECT][scale][claim], variant))
            }
            for scale, rows in scales.items()
        }
        for variant, scales in found.items()
    }


def _changed(row: dict, perfect: dict, variant: str) -> dict:
    if variant == PERFECT:
        return row
    return {name: value for name, value in row.items() if value != perfect[name]}


def stored() -> list[str]:
    """Slugs of the chapters whose answers are stored."""
    return sorted(path.stem for path in GOLDEN.glob("*.json") if path.stem != SETTINGS)


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for each in sys.argv[1:]:
        store(each)
