"""The sentences of the passages found, judged against the question: how well each may answer it, and what of the
question it leaves without support.

A sentence is described by a few numbers that can be shown and explained (`Features`), and judged by two small logistic
models over them whose coefficients stand in `rag/weights.json`, made by `python -m rag.training.fit` from training
archives: `sentence` (is this the sentence that answers?) and `answer` (do the articles answer at all?). Where no reader
is installed, `sentence_unread` and `answer_unread` take their place.
"""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cache, lru_cache
from importlib import resources

import numpy as np

from index.about import is_notice
from index.archive import Archive
from index.catalogue import Vector, days
from index.countries import names_territory
from index.figures import figures
from index.languages import cldr, pack
from index.nouns import Article
from index.words import fold
from rag.instructions import talks_to_a_model
from rag.nouns import Hit
from rag.question import Question
from rag.reader import Read
from rag.retrieve import fair_scale, general_scale
from rag.sentence import Sentence, folded, has_name, of_article

_CLOSELY = 16
_READ_CHANCE = 0.5
_OTHER_YEAR = 0.25  # what a sentence on other years than the one asked for keeps of its score
_OTHER_COUNTRY = 0.6  # and one on another country
_TIME_UNITS = {"day", "week", "month", "year", "hour", "minute"}


@dataclass(frozen=True, slots=True)
class Features:
    """What is known of a sentence as an answer; every number about 0 to 1.

    meaning: cosine with the question, both freed of their language as it is in general; local: as it is in this index, which
    takes its common topic away too and so tells its sentences apart better, but means another thing in every index. passage: the same for the whole passage. ranking: its score
    in retrieval, less the best one's.
    words: share of the question's words (by rarity) in the sentence; 0 across languages. around: the same for the
    passage. kind: 1 when it holds the kind of thing asked for, 0 when not, 0.5 when nothing particular is asked.
    names, years, figures: share of those asked for that the sentence, or what stands around it, has (1 when none is
    asked for). read: the reader's score for the sentence's best words; read_lead: the same, less that of the best sentence
    read; read_passage: less that of the best sentence of its passage (all three in tens of its log-odds, 0 where there is no
    reader). other_year: 1 when it speaks of other years only; other_country: 1 when it speaks of another country instead of
    the one asked for. unknown: share of the question's words, by rarity, that stand nowhere in the index (same language). foreign: 1 across languages. lead: 1 for the first
    sentence of an article, falling. fresh: something besides what the question said is in it.
    """

    meaning: float
    local: float
    passage: float
    ranking: float
    words: float
    around: float
    kind: float
    names: float
    years: float
    figures: float
    other_year: float
    other_country: float
    unknown: float
    foreign: float
    lead: float
    fresh: float
    foreign_meaning: float
    foreign_local: float
    read: float = 0.0
    read_lead: float = 0.0
    read_passage: float = 0.0


NAMES = tuple(f.name for f in fields(Features))


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sentence that may answer. vector: of unit length, freed of its language; missing: what of the question neither
    it nor its surroundings have, in the question's own words; answer: where in the article the words are that answer, as
    they were read."""

    hit: Hit
    article: Article
    sentence: Sentence
    vector: Vector
    features: Features
    score: float
    missing: tuple[str, ...]
    answer: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class _Rough:
    """A sentence before it is looked at closely. cosines: meaning, local, passage; reads: read, read_lead, read_passage, as
    in `Features`."""

    chance: float
    hit: Hit
    article: Article
    sentence: Sentence
    vector: Vector
    cosines: tuple[float, float, float]
    read: Read | None
    reads: tuple[float, float, float]


def candidates(
    question: Question,
    vector: Vector,
    hits: Sequence[Hit],
    archive: Archive,
    reads: Sequence[Sequence[Read]] | None = None,
) -> list[Candidate]:
    """Every sentence of the hits with a chance, best first. vector: the question's, float32 [d]; reads: what the reader made
    of each hit's sentences, None without a reader."""
    rarity = _rarity(question, archive)
    rough = _rough(question, vector, hits, archive, rarity, reads)
    top = max((h.score for h in hits), default=0.0)
    # reading figures and names takes longer than all before: only sentences with a chance are looked at closely
    rough.sort(key=lambda r: -r.chance)
    telling = (r for r in rough if _says_something(r.article, r.sentence))
    model = "sentence_unread" if reads is None else "sentence"
    found = []
    for r in itertools.islice(telling, _CLOSELY):
        features, missing = describe(question, r.sentence, r.article, r.hit, top, r.cosines, rarity)
        features = replace(features, read=r.reads[0], read_lead=r.reads[1], read_passage=r.reads[2])
        score = judge(model, numbers(features))
        score *= (_OTHER_YEAR if features.other_year else 1.0) * (
            _OTHER_COUNTRY if features.other_country else 1.0
        )
        begin = r.hit.passage.start
        answer = (begin + r.read.start, begin + r.read.end) if r.read else None
        found.append(Candidate(r.hit, r.article, r.sentence, r.vector, features, score, missing, answer))
    return sorted(found, key=lambda c: (-c.score, c.article.source, c.sentence.start))


