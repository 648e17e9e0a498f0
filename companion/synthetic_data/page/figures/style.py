"""One color per way of closing the loop."""

from companion.plotting import METHODS, methods

ARM_STYLE = {
    name: look._asdict()
    for name, look in (
        methods(
            "fixed, T=1",
            "fixed, T=0.7",
            "fresh, T=1",
            "fresh, T=0.7",
            "compute matched",
            "real only",
        )
        | {"truth": METHODS["written by the truth"]}
    ).items()
}
"""Controls of real data alone are green and purple, the negative control is black."""

ARM_NAME = {
    "fixed, T=1": "fixed real data, T = 1",
    "fixed, T=0.7": "fixed real data, T = 0.7",
    "fresh, T=1": "fresh real data, T = 1",
    "fresh, T=0.7": "fresh real data, T = 0.7",
    "compute matched": "real part alone, same updates",
    "real only": "real part alone, fewer updates",
    "truth": "written by the truth",
}

PROTOCOL_STYLE = {
    name: look._asdict() for name, look in methods("fresh", "fixed", "real only").items()
}


SHARE = "share of synthetic data s"
