"""Checks each sentence against its sources, in code: whoever wrote it, a language model or a person.

A sentence is compared with the passage it rests on in what can turn a true sentence false: figures with their unit and
scale, dates, names, negation, direction, who says it, whether it is expected or done, causes and generalisations that
the passage does not make, quotes that are not in it, and the overlap in meaning. Each comparison is one number
(`Findings`). The checker, the reader's second head (`rag/reader.py`), says how surely the passage bears the sentence out;
a small logistic model over all of it (`claim` in rag/weights.json, where the checker weighs nothing yet: `rag/training/fit.py` says why) gives the verdict,
and the finding that weighed most against the sentence gives the reason. What must never give way (a figure, a unit, a
date, a quotation that is not there) is decided by the rules alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Literal

import numpy as np

from index.archive import Archive
from index.catalogue import Vector, days
from index.countries import demonym, territories
from index.errors import InputError
from index.figures import Figure, parts
from index.general import stored_means
from index.language import detect, detect_question
from index.languages import pack
from index.nouns import Article, Filters
from index.split import sentences
from index.words import fold, in_dictionary, stem, stop_stems
from rag import wording
from rag.arithmetic import completed, follows, in_so_many
from rag.evidence import judge, numbers, weights
from rag.nouns import Citation, Statement, Support
from rag.quote import cite
from rag.reader import Entailment, Text, header, make_reader
from rag.retrieve import Scale, general_scale, search
from rag.sentence import alone, folded, has_name, read

MAX_DRAFT = 20_000


@dataclass(frozen=True, slots=True)
class Source:
    """What a sentence is checked against. start: where `text` begins in its article; article: None for a bare text."""

    text: str
    language: str
    article: Article | None = None
    start: int = 0


@dataclass(frozen=True, slots=True)
class Findings:
    """What speaks for a sentence (meaning, words) and against it (all others), each about 0 to 1.

    meaning: cosine with the best sentence of the source, both freed of their language; words: share of the sentence's
    words in the source (same language only); foreign: 1 across languages. figures, dates, names: share of the
    sentence's that the source lacks. unit: a figure stands there with another unit or scale, or is one of another time
    (a month, a year). bound: figures that stand in the source, but with other words around them. loose: share of the
    sentence's that follow from others of the source (sums, shares, other units) but do not stand there. negation, direction, modality, cause, universal, attribution,
    quotation: 1 where the two disagree. novelty: the rarest words of the sentence that the source lacks. borne_out,
    contradicted: the checker's probabilities, 0 without one.
    """

    meaning: float
    words: float
    foreign: float
    foreign_meaning: float
    figures: float
    unit: float
    bound: float
    loose: float
    dates: float
    names: float
    negation: float
    direction: float
    modality: float
    cause: float
    universal: float
    attribution: float
    quotation: float
    novelty: float
    borne_out: float = 0.0
    contradicted: float = 0.0


FINDINGS = tuple(f.name for f in fields(Findings))


@dataclass(frozen=True, slots=True)
class Verdict:
    """support, why not ("" when it is), and where in the source the best sentence is (start, end in `Source.text`)."""

    support: Support
    reason: str
    probability: float
    start: int
    end: int
    findings: Findings


@dataclass(frozen=True, slots=True)
class Verification:
    statements: tuple[Statement, ...]
    citations: tuple[Citation, ...]


def verify_text(text: str, archive: Archive, *, filters: Filters | None = None) -> Verification:
    """A draft checked sentence by sentence against what the index finds for each. Raises InputError, EmptyIndexError."""
    statements: list[Statement] = []
    citations: list[Citation] = []
    for sentence, language in _draft(text, archive.sizes):
        hits = search(sentence, archive, filters=filters, limit=6)
        articles = archive.catalogue.articles_by_id({h.passage.article_id for h in hits})
        sources = [
            Source(h.passage.text, h.passage.language, articles[h.passage.article_id], h.passage.start)
            for h in hits
            if h.passage.article_id in articles
        ]
        statement, citation = _best(sentence, language, sources, archive, len(citations) + 1)
        if citation:
            known = next(
                (
                    c
                    for c in citations
                    if (c.article_id, c.start, c.end) == (citation.article_id, citation.start, citation.end)
                ),
                None,
            )
            if known is None:
                citations.append(citation)
            else:
                statement = replace(statement, citations=(known.number,))
        statements.append(statement)
    return Verification(tuple(statements), tuple(citations))


def verify_against(text: str, passages: Sequence[tuple[str, str | None]], archive: Archive) -> Verification:
    """A draft checked sentence by sentence against given passages (text, language or None) alone.

    Citations quote the passage given; their `source` is `passage 1`, counting from 1, and offsets count in it.
    """
    sources = [Source(p, language or detect(p)) for p, language in passages if p.strip()]
    if not sources:
        raise InputError(
            "There is no passage to check against.", "Give at least one, or leave `passages` out."
        )
    corpus: dict[str, int] = {}
    for source in sources:
        corpus[source.language] = corpus.get(source.language, 0) + 1
    statements: list[Statement] = []
    citations: list[Citation] = []
    for sentence, language in _draft(text, corpus):
        read = entailments(sentence, sources, archive)
        verdicts = [
            (check(sentence, language, s, archive, also=[o for o in sources if o is not s], read=read[n]), n)
            for n, s in enumerate(sources)
        ]
        verdict, n = max(verdicts, key=lambda v: (v[0].support != "unsupported", v[0].probability))
        marks: tuple[int, ...] = ()
        if verdict.support != "unsupported":
            quote = sources[n].text[verdict.start : verdict.end]
            citations.append(
                Citation(
                    len(citations) + 1,
                    "",
                    f"passage {n + 1}",
                    quote,
                    verdict.start,
                    verdict.end,
                    language=sources[n].language,
                )
            )
            marks = (len(citations),)
        statements.append(Statement(sentence, marks, verdict.support, verdict.reason))
    return Verification(tuple(statements), tuple(citations))


def _draft(text: str, corpus: dict[str, int]) -> list[tuple[str, str]]:
    """(sentence, language) of a draft. Raises InputError for an empty or overlong one."""
    if not re.search(r"\w", text):
        raise InputError("The draft is empty.", "Give the sentences to check.")
    if len(text) > MAX_DRAFT:
        raise InputError(
            f"The draft is {len(text):,} characters long; at most {MAX_DRAFT:,} are checked at once.",
            "Cut it in parts.",
        )
    whole = detect(text) if len(text) > 60 else detect_question(text, corpus)
    return [(text[a:b], whole) for a, b in sentences(text, whole) if re.search(r"\w", text[a:b])]


def _best(
    sentence: str, language: str, sources: Sequence[Source], archive: Archive, number: int
) -> tuple[Statement, Citation | None]:
    read = entailments(sentence, sources, archive)
    verdicts = [
        (check(sentence, language, s, archive, read=told), s) for s, told in zip(sources, read, strict=True)
    ]
    if not verdicts:
        return Statement(sentence, (), "unsupported", "nothing in the articles is about it"), None
    verdict, source = max(
        verdicts, key=lambda v: (v[0].support == "quoted", v[0].support == "supported", v[0].probability)
    )
    if verdict.support == "unsupported":
        # the reason is told of the passage nearest in meaning, not of the luckiest
        verdict, source = max(verdicts, key=lambda v: v[0].findings.meaning)
        if verdict.findings.meaning < 0.35:
            return Statement(sentence, (), "unsupported", "nothing in the articles is about it"), None
    citation = None
    if source.article is not None:
        start = source.start + verdict.start
        citation = cite(source.article, start, source.start + verdict.end, number, archive)
    marks = (number,) if citation else ()
    return Statement(sentence, marks, verdict.support, verdict.reason), citation


def entailments(sentence: str, sources: Sequence[Source], archive: Archive) -> Sequence[Entailment | None]:
    """What the checker says of a sentence and each source, all at once; None for each without a checker."""
    reader = make_reader(archive.settings)
    if reader is None or not sources:
        return [None] * len(sources)
    texts = [Text(header(s.article) if s.article else "", s.text, ()) for s in sources]
    return reader.check([(sentence, text) for text in texts])


def check(
    sentence: str,
    language: str,
    source: Source,
    archive: Archive,
    *,
    also: Sequence[Source] = (),
    vector: Vector | None = None,
    read: Entailment | None = None,
) -> Verdict:
    """One sentence against one source. also: further passages given with it, in which names and figures may stand too;
    vector: the sentence's, as a passage, when it is known; read: what the checker says of the two (`entailments`)."""
    where = _verbatim(sentence, source.text)
    if where:
        return Verdict("quoted", "", 1.0, *where, _nothing_against())
    cut = sentences(source.text, source.language) or [(0, len(source.text))]
    mine, theirs = _vectors(sentence, language, source, cut, archive, vector)
    cosines = theirs @ mine
    best = int(cosines.argmax())
    # what the sentence may rest on: the best sentence, its neighbours, and others nearly as close
    near = sorted({i for i in range(len(cut)) if abs(i - best) <= 1 or cosines[i] >= cosines[best] - 0.12})
    close = [i for i in near if i == best or cosines[i] >= cosines[best] - 0.08]
    near_text = " ".join(source.text[cut[i][0] : cut[i][1]] for i in near)
    close_text = " ".join(source.text[cut[i][0] : cut[i][1]] for i in close)
    best_text = " ".join(
        source.text[cut[i][0] : cut[i][1]] for i in near if cosines[i] >= cosines[best] - 0.02
    )
    findings, reasons = compare(
        sentence, language, source, near_text, close_text, best_text, cut[best], float(cosines[best]), also
    )
    if read:
        findings = replace(findings, borne_out=read.supported, contradicted=read.contradicted)
    model = "claim" if read else "claim_unread"
    probability = judge(model, numbers(findings))
    # however well the rest agrees, no false figure, date or quote goes through, nor what was only planned, nor the opposite
    if (
        findings.figures
        or findings.unit
        or findings.dates
        or 1 in (findings.quotation, findings.modality, findings.direction)
    ):
        probability = min(probability, 0.49)
    if probability >= 0.5:
        return Verdict("supported", "", probability, *cut[best], findings)
    coefficients = weights()[model]
    against = {name: coefficients.get(name, 0.0) * getattr(findings, name) for name in reasons}
    worst = min(against, key=lambda n: against[n], default="")
    reason = reasons[worst] if worst and against[worst] < -0.2 else "the cited passage does not say this"
    return Verdict("unsupported", reason, probability, *cut[best], findings)


