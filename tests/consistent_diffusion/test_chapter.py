"""Experiments at the smallest size, figures, tables, explorers, and exercises."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from companion.consistent_diffusion.lab import estimator, systems
from companion.consistent_diffusion.lab.estimator import Doubly
from companion.consistent_diffusion.lab.molecule.models import molecule_budgets
from companion.consistent_diffusion.lab.plane import (
    PARTS,
    RESIDUAL_TIMES,
    T_EVAL,
    assemble,
    budget,
    force_model,
    parts_of,
    residual_curve,
    run_models,
    train_part,
    training_set,
)
from companion.consistent_diffusion.lab.systems import TWO_MODES_2D
from companion.consistent_diffusion.method import losses, networks
from companion.consistent_diffusion.method.losses import Objective
from companion.consistent_diffusion.method.networks import Experts
from companion.consistent_diffusion.page import exercises, explorers, figures, tables
from companion.consistent_diffusion.page.tables import printed
from companion.consistent_diffusion.settings import METHODS, PRESETS
from tests.consistent_diffusion import made

TINY = replace(
    PRESETS["toy"],
    methods=METHODS,
    seeds=2,
    steps=60,
    hidden=(8, 8),
    expert_hidden=((4,), (5,), (6,)),
    batch=16,
    iid=200,
    iid_steps=10,
    chains=20,
    sim_steps=500,
    bench_repeats=2,
)


@pytest.fixture(scope="module")
def tiny():
    return run_models(TINY, 0, progress=False)


def test_every_method_is_trained_and_scored(tiny):
    assert list(tiny.scored) == list(METHODS)
    for method in METHODS:
        assert tiny.of(method, "grid_js").shape == (2,)
        assert tiny.of(method, "t_eval_js").shape == (2, len(T_EVAL))
        assert tiny.of(method, "fixed").shape == (2, len(RESIDUAL_TIMES))
        assert np.isfinite(tiny.of(method, "raw")).all()
        assert tiny.scored[method][0].law.sum() == pytest.approx(1)
    assert tiny.floor[0] > 0


def test_the_same_seed_gives_the_same_numbers(tiny):
    again = run_models(replace(TINY, methods=("Diffusion",), seeds=1), 0, progress=False)
    assert again.of("Diffusion", "grid_js")[0] == tiny.of("Diffusion", "grid_js")[0]


def test_mixture_and_both_share_their_first_experts():
    assert set(parts_of(("Diffusion",))) == {"one"}
    assert len(parts_of(METHODS)) == 6
    data = training_set(0, 10, 500)
    parts = {name: train_part(name, 0, data, TINY) for name in parts_of(METHODS)}
    mixture, both = assemble("Mixture", parts), assemble("Both", parts)
    assert mixture.models[0] is both.models[0]
    assert mixture.last is not both.last
    assert force_model(both) is parts["small t, penalized"]
    assert isinstance(both, Experts)
    t = torch.tensor([0.8, 0.3, 0.05])
    assert both.which(t).tolist() == [0, 1, 2]
    assert sum(PARTS[name].share for name in ("large t", "middle t", "small t")) == 1


def test_the_residual_curve_of_an_exact_model_is_flat_zero():
    data = TWO_MODES_2D.draw(50, np.random.default_rng(0)).astype(np.float32)
    raw, fixed = residual_curve(TWO_MODES_2D, data, 0)
    assert raw.max() < 0.1
    assert fixed.max() < 0.1


def test_a_gauge_constant_shows_in_the_raw_residual_only():
    class Shifted(type(TWO_MODES_2D)):
        def log_q(self, x, t):
            return super().log_q(x, t) + 40 * t.square()

    shifted = Shifted([0.2, 0.8], [[-5.0, -5.0], [5.0, 5.0]], [1.0, 1.0])
    data = shifted.draw(50, np.random.default_rng(0)).astype(np.float32)
    raw, fixed = residual_curve(shifted, data, 0)
    assert np.allclose(raw, 80 * RESIDUAL_TIMES, atol=0.1)
    assert fixed.max() < 0.1


def test_the_estimator_check_finds_bias():
    found = estimator.check_estimator(4000, 0)
    assert found.exact.shape == (18,)
    assert found.worst < 3
    assert found.worst_same > 5


def test_speeds_are_ratios_of_positive_times():
    speeds = estimator.run_speed(TINY, 0)
    assert min(speeds.plain, speeds.penalized, speeds.paper, speeds.reference) > 0
    assert set(speeds.hand_ratios) == {
        f"{what}, against {how}" for what in ("score", "step") for how in ("x alone", "x and t")
    }


def operations(job):
    """Tensor operations that a job calls, in a count that no other process can disturb."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as seen:
        job()
    return sum(row.count for row in seen.key_averages() if row.key.startswith("aten::"))


