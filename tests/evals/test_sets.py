"""The question set and the claim set: what they quote must stand in the sample articles, word for word."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SEEDS = ROOT / "seeds"

ANSWERABLE_KINDS = {
    "factoid", "cross", "dated", "conflict", "story", "attribution", "opinion", "two-part", "two-articles",
    "followup", "misspelt", "keyword", "quantity", "why",
}  # fmt: skip
UNANSWERABLE_KINDS = {"near-miss", "off-topic"}


def load(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (ROOT / "evals" / name).read_text("utf-8").splitlines()]


def seed(name: str) -> str:
    # newline="" because offsets and quotes count the file as it is
    with (SEEDS / name).open(encoding="utf-8", newline="") as file:
        return file.read()


QUESTIONS = load("questions.jsonl")


def test_question_ids_and_questions_are_unique() -> None:
    assert len({q["id"] for q in QUESTIONS}) == len(QUESTIONS)
    alone = [(q["question"], json.dumps(q.get("history", []))) for q in QUESTIONS]
    assert len(set(alone)) == len(alone)


def test_every_kind_and_language_is_asked() -> None:
    kinds = Counter(q["kind"] for q in QUESTIONS)
    assert set(kinds) == ANSWERABLE_KINDS | UNANSWERABLE_KINDS
    assert min(kinds.values()) >= 5
    assert len(QUESTIONS) >= 160
    for language in ("en", "sv"):
        of_language = [q for q in QUESTIONS if q["lang"] == language]
        assert len(of_language) >= 60
        assert sum(not q["answerable"] for q in of_language) >= 10
    assert sum(not q["answerable"] for q in QUESTIONS) >= 35


def test_every_article_is_needed_by_some_question() -> None:
    gold = {file for q in QUESTIONS for group in q["gold_groups"] for file in group}
    assert gold == {path.name for path in SEEDS.iterdir()}


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda q: q["id"])
def test_question_rests_on_the_articles(question: dict[str, Any]) -> None:
    assert question["answerable"] == (question["kind"] in ANSWERABLE_KINDS)
    assert question["lang"] in ("en", "sv")
    assert all(len(turn) == 2 for turn in question.get("history", []))
    if not question["answerable"]:
        assert question["gold_groups"] == question["gold_quotes"] == question["answer_keys"] == []
        return
    quotes = [gold["quote"].casefold() for gold in question["gold_quotes"]]
    for gold in question["gold_quotes"]:
        assert gold["quote"] in seed(gold["file"])
        assert any(gold["file"] in group for group in question["gold_groups"])
    for group in question["gold_groups"]:
        assert any(gold["file"] in group for gold in question["gold_quotes"])
    for keys in question["answer_keys"]:
        assert any(key.casefold() in quote for key in keys for quote in quotes), keys
    for wrong in question["must_not"]:
        assert not any(wrong.casefold() in quote for quote in quotes), wrong


CLAIMS = load("claims.jsonl")
ERROR_KINDS = {
    "number", "unit", "date", "name", "negation", "attribution", "direction", "cause", "detail",
    "generalisation", "modality", "wrong_passage", "quote",
}  # fmt: skip
SWEDISH_SEEDS = {path.name for path in SEEDS.iterdir() if "och" in path.read_text("utf-8").split()}


def crosses_languages(claim: dict[str, Any]) -> bool:
    return all((p["file"] in SWEDISH_SEEDS) != (claim["lang"] == "sv") for p in claim["passages"])


def test_claims_are_unique_and_half_of_them_false() -> None:
    assert len({c["id"] for c in CLAIMS}) == len(CLAIMS) >= 150
    assert len({c["claim"] for c in CLAIMS}) == len(CLAIMS)
    false = sum(c["verdict"] == "unsupported" for c in CLAIMS)
    assert 0.45 <= false / len(CLAIMS) <= 0.55


def test_error_kinds_are_evenly_spread() -> None:
    kinds = Counter(c["kind"] for c in CLAIMS if c["kind"])
    assert set(kinds) == ERROR_KINDS
    assert max(kinds.values()) - min(kinds.values()) <= 1


def test_a_third_of_the_claims_cross_languages_and_that_gives_nothing_away() -> None:
    crossing = [c for c in CLAIMS if crosses_languages(c)]
    assert len(crossing) >= len(CLAIMS) / 3
    assert 0.4 <= sum(c["verdict"] == "unsupported" for c in crossing) / len(crossing) <= 0.6


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda c: c["id"])
def test_claim_is_checked_against_words_of_the_articles(claim: dict[str, Any]) -> None:
    assert (claim["verdict"] == "supported") == (claim["kind"] is None)
    assert claim["verdict"] in ("supported", "unsupported")
    assert claim["passages"]
    for passage in claim["passages"]:
        assert passage["quote"] in seed(passage["file"])
        assert claim["claim"] not in passage["quote"]
