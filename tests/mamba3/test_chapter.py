"""Settings, trainings in small, checkpoints, figures, tables, exercises, explorers."""

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch

from companion import data, plotting
from companion.mamba3 import hub, sources
from companion.mamba3.lab import checks, language, models, run, timing, tracking
from companion.mamba3.lab.checks import FILES
from companion.mamba3.lab.language import PARTS
from companion.mamba3.lab.tracking import TASKS
from companion.mamba3.page import exercises, explorers, figures, tables
from companion.mamba3.settings import PRESETS
from companion.mamba3.verdict import findings
from companion.scale import SCALES, settings_for

from . import made

TINY = {
    "track_steps": 6,
    "track_seeds": 2,
    "track_batch": 4,
    "lengths": (3, 8),
    "read_lengths": (4, 16),
    "n_read": 20,
    "text_steps": 4,
    "text_seeds": 2,
    "text_batch": 2,
    "n_jobs": 1,
    "decode_heads": 32,
    "decode_rounds": 3,
    "contexts": (16, 64),
    "context_rounds": 3,
    "eval_windows": 1,
    "step_counts": (16, 32, 64),
    "rotor_length": 64,
    "n_systems": 2,
}


def title(fig):
    return " ".join(plotting.alt_text(fig).split())


def test_presets_cover_the_scales_and_refuse_nonsense():
    assert set(PRESETS) == set(SCALES)
    assert PRESETS["book"].track_seeds == 5
    with pytest.raises(ValueError, match="must hold 1 and 4"):
        replace(PRESETS["toy"], decode_ranks=(1, 2))
    with pytest.raises(ValueError, match="two state_sizes"):
        replace(PRESETS["toy"], state_sizes=(4,))
    with pytest.raises(ValueError, match="must not shrink"):
        replace(PRESETS["toy"], lengths=(40, 3))


def test_curriculum_grows_and_stays():
    training = tracking.Training(1, 300, 1, (3, 40, 64))
    assert [training.length(s) for s in (0, 100, 200, 299)] == [3, 40, 64, 64]


@pytest.fixture(scope="module")
def book():
    """The whole book scale, in small: every arm, both comparisons, gradients, random equations."""
    small = TINY | {"n_equations": 3, "state_sizes": (4, 8), "mimo_sizes": (8,)}
    settings = settings_for(PRESETS, "book", small)
    differences, gradient = run.run_agreement(settings, 0)
    orders, random_orders = run.run_orders(settings, 0)
    counts, decode = run.run_decode(settings)
    return findings.Results(
        differences,
        gradient,
        {"SISO": 0.003, "MIMO": 0.003},
        orders,
        random_orders,
        run.run_rotor(settings, 0),
        run.run_tracking(settings, 0, progress=False),
        run.run_text(settings, 0, progress=False),
        counts,
        decode,
        run.run_contexts(settings),
    )


def test_book_scale_runs_from_end_to_end(book):
    found = {f.claim: f.verdict for f in findings.evaluate(book, "book", 0)}
    assert found["C1"] == found["C2"] == "holds"
    assert found["C4"] in ("does not hold", "not resolved")  # six steps teach nobody to count
    assert found["C8"] == "not tested"  # the large state is small here
    assert len(book.tracked) == 10
    assert set(PARTS) < set(book.reads)
    for figure in (
        figures.tracking(book.tracked),
        figures.learned_turns(book.tracked),
        figures.ablation(book.reads),
        figures.state_sizes(book.reads),
        figures.reading_lengths(book.reads),
        figures.decode(book.decode),
        figures.contexts(book.contexts),
    ):
        assert title(figure)
    assert "S3" in tables.tracking_table(book.tracked).to_html()


def test_arms_have_equally_many_parameters(book):
    counts = {name: book.reads[name].n_parameters for name in PARTS}
    assert max(counts.values()) < 1.01 * min(counts.values())
    siso, mimo = (book.reads[f"{f}, N = 8"].n_parameters for f in ("Mamba-3", "MIMO"))
    assert abs(siso - mimo) < 0.01 * siso


def test_a_stack_is_its_models_trained_alone():
    config = tracking.VARIANTS["Mamba-3"]

    def make():
        return models.Probe(config, 3, 2)

    walks = torch.randint(0, 2, (2, 5, 4, 9), generator=torch.Generator().manual_seed(0))

    def batch(step, pick):
        tokens = walks[pick, step % 5]
        return tokens, tokens.cumsum(-1) % 2

    recipe = models.Recipe(4, 1e-2)
    both = models.Stack(make, (0, 1))
    together = both.train(lambda s: batch(s, slice(0, 2)), recipe)
    for index in (0, 1):
        alone = models.Stack(make, (index,)).train(
            partial(batch, pick=slice(index, index + 1)), recipe
        )
        assert np.allclose(alone[:, 0], together[:, index], atol=1e-4)


