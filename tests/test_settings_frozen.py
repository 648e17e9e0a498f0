"""Settings are what they were, however they are written.  See :mod:`tests.replay`."""

import json

import pytest

from companion.papers import chapters
from companion.scale import SCALES
from tests import replay
from tests.published import published

STORED = replay.load(replay.SETTINGS)
NOW = replay.settings()


def test_every_published_chapter_and_scale_is_frozen():
    lacking = {entry.slug for entry in published()} - STORED.keys()
    assert not lacking, f"python -m tests.replay settings freezes those of {lacking}"
    assert STORED.keys() <= {entry.slug for entry in chapters()}
    assert all(tuple(scales) == SCALES for scales in STORED.values())


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("slug", sorted(STORED))
def test_settings_are_frozen(slug, scale):
    """As text, so that 1 and 1.0 and true are three things."""
    now, stored = NOW[slug][scale], STORED[slug][scale]
    said = [{name: json.dumps(value) for name, value in one.items()} for one in (now, stored)]
    assert said[0] == said[1]
