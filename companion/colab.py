"""Does the book run beside the versions that Colab ships?

:func:`check` makes a fresh environment, fills it with Colab's pinned packages, installs the book
the way Colab would (from its sources, not editable), holds the two lists of versions against each
other, and runs notebooks there, each with the extra of its own chapter and no other.  Torch and the
model wheels are not installed again but linked from the environment that runs the check: on Colab,
torch, too, is just there, and a chapter asks for its model when it needs it.  What is installed is
weighed: that is what a reader waits for.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Iterable, Sequence
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from companion import extras, wheels
from companion.papers import Paper
from companion.project import Project

BASE = ("ipykernel", "ipywidgets", "nbclient", "nbformat", "torch")
"""What runs notebooks on Colab, and torch; what these need is installed before the book is."""

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


def check(pins: Path, chapters: Sequence[Paper], project: Project, *, say: Say) -> str:
    """Run the whole check; a report, also in ``build/colab/report.txt``.

    pins : file with one ``name==version`` a line
    chapters : whose notebooks run; say : called with what is being done
    """
    bench = Bench(project, say)
    bench.create()
    wanted = read_pins(pins)
    absent = bench.install_pins(wanted)
    bench.pip("install", "--quiet", "--constraint", str(bench.pin_file), *BASE)
    before = bench.versions()
    say("installing the book")
    source = bench.copy_sources()
    bench.pip("install", "--quiet", str(source))
    after = bench.versions()
    replaced = changes(before, after)
    added = sorted(set(after) - set(before))
    sizes = bench.megabytes({name: after[name] for name in added}, source)
    total = sum(sizes.values())
    lines = [
        f"{len(wanted) - len(absent)} of {len(wanted)} pins of {pins.name} installed on Python "
        f"{sys.version_info.major}.{sys.version_info.minor}, torch {metadata.version('torch')}",
        *(f"no wheel for this Python: {pin}" for pin in absent),
        f"installing the book added {len(added)}: " + ", ".join(f"{n} {after[n]}" for n in added),
        f"a chapter without an extra downloads {total:.1f} MB of at most {MOST_MB}: "
        + listed(sizes),
        f"installing the book replaced {len(replaced)}: " + ("; ".join(replaced) or "none"),
    ]
    failed = [f"replaced: {line}" for line in replaced]
    failed += [f"{total:.1f} MB are more than {MOST_MB}"] if total > MOST_MB else []
    for paper in chapters:
        more: dict[str, str] = {}
        if paper.packages:
            say(f"installing {extras.target(paper)}")
            bench.pip("install", "--quiet", f"{source}[{paper.slug}]")
            here = bench.versions()
            more = {name: here[name] for name in sorted(set(here) - set(after))}
            moved = changes(after, here)
            weighed = bench.megabytes(more)
            lines.append(
                f"{paper.slug}: its extra downloads {sum(weighed.values()):.1f} MB more: "
                f"{listed(weighed)}; replaced {len(moved)}: " + ("; ".join(moved) or "none")
            )
            failed += [f"{paper.slug} replaced: {line}" for line in moved]
        say(f"running {paper.slug}")
        problem = bench.run(paper)
        lines.append(f"{paper.slug} at toy scale: {problem or 'ran to its end'}")
        failed += [f"{paper.slug}: {problem}"] if problem else []
        if more:
            bench.pip("uninstall", "--quiet", "--yes", *more)
    report = "\n".join(lines)
    (bench.folder / "report.txt").write_text(report + "\n", encoding="utf-8")
    if failed:
        raise ColabCheckFailed(report)
    return report


def read_pins(path: Path) -> list[str]:
    """The requirements of a constraints file, without torch and its companions."""
    lines = (line.partition("#")[0].strip() for line in path.read_text("utf-8").splitlines())
    return [
        line
        for line in lines
        if line and canonicalize_name(Requirement(line).name) not in {"torch", "torchvision"}
    ]


def changes(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """Packages of `before` that have another version, or none, in `after`."""
    return [
        f"{name} {version} -> {after.get(name, 'removed')}"
        for name, version in before.items()
        if after.get(name) != version
    ]


def listed(sizes: dict[str, float]) -> str:
    """Names with their megabytes, the largest first."""
    ordered = sorted(sizes.items(), key=lambda pair: -pair[1])
    return ", ".join(f"{name} {size:.1f}" for name, size in ordered) or "nothing"


class Bench:
    """The environment in ``build/colab``."""

    def __init__(self, project: Project, say: Say) -> None:
        self.project, self.say = project, say
        self.folder = project.build / "colab"
        self.pin_file = self.folder / "pins.txt"
        scripts = "Scripts" if os.name == "nt" else "bin"
        self.python = self.folder / "venv" / scripts / "python"

    def create(self) -> None:
        """A fresh environment that sees torch and the model wheels of this one."""
        self.say(f"making {self.folder}")
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        venv.create(self.folder / "venv", with_pip=True, symlinks=os.name != "nt")
        linked = self.folder / "linked"
        linked.mkdir()
        models = [wheel.name for wheel in wheels.needed(self.project) if wheel.installed()]
        for name in [*torch_distributions(), *models]:
            for entry in top_level(name):
                target = linked / entry.name
                if not target.exists():
                    target.symlink_to(entry, target_is_directory=entry.is_dir())
        code = "import sysconfig; print(sysconfig.get_path('purelib'))"
        site = self.call(str(self.python), "-c", code).strip()
        Path(site, "linked.pth").write_text(f"{linked}\n", encoding="utf-8")

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
                shutil.make_archive(str(folder / "source"), "gztar", source)
            else:
                options = ("--quiet", "--no-deps", "--dest", str(folder))
                self.pip("download", *options, f"{name}=={version}")
            found[name] = sum(file.stat().st_size for file in folder.iterdir()) / 1e6
        return found

    def run(self, paper: Paper) -> str:
        """Run a notebook at toy scale; what went wrong, or nothing."""
        work = self.folder / "work"
        work.mkdir(exist_ok=True)
        source = paper.notebook_path(self.project)
        arguments = (str(source), str(self.folder / source.name), str(work))
        done = self._call(str(self.python), "-c", _RUNNER, *arguments)
        return "" if done.returncode == 0 else f"failed\n{tail(done.stdout)}"

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
