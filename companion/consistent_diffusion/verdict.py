"""What the paper claims, and what a run says of it; O1 to O6 are checks of our own.

Every measurement takes results of the notebook by name: ``plane`` (networks on Muller-Brown),
``molecule`` (networks on alanine dipeptide), ``line`` (random features), ``estimator``.
A unit is a training: methods are compared within a seed, of ratios the logarithms are averaged.
Divergences of samples are taken above the floor of as many true samples.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from companion.claims import MODEL, OURS, PAPER, measured_text
from companion.consistent_diffusion.lab.line import CONTROLS, REPAIRING
from companion.consistent_diffusion.lab.plane import METHODS, T_EVAL
from companion.data import Missing
from companion.stats import EQUIVALENCE, LEVEL, Interval, exact, over_seeds
from companion.verdicts import (
    FROM_BOOK,
    Measured,
    Open,
    Untested,
    Verdicts,
    above,
    below,
    between,
)

verdicts = Verdicts()

TRAINED = "needs trained networks: judged from book scale on"

GOOD = 0.02
"""Nats above the floor that denoised samples may be off and still count as good: less than half of
what the paper's plain model is off when it simulates (0.033)."""

WORSE = 1.3
"""Times the divergence that counts as worse; the paper's plain model has more than a hundred."""

REPAIRED = 2.0
"""Times by which the penalty must lower a divergence or a residual; the paper's is off 7 times
less with one network, and at its floor with experts."""

AS_GOOD = (0.8, 1.25)
"""Ratio of two divergences that counts as equal."""

NO_HARM = 1.33
"""Ratio of denoised divergences that still counts as no harm."""

KEPT = (0.5, 1.5)
"""Share of the rare state, over that in the data, that counts as kept."""

BLURRED = 5.0
"""Times the bond error that counts as lost; the paper's is 49."""

COOL = 1.1
"""Kinetic temperature, over the wanted one, below which a simulation is not heated."""

SPEED = (2 / 3, 3 / 2)
"""Ratio of relaxation times that counts as equal."""

OFF = 4.0
"""Standard errors that the worst of 18 means may be away: chance exceeds this once in a thousand
runs."""

UNEVEN = 0.01
"""Antisymmetric share of a Jacobian that counts as no gradient; rounding gives 1e-7."""

SMALL_T = 0.09
"""Diffusion times up to which ln Z is followed: where the last expert answers."""

FEATURES = 3.0
"""Times by which the penalty lowers the divergence of random features, where nothing is left to
the training."""


def ratio(over: np.ndarray, under: np.ndarray, confidence: float = LEVEL) -> Interval:
    """Geometric mean over seeds of a ratio, with its interval.

    Raises ``Open`` where a value is not above 0, so that a ratio says nothing.
    """
    over, under = np.asarray(over, dtype=float), np.asarray(under, dtype=float)
    if not (np.isfinite(over).all() and np.isfinite(under).all()):
        return over_seeds(np.full(len(over), np.nan))
    if min(over.min(), under.min()) <= 0:
        raise Open("a divergence lies at or below its floor in some training: no ratio")
    return over_seeds(np.log(over / under), confidence=confidence).map(np.exp)


def _enough(seeds: int) -> None:
    if seeds < 2:
        raise Untested("one training gives no interval")


def _trained(plane, *methods: str) -> str:
    """A doubt where denoised samples are not good: then a training failed, and not simulation."""
    return _good({name: over_seeds(plane.above(name, "iid")) for name in methods})


def _drawn_well(molecule, *methods: str) -> str:
    """The same for the molecule."""
    floor = molecule.iid_floor[0]
    return _good({name: over_seeds(molecule.iid_js[name] - floor) for name in methods})


def _good(off: Mapping[str, Interval]) -> str:
    poor = {
        name: value for name, value in off.items() if value.high is None or not value.high < GOOD
    }
    if not poor:
        return ""
    told = ", ".join(f"{name} {measured_text(value)}" for name, value in poor.items())
    return f"denoised samples are not below {GOOD:g} nats above the floor: {told}"


