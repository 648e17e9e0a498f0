"""Border results of the chapter."""

from dataclasses import replace

import numpy as np

from companion.claims import DOES_NOT_HOLD, HOLDS, NOT_RESOLVED
from companion.mamba3.verdict import verdicts
from tests.borders import CROSSES, ONE_FAILS, PAIRED, Border, crossing, spread
from tests.mamba3 import made


def of(scale="book", **changed):
    results = made.results(**changed)
    return lambda: verdicts.evaluate(results, scale)


def clean():
    """All claims; C10 and C16 are judged at paper scale alone."""
    book, paper = verdicts.evaluate(made.results(), "book"), of("paper")()
    return [p if b.verdict == "not tested" else b for b, p in zip(book, paper, strict=True)]


def parity(name, values):
    return made.with_values(made.parity(), name, 256, values)


def three(name, values):
    return made.with_values(made.three(), name, 40, values)


def arm(part, gaps):
    """All arms of recall, one of which has these losses above the full layer's, over seeds."""
    runs = made.recall()
    full = next(r for r in runs if (r.arm.part, r.arm.d_state) == ("Mamba-3", 8))
    new = replace(made.recalled(part, 8), loss=full.loss + gaps)
    return tuple(new if r.arm.part == part else r for r in runs)


def halves(gaps):
    """All arms, in which Mamba-3 with half the state is worse by this, over seeds."""
    runs = made.recall()
    theirs = {r.arm.d_state: r for r in runs if r.arm.part == "Mamba-2"}
    return tuple(
        replace(r, loss=theirs[2 * r.arm.d_state].loss + gaps)
        if r.arm.part == "Mamba-3" and 2 * r.arm.d_state in theirs
        else r
        for r in runs
    )


def one_rate(best, other):
    """Losses by rate and seed: bad, the best ones, and those of another rate."""
    return np.stack([best + spread(1.0, 0.01, len(best), 9), best, other])


def shifted(deviation):
    """All arms, with losses that differ between seeds by a nat and not between arms."""
    own = spread(0.0, deviation, 5, 9)
    return tuple(replace(r, loss=r.loss + own) for r in made.recall())


def text(name, gaps):
    """Language models, one of which has these losses above Mamba-3's, over seeds."""
    runs = made.reading().reads
    new = runs[name]
    course = runs["Mamba-3"].course + gaps
    return made.reading(
        **{
            name.replace("-", "_"): type(new)(
                name, 100, new.steps, course, new.lengths, new.held_out
            )
        }
    )


def longer(name, changes):
    """Language models, one of which changes by this at 1,024 characters, over seeds."""
    runs = made.reading().reads
    old = runs[name]
    held = old.held_out.copy()
    held[-1] = old.at(128) + changes
    return made.reading(**{name: replace(old, held_out=held)})


def behind(name, worse):
    """Language models, one of which has a larger loss at every quarter and as large a change."""
    old = made.reading().reads[name]
    return made.reading(**{name.replace("-", "_"): replace(old, course=old.course + worse)})


