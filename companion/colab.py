"""Does the book run beside the versions that Colab ships?

:func:`check` makes a fresh environment, fills it with Colab's pinned packages, installs the book
the way Colab would (from its sources, not editable), holds the two lists of versions against each
other, and runs notebooks there, each with the extra of its own chapter and no other.  The model
wheels are not installed again but linked from the environment that runs the check, and so is torch
where both have one version of Python: on Colab, torch, too, is just there, and a chapter asks for
its model when it needs it.  What is installed is weighed: that is what a reader waits for.

What is done is kept beside the environment, so that a check that was interrupted can go on.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from companion import extras, wheels
from companion.papers import Paper
from companion.project import Project

BASE = ("ipykernel", "ipywidgets", "nbclient", "nbformat")
"""What runs notebooks on Colab; what it and torch need is installed before the book is."""

MOST_MB = 60
"""What a reader may have to download, the book itself included, for a chapter without an extra."""

SOURCES = ("companion", "pyproject.toml", "README.md", "LICENSE")

_NOT_FOUND = re.compile(r"No matching distribution found for (\S+)")
_RUNNER = """
import json, sys, nbformat
from nbclient import NotebookClient
source, target, folder = sys.argv[1:]
notebook = nbformat.read(source, as_version=4)
try:
    NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": folder}},
                   timeout=600).execute()
finally:
    nbformat.write(notebook, target)
"""

Say = Callable[[str], None]


class ColabCheckFailed(RuntimeError):
    """Installing the book replaced a package of Colab's, or a notebook failed there."""


@dataclass(frozen=True)
class Row:
    """What the check found of one chapter.

    added : packages that its extra brought, with the megabytes that pip downloads for each
    replaced : stock packages that its extra moved; problem : why it failed, empty if it ran
    seconds : of processor time of the run
    """

    slug: str
    added: dict[str, float] = field(default_factory=dict)
    replaced: tuple[str, ...] = ()
    problem: str = ""
    seconds: float = 0.0

    @property
    def failures(self) -> list[str]:
        """Why this chapter fails the check, a line each."""
        moved = [f"{self.slug} replaced: {line}" for line in self.replaced]
        return moved + ([f"{self.slug}: {self.problem}"] if self.problem else [])


@dataclass
class Found:
    """What the check found so far; kept as JSON.

    about : lines that say what was installed beside what
    versions : of all that is installed there without the extra of a chapter
    sizes : megabytes of what every chapter adds, the book included
    replaced : stock packages that the book moved; rows : by chapter
    """

    about: list[str]
    versions: dict[str, str]
    sizes: dict[str, float]
    replaced: list[str]
    rows: dict[str, Row] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Found:
        """As :meth:`write` wrote it."""
        kept = json.loads(path.read_text(encoding="utf-8"))
        rows = {slug: Row(**row) for slug, row in kept.pop("rows").items()}
        return cls(**kept, rows=rows)

    def write(self, path: Path) -> None:
        """All of it, whole or not at all."""
        half = path.with_suffix(".half")
        half.write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")
        half.replace(path)

    def report(self, chapters: Sequence[Paper]) -> str:
        """Lines about the environment, and a table of the chapters."""
        everyone = sum(self.sizes.values())
        lines = [
            *self.about,
            f"installing the book replaced {len(self.replaced)}: "
            + ("; ".join(self.replaced) or "none"),
            f"a chapter without an extra downloads {everyone:.1f} MB of at most {MOST_MB}: "
            + listed(self.sizes),
            "",
            "| chapter | beyond stock, MB | of these its extra | replaced | at toy scale | CPU s |",
            "| --- | --- | --- | --- | --- | --- |",
        ]
        rows = [self.rows[paper.slug] for paper in chapters if paper.slug in self.rows]
        for row in rows:
            extra = sum(row.added.values())
            lines.append(
                f"| {row.slug} | {everyone + extra:.1f} | "
                f"{listed(row.added) if row.added else 'none'} | "
                f"{'; '.join(row.replaced) or 'none'} | "
                f"{'failed' if row.problem else 'ran to its end'} | {row.seconds:.0f} |"
            )
        return "\n".join([*lines, *(f"{row.slug}: {row.problem}" for row in rows if row.problem)])

    def failures(self) -> list[str]:
        """Why the check fails, a line each."""
        total = sum(self.sizes.values())
        found = [f"replaced: {line}" for line in self.replaced]
        found += [f"{total:.1f} MB are more than {MOST_MB}"] if total > MOST_MB else []
        return found + [line for row in self.rows.values() for line in row.failures]


def check(
    pins: Path,
    chapters: Sequence[Paper],
    project: Project,
    *,
    say: Say,
    python: str = sys.executable,
    torch: str | None = None,
    go_on: bool = False,
) -> str:
    """Run the whole check; a report, also in ``build/colab/report.txt``.

    pins : file with one ``name==version`` a line
    chapters : whose notebooks run; say : called with what is being done
    python : whose environment is made; torch : what is installed there, linked from here if None
    go_on : keep the environment of an earlier check, and what it found of chapters that passed
    """
    bench = Bench(project, say, python, torch)
    kept = bench.folder / "found.json"
    if go_on and kept.is_file():
        found = Found.read(kept)
    else:
        found = install(pins, bench)
        found.write(kept)
    for paper in chapters:
        if paper.slug in found.rows and not found.rows[paper.slug].failures:
            continue
        found.rows[paper.slug] = _chapter(paper, bench, found.versions)
        found.write(kept)
    report = found.report(chapters)
    (bench.folder / "report.txt").write_text(report + "\n", encoding="utf-8")
    if found.failures():
        raise ColabCheckFailed(report)
    return report


