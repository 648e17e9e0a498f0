"""Results made by hand, and settings of a few seconds."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd

from companion.next_token_concepts import settings
from companion.next_token_concepts.lab.dictionaries import Dictionaries
from companion.next_token_concepts.lab.learning import Plan, Trained
from companion.next_token_concepts.lab.measurements import Twins
from companion.next_token_concepts.lab.run import Noise
from companion.next_token_concepts.lab.words import Depth, RealWords
from companion.next_token_concepts.lab.worlds import RANKS, Broken
from companion.next_token_concepts.method.theory import g_eta
from companion.next_token_concepts.settings import ETAS
from companion.next_token_concepts.verdict import verdicts
from tests.borders import spread

SMALL = replace(
    settings.PRESETS["toy"],
    steps=300,
    contexts=1024,
    exact_seeds=2,
    noise_d=64,
    noise_concepts=4,
    null_draws=1,
    sim_bits=(2, 8),
)
N = 5
CONCEPTS = ["noun - plural", "adj - comparative", "adj - superlative", "country - capital", "other"]


def trained(eta=0.01, seed=0, *, works=True, excess=0.01) -> Trained:
    """A network that does what the theory says, or one that has learned nothing."""
    jitter = 0.001 * np.sin(3 * seed)
    sharp = eta < 0.1
    lm, p = (0.99, 0.89) if sharp else (0.95, 0.99)
    if not works:
        lm, p = 0.3, 0.3 + 0.001 * seed**2
    logits = {"LM": lm - jitter, "P": p, "joint": 0.8, "bag": 0.8, "oracle": 0.995 - jitter}
    untrained = dict.fromkeys(logits, 0.1 + jitter)
    odds = np.random.default_rng(seed).normal(0, 2, 60)
    f = (np.array([0.98, 1, 1, 0.97]) if works else np.array([0.0, 1, 1, 0.05])) - jitter
    counts = np.array([0.0, 1, 1, 0.05]) + 2 * jitter
    return Trained(
        plan=Plan(eta, seed, 8, 7, "perceptron"),
        course=np.array([(4, 0.5 + jitter), (8, excess + jitter)]),
        excess=excess,
        logits=logits,
        vector=dict(logits),
        exact=logits,
        untrained=untrained,
        curve_r2=(0.99 if works else -1) - jitter,
        curve=np.stack([odds, g_eta(eta, odds) if works else 0.01 * odds], axis=1),
        dec={"counts": counts, "untrained": np.zeros(4) + jitter, "f": f},
        twins=Twins(
            np.ones(4),
            np.full(4, (0.9 if works else 0.1) + jitter),
            (0.97 if works else 0.1) + jitter,
            0.99 + jitter,
        ),
    )


def ways(*, works=True, n=N) -> pd.DataFrame:
    rows = []
    noise = spread(0, 0.001, n)
    for seed in range(n):
        for length, eps, fit in ((4, 0.6, 0.93), (24, 0.3, 0.7), (96, 0.07, -0.6)):
            value = (fit if works else 0.9) - noise[seed] * length / 20
            rows.append(("longer contexts", seed, length, 0.01, 1e-14, eps, value))
        for eta, fit in ((0.3, 0.92), (1e-4, 1.0)):
            value = (fit if works else 0.9) - (0.1 if eta < 0.01 else 1.0) * noise[seed]
            rows.append(("sharper names", seed, 4, eta, 1e-14, eta, value))
    names = ("way", "seed", "length", "eta", "identity", "eps", "no_fit")
    return pd.DataFrame(rows, columns=names).assign(slope=0.5)


def transfer(*, works=True, n=N) -> pd.DataFrame:
    rows = [
        (s, length, lm + 0.01 * np.sin(s), p + 0.001 * np.sin(s))
        for s in range(n)
        for length, lm, p in ((6, 0.98, 0.99), (96, -4.0 if works else 0.9, 0.99))
    ]
    return pd.DataFrame(rows, columns=["seed", "length", "LM", "P"])


def broken(*, works=True, n=N, far=0.0, excess=0.01) -> Broken:
    """far : how much better trained networks are than exact ones"""
    noise = spread(0, 0.001, n)
    drop = {1: 0.998, 2: 0.9, 4: 0.6} if works else {1: 0.998, 2: 0.998, 4: 0.998}
    merged = [
        (s, size, RANKS[size], drop[size] + size * noise[s], drop[size] + far, excess)
        for s in range(n)
        for size in RANKS
    ]
    named = {True: 0.99, False: 0.3 if works else 0.99}
    unnamed = [(s, one, v + noise[s], v) for s in range(n) for one, v in named.items()]
    falls = {0.0: 0.996, 0.4: 0.45 if works else 0.996}
    order = [(s, k, v + noise[s], 0.97 + noise[s]) for s in range(n) for k, v in falls.items()]
    return Broken(
        pd.DataFrame(merged, columns=["seed", "size", "rank", "exact", "trained", "excess"]),
        pd.DataFrame(unnamed, columns=["seed", "named", "exact", "trained"]),
        pd.DataFrame(order, columns=["seed", "kappa", "lm", "with_word"]),
    )


def simulated(*, works=True) -> pd.DataFrame:
    rows = []
    for m in (4, 7):
        for edges in (1, 2, 3):
            for seed in range(3):
                for i, bits in enumerate((1, 4, 8, 12)):
                    bayes = 0.6 + 0.08 * i + 0.001 * seed * i
                    probe = bayes - 0.01 - 0.0005 * seed * i
                    if not works:
                        bayes = probe = 0.5 + 0.001 * seed - 0.001 * i + 0.0002 * seed * i
                    rows.append((m, edges, bits, seed, bayes, probe, 0.6 + 0.02 * i))
    names = ["m", "edges", "bits", "seed", "bayes", "probe", "raw"]
    return pd.DataFrame(rows, columns=names)


def noise(*, works=True) -> list[Noise]:
    held = np.array([0.01, -0.02, 0.02, -0.01])
    same = (0.999 if works else 0.5) + 1e-4 * np.arange(4)
    return [Noise(c, same, held, held, 0.5, 4.5) for c in (1e-4, 1.0)]


def dictionaries(*, works=True, n=N, active=5.0, excess=0.01, structured=0.7) -> Dictionaries:
    """Every kind at two errors; `structured` is the score of that kind at both."""
    kinds = {"top-k": 0.4, "batch top-k": 0.45, "p-annealing": 0.5, "structured": structured}
    if not works:
        kinds = dict.fromkeys(kinds, 0.6)
    noise = spread(0, 0.01, n)
    rows = [
        (kind, f"{level}", s, error, active, score + (1 + i) * noise[s] / 4, 0.5)
        for i, (kind, score) in enumerate(kinds.items())
        for level, error in ((1, 0.01), (2, 0.1))
        for s in range(n)
    ]
    names = ["kind", "level", "seed", "mse", "active", "exp_r", "odds_r"]
    probes = {
        "seed": range(n),
        "probe": (0.95 if works else 0.6) - noise,
        "random": (0.65 if works else 0.5) - noise,
        "excess": excess,
    }
    return Dictionaries(pd.DataFrame(rows, columns=names), pd.DataFrame(probes))


def depth(held: float, embedding: float | None = None, same: float = 0.99) -> Depth:
    jitter = np.array([-0.02, 0.0, 0.01, 0.01, 0.005])
    rows = np.stack([(held if embedding is None else embedding) + jitter * 1.5, held + jitter])
    level = np.ones((2, 5))
    return Depth(same * level + 0.1 * jitter, 0.1 * level + jitter, rows, 0 * level, 0.99 * level)


def words(last=0.5, embedding=0.6, random=0.0, same=0.99) -> RealWords:
    arms = {"trained": depth(last, embedding, same), "random": depth(random)}
    arms["random"] = arms["random"]._replace(held_out=arms["random"].held_out ** 2 + random)
    return RealWords(CONCEPTS, [20] * 5, [0, 30], arms)


def results(*, works=True, n=N) -> SimpleNamespace:
    """Everything that a run computes: as it should be, or as if nothing had an effect."""
    scores = {"LM": 0.99, "P": 0.9, "joint": 0.8, "bag": 0.8, "no_fit": 0.8, "ratio": 0.4}
    etas = pd.DataFrame([{"eta": e, "seed": 0, "information": 0.1, **scores} for e in ETAS])
    return SimpleNamespace(
        plain=[trained(0.01, s, works=works) for s in range(n)],
        by_eta=[trained(eta, s, works=works) for eta in ETAS for s in range(n)],
        etas=etas,
        ways=ways(works=works, n=n),
        transfer=transfer(works=works, n=n),
        broken=broken(works=works, n=n),
        simulated=simulated(works=works),
        noise=noise(works=works),
        real=words() if works else words(0.0, -0.1, 0.0, 0.5),
        coded=dictionaries(works=works, n=n),
    )


def judged(scale="book", **changes):
    """Verdict of every claim, on good results but for the changes."""
    found = results()
    vars(found).update(changes)
    return {finding.claim: finding for finding in verdicts.evaluate(found, scale)}
