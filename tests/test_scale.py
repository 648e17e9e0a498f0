import importlib
import itertools
from dataclasses import dataclass, fields, replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from companion import contracts, scale
from companion.papers import papers


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


FROZEN_SEEDS = [
    # seed, names, the seed that published numbers were computed with
    (0, (), 3456079177858693020),
    (0, ("a", "b"), 6129914920959480835),
    (3, ("ridge", (1, 2), 0.5), 2508466005580068704),
    (7, ("",), 3078907467250169895),
]


@pytest.mark.parametrize(("seed", "names", "derived"), FROZEN_SEEDS)
def test_seeds_that_published_numbers_depend_on_do_not_change(seed, names, derived):
    assert scale.derive_seed(seed, *names) == derived


def test_other_names_are_another_stream():
    # every list of up to three names made of these signs: the slash separates, \\ escapes it
    texts = ["".join(t) for n in range(3) for t in itertools.product("a/\\", repeat=n)]
    lists = [names for n in range(4) for names in itertools.product(texts, repeat=n)]
    assert len({scale.derive_seed(0, *names) for names in lists}) == len(lists) == 2380
    assert scale.derive_seed(0, "a/b") != scale.derive_seed(0, "a", "b")


@pytest.mark.parametrize("seed", [-1, 2**31, 2**70, 1.5, True, "1"])
def test_a_seed_out_of_range_is_refused(seed):
    with pytest.raises(ValueError, match="from 0 to 2147483647"):
        scale.check_seed(seed)
    assert scale.check_seed(2**31 - 1) == 2**31 - 1


@dataclass(frozen=True)
class Kinds:
    count: int = 3
    switch: int = 0
    share: float = 0.5
    counts: tuple[int, ...] = (1, 2)
    cells: tuple[tuple[int, float], ...] = ((1, 0.1),)
    maybe: int | None = None


KINDS = {"toy": Kinds(), "book": Kinds(switch=5), "paper": Kinds()}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ({"count": -1}, "setting 'count' must be at least 1, got -1"),
        ({"count": 0}, "at least 1"),
        ({"switch": -1}, "at least 0"),
        ({"share": float("nan")}, "finite and not negative"),
        ({"share": float("inf")}, "finite and not negative"),
        ({"share": 10**400}, "finite and not negative"),
        ({"share": -0.1}, "finite and not negative"),
        ({"counts": [1, "2"]}, r"is tuple\[int, ...\]"),
        ({"counts": [1, 0]}, "at least 1"),
        ({"counts": [1, [2]]}, r"is tuple\[int, ...\]"),
        ({"cells": [[1]]}, r"is tuple\[tuple\[int, float\], ...\]"),
        ({"cells": [[1, None]]}, r"is tuple\[tuple\[int, float\], ...\]"),
        ({"maybe": "one"}, r"is int | None"),
    ],
)
def test_numbers_out_of_range_and_members_of_another_type_are_refused(override, message):
    with pytest.raises(ValueError, match=message):
        scale.settings_for(KINDS, "toy", override)


def test_what_can_be_said_is_converted():
    override = {"switch": 0, "share": 0, "counts": [], "cells": [[2, 1]], "maybe": 4}
    settings = scale.settings_for(KINDS, "toy", override)
    assert settings == Kinds(share=0.0, counts=(), cells=((2, 1.0),), maybe=4)
    assert isinstance(settings.cells[0][1], float)
    assert scale.settings_for(KINDS, "toy", {"maybe": None}) == Kinds()


def _changed(value, number):
    """`value` with `number` in the place of its first number; None if it holds none."""
    if isinstance(value, tuple):
        for i, member in enumerate(value):
            if (inner := _changed(member, number)) is not None:
                return (*value[:i], inner, *value[i + 1 :])
        return None
    return number if isinstance(value, int | float) and not isinstance(value, bool) else None


