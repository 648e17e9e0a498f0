"""Training against plain Adam, the paper's curriculum, and a run that was stopped."""

from dataclasses import asdict, dataclass, fields, replace

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss

from companion.scale import torch_generator
from companion.tart import hub
from companion.tart.lab import shipped
from companion.tart.lab.learned import label_effect
from companion.tart.lab.nulls import accuracy
from companion.tart.method.module import STANDARD, HeadConfig, fresh_head
from companion.tart.method.training import (
    Curriculum,
    HeadRecipe,
    LogisticTaskSampler,
    all_positions_loss,
    settle,
    train_head,
)

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
    curriculum = hub.RECIPE.curriculum
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


def test_the_falling_rate_ends_at_nothing_and_sees_new_batches():
    head, _ = train_head(RECIPE, 5, progress=False)
    other, _ = train_head(RECIPE, 5, progress=False)
    history = settle(head, RECIPE, 5, 6, progress=False)
    adam = torch.optim.Adam(other.parameters(), lr=RECIPE.lr)
    for step in range(6):
        done = max(0, step - 1) / 5  # the first step has the full rate, then half a cosine to 0
        adam.param_groups[0]["lr"] = RECIPE.lr * 0.5 * (1 + np.cos(np.pi * done))
        loss = all_positions_loss(other, RECIPE.batch_at(RECIPE.steps + step, 5))
        assert history.losses[step] == pytest.approx(loss.item(), rel=1e-4)
        adam.zero_grad()
        loss.backward()
        adam.step()
    torch.testing.assert_close(weights(head), weights(other), atol=2e-4, rtol=1e-3)


@pytest.mark.parametrize("bad", [{"steps": 0}, {"lr": 0.0}, {"batch": 0}])
def test_bad_recipes_are_refused(bad):
    with pytest.raises(ValueError):
        replace(RECIPE, **bad)
    with pytest.raises(ValueError):
        Curriculum(0, 1, 1, 1, 1)


def make(folder, **options):
    options = {"recipe": RECIPE, "falling": 4} | options
    return shipped.make_head(folder / "run", lambda _: None, folder=folder, **options)


def test_a_shipped_module_comes_back_as_it_was(tmp_path):
    path = make(tmp_path)
    assert path.stat().st_size < shipped.MAX_BYTES
    found = shipped.read_head(tmp_path)
    begun = shipped.read_head(tmp_path / "run" / "constant")
    trained, history = train_head(RECIPE, shipped.SEED, progress=False)
    torch.testing.assert_close(weights(begun.module), weights(trained), atol=1e-3, rtol=1e-3)
    settle(begun.module.train(), RECIPE, shipped.SEED, 4, progress=False)
    torch.testing.assert_close(weights(found.module), weights(begun.module), atol=1e-3, rtol=1e-3)
    record = found.record
    assert record["constant_sha256"] == begun.record["sha256"] != record["sha256"]
    assert (record["steps"], record["falling_steps"]) == (RECIPE.steps, 4)
    assert record["recipe"]["head"]["n_embd"] == 8
    assert found.losses[:, 0].tolist() == [RECIPE.steps, RECIPE.steps + 4]
    assert found.losses[0, 1] == pytest.approx(history.losses.mean(), abs=1e-4)
    # made again from what the first stage left: the same file
    assert shipped.sha256(make(tmp_path)) == record["sha256"]


def test_both_stages_are_measured_on_tasks_that_neither_saw(tmp_path):
    make(tmp_path)
    record = shipped.read_head(tmp_path).record
    begun = shipped.read_head(tmp_path / "run" / "constant").module
    assert shipped.on_unseen(begun, RECIPE, shipped.SEED) == record["constant"]
    x, y, _ = RECIPE.sampler.tasks(shipped.N_UNSEEN, 6, shipped.SEED, "unseen")
    with torch.no_grad():
        logits = begun(x, y)
    expected = log_loss(y.flatten(), torch.sigmoid(logits).flatten())
    assert record["constant"]["loss"] == pytest.approx(expected, abs=1e-4)
    hit = ((logits > 0).float() == y).float().mean()
    assert record["constant"]["accuracy"] == pytest.approx(float(hit), abs=1e-4)


def test_a_stored_result_says_which_weights_it_is_of(monkeypatch):
    found = shipped.read_head()
    assert shipped.module_with(found.record["sha256"]).d == 16
    with pytest.raises(shipped.HeadDamaged, match="not 0000"):
        shipped.module_with("0000")


def test_a_damaged_or_missing_module_is_said(tmp_path):
    from companion.data import DataUnavailable

    with pytest.raises(DataUnavailable, match="companion make tart head"):
        shipped.read_head(tmp_path)
    path = make(tmp_path)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(shipped.HeadDamaged, match="SHA-256"):
        shipped.read_head(tmp_path)


def test_a_module_that_is_too_large_is_not_shipped(tmp_path, monkeypatch):
    monkeypatch.setattr(shipped, "MAX_BYTES", 100)
    with pytest.raises(ValueError, match="at most 100"):
        make(tmp_path)


def test_the_files_of_the_package_are_the_module_that_its_recipe_makes():
    found = shipped.read_head()  # checks the hash
    record = found.record
    assert record["recipe"] == asdict(shipped.RECIPE)
    assert (record["seed"], record["falling_steps"]) == (shipped.SEED, shipped.FALLING)
    assert found.losses[-1, 0] == shipped.RECIPE.steps + shipped.FALLING
    assert record["parameters"] == len(weights(found.module))
    # what the record says of the second stage is what the weights do, but for half precision
    again = shipped.on_unseen(found.module, shipped.RECIPE, shipped.SEED)
    assert again["loss"] == pytest.approx(record["falling"]["loss"], abs=1e-3)
    assert record["falling"]["loss"] < record["constant"]["loss"] - 0.003


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
