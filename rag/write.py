"""The written answer: an OpenAI-compatible model's sentences, each checked before anybody sees it.

The model reads numbered passages with their publishers and dates and marks every sentence `[1]`. A mark is resolved in
code to the sentence of that passage which bears the statement out, quoted exactly; a number that does not exist is
dropped and logged; a sentence that the passages it names do not bear out is tried against the others, and given the
right mark, or told apart as unsupported.
"""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import prompts
from index.archive import Archive
from index.languages import cldr
from index.nouns import Article
from index.split import sentences, tokenizer
from rag.chat import ChatModel
from rag.instructions import talks_to_a_model
from rag.nouns import Citation, Hit, Statement
from rag.phrases import shown_date
from rag.question import Question, topic_terms
from rag.quote import as_of, cite
from rag.sentence import of_article
from rag.verify import Source, Verdict, check, entailments

log = logging.getLogger(__name__)

NOT_FOUND = "NOT IN THE ARTICLES"
_MARK = re.compile(r"\s*\[(\d+(?:\s*[,;]\s*\d+)*)\]")


class NotInArticles(Exception):
    """The model says that the passages do not answer the question."""


def rewrite(
    question: str, history: Sequence[tuple[str, str]], model: ChatModel, tokens: dict[str, int]
) -> str | None:
    """The question as the model makes it stand alone; None when what it says is no question. Raises ModelError."""
    turns = "\n".join(f"Q: {q}\nA: {a[:500]}" for q, a in history[-4:])
    text = prompts.load("standalone", {"history", "question"}).substitute(history=turns, question=question)
    reply = "".join(model.chat([{"role": "user", "content": text}], tokens, limit=120)).strip().strip('"')
    return reply if 3 <= len(reply) <= 400 and "\n" not in reply else None


def write(
    asked: Question, hits: Sequence[Hit], archive: Archive, model: ChatModel, tokens: dict[str, int]
) -> Iterator[tuple[Statement, tuple[Citation, ...]]]:
    """Each sentence of the model's answer once it is checked, with the citations not given before.

    Raises ModelError, and NotInArticles when that is what the model replies.
    """
    articles = archive.catalogue.articles_by_id({h.passage.article_id for h in hits})
    shown = _shown(hits, articles, archive.settings.llm.context_tokens)
    citations: list[Citation] = []
    heard = ""
    for sentence in _sentences(
        model.chat(_messages(asked, shown, articles, archive), tokens), asked.language
    ):
        heard += sentence
        if NOT_FOUND in heard.upper():
            raise NotInArticles
        text, numbers = _marks(sentence, len(shown))
        if not re.search(r"\w{2}", text):
            continue
        yield _checked(text, numbers, shown, articles, archive, asked, citations, model, tokens)


def _shown(hits: Sequence[Hit], articles: Mapping[str, Article], most: int) -> list[Hit]:
    shown: list[Hit] = []
    used = 0
    for hit in hits:
        used += len(tokenizer()(hit.passage.text)) + 40
        if hit.passage.article_id not in articles or (shown and used > most):
            continue
        shown.append(hit)
    return shown


def _messages(
    asked: Question, shown: Sequence[Hit], articles: Mapping[str, Article], archive: Archive
) -> list[dict[str, str]]:
    language = cldr.name(asked.language) or "the language of the question"
    fence = f"=== {secrets.token_hex(4)} ==="  # an article cannot close a fence it cannot guess
    stories: dict[str, int] = {}
    blocks = []
    for number, hit in enumerate(shown, 1):
        article = articles[hit.passage.article_id]
        first = stories.setdefault(article.story, number)
        about = [
            article.publisher or article.title or article.source,
            shown_date(article.published, "en") or "undated",
            "opinion" if article.genre == "opinion" else "",
            f"same story as [{first}]"
            if first != number and articles[shown[first - 1].passage.article_id].id != article.id
            else "",
        ]
        text = " ".join(hit_text for hit_text in _clean(hit, article))
        blocks.append(f"[{number}] {', '.join(filter(None, about))}\n{fence}\n{text}\n{fence}")
    rules = prompts.load("answer", {"language", "sentences", "not_found", "fence"}).substitute(
        language=language,
        sentences=archive.settings.answer.max_sentences + 1,
        not_found=NOT_FOUND,
        fence=fence,
    )
    passages = prompts.load("passages", {"passages", "question"}).substitute(
        passages="\n\n".join(blocks), question=asked.standalone
    )
    return [{"role": "system", "content": rules}, {"role": "user", "content": passages}]


def _clean(hit: Hit, article: Article) -> list[str]:
    """The passage's sentences but for those that talk to a model."""
    cut = [article.text[a:b] for a, b in hit.passage.sentences] or [hit.passage.text]
    return [s for s in cut if not talks_to_a_model(s, article.language)]


