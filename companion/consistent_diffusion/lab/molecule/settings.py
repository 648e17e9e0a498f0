"""Sizes of the molecule's part of the chapter, one preset per scale."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class MoleculeSettings:
    """How the models of alanine dipeptide are trained and moved.

    molecule_seeds : independent trainings of every network
    molecule_hidden : widths of every network
    molecule_network : "invariants", or "transformer", which is the paper's
    molecule_frames : "ours", the stored ones, or "published", the authors'
    molecule_batch, molecule_lr : points of an update, and learning rate at the start
    molecule_borders : diffusion times where experts meet, falling; below the last one lies the
        expert that simulates
    molecule_single_steps, molecule_large_steps, molecule_small_steps : updates of the model of all
        t, of each expert above the last border, and of each expert below it; the experts of a
        method have as many together as the one model
    molecule_alpha, molecule_share : weight of the Fokker-Planck penalty of "Both", and part of
        each batch that it is evaluated on
    molecule_t_evals : where "Two For One" takes its force
    molecule_chains, molecule_ps : simulations side by side, and length of each in ps
    molecule_dt : time step in ps
    molecule_iid, molecule_iid_steps : denoised samples, and steps of the reverse process
    molecule_live_ps : molecular dynamics in the notebook itself, in ps
    molecule_jobs : processes with one thread each
    """

    molecule_seeds: int
    molecule_hidden: tuple[int, ...] = (128, 128, 128)
    molecule_network: str = "invariants"
    molecule_frames: str = "ours"
    molecule_batch: int = 256
    molecule_lr: float = 1e-3
    molecule_single_steps: int
    molecule_large_steps: tuple[int, ...]
    molecule_small_steps: int
    molecule_borders: tuple[float, ...] = (0.1,)
    molecule_alpha: float = 1e-3
    molecule_share: float = 0.5
    molecule_t_evals: tuple[float, ...]
    molecule_chains: int
    molecule_ps: float
    molecule_dt: float = 0.002
    molecule_iid: int
    molecule_iid_steps: int
    molecule_live_ps: float
    molecule_jobs: int


MOLECULE_PRESETS = {
    "toy": MoleculeSettings(
        molecule_seeds=1,
        molecule_hidden=(48, 48),
        molecule_batch=128,
        molecule_single_steps=500,
        molecule_large_steps=(200,),
        molecule_small_steps=300,
        molecule_t_evals=(0.02,),
        molecule_chains=32,
        molecule_ps=1.0,
        molecule_iid=400,
        molecule_iid_steps=50,
        molecule_live_ps=200.0,
        molecule_jobs=1,
    ),
    "book": MoleculeSettings(
        molecule_seeds=3,
        molecule_single_steps=8000,
        molecule_large_steps=(3000,),
        molecule_small_steps=5000,
        molecule_t_evals=(0.01, 0.02),
        molecule_chains=128,
        molecule_ps=40.0,
        molecule_iid=4000,
        molecule_iid_steps=500,
        molecule_live_ps=1000.0,
        molecule_jobs=2,
    ),
    "paper": MoleculeSettings(
        molecule_seeds=3,
        molecule_single_steps=480_000,
        molecule_borders=(0.6, 0.1),
        molecule_large_steps=(48_000, 96_000),
        molecule_small_steps=336_000,
        molecule_network="transformer",
        molecule_frames="published",
        molecule_batch=1024,
        molecule_lr=3e-4,
        molecule_share=1.0,
        molecule_t_evals=(0.003, 0.01, 0.02),
        molecule_chains=100,
        molecule_ps=12_000.0,
        molecule_iid=50_000,
        molecule_iid_steps=1000,
        molecule_live_ps=1000.0,
        molecule_jobs=1,
    ),
}