def _samples(plane, method: str) -> str:
    means = (plane.iid_js[method].mean(), plane.sim_js[method].mean(), plane.floor[0])
    gone = int(plane.left[method].sum())
    return (
        f"{method}: denoised {means[0]:.4f}, simulated {means[1]:.4f}, floor {means[2]:.4f} of "
        f"{plane.n:,} samples; chains that left: {gone}"
    )


# --------------------------------------------------------------------------- the paper's claims
@verdicts.claim(
    "C1",
    "A plain diffusion model that draws good samples simulates another law, even on a plane.",
    of=PAPER,
    paper="'classical diffusion sampling usually recovers the training distribution', the energy "
    "'is often inconsistent with this distribution, even for low-dimensional toy systems' "
    "(abstract); JS 0.0122 denoised, 0.0448 simulated, floor 0.0119",
    unit="times",
    needs=("plane",),
    region=above(WORSE),
    criterion="Diffusion on Muller-Brown, divergences above the floor: simulated over denoised {}; "
    "denoised below 0.02 nats (95 % intervals over trainings)",
    parts={"denoised above the floor (nats)": below(GOOD)},
    scales=FROM_BOOK,
    elsewhere=TRAINED,
)
def inconsistent(plane):
    _enough(plane.seeds)
    sim, iid = (plane.above("Diffusion", what) for what in ("sim", "iid"))
    return Measured(
        ratio(sim, iid),
        {"denoised above the floor (nats)": over_seeds(iid)},
        _samples(plane, "Diffusion"),
    )


@verdicts.claim(
    "C2",
    "At small diffusion times the plain model breaks the Fokker-Planck equation, and the penalty "
    "lowers what it breaks it by.",
    of=PAPER,
    paper="'In this regime, diffusion models fail to satisfy the Fokker-Planck equation' "
    "(abstract); a figure, no number",
    unit="times",
    needs=("plane",),
    region=above(REPAIRED),
    criterion="mean gauge-fixed residual at t < 0.05: Diffusion over Fokker-Planck {}, Mixture "
    "over Both above 2; Diffusion's over its own between t = 0.1 and 0.5 above 1 (95 % intervals)",
    parts={"Mixture over Both": above(REPAIRED), "small over middle times": above(1)},
    scales=FROM_BOOK,
    elsewhere=TRAINED,
)
def residual(plane):
    _enough(plane.seeds)
    small = {name: plane.small_residual(name) for name in METHODS}
    return Measured(
        ratio(small["Diffusion"], small["Fokker-Planck"]),
        {
            "Mixture over Both": ratio(small["Mixture"], small["Both"]),
            "small over middle times": ratio(
                small["Diffusion"], plane.middle_residual("Diffusion")
            ),
        },
    )


@verdicts.claim(
    "C3",
    "The penalty repairs the law of simulation.",
    of=PAPER,
    paper="'a Fokker-Planck-derived regularization term to enforce consistency' (abstract); JS "
    "above the floor 0.033 (Diffusion), 0.005 (Fokker-Planck), about 0 (Both)",
    unit="times",
    needs=("plane",),
    region=above(REPAIRED),
    criterion="divergence of the stationary law on a grid: Diffusion over Both {}; Diffusion over "
    "Fokker-Planck and Mixture over Both above 1.3 (95 % intervals)",
    parts={"Diffusion over Fokker-Planck": above(WORSE), "Mixture over Both": above(WORSE)},
    scales=FROM_BOOK,
    elsewhere=TRAINED,
)
def repaired(plane):
    _enough(plane.seeds)
    js = plane.grid_js
    means = "; ".join(f"{name} {js[name].mean():.4f}" for name in METHODS)
    return Measured(
        ratio(js["Diffusion"], js["Both"]),
        {
            "Diffusion over Fokker-Planck": ratio(js["Diffusion"], js["Fokker-Planck"]),
            "Mixture over Both": ratio(js["Mixture"], js["Both"]),
        },
        f"divergences, means: {means}",
        doubt=_trained(plane, "Diffusion", "Mixture"),
    )


