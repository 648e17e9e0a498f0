"""Paper scale on a stand-in: random GPT-NeoX checkpoints in the Hub's own cache layout."""

import hashlib
import json
import math

import numpy as np
import pytest
import torch

from companion.models import ModelUnavailable, neox, neox_config
from companion.scaling_laws import hub
from companion.scaling_laws.hub import (
    TOKENS_PER_STEP,
    Evaluation,
    cloze_loss,
    evaluate_checkpoints,
    evaluated_family,
    load_checkpoint,
    window_loss,
)
from companion.scaling_laws.lab.released import n_vs_q

WIDTHS = (16, 32, 48, 64)
STEPS = (1000, 3000, 13_000, 23_000, 33_000)


def save_revision(cache, repository, revision, model):
    """As huggingface_hub stores it: refs/<revision> names the commit whose snapshot it is."""
    folder = cache / f"models--{repository.replace('/', '--')}"
    commit = hashlib.sha1(f"{repository}@{revision}".encode()).hexdigest()
    (folder / "refs").mkdir(parents=True, exist_ok=True)
    (folder / "refs" / revision).write_text(commit)
    model.save_pretrained(folder / "snapshots" / commit)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    cache = tmp_path_factory.mktemp("hub")
    for width in WIDTHS:
        config = neox_config(n_layers=1, d_model=width, n_heads=width // 16, vocab_size=64, seq=32)
        for step in STEPS:
            model = neox(config, torch.Generator().manual_seed(step))
            save_revision(cache, f"stand-in/neox-{width}", f"step{step}", model)
    return cache


@pytest.fixture(scope="module")
def evaluation():
    generator = torch.Generator().manual_seed(0)
    windows = torch.randint(0, 64, (6, 32), generator=generator)
    return Evaluation(windows, (([1, 2, 3], [4]), ([5, 6], [7, 8])))


def test_losses_against_a_loop_over_tokens(cache, evaluation):
    model = load_checkpoint("stand-in/neox-32", "step3000", cache=cache, offline=True)
    total = []
    for window in evaluation.windows:
        log_p = torch.log_softmax(model(window[None]).logits[0], dim=-1)
        total += [-log_p[i, window[i + 1]].item() for i in range(31)]
    assert window_loss(model, evaluation.windows, batch=4) == pytest.approx(
        np.mean(total), rel=1e-5
    )
    words = []
    for context, target in evaluation.cloze:
        log_p = torch.log_softmax(model(torch.tensor([context + target])).logits[0], dim=-1)
        words.append(-sum(log_p[len(context) - 1 + i, t].item() for i, t in enumerate(target)))
    assert cloze_loss(model, evaluation.cloze) == pytest.approx(np.mean(words), rel=1e-5)


def test_revisions_differ_and_become_a_family(cache, evaluation):
    table = evaluate_checkpoints(
        [f"stand-in/neox-{width}" for width in WIDTHS],
        STEPS,
        evaluation,
        cache=cache,
        offline=True,
        progress=False,
    )
    assert len(table) == len(WIDTHS) * len(STEPS)
    assert table["tokens"].iloc[0] == 1000 * TOKENS_PER_STEP
    assert table.groupby("model")["text"].nunique().tolist() == [len(STEPS)] * len(WIDTHS)
    family = evaluated_family(table, "text")
    assert [run.N for run in family.runs] == sorted(table["num_params"].unique())
    assert len(n_vs_q(family, cut=0.0, shares=(1.0,), least=3)) == 1
    assert evaluated_family(table, "cloze").runs[0].loss[0] == pytest.approx(
        table.sort_values(["num_params", "tokens"])["cloze"].iloc[0]
    )
    with pytest.raises(ValueError, match="choose text or cloze"):
        evaluated_family(table, "loss")


def test_an_interrupted_evaluation_goes_on(tmp_path, cache, evaluation, monkeypatch):
    results = tmp_path / "rows" / "pythia.jsonl"
    options = {"cache": cache, "offline": True, "progress": False, "results": results}
    first = evaluate_checkpoints(["stand-in/neox-16"], STEPS[:2], evaluation, **options)
    with results.open("a") as stream:
        stream.write('{"model": "stand-in/neox-16", "st')  # the power went
    loaded = []
    real = hub.load_checkpoint
    monkeypatch.setattr(
        hub,
        "load_checkpoint",
        lambda name, revision, **k: loaded.append(revision) or real(name, revision, **k),
    )
    second = evaluate_checkpoints(["stand-in/neox-16"], STEPS[:3], evaluation, **options)
    assert loaded == ["step13000"]
    assert second["text"].tolist()[:2] == first["text"].tolist()


def test_rows_after_a_broken_line_are_still_read(tmp_path, cache, evaluation):
    results = tmp_path / "rows.jsonl"
    row = {
        "model": "stand-in/neox-16",
        "num_params": 1,
        "step": 1000,
        "tokens": 1.0,
        "text": 2.0,
        "cloze": 3.0,
    }
    results.write_text('{"model": "x", "st\n' + json.dumps(row) + "\n")
    table = evaluate_checkpoints(
        ["stand-in/neox-16"],
        (1000,),
        evaluation,
        results=results,
        cache=cache,
        offline=True,
        progress=False,
    )
    assert table["text"].item() == 2.0


def test_downloads_can_be_dropped(tmp_path, evaluation):
    config = neox_config(n_layers=1, d_model=16, n_heads=1, vocab_size=64, seq=32)
    for step in (1, 2):
        save_revision(
            tmp_path, "a/b", f"step{step}", neox(config, torch.Generator().manual_seed(step))
        )
    table = evaluate_checkpoints(
        ["a/b"],
        (1, 2),
        evaluation,
        cache=tmp_path,
        offline=True,
        keep_downloads=False,
        progress=False,
    )
    assert len(table) == 2
    assert not (tmp_path / "models--a--b").exists()


def test_what_is_not_there_is_said(tmp_path):
    with pytest.raises(ModelUnavailable, match="a/b at step1 is not on this machine"):
        load_checkpoint("a/b", "step1", cache=tmp_path, offline=True)


def test_cloze_needs_contexts_and_targets(cache):
    model = load_checkpoint("stand-in/neox-16", "step1000", cache=cache, offline=True)
    for bad in ((), (([], [1]),), (([1], []),)):
        with pytest.raises(ValueError, match="a context and a target"):
            cloze_loss(model, bad)
    nothing = evaluate_checkpoints(
        ["stand-in/neox-16"],
        (1000,),
        Evaluation(torch.zeros(1, 8, dtype=torch.long)),
        cache=cache,
        offline=True,
        progress=False,
    )
    assert math.isnan(nothing["cloze"].item())
