"""Paper scale from settings to result, on a Hub of a few small files: what no other test runs."""

from __future__ import annotations

import gzip
import importlib
import json
from dataclasses import replace
from itertools import islice
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
import transformers

from companion.models import neox, neox_config

COMMIT = "0123456789abcdef0123456789abcdef01234567"
TEXT = "it was the best of times it was the worst of times it was the age of wisdom "
PYTHIA = "EleutherAI/pythia-70m"


class Letters:
    """A tokenizer of single characters, with 32 tokens."""

    eos_token_id = 0

    def __len__(self):
        return 32

    def encode(self, text):
        return [1 + (ord(character) - 96) % 27 for character in text]

    def __call__(self, text, **options):
        return {"input_ids": self.encode(text)[: options.get("max_length")]}


class Shelf:
    """Repositories as folders; each one must be asked for at the commit or at a step."""

    def __init__(self, folder):
        self.folder = folder

    def put(self, repository, name):
        """Where to write a file of a repository."""
        path = self.folder / repository / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def file(self, repository, name, *, revision, **_):
        assert revision == COMMIT
        return str(self.folder / repository / name)

    def names(self, repository, *, revision, **_):
        assert revision == COMMIT
        place = self.folder / repository
        return [path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file()]

    def snapshot(self, repository, *, revision, **_):
        assert revision == COMMIT
        return str(self.folder / repository)

    def glob(self, place):
        kind, rest = place.split("/", 1)
        repository, pattern = rest.split(f"@{COMMIT}/")
        assert kind == "datasets"
        return [str(path) for path in (self.folder / repository).glob(pattern)]


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    from huggingface_hub import HfFileSystem

    made = Shelf(tmp_path / "hub")
    for module in ("quartet", "mamba3", "distillation_memorization", "leximark", "scaling_laws"):
        hub = importlib.import_module(f"companion.{module}.hub")
        monkeypatch.setattr(hub, "revision", lambda name: COMMIT)
    monkeypatch.setenv("COMPANION_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COMPANION_DEVICE", "cpu")
    monkeypatch.setattr("huggingface_hub.hf_hub_download", made.file)
    monkeypatch.setattr("huggingface_hub.list_repo_files", made.names)
    monkeypatch.setattr("huggingface_hub.snapshot_download", made.snapshot)
    monkeypatch.setattr(HfFileSystem, "glob", lambda _self, place: made.glob(place))
    monkeypatch.setattr(HfFileSystem, "open", lambda _self, name, mode: open(name, mode))  # noqa: SIM115
    monkeypatch.setattr(transformers.AutoTokenizer, "from_pretrained", lambda *_, **__: Letters())
    for name in ("AutoModel", "AutoModelForCausalLM"):
        kind = getattr(transformers, name)

        def load(repository, *, revision, dtype, real=kind.from_pretrained, **options):
            assert revision in (COMMIT, "step1000")
            assert options["use_safetensors"]
            return real(made.folder / repository, dtype=dtype)

        monkeypatch.setattr(kind, "from_pretrained", load)
    return made


def pythia(shelf, seq=32):
    """A GPT-NeoX of a few thousand numbers on the shelf."""
    config = neox_config(n_layers=1, d_model=16, n_heads=2, vocab_size=32, seq=seq)
    model = neox(config, torch.Generator().manual_seed(0)).eval()
    model.save_pretrained(shelf.folder / PYTHIA)
    return model


def parquet(shelf, repository, name, **columns):
    pd.DataFrame(columns).to_parquet(shelf.put(repository, name))


def json_lines(shelf, repository, name, texts, opened=open):
    with opened(shelf.put(repository, name), "wt", encoding="utf-8") as out:
        out.writelines(json.dumps({"text": text}) + "\n" for text in texts)


