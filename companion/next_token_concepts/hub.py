"""Paper scale: directions and probes over Pythia's sizes and training checkpoints.

The same functions run in the tests on a network of a few thousand weights.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from companion import data
from companion.data import DataUnavailable, Missing
from companion.next_token_concepts.lab import words as wo
from companion.next_token_concepts.settings import Settings
from companion.next_token_concepts.sources import PAIRS, PAPER_C, by_family, word_pairs
from companion.scale import device, generator
from companion.stats import Interval, over_seeds

if TYPE_CHECKING:
    from transformers import PreTrainedModel
    from transformers import PreTrainedTokenizerBase as Tokenizer

FIRST, LAST = "step0", "step143000"
Load = Callable[[str, str], "tuple[PreTrainedModel, Tokenizer]"]


def from_hub(name: str, revision: str) -> tuple[PreTrainedModel, Tokenizer]:
    """A Pythia at one checkpoint, without its unembedding."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    options = {"revision": revision, "trust_remote_code": False}
    try:
        tokenizer = AutoTokenizer.from_pretrained(name, **options)
        model = AutoModel.from_pretrained(
            name, dtype=torch.float32, use_safetensors=True, **options
        )
    except OSError as error:
        raise DataUnavailable(f"{name} at {revision} could not be had ({error})") from error
    return model.eval().to(device()), tokenizer


def over_checkpoints(
    settings: Settings,
    table: pd.DataFrame,
    seed: int,
    *,
    load: Load = from_hub,
    progress: bool = True,
) -> pd.DataFrame:
    """One row per model, checkpoint, layer and concept.

    Columns: model, revision, layer, depth (0 to 1), concept, and the fields of ``words.Depth``.
    """
    words = sorted({*table["word0"], *table["word1"]})
    places = {word: i for i, word in enumerate(words)}
    names = list(table["concept"].unique())
    rows, halves = [], wo.halves(table, generator(seed, "ntc halves"))
    for name in settings.hub_models:
        for revision in settings.hub_revisions:
            model, tokenizer = load(name, revision)
            layers = range(model.config.num_hidden_layers + 1)
            label = f"{name} {revision}" if progress else ""
            states = wo.hidden_states(model, tokenizer, words, layers=layers, label=label)
            for layer in layers:
                pairs = wo.pairs_at(states[:, layer].astype(float), places, table)
                rng = generator(seed, "ntc pythia", layer)
                found = wo.measure_layer(pairs, halves, PAPER_C, settings.null_draws, rng)
                head = {"model": name, "revision": revision, "layer": layer}
                head["depth"] = layer / max(layers)
                for k, concept in enumerate(names):
                    values = {key: float(one[k]) for key, one in found._asdict().items()}
                    rows.append({**head, "concept": concept, **values})
    return pd.DataFrame(rows)


def gained(rows: pd.DataFrame, model: str) -> Interval:
    """Held-out diagonal of the last layer, last checkpoint minus first, over families."""
    mine = rows[(rows["model"] == model) & (rows["depth"] == 1)]
    wide = mine.pivot(index="concept", columns="revision", values="held_out")
    if not {FIRST, LAST} <= set(wide.columns):
        return Interval(np.nan)
    return over_seeds(by_family(list(wide.index), (wide[LAST] - wide[FIRST]).to_numpy()))


def run_pythia(settings: Settings, seed: int) -> pd.DataFrame | Missing:
    """Pythia over checkpoints; a Missing below paper scale."""
    if not settings.hub_models:
        return Missing(
            "Pythia is read at paper scale only: set SCALE to 'paper' on a machine with a GPU, a "
            "network and 30 GB of disk."
        )
    table = data.load(PAIRS, lambda path: word_pairs(path, 0, 0))
    return data.attempt(over_checkpoints, settings, table, seed)
