import numpy as np
import pandas as pd
import pytest

from companion.claims import HOLDS, NOT_RESOLVED
from companion.massive_activations.lab.competitors import STEP_1
from companion.massive_activations.lab.ratios import (
    decompose,
    hidden_state_ratio,
    layer_profile,
    log_changes,
    magnitude,
    ratio_series,
)
from companion.massive_activations.method.fit import fit_separable
from companion.massive_activations.sources import (
    TABLE_5,
    ExcerptError,
    check_excerpt,
    load_excerpt,
    load_fit_record,
    models,
    steps,
)
from companion.massive_activations.verdict.claims import CLAIMS
from companion.massive_activations.verdict.evidence import (
    absent_then_learned,
    middle_layers_largest,
    shrinking_median,
    step_1_floor,
    two_shapes,
)
from companion.stats import Interval

CRITERIA = {claim.id: claim.criteria["toy"] for claim in CLAIMS if "toy" in claim.criteria}


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
        if len(ratios) > 1:
            assert row.sem == pytest.approx(np.std(ratios, ddof=1) / np.sqrt(len(ratios)))


def test_values_of_the_specification(known):
    for step, expected in known.ratios_14m.items():
        profile = layer_profile(known.frame, "pythia-14m", step)
        assert list(profile.ratio) == pytest.approx(expected, abs=0.055)
    series = ratio_series(known.frame)
    assert (series.ratio / series.ratio_of_means - 1).abs().max() <= known.means_gap


def test_unknown_models_and_steps_are_named(excerpt):
    with pytest.raises(ValueError, match=r"no step 1 in the excerpt, it has \[0, "):
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


def test_absent_then_learned(known):
    found = absent_then_learned(known.frame)
    main, share = list(found.values())[:2]
    assert CRITERIA["C1"].verdict(main, by_estimate=True) == HOLDS
    assert main.estimate == pytest.approx(known.smallest_final, rel=1e-2)
    assert share.estimate == known.share_at_null
    assert share.estimate >= 0.9
    assert share.n == len(ratio_series(known.frame).query("step <= 64"))


def test_middle_layers_are_largest(known):
    for model, expected in known.curvature.items():
        found = middle_layers_largest(known.frame, model)
        curvature = found["curvature"]
        assert curvature.estimate == pytest.approx(expected, abs=0.06)
        assert CRITERIA["C2"].verdict(curvature) == HOLDS
        assert 0.3 < found["vertex"].low < found["vertex"].high < 0.7
        profile = layer_profile(known.frame, model, steps(known.frame, model)[-1])
        (square, slope, _) = np.polyfit(profile.depth, np.log(profile.ratio), 2)
        assert curvature.estimate == pytest.approx(square)
        assert found["vertex"].estimate == pytest.approx(-slope / (2 * square))
        assert found["curvature, HAC"].estimate == pytest.approx(square)


def test_curvature_interval_is_that_of_the_normal_equations(known):
    profile = layer_profile(known.frame, "pythia-160m", 80_000)
    noisy = np.log(profile.ratio) + 0.1 * np.sin(37 * profile.depth)
    frame = known.frame.copy()
    rows = (frame.model == "pythia-160m") & (frame.step == 80_000)
    frame.loc[rows, "ratio"] = np.exp(noisy).to_numpy()
    found = middle_layers_largest(frame, "pythia-160m")["curvature"]
    design = np.vander(profile.depth, 3)
    residual = noisy - design @ np.linalg.lstsq(design, noisy)[0]
    variance = residual @ residual / 9 * np.linalg.inv(design.T @ design)[0, 0]
    assert found.high - found.estimate == pytest.approx(2.262 * np.sqrt(variance), rel=1e-3)


def test_final_maximum_is_judged_over_sequences(excerpt):
    """t interval of three numbers by hand; one sequence has none."""
    found = absent_then_learned(excerpt)
    rows = excerpt.query("model == 'pythia-14m' and step == 66_000")
    wide = rows.pivot(index="sequence", columns="layer", values="ratio")
    values = wide[wide.mean().idxmax()] / 6.963
    margin = 4.303 * values.std() / np.sqrt(3)
    small = found["final maximum, pythia-14m"]
    assert (small.low, small.high) == pytest.approx(
        (values.mean() - margin, values.mean() + margin), rel=1e-3
    )
    assert not found["final maximum, pythia-1b"].has_interval


