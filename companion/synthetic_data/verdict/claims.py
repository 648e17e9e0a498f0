"""The paper's claims and the chapter's own, with criteria that were fixed before the run.

Two were changed after pilots at toy scale.  T7 asked for less than 5 % in the third generation and
now asks for less than a tenth of the mean of three generations.  C3 at toy scale looked at s = 0.2
and now looks at s = 0.5.
"""

from dataclasses import replace

from companion.claims import MODEL, OURS, PAPER, Claim, Criterion
from companion.scale import SCALES

LARGE = ("book", "paper")


def _at(criterion: Criterion, *scales: str) -> dict[str, Criterion]:
    return dict.fromkeys(scales, criterion)


STABLE = Criterion(
    "fixed real data: at s = 0.2 every score of every size loses less than 3 % (two one-sided "
    "tests); the slope on [0.3, 0.5] exceeds that on [0, 0.2]; the knot stays within 0.1 when the "
    "grid is extended from 0.5 to 0.9",
    low=-0.03,
    high=0.03,
)
WITHIN_3 = Criterion("within 3 %", low=-0.03, high=0.03)
STEEPER = Criterion("above 0", low=0.0)
STAYS = Criterion("within 0.1", low=-0.1, high=0.1)

ROBUST = Criterion(
    "fixed real data, T = 1, s up to 0.5: the interaction of s and log size is below 0, for the "
    "relative loss of accuracy and for that of the divergence",
    high=0.0,
)
BELOW_0, ABOVE_0 = Criterion("below 0", high=0.0), Criterion("above 0", low=0.0)

EARLY_TOY = Criterion(
    "rank 24, fixed real data, T = 0.7, s = 0.5: calibration error rises by more than accuracy "
    "falls, in points",
    low=0.0,
    must_hold=True,
    of="s = 0.5, T = 0.7 only",
)
EARLY = Criterion(
    "fixed real data, s = 0.2, every size, T = 1 and T = 0.7: calibration error rises by more than "
    "accuracy falls, in points",
    low=0.0,
    of="s = 0.2, all sizes and temperatures",
)

FASTER = Criterion(
    "fixed real data, T = 1, s = 0.5: relative loss of 4-hop chains over that of single facts "
    "above 1, largest size and every other",
    low=1.0,
)
ABOVE_1 = Criterion("above 1", low=1.0)

EXTERNAL = Criterion("above 80 % external data, counted in items, in both methods", low=80.0)

THEORY = Criterion(
    "three replacements give 4 times the error, within 0.1 (95 % interval); no simulated mean lies "
    "4 standard errors or more from its theorem, and no token dies more often than its bound says",
    low=3.9,
    high=4.1,
    must_hold=True,
)
FURTHEST = Criterion("below 4", high=4.0)
NOT_BELOW = Criterion("above -0.02", low=-0.02)

GREEDY = Criterion(
    "rank 24, T = 0, fixed real data, s = 0.5: over-confidence rises by 0.5 (1 - accuracy), within "
    "0.01; accuracy moves by less than 0.005",
    low=-0.01,
    high=0.01,
    must_hold=True,
)
SMALL = Criterion("within 0.005", low=-0.005, high=0.005)

SHARPER = Criterion(
    "rank 24, fresh real data, s = 0.5, T = 0.7: calibration error rises by more than 0.05 (95 % "
    "interval); accuracy moves by less than 0.01; at T = 1 the rise stays below 0.02",
    low=0.03,
    must_hold=True,
)
BIG = Criterion("above 0.05", low=0.05)
SMALL_2 = Criterion("within 0.01", low=-0.01, high=0.01)
BELOW_2 = Criterion("below 0.02", high=0.02)

COLLAPSE = Criterion(
    "T = 1, largest size, three generations: divergence at s = 1 above 1.5 times that at s = 0; "
    "seed by seed it exceeds that at s = 0.5 (95 % interval of the difference above 0)",
    low=1.5,
    must_hold=True,
)

HOPS = Criterion(
    "rank 24, T = 1, fixed real data, s = 0.5: loss of 4-hop chains above 5 times that of facts, "
    "95 % interval",
    low=3.0,
    must_hold=True,
)
ABOVE_5 = Criterion("above 5", low=5.0)

