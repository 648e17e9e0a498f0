"""A small world, trained once for all tests of a session.

What it is made of is imported where it is made: the pass of the benches needs none of it.
"""

import pytest


@pytest.fixture(scope="session")
def docs():
    from companion.leximark.sources import split

    return split(420, 20, 3000, 0)


@pytest.fixture(scope="session")
def known(docs):
    """Dictionaries of the authors' rule without an encoder; b differs in half of the words."""
    from companion.leximark.lab.arms import Dictionaries
    from companion.leximark.method.watermark import Watermarker

    maker = Watermarker()
    maker([*docs.a, *docs.b])
    a = maker.dictionary
    b = {w: new if i % 2 else w for i, (w, new) in enumerate(a.items())}
    return Dictionaries(a, b)


@pytest.fixture(scope="session")
def seed_result(docs, known):
    """One seed of the word model, all that toy scale has, in the arms that are compared."""
    from companion.leximark.lab import run as lab

    from .made import KEY_DOCS, NAMES

    return lab.word_seed(docs, known, NAMES, (2, 3e-3), (4, 4e-3), KEY_DOCS, 19, 0)


@pytest.fixture(scope="session")
def word_run(seed_result):
    from companion.leximark.lab import run as lab

    return lab.Run(lab.WORDS, (seed_result,))
