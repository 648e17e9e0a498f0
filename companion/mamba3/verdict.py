"""What Mamba-3 claims, and what a run says of it, and the series of the record.

C3, C4, C6 to C9, and C13 to C16 are the paper's; C1, C2, C5, and C10 to C12 ours.

Every measurement takes results of the notebook by name: ``agreement`` and ``gradient`` of the
forms, ``kernels``, ``orders`` over random equations, ``parity`` and ``three`` (arm -> tracked),
``five`` (arithmetic), ``rates``, ``recalled`` (runs of recall), ``reading`` (language models),
``decode`` and ``contexts`` (run times), and ``released`` (the released weights).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product

import numpy as np

from companion.claims import MODEL, OURS, PAPER, measured_text
from companion.mamba3.hub import LAMBADA
from companion.mamba3.lab.language import SEQ
from companion.mamba3.lab.recall import (
    QUARTER,
    Recalled,
    at_one_size,
    by_size,
    half_state_gaps,
    part_gains,
)
from companion.mamba3.lab.tracking import SOLVES, Tracked, after_two, count, solved, welch
from companion.mamba3.method.scan import flops
from companion.scale import generator
from companion.stats import EQUIVALENCE, Interval, exact, over_seeds, proportion, t_interval
from companion.verdicts import (
    FROM_BOOK,
    Measured,
    Open,
    Untested,
    Verdicts,
    above,
    below,
    between,
    size_below,
)

FAR = 256
"""Moves at which the paper reads parity; 1.6 times its longest training walks."""

BEST_OF = 16
"""Runs of the paper's sweep, of which it prints the best."""

FEW = round(1 - 0.05 ** (1 / BEST_OF), 3)
"""Share of runs that solve a task from which the best of sixteen does, with 95 % probability."""

BASELINES = ("Mamba-3, standard RoPE", "Mamba-3, no RoPE", "Mamba-2")
BOTH_SIGNS = "real, both signs"

LEARNED = 0.9
"""Share of right answers, mean over seeds, from which an arm has learned the task of recall."""

SHOWN = "shown at toy scale, tested at book scale"

verdicts = Verdicts()


# ------------------------------------------------------------------------------------------- checks
@verdicts.claim(
    "C1",
    "Recurrence, convolution, masked attention, chunks, complex state, and token steps are one "
    "function; MIMO is a sum of R² SISO systems.",
    of=OURS,
    on=MODEL,
    paper="identities (sec. 3; Prop. 3 and 4)",
    needs=("agreement", "gradient"),
    region=below(1e-10, must_hold=True),
    criterion="largest difference of any form in float64 {}; gradient within 1e-6 of central "
    "differences",
    parts={"gradient": below(1e-6)},
)
def same_function(agreement, gradient):
    worst = max(agreement, key=agreement.__getitem__)
    return Measured(
        exact(agreement[worst], len(agreement)),
        {"gradient": exact(gradient)},
        f"largest in: {worst}",
    )


@verdicts.claim(
    "C2",
    "Our layer computes what the authors' kernels compute.",
    of=OURS,
    paper="released kernels, bfloat16",
    needs=("kernels",),
    region=below(0.006, must_hold=True),
    criterion="relative RMS error {} on both recorded outputs",
)
def authors_kernels(kernels):
    errors = {kind: found["none"] for kind, found in kernels.items()}
    note = ", ".join(f"{kind} {error:.4f}" for kind, error in errors.items())
    return Measured(exact(max(errors.values()), len(errors)), note=note)


@verdicts.claim(
    "C3",
    "With λ = 1/2 the exponential-trapezoidal rule is of second order, exponential-Euler of first.",
    of=PAPER,
    on=MODEL,
    paper="local error O(Δ³) at λ = 1/2 + O(Δ) (Remark 3)",
    unit="order",
    needs=("orders",),
    region=between(1.9, 2.1),
    criterion="random smooth inputs and constant A: slope of log error on log Δ {}, of Euler "
    "between 0.9 and 1.1",
    parts={"Euler": between(0.9, 1.1)},
)
def order_of_the_rules(orders):
    return Measured(
        t_interval(orders["λ = 1/2, constant A"]),
        {"Euler": t_interval(orders["Euler, constant A"])},
    )


