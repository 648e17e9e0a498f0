"""From the staged sources to the published pages, all or nothing."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from companion.papers import chapters
from companion.project import PACKAGE, Project
from companion.publish import api, pages
from companion.publish.errors import SiteFailed
from companion.publish.files import digest, restore_folder, swap_folder, write_atomic
from companion.publish.lock import scratch

TOOLS = ("jupyter-book", "sphinx", "sphinx-book-theme", "myst-nb", "sphinx-design")
RUN = """
import gc, sys
gc.set_threshold(200_000, 20, 100)  # documents are trees of many small objects that stay
sys.modules["rfc3987_syntax"] = None  # see companion/_quick.py
from jupyter_book.cli.main import main
main()
"""
_TROUBLE = re.compile(r"\b(WARNING|ERROR|CRITICAL|Error|Exception)\b")
_COLOR = re.compile(r"\x1b\[[0-9;]*m")


def build_site(staged: Mapping[str, bytes], project: Project | None = None) -> bool:
    """Build ``build/site`` from ``build/src``; False if it was up to date.

    The pages are built in a new folder, with warnings as errors, and take the place of the old
    site at the very end.  :class:`SiteFailed` leaves the old site as it was.

    staged : what :func:`~companion.publish.staging.stage` returned
    """
    project = project or Project()
    site = project.build / "site"
    restore_folder(site)
    stamp, mark = project.build / ".site-stamp", fingerprint(staged, project)
    if site.is_dir() and stamp.is_file() and stamp.read_text() == mark:
        return False
    work = scratch(project) / "site"
    shutil.rmtree(work, ignore_errors=True)
    try:
        _jupyter_book(project, work)
        html = work / "_build" / "html"
        pages.finish(html, project)
        offer_clean_sources(html, project)
        (html / ".nojekyll").touch()
        stamp.unlink(missing_ok=True)
        swap_folder(html, site)
        write_atomic(stamp, mark)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return True


def fingerprint(staged: Mapping[str, bytes], project: Project) -> str:
    """Hash of everything that the pages depend on."""
    names = [f"{name} {digest(content)}" for name, content in sorted(staged.items())]
    names += [f"{tool} {metadata.version(tool)}" for tool in TOOLS]
    names += [digest(path.read_bytes()) for path in sorted(Path(__file__).parent.glob("*.py"))]
    names += [digest(path.read_bytes()) for path in (*_sources(project), *api.sources(project))]
    return digest("\n".join(names))


def _sources(project: Project) -> list[Path]:
    return [entry.notebook_path(project) for entry in chapters(project)]


def offer_clean_sources(html: Path, project: Project) -> None:
    """The download button of a page gives the notebook as it is stored, without outputs."""
    for source in _sources(project):
        target = html / "_sources" / source.relative_to(project.root)
        if target.is_file():
            shutil.copyfile(source, target)


def _jupyter_book(project: Project, work: Path) -> None:
    source = project.build / "src"
    command = [
        *(sys.executable, "-P", "-c", RUN, "build", str(source)),
        *("--config", str(source / "_config.yml"), "--toc", str(source / "_toc.yml")),
        *("--path-output", str(work), "-W", "--keep-going", "-n", "--all"),
    ]
    work.mkdir(parents=True)
    # the pages of the code show the package that runs, wherever the project lies
    found = (str(PACKAGE.parent), os.environ.get("PYTHONPATH"))
    done = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=project.root,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, found))},
        check=False,
    )
    text = _COLOR.sub("", done.stdout.decode(errors="replace"))
    log = write_atomic(project.build / "site.log", text)
    if done.returncode != 0 or not (work / "_build" / "html" / "index.html").is_file():
        raise SiteFailed(f"{summary(text, source)}\nfull log: {log}")


def summary(log: str, source: Path) -> str:
    """The lines of a build's log that say what is wrong, with paths as in the checkout."""
    lines = [line.replace(f"{source}/", "") for line in log.splitlines() if _TROUBLE.search(line)]
    lines = list(dict.fromkeys(line.strip() for line in lines)) or log.splitlines()[-15:]
    return "\n".join(["the site was not built:", *(f"    {line}" for line in lines[:30])])