MOVES = Criterion(
    "divergence, rank 24, T = 0.7, fresh real data: the knot moves by more than 0.1 (95 % "
    "interval) when the grid is extended from 0.5 to 0.9",
    low=0.0,
    must_hold=True,
)
ABOVE_TENTH = Criterion("above 0.1", low=0.1)

NOTHING = Criterion(
    "rank 24, s = 0.5 written by the truth itself, mean of three generations, against s = 0: "
    "divergence changes by less than a tenth; and training again without synthetic data gives the "
    "same model",
    low=-0.1,
    high=0.1,
    must_hold=True,
)
SAME = Criterion("exactly 0", low=0.0, high=0.0, closed=True)

FOOLED = Criterion(
    "noisy draws from a law without threshold: the test for a knot rejects a straight line in more "
    "than 90 % of them (95 % interval of the share); the knot of the exact law moves by more than "
    "0.2 with the grid",
    low=0.9,
    must_hold=True,
)
ABOVE_02 = Criterion("above 0.2", low=0.2)

TO_BLAME = Criterion(
    "fixed real data, T = 1, s = 0.5, largest size: divergence of the mixture above that of its "
    "real part alone with as many updates",
    low=0.0,
)

MENDED = Criterion(
    "rank 24, fresh real data, T = 0.7, s = 0.5: one scalar, fitted on held-out real data, removes "
    "more than half of the rise in calibration error, and with infinite data more than half of the "
    "divergence",
    low=0.5,
)
HALF = Criterion("above 0.5", low=0.5)
LOST = Criterion(
    "rank 24, fixed real data, T = 1, s = 0.5: less than a tenth of the lost rare facts comes back",
    high=0.1,
)
LOST_KL = Criterion(
    "the same: less than a tenth of the added divergence on rare contexts is removed, beside a "
    "model without synthetic data that is scaled as well",
    high=0.1,
)

TABLE_FIRST = Criterion(
    "every data set, T = 0.5, s = 0.5, three generations: smooth calibration error rises by more "
    "than accuracy falls, in points",
    low=0.0,
)
LIFE_FIRST = Criterion(
    "largest model, T = 0.7, s = 0.2: calibration error rises by more than accuracy falls, in "
    "points, mean over the tasks that passed the entrance rule",
    low=0.0,
)
LIFE_FASTER = Criterion(
    "largest model, T = 1, s = 0.5: reasoning loses a larger share of whole answers than retrieval",
    low=0.0,
)
LIFE_STABLE = Criterion(
    "largest model, T = 0.7, s = 0.2: accuracy over the tasks that passed loses less than 3 % (two "
    "one-sided tests)",
    low=-0.03,
    high=0.03,
)

REAL_MODEL = Criterion(
    "infinite data, T = 0.7, s = 0.5, k = 3: over-confidence above 0.05; at T = 0 it is "
    "s (1 - E max p), at T = 1 zero, to rounding",
    low=0.05,
    must_hold=True,
)
ROUNDING = Criterion("below 1e-9", high=1e-9)

NARROWER = Criterion(
    "completions at T = 0.3 against T = 1: less spread of meaning over prompts, fewer distinct "
    "pairs of tokens, higher self-BLEU",
    high=0.0,
)