@verdicts.claim(
    "C11",
    "With A frozen inside a step and changing between steps the trapezoid is of first order; "
    "averaging A over both ends restores the second.",
    of=OURS,
    on=MODEL,
    paper="A frozen costs O(Δ²) a step (Prop. 5)",
    unit="order",
    needs=("orders",),
    region=below(1.2),
    criterion="random smooth A and inputs: slope of log error on log Δ {}; with A averaged between "
    "1.9 and 2.1",
    parts={"A averaged": between(1.9, 2.1)},
)
def order_with_a_frozen(orders):
    return Measured(
        t_interval(orders["λ = 1/2, A(t)"]),
        {"A averaged": t_interval(orders["λ = 1/2, A(t) averaged"])},
    )


# ----------------------------------------------------------------------------------------- counting
_AFTER_TWO = "right after two moves: {}"


@verdicts.claim(
    "C4",
    f"Of sixteen layers whose state turns with the data the best solves parity at {FAR} moves; "
    "with standard RoPE, with none, and as Mamba-2 they stay at chance.",
    of=PAPER,
    paper="scaled accuracy at 256, best of 16: 100.00; standard RoPE 1.56, no RoPE 2.27, Mamba-2 "
    "0.90 (Table 5b)",
    unit="share of runs",
    needs=("parity",),
    region=above(FEW),
    criterion=f"share of Mamba-3's seeds with a scaled accuracy of at least {SOLVES} at {FAR} "
    f"moves, 95 % Wilson interval {{}}, from where the best of {BEST_OF} solves it with 95 % "
    "probability; each of the others below 0.1 there, mean over seeds, although after two moves "
    "at least 0.9 in more than half of its seeds",
    parts={
        **{name: below(0.1) for name in BASELINES},
        **{_AFTER_TWO.format(name): above(0.5) for name in BASELINES},
    },
    scales=FROM_BOOK,
    elsewhere=SHOWN,
)
def parity_by_turning(parity):
    _check(parity, "Mamba-3", *BASELINES, least=FAR)
    ours = parity["Mamba-3"]
    there = {name: scaled(parity[name], FAR) for name in BASELINES}
    early = {_AFTER_TWO.format(name): after_two(parity[name]) for name in BASELINES}
    trained = ours.train_length
    return Measured(
        solved(ours, FAR),
        there | early,
        f"trained up to {trained} moves, where {count(ours, trained)} solve it; at {FAR} "
        f"{count(ours, FAR)}, mean {measured_text(scaled(ours, FAR))}",
    )


@verdicts.claim(
    "C12",
    f"One run in six with a real eigenvalue that may be negative solves parity at {FAR} moves.",
    of=OURS,
    paper="extension; Grazzi et al. 2025",
    unit="share of runs",
    needs=("parity",),
    region=above(FEW),
    criterion=f"share of the seeds without a turn and with eigenvalues of both signs whose scaled "
    f"accuracy is at least {SOLVES} at {FAR} moves, 95 % Wilson interval {{}}",
    scales=FROM_BOOK,
    elsewhere=SHOWN,
)
def parity_by_signs(parity):
    _check(parity, BOTH_SIGNS, least=FAR)
    run = parity[BOTH_SIGNS]
    return Measured(
        solved(run, FAR),
        note=f"at {run.train_length} moves {count(run, run.train_length)}, at {FAR} "
        f"{count(run, FAR)}",
    )


