"""The paper's claims and the chapter's own, with the criteria that were fixed before any run.

C1 and C3 to C6 are the paper's; C2 and C9 follow from it, C7 and C8 are ours.
"""

from __future__ import annotations

from companion.claims import MODEL, OURS, PAPER, Claim, Criterion

COMPETITIVE = Criterion(
    "shortfall against the best-ranked of the four rivals, in units of the margin (0.02 accuracy, "
    "0.05 R2), mean over tables: 95 % interval below 1; it does not hold if the network is worse "
    "with a Holm-Wilcoxon p below 0.05",
    high=1.0,
)
WORSE = 0.05
"""Below this Holm-Wilcoxon p the network is worse than the best rival."""

GAP = Criterion(
    "rotated ridge: median R2 of the full less the diagonal precision above 0.25, 95 % bootstrap "
    "interval over seeds, paired 95 % intervals of both mean gaps above 0; aligned ridge: median "
    "gap within 0.05 of 0, 90 % interval",
    low=0.25,
)
GAP_TOY = Criterion("the same with a median gap above 0.1 (three seeds, half the steps)", low=0.1)
ABOVE_ZERO = Criterion("above 0", low=0.0)
NO_GAP = Criterion("within 0.05 of 0", low=-0.05, high=0.05, closed=True)

ANGLE = Criterion(
    "largest principal angle to the true plane below 10 degrees in at least 90 % of the seeds, "
    "95 % interval; the angle of the gradient plane (AGOP) is not larger",
    low=0.9,
    closed=True,
)
ANGLE_TOY = Criterion(
    "largest principal angle to the true plane below 10 degrees in at least 90 % of the seeds, "
    "95 % interval (three seeds)",
    low=0.9,
    closed=True,
)
NOT_LARGER = Criterion("at least 0", low=0.0, closed=True)

DECAY = Criterion(
    "digits: first eigenvalue above 99 % of the sum; wine: first two above 99 %; 95 % bootstrap "
    "intervals over folds",
    low=0.99,
)
ABOVE_99 = Criterion("above 0.99", low=0.99)

HITS = Criterion(
    "the k features of highest importance are the k true ones in at least 90 % of the seeds, 95 % "
    "interval, on orange skin and on XOR (the smaller share counts)",
    low=0.9,
    closed=True,
)

PENALTY = Criterion(
    "share of the variance of the cross-validated score that lambda_u explains less that of "
    "lambda_w, mean over tables and starts: 95 % bootstrap interval above 0 on the grid up to 0.1, "
    "and on the full grid",
    low=0.0,
)

DEAD = Criterion(
    "from the authors' start and without penalty the loss ends within 0.001 of ln 2; "
    "wake-up with 0.01 and with 1e-5 within 20 %; from spread 1/sqrt(D) training accuracy above "
    "0.9 without penalty; 95 % intervals over seeds (one seed is not resolved)",
    high=1e-3,
)
WITHIN_20 = Criterion("within 20 %", low=1 / 1.2, high=1.2, closed=True)
TRAINS = Criterion("above 0.9", low=0.9)

TURNED = Criterion(
    "counter-example: |cosine| of the first eigenvectors of P and H below 0.1; diagonal of H "
    "within 0.001 of 0.036 and 0.111",
    high=0.1,
    must_hold=True,
)
WITHIN_001 = Criterion("at most 0.001", high=0.001, closed=True)

REDUCTION = Criterion(
    "digits, 5 neighbors on 2 coordinates: accuracy less that of PCA above 0.03, less that of NCA "
    "not below -0.02; 95 % intervals over folds",
    low=0.03,
)
NOT_BELOW = Criterion("at least -0.02", low=-0.02, closed=True)

CLAIMS = (
    Claim(
        "C1",
        "The network predicts as well as standard models for tables.",
        "competitive on 20 data sets (abstract; we could not see its tables)",
        {"book": COMPETITIVE, "paper": COMPETITIVE},
        "margins",
        of=PAPER,
    ),
    Claim(
        "C2",
        "A full precision beats a diagonal and an isotropic one on rotated data, and does not on "
        "aligned data.",
        "stated without a number",
        {"toy": GAP_TOY, "book": GAP, "paper": GAP},
        of=OURS,
        on=MODEL,
    ),
    Claim(
        "C3",
        "The leading eigenvectors of P span the active subspace.",
        "stated without a number",
        {"toy": ANGLE_TOY, "book": ANGLE, "paper": ANGLE},
        of=PAPER,
        on=MODEL,
    ),
    Claim(
        "C4",
        "On digits one eigenvalue, on wine two, make nearly all of the spectrum of P.",
        "wine: the first two account for all variability (authors' example)",
        {"toy": DECAY, "book": DECAY, "paper": DECAY},
        of=PAPER,
    ),
    Claim(
        "C5",
        "The importance formula finds the features that matter.",
        "competitive with embedded selection (abstract)",
        {"book": HITS, "paper": HITS},
        of=PAPER,
        on=MODEL,
    ),
    Claim(
        "C6",
        "The penalty on P matters more than the penalty on the weights.",
        "lambda_u more than lambda_w",
        {"book": PENALTY, "paper": PENALTY},
        of=PAPER,
    ),
    Claim(
        "C7",
        "With the authors' start only the penalty wakes the network up, at the same time for a "
        "wide range of its weight (ours).",
        "plateau of 150 epochs in the authors' log",
        {"toy": DEAD, "book": DEAD, "paper": DEAD},
        of=OURS,
    ),
    Claim(
        "C8",
        "The leading eigenvector of P need not be the direction of largest change (ours).",
        "not discussed in what we could read",
        {"toy": TURNED, "book": TURNED, "paper": TURNED},
        of=OURS,
    ),
    Claim(
        "C9",
        "Two coordinates of the network serve neighbors better than PCA, and as well as NCA.",
        "supervised reduction, no number",
        {"toy": REDUCTION, "book": REDUCTION, "paper": REDUCTION},
        of=OURS,
    ),
)

BY_ID = {claim.id: claim for claim in CLAIMS}
