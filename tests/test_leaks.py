"""No live experiment trains on what it is judged by.  See :mod:`tests.leaks` for the tools."""

from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.model_selection import train_test_split

from companion import corpora
from companion.corpora import Corpus
from companion.scale import derive_seed, generator
from tests.leaks import (
    ANY,
    Declared,
    Ear,
    common_rows,
    complaints,
    huge,
    is_held_out,
    is_training,
    listening,
    painted,
)


@pytest.fixture
def ear():
    with listening() as ear:
        yield ear


# The tools notice what they are for.


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({("0", "train", "1"): 1, ("0", "test"): 1}, None),
        ({("0", "train", "1"): 1}, "never asked for"),  # the test set has no stream of its own
        ({("0", "train", "1"): 2, ("0", "test"): 1}, "2 times"),
        ({("0", "train", "1"): 1, ("0", "test"): 1, ("0", "train"): 1}, "has the uses []"),
    ],
)
def test_streams_are_told_apart(asked, says):
    ear = Ear()
    ear.heard.update(asked)
    wrong = complaints(ear, Declared(fit=[("train", ANY)], evaluation=[("test",)]))
    assert (not wrong) if says is None else any(says in one for one in wrong)


def test_everything_that_asks_for_a_stream_is_heard(ear):
    from companion import scale
    from companion.quartet.lab import rounding

    generator(3, "a", 1)
    scale.torch_generator(3, "b")
    rounding.operands(32, 64, 5)
    assert {("3", "a", "1"), ("3", "b")} < set(ear.heard)
    assert ("matrices", "32", "64") in ear.names()


def test_painted_tokens_cannot_be_confused():
    train, held = painted()
    assert is_training(train)
    assert is_held_out(held)
    both = torch.cat([train[-2:], held[:2]])
    assert not is_training(both)
    assert not is_held_out(both)
    assert common_rows(np.eye(3), np.eye(3)[:2]) == 2


# synthetic-data


@pytest.fixture
def counted(monkeypatch):
    """The loop with counted frequencies in the place of trained models."""
    from companion.synthetic_data.lab import loop

    seen = []

    def fit_chosen(counts, rank, seeds, held_out, penalties):
        seen.append((counts, held_out))
        return (counts + 0.1) / (counts + 0.1).sum(-1, keepdims=True), np.ones(len(counts))

    monkeypatch.setattr(loop, "fit_chosen", fit_chosen)
    return seen


def closed(kept, shares=(0.0, 0.5), seeds=(0, 1)):
    from companion.synthetic_data.lab import loop

    return loop.run_arm(loop.Arm(kept), rank=4, shares=shares, seeds=seeds, n_samples=400)


@pytest.mark.parametrize(
    ("kept", "drawn"),
    [
        ("fixed", ("kept", ANY)),
        ("fresh", ("fresh", ANY, ANY)),
        ("subsample", ("subset", ANY, ANY)),
    ],
)
def test_the_loop_of_the_known_truth(ear, counted, kept, drawn):
    closed(kept)
    declared = Declared(
        fit=[("real",), drawn, ("synthetic", ANY, ANY)],
        evaluation=[("held out",), ("penalty",)],
        other=[("world",)],
        again=[("kept", ANY)],  # the real part stays the same in all generations
    )
    assert complaints(ear, declared) == []


def test_fresh_real_data_differ_by_generation(counted):
    closed("fresh", (0.0,), (0,))
    tables = [one.reshape(-1) for one, _ in counted]
    assert len(tables) == 4
    assert not any((a == b).all() for a, b in pairwise(tables))


