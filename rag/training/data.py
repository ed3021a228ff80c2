"""Archives and public sets -> examples of token ids, in one file that `rag/training/train.py` reads.

Run with Dossier's own environment: passages are those that our splitter makes, negatives those that our search ranks
high and that do not answer. Archives named with --keep are left out: what a figure is measured on, or a scorer fitted
on, is never trained on.

    python -m rag.training.data --news FOLDER [--news FOLDER] --public FOLDER --out FILE [--keep NAME ...]
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import json
import logging
import pickle
import random
import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from index.archive import Archive
from index.nouns import Article, Passage
from index.settings import Settings
from index.sync import update
from rag.reader import header, tokenizer
from rag.retrieve import search
from rag.training.public import KEPT_GROUPS

log = logging.getLogger(__name__)

SEED = 20261126
TEST_ONLY = ("valley", "court")  # never trained on, whatever is asked for
QUESTION_TOKENS, PASSAGE_TOKENS = 64, 220
NEGATIVES = 6
_FIGURE = re.compile(r"\d+(?:[.,  ]\d+)*")
_NAME = re.compile(r"(?<=[\w,;:”\"’)–-]\s)[A-ZÅÄÖÉÜ][\w’-]+(?:\s[A-ZÅÄÖÉÜ][\w’-]+)*")


class Store:
    """Texts as token ids, each kept once. Examples name them by number."""

    def __init__(self) -> None:
        self._tokenize = tokenizer(Settings().data_dir)
        self._numbers: dict[str, int] = {}
        self.ids: list[Any] = []

    def add(self, text: str) -> int:
        if text not in self._numbers:
            self._numbers[text] = len(self.ids)
            self.ids.append(self._tokenize(text, [])[0].astype("int32"))
        return self._numbers[text]

    def spans(self, text: str, places: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
        """Characters [start, end) -> tokens, first and last."""
        found = []
        for start, end in places:
            _, (first, last) = self._tokenize(text, [start, end])
            found.append((int(first), max(int(first), int(last) - 1)))
        return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--news", type=Path, action="append", default=[], help="a folder of archives")
    parser.add_argument("--public", type=Path, help="the folder with reading-*.jsonl.gz and claims.jsonl.gz")
    parser.add_argument("--keep", nargs="*", default=[], help="archives to leave out")
    parser.add_argument(
        "--work", type=Path, default=Path(tempfile.gettempdir()) / "dossier-training", help="where indexes go"
    )
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    store = Store()
    reading: list[Any] = []
    claims: list[Any] = []
    for folder in sorted(itertools.chain.from_iterable(f.iterdir() for f in given.news)):
        if (folder / "questions.jsonl").exists() and folder.name not in (*TEST_ONLY, *given.keep):
            random.seed(f"{SEED} {folder.name}")  # so that an archive's examples don't depend on the others
            asked, claimed = archive_examples(folder, store, given.work)
            log.info("%s: %d questions, %d claims", folder.name, len(asked), len(claimed))
            reading += asked
            claims += claimed
    if given.public:
        random.seed(SEED)
        reading += public_reading(given.public, store)
        claims += public_claims(given.public, store)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    with given.out.open("wb") as file:
        pickle.dump({"ids": store.ids, "reading": reading, "claims": claims}, file)
    log.info("reading %s", Counter(r["source"] for r in reading))
    log.info("claims %s", Counter((c["source"], c["label"]) for c in claims))


def opened(folder: Path, work: Path) -> Archive:
    """An archive's articles, indexed as a user would."""
    settings = Settings(data_dir=work / folder.name, models_dir=work)
    update(settings, [folder / "articles"])
    return Archive(settings)


