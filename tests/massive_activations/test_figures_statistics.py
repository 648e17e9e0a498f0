import matplotlib.pyplot as plt
import numpy as np
import pytest

from companion.massive_activations.lab.identifiability import (
    CHECKPOINTS,
    REGIMES,
    profile_plateau,
    refit,
)
from companion.massive_activations.lab.predict import Leakage
from companion.massive_activations.method.curve import CurveParams
from companion.massive_activations.page import figures
from companion.massive_activations.sources import check_excerpt


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def text(fig):
    """Everything that a figure says."""
    fig.canvas.draw()
    said = [fig.get_suptitle(), *(t.get_text() for ax in fig.axes for t in ax.texts)]
    said += [ax.get_title(loc) for ax in fig.axes for loc in ("left", "center")]
    return "\n".join(" ".join(part.split()) for part in said)  # titles may be wrapped


def labelled(fig):
    """Whether the outer axes carry a quantity on both sides."""
    return any(ax.get_xlabel() for ax in fig.axes) and any(ax.get_ylabel() for ax in fig.axes)


def test_figures_of_the_excerpt_state_what_it_shows(excerpt):
    shown = {
        figures.layer_profiles: "Top activations grow",
        figures.ratio_over_training: "Middle layers keep rising",
        figures.depth_strips: "All layers start at the null",
        figures.decomposition_bars: "the falling median carries over 30 %",
    }
    for draw, finding in shown.items():
        fig = draw(excerpt)
        assert finding in text(fig)
        assert labelled(fig)


def test_titles_change_when_the_data_do(excerpt):
    flat = excerpt.assign(top1=8.0, top2=7.0, top3=6.0, median=1.0)
    flat = check_excerpt(flat.drop(columns=["ratio", "depth"]))
    assert "grow" not in text(figures.layer_profiles(flat))
    assert "keep rising" not in text(figures.ratio_over_training(flat))
    assert "rises furthest" not in text(figures.depth_strips(flat))
    assert "carries over 30 %" not in text(figures.decomposition_bars(flat))


def test_bars_and_dots_are_the_decomposition(excerpt):
    fig = figures.decomposition_bars(excerpt, [("pythia-1b", 24_000, 100_000)])
    ax = fig.axes[0]
    tops, medians = (np.array([bar.get_height() for bar in c]) for c in ax.containers)
    dots = next(line for line in ax.lines if line.get_marker() == "o").get_ydata()
    assert tops + medians == pytest.approx(dots)
    upper = [bar.get_y() + bar.get_height() for bar in ax.containers[1]]
    both_up = (tops > 0) & (medians > 0)
    assert np.array(upper)[both_up] == pytest.approx(dots[both_up])


def test_frames_of_the_excerpt_share_their_axes(excerpt):
    first, last = (figures.excerpt_view(excerpt, "pythia-1b", s, "top1") for s in (32, 100_000))
    assert first.axes[0].get_ylim() == last.axes[0].get_ylim()
    with pytest.raises(ValueError, match="choose one of ratio, top1, median, relative"):
        figures.excerpt_view(excerpt, "pythia-1b", 32, "mean")


@pytest.mark.parametrize(
    ("params", "verdict"),
    [
        (REGIMES["early peak"], "turns inside training, at step 7,777"),
        (CurveParams(500, 1e-4, 2e-3, 0.5, -350), "it would come at step 691,136"),
        (CurveParams(300, 0.9, 1.2e-4, 3.0, 60), "only relaxes toward K"),
        (CurveParams(300, 0.0, 1.2e-4, 0.9, 60), "never stops"),
    ],
)
def test_anatomy_says_where_the_curve_turns(params, verdict):
    fig = figures.curve_anatomy(params)
    assert verdict in text(fig)
    assert labelled(fig)
    assert ("$t_{peak}$" in text(fig)) == ("inside training, at" in verdict)


def test_anatomy_points_to_a_plateau_outside_the_frame():
    assert "↑" in text(figures.curve_anatomy(REGIMES["early peak"], ylim=(0, 50)))
    assert "↓" in text(figures.curve_anatomy(REGIMES["early peak"], ylim=(70, 150)))


@pytest.fixture(scope="module")
def refits():
    rng = np.random.default_rng
    return {name: refit(truth, 12, rng=rng(0)) for name, truth in REGIMES.items()}


def test_refits_agree_and_their_parameters_do_not(refits):
    assert "very different parameters" in text(figures.identifiability_cloud(refits))
    assert "80 % of their K" in text(figures.refits_overlay(refits["rising"]))
    assert "also on the plateau, K = 60" in text(figures.refits_overlay(refits["early peak"]))


def test_profiles_of_the_plateau(refits):
    grids = {"early peak": np.linspace(56, 64, 21), "rising": np.linspace(-8000, 3000, 21)}
    rng = np.random.default_rng(0)
    drawn = {}
    for name, truth in REGIMES.items():
        y = refits[name].fitted[0] * (1 + 0.02 * rng.standard_normal(CHECKPOINTS.size))
        drawn[name] = (profile_plateau(CHECKPOINTS, y, grids[name]), truth.K)
    fig = figures.plateau_profiles(drawn)
    assert "excludes no low K" in text(fig)
    assert "[−∞, " in text(fig)
    drawn["rising"] = drawn["early peak"]
    assert "excludes no low K" not in text(figures.plateau_profiles(drawn))


def test_leakage_figures():
    leaks = Leakage("ridge", np.linspace(0.7, 0.9, 9), np.linspace(-3, 0, 9))
    honest = Leakage("ridge", np.linspace(0.1, 0.3, 9), np.linspace(0.1, 0.2, 9))
    assert "a random split reports R² = 0.80" in text(
        figures.leakage_histogram(leaks, paper_r2=0.847)
    )
    assert "a random split reports" not in text(figures.leakage_histogram(honest, paper_r2=0.847))
    only = text(figures.leakage_histogram(leaks, paper_r2=0.847, split="model left out"))
    assert "whole model left out" in only
    assert "median R² 0.80" not in only
    with pytest.raises(ValueError, match="unknown split 'rows'"):
        figures.leakage_histogram(leaks, paper_r2=0.847, split="rows")
    assert "paper's scores appear" in text(figures.null_table({"ridge": leaks}, {"ridge": 0.8}))
    assert "appear" not in text(figures.null_table({"ridge": leaks}, {"ridge": 0.4}))
