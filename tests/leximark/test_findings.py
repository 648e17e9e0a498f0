"""Verdicts on results made by hand, figures, tables, explorers, exercises."""

import json
from dataclasses import asdict, replace

import matplotlib.pyplot as plt
import numpy as np
import pytest

from companion import data
from companion.claims import DOES_NOT_HOLD, HOLDS, NOT_RESOLVED, NOT_TESTED, ClaimFailed, check
from companion.explore import MAX_FRAMES
from companion.leximark.hub import run_hub, run_smollm2
from companion.leximark.lab import detection
from companion.leximark.lab.arms import CONTROL, MARK, NONE, removal
from companion.leximark.lab.detection import records_needed
from companion.leximark.method import watermark
from companion.leximark.method.words import surprisal
from companion.leximark.page import exercises, explorers, figures, tables
from companion.leximark.page.explorers import effects, try_text
from companion.leximark.settings import PRESETS, Settings
from companion.leximark.verdict import claims, findings

from . import made

IDS = [f"C{i}" for i in range(1, 12)] + ["metric"]


@pytest.fixture(autouse=True)
def few_draws(monkeypatch):
    """Verdicts here are far from their thresholds, and need no fine intervals."""
    monkeypatch.setitem(detection.bootstrap_auroc.__kwdefaults__, "n_resamples", 800)


@pytest.fixture(scope="module")
def perfect():
    return made.results()


def title_of(fig):
    """The title of the first axes, wherever the theme puts it."""
    return "".join(fig.axes[0].get_title(loc) for loc in ("left", "center", "right"))


def verdicts(results, scale="book"):
    return {finding.claim: finding.verdict for finding in findings.evaluate(results, scale)}


def test_a_perfect_run_satisfies_every_claim(perfect):
    found = findings.evaluate(perfect, "book")
    assert [f.claim for f in found] == IDS
    assert {f.claim: f.verdict for f in found} == dict.fromkeys(IDS, HOLDS), [
        (f.claim, f.note) for f in found if f.verdict != HOLDS
    ]
    check(found, claims.CLAIMS)


@pytest.mark.parametrize("scale", ["book", "paper"])
def test_larger_scales_can_be_judged(perfect, scale):
    assert NOT_TESTED not in verdicts(perfect, scale).values()


def test_a_perfect_toy_run():
    found = verdicts(made.toy(), "toy")
    assert {c for c, v in found.items() if v == NOT_TESTED} == {"C7", "C8", "C10", "C11"}
    assert {c for c, v in found.items() if v == HOLDS} == {"C9", "metric"}
    assert {c for c, v in found.items() if v == NOT_RESOLVED} == {f"C{i}" for i in range(1, 7)}
    check(findings.evaluate(made.toy(), "toy"), claims.CLAIMS)


def nothing():
    """A watermark that does nothing, and a filter and a removal that do nothing."""
    flat = dict.fromkeys(made.LEVELS, (0.75, 0.75))
    flat |= {NONE: (0.75, None), CONTROL: (0.75, None), "rarest": (0.75, None)}
    words = made.run(levels=flat, blind=(0.5, 0.5))
    same = []
    for result in words.results:  # the dictionary makes no difference to any document
        arms = dict(result)
        for name, arm in result.items():
            if "B.b" in arm.trained:
                sets = arm.trained | {"B.b": arm.trained["B.a"], "A.b": arm.trained["A.a"]}
                arms[name] = arm._replace(trained=sets)
        same.append(arms)
    words = replace(words, results=tuple(same))
    return made.results(
        words=words,
        transformer=replace(words, model="transformer"),
        probes={"word model": made.probe(False), "transformer": made.probe(False)},
        trade_off=made.trade_off(False),
    )


def test_what_does_nothing_satisfies_nothing():
    found = verdicts(nothing())
    for claim in ("C1", "C2", "C3", "C5", "C6", "C7", "C8", "C9", "C10", "C11"):
        assert found[claim] in (DOES_NOT_HOLD, NOT_RESOLVED), claim
    assert found["C4"] == HOLDS  # no leak is no effect
    assert found["metric"] == HOLDS