def test_penalty_and_temperature_are_chosen_on_samples_that_nobody_trained_on(monkeypatch, counted):
    from companion.synthetic_data.lab import loop

    asked = []

    def fit_temperature(laws, held_out):
        asked.append(held_out)
        return np.ones(len(laws))

    monkeypatch.setattr(loop, "fit_temperature", fit_temperature)
    closed("fixed", seeds=(0,))
    trained = np.concatenate([one.reshape(-1, *one.shape[-2:]) for one, _ in counted])
    penalty = np.concatenate([held for _, held in counted])
    for tables in (penalty, *asked):
        assert (tables.sum((-2, -1)) == 100).all()
        for table in tables:
            assert not (table <= trained).all(axis=(-2, -1)).any()  # no subset of a training table
    assert not any((penalty == one).all((-2, -1)).any() for one in asked[0])


def test_windows_of_the_language_model(monkeypatch, ear):
    """Painted windows: what is trained on, what says when to stop, and what scores."""
    from companion.synthetic_data.lab import language

    marked = np.arange(200)[:, None] * np.ones(language.SEQ, dtype=int)
    monkeypatch.setattr(language, "all_windows", lambda: (marked, 201))
    read = []
    real_score, real_trained = language.score, language.trained
    monkeypatch.setattr(
        language,
        "score",
        lambda m, windows: read.append(("test", windows)) or real_score(m, windows),
    )

    def trained(shape, windows, held_out, recipe, seed):
        read.append(("held out", held_out))
        read.append(("fit", windows))
        return real_trained(shape, windows, held_out, recipe, seed)

    monkeypatch.setattr(language, "trained", trained)
    written = np.full((1, language.SEQ), 200)
    monkeypatch.setattr(language, "written", lambda _, n, *__: np.repeat(written, n, 0))
    recipe = language.Recipe(n_train=40, n_held_out=20, n_test=30, steps=2, batch=4)
    language.run_lives(language.Plan((4, 16), ((1.0, 0.5),), 2), recipe, [0])
    parts = {
        name: {int(row[0]) for kind, rows in read if kind == name for row in rows}
        for name in ("fit", "held out", "test")
    }
    assert {name: len(one - {200}) for name, one in parts.items()} == {
        "fit": 40,
        "held out": 20,
        "test": 30,
    }
    assert len(set.union(*parts.values()) - {200}) == 90
    batch, weights = ("language", "batch", ANY), ("language", "weights", ANY, ANY)
    declared = Declared(
        fit=[batch, ("language", "kept", ANY), ("language", "written", ANY, ANY, ANY)],
        other=[("windows",), weights],
        again=[batch, weights, ("language", "kept", ANY)],  # every generation starts alike
    )
    assert complaints(ear, declared) == []


# scaling-laws


def test_the_tiny_models_read_what_they_are_not_trained_on(monkeypatch, ear):
    from companion.scaling_laws.lab import trained as tiny

    trained, read = [], []

    def train(model, batch_at, settings, *, measure, measure_at, **_):
        trained.extend(batch_at(step) for step in range(settings.steps))
        values = [measure(model, step)["loss"] for step in measure_at]
        return SimpleNamespace(measured_at=np.array(measure_at), series={"loss": np.array(values)})

    monkeypatch.setattr(tiny, "token_streams", painted)
    monkeypatch.setattr(tiny, "train", train)
    monkeypatch.setattr(
        tiny, "next_token_loss", lambda _, batch: read.append(batch) or torch.tensor(1.0)
    )
    tiny.final_loss((1, 16), 0, tiny.Recipe(steps=10, batch=2, seq=16, n_eval=4))
    assert len(trained) == 10
    assert all(is_training(batch) for batch in trained)
    assert len(read) == 1
    assert all(is_held_out(batch) for batch in read)
    weights, batches = ("tiny models", "weights", ANY), ("tiny models", "batch", ANY)
    assert complaints(ear, Declared(fit=[batches], other=[weights])) == []


