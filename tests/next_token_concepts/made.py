"""Results made by hand, and a network of a few thousand weights."""

from dataclasses import replace

import numpy as np
import pandas as pd

from companion.data import Missing
from companion.next_token_concepts import settings
from companion.next_token_concepts.lab.dictionaries import Dictionaries, Score
from companion.next_token_concepts.lab.learning import Plan, Trained
from companion.next_token_concepts.lab.measurements import Twins
from companion.next_token_concepts.lab.run import Noise
from companion.next_token_concepts.lab.sweeps import ETAS, Broken
from companion.next_token_concepts.lab.words import Depth, RealWords
from companion.next_token_concepts.method import autoencoders as ae
from companion.next_token_concepts.method.theory import g_eta
from companion.next_token_concepts.page import exercises
from companion.next_token_concepts.verdict import findings

SMALL = replace(
    settings.PRESETS["toy"],
    steps=300,
    contexts=1024,
    exact_seeds=2,
    noise_d=64,
    noise_concepts=4,
    word_layers=2,
    null_draws=2,
    n_jobs=1,
    sim_bits=(2, 8),
    sim_edges=(1,),
)


def trained(eta=0.01, seed=0, targets="exact", *, works=True, excess=0.01) -> Trained:
    """A network that does what the theory says, or one that has learned nothing."""
    jitter = 0.001 * seed
    sharp = eta < 0.1
    lm, p = (0.99, 0.89) if sharp else (0.95, 0.99)
    enc = {"LM": lm - jitter, "P": p, "label": 0.27, "bag": 0.8, "oracle": 0.995 - jitter}
    odds = np.random.default_rng(seed).normal(0, 2, 60)
    f = np.array([0.98, 1, 1, 0.97]) - jitter
    if not works:
        enc = dict.fromkeys(enc, 0.1 + jitter)
        f = np.array([0.0, 1, 1, 0.05]) + jitter
    dec = {"counts": np.array([0.0, 1, 1, 0.05]) + jitter / 2, "untrained": np.zeros(4), "f": f}
    return Trained(
        plan=Plan(eta, seed, targets, 1, 8, "perceptron"),
        excess=excess,
        enc=enc,
        enc_exact=enc,
        enc_untrained=dict.fromkeys(enc, 0.1 + jitter),
        curve_r2=(0.99 if works else -1) - jitter,
        slope=1.0,
        curve=np.stack([odds, g_eta(eta, odds) if works else 0.01 * odds], axis=1),
        dec=dec,
        losses=np.zeros(3),
        twins=twins(jitter, works=works),
    )


def twins(jitter=0.0, *, works=True) -> Twins:
    held = (0.9 if works else 0.0) * np.eye(4) + jitter
    return Twins(
        np.eye(4),
        held,
        np.eye(4),
        np.zeros((4, 4)),
        exercises.example_pairs()[:4],
        0.97 + jitter if works else 0.1 + jitter,
        0.99,
    )


def ways(*, works=True) -> pd.DataFrame:
    rows = []
    for seed in (0, 1):
        for length, eps, fit in ((4, 0.6, 0.93), (24, 0.3, 0.7), (96, 0.07, -0.6)):
            value = (fit if works else 0.9) - 1e-5 * seed * length
            rows.append(("longer contexts", seed, length, 0.01, 1e-14, eps, value))
        for eta, fit in ((0.3, 0.92), (1e-4, 1.0)):
            value = (fit if works else 0.9) - 1e-4 * seed
            rows.append(("sharper names", seed, 4, eta, 1e-14, eta, value))
    names = ("way", "seed", "length", "eta", "identity", "eps", "no_fit")
    return pd.DataFrame(rows, columns=names).assign(slope=0.5, ratio=0.4)


def broken(*, works=True) -> Broken:
    seeds = range(3)
    drop = {1: 0.998, 2: 0.9, 4: 0.6} if works else {1: 0.998, 2: 0.998, 4: 0.998}
    rank = {1: 15, 2: 7, 4: 3}
    merged = [
        {
            "seed": s,
            "size": n,
            "rank": rank[n],
            "exact": drop[n] + 0.0001 * s * n,
            "trained": drop[n],
        }
        for s in seeds
        for n in rank
    ]
    named = {True: 0.999, False: 0.3 if works else 0.999}
    unnamed = [
        {"seed": s, "named": n, "exact": v - 0.0001 * s, "trained": v}
        for s in seeds
        for n, v in named.items()
    ]
    falls = {0.0: 0.996, 0.1: 0.8, 0.4: 0.45} if works else dict.fromkeys((0.0, 0.1, 0.4), 0.996)
    order = [
        {
            "seed": s,
            "kappa": k,
            "lm": v - 0.0001 * s,
            "with_word": 0.97 + 0.0001 * s,
            "trained_lm": v,
            "trained_with_word": 0.97,
        }
        for s in seeds
        for k, v in falls.items()
    ]
    return Broken(pd.DataFrame(merged), pd.DataFrame(unnamed), pd.DataFrame(order))


