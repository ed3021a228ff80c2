"""Questions to be: drafted, imported, out of feedback, approved."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evals import draft
from evals.sets import load_set
from index.archive import Archive
from index.errors import InputError


def rows(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_drafts_rest_on_the_articles_and_are_asked_only_when_approved(
    archive: Archive, tmp_path: Path
) -> None:
    made = draft.draft(archive, 20)
    assert len(made) == 20 and made == draft.draft(archive, 20)
    assert {"en", "sv"} == {row["lang"] for row in made}
    texts = {a.source: a.text for a in archive.catalogue.articles(text=True)}
    for row in made:
        (gold,) = row["gold_quotes"]
        assert gold["quote"] in texts[gold["file"]]
        assert all(source in texts for source in row["gold_groups"][0])
    out, own = tmp_path / "candidates.jsonl", tmp_path / "mine.jsonl"
    assert draft.add(out, made) == 20 and draft.add(out, made) == 0
    assert load_set(out) == []
    assert draft.approve(out, ["draft-001", "draft-003"], own) == 2
    assert [item.id for item in load_set(own)] == ["draft-001", "draft-003"]
    assert len(rows(out)) == 18
    with pytest.raises(InputError, match="draft-001"):
        draft.approve(out, ["draft-001"], own)


def test_candidates_marked_by_hand_are_approved(tmp_path: Path) -> None:
    out, own = tmp_path / "c.jsonl", tmp_path / "mine.jsonl"
    kept = {"id": "a", "question": "Why?", "lang": "en", "approved": True}
    out.write_text(
        "\n".join(json.dumps(r) for r in (kept, {**kept, "id": "b", "approved": False})) + "\n", "utf-8"
    )
    assert draft.approve(out, [], own) == 1
    assert [item.id for item in load_set(own)] == ["a"]


def test_csv_of_any_delimiter_becomes_a_set(tmp_path: Path) -> None:
    table = tmp_path / "mine.csv"
    table.write_text(
        "\ufeffquestion;lang;sources;answers;answerable\n"
        'How large is it?;en;a.txt|b.txt;"66 billion|66 miljarder;yuan";\n'
        "Hur stor är den svenska krediten till länderna?;;;;nej\n",
        "utf-8",
    )
    first, second = draft.read_csv(table, {"en": 5, "sv": 5})
    assert first["gold_groups"] == [["a.txt", "b.txt"]]
    assert first["answer_keys"] == [["66 billion", "66 miljarder"], ["yuan"]]
    assert first["answerable"] and not second["answerable"]
    assert second["lang"] == "sv"
    out = tmp_path / "set.jsonl"
    assert draft.add(out, [first, second]) == 2 and len(load_set(out)) == 2


@pytest.mark.parametrize(("text", "says"), [("a,b\n1,2\n", "no column"), ("question,lang\n,en\n", "line 2")])
def test_csv_that_cannot_be_used_says_why(tmp_path: Path, text: str, says: str) -> None:
    table = tmp_path / "mine.csv"
    table.write_text(text, "utf-8")
    with pytest.raises(InputError, match=says):
        draft.read_csv(table, {})


def test_feedback_becomes_candidates(tmp_path: Path) -> None:
    log, out = tmp_path / "feedback.jsonl", tmp_path / "c.jsonl"
    told = {
        "at": "2026-01-01", "answer_id": "abcdef0123456789", "verdict": "up",
        "comment": None, "question": "How?",
        "answer": "So.", "status": "answered", "language": "en",
        "citations": [{"source": "a.txt", "quote": "So."}],
    }  # fmt: skip
    blamed = {**told, "answer_id": "b" * 32, "verdict": "down", "comment": "wrong year"}
    log.write_text(f"{json.dumps(told)}\n{json.dumps(blamed)}\n{{half a li", "utf-8")
    assert draft.add(out, draft.from_feedback(log)) == 2
    up, down = rows(out)
    assert up["gold_groups"] == [["a.txt"]] and up["approved"] is False
    assert down["gold_groups"] == [] and "wrong year" in str(down["note"])
    with pytest.raises(InputError, match="no feedback"):
        draft.from_feedback(tmp_path / "none.jsonl")