def test_books_of_the_tiny_models_are_held_out_whole(monkeypatch):
    from companion.scaling_laws.lab import trained as tiny

    texts = {f"book {i}": chr(0x4E00 + i) * 40 for i in range(60)}
    monkeypatch.setattr(tiny, "king_james", lambda: Corpus(texts, "made", "none", "0"))
    training, held_out = (
        bytes(part.tolist()).decode() for part in tiny.token_streams.__wrapped__()
    )
    assert set(training.strip()) & set(held_out.strip()) <= {"\n"}
    assert sum(text in held_out for text in texts.values()) == 3
    assert sum(text in training for text in texts.values()) == 57


def test_worlds_and_trainings_of_the_laboratory_have_their_own_streams(ear):
    from companion.scaling_laws.lab.trained import run_lab

    run_lab([0, 1], [0, 1], n_tokens=2000, n_checkpoints=8)
    declared = Declared(
        fit=[("truth", "training")], other=[("truth", "world")], again=[("truth", "training")]
    )
    assert complaints(ear, declared) == []


# mamba3


class Recorder:
    """In the place of a stack of models: keeps what it is trained on and what it reads."""

    trained: list
    read: list

    def __init__(self, make, seeds):
        self.seeds, self.model = tuple(seeds), None

    def train(self, batch_at, recipe, reads=None):
        batches = [batch_at(step) for step in range(recipe.steps)]
        type(self).trained.extend(torch.cat([x.flatten(), y.flatten()]) for x, y in batches)
        for look in (reads or {}).values():
            look()
        return np.zeros((recipe.steps, len(self.seeds)))

    def losses(self, inputs, labels):
        type(self).read.extend([inputs, labels])
        return torch.zeros(len(self.seeds))


@pytest.fixture
def recorder(monkeypatch):
    return type("Recorder", (Recorder,), {"trained": [], "read": []})


def test_language_models_of_mamba3(monkeypatch, ear, recorder):
    from companion.mamba3.lab import language

    monkeypatch.setattr(language, "Stack", recorder)
    monkeypatch.setattr(language, "n_parameters", lambda model: 1)
    monkeypatch.setattr(language, "characters", lambda: (*painted(), 9))
    monkeypatch.setattr(language, "SEQ", 16)
    monkeypatch.setattr(language, "LENGTHS", (8, 16, 32))
    language.read_family("Mamba-3", (0, 1), steps=4, batch=2, n_windows=3, rate=1e-2)
    assert len(recorder.trained) == 4
    assert recorder.read
    assert all(is_training(tokens) for tokens in recorder.trained)
    assert all(is_held_out(tokens) for tokens in recorder.read)
    assert complaints(ear, Declared(fit=[("text", ANY)])) == []


def test_state_tracking_is_read_on_other_walks(ear):
    from companion.mamba3.lab import tracking

    training = tracking.Training(2, 1, 2, (3,))
    tracking.track("parity", "Mamba-3, no RoPE", training, 4, 4, 0)
    declared = Declared(
        fit=[("walks", "parity")], evaluation=[("reading", "parity")], other=[("start",)]
    )
    assert complaints(ear, declared) == []


def test_recall_is_read_on_other_questions(ear):
    from companion.mamba3.lab import recall

    recall.learn("Mamba-2", 4, 1e-2, (0, 1), n_pairs=2, steps=2, batch=2, n_read=4)
    declared = Declared(fit=[("questions",)], evaluation=[("held out",)], other=[("start",)])
    assert complaints(ear, declared) == []


def test_arithmetic_is_examined_on_other_expressions(ear):
    from companion.mamba3.lab import tracking

    training = tracking.Training(2, 1, 2, (3,))
    tracking.calculate("brackets", "Mamba-2", training, 4, 4, 0)
    declared = Declared(
        fit=[("expressions", "brackets")], evaluation=[("exam", "brackets")], other=[("start",)]
    )
    assert complaints(ear, declared) == []


# quartet


def test_text_of_quartet(monkeypatch, ear):
    from companion.quartet.lab import training

    monkeypatch.setattr(training, "streams", lambda: (*painted(), 32))
    batches = [training.batch([0, 1], step, 2, 16) for step in range(3)]
    assert all(is_training(one) for one in batches)
    assert is_held_out(training.held_out_windows(2, 500, 16))
    assert complaints(ear, Declared(fit=[("verses", ANY)])) == []


