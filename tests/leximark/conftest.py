"""A small world, trained once for all tests of a session."""

import pytest

from companion.leximark.lab import run as lab
from companion.leximark.lab.arms import KEYS, MARK, NONE, Dictionaries
from companion.leximark.method.watermark import Watermarker
from companion.leximark.sources import split

NAMES = (NONE, MARK, KEYS)
KEY_DOCS = 10


@pytest.fixture(scope="session")
def docs():
    return split(420, 20, 3000, 0)


@pytest.fixture(scope="session")
def known(docs):
    """Dictionaries of the authors' rule without an encoder; b differs in half of the words."""
    maker = Watermarker()
    maker([*docs.a, *docs.b])
    a = maker.dictionary
    b = {w: new if i % 2 else w for i, (w, new) in enumerate(a.items())}
    return Dictionaries(a, b)


@pytest.fixture(scope="session")
def seed_result(docs, known):
    """One seed of the word model, all that toy scale has, in the arms that are compared."""
    return lab.word_seed(docs, known, NAMES, (2, 3e-3), (4, 4e-3), KEY_DOCS, 19, 0)


@pytest.fixture(scope="session")
def word_run(seed_result):
    return lab.Run(lab.WORDS, (seed_result,))
