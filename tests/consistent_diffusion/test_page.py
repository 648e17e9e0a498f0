"""Figures, tables, explorer, and exercises on results made by hand."""

import matplotlib.pyplot as plt
import pytest

from companion import data
from companion.consistent_diffusion.lab.measures import series
from companion.consistent_diffusion.lab.systems import exact_curve
from companion.consistent_diffusion.page import exercises, explorers, figures, tables
from tests.consistent_diffusion import made


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def titles(fig):
    return " ".join(
        [
            fig.get_suptitle(),
            *(ax.get_title(loc=at) for ax in fig.axes for at in ("left", "center")),
        ]
    )


def test_titles_state_a_finding_only_where_an_interval_does():
    same = {
        f"{name}__{field}": level * made.logs(1, 0.3, made.N, k)
        for k, name in enumerate(("Diffusion", "Fokker_Planck", "Fokker_Planck_strong"))
        for field, level in (("small", 20.0), ("law", 0.05))
    }
    for draw, finding in ((figures.residual, "lowers"), (figures.strength, "spoils")):
        assert finding in titles(draw(made.plane()))
        assert finding not in titles(draw(made.plane(**same)))
    level = {
        f"{n}__js": 0.04 * made.logs(1, 0.3, made.M, k) for k, n in enumerate(("Diffusion", "Both"))
    }
    assert "nearer" in titles(figures.molecule_curves(made.molecule()))
    assert "nearer" not in titles(figures.molecule_curves(made.molecule(**level)))


@pytest.mark.parametrize(
    "draw",
    [
        figures.molecule_maps,
        figures.molecule_profiles,
        figures.molecule_bonds,
        figures.population,
        figures.losses,
        figures.molecule_curves,
    ],
)
def test_figures_of_the_molecule(draw):
    assert draw(made.molecule()).axes


def test_figures_of_the_plane_and_the_line():
    assert len(figures.maps(made.plane()).axes) == 11
    assert figures.two_for_one(made.plane(), exact_curve()).axes
    assert len(figures.controls(made.line()).axes[0].get_yticks()) == 4


def test_the_first_figure_draws_the_record_or_says_that_there_is_none():
    kept = {"series": series(made.results())}
    fig = figures.answer(kept)
    assert [tick.get_text() for tick in fig.axes[0].get_yticklabels()] == [
        "Diffusion",
        "Fokker-Planck",
        "Mixture",
        "Both",
    ]
    assert figures.answer(None).axes
    assert figures.answer({"series": {}}).axes


def test_tables():
    numbers = data.load("consistent-diffusion/paper_numbers.csv", tables.paper_numbers)
    assert "0.0448" in tables.comparison_table(made.plane(), numbers).to_html()
    assert "floor" in tables.models_table(made.plane()).to_html()
    found = tables.score_table(made.molecule())
    assert found.loc["Both", "chains that left"] == "0 of 256"
    outside = tables.outside_table(made.molecule())
    assert outside.loc["Both", "after 2.5 to 5 ps"].startswith("0.99")
    assert outside.loc["data", "after 2.5 to 5 ps"] == "0.999"
    beside = tables.molecule_comparison(made.molecule(), numbers)
    assert beside.loc["simulated JS, paper", "Diffusion"] == "0.0695"
    assert beside.loc["C–N bond error over Both's, ours", "Both"] == "1"
    assert "0.001" in tables.line_table(made.line()).to_html()


def test_the_explorer_fits_what_it_is_asked_and_refuses_nonsense(monkeypatch):
    monkeypatch.setattr(explorers, "FIRST", (1e-3, 0.01, 400, 0))  # fewer points
    words, drawn = explorers.look(0.0, 0.01, 400, 0)
    assert words.startswith("penalty 0, t = 0.01")
    assert figures.line_frame(*drawn).axes
    with pytest.raises(ValueError, match="penalty >= 0"):
        explorers.look(-1.0, 0.01, 400, 0)
    assert "penalty 0.001" in repr(explorers.LineBox())
    *_, shown = explorers.LineBox().widget().children
    assert bytes(shown.value).startswith(b"RIFF")  # a picture is there before the button is pressed


@pytest.mark.parametrize(
    ("check", "right", "wrong", "hint"),
    [
        (exercises.check_forgotten_dimension, -10.05, 10.05, "sign"),
        (exercises.check_separation, 2.81, 1.405, "between the modes"),
        (exercises.check_product_bias, 2, 3, "fourth moment"),
    ],
)
def test_exercises(check, right, wrong, hint):
    assert str(check(right)).startswith("Right") or "Right" in repr(check(right))
    assert hint in repr(check(wrong)) or hint in str(check(wrong))


def test_the_exercise_on_the_figure():
    assert "Right" in repr(exercises.check_right(exercises.right_of_zero()))
    assert "share of the data" in repr(exercises.check_right(80))
