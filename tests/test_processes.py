"""Two processes on loopback train as one does; a checkpoint of either is one of both."""

from __future__ import annotations

import socket
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from companion import fingerprint, models, processes, training
from companion.processes import Processes, WholeBatch
from companion.training import TrainingSettings
from tests import process_jobs as jobs
from tests.forks import FORKS

ALONE = Processes(0, 1, torch.device("cpu"))
CLOSE = {"rtol": 0, "atol": 1e-5}


def free_port():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


@pytest.fixture(scope="module")
def whole():
    """The tiny model, trained by the loop alone."""
    model = jobs.tiny()
    history = training.train(model, jobs.rows_at, jobs.SETTINGS, seed=3, progress=False)
    return history.losses, jobs.weights(model)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where two processes have left what they found; the second of three runs of one is there."""
    place, port = tmp_path_factory.mktemp("pair"), free_port()
    jobs.stop(place / "one.safetensors")
    both = [FORKS.Process(target=jobs.pair, args=(place, i, port), daemon=True) for i in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join(120)
        if process.exitcode is None:
            process.kill()
            process.join()
    # the main one was killed while it wrote, so the other one finds nobody to go on with
    assert [process.exitcode for process in both] == [-9, 1]
    return place


def found(folder, name):
    """Losses and weights of both processes."""
    files = [np.load(folder / f"{name}-{rank}.npz") for rank in range(2)]
    return [(file["losses"], file["weights"]) for file in files]


def test_two_processes_give_the_losses_and_the_weights_of_one(folder, whole):
    losses, weights = whole
    assert len(losses) == 12
    assert np.ptp(losses) > 0.1  # something is learned or forgotten
    for theirs in found(folder, "curve"):
        np.testing.assert_allclose(theirs[0], losses, **CLOSE)
        np.testing.assert_allclose(theirs[1], weights, **CLOSE)
    first, second = found(folder, "curve")
    np.testing.assert_array_equal(first[1], second[1])  # the same to the last digit


def test_one_goes_on_where_two_have_stopped(folder, whole):
    path = folder / "0" / "run.safetensors"
    seen = []

    def rows(step):
        seen.append(step)
        return jobs.rows_at(step)

    losses, weights = jobs.trained(rows, checkpoint=path)
    assert seen == list(range(4, 12))
    np.testing.assert_allclose(losses, whole[0], **CLOSE)
    np.testing.assert_allclose(weights, whole[1], **CLOSE)
    assert not list((folder / "1").glob("*.safetensors"))  # the main process alone writes


def test_two_go_on_where_one_has_stopped_without_a_common_disk(folder, whole):
    for losses, weights in found(folder, "resumed"):
        np.testing.assert_allclose(losses, whole[0], **CLOSE)
        np.testing.assert_allclose(weights, whole[1], **CLOSE)


def test_what_was_killed_goes_on_from_its_last_checkpoint_and_leaves_nothing(folder, whole):
    place = folder / "0"
    path = place / "killed.safetensors"
    assert len(list(place.glob(".killed.safetensors.*"))) == 1  # half of the second checkpoint
    state = training.RunState(jobs.tiny(), None, jobs.SETTINGS, 3)
    state._load_optimizer = lambda stored: None
    state.load(path)
    assert state.step == 4
    losses, weights = jobs.trained(checkpoint=path)
    np.testing.assert_allclose(losses, whole[0], **CLOSE)
    np.testing.assert_allclose(weights, whole[1], **CLOSE)
    assert not list(place.glob(".killed.safetensors.*"))


def test_random_draws_do_not_depend_on_the_number_of_processes(folder):
    losses, weights = jobs.masked()
    assert len(set(losses.round(12))) > 6
    for theirs in found(folder, "masked"):
        np.testing.assert_allclose(theirs[0], losses, **CLOSE)
        np.testing.assert_allclose(theirs[1], weights, **CLOSE)


def test_the_chapters_paper_scale_is_shared(folder, tmp_path):
    (alone,), _ = jobs.in_four_bits()
    for losses, _ in found(folder, "four bits"):
        assert losses[0] == pytest.approx(alone, abs=1e-4)  # float32, where a bit may turn over
    _, weights = jobs.module(tmp_path)
    for _, theirs in found(folder, "module"):
        np.testing.assert_allclose(theirs, weights, **CLOSE)
    name = "tart-standard-0.safetensors"
    assert (folder / "0" / name).exists()
    assert not (folder / "1" / name).exists()


def test_processes_that_are_at_different_models_are_told(folder):
    said = [(folder / str(rank) / "said").read_text() for rank in range(2)]
    assert "process 0 of 2 is at model 0" in said[0]
    assert "process 1 of 2 is at model 1" in said[1]


# ------------------------------------------------------------------------------------------ shares
class Share(Processes):
    """One of several processes that meets nobody: its sums are its own."""

    def sum(self, tensors):
        return list(tensors)


def gradients(model, value):
    return torch.autograd.grad(value, list(model.parameters()), allow_unused=True)


@pytest.mark.parametrize(
    ("size", "parts"), [(1, None), (1, 3), (2, None), (3, 4), (4, None), (7, 2)]
)
def test_the_shares_add_up_to_the_batch(size, parts):
    model, rows = jobs.tiny(), jobs.rows_at(0)
    expected = training.next_token_loss(model, rows)
    shares = []
    for rank in range(size):
        mine = Share(rank, size, torch.device("cpu"))
        whole = WholeBatch(training.next_token_loss, mine, seed=0, parts=parts)
        value = whole(model, rows)
        shares.append([value.detach(), *gradients(model, value)])
    total = [
        sum(share for share in column if share is not None)  # whoever has no row gives nothing
        for column in zip(*shares, strict=True)
    ]
    assert total[0].item() == pytest.approx(expected.item(), abs=1e-12)
    for ours, theirs in zip(total[1:], gradients(model, expected), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)


def test_a_mean_over_tokens_is_weighed_by_tokens():
    lengths = torch.tensor([1.0, 2.0, 6.0])
    model = nn.Linear(1, 1, bias=False).double()

    def mean_over_tokens(model, rows):
        return (model.weight.sum() * rows * rows).sum() / rows.sum()

    whole = WholeBatch(
        mean_over_tokens, ALONE, seed=0, parts=3, weigh=lambda rows: float(rows.sum())
    )
    assert whole(model, lengths).item() == pytest.approx(mean_over_tokens(model, lengths).item())


def test_what_no_loss_uses_has_no_gradient_and_does_not_decay():
    class Half(nn.Module):
        def __init__(self):
            super().__init__()
            self.used = nn.Parameter(torch.ones(2, 2))
            self.unused = nn.Parameter(torch.ones(2, 2))

    model = Half()
    settings = TrainingSettings(steps=2, lr=0.1, weight_decay=0.5)
    options = {"loss": lambda model, rows: (model.used * rows.mean()).sum(), "progress": False}
    processes.train(model, lambda step: torch.ones(4), settings, seed=0, **options)
    assert (model.unused == 1).all()
    assert (model.used < 1).all()
    shared = WholeBatch(options["loss"], Share(1, 2, torch.device("cpu")), seed=0)
    model.used.grad = None
    shared(model, torch.ones(1)).backward()  # this process has no row
    assert model.unused.grad is None


def test_impossible_parts_are_refused():
    with pytest.raises(ValueError, match="fixed number of parts"):
        WholeBatch(jobs.noisy_loss, ALONE, seed=0, reseed=torch.manual_seed)
    with pytest.raises(ValueError, match="parts=0"):
        WholeBatch(jobs.noisy_loss, ALONE, seed=0, parts=0)


# --------------------------------------------------------------------------------------- the doors
def test_outside_of_a_door_the_loop_is_the_loop(monkeypatch):
    def forbidden(*_, **__):
        raise AssertionError("shared")

    monkeypatch.setattr(processes, "train", forbidden)
    settings = replace(jobs.SETTINGS, steps=1)
    history = training.train(jobs.tiny(), jobs.rows_at, settings, seed=0, progress=False)
    assert len(history.losses) == 1


def door(settings, seed, *, stand_in=None):
    """A chapter's function: two trainings."""
    ends = []
    for name in ("teacher", "Students, 4 epochs"):
        model = jobs.tiny()
        rows = stand_in or jobs.rows_at
        training.train(model, rows, settings, seed=seed, label=name, progress=False)
        ends.append(jobs.weights(model))
    return ends


