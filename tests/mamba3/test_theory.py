"""Kernels, discretization, rotors, tasks, and the arithmetic of a step."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from companion.data import fetch
from companion.mamba3.lab import checks, tracking
from companion.mamba3.method import discretization, scan
from companion.mamba3.method.mixing import mix
from companion.scale import generator

STEPS = (16, 32, 64, 128, 256)


def recorded(kind):
    """The authors' vectors."""
    return fetch(checks.FILES[kind])


def stand_in(kind, path, heads=2, seq=9, state=8, width=4):
    rng = np.random.default_rng(0)
    rank = 4 if kind == "MIMO" else 1
    draws = {
        "kw_Q": (1, seq, rank, 1, state) if rank > 1 else (1, seq, 1, state),
        "kw_V": (1, seq, heads, width),
        "kw_Z": (1, seq, heads, width),
        "kw_D": (heads,),
        "kw_ADT": (1, heads, seq),
        "kw_DT": (1, heads, seq),
        "kw_Trap": (1, heads, seq),
        "kw_Q_bias": (heads, rank, state) if rank > 1 else (heads, state),
        "kw_Angles": (1, seq, heads, state // 4),
    }
    arrays = {name: rng.standard_normal(shape) for name, shape in draws.items()}
    arrays |= {"kw_K": rng.standard_normal(draws["kw_Q"]), "kw_K_bias": arrays["kw_Q_bias"] + 1}
    arrays["kw_DT"] = np.abs(arrays["kw_DT"])
    arrays["kw_ADT"] = -np.abs(arrays["kw_ADT"])
    if rank > 1:
        for name in ("V", "Z", "Out"):
            arrays[f"kw_MIMO_{name}"] = rng.standard_normal((heads, rank, width))
    arrays["out"] = direct(arrays, kind)
    np.savez(path, **arrays)
    return path


def direct(a, kind):
    """The layer in numpy loops, complex numbers, no shared code."""
    rank = 4 if kind == "MIMO" else 1
    q, k = (np.reshape(a[f"kw_{n}"], (a["kw_V"].shape[1], rank, -1)) for n in "QK")
    seq, heads, width = a["kw_V"].shape[1:]
    state, s = q.shape[-1], a["kw_Angles"].shape[-1]
    pair = (lambda i: (2 * i, 2 * i + 1)) if rank == 1 else (lambda i: (i, i + state // 2))
    out = np.zeros((1, seq, heads, width))
    one = np.ones((heads, rank, width))
    mv, mz, mo = (a.get(f"kw_MIMO_{n}", one) for n in ("V", "Z", "Out"))
    for h in range(heads):
        bias = [np.reshape(a[f"kw_{n}_bias"][h], (rank, state)) for n in "QK"]
        angle, memory, before = np.zeros(s), np.zeros((width, state)), 0.0
        for t in range(seq):
            dt = a["kw_DT"][0, h, t]
            angle = angle + np.pi * np.tanh(a["kw_Angles"][0, t, h]) * dt
            c, b = q[t] + bias[0], k[t] + bias[1]
            for i in range(s):
                left, right = pair(i)
                for m in (c, b):
                    z = (m[:, left] + 1j * m[:, right]) * np.exp(1j * angle[i])
                    m[:, left], m[:, right] = z.real, z.imag
            x = a["kw_V"][0, t, h] * mv[h]
            lam, alpha = 1 / (1 + np.exp(-a["kw_Trap"][0, h, t])), np.exp(a["kw_ADT"][0, h, t])
            memory = alpha * memory + (1 - lam) * dt * alpha * before + lam * dt * x.T @ b
            before = x.T @ b
            y = c @ memory.T + a["kw_D"][h] * x
            z = a["kw_Z"][0, t, h] * mz[h]
            out[0, t, h] = (y * z / (1 + np.exp(-z)) * mo[h]).sum(0)
    return out


@pytest.mark.parametrize("kind", ["SISO", "MIMO"])
def test_our_layer_is_the_authors_kernel(kind):
    one = checks.read_recorded(recorded(kind), kind)
    assert checks.relative_rms(checks.output(one), one.out) < 0.006


@pytest.mark.parametrize("kind", ["SISO", "MIMO"])
def test_a_second_implementation_agrees_to_rounding(kind, tmp_path):
    one = checks.read_recorded(stand_in(kind, tmp_path / "made.npz"), kind)
    assert checks.relative_rms(checks.output(one), one.out) < 1e-12


@pytest.mark.parametrize("kind", ["SISO", "MIMO"])
@pytest.mark.parametrize("mistake", [name for name in checks.MISTAKES if name != "none"])
def test_every_mistake_is_seen(kind, mistake):
    one = checks.read_recorded(recorded(kind), kind)
    found = checks.output(one, *checks.MISTAKES[mistake](one))
    assert checks.relative_rms(found, one.out) > 0.02


def test_unknown_kernel():
    with pytest.raises(ValueError, match="SISO, MIMO"):
        checks.load_recorded("TPU")


def test_zero_order_hold_is_exact_for_constant_input():
    equation = discretization.Equation(
        lambda t: -1.5 + 0 * np.asarray(t), lambda t: 2 + 0 * np.asarray(t)
    )
    closed = 2 / 1.5 + (0.7 - 2 / 1.5) * math.exp(-3.0)
    assert abs(equation.exact() - closed) < 1e-12
    assert abs(equation.solve("zero-order hold", 7)[-1] - closed) < 1e-13


@pytest.mark.parametrize(
    ("rule", "lam", "expected"),
    [
        ("forward Euler", None, 1.0),
        ("backward Euler", None, 1.0),
        ("exponential-Euler", None, 1.0),
        ("exponential-trapezoidal", 0.5, 2.0),
        ("exponential-trapezoidal", 0.7, 1.0),
        ("mean A", 0.5, 2.0),
    ],
)
def test_orders_for_constant_a(rule, lam, expected):
    equation = discretization.EQUATIONS["constant A"]
    found = checks.order(equation, rule, lam and (lambda step: lam), (64, 128, 256, 512))
    assert found.slope.estimate == pytest.approx(expected, abs=0.05)


def test_one_step_is_the_local_error_of_the_text():
    """Input integral: (1/2 - λ) Δ² g' + (1/6 - λ/2) Δ³ g'' + O(Δ⁴)."""
    a, lam = -1.3, 0.3
    errors = []
    for step in (0.02, 0.01):
        # u = e^{wt}: g(τ) = e^{(t-τ)A} e^{wτ}, in closed form
        w = 0.7
        true = (math.exp(w * step) - math.exp(a * step)) / (w - a)
        alpha, beta, gamma = (
            float(v)
            for v in discretization.coefficients(
                "exponential-trapezoidal", step, np.array(a), np.array(a), lam
            )
        )
        taken = beta * 1.0 + gamma * math.exp(w * step)
        slope = (w - a) * math.exp(w * step)
        # signs: the error of what is taken, expanded at the right end
        predicted = (lam - 0.5) * step**2 * slope
        errors.append(abs(taken - true - predicted))
        assert alpha == pytest.approx(math.exp(a * step))
    assert errors[1] < errors[0] / 7  # what is left is of third order


def test_freezing_a_costs_an_order_and_averaging_restores_it():
    found = checks.orders(STEPS)
    assert found["λ = 1/2, A(t)"].slope.high < 1.2
    assert found["λ = 1/2, A(t) averaged"].slope.low > 1.9
    drawn = checks.random_orders(STEPS, 4, seed=0)
    expected = {
        "Euler, constant A": 1,
        "λ = 1/2, constant A": 2,
        "λ = 1/2, A(t)": 1,
        "λ = 1/2, A(t) averaged": 2,
    }
    assert {name: len(slopes) for name, slopes in drawn.items()} == dict.fromkeys(expected, 4)
    for name, order in expected.items():
        assert np.median(drawn[name]) == pytest.approx(order, abs=0.15), name


def test_unknown_rule():
    with pytest.raises(ValueError, match="forward Euler"):
        discretization.coefficients("magic", 0.1, np.array(-1.0), np.array(-1.0))
    with pytest.raises(ValueError, match="needs lam"):
        discretization.coefficients("mean A", 0.1, np.array(-1.0), np.array(-1.0))


def test_the_parity_layer_is_its_closed_form():
    bits = tracking.random_bits(4, 200, 0)
    reading = tracking.parity_reading(bits, decay=0.01)
    state = torch.zeros(4, dtype=torch.float64)
    for t in range(200):
        dt = torch.where(bits[:, t] == 1, tracking.HALF_TURN_DT, tracking.IDLE_DT).double()
        sign = 1 - 2 * bits[:, t]
        state = torch.exp(-0.01 * dt) * sign * state + bits[:, t]
        assert torch.allclose(reading[:, t], state, atol=1e-12)


def test_rotor_by_hand_counts_and_the_control_does_not():
    bits = tracking.random_bits(8, 4096, 0)
    assert tracking.parity_accuracy(bits) == 1
    assert tracking.parity_accuracy(bits, decay=1e-3) == 1
    assert tracking.parity_accuracy(bits[:, :256], decay=0.01) == 1
    assert tracking.parity_accuracy(bits[:, :1024], decay=0.1) < 0.65
    assert tracking.parity_accuracy(bits, turn=0.0) < 0.65
    moves = torch.randint(-1, 2, (4, 512), generator=torch.Generator().manual_seed(0))
    for k in (2, 3, 5):
        assert tracking.walk_accuracy(moves, k) == 1


@pytest.mark.parametrize("error", [0.02, 0.05, 0.11])
def test_drift_law(error):
    """After n ones the layer reads (-1)^n cos(εn): right, then wrong every time, then right."""
    ones = torch.ones(1, 401, dtype=torch.long)
    tokens = tracking.walk_tokens(ones, 2, error=error)
    y, _ = mix(tokens, checks.empty_state(tokens), chunk=16, pairs="neighbors")
    n = np.arange(401)
    right = (y[0, :, 0, 0, 0].numpy() > 0) == (n % 2 == 0)
    assert (right == (np.cos(error * n) > 0)).mean() > 0.98
    first = int(np.argmin(right))
    assert first == pytest.approx(tracking.horizon(error), abs=1)
    assert not right[first : first + int(math.pi / error) - 1].any()


def test_walks_are_products():
    tokens, labels = tracking.walks(
        tracking.TASKS["parity"], 50, 20, torch.Generator().manual_seed(0)
    )
    assert bool((tokens[:, 0] == 2).all())
    assert torch.equal(labels[:, 1:], tokens[:, 1:].cumsum(1) % 2)
    with pytest.raises(ValueError, match="start token"):
        tracking.walks(tracking.TASKS["parity"], 1, 0, torch.Generator())


def test_scaled_accuracy():
    values = tracking.scaled_accuracy(torch.tensor([0.5, 1.0, 0.0]), 0.5)
    assert values.tolist() == [0, 1, -1]


@pytest.mark.parametrize(("N", "P", "R"), [(1, 1, 1), (5, 3, 2), (4, 6, 3)])
def test_counted_operations_are_the_formula(N, P, R):
    counted, gap = counted_step(N, P, R, generator(0, "count"))
    assert counted == scan.flops(N, P, R)
    assert gap < 1e-12


class Counted:
    """A number that notes each addition and multiplication."""

    n_operations = 0

    def __init__(self, value):
        self.value = value

    def __add__(self, other):
        Counted.n_operations += 1
        return Counted(self.value + other.value)

    def __mul__(self, other):
        Counted.n_operations += 1
        return Counted(self.value * other.value)


def counted_step(N, P, R, rng):
    """Operations of one decode step on numbers that count, and its largest error."""
    Counted.n_operations = 0
    shapes = {"H": (P, N), "B": (R, N), "C": (R, N), "X": (R, P)}
    draws = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
    H, B, C, X = ([[Counted(v) for v in row] for row in draws[name]] for name in "HBCX")
    for p in range(P):
        for n in range(N):
            H[p][n] = Counted(0.9) * H[p][n]
            for r in range(R):
                H[p][n] = H[p][n] + X[r][p] * B[r][n]
    Y = np.zeros((R, P))
    for r in range(R):
        for p in range(P):
            total = C[r][0] * H[p][0]
            for n in range(1, N):
                total = total + C[r][n] * H[p][n]
            Y[r, p] = total.value
    state = 0.9 * draws["H"] + draws["X"].T @ draws["B"]
    return Counted.n_operations, float(np.abs(Y - draws["C"] @ state.T).max())


def test_roofline_numbers_of_the_text():
    assert scan.flops(128, 64, 1) == 40_896
    assert scan.flops(128, 64, 4) == 139_008
    for rank, expected in {1: 2.40, 2: 4.17, 4: 7.34, 8: 12.5, 16: 20.0}.items():
        assert scan.intensity(128, 64, rank) == pytest.approx(expected, rel=0.005)


def test_recorded_is_a_plain_value():
    one = checks.read_recorded(recorded("SISO"), "SISO")
    assert replace(one, kind="SISO").tokens is one.tokens
