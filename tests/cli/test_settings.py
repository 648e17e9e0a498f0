"""``--set NAME=VALUE``."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.cli import _settings

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e6, 1e6) | st.text(),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=6,
)


@given(json_values)
def test_what_json_can_say_arrives(value):
    # JSON's strings, numbers, booleans and lists are TOML as well; null is JSON alone.
    assert _settings.value(json.dumps(value)) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.5", 0.5),
        ("1_000", 1000),
        ("true", True),
        ("[1, 2]", [1, 2]),
        ("'a b'", "a b"),
        ("linear", "linear"),
        ("True", "True"),
        ("1\nother = 2", "1\nother = 2"),
        ("", ""),
    ],
)
def test_values(text, value):
    found = _settings.value(text)
    assert found == value
    assert type(found) is type(value)


def test_pairs():
    assert _settings.parse(["lr=0.1", "name = a=b"]) == {"lr": 0.1, "name": "a=b"}
    assert _settings.parse([]) == {}


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        (["lr"], "NAME=VALUE"),
        (["=1"], "NAME=VALUE"),
        (["a b=1"], "NAME=VALUE"),
        (["lr=1", "lr=2"], "given twice"),
    ],
)
def test_bad_pairs_are_refused(pairs, message):
    with pytest.raises(ValueError, match=message):
        _settings.parse(pairs)