def _rough(
    question: Question,
    vector: Vector,
    hits: Sequence[Hit],
    archive: Archive,
    rarity: Rarity,
    reads: Sequence[Sequence[Read]] | None,
) -> list[_Rough]:
    articles = archive.catalogue.articles_by_id({h.passage.article_id for h in hits})
    stored = archive.catalogue.passage_vectors([h.passage.id for h in hits])
    scale, near_scale = general_scale(archive.generals), fair_scale(archive.languages, archive.generals)
    asked, near_asked = scale.question(vector), near_scale.question(vector)
    best = max((one.score for passage in reads or () for one in passage), default=0.0)
    rough = []
    for n, hit in enumerate(hits):
        article = articles.get(hit.passage.article_id)
        if article is None or hit.passage.id not in stored:
            continue
        language, (own, vectors) = hit.passage.language, stored[hit.passage.id]
        freed = scale.sentences(vectors, language)
        local = (near_scale.sentences(vectors, language) @ near_asked).tolist()
        whole = float(scale.passages(own, language) @ asked)
        read: Sequence[Read | None] = (reads[n] if reads else None) or [None] * len(hit.passage.sentences)
        lead = max((one.score for one in read if one), default=0.0)
        for place, freely, close, one in zip(hit.passage.sentences, freed, local, read, strict=False):
            sentence = of_article(article, *place)
            shared = len(sentence.stems & set(rarity.terms))
            chance = close + 0.4 * shared / (len(rarity.terms) or 1) + 0.5 * hit.score
            told = (0.0, 0.0, 0.0)
            if one:
                told = (one.score / 10, (one.score - best) / 10, (one.score - lead) / 10)
                chance += _READ_CHANCE * told[0]
            cosines = (float(freely @ asked), close, whole)
            rough.append(_Rough(chance, hit, article, sentence, freely, cosines, one, told))
    return rough


def describe(
    question: Question,
    sentence: Sentence,
    article: Article,
    hit: Hit,
    top: float,
    cosines: tuple[float, float, float],
    rarity: Rarity,
) -> tuple[Features, tuple[str, ...]]:
    """A sentence's features, and what of the question it misses."""
    language = sentence.language
    same = language == question.language
    passage = of_article(article, hit.passage.start, hit.passage.end)
    own = sentence.stems
    years, other_year, years_missing = _years(question, sentence, passage, article)
    said_by = (sentence.speaker or "") if question.names or question.wanted == "person" else ""
    named, names_missing = _names(question, sentence, said_by, passage, article)
    counted, figures_missing = _asked_figures(question, sentence, passage)
    shared = sum(v for t, v in rarity.terms.items() if t in own) / rarity.total if same else 0.0
    around = sum(v for t, v in rarity.terms.items() if t in passage.stems) / rarity.total if same else 0.0
    points_back = pack(language).question.pointers.within(sentence.text)
    features = Features(
        meaning=cosines[0],
        local=cosines[1],
        passage=cosines[2],
        ranking=hit.score - top,
        words=max(shared, 0.6 * around if points_back else 0.0),
        around=around,
        kind=_has_kind(question, sentence, said_by),
        names=named,
        years=years,
        figures=counted,
        other_year=other_year,
        other_country=_other_country(question, sentence),
        unknown=rarity.unknown if same else 0.0,
        foreign=0.0 if same else 1.0,
        lead=1.0 / (1 + max(0, sentence.start - article.body) / 300),
        fresh=min(1.0, len(own - set(rarity.terms)) / 6),
        foreign_meaning=0.0 if same else cosines[0],
        foreign_local=0.0 if same else cosines[1],
    )
    return features, tuple(years_missing + names_missing + figures_missing)


@cache
def weights() -> dict[str, dict[str, float]]:
    text = resources.files("rag").joinpath("weights.json").read_text(encoding="utf-8")
    loaded: dict[str, dict[str, float]] = json.loads(text)
    return loaded


def numbers(features: object) -> dict[str, float]:
    """A dataclass of numbers as name -> number (`asdict` copies deeply, at a cost that shows in every answer)."""
    return {name: getattr(features, name) for name in features.__slots__}  # type: ignore[attr-defined]


