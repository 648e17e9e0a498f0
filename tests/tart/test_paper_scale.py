"""The paper scale on a stand-in: tiny models, tables of a few kilobytes, a tiny module."""

import io
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image
from scipy.io import wavfile

from companion.claims import NOT_TESTED
from companion.data import DataUnavailable, Missing
from companion.tart import hub as ps
from companion.tart.lab import run as lab
from companion.tart.lab.real import method_table
from companion.tart.method.embeddings import CausalEmbedder, PromptMaker
from companion.tart.method.module import HeadConfig
from companion.tart.method.training import Curriculum, HeadRecipe
from companion.tart.settings import PRESETS
from companion.tart.verdict import findings

from . import made

RECIPE = HeadRecipe(HeadConfig(16, 20, 16, 1, 2), Curriculum(4, 4, 8, 8, 5), 12, 1e-3, 4)
TASKS = ("Rotten Tomatoes", "Civil Comments", "AG News 2", "DBPedia 0")


@pytest.fixture(scope="module")
def settings():
    return replace(
        PRESETS["paper"],
        hub_models=("llama", "neo"),
        hub_tasks=TASKS,
        hub_k=(4, 18),
        hub_seeds=2,
        hub_queries=6,
        hub_images=20,
        n_tasks=4,
        n_query=10,
    )


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hub")
    rng = np.random.default_rng(0)
    for name in TASKS:
        task = ps.HUB_TASKS[name]
        labels = rng.random(80) if task.positive is None else rng.integers(0, 4, 80)
        place = folder / f"{task.repo}@~parquet" / task.config / task.part
        place.mkdir(parents=True, exist_ok=True)
        pl.DataFrame(
            {task.text: [f"text {i} of {name}" for i in range(80)], task.label: labels}
        ).write_parquet(place / "0000.parquet")
    return str(folder)


def write(root, task, cells, labels):
    place = f"{root}/{task.repo}@~parquet/{task.config}/{task.part}"
    from pathlib import Path

    Path(place).mkdir(parents=True)
    frame = pl.DataFrame({task.text: [{"bytes": c, "path": ""} for c in cells], task.label: labels})
    frame.write_parquet(f"{place}/0000.parquet")


@pytest.fixture(scope="module")
def head(settings, tmp_path_factory):
    found = ps.paper_head(
        settings, 0, recipe=RECIPE, folder=tmp_path_factory.mktemp("run"), progress=False
    )
    assert found.max_context == 19
    return found


def load(language_model, tokenizer):
    from transformers import GPTNeoConfig, GPTNeoForCausalLM

    torch.manual_seed(1)
    neo = GPTNeoForCausalLM(
        GPTNeoConfig(
            vocab_size=420,
            hidden_size=32,
            num_layers=2,
            num_heads=4,
            intermediate_size=64,
            max_position_embeddings=300,
            attention_types=[[["global", "local"], 1]],
            window_size=16,
        )
    )
    models = {"llama": language_model, "neo": neo}
    return lambda name: CausalEmbedder(models[name], PromptMaker(tokenizer))


def test_all_models_on_all_tasks(settings, root, head, language_model, tokenizer):
    found = ps.run_hub(
        settings, 0, head, load=load(language_model, tokenizer), root=root, progress=False
    )
    assert set(found["model"]) == {"llama", "neo"}
    assert set(found["data"]) == set(TASKS)
    read = found[found["method"] == "ICL"].groupby("model")["k"].agg(set)
    assert read["llama"] == {4, 18}
    assert 18 not in read["neo"]  # its context is too short, so nothing is cut silently
    results = made.results(hub=found, long=ps.long_curve(head, settings, 0))
    verdicts = {f.claim: f.verdict for f in findings.evaluate(results, "paper")}
    assert verdicts["3"] != NOT_TESTED


