"""Answers, sources and verdicts as plain text: what the terminal shows and what a chat completion carries."""

from __future__ import annotations

import calendar
import textwrap
from collections.abc import Iterable, Sequence

from rag.nouns import Answer, Citation, Hit, Statement

SOURCES = "Sources:"


def day(published: str | None, basis: str = "stated") -> str:
    """`2018-01-22` as `22 January 2018`; month and year as precise as they are known."""
    if not published:
        return "date unknown"
    parts = published.split("-")
    words = [parts[0]]
    if len(parts) > 1 and parts[1].isdigit() and 1 <= int(parts[1]) <= 12:
        words.insert(0, calendar.month_name[int(parts[1])])
        if len(parts) > 2:
            words.insert(0, parts[2].lstrip("0"))
    return " ".join(words) + (" (inferred)" if basis == "inferred" else "")


def marks(numbers: Iterable[int]) -> str:
    return "".join(f"[{n}]" for n in numbers)


def sentence(statement: Statement) -> str:
    """A statement with its lead-in and marks, on one line."""
    lead = f"{statement.lead_in.rstrip(':')}: " if statement.lead_in else ""
    text = lead + " ".join(statement.text.split())
    return f"{text} {marks(statement.citations)}" if statement.citations else text


def source_line(citation: Citation) -> str:
    """Publisher, author, date, title, file: what is known of where a quote stands."""
    known = [citation.publisher or "publisher unknown", citation.author]
    known += [day(citation.published, citation.published_basis)]
    known += ["opinion" if citation.genre == "opinion" else None]
    title = f"“{citation.title}”" if citation.title else None
    return ", ".join(part for part in [*known, title] if part) + f" ({citation.source}, {citation.language})"


def sources(citations: Sequence[Citation]) -> str:
    """The numbered list under an answer, quotes included; one line per source."""
    lines = []
    for citation in citations:
        also = f" Also in: {', '.join(citation.also_in)}." if citation.also_in else ""
        quote = " ".join(citation.quote.split())
        lines.append(f"[{citation.number}] {source_line(citation)}: “{quote}”{also}")
    return "\n".join(lines)


def completion(answer: Answer) -> str:
    """An answer and its sources as one text, for clients that show nothing else."""
    if not answer.citations:
        return answer.text
    return f"{answer.text}\n\n{SOURCES}\n{sources(answer.citations)}"


def terminal(answer: Answer, width: int) -> str:
    """The answer as `dossier ask` prints it."""
    parts = []
    if answer.standalone_question.strip() != answer.question.strip():
        parts.append(_wrap(f"Understood as: {answer.standalone_question}", width))
    parts.append("\n".join(_wrap(line, width) for line in answer.text.splitlines()))
    if answer.citations:
        parts.append("Sources\n" + "\n".join(_source(c, width) for c in answer.citations))
    if answer.nearest:
        title = "Nearest passages (not an answer)"
        parts.append(title + "\n" + "\n".join(_source(c, width) for c in answer.nearest))
    return "\n\n".join(parts)


def verdicts(statements: Sequence[Statement], citations: Sequence[Citation], width: int) -> str:
    """A checked draft as `dossier verify` prints it."""
    lines = []
    for statement in statements:
        lines.append(_wrap(f"{statement.support:<12}{sentence(statement)}", width, " " * 12))
        if statement.reason:
            lines.append(_wrap(" " * 12 + f"({statement.reason})", width, " " * 12))
    counts = {
        kind: sum(s.support == kind for s in statements) for kind in ("quoted", "supported", "unsupported")
    }
    summary = ", ".join(f"{n} {kind}" for kind, n in counts.items())
    parts = ["\n".join(lines), f"{len(statements)} sentences: {summary}."]
    if citations:
        parts.append("Sources\n" + "\n".join(_source(c, width) for c in citations))
    return "\n\n".join(parts)


def found(hits: Sequence[Hit], names: dict[str, str], width: int, explain: bool) -> str:
    """Passages as `dossier search` prints them. names: article id -> what to call it."""
    blocks = []
    for rank, hit in enumerate(hits, 1):
        p = hit.passage
        lines = [f"{rank}. {hit.score:.3f}  {names[p.article_id]}  {p.start}-{p.end}  {p.language}"]
        if explain:
            lines.append("   " + "  ".join(f"{stage} {value:.3f}" for stage, value in hit.origin.items()))
        if hit.also_in:
            lines.append(_wrap(f"   Also in: {', '.join(hit.also_in)}", width, "   "))
        lines.append(_wrap("   " + " ".join(p.text.split()), width, "   "))
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def _source(citation: Citation, width: int) -> str:
    indent = " " * 5
    lines = [_wrap(f"{f'[{citation.number}]':<5}{source_line(citation)}", width, indent)]
    lines.append(_wrap(f"{indent}“{' '.join(citation.quote.split())}”", width, indent))
    if citation.also_in:
        lines.append(_wrap(f"{indent}Also in: {', '.join(citation.also_in)}", width, indent))
    return "\n".join(lines)


def _wrap(text: str, width: int, indent: str = "") -> str:
    return textwrap.fill(
        text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
