"""One look per model of this chapter: never by color alone."""

from companion.plotting import methods

LOOKS = methods(
    "Mamba-3",
    "Mamba-3, heavy tail",
    "Mamba-3, standard RoPE",
    "Mamba-3, no RoPE",
    "Mamba-2",
    "real, both signs",
    "MIMO",
    "attention",
)


def look(name: str) -> dict[str, object]:
    """Keyword arguments for ``Axes.plot``."""
    return LOOKS[name]._asdict()
