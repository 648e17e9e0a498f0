import io
import itertools

import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from companion import plotting


def luminance(color):
    """Relative luminance of WCAG 2."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(color)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_every_method_differs_from_the_others_without_color():
    looks = [(style.marker, str(style.linestyle)) for style in plotting.METHODS.values()]
    assert len(set(looks)) == len(looks)
    with pytest.raises(ValueError, match="known are paper"):
        plotting.style("nobody")


def test_the_paper_is_grey():
    red, green, blue = to_rgb(plotting.METHODS["paper"].color)
    assert red == green == blue


def test_text_colors_contrast_with_white():
    for style in plotting.METHODS.values():
        assert 1.05 / (luminance(style.color) + 0.05) >= 2.0
    assert 1.05 / (luminance(plotting.GREY) + 0.05) >= 4.5


def test_palette_colors_are_distinct():
    for a, b in itertools.combinations(plotting.PALETTE, 2):
        assert sum(abs(x - y) for x, y in zip(to_rgb(a), to_rgb(b), strict=True)) > 0.25


def test_title_follows_the_data():
    for holds, expected in ((True, "It rises"), (False, "It does not rise here")):
        fig, ax = plotting.figure()
        plotting.finding_title(ax, "It rises", holds=holds, otherwise="It does not rise here")
        assert ax.get_title() + ax.get_title(loc="left") == expected


def test_webp_has_the_size_of_the_figure():
    fig, _ = plotting.figure(height=2, width=3)
    picture = Image.open(io.BytesIO(plotting.to_webp(fig, dpi=100)))
    assert picture.size == (300, 200)


def test_reference_line_stands_at_its_value():
    fig, (ax, bx) = plotting.figure(1, 2)
    plotting.reference_line(ax, 0.25, "chance")
    plotting.reference_line(bx, 3.0, "peak", axis="x")
    assert set(ax.lines[0].get_ydata()) == {0.25}
    assert set(bx.lines[0].get_xdata()) == {3.0}
    assert ax.texts[0].get_text() == "chance"