BORDERS = [
    Border(
        "C1",
        ONE_FAILS,
        "one form of three differs in the seventh digit",
        of(agreement={"chunks": 1e-14, "steps of one token": 1e-15, "scan": 2e-7}),
        (DOES_NOT_HOLD,),
    ),
    Border("C1", ONE_FAILS, "the gradient is off", of(gradient=2e-6), (DOES_NOT_HOLD,)),
    Border(
        "C2",
        ONE_FAILS,
        "one kernel of two is off by 0.7 %",
        of(kernels={"SISO": {"none": 0.0026}, "MIMO": {"none": 0.007}}),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "C3",
        CROSSES,
        "the trapezoid's order may be 1.85",
        of(orders=made.orders(**{"λ = 1/2, constant A": crossing(1.95, 1.9, 20)})),
        (NOT_RESOLVED,),
    ),
    Border(
        "C3",
        CROSSES,
        "Euler's order may be 1.15",
        of(orders=made.orders(**{"Euler, constant A": crossing(1.05, 1.1, 20)})),
        (NOT_RESOLVED,),
    ),
    Border(
        "C11",
        ONE_FAILS,
        "averaging A restores nothing",
        of(orders=made.orders(**{"λ = 1/2, A(t) averaged": spread(1.0, 0.02, 20)})),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "C4",
        CROSSES,
        "three seeds of eight solve parity at 256",
        of(parity=parity("Mamba-3", made.solved(3))),
        (NOT_RESOLVED,),
    ),
    Border("C4", ONE_FAILS, "no seed does", of(parity=parity("Mamba-3", made.solved(0)))),
    Border(
        "C4",
        ONE_FAILS,
        "one baseline of three counts",
        of(parity=parity("Mamba-2", spread(0.99, 0.005, 8))),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "C4",
        ONE_FAILS,
        "a baseline has learned nothing at all",
        of(parity=made.with_values(made.parity(), "Mamba-3, no RoPE", 2, spread(0.0, 0.01, 8))),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "C12",
        CROSSES,
        "three seeds of eight solve it by signs",
        of(parity=parity("real, both signs", made.solved(3))),
        (NOT_RESOLVED,),
    ),
    Border(
        "C5",
        CROSSES,
        "three seeds of eight do not count modulo 3",
        of(three=three("Mamba-3", made.solved(5))),
        (NOT_RESOLVED,),
    ),
    Border(
        "C5",
        ONE_FAILS,
        "positive eigenvalues count modulo 3",
        of(three=three("Mamba-3, no RoPE", spread(0.99, 0.005, 8))),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "C16",
        CROSSES,
        "three seeds of eight master brackets",
        of(
            "paper",
            five={"plain": {"Mamba-3": made.solved(6)}, "brackets": {"Mamba-3": made.solved(3)}},
        ),
        (NOT_RESOLVED,),
    ),
    Border(
        "C6",
        CROSSES,
        "the gain of biases and trapezoid reaches below 0",
        of(recalled=arm("neither", np.array([[0.4], [0.0]]) + crossing(0.1, 0.0, 5))),
        (NOT_RESOLVED,),
    ),
    Border(
        "C6",
        ONE_FAILS,
        "a convolution gains half of what they do",
        of(recalled=arm("with convolution", -0.15 + spread(0.0, 0.002, 5))),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "C6",
        ONE_FAILS,
        "the layer without biases and trapezoid may need another learning rate",
        of(rates=made.rates(neither=(1.3, 1.4, 1.5))),
        (NOT_RESOLVED,),
    ),
    Border(
        "C6",
        ONE_FAILS,
        "at a rate that may be as good the full layer is no better than without its parts",
        of(rates=made.rates(ours=one_rate(spread(1.0, 0.02, 4), spread(1.35, 0.9, 4)))),
        (NOT_RESOLVED,),
    ),
    Border(
        "C6",
        PAIRED,
        "another rate may be as good, and with it the arms keep their order",
        of(rates=made.rates(neither=one_rate(spread(1.3, 0.02, 4), spread(1.35, 0.3, 4)))),
        (HOLDS,),
    ),
    Border(
        "C7",
        ONE_FAILS,
        "at another learning rate Mamba-2 may be as good",
        of(rates=made.rates(theirs=one_rate(spread(1.6, 0.02, 4), spread(1.7, 0.3, 4)))),
        (NOT_RESOLVED,),
    ),
    Border(
        "C14",
        ONE_FAILS,
        "on the seeds of the rates MIMO is worse",
        of(rates=made.rates(MIMO=(1.4, 1.2, 1.3))),
        (NOT_RESOLVED,),
    ),
    Border(
        "C14",
        ONE_FAILS,
        "MIMO may need another learning rate",
        of(rates=made.rates(MIMO=(1.5, 1.4, 1.3))),
        (NOT_RESOLVED,),
    ),
    *(
        Border(
            claim,
            ONE_FAILS,
            f"{part} has not learned the questions",
            of(recalled=made.recall(**{part: made.recalled(part, 8, loss, share=0.7)})),
            (NOT_RESOLVED,),
        )
        for claim, part, loss in (
            ("C6", "with convolution", 1.01),
            ("C7", "Mamba-2", 1.6),
            ("C14", "MIMO", 0.9),
        )
    ),
    Border(
        "C7",
        ONE_FAILS,
        "half of the training says the opposite",
        of(recalled=halves(np.array([[0.3], [-0.3]]) + spread(0.0, 0.01, 5))),
        (NOT_RESOLVED,),
    ),
    Border(
        "C14",
        ONE_FAILS,
        "half of the training says the opposite",
        of(recalled=arm("MIMO", np.array([[0.1], [-0.1]]) + spread(0.0, 0.002, 5))),
        (NOT_RESOLVED,),
    ),
    Border(
        "C6",
        PAIRED,
        "seeds differ by a nat, and all arms with them",
        of(recalled=shifted(1.0)),
        (HOLDS,),
    ),
    Border(
        "C7",
        CROSSES,
        "half the state may be worse",
        of(recalled=halves(crossing(-0.05, 0.0, 5))),
        (NOT_RESOLVED,),
    ),
    Border(
        "C7",
        ONE_FAILS,
        "a larger state does not help Mamba-2",
        of(recalled=made.recall(theirs=(2.0, 1.6, 2.0))),
        (NOT_RESOLVED,),
    ),
    Border(
        "C7",
        ONE_FAILS,
        "the best learning rate is the largest that was tried",
        of(rates=made.rates(theirs=(1.9, 1.7, 1.6))),
        (NOT_RESOLVED,),
    ),
    Border(
        "C7",
        PAIRED,
        "seeds differ by a nat, and both families with them",
        of(recalled=shifted(1.0)),
        (HOLDS,),
    ),
    Border(
        "C13",
        CROSSES,
        "Mamba-2 may be as good",
        of(reading=text("Mamba-2", crossing(0.01, 0.0, 3))),
        (NOT_RESOLVED,),
    ),
    Border(
        "C13",
        ONE_FAILS,
        "Mamba-2 is no better than the n-gram",
        of(reading=text("Mamba-2", spread(0.25, 0.001, 3))),
        (NOT_RESOLVED,),
    ),
    Border(
        "C13",
        ONE_FAILS,
        "the gap is of the last quarter alone",
        of(reading=text("Mamba-2", np.array([[0.0], [0.0], [0.0], [0.06]]) + spread(0, 1e-3, 3))),
        (NOT_RESOLVED,),
    ),
    Border(
        "C14",
        CROSSES,
        "MIMO may be no better",
        of(recalled=arm("MIMO", crossing(-0.02, 0.0, 5))),
        (NOT_RESOLVED,),
    ),
    Border(
        "C15",
        ONE_FAILS,
        "Mamba-2 gains from longer text, too",
        of(reading=longer("Mamba-2", spread(-0.02, 1e-3, 3))),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "C15",
        CROSSES,
        "Mamba-3 may gain nothing from longer text",
        of(reading=longer("Mamba-3", crossing(-0.02, 0.0, 3))),
        (NOT_RESOLVED,),
    ),
    Border(
        "C15",
        ONE_FAILS,
        "Mamba-3 is no better than the n-gram",
        of(reading=behind("Mamba-3", 0.25)),
        (NOT_RESOLVED,),
    ),
    Border(
        "C8",
        CROSSES,
        "four times the arithmetic may take 1.7 times as long",
        of(decode=made.decode(1.697)),
        (NOT_RESOLVED,),
    ),
    Border(
        "C9",
        CROSSES,
        "the growth with the context may be 6 %",
        of(contexts=made.contexts(growth=0.0499)),
        (NOT_RESOLVED,),
    ),
    Border(
        "C10",
        ONE_FAILS,
        "one of the two models is five points off on LAMBADA",
        of("paper", released=made.released(lambada=(27.5, 34.0))),
        (DOES_NOT_HOLD,),
    ),
]
