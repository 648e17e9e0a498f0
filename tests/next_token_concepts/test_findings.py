"""Verdicts on results made by hand, figures, explorers, exercises, settings."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest

from companion import data
from companion.claims import (
    DOES_NOT_HOLD,
    HOLDS,
    NOT_RESOLVED,
    NOT_TESTED,
    ClaimFailed,
    check,
)
from companion.explore import MAX_FRAMES
from companion.next_token_concepts import settings
from companion.next_token_concepts.lab import measurements
from companion.next_token_concepts.method.world import make_world
from companion.next_token_concepts.page import exercises, explorers, figures
from companion.next_token_concepts.page import tables as page_tables
from companion.next_token_concepts.verdict import claims, evidence, findings
from companion.records._store import plain
from companion.scale import SCALES
from tests.next_token_concepts import made

IDS = [f"E{i}" for i in range(1, 12)]


@pytest.fixture(scope="module")
def good():
    return made.results()


def judged(results, scale="book"):
    return {finding.claim: finding for finding in findings.evaluate(results, scale)}


def test_every_claim_has_one_finding_at_every_scale(good):
    for scale in SCALES:
        found = findings.evaluate(good, scale)
        assert [f.claim for f in found] == IDS == [claim.id for claim in claims.CLAIMS]
        check(found, claims.CLAIMS)


def test_results_as_they_should_be_hold(good):
    for scale in SCALES:
        for name, finding in judged(good, scale).items():
            untested = scale == "toy" and name in ("E6", "E10")
            assert finding.verdict == (NOT_TESTED if untested else HOLDS), (scale, finding)


def test_a_treatment_that_does_nothing_satisfies_nothing():
    bad = made.results(works=False)
    for scale in SCALES:
        for name, finding in judged(bad, scale).items():
            assert finding.verdict != HOLDS, (scale, name, finding)
    with pytest.raises(ClaimFailed, match="E5"):
        check(findings.evaluate(bad, "toy"))


def test_a_network_that_has_not_converged_resolves_nothing(good):
    runs = [r._replace(excess=0.2) for r in good.headline]
    found = judged(replace(good, headline=runs))
    assert {found[n].verdict for n in ("E1", "E2", "E3", "E4", "E9")} == {NOT_RESOLVED}
    assert "not converged" in found["E1"].note


def test_dead_seeds_resolve_nothing(good):
    runs = [r._replace(excess=np.nan, curve_r2=np.nan) for r in good.headline]
    found = judged(replace(good, headline=runs))
    assert found["E1"].verdict == found["E2"].verdict == NOT_RESOLVED
    lone = [r for r in good.headline if r.plan.seed == 0]
    assert judged(replace(good, headline=lone))["E1"].verdict == NOT_RESOLVED
    assert judged(replace(good, headline=[], others=[]))["E3"].verdict == NOT_TESTED
    assert judged(replace(good, headline=[]))["E1"].verdict == NOT_RESOLVED


def test_a_real_model_must_beat_random_weights(good):
    assert judged(replace(good, words=made.words(0.5, 0.4)))["E11"].verdict == DOES_NOT_HOLD
    assert judged(replace(good, words=made.words(0.0, 0.0)))["E11"].verdict != HOLDS
    assert judged(replace(good, words=made.words(-0.5, 0.0)))["E11"].verdict == DOES_NOT_HOLD
    assert judged(replace(good, words=made.words(np.nan, 0.0)))["E11"].verdict == NOT_RESOLVED


def test_a_lead_over_noise_that_is_no_lead_fails(good):
    words = good.words
    jitter = 0.001 * np.array([1, -1, 1, -1])
    as_noise = {arm: d._replace(null=d.held_out - jitter) for arm, d in words.depth.items()}
    found = judged(replace(good, words=words._replace(depth=as_noise)))["E11"]
    assert found.estimate == pytest.approx(0, abs=1e-9)
    assert found.verdict != HOLDS


def spoiled(good, field, function):
    return replace(good, **{field: [function(r) for r in getattr(good, field)]})


def worse(name, value):
    return lambda r: r._replace(enc=r.enc | {name: value + 1e-4 * r.plan.seed})


def as_table(broken, name, **change):
    return broken._replace(**{name: getattr(broken, name).assign(**change)})


@pytest.mark.parametrize(
    ("claim", "spoil"),
    [
        ("E1", lambda g: spoiled(g, "headline", worse("bag", 0.95))),
        ("E1", lambda g: spoiled(g, "headline", worse("P", 0.97))),
        ("E1", lambda g: spoiled(g, "headline", worse("oracle", 0.9))),
        ("E1", lambda g: spoiled(g, "headline", lambda r: r._replace(enc_untrained=r.enc))),
        (
            "E2",
            lambda g: spoiled(
                g,
                "headline",
                lambda r: r._replace(curve=r.curve * [1, 1.5 if r.plan.eta > 0.1 else 1]),
            ),
        ),
        ("E3", lambda g: spoiled(g, "others", worse("P", 0.995))),
        (
            "E4",
            lambda g: spoiled(
                g, "headline", lambda r: r._replace(dec=r.dec | {"counts": r.dec["counts"] + 0.65})
            ),
        ),
        ("E5", lambda g: replace(g, ways=g.ways.assign(identity=1e-6))),
        ("E5", lambda g: replace(g, ways=g.ways.assign(eps=g.ways["eps"] + g.ways["length"]))),
        (
            "E6",
            lambda g: replace(g, simulated=g.simulated.assign(bayes=g.simulated["bayes"] + 0.05)),
        ),
        (
            "E6",
            lambda g: replace(
                g,
                simulated=g.simulated.assign(
                    raw=g.simulated["probe"] + 0.01 + 0.001 * g.simulated["seed"]
                ),
            ),
        ),
        ("E7", lambda g: replace(g, broken=as_table(g.broken, "merged", rank=15))),
        (
            "E7",
            lambda g: replace(
                g, broken=as_table(g.broken, "merged", trained=g.broken.merged["exact"] - 0.06)
            ),
        ),
        (
            "E7",
            lambda g: replace(
                g,
                broken=as_table(g.broken, "unnamed", exact=0.99 - 1e-4 * g.broken.unnamed["seed"]),
            ),
        ),
        (
            "E8",
            lambda g: replace(
                g, broken=as_table(g.broken, "order", with_word=0.5 + 1e-4 * g.broken.order["seed"])
            ),
        ),
        (
            "E9",
            lambda g: spoiled(
                g,
                "headline",
                lambda r: r._replace(twins=r.twins._replace(slope=0.5 + 1e-3 * r.plan.seed)),
            ),
        ),
        (
            "E9",
            lambda g: spoiled(
                g,
                "headline",
                lambda r: r._replace(
                    twins=r.twins._replace(held_out=(0.3 + 1e-3 * r.plan.seed) * np.eye(4))
                ),
            ),
        ),
        (
            "E9",
            lambda g: spoiled(
                g, "noise", lambda n: n._replace(held_out=n.same - 1e-3 * np.arange(4))
            ),
        ),
    ],
)
def test_every_part_of_a_claim_counts(good, claim, spoil):
    assert judged(spoil(good))[claim].verdict in (DOES_NOT_HOLD, NOT_RESOLVED)


def test_more_contexts_of_the_same_networks_do_not_narrow_the_slope(good):
    rng = np.random.default_rng(0)
    runs = [
        r._replace(curve=r.curve * [1, 1 + 0.03 * rng.standard_normal()])
        for r in good.headline
        if r.plan.eta == 0.01
    ]
    many = [r._replace(curve=np.tile(r.curve, (50, 1))) for r in runs]
    few, wide = (evidence.clustered_slope(group) for group in (runs, many))
    assert few.n == wide.n == len(runs)
    assert wide.high - wide.low == pytest.approx(few.high - few.low, rel=0.05)


def test_the_name_is_asked_for_before_it_is_shown():
    """Title of a sentence's frame: probabilities of the two names of one concept sum to one."""
    world = make_world(np.random.default_rng(0), 0.01)
    title = figures.sentence_frame(world, np.array([1, 1, 5])).get_suptitle()
    one, zero = (float(word) for word in title.split() if word[:2] in ("0.", "1."))
    assert one + zero == pytest.approx(1, abs=2e-3)


