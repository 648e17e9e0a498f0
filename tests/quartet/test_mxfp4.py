"""The element format and its rounding against two other libraries, search, and enumeration."""

from fractions import Fraction

import gfloat
import ml_dtypes
import numpy as np
import pytest
import torch
from gfloat.formats import format_info_ocp_e2m1
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from companion.quartet.method.mxfp4 import (
    MAGNITUDES,
    NotFinite,
    NotWholeGroups,
    check_groups,
    decode,
    encode,
    round_,
    uniform_draws,
)
from companion.quartet.method.quantizers import (
    QUEST_SCALE,
    SCHEMES,
    Scheme,
    absmax_scale,
    group_deviation,
    power_of_two,
    quantize,
    quest_scale,
)

EVERYWHERE = torch.cat(
    [torch.linspace(-6, 6, 48_001), torch.tensor([0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5.0, -0.0])]
)


def test_rounding_is_that_of_ml_dtypes_but_for_the_sign_of_zero():
    ours = round_(EVERYWHERE.clone()).numpy()
    theirs = EVERYWHERE.numpy().astype(ml_dtypes.float4_e2m1fn).astype(np.float32)
    assert np.array_equal(ours, theirs)  # -0 equals 0
    apart = ours.view(np.int32) != theirs.view(np.int32)
    assert np.array_equal(apart, (theirs == 0) & np.signbit(theirs))
    assert not np.signbit(ours[ours == 0]).any()


def test_a_unit_moves_the_grid(noise):
    z = torch.rand(64, 32, generator=noise) * 12 - 6
    unit = torch.exp2(torch.arange(-32.0, 32.0))[:, None]
    draws = torch.rand(64, 32, generator=noise)
    for uniform in (None, draws):
        at_one = round_(z.clone(), None if uniform is None else uniform.clone())
        moved = round_(z * unit, None if uniform is None else uniform.clone(), unit=unit)
        assert torch.equal(moved, at_one * unit)


def test_rounding_is_that_of_gfloat():
    ours = round_(EVERYWHERE.clone())
    theirs = gfloat.round_ndarray(format_info_ocp_e2m1, EVERYWHERE.double().numpy())
    assert np.array_equal(ours.double().numpy(), theirs)


def test_codes_are_those_of_both_libraries():
    codes = torch.arange(16, dtype=torch.uint8)
    values = decode(codes)
    theirs = codes.numpy().view(ml_dtypes.float4_e2m1fn).astype(np.float32)
    assert np.array_equal(values.numpy(), theirs)
    gf = [gfloat.decode_float(format_info_ocp_e2m1, i).fval for i in range(16)]
    assert values.tolist() == gf
    assert torch.equal(encode(values), codes)
    with pytest.raises(ValueError, match="not all values are on the E2M1 grid"):
        encode(torch.tensor([0.7]))
    with pytest.raises(ValueError, match="four bits"):
        decode(torch.tensor([16]))


def test_rounding_is_the_nearest_of_sixteen(noise):
    z = torch.rand(10_000, generator=noise) * 12 - 6
    grid = torch.tensor([*MAGNITUDES, *(-m for m in MAGNITUDES)])
    assert torch.equal(round_(z.clone()), grid[(z[:, None] - grid).abs().argmin(1)])


def exactly(value, scheme, group):
    """An element of a group by rational arithmetic: no float is rounded on the way."""
    largest = max(abs(Fraction(v)) for v in group)
    exponent = max(k for k in range(-140, 140) if Fraction(2) ** k <= largest)
    scale = Fraction(2) ** (exponent - 2) / Fraction(scheme.headroom)
    z = min(abs(Fraction(value)) / scale, Fraction(6))
    grid = [Fraction(m) for m in MAGNITUDES]
    nearest = min(grid, key=lambda m: (abs(m - z), grid.index(m) % 2))  # ties: the even mantissa
    return float(nearest * scale) * (1 if value >= 0 else -1)


@pytest.mark.parametrize("name", ["RTN", "RTN OCP"])
def test_quantize_is_exact_rational_arithmetic(name, noise):
    x = torch.randn(6, 32, generator=noise) * 2.0 ** torch.tensor([-20, -3, 0, 1, 5, 30])[:, None]
    found = quantize(x, name).values
    for row, ours in zip(x.tolist(), found.tolist(), strict=True):
        expected = [exactly(value, SCHEMES[name], row) for value in row]
        assert ours == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("value", [0.1, 0.3, 0.75, 1.3, 1.9, 2.2, 3.7, 4.5, 5.9, -0.4, -2.75, -5.0])