def test_the_hand_written_score_needs_fewer_operations():
    model = networks.EnergyMLP(2, (92, 92, 92), generator=torch.Generator().manual_seed(0))
    x, t = torch.randn(128, 2), torch.rand(128)
    found = {
        name: operations(lambda of=of: of.score(x, t).square().sum().backward())
        for name, of in {
            "by hand": model,
            "x": Doubly(model, in_time=False),
            "x and t": Doubly(model, in_time=True),
        }.items()
    }
    assert found["by hand"] < 0.75 * found["x"] < 0.75 * found["x and t"]


class Counting(networks.EnergyMLP):
    """Counts the points at which the network is evaluated, with and without a gradient in x."""

    points = gradients = 0

    def log_q(self, x, t):
        self.points += len(x)
        return super().log_q(x, t)

    def local(self, x, t):
        self.points += len(x)
        self.gradients += len(x)
        return super().local(x, t)

    def score(self, x, t):
        self.points += len(x)
        self.gradients += len(x)
        return super().score(x, t)


@pytest.mark.parametrize(
    ("objective", "points", "gradients"),
    [
        (Objective(), 1, 1),
        (Objective(alpha=0.1), 5, 5),
        (Objective(alpha=0.1, rate="difference"), 9, 5),
    ],
)
def test_evaluations_of_the_network_per_point(objective, points, gradients):
    """The paper's penalty asks the network nine times, five of them with a gradient in x."""
    draws = torch.Generator().manual_seed(0)
    model = Counting(2, (8,), generator=draws)
    losses.objective_loss(model, torch.randn(32, 2, generator=draws), objective, draws)
    assert (model.points, model.gradients) == (32 * points, 32 * gradients)


@pytest.mark.parametrize("scale", ["toy", "book", "paper"])
def test_one_network_and_three_experts_have_the_same_budget(scale):
    settings = PRESETS[scale]
    (one, updates), (three, together) = (budget(m, settings) for m in ("Diffusion", "Both"))
    assert three == pytest.approx(one, rel=0.05)
    assert together == pytest.approx(updates, abs=3)
    molecule = molecule_budgets(settings)
    assert molecule["Diffusion"][1] == molecule["Both"][1] == molecule["Mixture"][1]
    table = tables.budgets(settings)
    assert f"{one:,}" in set(table["numbers"])


@pytest.mark.parametrize("scale", ["toy", "book", "paper"])
def test_presets(scale):
    settings = PRESETS[scale]
    assert settings.batch == 128
    assert settings.alpha == 5e-4


def test_the_paper_preset_has_the_papers_networks_and_rate():
    paper = PRESETS["paper"]
    assert paper.hidden == (92, 92, 92)
    assert paper.expert_hidden == ((54, 54), (64, 64), (64, 64, 64))
    assert paper.lr == 3e-4


