"""Border results of the chapter; every claim has some."""

from functools import cache

from companion.claims import DOES_NOT_HOLD, HOLDS, NOT_RESOLVED
from companion.stats import Interval
from companion.tart.verdict import verdicts
from tests.borders import CROSSES, NONE, ONE_FAILS, PAIRED, Border, crossing, spread
from tests.tart import made


@cache
def perfect():
    return made.results()


def of(**changed):
    return lambda scale="book": verdicts.evaluate(
        type(perfect())(**(vars(perfect()) | {k: make() for k, make in changed.items()})), scale
    )


def spoken(**changed):
    return of(table=lambda: made.language(**changed))


def learned(curve=None, **controls):
    return of(learned=lambda: made.learned(curve and curve(), made.controls(**controls)))


def tied(**changed):
    return of(tie=lambda: made.tie(**changed))


def shifted(**gaps):
    """The same gap on all real vectors of frozen models."""
    return of(table=lambda: made.language(**gaps), sentences=lambda: made.encoder(**gaps))


clean = of()

N = 60
WIDE, FEW = 0.2, 8


def last(**values):
    """The perfect curve with other accuracies at its end."""

    def make():
        found = made.curve()
        for name, array in values.items():
            found.accuracy[name.replace("_", " ")][:, -1] = array
        return found

    return make


def end(arm):
    return made.curve().last(arm)


def both(value, other):
    return {"SMS": value, "YouTube": other}


def with_ideal(values):
    """Ideal minus one line on real vectors crosses: wide on every data set."""
    table, sentences = made.language(), made.encoder()
    for frame in (table, sentences.table):
        rows = frame["method"] == "ideal"
        frame.loc[rows, "accuracy"] += values(int(rows.sum()))
    return of(table=lambda: table, sentences=lambda: sentences)


def moved(method, values, column="accuracy"):
    """Accuracies of a method on all real vectors of frozen models moved by `values`."""
    table, sentences = made.language(), made.encoder()
    for frame in (table, sentences.table):
        rows = (frame["method"] == method) & frame["vectors"].isin(["LOO", "MiniLM"])
        frame.loc[rows, column] += values(int(rows.sum()))
    return of(table=lambda: table, sentences=lambda: sentences)


