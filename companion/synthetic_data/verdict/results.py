"""Everything that a run of the chapter computed."""

from __future__ import annotations

from dataclasses import dataclass

from companion.data import Missing
from companion.synthetic_data.lab.language import Student, Variety
from companion.synthetic_data.lab.lives import Lives
from companion.synthetic_data.lab.loop import Runs
from companion.synthetic_data.lab.run import AllRuns
from companion.synthetic_data.lab.tabular import Regenerated
from companion.synthetic_data.lab.theory import Check
from companion.synthetic_data.lab.threshold import Artifact
from companion.synthetic_data.method.infinite import Damage


@dataclass(frozen=True)
class Results:
    """Results of ``experiments``, by laboratory.

    checks, artifact, survival_margin : A; the margin is the least excess of a simulated survival
        over its bound
    runs, infinite : B; tables : C; lives : D; students, variety : E
    A ``Missing`` stands for what this scale leaves out, or for a model that is not to be had
    repeat : largest difference of two trainings without synthetic data
    """

    checks: list[Check]
    artifact: Artifact
    survival_margin: float
    runs: AllRuns
    infinite: dict[tuple[float, float], Damage]
    repeat: float
    tables: dict[tuple[str, float], Regenerated]
    lives: Lives | Missing
    students: list[Student] | Missing
    variety: list[Variety] | Missing

    @property
    def largest(self) -> int:
        """The largest rank."""
        return max(rank for _, rank in self.runs)

    def top(self, arm: str) -> Runs:
        """An arm at the largest rank."""
        return self.runs[arm, self.largest]

    def sizes(self, arm: str) -> dict[int, Runs]:
        """All sizes of an arm: rank -> runs."""
        return {rank: runs for (name, rank), runs in self.runs.items() if name == arm}