@verdicts.claim(
    "C5",
    "Modulo 3, over the walks of its training, a turning state counts, and real eigenvalues do "
    "not, of one sign or of both.",
    of=OURS,
    paper="extension; Grazzi et al. 2025",
    unit="scaled accuracy",
    needs=("three",),
    region=above(0.5),
    criterion="scaled accuracy at the end of the training lengths, Mamba-3 minus real eigenvalues "
    "of both signs: 95 % Welch interval over seeds {}; minus no RoPE (positive ones) above 0.5, "
    "too; both are at least 0.9 after two moves in more than half of their seeds",
    parts={
        "minus no RoPE": above(0.5),
        _AFTER_TWO.format(BOTH_SIGNS): above(0.5),
        _AFTER_TWO.format("Mamba-3, no RoPE"): above(0.5),
    },
    scales=FROM_BOOK,
    elsewhere=SHOWN,
)
def modulo_three(three):
    real = (BOTH_SIGNS, "Mamba-3, no RoPE")
    _check(three, "Mamba-3", *real, least=2)
    length = three["Mamba-3"].train_length
    values = {name: three[name].at(length) for name in ("Mamba-3", *real)}
    return Measured(
        welch(values["Mamba-3"], values[BOTH_SIGNS]),
        {
            "minus no RoPE": welch(values["Mamba-3"], values["Mamba-3, no RoPE"]),
            **{_AFTER_TWO.format(name): after_two(three[name]) for name in real},
        },
        f"read at {length} moves: "
        + ", ".join(f"{name} {measured_text(scaled(three[name], length))}" for name in values)
        + f"; {count(three['Mamba-3'], length)} of Mamba-3's solve it",
    )


@verdicts.claim(
    "C16",
    f"Three layers whose state turns do arithmetic modulo 5 at {FAR} symbols, with and without "
    "brackets.",
    of=PAPER,
    paper="scaled accuracy at 256, best of 16: 98.51 without brackets, 87.75 with (Table 5b)",
    unit="share of runs",
    needs=("five",),
    region=above(FEW),
    criterion="share of Mamba-3's seeds with a scaled accuracy of at least 0.9 without brackets, "
    "95 % Wilson interval {}; with brackets, of at least 0.8, too",
    parts={"with brackets": above(FEW)},
    scales=("paper",),
    elsewhere="three layers and some 10⁵ updates, so at paper scale; in a pilot without brackets "
    "80,000 expressions of up to 40 symbols, with the one label at the end, taught neither Mamba-3 "
    "nor Mamba-2 anything",
)
def modulo_five(five):
    shares = {}
    for task, least in (("plain", 0.9), ("brackets", 0.8)):
        values = five[task]["Mamba-3"]
        shares[task] = proportion(int((values >= least).sum()), len(values))
    told = ", ".join(
        f"{arm} {np.nanmax(values):.2f} ({task})"
        for task, arms in five.items()
        for arm, values in arms.items()
    )
    return Measured(shares["plain"], {"with brackets": shares["brackets"]}, f"best: {told}")


def inside(found: Interval, low: float, high: float = np.inf) -> Interval:
    """An interval whose ends are no values that the quantity cannot have; infinite ends stay."""
    if not np.isfinite([found.low, found.high]).all():
        return found
    return found._replace(low=max(found.low, low), high=min(found.high, high))


def scaled(run: Tracked, length: int) -> Interval:
    """Mean scaled accuracy over seeds: from all wrong, at least -1, to 1."""
    return inside(over_seeds(run.at(length)), -1.0, 1.0)


def _check(runs: Mapping[str, Tracked], *names: str, least: int) -> None:
    """Raise where arms are not there, or were not read far enough."""
    if lacking := [name for name in names if name not in runs]:
        raise Untested(f"not trained in this run: {', '.join(lacking)}")
    if short := [name for name in names if len(runs[name].curve) <= least]:
        raise Untested(f"{', '.join(short)}: walks of {least} moves were not read")