def test_a_broken_toy_run_fails_the_notebook():
    levels = {NONE: (0.75, None), MARK: (0.75, 0.76), CONTROL: (0.75, None)}
    broken = made.toy(words=made.run(levels=levels, n_seeds=1), probes={"w": made.probe(False, 19)})
    with pytest.raises(ClaimFailed, match="C9"):
        check(findings.evaluate(broken, "toy"), claims.CLAIMS)


def test_an_auroc_that_is_not_scikit_learns_fails_the_notebook(monkeypatch):
    from companion.leximark.verdict import auroc

    monkeypatch.setattr(auroc, "auroc", lambda a, b: 1 - detection.auroc(a, b))
    with pytest.raises(ClaimFailed, match="metric"):
        check(findings.evaluate(made.toy(), "toy"), claims.CLAIMS)


@pytest.mark.parametrize(
    ("claim", "levels"),
    [
        ("C1", {MARK: (0.70, 0.70)}),
        ("C2", {MARK: (0.70, 0.90)}),
        ("C3", {CONTROL: (0.82, None)}),
        ("C7", {"K = 1": (0.76, 0.95), "K = 3": (0.76, 0.93), "K = 7": (0.76, 0.85)}),
        ("C11", {removal(0.25): (0.7, 0.70)}),
    ],
)
def test_levels_on_the_wrong_side_do_not_hold(claim, levels):
    words = made.run(levels=made.LEVELS | levels)
    changed = made.results(words=words, transformer=replace(words, model="transformer"))
    assert verdicts(changed)[claim] == DOES_NOT_HOLD


def test_both_models_must_show_it():
    poor = made.run(levels=made.LEVELS | {MARK: (0.70, 0.70)})
    found = verdicts(made.results(words=poor))
    assert found["C1"] == DOES_NOT_HOLD
    assert (
        verdicts(made.results(transformer=replace(poor, model="transformer")))["C1"] == found["C1"]
    )


def test_a_leak_is_seen():
    words = made.run()
    results = []
    for r in words.results:
        shifted = {
            s: {k: v + 2 * (s == "A.a") for k, v in sets.items()}
            for s, sets in r[MARK].base.items()
        }
        results.append({**r, MARK: r[MARK]._replace(base=shifted)})
    results = tuple(results)
    found = verdicts(made.results(words=replace(words, results=results)))
    assert found["C4"] == DOES_NOT_HOLD
    assert found["C6"] == DOES_NOT_HOLD  # it prefers its dictionary before any training


def test_an_interval_that_crosses_the_margin_leaves_the_leak_open():
    words = made.run()
    rng = np.random.default_rng(0)
    results = []
    for r in words.results:  # seed by seed apart, in either direction
        base = dict(r[MARK].base)
        base["A.a"] = {k: v + rng.choice([-1, 1]) for k, v in base["A.a"].items()}
        results.append({**r, MARK: r[MARK]._replace(base=base)})
    wide = made.results(words=replace(words, results=tuple(results)))
    (c4,) = [f for f in findings.evaluate(wide, "book") if f.claim == "C4"]
    assert c4.verdict == NOT_RESOLVED
    assert c4.low < 0.08 < c4.high
    assert "cross the margin" in c4.note


def test_each_step_of_a_removal_must_lower_the_auroc():
    levels = made.LEVELS | {removal(0.25): (0.77, 0.84), removal(0.5): (0.76, 0.88)}
    found = verdicts(made.results(words=made.run(levels=levels)))
    assert found["C11"] == DOES_NOT_HOLD


def test_records_may_be_off_by_two_and_no_more(monkeypatch):
    from companion.leximark.verdict import findings as detection

    real = detection.simulated_records
    monkeypatch.setattr(detection, "simulated_records", lambda *a: real(*a) + 4)
    assert verdicts(made.results())["C8"] == DOES_NOT_HOLD
    one = {0: 4}  # one seed of five
    monkeypatch.setattr(
        detection, "simulated_records", lambda a, b, seed: real(a, b, seed) + one.get(seed, 0)
    )
    assert verdicts(made.results())["C8"] == NOT_RESOLVED


def test_a_key_that_ties_with_one_other_is_open_and_not_refuted(perfect):
    close = perfect.probes["transformer"]
    close = close._replace(trained=close.trained._replace(p=0.02))
    (c9,) = [
        f
        for f in findings.evaluate(
            made.results(probes={**perfect.probes, "transformer": close}), "book"
        )
        if f.claim == "C9"
    ]
    assert c9.verdict == NOT_RESOLVED
    assert (c9.low, c9.high) == (0, 0.02)


