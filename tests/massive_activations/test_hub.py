import hashlib
import json
import os
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from companion import data, models
from companion.data import DataUnavailable
from companion.massive_activations import hub as checkpoints
from companion.massive_activations import sources, verdict
from companion.massive_activations.hub import measure_series
from companion.massive_activations.lab import predict
from companion.massive_activations.lab import run as lab
from companion.massive_activations.lab.rivals import CHECKPOINTS
from companion.massive_activations.method.curve import DAMPED_LOG, CurveParams, damped_log
from companion.massive_activations.method.measure import measure
from companion.massive_activations.page import tables
from companion.massive_activations.settings import PRESETS
from companion.massive_activations.sources import (
    BadStats,
    parse_stats,
    read_folder,
    read_stats,
    stats_path,
    write_stats,
)

REPO = "somebody/pythia-tiny"
STEPS = (0, 1, 512)


def blocks_of(values):
    """Values of shape (n, 4, L), each column sorted downwards: what a stats file may hold."""
    return -np.sort(-np.abs(values), axis=1)


@given(
    hnp.arrays(
        np.float32,
        st.tuples(st.integers(1, 3), st.just(4), st.integers(1, 36)),
        elements=st.floats(0, 1e5, width=32),
    )
)
def test_what_was_written_is_read_back_exactly(tmp_path_factory, values):
    blocks = blocks_of(values)
    path = tmp_path_factory.mktemp("stats") / "exp2_pythia_14m_step7"
    write_stats(path, blocks)
    found = parse_stats(path.read_text(), blocks.shape[2])
    np.testing.assert_array_equal(found.astype(np.float32), blocks)


def test_the_authors_layout_is_parsed():
    text = """
    array([[1.2500024e+00 1.7202663e+01]
           [1.2479763e+00 15.       ]
           [1.2395386e+00 -0.       ]
           [1.7551270e-01 0.        ]], dtype=float32)
    [[4. 8.]
     [3. 7.]
     [2. 6.]
     [.5 1.]]
    """
    found = parse_stats(text, 2)
    assert found.shape == (2, 4, 2)
    assert found[0, :, 0].tolist() == [1.2500024, 1.2479763, 1.2395386, 0.1755127]
    assert found[1, 3].tolist() == [0.5, 1.0]


@pytest.mark.parametrize(
    ("text", "n_layers", "message"),
    [
        ("[[1. 2. ... 3.]]", 1, "abbreviated"),
        ("[3. 2. 1. 0.5 9.]", 1, "no whole number"),
        ("", 1, "no whole number"),
        ("[[3.] [2.] [nan] [0.5]]", 1, "not finite"),
        ("[[0.5] [1.] [2.] [3.]]", 1, "another row order"),
        ("[[9. 8.] [7. 9.] [5. 4.] [3. 2.]]", 2, "another row order"),
    ],
)
def test_a_file_that_is_not_in_the_layout_is_refused(text, n_layers, message):
    with pytest.raises(BadStats, match=message):
        parse_stats(text, n_layers)


def test_a_wrong_number_of_layers_is_noticed():
    rng = np.random.default_rng(0)
    text = str(blocks_of(rng.lognormal(size=(1, 4, 6))))
    assert parse_stats(text, 6).shape == (1, 4, 6)
    with pytest.raises(BadStats, match="wrong number of layers"):
        parse_stats(text, 3)


def test_a_folder_becomes_one_table(tmp_path):
    rng = np.random.default_rng(0)
    written = {}
    for size, layers, step in (("14m", 6, 1000), ("14m", 6, 2), ("160m", 12, 0)):
        blocks = blocks_of(rng.lognormal(size=(2, 4, layers)))
        path = tmp_path / stats_path(f"pythia-{size}", step)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(str(block) for block in blocks))
        written[f"pythia-{size}", step] = blocks
    table = read_folder(tmp_path)
    assert list(table.columns) == [
        "model",
        "step",
        "sequence",
        "layer",
        "top1",
        "top2",
        "top3",
        "median",
    ]
    assert len(table) == 2 * (6 + 6 + 12)
    assert table[table.model == "pythia-14m"].step.unique().tolist() == [2, 1000]
    for row in table.itertuples():
        block = written[row.model, row.step][row.sequence]
        values = [row.top1, row.top2, row.top3, row.median]
        np.testing.assert_allclose(values, block[:, row.layer - 1], rtol=1e-6)


