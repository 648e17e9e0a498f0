"""Figures, tables, exercises, the explorer, and that nothing on the page decides."""

import re
from functools import partial

import numpy as np
import pandas as pd
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from companion import data, plotting
from companion.mamba3 import hub, sources
from companion.mamba3.lab import checks, language, recall, run
from companion.mamba3.lab.tracking import VARIANTS
from companion.mamba3.method.layer import Mamba3Config, mamba3
from companion.mamba3.page import exercises, explorers, figures, tables
from companion.mamba3.settings import PRESETS
from companion.mamba3.verdict import series, verdicts
from companion.records._store import plain
from tests.clock import work

from . import made


def title(fig):
    return " ".join(plotting.alt_text(fig).split())


def tracked(**changes):
    return {"parity": made.parity(**changes), "modulo 3": made.three()}


def record(kept, rows):
    """A published record of these series and findings."""
    return {"series": kept, "findings": rows, "settings": {"n_pairs": 8}}


def test_idea_figures_state_what_they_show():
    assert "only the diagonal is halved" in title(figures.mask_factors())
    assert "times less of the area" in title(figures.areas())
    orders = checks.orders((16, 32, 64, 128))
    assert "only while A does not change" in title(figures.orders(orders, made.orders()))
    same = made.orders(**{"λ = 1/2, constant A": made.orders()["Euler, constant A"]})
    assert "Slopes of log error" in title(figures.orders(orders, same))
    errors = {"none": 0.003, "no rotation": 0.0174}
    assert "each mistake costs at least 5 times" in title(
        figures.mistakes({"SISO": errors, "MIMO": errors})
    )
    bad = {"none": 0.03, "no rotation": 0.03}
    assert "each mistake costs" not in title(figures.mistakes({"SISO": bad, "MIMO": bad}))


def test_the_first_figure_is_of_the_record_and_claims_what_its_verdict_does():
    assert "No published record" in figures.answer(None).axes[0].texts[0].get_text()
    results = made.results()
    kept = plain(series(results))
    rows = [{"claim": f.claim, "verdict": f.verdict} for f in verdicts.evaluate(results, "book")]
    finding = "counts to 256"
    assert finding in title(figures.answer(record(kept, rows)))
    open_ = [row | {"verdict": "not resolved"} for row in rows]
    assert finding not in title(figures.answer(record(kept, open_)))
    half = kept | {"recall": plain(series(made.results(recalled=made.recall()[:3])))["recall"]}
    assert title(figures.answer(record(half, rows)))


def test_live_figures_state_what_they_show():
    finding = "learned with a turn"
    assert finding in title(figures.tracking(tracked()))
    blind = {name: made.tracked("parity", name, 0.0) for name in made.parity()}
    assert finding not in title(figures.tracking(tracked(**blind)))
    few = {"parity": {"Mamba-3": made.tracked()}, "modulo 3": made.three()}
    assert finding not in title(figures.tracking(few))
    short = {"parity": {"Mamba-3": made.tracked(longest=200)}}
    assert finding not in title(figures.tracking(short))
    assert "Learned angles" in title(figures.learned_turns(tracked()))

    assert "twice the state" in title(figures.recall_by_state(made.recall(), 8))
    worse = made.recall(ours=(2.0, 1.7, 1.6))
    assert "twice the state" not in title(figures.recall_by_state(worse, 8))
    assert "without both parts recalls worse" in title(figures.parts(made.recall()))
    alike = made.recall(neither=made.recalled("neither", 8, 1.0))
    assert "without both parts recalls worse" not in title(figures.parts(alike))

    assert "makes both models better" not in title(figures.text_course(made.reading()))
    better = made.read("Mamba-2", (2.1, 1.7, 1.51, 1.46), longer=-0.04)
    assert "makes both models better" in title(figures.text_course(made.reading(Mamba_2=better)))

    assert "in 1.4 times the time" in title(figures.decode(made.decode(1.4)))
    assert "times the time" not in title(figures.decode(made.decode(3.5)))
    assert "under 5 %" in title(figures.contexts(made.contexts()))
    assert "under 5 %" not in title(figures.contexts(made.contexts(growth=0.2)))


