"""Question and claim sets, in the form of DESIGN.md section 4: one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from index.errors import InputError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Item:
    """One question. gold_groups: of each inner list one source must be cited; answer_keys: of each inner list
    one text must stand in the answer; history: earlier (question, answer) turns."""

    id: str
    question: str
    lang: str
    kind: str
    answerable: bool
    gold_groups: tuple[tuple[str, ...], ...] = ()
    gold_quotes: tuple[tuple[str, str], ...] = ()
    answer_keys: tuple[tuple[str, ...], ...] = ()
    must_not: tuple[str, ...] = ()
    history: tuple[tuple[str, str], ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Claim:
    """One sentence for the verifier, with the (file, quote) passages it is checked against.

    kind: how it is false.
    """

    id: str
    lang: str
    claim: str
    passages: tuple[tuple[str, str], ...]
    supported: bool
    kind: str | None = None


def load_set(path: Path) -> list[Item]:
    """The questions of a set, without candidates (`"approved": false`). Raises InputError naming the wrong
    line."""
    return [_item(row, path, n) for n, row in _rows(path) if row.get("approved") is not False]


def load_claims(path: Path) -> list[Claim]:
    return [
        Claim(
            row["id"], row["lang"], row["claim"], tuple((p["file"], p["quote"]) for p in row["passages"]),
            row["verdict"] == "supported", row.get("kind"),
        )
        for _, row in _rows(path)
    ]  # fmt: skip


LANGUAGES = ("en", "sv", "de", "es", "fr")


def load_archive(folder: Path, each: int = len(LANGUAGES)) -> tuple[list[Item], list[Claim]]:
    """An archive's questions and claims (`evals/news/README.md` has their form), every question in `each` of its five
    languages, by turns. Of questions with one gold sentence, any of `also` answers as well. Raises InputError."""
    items = []
    for n, (_, row) in enumerate(_rows(folder / "questions.jsonl")):
        gold = row["gold"]
        also = row["also"] if len(gold) == 1 else []
        for code in (LANGUAGES[(n + k) % len(LANGUAGES)] for k in range(each)):
            items.append(
                Item(
                    id=f"{folder.name}-{row['id']}-{code}",
                    question=row["questions"][code],
                    lang=code,
                    kind=row["kind"],
                    answerable=row["answerable"],
                    gold_groups=tuple(tuple(sorted({g["file"], *(a["file"] for a in also)})) for g in gold),
                    gold_quotes=tuple((g["file"], g["quote"]) for g in [*gold, *also]),
                    answer_keys=tuple((g["answer"], *(a["answer"] for a in also)) for g in gold),
                    note=row.get("note") or "",
                )
            )
    claims = [
        Claim(
            f"{folder.name}-{row['id']}-{code}", code, text, ((row["file"], row["quote"]),), row["supported"],
            row.get("error") or None,
        )
        for _, row in _rows(folder / "claims.jsonl")
        for code, text in row["claims"].items()
    ]  # fmt: skip
    return items, claims


def spread(rows: Sequence[T], limit: int) -> list[T]:
    """At most `limit` of the rows, evenly spread over them, always the same ones."""
    if len(rows) <= limit:
        return list(rows)
    return [rows[i * len(rows) // limit] for i in range(limit)]


def _item(row: Mapping[str, Any], path: Path, line: int) -> Item:
    try:
        return Item(
            id=str(row["id"]),
            question=row["question"],
            lang=row["lang"],
            kind=row.get("kind", "factoid"),
            answerable=bool(row.get("answerable", True)),
            gold_groups=tuple(tuple(group) for group in row.get("gold_groups") or ()),
            gold_quotes=tuple((q["file"], q["quote"]) for q in row.get("gold_quotes") or ()),
            answer_keys=tuple(tuple(keys) for keys in row.get("answer_keys") or ()),
            must_not=tuple(row.get("must_not") or ()),
            history=tuple((turn[0], turn[1]) for turn in row.get("history") or ()),
            note=row.get("note") or "",
        )
    except (KeyError, TypeError, IndexError) as error:
        raise InputError(
            f"{path} line {line} is no question ({type(error).__name__}: {error}).",
            "A line needs at least id, question and lang; see the docs of the question-set format.",
        ) from error


def _rows(path: Path) -> list[tuple[int, dict[str, Any]]]:
    rows = []
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"The set {path} cannot be read ({error.strerror}).", "Check the path.") from error
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            rows.append((number, json.loads(line)))
        except json.JSONDecodeError as error:
            raise InputError(
                f"{path} line {number} is not JSON ({error}).", "Mend or remove the line."
            ) from error
    return rows
