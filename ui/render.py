"""Answers and articles as HTML. The one place where text becomes markup: every string goes through `_esc`.

Article text, questions and model output are data: nothing in them is read as HTML, Markdown, a link or a
template.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

from index.languages import cldr
from index.nouns import Article
from rag.nouns import Answer, Citation, Statement, Support
from ui import text as plain

_SHOWN = 30_000  # characters of a long article shown on each side of the quote

_THUMB = (
    '<svg viewBox="0 0 24 24" width="16" height="16" fill="none" stroke="currentColor" stroke-width="1.8"'
    ' stroke-linejoin="round" aria-hidden="true"><path d="M3 11h4v9H3zM7 11l4-8c1.6 0 2.7 1.1 2.7 2.6V9.5h5.2'
    'c1.3 0 2.300 1.2 2 2.5l-1.4 6.4c-.2.9-1 1.6-2 1.6H7"/></svg>'
)


@dataclass(frozen=True, slots=True)
class Turn:
    """One question on the page and what is known of its answer so far.

    limits: the filters it was asked with, in words; struck: show removed sentences struck through.
    """

    question: str
    statements: tuple[Statement, ...] = ()
    citations: tuple[Citation, ...] = ()
    answer: Answer | None = None
    error: str = ""
    verdict: str = ""
    limits: str = ""
    struck: bool = False


def language_name(code: str) -> str:
    return "language unknown" if code == "und" else cldr.name(code) or code


def masthead(articles: int, languages: Sequence[str], years: tuple[str, str] | None, text_goes: str) -> str:
    """Name, what is indexed, and where text goes."""
    held = [f"{articles:,} article{'s' * (articles != 1)}", ", ".join(map(language_name, languages))]
    if years:
        held.append(years[0] if years[0] == years[1] else f"{years[0]}–{years[1]}")
    line = " · ".join(_esc(part) for part in held if part) if articles else "Nothing is indexed yet"
    return (
        '<header class="masthead"><h1>Dossier</h1>'
        f'<p class="holdings">{line}</p>'
        '<p class="promise">Every sentence with the exact words it rests on</p>'
        f'<p class="goes">{_esc(text_goes)}</p></header>'
    )


def conversation(turns: Sequence[Turn], examples: Sequence[str] = ()) -> str:
    """All turns, or example questions before the first."""
    if not turns:
        buttons = "".join(f"<li>{_button('example', _esc(q), 'example', question=q)}</li>" for q in examples)
        return f'<div class="start"><p>Ask about the articles, for example:</p><ul>{buttons}</ul></div>'
    body = "".join(_turn(turn) for turn in turns)
    return f'<div class="talk" role="log" aria-live="polite" aria-label="Questions and answers">{body}</div>'


def reader(article: Article, start: int, end: int) -> str:
    """An article with the words [start, end) marked; the slice wins over any doubt about what was quoted."""
    start, end = max(0, min(start, len(article.text))), max(0, min(end, len(article.text)))
    first = max(min(article.body, start), start - _SHOWN)
    last = min(len(article.text), end + _SHOWN)
    cut_before = '<p class="cut">The article begins further up.</p>' if first > article.body else ""
    cut_after = '<p class="cut">The article goes on.</p>' if last < len(article.text) else ""
    text = (
        f"{_esc(article.text[first:start].lstrip())}"
        f'<mark id="quote" tabindex="-1">{_esc(article.text[start:end])}</mark>'
        f"{_esc(article.text[end:last].rstrip())}"
    )
    title = article.title or article.source
    return (
        f'<aside class="reader" aria-label="Article: {_esc(title)}">'
        f"{_button('close', '✕', 'close', 'Close the article')}"
        f"{_kicker(article)}"
        f'<h2 lang="{_esc(article.language)}">{_esc(title)}</h2>'
        f'<p class="byline">{_byline(article)}</p>'
        f'{cut_before}<div class="text" lang="{_esc(article.language)}">{text}</div>{cut_after}'
        f'<p class="file">{_esc(article.source)}</p></aside>'
    )


def problem(message: str) -> str:
    return f'<p class="problem" role="alert">{_esc(message)}</p>'


def _turn(turn: Turn) -> str:
    parts = [f'<h2 class="asked">{_esc(turn.question)}</h2>']
    if turn.limits:
        parts.append(f'<p class="understood">Limited to {_esc(turn.limits)}</p>')
    answer = turn.answer
    if answer is not None:
        parts.append(_answer(answer, turn))
    elif turn.error:
        parts.append(problem(turn.error))
    else:
        said = "".join(_statement(s, turn.citations, False, turn.struck) for s in turn.statements)
        parts.append(f'<div class="answer">{said}<p class="waiting">Reading the articles</p></div>')
    return f'<article class="turn">{"".join(parts)}</article>'


def _answer(answer: Answer, turn: Turn) -> str:
    parts = []
    if answer.standalone_question.strip() != answer.question.strip():
        parts.append(f'<p class="understood">Understood as: {_esc(answer.standalone_question)}</p>')
    shown = [s for s in answer.statements if turn.struck or s.support != "unsupported"]
    kinds = {s.support for s in shown}
    if answer.status == "answered" and shown:
        said = "".join(_statement(s, answer.citations, len(kinds) > 1, turn.struck) for s in shown)
        notes = "".join(f'<p class="note">{_esc(note)}</p>' for note in answer.notes)
        parts.append(f'<div class="answer" lang="{_esc(answer.language)}">{said}{notes}</div>')
    else:
        lines = [line for line in answer.text.splitlines() if line.strip()]
        first, rest = (lines[0], lines[1:]) if lines else ("", [])
        more = "".join(f'<p class="note">{_esc(line)}</p>' for line in rest)
        said = f'<p class="said">{_esc(first)}</p>{more}'
        parts.append(f'<div class="answer absent" lang="{_esc(answer.language)}">{said}</div>')
    if answer.citations:
        told = {_flat(s.text) for s in shown}
        listed = "".join(_source(c, quote=_flat(c.quote) not in told) for c in answer.citations)
        parts.append(f'<section class="sources"><h3>Sources</h3><ol>{listed}</ol></section>')
    if answer.nearest:
        listed = "".join(_source(c, quote=True) for c in answer.nearest)
        parts.append(
            '<details class="nearest" open><summary>Nearest passages, not an answer</summary>'
            f"<ol>{listed}</ol></details>"
        )
    parts.append(_foot(answer, kinds, turn.verdict))
    return "".join(parts)


def _statement(statement: Statement, citations: Sequence[Citation], badge: bool, struck: bool) -> str:
    cited = {c.number: c for c in citations}
    text = _esc(statement.text)
    if statement.support == "unsupported":
        if not struck:
            return ""
        reason = f' <span class="reason">{_esc(statement.reason)}</span>' if statement.reason else ""
        return f'<p class="said removed"><s>{text}</s>{reason}</p>'
    lead = f'<span class="lead">{_esc(statement.lead_in.rstrip(":"))}:</span> ' if statement.lead_in else ""
    marks = "".join(_mark(n, cited.get(n)) for n in statement.citations)
    label = f' <span class="badge {statement.support}">{statement.support}</span>' if badge else ""
    languages = {cited[n].language for n in statement.citations if n in cited}
    lang = f' lang="{_esc(languages.pop())}"' if statement.support == "quoted" and len(languages) == 1 else ""
    return f'<p class="said">{lead}<span{lang}>{text}</span> <span class="marks">{marks}</span>{label}</p>'


def _mark(number: int, citation: Citation | None) -> str:
    if citation is None:
        return f'<span class="mark">{number}</span>'
    return _open(citation, str(number), "mark", f"Source {number}: {plain.source_line(citation)}")


def _source(citation: Citation, quote: bool) -> str:
    """quote: whether to repeat the words, which a quoting answer has just shown."""
    c = citation
    words = f'<blockquote lang="{_esc(c.language)}">{_esc(c.quote)}</blockquote>' if quote else ""
    also = f'<p class="also">Also in {_esc(", ".join(c.also_in))}</p>' if c.also_in else ""
    return (
        f'<li value="{int(c.number)}">{_kicker(c)}'
        f'<span lang="{_esc(c.language)}">{_open(c, _esc(c.title or c.source), "title")}</span>'
        f'<p class="byline">{_byline(c)}</p>'
        f"{words}{also}</li>"
    )


def _foot(answer: Answer, kinds: set[Support], verdict: str) -> str:
    says = {
        frozenset({"quoted"}): ("quoted", "Quoted word for word"),
        frozenset({"supported"}): ("supported", "Checked against its sources"),
        frozenset({"quoted", "supported"}): ("supported", "Quoted or checked against its sources"),
    }.get(frozenset(kinds - {"unsupported"}))
    badge = f'<span class="badge {says[0]}">{says[1]}</span>' if answer.status == "answered" and says else ""
    model = (
        f'<span class="model">Written by {_esc(answer.model)}</span>'
        if answer.mode == "write" and answer.model
        else ""
    )
    buttons = _button("copy", "Copy", text=plain.completion(answer))
    for given, label in (("up", "Good answer"), ("down", "Bad answer")):
        pressed = "true" if given == verdict else "false"
        thumb = _button("feedback", _THUMB, "", label, answer=answer.id, verdict=given)
        buttons += thumb.replace("<button", f'<button aria-pressed="{pressed}"', 1)
    thanks = '<span class="thanks" role="status">Thank you, noted.</span>' if verdict else ""
    return f'<footer class="acts">{badge}{model}<span class="buttons">{thanks}{buttons}</span></footer>'


def _open(citation: Citation, inner: str, css: str, label: str = "") -> str:
    c = citation
    return _button("open", inner, css, label, article=c.article_id, start=str(c.start), end=str(c.end))


def _button(act: str, inner: str, css: str = "", label: str = "", **data: str) -> str:
    """inner: markup. What the button does and with what stands in data- attributes, read by `page.js`."""
    attributes = {"class": css, "title": label, "aria-label": label}
    attributes |= {"data-act": act} | {f"data-{name}": value for name, value in data.items()}
    written = "".join(f' {name}="{_esc(value)}"' for name, value in attributes.items() if value)
    return f'<button type="button"{written}>{inner}</button>'


def _kicker(of: Article | Citation) -> str:
    label = ' <span class="badge opinion">opinion</span>' if of.genre == "opinion" else ""
    return f'<p class="kicker">{_esc(of.publisher or "Publisher unknown")}{label}</p>'


def _byline(of: Article | Citation) -> str:
    parts = [of.author, plain.day(of.published, of.published_basis), language_name(of.language)]
    return " · ".join(_esc(part) for part in parts if part)


def _flat(text: str) -> str:
    return " ".join(text.split())


def _esc(text: str) -> str:
    return html.escape(text, quote=True)