def test_a_diverged_seed_has_no_line():
    run_ = made.tracked()
    run_.curve[:, 0], run_.alive[0] = np.nan, False
    fig = figures.tracking(tracked(**{"Mamba-3": run_}))
    assert title(fig)


def test_numbers_of_the_paper_are_those_of_its_tables():
    table = pd.read_csv(data.fetch("mamba3/table3_language_modeling.csv"))
    ours = {"Mamba-3-SISO": "SISO", "Mamba-3-MIMO": "MIMO"}
    for _, row in table.iterrows():
        name = ours.get(row.model, row.model)
        assert sources.PERPLEXITY[row["size"]][name] == row.fineweb_edu_ppl
        if row["size"] == "180M" and row.model in ours:
            assert hub.LAMBADA[name] == row.lambada_acc
    parity = pd.read_csv(data.fetch("mamba3/table5b_state_tracking.csv")).parity_scaled_acc
    assert list(sources.PARITY_AT_256.values()) == parity.tolist()[:4]
    decode = pd.read_csv(data.fetch("mamba3/table6_decode_kernel_ms.csv"))
    found = decode[["bf16_dstate64", "bf16_dstate128"]].to_numpy().tolist()
    assert [list(v.values()) for v in sources.KERNEL_MS.values()] == found
    ablation = pd.read_csv(data.fetch("mamba3/table5a_8_10_ablations_440m.csv")).ppl.tolist()
    printed = (sources.ABLATIONS, sources.LAMBDA_PRINTED, sources.DEFAULT_PRINTED)
    assert {number for one in printed for number in one.values()} <= set(ablation)


def test_tables():
    assert "0.67" in tables.headline_table().to_html()
    assert "139,008" in tables.cost_table().to_html()
    shown = tables.tracking_table(tracked()).to_html()
    assert "8 of 8" in shown
    assert "0.9" in shown  # the paper's Mamba-2
    reading = made.reading()
    shown = tables.text_table(reading).to_html()
    ours, theirs = (reading.reads[name].course[-1] for name in ("Mamba-3", "Mamba-2"))
    assert f"{(ours - theirs).mean():.3f}" in shown
    assert shown.count("1.600") == 4  # the n-gram, once a quarter
    shown = tables.rate_table(made.rates()).to_html()
    assert ">0.01<" in shown
    found = made.rates().losses["MIMO"][1].mean()
    assert f"{found:.2f}" in shown
    assert "gradient" in tables.agreement_table({"chunks": 1e-14}, 1e-9).to_html()
    assert "averaged" in tables.order_table(made.orders()).to_html()
    times = {
        "rank 1, forward": {
            "ours": np.full(3, 0.01),
            "published": np.full(3, 0.013),
            "published, apart": np.full(3, 0.011),
        },
        "rank 1, with gradient": {
            "ours": np.full(3, 0.02),
            "published": np.full(3, 0.03),
            "published, apart": np.full(3, 0.028),
            "token by token": np.full(3, 0.8),
        },
    }
    shown = tables.speed_table(times).to_html()
    for number in ("1.3", "1.5", "1.1", "1.4", "40"):
        assert f">{number}<" in shown
    rounds = np.array([0.0098, 0.0100, 0.0102, 0.0101, 0.0099])
    varied = {
        "rank 4, forward": {
            "ours": rounds,
            "published": 1.5 * rounds[::-1],
            "published, apart": rounds,
        }
    }
    assert re.search(r">1\.50* \[1\.\d+, 1\.\d+\]<", tables.speed_table(varied).to_html())
    once = {
        "rank 4, forward": {name: part[:1] for name, part in varied["rank 4, forward"].items()}
        | {"published": 1.5 * rounds[:1]}
    }
    assert "1.5<" in tables.speed_table(once).to_html()
    shown = tables.checkpoint_table(run.tiny_checkpoints(0)).to_html()
    assert "MIMO" in shown
    assert "of 2" in shown


