"""Figures, tables, exercises, the live figure, and the explorer of the chapter."""

import math

import matplotlib.pyplot as plt
import numpy as np
import pytest
from bs4 import BeautifulSoup

from companion import records
from companion.data import Missing
from companion.leximark import makers
from companion.leximark.lab import run as lab
from companion.leximark.lab.arms import KEYS, MARK, NONE, SEQUENCE
from companion.leximark.lab.detection import (
    effect_of_auroc,
    predicted_power,
    records_needed,
    tpr_at,
)
from companion.leximark.lab.summary import perplexity_ratios, predicted_powers, series
from companion.leximark.method.candidates import is_refused
from companion.leximark.method.watermark import KEYED, Watermarker
from companion.leximark.method.words import frequency
from companion.leximark.page import exercises, explorers, figures, live_words, tables
from companion.leximark.settings import PRESETS
from companion.leximark.verdict import verdicts
from companion.pictures import FIGURE
from companion.scale import SCALES

from . import made


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def text(fig):
    """Everything that a figure says."""
    fig.canvas.draw()
    said = [fig.get_suptitle(), *(t.get_text() for ax in fig.axes for t in ax.texts)]
    said += [ax.get_title(loc) for ax in fig.axes for loc in ("left", "center")]
    return "\n".join(" ".join(part.split()) for part in said)


def rows_of(styler):
    found = BeautifulSoup(styler.to_html(), "html.parser").find_all("tr")
    return [[cell.text for cell in row.find_all("td")] for row in found if row.find_all("td")]


def plain(value):
    return records._store.plain(value)


def test_presets_cover_the_scales():
    assert set(PRESETS) == set(SCALES)
    # no seed of the record was used before, by a run of this edition or of the first
    assert PRESETS["book"].seed_base == 7_300
    assert set(lab.SMOL_ARMS) <= set(PRESETS["book"].arms)


# Figures


def test_the_answer_is_that_of_the_record():
    assert "No published record" in text(figures.answer(None))
    perfect = {"series": plain(series(made.results()))}
    assert "LexiMark adds 20 points" in text(figures.answer(perfect))
    flat = made.results(smol=made.smol(LexiMark={"levels": (0.75, 0.75)}))
    assert "adds" not in text(figures.answer({"series": plain(series(flat))})).replace(
        "What each mark adds", ""
    )


def test_titles_change_when_the_data_do():
    good, runs = made.run(), [made.run(), made.smol()]
    assert "prefers its dictionary" in text(figures.questions(runs))
    worse = made.smol(two_keys={"dictionary": 0.0})
    assert "prefers" not in text(figures.questions([good, worse]))
    assert "found more easily" not in text(figures.marks(good))
    others = made.run(
        random_sequence={"levels": (None, 0.98)}, lookalike_letters={"levels": (0.99, None)}
    )
    assert "found more easily" in text(figures.marks(others))
    assert "Each further word" in text(figures.doses(good))
    flat = {f"two_keys,_K_=_{k}": {"levels": (None, 0.92)} for k in (1, 3)}
    assert "Each further word" not in text(figures.doses(made.run(**flat)))
    assert "beats every other key" in text(figures.keys(runs))
    one = made.SeedResult(0, good.results[0].arms, made.keyed(-2.1), np.ones(3))
    assert "beats" not in text(figures.keys([made.Run("w", (one,))]))
    assert "no mark (d = " in text_of_legend(figures.power(good))
    assert "by 4.2 to 25.7 points" in text(figures.paper_slopes(made.printed(), runs))


def text_of_legend(fig):
    return "\n".join(t.get_text() for ax in fig.axes for t in ax.get_legend().get_texts())


def test_the_bars_are_the_means():
    run = made.run()
    fig = figures.questions([run])
    heights = [bar.get_height() for bar in fig.axes[0].patches]
    expected = [(NONE, "record"), (MARK, "record"), (MARK, "protocol")]
    expected += [(KEYS, question) for question in lab.QUESTIONS]
    assert heights == pytest.approx([run.aurocs(*one).mean() for one in expected])


# Tables