@verdicts.claim(
    "C4",
    "With experts and penalty, simulation is as good as denoising.",
    of=PAPER,
    paper="simulated over denoised JS of Both: 0.98 (0.0108 and 0.0110), floor 0.0119",
    unit="times",
    needs=("plane",),
    region=between(*AS_GOOD),
    criterion="Both, divergences above the floor: simulated over denoised {} (90 % interval over "
    "trainings: two one-sided tests at 5 %)",
    scales=FROM_BOOK,
    elsewhere=TRAINED,
)
def consistent(plane):
    _enough(plane.seeds)
    sim, iid = (plane.above("Both", what) for what in ("sim", "iid"))
    found = ratio(sim, iid, EQUIVALENCE)._replace(p=None)
    return Measured(found, note=_samples(plane, "Both"))


@verdicts.claim(
    "C5",
    "Denoising does not suffer from the penalty.",
    of=PAPER,
    paper="denoised JS 0.0109 (Mixture) and 0.0110 (Both), 0.0122 (Diffusion) and 0.0130 "
    "(Fokker-Planck), floor 0.0119; alanine dipeptide 0.0080 and 0.0079",
    unit="times",
    needs=("plane", "molecule"),
    region=below(NO_HARM),
    criterion="denoised divergence above the floor, with the penalty over without, all else equal: "
    "Both over Mixture {}; Fokker-Planck over Diffusion, and Both over Mixture on the molecule, "
    "below 1.33 (95 % intervals)",
    parts={"Fokker-Planck over Diffusion": below(NO_HARM), "the molecule": below(NO_HARM)},
    scales=FROM_BOOK,
    elsewhere=TRAINED,
)
def denoising(plane, molecule):
    _enough(plane.seeds)
    iid = {name: plane.above(name, "iid") for name in METHODS}
    drawn = {n: molecule.iid_js[n] - molecule.iid_floor[0] for n in ("Mixture", "Both")}
    return Measured(
        ratio(iid["Both"], iid["Mixture"]),
        {
            "Fokker-Planck over Diffusion": ratio(iid["Fokker-Planck"], iid["Diffusion"]),
            "the molecule": ratio(drawn["Both"], drawn["Mixture"]),
        },
    )


@verdicts.claim(
    "C6",
    "A penalty that is too strong hurts a network that serves all diffusion times.",
    of=PAPER,
    paper="stated, as the reason for experts; no number found",
    unit="times",
    needs=("plane",),
    region=above(1),
    criterion="one network, divergence of the stationary law with a hundred times the penalty over "
    "that with the penalty {} (95 % interval)",
    scales=FROM_BOOK,
    elsewhere=TRAINED,
)
def overdone(plane):
    _enough(plane.seeds)
    js = plane.grid_js
    experts = ratio(js["Both, strong"], js["Both"])
    return Measured(
        ratio(js["Fokker-Planck, strong"], js["Fokker-Planck"]),
        note=f"the same of the expert: {measured_text(experts)}",
    )


@verdicts.claim(
    "C7",
    "On alanine dipeptide simulation with experts and penalty is nearer to the data than with the "
    "plain model, and than without the penalty.",
    of=PAPER,
    on=MODEL,
    paper="simulated JS 0.0695 (Diffusion), 0.0353 (Mixture), 0.0086 (Both)",
    unit="nats",
    needs=("molecule",),
    region=above(0),
    criterion="divergence of phi and psi without the first fifth: Diffusion minus Both {}; Mixture "
    "minus Both above 0 (95 % intervals over trainings)",
    parts={"Mixture minus Both": above(0)},
    scales=FROM_BOOK,
    elsewhere=TRAINED,
)
def molecule_nearer(molecule):
    js = molecule.js
    _enough(len(js["Both"]))
    means = "; ".join(f"{name} {js[name].mean():.4f}" for name in ("Diffusion", "Mixture", "Both"))
    return Measured(
        over_seeds(js["Diffusion"] - js["Both"]),
        {"Mixture minus Both": over_seeds(js["Mixture"] - js["Both"])},
        f"means: {means}; floor {molecule.true.js.mean:.4f}",
        doubt=_drawn_well(molecule, "Diffusion", "Mixture"),
    )


