"""The released checkpoints in our code: names, loading, and what they are evaluated on (C10).

Repositories ``state-spaces/mamba3-siso-187m`` and ``mamba3-mimo-187m`` hold ``config.json`` and
weights whose names are those of :class:`LanguageModel` behind a prefix.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn.functional import cross_entropy

from companion.data import DataUnavailable, revision
from companion.mamba3.lab.models import LanguageModel, ModelConfig
from companion.mamba3.method.layer import Mamba3Config
from companion.stats import LEVEL, Interval, bootstrap, proportion

REPOSITORIES = {
    "SISO": "state-spaces/mamba3-siso-187m",
    "MIMO": "state-spaces/mamba3-mimo-187m",
}
LAMBADA = {"SISO": 32.5, "MIMO": 34.0}
"""Accuracy in percent of the 180M models on LAMBADA. Paper, Table 3."""

VOCAB_MULTIPLE = 16
MLP_MULTIPLE = 128


def model_config(config: Mapping[str, object]) -> ModelConfig:
    """Our configuration from the content of a released ``config.json``.

    Missing entries of ``ssm_cfg`` are the released layer's own defaults.
    """
    ssm = dict(config.get("ssm_cfg", {}))
    if (kind := ssm.get("layer", "Mamba3")) != "Mamba3":
        raise ValueError(f"config.json describes layer {kind!r}; this chapter reads Mamba3")
    if config.get("attn_layer_idx"):
        raise ValueError("config.json describes a hybrid with attention; only pure models are read")
    rank = int(ssm.get("mimo_rank", 4)) if ssm.get("is_mimo") else 1
    mixer = Mamba3Config(
        d_model=int(config["d_model"]),
        d_state=int(ssm.get("d_state", 128)),
        head_dim=int(ssm.get("headdim", 64)),
        expand=int(ssm.get("expand", 2)),
        rank=rank,
        rope_fraction=float(ssm.get("rope_fraction", 0.5)),
        a_floor=float(ssm.get("A_floor", 1e-4)),
        chunk=int(ssm.get("chunk_size", 64 // rank)),
    )
    hidden = int(config["d_intermediate"])
    vocab = int(config["vocab_size"])
    multiple = int(config.get("pad_vocab_size_multiple", VOCAB_MULTIPLE))
    return ModelConfig(
        mixer=mixer,
        n_layers=int(config["n_layer"]),
        d_hidden=-(-hidden // MLP_MULTIPLE) * MLP_MULTIPLE,  # rounded up, as released
        vocab_size=-(-vocab // multiple) * multiple,
    )


def to_our_names(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Without the prefix; the output matrix is tied and must equal the embedding."""
    ours = {name.removeprefix("backbone."): w for name, w in weights.items()}
    head = ours.pop("lm_head.weight", None)
    if head is not None and not torch.equal(head, ours["embedding.weight"]):
        raise ValueError("lm_head.weight differs from the embedding; tied weights were expected")
    return ours


def to_official_names(model: LanguageModel) -> dict[str, Tensor]:
    """The released names of a model's weights."""
    weights = {f"backbone.{name}": p.detach().clone() for name, p in model.named_parameters()}
    return weights | {"lm_head.weight": model.embedding.weight.detach().clone()}


def load_weights(model: LanguageModel, weights: Mapping[str, Tensor]) -> None:
    """Copy released weights in; every name and every shape must agree."""
    ours, own = to_our_names(weights), dict(model.named_parameters())
    if missing := sorted(own.keys() ^ ours.keys()):
        raise ValueError(f"names that only one side has: {', '.join(missing[:8])}")
    for name, value in ours.items():
        if value.shape != own[name].shape:
            raise ValueError(
                f"{name} has shape {tuple(value.shape)}, the model {tuple(own[name].shape)}"
            )
    with torch.no_grad():
        for name, value in ours.items():
            own[name].copy_(value)


def load_checkpoint(folder: Path, dtype: torch.dtype = torch.float32) -> LanguageModel:
    """The model of a folder with ``config.json`` and released weights, ready to be read.

    ``model.safetensors`` is preferred; ``pytorch_model.bin`` is read as weights only, which runs
    no code of the file.
    """
    folder = Path(folder)
    model = LanguageModel(model_config(json.loads((folder / "config.json").read_text("utf-8"))))
    if (path := folder / "model.safetensors").is_file():
        weights = load_file(path)
    elif (path := folder / "pytorch_model.bin").is_file():
        weights = torch.load(path, map_location="cpu", weights_only=True)
    else:
        raise FileNotFoundError(f"{folder} holds neither model.safetensors nor pytorch_model.bin")
    load_weights(model, weights)
    return model.to(dtype).eval()


