"""The layer and its baseline against independent forms, at every split, length, and dtype."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm

from companion.mamba3.lab import checks, timing
from companion.mamba3.method import mixing
from companion.mamba3.method.layer import (
    Mamba2,
    Mamba2Config,
    Mamba3,
    Mamba3Config,
    Mamba3MIMO,
    heavy_tail,
    mamba3,
)
from companion.mamba3.method.mixing import Tokens, cumulative_angle, mix, rotate
from companion.mamba3.method.scan import chunked, recurrence

SMALL = {"d_model": 8, "d_state": 8, "head_dim": 4, "chunk": 4, "dt_range": (0.1, 1.0)}


def layers():
    return {
        "SISO": Mamba3Config(**SMALL),
        "MIMO": Mamba3Config(**SMALL, rank=3),
        "all turn": Mamba3Config(**SMALL, rope_fraction=1.0),
        "both signs": Mamba3Config(**SMALL, rotation="none", negative=True),
        "standard": Mamba3Config(**SMALL, rotation="standard", trapezoid="half"),
        "conv": Mamba3Config(**SMALL, conv=4, bias_init=None, trapezoid="off", tail="softplus"),
        "Mamba-2": Mamba2Config(**SMALL),
    }


def build(name, dtype=torch.float64):
    config = layers()[name]
    torch.manual_seed(0)
    layer = Mamba2(config) if isinstance(config, Mamba2Config) else mamba3(config)
    with torch.no_grad():
        for p in layer.parameters():
            p.add_(0.1 * torch.randn_like(p))
    return layer.to(dtype)


def brute_force(tokens: Tokens) -> np.ndarray:
    """The ODE form with dense matrices: h' = (A + rotation) h, a matrix exponential a step."""
    t = Tokens(*(p.numpy() if p is not None else None for p in tokens))
    batch, seq, heads, _, width = t.x.shape
    state, angles = t.B.shape[-1], t.turn.shape[-1]
    y = np.zeros_like(t.x)
    for b in range(batch):
        for head in range(heads):
            h = np.zeros((width, state))
            before = np.zeros((width, state))
            for s in range(seq):
                generator = np.eye(state) * t.log_alpha[b, s, head]
                for i in range(angles):
                    theta = -t.turn[b, s, head, i]  # the code's angle is minus the paper's
                    generator[2 * i, 2 * i + 1], generator[2 * i + 1, 2 * i] = -theta, theta
                step = expm(generator)
                dt, lam = t.dt[b, s, head], t.lam[b, s, head]
                now = t.x[b, s, head].T @ t.B[b, s, head]
                h = (h + (1 - lam) * dt * before) @ step.T + lam * dt * now
                y[b, s, head] = t.C[b, s, head] @ h.T
                before = now
    return y


def test_chunks_are_the_differential_equation_with_dense_matrices():
    tokens = checks.random_tokens(3, seq=11, rank=2, state=6, angles=2)
    y, _ = mix(tokens, checks.empty_state(tokens), chunk=4, pairs="neighbors")
    assert np.abs(y.numpy() - brute_force(tokens)).max() < 1e-12


@settings(max_examples=30, deadline=None)
@given(
    seq=st.integers(1, 30),
    chunk=st.integers(1, 33),
    rank=st.integers(1, 3),
    angles=st.integers(0, 3),
    seed=st.integers(0, 10_000),
)
def test_all_forms_agree(seq, chunk, rank, angles, seed):
    tokens = checks.random_tokens(seed, seq=seq, rank=rank, state=6, angles=angles)
    expected = mixing.as_recurrence(tokens)
    found = {
        "chunks": mix(tokens, checks.empty_state(tokens), chunk=chunk, pairs="neighbors")[0],
        "mask": mixing.as_masked_attention(tokens),
        "convolution": mixing.as_convolution(tokens),
        "complex": mixing.as_complex_state(tokens),
        "single": mixing.as_single_systems(tokens),
    }
    for name, y in found.items():
        assert (y - expected).abs().max() < 1e-12, name


def test_disagreements_are_rounding_and_see_a_broken_form(monkeypatch):
    assert max(checks.disagreements(4, 0).values()) < 1e-12
    broken = dict(checks._OTHER_FORMS)
    broken["masked attention"] = lambda t, pairs: mixing.as_masked_attention(
        t._replace(lam=1 - t.lam), pairs
    )
    monkeypatch.setattr(checks, "_OTHER_FORMS", broken)
    assert checks.disagreements(4, 0)["masked attention"] > 1e-3