def test_one_training_satisfies_nothing_that_is_not_asked_of_the_code():
    one = made.run(n_seeds=1)
    found = verdicts(made.results(words=one, transformer=replace(one, model="transformer")))
    assert {found[name] for name in ("C1", "C2", "C3", "C4", "C5", "C6", "C7")} == {NOT_RESOLVED}


def test_a_seed_that_failed_leaves_the_blind_test_open():
    words = made.run()
    gone = {**words.results[1][MARK].blind, "protocol": np.nan}
    results = list(words.results)
    results[1] = {**results[1], MARK: results[1][MARK]._replace(blind=gone)}
    assert verdicts(made.results(words=replace(words, results=tuple(results))))["C5"] == (
        NOT_RESOLVED
    )


def test_larger_models_stand_beside_the_small_ones(perfect):
    poor = made.run("pythia", made.LEVELS | {MARK: (0.70, 0.70)}, 1)
    both = replace(perfect, large=(poor,), probes={**perfect.probes, "pythia": made.probe(False)})
    found = verdicts(both, "paper")
    assert found["C1"] == found["C9"] == NOT_RESOLVED  # one training, and a p that is too large
    assert "pythia" in findings.series(both)["runs"]
    assert "pythia" in findings.series(both)["keys"]


def test_blind_needs_both_parts():
    assert verdicts(made.results(words=made.run(blind=(0.7, 0.95))))["C5"] == DOES_NOT_HOLD
    assert verdicts(made.results(words=made.run(blind=(0.5, 0.7))))["C5"] == DOES_NOT_HOLD


def test_innocent_tests_must_be_uniform():
    biased = {"word model": made.probe(innocent=False), "transformer": made.probe()}
    biased["transformer"] = biased["transformer"]._replace(innocent=np.array([]))
    assert verdicts(made.results(probes=biased))["C9"] == DOES_NOT_HOLD
    none = {m: p._replace(innocent=np.array([])) for m, p in biased.items()}
    assert verdicts(made.results(probes=none))["C9"] == NOT_RESOLVED


def test_scores_that_are_no_numbers_are_not_resolved():
    words = made.run()
    arm = words.results[2][MARK]
    bad = {s: {k: np.full_like(v, np.nan) for k, v in x.items()} for s, x in arm.trained.items()}
    results = list(words.results)
    results[2] = {**results[2], MARK: arm._replace(trained=bad)}
    broken = replace(words, results=tuple(results))
    from companion.leximark.verdict import auroc as judges

    for judge in (judges.gain, judges.shared):
        assert judge("book", [broken]).verdict == NOT_RESOLVED


def test_arms_that_were_not_run_are_named():
    few = made.run(levels={NONE: (0.75, None), MARK: (0.78, 0.9)})
    found = {
        f.claim: f for f in findings.evaluate(made.results(words=few, transformer=None), "book")
    }
    assert found["C3"].verdict == NOT_TESTED
    assert "commoner" in found["C3"].note
    assert found["C7"].verdict == found["C11"].verdict == NOT_TESTED
    gone = made.results(trade_off=data.Missing("no encoder here"))
    (c10,) = [f for f in findings.evaluate(gone, "book") if f.claim == "C10"]
    assert c10.verdict == NOT_TESTED
    assert "no encoder here" in c10.note
    assert "trade_off" not in findings.series(gone)


def test_series_and_settings_fit_into_a_record(perfect):
    from companion.records._store import plain

    text = json.dumps(plain(findings.series(perfect)), allow_nan=False)
    assert len(text) < 120_000
    for settings in PRESETS.values():
        json.dumps(asdict(settings), allow_nan=False)


def paper_table():
    return data.load("leximark/paper_tables.csv", tables.paper_table)


