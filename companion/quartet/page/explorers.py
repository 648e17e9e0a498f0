"""The chapter's three explorers: one group, averaged products, and the map."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch

from companion.explore import Explorer, explorer
from companion.quartet.lab.budgets import optimality_map
from companion.quartet.lab.products import draw_product, operands
from companion.quartet.method.hadamard import rotate
from companion.quartet.method.law import PARAMETERS, Law
from companion.quartet.method.linear import Recipe
from companion.quartet.method.mxfp4 import GROUP, encode
from companion.quartet.method.optimal import Map, Quality, Speed
from companion.quartet.method.quantizers import quantize, scheme
from companion.quartet.page.figures import Group, group_frame, map_frame, product_frame
from companion.quartet.sources import TABLE_6
from companion.scale import one_thread

COUNTS = (1, 4, 16, 64)
PRINTED_LAW = Law(np.array([TABLE_6[name] for name in PARAMETERS]), 0.0)
"""The law of Table 6, so that the map explorer needs no data."""


@cache
@one_thread()
def group_of(outlier: int, sigma: float, rotated: str, quantizer: str) -> Group:
    """One Gaussian group, its first element multiplied by `outlier`.

    sigma : log2 of the deviation; rotated : ``"on"`` or ``"off"``; quantizer : scheme
    """
    x = torch.randn(GROUP, generator=torch.Generator().manual_seed(3)) * 2**sigma
    x[0] = outlier * x[0].abs().clamp(min=2**sigma)
    if rotated == "on":
        x = rotate(x)
    noise = torch.Generator().manual_seed(4)
    q = quantize(x, quantizer, generator=noise)
    scale = float(q.scale)
    size = x.square().sum()
    return Group(
        x=x.numpy(),
        q=q.values.numpy(),
        codes=encode((q.values / scale * 2).round() / 2).numpy(),
        scale=scale,
        clipped=(x.abs() / scale > 6).numpy(),
        error=float((q.values - x).square().sum() / size),
        misalignment=float(1 - (q.values * x).sum() / size),
    )


def group_explorer() -> Explorer:
    """Outlier, size, rotation, and quantizer of one group: 32 frames."""

    def alt(**at: object) -> str:
        shown = group_of(**at)
        return (
            f"{at['quantizer']}, rotation {at['rotated']}, first element times {at['outlier']}: "
            f"scale {shown.scale:.3g}, error {100 * shown.error:.2f} percent, misalignment "
            f"{100 * shown.misalignment:.2f} percent, {int(shown.clipped.sum())} clipped."
        )

    return explorer(
        lambda **at: group_frame(group_of(**at)),
        name="quartet-group",
        alt=alt,
        labels={
            "outlier": "outlier",
            "sigma": "log2 size",
            "rotated": "rotation",
            "quantizer": "quantizer",
        },
        show={"outlier": lambda n: f"x {n}", "sigma": lambda s: f"{s:.2f}"},
        start={"outlier": 8, "sigma": 0.0, "rotated": "off", "quantizer": "RTN"},
        outlier=[1, 8],
        sigma=[0.0, 0.5],
        rotated=["off", "on"],
        quantizer=["RTN", "SR", "QuEST", "QuEST nearest"],
    )


@cache
@one_thread()
def _products(rounding: str, side: str) -> tuple[np.ndarray, list[np.ndarray], np.ndarray]:
    """(exact product, mean of K draws for each of COUNTS, errors)."""
    a, b = operands(48, 256, 5)
    exact = a @ b.mT
    noise = torch.Generator().manual_seed(6)
    total, means, errors = torch.zeros_like(exact), [], []
    recipe = Recipe(backward=scheme_name(rounding), side=side)
    for k in range(1, COUNTS[-1] + 1):
        total += draw_product(a, b, recipe, noise)
        if k in COUNTS:
            mean = total / k
            means.append(mean.numpy().copy())
            errors.append(float((mean - exact).square().sum() / exact.square().sum()))
    return exact.numpy(), means, np.array(errors)


def scheme_name(rounding: str) -> str:
    """The scheme behind the explorer's word."""
    name = {"to nearest": "RTN", "stochastic": "SR"}[rounding]
    scheme(name)
    return name


def product_explorer() -> Explorer:
    """Rounding, place of the signs, number of draws: 24 frames."""

    def alt(rounding: str, side: str, k: int) -> str:
        errors = _products(rounding, side)[2]
        return (
            f"Rounding {rounding}, signs {side}: error of the mean of {k} products "
            f"{errors[COUNTS.index(k)]:.2e}, of one product {errors[0]:.2e}."
        )

    def draw(rounding: str, side: str, k: int):
        exact, means, errors = _products(rounding, side)
        return product_frame(exact, means[COUNTS.index(k)], np.array(COUNTS), errors, k)

    return explorer(
        draw,
        name="quartet-products",
        alt=alt,
        labels={"rounding": "rounding", "side": "signs", "k": "draws K"},
        start={"rounding": "to nearest", "side": "after", "k": 16},
        rounding=["to nearest", "stochastic"],
        side=["before", "after", "none"],
        k=list(COUNTS),
    )


@cache
def _map(forward: float, backward: float, eff_n: float, eff_d: float) -> Map:
    return optimality_map(PRINTED_LAW, Speed(forward, backward), Quality(eff_n, eff_d), 160)


def map_explorer() -> Explorer:
    """Speed-ups and efficiencies of four-bit products: 36 frames."""

    def alt(**at: float) -> str:
        shown = _map(**at)
        return (
            f"Speed-up {at['forward']:g} forward, {at['backward']:g} backward, eff_N "
            f"{at['eff_n']}, eff_D {at['eff_d']}: FP4:FP4 is best on "
            f"{100 * shown.share('FP4:FP4'):.0f} percent of the map, FP8:FP8 on "
            f"{100 * shown.share('FP8:FP8'):.0f} percent."
        )

    return explorer(
        lambda **at: map_frame(_map(**at)),
        name="quartet-map",
        alt=alt,
        labels={
            "forward": "speed-up forward",
            "backward": "speed-up backward",
            "eff_n": "eff_N",
            "eff_d": "eff_D",
        },
        show={"forward": lambda s: f"{s:g}", "backward": lambda s: f"{s:g}"},
        start={"forward": 2.0, "backward": 2.0, "eff_n": 0.64, "eff_d": 0.9},
        forward=[1.5, 2.0],
        backward=[1.0, 1.5, 2.0],
        eff_n=[0.42, 0.64],
        eff_d=[0.8, 0.9, 0.95],
    )