def compare(
    sentence: str,
    language: str,
    source: Source,
    near: str,
    close: str,
    core: str,
    best: tuple[int, int],
    meaning: float,
    also: Sequence[Source] = (),
) -> tuple[Findings, dict[str, str]]:
    """The findings and, for each that speaks against the sentence, the reason in words."""
    reasons: dict[str, str] = {}
    same = language == source.language
    about = (
        " ".join(filter(None, (source.article.title, source.article.publisher, source.article.author)))
        if source.article
        else ""
    )
    everything = " ".join([source.text, about, *(s.text for s in also)])
    lost, unit, bound, loose = _figures(sentence, language, source, near, also, reasons)
    words, novelty = _words(sentence, language, everything, same, reasons)
    findings = Findings(
        meaning=meaning,
        words=words,
        foreign=0.0 if same else 1.0,
        foreign_meaning=0.0 if same else meaning,
        figures=lost,
        unit=unit,
        bound=bound,
        loose=loose,
        dates=_dates(sentence, language, source, also, reasons),
        names=_names(sentence, language, source, near, everything, reasons),
        negation=_negation(sentence, language, core, near, source.language, reasons),
        direction=_direction(sentence, language, close, source.language, reasons),
        modality=_modality(sentence, language, core, source.language, reasons),
        cause=_added("cause", sentence, language, near, source.language, reasons),
        universal=_added("universal", sentence, language, near, source.language, reasons),
        attribution=_attribution(sentence, language, source, best, near, reasons),
        quotation=_quotation(sentence, everything, same, reasons),
        novelty=novelty,
    )
    return findings, reasons


