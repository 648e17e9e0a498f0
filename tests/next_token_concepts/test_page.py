"""Figures, tables, exercises, the explorer: titles state what the data show, and no more."""

import json

import matplotlib.pyplot as plt
import numpy as np
import pytest

from companion.claims import HOLDS, NOT_RESOLVED
from companion.next_token_concepts.lab import run
from companion.next_token_concepts.lab.measurements import alternate, cosines
from companion.next_token_concepts.lab.worlds import exact_scores
from companion.next_token_concepts.page import exercises, explorers, figures, tables
from companion.next_token_concepts.verdict import series
from companion.pictures import FIGURE
from companion.records._store import plain
from tests.next_token_concepts import made


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def title(fig):
    fig.canvas.draw()
    said = [
        fig.get_suptitle(),
        *(ax.get_title(loc) for ax in fig.axes for loc in ("left", "center")),
    ]
    return " ".join(" ".join(said).split())


GOOD = made.results()

FINDINGS = {
    "course": (lambda r: figures.course(r.plain), "ends below 0.03"),
    "regressors": (lambda r: figures.regressors(r.plain), "less of the vector itself"),
    "places": (lambda r: figures.places(r.plain), "a line reads off"),
    "curves": (lambda r: figures.curves(r.by_eta), "with nothing fitted"),
    "which": (lambda r: figures.which(r.etas, r.by_eta), "the posterior does"),
    "transfer": (lambda r: figures.transfer(r.transfer), "of every length"),
    "two ways": (lambda r: figures.two_ways(r.ways), "break the form"),
    "broken": (lambda r: figures.broken(r.broken), "cannot be read"),
    "simulation": (lambda r: figures.simulation(r.simulated), "within 0.03 of the ceiling"),
    "recipe": (lambda r: figures.recipe(r.noise), "above 0.95"),
    "layers": (lambda r: figures.layers(r.real), "more than random weights"),
    "dictionaries": (lambda r: figures.dictionaries(r.coded), "ahead of every"),
}


@pytest.mark.parametrize("name", FINDINGS)
def test_a_title_states_a_finding_where_there_is_one(name):
    draw, finding = FINDINGS[name]
    good = made.results()
    if name == "regressors":  # the vector is linear in less than the logits are
        good.plain = [
            one._replace(vector={**one.vector, "LM": 0.87 + 0.01 * np.sin(one.plan.seed)})
            for one in good.plain
        ]
    assert finding in title(draw(good))
    bad = made.results(works=False)
    if name == "course":
        bad.plain = [made.trained(seed=s, excess=0.2) for s in range(3)]
    assert finding not in title(draw(bad))


def test_one_seed_states_nothing():
    lone = made.results(n=1)
    for name in ("regressors", "places", "curves", "which", "transfer", "two ways", "broken"):
        draw, finding = FINDINGS[name]
        assert finding not in title(draw(lone)), name


def test_the_first_figure_is_that_of_the_record_and_claims_what_its_verdict_does():
    assert "No published record" in figures.answer(None).axes[0].texts[0].get_text()
    finding = "name logits are linear in the concepts' log posterior"
    kept = {"series": json.loads(json.dumps(plain(series(GOOD))))}
    for verdict in (HOLDS, NOT_RESOLVED):
        found = figures.answer({**kept, "findings": [{"claim": "C1", "verdict": verdict}]})
        assert (finding in title(found)) == (verdict == HOLDS)
    assert finding not in title(figures.answer(kept))


def test_bars_are_the_means_that_were_measured():
    bars = figures.regressors(GOOD.plain).axes[0].patches
    heights = sorted(round(bar.get_height(), 3) for bar in bars)
    of = [run.logits[name] for name in figures.REGRESSORS for run in GOOD.plain]
    means = np.array(of).reshape(4, -1).mean(1)
    assert heights == sorted(np.round([*means, *means], 3).tolist())


def test_tables():
    shown = tables.vector_table([*GOOD.plain, *GOOD.by_eta]).to_html()
    assert "0.0100" in shown
    assert "0.950" in shown
    assert "0.800" in tables.oracle_table(GOOD.etas).to_html()
    assert "4.500" in tables.noise_table(GOOD.noise).to_html()
    assert "0.970" in tables.twin_table(GOOD.plain).to_html()
    assert "p-annealing" in tables.dictionary_table(GOOD.coded).to_html()


def test_exercises_explain():
    assert "Not answered" in exercises.check_bound(...)
    assert exercises.check_bound(np.log(49)).startswith("Right")
    assert "logarithm" in exercises.check_bound(49)
    assert "slope at zero" in exercises.check_bound(0.96)
    assert exercises.check_vague(0.12).startswith("Right")
    assert "linear in the posterior" in exercises.check_vague(0.1 * np.log(4))
    pairs = exercises.example_pairs()
    assert exercises.check_noise(np.diag(cosines(pairs, pairs, 1.0)).mean()).startswith("Right")
    assert "disjoint" in exercises.check_noise(np.diag(cosines(*alternate(pairs), 1.0)).mean())
    assert exercises.check_rank(1).startswith("Right")
    assert "differences" in exercises.check_rank(2)
    assert "first order" in exercises.check_slope(1.0)
    assert exercises.check_slope(0.6).startswith("Right")


def test_the_explorer_trains_and_says_what_came_of_it(monkeypatch):
    one = explorers.run(0.01, 60, 0)
    assert "60 updates" in explorers.said(one)
    assert f"{100 * one.excess:.1f} %" in explorers.said(one)
    assert "η = 0.01" in title(explorers.frame(one))
    monkeypatch.setattr(explorers, "_first", lambda: one)
    shown = explorers.TrainingExplorer()._repr_mimebundle_()
    assert explorers.said(one) in shown["text/html"]
    monkeypatch.setenv("COMPANION_PUBLISH", "1")
    shown = explorers.TrainingExplorer()._repr_mimebundle_()
    assert shown[FIGURE]["alt"] == explorers.said(one)


def test_the_door_gives_what_the_laboratory_computes():
    table = run.eta_table(made.SMALL, 0)
    assert len(table) == 2 * 6
    row = table[(table["seed"] == 1) & (table["eta"] == 0.05)].iloc[0]
    expected = exact_scores(1, 0.05, run.LENGTH, made.SMALL.contexts // 2)
    assert row["LM"] == expected["LM"]
    assert "book scale only" in run.autoencoders(made.SMALL, 0).reason
    assert [one.c for one in run.recipe_on_noise(made.SMALL, 0)] == list(run.PENALTIES)
