"""A figure as the two pictures of a page, drawn from real figures."""

import re
import textwrap

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion import pictures, plotting, records
from companion.model_ecosystem.page.figures import answer
from tests.site.checks import smallest_letters


@pytest.fixture(autouse=True)
def theme():
    plotting.use_theme()


def drawn(fig):
    return pictures.for_page(fig, plotting._start_title_at_the_edge)


def width_of(svg):
    return float(re.search(r'viewBox="0 0 ([\d.]+)', svg)[1]) / 72


def test_the_letters_are_the_book_s_own_as_outlines():
    fig, ax = plotting.figure()
    plotting.finding_title(ax, "It rises", holds=True, otherwise="It does not")
    ax.set_xlabel(r"steps $\beta$")
    svg = drawn(fig)["wide"]
    assert "Inter-Regular" in svg
    assert "Inter-SemiBold" in svg
    assert "STIXGeneral-Italic" in svg
    assert "<text" not in svg


def test_every_sign_of_the_figures_is_in_one_of_the_fonts(caplog, recwarn):
    fig, ax = plotting.figure()
    ax.set_title("× ± ≤ ≥ → ← − ° λ σ Δ Σ ² ✓ ✗ … “a” – é ∈ ∞ ≈", fontweight="bold")
    pictures.svg(fig)
    assert (caplog.text, [str(one.message) for one in recwarn]) == ("", [])


@pytest.mark.parametrize("columns", [1, 2, 3, 4])
def test_a_phone_gets_one_that_can_be_read(columns):
    fig, axes = plotting.figure(1, columns, height=3)
    for ax in np.atleast_1d(axes):
        ax.plot([1, 2], label="a name")
        ax.set_ylabel("a quantity")
        ax.legend(fontsize=7)
    made = drawn(fig)
    assert width_of(made["wide"]) == plotting.WIDTH
    assert width_of(made["phone"]) == pictures.NARROW
    assert smallest_letters(made["wide"]) < pictures.LEAST
    assert smallest_letters(made["phone"]) >= pictures.LEAST - 0.01


def test_panels_become_no_narrower_on_a_phone():
    fig, (ax, bx) = plotting.figure(1, 2, height=3, sharey=True)
    before = ax.get_position().width * fig.get_figwidth()
    with pictures.narrowed(fig, plotting._start_title_at_the_edge):
        fig.draw_without_rendering()
        above, below = ax.get_position(), bx.get_position()
        assert above.y0 > below.y1
        assert above.width * fig.get_figwidth() > before
        assert bx.yaxis.get_tick_params()["labelleft"], "its neighbor had the numbers"


def test_a_figure_is_afterwards_what_it_was():
    fig, axes = plotting.figure(1, 3, height=3, sharey=True)
    for ax in axes:
        ax.scatter(*np.random.default_rng(0).random((2, 2000)), label="points")
        ax.set_xlabel("a label that is much longer than the panel below which it stands, by far")
    plotting.headline(fig, "a title that is broken into two lines on a phone, where there is less")
    fig.legend(loc="outside lower center", ncols=4)
    fig.draw_without_rendering()

    def state():
        fig.draw_without_rendering()
        texts = [(t.get_text(), round(t.get_fontsize(), 6)) for t in fig.findobj(type(ax.title))]
        places = [ax.get_position().bounds for ax in axes]
        return texts, np.round(places, 6).tolist(), fig.get_size_inches().tolist()

    before = state()
    drawn(fig)
    assert state() == before
    assert not any(artist.get_rasterized() for ax in axes for artist in ax.collections)


def test_many_marks_become_pixels():
    fig, ax = plotting.figure()
    ax.scatter(*np.random.default_rng(0).random((2, pictures.MANY)))
    assert "<image" not in drawn(fig)["wide"]
    ax.scatter(*np.random.default_rng(0).random((2, pictures.MANY + 1)))
    assert "<image" in drawn(fig)["wide"]


def test_a_drawing_that_is_large_in_some_other_way_becomes_pixels():
    fig, ax = plotting.figure()
    rng = np.random.default_rng(0)
    for _ in range(200):
        ax.plot(rng.random(40))
    assert all(len(svg) < pictures.LARGEST for svg in drawn(fig).values())


def test_labels_and_legends_stay_inside_a_phone_s_picture():
    fig, ax = plotting.figure()
    for name in ("paper, whole Hub", "random", "parent-child", "sibling", "other kin"):
        ax.plot([1, 2], label=name)
    ax.set_xlabel(r"similarity of $a + b$, siblings minus parent and child, in all of the families")
    fig.legend(loc="outside lower center", ncols=5)
    with pictures.narrowed(fig, plotting._start_title_at_the_edge):
        fig.draw_without_rendering()
        for artist in (ax.xaxis.label, fig.legends[0]):
            box = artist.get_window_extent()
            assert 0 <= box.x0 < box.x1 <= fig.bbox.width
        assert "$a + b$" in ax.get_xlabel()
    assert fig.legends[0]._ncols == 5


def test_a_label_in_proportional_letters_stays_inside():
    """A first line of average length may still be too wide: it is broken until it fits."""
    fig = answer(records.load("model-ecosystem"))
    (ax,) = fig.axes
    with pictures.narrowed(fig, plotting._start_title_at_the_edge):
        fig.draw_without_rendering()
        box = ax.xaxis.label.get_window_extent()
        assert 3 < box.x0 < box.x1 < fig.bbox.width - 3


@given(
    st.lists(st.text("abcdefg", min_size=1, max_size=11), min_size=1, max_size=20),
    st.integers(12, 60),
)
def test_lines_are_as_few_as_can_be_and_none_could_be_shorter(words, fits):
    text = " ".join(words)
    lines = pictures.balanced(text, fits).split("\n")
    assert " ".join(lines) == text
    widest = max(map(len, lines))
    assert widest <= fits
    assert len(lines) == len(textwrap.wrap(text, fits))
    assert widest == 12 or widest < 12 or len(textwrap.wrap(text, widest - 1)) > len(lines)


def test_a_formula_is_not_broken():
    assert pictures.balanced("of $a + b + c + d$ or so", 12) == "of\n$a + b + c + d$\nor so"


def test_only_a_run_to_be_published_draws_for_a_page(monkeypatch):
    fig, _ = plotting.figure()
    monkeypatch.delenv("COMPANION_PUBLISH", raising=False)
    assert fig._repr_mimebundle_() == {}
    monkeypatch.setenv("COMPANION_PUBLISH", "1")
    made = fig._repr_mimebundle_()[pictures.FIGURE]
    assert set(made) == {"alt", "wide", "phone"}
