"""The paper scale on a stand-in: tiny models, tables of a few kilobytes, a tiny module."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch

from companion.claims import NOT_TESTED
from companion.data import DataUnavailable, Missing
from companion.tart import hub as ps
from companion.tart.lab import run as lab
from companion.tart.method.embeddings import CausalEmbedder, PromptMaker
from companion.tart.method.module import HeadConfig
from companion.tart.method.training import Curriculum, HeadRecipe
from companion.tart.settings import PRESETS
from companion.tart.verdict import verdicts

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


def judged(table):
    return verdicts.evaluate(made.results(table=table), "paper")


def test_all_models_on_all_tasks(settings, root, head, language_model, tokenizer):
    found = ps.run_hub(
        settings, 0, head, load=load(language_model, tokenizer), root=root, progress=False
    )
    assert set(found["model"]) == {"llama", "neo"}
    assert set(found["data"]) == set(TASKS)
    read = found[found["method"] == "ICL"].groupby("model")["k"].agg(set)
    assert read["llama"] == {4, 18}
    assert 18 not in read["neo"]  # its context is too short, so nothing is cut silently
    assert set(found["vectors"]) == {"prompt", "stream", "vanilla", "LOO"}
    book = made.language()
    both = {f.claim: f for f in judged(lab.together(book, found))}
    alone = {f.claim: f for f in judged(book)}
    n = len(found.groupby(["model", "data", "k", "seed"]))
    assert both["C3"].n == alone["C3"].n + n
    assert both["C5"] == alone["C5"]  # another module's rows are no vectors of the shipped one
    assert NOT_TESTED not in {f.verdict for f in both.values()}


def test_another_architecture_gives_the_same_with_and_without_the_cache(tokenizer, language_model):
    neo = load(language_model, tokenizer)("neo")
    slow = CausalEmbedder(neo.model, neo.maker, cached=False)
    shown = [neo.maker.example(t, y) for t, y in (("win cash", 1), ("see you", 0), ("x y", 1))]
    asked = [neo.maker.query("free prize")]
    for a, b in zip(neo.leave_one_out(shown), slow.leave_one_out(shown), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)
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
    found = lab.paper(settings, 0)
    assert found.table == Missing("the Hub does not answer")
    assert found.long.at.tolist() == [18]
    assert lab.together(made.language(), found.table).equals(made.language())


def test_the_paper_module_goes_on_from_its_checkpoint(settings, head, tmp_path):
    first = ps.paper_head(settings, 0, recipe=RECIPE, folder=tmp_path, progress=False)
    again = ps.paper_head(settings, 0, recipe=RECIPE, folder=tmp_path, progress=False)
    for a, b, c in zip(first.parameters(), again.parameters(), head.parameters(), strict=True):
        assert torch.equal(a, b)
        assert torch.equal(a, c)


def test_smaller_scales_say_that_it_is_left_out():
    toy = PRESETS["toy"]
    for found in (ps.run_hub(toy, 0, None), ps.paper_head(toy, 0), *lab.paper(toy, 0)):
        assert isinstance(found, Missing)
        assert "paper scale" in found.reason