# ------------------------------------------------------------------------------------------- the comparisons


def _verbatim(sentence: str, text: str) -> tuple[int, int] | None:
    """Where the sentence stands word for word (blanks and outer quotation marks apart); at least four words."""
    words = re.findall(r"\S+", sentence.strip("\"“”„»«'’ "))
    if len(words) < 4:
        return None
    match = re.search(r"\s+".join(map(re.escape, words)), text)
    return match.span() if match else None


def _nothing_against() -> Findings:
    return replace(Findings(*(0.0 for _ in FINDINGS)), meaning=1.0, words=1.0, borne_out=1.0)


def _vectors(
    sentence: str,
    language: str,
    source: Source,
    cut: Sequence[tuple[int, int]],
    archive: Archive,
    vector: Vector | None,
) -> tuple[Vector, Vector]:
    """The sentence's and the source's sentences' vectors, freed of their language."""
    texts = [sentence] if vector is None else []
    texts += [source.text[a:b] for a, b in cut]
    made = [e.vector for e in archive.encoder.embed_passages(texts, [[]] * len(texts))]
    mine = made.pop(0) if vector is None else vector
    scale = _scale(archive, language, source.language)
    return scale.sentences(mine, language), scale.sentences(np.stack(made), source.language)


def _scale(archive: Archive, *languages: str) -> Scale:
    generals = dict(archive.generals)
    if any(language not in generals for language in languages):
        generals |= stored_means(
            sorted({*languages, "en", *generals}), archive.encoder, archive.settings.models
        )
    for language in languages:
        generals.setdefault(language, np.mean([*generals.values()], axis=0))
    return general_scale(generals)


