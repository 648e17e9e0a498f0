"""Settings, stacks, tracking, recall, and language models, in small."""

from functools import partial

import numpy as np
import pytest
import torch

from companion.mamba3.lab import language, models, recall, run, tracking
from companion.mamba3.settings import PRESETS
from companion.mamba3.verdict import verdicts
from companion.scale import SCALES, settings_for
from companion.training import n_parameters

TINY = {
    "track_steps": 3,
    "track_seeds": 2,
    "chance_seeds": 2,
    "track_batch": 4,
    "parity_lengths": (3, 8),
    "three_lengths": (3, 8),
    "longest": 260,
    "n_read": 8,
    "recall_steps": 2,
    "recall_seeds": 2,
    "rates": (3e-3, 1e-2),
    "rate_seeds": 2,
    "recall_batch": 2,
    "recall_read": 8,
    "text_steps": 4,
    "text_seeds": 2,
    "text_batch": 1,
    "text_windows": 1,
    "n_jobs": 1,
}


def test_presets_cover_the_scales_and_refuse_nonsense():
    assert set(PRESETS) == set(SCALES)
    assert PRESETS["book"].track_seeds >= 8
    assert PRESETS["book"].recall_seeds >= 5
    assert run.training(PRESETS["book"], "parity", "Mamba-3").lengths == (3, 40, 160)
    assert run.training(PRESETS["book"], "parity", "Mamba-2").n_seeds == 5
    assert run.training(PRESETS["book"], "modulo 3", "Mamba-3, no RoPE").n_seeds == 8
    for wrong, said in (
        ({"decode_ranks": (1, 2)}, "must hold 1 and 4"),
        ({"state_sizes": (4,)}, "two sizes"),
        ({"part_size": 5}, "one of them 5"),
        ({"parity_lengths": (40, 3)}, "must not shrink"),
        ({"parity_lengths": (3, 999)}, "are trained"),
    ):
        with pytest.raises(ValueError, match=said):
            settings_for(PRESETS, "toy", wrong)


def test_curriculum_grows_and_stays():
    training = tracking.Training(1, 300, 1, (3, 40, 160))
    assert [training.length(s) for s in (0, 100, 200, 299)] == [3, 40, 160, 160]


@pytest.fixture(scope="module")
def book():
    """What is trained at book scale, in small."""
    settings = settings_for(PRESETS, "book", TINY)
    rates = run.compare_rates(settings, 0)
    train, held_out, vocab = language.characters()
    with pytest.MonkeyPatch.context() as patch:  # the n-gram counts every place of the text
        patch.setattr(language, "characters", lambda: (train[:50_000], held_out, vocab))
        reading = run.text(settings, 0)
    return {
        "parity": run.parity(settings, 0),
        "three": run.modulo_three(settings, 0),
        "rates": rates,
        "recalled": run.recalled(rates, settings, 0),
        "reading": reading,
    }


def test_book_scale_trains_every_arm_that_its_claims_need(book):
    from . import made

    found = {f.claim: f for f in verdicts.evaluate(made.results(**book), "book")}
    untested = {name for name, f in found.items() if f.verdict == "not tested"}
    assert untested == {"C10", "C16"}
    # a handful of updates teaches nobody
    assert all(found[name].verdict != "holds" for name in ("C4", "C5", "C6", "C7", "C13"))


def test_arms_have_equally_many_parameters(book):
    for n in (4, 8, 16):
        runs = [r for r in book["recalled"] if r.arm.d_state == n and r.arm.part != "MIMO"]
        counts = [r.n_parameters for r in runs]
        assert len(counts) >= 2
        assert max(counts) < 1.06 * min(counts), n
    counts = [r.n_parameters for r in book["reading"].reads.values()]
    assert max(counts) < 1.01 * min(counts)