def test_the_table_of_trainings_has_the_sizes_of_the_run():
    book, toy = (run.trainings(PRESETS[scale]) for scale in ("book", "toy"))
    for name, column in book.items():
        assert {"layers", "width", "state size N", "updates", "seeds"} <= set(column), name
    made_of = {
        "counting": VARIANTS["Mamba-3"],
        "recall": recall.arm_mixer("Mamba-3", 8),
        "text": language.family_model("Mamba-3", 2).mixer,
    }
    for name, config in made_of.items():
        assert book[name]["width"] == config.d_model
        assert book[name]["Δ at the start, least and largest"] == config.dt_range
    assert book["text"]["characters read"] == 2100 * 8 * 128
    assert toy["counting"]["longest walk, parity"] == (3, 16)
    shown = tables.training_table(book).to_html()
    for number in ("3, 40, 160", "2,150,400", "0.003, 0.01, 0.03", "0.1, 1"):
        assert f">{number}<" in shown, number


def test_exercises_explain():
    assert exercises.check_kappa(0.7).startswith("Right")
    assert "next step adds" in exercises.check_kappa(0.3)
    assert "does not grow" in exercises.check_flop_ratio(4)
    assert exercises.check_horizon(np.pi / 2000).startswith("Right")
    assert "upside down" in exercises.check_horizon(np.pi / 1000)
    assert "Not answered" in exercises.check_kappa(...)


def test_the_explorer_trains_and_says_what_came_of_it():
    done = []
    choice = explorers.Choice("modulo 3", "Mamba-2", 20, 4, 1)
    found = explorers.train(choice, done.append)
    assert done == [10, 20]
    assert (len(found.losses), len(found.curve)) == (20, 9)
    assert "Mamba-2 after 20 updates on modulo 3" in explorers.said(found)
    assert title(explorers.frame(found)).startswith("Mamba-2, modulo 3")
    again = explorers.train(choice)
    assert np.array_equal(again.curve, found.curve)
    shown = explorers.TrainingExplorer()._repr_mimebundle_()
    assert "after 40 updates" in shown["text/html"]


def test_chunks_take_fewer_operations_than_the_recurrence():
    """Of torch: what costs a short operation on a processor is its call."""
    from companion.mamba3.lab import timing

    leaves, gamma, beta, kappa = timing.scan_inputs(192, 1)

    def operations(scan, weight, **options):
        scan = partial(scan, **options)
        with torch.no_grad():
            return work(lambda: timing._output(scan, gamma, weight, leaves)).operations

    ours = operations(timing.chunked, kappa, chunk=64)
    assert operations(timing.recurrence, beta) > 10 * ours
    assert operations(timing.published_chunks, kappa, chunk=64) > 0.9 * ours


def test_the_work_of_a_decoded_token_does_not_grow_with_the_context():
    """Numbers that are computed; the attention layer's scores are one more for each token."""
    from companion.mamba3.lab import timing

    torch.manual_seed(0)
    layer = mamba3(Mamba3Config(d_model=32, d_state=16, head_dim=16))
    u = torch.randn(1, 512, 32)
    attention = timing.AttentionStep(32, 16, 512, batch=1)
    found = {}
    with torch.no_grad():
        for context in (32, 512):
            _, state = layer.prefill(u[:, : context - 1])
            step = work(lambda state=state: layer.step(u[:, -1], state))
            with sdpa_kernel(SDPBackend.MATH):
                asked = work(lambda context=context: attention(u[:, -1], context))
            found[context] = step, asked, state.n_bytes()
    assert found[32][0] == found[512][0]
    assert found[32][2] == found[512][2]
    assert found[512][1].numbers > 4 * found[32][1].numbers
