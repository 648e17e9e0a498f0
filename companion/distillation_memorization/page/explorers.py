"""The chapter's explorers: sequences, prompt length with temperature, and the filter."""

from __future__ import annotations

from companion.distillation_memorization.lab.world import World
from companion.distillation_memorization.method.objectives import (
    BASELINE,
    HARD,
    SOFT,
    TAU,
    TEACHER,
    soft,
)
from companion.distillation_memorization.page.figures import (
    browser_frame,
    filter_frame,
    kind_of,
    prefix_frame,
)
from companion.distillation_memorization.settings import PREFIX
from companion.explore import Explorer, explorer

THRESHOLDS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)


def sequence_explorer(world: World) -> Explorer:
    """Sequences of every kind with their four generations: at most 30 frames."""

    def alt(sequence: int) -> str:
        at = world.shown[sequence]
        knows = [m for m in (TEACHER, BASELINE, SOFT, HARD) if world.members[m][at]]
        return (
            f"Sequence {at}, {kind_of(world, at)}: the prompt is {world.texts[sequence][:PREFIX]!r}"
            f"; completed word for word by {', '.join(knows) or 'none of the four'}."
        )

    return explorer(
        lambda sequence: browser_frame(world, sequence, PREFIX),
        name="distill-sequences",
        alt=alt,
        labels={"sequence": "sequence"},
        show={"sequence": lambda i: f"{world.shown[i]}"},
        start={"sequence": 0},
        sequence=list(range(len(world.shown))),
    )


def prefix_explorer(world: World) -> Explorer:
    """Prompt length and temperature of the soft student: at most 20 frames."""
    taus = sorted(
        float(m.removeprefix("soft, tau ")) for m in world.members if m.startswith("soft")
    )

    def alt(prefix: int, tau: float) -> str:
        members = world.by_prefix[prefix]
        counts = ", ".join(
            f"{m} {int(members[m].sum())}" for m in (TEACHER, BASELINE, soft(tau), HARD)
        )
        return f"Prompt of {prefix} characters, memorized of {len(world.zlib)}: {counts}."

    return explorer(
        lambda prefix, tau: prefix_frame(world.by_prefix[prefix], soft(tau), prefix),
        name="distill-prefix",
        alt=alt,
        labels={"prefix": "prompt length", "tau": "temperature"},
        show={"tau": lambda t: f"{t:g}"},
        start={"prefix": PREFIX, "tau": TAU},
        prefix=list(world.by_prefix),
        tau=taus,
    )


def filter_explorer(world: World) -> Explorer:
    """Threshold of the filter: what goes and what stays, before distilling again."""

    def alt(threshold: float) -> str:
        gone = world.prediction.probability > threshold
        memorized = world.members[SOFT]
        return (
            f"Threshold {threshold:g}: {int(gone.sum())} of {len(gone)} sequences removed, "
            f"{int((memorized & ~gone).sum())} of {int(memorized.sum())} memorized ones remain."
        )

    return explorer(
        lambda threshold: filter_frame(world, threshold),
        name="distill-filter",
        alt=alt,
        labels={"threshold": "threshold"},
        show={"threshold": lambda t: f"{t:.2f}"},
        start={"threshold": 0.5},
        threshold=list(THRESHOLDS),
    )
