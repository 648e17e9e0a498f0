"""The live figure shows the chapter's own law, on its own data."""

import numpy as np
import pytest

from companion.scaling_laws.method.protocol import are, longest, target_points, training_points
from companion.scaling_laws.method.varpro import fit_varpro
from companion.scaling_laws.page import live_fit
from companion.scaling_laws.sources import released_family


@pytest.fixture(scope="module")
def figure():
    return live_fit.figure()


def shown_error(figure, **values):
    """Error of the law that the scene draws as the reader's point, in percent."""
    scene = figure.scene(figure.start | values, figure.data | {"shares": [0.0, 0.6]})
    return scene["panels"][1]["marks"][-1]["y"][0]


@pytest.mark.parametrize("name", live_fit.FAMILIES)
def test_the_page_has_the_released_losses_rounded(figure, name):
    family, page = released_family(name, "nats"), figure.data["families"][name]
    assert page["N"] == [run.N for run in family.runs]
    for run, tokens, losses, draws in zip(
        family.runs, page["D"], page["loss"], page["z"], strict=True
    ):
        assert len(tokens) == len(losses) == len(draws) <= max(live_fit.PER_RUN, 40)
        for at, loss in zip(tokens, losses, strict=True):
            near = np.abs(run.D - at) <= 1e-3 * at
            assert np.abs(run.loss[near] - loss).min() <= 5e-5 + 1e-9


@pytest.mark.parametrize(("name", "runs"), [("gpt3", 7), ("OPT", 5), ("pythia", 6)])
@pytest.mark.parametrize("cut", [0.05, 0.3])
def test_thinned_and_rounded_the_law_errs_as_on_all_checkpoints(figure, name, runs, cut):
    family = released_family(name, "nats")
    train = family.runs[:runs]
    law = fit_varpro(training_points(train, cut=cut * longest(train))).law
    whole = are(law, target_points(family.target))
    assert shown_error(figure, family=name, runs=runs, cut=cut) == pytest.approx(whole, abs=0.25)


def test_it_opens_on_a_move_worth_making(figure):
    assert shown_error(figure, cut=0.05) < 0.5 * shown_error(figure)
    assert shown_error(figure, runs=3) > 5 * shown_error(figure)


def test_noise_is_relative_and_the_target_has_none(figure):
    quiet, loud = (
        figure.scene(figure.start | {"noise": noise}, figure.data | {"shares": [0.0, 0.6]})
        for noise in (0.0, 0.02)
    )

    def losses(scene, name):
        (mark,) = (m for m in scene["panels"][0]["marks"] if m.get("name") == name)
        return np.array(mark["y"])

    ratio = np.log(losses(loud, "fitted") / losses(quiet, "fitted"))
    assert ratio.std() == pytest.approx(0.02, rel=0.15)
    assert (losses(loud, "175B") == losses(quiet, "175B")).all()