# ------------------------------------------------------------------------------------------- recall
@verdicts.claim(
    "C6",
    "On recall, biases on B and C with the trapezoid make the short convolution unnecessary.",
    of=PAPER,
    paper="perplexity 15.72; without bias 16.49, without both 16.68, with convolution 15.85 "
    "(Table 5a)",
    unit="nats",
    needs=("recalled", "rates"),
    region=above(0),
    criterion="recall, at one state size and paired over seeds: loss without biases and trapezoid "
    "minus loss with both {}; what a convolution gains minus a quarter of that below 0. Not "
    f"resolved where the full layer or the one with a convolution answers less than {LEARNED} of "
    "the questions, where half of the training says the opposite of either, where an arm's best "
    "learning rate is at the edge of those tried, or where the seeds of that comparison say "
    "otherwise at the chosen rates or at others that may be as good (95 % interval of the "
    "difference, paired over seeds)",
    parts={"convolution": below(0)},
    scales=FROM_BOOK,
    elsewhere=SHOWN,
)
def parts_of_the_layer(recalled, rates):
    arms = at_one_size(recalled)
    if lacking := [name for name in ("Mamba-3", "neither", "with convolution") if name not in arms]:
        raise Untested(f"not trained in this run: {', '.join(lacking)}")
    gains, beyond = part_gains(arms)
    now, half = over_seeds(gains[-1]), float(gains[0].mean())
    conv, conv_half = over_seeds(beyond[-1]), float(beyond[0].mean())
    told = ", ".join(
        f"{name} {measured_text(over_seeds(arm.final - arms['Mamba-3'].final))}"
        for name, arm in arms.items()
        if name != "Mamba-3"
    )
    note = f"loss above the full layer's: {told}"
    doubts = [
        *_edges(rates, "Mamba-3", "neither", "with convolution"),
        *_otherwise(rates, _needs_no_convolution, "Mamba-3", "neither", "with convolution"),
        *_unlearned(arms["Mamba-3"], arms["with convolution"]),
    ]
    if now.estimate * half < 0 or conv.estimate * conv_half < 0:
        doubts.append(
            f"half of the training says the opposite: {half:.3f} then, {measured_text(now)} now, "
            f"the convolution {conv_half:.3f} and {measured_text(conv)}"
        )
    if doubts:
        raise Open("; ".join((*doubts, note)))
    if others := _unsettled(rates, "Mamba-3", "neither", "with convolution"):
        note += f"; learning rates that may be as good say the same: {others}"
    return Measured(now, {"convolution": conv}, note)


def _needs_no_convolution(full: float, neither: float, conv: float) -> bool:
    """Whether losses of the three arms are as C6 has them."""
    return neither > full and full - conv < QUARTER * (neither - full)


def _edges(rates, *parts: str) -> list[str]:
    """Why another learning rate may be better than the best of those tried; empty if not."""
    edges = rates.at_an_edge(*parts)
    return [f"best learning rate at the edge of those tried: {', '.join(edges)}"] if edges else []


def _unsettled(rates, *parts: str) -> str:
    """Rates that may be as good as the chosen ones, by arm; empty if the choice is settled."""
    others = {part: rates.possible(part)[1:] for part in parts}
    return "; ".join(
        f"{part} {', '.join(f'{rates.rates[i]:g}' for i in places)}"
        for part, places in others.items()
        if places
    )


def _otherwise(rates, says: Callable[..., bool], *parts: str) -> list[str]:
    """Why the choice of learning rates may decide the claim; empty if it does not.

    says : what the arms' mean losses say at one rate each, which must be so for the chosen rates
        and for all that may be as good
    """
    for places in product(*(rates.possible(part) for part in parts)):
        at = dict(zip(parts, places, strict=True))
        if not says(*(float(rates.means(part)[i]) for part, i in at.items())):
            named = ", ".join(f"{part} at {rates.rates[i]:g}" for part, i in at.items())
            return [
                f"unsettled learning rates: the seeds that chose them say otherwise with {named}"
            ]
    return []


def _unlearned(*runs: Recalled) -> list[str]:
    """Which of these arms have not learned the questions, so that their loss tells of training."""
    told = (
        f"{run.arm.part} with N = {run.arm.d_state} answers {right:.2f}"
        for run in runs
        if not (right := float(run.share[-1].mean())) >= LEARNED
    )
    named = ", ".join(told)
    return [f"not learned: {named} of the questions"] if named else []


