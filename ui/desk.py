"""What page and endpoint share: calls into `rag`, answers lately given, verdicts on them, counters."""

from __future__ import annotations

import json
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Histogram

from index.archive import Archive
from index.catalogue import Holdings
from index.errors import NotFoundError, StorageError
from index.nouns import Article, Filters
from index.settings import Settings
from rag.answer import Piece, stream
from rag.nouns import Answer, Hit

if TYPE_CHECKING:
    from rag.verify import Verification

_REMEMBERED = 200
History = Sequence[tuple[str, str]]


class Desk:
    """One per serving process, used by many threads at once."""

    def __init__(self, archive: Archive, settings: Settings) -> None:
        self.archive = archive
        self.settings = settings
        self.registry = CollectorRegistry()
        self.answers = Counter("dossier_answers", "Answers given", ["status", "mode"], registry=self.registry)
        self.seconds = Histogram(
            "dossier_answer_seconds", "Time to the whole answer", ["mode"], registry=self.registry
        )
        self._recent: OrderedDict[str, Answer] = OrderedDict()
        self._lock = threading.Lock()

    def stream(self, question: str, history: History, filters: Filters | None) -> Iterator[Piece | Answer]:
        """`rag.answer.stream`, with the answer remembered and counted."""
        began = time.monotonic()
        for step in stream(question, self.archive, history=history, filters=filters):
            if isinstance(step, Answer):
                self._remember(step, time.monotonic() - began)
            yield step

    def ask(self, question: str, history: History, filters: Filters | None) -> Answer:
        *_, answer = self.stream(question, history, filters)
        assert isinstance(answer, Answer)
        return answer

    def search(self, question: str, filters: Filters | None, limit: int | None) -> list[Hit]:
        from rag.retrieve import search

        return search(question, self.archive, filters=filters, limit=limit)

    def verify(
        self, text: str, passages: Sequence[tuple[str, str | None]] | None, filters: Filters | None
    ) -> Verification:
        from rag.verify import verify_against, verify_text

        if passages is not None:
            return verify_against(text, list(passages), self.archive)
        return verify_text(text, self.archive, filters=filters)

    def article(self, article_id: str) -> Article:
        article = self.archive.catalogue.article(article_id)
        if article is None:
            raise NotFoundError(
                f"There is no article {article_id[:100]}.", "/api/v1/articles lists those there are."
            )
        return article

    def holdings(self) -> Holdings:
        return self.archive.catalogue.holdings()

    def feedback(
        self,
        answer_id: str,
        verdict: str,
        comment: str | None = None,
        question: str | None = None,
        answer: str | None = None,
    ) -> None:
        """Append a verdict to `feedback.jsonl` in the data directory, where `dossier eval feedback` finds it.

        Raises NotFoundError when the answer is not remembered and the question was not sent along.
        """
        with self._lock:
            known = self._recent.get(answer_id)
        if known is None and question is None:
            raise NotFoundError(
                f"The answer {answer_id} is not known here (any more).",
                "Send its `question` and `answer` along.",
            )
        record = {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "answer_id": answer_id,
            "verdict": verdict,
            "comment": comment,
            "question": known.question if known else question,
            "standalone_question": known.standalone_question if known else question,
            "answer": known.text if known else answer,
            "status": known.status if known else None,
            "language": known.language if known else None,
            "citations": [{"source": c.source, "quote": c.quote} for c in known.citations] if known else [],
        }
        path = self.settings.data_dir / "feedback.jsonl"
        try:
            with self._lock, path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(record, ensure_ascii=False) + "\n")
        except OSError as error:
            raise StorageError(
                f"The feedback cannot be written to {path.name} ({error.strerror}).",
                "Check the data directory's rights and the space left.",
            ) from error

    def _remember(self, answer: Answer, seconds: float) -> None:
        self.answers.labels(answer.status, answer.mode).inc()
        self.seconds.labels(answer.mode).observe(seconds)
        with self._lock:
            self._recent[answer.id] = answer
            while len(self._recent) > _REMEMBERED:
                self._recent.popitem(last=False)