def test_stochastic_rounding_is_unbiased_by_enumeration(value):
    n = 4096  # every u = (i + 1/2) / n once: the mean is exact up to 1 / n of a step
    u = (torch.arange(n, dtype=torch.float64) + 0.5) / n
    q = round_(torch.full((n,), value), uniform=u.float())
    low = max(m for m in MAGNITUDES if m <= abs(value))
    high = min(m for m in MAGNITUDES if m >= abs(value))
    assert set(q.abs().tolist()) <= {low, high}
    assert q.double().mean().item() == pytest.approx(value, abs=2 / n)


@given(st.floats(-6, 6, width=32), st.floats(2**-20, 1 - 2**-20, width=32))
def test_stochastic_rounding_is_the_floor_formula(value, u):
    z = torch.tensor([value])
    step = max(2.0 ** np.floor(np.log2(max(abs(value), 1e-30))), 1.0) / 2
    place = value / step + u
    q = round_(z.clone(), uniform=torch.tensor([u])).item()
    if abs(place - round(place)) > 1e-4:  # away from float32 ties
        assert q == step * np.floor(place)


def test_draws_are_uniform_and_never_move_a_grid_point(noise):
    u = uniform_draws(torch.Size([1 << 18]), noise)
    assert 0 < u.min() < 1e-3
    assert 1 - 1e-3 < u.max() < 1
    assert stats.kstest(u.double().numpy(), "uniform").pvalue > 1e-3
    assert abs(np.corrcoef(u[:-1], u[1:])[0, 1]) < 0.01  # neighbors share a 64-bit word
    lanes = u.view(-1, 4).double()
    assert (lanes.mT.corrcoef() - torch.eye(4)).abs().max() < 0.02
    grid = torch.tensor([*MAGNITUDES, *(-m for m in MAGNITUDES)]).repeat(5000)
    for extreme in (
        uniform_draws(grid.shape, noise),
        *(torch.full_like(grid, e) for e in (2.0**-17, 1 - 2.0**-17)),
    ):
        assert torch.equal(round_(grid.clone(), uniform=extreme.clone()), grid)


def test_power_of_two_against_exact_logarithms():
    exponents = np.arange(-125, 127)
    for factor in (
        1.0,
        np.nextafter(np.float32(1), np.float32(2)),
        1.4142135,
        1.4142137,
        1.9999999,
    ):
        wanted = (np.float32(factor) * np.exp2(exponents)).astype(np.float32)
        logs = np.log2(wanted.astype(np.longdouble))
        for rule, snap in (("floor", np.floor), ("ceil", np.ceil), ("nearest", np.rint)):
            ours = power_of_two(torch.from_numpy(wanted), rule).double().numpy()
            assert np.array_equal(ours, np.exp2(snap(logs).astype(float))), (rule, factor)
    with pytest.raises(ValueError, match="unknown scale rule 'up'"):
        power_of_two(torch.ones(1), "up")


def test_scales_are_powers_of_two_that_e8m0_holds(noise):
    x = torch.randn(64, 32, generator=noise)
    for rule in ("floor", "ceil", "nearest"):
        scale = quest_scale(group_deviation(x), rule).numpy()
        assert np.array_equal(scale.astype(ml_dtypes.float8_e8m0fnu).astype(np.float32), scale)
    q = quantize(x, "RTN")
    power = (q.scale * 0.75).numpy()
    assert np.array_equal(power.astype(ml_dtypes.float8_e8m0fnu).astype(np.float32), power)


def test_quest_scale_is_the_deviation_by_torch(noise):
    x = torch.randn(128, 32, generator=noise) + 0.3
    expected = x.std(-1, keepdim=True, correction=0)
    assert torch.allclose(group_deviation(x), expected, rtol=1e-5)
    assert torch.allclose(quest_scale(expected, "none"), QUEST_SCALE * expected, rtol=1e-5)


def test_absmax_leaves_room_exactly_where_it_says(noise):
    x = torch.randn(4096, 32, generator=noise) * torch.rand(4096, 1, generator=noise).exp2()
    amax = x.abs().amax(1)
    for headroom, low, high in ((0.75, 3, 6), (1.0, 4, 8)):
        z = amax / absmax_scale(amax, headroom)
        assert low <= z.min()
        assert z.max() < high


def reference(x, scheme):
    """Quantization as one would write it down, in float64 numpy: an independent path."""
    groups = x.double().numpy().reshape(-1, 32)
    if scheme.statistic == "absmax":
        scale = np.exp2(np.floor(np.log2(np.abs(groups).max(1, keepdims=True))) - 2)
        scale /= scheme.headroom
    else:
        scale = np.exp2(np.floor(np.log2(QUEST_SCALE * groups.std(1, keepdims=True) + 1e-8)))
    z = (groups.astype(np.float32) * (1 / scale).astype(np.float32)).astype(np.float32)
    z = np.clip(z, -6, 6).astype(ml_dtypes.float4_e2m1fn).astype(np.float64)
    return (z * scale).reshape(x.shape), scale


