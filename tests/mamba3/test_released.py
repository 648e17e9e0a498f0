"""The released layout: names, sizes, loading, and what the models are evaluated on."""

import pytest
import torch

from companion import data
from companion.mamba3 import hub
from companion.mamba3.lab import models, run
from companion.mamba3.lab.checks import FILES
from companion.mamba3.settings import PRESETS
from companion.scale import settings_for

TOKENS = torch.randint(257, (2, 40), generator=torch.Generator().manual_seed(0))


def test_released_layout_round_trip(tmp_path):
    for rank in (1, 4):
        model = hub.tiny_model(rank, seed=1)
        hub.write_checkpoint(model, tmp_path / str(rank))
        loaded = hub.load_checkpoint(tmp_path / str(rank))
        tokens = TOKENS
        with torch.no_grad():
            assert torch.equal(loaded(tokens), model(tokens))
            logits, states = loaded(tokens), None
            for t in range(tokens.shape[1]):
                step, states = loaded.step(tokens[:, t], states)
            assert torch.allclose(step, logits[:, -1], atol=1e-4)
    names = set(hub.to_official_names(model))
    layer = {
        f"backbone.layers.0.mixer.{n}"
        for n in (
            "in_proj.weight",
            "out_proj.weight",
            "dt_bias",
            "B_bias",
            "C_bias",
            "D",
            "B_norm.weight",
            "C_norm.weight",
            "mimo_x",
            "mimo_z",
            "mimo_o",
        )
    }
    rest = {
        "backbone.embedding.weight",
        "backbone.norm_f.weight",
        "lm_head.weight",
        "backbone.layers.1.norm2.weight",
        "backbone.layers.1.mlp.fc1.weight",
    }
    assert layer | rest < names


@pytest.mark.parametrize(
    ("size", "n_parameters"), [((768, 12, 1536), 186_849_600), ((1024, 24, 2048), 443.0e6)]
)
def test_released_sizes(size, n_parameters):
    d_model, n_layer, hidden = size
    config = {
        "d_model": d_model,
        "n_layer": n_layer,
        "d_intermediate": hidden,
        "vocab_size": 128_256,
    }
    with torch.device("meta"):
        model = models.LanguageModel(hub.model_config(config))
    assert sum(p.numel() for p in model.parameters()) == pytest.approx(n_parameters, rel=1e-3)
    if d_model == 768:
        assert sum(p.numel() for p in model.parameters()) == n_parameters


def test_bad_checkpoints_are_refused(tmp_path):
    model = hub.tiny_model(1)
    weights = hub.to_official_names(model)
    with pytest.raises(ValueError, match=r"norm_f\.weight"):
        hub.load_weights(model, {n: w for n, w in weights.items() if "norm_f" not in n})
    with pytest.raises(ValueError, match="has shape"):
        hub.load_weights(model, weights | {"backbone.norm_f.weight": torch.ones(3)})
    with pytest.raises(ValueError, match="tied"):
        hub.to_our_names(weights | {"lm_head.weight": torch.zeros(257, 32)})
    with pytest.raises(ValueError, match="Mamba3"):
        hub.model_config({"ssm_cfg": {"layer": "Mamba2"}})
    hub.write_checkpoint(model, tmp_path)
    (tmp_path / "pytorch_model.bin").unlink()
    with pytest.raises(FileNotFoundError, match="neither"):
        hub.load_checkpoint(tmp_path)


def test_evaluation_of_made_text():
    found = run.tiny_checkpoints(0)
    assert found.gap == {"SISO": 0, "MIMO": 0}
    assert found.evaluated.losses["SISO"].shape == (4,)
    assert set(found.evaluated.lengths["MIMO"]) == {32}
    with pytest.raises(ValueError, match="two words"):
        hub.last_word_right(hub.tiny_model(1), ["one"], lambda s: list(s.encode()))
    with pytest.raises(ValueError, match="2 tokens"):
        hub.document_losses(hub.tiny_model(1), [torch.zeros(1, dtype=torch.long)], 8)


class Oracle(torch.nn.Module):
    """Predicts the next byte of one text with certainty."""

    def __init__(self, text):
        super().__init__()
        self.text = list(text.encode())

    def forward(self, tokens):
        logits = torch.zeros(*tokens.shape, 256)
        for i in range(tokens.shape[1]):
            logits[:, i, self.text[i + 1]] = 50.0
        return logits


def test_lambada_counts_whole_last_words():
    def tokenize(text):
        return list(text.encode())

    oracle = Oracle("the cat sat on the mat")
    found = hub.last_word_right(
        oracle, ["the cat sat on the mat", "the cat sat on the map"], tokenize
    )
    assert found.tolist() == [True, False]
    document = torch.tensor(tokenize("the cat sat on the mat"))
    assert hub.document_losses(oracle, [document], 99)[0] < 1e-6


def test_the_hub_out_of_reach_is_missing(monkeypatch):
    def off(*_args, **_options):
        raise OSError("off")

    monkeypatch.setattr("huggingface_hub.snapshot_download", off)
    monkeypatch.setattr(hub, "revision", lambda _name: "0" * 40)
    settings = settings_for(PRESETS, "paper")
    found = run.released(settings)
    assert isinstance(found, data.Missing)
    assert "off" in found.reason
    assert "paper scale" in run.released(settings_for(PRESETS, "toy")).reason


def test_kernels_come_from_the_registry():
    assert set(FILES.values()) < set(data.registry())