def test_four_bit_runs_are_trained_once(shelf, monkeypatch):
    from companion import processes
    from companion.quartet import hub
    from companion.quartet.lab.llama import Shape
    from companion.quartet.settings import PRESETS

    shape = Shape(n_layers=1, d_model=32, n_heads=1, hidden=32, vocab=32, seq=32)
    monkeypatch.setattr(hub, "MODEL_30M", shape)
    monkeypatch.setattr(hub, "N_HELD_OUT", 2)
    for part, n in (("train.00000-of-01024", 4), ("validation.00000-of-00008", 2)):
        json_lines(shelf, hub.C4, f"en/c4-{part}.json.gz", [TEXT] * n, gzip.open)
    names = ("none:none", "QuEST:RTN")
    settings = replace(
        PRESETS["paper"], hub_recipes=names, hub_steps=2, hub_sequences=2, hub_micro=1
    )
    found = hub.run_paper_runs(settings, 0).set_index("recipe")
    assert list(found.index) == list(names)
    assert found["loss"].to_numpy() == pytest.approx(np.log(32), abs=0.2)
    assert found.loc["none:none", "gap"] == 0 != found.loc["QuEST:RTN", "gap"]

    def forbidden(*_):
        raise AssertionError("it trains")

    monkeypatch.setattr(processes.WholeBatch, "__call__", forbidden)
    pd.testing.assert_frame_equal(hub.run_paper_runs(settings, 0).set_index("recipe"), found)
    with pytest.raises(AssertionError, match="it trains"):
        hub.run_paper_runs(settings, 1)


def test_gradients_of_a_pretrained_model(shelf, monkeypatch):
    from companion.quartet import hub
    from companion.quartet.settings import PRESETS

    config = transformers.LlamaConfig(
        vocab_size=32,
        hidden_size=32,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=1,
        max_position_embeddings=512,
    )
    torch.manual_seed(0)
    model = transformers.LlamaForCausalLM(config).eval()
    monkeypatch.setattr(hub, "smollm2", lambda device: (model, Letters()))
    name = "en/c4-validation.00000-of-00008.json.gz"
    json_lines(shelf, hub.C4, name, [TEXT] * 10, gzip.open)
    found = hub.run_pretrained_depth(replace(PRESETS["paper"], hub_windows=1), 0)
    assert found.cosine["RTN"].shape == (1, 2)
    assert found.cosine["RTN"][0, 0] == pytest.approx(1, abs=1e-5)


def test_released_state_space_models_are_read(shelf):
    from companion.mamba3 import hub
    from companion.mamba3.lab import run
    from companion.mamba3.settings import PRESETS

    for rank, kind in enumerate(("SISO", "MIMO"), 1):
        hub.write_checkpoint(hub.tiny_model(rank), shelf.folder / hub.REPOSITORIES[kind])
    parquet(shelf, hub.FINEWEB[0], "sample/10BT/000.parquet", text=["short", TEXT * 3, TEXT * 4])
    json_lines(shelf, hub.PASSAGES[0], "data/lambada_test_en.jsonl", ["a b c", "it was", "x y"])
    settings = replace(PRESETS["paper"], n_documents=2, n_passages=2, document_length=16)
    found = run.released(settings)
    for kind in ("SISO", "MIMO"):
        assert found.losses[kind].shape == (2,)
        assert found.lambada[kind].shape == (2,)
        assert (found.losses[kind] > 0).all()


def test_web_pages_and_released_models_of_distillation(shelf):
    from companion.distillation_memorization import hub

    parquet(shelf, hub.FINEWEB, hub.FIRST_FILE, text=["first page", "second page"])
    assert list(islice(hub.fineweb(), 3)) == ["first page", "second page"]
    model, tokens = pythia(shelf), torch.randint(27, (2, 8))
    cut = hub.load(PYTHIA, 27, "cpu")
    with torch.no_grad():
        torch.testing.assert_close(cut(tokens).logits[0], model(tokens).logits[..., :27])


