"""The public sets, rebuilt from a made-up tree of sources."""

from __future__ import annotations

import gzip
import json
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest

from rag.training import public

FERRY = "The ferry to Holm sails at noon. It seats forty."
FÄRJAN = "Färjan till Holm går klockan tolv. Den har fyrtio platser."


def squad(title: str, text: str, *asked: tuple[str, str, str]) -> dict[str, Any]:
    """An article in SQuAD's format: key, question, answer ("" for none)."""
    qas = [
        {
            "id": key,
            "question": question,
            "answers": [{"text": words, "answer_start": text.find(words)}] if words else [],
            "is_impossible": not words,
        }
        for key, question, words in asked
    ]
    return {"title": title, "paragraphs": [{"context": text, "qas": qas}]}


def put(sources: Path, repository: str, path: str, content: str | bytes) -> None:
    file = public.checkout(sources, repository) / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content if isinstance(content, bytes) else content.encode())


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).decode().splitlines()]


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """Every repository, nearly all of them empty."""
    folder = tmp_path / "sources"
    for source in public.SOURCES:
        public.checkout(folder, source.repository).mkdir(parents=True, exist_ok=True)
    english = [
        squad("Ferry", FERRY, ("f1", "When does it sail? ", "noon"), ("f2", "Who built it?", "")),
        squad("Normans", "The Normans sailed too.", ("n1", "Who sailed?", "The Normans")),
    ]
    swedish = [
        squad("Färja", FÄRJAN, ("f1", "När går den?", "tolv")),
        squad("Normander", "Normanderna seglade också.", ("n1", "Vilka seglade?", "Normanderna")),
    ]
    put(folder, "rajpurkar/SQuAD-explorer", "dataset/dev-v2.0.json", json.dumps({"data": english}))
    packed = gzip.compress(json.dumps({"data": swedish}).encode())
    put(folder, "susumu2357/SQuAD_v2_sv", "squad_dev_v2_sv.json.gz", packed)
    row = 'premise,hypothesis,label\n"The ferry,  at noon, left.",It sailed. ,entailment\n'
    put(folder, public.NLI, "nli_datasets/mnli/dev.csv", row + row.split("\n", 1)[1])
    return folder


def test_what_is_missing_is_told_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert public.main(["--sources", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    told = capsys.readouterr().out.splitlines()
    assert len(told) == len({source.repository for source in public.SOURCES})
    assert any(line.startswith("git clone https://github.com/ltgoslo/NorQuAD ") for line in told)
    assert any("mlqa (CC BY-SA 3.0)" in line and "pawsx" in line for line in told)
    assert not (tmp_path / "out").exists()


def test_sets_in_one_form(sources: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        public.main(["--sources", str(sources), "--out", str(tmp_path / "out")]) == 1
    )  # most sets have no files
    texts = lines(tmp_path / "out" / "reading-contexts.jsonl.gz")
    assert texts == [
        {"context": 0, "text": FERRY},
        {"context": 1, "text": FÄRJAN},
    ]  # no Normans in any language
    asked = lines(tmp_path / "out" / "reading-questions.jsonl.gz")
    assert [(q["set"], q["context"], q["question"], q["answers"]) for q in asked] == [
        ("squad2", 0, "When does it sail?", [[27, "noon"]]),
        ("squad2", 0, "Who built it?", []),
        ("squad2", 1, "När går den?", [[29, "tolv"]]),
        ("squad2-cross", 0, "När går den?", [[27, "noon"]]),
        ("squad2-cross", 1, "When does it sail?", [[29, "tolv"]]),
    ]
    assert {q["group"] for q in asked} == {"Ferry"}
    assert [(q["question_language"], q["context_language"]) for q in asked[-2:]] == [
        ("sv", "en"),
        ("en", "sv"),
    ]
    claims = lines(tmp_path / "out" / "claims.jsonl.gz")
    assert claims == [
        {
            "set": "mnli",
            "evidence": "The ferry, at noon, left.",
            "claim": "It sailed.",
            "label": "supported",
            "evidence_language": "en",
            "claim_language": "en",
        }
    ]
    told = capsys.readouterr().out
    assert "left out: norquad, for want of data/annotation/news/answers_1.json of ltgoslo+NorQuAD" in told
    assert "5 questions" in told
    assert "1 claims" in told


def test_the_same_sources_make_the_same_bytes(sources: Path, tmp_path: Path) -> None:
    for out in ("one", "two"):
        public.main(["--sources", str(sources), "--out", str(tmp_path / out)])
    for file in (tmp_path / "one").iterdir():
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes()


def test_a_file_is_read_from_a_bare_repository_and_from_a_branch(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        who = ("-c", "user.name=A", "-c", "user.email=a@b.c")
        subprocess.run(["git", "-C", tmp_path / "work", *who, *arguments], check=True, capture_output=True)

    (tmp_path / "work").mkdir()
    git("init", "-b", "main")
    for branch, text in (("main", "one"), ("other", "två")):
        (tmp_path / "work" / "a.txt").write_text(text, encoding="utf-8")
        git("checkout", "-B", branch)
        git("add", "a.txt")
        git("commit", "-m", branch)
    git("checkout", "main")
    git("clone", "--bare", ".", str(tmp_path / "bare"))
    git("clone", ".", str(tmp_path / "clone"))
    for folder in (tmp_path / "bare", tmp_path / "clone"):
        assert public.read(folder, "a.txt") == "one"
        assert public.read(folder, "a.txt", "other") == "två"
    with pytest.raises(FileNotFoundError):
        public.read(tmp_path / "bare", "b.txt")


def test_an_answer_that_is_elsewhere_is_found_as_whole_words() -> None:
    text = "Nobody announced it. Sima said no, Sima did."
    assert public.placed(text, [(10, "Sima")]) == ((21, "Sima"),)
    assert public.placed(text, [(-1, "no")]) == ((31, "no"),)
    assert public.placed(text, [(-1, "nounce"), (-1, "")]) == ()


def test_xquad_has_three_languages_to_a_text_in_one_of_the_big_ones() -> None:
    def asked(language: str) -> public.Asking:
        return public.Asking("xquad", "g", language, f"? {language}", ((0, "a"),), language, language, "k")

    questions = [asked(language) for language in public.XQUAD_LANGUAGES]
    pairs = list(public.xquad_pairs(questions, [asked("sv"), asked("fr")], random.Random(1)))
    over = [p.context_language for p in pairs]
    assert [over.count(language) for language in public.XQUAD_LANGUAGES] == [3, 3, 3, 1, 1]
    assert "fr" not in {p.question_language for p in pairs}
    assert all(p.question == f"? {p.question_language}" and p.text == p.context_language for p in pairs)


def test_paws_leaves_out_what_was_never_translated() -> None:
    rows = {"en": "A b .\tB a .\t0\nC .\tD .\t1\n", "de": "A b.\tB a.\t0\nNS\tD.\t1\n"}
    texts = [rows.get(language, rows["en"]) for language in public.PAWSX_LANGUAGES]
    found = list(public.pawsx("pawsx", texts))
    assert [c.label for c in found if c.set == "pawsx" and c.claim_language == "de"] == ["not_supported"]
    assert not [c for c in found if "NS" in (c.evidence, c.claim)]
    assert all(c.evidence_language != c.claim_language for c in found if c.set == "pawsx-cross")
