"""A small world, trained once for all tests of a session."""

import pytest

from companion.leximark.lab.run import word_world
from companion.leximark.settings import PRESETS
from companion.scale import settings_for

SMALL = settings_for(
    PRESETS,
    "toy",
    {"n_half": 30, "key_docs": 12, "pretrain_words": 6000, "word_finetune_lr": 4e-3},
)


@pytest.fixture(scope="session")
def small():
    return SMALL


@pytest.fixture(scope="session")
def world(small):
    return word_world(small, 0, small.all_arms)