def lines(path: Path) -> Iterator[dict[str, Any]]:
    opening = gzip.open if path.suffix == ".gz" else open
    with opening(path, "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)


def archive_examples(folder: Path, store: Store, work: Path) -> tuple[list[Any], list[Any]]:
    archive = opened(folder, work)
    claims: list[Any] = []
    articles = {a.source: a for a in archive.catalogue.articles(text=True)}
    passages = {
        a.source: [p for p, _ in archive.catalogue.passages(archive.catalogue.passages_of(a.id)).values()]
        for a in articles.values()
    }
    reading = []
    for question in lines(folder / "questions.jsonl"):
        right = [*question["gold"], *question["also"]]
        tempting = [question["near"]] if question.get("near") else []
        for text in question["questions"].values():
            positive = [
                _item(articles[source], passage, found, store)
                for source, passage, found in _holding(right, articles, passages)
            ]
            barred = {(g["file"], p.start) for g in right for p in _touched(g, articles, passages)}
            ranked = [(articles_of(articles, h.passage), h.passage) for h in search(text, archive, limit=12)]
            near = [(articles[s], p) for s, p, _ in _holding(tempting, articles, passages)]
            others = dict.fromkeys(
                (a.source, p) for a, p in (*near, *ranked) if (a.source, p.start) not in barred
            )
            negative = [_item(articles[s], p, [], store) for s, p in list(others)[:NEGATIVES]]
            reading.append(
                {"source": "news", "question": store.add(text), "positive": positive, "negative": negative}
            )
    for claim in lines(folder / "claims.jsonl"):
        for code, text in claim["claims"].items():
            claims += _claim_examples(claim, code, text, archive, articles, passages, store)
    return reading, claims


def articles_of(articles: dict[str, Article], passage: Passage) -> Article:
    return next(a for a in articles.values() if a.id == passage.article_id)


def _touched(
    gold: dict[str, str], articles: dict[str, Article], passages: Mapping[str, Sequence[Passage]]
) -> list[Passage]:
    """The passages that hold a part of a quote."""
    start = articles[gold["file"]].text.index(gold["quote"])
    end = start + len(gold["quote"])
    return [p for p in passages[gold["file"]] if p.start < end and p.end > start]


def _holding(
    right: Sequence[dict[str, str]], articles: dict[str, Article], passages: Mapping[str, Sequence[Passage]]
) -> list[tuple[str, Passage, list[tuple[int, int]]]]:
    """(source, passage, answers in it) for each passage that holds the answering words."""
    found: dict[tuple[str, int], tuple[str, Passage, list[tuple[int, int]]]] = {}
    for gold in right:
        text = articles[gold["file"]].text
        at = text.index(gold["quote"])
        answer = gold.get("answer", gold["quote"])
        start = at + gold["quote"].index(answer)
        for passage in passages[gold["file"]]:
            if passage.start <= start < passage.end:
                end = min(start + len(answer), passage.end)
                held = found.setdefault((gold["file"], passage.start), (gold["file"], passage, []))
                held[2].append((start - passage.start, end - passage.start))
    return list(found.values())


def _item(article: Article, passage: Passage, answers: Sequence[tuple[int, int]], store: Store) -> Any:
    return (store.add(header(article)), store.add(passage.text), store.spans(passage.text, answers))


def _claim_examples(
    claim: dict[str, Any],
    code: str,
    text: str,
    archive: Archive,
    articles: dict[str, Article],
    passages: Mapping[str, Sequence[Passage]],
    store: Store,
) -> Iterator[Any]:
    article = articles[claim["file"]]
    touched = _touched(claim, articles, passages)
    evidence = article.text[touched[0].start : touched[-1].end]
    head = store.add(header(article))
    label = "supported" if claim["supported"] else "not_supported"

    def example(said: str, shown: int, evidence: str, label: str, source: str) -> Any:
        return {
            "source": source,
            "claim": store.add(said),
            "header": shown,
            "evidence": store.add(evidence),
            "label": label,
        }

    yield example(text, head, evidence, label, "news")
    if not claim["supported"]:
        return
    others = [h.passage for h in search(text, archive, limit=6)]
    elsewhere = [p for p in others if articles_of(articles, p).story != article.story]
    if elsewhere:
        other = random.choice(elsewhere[:3])
        yield example(
            text, store.add(header(articles_of(articles, other))), other.text, "neutral", "news-other"
        )
    if lie := other_figure(text, evidence):
        yield example(lie, head, evidence, "contradicted", "news-figure")
    if lie := other_name(text, evidence):
        yield example(lie, head, evidence, "contradicted", "news-name")


def other_figure(claim: str, evidence: str) -> str | None:
    """A claim with one of its figures replaced: by another of the evidence, or with a digit changed."""
    figures = list(_FIGURE.finditer(claim))
    if not figures:
        return None
    figure = random.choice(figures)
    there = [f for f in _FIGURE.findall(evidence) if f != figure.group()]
    if there and random.random() < 0.5:
        new = random.choice(there)
    else:
        digits = [i for i, c in enumerate(figure.group()) if c.isdigit()]
        i = random.choice(digits)
        swapped = random.choice([c for c in "123456789" if c != figure.group()[i]])
        new = figure.group()[:i] + swapped + figure.group()[i + 1 :]
    return claim[: figure.start()] + new + claim[figure.end() :] if new not in claim else None


def other_name(claim: str, evidence: str) -> str | None:
    """A claim with one of its names replaced by another name of the evidence."""
    names = list(_NAME.finditer(claim))
    if not names:
        return None
    name = random.choice(names)
    there = [n for n in _NAME.findall(evidence) if n not in claim and name.group() not in n]
    if not there or name.group().split()[-1] not in evidence:
        return None
    other: str = random.choice(there)
    return claim[: name.start()] + other + claim[name.end() :]


def public_reading(folder: Path, store: Store) -> Iterator[Any]:
    contexts = {c["context"]: c["text"] for c in lines(folder / "reading-contexts.jsonl.gz")}
    for question in lines(folder / "reading-questions.jsonl.gz"):
        if question["group"] in KEPT_GROUPS:
            continue
        titled = question["set"].startswith(("squad2", "xquad", "mlqa")) and random.random() < 0.5
        title = question["group"].removeprefix("mlqa-").replace("_", " ") if titled else ""
        text, answers = _window(contexts[question["context"]], question["answers"])
        item = (store.add(title), store.add(text), store.spans(text, answers))
        yield {
            "source": f"public-{question['question_language']}",
            "question": store.add(question["question"]),
            "positive": [item] if answers else [],
            "negative": [] if answers else [item],
        }


def _window(text: str, answers: Sequence[tuple[int, str]]) -> tuple[str, list[tuple[int, int]]]:
    """At most about PASSAGE_TOKENS of a text, whole words, around its first answer."""
    most = PASSAGE_TOKENS * 3
    places = [(start, start + len(answer)) for start, answer in answers]
    if len(text) > most:
        middle = places[0][0] if places else random.randrange(len(text))
        begin = max(0, min(len(text) - most, middle - random.randrange(most // 6, most * 5 // 6)))
        begin = text.rfind(" ", 0, begin) + 1
        text = text[begin : begin + most].rsplit(" ", 1)[0]
        places = [(a - begin, b - begin) for a, b in places]
    return text, [(a, b) for a, b in places if a >= 0 and b <= len(text) and b > a]


def public_claims(folder: Path, store: Store) -> Iterator[Any]:
    none = store.add("")
    for claim in lines(folder / "claims.jsonl.gz"):
        yield {
            "source": f"public-{claim['set']}",
            "claim": store.add(claim["claim"]),
            "header": none,
            "evidence": store.add(claim["evidence"][: PASSAGE_TOKENS * 4]),
            "label": claim["label"],
        }


if __name__ == "__main__":
    main()
