"""Fair retrieval: the best passage wins, whatever its language.

An embedding carries the language of a text as well as its meaning, and a word index finds only its own language's words.
So each language's passages are judged on that language's own scale:

1. dense: a passage and its best sentence, each with their language's mean vector taken away and made unit length again,
   against the question with the mean of all languages' means taken away (Xing et al. 2015; Libovický et al. 2020);
2. words: BM25 within the language, and for the best passages how much of the question stands together in them, lift a
   passage among its own language's, while the language's best stays where it was, so that words cannot push a language
   up or down;
3. evidence of absence: when the question's own language's best passage has few of the question's words, that language
   is less likely to hold the answer (`_COVERAGE`); other languages' passages are not expected to have its words.

What the merged list then undergoes: dates that the question names, copies of one wire story counted once, no more than
a few passages of one story, an optional LlamaIndex reranker.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

import numpy as np

from index.archive import Archive
from index.catalogue import Catalogue, Found, LanguageStock, Vector, days
from index.nouns import Article, Filters, Passage
from index.settings import RetrievalSettings
from rag.bm25 import Sought, best_rows, bm25, nearness, seek
from rag.nouns import Hit
from rag.question import Question, plain, understand
from rag.rerank import rerank

_SENTENCE_SHARE = 0.55  # of the dense score; the rest is the whole passage's
_COVERAGE = (0.05, 0.6)  # how much missing words weigh, and the share of words that is neither good nor bad
_WORDS_FLOOR = (
    1.0  # a passage with all of the question's words is lifted by the full weight, others by their share
)
_HEAD_START = 0.0005  # seconds, for the embedding to get to where it needs Python's lock no more
_NEARNESS = 1.0  # weight of the words standing together, in terms of the lexical one
_LOOKED_AT = 10  # passages of the question's language, best first, for that
_DATE_LIFT = 0.06
_LATEST_LIFT = 0.08
_SHRINK = 6.0  # the general mean weighs as much as this many passages


@dataclass(slots=True)
class _Candidate:
    id: str
    terms: str
    origin: dict[str, float] = field(default_factory=dict)
    score: float = 0.0


@dataclass(slots=True)
class _Pool:
    """One language's candidates and what each stage makes of them, float [n] each."""

    found: Found
    sought: Sought
    dense: Vector
    words: Vector
    fair: Vector
    scores: Vector


def search(
    question: str | Question,
    archive: Archive,
    *,
    filters: Filters | None = None,
    limit: int | None = None,
    today: date | None = None,
) -> list[Hit]:
    """The passages that best answer a question, best first, at most `limit` (default: the setting's).

    Raises InputError, EmptyIndexError, EmbedderMismatchError, EmbeddingError.
    """
    settings = archive.settings.retrieval
    text = question.standalone if isinstance(question, Question) else plain(question)
    reading, vector = look(
        text, lambda: understood(question, archive, today), archive, settings, filters, limit
    )
    return rank(reading, vector, archive, settings, limit)


def understood(question: str | Question, archive: Archive, today: date | None = None) -> Question:
    if isinstance(question, Question):
        return question
    return understand(question, archive.sizes, today=today)


@dataclass(frozen=True, slots=True)
class Lookup:
    """What a search knows without the question's vector. By language: what the index holds of it, the question's words there
    with the rows of passages that have the most of them, and, where filters are given, the passages they let through."""

    asked: Question
    languages: Mapping[str, LanguageStock]
    sought: Mapping[str, Sought]
    rows: Mapping[str, list[int]]
    allowed: Mapping[str, Mapping[str, int]] | None


def look_up(
    asked: Question,
    archive: Archive,
    settings: RetrievalSettings,
    filters: Filters | None = None,
    limit: int | None = None,
) -> Lookup:
    languages = archive.languages
    allowed = archive.allowed(filters) if filters else None
    count = _candidates(settings, limit) // 2
    sought = {code: seek(asked, code, archive) for code in languages if allowed is None or allowed.get(code)}
    rows = {
        code: best_rows(s, count, None if allowed is None else allowed[code]) for code, s in sought.items()
    }
    return Lookup(asked, languages, sought, rows, allowed)


def look(
    text: str,
    understand: Callable[[], Question],
    archive: Archive,
    settings: RetrievalSettings,
    filters: Filters | None = None,
    limit: int | None = None,
) -> tuple[Lookup, Vector]:
    """A question read and embedded, each on a core of its own. text: what of it is embedded; understand: reads it.

    Raises EmptyIndexError, EmbedderMismatchError, EmbeddingError.
    """

    def understand_and_look_up() -> Lookup:
        time.sleep(_HEAD_START)
        return look_up(understand(), archive, settings, filters, limit)

    reading = archive.meanwhile(understand_and_look_up)
    vector = archive.encoder.embed_query(text)
    return reading.result(), vector


