"""Fair retrieval: the best passage wins, whatever its language.

An embedding carries the language of a text as well as its meaning, and a word index finds only its own language's words.
So each language's passages are judged on that language's own scale:

1. dense: a passage and its best sentence, each with their language's mean vector taken away and made unit length again,
   against the question with the mean of all languages' means taken away (Xing et al. 2015; Libovický et al. 2020);
2. words: BM25 within the language lifts a passage among its own language's, while the language's best stays where it
   was, so that the word index cannot push a language up or down;
3. evidence of absence: when the question's own language's best passage has few of the question's words, that language
   is less likely to hold the answer (`_COVERAGE`); other languages' passages are not expected to have its words.

What the merged list then undergoes: dates that the question names, copies of one wire story counted once, no more than
a few passages of one story, an optional LlamaIndex reranker.
"""

from __future__ import annotations

import importlib
import itertools
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from index.archive import Archive
from index.catalogue import Language, Vector, days
from index.errors import SettingsError
from index.figures import figures
from index.nouns import Article, Filters, Passage
from index.settings import RetrievalSettings
from index.words import COMPOUNDING, terms
from rag.nouns import Hit
from rag.question import Question, understand

if TYPE_CHECKING:
    from llama_index.core.postprocessor.types import BaseNodePostprocessor
    from llama_index.core.schema import TextNode

_SENTENCE_SHARE = 0.5  # of the dense score; the rest is the whole passage's
_COVERAGE = (0.05, 0.6)  # how much missing words weigh, and the share of words that is neither good nor bad
_WORDS_FLOOR = (
    1.0  # a passage with all of the question's words is lifted by the full weight, others by their share
)
_DATE_LIFT = 0.06
_LATEST_LIFT = 0.08
_SHRINK = 6.0  # the general mean weighs as much as this many passages
_LEAST_WORDS = 3  # of a question, rarest first, are always looked up, and more until so many
_MOST_READ = 6000  # occurrences are read


@dataclass(slots=True)
class _Candidate:
    id: str
    language: str
    passage: Vector
    sentences: Vector
    origin: dict[str, float] = field(default_factory=dict)
    score: float = 0.0


@dataclass(slots=True)
class _Pool:
    """One language's candidates. most_words: the BM25 of a passage that has every term of the question once."""

    language: str
    candidates: list[_Candidate]
    most_words: float


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
    languages = archive.languages
    asked = understood(question, archive, today)
    vector = archive.encoder.embed_query(asked.standalone)
    return rank(asked, vector, archive, languages, settings, filters=filters, limit=limit)


def understood(question: str | Question, archive: Archive, today: date | None = None) -> Question:
    if isinstance(question, Question):
        return question
    return understand(question, archive.sizes, today=today)


def rank(
    asked: Question,
    vector: Vector,
    archive: Archive,
    languages: Mapping[str, Language],
    settings: RetrievalSettings,
    *,
    filters: Filters | None = None,
    limit: int | None = None,
) -> list[Hit]:
    """`search` for a question whose vector is known. vector: float32 [d], unit length."""
    most = limit or settings.limit
    count = max(settings.candidates, most)
    allowed = archive.allowed(filters) if filters else None
    pools = [
        _pool(asked, vector, archive, code, count, None if allowed is None else allowed.get(code, []))
        for code in languages
        if allowed is None or allowed.get(code)
    ]
    pools = [pool for pool in pools if pool.candidates]
    match settings.mode:
        case "fair":
            scale = fair_scale(languages, archive.generals)
            for pool in pools:
                _judge(pool, asked, vector, scale, settings.lexical_weight)
        case "fusion":
            _fuse(pools)
        case "dense" | "words":
            for candidate in (c for pool in pools for c in pool.candidates):
                candidate.score = candidate.origin.get(settings.mode, 0.0)
    candidates = sorted((c for pool in pools for c in pool.candidates), key=lambda c: (-c.score, c.id))
    if settings.mode == "words":
        candidates = [c for c in candidates if c.score > 0]
    return _present(candidates, asked, archive, settings, most)


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


def fair_scale(languages: Mapping[str, Language], generals: Mapping[str, Vector]) -> Scale:
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


def _unit(vectors: Vector) -> Vector:
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    result: Vector = (vectors / np.maximum(lengths, 1e-9)).astype(np.float32)
    return result