def _figures(
    sentence: str, language: str, source: Source, near: str, also: Sequence[Source], reasons: dict[str, str]
) -> tuple[float, float, float, float]:
    """The findings figures, unit, bound and loose."""
    claimed = [f for f in alone(sentence, language).figures if f.kind != "year"]
    # spelled-out small numbers and ordinals are weak: "two sides" is rarely what a source counts
    strong = [f for f in claimed if f.kind != "ordinal" and (f.digits or f.value > 2 or f.unit)]
    if not strong:
        return 0.0, 0.0, 0.0, 0.0
    there = [f for s in (source, *also) for f in alone(s.text, s.language).figures]
    here = completed(alone(near, source.language).figures, there, units=False)
    given = completed(there, there, units=True)
    given += [f for s in (source, *also) for f in parts(s.text, s.language)]
    shares = dict(in_so_many(sentence, strong))
    spans = any(f.kind == "year" for f in there) and not any(f.unit == "year" for f in there)
    if published := source.article and days(source.article.published):
        given.append(Figure(published[0].year, "year", "", 0, 0))
    lost, loose, wrong, unbound = 0, 0, 0.0, 0.0
    for figure in strong:
        shown = sentence[figure.start : figure.end]
        same = [other for other in there if _equal(figure, other) and _units_agree(figure, other)]
        readings = completed([figure], claimed, units=False)
        derived = any(follows(one, given) for one in (*readings, *shares.get(figure, ())))
        alike = any(_equal(figure, other) for other in there)
        if same and all(figure.per and other.per and figure.per != other.per for other in same):
            lost, wrong = lost + 1, 1.0
            reasons["unit"] = f"{shown} is one of each {same[0].per} in the cited passage"
        elif same:
            if not any(_equal(figure, other) for other in here):
                unbound = 1.0
        elif alike and not any(_equal(one, other) for one in readings[1:] for other in given):
            lost, wrong = lost + 1, 1.0
            reasons["unit"] = f"{shown} stands in the cited passage with another unit or scale"
        elif derived or (figure.unit == "year" and spans and not published):
            loose += 1
            reasons["loose"] = f"{shown} does not stand in the cited passage as it is"
        elif any(_digits_alike(figure, other) for other in there):
            lost, wrong = lost + 1, 1.0
            reasons["unit"] = f"{shown} stands in the cited passage with another unit or scale"
        else:
            lost += 1
            reasons.setdefault("figures", f"{shown} is not in the cited passage")
    if unbound:
        reasons["bound"] = "the figure belongs to something else in the cited passage"
    return lost / len(strong), wrong, unbound, loose / len(strong)