@pytest.mark.parametrize("paper", papers(), ids=lambda paper: paper.slug)
def test_no_chapter_takes_a_negative_number_or_nan_or_a_word_for_a_number(paper):
    presets = importlib.import_module(f"{paper.module}.settings").PRESETS
    n_numeric = 0
    for name in scale.SCALES:
        preset = presets[name]
        own = {field.name: getattr(preset, field.name) for field in fields(preset)}
        assert scale.settings_for(presets, name, own) == preset
        for field, value in own.items():
            for number in (-1, float("nan"), "many"):
                bad = _changed(value, number)
                if bad is None:
                    continue
                n_numeric += 1
                with pytest.raises(ValueError):  # the chapter's own message, or the shared one
                    scale.settings_for(presets, name, {field: bad})
    assert n_numeric > 0


def _leaves(value):
    """The numbers and texts in a setting."""
    if isinstance(value, tuple):
        for member in value:
            yield from _leaves(member)
    elif value is not None and not isinstance(value, bool):
        yield value


def _every_first(value, other):
    """`value` with `other` in the place of its first number or text; None if it holds none."""
    if isinstance(value, tuple):
        for i, member in enumerate(value):
            if (inner := _every_first(member, other)) is not None:
                return (*value[:i], inner, *value[i + 1 :])
        return None
    return None if value is None or isinstance(value, bool) else other


TOO_MUCH = {int: 10**13, float: 1e30, str: "no such name \x07"}


@pytest.mark.parametrize("paper", papers(), ids=lambda paper: paper.slug)
def test_every_setting_has_an_upper_end_or_a_list(paper):
    """Too large, too small, not a number, an unknown name: refused by name, however it is made."""
    presets = importlib.import_module(f"{paper.module}.settings").PRESETS
    kinds = {
        field.name: {type(x) for p in presets.values() for x in _leaves(getattr(p, field.name))}
        for field in fields(presets["toy"])
    }
    ranges = type(presets["toy"]).RANGES
    for name, found in kinds.items():
        assert name in ranges or not found & {float, str}, f"{name}: say what it may be"
    for preset in presets.values():
        for name in kinds:
            value = getattr(preset, name)
            kind = next((type(x) for x in _leaves(value)), None)
            if kind is None:
                continue
            bad = [TOO_MUCH[kind]] + ([-1, float("nan")] if kind is not str else [])
            for other in bad:
                with pytest.raises(ValueError, match=name) as refused:
                    replace(preset, **{name: _every_first(value, other)})
                assert len(str(refused.value)) < 2_000


def test_a_setting_is_refused_by_what_it_may_be():
    @dataclass(frozen=True)
    class Made(scale.Sized):
        share: float = scale.sized(0.5)
        arms: tuple[str, ...] = scale.sized(("one",))
        n: int = scale.sized(3, least=2)

    contracts.ranges(Made, share=contracts.SHARE, arms=contracts.one_of(("one", "two")))
    presets = Made.presets()
    assert scale.settings_for(presets, "toy", {"arms": ["two"], "n": 10**9}).arms == ("two",)
    for change, message in (
        ({"share": 1.5}, "'share' must be between 0 and 1, got 1.5"),
        ({"arms": ["two", "three"]}, "'arms' must be one of one, two, got 'three'"),
        ({"n": 10**9 + 1}, "'n' must be a whole number from 0 to 1000000000"),
        ({"n": 10**400}, "'n' must be a whole number from 0 to 1000000000"),
        ({"n": 1}, "n must be at least 2"),
    ):
        with pytest.raises(ValueError, match=message):
            scale.settings_for(presets, "toy", change)
    with pytest.raises(TypeError, match="Made has no shares"):
        contracts.ranges(Made, shares=contracts.SHARE)