def test_a_diverged_seed_does_not_touch_the_others():
    def make():
        return models.Probe(tracking.VARIANTS["Mamba-2"], 3, 2)

    tokens = torch.randint(0, 2, (2, 4, 9), generator=torch.Generator().manual_seed(0))
    stacks = [models.Stack(make, (0, 1)) for _ in range(2)]
    with torch.no_grad():
        stacks[1].parameters["head.weight"][0] = torch.nan
    good, hurt = (s.train(lambda i: (tokens, tokens), models.Recipe(3, 1e-3)) for s in stacks)
    assert np.isnan(hurt[:, 0]).all()
    assert np.array_equal(good[:, 1], hurt[:, 1])


def test_toy_parity_is_learned_with_the_turn_and_not_without():
    training = tracking.Training(2, 150, 16, (12,))
    own, blind = (
        tracking.track(TASKS["parity"], v, training, (12,), 200, 0)
        for v in ("Mamba-3", "Mamba-3, no RoPE")
    )
    assert own.at(12).max() > 0.9
    assert blind.at(12).max() < 0.5


def test_unknown_arms_are_named():
    with pytest.raises(ValueError, match=r"unknown \['Z9'\]"):
        tracking.track_all({"Z9": ["Mamba-3"]}, tracking.Training(1, 1, 1, (3,)), (3,), 1, 0)


def test_released_layout_round_trip(tmp_path):
    for rank in (1, 4):
        model = hub.tiny_model(rank, seed=1)
        hub.write_checkpoint(model, tmp_path / str(rank))
        loaded = hub.load_checkpoint(tmp_path / str(rank))
        tokens = run.tiny_tokens(0)
        with torch.no_grad():
            assert torch.equal(loaded(tokens), model(tokens))
            logits, states = loaded(tokens), None
            for t in range(tokens.shape[1]):
                step, states = loaded.step(tokens[:, t], states)
            assert torch.allclose(step, logits[:, -1], atol=1e-4)
    names = set(hub.to_official_names(model))
    layer = {
        f"backbone.layers.0.mixer.{n}"
        for n in (
            "in_proj.weight",
            "out_proj.weight",
            "dt_bias",
            "B_bias",
            "C_bias",
            "D",
            "B_norm.weight",
            "C_norm.weight",
            "mimo_x",
            "mimo_z",
            "mimo_o",
        )
    }
    rest = {
        "backbone.embedding.weight",
        "backbone.norm_f.weight",
        "lm_head.weight",
        "backbone.layers.1.norm2.weight",
        "backbone.layers.1.mlp.fc1.weight",
    }
    assert layer | rest < names


@pytest.mark.parametrize(
    ("size", "n_parameters"), [((768, 12, 1536), 186_849_600), ((1024, 24, 2048), 443.0e6)]
)
def test_released_sizes(size, n_parameters):
    d_model, n_layer, hidden = size
    config = {
        "d_model": d_model,
        "n_layer": n_layer,
        "d_intermediate": hidden,
        "vocab_size": 128_256,
    }
    with torch.device("meta"):
        model = models.LanguageModel(hub.model_config(config))
    assert sum(p.numel() for p in model.parameters()) == pytest.approx(n_parameters, rel=1e-3)
    if d_model == 768:
        assert sum(p.numel() for p in model.parameters()) == n_parameters


def test_bad_checkpoints_are_refused(tmp_path):
    model = hub.tiny_model(1)
    weights = hub.to_official_names(model)
    with pytest.raises(ValueError, match=r"norm_f\.weight"):
        hub.load_weights(model, {n: w for n, w in weights.items() if "norm_f" not in n})
    with pytest.raises(ValueError, match="has shape"):
        hub.load_weights(model, weights | {"backbone.norm_f.weight": torch.ones(3)})
    with pytest.raises(ValueError, match="tied"):
        hub.to_our_names(weights | {"lm_head.weight": torch.zeros(257, 32)})
    with pytest.raises(ValueError, match="Mamba3"):
        hub.model_config({"ssm_cfg": {"layer": "Mamba2"}})
    hub.write_checkpoint(model, tmp_path)
    (tmp_path / "pytorch_model.bin").unlink()
    with pytest.raises(FileNotFoundError, match="neither"):
        hub.load_checkpoint(tmp_path)


