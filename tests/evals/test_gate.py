"""The gate's rule, on made-up runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from evals import gate
from evals.run import Outcome, Run
from index.errors import InputError

MADE = {"mode": "quote", "embedder": "e", "judge": None, "settings": {"answer": {"threshold": 0.5}},
        "prompts": {"prompts/answer.md": "1", "rag/weights.json": "1"}, "index": {"a.txt": "1"},
        "versions": {"numpy": "2"}, "when": "2026-01-01", "commit": None}  # fmt: skip


def outcome(number: int, kind: str = "factoid", **values: float) -> Outcome:
    answer = {
        "status": "answered",
        "text": f"answer {number}",
        "citations": [{"source": "a.txt", "start": 1, "end": 5}],
    }
    return Outcome(f"{kind}-{number}", f"question {number}", kind, "en → sv", True, values, answer)


def made(scores: list[float], kind: str = "factoid", metric: str = "accuracy") -> Run:
    return Run(dict(MADE), [outcome(n, kind, **{metric: score}) for n, score in enumerate(scores)])


def verdict(before: Run, after: Run) -> gate.GateVerdict:
    return gate.compare(gate.as_baseline(before), after)


def test_same_run_passes() -> None:
    run = made([1.0, 0.0] * 20)
    found = verdict(run, run)
    assert found.passed and not found.flips and not found.inputs


@pytest.mark.parametrize(("fell", "rose", "p"), [(0, 0, 1.0), (5, 0, 1 / 32), (4, 1, 6 / 32), (1, 1, 0.75)])
def test_sign_test_by_hand(fell: int, rose: int, p: float) -> None:
    assert gate.sign_test(fell, rose) == p


def test_as_many_better_as_worse_passes_and_is_listed() -> None:
    before, after = made([1.0] * 100 + [0.0] * 3), made([0.0] * 3 + [1.0] * 97 + [1.0] * 3)
    found = verdict(before, after)
    assert found.passed
    assert [f.better for f in found.flips].count(True) == 3
    assert {f.before.text for f in found.flips} <= {o.answer["text"] for o in before.outcomes}


def test_a_small_fall_fails_when_it_is_more_than_chance() -> None:
    before, after = made([1.0] * 200), made([0.0] * 5 + [1.0] * 195)
    falls = [str(c) for c in verdict(before, after).falls]
    assert falls and "accuracy" in falls[0] and "0.975" in falls[0]
    assert verdict(before, made([0.0] * 4 + [1.0] * 196)).passed


def test_a_large_fall_fails() -> None:
    assert not verdict(made([1.0] * 30), made([0.0] * 2 + [1.0] * 28)).passed


def test_one_kind_may_not_fall_behind_the_others() -> None:
    others = [outcome(n, accuracy=1.0) for n in range(200)]
    old = [outcome(n, "dated", accuracy=1.0) for n in range(10)]
    new = [outcome(n, "dated", accuracy=float(n > 1)) for n in range(10)]
    falls = verdict(Run(dict(MADE), others + old), Run(dict(MADE), others + new)).falls
    assert [c.slice for c in falls] == ["kind dated"]
    one = [outcome(n, "dated", accuracy=float(n > 0)) for n in range(10)]
    assert verdict(Run(dict(MADE), others + old), Run(dict(MADE), others + one)).passed


def test_offsets_must_never_fall() -> None:
    before, after = made([1.0] * 500, metric="exact_quotes"), made([0.0] + [1.0] * 499, metric="exact_quotes")
    assert [c.metric for c in verdict(before, after).falls] == [
        "exact_quotes"
    ] * 4  # over all, the set, the kind, the pair


def test_a_metric_that_is_gone_fails() -> None:
    before = made([1.0] * 10, metric="attributed")
    after = Run(dict(MADE), [outcome(n) for n in range(10)])
    assert "no longer" in str(verdict(before, after).falls[0])


def test_a_prompt_fails_while_nothing_can_measure_it() -> None:
    run = made([1.0] * 5)
    changed = Run({**MADE, "prompts": {**MADE["prompts"], "prompts/answer.md": "2"}}, run.outcomes)  # type: ignore[dict-item]
    assert [(c.metric, c.slice) for c in verdict(run, changed).falls] == [("prompts", "prompts/answer.md")]
    written = [Run({**r.made, "mode": "write"}, r.outcomes) for r in (run, changed)]
    assert verdict(*written).passed


def test_inputs_that_changed_are_named() -> None:
    run = made([1.0] * 5)
    other = {
        **MADE,
        "settings": {"answer": {"threshold": 0.4}},
        "index": {"b.txt": "1"},
        "versions": {"numpy": "3"},
    }
    assert verdict(run, Run(other, run.outcomes)).inputs == [
        "settings.answer.threshold was 0.5 and is 0.4".removeprefix("settings."),
        "article a.txt is gone",
        "article b.txt is new",
        "versions.numpy was 2 and is 3",
    ]


def test_questions_new_or_gone_do_not_count() -> None:
    found = verdict(made([1.0] * 5), made([1.0] * 4 + [0.0], kind="dated"))
    assert found.passed and len(found.new) == len(found.gone) == 5


def test_baseline_is_stored_and_read_again(tmp_path: Path) -> None:
    path, run = tmp_path / "baseline.json", made([1.0, 0.0])
    assert gate.load(path) is None
    gate.store(path, run, "a reason")
    loaded = gate.load(path)
    assert loaded is not None
    assert loaded.made["why"] == "a reason" and loaded.made["who"]
    assert loaded.outcomes == gate.as_baseline(run).outcomes
    path.write_text("{}", "utf-8")
    with pytest.raises(InputError, match="no baseline"):
        gate.load(path)