def rank(
    reading: Lookup, vector: Vector, archive: Archive, settings: RetrievalSettings, limit: int | None = None
) -> list[Hit]:
    """`search` for a question that was read and embedded. vector: float32 [d], unit length."""
    asked, most = reading.asked, limit or settings.limit
    pools = _pools(reading, vector, archive, _candidates(settings, limit))
    match settings.mode:
        case "fair":
            scale = fair_scale(reading.languages, archive.generals)
            question = scale.question(vector)
            for pool in pools:
                _judge(pool, asked, question, scale, settings.lexical_weight)
        case "fusion":
            _fuse(pools)
        case "dense":
            for pool in pools:
                pool.scores = pool.dense
        case "words":
            for pool in pools:
                pool.scores = np.where(pool.words > 0, pool.words, -np.inf)
    scored = [
        (s, n, i) for n, pool in enumerate(pools) for i, s in enumerate(pool.scores.tolist()) if s > -np.inf
    ]
    scored.sort(key=lambda one: (-one[0], pools[one[1]].found.ids[one[2]]))
    ranked: Iterator[_Candidate] = (_candidate(pools[n], i, score) for score, n, i in scored)
    if settings.mode == "fair" and (asked.years or asked.latest or asked.moments):
        head = [*itertools.islice(ranked, max(4 * most, 40))]  # a date moves none of the others to the top
        _lift_by_date(head, asked, archive.catalogue.articles_of(c.id for c in head))
        ranked = itertools.chain(sorted(head, key=lambda c: (-c.score, c.id)), ranked)
    return _present(ranked, asked, archive, settings, most)


def _candidates(settings: RetrievalSettings, limit: int | None) -> int:
    return max(settings.candidates, 2 * (limit or settings.limit))


def _candidate(pool: _Pool, i: int, score: float) -> _Candidate:
    stages = {"dense": pool.dense[i], "words": pool.words[i], "fair": pool.fair[i]}
    return _Candidate(
        pool.found.ids[i],
        pool.found.terms[i],
        {name: round(float(v), 4) for name, v in stages.items()},
        score,
    )


@dataclass(frozen=True, slots=True)
class Scale:
    """Takes the language out of vectors. passages, sentences: language -> mean taken away from each."""

    passage_means: Mapping[str, Vector]
    sentence_means: Mapping[str, Vector]

    def question(self, vector: Vector) -> Vector:
        return _unit(vector - np.mean([*self.passage_means.values()], axis=0))

    def passages(self, vectors: Vector, language: str) -> Vector:
        return _unit(vectors - self.passage_means[language])

    def sentences(self, vectors: Vector, language: str) -> Vector:
        return _unit(vectors - self.sentence_means[language])

    def likeness(self, found: Found, question: Vector) -> tuple[Vector, Vector]:
        """float32 [n] and [m]: cosines of passages and of sentences with what `question` made of a question."""
        return (
            _cosines(found.passages - self.passage_means[found.language], question),
            _cosines(found.sentences.astype(np.float32) - self.sentence_means[found.language], question),
        )


def fair_scale(languages: Mapping[str, LanguageStock], generals: Mapping[str, Vector]) -> Scale:
    """By the languages' own means, each drawn toward the general one as much as its passages are few: ranks best."""

    def drawn(own: Vector, general: Vector, passages: int) -> Vector:
        return ((passages * own + _SHRINK * general) / (passages + _SHRINK)).astype(np.float32)

    return Scale(
        {c: drawn(known.mean, generals[c][0], known.passages) for c, known in languages.items()},
        {c: drawn(known.sentence_mean, generals[c][1], known.passages) for c, known in languages.items()},
    )


def general_scale(generals: Mapping[str, Vector]) -> Scale:
    """By general means only: the same number means the same in every index, which is what a threshold needs."""
    return Scale({c: g[0] for c, g in generals.items()}, {c: g[1] for c, g in generals.items()})


def _cosines(vectors: Vector, unit: Vector) -> Vector:
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    result: Vector = (vectors @ unit) / np.maximum(lengths, 1e-9)
    return result


def _unit(vectors: Vector) -> Vector:
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    result: Vector = (vectors / np.maximum(lengths, 1e-9)).astype(np.float32)
    return result


def _pools(reading: Lookup, vector: Vector, archive: Archive, count: int) -> list[_Pool]:
    """Each language's candidates: the nearest by vector and those with the most of the question's words."""
    pools = []
    for code, sought in reading.sought.items():
        inside = None if reading.allowed is None else reading.allowed[code]
        near = archive.nearest(code, vector, count, inside)
        found = archive.found(code, [i for i, _ in near], reading.rows[code])
        dense = found.passages @ vector
        pools.append(_Pool(found, sought, dense, bm25(sought, found), dense, dense))
    return [pool for pool in pools if pool.found.ids]


