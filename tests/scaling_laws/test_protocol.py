import numpy as np
import pandas as pd
import pytest

from companion.scaling_laws.method.law import ScalingLaw
from companion.scaling_laws.method.protocol import (
    Run,
    are,
    bias,
    signed_errors,
    stack,
    target_points,
    training_points,
)
from companion.scaling_laws.method.varpro import fit_varpro
from companion.scaling_laws.sources import family, released_family


def run(N, D, loss=None):
    D = np.array(D, dtype=float)
    return Run(f"{N:g}", float(N), D, np.ones(D.size) * 2 if loss is None else np.array(loss))


def test_both_inequalities_are_strict_and_t_is_the_longest_run():
    runs = [run(1, [1, 5, 10]), run(2, [1, 5, 10, 20])]
    assert training_points(runs, q=1.0, cut=1).D.tolist() == [5, 10, 5, 10]
    assert training_points(runs, q=0.5, cut=0).D.tolist() == [1, 5, 1, 5]
    assert training_points(runs, q=0.5, cut=0).N.tolist() == [1, 1, 2, 2]


def test_a_window_without_checkpoints_is_an_error():
    with pytest.raises(ValueError, match="not empty"):
        training_points([run(1, [1, 2])], cut=5)


def test_target_includes_its_edge():
    assert target_points(run(1, [1, 6, 7, 8, 10])).D.tolist() == [7, 8, 10]


def test_errors_by_hand():
    law = ScalingLaw.of(E=3, A=0, B=0, alpha=1, beta=1)
    target = stack([run(1, [1, 2], [2.0, 4.0])])
    assert signed_errors(law, target).tolist() == [0.5, -0.25]
    assert are(law, target) == pytest.approx(37.5)
    assert bias(law, target) == pytest.approx(12.5)


def table(**changes):
    rows = pd.DataFrame(
        {
            "model": ["s", "s", "m", "m", "l", "l"],
            "num_params": [1e6, 1e6, 1e7, 1e7, 1e8, 1e8],
            "tokens": [2e9, 1e9, 1e9, 2e9, 1e9, 2e9],
            "loss": [3.0, 4.0, 3.0, 2.9, 2.5, 2.4],
        }
    )
    return rows.assign(**changes)


def test_a_family_is_sorted_by_size_and_tokens():
    rows = table().sample(frac=1, random_state=1)
    built = family("f", rows, "nats")
    assert [one.model for one in built.runs] == ["s", "m", "l"]
    assert built.target.model == "l"
    assert built.runs[0].D.tolist() == [1e9, 2e9]
    assert built.runs[0].loss.tolist() == [4.0, 3.0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": ["s"] * 6}, "'f' has 1 model; at least 2"),
        ({"loss": [3.0, np.nan, 3, 3, 3, 3]}, r"loss are not finite, the first in row 1"),
        ({"tokens": [1e9, 1e9, 0, 1e9, 1e9, 1e9]}, r"D are not positive, the first in row 2"),
        ({"num_params": [1e6] * 5 + [-1]}, r"N are not positive, the first in row 5"),
        ({"loss": [3.0, -1, 3, 3, 3, 3]}, "loss are not positive"),
    ],
)
def test_a_bad_family_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        family("f", table(**changes))


def test_unknown_units_are_refused_before_any_file_is_read():
    with pytest.raises(ValueError, match="unknown unit 'bits'; choose one of paper, nats"):
        released_family("OPT", "bits")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("LLaMA",), "unknown family 'LLaMA'; the data have .*OPT"),
        (("OPT", "nats", "WikiText"), "no metric 'WikiText'"),
        (("olmo-twin",), "has 1 model"),
    ],
)
def test_what_is_not_released_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        released_family(*arguments)


def test_two_models_are_a_family_and_no_law():
    """OLMo: enough for one run with a borrowed size term, too few for five parameters."""
    olmo = released_family("olmo")
    assert [run.model for run in olmo.runs] == ["OLMo-1B", "OLMo-7B"]
    with pytest.raises(ValueError, match="different sizes"):
        fit_varpro(training_points(olmo.runs[:-1]))
