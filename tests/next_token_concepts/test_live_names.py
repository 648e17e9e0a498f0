"""The live figure's log odds and logits are the method's."""

import numpy as np
import pytest

from companion.next_token_concepts.method import theory
from companion.next_token_concepts.method import world as wd
from companion.next_token_concepts.page import live_names


def plain_odds(data, sentence, n, concept):
    """Log odds from products of probabilities, word by word."""
    configs = wd.all_configs(4)
    weights = []
    for c, prior in enumerate(data["prior"]):
        weight = prior
        for word in data["sentences"][sentence][:n]:
            weight *= data["words"][c][word]
        weights.append(weight)
    one = configs[:, concept] == 1
    return np.log(np.array(weights)[one].sum() / np.array(weights)[~one].sum())


@pytest.mark.parametrize("sentence", live_names.SENTENCES)
@pytest.mark.parametrize("concept", [0, 1])
def test_odds_are_those_of_plain_bayes(sentence, concept):
    data = live_names.page_data()
    found = live_names.odds_along(data, sentence, concept)
    assert len(found) == live_names.LONGEST + 1
    for n in (0, 1, 17, 96):
        assert found[n] == pytest.approx(plain_odds(data, sentence, n, concept), abs=1e-9)
    assert np.abs(found).max() < live_names.RANGE


def test_the_logits_are_those_of_a_perfect_predictor():
    """Names with error eta after a sentence, by enumeration, against the point that is drawn."""
    figure = live_names.figure()
    values = figure.start | {"eta": 0.05, "words": 20}
    data = figure.data
    world = wd.make_world(np.random.default_rng(0), 0.05)
    log_words = np.log(np.array(data["words"])[:, data["sentences"]["praise"][:20]]).sum(1)
    joint = np.log(data["prior"]) + log_words
    log_p = (joint - np.logaddexp.reduce(joint))[None]
    logits = theory.log_predict(log_p, world.names)[0]
    point = figure.scene(values, data)["panels"][1]["marks"][-1]
    assert point["y"][0] == pytest.approx(logits[1] - logits[0], abs=1e-9)


def test_it_opens_on_a_line_that_reads_too_little_and_mends_with_sharper_names():
    figure = live_names.figure()

    def odds(**values):
        headline = figure.scene(figure.start | values, figure.data)["headline"]
        return [word for word in headline.split() if word[0].isdigit()][1::2]

    exact, read = odds()
    assert float(exact) > 20 * float(read)
    assert odds(eta=0.002)[1] != read
    exact, read = map(float, odds(words=0))
    assert read == pytest.approx(exact, rel=0.1)