def _sentences(pieces: Iterator[str], language: str) -> Iterator[str]:
    """Whole sentences with the marks behind them, as early as they are complete."""
    held = ""
    for piece in pieces:
        held += piece
        # a sentence is complete when another has begun after its marks
        while match := re.match(r"(.*?[.!?…][\"”»’')]*(?:\s*\[[\d,;\s]+\][.]?)*)\s+(?=[^\s\[])", held, re.S):
            cut = sentences(held, language)
            end = match.end()
            if cut and len(cut) > 1 and cut[0][1] > match.end(1):
                end = cut[0][1]  # Punkt knows that "U.S." ends nothing
                if end >= len(held.rstrip()):
                    break
            yield held[:end].strip()
            held = held[end:]
    if held.strip():
        yield held.strip()


def _marks(sentence: str, most: int) -> tuple[str, list[int]]:
    """The sentence without its marks, and the passages they name."""
    numbers = [int(n) for group in _MARK.findall(sentence) for n in re.findall(r"\d+", group)]
    unknown = [n for n in numbers if not 1 <= n <= most]
    if unknown:
        log.warning("The model cited passage %s, which does not exist; the mark is dropped.", unknown[0])
    text = re.sub(r"\s+([.,!?])", r"\1", _MARK.sub("", sentence)).strip().lstrip("-*• ").strip()
    return text, list(dict.fromkeys(n for n in numbers if 1 <= n <= most))


def _checked(
    text: str,
    numbers: Sequence[int],
    shown: Sequence[Hit],
    articles: Mapping[str, Article],
    archive: Archive,
    asked: Question,
    citations: list[Citation],
    model: ChatModel,
    tokens: dict[str, int],
) -> tuple[Statement, tuple[Citation, ...]]:
    # "It was Xi Jinping." says nothing without its question, and would agree with any passage that names him
    claim = text if len(topic_terms(text, asked.language)) >= 5 else f"{asked.standalone} {text}"
    vector = archive.encoder.embed_passages([claim], [[]])[0].vector
    verdicts: dict[int, Verdict] = {}

    def judged(number: int) -> Verdict:
        if number not in verdicts:
            hit = shown[number - 1]
            article = articles[hit.passage.article_id]
            source = Source(hit.passage.text, hit.passage.language, article, hit.passage.start)
            (read,) = entailments(claim, [source], archive)
            verdicts[number] = check(claim, asked.language, source, archive, vector=vector, read=read)
        return verdicts[number]

    standing = [n for n in numbers if judged(n).support != "unsupported"]
    if not standing:
        others = [n for n in range(1, len(shown) + 1) if n not in numbers]
        right = [n for n in others if judged(n).support != "unsupported"]
        standing = sorted(right, key=lambda n: -judged(n).probability)[:1]
    if talks_to_a_model(text, asked.language) or (
        re.search(r"https?://|www\.", text) and not any(_has_link(text, shown[n - 1]) for n in standing)
    ):
        return Statement(text, (), "unsupported", "it is not part of an answer from the articles"), ()
    if (
        standing
        and archive.settings.answer.model_check
        and not _entailed(text, shown[standing[0] - 1], model, tokens)
    ):
        return Statement(text, (), "unsupported", "the model check does not find it in the cited passage"), ()
    if not standing:
        told = max((judged(n) for n in numbers or verdicts), key=lambda v: v.probability, default=None)
        return Statement(text, (), "unsupported", told.reason if told else "it cites no passage"), ()
    places = [(articles[shown[n - 1].passage.article_id], shown[n - 1], judged(n)) for n in standing[:3]]
    fresh, marks = _cited(places, citations, archive)
    cited = citations[marks[0] - 1]
    dated = as_of(places[0][0], of_article(places[0][0], cited.start, cited.end))
    return Statement(text, tuple(marks), judged(standing[0]).support, "", "", dated), fresh


def _cited(
    places: Sequence[tuple[Article, Hit, Verdict]], citations: list[Citation], archive: Archive
) -> tuple[tuple[Citation, ...], list[int]]:
    """The citations of the words that bear a sentence out: those not given before, which `citations` gets, and the
    numbers of all."""
    fresh: list[Citation] = []
    marks = []
    for article, hit, verdict in places:
        start, end = hit.passage.start + verdict.start, hit.passage.start + verdict.end
        known = next(
            (c for c in citations if (c.article_id, c.start, c.end) == (article.id, start, end)), None
        )
        if known is None:
            known = cite(article, start, end, len(citations) + 1, archive)
            citations.append(known)
            fresh.append(known)
        marks.append(known.number)
    return tuple(fresh), marks


def _has_link(text: str, hit: Hit) -> bool:
    return all(link.rstrip(".,)") in hit.passage.text for link in re.findall(r"(?:https?://|www\.)\S+", text))


def _entailed(text: str, hit: Hit, model: ChatModel, tokens: dict[str, int]) -> bool:
    """What the model says of a sentence that the code let through; anything but a clear NO leaves it standing."""
    prompt: Any = prompts.load("entail", {"passage", "sentence"})
    content = prompt.substitute(passage=hit.passage.text, sentence=text)
    reply = "".join(model.chat([{"role": "user", "content": content}], tokens, limit=5))
    return not re.match(r"\W*no\b", reply, re.I)