def _pool(
    asked: Question, vector: Vector, archive: Archive, language: str, count: int, allowed: list[str] | None
) -> _Pool:
    """One language's candidates: the nearest by vector and the best by words, with what was found of each."""
    catalogue = archive.catalogue
    found = _words_of(asked, language, archive)
    match = _expression(found, language, asked.language)
    words: dict[str, float] = {}
    if allowed is None:
        dense = dict(archive.nearest(language, vector, count))
        words = dict(catalogue.search_words(language, match, count)) if match else {}
    else:
        # a filter holds exactly: what passes it is compared one by one, or, where that is much, searched more deeply
        dense = dict(archive.among(allowed, vector, count))
        if match:
            inside = set(allowed)
            deep = catalogue.search_words(
                language, match, max(count, 20 * count if len(inside) > count else count)
            )
            words = {i: score for i, score in deep if i in inside}
    vectors = catalogue.passage_vectors({*dense, *words})
    candidates = [
        _Candidate(
            i, language, passage, sentences,
            {"dense": round(dense.get(i, float(passage @ vector)), 4), "words": round(words.get(i, 0.0), 4)},
        )
        for i, (passage, sentences) in sorted(vectors.items())
    ]  # fmt: skip
    return _Pool(language, candidates, _most_words(found, archive))


def _words_of(asked: Question, language: str, archive: Archive) -> list[str]:
    """The question's terms that can stand in this language's passages, rarest first."""
    shared = [t for t in terms(asked.standalone, asked.language) if t[:2] in ("x_", "n_", "t_")]
    own = [f"{language}_{stem_}" for stem_ in asked.terms] if language == asked.language else []
    # a question typed without capitals still has names: its words are tried as names in the other languages
    tried = [f"x_{t}" for t in asked.terms] if language != asked.language else []
    found = list(dict.fromkeys(own + shared + tried))
    frequency = archive.frequencies(found)
    rarest = sorted((t for t in found if frequency.get(t) or t in own), key=lambda t: frequency.get(t, 0))
    # BM25 reads every passage that has any of the words: in a large index the common ones cost much and tell little
    read = list(itertools.accumulate(frequency.get(t, 0) for t in rarest))
    return [t for n, t in enumerate(rarest) if n < _LEAST_WORDS or read[n] <= _MOST_READ]


def _most_words(found: Iterable[str], archive: Archive) -> float:
    total = sum(language.passages for language in archive.languages.values())
    frequency = archive.frequencies(found)
    # FTS5's BM25: idf floored, and a term met once in a passage of mean length counts its idf
    return sum(max(math.log((total - n + 0.5) / (n + 0.5)), 1e-6) for n in frequency.values())


def _expression(found: Iterable[str], language: str, asked_in: str) -> str:
    """An FTS5 expression: any of the terms; long words of compounding languages also as the beginning of longer ones."""
    parts = []
    for term in found:
        prefix = language == asked_in and language in COMPOUNDING and term.startswith(f"{language}_")
        parts.append(f'"{term}"' + ("*" if prefix and len(term) >= 9 else ""))
    return " OR ".join(parts)


def _judge(pool: _Pool, asked: Question, vector: Vector, scale: Scale, lexical_weight: float) -> None:
    """Score one language's candidates on their own scale (see the module's account)."""
    language, candidates = pool.language, pool.candidates
    question = scale.question(vector)
    dense = scale.passages(np.stack([c.passage for c in candidates]), language) @ question
    best_sentence = dense.copy()
    cut = [i for i, c in enumerate(candidates) if len(c.sentences)]
    if cut:
        starts = np.cumsum([0, *(len(candidates[i].sentences) for i in cut[:-1])])
        every = scale.sentences(np.concatenate([candidates[i].sentences for i in cut]), language) @ question
        best_sentence[cut] = np.maximum.reduceat(every, starts)
    fair = (1 - _SENTENCE_SHARE) * dense + _SENTENCE_SHARE * best_sentence
    words = np.array([c.origin["words"] for c in candidates])
    share = words / max(words.max(), _WORDS_FLOOR * pool.most_words, 1e-9)
    lifted = fair + lexical_weight * share
    scores = lifted - lifted.max() + fair.max()
    if language == asked.language and pool.most_words:
        weight, fair_share = _COVERAGE
        best = words[int(lifted.argmax())] / pool.most_words
        scores += weight * (min(best, 1.0) - fair_share)
    for c, f, s in zip(candidates, fair, scores, strict=True):
        c.origin["fair"] = round(float(f), 4)
        c.score = float(s)


def _fuse(pools: list[_Pool]) -> None:
    """Plain reciprocal rank fusion (Cormack et al. 2009) over all languages, for comparison."""
    everyone = [c for pool in pools for c in pool.candidates]
    for key in ("dense", "words"):
        ranked = sorted((c for c in everyone if c.origin[key] > 0), key=lambda c: -c.origin[key])
        for place, candidate in enumerate(ranked, 1):
            candidate.score += 1 / (60 + place)


