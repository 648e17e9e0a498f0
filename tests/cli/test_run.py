"""``run``, ``record``, ``build``, ``serve``, ``clean``: statuses, messages, nothing half-done."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import pytest

from companion import publish
from companion.project import Project
from tests import copies


def refuse(*_args: object, **_kwargs: object) -> None:
    """Stands for work that must not begin."""
    raise AssertionError("the work began")


@pytest.fixture
def idle(monkeypatch):
    """Running, recording, and building are errors."""
    for name in ("run", "record", "build"):
        monkeypatch.setattr(publish, name, refuse)


@pytest.mark.parametrize("command", ["run", "record", "new"])
def test_an_unknown_paper_is_refused_with_the_list(companion, unchanged, idle, command):
    result = companion(command, "tarte")
    assert result.exit_code == 2
    assert "unknown paper 'tarte'; did you mean tart?" in result.stderr
    assert "massive-activations, tart," in result.stderr


@pytest.mark.parametrize("command", ["run", "record"])
def test_a_planned_paper_is_refused(companion, unchanged, idle, command):
    result = companion(command, "quartet")
    assert result.exit_code == 2
    assert "planned" in result.stderr


def test_an_unknown_scale_is_refused_with_the_three(companion, unchanged, idle):
    result = companion("run", "tart", "--scale", "huge")
    assert result.exit_code == 2
    assert "toy, book, paper" in result.stderr


@pytest.fixture
def settings(monkeypatch):
    """Settings of a chapter called tart."""
    import types

    from companion.skeleton import TEMPLATES

    module = types.ModuleType("companion.tart.settings")
    monkeypatch.setitem(sys.modules, "companion.tart", types.ModuleType("companion.tart"))
    monkeypatch.setitem(sys.modules, "companion.tart.settings", module)
    exec((TEMPLATES / "package" / "settings.py.tmpl").read_text(), module.__dict__)


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        ("lr=0.1", "unknown setting 'lr'; allowed are n_repeats, n_seeds, sizes"),
        ("n_seeds=many", "setting 'n_seeds' is int"),
        ("n_seeds=1.5", "setting 'n_seeds' is int"),
        ("n_seeds=1", "n_seeds must be at least 2"),
        ("n_seeds", "NAME=VALUE"),
        ("sizes=[1, 'a']", "setting 'sizes' is tuple[int, ...]"),
        ("sizes=[-1]", "sizes must be two or more increasing counts"),  # the chapter's own words
    ],
)
def test_a_bad_setting_is_refused(companion, unchanged, idle, settings, pair, message):
    result = companion("run", "tart", "--set", pair)
    assert result.exit_code == 2
    assert message in result.stderr


@pytest.mark.parametrize("seed", ["-1", "x", "1.5", str(2**70)])
def test_a_bad_seed_is_refused(companion, unchanged, idle, seed):
    result = companion("run", "tart", "--seed", seed)
    assert result.exit_code == 2
    assert "Traceback" not in result.output
    if seed.lstrip("-").isdigit():
        assert f"from 0 to 2147483647, got {seed}" in result.stderr


def test_a_good_call_passes_everything_on(companion, book, settings, monkeypatch):
    calls = []

    def fake(*arguments: object, **named: object) -> None:
        calls.append((arguments, named))
        raise publish.PublishError("stop here")

    monkeypatch.setattr(publish, "run", fake)
    arguments = ("--scale", "book", "--seed", "3", "--set", "n_seeds=4", "--set", "sizes=[1, 2]")
    companion("run", "tart", *arguments)
    companion("run", "tart")
    overrides = {"n_seeds": 4, "sizes": [1, 2]}
    assert calls == [
        (("tart", "book", 3, overrides), {"project": book}),
        (("tart", "toy", None, None), {"project": book}),
    ]


FAILURES = [
    (publish.NotebookFailed("tart", 3, "x = 1", "ZeroDivisionError", "by zero"), 1, "cell 3"),
    (publish.SiteFailed("a broken link"), 1, "a broken link"),
    (publish.NoRecord("no record"), 1, "no record"),
    (publish.DataMissing("tart", ["tart/a.csv"], "tart/a.csv is not here"), 1, "tart/a.csv is not"),
    (OSError(28, "No space left on device"), 1, "No space left"),
    (KeyboardInterrupt(), 130, "kept, one that was running begins again"),
]


@pytest.mark.parametrize("command", [("run", "tart"), ("record", "tart"), ("build",)])
@pytest.mark.parametrize(
    ("error", "status", "message"), FAILURES, ids=lambda value: type(value).__name__
)
def test_work_that_fails(companion, unchanged, monkeypatch, command, error, status, message):
    def fail(*_args: object, **_kwargs: object) -> None:
        raise error

    monkeypatch.setattr(publish, command[0], fail)
    result = companion(*command)
    assert result.exit_code == status
    assert message in result.stderr
    assert "Traceback" not in result.output


def test_a_mistake_in_the_program_is_not_hidden(companion, book, monkeypatch):
    monkeypatch.setattr(publish, "build", refuse)
    result = companion("build")
    assert result.exit_code == 1
    assert isinstance(result.exception, AssertionError)


def test_recording_brings_table_and_card_up_to_date(companion, book, monkeypatch):
    monkeypatch.setattr(
        publish, "record", lambda slug, project: copies.publish(project, slug, [{}])
    )
    result = companion("record", "tart")
    assert result.exit_code == 0
    assert "updated README.md" in result.stdout
    assert "1 of the paper's one claim holds" in (book.root / "README.md").read_text()
    assert "1 of the paper's one claim holds" in (book.notebooks / "02-tart.ipynb").read_text()


def test_clean_empties_build_and_nothing_else(companion, book):
    (book.build / "runs" / "tart").mkdir(parents=True)
    (book.build / "runs" / "tart" / "x.ipynb").write_text("{}")
    (book.build / "site.log").write_text("log")
    outside = book.root / "outside"
    outside.mkdir()
    (book.build / "link").symlink_to(outside)
    before = {name for name in copies.snapshot(book.root) if not name.startswith("build/")}
    assert companion("clean").exit_code == 0
    after = set(copies.snapshot(book.root))
    assert {name for name in after if not name.startswith("build/.lock")} == before
    assert outside.is_dir()


def test_there_is_no_site_to_serve(companion, book):
    result = companion("serve")
    assert result.exit_code == 1
    assert "companion build" in result.stderr


def test_a_port_that_is_taken(companion, book):
    site = book.build / "site"
    site.mkdir(parents=True)
    (site / "index.html").write_text("hello")
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        result = companion("serve", "--port", str(other.getsockname()[1]))
    assert result.exit_code == 1
    assert "in use" in result.stderr


OUTSIDE = (
    "/link.txt",
    "/up/secret.txt",
    "/up/",
    "/../../secret.txt",
    "/folder/../../../secret.txt",
    "/%2e%2e/%2e%2e/secret.txt",
    "/..%2f..%2fsecret.txt",
    "//etc/hostname",
    "/..\\..\\secret.txt",
)


def raw(port, path, host="127.0.0.1"):
    """The answer to a path that no client has tidied up."""
    with socket.create_connection((host, port), timeout=30) as connection:
        connection.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
        return b"".join(iter(lambda: connection.recv(1 << 16), b""))


def test_serving_until_it_is_interrupted(book: Project):
    site = book.build / "site"
    site.mkdir(parents=True)
    (site / "index.html").write_text("hello")
    (site / "folder").mkdir()
    (book.root / "secret.txt").write_text("secret")
    (site / "link.txt").symlink_to(book.root / "secret.txt")
    (site / "up").symlink_to(book.root, target_is_directory=True)
    (site / "inside.html").symlink_to(site / "index.html")
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from companion.cli import _app, main\n"
        "from companion.project import Project\n"
        "project = Project(Path(sys.argv.pop(1)))\n"
        "_app.Project = lambda: project\n"
        "main()"
    )
    command = [sys.executable, "-u", "-c", code, str(book.root), "serve", "--port", "0"]
    # whoever runs the tests in the background has made SIGINT ignored, and children inherit that
    server = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        address = server.stdout.readline().split()[0]
        with urllib.request.urlopen(address, timeout=30) as answer:
            assert answer.read() == b"hello"
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"{address}folder/", timeout=30)
        port = int(address.rstrip("/").rpartition(":")[2])
        assert raw(port, "/inside.html").endswith(b"hello")  # a link within the site
        for path in OUTSIDE:
            answer = raw(port, path)
            assert b" 404 " in answer.partition(b"\r\n")[0], path
            assert b"secret" not in answer, path
        with pytest.raises(ConnectionRefusedError):  # this machine's other addresses are closed
            raw(port, "/", host="127.0.0.2")
        server.send_signal(signal.SIGINT)
        assert server.wait(timeout=30) == 0
    finally:
        server.kill()
        server.communicate()


def test_without_sources_there_is_nothing_to_build(companion, tmp_path, monkeypatch):
    from companion.cli import _app

    monkeypatch.setattr(_app, "Project", lambda: Project(tmp_path))
    for command in (("build",), ("run", "tart"), ("sync",), ("serve",)):
        result = companion(*command)
        assert result.exit_code == 1
        assert "clone the repository" in result.stderr
    assert list(tmp_path.iterdir()) == []


def make(folder, *arguments):
    """Call make on the book's Makefile in another folder."""
    command = ["make", "-f", str(Project().root / "Makefile"), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)