BORDERS = [
    Border(
        "C1",
        CROSSES,
        "2 points behind logistic regression, and perhaps 3.5",
        learned(last(logistic=end("module") + crossing(0.02, 0.03, N))),
        (NOT_RESOLVED,),
    ),
    Border(
        "C1",
        CROSSES,
        "the lead over one line reaches below 0",
        learned(last(mean_difference=end("module") - crossing(0.01, 0.0, N))),
        (NOT_RESOLVED,),
    ),
    Border(
        "C1",
        ONE_FAILS,
        "without an example 56 % are right",
        learned(first=Interval(0.56, 0.551, 0.569, None, 10_000)),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "C1",
        NONE,
        "without an example there is no interval",
        learned(first=Interval(0.5)),
        (NOT_RESOLVED,),
    ),
    Border(
        "C3",
        ONE_FAILS,
        "on one text set the probe is no better than prompting",
        spoken(icl=both(0.65, 0.84)),
        (NOT_RESOLVED,),
    ),
    Border("C3", CROSSES, "the gap is 0", spoken(icl=0.83)),
    Border(
        "C4",
        ONE_FAILS,
        "on one text set the module is no better than prompting",
        spoken(icl=both(0.65, 0.84)),
        (NOT_RESOLVED,),
    ),
    Border(
        "C4",
        PAIRED,
        "contexts differ by 3 points, and all methods with them",
        spoken(icl=0.81),
        (HOLDS,),
    ),
    Border(
        "C5",
        ONE_FAILS,
        "behind one frozen model the module is 6 points short",
        of(sentences=lambda: made.encoder(module=-0.06)),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "C5",
        CROSSES,
        "2 points short, and perhaps 4",
        moved("module", lambda n: spread(-0.02, WIDE, n, 3)),
        (NOT_RESOLVED,),
    ),
    Border(
        "C6",
        CROSSES,
        "it agrees with both alike",
        shifted(**{"as logistic": 0.97, "as penalized": 0.97}),
    ),
    Border(
        "C6",
        ONE_FAILS,
        "by both fits it agrees more with one line",
        shifted(**{"as logistic": 0.95, "as penalized": 0.95}),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "C6",
        ONE_FAILS,
        "it agrees more with one line by the fit without a penalty alone",
        shifted(**{"as logistic": 0.95, "as penalized": 0.97}),
        (NOT_RESOLVED,),
    ),
    Border(
        "C6",
        ONE_FAILS,
        "it agrees less with one line by the fit without a penalty alone",
        shifted(**{"as penalized": 0.95}),
        (NOT_RESOLVED,),
    ),
    Border(
        "C6",
        CROSSES,
        "2 points from logistic regression, and perhaps 3.5",
        moved("logistic", lambda n: spread(-0.02, WIDE, n, 4)),
        (NOT_RESOLVED,),
    ),
    Border(
        "C7",
        CROSSES,
        "2 points ahead of one prompt, and perhaps behind",
        spoken(vanilla=-spread(0.02, 0.07, FEW, 2)),
        (NOT_RESOLVED,),
    ),
    Border(
        "O1",
        CROSSES,
        "4 points are left, and perhaps 6",
        spoken(own=0.79 + spread(0.0, 0.05, FEW, 3)),
        (NOT_RESOLVED,),
    ),
    Border(
        "O1",
        CROSSES,
        "half a point less than half is left, and perhaps more than half",
        spoken(icl=0.76, own=0.80 + spread(0.0, 0.03, FEW, 3)),
        (NOT_RESOLVED,),
    ),
    Border(
        "O1",
        ONE_FAILS,
        "4 points are left, two thirds of the gap",
        spoken(icl=0.77, own=0.79),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "O1",
        ONE_FAILS,
        "the threshold gains nothing, because nothing was to be gained",
        spoken(icl=0.80, own=0.795),
    ),
    Border(
        "O2",
        CROSSES,
        "half a point of gain, and perhaps 2",
        with_ideal(lambda n: spread(0.01, 0.1, n, 5)),
        (NOT_RESOLVED,),
    ),
    Border(
        "O2",
        ONE_FAILS,
        "on its own tasks the ideal learner gains 1 point only",
        tied(gain=0.01),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "O2",
        ONE_FAILS,
        "its two chains differ on 4 % of the queries",
        tied(apart=0.04),
        (NOT_RESOLVED,),
    ),
    Border(
        "O3",
        CROSSES,
        "half of the lead, and perhaps less",
        tied(lead=(0.03, 0.06, 0.06), white=(0.0, 0.028, 0.01), noise=0.03),
        (NOT_RESOLVED,),
    ),
    Border(
        "O3",
        ONE_FAILS,
        "with 128 examples two thirds of the lead stay",
        tied(white=(0.0, 0.0, 0.045)),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "O4",
        ONE_FAILS,
        "the own label moves a logit by a billionth",
        learned(own_label=1e-9),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "O4",
        CROSSES,
        "shuffled labels give 54 %, and perhaps 56",
        learned(shuffled=spread(0.54, 0.1, 100)),
        (NOT_RESOLVED,),
    ),
    Border(
        "O4",
        CROSSES,
        "an untrained module gives 46 %, and perhaps 44",
        learned(untrained=spread(0.46, 0.1, 100)),
        (NOT_RESOLVED,),
    ),
    Border(
        "O5",
        CROSSES,
        "2 points ahead of one line, and perhaps 4",
        moved("module", lambda n: spread(0.02, WIDE, n, 6)),
        (NOT_RESOLVED,),
    ),
    Border(
        "O5",
        ONE_FAILS,
        "on pixels the module is 5 points ahead",
        of(pixels=lambda: made.digits(module=0.05)),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "O6",
        CROSSES,
        "one text set gains 3.4 points, and perhaps 2.5",
        of(sentences=lambda: made.encoder(gain=0.017)),
        (NOT_RESOLVED,),
    ),
    Border(
        "O6",
        ONE_FAILS,
        "one text set gains nothing",
        of(sentences=lambda: made.encoder(gain=both(0.04, 0.0))),
        (DOES_NOT_HOLD,),
    ),
]

VARIANTS = {"nothing is here": of(**dict.fromkeys(vars(perfect()), lambda: made.MISSING))}
