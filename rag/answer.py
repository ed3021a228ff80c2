"""`ask`: the one function that answers a question. Command line, page, endpoint and evals only present what it returns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from index.archive import Archive
from index.nouns import Filters
from rag.nouns import Answer, Citation, Statement


@dataclass(frozen=True, slots=True)
class Piece:
    """One checked statement of an answer under way, with the citations it brings that were not seen before."""

    statement: Statement
    citations: tuple[Citation, ...]


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
    raise NotImplementedError