def test_another_architecture_gives_the_same_with_and_without_the_cache(tokenizer, language_model):
    neo = load(language_model, tokenizer)("neo")
    slow = CausalEmbedder(neo.model, neo.maker, cached=False)
    shown = [neo.maker.example(t, y) for t, y in (("win cash", 1), ("see you", 0), ("x y", 1))]
    asked = [neo.maker.query("free prize")]
    np.testing.assert_allclose(neo.leave_one_out(shown), slow.leave_one_out(shown), atol=1e-4)
    for a, b in zip(neo.ask(shown, asked), slow.ask(shown, asked), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)


def test_texts_of_the_hub(root):
    news = ps.hub_texts("AG News 2", root)
    assert len(news.texts) == 80
    assert 0 < news.labels.sum() < 40  # one of four topics
    assert set(ps.hub_texts("Civil Comments", root).labels) == {0, 1}
    with pytest.raises(DataUnavailable, match="could not be read"):
        ps.hub_texts("IMDB", root)
    with pytest.raises(ValueError, match="known are"):
        ps.hub_texts("CIFAR", root)


def png(rng, level):
    raw = io.BytesIO()
    Image.fromarray((rng.random((28, 28)) * level).astype(np.uint8)).save(raw, "PNG")
    return raw.getvalue()


def wav(rng, pitch):
    raw = io.BytesIO()
    t = np.arange(1600) / 16_000
    sound = 8000 * np.sin(2 * np.pi * pitch * t) + 100 * rng.standard_normal(t.size)
    wavfile.write(raw, 16_000, sound.astype(np.int16))
    return raw.getvalue()


def small_vit(side):
    from transformers import ViTConfig, ViTModel

    torch.manual_seed(0)
    config = ViTConfig(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        image_size=side,
        patch_size=8,
    )
    return ViTModel(config).eval()


def small_whisper():
    from transformers import WhisperConfig, WhisperModel

    torch.manual_seed(0)
    return WhisperModel(
        WhisperConfig(
            vocab_size=50,
            d_model=16,
            encoder_layers=1,
            decoder_layers=1,
            encoder_attention_heads=2,
            decoder_attention_heads=2,
            encoder_ffn_dim=32,
            decoder_ffn_dim=32,
            max_source_positions=50,
            num_mel_bins=80,
            pad_token_id=0,
            bos_token_id=1,
            eos_token_id=2,
            decoder_start_token_id=1,
        )
    ).eval()


def test_images(settings, tmp_path, head):
    rng = np.random.default_rng(0)
    _, task, classes = ps.VISION
    labels = [2, 4] * 20
    write(tmp_path, task, [png(rng, 250 if y == 4 else 60) for y in labels], labels)
    model = small_vit(32)
    vectors = ps.media_vectors(
        "image model",
        task,
        classes,
        lambda cells: ps.image_vectors(model, [ps.decode_image(c) for c in cells]),
        settings,
        0,
        str(tmp_path),
    )
    assert {v.p for v in vectors} == {8}
    table = method_table(vectors, head)
    assert table[table["method"] == "mean difference"]["accuracy"].mean() > 0.9
    assert set(table["data"]) == {"2v4, image model"}


def test_image_vectors_are_the_mean_over_tokens():
    model = small_vit(16)
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    found = ps.image_vectors(model, [Image.fromarray(grey)])
    with torch.inference_mode():
        x = torch.from_numpy(grey.astype(np.float32) / 255)[None, None].repeat(1, 3, 1, 1)
        expected = model(pixel_values=x).last_hidden_state[0].mean(0).numpy()
    np.testing.assert_allclose(found[0], expected, atol=1e-5)


def test_sounds(settings, tmp_path, head):
    from transformers import WhisperFeatureExtractor

    rng = np.random.default_rng(0)
    _, task, classes = ps.SOUND
    labels = [0, 1] * 20
    write(tmp_path, task, [wav(rng, 300 + 900 * y) for y in labels], labels)
    model = small_whisper()
    features = WhisperFeatureExtractor(chunk_length=1)
    vectors = ps.media_vectors(
        "sound model",
        task,
        classes,
        lambda cells: ps.sound_vectors(model, features, [ps.decode_sound(c) for c in cells]),
        settings,
        0,
        str(tmp_path),
    )
    table = method_table(vectors, head)
    assert table[table["method"] == "mean difference"]["accuracy"].mean() > 0.9


