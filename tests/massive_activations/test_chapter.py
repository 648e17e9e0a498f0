"""Settings, tables, exercises and live figures of the chapter."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from bs4 import BeautifulSoup
from scipy.stats import norm

from companion import data
from companion.massive_activations import settings
from companion.massive_activations.lab import ratios
from companion.massive_activations.lab.competitors import compare_all
from companion.massive_activations.lab.real_model import RealModel, Texts
from companion.massive_activations.method.measure import Measurement
from companion.massive_activations.page import exercises, figures, tables
from companion.massive_activations.page.explorers import excerpt_explorer
from companion.massive_activations.verdict.evidence import all_series
from companion.models import neox, neox_config
from companion.scale import SCALES

from .made import intervention, mini_run, rising
from .test_figures_statistics import text


def test_presets_cover_the_scales():
    assert set(settings.PRESETS) == set(SCALES)
    assert settings.PRESETS["book"].n_seeds >= 4


def test_minis_differ_by_seed_and_arm_only():
    book = settings.PRESETS["book"]
    base = settings.base_minis(book, seed=10)
    assert [mini.seed for mini in base] == [10, 11, 12, 13]
    arms = settings.arm_minis(book, seed=10)
    assert {mini.arm for mini in arms} == {"base", *book.arms}
    assert len(arms) == (1 + len(book.arms)) * book.n_arm_seeds
    assert {mini.steps for mini in arms} == {book.arm_steps}
    shapes = {(m.n_layers, m.d_model, m.n_heads) for m in settings.grid_minis(book)}
    assert len(shapes) == 12
    toy = settings.PRESETS["toy"]
    assert settings.arm_minis(toy) == settings.grid_minis(toy) == []


def test_step_zero_table_puts_the_authors_beside_ours(excerpt):
    rows = excerpt[(excerpt.model == "pythia-14m") & (excerpt.step == 0)]
    theirs = rows.groupby("layer")["median"].mean().to_numpy()
    ones = np.ones((1, 6))
    place = np.zeros((1, 6), dtype=int)
    ours = Measurement(7 * 1.1 * theirs[None], ones, ones, 1.1 * theirs[None], place, place)
    html = tables.step_zero_table([ours], excerpt).to_html()
    cells = [tag.text for tag in BeautifulSoup(html, "html.parser").find_all("td")]
    assert cells.count("+10.0%") == 6
    assert cells.count("7.00") == 6


def test_curve_table_is_relative_to_eq_9():
    noise = 1 + 0.02 * np.random.default_rng(0).normal(size=(16, 1))
    comparison = compare_all(all_series([mini_run(rising(20.0, 1) * noise)]))
    html = tables.curve_table(comparison).to_html()
    first = BeautifulSoup(html, "html.parser").find_all("tr")[1]
    assert "+0" in first.text
    assert "damped logarithm" in first.text


def test_exercises_explain():
    assert "Not answered" in exercises.check_noise_maximum(...)
    ratio = norm.ppf((1 + 0.5 ** (1 / (2048 * 1024))) / 2) / norm.ppf(0.75)
    assert exercises.check_noise_maximum(ratio / 2).startswith("Right")
    assert "times the median" in exercises.check_noise_maximum(ratio)
    assert "inside training" in exercises.check_peak(47_290)
    assert "t = (x" in exercises.check_peak(5.73)


def test_last_layer_exercise_on_a_tiny_model():
    config = neox_config(n_layers=2, d_model=32, n_heads=2, vocab_size=17, seq=16)
    model = neox(config, torch.Generator().manual_seed(0)).eval()
    ids = torch.arange(16)[None]
    with torch.no_grad():
        states = model.base_model(ids, output_hidden_states=True).hidden_states
        normed = model.gpt_neox.final_layer_norm
        kept = []
        handle = normed.register_forward_hook(lambda _m, inputs, _o: kept.append(inputs[0]))
        model.base_model(ids)
        handle.remove()
    right = float(kept[0].abs().max() / states[-1].abs().max())
    real = RealModel(model, None, Texts(("text",), ids), None, None)
    assert exercises.check_last_layer(real, right).startswith("Right")
    assert "inverse" in exercises.check_last_layer(real, 1 / right)
    assert "Not answered" in exercises.check_last_layer(real, ...)


def fail(error):
    raise error


def test_sources_are_a_closed_list(monkeypatch):
    with pytest.raises(ValueError, match="excerpt, hub"):
        ratios.authors_measurements("web")
    assert isinstance(ratios.our_measurements(()), data.Missing)
    for error in (OSError("off"), data.DataUnavailable("off")):
        monkeypatch.setattr(ratios, "download_stats", partial(fail, error))
        missing = ratios.authors_measurements("hub")
        assert isinstance(missing, data.Missing)
        assert "off" in missing.reason


def test_explorer_of_the_excerpt(excerpt):
    made = excerpt_explorer(excerpt)
    _, alt = made.frame(model="pythia-14m", checkpoint="first", quantity="ratio")
    assert "pythia-14m at step 0" in alt


def measurement(top, median):
    top, median = np.array(top, float), np.array(median, float)
    place = np.zeros(top.shape, dtype=int)
    return Measurement(top, top, top, median, place, place)


def test_live_figures_state_what_they_show():
    spike = measurement([[10, 5000, 5000.0]] * 2, [[1, 1, 2.0]] * 2)
    assert "After block 2, one scalar" in text(figures.real_profile(spike))
    flat = measurement([[10, 12, 15.0]] * 2, [[1, 1, 2.0]] * 2)
    assert "No scalar" in text(figures.real_profile(flat))
    noise = np.zeros(4)
    assert "Zero breaks" in text(figures.perplexity_dots(intervention(noise + 9, noise, noise)))
    assert "Zero breaks" not in text(figures.perplexity_dots(intervention(noise, noise, noise)))
    both = {"base": [20.0, 21.0], "relu": [10.0, 11.0], "sgd": [9.0, 30.0]}
    assert "ReLU attention and SGD both" not in text(figures.control_arms(both))
    both["sgd"] = [9.0, 9.5]
    assert "both end below" in text(figures.control_arms(both))
    sink = text(figures.sink_and_spike(spike, np.array([0.0, 0.1, 0.6])))
    assert "60% of attention" in sink
    grown = mini_run(rising(20.0), median=np.linspace(1, 4, 16)[:, None] * np.ones(3))
    assert "Training grows the ratio 4.0-fold" in text(figures.mini_growth([grown]))
    assert "Training grows" not in text(figures.mini_growth([mini_run(rising(5.5))]))
    assert "follows every layer" in text(figures.mini_fits(grown))


def test_answer_without_record_says_so():
    assert "No published record" in text(figures.answer(None))


def test_tables_refuse_a_comparison_without_eq_9():
    with pytest.raises((KeyError, IndexError)):
        tables.curve_table(pd.DataFrame(columns=["curve", "series", "aicc"]))
