"""Training against plain Adam, the paper's curriculum, and a run that was stopped."""

from dataclasses import asdict, dataclass, fields, replace

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss

from companion.scale import torch_generator
from companion.tart.lab import shipped
from companion.tart.lab.nulls import accuracy
from companion.tart.lab.synthetic import label_effect
from companion.tart.method.module import STANDARD, HeadConfig, fresh_head
from companion.tart.method.training import (
    Curriculum,
    HeadRecipe,
    LogisticTaskSampler,
    all_positions_loss,
    hits,
    train_head,
)
from companion.tart.settings import PAPER_RECIPE

RECIPE = HeadRecipe(
    HeadConfig(3, 6, 8, 1, 2), Curriculum(1, 1, 2, 2, 3), steps=10, lr=1e-2, batch=4
)


def weights(head):
    return torch.cat([p.detach().flatten() for p in head.parameters()])


def test_the_loss_is_the_mean_cross_entropy_of_all_positions():
    head = fresh_head(RECIPE.head, torch.Generator().manual_seed(0))
    batch = RECIPE.batch_at(9, 0)
    with torch.no_grad():
        p = torch.sigmoid(head(batch[..., :-1], batch[..., -1])).flatten().numpy()
        found = float(all_positions_loss(head, batch))
    assert found == pytest.approx(log_loss(batch[..., -1].flatten().numpy(), p), rel=1e-5)


def test_the_loss_survives_large_logits():
    head = fresh_head(RECIPE.head, torch.Generator().manual_seed(0))
    with torch.no_grad():
        head.read_out.bias.fill_(500.0)
        assert torch.isfinite(all_positions_loss(head, RECIPE.batch_at(0, 0)))


def test_the_loop_is_plain_adam_with_a_constant_rate():
    head, history = train_head(RECIPE, 5, progress=False)
    other = fresh_head(RECIPE.head, torch_generator(5, "tart weights"))
    adam = torch.optim.Adam(other.parameters(), lr=RECIPE.lr)
    losses = []
    for step in range(RECIPE.steps):
        loss = all_positions_loss(other, RECIPE.batch_at(step, 5))
        losses.append(loss.item())
        adam.zero_grad()
        loss.backward()
        adam.step()
    np.testing.assert_allclose(history.losses, losses, rtol=1e-4)
    # keys' biases have no gradient but rounding, which Adam makes large: hence 2e-4
    torch.testing.assert_close(weights(head), weights(other), atol=2e-4, rtol=1e-3)


def test_the_curriculum_of_the_paper():
    curriculum = PAPER_RECIPE.curriculum
    assert curriculum.at(0, STANDARD) == (4, 18)
    assert curriculum.at(2999, STANDARD)[0] == 12
    assert curriculum.at(3000, STANDARD)[0] == 16
    assert curriculum.at(7999, STANDARD)[1] == 228
    assert curriculum.at(8000, STANDARD)[1] == 258
    assert curriculum.at(30_000, STANDARD) == (16, 258)


def test_batches_have_the_same_number_of_pairs():
    sizes = [RECIPE.batch_at(step, 0).shape for step in (0, 3, 9)]
    assert [(n, pairs) for n, pairs, _ in sizes] == [(12, 2), (6, 4), (4, 6)]


class Stopped(Exception):
    """Stands for whatever ends a process."""


@dataclass(frozen=True)
class Stopping(HeadRecipe):
    """The same recipe, but the run ends before step 7."""

    def __repr__(self):
        return repr(RECIPE)

    def batch_at(self, step, seed):
        if step == 7:
            raise Stopped
        return super().batch_at(step, seed)


def test_a_stopped_run_ends_with_the_same_weights(tmp_path):
    whole, _ = train_head(RECIPE, 1, progress=False)
    path = tmp_path / "run.safetensors"
    stopping = Stopping(**{f.name: getattr(RECIPE, f.name) for f in fields(RECIPE)})
    with pytest.raises(Stopped):
        train_head(stopping, 1, checkpoint=path, checkpoint_every=2, progress=False)
    resumed, history = train_head(RECIPE, 1, checkpoint=path, progress=False)
    assert torch.equal(weights(resumed), weights(whole))
    assert len(history.losses) == RECIPE.steps
    with pytest.raises(ValueError, match="belongs to the run"):
        train_head(replace(RECIPE, alpha=2.0), 1, checkpoint=path, progress=False)