def draws(perfect):
    d = effects(perfect.words)
    runs = findings.series(perfect)["runs"]
    fox = watermark.Watermarker("a").mark("The quick brown fox jumps over the lazy dog.")
    ours = {"word model": (0.75, 0.78, 0.9)}
    return {
        "empty": lambda: figures.answer(None),
        "answer": lambda: figures.answer({"series": {"runs": runs}}),
        "decomposition": lambda: figures.decomposition(runs),
        "curves": lambda: figures.curves(perfect.words),
        "positions": lambda: figures.positions(perfect.probes["word model"]),
        "dose": lambda: figures.dose(perfect.words, made.BOOK.doses),
        "removal": lambda: figures.removal(perfect.words, made.BOOK.removals),
        "stealth": lambda: figures.stealth(perfect.trade_off),
        "keys": lambda: figures.keys(perfect.probes["word model"], "word model"),
        "power": lambda: figures.power(d, {k: records_needed(v) for k, v in d.items()}),
        "paper": lambda: data.show(lambda f: figures.paper_slopes(f, ours), paper_table()),
        "bars": lambda: figures.bars(fox),
    }


def test_every_figure_draws_and_labels_its_axes(perfect):
    for name, draw in draws(perfect).items():
        fig = draw()
        fig.canvas.draw()
        assert name == "empty" or any(ax.get_xlabel() or ax.get_ylabel() for ax in fig.axes), name
        plt.close(fig)


def test_titles_follow_the_numbers(perfect):
    flat = nothing()
    assert (
        "Most of the gain" in figures.decomposition(findings.series(perfect)["runs"]).get_suptitle()
    )
    assert (
        "Most of the gain"
        not in figures.decomposition(findings.series(flat)["runs"]).get_suptitle()
    )
    title = figures.keys(flat.probes["word model"], "word model").get_suptitle()
    assert "beats" not in title
    title = figures.keys(perfect.probes["word model"], "w").get_suptitle()
    assert "beats all 99" in " ".join(title.split())
    assert "fades" in title_of(figures.removal(perfect.words, made.BOOK.removals))
    assert "fades" not in title_of(figures.removal(flat.words, made.BOOK.removals))
    assert "weakens" in title_of(figures.stealth(perfect.trade_off))
    assert "weakens" not in title_of(figures.stealth(flat.trade_off))


def as_record(results):
    """What is published of the results, read back from JSON."""
    kept = {"series": findings.series(results), "settings": asdict(results.settings)}
    return json.loads(json.dumps(kept))


def test_published_figures_are_those_of_the_run(perfect):
    record = as_record(perfect)
    pairs = (
        (figures.published.dose(record), figures.dose(perfect.words, made.BOOK.doses)),
        (figures.published.removal(record), figures.removal(perfect.words, made.BOOK.removals)),
        (figures.published.stealth(record), figures.stealth(perfect.trade_off)),
    )
    for stored, live in pairs:
        lines = [[line.get_xydata() for line in fig.axes[0].lines] for fig in (stored, live)]
        assert title_of(stored) == title_of(live)
        for a, b in zip(*lines, strict=True):
            assert np.allclose(a, b, rtol=1e-3)
    stored = figures.published.keys(record).get_suptitle()
    assert stored == figures.keys(perfect.probes["transformer"], "transformer").get_suptitle()


def test_both_controls_stand_beside_the_auroc(perfect):
    from companion.leximark.page.figures.auroc import controls

    record = as_record(perfect)
    kept = figures.published.stored(record, "word model")
    for arm in (NONE, MARK, "K = 7", removal(0.5)):
        assert controls(kept, arm, "record") == pytest.approx(
            controls(perfect.words, arm, "record"), abs=1e-4
        )
    assert controls(kept, MARK, "protocol")[1] == pytest.approx(0.95)
    fig = figures.decomposition({"word model": findings.run_series(perfect.words)})
    drawn = [line.get_marker() for line in fig.axes[0].lines if np.isfinite(line.get_ydata()).any()]
    assert drawn.count("<") == drawn.count("X") == 5
    assert np.isnan(controls(figures.published.StoredRun({NONE: {}}), NONE, "record")).all()


def test_marks_are_compared_with_no_mark(perfect):
    def title(results):
        return title_of(figures.published.marks(as_record(results)))

    levels = made.LEVELS | {MARK: (0.74, 0.9), "random sequence": (0.75, 0.98)}
    runs = made.run("transformer", {name: levels[name] for name in (NONE, MARK, "random sequence")})
    assert "its key" in title(made.results(transformer=runs))
    assert "its key" not in title(perfect)  # here LexiMark helps to find a record


def test_without_a_record_the_published_figures_say_so():
    for draw in ("dose", "removal", "stealth", "keys", "marks"):
        assert "no published record" in getattr(figures.published, draw)(None).reason