def judge(model: str, features: Mapping[str, float]) -> float:
    """Probability by a logistic model of `rag/weights.json`: 1 / (1 + exp(-(bias + sum of weight x feature)))."""
    coefficients = weights()[model]
    z = coefficients["bias"] + sum(w * features[name] for name, w in coefficients.items() if name != "bias")
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, z))))


def _says_something(article: Article, sentence: Sentence) -> bool:
    """Scraps, bylines, headings and questions are no evidence, nor is what talks to a language model."""
    text, start, end = sentence.text, sentence.start, sentence.end
    if len(re.findall(r"\w+", text)) < 4 or is_notice(text, article.language):
        return False
    if talks_to_a_model(text, article.language):
        return False
    bare = text.rstrip('"”’»)* ')
    if bare.endswith("?"):
        return False
    alone = article.text[:start].rstrip(" \t#*")[-1:] in ("", "\n") and article.text[end:].lstrip(" \t*")[
        :1
    ] in ("", "\n")
    return not (alone and not re.search(r"[.!…:;]$", bare) and len(text.split()) < 16)


@dataclass(frozen=True, slots=True)
class Rarity:
    """The question's terms and how rare each is in the index (idf), misspelt ones as the index spells them; unknown: the
    share, by rarity, of those that stand nowhere in it."""

    terms: Mapping[str, float]
    unknown: float

    @property
    def total(self) -> float:
        return sum(self.terms.values()) or 1.0


def _rarity(question: Question, archive: Archive) -> Rarity:
    language = question.language
    frequency = archive.frequencies(f"{language}_{t}" for t in question.terms)
    known = archive.languages.get(language)
    total = known.passages if known else 1
    found: dict[str, float] = {}
    unknown = 0.0
    for term in question.terms:
        count = frequency[f"{language}_{term}"]
        idf = math.log(1 + (total + 0.5) / (count + 0.5))
        spelled = archive.spelled(term, language) if not count and known else None
        found[spelled or term] = idf
        if not count and not spelled and known:
            unknown += idf
    return Rarity(found, unknown / (sum(found.values()) or 1.0))


def _years(
    question: Question, sentence: Sentence, passage: Sentence, article: Article
) -> tuple[float, float, list[str]]:
    asked = question.years
    if not asked:
        return 1.0, 0.0, []
    here, around = sentence.years, passage.years
    span = days(article.published)
    published = set(range(span[0].year, span[1].year + 1)) if span else set()
    relative = _relative_to(article, sentence.text, sentence.language)
    got = {y for y in asked if y in here or y in relative}
    near = {y for y in asked - got if y in published and not here}
    nearby = {y for y in asked - got - near if y in around or y in published}
    other = bool(here) and not (here & asked) and not near
    if not got and not near and not nearby and not span and not around:
        return 0.5, 0.0, []  # an undated text that names no year may well be of the year asked for
    share = (len(got) + 0.9 * len(near) + (0.3 if here else 0.6) * len(nearby)) / len(asked)
    return share, float(other), [str(y) for y in sorted(asked - got - near - nearby)]


def _relative_to(article: Article, text: str, language: str) -> set[int]:
    if not (span := days(article.published)):
        return set()
    dates = pack(language).dates
    return {
        span[0].year + away
        for words, away in ((dates.last_year, -1), (dates.this_year, 0))
        if words.within(text)
    }


def _other_country(question: Question, sentence: Sentence) -> float:
    here = {code for code in sentence.countries if len(code) == 2}
    asked = {code for code in question.countries if len(code) == 2}
    lacking = {code for code in asked if not sentence.names_country(code)}
    return 1.0 if lacking and here - asked else 0.0


def _names(
    question: Question, sentence: Sentence, said_by: str, passage: Sentence, article: Article
) -> tuple[float, list[str]]:
    """Share of the names and countries asked for that the sentence has, in part those around it, and those nothing has."""
    whole = of_article(article, article.body, len(article.text))
    own = sentence.words | folded(said_by)
    about = folded(" ".join(filter(None, (article.title, article.publisher, article.author))))
    asked = [n for n in question.names if not _is_country(n, question)]
    missing = []
    score = 0.0
    for name in asked:
        if has_name(own, name):
            score += 1
        elif passage.has_name(name) or has_name(about, name):
            score += 0.8
        elif whole.has_name(name):
            score += 0.5
        else:
            missing.append(name)
    for code in question.countries:
        if sentence.names_country(code):
            score += 1
        elif passage.names_country(code):
            score += 0.8
        elif whole.names_country(code):
            score += 0.5
        else:
            missing.append(_country_word(question, code))
    total = len(asked) + len(question.countries)
    return (score / total if total else 1.0), missing


