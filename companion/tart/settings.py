"""Everything that depends on the scale."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """One run of the chapter.

    sizes : numbers of draws that are averaged, increasing
    n_repeats : means per size
    n_seeds : independent repetitions; intervals are over these
    """

    sizes: tuple[int, ...] = (4, 16, 64, 256)
    n_repeats: int = 400
    n_seeds: int = 8

    def __post_init__(self) -> None:
        if len(self.sizes) < 2 or list(self.sizes) != sorted(set(self.sizes)) or self.sizes[0] < 1:
            raise ValueError(f"sizes must be two or more increasing counts, got {self.sizes}")
        if self.n_repeats < 4 or self.n_seeds < 2:
            raise ValueError(
                f"need n_repeats >= 4 and n_seeds >= 2, got {self.n_repeats} and {self.n_seeds}"
            )


PRESETS = {
    "toy": Settings(),
    "book": Settings(n_repeats=1_000, n_seeds=16),
    "paper": Settings(sizes=(4, 16, 64, 256, 1024), n_repeats=4_000, n_seeds=32),
}
