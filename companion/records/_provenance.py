"""Where a number came from: versions, machine, time, memory, commit."""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from companion import fingerprint
from companion._quick import LOADED
from companion.papers import paper
from companion.project import Project
from companion.scale import n_cores

_LIBRARIES = (
    "numpy",
    "scipy",
    "pandas",
    "statsmodels",
    "scikit-learn",
    "torch",
    "transformers",
    "matplotlib",
    "papermill",
    "runnable-papers",
)


def versions() -> dict[str, str]:
    """Installed versions of the libraries that numbers depend on."""
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def processor() -> str:
    """Model name of the processor."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def device() -> str:
    """What this process has computed on: names of GPUs on which it took memory, else ``"cpu"``."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return "cpu"
    names = [
        torch.cuda.get_device_name(i)
        for i in range(torch.cuda.device_count())
        if torch.cuda.max_memory_allocated(i)
    ]
    return ", ".join(dict.fromkeys(names)) or "cpu"


def peak_mb() -> float:
    """Largest resident memory so far of this process and of its largest finished child, in MB."""
    try:
        import resource
    except ImportError:  # Windows has no getrusage
        import psutil

        return psutil.Process().memory_info().rss / 1e6
    # macOS counts bytes, Linux kibibytes
    unit = 1 if sys.platform == "darwin" else 1024
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return max(resource.getrusage(w).ru_maxrss for w in who) * unit / 1e6


def wall_s() -> float:
    """Seconds since this process started."""
    import time

    import psutil

    return time.time() - psutil.Process().create_time()


def cpu_s() -> float:
    """Processor seconds so far of this process and its children, finished and running.

    And what libraries took that were loaded before this process was forked.
    """
    import psutil

    me = psutil.Process()
    own = me.cpu_times()
    spent = own.user + own.system + float(os.environ.get(LOADED, 0))
    spent += getattr(own, "children_user", 0.0) + getattr(own, "children_system", 0.0)
    for child in me.children(recursive=True):
        try:
            times = child.cpu_times()
        except psutil.Error:  # it has ended meanwhile
            continue
        spent += times.user + times.system
    return spent


def commit(project: Project) -> str | None:
    """The checkout's commit, marked ``-dirty`` when tracked files differ; None outside git.

    A copy of the sources that lies inside another repository has no commit of its own: None.
    """
    try:
        name, top, changes = (
            subprocess.run(
                ["git", "-C", str(project.root), *arguments],
                capture_output=True,
                text=True,
                check=True,
                timeout=30,
            ).stdout.strip()
            for arguments in (
                ["rev-parse", "HEAD"],
                ["rev-parse", "--show-toplevel"],
                ["status", "--porcelain", "--untracked-files=no", "--", "companion", "notebooks"],
            )
        )
    except (OSError, subprocess.SubprocessError):
        return None
    if Path(top).resolve() != project.root.resolve():
        return None
    return f"{name}-dirty" if changes else name


def code(slug: str, scale: str, project: Project | None = None) -> fingerprint.Chapter | None:
    """What the chapter's numbers depend on, as the code is now.

    None where only the package is installed (Colab) and the notebook's source is not there.
    """
    project = project or Project()
    entry = paper(slug, project)
    if not entry.is_available(project):
        return None
    return fingerprint.chapter(project.root, entry.notebook_path(project), scale, entry.module)


def provenance_of_machine() -> dict[str, object]:
    """Where and with what something was measured: the part of a provenance that is no chapter's."""
    return {
        "versions": versions(),
        "python": platform.python_version(),
        "processor": processor(),
        "device": device(),
        "cores": n_cores(),
        "date": datetime.date.today().isoformat(),
    }


def provenance(slug: str, scale: str, project: Project | None = None) -> dict[str, object]:
    """The record's ``provenance``, measured in the process that ran the notebook."""
    project = project or Project()
    made = code(slug, scale, project)
    return {
        **provenance_of_machine(),
        "wall_s": round(wall_s(), 1),
        "cpu_s": round(cpu_s(), 1),
        "peak_mb": round(peak_mb(), 1),
        "commit": commit(project),
        "digest": made.digest if made else None,
        "definitions": made.definitions if made else {},
    }