def _equal(a: Figure, b: Figure) -> bool:
    if a.value == b.value or abs(a.value - b.value) <= 1e-6 * max(abs(a.value), abs(b.value)):
        return True
    if a.unit == b.unit == "%" and (a.step == 0 or b.step == 0):  # "two thirds", 66 percent
        return abs(a.value - b.value) <= 1.5
    # hedged ("about 9 billion"), a figure may be a rounding of the other at its own precision
    return (a.approx or b.approx) and abs(a.value - b.value) <= max(min(a.step, b.value * 0.06), 0.5 * a.step)


def _units_agree(a: Figure, b: Figure) -> bool:
    if not a.unit or not b.unit:
        # a bare count is no amount of money, nor a share
        return not ({a.unit, b.unit} & {"%"}) or a.kind == b.kind
    return a.unit == b.unit


def _digits_alike(a: Figure, b: Figure) -> bool:
    """The same digits at another scale: 14.7 million, 14.7 billion."""
    if a.value <= 0 or b.value <= 0 or a.value == b.value:
        return False
    ratio = np.log10(a.value / b.value)
    return abs(ratio - round(ratio)) < 1e-9 and len(f"{a.value:g}".replace(".", "").strip("0")) >= 2


def _dates(
    sentence: str, language: str, source: Source, also: Sequence[Source], reasons: dict[str, str]
) -> float:
    claimed_years = [int(f.value) for f in alone(sentence, language).figures if f.kind == "year"]
    claimed = list(alone(sentence, language).dates)
    if not claimed_years and not claimed:
        return 0.0
    years = {
        int(f.value) for s in (source, *also) for f in alone(s.text, s.language).figures if f.kind == "year"
    }
    dates = [m for s in (source, *also) for m in alone(s.text, s.language).dates]
    span = days(source.article.published) if source.article else None
    if span:
        years.add(span[0].year)
        if pack(source.language).dates.last_year.within(source.text):
            years.add(span[0].year - 1)
    lost = [str(y) for y in claimed_years if y not in years]
    for moment in claimed:
        fits = [
            d for d in dates
            if (d.month == moment.month) and (None in (d.day, moment.day) or d.day == moment.day) and (None in (d.year, moment.year) or d.year == moment.year)
        ]  # fmt: skip
        published = span and moment.month == span[0].month and moment.year in (None, span[0].year)
        if not fits and not published:
            lost.append(sentence[moment.start : moment.end])
    if lost:
        reasons["dates"] = f"{lost[0]} is not in the cited passage"
    return min(1.0, len(lost) / max(1, len(claimed_years) + len(claimed)) + (0.5 if lost else 0.0))


def _names(
    sentence: str, language: str, source: Source, near: str, everything: str, reasons: dict[str, str]
) -> float:
    same = language == source.language
    missing: list[str] = []
    weak: list[str] = []
    count = 0
    for code in alone(sentence, language).countries:
        count += 1
        if alone(near, source.language).names_country(code):
            continue
        word = next((w for w in re.findall(r"[\w’'-]+", sentence) if code in territories(w, language)), code)
        (weak if alone(everything, source.language).names_country(code) else missing).append(word)
    for name in _proper(sentence, language, everything, same):
        count += 1
        if people := demonym(name, language):  # Chinese, chilenska: as good as the country's name
            if not alone(everything, source.language).names_country(people):
                missing.append(name)
            continue
        if alone(near, source.language).has_name(fold(name)):
            continue
        # "Foreign Minister", "Road": a title or a word of a name may be put otherwise
        plain = in_dictionary(name, language)
        (weak if plain or alone(everything, source.language).has_name(fold(name)) else missing).append(name)
    if missing:
        reasons["names"] = f"{missing[0]} is not in the cited passage"
    elif weak:
        reasons["names"] = f"{weak[0]} is not named in that part of the passage"
    return min(1.0, (len(missing) + 0.4 * len(weak)) / max(1.0, count**0.5)) if count else 0.0


