"""What the paper claims, and what a run says of it; O1 to O6 are checks of our own.

Every measurement takes results of the notebook by name: ``plane`` (networks on Muller-Brown),
``molecule`` (networks on alanine dipeptide), ``line`` (random features), ``estimator``.
A unit is a training: methods are compared within a seed, of ratios the logarithms are averaged.
Divergences of samples are taken above the floor of as many true samples.
"""

from __future__ import annotations

import numpy as np

from companion.claims import MODEL, OURS, PAPER, measured_text
from companion.consistent_diffusion.lab.line import CONTROLS, REPAIRING
from companion.consistent_diffusion.lab.measures import (
    GOOD,
    drawn_well,
    enough,
    log_z_range,
    molecule_drawn_well,
    ratio,
    samples_text,
)
from companion.consistent_diffusion.lab.plane import METHODS
from companion.stats import EQUIVALENCE, exact, over_seeds
from companion.verdicts import FROM_BOOK, Measured, Untested, Verdicts, above, below, between

verdicts = Verdicts()

TRAINED = {
    "on": MODEL,
    "scales": FROM_BOOK,
    "elsewhere": "needs trained networks: judged from book scale on",
}
"""Of all claims on trained networks; their data are simulated."""

WORSE = 1.3
"""Times the divergence that counts as worse; the paper's plain model has more than a hundred."""

REPAIRED = 2.0
"""Times by which the penalty must lower a divergence or a residual; the paper's does so 7 times."""

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
"""Standard errors that the worst of 18 means may be away: chance does it once in 1,000 runs."""

EVEN, UNEVEN = 1e-4, 0.01
"""Antisymmetric share of a Jacobian that counts as a gradient's (rounding gives 1e-7), and not."""

STEADY = 0.5
"""Range of ln Z, in nats, that counts as none: less than a factor of two in the integral."""

RETURNED = 0.95
"""Share of chains that counts as all; of the data 0.999 lie in these cells."""

FEATURES = 3.0
"""Times by which the penalty lowers the divergence of random features, which need no training."""


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
    **TRAINED,
)
def inconsistent(plane):
    enough(plane.seeds)
    sim, iid = (plane.above("Diffusion", what) for what in ("sim", "iid"))
    return Measured(
        ratio(sim, iid),
        {"denoised above the floor (nats)": over_seeds(iid)},
        samples_text(plane, "Diffusion"),
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
    **TRAINED,
)
def residual(plane):
    enough(plane.seeds)
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
    **TRAINED,
)
def repaired(plane):
    enough(plane.seeds)
    js = plane.grid_js
    means = "; ".join(f"{name} {js[name].mean():.4f}" for name in METHODS)
    return Measured(
        ratio(js["Diffusion"], js["Both"]),
        {
            "Diffusion over Fokker-Planck": ratio(js["Diffusion"], js["Fokker-Planck"]),
            "Mixture over Both": ratio(js["Mixture"], js["Both"]),
        },
        f"divergences, means: {means}",
        doubt=drawn_well(plane, "Diffusion", "Mixture"),
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
    **TRAINED,
)
def consistent(plane):
    enough(plane.seeds)
    sim, iid = (plane.above("Both", what) for what in ("sim", "iid"))
    found = ratio(sim, iid, EQUIVALENCE)._replace(p=None)
    return Measured(found, note=samples_text(plane, "Both"))


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
    **TRAINED,
)
def denoising(plane, molecule):
    enough(plane.seeds)
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
    **TRAINED,
)
def overdone(plane):
    enough(plane.seeds)
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
    paper="simulated JS 0.0695 (Diffusion), 0.0353 (Mixture), 0.0086 (Both)",
    unit="nats",
    needs=("molecule",),
    region=above(0),
    criterion="divergence of phi and psi without the first fifth: Diffusion minus Both {}; Mixture "
    "minus Both above 0 (95 % intervals over trainings)",
    parts={"Mixture minus Both": above(0)},
    **TRAINED,
)
def molecule_nearer(molecule):
    js = molecule.js
    enough(len(js["Both"]))
    means = "; ".join(f"{name} {js[name].mean():.4f}" for name in ("Diffusion", "Mixture", "Both"))
    return Measured(
        over_seeds(js["Diffusion"] - js["Both"]),
        {"Mixture minus Both": over_seeds(js["Mixture"] - js["Both"])},
        f"means: {means}; floor {molecule.true.js.mean:.4f}",
        doubt=molecule_drawn_well(molecule, "Diffusion", "Mixture"),
    )


@verdicts.claim(
    "C8",
    "Both keeps the population of the rare state of phi; the plain model loses it.",
    of=PAPER,
    paper="free energy of phi, a figure; PMF error 0.099 (Both), 1.047 (Diffusion)",
    unit="times",
    needs=("molecule",),
    region=between(*KEPT),
    criterion="share of 0 < phi < 115 degrees in the second half of the chains over that in the "
    "data: Both {}; Diffusion's below 0.5 (95 % intervals over trainings)",
    parts={"Diffusion": below(KEPT[0])},
    **TRAINED,
)
def population(molecule):
    kept = {name: found / molecule.share for name, found in molecule.population.items()}
    enough(len(kept["Both"]))
    ends = {
        name: (molecule.stay[name][:, -1].mean(), molecule.enter[name][:, -1].mean())
        for name in ("Diffusion", "Mixture", "Both")
    }
    told = "; ".join(f"{name} {stay:.2f} and {enter:.4f}" for name, (stay, enter) in ends.items())
    return Measured(
        over_seeds(kept["Both"]),
        {"Diffusion": over_seeds(kept["Diffusion"])},
        f"in the state at the end, of chains that began in it, and outside: {told}; the real "
        f"dynamics {molecule.true.stay[-1]:.2f} and {molecule.true.enter[-1]:.4f}",
        doubt=molecule_drawn_well(molecule, "Diffusion"),
    )