@verdicts.claim(
    "C7",
    "On recall, Mamba-3 does better with half the state than Mamba-2 with all of it.",
    of=PAPER,
    paper="perplexity at N no larger than that of Mamba-2 at 2N (Fig. 3)",
    unit="nats",
    needs=("recalled", "rates"),
    region=below(0),
    criterion="recall: loss of Mamba-3 with N minus loss of Mamba-2 with 2N, mean over N, paired "
    "over seeds: {}; not resolved unless Mamba-2's own loss falls from the smallest to the largest "
    f"state, where an arm of these answers less than {LEARNED} of the questions, where half of the "
    "training says the opposite, or where a chosen learning rate is at the edge of those tried or "
    "another may be as good (95 % interval of the difference, paired over seeds)",
    scales=FROM_BOOK,
    elsewhere=SHOWN,
)
def half_the_state(recalled, rates):
    table = by_size(recalled)
    sizes = sorted(table["Mamba-3"])
    falls = over_seeds(table["Mamba-2"][sizes[0]] - table["Mamba-2"][sizes[-1]])
    halves = half_state_gaps(table)
    if not halves:
        raise Untested("no state is twice another")
    gap = half_state(recalled)
    half = float(np.mean([*half_state_gaps(by_size(recalled, 0)).values()]))
    told = ", ".join(f"N = {n} {measured_text(over_seeds(v))}" for n, v in halves.items())
    note = (
        f"{measured_text(gap)} over all N: {told}; at half of the training {half:.2f}; Mamba-2 "
        f"falls by {measured_text(falls)} from N = {sizes[0]} to {sizes[-1]}"
    )
    used = [("Mamba-3", n) for n in halves] + [("Mamba-2", 2 * n) for n in halves]
    runs = {(run.arm.part, run.arm.d_state): run for run in recalled}
    doubts = [
        *_edges(rates, "Mamba-3", "Mamba-2"),
        *_unlearned(*(runs[one] for one in used)),
    ]
    if others := _unsettled(rates, "Mamba-3", "Mamba-2"):
        doubts.append(f"unsettled learning rates, as good may be: {others}")
    if not (falls.low is not None and falls.low > 0):
        doubts.append("Mamba-2's recall does not improve with its state here")
    if gap.estimate * half < 0:
        doubts.append("half of the training says the opposite")
    if doubts:
        raise Open("; ".join((*doubts, note)))
    return Measured(gap, note=note)


def half_state(recalled: Sequence[Recalled]) -> Interval:
    """Loss of Mamba-3 with half the state minus that of Mamba-2, mean over N, paired over seeds."""
    return over_seeds(np.mean([*half_state_gaps(by_size(recalled)).values()], axis=0))


@verdicts.claim(
    "C14",
    "On recall, MIMO is better than SISO at equal state.",
    of=PAPER,
    paper="perplexity 16.46 against 16.59 at 180M, 10.24 against 10.35 at 1.5B (Table 3); needle "
    "40.4 against 50.6, SWDE 36.3 against 28.5 (Table 4)",
    unit="nats",
    needs=("recalled", "rates"),
    region=below(0),
    criterion="recall: loss with R = 4 minus loss with R = 1 at one state size, paired over seeds: "
    f"{{}}; not resolved where either answers less than {LEARNED} of the questions, where half of "
    "the training says the opposite, where the best learning rate of either is at the edge of "
    "those tried, or where the seeds of that comparison say otherwise at the chosen rates or at "
    "others that may be as good",
    scales=FROM_BOOK,
    elsewhere=SHOWN,
)
def mimo_against_siso(recalled, rates):
    arms = at_one_size(recalled)
    if "MIMO" not in arms:
        raise Untested("not trained in this run: MIMO")
    half, now = arms["MIMO"].loss - arms["Mamba-3"].loss
    gap = over_seeds(now)
    note = f"{half.mean():.3f} at half of the training, {measured_text(gap)} at its end"
    doubts = [
        *_edges(rates, "Mamba-3", "MIMO"),
        *_otherwise(rates, lambda siso, mimo: (mimo - siso) * gap.estimate > 0, "Mamba-3", "MIMO"),
        *_unlearned(arms["Mamba-3"], arms["MIMO"]),
    ]
    if gap.estimate * half.mean() < 0:
        doubts.append("half of the training says the opposite")
    if doubts:
        raise Open("; ".join((*doubts, note)))
    return Measured(gap, note=note)


