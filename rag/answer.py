"""`ask`: the one function that answers a question. Command line, page, endpoint and evals only present what it returns."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from index.archive import Archive
from index.catalogue import Vector
from index.errors import EmptyIndexError, ModelError
from index.figures import figures
from index.nouns import Filters
from index.words import fold, in_dictionary
from rag import phrases
from rag.evidence import Candidate, answer_features, candidates, judge
from rag.nouns import Answer, Citation, Hit, Mode, Statement
from rag.question import Question, part, understand
from rag.quote import cite, quote
from rag.retrieve import look, rank, search, understood
from rag.write import Model, NotInArticles, model_name, rewrite, write

log = logging.getLogger(__name__)
_NEAREST = 3
_PART_THRESHOLD = 0.15  # below the setting's for whole questions: a part leaves words out


@dataclass(frozen=True, slots=True)
class Piece:
    """One checked statement of an answer under way, with the citations it brings that were not seen before."""

    statement: Statement
    citations: tuple[Citation, ...]


@dataclass(slots=True)
class _Clock:
    """Milliseconds by stage."""

    spent: dict[str, float] = field(default_factory=dict)
    began: float = field(default_factory=time.perf_counter)

    @contextmanager
    def time(self, stage: str) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self.spent[stage] = round(self.spent.get(stage, 0.0) + 1000 * (time.perf_counter() - began), 2)

    def total(self) -> dict[str, float]:
        return self.spent | {"total": round(1000 * (time.perf_counter() - self.began), 2)}


def warm(archive: Archive) -> None:
    """Load what the first questions would otherwise wait for: the encoder, the languages' word and number lists.

    Raises what opening the index raises, but for EmptyIndexError: an index may be filled later.
    """
    archive.encoder.warm()
    try:
        languages = {*archive.languages, "en"}
    except EmptyIndexError:
        return
    for language in languages:
        in_dictionary("word", language)
        figures("Two, 2 May", language)
    asked = understood("Who said what, when and why?", archive)
    candidates(asked, archive.encoder.embed_query(asked.text), search(asked, archive), archive)


def ask(
    question: str,
    archive: Archive,
    *,
    history: Sequence[tuple[str, str]] = (),
    filters: Filters | None = None,
) -> Answer:
    """The whole answer. history: earlier (question, answer text) pairs, oldest first.

    Raises InputError (empty or overlong question), EmptyIndexError, EmbedderMismatchError. A language model that
    fails is no error: the answer is quoted instead and a note says why.
    """
    answer = None
    for step in stream(question, archive, history=history, filters=filters):
        if isinstance(step, Answer):
            answer = step
    assert answer is not None
    return answer


def stream(
    question: str,
    archive: Archive,
    *,
    history: Sequence[tuple[str, str]] = (),
    filters: Filters | None = None,
) -> Iterator[Piece | Answer]:
    """Each statement as soon as it is checked, then the whole `Answer`, which is what counts: when nothing of a model's
    answer stands up, it is another answer than its pieces were."""
    settings = archive.settings
    clock = _Clock()
    notes: list[str] = []
    tokens: dict[str, int] = {}
    model: Model | None = None
    if model_name(settings.llm):
        model = Model(settings.llm)
    with clock.time("understand"):
        asked = _understand(question, archive, history, model, tokens)
    with clock.time("embed"):
        reading, vector = look(asked.standalone, lambda: asked, archive, settings.retrieval, filters)
    with clock.time("retrieve"):
        hits = rank(reading, vector, archive, settings.retrieval)
    with clock.time("select"):
        ranked = candidates(asked, vector, hits, archive)
        by_part = _by_part(asked, hits, archive)
        confidence = judge("answer", answer_features(asked, ranked)) if ranked else 0.0

    def finish(
        mode: Mode,
        statements: tuple[Statement, ...],
        citations: tuple[Citation, ...],
        nearest: tuple[Citation, ...] = (),
    ) -> Answer:
        said = tuple(
            s for s in statements if s.support != "unsupported" or settings.answer.unsupported == "strike"
        )
        return Answer(
            id=uuid.uuid4().hex,
            question=question,
            standalone_question=asked.standalone,
            status="not_found" if nearest or not said else "answered",
            text=_text(said, notes),
            statements=statements,
            citations=citations,
            nearest=nearest,
            mode=mode,
            model=model_name(settings.llm) if mode == "write" else None,
            language=asked.language,
            notes=tuple(notes),
            confidence=round(confidence, 4),
            timings_ms=clock.total(),
            tokens=tokens,
        )

    if not ranked or confidence < settings.answer.threshold:
        notes += _not_found(asked, ranked)
        nearest = _nearest(ranked, archive)
        yield finish("quote", (), (), nearest)
        return
    if model is not None:
        statements: list[Statement] = []
        citations: list[Citation] = []
        try:
            with clock.time("write"):
                for statement, fresh in write(asked, hits, archive, model, tokens):
                    statements.append(statement)
                    citations += fresh
                    if statement.support != "unsupported" or settings.answer.unsupported == "strike":
                        yield Piece(statement, fresh)
            standing = [s for s in statements if s.support != "unsupported"]
            if standing:
                notes += _removed(statements, asked.language)
                yield finish("write", tuple(statements), tuple(citations))
                return
            notes.append(phrases.say("nothing_stood", asked.language))
        except NotInArticles:
            if not any(s.support != "unsupported" for s in statements):
                notes += _not_found(asked, ranked)
                yield finish("write", (), (), _nearest(ranked, archive))
                return
        except ModelError as error:
            log.warning("%s The answer is quoted instead.", error)
            notes.append(phrases.say("fallback", asked.language, why=error.message.rstrip(".")))
    with clock.time("quote"):
        quoted = quote(asked, ranked, by_part, archive, settings.answer.max_sentences)
    notes += [phrases.say("part_missing", asked.language, what=p) for p in quoted.missing]
    if quoted.differ:
        notes.append(phrases.say("differ", asked.language))
    for statement, citation in zip(quoted.statements, quoted.citations, strict=True):
        yield Piece(statement, (citation,))
    yield finish("quote", quoted.statements, quoted.citations)


def _understand(
    question: str,
    archive: Archive,
    history: Sequence[tuple[str, str]],
    model: Model | None,
    tokens: dict[str, int],
) -> Question:
    counts = archive.sizes
    if not counts:
        raise EmptyIndexError(
            "The index holds no articles.",
            "Run `dossier index FOLDER` with the folder that holds your articles.",
        )
    standalone = None
    if history and model is not None:
        try:
            standalone = rewrite(question, history, model, tokens)
        except ModelError as error:
            log.warning("%s The question is made to stand alone by its words.", error)
    return understand(question, counts, history=history, standalone=standalone)


def _by_part(asked: Question, hits: Sequence[Hit], archive: Archive) -> list[tuple[str, list[Candidate]]]:
    """(part, its sentences, none where the articles do not answer it) of a question that asks for several things."""
    found = []
    for text in asked.parts:
        alone = replace(understand(text, archive.sizes), language=asked.language)
        # "when?" and "who owns it?" lean on the whole question; what has words of its own must be borne out by itself
        own = part(asked, text) if len(alone.terms) < 3 else alone
        vector: Vector = archive.encoder.embed_query(text if own is alone else f"{asked.standalone} {text}")
        ranked = candidates(own, vector, hits, archive)
        if own is alone and judge("answer", answer_features(own, ranked)) < _PART_THRESHOLD:
            ranked = []
        found.append((text, ranked))
    return found


def _text(statements: Sequence[Statement], notes: Sequence[str]) -> str:
    """The answer as plain text: `Lead-in: sentence [1]`, a line each where there are lead-ins."""
    pieces = []
    for s in statements:
        marks = "".join(f" [{n}]" for n in s.citations)
        struck = f"~~{s.text}~~" if s.support == "unsupported" else s.text
        pieces.append(f"{s.lead_in}: {struck}{marks}" if s.lead_in else f"{struck}{marks}")
    body = ("\n" if any(s.lead_in for s in statements) else " ").join(pieces)
    return "\n".join(filter(None, (body, "\n".join(notes))))


def _not_found(asked: Question, ranked: Sequence[Candidate]) -> list[str]:
    lines = [phrases.say("not_found", asked.language)]
    # only what no passage found has is said to be missing
    missing = dict.fromkeys(m for c in ranked[:8] for m in c.missing)
    lacking = [m for m in missing if all(m in c.missing or _undated_without(m, c) for c in ranked[:8])]
    if lacking:
        lines.append(
            phrases.say(
                "nothing_about",
                asked.language,
                what=phrases.either(_as_asked(lacking, asked), asked.language),
            )
        )
    return lines


def _undated_without(year: str, candidate: Candidate) -> bool:
    """An undated text may be of the year asked for, but says nothing about it."""
    return year.isdigit() and not candidate.article.published and year not in candidate.hit.passage.text


def _as_asked(missing: Sequence[str], asked: Question) -> list[str]:
    """Folded names as the question spells them."""
    spelled = {fold(w): w for w in asked.standalone.replace("?", " ").split()}
    return list(dict.fromkeys(spelled.get(m, m) for m in missing))


def _nearest(ranked: Sequence[Candidate], archive: Archive) -> tuple[Citation, ...]:
    return tuple(
        cite(c.article, c.sentence.start, c.sentence.end, n, archive)
        for n, c in enumerate(ranked[:_NEAREST], 1)
    )


def _removed(statements: Sequence[Statement], language: str) -> list[str]:
    reasons = [s.reason for s in statements if s.support == "unsupported"]
    if not reasons:
        return []
    why = "; ".join(dict.fromkeys(r.rstrip(".") for r in reasons))
    if len(reasons) == 1:
        return [phrases.say("removed_one", language, why=why)]
    return [phrases.say("removed_many", language, n=len(reasons), why=why)]