def test_a_training_behind_a_door_has_a_file_and_is_not_done_again(tmp_path, monkeypatch):
    monkeypatch.setattr(models, "models_folder", lambda: tmp_path)
    monkeypatch.setattr(fingerprint, "digest", lambda function: "0" * 64)
    monkeypatch.setattr("companion.sweep.content", lambda value: repr(value))
    asked = []
    monkeypatch.setattr(
        jobs, "rows_at", lambda step, at=jobs.rows_at: asked.append(step) or at(step)
    )
    opened, settings = processes._door(door), replace(jobs.SETTINGS, steps=2)
    first = opened(settings, 0)
    assert asked == [0, 1, 0, 1]
    (place,) = (tmp_path / "training").iterdir()
    assert sorted(path.name for path in place.iterdir()) == [
        "01-teacher.safetensors",
        "02-students-4-epochs.safetensors",
    ]
    again = opened(settings, 0)
    assert asked == [0, 1, 0, 1]
    np.testing.assert_array_equal(first, again)
    opened(settings, 1)  # another seed, another folder
    assert len(asked) == 8
    assert len(list((tmp_path / "training").iterdir())) == 2
    opened(settings, 0, stand_in=jobs.rows_at)  # which settings and seed do not tell
    assert len(asked) == 12
    assert len(list((tmp_path / "training").iterdir())) == 2


def test_three_chapters_have_doors():
    from companion.distillation_memorization import hub

    assert set(processes.doors("companion.tart.hub")) == {"paper_head"}
    assert set(processes.doors("companion.quartet.hub")) == {"run_paper_runs"}
    assert processes.doors(hub.__name__)["run_hub_world"] is hub.run_hub_world


@pytest.mark.parametrize(
    ("name", "value", "is_one"), [("WORLD_SIZE", "2", True), ("RANK", "1", False)]
)
def test_whether_others_were_started(monkeypatch, name, value, is_one):
    for known in processes._SIZES:
        monkeypatch.delenv(known, raising=False)
    monkeypatch.setenv(name, value)
    assert processes.launched() is is_one