@pytest.mark.parametrize("name", ["RTN", "RTN OCP", "QuEST"])
def test_quantize_is_the_plain_formula(name, noise):
    x = torch.randn(50, 96, generator=noise) * torch.rand(50, 1, generator=noise).mul(9).exp2()
    expected, scale = reference(x, SCHEMES[name])
    q = quantize(x, name)
    assert np.allclose(q.values.double().numpy(), expected, rtol=1e-6, atol=0)
    assert np.allclose(q.scale.double().numpy().ravel(), scale.ravel(), rtol=1e-6)


def test_mask_marks_what_was_clipped(noise):
    x = torch.randn(100, 64, generator=noise)
    q = quantize(x, "QuEST", with_mask=True)
    z = x.view(100, 2, 32) / q.scale[..., None]
    assert torch.equal(q.mask.view(z.shape), z.abs() < 6)
    assert not q.mask.all()
    assert quantize(x, "RTN", with_mask=True).mask.all()


def test_quantizing_in_blocks_changes_nothing(noise, monkeypatch):
    x = torch.randn(70, 64, generator=noise)
    whole = {
        name: quantize(x, name, generator=torch.Generator()).values for name in ("RTN", "QuEST")
    }
    monkeypatch.setattr("companion.quartet.method.quantizers._BLOCK", 96)
    for name, values in whole.items():
        assert torch.equal(quantize(x, name).values, values)
    out = x.clone()
    assert quantize(out, "RTN", out=out).values is out  # in place
    assert torch.equal(out, whole["RTN"])


@pytest.mark.parametrize("name", SCHEMES)
def test_zero_groups_give_zeros(name, noise):
    x = torch.randn(4, 64, generator=noise)
    x[1] = 0
    q = quantize(x, name, generator=noise)
    assert torch.isfinite(q.values).all()
    assert (q.values[1] == 0).all()
    assert (quantize(torch.zeros(2, 32), name, generator=noise).values == 0).all()


@pytest.mark.parametrize("size", [1e-45, 1e-42, 1e-39, 2.0**-126, 1e-37, 1e29, 2.0**99])
@pytest.mark.parametrize("name", ["RTN", "SR", "RTN OCP", "QuEST"])
def test_extreme_sizes_stay_finite(size, name, noise):
    x = torch.randn(8, 32, generator=noise).clamp(-1.9, 1.9) * size
    if name == "QuEST" and size > 1e28:  # its square is infinite
        with pytest.raises(NotFinite, match="QuEST, which squares"):
            quantize(x, name)
        return
    q = quantize(x, name, generator=noise).values
    assert torch.isfinite(q).all()
    if size >= 1e-36 and name == "RTN":
        assert ((q - x).square().sum() / x.square().sum()).sqrt() < 0.2 or size > 1e18


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf"), 2.0**101])
@pytest.mark.parametrize("name", SCHEMES)
def test_what_is_not_finite_is_refused(bad, name, noise):
    x = torch.randn(3, 64, generator=noise)
    x[2, 40] = bad
    with pytest.raises(NotFinite, match="NaN, infinity"):
        quantize(x, name, generator=noise)


def test_groups_must_be_whole():
    check_groups(64)
    check_groups(0)
    with pytest.raises(NotWholeGroups, match=r"40.*not a multiple of 32.*pad it to 64"):
        quantize(torch.ones(2, 40), "RTN")


@pytest.mark.parametrize("shape", [(0, 32), (3, 0), (0,), (2, 0, 64)])
def test_empty_tensors_stay_empty(shape, noise):
    for name in SCHEMES:
        q = quantize(torch.empty(shape), name, generator=noise, with_mask=True)
        assert q.values.shape == q.mask.shape == torch.Size(shape)


def test_errors_name_what_is_allowed(noise):
    with pytest.raises(ValueError, match="unknown scheme 'int8'; known are RTN"):
        quantize(torch.ones(32), "int8")
    with pytest.raises(ValueError, match="fresh draws"):
        quantize(torch.ones(32), "SR")
    with pytest.raises(ValueError, match="unknown rule 'up'"):
        Scheme(rule="up")
    with pytest.raises(ValueError, match="headroom"):
        Scheme(headroom=0)


def test_stochastic_quantize_is_unbiased_over_all_draws():
    x = torch.linspace(-1, 1, 32)
    n = 2048
    u = ((torch.arange(n) + 0.5) / n)[:, None].expand(n, 32).contiguous()
    q = quantize(x.expand(n, 32).contiguous(), "SR", uniform=u).values
    assert torch.allclose(q.mean(0), x, atol=1e-3)
    biased = quantize(x.expand(n, 32).contiguous() * 1.99, "SR OCP", uniform=u).values
    assert (biased.mean(0) - 1.99 * x).abs().max() > 0.05  # the largest element is clipped