def test_tables_say_what_was_measured():
    run = made.run()
    rows = {(row[0], row[1]): row for row in rows_of(tables.arms_table(run))}
    assert (MARK, "protocol") in rows
    assert (SEQUENCE, "record") not in rows
    found = np.mean([tpr_at(*pair) for pair in run.pairs(MARK, "protocol")])
    assert rows[MARK, "protocol"][3:5] == ["13%", f"{found:.0%}"]
    assert rows[NONE, "record"][2].startswith("0.75")
    assert rows_of(tables.quality_table(made.qualities()))[0][1].startswith("0.13")
    summary = {row[1]: row for row in rows_of(tables.paper_summary(made.printed(0.0)))[:6]}
    assert len(summary) == 6
    assert "continued pretraining" in {row[0] for row in summary.values()}
    fox = Watermarker(KEYED, "alpha").mark("The quick brown fox jumps over the lazy dog.")
    assert len(rows_of(tables.changes_table(fox))) == len(fox.changes) + len(fox.kept) == 5
    shown = tables.sample_texts([("The lazy dog.", Watermarker().mark("The lazy dog."))])
    assert "<mark>" in shown
    assert "(was lazy)" in shown


# Claims


def test_every_claim_has_a_verdict_at_toy_scale():
    found = {f.claim: f for f in verdicts.evaluate(made.toy(), "toy")}
    assert found["C9"].verdict == "holds"
    assert found["C17"].verdict == "holds"
    rest = {f.verdict for name, f in found.items() if name not in ("C9", "C17")}
    assert rest == {"not resolved", "not tested"}
    gone = made.toy(words=Missing("no encoder"), qualities=Missing("no encoder"))
    found = {f.claim: f.verdict for f in verdicts.evaluate(gone, "toy")}
    assert set(found.values()) == {"not tested", "holds"}
    assert [f.of for f in verdicts.evaluate(gone, "toy")].count("paper") == 9


def test_perplexity_by_hand():
    run = made.smol()
    one = run.results[0]
    ratio = math.exp(np.mean(one.arms[MARK].nats) - np.mean(one.arms[NONE].nats))
    assert perplexity_ratios(run)[0] == pytest.approx(ratio)
    assert ratio == pytest.approx(math.exp(0.05), rel=0.01)


def test_powers_of_the_printed_aurocs():
    """Of 94.8 %, as the chapter says, five records a side are enough; of 69.1 % six are not."""
    assert predicted_powers(np.array([0.948]), 5)[0] > 0.8 > predicted_powers(np.array([0.948]), 4)
    assert predicted_powers(np.array([0.691]), 6)[0] == pytest.approx(
        predicted_power(effect_of_auroc(0.691), 6)
    )
    assert predicted_powers(np.array([0.4]), 6)[0] == pytest.approx(0.05)


def test_the_series_has_what_is_drawn():
    record = plain(series(made.results()))
    table = record["aurocs"]
    rows = list(zip(table["model"], table["arm"], table["question"], strict=True))
    assert len(rows) == len(set(rows))
    at = rows.index(("word model", MARK, "protocol"))
    assert table["level_low"][at] < table["level"][at] < table["level_high"][at]
    assert table["gain"][at] == pytest.approx(0.2, abs=0.01)
    assert record["quality"]["mean"][0] == pytest.approx(0.13)


# Exercises


def test_exercises_explain():
    assert "Not answered" in exercises.check_auroc(...)
    assert exercises.check_auroc(0.75).startswith("Right")
    assert "one half" in exercises.check_auroc(4 / 6)
    assert exercises.check_keys(999).startswith("Right")
    assert "counted too" in exercises.check_keys(1000)
    assert exercises.check_records(17).startswith("Right")
    gain = exercises.surprisal("torpid") - exercises.surprisal("lazy")
    assert exercises.check_surprisal(gain).startswith("Right")
    assert "more bits" in exercises.check_surprisal(-gain)


# The live figure and the explorer


