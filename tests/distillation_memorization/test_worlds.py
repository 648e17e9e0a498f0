"""A whole world of a few hundred numbers, and the paper's path."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import GPTNeoXForCausalLM

from companion.data import DataUnavailable, Missing
from companion.distillation_memorization import hub
from companion.distillation_memorization.hub import (
    Causal,
    WrongCache,
    cache_top_k,
    run_hub_world,
    windows,
)
from companion.distillation_memorization.lab import run
from companion.distillation_memorization.lab.models import Recipe, Shape, fit_arms, generate, score
from companion.distillation_memorization.lab.world import Plan, all_logits, written_by
from companion.distillation_memorization.method.objectives import (
    BASELINE,
    HARD,
    SOFT,
    TEACHER,
    UNREAD,
    Objective,
    objectives,
)
from companion.distillation_memorization.settings import PRESETS
from companion.models import neox, neox_config
from companion.scale import derive_seed, settings_for, torch_generator

SIZES = {"n": 16, "n_base": 40, "n_held": 20, "student_d": 32, "batch": 4, "taus": (2.0,)}
EPOCHS = {"teacher_epochs": 60, "epochs": (2, 60), "judged": 60, "lr": 1e-2}
TINY = settings_for(PRESETS, "toy", SIZES | EPOCHS)


@pytest.fixture(scope="module")
def world():
    return run.one_world(run.transformer_kind(TINY), 0, 1)


def test_a_world_is_complete(world):
    students = (BASELINE, SOFT, HARD, UNREAD)
    assert tuple(world.students) == students
    assert {name: tuple(runs) for name, runs in world.students.items()} == {
        BASELINE: (2, 60),
        SOFT: (2, 60),
        HARD: (2, 60),
        UNREAD: (60,),
    }
    assert set(world.members()) == {TEACHER, *students}
    assert set(world.members(2)) == {TEACHER, BASELINE, SOFT, HARD}
    assert all(m.shape == (16,) and m.dtype == bool for m in world.members().values())
    assert world.of(SOFT).guessed.shape == (20,)
    assert world.features.shape == (16, 4)
    assert np.isfinite(world.features).all()
    n_easy = int((world.of(TEACHER).memorized & world.of(BASELINE).memorized).sum())
    assert n_easy > 0
    assert {values.shape for values in world.tails.values()} == {(2, n_easy)}
    assert len(world.texts) == len(world.shown) == len(world.written[HARD])


def test_models_that_read_d_often_know_it_and_fit_it(world):
    assert world.of(BASELINE).memorized.sum() > world.of(BASELINE, 2).memorized.sum()
    for name in (TEACHER, BASELINE, HARD):
        assert world.of(name).fitted < world.of(name).loss
    assert world.of(BASELINE).fitted < world.of(BASELINE, 2).fitted
    assert world.bases[BASELINE].memorized.sum() == 0


def test_what_was_written_and_what_counts_as_memorized_agree(world):
    for name, written in world.written.items():
        for row, at in enumerate(world.shown):
            same = written[row] == world.texts[row][16:32]
            assert same == world.members()[name][at]


def test_the_same_seed_gives_the_same_world_side_by_side_or_not():
    small = settings_for(PRESETS, "toy", {"n": 16, "n_base": 16, "n_held": 8})
    alone = run.transformers(replace(small, jobs=1), 3)
    assert [w.seed for w in alone] == [derive_seed(3, "world", i) for i in range(2)]
    again = run.one_world(run.transformer_kind(small), 3, alone[1].seed)
    assert again.of(SOFT).loss == alone[1].of(SOFT).loss
    assert alone[0].of(SOFT).loss != alone[1].of(SOFT).loss


def test_all_worlds_of_a_run_begin_with_the_same_models():
    small = settings_for(PRESETS, "toy", {"n": 16, "n_base": 16, "n_held": 8})
    first, second = run.transformers(replace(small, jobs=1), 4)
    kind = run.transformer_kind(small)
    base, other = (kind.base_model(BASELINE, s) for s in (4, 5))
    assert not torch.equal(base.qkv, other.qkv)
    for w in (first, second):
        loss = score(base, kind.text(4, w.seed).held_out[4:]).loss[0]
        assert w.bases[BASELINE].loss == pytest.approx(loss)


def test_a_budget_is_a_training_of_its_own():
    """Its learning rate falls to zero, so two epochs are no part of four."""
    text = torch.randint(5, (8, 10), generator=torch.Generator().manual_seed(0))
    base = Shape(d=12).build(5, 10, 0, "t")
    arms = {"a": Objective("text")}
    short, long = (
        fit_arms(base, arms, {"a": text}, Recipe(1e-2, 4), e, seed=0, name="x")["a"] for e in (2, 4)
    )
    assert not torch.allclose(short.first, long.first)
    assert Recipe(1e-2, 4).settings(8, 2).steps == 4
    assert Recipe(1e-2, 4).settings(8, 2).floor == 0.0


def test_other_budgets_have_the_compared_arms_alone():
    plan = Plan("x", Recipe(1e-2, 4), 1, (1, 2), 2, 4, 4, objectives((1.0, 2.0)))
    assert list(plan.arms_at(1)) == [BASELINE, SOFT, HARD]
    assert list(plan.arms_at(2)) == [BASELINE, "soft, tau 1", SOFT, HARD, UNREAD]
    with pytest.raises(ValueError, match="epochs ascend"):
        replace(plan, epochs=(2, 1))
    with pytest.raises(ValueError, match="hold 3"):
        replace(plan, judged=3)


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


def test_a_soft_student_is_pulled_to_its_teacher_and_not_to_the_text():
    """The teacher gives one token always; the student learns that, whatever the text says."""
    text = torch.randint(5, (8, 10), generator=torch.Generator().manual_seed(0))
    base, teacher = (Shape(d=16).build(5, 10, seed, "t") for seed in (0, 1))
    with torch.no_grad():
        teacher.second_bias += 20 * torch.eye(5)[3]
    arms = {SOFT: Objective("teacher's logits", 2.0)}
    known = all_logits(teacher, text)
    assert known.logits.shape == (8, 9, 5)
    student = fit_arms(
        base, arms, {SOFT: text}, Recipe(1e-2, 4), 60, seed=0, name="x", teacher=known
    )[SOFT]
    with torch.no_grad():
        assert (student(text).logits[0, :, :-1].argmax(-1) == 3).all()


def test_kinds_that_a_scale_does_not_have_are_missing():
    toy = PRESETS["toy"]
    assert "book scale" in run.real_text(toy, 0).reason
    assert "paper scale" in run_hub_world(toy, 0).reason
    book = PRESETS["book"]
    assert book.judged in run.real_kind(book).plan.epochs
    assert run.perceptron_kind(book).plan.judged == book.perceptron_epochs[-1]


# paper scale


def released(width=16, vocab=32, seed=0, length=20):
    """A GPT-NeoX of a few thousand numbers, its vocabulary padded to 32."""
    config = neox_config(
        n_layers=1, d_model=width, n_heads=width // 16, vocab_size=vocab, seq=length
    )
    model = neox(config, torch_generator(seed, "released"))
    assert isinstance(model, GPTNeoXForCausalLM)
    return model.eval()


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
        return Causal(released(32 if name == "big" else 16), vocab).to(on)

    tiny = replace(
        TINY,
        hub_teacher="big",
        hub_student="small",
        hub_n=30,
        hub_held=10,
        hub_batch=5,
        hub_top_k=8,
    )
    plan = replace(hub.hub_plan(tiny), prefix=6, suffix=5, teacher_epochs=2, epochs=(2,), judged=2)
    found = run_hub_world(
        tiny, 0, tokenizer=Letters, texts=texts, models=models, plan=plan, length=20
    )
    assert not isinstance(found, Missing)
    assert found.name == "big to small"
    assert set(found.members()) == {TEACHER, BASELINE, SOFT, HARD, UNREAD}
    assert np.isfinite([found.of(m).loss for m in found.members()]).all()
    assert found.zlib.shape == (30,)
    assert list(tmp_path.rglob("teacher.safetensors"))


def test_the_papers_recipe_is_the_papers():
    plan = hub.hub_plan(PRESETS["paper"])
    assert (plan.prefix, plan.suffix, hub.LENGTH) == (50, 50, 256)
    assert (plan.teacher_epochs, plan.epochs) == (3, (4,))
    assert plan.recipe.lr == 5e-5
    assert plan.arms[SOFT].tau == 2.0


def test_logits_end_with_the_tokenizers_vocabulary_and_so_does_what_is_written():
    model = released()
    with torch.no_grad():
        model.get_output_embeddings().weight[29] *= 100
    cut = Causal(model, 27)
    tokens = torch.randint(27, (3, 8), generator=torch.Generator().manual_seed(0))
    assert cut(tokens).logits.shape == (1, 3, 8, 27)
    made, read = generate(cut, tokens, 5), tokens
    for _ in range(5):
        with torch.no_grad():
            read = torch.cat([read, cut(read).logits[0, :, -1:].argmax(-1)], 1)
    assert torch.equal(made[0], read[:, 8:])
    with pytest.raises(ValueError, match="40 are wanted"):
        Causal(model, 40)


def test_the_k_largest_are_kept_at_their_temperature_and_belong_to_their_tokens(tmp_path):
    teacher = Causal(released(), 27)
    tokens = torch.randint(27, (5, 9), generator=torch.Generator().manual_seed(0))
    path, options = tmp_path / "k.safetensors", {"k": 4, "tau": 2.0, "name": "t"}
    kept = cache_top_k(teacher, tokens, path=path, **options)
    with torch.no_grad():
        full = (teacher(tokens).logits[0, :, :-1] / 2).log_softmax(-1)
    assert kept.logits is None
    gathered = full.gather(-1, kept.ids.long())
    torch.testing.assert_close(kept.log_probs.float(), gathered, atol=5e-3, rtol=2e-3)
    assert torch.equal(gathered.min(-1).values, full.topk(4, -1).values[..., -1])
    again = cache_top_k(None, tokens, path=path, **options)  # no teacher is asked
    assert torch.equal(again.ids, kept.ids)
    assert torch.equal(again.rows(torch.tensor([3])).ids[0], kept.ids[3])
    for other, changes in ((tokens.flip(0), {}), (tokens, {"k": 3}), (tokens, {"name": "u"})):
        with pytest.raises(WrongCache, match="delete it"):
            cache_top_k(teacher, other, path=path, **(options | changes))


def test_too_few_long_texts_are_said():
    with pytest.raises(DataUnavailable, match="only 1 texts"):
        windows(iter(["abcdefghij", "abc"]), Letters(), 2, 8)