# --------------------------------------------------------------------------------------------- text
@verdicts.claim(
    "C13",
    "At equal size and state Mamba-3 predicts text better than Mamba-2.",
    of=PAPER,
    paper="perplexity 16.59 against 16.76 at 180M, 10.35 against 10.47 at 1.5B (Table 3)",
    unit="nats",
    needs=("reading",),
    region=below(0),
    criterion="held-out loss a character, Mamba-3 minus Mamba-2, paired over seeds: {}; not "
    "resolved unless both beat an n-gram of three characters of context, or where the gap moved "
    "in the last quarter of the training by more than half of what it is at the end",
    scales=FROM_BOOK,
    elsewhere=SHOWN,
)
def text_against_mamba2(reading):
    if lacking := [name for name in ("Mamba-3", "Mamba-2") if name not in reading.reads]:
        raise Untested(f"not trained in this run: {', '.join(lacking)}")
    ours, theirs = (reading.reads[name] for name in ("Mamba-3", "Mamba-2"))
    course = ours.course - theirs.course
    gap = over_seeds(course[-1])
    told = ", ".join(f"{v.mean():.3f}" for v in course)
    losses = ", ".join(
        f"{r.family} {measured_text(over_seeds(r.course[-1]))}" for r in (ours, theirs)
    )
    note = f"after each quarter of the training {told}; {losses}, n-gram {reading.n_gram:.3f}"
    _check_n_gram(reading, ours, theirs, note=note)
    if abs(float((course[-1] - course[-2]).mean())) > abs(gap.estimate) / 2:
        raise Open(f"the gap is {measured_text(gap)} and still moves; {note}")
    return Measured(gap, note=note)


def _check_n_gram(reading, *runs, note: str) -> None:
    """Raise where a model is not clearly better than counting characters."""
    worst = max(over_seeds(run.course[-1]).high for run in runs)
    if not worst < reading.n_gram:
        raise Open(f"not clearly better than the n-gram; {note}")


@verdicts.claim(
    "C15",
    "Read at once, text longer than that of training makes Mamba-3 better and Mamba-2 worse.",
    of=PAPER,
    paper="trained at 2K tokens: Mamba-3 improves or stays up to 32K, Mamba-2 degrades (Fig. 4)",
    unit="nats",
    needs=("reading",),
    region=below(0),
    criterion="held-out loss of the same text cut at 1,024 characters minus cut at 128, paired "
    "over seeds: Mamba-3 {}, Mamba-2 above 0; not resolved unless both beat an n-gram of three "
    "characters of context",
    parts={"Mamba-2": above(0)},
    scales=FROM_BOOK,
    elsewhere=SHOWN,
)
def longer_than_trained(reading):
    changes = {}
    for family in ("Mamba-3", "Mamba-2"):
        if family not in reading.reads:
            raise Untested(f"not trained in this run: {family}")
        run = reading.reads[family]
        changes[family] = over_seeds(run.at(max(run.lengths)) - run.at(SEQ))
    told = ", ".join(f"{family} {measured_text(one)}" for family, one in changes.items())
    runs = [reading.reads[family] for family in changes]
    losses = ", ".join(f"{r.family} {measured_text(over_seeds(r.course[-1]))}" for r in runs)
    note = f"changes {told}; losses {losses}, n-gram {reading.n_gram:.3f}"
    _check_n_gram(reading, *runs, note=note)
    return Measured(changes["Mamba-3"], {"Mamba-2": changes["Mamba-2"]})