def test_a_sweep_in_stacks_gives_every_seed_once_and_in_order(monkeypatch):
    """Stacks and the order of the jobs change nothing: neither who is trained, nor on what."""
    assert models.stacks(range(5), 2) == [(0, 1), (2, 3), (4,)]
    begun = []
    monkeypatch.setattr(
        models, "sweep", lambda function, jobs, **_: [begun.append(j) or -j for j in jobs]
    )
    assert models.longest_first(None, [5, 6, 7], [1, 3, 2], n_jobs=1, label="") == [-5, -6, -7]
    assert begun == [6, 7, 5]
    monkeypatch.undo()
    for part in (recall, tracking):
        monkeypatch.setattr(part, "AT_ONCE", 2)
    arms = [recall.Arm("Mamba-2", 4, 1e-2, (3, 4, 5)), recall.Arm("MIMO", 4, 1e-2, (3,))]
    sizes = {"n_pairs": 2, "steps": 2, "batch": 2, "n_read": 8}
    both, mimo = recall.recall_all(arms, **sizes)
    assert (both.arm, mimo.arm) == tuple(arms)
    assert both.loss.shape == (2, 3)
    for i, seed in enumerate((3, 4, 5)):
        alone = recall.learn("Mamba-2", 4, 1e-2, (seed,), exam=3, **sizes)
        assert both.loss[:, i] == pytest.approx(alone.loss[:, 0], abs=1e-5)
    training = tracking.Training(3, 2, 2, (3,))
    walked = tracking.track_all("parity", {"Mamba-3": training}, 6, 8, 11)["Mamba-3"]
    last = tracking.track("parity", "Mamba-3", training, 6, 8, 11, (13,))
    assert walked.curve.shape == (7, 3)
    assert walked.turns[2] == pytest.approx(last.turns[0], abs=1e-5)
    assert walked.alive.all()


def test_a_stack_is_its_models_trained_alone():
    config = tracking.VARIANTS["Mamba-3"]

    def make():
        return models.Probe(config, 3, 2)

    walks = torch.randint(0, 2, (2, 5, 4, 9), generator=torch.Generator().manual_seed(0))

    def batch(step, pick):
        tokens = walks[pick, step % 5]
        return tokens, tokens.cumsum(-1) % 2

    recipe = models.Recipe(4, 1e-2)
    both = models.Stack(make, (0, 1))
    together = both.train(lambda s: batch(s, slice(0, 2)), recipe)
    for index in (0, 1):
        alone = models.Stack(make, (index,)).train(
            partial(batch, pick=slice(index, index + 1)), recipe
        )
        assert np.allclose(alone[:, 0], together[:, index], atol=1e-4)


def test_a_diverged_seed_does_not_touch_the_others():
    def make():
        return models.Probe(tracking.VARIANTS["Mamba-2"], 3, 2)

    tokens = torch.randint(0, 2, (2, 4, 9), generator=torch.Generator().manual_seed(0))
    stacks = [models.Stack(make, (0, 1)) for _ in range(2)]
    with torch.no_grad():
        stacks[1].parameters["head.weight"][0] = torch.nan
    good, hurt = (s.train(lambda i: (tokens, tokens), models.Recipe(3, 1e-3)) for s in stacks)
    assert np.isnan(hurt[:, 0]).all()
    assert np.array_equal(good[:, 1], hurt[:, 1])


def test_only_what_is_asked_counts():
    stack = models.Stack(lambda: models.Probe(tracking.VARIANTS["Mamba-2"], 4, 4), (0, 1))
    tokens = torch.randint(0, 4, (2, 3, 7), generator=torch.Generator().manual_seed(0))
    labels = torch.full_like(tokens, models.UNASKED)
    labels[..., 5:] = tokens[..., 5:]
    with torch.no_grad():
        logits = stack(tokens).log_softmax(-1)
        found = stack.losses(tokens, labels)
    by_hand = -logits.gather(-1, tokens[..., None])[:, :, 5:, 0].flatten(1).mean(1)
    assert torch.allclose(found, by_hand)