def simulated(*, works=True) -> pd.DataFrame:
    rows = []
    for edges in (1, 2, 3):
        for seed in range(3):
            for i, bits in enumerate((1, 4, 6, 8, 12)):
                bayes = 0.6 + 0.08 * i
                probe = bayes - 0.01 - 0.0005 * seed * i if works else 0.5 + 0.001 * seed
                rows.append(
                    {
                        "m": 5,
                        "edges": edges,
                        "bits": bits,
                        "seed": seed,
                        "bayes": bayes,
                        "probe": probe,
                        "raw": 0.6 + 0.02 * i,
                    }
                )
    return pd.DataFrame(rows)


def noise(*, works=True) -> list[Noise]:
    held = np.array([0.01, -0.02, 0.02, -0.01])
    same = (0.999 if works else 0.5) + 1e-4 * np.arange(4)
    return [Noise(c, same, held, held, 0.5, 4.5, np.eye(4)) for c in (1e-4, 1.0)]


def dictionaries(*, works=True) -> Dictionaries:
    score = Score
    rows = [
        score(kind, level, seed, 0.05 * (i + 1), 8.0, 0.6 + 0.01 * seed, 0.5, 0.5)._asdict()
        for kind in ae.KINDS
        for i, level in enumerate(ae.LEVELS[kind])
        for seed in range(3)
    ]
    probe = 0.95 if works else 0.61
    probes = pd.DataFrame(
        {
            "seed": range(3),
            "exp_r": probe + 0.001 * np.arange(3),
            "odds_r": 0.9,
            "spearman": 0.9,
            "excess": 0.01,
        }
    )
    probes.loc[1, "exp_r"] += 0.0 if works else 0.02
    return Dictionaries(pd.DataFrame(rows), probes)


def depth(mean: float) -> Depth:
    rows = np.tile(mean + np.array([-0.1, 0.0, 0.1, 0.05]), (3, 1))
    return Depth(np.ones((3, 4)), rows, np.zeros((3, 4)), np.ones((3, 4)), np.zeros(3), np.eye(4))


def words(trained=0.5, random=0.0) -> RealWords:
    arms = {"trained": depth(trained), "random": depth(random)}
    sweep = pd.DataFrame(
        [{"C": 1e-4, "arm": arm, "same": 1.0, "held_out": 0.5, "noise_same": 1.0} for arm in arms]
    )
    whole = {arm: np.array([0.1, np.nan, 0.2, 0.3]) for arm in arms}
    return RealWords(["a", "b", "c", "d"], [20] * 4, arms, whole, sweep)


def results(*, works=True, seeds=3) -> findings.Results:
    """Everything that a run computes: as it should be, or as if nothing had an effect."""
    runs = [trained(eta, s, works=works) for eta in (0.01, 0.3) for s in range(seeds)]
    others = [
        trained(eta, s, works=works) for eta in ETAS if eta not in (0.01, 0.3) for s in range(seeds)
    ]
    scores = {"LM": 0.99, "P": 0.9, "bag": 0.8, "label": 0.3, "no_fit": 0.8, "ratio": 0.4}
    etas = pd.DataFrame([{"eta": e, "seed": 0, "information": 0.1, **scores} for e in ETAS])
    points = pd.DataFrame(
        {"seed": [0, 0], "length": [4, 12], "no_fit": [0.9, 0.8], "eps": [0.6, 0.5]}
    )
    return findings.Results(
        headline=runs,
        others=others,
        etas=etas,
        ways=ways(works=works),
        points=points,
        broken=broken(works=works),
        simulated=simulated(works=works),
        noise=noise(works=works),
        dictionaries=dictionaries(works=works),
        words=words() if works else words(0.0),
        checkpoints=Missing("no network"),
    )
