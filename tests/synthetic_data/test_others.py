"""Real tables, tiny transformers, the language model, diversity, and the paper's path."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

from companion.data import Missing
from companion.models import neox, neox_config
from companion.scale import torch_generator
from companion.synthetic_data import hub, settings
from companion.synthetic_data.lab import language, lives, run, tabular
from companion.synthetic_data.lab import tasks as ts
from companion.synthetic_data.lab.tasks import Transformer, next_law, rewrite, train


def test_rewritten_labels_follow_the_model():
    x, y = tabular.load("diabetes")
    model = tabular.fitted(x, y)
    chosen = np.zeros(20_000, dtype=int)
    rng = np.random.default_rng(0)
    labels = tabular.rewritten(
        model, np.repeat(x[:1], 20_000, 0), np.zeros(20_000, int), np.arange(20_000), 1.0, rng
    )
    assert labels.mean() == pytest.approx(model.predict_proba(x[:1])[0, 1], abs=0.01)
    greedy = tabular.rewritten(model, x, y, np.arange(50), 0.0, rng)
    assert (greedy[:50] == model.predict(x[:50])).all()
    assert (greedy[50:] == y[50:]).all()
    assert (tabular.rewritten(model, x, y, chosen[:0], 1.0, rng) == y).all()
    with pytest.raises(ValueError, match="unknown data set"):
        tabular.load("wine")


def test_tables_repeat_and_do_nothing_at_zero():
    first, again = (tabular.regenerate("diabetes", 0.5, (0.0, 0.5), 3, 0) for _ in range(2))
    for name, values in first.scores.items():
        assert (values == again.scores[name]).all()
        assert (values[1:, 0] == values[0, 0]).all()
        assert (first.real_only[name][0] == values[0, 0]).all()
    assert first.scores["over"][-1, 1].mean() > first.scores["over"][-1, 0].mean()


RULES = ts.make_rules(np.random.default_rng(1))


@pytest.mark.parametrize("task", ts.TASKS)
def test_written_sequences_follow_their_law(task):
    batch = ts.write(RULES, task, 20_000, np.random.default_rng(2))
    assert batch.tokens.shape == (20_000, ts.LENGTH)
    assert batch.tokens.max() < ts.VOCABULARY
    for at in range(batch.start, batch.end):
        law = ts.law(RULES, batch, at)
        assert law.sum(1) == pytest.approx(np.ones(20_000))
        given_law = law[np.arange(20_000), batch.tokens[:, at]]
        assert (given_law > 0).all()
        # the probability of what was written averages to that of a draw from the law
        assert given_law.mean() == pytest.approx((law**2).sum(1).mean(), abs=0.01)


def test_answers_by_hand():
    row = np.zeros((1, ts.LENGTH), int)
    row[0, :6] = [
        ts.TAG["chain"],
        ts.VALUE + 5,
        ts.OPERATION + 1,
        ts.OPERATION,
        ts.OPERATION,
        ts.IS,
    ]
    first = RULES.operations[1, 5]
    assert ts.answer(RULES, "chain", row, 6)[0] == first
    row[0, 6] = ts.VALUE + 3  # goes on from what was written, right or wrong
    assert ts.answer(RULES, "chain", row, 7)[0] == RULES.operations[0, 3]
    book = ts.write(RULES, "book", 50, np.random.default_rng(3))
    for tokens, value in zip(book.tokens, ts.answer(RULES, "book", book.tokens, 10), strict=True):
        pairs = dict(zip(tokens[1:7:2], tokens[2:7:2], strict=True))
        assert pairs[tokens[8]] == ts.VALUE + value
    with pytest.raises(ValueError, match="unknown task"):
        ts.write(RULES, "sum", 1, np.random.default_rng(0))


def test_the_transformer_is_causal_and_repeats():
    model = Transformer(16, 1, torch_generator(0, "test"))
    tokens = np.random.default_rng(4).integers(0, ts.VOCABULARY, (2, 8))
    other = tokens.copy()
    other[:, 5:] = 0
    assert np.allclose(next_law(model, tokens)[:, :5], next_law(model, other)[:, :5])
    batch = ts.write(RULES, "fact", 256, np.random.default_rng(5))
    weights = [train((16, 1), [batch], 5, 0).state_dict() for _ in range(2)]
    assert all(torch.equal(a, b) for a, b in zip(*[w.values() for w in weights], strict=True))
    with pytest.raises(ValueError, match="multiple of 16"):
        Transformer(20, 1, torch_generator(0, "test"))


def test_the_transformer_learns_and_writes_what_it_learned():
    batch = ts.write(RULES, "op", 2000, np.random.default_rng(6))
    model = train((32, 1), [batch], 150, 0)
    score = lives.score(model, RULES, [batch])[0]
    assert score[0] > 0.3  # chance is 0.04
    written = rewrite(model, batch, 1.0, torch_generator(0, "write"))
    assert (written.tokens[:, :4] == batch.tokens[:, :4]).all()
    said = next_law(model, batch.tokens[:, :5])[:, 3]
    share = said[np.arange(2000), written.tokens[:, 4]].mean()
    assert share == pytest.approx((said**2).sum(1).mean(), abs=0.03)


def test_one_short_life():
    plan = lives.Plan(((16, 1),), 64, 6, (0.0, 0.5), (0.7, 0.0), (0, 1), 2)
    found = lives.run_lives(plan, progress=False)
    assert found.scores.shape == (1, 2, 2, 3, 2, 5, 5)
    assert np.isfinite(found.scores).all()
    assert (found.of("kl", "fact")[0, 1:] == found.of("kl", "fact")[0, :1]).all()
    assert not found.usable()["fact"]  # at chance
    assert found.bayes[0] == pytest.approx(0.9 + 0.1 / 23)


def test_distinct_and_bleu_by_hand():
    texts = [[1, 2, 1, 2], [1, 2, 3, 4]]
    assert language.distinct(texts, 1) == 4 / 8
    assert language.distinct(texts, 2) == 4 / 6
    assert np.isnan(language.distinct([[1]], 2))
    assert language.bleu([1, 2, 3, 4], [[1, 2, 3, 4]]) == pytest.approx(1)
    # 3 of 4 words, 2 of 3 pairs, 1 of 2 triples, 0 of 1, add-one beyond words
    expected = (3 / 4 * 3 / 4 * 2 / 3 * 1 / 2) ** 0.25
    assert language.bleu([1, 2, 3, 9], [[1, 2, 3, 4]]) == pytest.approx(expected)
    assert language.bleu([1, 2], [[1, 2, 3, 4]]) == pytest.approx(np.exp(1 - 4 / 2))
    assert language.bleu([7], [[1]]) == 0
    assert language.self_bleu([[1, 2, 3, 4]] * 3) == pytest.approx(1)
    clipped = Counter([1, 1, 1]) & Counter([1])
    assert language.bleu([1, 1, 1], [[1, 2, 3]], order=1) == sum(clipped.values()) / 3
    with pytest.raises(ValueError, match="2 texts"):
        language.self_bleu([[1]])


def test_spread_of_vectors():
    assert language.vendi(np.eye(5)) == pytest.approx(5)
    assert language.vendi(np.tile([1.0, 0], (5, 1))) == pytest.approx(1)
    v = np.random.default_rng(7).standard_normal((6, 3))
    v /= np.linalg.norm(v, axis=1, keepdims=True)
    pairs = [v[i] @ v[j] for i in range(6) for j in range(6) if i != j]
    assert language.dispersion(v) == pytest.approx(1 - np.mean(pairs))
    values = np.linalg.eigvalsh(v @ v.T / 6)
    values = values[values > 1e-12]
    assert language.vendi(v) == pytest.approx(np.exp(-(values * np.log(values)).sum()))
    with pytest.raises(ValueError, match="2 vectors"):
        language.dispersion(v[:1])


def test_students_of_any_law():
    truth = np.random.default_rng(8).dirichlet(np.ones(7), 40)
    laws = language.Laws(truth, float(truth.max(1).mean()), 1.0)
    found = {
        (x.temperature, x.share, x.generation): x
        for x in language.students(laws, (1.0, 0.7, 0.0), (0.1, 0.5))
    }
    assert len(found) == 18
    assert found[1.0, 0.5, 3].kl == pytest.approx(0, abs=1e-12)
    assert found[0.0, 0.5, 2].over == pytest.approx(0.5 * (1 - laws.confidence))
    assert found[0.7, 0.5, 3].over > found[0.7, 0.5, 1].over > found[0.7, 0.1, 1].over > 0
    assert found[0.7, 0.5, 3].entropy < found[1.0, 0.5, 3].entropy
    assert found[0.7, 0.5, 3].each.mean() == pytest.approx(found[0.7, 0.5, 3].over)


class Letters:
    """A tokenizer of bytes, as far as the chapter needs one."""

    eos_token_id = 0

    def __call__(self, text):
        return {"input_ids": [1 + b % 60 for b in text.encode()]}

    def decode(self, ids):
        return "".join(chr(64 + i) for i in ids)

    def batch_decode(self, rows, skip_special_tokens=True):
        return [self.decode(row) for row in rows]


def tiny(name="tiny"):
    config = neox_config(n_layers=1, d_model=32, n_heads=4, vocab_size=64, seq=256)
    return neox(config, torch_generator(0, name)).eval(), Letters()


class Bag:
    """An encoder of letter counts."""

    def encode(self, texts):
        rows = np.array([[text.count(chr(64 + i)) + 0.1 for i in range(60)] for text in texts])
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_colder_completions_are_less_varied():
    found = language.variety(*tiny(), Bag(), (1.0, 0.01), 20, 6, 0)
    assert found[0].dispersion > found[1].dispersion + 0.1
    assert found[1].distinct[1] < found[0].distinct[1]
    assert found[0].n == 20
    again = language.variety(*tiny(), Bag(), (1.0, 0.01), 20, 6, 0)
    assert again[0].self_bleu == found[0].self_bleu
    with pytest.raises(ValueError, match="two completions"):
        language.variety(*tiny(), Bag(), (1.0,), 10, 6, 0)


def stand_in(name, n, seed):
    rng = np.random.default_rng(seed)
    return [hub.Example(f"{name} {a} =", f" {a % 3}") for a in rng.integers(0, 9, n)]


def test_the_papers_path_on_a_stand_in():
    chosen = replace(settings.PAPER, hub_models=("tiny",), hub_examples=24)
    found = hub.run_hub(
        chosen,
        0,
        models=tiny,
        tasks=stand_in,
        names=("gsm8k", "squad"),
        shares=(0.0, 0.5),
        generations=2,
        n_test=6,
        max_new=3,
        batch=8,
        progress=False,
    )
    assert len(found) == 2 * 2 * 3
    assert found["tiny", "squad", 0.0, 2] == found["tiny", "squad", 0.0, 0]
    for cell in found.values():
        assert 0 <= cell.error <= 1
        assert cell.floor == (cell.exact < 0.05)
    assert isinstance(hub.run_hub(settings.TOY, 0), Missing)
    with pytest.raises(ValueError, match="unknown task"):
        hub.load_task("poems", 1, 0)


def test_fine_tuning_learns_the_answers():
    model, tokenizer = tiny()
    data = stand_in("x", 32, 0)
    before = hub.grade(model, tokenizer, data[:8], 3)
    hub.fine_tune(model, tokenizer, data, 0, steps=30, batch=16, rate=3e-3)
    after = hub.grade(model, tokenizer, data[:8], 3)
    assert after.token > before.token + 0.3
    tokens = hub.encode(tokenizer, [hub.Example("ab", "c"), hub.Example("abcd", "c")])
    assert tokens.answer.sum(1).tolist() == [2, 2]  # the answer and the end mark


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("gsm8k", {"question": "1+1?", "answer": "2"}),
        (
            "arc",
            {
                "question": "Which?",
                "answerKey": "B",
                "choices": {"label": ["A", "B"], "text": ["no", "2"]},
            },
        ),
        ("squad", {"context": "c", "question": "q", "answers": {"text": ["2"]}}),
        ("trivia", {"question": "q", "answer": {"value": "2"}}),
        ("dolly", {"instruction": "i", "context": "", "response": "2"}),
    ],
)
def test_rows_of_the_public_tasks(name, row):
    example = hub.TASKS[name].read(row)
    assert example.answer == " 2"
    assert example.prompt.endswith(("Answer:", "Response:"))


def test_experiments_say_what_a_scale_leaves_out():
    assert isinstance(run.run_transformers(settings.TOY, 0), Missing)
    assert isinstance(run.real_variety(settings.TOY, 0), Missing)
    plan = run.plan_loops(settings.BOOK)
    assert len(plan) == len({(name, rank) for name, rank, _ in plan})