def test_looks_at_a_training_are_where_they_were_asked_for():
    stack = models.Stack(lambda: models.Probe(tracking.VARIANTS["Mamba-2"], 3, 2), (0,))
    tokens = torch.zeros(1, 2, 4, dtype=torch.long)
    seen = []
    reads = {step: partial(seen.append, step) for step in (2, 5)}
    stack.train(lambda step: (tokens, tokens), models.Recipe(5, 1e-3), reads)
    assert seen == [2, 5]


def test_short_parity_is_learned_with_the_turn_and_not_without():
    training = tracking.Training(2, 60, 16, (8,), lr=1e-2)
    own, blind = (
        tracking.track("parity", v, training, 10, 200, 0) for v in ("Mamba-3", "Mamba-3, no RoPE")
    )
    assert own.at(8).max() > 0.9
    assert blind.at(8).max() < 0.5
    with pytest.raises(ValueError, match="0 to 10"):
        own.at(11)


def test_one_reading_gives_every_length():
    """A walk of 9 moves, cut after 4, is read as it is in the longer one."""
    task = tracking.TASKS["modulo 3"]
    config = tracking.VARIANTS["Mamba-3"]
    stack = models.Stack(lambda: models.Probe(config, 4, 3), (0, 1))
    rng = torch.Generator().manual_seed(0)
    curve = tracking.read(stack, task, 9, 50, rng)
    tokens, labels = tracking.walks(task, 50, 10, torch.Generator().manual_seed(0))
    with torch.no_grad():
        said = stack(tokens[:, :5].expand(2, -1, -1))[:, :, -1].argmax(-1)
    share = (said == labels[:, 4]).double().mean(1)
    assert curve[4] == pytest.approx(((share - 1 / 3) / (2 / 3)).numpy())


def test_unknown_arms_are_named():
    training = tracking.Training(1, 1, 1, (3,))
    with pytest.raises(ValueError, match=r"unknown \['Mamba-9'\]"):
        tracking.track_all("parity", {"Mamba-9": training}, 3, 1, 0)
    with pytest.raises(ValueError, match="known are Mamba-3"):
        recall.arm_mixer("Mamba-9", 8)
    with pytest.raises(ValueError, match="known are Mamba-3"):
        language.family_model("Mamba-9", 8)


def test_questions_are_answered_by_their_pairs():
    tokens, labels = recall.questions(40, 5, torch.Generator().manual_seed(0))
    assert tokens.shape == labels.shape == (40, 15)
    assert bool((labels[:, :10] == models.UNASKED).all())
    for row, asked in zip(tokens.tolist(), labels.tolist(), strict=True):
        pairs = dict(zip(row[0:10:2], row[1:10:2], strict=True))
        assert len(pairs) == 5
        assert sorted(row[10:]) == sorted(pairs)
        assert [pairs[key] for key in row[10:]] == asked[10:]
        assert min(pairs.values()) >= recall.N_KEYS > max(pairs)
    assert any(row[0:10:2] != row[10:] for row in tokens.tolist())
    with pytest.raises(ValueError, match="16 keys"):
        recall.questions(1, 17, torch.Generator())


@pytest.mark.parametrize("task", tracking.ARITHMETIC)
def test_arithmetic_is_that_of_python(task):
    rng = torch.Generator().manual_seed(0)
    for length in (1, 2, 3, 4, 5, 8, 13, 40):
        tokens, labels = tracking.problems(task, 8, length, rng)
        symbols = length if task == "brackets" else length - (length + 1) % 2
        assert tokens.shape == labels.shape == (8, symbols + 1)
        assert bool((labels[:, :-1] == models.UNASKED).all())
        for row, label in zip(tokens.tolist(), labels[:, -1].tolist(), strict=True):
            text = "".join(tracking.SYMBOLS[i] for i in row)
            assert text.endswith("=")
            assert eval(text[:-1]) % 5 == label, text
    with pytest.raises(ValueError, match="plain, brackets"):
        tracking.problems("roots", 1, 3, rng)