@pytest.mark.parametrize("name", list(layers()))
def test_prefill_then_step_is_one_forward_at_every_split(name):
    layer = build(name)
    u = torch.randn(2, 9, 8, dtype=torch.float64)
    expected = layer(u)
    assert expected.abs().max() > 0.05
    for split in range(10):
        y, state = layer.prefill(u[:, :split])
        middle = (split + 9) // 2
        more, state = layer.prefill(u[:, split:middle], state)
        outputs = [y, more]
        for t in range(middle, 9):
            y, state = layer.step(u[:, t], state)
            outputs.append(y[:, None])
        assert torch.allclose(torch.cat(outputs, 1), expected, atol=1e-12)


@pytest.mark.parametrize("name", list(layers()))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_future_changes_nothing_to_the_last_bit(name, dtype):
    layer = build(name, dtype)
    torch.manual_seed(1)
    u = torch.randn(2, 11, 8, dtype=dtype)
    before = layer(u)
    for t in range(10):
        changed = u.clone()
        changed[:, t + 1] = 100 * torch.randn(2, 8, dtype=dtype)
        after = layer(changed)
        assert torch.equal(after[:, : t + 1], before[:, : t + 1])
        assert not torch.equal(after[:, t + 1], before[:, t + 1])


@pytest.mark.parametrize("name", list(layers()))
def test_edges_of_length_batch_and_dtype(name):
    layer = build(name)
    for batch, seq in ((1, 0), (3, 0), (0, 5), (1, 1), (2, 5)):
        y, state = layer.prefill(torch.zeros(batch, seq, 8, dtype=torch.float64))
        assert y.shape == (batch, seq, 8)
        assert state.h.shape[0] == batch
    half = build(name, torch.bfloat16)
    u = torch.randn(2, 7, 8)
    y = half(u.bfloat16())
    assert y.dtype == torch.bfloat16
    reference = build(name, torch.float32)(u)
    assert (y.float() - reference).abs().max() < 0.1 * reference.abs().max()


@pytest.mark.parametrize("chunk", [1, 2, 5, 64])
def test_the_chunk_changes_nothing(chunk):
    tokens = checks.random_tokens(5, seq=10)
    first, _ = mix(tokens, checks.empty_state(tokens), chunk=3, pairs="halves")
    other, _ = mix(tokens, checks.empty_state(tokens), chunk=chunk, pairs="halves")
    assert torch.allclose(first, other, atol=1e-13)


def test_negative_eigenvalues_in_chunks_are_the_recurrence():
    tokens = checks.random_tokens(1, seq=14)
    flips = (torch.rand(tokens.dt.shape) < 0.5).double()
    gamma, left = tokens.lam * tokens.dt, (1 - tokens.lam) * tokens.dt
    beta = left * tokens.log_alpha.exp() * (1 - 2 * flips)
    kappa = gamma + torch.nn.functional.pad(left[:, 1:], (0, 0, 0, 1))
    args = (tokens.C, tokens.B, tokens.x, tokens.log_alpha, gamma)
    expected, h = recurrence(*args, beta, flips=flips)
    found, carry = chunked(*args, kappa, chunk=4, flips=flips)
    assert torch.allclose(found, expected, atol=1e-13)
    assert torch.allclose(carry, h, atol=1e-13)
    assert (chunked(*args, kappa, chunk=4)[0] - expected).abs().max() > 1e-3


def test_gradient_of_the_chunks():
    assert checks.gradient_disagreement(0) < 1e-7
    tokens = checks.random_tokens(2, batch=1, seq=5, heads=1, head_dim=2, state=4, angles=1)
    leaves = [p.clone().requires_grad_(True) for p in tokens[:7]]

    def value(*parts):
        made = Tokens(*parts)
        return mix(made, checks.empty_state(made), chunk=2, pairs="neighbors")[0]

    assert torch.autograd.gradcheck(value, leaves)