@dataclass(frozen=True)
class Lines(scale.Sized):
    """Settings in the form of one line each."""

    seeds: int = scale.sized(toy=2, book=8, least=2)  # independent worlds
    steps: int = scale.sized(toy=10, book=100, paper=1_000)
    # one for each size, in the order of the paper;
    # the last is its own
    sizes: tuple[tuple[int, float], ...] = scale.sized(
        toy=((1, 0.5),),
        book=((1, 0.5), (2, 0.25)),  # half and a quarter
    )

    # not about the next one

    width: int = scale.sized(64)  # at every scale
    plain: bool = False
    switch: int = scale.sized(toy=0, paper=3)
    maybe: int | None = scale.sized(None, paper=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.width == 63:
            raise ValueError("width is odd")


LINES = Lines.presets()


def test_presets_follow_from_the_lines():
    """Book is as toy, and paper as book, unless said."""
    assert tuple(LINES) == scale.SCALES
    assert [one.seeds for one in LINES.values()] == [2, 8, 8]
    assert [one.steps for one in LINES.values()] == [10, 100, 1_000]
    assert [len(one.sizes) for one in LINES.values()] == [1, 2, 2]
    assert [one.switch for one in LINES.values()] == [0, 0, 3]
    assert [one.maybe for one in LINES.values()] == [None, None, 1]
    assert {(one.width, one.plain) for one in LINES.values()} == {(64, False)}
    assert hash(LINES["toy"]) == hash(Lines.presets()["toy"])


def test_settings_of_lines_are_overridden_like_others():
    changed = scale.settings_for(LINES, "book", {"steps": 7, "sizes": [[3, 1]], "plain": True})
    assert (changed.seeds, changed.steps, changed.sizes) == (8, 7, ((3, 1.0),))
    assert changed.plain
    with pytest.raises(ValueError, match="'step'; allowed are maybe, plain, seeds, sizes"):
        scale.settings_for(LINES, "toy", {"step": 1})


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ({"seeds": 1}, "seeds must be at least 2, got 1"),
        ({"seeds": "many"}, "setting 'seeds' is int"),
        ({"seeds": True}, "setting 'seeds' is int"),
        ({"steps": 0}, "at least 1"),  # positive at every scale
        ({"switch": -1}, "at least 0"),
        ({"sizes": [[1, float("nan")]]}, "finite and not negative"),
        ({"sizes": [[0, 1.0]]}, "at least 1"),
        ({"width": 63}, "width is odd"),
    ],
)
def test_numbers_out_of_range_are_refused_in_lines_too(override, message):
    with pytest.raises(ValueError, match=message):
        scale.settings_for(LINES, "toy", override)


def test_a_preset_that_its_own_rule_refuses_is_noticed():
    @dataclass(frozen=True)
    class Wrong(scale.Sized):
        seeds: int = scale.sized(toy=1, book=8, least=2)

    with pytest.raises(ValueError, match="seeds must be at least 2, got 1"):
        Wrong.presets()
    with pytest.raises(TypeError):
        Wrong()  # a class has no scale of its own


def test_the_comments_are_the_help():
    assert scale.help_text(LINES).splitlines() == [
        "seeds: toy 2, book 8, paper 8  # independent worlds",
        "steps: toy 10, book 100, paper 1000",
        "sizes: toy ((1, 0.5),), book ((1, 0.5), (2, 0.25)), paper ((1, 0.5), (2, 0.25))"
        "  # one for each size, in the order of the paper; the last is its own half and a quarter",
        "width: 64  # at every scale",
        "plain: False",
        "switch: toy 0, book 0, paper 3",
        "maybe: toy None, book None, paper 1",
    ]


def test_help_of_settings_in_another_form_has_the_values():
    assert scale.help_text(PRESETS).splitlines()[:2] == [
        "steps: toy 10, book 100, paper 1000",
        "lr: 0.1",
    ]


def test_help_without_a_source_has_the_values():
    made = {"scale": scale, "dataclass": dataclass, "__name__": "nowhere"}
    exec("@dataclass(frozen=True)\nclass Made(scale.Sized):\n    n: int = scale.sized(1)", made)
    assert scale.help_text(made["Made"].presets()) == "n: 1"
