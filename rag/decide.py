"""Whether the articles answer, and with which sentences: what was found and read, judged (`rag/evidence.py`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from index.archive import Archive
from index.catalogue import Vector
from rag.evidence import Candidate, answer_features, candidates, judge
from rag.nouns import Hit
from rag.question import Question, part, understand
from rag.reader import Read, Reader, text_of

_PART_THRESHOLD = 0.15  # below the setting's for whole questions: a part leaves words out
_PART_PASSAGES = 6  # read again for each part of a question


@dataclass(frozen=True, slots=True)
class Decision:
    """ranked: the sentences that may answer, best first; by_part: (part, its sentences, none where the articles do not
    answer it) of a question that asks for several things; confidence: probability that the articles answer."""

    ranked: list[Candidate]
    by_part: list[tuple[str, list[Candidate]]]
    confidence: float
    answered: bool


def read_all(
    question: str, hits: Sequence[Hit], archive: Archive, reader: Reader | None
) -> list[list[Read]] | None:
    """For each hit its sentences as the reader has them; None without a reader."""
    if reader is None or not hits:
        return None
    articles = archive.catalogue.articles_of(h.passage.id for h in hits)
    # an article that a run of `dossier index` removed meanwhile reads as nothing
    there = [h for h in hits if h.passage.id in articles]
    made = iter(reader.read(question, [text_of(h.passage, articles[h.passage.id]) for h in there]))
    return [next(made) if h.passage.id in articles else [] for h in hits]


def reranked(hits: Sequence[Hit], reads: Sequence[Sequence[Read]] | None, most: int) -> list[Hit]:
    """The hits as they are handed on, those first that answer best as they read."""
    if reads is None:
        return list(hits[:most])
    scored = sorted(
        zip(hits, reads, strict=True), key=lambda one: -(_best(one[1]) + _HIT_WEIGHT * one[0].score)
    )
    return [hit for hit, _ in scored[:most]]


_HIT_WEIGHT = 15.0  # of a retrieval score beside the reader's log-odds; prototype of issue 12


def _best(reads: Sequence[Read]) -> float:
    return max((one.score for one in reads), default=-20.0)


def decide(
    asked: Question,
    vector: Vector,
    hits: Sequence[Hit],
    reads: Sequence[Sequence[Read]] | None,
    archive: Archive,
    reader: Reader | None,
) -> Decision:
    """vector: the question's, float32 [d]."""
    ranked = candidates(asked, vector, hits, archive, reads)
    model = "answer_unread" if reads is None else "answer"
    confidence = judge(model, answer_features(asked, ranked)) if ranked else 0.0
    answered = bool(ranked) and confidence >= archive.settings.answer.threshold
    by_part = _by_part(asked, reranked(hits, reads, _PART_PASSAGES), archive, reader) if answered else []
    return Decision(ranked, by_part, confidence, answered)


def _by_part(
    asked: Question, hits: Sequence[Hit], archive: Archive, reader: Reader | None
) -> list[tuple[str, list[Candidate]]]:
    found = []
    for text in asked.parts:
        alone = replace(understand(text, archive.sizes), language=asked.language)
        # "when?" and "who owns it?" lean on the whole question; what has words of its own must be borne out by itself
        leans = len(alone.terms) < 3
        own = part(asked, text) if leans else alone
        told = f"{asked.standalone} {text}" if leans else text
        reads = read_all(told, hits, archive, reader)
        ranked = candidates(own, archive.encoder.embed_query(told), hits, archive, reads)
        model = "answer_unread" if reads is None else "answer"
        if not leans and judge(model, answer_features(own, ranked)) < _PART_THRESHOLD:
            ranked = []
        found.append((text, ranked))
    return found