# ----------------------------------------------------------------------------------------- decoding
LARGE = 64 * 2**20
"""Bytes of a state that no cache of ours holds."""


@verdicts.claim(
    "C8",
    "With R = 4 the state update of a decode step does 3.4 times the arithmetic in less than half "
    "as many times the time.",
    of=PAPER,
    paper="kernel at N = 128: 0.179 ms with R = 4, 0.156 ms SISO, ratio 1.15 (Table 6)",
    unit="times",
    needs=("decode",),
    region=below(1.7),
    criterion="a state of at least 64 MB in float32, one thread: processor time of R = 4 over that "
    "of R = 1, 95 % interval over rounds, {}, half of the ratio of operations",
    scales=FROM_BOOK,
    elsewhere=SHOWN,
)
def rank_four(decode):
    if (size := decode.n_bytes["large"]) < LARGE:
        raise Untested(f"the large state has {size / 2**20:.0f} MB, not 64")
    rng = generator(0, "C8")
    large, small = (decode.ratio(name, 4, rng) for name in ("large", "small"))
    return Measured(
        large,
        note=f"operations {flops(128, 64, 4) / flops(128, 64, 1):.2f} times; state "
        f"{size / 2**20:.0f} MB; in a state that fits the cache {measured_text(small)}",
    )


@verdicts.claim(
    "C9",
    "A decoded token costs the same whatever the context.",
    of=PAPER,
    paper="per step 7.58 ms at 512 and 7.59 ms at 16384; attention 8.2 and 58.9 ms (Table 7)",
    unit="growth",
    needs=("contexts",),
    region=size_below(0.05),
    criterion="growth of the step's processor time for eight times the context, 95 % interval over "
    "rounds, {}; the slope of attention is above 0, and so it is minus ten times that of Mamba-3",
    parts={
        "slope of attention, ns a token": above(0),
        "minus ten times Mamba-3's": above(0),
    },
    scales=FROM_BOOK,
    elsewhere=SHOWN,
)
def constant_cost(contexts):
    rng = generator(0, "C9")
    growth = {name: contexts.growth(name, rng) for name in contexts.times}
    attention, ours = (contexts.slope(name, rng) for name in ("attention", "Mamba-3"))
    told = ", ".join(f"{name} {measured_text(one)}" for name, one in growth.items())
    return Measured(
        growth["Mamba-3"],
        {
            "slope of attention, ns a token": attention,
            "minus ten times Mamba-3's": minus_ten_times(attention, ours),
        },
        f"growth for eight times the context: {told}",
    )


def minus_ten_times(attention: Interval, ours: Interval) -> Interval:
    """A slope minus ten times another, with the ends that are farthest apart."""
    return Interval(
        attention.estimate - 10 * ours.estimate,
        attention.low - 10 * ours.high,
        attention.high - 10 * ours.low,
    )


@verdicts.claim(
    "C10",
    "The released weights give the paper's numbers in our code.",
    of=OURS,
    paper="LAMBADA 32.5 and 34.0; perplexity 16.59 and 16.46 (Table 3, 180M)",
    unit="log ratio",
    needs=("released",),
    region=below(0),
    criterion="FineWeb-Edu perplexity of MIMO over that of SISO, log ratio paired over documents "
    "{}; 90 % interval of LAMBADA's accuracy within 2 points of 32.5 (SISO) and 34.0 (MIMO)",
    parts={f"LAMBADA, {kind}": size_below(2) for kind in LAMBADA},
    scales=("paper",),
    elsewhere="the released weights need the Hub and are read at paper scale",
)
def released_weights(released):
    parts, told = {}, []
    for kind, printed in LAMBADA.items():
        near = released.accuracy(kind, EQUIVALENCE)
        parts[f"LAMBADA, {kind}"] = less(near, printed)
        told.append(f"{kind} {measured_text(released.accuracy(kind))} %")
    ratio = released.mimo_over_siso(generator(0, "C10"))
    return Measured(ratio, parts, f"LAMBADA {', '.join(told)}")


