"""What all tests share: threads, the order of the lanes, the runs of the notebooks, the site.

`make test` runs three processes side by side (pytest-xdist).  Tests that share something expensive
stay together in one of them: all that need a run of a notebook or the site (the group ``book``,
which starts first because it takes longest; the walk through all pages as on a phone goes beside
it), all tests of one chapter, all that draw the live figures, all that fork, all tests of one
file.
"""

import contextlib
import functools
import gc
import importlib
import os
import random
import sys
import time
from collections import Counter
from pathlib import Path

# Before anything imports numpy or torch, here and in every process that the tests start: two
# processes with a thread per core each would wait for each other.
THREADS = ("OMP", "MKL", "OPENBLAS", "NUMEXPR", "VECLIB_MAXIMUM")
for _name in THREADS:
    os.environ.setdefault(f"{_name}_NUM_THREADS", "1")

import hypothesis  # noqa: E402
import numpy as np  # noqa: E402
import pytest  # noqa: E402

from tests import shapes  # noqa: E402

shapes.watch()  # before anything imports a method

from companion import benches, budgets, data, publish  # noqa: E402
from companion.project import Project  # noqa: E402
from tests.runs import Runs, site_of, wanted  # noqa: E402

TESTS = Path(__file__).parent
# How long an example takes says more about what runs beside it than about the code.  They are new
# ones each time: half as many in a run are as many in two.
hypothesis.settings.register_profile("book", deadline=None, max_examples=50)
hypothesis.settings.load_profile("book")

BOOK = {"runs", "bare", "pages", "site"}
"""Fixtures that need what the whole book is made of."""
TOGETHER = {
    **dict.fromkeys(("test_live", "test_live_pages"), "live"),
    **dict.fromkeys(("test_kills", "test_processes"), "forks"),
}
"""Files that share something: every live figure of the book, drawn once; the server of forks."""
PHONE_AFTER = 1 / 3
"""Share of the other tests after which the walk as on a phone begins, beside that of ``book``: it
waits for the site, and a process that waits runs no tests."""


@pytest.fixture(autouse=True)
def shapes_of_methods_are_checked(request):
    """Hold the arrays of a method to their shape types while its own tests run."""
    if not shapes.of_methods(request.path):
        yield
        return
    shapes.LOOKING.append(request.path.name)
    yield
    shapes.LOOKING.pop()


def params(item):
    """Parameters of a test, by name."""
    return item.callspec.params if hasattr(item, "callspec") else {}


def group(item):
    """Name of the tests that stay in one process with `item`."""
    if "walked" in item.fixturenames and params(item).get("view") == "phone-dark-file":
        return "phone"
    if BOOK.intersection(item.fixturenames):
        return "book"
    return of_file(item.path)


@functools.cache
def of_file(path):
    """Name of the tests that stay in one process with those of a file."""
    if path.stem in TOGETHER:
        return TOGETHER[path.stem]
    folder, *inside = path.relative_to(TESTS).parts
    chapter = inside and folder not in {"cli", "notebooks", "publish", "site"}
    return folder if chapter else path.stem


def in_order(items):
    """`items` as they are begun: what takes longest first, the walk on a phone where pages are."""
    of = {name: [] for name in ("book", "phone", "")}
    for item in items:
        of.get(group(item), of[""]).append(item)
    first = int(len(of[""]) * PHONE_AFTER)
    return [*of["book"], *of[""][:first], *of["phone"], *of[""][first:]]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Put the longest group first, name the groups, and leave out what needs the mirror.

    A bench is given two more chances: what other programs take in the middle of a measurement
    spoils a ratio, and nothing that they do makes slow code quick every time.  Which ones needed
    them is said at the end (:func:`pytest_terminal_summary`).
    """
    items[:] = in_order(items)
    for item in items:
        item.add_marker(pytest.mark.xdist_group(group(item)))
        if item.get_closest_marker("bench"):
            item.add_marker(pytest.mark.flaky(reruns=2, reruns_delay=5))
        if (marker := item.get_closest_marker("mirror")) and (reason := missing(marker.args)):
            item.add_marker(pytest.mark.skip(reason=reason))


def pytest_terminal_summary(terminalreporter):
    """Name the benches that were measured more than once: a floor that is near what is measured."""
    again = Counter(report.nodeid for report in terminalreporter.stats.get("rerun", ()))
    if again:
        terminalreporter.section("measured again")
        for name, n in again.items():
            terminalreporter.write_line(f"{name}: {n} of 2 further chances")


def share_of_files():
    """Of several processes that collect the same tests, the files that this one imports first.

    Each file's assertions are rewritten when it is first imported, and kept: together in a third
    of the time, where nothing is kept yet.  All files if one process collects alone.
    """
    name = os.environ.get("PYTEST_XDIST_WORKER", "")
    n = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 1))
    return sorted(TESTS.rglob("test_*.py"))[int(name.removeprefix("gw")) :: n] if name else []


def import_first(files):
    """Import tests before they are collected; what is wrong with one is said when it is."""
    for path in files:
        with contextlib.suppress(Exception):
            importlib.import_module(".".join(path.relative_to(TESTS.parent).with_suffix("").parts))


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Spare the collector all that imports make: it looks at the tests' own objects only.

    With torch in the process one full collection takes a second, and a correction for many tests
    (statsmodels) makes one at each call.  What imports leave dead, a few megabytes, stays with the
    rest.
    """
    gc.disable()
    try:
        if share := share_of_files():
            import_first(share)
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="module", autouse=True)
def _collected():
    """The same for what earlier files left: each object is looked at once, and not by every test.

    What is dead by now is freed, and what lives stays until the end.
    """
    gc.collect()
    gc.freeze()


