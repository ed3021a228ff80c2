"""Each metric on small cases whose value is known by hand."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals import metrics
from evals.sets import Item
from rag.nouns import Answer, Citation, Statement, Status

ITEM = Item(
    "q",
    "How large?",
    "en",
    "factoid",
    True,
    (("a.txt", "copy.txt"), ("b.txt",)),
    (),
    (("9.2 billion",),),
    ("1.1 billion",),
)
NO_ANSWER = Item("n", "Who won?", "en", "off-topic", False)


def citation(
    number: int, source: str, quote: str = "It is 9.2 billion.", start: int = 0, **more: object
) -> Citation:
    return Citation(number, source, source, quote, start, start + len(quote), **more)  # type: ignore[arg-type]


def answer(
    text: str, *statements: Statement, cited: tuple[Citation, ...] = (), confidence: float = 0.9
) -> Answer:
    status: Status = "answered" if text else "not_found"
    return Answer(
        "id", "q", "q", status, text, statements, cited, (), "quote", None, "en", confidence=confidence
    )


def born_out(statement: str, cited: object) -> bool:
    return any(statement in c.quote for c in cited)  # type: ignore[attr-defined]


def test_retrieval_counts_a_gold_group_once() -> None:
    found = [
        frozenset({"x.txt"}),
        frozenset({"a.txt", "copy.txt"}),
        frozenset({"copy.txt"}),
        frozenset({"b.txt"}),
    ]
    values = metrics.retrieval(ITEM, found)
    ideal = 1 + 1 / math.log2(3)
    assert values == pytest.approx(
        {"recall": 1, "recall@1": 0, "recall@5": 1, "mrr": 1 / 2,
         "ndcg": (1 / math.log2(3) + 1 / math.log2(5)) / ideal}
    )  # fmt: skip


def test_retrieval_of_nothing_is_worth_nothing() -> None:
    assert set(metrics.retrieval(ITEM, []).values()) == {0.0}
    assert metrics.retrieval(NO_ANSWER, []) == {}


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("It was 9.2 Billion.", 1.0),
        ("It was 9.2 billion or 1.1 billion.", 0.0),
        ("It was 5.", 0.0),
        ("", 0.0),
    ],
)
def test_accuracy_wants_every_key_and_nothing_wrong(text: str, right: float) -> None:
    values = metrics.answers(ITEM, answer(text))
    assert values["accuracy"] == right
    assert values["answered"] == float(bool(text))
    assert values["calibration"] == pytest.approx(1 - 0.1**2)


def test_abstaining_is_right_where_nothing_answers() -> None:
    assert metrics.answers(NO_ANSWER, answer("", confidence=0.0)) == {"calibration": 1.0, "abstained": 1.0}
    assert metrics.answers(NO_ANSWER, answer("China won."))["abstained"] == 0.0


def test_citation_recall_and_precision_follow_alce() -> None:
    right, idle = citation(1, "a.txt"), citation(2, "b.txt", "Something else.")
    said = answer(
        "x",
        Statement("It is 9.2 billion.", (1, 2), "supported"),
        Statement("Made up.", (2,), "supported"),
        Statement("Left out.", (), "unsupported"),
        cited=(right, idle),
    )
    values = metrics.citations(ITEM, said, born_out, {})
    assert values["citation_recall"] == 1 / 2
    assert values["citation_precision"] == 1 / 3  # [1] serves; [2] is idle in the first, wrong in the second
    assert values["gold_recall"] == 1.0
    assert values["gold_precision"] == 1 / 2


def test_gold_is_hit_by_overlap_with_a_gold_quote_or_by_a_key_in_a_gold_source() -> None:
    one = answer("x", Statement("x", (1,), "quoted"), cited=(citation(1, "b.txt", "other words", start=40),))
    assert metrics.citations(ITEM, one, born_out, {"b.txt": [(50, 90)]})["gold_precision"] == 1.0
    assert metrics.citations(ITEM, one, born_out, {"b.txt": [(51, 90)]})["gold_precision"] == 0.0
    elsewhere = answer("x", Statement("x", (1,), "quoted"), cited=(citation(1, "z.txt"),))
    assert metrics.citations(ITEM, elsewhere, born_out, {})["gold_precision"] == 0.0


def test_copy_named_in_also_in_counts_as_cited() -> None:
    copied = answer("x", Statement("x", (1,), "quoted"), cited=(citation(1, "c.txt", also_in=("a.txt",)),))
    assert metrics.citations(ITEM, copied, born_out, {})["gold_recall"] == 1 / 2


def test_one_story_wants_copies_named_and_not_cited_twice() -> None:
    copies = [frozenset({"a.txt", "copy.txt"})]
    assert metrics.one_story([citation(1, "a.txt", also_in=("copy.txt",))], copies) == 1.0
    assert metrics.one_story([citation(1, "a.txt")], copies) == 0.0
    both = [citation(1, "a.txt", also_in=("copy.txt",)), citation(2, "copy.txt", also_in=("a.txt",))]
    assert metrics.one_story(both, copies) == 0.0
    assert metrics.one_story([citation(1, "b.txt")], copies) is None


@pytest.mark.parametrize(
    ("as_of", "lead_in", "right"),
    [("2021", "Ledger, 2023", True), ("2023-01-26", "Ledger, January 2023", True), (None, "Ledger", False),
     ("1999", "Ledger, 2023", False), ("2023", "Ledger, undated", False)],
)  # fmt: skip
def test_dated_wants_a_year_that_the_quote_or_the_article_has(
    as_of: str | None, lead_in: str, right: bool
) -> None:
    cited = [citation(1, "a.txt", "It was more in 2021.")]
    said = Statement("It was more in 2021.", (1,), "quoted", lead_in=lead_in, as_of=as_of)
    assert metrics.dated(said, cited, "2023-01-26", True) is right


def test_dated_does_not_apply_where_nothing_tells_a_year() -> None:
    said = Statement("It grew.", (1,), "quoted", lead_in="Ledger, undated")
    assert metrics.dated(said, [citation(1, "a.txt", "It grew.")], None, True) is None
    assert metrics.dated(said, [citation(1, "a.txt", "It grew in 2020.")], None, True) is False


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("---\ntitle: x\ndate: 2024-11-15\n---\n", "2024-11-15"),
        (" date 2023-01-26 Xi did", "2023-01-26"),
        ("no", None),
    ],
)
def test_stated_date(text: str, date: str | None) -> None:
    assert metrics.stated_date(text) == date


def test_abstention_by_hand() -> None:
    pairs = [(False, False)] * 6 + [(False, True)] * 2 + [(True, False)] * 3 + [(True, True)] * 9
    found = metrics.abstention(pairs)
    assert found["precision"][0] == pytest.approx(6 / 9)
    assert found["recall"][0] == pytest.approx(6 / 8)
    assert found["f1"][0] == pytest.approx(12 / 17)
    assert all(low <= value <= high for value, low, high in found.values())
    assert found == metrics.abstention(pairs)


@given(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=1, max_size=60))
def test_interval_is_the_same_each_time_and_within_the_values(values: list[float]) -> None:
    low, high = metrics.interval(values, 200)
    assert min(values) <= low <= high <= max(values)
    assert (low, high) == metrics.interval(values, 200)
