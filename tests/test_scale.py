from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from companion import scale


@dataclass(frozen=True)
class Settings:
    steps: int = 10
    lr: float = 0.1
    sizes: tuple[int, ...] = (1, 2)
    fast: bool = False


PRESETS = {"toy": Settings(), "book": Settings(steps=100), "paper": Settings(steps=1000)}


def test_unknown_scale_lists_the_three():
    with pytest.raises(ValueError, match=r"'huge'; choose one of toy, book, paper"):
        scale.settings_for(PRESETS, "huge")


def test_preset_and_override():
    assert scale.settings_for(PRESETS, "book") == Settings(steps=100)
    changed = scale.settings_for(PRESETS, "toy", {"lr": 1, "sizes": [3]})
    assert changed == Settings(lr=1.0, sizes=(3,))
    assert isinstance(changed.lr, float)


def test_unknown_setting_lists_the_allowed():
    with pytest.raises(ValueError, match=r"'stepz'; allowed are fast, lr, sizes, steps"):
        scale.settings_for(PRESETS, "toy", {"stepz": 3})


@pytest.mark.parametrize(
    "override", [{"steps": 1.5}, {"steps": True}, {"lr": "0.1"}, {"fast": 1}, {"sizes": 3}]
)
def test_wrong_type_is_refused(override):
    with pytest.raises(ValueError, match=r"setting '\w+' is "):
        scale.settings_for(PRESETS, "toy", override)


@given(st.integers(0, 2**62), st.text(max_size=8))
def test_generators_repeat_and_differ_by_name(seed, name):
    draw = scale.generator(seed, name).integers(0, 2**60, size=4)
    again = scale.generator(seed, name).integers(0, 2**60, size=4)
    other = scale.generator(seed, name, "x").integers(0, 2**60, size=4)
    assert (draw == again).all()
    assert (draw != other).any()


def test_torch_generator_repeats():
    a = torch.rand(5, generator=scale.torch_generator(1, "a"))
    b = torch.rand(5, generator=scale.torch_generator(1, "a"))
    c = torch.rand(5, generator=scale.torch_generator(2, "a"))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)


def test_seed_everything_fixes_the_global_generators():
    draws = []
    for _ in range(2):
        scale.seed_everything(5)
        draws.append((np.random.rand(), torch.rand(1).item()))  # noqa: NPY002
    assert draws[0] == draws[1]


def test_threads_follow_the_environment(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert scale.n_threads() == 3
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert scale.n_threads() == scale.n_cores() >= 1


def test_device_can_be_chosen(monkeypatch):
    monkeypatch.setenv("COMPANION_DEVICE", "meta")
    assert scale.device() == "meta"


def test_one_thread_is_left_as_it_was_found():
    before = torch.get_num_threads()

    @scale.one_thread()
    def inside() -> int:
        return torch.get_num_threads()

    torch.set_num_threads(2)
    try:
        assert inside() == 1
        assert torch.get_num_threads() == 2
        with pytest.raises(RuntimeError, match="stop"), scale.one_thread():
            raise RuntimeError("stop")
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