def test_lesions_take_out_what_they_say_and_heal():
    model = hub.tiny_model(1)
    tokens = run.tiny_tokens(0)
    with torch.no_grad():
        before = model(tokens)
        for name in hub.LESIONS:
            with hub.lesioned(model, name):
                assert not torch.equal(model(tokens), before)
                inside = hub.inside(model, tokens)
                if name == "angles to 0":
                    assert float(inside["angle"].max()) == 0
                if name == "λ to 1":
                    assert float(inside["λ"].min()) == 1
            assert torch.equal(model(tokens), before)
    with (
        pytest.raises(ValueError, match="angles to 0"),
        hub.lesioned(model, "tongue"),
    ):
        pass


def test_evaluation_of_made_text():
    found = run.tiny_evaluation(0)
    assert found.losses["SISO"].shape == (4,)
    assert set(found.lesions["MIMO"]) == set(hub.LESIONS)
    with pytest.raises(ValueError, match="two words"):
        language.last_word_right(hub.tiny_model(1), ["one"], lambda s: list(s.encode()))
    with pytest.raises(ValueError, match="2 tokens"):
        language.document_losses(hub.tiny_model(1), [torch.zeros(1, dtype=torch.long)], 8)


class Oracle(torch.nn.Module):
    """Predicts the next byte of one text with certainty."""

    def __init__(self, text):
        super().__init__()
        self.text = list(text.encode())

    def forward(self, tokens):
        logits = torch.zeros(*tokens.shape, 256)
        for i in range(tokens.shape[1]):
            logits[:, i, self.text[i + 1]] = 50.0
        return logits


def test_lambada_counts_whole_last_words():
    def tokenize(text):
        return list(text.encode())

    oracle = Oracle("the cat sat on the mat")
    found = language.last_word_right(
        oracle, ["the cat sat on the mat", "the cat sat on the map"], tokenize
    )
    assert found.tolist() == [True, False]
    document = torch.tensor(tokenize("the cat sat on the mat"))
    assert language.document_losses(oracle, [document], 99)[0] < 1e-6


def test_the_hub_out_of_reach_is_missing(monkeypatch):
    def off(*_args, **_options):
        raise OSError("off")

    monkeypatch.setattr("huggingface_hub.snapshot_download", off)
    settings = settings_for(PRESETS, "paper")
    found = run.run_released(settings)
    assert isinstance(found, data.Missing)
    assert "off" in found.reason
    assert run.run_released(settings_for(PRESETS, "toy")) is None


def test_idea_figures_state_what_they_show(tmp_path):
    assert "only the diagonal is halved" in title(figures.mask_factors())
    assert "times less of the area" in title(figures.areas())
    orders = checks.orders((16, 32, 64, 128))
    assert "only while A does not change" in title(figures.orders(orders))
    same = dict.fromkeys(orders, orders["Euler, A(t)"])
    assert "Slopes of log error" in title(figures.orders(same))
    errors = {"none": 0.003, "no rotation": 0.03}
    assert "each mistake costs" in title(figures.mistakes({"SISO": errors, "MIMO": errors}))
    bad = {"none": 0.03, "no rotation": 0.03}
    assert "each mistake costs" not in title(figures.mistakes({"SISO": bad, "MIMO": bad}))
    assert "Drift aliases" in title(figures.drifting())
    assert "falls to chance" in title(figures.forgetting())


def test_live_figures_state_what_they_show():
    runs = made.all_tracked()
    assert "A turning state counts" in title(figures.tracking(runs))
    blind = {key: made.tracked(*key, 0.0) for key in runs}
    assert "A turning state counts" not in title(figures.tracking(blind))
    assert "have learned the angle" in title(figures.learned_turns(runs))
    still = {
        k: replace(r, turns=0 * r.turns) if r.turns is not None else r for k, r in runs.items()
    }
    assert "have learned the angle" not in title(figures.learned_turns(still))
    reads = made.all_reads()
    assert "makes the model worse" in title(figures.ablation(reads))
    assert "makes the model worse" not in title(figures.ablation(made.all_reads({"no bias": 0.9})))
    assert "matches Mamba-2" in title(figures.state_sizes(reads))
    equal = made.all_reads(of_mamba3=0.02)
    assert "does not give" in title(figures.state_sizes(equal))
    assert "does not rise by" in title(figures.reading_lengths(reads))
    assert "1.4 times the time" in title(figures.decode(made.decode()))
    assert "as long as R = 1" in title(figures.decode(made.decode(2.4)))
    assert "attention's cost grows" in title(figures.contexts(made.contexts()))
    assert "attention's cost grows" not in title(figures.contexts(made.contexts(growth=0.9)))


