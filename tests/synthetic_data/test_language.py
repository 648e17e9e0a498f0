"""The language model: windows, samples, stopping, and scores against independent computation."""

import numpy as np
import pytest
import torch

from companion.corpora import king_james
from companion.scale import torch_generator
from companion.synthetic_data.lab import language
from companion.synthetic_data.lab.language import CONTEXT, SEQ, Plan, Recipe, changes, run_lives

TINY = Recipe(n_train=40, n_held_out=20, n_test=30, steps=20, batch=64)
SHAPE = (4, 16)


@pytest.fixture(scope="module")
def model():
    train, held, _ = language.divided(TINY, 0)
    return language.trained(SHAPE, train, held, TINY, 0)[0]


def test_windows_are_the_text_in_lower_case():
    windows, n_tokens = language.all_windows()
    text = king_james().text.lower()
    letters = sorted(set(text))
    assert n_tokens == len(letters) + 1
    assert windows.min() > 0
    for i in (0, 777, len(windows) - 1):
        said = "".join(letters[token - 1] for token in windows[i])
        assert said == text[i * SEQ : (i + 1) * SEQ]


def test_no_window_is_in_two_parts():
    marked = np.arange(300)[:, None] * np.ones(SEQ, dtype=int)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(language, "all_windows", lambda: (marked, 300))
        parts = language.divided(TINY, 3)
        other = language.divided(TINY, 4)
    numbers = [set(part[:, 0]) for part in parts]
    assert [len(one) for one in numbers] == [40, 20, 30]
    assert len(set.union(*numbers)) == 90
    assert set(other[0][:, 0]) != numbers[0]


def law_of(model, before):
    """The model's law of the next character after some characters of a window."""
    context = ([0] * CONTEXT + list(before))[-CONTEXT:]
    with torch.no_grad():
        return torch.softmax(model(torch.tensor([context]))[0].double(), -1).numpy().copy()


def test_scores_by_hand(model):
    windows = language.divided(TINY, 0)[2]
    found = language.score(model, windows)
    losses, right, confidence = [], [], []
    for row in windows[:, :SEQ]:
        for at in range(SEQ):
            law = law_of(model, row[:at])
            losses.append(-np.log(law[row[at]]))
            right.append(law.argmax() == row[at])
            confidence.append(law.max())
    assert found[0] == pytest.approx(np.mean(losses), rel=1e-4)
    assert found[1] == pytest.approx(np.mean(right), abs=1e-3)
    assert found[3] == pytest.approx(np.mean(confidence) - np.mean(right), abs=1e-3)


def test_samples_are_draws_from_the_model(model, monkeypatch):
    """First and second character of many windows, against the model's own law."""
    n = 20_000
    cold = language.written(model, 500, 0.05, torch_generator(0, "test"))
    whole = language.written(model, 500, 1.0, torch_generator(0, "test"))
    assert whole.shape == (500, SEQ)
    assert (whole > 0).all()
    monkeypatch.setattr(language, "SEQ", 2)  # nothing is said of later characters
    drawn = language.written(model, n, 1.0, torch_generator(0, "test"))
    assert drawn.shape == (n, 2)
    assert (drawn > 0).all()
    first = law_of(model, [])
    first[0] = 0
    found = np.bincount(drawn[:, 0], minlength=len(first)) / n
    assert np.abs(found - first / first.sum()).max() < 4 * np.sqrt(0.25 / n)
    likely = int(first.argmax())
    assert (cold[:, 0] == likely).mean() > (drawn[:, 0] == likely).mean()
    after = drawn[drawn[:, 0] == likely, 1]
    second = law_of(model, [likely])
    second[0] = 0
    found = np.bincount(after, minlength=len(second)) / len(after)
    assert np.abs(found - second / second.sum()).max() < 4 * np.sqrt(0.25 / len(after))


def test_training_stops_at_the_lowest_held_out_loss():
    train, held, _ = language.divided(TINY, 1)
    steep = Recipe(n_train=2, n_held_out=20, n_test=1, steps=200, batch=64, lr=2e-2)
    model, at = language.trained(SHAPE, train[:2], held, steep, 1)
    assert at < 1  # two windows are soon known by heart
    kept = language.score(model, held)[0]
    # the same training without stopping: what it trains on is what it is measured by
    last, _ = language.trained(SHAPE, train[:2], train[:2], steep, 1)
    assert language.score(last, held)[0] > kept


def test_arms_share_the_first_model_and_the_kept_windows(monkeypatch):
    seen = []
    real = language.trained

    def trained(shape, windows, held_out, recipe, seed):
        seen.append(windows)
        return real(shape, windows, held_out, recipe, seed)

    monkeypatch.setattr(language, "trained", trained)
    plan = Plan(SHAPE, ((1.0, 0.5), (0.7, 0.5)), 2)
    lives = run_lives(plan, TINY, [0], n_jobs=1)
    first, alone, *mixtures = seen
    assert len(mixtures) == 4
    assert len(first) == 40
    assert len(alone) == 20
    for windows in mixtures:
        assert len(windows) == 40
        assert (windows[:20] == alone).all()
    assert {row.tobytes() for row in alone} <= {row.tobytes() for row in first}
    assert (lives.mixed[0, 0] == lives.mixed[1, 0]).all()
    assert lives.stopped.shape == (6, 1)


def test_axes_of_the_results():
    plan = Plan(SHAPE, ((1.0, 0.2), (1.0, 0.5)), 1)
    lives = run_lives(plan, TINY, [0, 1], n_jobs=1)
    assert lives.mixed.shape == (2, 2, 2, 4)
    assert lives.alone.shape == (2, 2, 4)
    assert lives.shares == (0.2, 0.5)
    alone = run_lives(Plan(SHAPE, ((1.0, 0.5),), 1), TINY, [1], n_jobs=1)
    assert lives.at("loss", 1.0, 0.5)[1] == pytest.approx(alone.at("loss", 1.0, 0.5)[0])
    assert lives.real_alone("loss", 0.5)[1] == pytest.approx(alone.real_alone("loss", 0.5)[0])
    rows = changes(lives)
    assert len(rows) == 2 * 2 * 2
    start = rows[(rows["kind"] == "mixture") & (rows["k"] == 0)]
    assert (start["loss"] == 0).all()
    last = rows[(rows["kind"] == "mixture") & (rows["k"] == 1) & (rows["share"] == 0.5)]
    change = lives.at("loss", 1.0, 0.5) - lives.at("loss", 1.0, 0.5, 0)
    assert last["loss"].item() == pytest.approx(change.mean())