def _present(
    candidates: list[_Candidate], asked: Question, archive: Archive, settings: RetrievalSettings, most: int
) -> list[Hit]:
    catalogue = archive.catalogue
    head = candidates[: max(4 * most, 40)]
    passages = catalogue.passages(c.id for c in head)
    articles = catalogue.headers({p.article_id for p in passages.values()})
    if settings.mode == "fair":
        _lift_by_date(head, asked, passages, articles)
    head.sort(key=lambda c: (-c.score, c.id))
    hits: list[Hit] = []
    per_story: dict[str, int] = {}
    for candidate in head:
        passage = passages.get(candidate.id)
        article = articles.get(passage.article_id) if passage else None
        if passage is None or article is None:
            continue  # removed by a run of `dossier index` since it was found
        if _repeats(passage, article, hits, articles):
            continue
        per_story[article.story] = per_story.get(article.story, 0) + 1
        if per_story[article.story] > settings.per_article and settings.mode == "fair":
            continue
        copies = tuple(a.source for a in catalogue.copies(article.story) if a.id != article.id)
        origin = candidate.origin | {"score": round(candidate.score, 4)}
        hits.append(Hit(passage, candidate.score, origin, copies))
        if len(hits) == most and settings.reranker is None:
            break
    if settings.reranker:
        hits = _rerank(hits, asked, settings.reranker)
    return hits[:most]


def _repeats(passage: Passage, article: Article, hits: list[Hit], articles: Mapping[str, Article]) -> bool:
    """Whether another copy of the same story already brought (nearly) the same words."""
    mine = set(passage.text.split())
    for hit in hits:
        other = articles[hit.passage.article_id]
        if other.story == article.story and other.id != article.id:
            theirs = set(hit.passage.text.split())
            if len(mine & theirs) > 0.6 * min(len(mine), len(theirs)):
                return True
    return False


def _lift_by_date(
    head: list[_Candidate], asked: Question, passages: Mapping[str, Passage], articles: Mapping[str, Article]
) -> None:
    """Passages about, or published in, the year or month asked for come first; "latest" prefers the newest article.
    A lift of the score, so that nothing is hidden."""
    if not (asked.years or asked.latest or asked.moments):
        return
    dated = {i: days(a.published) for i, a in articles.items()}
    known = sorted({span[1] for span in dated.values() if span})
    for candidate in head:
        passage = passages.get(candidate.id)
        if passage is None:
            continue
        span = dated.get(passage.article_id)
        lift = 0.0
        if asked.years:
            said = {int(f.value) for f in figures(passage.text, passage.language) if f.kind == "year"}
            published = {span[0].year, span[1].year} if span else set()
            lift += _DATE_LIFT if asked.years & said else _DATE_LIFT / 2 if asked.years & published else 0.0
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


def _rerank(hits: list[Hit], asked: Question, name: str) -> list[Hit]:
    from llama_index.core.schema import NodeWithScore, QueryBundle

    by_id = {hit.passage.id: hit for hit in hits}
    nodes = [NodeWithScore(node=as_node(hit), score=hit.score) for hit in hits]
    ranked = _reranker(name).postprocess_nodes(nodes, query_bundle=QueryBundle(asked.standalone))
    result = []
    for scored in ranked:
        hit = by_id[scored.node.node_id]
        score = float(scored.score) if scored.score is not None else hit.score
        result.append(replace(hit, score=score, origin=hit.origin | {"reranked": score}))
    return result


def _reranker(name: str) -> BaseNodePostprocessor:
    from llama_index.core.postprocessor.types import BaseNodePostprocessor

    module, _, attribute = name.partition(":")
    try:
        made = getattr(importlib.import_module(module), attribute)()
        if not isinstance(made, BaseNodePostprocessor):
            raise TypeError(f"it makes a {type(made).__name__}")
    except (ImportError, AttributeError, ValueError, TypeError) as error:
        raise SettingsError(
            f"The reranker `{name}` cannot be loaded ({error}).",
            "retrieval.reranker is `package.module:factory`, a callable that returns a LlamaIndex node postprocessor.",
        ) from error
    return made


def as_node(hit: Hit) -> TextNode:
    """A hit as a LlamaIndex node; its metadata stay out of what is embedded or prompted."""
    from llama_index.core.schema import TextNode

    p = hit.passage
    return TextNode(
        id_=p.id,
        text=p.text,
        start_char_idx=p.start,
        end_char_idx=p.end,
        metadata={"article_id": p.article_id, "language": p.language},
        excluded_embed_metadata_keys=["article_id", "language"],
        excluded_llm_metadata_keys=["article_id", "language"],
    )
