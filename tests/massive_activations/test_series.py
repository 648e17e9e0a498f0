import numpy as np
import pandas as pd
import pytest

from companion.massive_activations.lab.series import (
    decompose,
    late_changes,
    layer_profile,
    log_changes,
    magnitude,
    over_texts,
    parabola,
    ratio_series,
    relative_noise,
)
from companion.massive_activations.method.theory import hidden_state_ratio
from companion.massive_activations.sources import (
    ExcerptError,
    check_excerpt,
    load_excerpt,
    load_fit_record,
    models,
    steps,
)
from companion.stats import Interval


def raw(known):
    return known.frame.drop(columns=["ratio", "depth"])


def test_loading_adds_ratio_and_depth(known):
    frame = load_excerpt(known.path)
    assert models(frame) == ["pythia-14m", "pythia-160m", "pythia-1b"]
    row = frame.iloc[7]
    assert row.ratio == row.top1 / row["median"]
    assert frame.depth.max() == 1.0
    assert frame.depth.min() == pytest.approx(1 / 16)
    shuffled = check_excerpt(raw(known).sample(frac=1, random_state=0))
    assert shuffled.equals(check_excerpt(raw(known)))


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("top1", -1.0, "positive and finite"),
        ("top1", np.nan, "positive and finite"),
        ("top3", 1e9, "top1 >= top2 >= top3 > median"),
        ("median", 1e9, "top1 >= top2 >= top3 > median"),
        ("layer", 1, "occurs twice"),
        ("layer", 99, "expected layers 1 to 6"),
        ("model", "pythia-3b", "unknown model"),
    ],
)
def test_a_broken_row_is_named(known, column, value, message):
    frame = raw(known)
    frame.loc[3, column] = value
    with pytest.raises(ValueError, match=message):
        check_excerpt(frame)


def test_a_missing_column_is_named(known, tmp_path):
    path = tmp_path / "bad.csv"
    raw(known).drop(columns="top2").to_csv(path, index=False)
    with pytest.raises(ExcerptError, match=r"lacks the columns \['top2'\]"):
        load_excerpt(path)


