"""The released checkpoints in our code: names, configuration, loading, and lesions (C10).

Repositories ``state-spaces/mamba3-siso-187m`` and ``mamba3-mimo-187m`` hold ``config.json`` and
weights whose names are those of :class:`LanguageModel` behind a prefix.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from companion.data import DataUnavailable
from companion.mamba3.lab.models import LanguageModel, ModelConfig
from companion.mamba3.method.layer import Mamba3, Mamba3Config

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
    try:
        return Path(snapshot_download(REPOSITORIES[kind], allow_patterns=patterns))
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


LESIONS: Mapping[str, Callable[[Mamba3], None]] = {
    "angles to 0": lambda layer: setattr(
        layer, "turn", lambda a, dt: dt.new_zeros(*dt.shape, a.shape[-1])
    ),
    "λ to 1": lambda layer: setattr(layer, "blend", torch.ones_like),
    "biases to 0": lambda layer: setattr(
        layer, "normalize", lambda x, norm, bias: Mamba3.normalize(layer, x, norm, 0 * bias)
    ),
}
"""What is taken out of a trained layer, by replacing one of its methods."""


@contextmanager
def lesioned(model: LanguageModel, name: str) -> Iterator[LanguageModel]:
    """The model with one of :data:`LESIONS` in every layer, for as long as the block lasts."""
    if name not in LESIONS:
        raise ValueError(f"unknown lesion {name!r}; choose one of {', '.join(LESIONS)}")
    layers = [block.mixer for block in model.layers]
    try:
        for layer in layers:
            LESIONS[name](layer)
        yield model
    finally:
        for layer in layers:
            for method in ("turn", "blend", "normalize"):
                layer.__dict__.pop(method, None)


@torch.no_grad()
def inside(model: LanguageModel, tokens: Tensor) -> dict[str, Tensor]:
    """λ, Δ, |A|, and the angle of a step, of every layer on a text: name to (layers, values)."""
    seen: dict[str, list[Tensor]] = {"λ": [], "Δ": [], "|A|": [], "angle": []}
    h = model.embedding(tokens).float()
    for block in model.layers:
        u = block.norm(h.to(block.norm.weight.dtype))
        state = block.mixer.initial_state(len(u))
        made, _, _ = block.mixer.project(u, state.window)
        seen["λ"].append(made.lam.flatten())
        seen["Δ"].append(made.dt.flatten())
        seen["|A|"].append((-made.log_alpha / made.dt).flatten())
        seen["angle"].append(made.turn.abs().flatten())
        h = block(h)
    return {name: torch.stack(parts) for name, parts in seen.items()}
