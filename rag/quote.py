"""The quoting answer: the sentences of the articles that answer, word for word, and nothing else.

Which sentences: the best one; then others, up to the setting, that answer nearly as well and add something: another
part of the question, another year's or another source's figure. Copies of one wire story are one source. When the
chosen sentences come from articles of different dates and give different figures, the newest comes first.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from index.archive import Archive
from index.nouns import Article
from rag.evidence import Candidate, similar
from rag.nouns import Citation, Statement
from rag.phrases import say, shown_date
from rag.question import Question
from rag.sentence import Sentence

_NEARLY = 0.85  # a further sentence must reach this share of the best one's score: 1.8 sentences on league and summit
_SAME = 0.92  # sentences closer in meaning than this say the same


@dataclass(frozen=True, slots=True)
class Quoted:
    """statements and citations belong together one to one; missing: the parts of the question nothing answers."""

    statements: tuple[Statement, ...]
    citations: tuple[Citation, ...]
    missing: tuple[str, ...]
    differ: bool


def quote(
    question: Question,
    ranked: Sequence[Candidate],
    by_part: Sequence[tuple[str, Sequence[Candidate]]],
    archive: Archive,
    most: int,
) -> Quoted:
    """ranked: sentences for the whole question, best first; by_part: (part, its sentences) of a two-part question."""
    chosen, missing = _choose(ranked, by_part, most)
    differ = _differ(question, chosen)
    if differ or question.latest:
        chosen.sort(key=lambda c: c.article.published or "", reverse=True)
    citations = tuple(
        cite(c.article, c.sentence.start, c.sentence.end, n, archive, c.answer)
        for n, c in enumerate(chosen, 1)
    )
    statements, before = [], ""
    for n, c in enumerate(chosen, 1):
        lead = lead_in(c.article, c.sentence, question.language)
        shown = "" if lead == before else lead  # a source that several sentences share is named once
        before = lead
        text = " ".join(c.sentence.text.split())
        statements.append(Statement(text, (n,), "quoted", "", shown, as_of(c.article, c.sentence)))
    return Quoted(tuple(statements), citations, tuple(missing), differ)


def _choose(
    ranked: Sequence[Candidate], by_part: Sequence[tuple[str, Sequence[Candidate]]], most: int
) -> tuple[list[Candidate], list[str]]:
    chosen: list[Candidate] = []
    missing = []
    for part, found in by_part:
        best = next((c for c in found if c.features.kind >= 0.5 or c.features.kind == 0.5), None)
        if best is None or best.score < 0.15:
            missing.append(part)
        elif not _said(best, chosen):
            chosen.append(best)
    if not chosen and ranked:
        chosen.append(ranked[0])
    top = max((c.score for c in chosen), default=0.0)
    # another story's sentence comes before a second one of the same: it may know better
    elsewhere = {c.article.story for c in chosen}
    order = sorted(ranked, key=lambda c: -(c.score * (1.0 if c.article.story not in elsewhere else 0.75)))
    for candidate in order:
        if len(chosen) >= most or candidate.score < _NEARLY * top:
            continue
        if not _said(candidate, chosen):
            chosen.append(candidate)
    return chosen[:most], missing


def _said(candidate: Candidate, chosen: Sequence[Candidate]) -> bool:
    """Whether a chosen sentence says the same already."""
    mine = set(re.findall(r"\w+", candidate.sentence.text.lower()))
    for other in chosen:
        theirs = set(re.findall(r"\w+", other.sentence.text.lower()))
        shared = len(mine & theirs) / max(1, min(len(mine), len(theirs)))
        if candidate is other or shared > 0.75:
            return True
        if (
            candidate.article.story == other.article.story
            and candidate.article.id != other.article.id
            and shared > 0.5
        ):
            return True
        numbers = {f.value for f in candidate.sentence.figures}
        known = {f.value for f in other.sentence.figures}
        if similar(candidate, other) > _SAME and numbers <= known:
            return True
    return False


def _differ(question: Question, chosen: Sequence[Candidate]) -> bool:
    """Whether the chosen sentences, of different stories, give different figures for what was asked."""
    if (
        question.wanted not in ("amount", "count", "share", "duration", "date")
        or len({c.article.story for c in chosen}) < 2
    ):
        return False
    # a figure of something else is no contradiction
    if any(c.score < 0.5 * chosen[0].score or similar(c, chosen[0]) < 0.3 for c in chosen[1:]):
        return False
    told = [{(f.value, f.unit) for f in c.sentence.figures if f.kind != "ordinal"} for c in chosen]
    return any(a and b and not a & b for a in told for b in told)


def cite(
    article: Article,
    start: int,
    end: int,
    number: int,
    archive: Archive,
    answer: tuple[int, int] | None = None,
) -> Citation:
    """A citation of article.text[start:end]. answer: where in the article the words are that answer."""
    copies = [
        a.source for a in archive.catalogue.copies([article.story])[article.story] if a.id != article.id
    ]
    return Citation(
        number=number,
        article_id=article.id,
        source=article.source,
        quote=article.text[start:end],
        start=start,
        end=end,
        title=article.title,
        publisher=article.publisher,
        author=article.author,
        published=article.published,
        published_basis=article.published_basis,
        language=article.language,
        genre=article.genre,
        also_in=tuple(copies),
        answer_start=answer[0] if answer else None,
        answer_end=answer[1] if answer else None,
    )


def lead_in(article: Article, sentence: Sentence, language: str) -> str:
    """Who and when, from what is known: "Reuters, January 2018, Chinese Foreign Minister Wang Yi"."""
    said_by = sentence.speaker
    # a speaker whom the sentence itself names is not said twice
    if said_by and any(part in sentence.text for part in said_by.split()[-2:]):
        said_by = None
    who = article.publisher or article.author or article.title or first_words(article)
    if article.genre == "opinion":
        who = f"{who} ({say('opinion', language)}{', ' + article.author if article.author and article.author != who else ''})"
    when = shown_date(article.published, language) or say("undated", language)
    return ", ".join(filter(None, (who, when, said_by)))


def first_words(article: Article) -> str:
    """What an article without publisher, author and title is called: “Kina stärker sina allianser …”."""
    words = article.text[article.body :].split()
    return f"“{' '.join(words[:5])} …”" if words else article.source


def as_of(article: Article, sentence: Sentence) -> str | None:
    """When a sentence is true of, or was said: the one date it names itself, or else the article's."""
    dates = {m.iso() for m in sentence.dates if m.year}
    years = {str(year) for year in sentence.years}
    if len(dates) == 1 and len(years) <= 1:
        return dates.pop()
    if len(years) == 1:
        return years.pop()
    return article.published