CLAIMS = (
    Claim(
        "C1",
        "Performance is stable up to 20 % synthetic data and falls faster beyond 30 %.",
        "within 3 % up to s = 0.2; accelerating beyond 0.3 (abstract)",
        _at(STABLE, *SCALES),
        of=PAPER,
        on=MODEL,
    ),
    Claim(
        "C2",
        "Larger models are more robust.",
        "6.9B-12B against 410M-1.4B (abstract)",
        _at(ROBUST, *LARGE),
        of=PAPER,
        on=MODEL,
    ),
    Claim(
        "C3",
        "Calibration degrades before accuracy: an early warning.",
        "1 to 2 iterations earlier (caption)",
        {"toy": EARLY_TOY, **_at(EARLY, *LARGE)},
        "points",
        of=PAPER,
        on=MODEL,
    ),
    Claim(
        "C4",
        "Reasoning degrades faster than retrieval.",
        "stated in the abstract",
        {"toy": replace(FASTER, must_hold=True), **_at(FASTER, *LARGE)},
        "ratio",
        of=PAPER,
        on=MODEL,
    ),
    Claim(
        "C5",
        "STaR and Self-Instruct keep more than 80 % external data.",
        "> 80 % (abstract; what is counted is not known to us)",
        _at(EXTERNAL, *SCALES),
        "%",
        of=PAPER,
    ),
    Claim(
        "T1",
        "Simulations agree with the theorems on collapse, accumulation and mixing.",
        "not in the paper",
        _at(THEORY, *SCALES),
        of=OURS,
        on=MODEL,
    ),
    Claim(
        "T2",
        "Greedy decoding adds s (1 - accuracy) of over-confidence and no error.",
        "not in the paper",
        {"toy": replace(GREEDY, must_hold=False), **_at(GREEDY, *LARGE)},
        of=OURS,
        on=MODEL,
    ),
    Claim(
        "T3",
        "Sharpened decoding moves calibration and not accuracy; T = 1 moves neither.",
        "not in the paper",
        _at(SHARPER, *SCALES),
        of=OURS,
        on=MODEL,
    ),
    Claim(
        "T4",
        "Without real data the model collapses.",
        "not in the paper",
        _at(COLLAPSE, *SCALES),
        "ratio",
        of=OURS,
        on=MODEL,
    ),
    Claim(
        "T5",
        "Chains of facts lose several times as much as facts.",
        "not in the paper",
        _at(HOPS, *SCALES),
        "ratio",
        of=OURS,
        on=MODEL,
    ),
    Claim(
        "T6",
        "The fitted threshold follows the grid.",
        "not in the paper",
        _at(MOVES, *SCALES),
        of=OURS,
        on=MODEL,
    ),
    Claim(
        "T7",
        "Data written by the truth do no harm (negative control).",
        "not in the paper",
        _at(NOTHING, *SCALES),
        of=OURS,
        on=MODEL,
    ),
    Claim(
        "T8",
        "A law without threshold passes the test for a threshold.",
        "not in the paper",
        _at(FOOLED, *SCALES),
        of=OURS,
        on=MODEL,
    ),
    Claim(
        "R1",
        "Synthetic data, not the missing real data, do the damage.",
        "not separated in what we could read",
        _at(TO_BLAME, *SCALES),
        "nats",
        of=OURS,
        on=MODEL,
    ),
    Claim(
        "X1",
        "One temperature after training repairs most of the calibration damage.",
        "not in the paper",
        _at(MENDED, *SCALES),
        of=OURS,
        on=MODEL,
    ),
    Claim(
        "X2",
        "It brings none of the lost rare facts back.",
        "not in the paper",
        _at(LOST, *SCALES),
        of=OURS,
        on=MODEL,
    ),
    Claim(
        "X3",
        "Nor does it repair the divergence on rare contexts.",
        "not in the paper",
        _at(LOST_KL, *SCALES),
        of=OURS,
        on=MODEL,
    ),
    Claim(
        "L1",
        "Calibration first, on real tables with rewritten labels.",
        "C3",
        _at(TABLE_FIRST, *SCALES),
        "points",
        of=OURS,
    ),
    Claim(
        "L2",
        "Stable at 20 %, in tiny transformers.",
        "C1",
        _at(LIFE_STABLE, *LARGE),
        of=OURS,
        on=MODEL,
    ),
    Claim(
        "L3",
        "Calibration first, in tiny transformers.",
        "C3",
        _at(LIFE_FIRST, *LARGE),
        "points",
        of=OURS,
        on=MODEL,
    ),
    Claim(
        "L4",
        "Reasoning loses more than retrieval, in tiny transformers.",
        "C4",
        _at(LIFE_FASTER, *LARGE),
        "points",
        of=OURS,
        on=MODEL,
    ),
    Claim(
        "E1",
        "A real language model that trains on its own sharpened text gets over-confident.",
        "C3",
        _at(REAL_MODEL, *SCALES),
        of=OURS,
    ),
    Claim(
        "E2",
        "Its sharpened completions are less varied.",
        '"output characteristics" change',
        _at(NARROWER, *LARGE),
        of=OURS,
    ),
)

BY_ID = {claim.id: claim for claim in CLAIMS}
