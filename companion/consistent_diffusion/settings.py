"""Sizes of the chapter's experiments, one line a setting."""

from __future__ import annotations

from dataclasses import dataclass

from companion import contracts
from companion.scale import Sized, sized

NETWORKS = ("invariants", "transformer")
FRAMES = ("ours", "published")
WEIGHTS = ("shipped", "trained")


@dataclass(frozen=True)
class Settings(Sized):
    """What a run does; every number that differs between scales is here."""

    # added to SEED: the published run has seeds that no earlier run had
    seed_base: int = sized(toy=0, book=31_000, least=0)
    line_seeds: int = sized(5, least=2)  # random-feature models of two modes on a line
    line_points: int = sized(toy=8_000, book=20_000, least=100)  # that each learns from
    # their penalties
    line_alphas: tuple[float, ...] = sized(toy=(0.0, 1e-3), book=(0.0, 1e-4, 1e-3, 1e-2))
    control_seeds: int = sized(toy=2, book=5, least=2)  # of the negative controls
    weak_draws: int = sized(toy=5_000, book=100_000, least=100)  # of the estimator, per point
    bench_repeats: int = sized(toy=7, book=31, least=3)  # of every timing
    plane_seeds: int = sized(toy=2, book=5, least=1)  # networks of each kind on Muller-Brown
    data_chains: int = sized(toy=100, book=500, least=2)  # true dynamics that they learn from
    data_steps: int = sized(toy=1_000, book=10_000, least=50)  # of each; a frame every 50
    steps: int = sized(toy=90, book=8_000, paper=140_580, least=60)  # updates of a method
    hidden: tuple[int, ...] = sized(toy=(32, 32), book=(64, 64, 64), paper=(92, 92, 92))  # widths
    # widths of the three experts, from large t: as many numbers together as the one network
    expert_hidden: tuple[tuple[int, ...], ...] = sized(
        toy=((14, 14), (16, 16), (21, 21)),
        book=((38, 38), (44, 44), (44, 44, 44)),
        paper=((54, 54), (64, 64), (64, 64, 64)),
    )
    batch: int = sized(128, least=2)  # points of an update
    lr: float = sized(toy=5e-3, book=5e-3, paper=3e-4)  # learning rate at the start
    alpha: float = sized(5e-4)  # weight of the penalty
    strong: float = sized(5e-2)  # weight that is too much for one network
    iid: int = sized(toy=400, book=30_000, paper=100_000, least=10)  # samples that are scored
    iid_steps: int = sized(toy=20, book=150, paper=1_000, least=2)  # of the reverse process
    chains: int = sized(toy=60, book=500, least=2)  # simulated with each network
    sim_steps: int = sized(toy=500, book=10_000, least=250)  # of each chain
    molecule_seeds: int = sized(toy=2, book=4, paper=3, least=1)  # trainings of every network
    # in this run, or by companion make
    molecule_weights: str = sized(toy="trained", book="shipped", paper="trained")
    molecule_network: str = sized(toy="invariants", book="invariants", paper="transformer")
    molecule_frames: str = sized(toy="ours", book="ours", paper="published")  # data
    molecule_hidden: tuple[int, ...] = sized(toy=(24, 24), book=(96, 96, 96))  # widths
    molecule_batch: int = sized(toy=64, book=256, paper=1_024, least=2)  # points of an update
    molecule_lr: float = sized(toy=3e-3, book=1e-3, paper=3e-4)  # learning rate at the start
    # updates: of the one network, of each expert above the last border, and of those below it
    molecule_single_steps: int = sized(toy=120, book=60_000, paper=480_000, least=60)
    molecule_large_steps: tuple[int, ...] = sized(toy=(60,), book=(20_000,), paper=(48_000, 96_000))
    molecule_small_steps: int = sized(toy=60, book=40_000, paper=336_000, least=60)
    # diffusion times where experts meet, falling
    molecule_borders: tuple[float, ...] = sized(toy=(0.1,), book=(0.1,), paper=(0.6, 0.1))
    molecule_alpha: float = sized(1e-3)  # weight of the penalty of Both
    molecule_share: float = sized(toy=0.5, book=0.5, paper=1.0)  # part of a batch with the penalty
    # where Two For One takes its force
    molecule_t_evals: tuple[float, ...] = sized(toy=(0.02,), book=(0.003, 0.01, 0.02))
    molecule_common: int = sized(toy=12, book=40, paper=76, least=1)  # chains from outside, and
    molecule_rare: int = sized(toy=6, book=24, paper=24, least=1)  # from inside the rare state
    molecule_ps: float = sized(toy=1.0, book=160.0, paper=12_000.0)  # length of each chain
    molecule_dt: float = sized(0.002)  # its time step in ps
    molecule_temperature: float = sized(300.0)  # in K; the stored data have 300
    molecule_iid: int = sized(toy=100, book=2_000, paper=50_000, least=10)  # denoised samples
    molecule_iid_steps: int = sized(toy=20, book=300, paper=1_000, least=2)  # to each of them
    molecule_live_ps: float = sized(toy=100.0, book=1_000.0)  # molecular dynamics in the notebook
    jobs: int = sized(toy=1, book=2, least=1)  # processes with one thread each

    def __post_init__(self) -> None:
        super().__post_init__()
        if not {0.0, 1e-3} <= set(self.line_alphas):
            raise ValueError(f"line_alphas must hold 0 and 1e-3, got {self.line_alphas}")
        if len(self.expert_hidden) != 3:
            raise ValueError(f"expert_hidden must hold widths of 3, got {self.expert_hidden}")
        if not 0 < self.alpha < self.strong:
            raise ValueError(f"need 0 < alpha < strong, got {self.alpha}, {self.strong}")
        if len(self.molecule_borders) != len(self.molecule_large_steps):
            raise ValueError(
                f"{len(self.molecule_borders)} molecule_borders need as many molecule_large_steps, "
                f"got {self.molecule_large_steps}"
            )
        for name, known in (
            ("molecule_network", NETWORKS),
            ("molecule_frames", FRAMES),
            ("molecule_weights", WEIGHTS),
        ):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} is {getattr(self, name)!r}; choose {' or '.join(known)}")
        if self.molecule_ps < 1 or self.molecule_temperature <= 0:
            raise ValueError(
                f"need molecule_ps >= 1 and a temperature above 0, got {self.molecule_ps} and "
                f"{self.molecule_temperature}"
            )


contracts.ranges(
    Settings,
    line_alphas=contracts.between(0, 1e6),
    lr=contracts.RATE,
    alpha=contracts.between(0, 1e6),
    strong=contracts.between(0, 1e6),
    molecule_weights=contracts.one_of(WEIGHTS),
    molecule_network=contracts.one_of(NETWORKS),
    molecule_frames=contracts.one_of(FRAMES),
    molecule_lr=contracts.RATE,
    molecule_borders=contracts.SHARE,
    molecule_alpha=contracts.between(0, 1e6),
    molecule_share=contracts.SHARE,
    molecule_t_evals=contracts.SHARE,
    molecule_ps=contracts.between(1, 1e9),
    molecule_dt=contracts.between(1e-6, 1),
    molecule_temperature=contracts.between(1e-3, 1e5),
    molecule_live_ps=contracts.between(0, 1e9),
)
PRESETS = Settings.presets()