def test_names_that_are_none_are_refused(tmp_path):
    with pytest.raises(BadStats, match="exp2_pythia_<size>_step<N>"):
        read_stats(tmp_path / "exp2_llama_7b_step0")
    with pytest.raises(BadStats, match="no file"):
        read_folder(tmp_path)
    bad = tmp_path / "exp2_pythia_14m_step3"
    bad.write_text("[1. 2.]")
    with pytest.raises(BadStats, match=r"exp2_pythia_14m_step3: 2 numbers"):
        read_stats(bad)
    with pytest.raises(ValueError, match="unknown model"):
        read_stats(tmp_path / "exp2_pythia_15m_step3")


def test_steps_are_those_of_pythia():
    published = {0, *(2**k for k in range(10)), *range(1000, 143_001, 1000)}
    assert len(published) == 154
    assert set(checkpoints.SERIES_STEPS) <= published
    assert list(checkpoints.SERIES_STEPS) == sorted(set(checkpoints.SERIES_STEPS))
    assert checkpoints.SERIES_STEPS[-1] == 143_000
    assert len(checkpoints.SERIES_STEPS) == 36


def tiny(step):
    config = models.neox_config(n_layers=2, d_model=32, n_heads=2, vocab_size=40, seq=32)
    return models.neox(config, torch.Generator().manual_seed(step)).eval()


@pytest.fixture
def hub(tmp_path):
    """A Hub cache with one revision per step; the configuration is one blob that all share."""
    cache = tmp_path / "hub"
    folder = cache / "models--somebody--pythia-tiny"
    for step in STEPS:
        saved = tmp_path / f"saved{step}"
        tiny(step).save_pretrained(saved)
        commit = hashlib.sha1(str(step).encode()).hexdigest()
        (folder / "refs").mkdir(parents=True, exist_ok=True)
        (folder / "refs" / f"step{step}").write_text(commit)
        (folder / "snapshots" / commit).mkdir(parents=True)
        (folder / "blobs").mkdir(exist_ok=True)
        for file in ("config.json", "model.safetensors"):
            content = (saved / file).read_bytes()
            blob = folder / "blobs" / hashlib.sha256(content).hexdigest()
            blob.write_bytes(content)
            (folder / "snapshots" / commit / file).symlink_to(
                os.path.relpath(blob, folder / "snapshots" / commit)
            )
    return cache


def ids():
    return torch.randint(0, 40, (3, 20), generator=torch.Generator().manual_seed(0))


def revisions(cache):
    return {path.name for path in cache.glob("models--*/refs/*")}


OFFLINE = {"local_files_only": True, "n_layers": 2, "progress": False}


def test_a_series_is_measured_and_each_revision_deleted_after_use(hub, tmp_path):
    table = measure_series(
        REPO, ids(), tmp_path / "results", steps=STEPS[:2], cache_dir=hub, **OFFLINE
    )
    assert revisions(hub) == {"step512"}
    folder = hub / "models--somebody--pythia-tiny"
    sizes = sorted(path.stat().st_size for path in (folder / "blobs").iterdir())
    assert len(sizes) == 2  # the shared configuration, and the weights of step 512
    assert len(list((folder / "snapshots").iterdir())) == 1
    for step in STEPS[:2]:
        expected = measure(tiny(step), ids())
        rows = table[table.step == step]
        assert rows.model.unique().tolist() == ["pythia-tiny"]
        for name in ("top1", "top2", "top3", "median"):
            found = rows.pivot(index="sequence", columns="layer", values=name).to_numpy()
            np.testing.assert_allclose(found, getattr(expected, name), rtol=1e-5)


def test_a_series_goes_on_where_it_stopped(hub, tmp_path):
    results = tmp_path / "results"
    measure_series(REPO, ids(), results, steps=(0,), cache_dir=hub, **OFFLINE)
    assert revisions(hub) == {"step1", "step512"}
    # step 0 is gone from the cache: asking for it again would fail
    table = measure_series(REPO, ids(), results, steps=STEPS, cache_dir=hub, keep=True, **OFFLINE)
    assert revisions(hub) == {"step1", "step512"}
    assert table.step.unique().tolist() == list(STEPS)
    again = read_folder(results, n_layers=2)
    pd.testing.assert_frame_equal(table, again)


