"""One color per way of closing the loop."""

from companion.plotting import BLACK, BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILION

ARM_STYLE = {
    "fixed, T=1": {"color": BLUE, "marker": "o", "linestyle": "-"},
    "fixed, T=0.7": {"color": VERMILION, "marker": "s", "linestyle": "-"},
    "fresh, T=1": {"color": SKY, "marker": "o", "linestyle": "--"},
    "fresh, T=0.7": {"color": ORANGE, "marker": "s", "linestyle": "--"},
    "compute matched": {"color": GREEN, "marker": "^", "linestyle": "-."},
    "real only": {"color": PURPLE, "marker": "v", "linestyle": ":"},
    "truth": {"color": BLACK, "marker": "X", "linestyle": ""},
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
    "fresh": {"color": SKY, "linestyle": "--", "marker": "o"},
    "fixed": {"color": BLUE, "linestyle": "-", "marker": "o"},
    "real only": {"color": PURPLE, "linestyle": ":", "marker": "v"},
}

SHARE = "share of synthetic data s"