def test_the_series_against_loops(known):
    series = ratio_series(known.frame)
    for row in series.iloc[:: max(1, len(series) // 20)].itertuples():
        rows = known.frame[
            (known.frame.model == row.model)
            & (known.frame.step == row.step)
            & (known.frame.layer == row.layer)
        ]
        ratios = [r.top1 / r.median for r in rows.itertuples()]
        assert row.ratio == pytest.approx(sum(ratios) / len(ratios))
        assert row.ratio_of_means == pytest.approx(rows.top1.sum() / rows["median"].sum())
        assert row.n == len(ratios)
        width = {"pythia-14m": 128, "pythia-160m": 768, "pythia-1b": 2048}[row.model]
        assert row.relative == pytest.approx(row.ratio / hidden_state_ratio(width))


def test_values_of_the_specification(known):
    for step, expected in known.ratios_14m.items():
        profile = layer_profile(known.frame, "pythia-14m", step)
        assert list(profile.ratio) == pytest.approx(expected, abs=0.055)
    series = ratio_series(known.frame)
    assert (series.ratio / series.ratio_of_means - 1).abs().max() <= known.means_gap


def test_unknown_models_and_steps_are_named(excerpt):
    with pytest.raises(ValueError, match=r"no step 1, it has \[0, "):
        layer_profile(excerpt, "pythia-14m", 1)
    with pytest.raises(ValueError, match="no model 'pythia-70m'"):
        steps(excerpt, "pythia-70m")
    with pytest.raises(ValueError, match="no step 7"):
        log_changes(excerpt, "pythia-14m", 0, 7)


def test_numerator_minus_denominator_is_the_ratio(excerpt):
    parts = decompose(excerpt, "pythia-1b", 24_000, 100_000)
    assert parts.ratio.to_numpy() == pytest.approx((parts.top1 - parts["median"]).to_numpy())
    before, after = (layer_profile(excerpt, "pythia-1b", s) for s in (24_000, 100_000))
    assert np.exp(parts.ratio).to_numpy() == pytest.approx((after.ratio / before.ratio).to_numpy())
    assert parts.median_share[4] == pytest.approx(
        np.log(before["median"][4] / after["median"][4]) / np.log(after.ratio[4] / before.ratio[4])
    )


def test_changes_compare_the_same_text_only(excerpt):
    extra = excerpt.query("model == 'pythia-14m' and step == 0 and sequence == 0")
    extra = extra.assign(sequence=9)
    longer = check_excerpt(pd.concat([excerpt, extra], ignore_index=True))
    changes = log_changes(longer, "pythia-14m", 0, 66_000)
    assert set(changes.index.get_level_values("sequence")) == {0, 1, 2}
    assert changes.equals(log_changes(excerpt, "pythia-14m", 0, 66_000))


def test_the_parabola_is_least_squares(known):
    for model, expected in known.curvature.items():
        profile = layer_profile(known.frame, model, steps(known.frame, model)[-1])
        curvature, vertex = parabola(profile)
        assert curvature.estimate == pytest.approx(expected, abs=0.06)
        square, slope, _ = np.polyfit(profile.depth, np.log(profile.ratio), 2)
        assert curvature.estimate == pytest.approx(square)
        assert vertex.estimate == pytest.approx(-slope / (2 * square))
        design = np.vander(profile.depth, 3)
        residual = (
            np.log(profile.ratio) - design @ np.linalg.lstsq(design, np.log(profile.ratio))[0]
        )
        n = len(profile)
        variance = residual @ residual / (n - 3) * np.linalg.inv(design.T @ design)[0, 0]
        quantile = {12: 2.262, 16: 2.160}[n]
        assert curvature.high - curvature.estimate == pytest.approx(
            quantile * np.sqrt(variance), rel=1e-3
        )


def test_noise_of_texts_by_hand():
    assert relative_noise("pythia-1b") == pytest.approx(0.0657)
    found = over_texts(10.0, 0.07, 4)
    assert found.low == pytest.approx(10 * np.exp(-1.96 * 0.035), rel=1e-5)
    assert found.low * found.high == pytest.approx(100.0)


def test_late_changes_are_of_all_layers(excerpt):
    table = late_changes(excerpt)
    assert table.groupby("model").size().to_dict() == {
        "pythia-14m": 6,
        "pythia-160m": 12,
        "pythia-1b": 16,
    }
    spans = table.groupby("model")[["start", "end"]].first()
    assert spans.loc["pythia-14m"].tolist() == [22_000, 66_000]
    assert spans.loc["pythia-160m"].tolist() == [24_000, 80_000]
    assert table.part.value_counts().to_dict() == {"middle": 19, "shallow": 9, "deep": 6}
    row = table[(table.model == "pythia-1b") & (table.layer == 15)].iloc[0]
    before, after = (layer_profile(excerpt, "pythia-1b", s).ratio[15] for s in (24_000, 100_000))
    assert row.factor == pytest.approx(after / before)
    assert row.high == pytest.approx(row.factor * np.exp(1.96 * np.sqrt(2) * 0.0657), rel=1e-5)


@pytest.mark.parametrize(
    ("signed", "size"),
    [
        (Interval(-0.04, -0.06, -0.02), (0.04, 0.02, 0.06)),
        (Interval(0.04, 0.02, 0.06), (0.04, 0.02, 0.06)),
        (Interval(-0.01, -0.05, 0.03), (0.01, 0.0, 0.05)),
        (Interval(-0.2, -np.inf, np.inf), (0.2, -np.inf, np.inf)),
    ],
)
def test_size_of_a_signed_quantity(signed, size):
    assert magnitude(signed)[:3] == size


def test_the_fit_record_is_read_and_checked(known_fit, tmp_path):
    record = load_fit_record(known_fit.path)
    assert record.covariance.shape == (5, 5)
    assert 0.9 < record.r2 < 1
    bad = tmp_path / "bad.json"
    bad.write_text('{"param_names": ["K"]}')
    with pytest.raises(ExcerptError, match="names the parameters"):
        load_fit_record(bad)
