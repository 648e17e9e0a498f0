"""Border results of the chapter; every claim has some."""

import numpy as np

from companion.claims import DOES_NOT_HOLD, HOLDS, NOT_RESOLVED
from companion.consistent_diffusion.verdict import verdicts
from companion.data import Missing
from tests.borders import CROSSES, NONE, ONE_FAILS, PAIRED, Border, crossing, spread
from tests.consistent_diffusion import made
from tests.consistent_diffusion.made import M, N, logs


def of(**changed):
    return lambda scale="book": verdicts.evaluate(
        made.results(**{k: f() for k, f in changed.items()}), scale
    )


def plane(**changed):
    return of(plane=lambda: made.plane(**changed))


def molecule(**changed):
    return of(molecule=lambda: made.molecule(**changed))


clean = of()

WIDE = 0.4
"""Deviation of a logarithm over trainings at which a factor of 1.5 is not resolved."""

BORDERS = [
    Border(
        "C1",
        CROSSES,
        "1.6 times worse, and perhaps no worse",
        plane(Diffusion__sim=0.005 * logs(1.6, WIDE)),
        (NOT_RESOLVED,),
    ),
    Border(
        "C1",
        ONE_FAILS,
        "denoised samples are no good",
        plane(Diffusion__iid=0.03 * logs(1), Diffusion__sim=0.2 * logs(1)),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "C2",
        CROSSES,
        "the residual falls 2.5 times, and perhaps 1.5",
        plane(Fokker_Planck__small=60 / logs(2.5, WIDE)),
        (NOT_RESOLVED,),
    ),
    Border(
        "C2",
        ONE_FAILS,
        "with experts it does not fall",
        plane(Both__small=40 * logs(1)),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "C2",
        ONE_FAILS,
        "at middle times it is as large",
        plane(Diffusion__middle=60 * logs(1.2)),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "C3",
        CROSSES,
        "2.5 times better, and perhaps 1.5",
        plane(Both__law=0.1 / logs(2.5, WIDE), Mixture__law=0.1 * logs(1)),
        (NOT_RESOLVED,),
    ),
    Border(
        "C3",
        ONE_FAILS,
        "experts alone do as well",
        plane(Mixture__law=0.01 * logs(1, 0.03)),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "C3",
        ONE_FAILS,
        "the arm that loses does not denoise, either",
        plane(Diffusion__iid=0.04 * logs(1)),
        (NOT_RESOLVED,),
    ),
    Border(
        "C3",
        PAIRED,
        "trainings differ tenfold, and all methods with them",
        plane(shared=np.concatenate([logs(0.3, 0.7, N)])),
        (HOLDS,),
    ),
    Border(
        "C4",
        CROSSES,
        "as good, and perhaps a third worse",
        plane(Both__sim=0.005 * logs(1.1, WIDE)),
        (NOT_RESOLVED,),
    ),
    Border(
        "C4",
        NONE,
        "simulated samples lie at the floor, so that there is no ratio",
        plane(Both__sim=np.array([0.001, 0.002, -0.001, 0.001, 0.002])),
        (NOT_RESOLVED,),
    ),
    Border(
        "C5",
        CROSSES,
        "as good, and perhaps half worse",
        plane(Both__iid=0.005 * logs(1.1, WIDE)),
        (NOT_RESOLVED,),
    ),
    Border(
        "C5",
        ONE_FAILS,
        "on the molecule the penalty costs twice as much",
        molecule(Both__iid=0.02 + 0.005 * logs(2.1, 0.05, M)),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "C6",
        CROSSES,
        "it hurts, and perhaps not",
        plane(Fokker_Planck_strong__law=0.03 * logs(1.3, WIDE)),
        (NOT_RESOLVED,),
    ),
    Border(
        "C7",
        CROSSES,
        "nearer, and perhaps not",
        molecule(Diffusion__js=0.02 + crossing(0.01, 0.0, M)),
        (NOT_RESOLVED,),
    ),
    Border(
        "C7",
        ONE_FAILS,
        "the experts alone are as near",
        molecule(Mixture__js=spread(0.015, 0.001, M), Both__js=spread(0.02, 0.001, M, 1)),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "C7",
        ONE_FAILS,
        "the plain model does not denoise, either",
        molecule(Diffusion__iid=0.08 * logs(1, 0.05, M)),
        (NOT_RESOLVED,),
    ),
    Border(
        "C8",
        CROSSES,
        "the share is kept, and perhaps halved",
        molecule(Both__share=crossing(0.9, 0.5, M)),
        (NOT_RESOLVED,),
    ),
    Border(
        "C8",
        ONE_FAILS,
        "the plain model keeps most of it, too",
        molecule(Diffusion__share=spread(0.7, 0.01, M)),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "C9",
        CROSSES,
        "the bonds are 6 times worse, and perhaps 4",
        molecule(**{"Two_For_One,_t_=_0.02__bond": 1e-4 * logs(6, 0.4, M)}),
        (NOT_RESOLVED,),
    ),
    Border(
        "C9",
        ONE_FAILS,
        "the modes are further off than the plain model's",
        molecule(**{"Two_For_One,_t_=_0.02__js": spread(0.09, 0.002, M)}),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "C10",
        CROSSES,
        "hotter, and perhaps not",
        molecule(No_energy__heat=1.01 + crossing(0.2, 0.0, M)),
        (NOT_RESOLVED,),
    ),
    Border(
        "C10",
        ONE_FAILS,
        "with an energy it heats as well",
        molecule(Mixture__heat=spread(1.3, 0.01, M), No_energy__heat=spread(1.6, 0.01, M)),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "O1",
        ONE_FAILS,
        "one displacement is as good",
        of(estimator=lambda: made.estimator(off_same=1.0)),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "O1",
        ONE_FAILS,
        "one of 18 points is 6 standard errors off",
        of(estimator=lambda: made.estimator(off=6.0)),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "O2",
        ONE_FAILS,
        "the loss rises by a tenth",
        of(line=lambda: made.line(loss=1.1)),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "O2",
        CROSSES,
        "three times nearer, and perhaps less",
        of(line=lambda: made.line(mended=0.2 / 3.1)),
        (NOT_RESOLVED,),
    ),
    Border(
        "O3",
        ONE_FAILS,
        "with the wrong sign it repairs, too",
        of(line=lambda: made.line(wrong=0.02)),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "O4",
        CROSSES,
        "less range, and perhaps as much",
        plane(Mixture__z=spread(1.2, 1.0, N), Both__z=spread(0.1, 0.01, N, 1)),
        (NOT_RESOLVED,),
    ),
    Border(
        "O4",
        ONE_FAILS,
        "less range, but far from none",
        plane(Both__z=spread(1.5, 0.1, N, 1)),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "O5",
        CROSSES,
        "as fast, and perhaps twice as fast",
        molecule(Both__time=20 * logs(0.8, WIDE, M)),
        (NOT_RESOLVED,),
    ),
    Border(
        "O5",
        NONE,
        "in one training psi does not relax",
        molecule(Both__time=np.array([20.0, 21.0, 19.0, np.nan])),
        (NOT_RESOLVED,),
    ),
    Border(
        "C10",
        ONE_FAILS,
        "the energy's Jacobian is not symmetric, either",
        molecule(Mixture__skew=0.02 * logs(1, 0.1, M)),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "C10",
        ONE_FAILS,
        "without an energy the Jacobian is symmetric, too",
        molecule(No_energy__skew=1e-6 * logs(1, 0.1, M)),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "O6",
        CROSSES,
        "nearly all go back, and perhaps not",
        molecule(Both__back=crossing(0.97, 0.95, M)),
        (NOT_RESOLVED,),
    ),
    Border(
        "O6",
        ONE_FAILS,
        "a tenth stays where there are no data",
        molecule(Both__back=spread(0.9, 0.005, M)),
        (DOES_NOT_HOLD,),
    ),
]

GONE = Missing("nothing is here")
VARIANTS = {"nothing is here": of(**dict.fromkeys(vars(made.results()), lambda: GONE))}
