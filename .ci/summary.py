"""What failed, as Markdown: of a file of pytest (``--junitxml``) or of Sphinx's link check.

python .ci/summary.py junit.xml >> "$GITHUB_STEP_SUMMARY"
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from xml.etree import ElementTree

MOST = 50
"""Lines of a list; the number of all stands above it."""


def tests(path: Path) -> tuple[str, list[str]]:
    """How many tests ran, and those that failed with the first line of why."""
    cases = list(ElementTree.parse(path).getroot().iter("testcase"))
    failed = [
        f"`{case.get('classname')}.{case.get('name')}`: {_first_line(found.get('message') or '')}"
        for case in cases
        for found in [*case.findall("failure"), *case.findall("error")]
    ]
    return f"{len(cases)} tests, {len(failed)} failed", failed


def links(path: Path) -> tuple[str, list[str]]:
    """How many addresses were asked, and those that are broken with the page that names them."""
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
    broken = [
        f"{row['uri']} in `{row['filename']}`: {_first_line(row['info'])}"
        for row in rows
        if row["status"] in {"broken", "timeout"}
    ]
    return f"{len(rows)} addresses, {len(broken)} broken", broken


def summary(path: Path) -> str:
    """The whole text; a file that is not there means that nothing got so far."""
    if not path.is_file():
        return f"### {path.name} was not written: the step before it failed\n"
    head, lines = (tests if path.suffix == ".xml" else links)(path)
    shown = [f"- {line}" for line in lines[:MOST]]
    more = [f"- and {len(lines) - MOST} more"] if len(lines) > MOST else []
    return "\n".join([f"### {head}", "", *shown, *more]) + "\n"


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0][:200].replace("`", "'")


if __name__ == "__main__":
    sys.stdout.write(summary(Path(sys.argv[1])))