@verdicts.claim(
    "C8",
    "Both keeps the population of the rare state of phi; the plain model loses it.",
    of=PAPER,
    on=MODEL,
    paper="free energy of phi, a figure; PMF error 0.099 (Both), 1.047 (Diffusion)",
    unit="times",
    needs=("molecule",),
    region=between(*KEPT),
    criterion="share of 0 < phi < 115 degrees in the second half of the chains over that in the "
    "data: Both {}; Diffusion's minus Both's below 0 (95 % intervals over trainings)",
    parts={"Diffusion minus Both": below(0)},
    scales=FROM_BOOK,
    elsewhere=TRAINED,
)
def population(molecule):
    kept = {name: found / molecule.share for name, found in molecule.population.items()}
    _enough(len(kept["Both"]))
    ends = {
        name: (molecule.stay[name][:, -1].mean(), molecule.enter[name][:, -1].mean())
        for name in ("Diffusion", "Mixture", "Both")
    }
    told = "; ".join(f"{name} {stay:.2f} and {enter:.4f}" for name, (stay, enter) in ends.items())
    return Measured(
        over_seeds(kept["Both"]),
        {"Diffusion minus Both": over_seeds(kept["Diffusion"] - kept["Both"])},
        f"in the state at the end, of chains that began in it, and outside: {told}; the real "
        f"dynamics {molecule.true.stay[-1]:.2f} and {molecule.true.enter[-1]:.4f}",
        doubt=_drawn_well(molecule, "Diffusion"),
    )


@verdicts.claim(
    "C9",
    "A force at a later diffusion time gains the modes and loses the structure.",
    of=PAPER,
    on=MODEL,
    paper="Two For One: C-N bond error 49 times that of Both; JS 0.0158, Diffusion 0.0695",
    unit="times",
    needs=("molecule",),
    region=above(BLURRED),
    criterion="Diffusion with its force at t = 0.02: error of the C-N bonds (Wasserstein) over "
    "that of Both {}; divergence of phi and psi minus that of Diffusion at t = 1e-5 below 0 "
    "(95 % intervals over trainings)",
    parts={"divergence minus Diffusion's": below(0)},
    scales=FROM_BOOK,
    elsewhere=TRAINED,
)
def later(molecule):
    name = "Two For One, t = 0.02"
    if name not in molecule.js:
        raise Untested(f"{name} was not simulated")
    _enough(len(molecule.js[name]))
    others = [label for label in molecule.js if label.startswith("Two For One") and label != name]
    told = "; ".join(
        f"{label.removeprefix('Two For One, ')}: bonds "
        f"{measured_text(ratio(molecule.bond[label], molecule.bond['Both']))} times, divergence "
        f"{measured_text(over_seeds(molecule.js[label] - molecule.js['Diffusion']))}"
        for label in others
    )
    return Measured(
        ratio(molecule.bond[name], molecule.bond["Both"]),
        {"divergence minus Diffusion's": over_seeds(molecule.js[name] - molecule.js["Diffusion"])},
        told,
    )


@verdicts.claim(
    "C10",
    "Simulation needs a score that is the gradient of an energy: without one it heats up.",
    of=PAPER,
    on=MODEL,
    paper="a non-conservative score 'diverges' after some thousand steps; no number found",
    unit="of the wanted temperature",
    needs=("molecule",),
    region=above(0),
    criterion="mean kinetic temperature of the chains that stayed, last quarter: No energy minus "
    "Mixture {}; Mixture's below 1.1 (95 % intervals over trainings)",
    parts={"Mixture": below(COOL)},
    scales=FROM_BOOK,
    elsewhere=TRAINED,
)
def conservative(molecule):
    heat = molecule.heat
    _enough(len(heat["Mixture"]))
    chains = molecule.chains * len(heat["Mixture"])
    gone = ", ".join(
        f"{name} {int(molecule.left[name].sum())}" for name in ("No energy", "Mixture")
    )
    return Measured(
        over_seeds(heat["No energy"] - heat["Mixture"]),
        {"Mixture": over_seeds(heat["Mixture"])},
        f"chains that left, of {chains}: {gone}",
    )