def install(pins: Path, bench: Bench) -> Found:
    """A fresh environment with Colab's packages and the book, and what that changed."""
    bench.create()
    wanted = read_pins(pins)
    absent = bench.install_pins(wanted)
    stock = (*BASE, bench.torch or "torch")
    bench.pip("install", "--quiet", "--constraint", str(bench.pin_file), *stock)
    before = bench.versions()
    bench.say("installing the book")
    source = bench.copy_sources()
    bench.pip("install", "--quiet", str(source))
    after = bench.versions()
    added = sorted(set(after) - set(before))
    about = [
        f"{len(wanted) - len(absent)} of {len(wanted)} pins of {pins.name} installed on "
        f"{bench.python_version()}, torch {after.get('torch', 'missing')}",
        *(f"no wheel for this Python: {pin}" for pin in absent),
        f"installing the book added {len(added)}: " + ", ".join(f"{n} {after[n]}" for n in added),
    ]
    sizes = bench.megabytes({name: after[name] for name in added}, source)
    return Found(about, after, sizes, changes(before, after))


def _chapter(paper: Paper, bench: Bench, base: Mapping[str, str]) -> Row:
    """Run a chapter's notebook beside its own extra, which goes again.

    base : versions of what is there without an extra
    """
    bench.remove(set(bench.versions()) - set(base))  # what an interrupted check left
    more: dict[str, float] = {}
    moved: list[str] = []
    if paper.packages:
        bench.say(f"installing {extras.target(paper)}")
        bench.pip("install", "--quiet", f"{bench.folder / 'source'}[{paper.slug}]")
        here = bench.versions()
        more = bench.megabytes({name: here[name] for name in sorted(set(here) - set(base))})
        moved = changes(base, here)
    bench.say(f"running {paper.slug}")
    problem, seconds = bench.run(paper)
    bench.remove(more)
    return Row(paper.slug, more, tuple(moved), problem, seconds)


def read_pins(path: Path) -> list[str]:
    """The requirements of a constraints file, without torch and its companions."""
    lines = (line.partition("#")[0].strip() for line in path.read_text("utf-8").splitlines())
    return [
        line
        for line in lines
        if line and canonicalize_name(Requirement(line).name) not in {"torch", "torchvision"}
    ]


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """Packages of `before` that have another version, or none, in `after`."""
    return [
        f"{name} {version} -> {after.get(name, 'removed')}"
        for name, version in before.items()
        if after.get(name) != version
    ]


def listed(sizes: Mapping[str, float]) -> str:
    """Names with their megabytes, the largest first."""
    ordered = sorted(sizes.items(), key=lambda pair: -pair[1])
    return ", ".join(f"{name} {size:.1f}" for name, size in ordered) or "nothing"