def test_answer_without_and_with_a_record():
    assert "No published record" in title(figures.answer(None))
    series = findings.series(made.results())
    assert "A turning state counts" in title(figures.answer({"series": series}))


def test_numbers_of_the_paper_are_those_of_its_tables():
    table = pd.read_csv(data.fetch("mamba3/table3_language_modeling.csv"))
    ours = {"Mamba-3-SISO": "SISO", "Mamba-3-MIMO": "MIMO"}
    for _, row in table.iterrows():
        name = ours.get(row.model, row.model)
        assert sources.PERPLEXITY[row["size"]][name] == row.fineweb_edu_ppl
        assert sources.ACCURACY[row["size"]][name] == row.average_acc
        if row["size"] == "180M" and row.model in ours:
            assert hub.LAMBADA[name] == row.lambada_acc
    parity = pd.read_csv(data.fetch("mamba3/table5b_state_tracking.csv")).parity_scaled_acc
    assert list(sources.PARITY_AT_256.values()) == parity.tolist()[:4]
    decode = pd.read_csv(data.fetch("mamba3/table6_decode_kernel_ms.csv"))
    found = decode[["bf16_dstate64", "bf16_dstate128"]].to_numpy().tolist()
    assert [list(v.values()) for v in sources.KERNEL_MS.values()] == found
    ablation = pd.read_csv(data.fetch("mamba3/table5a_8_10_ablations_440m.csv")).ppl.tolist()
    printed = (
        sources.ABLATIONS,
        sources.LAMBDA_PRINTED,
        sources.DEFAULT_PRINTED,
        sources.NO_BIAS_PRINTED,
    )
    numbers = {number for one in printed for number in one.values()}
    assert numbers <= set(ablation)


def test_tables():
    assert "0.67" in tables.headline_table().to_html()
    assert "139,008" in tables.cost_table().to_html()
    shown = tables.predictions_table(findings.evaluate(made.results(), "book", 0)).to_html()
    assert "C7: holds" in shown


def test_exercises_explain():
    assert exercises.check_kappa(0.7).startswith("Right")
    assert "next step adds" in exercises.check_kappa(0.3)
    assert "does not grow" in exercises.check_flop_ratio(4)
    assert exercises.check_horizon(np.pi / 2000).startswith("Right")
    assert "upside down" in exercises.check_horizon(np.pi / 1000)
    assert exercises.check_decay(0.005).startswith("Right")
    assert "Not yet" in exercises.check_decay(1e-6)
    for check in (exercises.check_kappa, exercises.check_decay):
        assert "Not answered" in check(...)


def test_explorers_describe_their_frames():
    _, alt = explorers.rotor_explorer().frame(theta=1.0, decay=1e-4, length=256)
    assert "right in 100%" in alt
    _, alt = explorers.rotor_explorer().frame(theta=0.0, decay=1e-4, length=256)
    assert "right in 100%" not in alt
    assert "errors at the end" in explorers.order_explorer().frame(step=0.25, lam=0.5)[1]
    assert "7.3 FLOP" in explorers.roofline_explorer().frame(N=128, P=64, R=4)[1]


def test_memory_of_the_chunked_form_is_linear():
    kept = [timing.saved_bytes(n) for n in (512, 1024, 2048)]
    assert kept[1] / kept[0] == pytest.approx(2, rel=0.05)
    assert kept[2] / kept[1] == pytest.approx(2, rel=0.05)


def test_kernels_come_from_the_registry():
    assert set(FILES.values()) < set(data.registry())


@pytest.mark.bench
def test_chunks_are_twenty_times_faster_than_the_recurrence():
    times = timing.scan_times(1024, 1)
    assert np.median(times["token by token"]) > 20 * np.median(times["in chunks"])


@pytest.mark.bench
def test_a_decoded_token_does_not_get_slower_with_the_context():
    times = timing.context_times((128, 8192), 60)
    own, attention = (np.median(t, axis=1) for t in times.times.values())
    assert own[1] < 1.3 * own[0]
    assert attention[1] > 2 * attention[0]


@pytest.mark.bench
def test_rank_four_takes_less_than_its_arithmetic():
    times = timing.decode_times({"large": 4096}, (1, 4), 5)
    assert np.median(times.times["large"][4]) < 3.0 * np.median(times.times["large"][1])