def test_graphs_without_room_for_more_edges_are_called_complete(good):
    def names_of(table):
        axes = figures.simulation(table).axes
        return [ax.get_title(loc="left") or ax.get_title() for ax in axes]

    names = names_of(good.simulated)
    assert names == ["ER1", "ER2 (complete graph)", "ER3 (complete graph)"]
    assert names_of(good.simulated.assign(m=8)) == ["ER1", "ER2", "ER3"]


def test_an_accuracy_that_does_not_rise_fails(good):
    falling = 0.001 + 1e-5 * good.simulated["seed"]
    flat = good.simulated.assign(probe=0.6 - falling * good.simulated["bits"])
    assert judged(replace(good, simulated=flat))["E6"].verdict == DOES_NOT_HOLD


def by_world(table, column, values):
    """The column moved by one number a world, so that worlds disagree and the mean stays."""
    shift = dict(zip(sorted(table["seed"].unique()), values, strict=True))
    return table.assign(**{column: table[column] + table["seed"].map(shift)})


WIDE = (-0.2, 0.0, 0.2)


@pytest.mark.parametrize(
    ("claim", "spoil"),
    [
        ("E6", lambda g: replace(g, simulated=by_world(g.simulated, "bayes", WIDE))),
        (
            "E7",
            lambda g: replace(
                g,
                broken=g.broken._replace(
                    merged=by_world(g.broken.merged, "trained", (0.0, 0.0, 0.1))
                ),
            ),
        ),
        (
            "E8",
            lambda g: replace(
                g, broken=g.broken._replace(order=by_world(g.broken.order, "lm", WIDE))
            ),
        ),
        (
            "E9",
            lambda g: spoiled(
                g, "noise", lambda n: n._replace(held_out=np.array([-0.3, 0.3, 0.2, -0.2]))
            ),
        ),
    ],
)
def test_a_mean_on_the_right_side_with_worlds_that_disagree_is_not_resolved(good, claim, spoil):
    assert judged(spoil(good))[claim].verdict == NOT_RESOLVED


