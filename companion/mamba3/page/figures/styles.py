"""One look per model of this chapter: never by color alone."""

from companion.plotting import BLACK, BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILION, Style

LOOKS = {
    "Mamba-3": Style(BLUE, "o", "-"),
    "Mamba-3, heavy tail": Style(SKY, "D", "-"),
    "Mamba-3, standard RoPE": Style(GREEN, "v", ":"),
    "Mamba-3, no RoPE": Style(VERMILION, "X", "-."),
    "Mamba-2": Style(ORANGE, "^", "--"),
    "real, both signs": Style(PURPLE, "s", "--"),
    "MIMO": Style(GREEN, "P", "-"),
    "attention": Style(BLACK, "s", "--"),
}


def look(name: str) -> dict[str, object]:
    """Keyword arguments for ``Axes.plot``."""
    return LOOKS[name]._asdict()
