import io
import itertools
import re
from types import SimpleNamespace

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from companion import plotting, stats
from companion.project import Project


def luminance(color):
    """Relative luminance of WCAG 2."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(color)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_every_method_differs_from_the_others_without_color():
    looks = [(style.marker, str(style.linestyle)) for style in plotting.ROLES.values()]
    assert len(set(looks)) == len(looks)
    with pytest.raises(ValueError, match="known are paper"):
        plotting.style("nobody")


def test_no_chapter_has_styles_of_its_own():
    package = Project().package
    own = [
        f"{path.relative_to(package)}: {line.strip()}"
        for path in package.rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(r"\bStyle\(", line) and path.parent != package
    ]
    assert own == []


def test_methods_come_in_the_order_asked_for():
    assert list(plotting.methods("SR", "RTN").items()) == [
        ("SR", plotting.METHODS["SR"]),
        ("RTN", plotting.METHODS["RTN"]),
    ]
    with pytest.raises(ValueError, match="unknown method 'nobody'"):
        plotting.methods("SR", "nobody")


def test_the_paper_is_grey():
    red, green, blue = to_rgb(plotting.METHODS["paper"].color)
    assert red == green == blue


def test_text_colors_contrast_with_white():
    for style in plotting.ROLES.values():
        assert 1.05 / (luminance(style.color) + 0.05) >= 2.0
    assert 1.05 / (luminance(plotting.GREY) + 0.05) >= 4.5


def test_palette_colors_are_distinct():
    for a, b in itertools.combinations(plotting.PALETTE, 2):
        assert sum(abs(x - y) for x, y in zip(to_rgb(a), to_rgb(b), strict=True)) > 0.25


def test_title_follows_the_data():
    for holds, expected in ((True, "It rises"), (False, "It does not rise here")):
        _fig, ax = plotting.figure()
        plotting.finding_title(ax, "It rises", holds=holds, otherwise="It does not rise here")
        assert ax.get_title() + ax.get_title(loc="left") == expected


@pytest.mark.parametrize("where", ["left", "center"])
@pytest.mark.parametrize("panels", [1, 2])
def test_a_published_figure_says_so(where, panels):
    with mpl.rc_context({"axes.titlelocation": where}):
        fig, axes = plotting.figure(1, panels)
        target, title = "a long title that is broken into lines " * 4, "Published run: a long title"
        plotting.finding_title(fig if panels > 1 else axes, target, holds=True, otherwise="no")
        assert plotting.as_published(fig) is fig
    shown = fig.get_suptitle() if panels > 1 else axes.get_title(where)
    assert shown.startswith(title)
    assert " ".join(shown.split()) == f"Published run: {target.strip()}"


def test_webp_has_the_size_of_the_figure():
    fig, _ = plotting.figure(height=2, width=3)
    picture = Image.open(io.BytesIO(plotting.to_webp(fig, dpi=100)))
    assert picture.size == (300, 200)


def test_reference_line_stands_at_its_value():
    _fig, (ax, bx) = plotting.figure(1, 2)
    plotting.reference_line(ax, 0.25, "chance")
    plotting.reference_line(bx, 3.0, "peak", axis="x")
    assert set(ax.lines[0].get_ydata()) == {0.25}
    assert set(bx.lines[0].get_xdata()) == {3.0}
    assert ax.texts[0].get_text() == "chance"


def test_alt_text_comes_from_what_was_drawn():
    fig, (ax, bx) = plotting.figure(1, 2)
    ax.plot([1, 100], [0, 2])
    ax.set(xscale="log", xlim=(1, 100), ylim=(0, 2), xlabel="steps $t$", ylabel="loss")
    bx.set_axis_off()
    bx.text(0, 0, "Nothing here yet.")
    plotting.finding_title(fig, "It\nrises", holds=True, otherwise="It does not")
    assert plotting.alt_text(fig) == (
        "It rises. horizontal: steps t, 1 to 100, log axis; vertical: loss, 0 to 2. "
        "Nothing here yet."
    )


def test_only_an_interval_that_excludes_the_contrary_shows_a_finding():
    def between(low, high):
        return SimpleNamespace(low=low, high=high)

    assert plotting.shows(between(0.1, 0.3), above=0)
    assert plotting.shows(between(-0.3, -0.1), below=0)
    assert not plotting.shows(between(-0.1, 0.3), above=0)
    assert not plotting.shows(between(-0.3, 0.0), below=0)
    for nothing in (between(None, None), between(0.1, np.nan), between(0.1, np.inf), object()):
        assert not plotting.shows(nothing, above=0)
    assert not plotting.shows(stats.over_seeds([0.4]), above=0), "one seed shows nothing"
    assert plotting.shows(stats.over_seeds([0.4, 0.5, 0.45]), above=0)
    with pytest.raises(ValueError, match="one border"):
        plotting.shows(between(0, 1))


def test_a_title_needs_both_sentences():
    _fig, ax = plotting.figure()
    with pytest.raises(ValueError, match="does not show it"):
        plotting.finding_title(ax, "It rises", holds=True, otherwise=" ")


def test_a_kernel_shows_figures_with_their_description(tmp_path):
    """In a real kernel, because matplotlib sets up its own formatters there."""
    import nbformat
    from nbclient import NotebookClient

    from companion.publish.kernel import NAME, kernel_manager

    cells = [
        "from companion import plotting\nplotting.use_theme()",
        "fig, ax = plotting.figure(height=2)\nax.set_xlabel('steps')\nfig",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    client = NotebookClient(
        notebook,
        kernel_name=NAME,
        kernel_manager_class=kernel_manager({}, str(tmp_path / "kernel.json")),
        timeout=300,
    )
    client.execute()
    (output,) = notebook.cells[1].outputs
    told = output.metadata["image/png"]
    assert told["alt"] == "horizontal: steps, 0 to 1."
    assert told["width"] == 100 * plotting.WIDTH


def test_title_of_a_lone_panel_stays_inside_the_picture_beside_wide_labels():
    with mpl.rc_context({"axes.titlelocation": "left", "axes.titlesize": 12}):
        fig, ax = plotting.figure()
        ax.barh(["a label of a category that is very long"], [1])
        plotting.finding_title(ax, "seven words that fill a line " * 3, holds=True, otherwise="no")
    before = ax._left_title.get_position()[0]
    plotting.to_webp(fig)
    fig.draw_without_rendering()  # at the figure's own resolution again
    box = ax._left_title.get_window_extent()
    assert ax._left_title.get_position()[0] < before
    assert 0 <= box.x0 < box.x1 <= fig.bbox.width


def test_without_a_record_a_figure_says_what_will_come():
    fig = plotting.no_record("these figures")
    assert not fig.axes[0].axison
    assert plotting.alt_text(fig) == (
        "No published record yet. The experiment below draws these figures live."
    )


def test_a_headline_states_no_finding_and_is_the_title():
    fig, _ = plotting.figure(1, 2)
    plotting.headline(fig, "Angle 30", size=11)
    assert (fig.get_suptitle(), fig._suptitle.get_fontsize()) == ("Angle 30", 11)


def test_the_mean_lies_over_one_thin_line_a_seed():
    _, ax = plotting.figure()
    rows = np.array([[1.0, 2.0, 4.0], [3.0, 2.0, 0.0]])
    mean = plotting.thin_and_mean(ax, [1, 2, 3], rows, plotting.style("SR") | {"label": "SR"})
    *seeds, last = ax.lines
    assert last is mean
    assert mean.get_label() == "SR"
    assert mean.get_ydata().tolist() == [2, 2, 2]
    assert [line.get_ydata().tolist() for line in seeds] == rows.tolist()
    assert all(line.get_linewidth() < mean.get_linewidth() for line in seeds)
    assert {line.get_color() for line in ax.lines} == {plotting.METHODS["SR"].color}


@pytest.mark.parametrize("small", [False, True])
def test_plain_ticks_are_numbers_and_widen_the_view_if_told(small):
    fig, ax = plotting.figure()
    ax.plot([1, 30], [0, 1])
    ax.set(xscale="log", xlim=(1, 30))
    plotting.plain_ticks(ax.xaxis, (0.5, 2, 20, 2000), "{:g} m", small=small)
    fig.draw_without_rendering()
    assert ax.get_xlim() == (1, 30)
    shown = [(tick.get_loc(), tick.label1.get_text()) for tick in ax.xaxis.get_major_ticks()]
    assert [one for one in shown if 1 <= one[0] <= 30] == [(2, "2 m"), (20, "20 m")]
    assert bool(len(ax.xaxis.get_minorticklocs())) == small
    assert {tick.label1.get_text() for tick in ax.xaxis.get_minor_ticks()} <= {""}
    plotting.plain_ticks(ax.xaxis, (0.5, 20), widen=True)
    assert ax.get_xlim() == (0.5, 30)