def test_gradient_of_whole_layers_is_that_of_the_recurrence(monkeypatch):
    layer = build("MIMO")
    u = torch.randn(1, 7, 8, dtype=torch.float64)
    weights = torch.randn(1, 7, 8, dtype=torch.float64)
    (layer(u) * weights).sum().backward()
    found = {n: p.grad.clone() for n, p in layer.named_parameters()}
    layer.zero_grad()
    state = layer.initial_state(1)
    outputs = []
    for t in range(7):
        y, state = layer.step(u[:, t], state)
        outputs.append(y)
    (torch.stack(outputs, 1) * weights).sum().backward()
    for name, p in layer.named_parameters():
        assert torch.allclose(p.grad, found[name], atol=1e-11), name


@pytest.mark.parametrize("state", [16, 32])
def test_mamba2_is_that_of_transformers(state):
    from transformers import Mamba2Config as TheirConfig
    from transformers.models.mamba2.modeling_mamba2 import Mamba2Mixer

    theirs = Mamba2Mixer(
        TheirConfig(
            hidden_size=32,
            state_size=state,
            head_dim=16,
            num_heads=4,
            n_groups=1,
            expand=2,
            conv_kernel=4,
            chunk_size=8,
            use_bias=False,
            use_conv_bias=True,
            layer_norm_epsilon=1e-5,
        ),
        layer_idx=0,
    )
    ours = Mamba2(Mamba2Config(d_model=32, d_state=state, head_dim=16, chunk=5))
    weights = dict(theirs.named_parameters())
    with torch.no_grad():
        for name, p in ours.named_parameters():
            p.copy_(weights[name])
    u = torch.randn(2, 21, 32)
    with torch.no_grad():
        assert (ours(u) - theirs(u)).abs().max() < 1e-5


def test_released_parameters_of_the_layer():
    config = Mamba3Config(d_model=768)
    layer = Mamba3(config)
    # z, x, B, C, Δ, A, λ, angles
    assert layer.in_proj.weight.shape == (2 * 1536 + 2 * 128 + 3 * 24 + 32, 768)
    assert layer.B_bias.shape == (24, 1, 128)
    assert bool((layer.B_bias == 1).all())
    dt = torch.nn.functional.softplus(layer.dt_bias).detach()
    assert 1e-3 <= float(dt.min()) <= float(dt.max()) <= 0.1 + 1e-6
    mimo = Mamba3MIMO(Mamba3Config(d_model=768, rank=4))
    extra = {n for n, _ in mimo.named_parameters()} - {n for n, _ in layer.named_parameters()}
    assert extra == {"mimo_x", "mimo_z", "mimo_o"}
    assert mimo.mimo_x.shape == (24, 4, 64)


def test_decay_is_negative_whatever_is_projected():
    x = torch.tensor([-1e4, -99.0, -1.0, 0.0, 1.0, 50.0])
    assert torch.allclose(heavy_tail(x), torch.tensor([1 / 10001, 0.01, 0.5, 1.0, 2.0, 51.0]))
    layer = build("SISO")
    tokens, _, _ = layer.project(1e4 * torch.randn(1, 50, 8).double(), torch.zeros(1, 0, 32))
    ratio = -tokens.log_alpha / tokens.dt.clamp_min(1e-300)
    assert float(ratio.detach()[tokens.dt > 1e-12].min()) >= 1e-4 * (1 - 1e-9)


def test_rotation_is_multiplication_of_complex_numbers():
    x, angle = torch.randn(5, 8).double(), torch.randn(5, 3).double()
    turned = rotate(x, angle)
    z = torch.complex(x[:, 0:6:2], x[:, 1:6:2]) * torch.exp(1j * angle)
    assert torch.allclose(turned[:, 0:6:2], z.real)
    assert torch.allclose(turned[:, 1:6:2], z.imag)
    assert torch.equal(turned[:, 6:], x[:, 6:])
    order = [0, 2, 4, 6, 1, 3, 5, 7]  # neighbors of one order are halves of the other
    assert torch.allclose(rotate(x[:, order], angle, "halves"), turned[:, order])
    assert torch.allclose(rotate(turned, -angle), x)


def test_long_angles_keep_their_digits():
    increment = torch.full((1, 100_000, 1, 1), 0.7)
    exact = (0.7 * np.float64(np.float32(0.7)) / 0.7 * 100_000) % (2 * np.pi)
    assert abs(float(cumulative_angle(increment)[0, -1, 0, 0]) - exact) < 1e-5
    naive = float(increment.cumsum(1)[0, -1, 0, 0] % (2 * np.pi))
    assert abs(naive - exact) > 1e-4