def test_a_revision_that_cannot_be_had_is_reported_and_nothing_is_written(hub, tmp_path):
    with pytest.raises(models.ModelUnavailable, match="step7"):
        measure_series(REPO, ids(), tmp_path / "r", steps=(0, 7), cache_dir=hub, **OFFLINE)
    assert [path.name for path in (tmp_path / "r").rglob("exp2*")] == ["exp2_pythia_tiny_step0"]


def test_pickled_weights_are_not_loaded(hub, tmp_path):
    for path in hub.glob("models--*/snapshots/*/model.safetensors"):
        torch.save(tiny(0).state_dict(), path.with_name("pytorch_model.bin"))
        path.unlink()
    with pytest.raises(models.ModelUnavailable, match="safetensors"):
        measure_series(REPO, ids(), tmp_path / "r", steps=(0,), cache_dir=hub, **OFFLINE)


def test_the_shared_cache_is_never_deleted_from(hub, monkeypatch, tmp_path):
    monkeypatch.setattr(checkpoints, "HF_HUB_CACHE", str(hub))
    with pytest.raises(ValueError, match="shared Hub cache"):
        checkpoints.forget_checkpoint(REPO, 0, hub)
    with pytest.raises(ValueError, match="shared Hub cache"):
        measure_series(REPO, ids(), tmp_path / "r", steps=(0,), cache_dir=hub, **OFFLINE)
    assert revisions(hub) == {f"step{step}" for step in STEPS}
    assert not (tmp_path / "r").exists()


def test_forgetting_says_how_much_it_frees(hub):
    (weights,) = {
        path.resolve().stat().st_size for path in hub.glob("*/snapshots/*/model.safetensors")
    }
    freed = checkpoints.forget_checkpoint(REPO, 0, hub)
    assert freed == weights
    assert checkpoints.forget_checkpoint(REPO, 0, hub) == 0
    assert checkpoints.forget_checkpoint("somebody/else", 1, hub) == 0
    assert revisions(hub) == {"step1", "step512"}


def test_the_private_cache_is_below_the_books_own(monkeypatch, tmp_path):
    monkeypatch.setenv("COMPANION_CACHE", str(tmp_path))
    assert checkpoints.private_cache() == tmp_path / "models" / "hub"


class Words:
    """A tokenizer: one token per character."""

    def __call__(self, text, add_special_tokens):
        assert add_special_tokens is False
        return {"input_ids": [ord(letter) for letter in text]}


def test_windows_are_consecutive_pieces_of_the_joined_texts():
    found = checkpoints.windows(Words(), ["abc", "defg"], n=4, seq=2)
    letters = "".join(map(chr, found.flatten().tolist()))
    assert letters == "abc\n\ndefg"[:8]
    with pytest.raises(ValueError, match="need 10 tokens, got 9"):
        checkpoints.windows(Words(), ["abc", "defg"], n=5, seq=2)


def test_a_download_that_fails_points_to_the_excerpt(monkeypatch):
    def unreachable(repo, **options):
        assert (repo, options["repo_type"]) == (sources.DATASET, "dataset")
        assert options["revision"] == "a commit"
        assert options["allow_patterns"] == ["*/stats/*", "*/params/*.json"]
        raise OSError("no route to host")

    monkeypatch.setattr(sources, "snapshot_download", unreachable)
    monkeypatch.setattr(sources, "revision", lambda repo: "a commit")
    with pytest.raises(DataUnavailable, match=r"no route to host.*pythia_stats_excerpt\.csv"):
        sources.download_stats()


def test_the_stand_in_is_a_real_hub_layout(hub):
    config = next(hub.glob("*/snapshots/*/config.json"))
    assert json.loads(config.read_text())["architectures"] == ["GPTNeoXForCausalLM"]


# The path to all 188 layers, on a stand-in in the authors' layout.


def truth_of(shape, layer):
    """A curve that depends on width and depth: what a fit has to find again."""
    depth = layer / shape.layers
    K = 20 + 4 * np.log(shape.width) * (1 + depth)
    return CurveParams(A=5 * K, lam=0.9, gamma=1.2e-4, t0=0.9, K=K)