def test_the_shared_split_keeps_parts_apart():
    train, held = corpora.split(torch.arange(1000))
    assert len(train) + len(held) == 1000
    assert not set(train.tolist()) & set(held.tolist())


# leximark


@pytest.fixture
def library(monkeypatch):
    """Sixty documents that share no word."""
    from companion.leximark import sources

    made = tuple(" ".join(f"w{i}x{j}" for j in range(8)) for i in range(60))
    monkeypatch.setattr(sources, "documents", lambda length: made)
    return made


def test_pretraining_and_both_halves_are_apart(library, ear):
    from companion.leximark import sources

    first, second = (sources.split(50, 10, 160, seed) for seed in (0, 1))
    for one in (first, second):
        parts = [set(part) for part in one]
        assert [len(part) for part in parts] == [20, 10, 10]
        assert len(set.union(*parts)) == 40
    assert first.pretraining == second.pretraining
    assert first.a != second.a
    declared = Declared(
        fit=[("leximark pretraining",), ("leximark halves",)], again=[("leximark pretraining",)]
    )
    assert complaints(ear, declared) == []


def test_two_versions_of_a_document_share_a_fold(library):
    """Across folds the other version of a text, with the other label, would be trained on."""
    from companion.leximark.lab.detection import blind

    assert blind(library, library, 0, same=True) == 0.5
    assert blind(library, library, 0) < 0.1


def test_the_word_model_is_pretrained_on_pretraining_text_alone(monkeypatch):
    from companion.leximark.lab import run as experiment
    from companion.leximark.lab.arms import NONE, Dictionaries
    from companion.leximark.sources import Split

    seen = []
    trained = experiment.WordModel.trained

    def spy(model, texts, **options):
        seen.append(list(texts))
        return trained(model, texts, **options)

    monkeypatch.setattr(experiment.WordModel, "trained", spy)
    docs = Split(["before it all began"] * 3, ["one ox went"] * 6, ["two men sat"] * 6)
    known = Dictionaries({}, {})
    experiment.word_seed(docs, known, (NONE,), (1, 1e-3), (1, 1e-3), 5, 0, 0)
    assert seen == [docs.pretraining, docs.a]


# gaussian-rbf


@pytest.fixture
def wine():
    from companion.gaussian_rbf.sources import load

    return load("wine")


def test_scalers_of_nested_folds_see_training_rows_alone(wine):
    from companion.gaussian_rbf.lab.nested import _standardized

    train, test = np.arange(0, 178, 2), np.arange(1, 178, 2)
    before = _standardized(wine, train, test)
    after = _standardized(wine._replace(X=huge(wine.X, test)), train, test)
    assert np.array_equal(before[0][0], after[0][0])
    assert not np.array_equal(before[1][0], after[1][0])
    assert common_rows(before[0][0], before[1][0]) == 0


def test_coordinates_come_from_training_rows_alone(wine):
    from companion.gaussian_rbf.lab.reduction import table_task

    rows, rest = np.arange(0, 178, 2), np.arange(1, 178, 2)
    (task, scale), (again, same) = (
        table_task(data, rows, 0) for data in (wine, wine._replace(X=huge(wine.X, rest)))
    )
    assert np.array_equal(task.X, again.X)
    assert np.array_equal(task.centers, again.centers)
    assert np.array_equal(scale, same)


def test_the_digits_example(monkeypatch):
    from companion.gaussian_rbf.lab import digits

    before = digits.split_digits(0)
    table = digits.digits_3v8()
    state = derive_seed(0, "digits split") % 2**32
    _, test = train_test_split(np.arange(len(table.y)), test_size=0.3, random_state=state)
    changed = table._replace(X=huge(table.X, test))
    monkeypatch.setattr(digits, "digits_3v8", lambda: changed)
    after = digits.split_digits(0)
    assert np.array_equal(before.X, after.X)
    assert np.array_equal(before.centers, after.centers)
    assert common_rows(before.X, before.X_test) == 0