def test_the_live_figure_marks_as_the_watermarker_does():
    figure = live_words.figure()
    doses = figure.data["doses"]
    for sentence in live_words.TEXTS:
        for i, k in enumerate(doses):
            for key in (1, 5, 12):
                values = figure.start | {"text": sentence, "dose": i, "key": key}
                ticks = figure.scene(values, figure.data)["panels"][0]["y"]["ticks"]
                shown = dict(t.split(" → ") for _, t in ticks if " → " in t)
                recipe = made.replace(KEYED, k=k)
                found = Watermarker(recipe, key).mark(sentence)
                assert shown == {c.old: c.new for c in found.changes}


def test_the_table_of_the_page_is_that_of_the_package():
    """Some of its lines made anew; each synonym is rare, and none is an insult."""
    known, rare = live_words.tables()
    assert 2000 <= len(known) < 2100
    replaced = {word: parts for word, parts in known.items() if len(parts) > 1}
    assert len(replaced) > 800
    words = [*sorted(known)[::200], "harbor", "lazy"]
    again = makers.lines(words)
    for word, line in zip(words, again, strict=False):
        assert line.split() == [word, *known[word]]
    for word, (_, picks, *pool) in replaced.items():
        assert len(picks) == makers.KEYS
        assert set(map(int, picks)) <= set(range(len(pool)))
        assert len(pool) >= KEYED.least
        assert all(rare[new] > 600 for new in pool)  # below one in a million
        assert not any(map(is_refused, pool)), word
    assert all(frequency(w) == pytest.approx(10 ** (-size / 100)) for w, size in rare.items())


def test_a_readers_sentence_is_cut_as_the_method_cuts_it():
    figure = live_words.figure()

    def read(text, **values):
        return figure.scene(figure.start | {"text": text, "dose": 1} | values, figure.data)

    said = read("Lazy 12 dogs; “lazy” zyxwv. The lazy fox.")
    ticks = [t.split(" → ")[0] for _, t in said["panels"][0]["y"]["ticks"]]
    assert ticks == ["dogs", "lazy", "lazy", "fox"]  # no capital, no number, no unknown word
    assert said["headline"].startswith("2 of 4 known words change: lazy → ")  # K = 1 a sentence
    nothing = read("")
    assert nothing["headline"] == "0 of 0 known words change."
    assert nothing["panels"][0]["y"]["ticks"] == []


def test_its_power_is_that_of_the_test():
    data = live_words.figure().data
    for auroc, power, needed in zip(data["aurocs"], data["power"], data["needed"], strict=True):
        d = effect_of_auroc(auroc)
        assert power[4] == pytest.approx(predicted_power(d, 6), abs=1e-5)
        assert needed == records_needed(d)


def test_without_a_record_it_takes_the_papers_means(monkeypatch):
    monkeypatch.setattr(live_words.records, "load", lambda slug: None)
    levels, source = live_words.doses()
    assert source == "the paper's mean"
    assert [k for k, _ in levels] == [0, 5]
    monkeypatch.setattr(
        live_words.records, "load", lambda slug: {"series": plain(series(made.results()))}
    )
    levels, source = live_words.doses()
    assert [k for k, _ in levels] == [0, 1, 3, 5]
    assert dict(levels)[0] == pytest.approx(0.75, abs=0.01)
    assert dict(levels)[5] == pytest.approx(0.854, abs=0.01)


def test_the_page_has_the_explorers_first_picture_with_its_words(monkeypatch):
    explorer = explorers.TextExplorer(Missing("no encoder"))
    made_bundle = explorer._repr_mimebundle_()
    assert "text/html" in made_bundle
    widget = explorer.widget()
    box, rule, k, *_ = widget.children
    box.value, k.value, rule.value = "The lazy dog slept.", 1, "the authors' rule"
    expected = Watermarker(made.replace(explorers.LEXIMARK, k=1)).mark("The lazy dog slept.")
    assert explorers.said(expected) in widget.children[-1].value
    monkeypatch.setenv("COMPANION_PUBLISH", "1")
    shown = explorer._repr_mimebundle_()
    assert set(shown) == {"text/plain", FIGURE}
    assert shown[FIGURE]["alt"] == explorers.said(explorer.first())