def test_make_clean_waits_for_a_build_and_works_without_an_environment(tmp_path):
    (tmp_path / "build" / "runs").mkdir(parents=True)
    make(tmp_path, "clean")
    assert not (tmp_path / "build").exists()

    # with an environment it is the command that cleans, and the command waits for the lock
    (tmp_path / "build").mkdir()
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name, body in (("python", "exit 0"), ("companion", 'echo "$@" >called')):
        (programs / name).write_text(f"#!/bin/sh\n{body}\n")
        (programs / name).chmod(0o755)
    make(tmp_path, "clean")
    assert (tmp_path / "called").read_text() == "clean\n"
    assert (tmp_path / "build").is_dir()

    # an environment that was made half does not stand in the way
    (programs / "python").write_text("#!/bin/sh\nexit 1\n")
    make(tmp_path, "clean")
    assert not (tmp_path / "build").exists()


def test_what_a_chapter_trains_at_paper_scale_is_trained(companion, monkeypatch):
    from companion import processes
    from companion.data import DataUnavailable

    calls = []

    def head(settings, seed):
        calls.append((settings.hub_queries, settings.hub_seeds, seed))
        if seed == 8:
            raise DataUnavailable("no such text here")

    doors = {"companion.tart.hub": {"paper_head": head}}
    monkeypatch.setattr(processes, "doors", lambda module: doors.get(module, {}))
    good = companion("train", "tart", "--seed", "7", "--set", "hub_queries=3")
    assert (good.exit_code, good.stdout) == (0, "tart, paper_head: trained\n")
    assert calls == [(3, 5, 7)]  # at paper scale
    bad = companion("train", "tart", "--seed", "8")
    assert (bad.exit_code, bad.stdout) == (1, "")
    assert "no such text here" in bad.stderr
    for slug in ("leximark", "gaussian-rbf"):  # one whose hub shares nothing, one without a hub
        nothing = companion("train", slug)
        assert nothing.exit_code == 2
        assert "trains nothing that several processes can share" in nothing.stderr