# --------------------------------------------------------------------------- ours
@verdicts.claim(
    "O1",
    "The product of two residuals from first derivatives is the squared residual on average.",
    of=OURS,
    on=MODEL,
    paper="Theorem 1",
    unit="standard errors",
    needs=("estimator",),
    region={"toy": below(OFF, must_hold=True), **dict.fromkeys(FROM_BOOK, below(OFF))},
    criterion="mean of the product at 6 points and 3 times, at worst {} from the exact square; "
    "with one displacement for both factors, at some point above 4",
    parts={"one displacement": above(OFF)},
)
def unbiased(estimator):
    return Measured(
        exact(np.abs(estimator.off).max(), n=len(estimator.off)),
        {"one displacement": exact(np.abs(estimator.off_same).max(), n=len(estimator.off))},
        "the standard errors are the criterion's unit; the seed is fixed",
    )


@verdicts.claim(
    "O2",
    "Two energies with nearly the same score-matching loss can differ much in their law.",
    of=OURS,
    on=MODEL,
    paper="its first figure, with a network",
    unit="times",
    needs=("line",),
    region={
        "toy": above(FEATURES, must_hold=True),
        **dict.fromkeys(FROM_BOOK, above(FEATURES)),
    },
    criterion="random features on two modes, penalty 0 over 0.001: divergence {}, loss with the "
    "penalty over that without below 1.03 (95 % intervals over draws)",
    parts={"loss": below(1.03)},
    by_estimate=("loss",),
)
def same_loss(line):
    return Measured(
        ratio(line.of(0.0, "js"), line.of(REPAIRING, "js")),
        {"loss": ratio(line.of(REPAIRING, "dsm"), line.of(0.0, "dsm"))},
        f"loss without the penalty {line.of(0.0, 'dsm').mean():.4f}",
    )


@verdicts.claim(
    "O3",
    "With the time derivative turned round the penalty repairs nothing.",
    of=OURS,
    on=MODEL,
    paper="a negative control",
    unit="times",
    needs=("line",),
    region={"toy": below(10), **dict.fromkeys(FROM_BOOK, below(FEATURES))},
    criterion="random features on two modes: divergence without the penalty over that with the "
    "wrong one {} (95 % interval over draws)",
)
def control(line):
    wrong = np.array([fit.js for fit in line.controls[CONTROLS[0]]])
    same = np.array([fit.js for fit in line.controls[CONTROLS[1]]])
    plain = line.of(0.0, "js")
    return Measured(
        ratio(plain[: len(wrong)], wrong),
        note=f"one displacement for both factors: {measured_text(ratio(plain[: len(same)], same))}",
    )


@verdicts.claim(
    "O4",
    "With the penalty the integral of the learned density does not depend on the diffusion time.",
    of=OURS,
    paper="a consequence of its eq. for log p",
    unit="nats",
    needs=("plane",),
    region=above(0),
    criterion="Muller-Brown, range of ln Z up to t = 0.09: Mixture minus Both {} (95 % interval "
    "over trainings)",
    scales=FROM_BOOK,
    elsewhere=TRAINED,
)
def constant(plane):
    _enough(plane.seeds)
    spread = {name: log_z_range(plane, name) for name in METHODS}
    told = ", ".join(f"{name} {values.mean():.2f}" for name, values in spread.items())
    return Measured(over_seeds(spread["Mixture"] - spread["Both"]), note=f"ranges, means: {told}")


def log_z_range(plane, method: str) -> np.ndarray:
    """Largest minus smallest ln Z up to SMALL_T, (seeds,)."""
    inside = np.array(T_EVAL) <= SMALL_T
    return np.ptp(plane.log_z[method][:, inside], axis=1)


