"""What the reader of a terminal sees while notebooks run."""

from __future__ import annotations

import sys
import threading
import time
from typing import TextIO

from tqdm import tqdm

BAR = "{desc:<28.28} {bar:20} {n_fmt}/{total_fmt} [{elapsed}{postfix}]"
QUIET_S = 20.0
"""Without a terminal a running notebook reports at most this often."""


def to_stderr(text: str) -> None:
    """Write one line to standard error, above any progress bar."""
    tqdm.write(text, file=sys.stderr)


class Progress:
    """One bar a running notebook, naming chapter and cell; plain lines where there is no terminal.

    total : notebooks that will run
    file : where to draw, standard error by default
    """

    def __init__(self, total: int, file: TextIO | None = None) -> None:
        self.file = file or sys.stderr
        self._bars: dict[str, tqdm] = {}
        self._spoke: dict[str, float] = {}
        self._lock = threading.Lock()
        self._fancy = self.file.isatty()
        self._all = self._bar("chapters", total, 0) if self._fancy and total > 1 else None

    def _bar(self, name: str, total: int, position: int) -> tqdm:
        return tqdm(
            total=total,
            desc=name,
            position=position,
            file=self.file,
            bar_format=BAR,
            leave=False,
            dynamic_ncols=True,
        )

    def say(self, text: str) -> None:
        """One line, above the bars."""
        tqdm.write(text, file=self.file)
        self.file.flush()

    def cell(self, slug: str, number: int, of: int, name: str) -> None:
        """Notebook `slug` starts cell `number` of `of`; `name` is the heading above it."""
        with self._lock:
            if not self._fancy:
                now = time.monotonic()
                if slug not in self._spoke or now - self._spoke[slug] >= QUIET_S:
                    self._spoke[slug] = now
                    self.say(f"{slug}: cell {number}/{of}  {name}")
                return
            if slug not in self._bars:
                taken = {abs(bar.pos) for bar in self._bars.values()}
                position = next(i for i in range(1, len(taken) + 2) if i not in taken)
                self._bars[slug] = self._bar(slug, of, position)
            bar = self._bars[slug]
            bar.set_postfix_str(name, refresh=False)
            bar.n = number
            bar.refresh()

    def tick(self) -> None:
        """Bring the clocks of the bars up to date."""
        with self._lock:
            for bar in self._bars.values():
                bar.refresh()

    def end(self, slug: str, text: str) -> None:
        """Notebook `slug` is done; `text` is its last line."""
        with self._lock:
            if bar := self._bars.pop(slug, None):
                bar.close()
            if self._all is not None:
                self._all.update()
            self.say(f"{slug}: {text}")

    def close(self) -> None:
        """Remove the bars."""
        with self._lock:
            for bar in [*self._bars.values(), *([self._all] if self._all is not None else [])]:
                bar.close()
            self._bars.clear()