def pytest_ignore_collect(collection_path, config):
    """Files without a bench are not even imported where benches are asked for."""
    if config.option.markexpr == "bench" and collection_path.suffix == ".py":
        return "mark.bench" not in collection_path.read_text(encoding="utf-8") or None
    return None


def missing(names):
    """Why a test that needs the mirror's files `names` cannot run; empty if it can."""
    absent = [name for name in names if data.locate(name) is None]
    if absent or not (names or os.environ.get("COMPANION_DATA")):
        what = ", ".join(absent) or "files"
        return f"needs {what}, which may not ship: set COMPANION_DATA to a folder that has them"
    return ""


RATIOS: list[benches.Ratio] = []
"""What the benches of this process measured."""


@pytest.fixture
def ratio():
    """``ratio(chapter, what, value, least=…)`` or ``most=…``: held here and kept for the page."""

    def hold(chapter, what, value, **region):
        found = benches.Ratio(chapter, what, float(value), **region)
        RATIOS.append(found)
        assert found.is_met, f"{what}: {found.value:.3g}, {found.target}"

    return hold


CURVES: list[benches.Curve] = []
"""What `tests/test_curves.py` measured in this process."""


@pytest.fixture
def curve():
    """``curve(one)``: kept for the page."""

    def keep(one):
        CURVES.append(one)
        return one

    return keep


BEGUN = time.monotonic()


@pytest.hookimpl(trylast=True)  # after the processes of the tests have ended
def pytest_sessionfinish(session):
    """``COMPANION_BENCH`` names the file that keeps what benches measured, of failed ones too.

    What a whole pass of `make test` took is noted for ``companion budgets``.
    """
    option, name = session.config.option, budgets.PASSES.get(session.config.option.markexpr)
    is_worker = hasattr(session.config, "workerinput")
    if name and not (is_worker or option.file_or_dir or option.keyword or option.collectonly):
        budgets.note(Project(), name, time.monotonic() - BEGUN, sum(os.times()[:4]))
    if (RATIOS or CURVES) and (path := os.environ.get("COMPANION_BENCH")):
        benches.write(Path(path), RATIOS, CURVES)


@pytest.fixture(autouse=True)
def _same_start():
    """The global generators begin alike, whatever ran before in this process."""
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    if torch := sys.modules.get("torch"):
        torch.manual_seed(0)


@pytest.fixture(scope="session")
def project():
    """The book's own checkout."""
    return Project().require()


@pytest.fixture(scope="session")
def runs(request):
    """The chapters at toy scale, two at a time; what `make book` ran is not run again."""
    return Runs(wanted(request.session, "runs"))


@pytest.fixture(scope="session")
def pages(request):
    """The executed notebook that each page is made from, by slug: what `make book` ran."""
    shown = publish.for_pages(wanted(request.session, "pages"))
    return {slug: one.run.path for slug, one in shown.items()}


@pytest.fixture(scope="session")
def site(project, runs):
    """The built site; what `make book` built in the same state is used as it is."""
    assert runs.paths
    return site_of(project, os.environ.get("PYTEST_XDIST_TESTRUNUID", ""))


@pytest.fixture(scope="session")
def chromium():
    """Headless Chromium, one for all tests of a process: it can have one only."""
    from playwright.sync_api import sync_playwright

    from tests.site.browser import Chromium
    from tests.site.conftest import browser_or_skip

    browser_or_skip()
    with sync_playwright() as playwright:
        made = Chromium(playwright)
        yield made
        made.close()
