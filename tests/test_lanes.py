"""How the tests are run: side by side without disturbing each other, nothing left out unsaid."""

import gc
import os
import re
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from companion import data, publish
from companion.papers import chapters
from companion.project import Project
from tests import conftest, runs
from tests.site import browser
from tests.site.conftest import browser_or_skip

ROOT = Project().root
OF_MAKE = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "ARGS", "JOBS", "VENV")


def item(path, *fixtures, **params):
    made = SimpleNamespace(path=conftest.TESTS / path, fixturenames=list(fixtures))
    if params:
        made.callspec = SimpleNamespace(params=params)
    return made


def test_what_is_expensive_is_made_in_one_process():
    assert conftest.group(item("notebooks/test_notebooks.py", "slug", "runs")) == "book"
    walk = ("site/test_browser.py", "walked", "site", "runs")
    assert conftest.group(item(*walk, view="wide-light-http")) == "book"
    assert conftest.group(item(*walk, view="phone-dark-file")) == "phone"
    assert conftest.group(item("notebooks/test_lint.py", "good")) == "test_lint"
    assert conftest.group(item("test_stats.py")) == "test_stats"
    for draws in ("test_live.py", "site/test_live_pages.py"):
        assert conftest.group(item(draws)) == "live"
    for forks in ("test_kills.py", "test_processes.py"):
        assert conftest.group(item(forks)) == "forks"
    assert conftest.group(item("cli/test_run.py")) == "test_run"
    for paper in chapters():
        folder = paper.package_path().name
        names = {conftest.group(item(f"{folder}/test_{name}.py")) for name in ("one", "two")}
        assert names == {folder}


def test_the_longest_group_begins_and_the_phone_waits_for_no_page():
    walk = ("site/test_browser.py", "walked", "site", "runs")
    phone = item(*walk, view="phone-dark-file")
    wide = item(*walk, view="wide-light-http")
    others = [item(f"test_{i}.py") for i in range(6)]
    mixed = [others[0], phone, *others[1:], wide]
    assert conftest.in_order(mixed) == [wide, *others[:2], phone, *others[2:]]
    assert conftest.in_order(others) == others


