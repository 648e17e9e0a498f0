"""A whole world of a few hundred numbers, the calibration rule, and the paper's path."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from companion.data import DataUnavailable, Missing
from companion.distillation_memorization import hub
from companion.distillation_memorization.hub import CutVocabulary, run_hub_world, windows
from companion.distillation_memorization.lab import run
from companion.distillation_memorization.lab.run import run_real, run_transformers
from companion.distillation_memorization.lab.training import Shape
from companion.distillation_memorization.lab.world import (
    NotCalibrated,
    check_calibration,
    written_by,
)
from companion.distillation_memorization.method.objectives import (
    BASELINE,
    HARD,
    SOFT,
    TEACHER,
    UNREAD,
)
from companion.distillation_memorization.settings import PRESETS

TINY = replace(
    PRESETS["book"],
    n_seeds=1,
    n=80,
    n_base=60,
    n_held=60,
    teacher_hidden=48,
    student_hidden=24,
    teacher_epochs=16,
    student_epochs=14,
    taus=(2.0,),
    resamples=2,
    jobs=1,
    bootstrap=20,
    overfit_epochs=(2,),
    overfit_seeds=1,
    extras=(),
)


def tiny_kind():
    kind = run.pools(TINY)
    return replace(kind, plan=replace(kind.plan, calibrated=False, prefixes=(8, 16)))


@pytest.fixture(scope="module")
def world():
    return run.one_world(tiny_kind(), 0)


def test_a_world_is_complete(world):
    students = (BASELINE, SOFT, HARD, UNREAD)
    assert world.students == students
    assert set(world.members) == set(world.held) == set(world.loss) == {TEACHER, *students}
    assert all(m.shape == (80,) and m.dtype == bool for m in world.members.values())
    assert world.features.shape == (80, 4)
    assert np.isfinite(world.features).all()
    assert world.curve_rate.shape == world.curve_loss.shape == (len(world.epochs), 4)
    assert world.epochs[-1] == TINY.student_epochs
    assert world.curve_rate[-1, 0] == pytest.approx(world.rate(BASELINE))
    np.testing.assert_array_equal(world.by_prefix[16][SOFT], world.members[SOFT])
    assert len(world.texts) == len(world.shown) == len(world.written[HARD])
    assert world.cache_megabytes == pytest.approx(80 * 47 * 27 * 4 / 1e6)


def test_what_was_written_and_what_counts_as_memorized_agree(world):
    for name, written in world.written.items():
        for row, at in enumerate(world.shown):
            same = written[row] == world.texts[row][16:32]
            assert same == world.members[name][at]


def test_the_same_seed_gives_the_same_world(world):
    small = replace(tiny_kind(), sizes=(18, 18, 10))
    small = replace(
        small,
        plan=replace(
            small.plan, teacher_epochs=1, student_epochs=1, measure_epochs=(1,), prefixes=()
        ),
    )
    first, again = (run.one_world(small, 3) for _ in range(2))
    assert first.loss == again.loss
    assert first.loss != run.one_world(small, 4).loss


def test_worlds_side_by_side_are_those_one_after_the_other():
    small = replace(tiny_kind(), sizes=(18, 18, 10))
    small = replace(
        small,
        plan=replace(
            small.plan, teacher_epochs=1, student_epochs=1, measure_epochs=(1,), prefixes=()
        ),
    )
    alone, together = (run.run_kind(small, 2, 0, jobs) for jobs in (1, 2))
    assert [w.seed for w in alone] == [run.world_seed(0, i) for i in range(2)]
    assert [w.loss for w in alone] == [w.loss for w in together]


def test_students_differ_in_their_loss_only(world):
    kind = tiny_kind()
    objectives = {"soft again": kind.plan.objectives[SOFT], **kind.plan.objectives}
    assert objectives["soft again"].tau == 2.0
    assert len({world.loss[m] for m in world.students}) == len(world.students)


def test_a_hard_text_begins_as_the_truth_and_goes_on_as_the_teacher():
    teacher = Shape(d=12).build(5, 10, 0, "t")
    tokens = torch.randint(5, (4, 10), generator=torch.Generator().manual_seed(0))
    made = written_by(teacher, tokens, 6)
    assert made.shape == tokens.shape
    assert torch.equal(made[:, :6], tokens[:, :6])
    for t in range(6, 10):
        with torch.no_grad():
            best = teacher(made[:, :t]).logits[0, :, -1].argmax(-1)
        assert torch.equal(made[:, t], best)


def members(teacher, baseline, n=100):
    return {TEACHER: np.arange(n) < teacher, BASELINE: np.arange(n) < baseline}


def test_the_calibration_rule_raises():
    check_calibration(members(40, 20), 1.3, 1.4)
    for teacher, baseline in ((20, 20), (70, 20), (5, 0), (0, 0)):
        with pytest.raises(NotCalibrated, match="teacher_epochs"):
            check_calibration(members(teacher, baseline), 1.3, 1.4)
    with pytest.raises(NotCalibrated, match="fewer teacher_epochs"):
        check_calibration(members(40, 20), 1.4, 1.4)


def test_a_teacher_that_hardly_read_d_is_refused():
    kind = replace(run.pools(TINY), sizes=(30, 40, 20))
    plan = replace(kind.plan, teacher_epochs=1, student_epochs=2, measure_epochs=(), prefixes=())
    with pytest.raises(NotCalibrated):
        run.one_world(replace(kind, plan=plan), 0)


def test_kinds_that_a_scale_does_not_have_are_missing():
    toy = PRESETS["toy"]
    assert "book scale" in run_transformers(toy, 0).reason
    assert "book scale" in run_real(toy, 0).reason
    assert "paper scale" in run_hub_world(toy, 0).reason


def test_the_sweep_puts_the_calibrated_teacher_among_the_others(world):
    small = replace(TINY, n=24, n_base=18, n_held=12, student_epochs=2)
    found = run.run_overfit(small, 0, [world])
    assert found.epochs.tolist() == [2, TINY.teacher_epochs]
    assert found.teacher_rate.shape == (1, 2)
    assert found.teacher_rate[0, 1] == pytest.approx(world.rate(TEACHER))
    assert np.isnan(found.dividend[0, 0]) or found.dividend[0, 0] >= 0


class Letters:
    """A tokenizer of single characters."""

    def __len__(self):
        return 27

    def __call__(self, text, truncation, max_length):
        return {"input_ids": [(ord(c) - 96) % 27 for c in text[:max_length]]}

    def batch_decode(self, rows):
        return ["".join(" abcdefghijklmnopqrstuvwxyz"[i] for i in row) for row in rows]


def test_the_papers_path_runs_on_a_stand_in(tmp_path, monkeypatch):
    monkeypatch.setenv("COMPANION_CACHE", str(tmp_path))
    monkeypatch.setenv("COMPANION_DEVICE", "cpu")
    rng = np.random.default_rng(0)
    from companion.distillation_memorization.lab.text import pool_text

    def texts():
        yield "too short"
        while True:
            yield pool_text(20, rng)

    def models(name, vocab, on):
        width = 32 if name == "big" else 16
        model = Shape(d=width, layers=1, heads=width // 16).build(32, 20, 0, name)  # padded to 32
        return CutVocabulary(model, vocab).to(on)

    tiny = replace(
        TINY,
        hub_teacher="big",
        hub_student="small",
        hub_n=30,
        hub_held=10,
        hub_batch=5,
        hub_top_k=8,
    )
    plan = replace(hub.hub_plan(tiny), prefix=6, suffix=5, teacher_epochs=2, student_epochs=2)
    found = run_hub_world(
        tiny, 0, tokenizer=Letters, texts=texts, models=models, plan=plan, length=20
    )
    assert not isinstance(found, Missing)
    assert found.name == "big to small"
    assert set(found.members) == {TEACHER, BASELINE, SOFT, HARD, UNREAD}
    assert np.isfinite(list(found.loss.values())).all()
    assert found.zlib.shape == (30,)
    assert found.cache_megabytes == pytest.approx(30 * 19 * 8 * 6 / 1e6)
    assert list(tmp_path.rglob("teacher.safetensors"))


def test_the_papers_recipe_is_the_papers():
    plan = hub.hub_plan(PRESETS["paper"])
    assert (plan.prefix, plan.suffix, hub.LENGTH) == (50, 50, 256)
    assert (plan.teacher_epochs, plan.student_epochs) == (3, 4)
    assert plan.recipe.lr == 5e-5
    assert plan.objectives[SOFT].tau == 2.0


def test_logits_end_with_the_tokenizers_vocabulary():
    model = Shape(d=16, layers=1, heads=1).build(32, 12, 0, "x")
    tokens = torch.zeros(2, 4, dtype=torch.int64)
    assert CutVocabulary(model, 27)(tokens).logits.shape == (2, 4, 27)
    with pytest.raises(ValueError, match="40 are wanted"):
        CutVocabulary(model, 40)


def test_too_few_long_texts_are_said():
    with pytest.raises(DataUnavailable, match="only 1 texts"):
        windows(iter(["abcdefghij", "abc"]), Letters(), 2, 8)
