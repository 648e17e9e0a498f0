"""A small language model with its own tokenizer, and a module that has learned a little."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from companion.data import locate
from companion.papers import paper
from companion.tart.lab import learned
from companion.tart.lab.run import recipe_of
from companion.tart.method.embeddings import CausalEmbedder, PromptMaker
from companion.tart.settings import PRESETS
from companion.tart.sources import make_set

WORDS = [
    "call me at the station",
    "free prize now",
    "see you at dinner",
    "win cash today",
    "the train is late",
    "claim your reward",
    "good morning all",
    "urgent loan offer",
]


@pytest.fixture(scope="session")
def data_here() -> bool:
    return all(locate(name) is not None for name in paper("tart").data)


@pytest.fixture(scope="session")
def tokenizer():
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    plain = Tokenizer(models.BPE())
    plain.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    plain.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=420, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    text = ["Sentence: x\nLabel: positive\nSentence: y\nLabel: negative\n"] * 40 + WORDS
    plain.train_from_iterator(text, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=plain)


@pytest.fixture(scope="session")
def language_model():
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=420,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        tie_word_embeddings=True,
    )
    return LlamaForCausalLM(config).eval()


@pytest.fixture(scope="session")
def embedder(language_model, tokenizer):
    return CausalEmbedder(language_model, PromptMaker(tokenizer))


@pytest.fixture(scope="session")
def small_set():
    rng = np.random.default_rng(0)
    texts, labels = [], []
    for i in range(80):
        label = i % 2
        first, second = rng.choice(4, 2, replace=False)
        texts.append(f"{WORDS[2 * first + label]} {WORDS[2 * second + label]} {i}")
        labels.append(label)
    return make_set("small", texts, labels)


@pytest.fixture(scope="session")
def small_settings():
    return replace(
        PRESETS["toy"],
        live_steps=220,
        live_falling=20,
        live_every=30,
        plain_steps=5,
        n_tasks=20,
        n_query=50,
        n_controls=40,
        n_first=600,
        alphas=(10.0,),
        tie_tasks=3,
        samples=40,
        digits_k=(18, 32),
        digits_seeds=2,
        digits_queries=40,
        orders=3,
    )


@pytest.fixture(scope="session")
def trained_live(small_settings):
    """A module that has learned a little, in four dimensions, and its losses."""
    return learned._train(recipe_of(small_settings), small_settings.live_falling, 0)


@pytest.fixture(scope="session")
def live(trained_live):
    """The module of these."""
    return trained_live[0]
