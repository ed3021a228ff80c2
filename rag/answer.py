"""`ask`: the one function that answers a question. Command line, page, endpoint and evals only present what it returns.

Its steps: understand (`rag/question.py`), find (`rag/retrieve.py`), read (`rag/reader.py`), decide (`rag/decide.py`), say
(`rag/quote.py`, or `rag/write.py` with a language model, which has each sentence checked by `rag/verify.py`).
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from index.archive import Archive
from index.errors import EmptyIndexError, ModelError
from index.figures import figures
from index.nouns import Filters
from index.words import fold, in_dictionary
from rag import phrases
from rag.chat import ChatModel, chat_model
from rag.decide import Decision, decide, read_all, reranked
from rag.evidence import Candidate
from rag.nouns import Answer, Citation, Hit, Mode, Statement
from rag.question import Question, understand
from rag.quote import cite, quote
from rag.reader import make_reader
from rag.retrieve import look, rank
from rag.write import NotInArticles, rewrite, write

log = logging.getLogger(__name__)
_NEAREST = 3


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
    """Load what the first questions would otherwise wait for: encoder and reader, the languages' word and number lists.

    Raises what opening the index raises, but for EmptyIndexError: an index may be filled later.
    """
    archive.encoder.warm()
    make_reader(archive.settings)
    try:
        languages = {*archive.languages, "en"}
    except EmptyIndexError:
        return
    for language in languages:
        in_dictionary("word", language)
        figures("Two, 2 May", language)
    ask("Who said what, when and why?", archive)


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
    settings, clock, tokens = archive.settings, _Clock(), dict[str, int]()
    model, reader = chat_model(settings.llm), make_reader(settings)
    with clock.time("understand"):
        asked = _understand(question, archive, history, model, tokens)
    most = max(settings.retrieval.limit, settings.reader.passages if reader else 0)
    with clock.time("embed"):
        reading, vector = look(asked.standalone, lambda: asked, archive, settings.retrieval, filters, most)
    with clock.time("retrieve"):
        hits = rank(reading, vector, archive, settings.retrieval, most)
    with clock.time("read"):
        reads = read_all(asked.standalone, hits, archive, reader)
    with clock.time("decide"):
        decision = decide(asked, vector, hits, reads, archive, reader)
    told = _Telling(question, asked, decision, archive, clock, tokens)
    if not decision.answered:
        yield told.not_found("quote")
        return
    if model is not None:
        whole = yield from _write(told, reranked(hits, reads, settings.retrieval.limit), model)
        if whole is not None:
            yield whole
            return
    yield from _quote(told)


@dataclass(slots=True)
class _Telling:
    """An answer being told. notes: what Dossier itself has to say about it."""

    question: str
    asked: Question
    decision: Decision
    archive: Archive
    clock: _Clock
    tokens: dict[str, int]
    notes: list[str] = field(default_factory=list)

    @property
    def strikes(self) -> bool:
        """Whether sentences that are not borne out are shown, struck through."""
        return self.archive.settings.answer.unsupported == "strike"

    def note(self, phrase: str, **values: object) -> None:
        self.notes.append(phrases.say(phrase, self.asked.language, **values))

    def whole(
        self,
        mode: Mode,
        statements: tuple[Statement, ...],
        citations: tuple[Citation, ...],
        nearest: tuple[Citation, ...] = (),
        model: str | None = None,
    ) -> Answer:
        said = tuple(s for s in statements if s.support != "unsupported" or self.strikes)
        return Answer(
            id=uuid.uuid4().hex,
            question=self.question,
            standalone_question=self.asked.standalone,
            status="not_found" if nearest or not said else "answered",
            text=_text(said, self.notes),
            statements=statements,
            citations=citations,
            nearest=nearest,
            mode=mode,
            model=model,
            language=self.asked.language,
            notes=tuple(self.notes),
            confidence=round(self.decision.confidence, 4),
            timings_ms=self.clock.total(),
            tokens=self.tokens,
        )

    def not_found(self, mode: Mode, model: str | None = None) -> Answer:
        ranked = self.decision.ranked
        self.notes += _not_found(self.asked, ranked)
        return self.whole(mode, (), (), _nearest(ranked, self.archive), model)


def _write(told: _Telling, hits: Sequence[Hit], model: ChatModel) -> Generator[Piece, None, Answer | None]:
    """The model's answer, sentence by sentence; returns it whole, or None when it has to be quoted instead."""
    statements: list[Statement] = []
    citations: list[Citation] = []
    try:
        with told.clock.time("write"):
            for statement, fresh in write(told.asked, hits, told.archive, model, told.tokens):
                statements.append(statement)
                citations += fresh
                if statement.support != "unsupported" or told.strikes:
                    yield Piece(statement, fresh)
        if any(s.support != "unsupported" for s in statements):
            told.notes += _removed(statements, told.asked.language)
            return told.whole("write", tuple(statements), tuple(citations), model=model.name)
        told.note("nothing_stood")
    except NotInArticles:
        if not any(s.support != "unsupported" for s in statements):
            return told.not_found("write", model.name)
    except ModelError as error:
        log.warning("%s The answer is quoted instead.", error)
        told.note("fallback", why=error.message.rstrip("."))
    return None


def _quote(told: _Telling) -> Iterator[Piece | Answer]:
    decision, archive = told.decision, told.archive
    with told.clock.time("quote"):
        quoted = quote(
            told.asked, decision.ranked, decision.by_part, archive, archive.settings.answer.max_sentences
        )
    for missing in quoted.missing:
        told.note("part_missing", what=missing)
    if quoted.differ:
        told.note("differ")
    for statement, citation in zip(quoted.statements, quoted.citations, strict=True):
        yield Piece(statement, (citation,))
    yield told.whole("quote", quoted.statements, quoted.citations)


def _understand(
    question: str,
    archive: Archive,
    history: Sequence[tuple[str, str]],
    model: ChatModel | None,
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
        cite(c.article, c.sentence.start, c.sentence.end, n, archive, c.answer)
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