@verdicts.claim(
    "C9",
    "A force at a later diffusion time gains the modes and loses the structure.",
    of=PAPER,
    paper="Two For One: C-N bond error 49 times that of Both; JS 0.0158, Diffusion 0.0695",
    unit="times",
    needs=("molecule",),
    region=above(BLURRED),
    criterion="Diffusion with its force at t = 0.02: error of the C-N bonds (Wasserstein) over "
    "that of Both {}; divergence of phi and psi minus that of Diffusion at t = 1e-5 below 0 "
    "(95 % intervals over trainings)",
    parts={"divergence minus Diffusion's": below(0)},
    **TRAINED,
)
def later(molecule):
    name = "Two For One, t = 0.02"
    if name not in molecule.js:
        raise Untested(f"{name} was not simulated")
    enough(len(molecule.js[name]))
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
    paper="a non-conservative score 'diverges' after some thousand steps; no number found",
    unit="of the wanted temperature",
    needs=("molecule",),
    region=above(0),
    criterion="mean kinetic temperature of the chains that stayed, last quarter: No energy minus "
    "Mixture {}; Mixture's below 1.1; antisymmetric share of the score's Jacobian at t = 1e-5: "
    "No energy's above 0.01, Mixture's below 1e-4 (95 % intervals over trainings)",
    parts={
        "Mixture": below(COOL),
        "Jacobian, No energy": above(UNEVEN),
        "Jacobian, Mixture": below(EVEN),
    },
    **TRAINED,
)
def conservative(molecule):
    heat = molecule.heat
    enough(len(heat["Mixture"]))
    chains = molecule.chains * len(heat["Mixture"])
    gone = ", ".join(
        f"{name} {int(molecule.left[name].sum())}" for name in ("No energy", "Mixture")
    )
    hot = ", ".join(f"{one:.2f}" for one in heat["No energy"])
    return Measured(
        over_seeds(heat["No energy"] - heat["Mixture"]),
        {
            "Mixture": over_seeds(heat["Mixture"]),
            "Jacobian, No energy": over_seeds(molecule.skew["No energy"]),
            "Jacobian, Mixture": over_seeds(molecule.skew["Mixture"]),
        },
        f"No energy by training {hot}; chains that left, of {chains}: {gone}",
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
    "With the time derivative turned round the penalty repairs less than threefold.",
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
    "The penalty keeps the integral of the learned density nearly the same at all small diffusion "
    "times; without it the integral drifts.",
    of=OURS,
    paper="a consequence of its eq. for log p",
    unit="nats",
    needs=("plane",),
    region=above(0),
    criterion="Muller-Brown, range of ln Z up to t = 0.09: Mixture minus Both {}; Both's below "
    "0.5, Mixture's above 0.5 (95 % intervals over trainings)",
    parts={"Both": below(STEADY), "Mixture": above(STEADY)},
    **TRAINED,
)
def constant(plane):
    enough(plane.seeds)
    spread = {name: log_z_range(plane, name) for name in METHODS}
    told = ", ".join(f"{name} {values.mean():.2f}" for name, values in spread.items())
    return Measured(
        over_seeds(spread["Mixture"] - spread["Both"]),
        {name: over_seeds(spread[name]) for name in ("Both", "Mixture")},
        f"ranges, means: {told}",
    )


@verdicts.claim(
    "O5",
    "The motion, too: under Both psi relaxes as fast as in the real dynamics.",
    of=OURS,
    paper="'simulating multiple biomolecular systems' (abstract); nothing on the speed here",
    unit="times",
    needs=("molecule",),
    region=between(*SPEED),
    criterion="relaxation time of psi at a lag of 10 ps, Both over the stored dynamics {} (95 % "
    "interval over trainings)",
    **TRAINED,
)
def motion(molecule):
    enough(len(molecule.timescale["Both"]))
    true = float(np.mean(molecule.true_timescale))
    halves = ", ".join(f"{one:.1f}" for one in molecule.true_timescale)
    return Measured(
        ratio(molecule.timescale["Both"], np.full(len(molecule.timescale["Both"]), true)),
        note=f"the two stored halves: {halves} ps; they are not in the interval",
    )


@verdicts.claim(
    "O6",
    "Chains of Both that start outside of the data go to where the data are.",
    of=OURS,
    paper="–",
    unit="of the chains",
    needs=("molecule",),
    region=above(RETURNED),
    criterion="chains a quarter as long, phi and psi drawn uniformly at the start; share in the "
    "cells that hold 99.9 % of the data, second half: Both {} (95 % interval over trainings)",
    **TRAINED,
)
def returned(molecule):
    late = {name: at[:, at.shape[1] // 2 :].mean(1) for name, at in molecule.back.items()}
    enough(len(late["Both"]))
    told = ", ".join(f"{n} {measured_text(over_seeds(late[n]))}" for n in late if n != "Both")
    rare = ", ".join(f"{name} {values.mean():.3f}" for name, values in molecule.back_rare.items())
    return Measured(
        over_seeds(late["Both"]),
        note=f"at the start {molecule.home:.2f}; {told}; with 0 < phi < 115 degrees: {rare}; "
        f"data {molecule.share:.3f}",
    )
