import platform
from dataclasses import replace

import numpy as np
import pytest
import torch

from companion.models import neox, neox_config
from companion.scale import generator
from companion.scaling_laws.lab import tiny_family
from companion.scaling_laws.lab.live import one_pick, pick_errors, run_live, seed_spread
from companion.scaling_laws.lab.tiny_family import (
    Recipe,
    Shape,
    TinyRuns,
    count_parameters,
    python_sources,
    spread_windows,
    token_streams,
    train_tiny,
    train_tiny_family,
)
from companion.scaling_laws.method.protocol import Run
from companion.scaling_laws.settings import PRESETS
from companion.training import TrainingDiverged
from tests.scaling_laws.conftest import TRUE

SMALL = Recipe(steps=10, batch=2, seq=16, warmup=2, n_checkpoints=5, n_eval=4)
TINY = Shape(1, 16)


def test_corpus_is_code_without_tests_and_held_out_by_file():
    corpus = python_sources()
    assert "argparse.py" in corpus.documents
    assert not any(name.startswith(("test/", "idlelib/")) for name in corpus.documents)
    training, held_out = token_streams()
    assert 0.02 < len(held_out) / (len(training) + len(held_out)) < 0.12
    (identity,) = corpus.provenance().values()
    assert platform.python_version() in identity


def test_a_warm_up_that_does_not_end_is_refused():
    with pytest.raises(ValueError, match=r"between 0 and 0\.8 of the 40 steps"):
        Recipe(steps=40, warmup=40)


def test_windows_are_spread_and_do_not_overlap():
    tokens = torch.arange(100)
    windows = spread_windows(tokens, 4, 10)
    assert windows[:, 0].tolist() == [0, 25, 50, 75]
    with pytest.raises(ValueError, match="11 windows of 10 tokens do not fit into 100"):
        spread_windows(tokens, 11, 10)


def test_n_leaves_the_embedding_out():
    config = neox_config(n_layers=1, d_model=16, n_heads=1, vocab_size=256, seq=17)
    model = neox(config, torch.Generator().manual_seed(0))
    by_hand = (
        (16 * 48 + 48)
        + (16 * 16 + 16)  # attention
        + (16 * 64 + 64)
        + (64 * 16 + 16)  # MLP
        + 2 * 2 * 16
        + 2 * 16  # three LayerNorms
        + 16 * 256  # output layer
    )
    assert count_parameters(model) == by_hand


def test_runs_repeat_and_seeds_differ():
    one, again, other = (train_tiny(TINY, seed, SMALL) for seed in (0, 0, 1))
    assert one.loss == pytest.approx(again.loss)
    assert one.loss != pytest.approx(other.loss)
    assert one.D.tolist() == [2 * 16 * step for step in (2, 4, 6, 8, 10)]


def test_a_cooled_run_is_the_same_until_it_cools():
    hot, cool = train_tiny(TINY, 0, SMALL), train_tiny(TINY, 0, SMALL, cool=0.2)
    assert cool.D.tolist() == hot.D.tolist()
    assert cool.loss[:4] == pytest.approx(hot.loss[:4])
    assert cool.loss[4] != pytest.approx(hot.loss[4], rel=1e-7)


def test_a_cooled_run_reads_on_where_it_was(monkeypatch):
    asked = []

    def spy(seed, *names):
        asked.append(names[-1])
        return generator(seed, *names)

    monkeypatch.setattr(tiny_family, "generator", spy)
    train_tiny(TINY, 0, SMALL, cool=0.2)
    assert asked == list(range(10))


def test_side_by_side_gives_the_same_runs():
    plan = [(TINY, 0), (TINY, 1)]
    alone = train_tiny_family(plan, [], SMALL, progress=False)
    beside = train_tiny_family(plan, [], SMALL, n_jobs=2, progress=False)
    for key, run in alone.hot.items():
        assert beside.hot[key].loss == pytest.approx(run.loss, rel=1e-6)


def test_a_diverged_run_is_counted_and_the_others_stay(monkeypatch):
    def diverges(shape, seed, recipe, *, cool=0.0):
        if seed == 1:
            raise TrainingDiverged("step 3, seed 1: loss nan")
        return Run(str(shape), 1.0, np.array([1.0]), np.array([2.0]))

    monkeypatch.setattr(tiny_family, "train_tiny", diverges)
    runs = train_tiny_family([(TINY, 0), (TINY, 1)], [(TINY, 0)], SMALL, progress=False)
    assert set(runs.hot) == {(TINY, 0)}
    assert set(runs.cool) == {(TINY, 0)}
    assert runs.failed == ("1x16, seed 1: step 3, seed 1: loss nan",)


def lawful_runs(n_seeds=2):
    shapes = [Shape(1, 16), Shape(1, 32), Shape(2, 32), Shape(2, 48)]
    D = np.geomspace(1e9, 1e11, 30)
    hot = {
        (shape, seed): Run(str(shape), N, D, TRUE.predict(N, D) * (1 + 0.02 * seed))
        for shape, N in zip(shapes, (1e8, 3e8, 1e9, 3e9), strict=True)
        for seed in range(n_seeds if shape != shapes[-1] else 1)
    }
    return shapes, TinyRuns(hot, {}, ())


def test_spread_and_errors_of_known_runs():
    shapes, runs = lawful_runs()
    spread = seed_spread(runs)
    assert spread["shape"].tolist() == ["1x16", "1x32", "2x32"]  # the target has one seed
    expected = 100 * np.std([1, 1.02], ddof=1) / 1.01
    assert spread["sd_percent"].tolist() == pytest.approx([expected] * 3)
    one_seed = pick_errors(lawful_runs(1)[1], shapes, n_picks=1)
    assert one_seed["are"].max() < 0.01
    errors = pick_errors(runs, shapes, n_picks=20)
    assert errors["are"].max() > 1  # seeds that disagree cost something
    assert len(one_pick(runs).runs) == 4


def test_without_a_target_there_are_no_errors():
    shapes, runs = lawful_runs()
    lost = TinyRuns({k: run for k, run in runs.hot.items() if k[0] != shapes[-1]}, {}, ("lost",))
    assert pick_errors(lost, shapes).empty


def test_the_whole_experiment_at_a_tiny_size():
    settings = replace(
        PRESETS["toy"], live_steps=10, live_batch=2, live_checkpoints=8, live_eval=4, live_cool=(0,)
    )
    result = run_live(settings, seed=3, progress=False)
    assert len(result.runs.hot) == 4 + 3
    assert result.cooled["shape"].tolist() == ["1x16"]
    assert set(result.errors["k"]) == {3}
    assert not result.runs.failed