def _is_country(name: str, question: Question) -> bool:
    return any(names_territory(name, question.language, code) for code in question.countries)


def _country_word(question: Question, code: str) -> str:
    for word in re.findall(r"[\w’'.-]*\w", question.standalone):
        if names_territory(word, question.language, code):
            return re.sub(r"[’']s$", "", word)
    return code


def _asked_figures(question: Question, sentence: Sentence, passage: Sentence) -> tuple[float, list[str]]:
    asked = [f for f in question.figures if f.kind != "ordinal" and f.digits]
    if not asked:
        return 1.0, []
    here = {round(f.value, 6) for f in sentence.figures}
    around = {round(f.value, 6) for f in passage.figures}
    got = sum(
        1.0 if round(f.value, 6) in here else 0.7 if round(f.value, 6) in around else 0.0 for f in asked
    )
    lost = [question.standalone[f.start : f.end] for f in asked if round(f.value, 6) not in here | around]
    return got / len(asked), lost


def _has_kind(question: Question, sentence: Sentence, said_by: str) -> float:
    """Whether a sentence holds the kind of thing asked for."""
    given = {(round(f.value, 6), f.kind) for f in question.figures}
    new = [f for f in sentence.figures if (round(f.value, 6), f.kind) not in given]
    text, language = sentence.text, sentence.language
    match question.wanted:
        case "amount":
            units = _asked_units(question)
            plain = [
                f
                for f in new
                if f.kind in ("money", "percent", "amount") and (f.digits or f.unit or f.value >= 1000)
            ]
            if units:
                return 1.0 if any(f.unit in units for f in plain) else 0.3 if plain else 0.0
            return 1.0 if any(f.unit or f.value >= 1000 for f in plain) else 0.6 if plain else 0.0
        case "count":
            counted = [f for f in new if f.kind == "amount" and f.unit not in _TIME_UNITS]
            return 1.0 if counted else 0.3 if any(f.kind == "percent" for f in new) else 0.0
        case "share":
            return 1.0 if any(f.unit == "%" for f in new) else 0.0
        case "duration":
            if any(f.unit in _TIME_UNITS for f in new):
                return 1.0
            if any(f.unit in ("km", "m", "mi") for f in new):
                return 0.8  # "how long" asks for a bridge's length as well
            return 0.3 if any(f.kind == "year" for f in new) else 0.0
        case "date":
            if sentence.dates or any(int(f.value) not in question.years for f in new if f.kind == "year"):
                return 1.0
            return 0.4 if any(day in text.lower() for day in cldr.weekdays(language)) else 0.0
        case "person":
            if said_by and not has_name(folded(said_by), question.names[-1] if question.names else "-"):
                return 1.0
            people = [n for n in sentence.names if fold(n) not in question.names]
            return (0.7 + 0.3 * (sentence.kind == "speech")) if people else 0.0
        case "place":
            return 1.0 if [n for n in sentence.names if fold(n) not in question.names] else 0.0
        case "reason":
            claims = pack(language).claims
            return 1.0 if claims.cause.within(text) or claims.purpose.within(text) else 0.2
    return 0.5


@lru_cache(maxsize=100)
def _asked_units(question: Question) -> frozenset[str]:
    """Units that the question names: "in yuan", "hur många ton"."""
    words = re.findall(r"[\w%$€£-]+", question.standalone)
    probes = (figures(f"5 {word}", question.language) for word in words)
    return frozenset(probe[0].unit for probe in probes if probe and probe[0].unit)


ANSWER = (*NAMES, "score", "margin", "missing", "terms", "best_read", "second_read")


def answer_features(question: Question, ranked: Sequence[Candidate]) -> dict[str, float]:
    """What tells whether the articles answer at all: the best sentence's features, its lead, what is missing, and how well
    the two best sentences read."""
    if not ranked:
        return dict.fromkeys(ANSWER, 0.0)
    best = ranked[0]
    others = [c.score for c in ranked[1:] if c.article.story != best.article.story]
    read = sorted((c.features.read for c in ranked), reverse=True)
    return numbers(best.features) | {
        "score": best.score,
        "margin": best.score - max(others, default=0.0),
        "missing": min(1.0, len(best.missing) / 2),
        "terms": min(1.0, len(question.terms) / 8),
        "best_read": read[0],
        "second_read": read[1] if len(read) > 1 else read[0],
    }


def similar(a: Candidate, b: Candidate) -> float:
    """Cosine of two sentences' meanings, across languages."""
    return float(np.dot(a.vector, b.vector))