def test_selection_is_scaled_by_training_rows(monkeypatch):
    from companion.gaussian_rbf.lab import synthetic as selection

    make = selection.PROBLEMS["XOR"]
    before = selection.draw("XOR", 0, 60, 61)

    def larger(rng, n):
        drawn = make(rng, n)
        return drawn._replace(X=huge(drawn.X, slice(None))) if n == 61 else drawn

    monkeypatch.setattr(selection, "PROBLEMS", {**selection.PROBLEMS, "XOR": larger})
    assert np.array_equal(selection.draw("XOR", 0, 60, 61).train.X, before.train.X)
    assert common_rows(before.train.X, before.test.X) == 0


def test_penalties_are_scaled_by_training_rows(monkeypatch, wine):
    from companion.gaussian_rbf.lab import penalties

    train, test = np.arange(0, 178, 2), np.arange(1, 178, 2)
    tasks = []
    monkeypatch.setattr(penalties, "folds", lambda *_, **__: [(train, test)])
    monkeypatch.setattr(penalties, "log_loss", lambda *_: 0.0)
    monkeypatch.setattr(
        penalties, "fit_many", lambda made, _: tasks.append(made[0]) or [None] * len(made)
    )
    for data in (wine, wine._replace(X=huge(wine.X, test))):
        monkeypatch.setattr(penalties, "load", lambda name, data=data: data)
        penalties.run_penalties(("wine",), (0.1,), 1, 1, 0)
    assert np.array_equal(tasks[0].X, tasks[1].X)
    assert np.array_equal(tasks[0].centers, tasks[1].centers)


def test_streams_of_the_nested_folds(ear):
    from companion.gaussian_rbf.lab import nested
    from companion.gaussian_rbf.method.model import Recipe

    plan = nested.Plan(3, 2, nested.grid((0.1,), (8,)), Recipe(steps=1), 1, (), 0)
    nested.run_table("wine", plan)
    assert {("outer", "wine"), ("inner", "wine", "0"), ("inner", "wine", "2")} <= ear.names()
    assert max(n for stream, n in ear.heard.items() if stream[1] in ("outer", "inner")) == 1


# tart


def test_the_module_is_read_on_tasks_that_it_was_not_trained_on(monkeypatch, ear):
    from companion.tart.lab import learned, run
    from companion.tart.lab.shipped import on_unseen
    from companion.tart.method.module import fresh_head
    from companion.tart.settings import PRESETS

    settings = replace(
        PRESETS["toy"],
        live_steps=3,
        live_falling=2,
        live_every=2,
        live_seeds=2,
        plain_steps=1,
        n_tasks=2,
        n_query=4,
        n_controls=16,
        n_first=8,
    )
    monkeypatch.setattr(learned, "n_cores", lambda: 1)
    run.learn(settings, 0)
    recipe = run.recipe_of(settings)
    head = fresh_head(recipe.head, torch.Generator().manual_seed(0))
    monkeypatch.setattr("companion.tart.lab.shipped.N_UNSEEN", 4)
    on_unseen(head, recipe, 0)
    learned.compare(head, (6,), 2, 4, 10, 0)
    names = ("unseen", "curve", "controls", "first position", "tie")
    alphas = [f"alpha {alpha:g}" for alpha in settings.alphas]
    declared = Declared(
        fit=[("tart batch", ANY)],
        evaluation=[("tart tasks", name) for name in (*names, *alphas)],
        other=[("tart weights",), ("untrained",), ("shuffle",), ("tie ideal", ANY, ANY)],
        again=[("tart batch", ANY), ("tart weights",)],  # once more with the paper's tokens
    )
    assert complaints(ear, declared) == []


