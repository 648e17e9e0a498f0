"""The list of the book's sweeps that ``python -m tests.sweeps`` takes through a cluster."""

from __future__ import annotations

from dataclasses import make_dataclass, replace
from importlib import import_module

import pytest
import torch

from tests import sweeps
from tests.sweeps import Both, difference, untimed


def test_every_place_that_sweeps_is_on_the_list():
    """A new one is put there, with the step that reaches it."""
    assert sweeps.places() == set(sweeps.PLACES)
    assert set(sweeps.PLACES) >= sweeps.THREADS


def test_every_chapter_on_the_list_has_steps_and_settings():
    slugs = {place.split(".")[1].replace("_", "-") for place in sweeps.PLACES}
    assert slugs == set(sweeps.CALLS) == set(sweeps.FEW)


@pytest.mark.parametrize("slug", sorted(sweeps.CALLS))
def test_the_settings_are_valid_ones(slug):
    few = sweeps.settings_of(slug)
    toy = import_module(f"companion.{slug.replace('-', '_')}.settings").PRESETS["toy"]
    assert replace(few, **{name: getattr(toy, name) for name in vars(toy)}) == toy


def test_a_difference_in_the_last_digit_is_seen():
    value = {"a": (1.0, torch.ones(2))}
    assert difference(value, {"a": (1.0, torch.ones(2))}) == ""
    assert difference(value, {"a": (1.0 + 2**-52, torch.ones(2))})
    assert difference(value, {"a": (1.0, torch.ones(2).double())})
    with torch.random.fork_rng():
        one, other = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)
    assert difference((one, 1), (one, 1)) == ""
    assert difference((one, 1), (other, 1))
    assert "differs: result: 1" in Both("x.y", "", 2, difference(1, 2), 1.0, 1.0).line


def test_how_long_a_job_took_is_no_difference():
    kind = make_dataclass("Timed", [("x", float), ("seconds", float)])
    here, there, other = kind(1.0, 2.0), kind(1.0, 3.0), kind(1.5, 2.0)
    assert untimed([here]) == untimed([there]) != untimed([other])
    assert untimed([1, (2,)]) == [1, (2,)]