def test_the_groups_reach_whoever_hands_out_the_tests(request):
    """A version of pytest-xdist that cannot name a group hands out files, and says nothing."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        pytest.skip("one process runs all tests")
    assert request.node.nodeid.endswith("@test_lanes")


def test_a_process_keeps_to_its_threads():
    """One each, unless somebody asked for another number."""
    import torch

    assert all(os.environ[f"{name}_NUM_THREADS"] for name in conftest.THREADS)
    assert torch.get_num_threads() == int(os.environ["OMP_NUM_THREADS"])


def test_only_the_chapters_of_the_selected_tests_run():
    known = [paper.slug for paper in chapters()]
    one = item("notebooks/test_notebooks.py", "runs", slug=known[3])
    other = item("notebooks/test_notebooks.py", "bare", slug=known[1])
    everything = item("site/test_site.py", "site", "runs")
    assert runs.wanted(SimpleNamespace(items=[one, other]), "runs") == [known[3]]
    assert runs.wanted(SimpleNamespace(items=[one, other]), "bare") == [known[1]]
    assert runs.wanted(SimpleNamespace(items=[one, everything]), "runs") == known


def test_a_notebook_that_fails_fails_its_own_tests_only(monkeypatch):
    failure = publish.NotebookFailed("bad", 3, "x", "KeyError", "x")
    calls = []

    def run_many(slugs, env):
        assert env["https_proxy"]  # no notebook may need a network
        calls.append(list(slugs))
        if "bad" in slugs:
            raise publish.RunsFailed([failure], ["good"])
        return [SimpleNamespace(slug=slug, path=Path(slug)) for slug in slugs]

    monkeypatch.setattr(publish, "run_many", run_many)
    found = runs.Runs(["good", "bad", "cached"])
    assert (found["good"].slug, found["cached"].slug) == ("good", "cached")
    for _ in range(2):
        with pytest.raises(publish.NotebookFailed, match="KeyError"):
            found["bad"]
    with pytest.raises(publish.NotebookFailed):
        _ = found.paths
    assert calls == [["good", "bad", "cached"], ["good", "cached"]]
    assert runs.Runs(["good"]).paths == {"good": Path("good")}


def test_the_site_is_built_by_the_first_process_that_asks(monkeypatch, tmp_path):
    project, builds = Project(tmp_path), []

    def build(project):
        builds.append(project)
        (project.build / "site").mkdir(exist_ok=True)
        return project.build / "site"

    monkeypatch.setattr(publish, "build", build)
    for run in ("one", "one", "two", "", ""):
        assert runs.site_of(project, run).is_dir()
    assert len(builds) == 4  # once a run, and each time where there is but one process


def test_what_needs_a_mirror_says_so(monkeypatch, tmp_path):
    name = next(iter(data.registry()))
    monkeypatch.setattr(data, "locate", lambda name: None)
    assert name in conftest.missing([name])
    assert "COMPANION_DATA" in conftest.missing([name])
    monkeypatch.setattr(data, "locate", lambda name: tmp_path)
    assert conftest.missing([name]) == ""
    monkeypatch.delenv("COMPANION_DATA", raising=False)
    assert "COMPANION_DATA" in conftest.missing([])
    monkeypatch.setenv("COMPANION_DATA", str(tmp_path))
    assert conftest.missing([]) == ""


def test_without_a_browser_the_pages_are_skipped_and_in_ci_they_fail(monkeypatch):
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.delenv("COMPANION_REQUIRE_BROWSER", raising=False)
    monkeypatch.setattr(browser, "NAMES", ("no-such-browser",))
    with pytest.raises(pytest.skip.Exception, match="apt-get install chromium"):
        browser_or_skip()
    monkeypatch.setenv("COMPANION_REQUIRE_BROWSER", "1")
    with pytest.raises(browser.NoBrowser, match="apt-get install chromium"):
        browser_or_skip()
    assert "export COMPANION_REQUIRE_BROWSER=1" in (ROOT / ".ci" / "run").read_text()


@pytest.mark.parametrize("arguments", [(), ("ARGS=tests/quartet -x",)])
def test_make_test_runs_every_test_once(arguments):
    """What `make` would run: two passes whose markers complement each other, or one call."""
    command = ["make", "--dry-run", "--assume-old=environment", "VENV=env", "test", *arguments]
    # as a person calls it, not as the `make test` above these tests was called
    env = {name: value for name, value in os.environ.items() if name not in OF_MAKE}
    made = subprocess.check_output(command, cwd=ROOT, env=env, text=True)
    calls = re.findall(r"env/bin/python -m pytest(.*?)(?:\|\||\n\S|\Z)", made, re.DOTALL)
    if arguments:
        assert [call.split() for call in calls] == [["tests/quartet", "-x"]]
        return
    first, second = (call.replace("\\\n", " ") for call in calls)
    assert "-m 'not bench'" in first
    assert "--dist loadgroup" in first
    assert second.split() == ["-m", "bench"]


@pytest.mark.parametrize("asked", ["bench", "not bench", ""])
def test_files_without_a_bench_are_left_out_of_its_pass(asked):
    """Only there, and only what neither is a bench nor has one below it."""
    config = SimpleNamespace(option=SimpleNamespace(markexpr=asked))
    files = {"test_stats.py": True, "tart/test_language.py": None, "tart": None}
    for name, left_out in files.items():
        found = conftest.pytest_ignore_collect(conftest.TESTS / name, config)
        assert found is (left_out if asked == "bench" else None), name


def test_imports_are_spared_full_collections():
    assert gc.isenabled()
    assert gc.get_freeze_count() > 10_000


def test_a_bench_runs_with_nothing_beside_it():
    """No test measures time outside the pass that is alone."""
    clock = re.compile(r"\b(?:perf_counter|process_time|timeit|quickest)\b")
    for path in sorted(conftest.TESTS.rglob("test_*.py")):
        text = path.read_text(encoding="utf-8")
        if path.name != Path(__file__).name and clock.search(text):
            assert "mark.bench" in text, path
