"""Results made by hand: what a perfect run would give, to be spoiled one at a time."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import torch

from companion.data import Missing
from companion.stats import Interval
from companion.tart.lab.learned import ARMS, DRAWN, IDEAL, WHITE, Controls, Curve, Learned, Tie
from companion.tart.lab.nulls import LOGISTIC, MEAN, NULLS, PENALIZED
from companion.tart.lab.real import COLUMNS
from companion.tart.lab.run import Pixels, Sentences
from tests.borders import spread

MISSING = Missing("set COMPANION_DATA")
TASKS = ("SMS", "YouTube")


class MeanDifferenceHead(torch.nn.Module):
    """The one-line rule with the interface of a module: nothing is trained."""

    def __init__(self, d=0, max_context=1 << 30):
        super().__init__()
        self.d, self.max_context = d, max_context

    def scores(self, x, y, queries):
        return queries @ (x.T @ (2 * y.to(x.dtype) - 1))


def curve(module=0.895, logistic=0.905, mean=0.84, n=60):
    """Accuracies at two places; the last one as given, tasks differ by what all arms share."""
    task = spread(0.0, 0.03, n, 9)
    last = {"module": module, LOGISTIC: logistic, MEAN: mean, "knows w": 0.97}
    arms = {
        arm: np.stack([0.6 + task, value + task + spread(0.0, 0.004, n, i)], 1)
        for i, (arm, value) in enumerate(
            (last | {"logistic, C = 1": 0.9, "5 neighbors": 0.8}).items()
        )
    }
    return Curve(np.array([4, 32]), arms)


def controls(**changed):
    made = {
        "shuffled": spread(0.5, 0.05, 200, 1),
        "untrained": spread(0.5, 0.05, 200, 2),
        "first": Interval(0.5, 0.49, 0.51, None, 10_000),
        "own_label": 0.0,
        "other_label": 1.5,
    }
    return Controls(**(made | changed))


def learned(found=None, checks=None):
    losses = np.tile(np.linspace(0.7, 0.3, 100), (2, 1))
    return Learned(losses, losses[0], 1000, found or curve(), curve(), checks or controls())


def tie(lead=(0.03, 0.06, 0.06), white=(0.0, 0.0, 0.01), gain=0.07, apart=0.01, n=80, noise=0.02):
    """Leads of logistic regression over one line, drawn and whitened; `gain` of the ideal."""
    sizes = np.array([18, 32, 128])
    found, base = {}, spread(0.0, 0.05, n, 3)
    for name, leads in ((DRAWN, lead), (WHITE, white)):
        for j, arm in enumerate(ARMS):
            above = {
                MEAN: (0, 0, 0),
                LOGISTIC: leads,
                "module": np.array(leads) - 0.01,
                IDEAL: (gain,) * 3 if name == DRAWN else leads,
            }[arm]
            found[f"{name}, {arm}"] = np.stack(
                [
                    0.8 + base + a + (spread(0, noise, n, 10 * j + i) if arm != MEAN else 0)
                    for i, a in enumerate(above)
                ],
                1,
            )
    agrees = {arm: np.full((n, 3), 0.9) + spread(0, 0.01, n, 5)[:, None] for arm in ARMS}
    return Tie(sizes, found, agrees, np.full(3, apart))


def rows(data, vectors, values, *, k=18, agrees=None, first=0):
    """Table rows: method -> accuracies, one a context."""
    made = []
    for method, accuracies in values.items():
        alike = (agrees or {}).get(method, np.full(len(accuracies), 0.97))
        made += [
            (data, k, first + seed, vectors, method, accuracy, alike[seed])
            for seed, accuracy in enumerate(accuracies)
        ]
    return pd.DataFrame(made, columns=list(COLUMNS))


def language(icl=0.70, own=0.79, tuned=0.80, level=0.83, vanilla=-0.04, n=8, **gaps):
    """The language model's table; `gaps` : method on LOO vectors minus one line, by method.

    Numbers may be arrays, one a context, or a mapping from text set to either
    """
    parts = []
    for j, task in enumerate(TASKS):
        base = level + spread(0.0, 0.03, n, 20 + j)

        def here(value, i, width=0.01, task=task, j=j):
            value = value[task] if isinstance(value, dict) else value
            return value + (spread(0.0, width, n, 30 + 10 * j + i) if np.ndim(value) == 0 else 0)

        prompt = {
            "ICL": here(icl, 0),
            "ICL, contextual": here(icl, 1) + 0.01,
            "ICL, own examples": here(own, 2),
            "ICL, median": here(own, 3) + 0.01,
            "fine-tuned": here(tuned, 4),
        }
        prompt = {method: values + base - level for method, values in prompt.items()}
        parts.append(rows(task, "prompt", prompt))
        small = {m: here(gaps.get(m, 0.0), 5 + i, 0.004) for i, m in enumerate((*NULLS, "module"))}
        small[IDEAL] = here(gaps.get(IDEAL, -0.005), 12, 0.004)
        agrees = {
            MEAN: here(gaps.get("as one line", 0.97), 13, 0.005),
            LOGISTIC: here(gaps.get("as logistic", 0.985), 14, 0.005),
            PENALIZED: here(gaps.get("as penalized", 0.985), 16, 0.005),
        }
        loo = {method: base + gap for method, gap in small.items()}
        parts.append(rows(task, "LOO", loo, agrees=agrees))
        other = {m: loo[m] + here(vanilla, 15) for m in (*NULLS, "module")}
        parts += [rows(task, "vanilla", other), rows(task, "stream", other)]
    return pd.concat(parts, ignore_index=True)


def encoder(n=20, gain=0.03, level=0.85, **gaps):
    """Sentence vectors at three sizes; `gain` of a step to the next size."""
    parts = []
    for j, task in enumerate(TASKS):
        lift = gain[task] if isinstance(gain, dict) else gain
        for i, k in enumerate((18, 32, 128)):
            base = level + i * lift + spread(0.0, 0.02, n, 50 + 5 * j + i)
            shift = {
                m: gaps.get(m, 0.0) + spread(0.0, 0.004, n, 60 + 10 * j + i + q)
                for q, m in enumerate((*NULLS, "module"))
            }
            if k < 128:
                shift[IDEAL] = gaps.get(IDEAL, -0.005) + spread(0.0, 0.004, n, 80 + i + j)
            agrees = {
                MEAN: gaps.get("as one line", 0.97) + spread(0.0, 0.005, n, 90 + j),
                LOGISTIC: gaps.get("as logistic", 0.985) + spread(0.0, 0.005, n, 91 + j),
                PENALIZED: gaps.get("as penalized", 0.985) + spread(0.0, 0.005, n, 93 + j),
            }
            values = {m: base + s for m, s in shift.items()}
            parts.append(rows(task, "MiniLM", values, k=k, agrees=agrees, first=100))
    return Sentences(pd.concat(parts, ignore_index=True), shrunk())


def shrunk():
    return pd.DataFrame(
        {"data": list(TASKS), "vectors": "MiniLM", "k": 18, "shrinkage": [0.2, 0.3]}
    )


def digits(n=12, **gaps):
    parts = []
    for j, name in enumerate(("3v8", "4v9")):
        base = 0.95 + spread(0.0, 0.01, n, 70 + j)
        values = {
            m: base + gaps.get(m, 0.0) + spread(0.0, 0.003, n, 72 + i + j)
            for i, m in enumerate((*NULLS, "module", IDEAL))
        }
        parts.append(rows(name, "pixels", values))
    table = pd.concat(parts, ignore_index=True)
    variants = pd.DataFrame(
        {
            "data": "3v8",
            "seed": 0,
            "variant": "as trained",
            "method": ["module", MEAN],
            "accuracy": 0.9,
        }
    )
    orders = pd.DataFrame(
        {"data": ["3v8"], "seed": 0, "spread": 0.1, "turned": 0.1, "best": 0.9, "worst": 0.8}
    )
    return Pixels(table, variants, orders)


def results(**changed):
    perfect = {
        "learned": learned(),
        "tie": tie(),
        "table": language(),
        "pixels": digits(),
        "sentences": encoder(),
    }
    return SimpleNamespace(**(perfect | changed))
