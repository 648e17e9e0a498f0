"""A copy of the book's sources in a temporary folder, to write into."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from companion import skeleton, sync
from companion.papers import Paper, paper
from companion.project import Project

REAL = Project()
FILES = ("_config.yml", "book/_toc.yml", "README.md", "CITATION.cff", "pyproject.toml")


def make(root: Path) -> Project:
    """Register and everything that holds generated parts; no notebook, no record, no address."""
    project = Project(root)
    for name in (*FILES, "companion/papers.toml"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REAL.root / name, root / name)
    project.notebooks.mkdir()
    project.records.mkdir()
    sync.set_address(None, project)
    return project


def start(project: Project, slug: str) -> Paper:
    """Add the skeleton of a chapter."""
    entry = paper(slug, project)
    skeleton.create(entry, project)
    sync.sync(project)
    return entry


def publish(project: Project, slug: str, findings: list[dict], **changes: object) -> Path:
    """Write a record with these findings; missing fields of a finding are filled in."""
    from companion import records

    made = records.code(slug, "book", project)
    plain = {
        "claim": "C1",
        "statement": "It grows.",
        "paper": "2.0 (Table 1)",
        "criterion": "above 1",
        "estimate": 1.5,
        "low": 1.25,
        "high": 1.75,
        "p": 0.25,
        "n": 8,
        "unit": "ratio",
        "verdict": "holds",
        "note": "",
        "of": "paper",
        "on": "real",
    }
    record = {
        "slug": slug,
        "scale": "book",
        "seeds": [0, 1],
        "settings": {},
        "findings": [{**plain, **finding} for finding in findings],
        "series": {},
        "provenance": {
            "versions": {},
            "python": "3.11.7",
            "processor": "A | B",
            "cores": 2,
            "wall_s": 754.0,
            "peak_mb": 912.0,
            "commit": None,
            "digest": made.digest if made else None,
            "definitions": made.definitions if made else {},
            "date": "2026-01-02",
        },
    }
    record.update(changes)
    path = project.records / f"{slug}.json"
    path.write_text(json.dumps(record), encoding="utf-8")
    return path


def snapshot(root: Path) -> dict[str, bytes]:
    """Every file below `root` with its content."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }
