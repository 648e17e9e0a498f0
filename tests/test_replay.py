"""Stored results get the findings that they got when stored.  See :mod:`tests.replay`."""

import functools

import pytest

from companion.scale import SCALES
from tests import replay

EVERY = 3
"""A third of the variants is judged here, each at one scale, by the claims whose finding is another
than with perfect results; all of them, at every scale and by every claim, are by
``python -m tests.replay``."""

NUMBERS = ("estimate", "low", "high", "p")
EACH = [(slug, scale) for slug in replay.stored() for scale in SCALES]


@functools.cache
def both(slug):
    return replay.again(slug, EVERY), replay.load(slug)


@pytest.mark.parametrize("slug", replay.stored())
def test_every_variant_is_stored(slug):
    now, stored = both(slug)
    assert replay.variants(slug).keys() == stored.keys()
    assert now.keys() < stored.keys()
    assert replay.PERFECT in now
    verdicts = {row["verdict"] for scales in stored.values() for row in scales["book"].values()}
    assert len(verdicts) == 4  # else the variants say little


@pytest.mark.parametrize(("slug", "scale"), EACH)
def test_every_field_of_every_finding_is_equal(slug, scale):
    now, stored = both(slug)
    for variant in now:
        mine, theirs = now[variant].get(scale, {}), stored[variant][scale]
        assert mine.keys() <= theirs.keys(), variant
        assert variant != replay.PERFECT or mine.keys() == theirs.keys()
        for claim, row in mine.items():
            assert row.keys() == theirs[claim].keys()
            different = {
                name: (value, theirs[claim][name])
                for name, value in row.items()
                if not _equal(name, value, theirs[claim][name])
            }
            assert not different, f"{variant}, {claim}"


def _equal(name, mine, stored):
    """Equal to the letter; of numbers, libraries of another version may change the last digits."""
    if name in NUMBERS and mine is not None and stored is not None:
        return mine == pytest.approx(stored, rel=1e-9)
    return mine == stored