def test_images_and_sounds_by_the_path_that_reads_the_hub(settings, tmp_path, head, monkeypatch):
    """Models are loaded from folders and tables from files; all else is as with the Hub's names."""
    from transformers import WhisperFeatureExtractor

    rng = np.random.default_rng(0)
    small_vit(32).save_pretrained(tmp_path / "vit")
    small_whisper().save_pretrained(tmp_path / "whisper")
    WhisperFeatureExtractor(chunk_length=1).save_pretrained(tmp_path / "whisper")
    write(
        tmp_path, ps.VISION[1], [png(rng, 250 if y == 4 else 60) for y in [2, 4] * 20], [2, 4] * 20
    )
    write(tmp_path, ps.SOUND[1], [wav(rng, 300 + 900 * y) for y in [0, 1] * 20], [0, 1] * 20)
    monkeypatch.setattr(ps, "VISION", (str(tmp_path / "vit"), *ps.VISION[1:]))
    monkeypatch.setattr(ps, "SOUND", (str(tmp_path / "whisper"), *ps.SOUND[1:]))
    table = ps.run_media(settings, 0, head, str(tmp_path))
    assert set(table["data"]) == {"2v4, image model", "0v1, sound model"}
    assert table[table["method"] == "logistic"]["accuracy"].mean() > 0.9
    monkeypatch.setattr(ps, "SOUND", (str(tmp_path / "none"), *ps.SOUND[1:]))
    with pytest.raises(DataUnavailable, match="could not be loaded"):
        ps.run_media(settings, 0, head, str(tmp_path))


def test_a_language_model_is_loaded_by_name(language_model, tokenizer, tmp_path):
    language_model.save_pretrained(tmp_path / "model")
    tokenizer.save_pretrained(tmp_path / "model")
    found = ps.hub_model(str(tmp_path / "model"))
    texts = ["free prize now", "see you at dinner"]
    expected = CausalEmbedder(language_model, PromptMaker(tokenizer)).stream(texts)
    np.testing.assert_allclose(found.stream(texts), expected, atol=1e-5)
    with pytest.raises(DataUnavailable, match="could not be loaded"):
        ps.hub_model(str(tmp_path / "none"))


def test_what_cannot_be_reached_is_missing_alone(settings, head, monkeypatch):
    def unreachable(*_):
        raise DataUnavailable("the Hub does not answer")

    monkeypatch.setattr(ps, "paper_head", lambda *_: head)
    monkeypatch.setattr(ps, "run_hub", unreachable)
    monkeypatch.setattr(ps, "run_media", lambda *_: made.media())
    found = lab.paper(settings, 0)
    assert found.hub == Missing("the Hub does not answer")
    assert len(found.media)
    assert found.long.k.tolist() == [18]
    assert 0 < found.long.first.estimate < 1
    verdicts = {
        f.claim: f.verdict for f in findings.evaluate(made.results(**found._asdict()), "paper")
    }
    assert verdicts["3"] == verdicts["7"] == NOT_TESTED
    assert NOT_TESTED not in (verdicts["1"], verdicts["4"])


def test_the_paper_module_goes_on_from_its_checkpoint(settings, head, tmp_path):
    first = ps.paper_head(settings, 0, recipe=RECIPE, folder=tmp_path, progress=False)
    again = ps.paper_head(settings, 0, recipe=RECIPE, folder=tmp_path, progress=False)
    for a, b, c in zip(first.parameters(), again.parameters(), head.parameters(), strict=True):
        assert torch.equal(a, b)
        assert torch.equal(a, c)


def test_smaller_scales_say_that_it_is_left_out(settings):
    toy = PRESETS["toy"]
    for found in (
        ps.run_hub(toy, 0, Missing("x")),
        ps.run_media(toy, 0, Missing("x")),
        ps.paper_head(toy, 0),
    ):
        assert isinstance(found, Missing)
        assert "paper scale" in found.reason
