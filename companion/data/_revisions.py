"""Which commit of a repository of the Hugging Face Hub is read."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path

from companion.data._fetch import DataUnavailable

VARIABLE = "COMPANION_REVISIONS"
"""Environment variable that names a reader's own file of commits."""


class NotPinned(DataUnavailable):
    """No commit of a repository is named, so nothing of it is read."""


def revision(repository: str) -> str:
    """Commit of a Hub repository, 40 hexadecimal digits.

    What is behind a branch may change tomorrow, weights and data as well as code, so nothing is
    read without a commit.  The book knows none of the repositories that only paper scale reads:
    whoever runs it names them, and can say afterwards what was read.  They stand in a TOML file,
    ``"owner/name" = "commit"`` a line, whose path is in ``$COMPANION_REVISIONS``.

    repository : ``"owner/name"`` of a model or of a data set; the folder of one on this machine
        has no commit, and is given ``"main"``, which nobody looks at there

    Raises
    ------
    NotPinned : the file does not name it; the message says how to find the commit
    ValueError : the file cannot be read, or what it names is no commit
    """
    if Path(repository).is_absolute() or Path(repository).is_dir():
        return "main"
    place = os.environ.get(VARIABLE, "")
    try:
        named = tomllib.loads(Path(place).read_text(encoding="utf-8")) if place else {}
    except (OSError, ValueError) as error:
        raise ValueError(f"{VARIABLE}={place} is no TOML file of commits: {error}") from error
    if repository not in named:
        raise NotPinned(
            f"no commit of {repository} is named, which is on the Hugging Face Hub only: look it "
            f'up on its page, under Files and History, write "{repository}" = "COMMIT" into a '
            f"file and set {VARIABLE} to its path",
            short=f"No commit of {repository} is named in {VARIABLE}.",
        )
    commit = named[repository]
    if not isinstance(commit, str) or not re.fullmatch("[0-9a-f]{40}", commit):
        raise ValueError(
            f"{place} names {commit!r} for {repository}; a commit has 40 hexadecimal digits"
        )
    return commit
