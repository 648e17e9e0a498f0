"""Sizes of the chapter's experiments, one line a setting."""

from __future__ import annotations

from dataclasses import dataclass

from companion import contracts
from companion.mamba3.lab.language import FAMILIES
from companion.mamba3.lab.recall import PARTS
from companion.mamba3.lab.tracking import VARIANTS, Training
from companion.scale import Sized, sized

AT_TOY = ("Mamba-3", "Mamba-3, no RoPE", "Mamba-2")
REAL = ("Mamba-3", "Mamba-3, no RoPE", "real, both signs")
"""What counts modulo 3, or cannot: with a turn, and with real eigenvalues only."""

TURNING = ("Mamba-3", "Mamba-3, standard RoPE", "Mamba-3, no RoPE", "Mamba-2")
"""The arms of the paper's Table 5b that we have."""

CHANGED = ("neither", "with convolution", "MIMO")
"""What is changed in the layer, for recall; one part alone is taken out at paper scale."""

STEPS = (16, 32, 64, 128, 256, 512, 1024)


@dataclass(frozen=True)
class Settings(Sized):
    """What a run does; every number that differs between scales is here."""

    # added to SEED: the published run has seeds that no earlier run had
    seed_base: int = sized(toy=0, book=71_000)
    n_systems: int = sized(toy=20, book=100)  # random systems on which all forms must agree (C1)
    step_counts: tuple[int, ...] = sized(STEPS)  # steps of the integration (C3, C11)
    n_equations: int = sized(toy=8, book=20, least=2)  # random equations (C3, C11)
    rotor_length: int = sized(4096)  # tokens of the layers built by hand
    track_seeds: int = sized(toy=2, book=8, least=2)  # of the arms that count (C4, C5, C12)
    chance_seeds: int = sized(toy=2, book=5, least=2)  # of the arms that stay at chance on parity
    track_steps: int = sized(toy=30, book=1200, paper=20_000)  # updates
    track_batch: int = sized(toy=4, book=8, paper=256)  # walks of an update and seed
    # curriculum: moves of the walks at the ends of its equal shares
    parity_lengths: tuple[int, ...] = sized(toy=(3, 16), book=(3, 40, 160))
    parity_arms: tuple[str, ...] = sized(toy=AT_TOY, book=tuple(VARIANTS))
    three_lengths: tuple[int, ...] = sized(toy=(3, 16), book=(3, 40))  # of walks modulo 3 (C5)
    three_arms: tuple[str, ...] = sized(toy=("Mamba-3",), book=REAL)
    longest: int = sized(toy=48, book=320, paper=1024)  # moves of the walks that are read
    n_read: int = sized(toy=64, book=512, paper=4096)  # such walks
    arithmetic_arms: tuple[str, ...] = sized((), paper=TURNING)  # modulo 5 (C16); () for none
    n_pairs: int = sized(toy=4, book=8, paper=16)  # keys and values to remember (C6, C7)
    recall_seeds: int = sized(toy=2, book=5, least=2)  # of every arm of recall
    recall_steps: int = sized(toy=20, book=750, paper=10_000)  # updates
    recall_batch: int = sized(toy=4, book=16, paper=64)  # sequences of an update and seed
    recall_read: int = sized(toy=64, book=512)  # sequences of the reading
    state_sizes: tuple[int, ...] = sized(toy=(4, 8), book=(4, 8, 16))  # N of both families (C7)
    part_size: int = sized(8)  # N at which parts are taken out (C6)
    parts: tuple[str, ...] = sized(toy=("neither", "with convolution"), book=CHANGED, paper=PARTS)
    # peak learning rates that are compared for every arm, on other seeds
    rates: tuple[float, ...] = sized(toy=(1e-2,), book=(3e-3, 1e-2, 3e-2))
    rate_seeds: int = sized(toy=1, book=5)  # of that comparison
    families: tuple[str, ...] = sized(tuple(FAMILIES))  # on text (C13, C15)
    text_seeds: int = sized(toy=2, book=4, least=2)  # of every family
    text_steps: int = sized(toy=8, book=2100, paper=20_000)  # updates
    text_batch: int = sized(toy=2, book=8, paper=32)  # windows of 128 characters
    text_rate: float = sized(1e-2)  # peak learning rate; twice and half of it do as well
    text_windows: int = sized(toy=2, book=16)  # of 1,024 held-out characters
    decode_heads: int = sized(toy=1024, book=4096)  # of the large state, 32 kB each (C8)
    decode_ranks: tuple[int, ...] = sized(toy=(1, 4), book=(1, 2, 4, 8))
    decode_rounds: int = sized(toy=5, book=15)
    contexts: tuple[int, ...] = sized(toy=(128, 2048), book=(128, 512, 2048, 8192))  # tokens (C9)
    context_rounds: int = sized(toy=20, book=200)
    scan_length: int = sized(toy=512, book=2048)  # tokens of the scan that is timed
    scan_rounds: int = sized(toy=1, book=15)
    n_documents: int = sized(0, paper=500)  # for the released models (C10); 0 leaves them out
    n_passages: int = sized(0, paper=5153)
    document_length: int = sized(2048)
    n_jobs: int = sized(toy=1, book=0)  # trainings side by side; 0: as many as there are cores

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.step_counts) < 3 or len(self.contexts) < 2:
            raise ValueError(
                "a slope needs three step_counts and two contexts, got "
                f"{self.step_counts} and {self.contexts}"
            )
        if 1 not in self.decode_ranks or 4 not in self.decode_ranks:
            raise ValueError(f"decode_ranks must hold 1 and 4, got {self.decode_ranks}")
        if len({*self.state_sizes}) < 2 or self.part_size not in self.state_sizes:
            raise ValueError(
                f"state_sizes needs two sizes, one of them {self.part_size}, got {self.state_sizes}"
            )
        if longest := max(*self.parity_lengths, *self.three_lengths, 2) > self.longest:
            raise ValueError(f"walks of {longest} moves are trained and {self.longest} are read")
        for lengths in (self.parity_lengths, self.three_lengths):
            Training(self.track_seeds, self.track_steps, self.track_batch, lengths)


contracts.ranges(
    Settings,
    parity_arms=contracts.one_of(tuple(VARIANTS)),
    three_arms=contracts.one_of(tuple(VARIANTS)),
    arithmetic_arms=contracts.one_of(tuple(VARIANTS)),
    parts=contracts.one_of(PARTS),
    rates=contracts.RATE,
    families=contracts.one_of(tuple(FAMILIES)),
    text_rate=contracts.RATE,
)
PRESETS = Settings.presets()