def test_two_shapes(known):
    found = two_shapes(known.frame)
    deep, others, shallow, middle = found.values()
    assert deep.low < deep.estimate < 0.7
    assert others.estimate > 1
    assert shallow.estimate < 0.15
    assert middle.estimate > 1.8
    assert (deep.n, others.n) == (3, 3)
    assert not shallow.has_interval  # one sequence of the 1B model
    assert not middle.has_interval


def test_of_several_layers_the_one_that_reaches_furthest_counts(excerpt):
    """Layer 6 falls further on average than layer 5, and its sequences do not agree."""
    frame = excerpt.drop(columns=["ratio", "depth"])
    start = frame.query("model == 'pythia-14m' and step == 22_000").set_index(["sequence", "layer"])
    late = (frame.model == "pythia-14m") & (frame.step == 66_000) & (frame.layer >= 5)
    for place, row in frame[late].iterrows():
        factor = {5: (0.5, 0.51, 0.52), 6: (0.2, 0.4, 0.9)}[row.layer][int(row.sequence)]
        top = start.loc[(row.sequence, row.layer), "top1"] * factor
        frame.loc[place, ["top1", "top2", "top3", "median"]] = (
            top,
            top,
            top,
            start.loc[(row.sequence, row.layer), "median"],
        )
    deep = two_shapes(check_excerpt(frame))["14M deep layers, largest factor"]
    assert deep.estimate == pytest.approx((0.2 * 0.4 * 0.9) ** (1 / 3))
    assert deep.high > 0.7


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


def test_two_shapes_fail_when_layers_are_out_of_order(known):
    frame = known.frame.copy()
    rows = (frame.model == "pythia-14m") & (frame.step == 66_000)
    frame.loc[rows, "layer"] = 7 - frame.loc[rows, "layer"]
    deep = two_shapes(check_excerpt(frame.drop(columns=["ratio", "depth"])))
    assert CRITERIA["C3"].verdict(next(iter(deep.values()))) != HOLDS


def test_shrinking_median(known):
    found = shrinking_median(known.frame)
    share, smallest, largest, falls, _ = found.values()
    low, high = known.share_range
    assert low <= smallest.estimate <= share.estimate <= largest.estimate <= high
    assert not share.has_interval  # one sequence of the 1B model
    assert CRITERIA["C7"].verdict(share) == NOT_RESOLVED
    assert CRITERIA["C7"].verdict(share, by_estimate=True) == HOLDS
    assert falls.estimate == 1.0
    assert falls.n == 9


def r2_of_a_jump(y):
    """R2 of 0 at the first point and the mean of the others after it: step 1 with τ near 0."""
    predicted = np.r_[0.0, np.full(y.size - 1, y[1:].mean())]
    return 1 - np.sum((y - predicted) ** 2) / np.sum((y - y.mean()) ** 2)


def test_step_1_cannot_be_as_bad_as_reported(known):
    floor = step_1_floor(known.frame)
    series = ratio_series(known.frame).query("model == 'pythia-14m'")
    layers = [rows for _, rows in series.groupby("layer")]
    fitted = np.mean([fit_separable(STEP_1, rows.step, rows.ratio).r2 for rows in layers])
    constant = np.mean([r2_of_a_jump(rows.ratio.to_numpy()) for rows in layers])
    assert constant - 0.4 < floor <= constant <= fitted + 1e-6
    assert TABLE_5["step 1"]["14m"] < floor < 0
    with pytest.raises(ValueError, match="needs step 0"):
        step_1_floor(known.frame, "pythia-1b")


def test_the_fit_record_is_read_and_checked(known_fit, tmp_path):
    record = load_fit_record(known_fit.path)
    assert record.covariance.shape == (5, 5)
    assert 0.9 < record.r2 < 1
    bad = tmp_path / "bad.json"
    bad.write_text('{"param_names": ["K"]}')
    with pytest.raises(ExcerptError, match="names the parameters"):
        load_fit_record(bad)