@verdicts.claim(
    "O5",
    "The motion, too: under Both psi relaxes as fast as in the real dynamics.",
    of=OURS,
    on=MODEL,
    paper="'simulating multiple biomolecular systems' (abstract); nothing on the speed here",
    unit="times",
    needs=("molecule",),
    region=between(*SPEED),
    criterion="relaxation time of psi at a lag of 10 ps, Both over the stored dynamics {} (95 % "
    "interval over trainings)",
    scales=FROM_BOOK,
    elsewhere=TRAINED,
)
def motion(molecule):
    _enough(len(molecule.timescale["Both"]))
    true = float(np.mean(molecule.true_timescale))
    halves = ", ".join(f"{one:.1f}" for one in molecule.true_timescale)
    return Measured(
        ratio(molecule.timescale["Both"], np.full(len(molecule.timescale["Both"]), true)),
        note=f"the two stored halves: {halves} ps; they are not in the interval",
    )


@verdicts.claim(
    "O6",
    "Why it heats: without an energy the Jacobian of the score is not symmetric.",
    of=OURS,
    on=MODEL,
    paper="–",
    unit="of its size",
    needs=("molecule",),
    region=above(UNEVEN),
    criterion="antisymmetric share of the Jacobian at t = 1e-5: No energy {}; Mixture below 1e-4 "
    "(95 % intervals over trainings)",
    parts={"Mixture": below(1e-4)},
    scales=FROM_BOOK,
    elsewhere=TRAINED,
)
def uneven(molecule):
    _enough(len(molecule.skew["Mixture"]))
    return Measured(
        over_seeds(molecule.skew["No energy"]),
        {"Mixture": over_seeds(molecule.skew["Mixture"])},
    )


# --------------------------------------------------------------------------- the record
def series(results) -> dict[str, object]:
    """What the first figure and the first sentences need."""
    found: dict[str, object] = {}
    if not isinstance(results.plane, Missing):
        plane = results.plane
        found["plane"] = {
            "method": list(METHODS),
            **_columns("grid_js", [over_seeds(plane.grid_js[name]) for name in METHODS]),
            **_columns("iid_above", [over_seeds(plane.above(name, "iid")) for name in METHODS]),
            **_columns("sim_above", [over_seeds(plane.above(name, "sim")) for name in METHODS]),
            **_columns("log_z", [over_seeds(log_z_range(plane, name)) for name in METHODS]),
        }
        found["seeds"] = {name: _rounded(plane.grid_js[name]) for name in METHODS}
    if not isinstance(results.molecule, Missing):
        molecule = results.molecule
        labels = list(molecule.js)
        scaled = {n: v / molecule.share for n, v in molecule.population.items()}
        found["molecule"] = {
            "label": labels,
            **_columns("js", [over_seeds(molecule.js[label]) for label in labels]),
            **_columns("population", [over_seeds(scaled[label]) for label in labels]),
            **_columns("heat", [over_seeds(molecule.heat[label]) for label in labels]),
            **_columns("bond_pm", [over_seeds(1000 * molecule.bond[label]) for label in labels]),
        }
        found["curves"] = {
            "times_ps": _rounded(molecule.times_ps),
            "floor": _rounded(molecule.true.curve),
            **{name: [_rounded(row) for row in rows] for name, rows in molecule.curves.items()},
        }
        found["share"] = {"data": [round(molecule.share, 5)]}
    return found


def _rounded(values: object) -> list[float | None]:
    return [round(float(v), 6) if np.isfinite(v) else None for v in values]


def _columns(name: str, values: list[Interval]) -> Mapping[str, list]:
    """Estimates and ends as three columns; ends that are not known are None."""
    ends = {"": "estimate", "_low": "low", "_high": "high"}
    return {
        f"{name}{end}": [
            None
            if (x := getattr(value, field)) is None or not np.isfinite(x)
            else round(float(x), 6)
            for value in values
        ]
        for end, field in ends.items()
    }
