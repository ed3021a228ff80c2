"""Questions to be: drafted from the user's articles, read from a CSV table, or made of readers' verdicts.

What is drafted or comes from readers is a candidate, `"approved": false`, that no run asks until a person
says so (`approve`).
"""

from __future__ import annotations

import csv
import json
import random
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from evals.sets import load_set
from index.archive import Archive
from index.errors import InputError, StorageError
from index.figures import figures
from index.language import detect_question
from index.nouns import Article
from index.split import sentences
from index.words import stem, stop_stems
from rag.phrases import say
from rag.speaker import speaker

Row = dict[str, Any]

_WORDS = 9
_COLUMNS = "question, lang, kind, answerable, sources, answers, must_not, note"


def draft(archive: Archive, count: int) -> list[Row]:
    """Up to `count` candidates out of the articles, in turns, always the same for the same articles. With a
    language model it words the questions; otherwise they are keywords of the sentence. Raises ModelError."""
    by_article = [
        _asking(a, archive) for a in sorted(archive.catalogue.articles(text=True), key=lambda a: a.source)
    ]
    chance = random.Random(len(by_article))
    for rows in by_article:
        chance.shuffle(rows)
    turns = [
        row
        for n in range(max(map(len, by_article), default=0))
        for rows in by_article
        for row in rows[n : n + 1]
    ]
    chosen = turns[:count]
    for number, row in enumerate(chosen, 1):
        row["id"] = f"draft-{number:03d}"
    return [_worded(row, archive) for row in chosen]


def _asking(article: Article, archive: Archive) -> list[Row]:
    copies = sorted(
        {a.source for a in archive.catalogue.copies([article.story])[article.story]} | {article.source}
    )
    rows = []
    for start, end in sentences(article.text[article.body :], article.language):
        start, end = start + article.body, end + article.body
        quote = article.text[start:end]
        if not 8 <= len(quote.split()) <= 45:
            continue
        found = _answer(article, start, end)
        if found is None:
            continue
        answer, asks, kind = found
        words = _keywords(quote, answer, article.language)
        if len(words) < 3:
            continue
        rows.append(
            {
                "id": "",
                "question": say(asks, article.language, what=", ".join(words)),
                "lang": article.language,
                "kind": kind,
                "answerable": True,
                "gold_groups": [copies],
                "gold_quotes": [{"file": article.source, "quote": quote}],
                "answer_keys": [[answer]],
                "must_not": [],
                "approved": False,
            }
        )
    return rows


def _answer(article: Article, start: int, end: int) -> tuple[str, str, str] | None:
    """Words of the sentence that answer, what Dossier says to ask for them, and the kind of question."""
    quote = article.text[start:end]
    told = [f for f in figures(quote, article.language) if f.digits]
    for kinds, asks in ((("money", "percent", "amount"), "how_much"), (("year",), "which_year")):
        for figure in told:
            if figure.kind in kinds:
                return quote[figure.start : figure.end], asks, "factoid"
    name = speaker(article.text, start, end, article.language)
    return (name.split()[-1], "who_said", "attribution") if name else None


def _keywords(quote: str, answer: str, language: str) -> list[str]:
    rest = quote.replace(answer, " ")
    words = [w for w in re.findall(r"\w[\w’'-]+", rest) if stem(w, language) not in stop_stems(language)]
    return list(dict.fromkeys(words))[:_WORDS]


def _worded(row: Row, archive: Archive) -> Row:
    from rag.chat import chat_model

    model = chat_model(archive.settings.llm)
    if model is None:
        return row
    import prompts

    template = prompts.load("draft", {"fence", "language", "answer", "sentence"})
    told = template.substitute(
        fence=f"=== {secrets.token_hex(4)} ===",
        language=row["lang"],
        answer=row["answer_keys"][0][0],
        sentence=row["gold_quotes"][0]["quote"],
    )
    reply = "".join(model.chat([{"role": "user", "content": told}], {}, limit=80)).strip()
    usable = 8 <= len(reply) <= 300 and "\n" not in reply
    return row | {"question": reply} if usable else row