def stand_in(folder, shapes, steps, n_sequences=2, noise=0.002):
    """Stats and parameters of made-up series, in files as the authors publish them."""
    rng = np.random.default_rng(0)
    for shape in shapes:
        layers = range(1, shape.layers + 1)
        curves = [truth_of(shape, layer) for layer in layers]
        for step in steps:
            ratio = np.array([damped_log(float(step), *curve) for curve in curves])
            top1 = ratio * np.exp(noise * rng.standard_normal((n_sequences, shape.layers)))
            blocks = np.stack([top1, 0.9 * top1, 0.8 * top1, np.ones_like(top1)], axis=1)
            write_stats(folder / stats_path(shape.model, int(step)), blocks)
        names = ["A", "lambda", "gamma", "t0", "K"]
        records = [
            {
                "original": {"param_names": names, "popt": list(curve), "r2": 0.99},
                "reparametrized": {"param_names": names, "popt": [0.0] * 5, "r2": 0.5},
            }
            for curve in curves
        ]
        path = folder / f"pythia_{shape.size}" / "params" / "ratio_params.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(records))
        path.with_name("median_params.json").write_text("[]")


def test_all_188_layers_are_read_from_the_authors_layout(tmp_path):
    stand_in(tmp_path, sources.paper_models(), (0, 512, 24_000, 143_000), n_sequences=1)
    rows = checkpoints.measurements_in(tmp_path)
    assert rows.groupby(["model", "layer"]).ngroups == 188
    assert sources.models(rows)[0] == "pythia-14m"
    assert sources.models(rows)[-1] == "pythia-12b"
    params = sources.read_params(tmp_path)
    assert len(params) == 188
    assert set(params.r2) == {0.99}  # the better of the two forms
    shape = sources.architecture("pythia-1b")
    found = params[(params.model == "pythia-1b") & (params.layer == 7)].K.item()
    assert found == pytest.approx(truth_of(shape, 7).K)


def test_the_claims_run_on_the_stand_in(tmp_path, monkeypatch):
    """From files to verdicts, as at paper scale: plateaus are found, and predicted.

    Every second layer is fitted, and one regressor of the chapter predicts: two hundred fits more,
    and forests, would say the same.
    """
    shapes = [sources.architecture(f"pythia-{size}") for size in ("14m", "70m", "160m")]
    stand_in(tmp_path, shapes, CHECKPOINTS)
    monkeypatch.setattr(checkpoints, "download_stats", lambda: tmp_path)
    monkeypatch.setattr(predict, "regressors", lambda: ("ridge",))
    settings = replace(PRESETS["toy"], source="hub", splits=2)
    rows = lab.authors(settings)
    assert rows.groupby(["model", "layer"]).ngroups == 24
    rows = rows[rows.layer % 2 == 0]
    fits = lab.fits(rows)
    eq_9 = fits[fits.curve == DAMPED_LOG.name]
    assert len(eq_9) == 12
    theirs = checkpoints.authors_plateaus("hub")
    both = eq_9.merge(theirs, on=["model", "layer"], suffixes=("", "_true"))
    assert both.K.to_numpy() == pytest.approx(both.K_true.to_numpy(), rel=0.02)
    table = tables.beside_authors(fits, theirs).to_html()
    assert "pythia-70m" in table
    levels = lab.levels(rows, fits, settings, 0)
    found = levels["plateau K"]["ridge"]
    assert found.random.min() > 0.9 > found.grouped
    assert found.by_model.shape == (3,)
    judged = {name: getattr(verdict, name)(fits) for name in ("every_layer", "steps_lose")}
    assert judged["every_layer"].value.estimate == 1
    assert judged["every_layer"].doubt == ""  # 37 checkpoints: AICc exists
    assert judged["every_layer"].parts["AICc below every fair rival"].estimate > 0.8
    assert judged["steps_lose"].value.estimate == 1


def test_a_parameter_file_without_a_fit_is_refused(tmp_path):
    path = tmp_path / "pythia_14m" / "params" / "ratio.json"
    path.parent.mkdir(parents=True)
    path.write_text('[{"original": {"r2": 1}}]')
    with pytest.raises(BadStats, match="layer 1 has no fit"):
        sources.read_params(tmp_path)


def test_sources_are_a_closed_list(monkeypatch):
    with pytest.raises(ValueError, match="excerpt, hub"):
        checkpoints.authors_measurements("web")
    assert isinstance(checkpoints.our_measurements(()), data.Missing)
    assert isinstance(checkpoints.authors_plateaus("excerpt"), data.Missing)

    def fail():
        raise DataUnavailable("off")

    monkeypatch.setattr(checkpoints, "download_stats", fail)
    for door in (checkpoints.authors_measurements, checkpoints.authors_plateaus):
        missing = door("hub")
        assert isinstance(missing, data.Missing)
        assert "off" in missing.reason