def test_arithmetic_runs_where_it_is_asked_for():
    tiny = TINY | {"arithmetic_arms": ("Mamba-2",), "track_steps": 2}
    found = run.modulo_five(settings_for(PRESETS, "book", tiny), 0)
    assert set(found) == set(tracking.ARITHMETIC)
    assert all(list(arms) == ["Mamba-2"] for arms in found.values())
    assert found["plain"]["Mamba-2"].shape == (2,)
    assert "paper scale" in run.modulo_five(settings_for(PRESETS, "book", TINY), 0).reason


def test_knowing_the_list_alone_loses_what_guessing_among_its_values_does():
    assert recall.list_loss(1) == 0
    for n_pairs in (2, 8):
        rng = torch.Generator().manual_seed(n_pairs)
        tokens, labels = recall.questions(20_000, n_pairs, rng)
        listed, asked = tokens[:, 1 : 2 * n_pairs : 2], labels[:, 2 * n_pairs :]
        share = (listed[:, None] == asked[:, :, None]).double().mean(-1)
        assert float(-share.log().mean()) == pytest.approx(recall.list_loss(n_pairs), abs=0.01)
        assert recall.list_loss(n_pairs) < np.log(n_pairs)


def test_answers_are_counted_at_questions_alone():
    stack = models.Stack(lambda: models.Probe(recall.arm_mixer("Mamba-3", 4), 32, 32, 2), (0, 1))
    tokens, labels = recall.questions(300, 3, torch.Generator().manual_seed(0))
    loss, share = recall.answers(stack, tokens, labels)
    with torch.no_grad():
        logits = stack(tokens.expand(2, -1, -1))[:, :, 6:]
    right = (logits.argmax(-1) == labels[:, 6:]).double().mean((1, 2))
    assert share == pytest.approx(right.numpy(), abs=0.02)  # blocks of 256 and 44 weigh alike
    losses = stack.losses(*(x[:256].expand(2, -1, -1) for x in (tokens, labels)))
    assert loss == pytest.approx(losses.detach().numpy(), abs=0.1)


def test_recall_is_learned_in_small():
    """Two pairs are enough to see that the training works."""
    found = recall.learn("Mamba-2", 16, 2e-2, (0, 1), n_pairs=2, steps=60, batch=16, n_read=100)
    assert found.steps == (30, 60)
    assert found.final.max() < 0.85 * np.log(recall.N_KEYS)


def test_an_n_gram_is_what_counting_by_hand_gives():
    train, held_out = np.array([0, 1, 0, 1, 0, 2]), np.array([0, 1, 0])
    # of one token: 0 three times, 1 twice, 2 once; three kinds after six tokens
    alone = {0: (3 + 3 / 3) / 9, 1: (2 + 3 / 3) / 9}
    # after 0 came 1, 1, 2; after 1 came 0, 0
    after_0 = (2 + 2 * alone[1]) / (3 + 2)
    after_1 = (2 + 1 * alone[0]) / (2 + 1)
    by_hand = -np.log([after_0, after_1]).mean()
    assert language.n_gram_loss(train, held_out, 1, 3) == pytest.approx(by_hand)
    uniform = np.tile(np.arange(3), 500)
    assert language.n_gram_loss(uniform, uniform[:300], 0, 3) == pytest.approx(np.log(3), abs=0.01)
    assert language.n_gram_loss(uniform, uniform[:300], 1, 3) < 0.02


def test_loss_at_a_length_is_that_of_the_text_cut_there():
    train, held_out, vocab = language.characters()
    config = language.family_model("Mamba-2", vocab)
    stack = models.Stack(lambda: models.LanguageModel(config), (0,))
    windows = held_out[: 2 * 129].reshape(2, 129)
    found = language.loss_at(stack, windows, 64)
    model = stack.one(0)
    losses = []
    with torch.no_grad():
        for window in windows:
            for start in (0, 64):
                part = window[start : start + 65]
                logits = model(part[None, :-1]).log_softmax(-1)[0]
                losses.append(-logits.gather(1, part[1:, None]).mean())
    assert found[0] == pytest.approx(float(torch.stack(losses).mean()), abs=1e-5)
    assert n_parameters(model) == pytest.approx(n_parameters(stack.model))
    assert len(train) > 8 * len(held_out)
