"""Commands that only look."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from companion.papers import papers
from tests import copies


def test_the_help_page_has_groups_commands_and_examples(companion):
    for arguments in ((), ("--help",), ("-h",)):
        page = companion(*arguments).output
        for word in ("Look", "Run", "Models and data", "Maintain the book", "Examples"):
            assert word in page
        for name in ("list", "doctor", "run", "record", "build", "scoreboard", "new", "data"):
            assert f" {name} " in page
    assert companion("--help").exit_code == 0


def test_a_command_that_does_not_exist(companion):
    result = companion("lst")
    assert result.exit_code == 2
    assert "lst" in result.stderr


def test_list_names_every_paper_with_its_state(companion, book):
    copies.publish(book, "tart", [{}, {"claim": "C2", "verdict": "not tested"}])
    result = companion("list")
    assert result.exit_code == 0
    lines = {line.split()[1]: line for line in result.stdout.splitlines() if line[:2] == "  "}
    assert list(lines) == [entry.slug for entry in papers()]
    assert lines["tart"].endswith("1 of the paper's 2 claims holds, 1 not tested")
    assert lines["quartet"].endswith("planned")


def test_listing_loads_no_heavy_library(book):
    copies.publish(book, "tart", [{}])
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from typer.testing import CliRunner\n"
        "from companion.cli import _app, app\n"
        "from companion.project import Project\n"
        "_app.Project = lambda: Project(Path(sys.argv[1]))\n"
        "result = CliRunner().invoke(app, ['list'])\n"
        'assert result.exit_code == 0 and "1 of the paper\'s one claim holds" in result.stdout\n'
        "heavy = {'torch', 'numpy', 'scipy', 'pandas', 'matplotlib', 'transformers', 'sphinx'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, book.root], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_the_scoreboard_prints_findings_of_one_or_all(companion, book):
    copies.publish(book, "tart", [{"note": "only three seeds"}])
    result = companion("scoreboard")
    assert result.exit_code == 0
    assert "1.50 [1.25, 1.75] ratio" in result.stdout
    assert "quartet: planned" in result.stdout
    one = companion("scoreboard", "tart").stdout
    assert "only three seeds" in one
    assert "quartet" not in one


def test_the_scoreboard_of_an_unknown_paper(companion, unchanged):
    result = companion("scoreboard", "tarte")
    assert result.exit_code == 2
    assert "massive-activations, tart," in result.stderr


def test_settings_are_told_at_each_scale(companion, unchanged):
    import dataclasses

    from companion.tart.settings import PRESETS

    result = companion("settings", "tart")
    assert result.exit_code == 0
    names = [line.partition(":")[0] for line in result.stdout.splitlines()]
    assert names == [field.name for field in dataclasses.fields(PRESETS["toy"])]
    for slug, said in (("tarte", "unknown paper"), ("quartet", "planned")):
        refused = companion("settings", slug)
        assert refused.exit_code == 2
        assert said in refused.stderr


def test_doctor_reports_and_its_status_says_whether_something_is_missing(companion, monkeypatch):
    from companion import doctor

    kinds = {
        0: [doctor.Check(doctor.OK, "a", "fine"), doctor.Check(doctor.NOTE, "b", "absent")],
        1: [doctor.Check(doctor.OK, "a", "fine"), doctor.Check(doctor.MISSING, "b", "gone")],
    }
    for status, checks in kinds.items():
        monkeypatch.setattr(doctor, "examine", lambda project, checks=checks: checks)
        result = companion("doctor")
        assert result.exit_code == status
        assert checks[1].text in result.stdout


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "ascii"])
def test_a_terminal_without_our_signs_is_no_error(encoding):
    env = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    code = (
        "import sys\n"
        "from companion import cli\n"
        "cli.app = lambda prog_name: sys.stdout.write('✓ λ') + sys.stderr.write('✓')\n"
        "cli.main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=env, check=True)
    assert (done.stdout, done.stderr) == (b"? ?", b"\\u2713")
    command = [sys.executable, "-m", "companion.cli", "--help"]
    subprocess.run(command, capture_output=True, env=env, check=True)


def test_help_says_the_disk_that_is_needed(companion):
    page = " ".join(companion("--help").output.split())
    assert "3 GB" in page
    assert "7 GB" in page
    assert "20 minutes" not in page
