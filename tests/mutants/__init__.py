"""Kept mistakes: single wrong edits of the package that the tests must notice.

The lists are the ``*.toml`` files beside this module, one for each kind of mistake.  An entry names
a file, a text that occurs in it exactly once, and what to put in its place; further it names the
tests that should notice.  ``python -m tests.mutants`` (or ``make mutants``) applies each mistake to
a copy of the checkout and runs those tests; ``tests/test_mutants.py`` holds that every mistake
still applies, so that the lists follow the code.
"""

from __future__ import annotations

import ast
import hashlib
import json
import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path

KINDS = ("equation", "statistics", "leak", "verdict", "shared")
"""What a mistake is about; each has a list of its own."""

ROOT = Path(__file__).resolve().parents[2]
"""The checkout."""


class CannotApply(ValueError):
    """A mistake that does not fit the code as it is now."""


@dataclass(frozen=True)
class Mistake:
    """One wrong edit.

    id : its name, unique over all lists; kind : one of :data:`KINDS`
    file : path in the checkout; old, new : the text that goes and the one that comes
    tests : paths given to pytest; select : expression for its ``-k``, empty for all tests of them
    breaks : what is wrong afterwards, in words
    """

    id: str
    kind: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]
    breaks: str
    select: str = ""

    def applied(self, text: str) -> str:
        """The file's text with the mistake.

        Raises
        ------
        CannotApply : `old` is not there exactly once, nothing changes, or the result is no Python
        """
        if (n := text.count(self.old)) != 1:
            raise CannotApply(f"{self.id}: the old text occurs {n} times in {self.file}")
        if self.old == self.new:
            raise CannotApply(f"{self.id}: old and new text are the same")
        changed = text.replace(self.old, self.new)
        if self.file.endswith(".py"):
            try:
                before, after = ast.parse(text), ast.parse(changed)
            except SyntaxError as error:
                raise CannotApply(f"{self.id}: the result is no Python: {error}") from error
            if ast.dump(before) == ast.dump(after):
                raise CannotApply(f"{self.id}: the program is the same")
        return changed

    def missing_tests(self, root: Path = ROOT) -> list[str]:
        """Named tests whose file or folder is not there."""
        return [test for test in self.tests if not (root / test.partition("::")[0]).exists()]

    def key(self, root: Path = ROOT) -> str:
        """Digest of the mistake, of the file that it changes, and of the folders of its tests.

        A kept result counts as long as these are the same.
        """
        digest = hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode())
        files = {root / self.file}
        for test in self.tests:
            path = root / test.partition("::")[0]
            if path.parent == root / "tests":  # these suites take what folders offer
                files |= {path, *path.parent.glob("*/borders.py"), *path.parent.glob("*/made.py")}
            else:
                files |= set(path.parent.rglob("*.py"))
        for path in sorted(files):
            digest.update(path.read_bytes() if path.is_file() else b"")
        return digest.hexdigest()


def load(folder: Path = Path(__file__).parent) -> tuple[Mistake, ...]:
    """All mistakes, by kind and then in the order of their list.

    Raises
    ------
    ValueError : an entry with unknown or missing fields, or an id that occurs twice
    """
    found: list[Mistake] = []
    for kind in KINDS:
        rows = tomllib.loads((folder / f"{kind}.toml").read_text(encoding="utf-8"))["mistake"]
        for row in rows:
            try:
                found.append(Mistake(kind=kind, **{**row, "tests": tuple(row["tests"])}))
            except (KeyError, TypeError) as error:
                raise ValueError(f"{kind}.toml, {row.get('id', 'an entry')}: {error}") from error
    names = [one.id for one in found]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"ids occur twice: {sorted(twice)}")
    return tuple(found)