def test_snippets_models_and_fillers_of_the_watermark(shelf, monkeypatch):
    from companion.leximark import hub

    for i, name in enumerate(("b.parquet", "a.parquet")):
        parquet(shelf, hub.BOOKMIA, f"data/{name}", snippet=[f"text {i}"], label=[0], book=[name])
    shelf.put(hub.BOOKMIA, "README.md").touch()
    assert list(hub.load_bookmia()["snippet"]) == ["text 1", "text 0"]  # by name
    model = pythia(shelf)
    causal = hub.load_causal(PYTHIA)
    (nats,) = causal.stats(["abcd"]).logp
    expected = model(torch.tensor([Letters().encode("abcd")])).logits[0].log_softmax(-1)
    assert nats.shape == (3,)
    second = Letters().encode("b")[0]
    assert nats[0] == pytest.approx(expected[0, second].item(), abs=1e-4)

    def pipeline(task, **options):
        assert (task, options["top_k"], options["trust_remote_code"]) == ("fill-mask", 20, False)
        return lambda text: [{"token_str": " rare"}, {"token_str": text[:1]}]

    monkeypatch.setattr(transformers.AutoModelForMaskedLM, "from_pretrained", lambda *_, **__: 0)
    monkeypatch.setattr("transformers.pipeline", pipeline)
    assert hub.hub_source()("x <mask>") == [" rare", "x"]


def test_checkpoints_are_given_their_loss(shelf):
    from companion.scaling_laws import hub
    from companion.scaling_laws.settings import PRESETS

    pythia(shelf, 1024)
    name = "wikitext-103-raw-v1/test-00000-of-00001.parquet"
    parquet(shelf, hub.WIKITEXT, name, text=[TEXT * 10, TEXT * 20])
    json_lines(shelf, hub.LAMBADA, "data/lambada_test_en.jsonl", ["a b c", "it was"])
    settings = replace(PRESETS["paper"], hub_models=(PYTHIA,), hub_steps=(1000,), hub_windows=2)
    (row,) = hub.evaluate_pythia(settings).to_dict("records")
    assert (row["model"], row["step"]) == (PYTHIA, 1000)
    assert row["text"] == pytest.approx(np.log(32), abs=0.5)
    assert row["cloze"] > row["text"]  # a word has more than one letter


def test_concepts_of_a_released_checkpoint(shelf, monkeypatch):
    from companion.next_token_concepts import hub
    from companion.next_token_concepts.settings import PRESETS

    model, tokens = pythia(shelf), torch.randint(27, (2, 8))
    bare, tokenizer = hub.from_hub(PYTHIA, "step1000")
    assert isinstance(tokenizer, Letters)
    with torch.no_grad():
        expected = model(tokens, output_hidden_states=True).hidden_states[-1]
        torch.testing.assert_close(bare(tokens).last_hidden_state, expected)
    monkeypatch.setattr(hub, "over_checkpoints", lambda settings, table, seed: (len(table), seed))
    assert hub.run_pythia(PRESETS["paper"], 5) == (1701, 5)


def named_commits(monkeypatch, tmp_path, *repositories):
    """The reader has named a commit of each of these."""
    place = tmp_path / "commits.toml"
    lines = [f'"{one}" = "{"0123456789" * 4}"\n' for one in repositories]
    place.write_text("".join(lines), encoding="utf-8")
    monkeypatch.setenv("COMPANION_REVISIONS", str(place))


def test_all_models_are_measured_on_the_same_text(shelf, monkeypatch, tmp_path):
    from companion.massive_activations import hub

    asked = []
    names = [f"EleutherAI/{name}" for name in ("pythia-14m", "pythia-70m")]
    named_commits(monkeypatch, tmp_path, *names)

    def series(repository, tokens, folder, **options):
        asked.append((repository, tuple(tokens.shape), folder.name, options))
        return pd.DataFrame({"model": [repository], "first": [tokens[0, 0].item()]})

    monkeypatch.setattr(hub, "measure_series", series)
    monkeypatch.setattr(hub, "king_james", lambda: SimpleNamespace(text="b" * 10 * 2048))
    found = hub.our_measurements(("pythia-14m", "pythia-70m"))
    assert found["first"].tolist() == Letters().encode("b") * 2
    every = [f"EleutherAI/{name}" for name in ("pythia-14m", "pythia-70m")]
    assert asked == [(name, (10, 2048), "massive-activations", {"device": "cpu"}) for name in every]