def less(found: Interval, printed: float) -> Interval:
    """An interval minus a printed number."""
    return found.map(lambda value: value - printed)


# --------------------------------------------------------------------------------------- the record
AT = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 40, 60, 80, 120, 160, 200, 256, 320)
"""Moves at which the record keeps the curves."""


def series(results) -> dict[str, object]:
    """What the first figure and the first sentences need."""
    return {
        "tracking": {
            f"{task}: {name}": {
                "lengths": (at := [n for n in AT if n < len(run.curve)]),
                "accuracy": rounded(np.nan_to_num(run.curve[at], nan=-9.0), 4),
                "train_length": run.train_length,
            }
            for task, runs in (("parity", results.parity), ("modulo 3", results.three))
            for name, run in runs.items()
        },
        "counted": _table(
            ("task", "arm", "at"),
            ("solve", "mean"),
            (
                ((task, name, length), (solved(run, length), scaled(run, length)))
                for task, runs in (("parity", results.parity), ("modulo 3", results.three))
                for name, run in runs.items()
                for length in dict.fromkeys((run.train_length, FAR))
                if length < len(run.curve)
            ),
        ),
        "recall": _table(
            ("part", "N"),
            ("loss", "share"),
            (
                (
                    (r.arm.part, r.arm.d_state),
                    (
                        inside(over_seeds(r.final), 0.0),
                        inside(over_seeds(r.share[-1]), 0.0, 1.0),
                    ),
                )
                for r in results.recalled
            ),
        ),
        "half_state": _table(
            ("against",), ("gap",), ((("Mamba-2",), (half_state(results.recalled),)),)
        ),
        "rank_four": _table(
            ("state",),
            ("time",),
            (
                ((name,), (results.decode.ratio(name, 4, generator(0, "C8")),))
                for name in results.decode.times
            ),
        ),
        "longer": _table(
            ("family",),
            ("change",),
            (
                ((name,), (over_seeds(run.at(max(run.lengths)) - run.at(SEQ)),))
                for name, run in results.reading.reads.items()
            ),
        ),
        "parts": _part_table(results.recalled),
        "rates": {
            "rate": list(results.rates.rates),
            **{part: rounded(by_seed) for part, by_seed in results.rates.losses.items()},
        },
        "text": _table(
            ("family", "step"),
            ("loss",),
            (
                ((name, step), (over_seeds(run.course[i]),))
                for name, run in results.reading.reads.items()
                for i, step in enumerate(run.steps)
            ),
        ),
        "n_gram": {"order": ["three"], "loss": [results.reading.n_gram]},
    }


def _part_table(recalled: Sequence[Recalled]) -> dict[str, list]:
    """Loss of every arm at the size of the parts above that of the full layer."""
    arms = at_one_size(recalled)
    rows = (
        ((name,), (over_seeds(run.final - arms["Mamba-3"].final),))
        for name, run in arms.items()
        if name != "Mamba-3"
    )
    return _table(("part",), ("above",), rows)


def _table(keys: Sequence[str], measured: Sequence[str], rows) -> dict[str, list]:
    """Columns of keys and of intervals, the latter with ``_low`` and ``_high``."""
    names = [*keys, *(f"{name}{end}" for name in measured for end in ("", "_low", "_high"))]
    table = {name: [] for name in names}
    for key, intervals in rows:
        numbers = [n for one in intervals for n in rounded(one[:3])]
        for name, value in zip(names, (*key, *numbers), strict=True):
            table[name].append(value)
    return table


def rounded(values, digits: int = 5) -> list:
    """Nested lists of `digits` significant digits; what is not finite stays so."""
    return [
        rounded(row, digits) if np.ndim(row) else float(f"{float(row):.{digits}g}")
        for row in values
    ]