def test_seeds_differ_and_repeat():
    first, second = (train_head(RECIPE, 3, progress=False)[0] for _ in range(2))
    assert torch.equal(weights(first), weights(second))
    assert not torch.equal(weights(first), weights(train_head(RECIPE, 4, progress=False)[0]))


def test_hits_are_counted_before_the_label_is_read():
    head = fresh_head(RECIPE.head, torch.Generator().manual_seed(0))
    x, y, _ = RECIPE.sampler.tasks(10, 6, 0)
    with torch.no_grad():
        expected = ((head(x, y) > 0).float() == y).float().numpy()
    np.testing.assert_array_equal(hits(head, x, y), expected)


@pytest.mark.parametrize("bad", [{"steps": 0}, {"lr": 0.0}, {"batch": 0}])
def test_bad_recipes_are_refused(bad):
    with pytest.raises(ValueError):
        replace(RECIPE, **bad)
    with pytest.raises(ValueError):
        Curriculum(0, 1, 1, 1, 1)


def test_a_shipped_module_comes_back_as_it_was(tmp_path):
    path = shipped.make_head(tmp_path / "run", lambda _: None, recipe=RECIPE, folder=tmp_path)
    assert path.stat().st_size < shipped.MAX_BYTES
    found = shipped.read_head(tmp_path)
    trained, history = train_head(RECIPE, shipped.SEED, measure_every=1, progress=False)
    torch.testing.assert_close(weights(found.module), weights(trained), atol=1e-3, rtol=1e-3)
    assert found.record["steps"] == RECIPE.steps
    assert found.record["recipe"]["head"]["n_embd"] == 8
    assert found.losses[-1, 0] == RECIPE.steps
    assert found.losses[0, 1] == pytest.approx(history.losses.mean(), abs=1e-4)
    # made again from the finished checkpoint: the same file
    again = shipped.make_head(tmp_path / "run", lambda _: None, recipe=RECIPE, folder=tmp_path)
    assert shipped.read_head(again.parent).record["sha256"] == found.record["sha256"]


def test_a_damaged_or_missing_module_is_said(tmp_path):
    from companion.data import DataUnavailable

    with pytest.raises(DataUnavailable, match="companion make tart head"):
        shipped.read_head(tmp_path)
    path = shipped.make_head(tmp_path / "run", lambda _: None, recipe=RECIPE, folder=tmp_path)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(shipped.HeadDamaged, match="SHA-256"):
        shipped.read_head(tmp_path)


def test_a_module_that_is_too_large_is_not_shipped(tmp_path, monkeypatch):
    monkeypatch.setattr(shipped, "MAX_BYTES", 100)
    with pytest.raises(ValueError, match="at most 100"):
        shipped.make_head(tmp_path / "run", lambda _: None, recipe=RECIPE, folder=tmp_path)


def test_the_files_of_the_package_are_the_module_that_its_recipe_makes():
    found = shipped.read_head()  # checks the hash
    assert found.record["recipe"] == asdict(shipped.RECIPE)
    assert found.record["seed"] == shipped.SEED
    assert found.record["steps"] == shipped.RECIPE.steps == found.losses[-1, 0]
    assert found.record["parameters"] == len(weights(found.module))
    fall = found.losses[-20:-10, 1].mean() - found.losses[-10:, 1].mean()
    assert abs(fall) < 0.004  # of a thousand steps, as the recipe's text has it


def test_the_module_of_the_package_learns_in_context_and_does_not_read_the_answer():
    head, sampler = shipped.read_head().module, LogisticTaskSampler(16)
    x, y, _ = sampler.tasks(40, 232, 12345)
    k = 32
    hit = [
        accuracy(head.scores(x[t, :k], y[t, :k], x[t, k:]).numpy(), y[t, k:].numpy())
        for t in range(40)
    ]
    assert np.mean(hit) > 0.8
    x, y = x[:8, :130], y[:8, :130]
    assert label_effect(head, x, y, 0) == 0.0
    assert label_effect(head, x, y, 1) > 0.0


def test_the_recipe_of_the_shipped_module_fits_the_limit():
    head = fresh_head(shipped.RECIPE.head, torch.Generator())
    assert 2 * sum(p.numel() for p in head.parameters()) < shipped.MAX_BYTES
    assert shipped.RECIPE.head.max_context >= 128
