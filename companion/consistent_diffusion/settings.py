"""Sizes of the chapter's experiments, one preset per scale."""

from __future__ import annotations

from dataclasses import dataclass, fields

from companion.consistent_diffusion.lab.molecule.settings import MOLECULE_PRESETS, MoleculeSettings

METHODS = ("Diffusion", "Mixture", "Fokker-Planck", "Both")
"""One network or three experts; without or with the penalty."""


@dataclass(frozen=True, kw_only=True)
class Settings(MoleculeSettings):
    """What a run does; every number that differs between scales is here.

    mixture_seeds, mixture_points : random-feature models of the one-dimensional mixture (C1 to C5)
    mixture_alphas : their penalties; 0 and 1e-3 must be there
    control_seeds : of the negative controls
    plane_seeds, plane_points, plane_features : random-feature models of Muller-Brown (C7)
    expert_alphas, whole_alphas : penalties of the expert on [0, 0.1], and on the whole range
    weak_draws : of the estimator at each of 18 points (C8)
    bench_repeats : of every timing
    methods, seeds : networks trained on Muller-Brown, and how often
    steps : updates of one network; the three experts get 1/6, 1/6, and 2/3 of it
    hidden : widths of one network; expert_hidden : of each expert, from large t to small t, so
        that the three together have as many numbers as the one
    batch, lr, alpha : points of an update, learning rate at the start, weight of the penalty
    iid, iid_steps : denoised samples, and steps of the reverse process
    chains, sim_steps : parallel simulations, and steps of each; a frame every 50
    jobs : processes with one thread each
    """

    mixture_seeds: int
    mixture_points: int
    mixture_alphas: tuple[float, ...]
    control_seeds: int
    plane_seeds: int
    plane_points: int
    plane_features: int
    expert_alphas: tuple[float, ...]
    whole_alphas: tuple[float, ...]
    weak_draws: int
    bench_repeats: int
    methods: tuple[str, ...]
    seeds: int
    steps: int
    hidden: tuple[int, ...]
    expert_hidden: tuple[tuple[int, ...], ...]
    batch: int
    lr: float
    alpha: float
    iid: int
    iid_steps: int
    chains: int
    sim_steps: int
    jobs: int

    def __post_init__(self) -> None:
        if not {0.0, 1e-3} <= set(self.mixture_alphas):
            raise ValueError(f"mixture_alphas must hold 0 and 1e-3, got {self.mixture_alphas}")
        for name in ("expert_alphas", "whole_alphas"):
            if 0.0 not in getattr(self, name) or len(getattr(self, name)) < 2:
                raise ValueError(f"{name} must hold 0 and another, got {getattr(self, name)}")
        if unknown := set(self.methods) - set(METHODS):
            raise ValueError(f"unknown methods {sorted(unknown)}; known are {', '.join(METHODS)}")
        if len(self.expert_hidden) != 3:
            raise ValueError(f"expert_hidden must hold widths of 3, got {self.expert_hidden}")
        if self.steps < 60 or self.sim_steps < 250:
            raise ValueError(f"need steps >= 60, sim_steps >= 250: {self.steps}, {self.sim_steps}")
        if min(self.mixture_seeds, self.plane_seeds, self.control_seeds) < 2:
            raise ValueError("random-feature models need at least 2 seeds for an interval")


def _with_molecule(scale: str, **own: object) -> Settings:
    molecule = MOLECULE_PRESETS[scale]
    return Settings(**{f.name: getattr(molecule, f.name) for f in fields(molecule)}, **own)


TOY = _with_molecule(
    "toy",
    mixture_seeds=5,
    mixture_points=8000,
    mixture_alphas=(0.0, 1e-3),
    control_seeds=2,
    plane_seeds=3,
    plane_points=4000,
    plane_features=300,
    expert_alphas=(0.0, 5e-3),
    whole_alphas=(0.0, 5e-3, 5e-2),
    weak_draws=5000,
    bench_repeats=7,
    methods=("Diffusion", "Both"),
    seeds=1,
    steps=900,
    hidden=(64, 64),
    expert_hidden=((26, 26), (30, 30), (44, 44)),
    batch=128,
    lr=5e-3,
    alpha=5e-4,
    iid=4000,
    iid_steps=60,
    chains=200,
    sim_steps=1000,
    jobs=1,
)

_BOOK = dict(
    mixture_seeds=5,
    mixture_points=20_000,
    mixture_alphas=(0.0, 1e-4, 1e-3, 1e-2),
    control_seeds=5,
    plane_seeds=5,
    plane_points=12_000,
    plane_features=500,
    expert_alphas=(0.0, 5e-4, 5e-3, 5e-2),
    whole_alphas=(0.0, 5e-4, 5e-3, 5e-2),
    weak_draws=100_000,
    bench_repeats=31,
    methods=METHODS,
    seeds=3,
    steps=14_000,
    hidden=(64, 64, 64),
    expert_hidden=((38, 38), (44, 44), (44, 44, 44)),
    batch=128,
    lr=1e-3,
    alpha=5e-4,
    iid=30_000,
    iid_steps=150,
    chains=500,
    sim_steps=10_000,
    jobs=2,
)

BOOK = _with_molecule("book", **_BOOK)
PAPER = _with_molecule(
    "paper",
    **{
        **_BOOK,
        "steps": 140_580,
        "hidden": (92, 92, 92),
        "expert_hidden": ((54, 54), (64, 64), (64, 64, 64)),
        "lr": 3e-4,
        "iid": 100_000,
        "iid_steps": 1000,
    },
)

PRESETS = {"toy": TOY, "book": BOOK, "paper": PAPER}