def test_contexts_and_queries_share_no_text():
    from companion.tart.sources import nested_splits, split

    labels = np.arange(100) % 2
    for one in (split(labels, 18, 40, 0), *nested_splits(labels, (18, 32), 40, 0).values()):
        assert not set(one.context) & set(one.query)
        assert len(set(one.context)) == len(one.context)
        assert len(set(one.query)) == 40


# distillation-memorization


@pytest.mark.parametrize("source", ["POOLS", "REAL"])
def test_base_training_and_held_out_sequences_are_apart(source):
    from companion.distillation_memorization.lab import text

    rngs = generator(0, "base text"), generator(0, "base text")  # would draw the same
    made = text.draw_sets(getattr(text, source), (60, 50, 40), 40, *rngs)
    parts = [
        {tuple(row) for row in part.tolist()} for part in (made.base, made.train, made.held_out)
    ]
    assert [len(part) for part in parts] == [60, 50, 40]
    assert len(set.union(*parts)) == 150


@pytest.fixture(scope="module")
def tiny_world():
    """(text, what was trained on, what was scored, the world) of one small world."""
    from companion.distillation_memorization.lab import run, world
    from companion.distillation_memorization.settings import PRESETS

    sizes = {"n": 18, "n_base": 18, "n_held": 10, "resamples": 2, "teacher_epochs": 1}
    settings = replace(PRESETS["toy"], **sizes)
    kind = run.transformer_kind(settings)
    text = kind.text(0, 1)
    base = [kind.base_model(name, 0) for name in ("teacher", "baseline")]
    trained, read = [], []
    real_fit, real_arms, real_score = world.fit, world.fit_arms, world.score
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            world,
            "fit",
            lambda model, tokens, *rest, **options: (
                trained.append(tokens) or real_fit(model, tokens, *rest, **options)
            ),
        )
        patch.setattr(
            world,
            "fit_arms",
            lambda model, goals, reads, *rest, **options: (
                trained.extend(reads.values()) or real_arms(model, goals, reads, *rest, **options)
            ),
        )
        patch.setattr(
            world, "score", lambda model, tokens: read.append(tokens) or real_score(model, tokens)
        )
        found = world.run_world(kind.plan, text, *base, 1)
    return text, trained, read, found


def test_losses_are_those_of_held_out_sequences(tiny_world):
    text, trained, read, found = tiny_world
    prompts = {tuple(row[:16]) for row in text.train.tolist()}
    for tokens in trained:  # the data set, or what a model wrote after its prompts
        assert {tuple(row[:16]) for row in tokens.tolist()} <= prompts
    n_models = 2 + 1 + sum(len(runs) for runs in found.students.values())
    choosing, reported = text.held_out[:5], text.held_out[5:]
    assert common_rows(choosing.numpy(), reported.numpy()) == 0
    for half in (choosing, reported):  # each model once on each half
        assert sum(torch.equal(tokens, half) for tokens in read) == n_models
    assert sum(torch.equal(tokens, text.train) for tokens in read) == n_models + 3  # and features


def test_what_chooses_a_budget_is_not_what_is_reported(tiny_world):
    found = tiny_world[-1]
    one = found.of("baseline")
    assert one.losses.shape == (2,)
    assert (one.tuning, one.loss) == tuple(one.losses)
    assert one.tuning != one.loss
    assert one.fitted not in one.losses