def _proper(sentence: str, language: str, source: str, same: bool) -> list[str]:
    """Words that look like names. Across languages, and in German, a capitalised word that the language's dictionary
    knows is none (simplemma's word lists): "Government Palace" is translated, "Cortizo" is not. The first word of the
    sentence is one only before another, or where the source or the sentence has it capitalised elsewhere."""
    found = []
    words = list(re.finditer(r"[^\W\d_][\w’'-]*", sentence))
    for i, match in enumerate(words):
        word = re.sub(r"[’']s?$", "", match.group())
        opens = i == 0 or sentence[: match.start()].rstrip()[-1:] in ".!?:"
        if not word[:1].isupper() or len(word) < 2 or territories(word, language):
            continue
        if word.isupper() and len(word) <= 5:
            if same or word not in _TRANSLATED:
                found.append(word)
            continue
        if (opens or not same or pack(language).spelling.capital_nouns) and in_dictionary(word, language):
            continue
        if opens:
            follows = words[i + 1].group()[:1].isupper() if i + 1 < len(words) else False
            if not follows and not re.search(
                rf"[\w,;] {re.escape(word)}", f"{source} {sentence[match.end() :]}"
            ):
                continue
        found.append(word)
    return found


_TRANSLATED = frozenset(
    {"US", "USA", "EU", "UN", "FN", "ONU", "UE", "GDP", "BNP", "PIB", "BIP", "UNO", "EEUU"}
)


def _negation(
    sentence: str, language: str, core: str, near: str, other: str, reasons: dict[str, str]
) -> float:
    mine, theirs = wording.denials(sentence, language), wording.denials(core, other)
    if mine % 2 == theirs % 2:
        return 0.0
    if mine > theirs:
        if wording.denials(near, other):
            return 0.3
        reasons["negation"] = "the cited passage does not deny this"
        return 1.0
    weight = _concerns(lambda text: wording.denials(text, other) > 0, core, other, sentence, language)
    if weight:
        reasons["negation"] = "the cited passage says that it is not so"
    return weight


def _concerns(has: Callable[[str], bool], core: str, other: str, sentence: str, language: str) -> float:
    """How surely a word of the source (a denial, an expectation) concerns what the sentence says: the clause it stands in
    shares most of its words with the sentence; across languages, the source says hardly more than the sentence."""
    if language != other:
        return 1.0 if len(core) < 1.5 * len(sentence) else 0.4
    stop = stop_stems(language)
    mine = {stem(w, language)[:6] for w in re.findall(r"[^\W\d_][\w’'-]*", sentence)}
    best = 0.0
    for clause in wording.clauses(core, other):
        if has(clause):
            words = [w for w in re.findall(r"[^\W\d_][\w’'-]*", clause) if not has(w)]
            content = {s[:6] for w in words if (s := stem(w, language)) not in stop}
            best = max(best, len(content & mine) / len(content) if content else 0.0)
    return 1.0 if best >= 0.5 else 0.5 if best >= 0.3 else 0.0