def _judge(pool: _Pool, asked: Question, question: Vector, scale: Scale, lexical_weight: float) -> None:
    """Score one language's candidates on their own scale (see the module's account). question: as `scale` has it."""
    found, words = pool.found, pool.words
    dense, sentences = scale.likeness(found, question)
    best_sentence = dense.copy()
    if len(cut := np.flatnonzero(np.diff(found.cuts))):
        best_sentence[cut] = np.maximum.reduceat(sentences, found.cuts[cut])
    pool.fair = (1 - _SENTENCE_SHARE) * dense + _SENTENCE_SHARE * best_sentence
    share = words / max(words.max(), _WORDS_FLOOR * pool.sought.most, 1e-9)
    lifted = pool.fair + lexical_weight * share
    if found.language == asked.language:
        for i in np.argsort(-lifted)[:_LOOKED_AT]:
            lifted[i] += _NEARNESS * lexical_weight * nearness(pool.sought, found.terms[i])
    pool.scores = lifted - lifted.max() + pool.fair.max()
    if found.language == asked.language and pool.sought.most:
        weight, fair_share = _COVERAGE
        best = words[int(lifted.argmax())] / pool.sought.most
        pool.scores += weight * (min(best, 1.0) - fair_share)


def _fuse(pools: list[_Pool]) -> None:
    """Plain reciprocal rank fusion (Cormack et al. 2009) over all languages, for comparison."""
    for pool in pools:
        pool.scores = np.zeros(len(pool.dense), np.float32)
    for stage in ("dense", "words"):
        ranked = sorted(
            (
                (-score, n, i)
                for n, pool in enumerate(pools)
                for i, score in enumerate(getattr(pool, stage))
                if score > 0
            )
        )
        for place, (_, n, i) in enumerate(ranked, 1):
            pools[n].scores[i] += 1 / (60 + place)


def _present(
    ranked: Iterator[_Candidate], asked: Question, archive: Archive, settings: RetrievalSettings, most: int
) -> list[Hit]:
    catalogue = archive.catalogue
    chosen: list[tuple[_Candidate, Passage, Article]] = []
    per_story: dict[str, int] = {}
    for candidate, passage, article in _read(ranked, catalogue, most + 2):
        if _repeats(passage, article, chosen):
            continue
        per_story[article.story] = per_story.get(article.story, 0) + 1
        if per_story[article.story] > settings.per_article and settings.mode == "fair":
            continue
        chosen.append((candidate, passage, article))
        if len(chosen) == most and settings.reranker is None:
            break
    copies = catalogue.copies({article.story for _, _, article in chosen})
    hits = [
        Hit(
            passage,
            candidate.score,
            candidate.origin | {"score": round(candidate.score, 4)},
            tuple(copy.source for copy in copies[article.story] if copy.id != article.id),
        )
        for candidate, passage, article in chosen
    ]
    if settings.reranker:
        hits = rerank(hits, asked.standalone, settings.reranker)
    return hits[:most]


def _read(
    ranked: Iterator[_Candidate], catalogue: Catalogue, at_once: int
) -> Iterator[tuple[_Candidate, Passage, Article]]:
    """Candidates with their passages and articles, as far as they are asked for; without those that a run of `dossier index`
    removed since they were found."""
    while some := [*itertools.islice(ranked, at_once)]:
        passages = catalogue.passages(c.id for c in some)
        yield from ((c, *passages[c.id]) for c in some if c.id in passages)


def _repeats(passage: Passage, article: Article, chosen: list[tuple[_Candidate, Passage, Article]]) -> bool:
    """Whether another copy of the same story already brought (nearly) the same words."""
    for _, other, its_article in chosen:
        if its_article.story == article.story and its_article.id != article.id:
            mine, theirs = set(passage.text.split()), set(other.text.split())
            if len(mine & theirs) > 0.6 * min(len(mine), len(theirs)):
                return True
    return False


def _lift_by_date(head: list[_Candidate], asked: Question, articles: Mapping[str, Article]) -> None:
    """Passages about, or published in, the year or month asked for come first; "latest" prefers the newest article.
    A lift of the score, so that nothing is hidden. articles: by passage id."""
    dated = {i: days(a.published) for i, a in articles.items()}
    known = sorted({span[1] for span in dated.values() if span})
    for candidate in head:
        span = dated.get(candidate.id)
        lift = 0.0
        if asked.years:
            published = {span[0].year, span[1].year} if span else set()
            said = any(f" n_{year} " in candidate.terms for year in asked.years)
            lift += _DATE_LIFT if said else _DATE_LIFT / 2 if asked.years & published else 0.0
        if span and any(
            (m.year in (None, span[0].year)) and m.month == span[0].month and span[0].month == span[1].month
            for m in asked.moments
        ):
            lift += _DATE_LIFT / 2
        if asked.latest and span and len(known) > 1:
            lift += _LATEST_LIFT * known.index(span[1]) / (len(known) - 1)
        if lift:
            candidate.origin["date"] = round(lift, 4)
            candidate.score += lift