def download(kind: str) -> Path:
    """Folder of one of :data:`REPOSITORIES`; about 374 MB.

    Raises ``DataUnavailable`` where the Hub is not reached.
    """
    if kind not in REPOSITORIES:
        raise ValueError(f"unknown model {kind!r}; choose one of {', '.join(REPOSITORIES)}")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    patterns = ["config.json", "*.safetensors", "pytorch_model.bin"]
    name = REPOSITORIES[kind]
    commit = revision(name)
    try:
        return Path(snapshot_download(name, revision=commit, allow_patterns=patterns))
    except (OSError, HfHubHTTPError) as error:
        raise DataUnavailable(f"{REPOSITORIES[kind]} could not be downloaded: {error}") from error


def write_checkpoint(model: LanguageModel, folder: Path) -> None:
    """Write a model as the authors do: ``config.json`` and ``pytorch_model.bin``."""
    c = model.config.mixer
    ssm = {
        "layer": "Mamba3",
        "d_state": c.d_state,
        "headdim": c.head_dim,
        "expand": c.expand,
        "rope_fraction": c.rope_fraction,
        "A_floor": c.a_floor,
        "chunk_size": c.chunk,
        "is_mimo": c.rank > 1,
        "mimo_rank": c.rank,
    }
    config = {
        "d_model": c.d_model,
        "n_layer": model.config.n_layers,
        "ssm_cfg": ssm,
        "d_intermediate": model.config.d_hidden,
        "vocab_size": model.config.vocab_size,
        "pad_vocab_size_multiple": 1,
        "tie_embeddings": True,
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, write in (
        ("config.json", lambda path: path.write_text(json.dumps(config), encoding="utf-8")),
        ("pytorch_model.bin", lambda path: torch.save(to_official_names(model), path)),
    ):
        part = folder / f"{name}.part"
        write(part)
        part.replace(folder / name)


def tiny_model(rank: int, seed: int = 0) -> LanguageModel:
    """A model of the released shape in small, with parameters away from their start values."""
    mixer = Mamba3Config(d_model=32, d_state=16, head_dim=16, rank=rank, chunk=16)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = LanguageModel(ModelConfig(mixer=mixer, n_layers=2, d_hidden=128, vocab_size=257))
        with torch.no_grad():
            for p in model.parameters():
                p.add_(0.3 * p.abs().mean() * torch.randn_like(p))
    return model.eval()


# --------------------------------------------------------------------------------------- evaluation
Tokenize = Callable[[str], list[int]]

TOKENIZER = "NousResearch/Meta-Llama-3.1-8B"
"""A public mirror of the gated Llama 3.1 tokenizer."""

FINEWEB = "HuggingFaceFW/fineweb-edu", "sample/10BT/*.parquet"
PASSAGES = "EleutherAI/lambada_openai", "**/*test_en.jsonl"
"""Data sets of the Hub, and what is looked for in them."""


@torch.no_grad()
def document_losses(model: LanguageModel, documents: Sequence[Tensor], length: int) -> np.ndarray:
    """Mean loss in nats a token of each document's first `length` tokens, shape (documents,).

    The first token is not predicted.  Documents with fewer than two tokens are an error.
    """
    losses = []
    for tokens in documents:
        if len(tokens) < 2:
            raise ValueError(f"a document needs at least 2 tokens, got {len(tokens)}")
        part = tokens[None, :length]
        logits = model(part[:, :-1]).float()
        losses.append(float(cross_entropy(logits[0], part[0, 1:])))
    return np.array(losses)


@torch.no_grad()
def last_word_right(
    model: LanguageModel, passages: Sequence[str], tokenize: Tokenize
) -> np.ndarray:
    """Whether greedy decoding gives each passage's last word, all of its tokens: (passages,) bool.

    The convention of lm-eval: context without the last word, then a space and the word.
    """
    right = []
    for passage in passages:
        context, _, word = passage.rpartition(" ")
        if not context:
            raise ValueError(f"a passage needs two words or more, got {passage!r}")
        known, whole = tokenize(context), tokenize(f"{context} {word}")
        target = torch.tensor(whole[len(known) :])
        logits = model(torch.tensor(whole)[None, :-1])[0, len(known) - 1 :]
        right.append(bool((logits.argmax(-1) == target).all()))
    return np.array(right)


@dataclass(frozen=True)
class Evaluated:
    """What the two released models do.

    losses : model to (documents,), nats a token
    lambada : model to (passages,) of bool
    lengths : model to {tokens: (documents,)}
    """

    losses: Mapping[str, np.ndarray]
    lambada: Mapping[str, np.ndarray]
    lengths: Mapping[str, Mapping[int, np.ndarray]] = field(default_factory=dict)

    def accuracy(self, model: str, confidence: float = LEVEL) -> Interval:
        """LAMBADA accuracy in percent, Wilson interval."""
        right = self.lambada[model]
        share = proportion(int(right.sum()), len(right), confidence)
        return share.map(lambda share: 100 * share)

    def mimo_over_siso(self, rng: np.random.Generator) -> Interval:
        """Log ratio of perplexities, MIMO over SISO, paired over documents (bootstrap)."""
        return bootstrap(self.losses["MIMO"] - self.losses["SISO"], rng=rng)


def evaluate_models(
    models: Mapping[str, LanguageModel],
    documents: Sequence[Tensor],
    passages: Sequence[str],
    tokenize: Tokenize,
    *,
    length: int,
    sweep: Sequence[int] = (),
) -> Evaluated:
    """Perplexity, LAMBADA, and a sweep over lengths, for each model."""
    return Evaluated(
        {name: document_losses(model, documents, length) for name, model in models.items()},
        {name: last_word_right(model, passages, tokenize) for name, model in models.items()},
        {
            name: {n: document_losses(model, documents, n) for n in sweep}
            for name, model in models.items()
        },
    )


def evaluate_released(n_documents: int, n_passages: int, length: int) -> Evaluated:
    """Both released 187M models on FineWeb-Edu and LAMBADA, from the Hub.

    Raises ``DataUnavailable`` where the Hub is not reached.
    """
    models = {kind: load_checkpoint(download(kind)) for kind in ("SISO", "MIMO")}
    tokenize = hub_tokenizer()
    texts = fineweb_documents(n_documents, min_characters=8 * length)
    documents = [torch.tensor(tokenize(text))[: length + 1] for text in texts]
    passages = lambada_passages(n_passages)
    sweep = [n for n in (256, 512, 1024, 2048) if n < length]
    return evaluate_models(models, documents, passages, tokenize, length=length, sweep=sweep)


def hub_tokenizer() -> Tokenize:
    """Llama 3.1's tokenizer without a begin token, as a function of a text."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(
            TOKENIZER, revision=revision(TOKENIZER), trust_remote_code=False
        )
    except OSError as error:
        raise DataUnavailable(f"the tokenizer {TOKENIZER} is not to be had: {error}") from error
    return lambda text: tokenizer(text, add_special_tokens=False)["input_ids"]


def fineweb_documents(n: int, min_characters: int) -> list[str]:
    """The first `n` long enough documents of FineWeb-Edu's 10B sample.

    It may overlap what the models were trained on: an in-distribution loss, not a test loss.
    """
    import pyarrow.parquet as pq

    found: list[str] = []
    with _open_first(*FINEWEB) as stream:
        for batch in pq.ParquetFile(stream).iter_batches(batch_size=256, columns=["text"]):
            texts = batch.column("text").to_pylist()
            found += [text for text in texts if len(text) >= min_characters]
            if len(found) >= n:
                break
    return found[:n]


def lambada_passages(n: int) -> list[str]:
    """The first `n` passages of LAMBADA in OpenAI's form."""
    with _open_first(*PASSAGES) as stream:
        lines = stream.read().decode().splitlines()
    return [json.loads(line)["text"] for line in lines[:n]]


def _open_first(name: str, pattern: str):
    """The first file of a data set of the Hub that matches, opened for reading."""
    from huggingface_hub import HfFileSystem
    from huggingface_hub.errors import HfHubHTTPError

    place = f"datasets/{name}@{revision(name)}/{pattern}"
    files = HfFileSystem()
    try:
        names = sorted(files.glob(place))
        if not names:
            raise DataUnavailable(f"no file on the Hub matches {place}")
        return files.open(names[0], "rb")
    except (OSError, HfHubHTTPError) as error:
        raise DataUnavailable(f"{place} could not be opened on the Hub: {error}") from error