def test_the_predictor_is_tested_on_sequences_that_it_did_not_see(monkeypatch):
    from companion.distillation_memorization.lab import predictor

    rng = np.random.default_rng(0)
    memorized = np.arange(400) < 60
    features = rng.standard_normal((400, 4)) + memorized[:, None]
    difficult = ~memorized & (rng.random(400) < 0.5)
    parts, hard = [], []
    fit, between = predictor._fit_and_test, predictor._auc_between

    def watched(features, train, test, *labels):
        parts.append((set(train), set(test)))
        return fit(features, train, test, *labels)

    def watched_between(model, features, positives, negatives):
        hard.append((set(parts[-2][0]), set(positives) | set(negatives)))
        return between(model, features, positives, negatives)

    monkeypatch.setattr(predictor, "_fit_and_test", watched)
    monkeypatch.setattr(predictor, "_auc_between", watched_between)
    predictor.predict(features, memorized, difficult, 5, rng)
    assert len(parts) == 10
    assert len(hard) == 5
    assert not any(a & b for a, b in parts + hard)


def test_the_classifier_is_scaled_by_its_training_sequences(monkeypatch):
    from companion.distillation_memorization.lab.predictor import _fit_and_test

    rng = np.random.default_rng(1)
    labels = np.arange(80) % 2 == 0
    features = rng.standard_normal((80, 4)) + labels[:, None]
    train, test = np.arange(50), np.arange(50, 80)
    models = [
        _fit_and_test(x, train, test, labels[train], labels[test])[0]
        for x in (features, huge(features, test))
    ]
    assert np.array_equal(models[0][0].mean_, models[1][0].mean_)
    assert np.array_equal(models[0][-1].coef_, models[1][-1].coef_)


# next-token-concepts


@pytest.mark.parametrize("network", ["transformer", "perceptron"])
def test_a_network_is_measured_on_fresh_contexts(ear, network):
    from companion.next_token_concepts.lab import learning

    plan = learning.Plan(0.01, 0, 1, 8, network)
    learning.train_and_measure(plan, 4, 64, twins=True)
    drawn, weights = {
        "transformer": (("ntc batches", ANY), ("ntc weights", ANY)),
        "perceptron": (("ntc pool", ANY), ("ntc perceptron", ANY)),
    }[network]
    declared = Declared(
        fit=[drawn],
        evaluation=[("ntc evaluation",), ("ntc twins",)],
        other=[("ntc world", ANY), weights],
    )
    assert complaints(ear, declared) == []


def test_the_papers_simulation_is_scored_on_fresh_bits(ear):
    from companion.next_token_concepts.lab import worlds

    worlds.run_one(4, 1, 2, 0, 1, 64)
    declared = Declared(
        fit=[("ntc simulation batches", ANY, ANY, ANY)],
        evaluation=[("ntc simulation test", ANY, ANY, ANY)],
        other=[("ntc simulation", ANY, ANY), ("ntc simulation weights", ANY, ANY, ANY)],
    )
    assert complaints(ear, declared) == []


def test_probes_are_scored_on_rows_that_they_were_not_fitted_to():
    from companion.next_token_concepts.lab.measurements import r2

    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((80, 39)), rng.standard_normal(80)
    assert r2(x, y) < 0  # forty numbers fitted to forty rows explain them all, and no others


# model-ecosystem


def test_simulated_ecosystems_are_worlds_apart(ear):
    from companion.model_ecosystem.lab import worlds

    worlds.run_regimes(1000, range(2), 0)
    worlds.coverage(1000, 2, 0, 20)
    worlds.drift_runs(1000, 2, 0, 2)
    patterns = [
        ("regimes", ANY),
        ("regime", ANY, ANY),
        ("coverage", ANY),
        ("drift", ANY, ANY),
    ]
    assert complaints(ear, Declared(fit=patterns)) == []
    made = worlds.coverage(1000, 2, 0, 20)
    assert made.filter(run=0)["estimate"].to_list() != made.filter(run=1)["estimate"].to_list()


# consistent-diffusion


def test_training_sets_of_the_plane_differ_by_seed_and_have_a_stream_of_their_own(ear):
    from companion.consistent_diffusion.lab import plane

    first, second = (plane.training_set(seed, 4, 30) for seed in (0, 1))
    assert common_rows(first, second) == 0
    assert complaints(ear, Declared(fit=[("mueller-brown",)])) == []