class Bench:
    """The environment in ``build/colab``.

    python : that it is made from; torch : what pip is asked for, linked from here if None
    """

    def __init__(
        self, project: Project, say: Say, python: str = sys.executable, torch: str | None = None
    ) -> None:
        self.project, self.say = project, say
        self.origin, self.torch = python, torch
        self.folder = project.build / "colab"
        self.pin_file = self.folder / "pins.txt"
        scripts = "Scripts" if os.name == "nt" else "bin"
        self.python = self.folder / "venv" / scripts / "python"

    def create(self) -> None:
        """A fresh environment that sees the model wheels of this one, and torch."""
        self.say(f"making {self.folder}")
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        links = [] if os.name == "nt" else ["--symlinks"]
        self.call(self.origin, "-m", "venv", *links, str(self.folder / "venv"))
        shared: list[str] = []
        if self.torch is None:
            here = f"Python {sys.version_info.major}.{sys.version_info.minor}"
            if not self.python_version().startswith(f"{here}."):
                raise ColabCheckFailed(
                    f"{self.origin} is {self.python_version()}, and the torch that is here is for "
                    f"{here}: say with --torch what pip is to install there, as in 'torch==2.13.0'"
                )
            shared = torch_distributions()
        shared += [wheel.name for wheel in wheels.needed(self.project) if wheel.installed()]
        linked = self.folder / "linked"
        linked.mkdir()
        for name in shared:
            for entry in top_level(name):
                target = linked / entry.name
                if not target.exists():
                    target.symlink_to(entry, target_is_directory=entry.is_dir())
        code = "import sysconfig; print(sysconfig.get_path('purelib'))"
        site = self.call(str(self.python), "-c", code).strip()
        Path(site, "linked.pth").write_text(f"{linked}\n", encoding="utf-8")

    def python_version(self) -> str:
        """Of the environment, such as ``Python 3.12.1``."""
        return self.call(str(self.python), "--version").strip()

    def install_pins(self, pins: Iterable[str]) -> list[str]:
        """Install Colab's versions as they are; those that have no wheel for this Python."""
        left, absent = list(pins), []
        while left:
            self.pin_file.write_text("\n".join(left) + "\n", encoding="utf-8")
            self.say(f"installing {len(left)} of Colab's packages")
            options = ("install", "--quiet", "--no-deps", "--only-binary", ":all:")
            done = self._pip(*options, "--requirement", str(self.pin_file))
            if done.returncode == 0:
                break
            bad = [pin for pin in left if pin in _NOT_FOUND.findall(done.stdout)]
            if not bad:
                raise ColabCheckFailed(f"pip could not install the pins:\n{tail(done.stdout)}")
            absent += bad
            left = [pin for pin in left if pin not in bad]
        return absent

    def copy_sources(self) -> Path:
        """The book's sources apart from the checkout, so that building leaves nothing there."""
        target = self.folder / "source"
        for name in SOURCES:
            source = self.project.root / name
            if source.is_dir():
                skip = shutil.ignore_patterns("__pycache__")
                shutil.copytree(source, target / name, ignore=skip)
            else:
                target.mkdir(exist_ok=True)
                shutil.copy2(source, target / name)
        return target

    def versions(self) -> dict[str, str]:
        """Canonical name -> version of everything that is installed there, except pip."""
        listed = json.loads(self.pip("list", "--format=json"))
        found = {canonicalize_name(entry["name"]): entry["version"] for entry in listed}
        return {name: version for name, version in found.items() if name != "pip"}

    def megabytes(self, versions: dict[str, str], source: Path | None = None) -> dict[str, float]:
        """Size of what pip downloads for each of these packages, without dependencies, in MB.

        source : of the book, which is weighed as a packed archive, as git would send it
        """
        found = {}
        for name, version in versions.items():
            folder = self.folder / "downloads" / name
            if canonicalize_name(name) == extras.DISTRIBUTION and source is not None:
                folder.mkdir(parents=True, exist_ok=True)
                with tarfile.open(folder / "source.tar.gz", "w:gz") as packed:
                    for part in SOURCES:  # building has left more there
                        packed.add(source / part, part)
            else:
                options = ("--quiet", "--no-deps", "--dest", str(folder))
                self.pip("download", *options, f"{name}=={version}")
            found[name] = sum(file.stat().st_size for file in folder.iterdir()) / 1e6
        return found

    def run(self, paper: Paper) -> tuple[str, float]:
        """Run a notebook at toy scale: what went wrong, or nothing, and processor seconds."""
        work = self.folder / "work"
        work.mkdir(exist_ok=True)
        source = paper.notebook_path(self.project)
        arguments = (str(source), str(self.folder / source.name), str(work))
        start = os.times()
        done = self._call(str(self.python), "-c", _RUNNER, *arguments)
        end = os.times()
        seconds = end.children_user + end.children_system
        seconds -= start.children_user + start.children_system
        return ("" if done.returncode == 0 else f"failed\n{tail(done.stdout)}"), seconds

    def remove(self, names: Iterable[str]) -> None:
        """Uninstall packages, if there are any."""
        if chosen := sorted(names):
            self.pip("uninstall", "--quiet", "--yes", *chosen)

    def pip(self, *arguments: str) -> str:
        """pip of that environment; its output."""
        return self.call(str(self.python), "-m", "pip", *arguments)

    def _pip(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self._call(str(self.python), "-m", "pip", *arguments)

    def call(self, *command: str) -> str:
        """Output of a command; :class:`ColabCheckFailed` if it does not succeed."""
        done = self._call(*command)
        if done.returncode:
            raise ColabCheckFailed(f"{' '.join(command)} failed:\n{tail(done.stdout)}")
        return done.stdout

    def _call(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command that sees nothing of this environment's packages and kernels."""
        hidden = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "JUPYTER_PATH", "MPLBACKEND"}
        env = {name: value for name, value in os.environ.items() if name not in hidden}
        env |= {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "JUPYTER_PREFER_ENV_PATH": "1"}
        env |= {"IPYTHONDIR": str(self.folder / "ipython")}
        return subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=env,
            cwd=self.folder,
            check=False,
        )


def torch_distributions() -> list[str]:
    """Torch and the libraries for a GPU that it needs."""
    names = [Requirement(line).name for line in metadata.requires("torch") or []]
    gpu = [name for name in names if name.startswith(("nvidia", "cuda", "triton"))]
    return ["torch", *(name for name in gpu if _is_installed(name))]


def _is_installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def top_level(distribution: str) -> list[Path]:
    """Files and folders of an installed distribution directly inside ``site-packages``."""
    found = metadata.distribution(distribution)
    names = {file.parts[0] for file in found.files or () if file.parts[0] != ".."}
    return [Path(found.locate_file(name)) for name in sorted(names) if name != "__pycache__"]


def tail(text: str, lines: int = 15) -> str:
    """The last lines of a command's output, indented."""
    return "\n".join(f"    {line}" for line in text.strip().splitlines()[-lines:])