def test_labels_of_the_slopes_do_not_overlap():
    from companion.leximark.page.figures.keys import _apart

    heights = _apart([80.0, 81.0, 60.0, 80.5])
    assert heights[2] == 60
    assert np.diff(sorted(heights)).min() >= 2 - 1e-9
    assert np.argsort(heights).tolist() == [2, 0, 3, 1]


def test_tables_show_every_row(perfect):
    html = tables.arms_table(perfect.words).to_html()
    assert html.count("<tr>") == 1 + len(made.LEVELS)
    scores = tables.scores_table(perfect.words, [(NONE, "record")]).to_html()
    assert scores.count("<tr>") == 6
    assert "naive Bayes" in scores
    assert ">–<" not in tables.scores_table(perfect.words, [(MARK, "protocol")]).to_html()
    assert tables.quality_table(perfect.quality, 0).to_html().count("<tr>") == 4
    frame = paper_table()
    assert len(frame) == 42
    assert (frame["gain"] > 0).all()
    assert frame["gain"].min() == pytest.approx(2.5)
    qlora = frame[frame["regime"] == "qlora_finetune"]["gain"]
    assert (qlora.min(), qlora.max()) == (pytest.approx(3.5), pytest.approx(25.7))
    tables.paper_summary(frame).to_html()


def test_explorers_stay_small_and_describe_their_frames(perfect):
    probe = perfect.probes["word model"]
    made_explorers = (
        explorers.text_explorer(),
        explorers.score_explorer(perfect.words),
        explorers.power_explorer(perfect.words),
        explorers.key_explorer(probe),
        explorers.score_explorer(made.toy().words),
    )
    for explorer in made_explorers:
        assert np.prod([len(values) for values in explorer.grids.values()]) <= MAX_FRAMES
    _, owner = made_explorers[3].frame(model="trained", key=0)
    assert "0 of the others" in owner
    _, text = made_explorers[0].frame(text="letter", k=5, key="alpha")
    assert "became" in text
    _, before = made_explorers[1].frame(question="protocol", model="base", arm="K = 7")
    assert "untrained" in before
    stored = explorers.stored_scores(as_record(perfect))
    live, kept = made_explorers[1], explorers.score_explorer(stored)
    assert live.grids == kept.grids
    at = {"question": "protocol", "model": "trained", "arm": "K = 7"}
    assert live.frame(**at)[1][:-4] == kept.frame(**at)[1][:-4]  # scores of three digits
    assert explorers.stored_scores(None) is None
    own = [
        made_explorers[1].frame(question="protocol", model="base", arm=arm)[1]
        for arm in ("K = 1", "K = 7")
    ]
    assert own[0] != own[1]
    assert made_explorers[4].frame(question="record", model="trained")[1].startswith("trained")


def test_the_text_box_escapes_what_is_typed():
    shown = try_text("<script>alert(1)</script> The lazy servant walked.")
    assert "<script>" not in shown
    assert "<img" in shown
    assert "lazy became" in shown
    other = try_text("The lazy servant walked.", target="commoner")
    assert other != try_text("The lazy servant walked.")
    assert "empty text" in try_text("  ")


def test_exercises_answer_back():
    assert "Right" in exercises.check_auroc(4.5 / 6)
    assert "one half" in exercises.check_auroc(4 / 6)
    assert "Right" in exercises.check_keys(999)
    assert "own key" in exercises.check_keys(1000)
    assert "Right: 17" in exercises.check_records(17)
    assert "into d" in exercises.check_records(5)
    assert "Right" in exercises.check_surprisal(surprisal("torpid") - surprisal("lazy"))
    assert "more bits" in exercises.check_surprisal(-8)
    assert "Not answered" in exercises.check_auroc(...)


def test_settings_refuse_what_cannot_work():
    with pytest.raises(ValueError, match="arms must hold"):
        Settings(arms=(NONE,))
    with pytest.raises(ValueError, match="ten documents"):
        Settings(n_half=20, key_docs=30)
    with pytest.raises(ValueError, match="cannot reach"):
        Settings(n_keys=9)


def test_what_needs_more_says_so():
    assert "paper scale" in run_hub(PRESETS["book"], 0).reason
    assert "smol_docs" in run_smollm2(PRESETS["toy"], 0).reason