@pytest.mark.parametrize(
    "change",
    [
        {"mixture_alphas": (0.0,)},
        {"whole_alphas": (1.0, 2.0)},
        {"methods": ("GAN",)},
        {"steps": 3},
        {"plane_seeds": 1},
        {"expert_hidden": ((8,),)},
    ],
)
def test_settings_refuse_nonsense(change):
    with pytest.raises(ValueError, match=r"must hold|unknown methods|need"):
        replace(PRESETS["toy"], **change)


def test_every_figure_is_drawn():
    results = made.results()
    drawn = [
        figures.answer(None),
        figures.laws(results.line, 0),
        figures.controls(results.line),
        figures.maps(results.models),
        figures.residual(results.models),
        figures.two_for_one(results.models, results.curve),
        figures.strength(results.plane),
    ]
    for figure in drawn:
        figure.draw_without_rendering()


def test_titles_follow_the_numbers():
    def title(figure):
        return " ".join(figure.get_suptitle().split())

    good, idle = made.plane_models(), made.untreated_models()
    assert title(figures.maps(good)).startswith("The plain model denoises")
    assert title(figures.maps(idle)).startswith("Laws of simulation")
    assert title(figures.residual(idle)).startswith("The Fokker-Planck residual against")
    assert "only the penalty" in title(figures.laws(made.line_runs(), 0))
    assert "only the penalty" not in title(figures.laws(made.no_treatment(), 0))
    assert "repairs nothing" not in title(figures.controls(made.line_runs(wrong=0.02)))
    assert "spoils" not in title(figures.strength(made.plane_runs((0.3, 0.2))))


def test_tables_show_what_was_measured():
    runs, models = made.line_runs(), made.plane_models()
    assert "0.2000" in tables.line_table(runs).to_html()
    assert "floor" in tables.models_table(models).to_html()
    assert "plain step" in tables.speed_table(made.speeds()).to_html()
    assert "1.62" in tables.speed_table(made.speeds()).to_html()  # 1.3 ms over 0.8 ms


def test_the_papers_numbers(tmp_path):
    path = tmp_path / "numbers.csv"
    rows = [
        ("muller_brown", method, metric, 0.01 * i, 0.001, "secondary_v1", "")
        for i, method in enumerate(("Reference", *METHODS), start=1)
        for metric in ("iid_js", "sim_js", "iid_pmf", "sim_pmf")
    ]
    columns = ["system", "method", "metric", "mean", "std", "source", "note"]
    pd.DataFrame(rows, columns=columns).to_csv(path, index=False)
    numbers = tables.paper_numbers(path)
    assert printed(numbers, "muller_brown").loc["Both", "sim_js"] == pytest.approx(0.05)
    assert "above floor" in tables.comparison_table(made.plane_models(), numbers).to_html()
    pd.DataFrame({"system": []}).to_csv(path, index=False)
    with pytest.raises(ValueError, match="columns"):
        tables.paper_numbers(path)


def test_explorers_show_and_describe_frames():
    line = explorers.line_explorer(made.line_runs())
    source, alt = line.frame(alpha=0.0, t=0.2, seed=1)
    assert source.startswith("data:image/webp")
    assert re.search(r"divergence \d", alt)
    blur = explorers.blur_explorer()
    assert "t = 0.05: divergence 0.088" in blur.frame(t=0.05)[1]


@pytest.mark.parametrize(
    ("check", "right", "wrong"),
    [
        (exercises.check_forgotten_dimension, -(0.1 + 19.9 * 0.5), 10.05),
        (exercises.check_separation, 10 * np.exp(-0.025 - 0.25 * 19.9 * 0.25), 1.5),
        (exercises.check_blur, systems.exact_curve().js[6], 0.2),
        (exercises.check_product_bias, 2, 3),
    ],
)
def test_exercises_answer_back(check, right, wrong):
    assert check(right).startswith("Right")
    assert check(...).startswith("Not answered")
    assert check(wrong).startswith("Not yet")
    assert len(check(wrong)) > len("Not yet: 3 is off by +1.")