def test_one_world_without_a_fall_leaves_e7_open(good):
    merged = good.broken.merged
    level = (merged["seed"] == 0) & (merged["size"] == 2)
    flat = merged.assign(exact=merged["exact"].where(~level, 0.998))
    found = judged(replace(good, broken=good.broken._replace(merged=flat)))["E7"]
    assert found.verdict == NOT_RESOLVED


def test_worlds_that_disagree_leave_e5_open(good):
    jump = good.ways["no_fit"] + 1.5 * (good.ways["seed"] * (good.ways["length"] == 96))
    assert judged(replace(good, ways=good.ways.assign(no_fit=jump)))["E5"].verdict == NOT_RESOLVED


def test_random_weights_are_a_gate(good):
    """Not above their null they add nothing; above it they fail the claim."""
    alone = judged(replace(good, words=made.words(0.5, -0.3)))["E11"]
    assert alone.verdict == HOLDS
    assert alone.low == judged(good)["E11"].low
    assert judged(replace(good, words=made.words(0.5, np.nan)))["E11"].verdict == NOT_RESOLVED


def test_missing_parts_are_not_tested(good):
    missing = data.Missing("put the file there")
    found = judged(replace(good, words=missing, dictionaries=missing))
    assert found["E11"].verdict == found["E10"].verdict == NOT_TESTED
    assert found["E11"].note == "put the file there"
    findings.series(replace(good, words=missing, dictionaries=missing))


def test_series_fit_into_a_record(good):
    assert len(json.dumps(plain(findings.series(good)), allow_nan=False)) < 40_000
    json.dumps(asdict(settings.PRESETS["paper"]), allow_nan=False)


def test_every_figure_and_table_is_drawn(good):
    published = {"series": json.loads(json.dumps(plain(findings.series(good))))}
    runs = [*good.headline, *good.others]
    drawn = [
        figures.answer(None),
        figures.answer(published),
        figures.encoders(good.headline),
        figures.curves(good.headline),
        figures.which(good.etas, runs),
        figures.places(good.headline),
        figures.two_ways(good.ways, good.points),
        figures.simulation(good.simulated),
        figures.broken(good.broken),
        figures.recipe(good.noise),
        figures.twins(good.headline[0]),
        figures.layers(good.words),
        figures.concepts(good.words),
        figures.dictionaries(good.dictionaries),
    ]
    for fig in drawn:
        fig.canvas.draw()
    tables = [
        page_tables.convergence_table(runs),
        page_tables.oracle_table(good.etas),
        page_tables.noise_table(good.noise),
        page_tables.twin_table(good.headline),
        page_tables.penalty_table(good.words),
    ]
    for table in tables:
        assert "<table" in table.to_html()


def test_titles_follow_the_data(good):
    def title(fig):
        return fig.get_suptitle() or fig.axes[0].get_title(loc="left")

    bad = made.results(works=False)
    assert "break the form" in title(figures.two_ways(good.ways, good.points))
    assert "break the form" not in title(figures.two_ways(bad.ways, bad.points))
    assert "nothing" not in title(figures.curves(bad.headline))


def test_explorers_draw_their_corners(good):
    for one in (
        explorers.curve_explorer(n=200),
        explorers.sentence_explorer(),
        explorers.recipe_explorer(good.headline),
    ):
        assert np.prod([len(v) for v in one.grids.values()]) <= MAX_FRAMES
        src, alt = one.frame(**{axis: values[-1] for axis, values in one.grids.items()})
        assert src.startswith("data:image/webp")
        assert len(alt.split()) > 5


def test_exercises_explain():
    assert "Not answered" in exercises.check_bound(...)
    assert exercises.check_bound(np.log(49)).startswith("Right")
    assert "logarithm" in exercises.check_bound(49)
    assert "slope at zero" in exercises.check_bound(0.96)
    assert exercises.check_vague(0.12).startswith("Right")
    assert "linear in the posterior" in exercises.check_vague(0.1 * np.log(4))
    same = np.diag(measurements.cosines(exercises.example_pairs(), 1.0, held_out=False)).mean()
    assert "same pairs" in exercises.check_noise(same)
    assert exercises.check_rank(1).startswith("Right")
    assert "differences" in exercises.check_rank(2)
    assert "first order" in exercises.check_identity(1.0)
    assert exercises.check_identity(0.6).startswith("Right")


def test_presets_and_settings():
    assert set(settings.PRESETS) == set(SCALES)
    assert settings.PRESETS["book"].network == "transformer"
    assert len(settings.PRESETS["paper"].hub_models) == 6
    for wrong, words in (
        ({"seeds": 0}, "seeds must be"),
        ({"network": "rnn"}, "network is"),
        ({"word_c": 0.0}, "positive"),
    ):
        with pytest.raises(ValueError, match=words):
            settings.Settings(**wrong)
