"""Is our measurement the authors' measurement?  Before training, it can be checked exactly.

A GPT-NeoX of the 14M shape with Pythia's initialization needs no download.  Its hidden states at
step 0 must have the medians that the authors published for their step 0.  One number per layer
catches a wrong hook, a wrong initialization, a missing parallel residual and a final LayerNorm.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from companion.corpora import zipf_tokens
from companion.massive_activations.lab.null import SEQUENCE_LENGTH, hidden_state_ratio
from companion.massive_activations.lab.ratios import layer_profile
from companion.massive_activations.method.measure import Measurement, measure
from companion.massive_activations.sources.architectures import architecture
from companion.models import neox, neox_config
from companion.scale import generator, torch_generator
from companion.stats import Interval, over_seeds

MODEL = "pythia-14m"
VOCAB_SIZE = 50_304
"""Pythia's 50,277 tokens, padded."""


def untrained(seed: int, *, n_sequences: int = 3, model: str = MODEL) -> Measurement:
    """Measure a freshly initialized model of one of Pythia's shapes on Zipf-distributed tokens.

    n_sequences : of 2048 tokens; the excerpt has three for the 14M model
    """
    shape = architecture(model)
    config = neox_config(
        n_layers=shape.layers,
        d_model=shape.width,
        n_heads=shape.heads,
        vocab_size=VOCAB_SIZE,
        seq=SEQUENCE_LENGTH,
    )
    fresh = neox(config, torch_generator(seed, "untrained", model)).eval()
    tokens = zipf_tokens(
        n_sequences, SEQUENCE_LENGTH, VOCAB_SIZE, generator(seed, "untrained tokens", model)
    )
    return measure(fresh, tokens, batch_size=1)


def against_authors(measurements: list[Measurement], excerpt: pd.DataFrame) -> dict[str, Interval]:
    """C0: distance of our untrained models from the authors' step 0, worst layer.

    The mean over seeds with its t interval, of the layer whose interval reaches furthest from 0.

    ``median`` : relative deviation of the layer medians from the authors' rows, without its sign
    ``ratio`` : the same of the ratio from the Gaussian null
    """
    theirs = layer_profile(excerpt, MODEL, 0)["median"].to_numpy()
    null = hidden_state_ratio(architecture(MODEL).width)
    medians = np.stack([m.median.mean(axis=0) for m in measurements])  # (n_seeds, n_layers)
    ratios = np.stack([m.mean_ratio for m in measurements])
    return {"median": _furthest(medians / theirs - 1), "ratio": _furthest(ratios / null - 1)}


def _furthest(deviations: np.ndarray) -> Interval:
    """Of the layers, the size of the deviation that may be largest; shape (n_seeds, n_layers)."""
    sizes = [magnitude(over_seeds(layer)) for layer in deviations.T]
    return max(sizes, key=lambda size: (size.high, size.estimate))


def magnitude(signed: Interval) -> Interval:
    """Size of a quantity whatever its sign, from the interval of the signed quantity."""
    low, high = signed.low, signed.high
    if signed.has_interval:
        ends = sorted((abs(low), abs(high)))
        low, high = (0.0 if low <= 0 <= high else ends[0]), ends[1]
    return signed._replace(estimate=abs(signed.estimate), low=low, high=high, p=None)