def _direction(sentence: str, language: str, close: str, other: str, reasons: dict[str, str]) -> float:
    """Where the source goes both ways ("exports rose, while imports fell"), what counts is the clause that shares most
    words with the sentence."""
    mine, theirs = wording.sides(sentence, language), wording.sides(close, other)
    both_ways = any(len(side) == 1 and len(theirs.get(name, ())) == 2 for name, side in mine.items())
    if language == other and both_ways:
        words = {stem(w, language) for w in re.findall(r"\w+", sentence)} - stop_stems(language)
        clauses = wording.clauses(close, other)
        shared = [len(words & {stem(w, language) for w in re.findall(r"\w+", c)}) for c in clauses]
        theirs |= wording.sides(clauses[shared.index(max(shared))], other)
    for name, side in mine.items():
        if len(side) == 1 and name in theirs and not side & theirs[name]:
            reasons["direction"] = f"the cited passage says the opposite ({name})"
            return 1.0
    return 0.0


def _modality(sentence: str, language: str, core: str, other: str, reasons: dict[str, str]) -> float:
    expected = pack(other).claims.expected
    if pack(language).claims.expected.within(sentence) or not expected.within(core):
        return 0.0
    weight = _concerns(expected.within, core, other, sentence, language)
    if weight:
        reasons["modality"] = "the cited passage expects or plans this, and does not say that it is so"
    return weight


def _added(
    name: Literal["cause", "universal"],
    sentence: str,
    language: str,
    near: str,
    other: str,
    reasons: dict[str, str],
) -> float:
    theirs = getattr(pack(other).claims, name)
    if not getattr(pack(language).claims, name).within(sentence) or not theirs or theirs.within(near):
        return 0.0
    reasons[name] = (
        "the cited passage gives no such cause"
        if name == "cause"
        else "the cited passage does not say it so generally"
    )
    return 1.0


def _attribution(
    sentence: str, language: str, source: Source, best: tuple[int, int], near: str, reasons: dict[str, str]
) -> float:
    """Whether somebody else is given as the speaker."""
    claimed = alone(sentence, language).speaker
    if not claimed:
        return 0.0
    text, start = (source.article.text, source.start) if source.article else (source.text, 0)
    real = read(text, start + best[0], start + best[1], source.language).speaker
    last = fold(claimed.split()[-1])
    if real and any(
        has_name(folded(real), n) for n in (last, *(fold(w) for w in claimed.split() if len(w) > 3))
    ):
        return 0.0
    if real:
        reasons["attribution"] = f"the cited passage has {real} say this, not {claimed}"
        return 1.0
    told = pack(source.language).speech
    if not told.saying.within(near) and not told.according_to.within(near):
        reasons["attribution"] = f"the cited passage does not have {claimed} say this"
        return 0.6
    return 0.0


def _quotation(sentence: str, everything: str, same: bool, reasons: dict[str, str]) -> float:
    """Whether words in quotation marks are not in the source. Translated quotes cannot be told from made-up ones."""
    plain = _flat(everything)
    for quoted in re.findall(r"[\"“„”»«]([^\"“”„»«]{3,}?)[\"”“»«]", sentence):
        if len(quoted.split()) >= 2 and _flat(quoted) not in plain:
            reasons["quotation"] = f"“{quoted.strip()}” is not in the cited passage"
            return 1.0 if same else 0.7
    return 0.0


def _flat(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))


def _words(
    sentence: str, language: str, everything: str, same: bool, reasons: dict[str, str]
) -> tuple[float, float]:
    """Share of the sentence's content words in the source, and how many long ones it lacks (same language only)."""
    if not same:
        return 0.0, 0.0
    stop = stop_stems(language)
    mine = {stem(w, language): w for w in re.findall(r"[^\W\d_][\w’'-]*", sentence)}
    mine = {s: w for s, w in mine.items() if s not in stop and len(s) > 2}
    theirs = {stem(w, language) for w in re.findall(r"[^\W\d_][\w’'-]*", everything)}
    prefixes = {t[:5] for t in theirs if len(t) >= 5}
    lacking = [w for s, w in mine.items() if s not in theirs and s[:5] not in prefixes]
    if not mine:
        return 1.0, 0.0
    if lacking:
        reasons["novelty"] = f"“{max(lacking, key=len)}” is not in the cited passage"
    return 1 - len(lacking) / len(mine), min(1.0, len(lacking) / 5)