def test_errors_say_what_was_received():
    with pytest.raises(ValueError, match="not a multiple of head_dim 5"):
        Mamba3Config(d_model=8, head_dim=5)
    with pytest.raises(ValueError, match="rotation must be one of data, standard, none"):
        Mamba3Config(d_model=8, head_dim=4, rotation="fast")
    with pytest.raises(ValueError, match="rank 1"):
        Mamba3(Mamba3Config(**SMALL, rank=2))
    with pytest.raises(ValueError, match="4 angles turn 8"):
        rotate(torch.zeros(6), torch.zeros(4))
    with pytest.raises(ValueError, match="'neighbors' or 'halves'"):
        rotate(torch.zeros(6), torch.zeros(3), "thirds")
    q = torch.zeros(1, 2, 1, 1, 4)
    with pytest.raises(ValueError, match="log_a must be"):
        chunked(q, q, q, torch.zeros(1, 3, 1), torch.zeros(1, 2, 1), torch.zeros(1, 2, 1))
    with pytest.raises(ValueError, match="chunk must be"):
        chunked(q, q, q, *(torch.zeros(1, 2, 1) for _ in range(3)), chunk=0)


def test_the_turn_is_pi_tanh_of_a_shared_projection_times_each_heads_step():
    layer = build("SISO")
    u = torch.randn(1, 5, 8, dtype=torch.float64)
    tokens, _, _ = layer.project(u, torch.zeros(1, 0, 32))
    raw = (u @ layer.in_proj.weight.T)[..., -layer.config.n_angles :]
    expected = np.pi * torch.tanh(raw)[:, :, None] * tokens.dt[..., None]
    assert torch.allclose(tokens.turn, expected, atol=1e-14)
    assert not torch.equal(tokens.turn[:, :, 0], tokens.turn[:, :, 1])


@pytest.mark.parametrize("name", ["SISO", "MIMO", "both signs", "conv", "Mamba-2"])
@pytest.mark.parametrize("seq", [1, 3, 4, 9])
def test_no_state_is_a_state_of_zeros(name, seq):
    """With nothing before them the chunks leave out what is multiplied by zero, and no more."""
    layer = build(name)
    u = torch.randn(2, seq, 8, dtype=torch.float64)
    y, state = layer.prefill(u)
    expected, behind = layer.prefill(u, layer.initial_state(2))
    assert torch.allclose(y, expected, atol=1e-13)
    for one, other in zip(state, behind, strict=True):
        assert one.shape == other.shape
        assert torch.allclose(one, other, atol=1e-13)


@pytest.mark.parametrize("rank", [1, 4])
def test_the_published_algorithm_is_the_same_scan(rank):
    """What the benchmark compares with is written down on its own, and gives the same numbers."""
    leaves, gamma, beta, kappa = timing.scan_inputs(64, rank)
    leaves = [leaf.detach().double() for leaf in leaves]
    parts = [part.detach().double() for part in (gamma, beta, kappa)]
    theirs = timing.published_chunks(*leaves, parts[0], parts[2], chunk=16)
    apart = timing.published_chunks(*leaves, parts[0], parts[2], chunk=16, apart=True)
    assert torch.equal(apart, theirs)
    ours, _ = chunked(*leaves, parts[0], parts[2], chunk=16)
    expected, _ = recurrence(*leaves, parts[0], parts[1])
    assert (theirs - expected).abs().max() < 1e-5  # gamma and kappa come from float32
    assert (theirs - ours).abs().max() < 1e-9 * expected.abs().max()


def test_memory_of_the_chunked_form_is_linear():
    kept = [saved_bytes(n) for n in (512, 1024, 2048)]
    assert kept[1] / kept[0] == pytest.approx(2, rel=0.05)
    assert kept[2] / kept[1] == pytest.approx(2, rel=0.05)


def saved_bytes(seq):
    """Bytes that the chunked scan keeps between forward and backward."""
    leaves, gamma, _, kappa = timing.scan_inputs(seq, 1)
    kept = {}

    def keep(part):
        storage = part.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return part

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda part: part):
        y, _ = chunked(*leaves, gamma, kappa, chunk=64)
    del y
    return sum(kept.values())