def read_csv(path: Path, languages: Mapping[str, int]) -> list[Row]:
    """Questions from a table with a head row. languages: language -> passages, for those whose `lang` is
    empty.

    `sources` and `answers`: alternatives are parted by `|`, what must all be there by `;`. Raises InputError
    naming the line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"The table {path} cannot be read ({error}).", "Give a CSV file in UTF-8."
        ) from error
    try:
        dialect: type[csv.Dialect] = csv.Sniffer().sniff(text.partition("\n")[0], ",;\t")
    except csv.Error:
        dialect = csv.excel
    reader = csv.DictReader(text.splitlines(), dialect=dialect)
    if "question" not in (reader.fieldnames or ()):
        raise InputError(f"The table {path} has no column `question`.", f"Its columns may be: {_COLUMNS}.")
    rows = []
    for line, told in enumerate(reader, 2):
        question = (told.get("question") or "").strip()
        if not question:
            raise InputError(f"{path} line {line} has no question.", "Fill it in or remove the line.")
        sources, answers = _groups(told.get("sources")), _groups(told.get("answers"))
        said = (told.get("answerable") or "").strip().lower()
        rows.append(
            {
                "id": (told.get("id") or "").strip() or f"{path.stem}-{line - 1:03d}",
                "question": question,
                "lang": (told.get("lang") or "").strip() or detect_question(question, dict(languages)),
                "kind": (told.get("kind") or "").strip() or "factoid",
                "answerable": bool(sources or answers)
                if not said
                else said in ("1", "true", "yes", "ja", "y", "x"),
                "gold_groups": sources,
                "gold_quotes": [],
                "answer_keys": answers,
                "must_not": [w for group in _groups(told.get("must_not")) for w in group],
                "note": (told.get("note") or "").strip(),
            }
        )
    return rows


def _groups(cell: str | None) -> list[list[str]]:
    groups = [[w.strip() for w in group.split("|") if w.strip()] for group in (cell or "").split(";")]
    return [group for group in groups if group]


def from_feedback(path: Path) -> list[Row]:
    """Candidates out of `feedback.jsonl`: a praised answer with its sources as gold; of a blamed one only the
    question, with what the reader says in `note`: its gold is to be filled in."""
    if not path.is_file():
        raise InputError(
            f"There is no feedback yet ({path}).", "Thumbs on the page and the endpoint collect it."
        )
    rows: dict[str, Row] = {}
    for told in _lines(path):
        if not isinstance(told.get("question"), str) or not isinstance(told.get("answer_id"), str):
            continue
        praised = told.get("verdict") == "up"
        cited = told.get("citations") or []
        sources = list(dict.fromkeys(c["source"] for c in cited)) if praised else []
        rows[f"feedback-{told['answer_id'][:12]}"] = {
            "question": told["question"],
            "lang": told.get("language") or "und",
            "kind": "feedback",
            "answerable": not (praised and told.get("status") == "not_found"),
            "gold_groups": [[source] for source in sources],
            "gold_quotes": [{"file": c["source"], "quote": c["quote"]} for c in cited] if praised else [],
            "answer_keys": [],
            "must_not": [],
            "note": " ".join(filter(None, (f"{told.get('verdict')} {told.get('at')}:", told.get("comment")))),
            "approved": False,
        }
    return [{"id": key, **row} for key, row in rows.items()]


def _lines(path: Path) -> Iterator[Row]:
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            told = json.loads(line)
        except json.JSONDecodeError:
            continue  # the last line of a process that was killed while it wrote
        if isinstance(told, dict):
            yield told


def add(path: Path, rows: Iterable[Row]) -> int:
    """Append those rows whose id the set does not have yet; returns how many. Raises StorageError,
    InputError."""
    known = {row["id"] for row in _lines(path)} if path.is_file() else set()
    new = [row for row in rows if row["id"] not in known]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in new)
    except OSError as error:
        raise StorageError(
            f"The set {path} cannot be written ({error.strerror}).", "Name another file."
        ) from error
    load_set(path)
    return len(new)


def approve(candidates: Path, ids: Sequence[str], into: Path) -> int:
    """Move candidates into a set, approved; no ids: those marked `"approved": true` by hand. Returns how
    many.

    Raises InputError when an id is not there.
    """
    rows = list(_lines(candidates)) if candidates.is_file() else []
    if unknown := set(ids) - {row["id"] for row in rows}:
        raise InputError(f"{candidates} has no candidate {sorted(unknown)[0]}.", "Its lines have the ids.")
    chosen = [row for row in rows if (row["id"] in ids if ids else row.get("approved") is True)]
    rest = [row for row in rows if row not in chosen]
    count = add(into, [{k: v for k, v in row.items() if k != "approved"} for row in chosen])
    if into != candidates:
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rest)
        candidates.write_text(text, encoding="utf-8")
    return count
