"""All results of a run together."""

from __future__ import annotations

from dataclasses import dataclass, replace

from companion.data import Missing
from companion.distillation_memorization.lab.run import Sweep
from companion.distillation_memorization.lab.world import World


@dataclass(frozen=True)
class Results:
    """Everything that the notebook computed; a field may hold a ``Missing`` instead.

    scale, seed, bootstrap : of the run
    worlds : of the main experiment, one per seed: what the claims are judged on
    transformers, real : the same with transformers, and on real text
    overfit : the sweep over teacher epochs
    """

    scale: str
    seed: int
    bootstrap: int
    worlds: list[World]
    transformers: list[World] | Missing
    real: list[World] | Missing
    overfit: Sweep | Missing

    @property
    def one_seed(self) -> bool:
        """Whether there is no second world (toy scale, the Hub): estimates are points."""
        return len(self.worlds) == 1

    def on_hub(self, world: World | Missing) -> Results:
        """These results judged on the paper's own kind of models, where they were trained."""
        return self if isinstance(world, Missing) else replace(self, worlds=[world])

    def others(self) -> dict[str, list[World]]:
        """The kinds of worlds beside the main one that were run."""
        kinds = {"transformers": self.transformers, "real text": self.real}
        return {name: found for name, found in kinds.items() if not isinstance(found, Missing)}
