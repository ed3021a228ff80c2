"""Reads passages for a question, and evidence for a claim: which sentence answers, in which words, and whether a claim is
borne out.

The builtin reader is the embedder's own model (multilingual-e5-small) whose upper layers were trained to read two texts
together (`rag/training/`, `docs/reader.md`). Its lowest layers are the embedder's, and read each text by itself, so that
what they make of a passage is kept for the next question. A reader of the user's own takes its place through the setting
`reader.model` (`module:factory`).
"""

from __future__ import annotations

import functools
import logging
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from index import convert, doors
from index.nouns import Article, Passage
from index.onnx import SpmTokenizer, cores, open_session
from index.settings import Settings
from rag.reader_graph import Trained, reader_folder

log = logging.getLogger(__name__)

WEIGHTS = Path(__file__).with_name("reader.npz")
BATCH_TOKENS = 512  # a batch for each thread
_KEPT_BYTES = 48 << 20
_LONGEST_ANSWER = 48  # tokens


@dataclass(frozen=True, slots=True)
class Text:
    """A passage as it is read. header: what its article says of itself (`header`); sentences: (start, end) inside text."""

    header: str
    text: str
    sentences: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Read:
    """A sentence read for a question. score: log-odds-like, of its best words against "this passage does not answer";
    start, end: those words, characters of the passage."""

    score: float
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Entailment:
    """Probabilities that sum to 1: the evidence bears the claim out, contradicts it, or leaves it open."""

    supported: float
    contradicted: float
    neutral: float


@runtime_checkable
class Reader(Protocol):
    """The door `dossier.readers` (`reader.model`): its factory is called with the settings' `reader` section."""

    def read(self, question: str, passages: Sequence[Text]) -> list[list[Read]]:
        """For each passage, its sentences in order."""

    def check(self, pairs: Sequence[tuple[str, Text]]) -> list[Entailment]:
        """For each (claim, evidence)."""


def make_reader(settings: Settings) -> Reader | None:
    """The reader that the settings name, the same for the whole process; None for `none`, and where Dossier was installed
    without its weights. Raises SettingsError, EmbeddingError."""
    name = settings.reader.model
    if name == "none":
        return None
    if name != "builtin":
        return doors.built("dossier.readers", name, Reader, settings.reader)
    with _making:
        return _builtin(settings.models, settings.embedding.threads)


_making = threading.Lock()


@functools.cache
def _builtin(cache_dir: Path, threads: int) -> BuiltinReader | None:
    if not WEIGHTS.exists():
        log.warning(
            "Dossier is installed without its reader: answers are chosen by their words and meaning alone."
        )
        return None
    return BuiltinReader(cache_dir, WEIGHTS, threads)


def header(article: Article) -> str:
    """What an article says of itself, read before each of its passages, and never quoted."""
    return ". ".join(
        filter(None, (article.title, ", ".join(filter(None, (article.publisher, article.published)))))
    )


def text_of(passage: Passage, article: Article) -> Text:
    sentences = tuple((start - passage.start, end - passage.start) for start, end in passage.sentences)
    return Text(header(article), passage.text, sentences)


@dataclass(frozen=True, slots=True)
class _Tokens:
    """A text as tokens. cuts: for each sentence its tokens [first, last); ends: for each token of the passage, where it ends
    in the text, characters."""

    ids: np.ndarray
    begin: int
    cuts: list[tuple[int, int]]
    ends: np.ndarray


class BuiltinReader:
    """Raises EmbeddingError when its weights or the embedder's cannot be read."""

    def __init__(self, cache_dir: Path, weights: Path, threads: int = 0) -> None:
        trained = Trained(weights)
        precision = convert.best_precision()
        encoder = convert.convert(cache_dir, precision)
        self._tokenizer = SpmTokenizer(encoder)
        self._lower = open_session(encoder / convert.LOWER_FILE)
        self._upper = open_session(reader_folder(cache_dir, trained, precision) / convert.MODEL_FILE)
        self._marks = {name: n for n, name in enumerate(trained.marks)}
        self._limits = trained.limits
        self._verdicts = trained.verdicts
        self._threads = threads or cores()
        self._kept: OrderedDict[bytes, np.ndarray] = OrderedDict()
        self._kept_bytes = 0
        self._lock = threading.Lock()

    def read(self, question: str, passages: Sequence[Text]) -> list[list[Read]]:
        asked = self._asked(question)
        texts = [self._tokens(p) for p in passages]
        made = self._together([(asked, t.ids) for t in texts], "question", passages)
        return [
            self._sentences(text, passage, spans[: len(asked) + len(text.ids)], len(asked))
            for text, passage, (spans, _) in zip(texts, passages, made, strict=True)
        ]

    def check(self, pairs: Sequence[tuple[str, Text]]) -> list[Entailment]:
        texts = [(self._asked(claim), self._tokens(evidence).ids) for claim, evidence in pairs]
        made = self._together(texts, "claim", [evidence for _, evidence in pairs])
        verdicts = []
        for _, logits in made:
            shares = np.exp(logits - logits.max())
            shares /= shares.sum()
            verdicts.append(Entailment(**dict(zip(self._verdicts, shares.tolist(), strict=True))))
        return verdicts

    def _asked(self, text: str) -> np.ndarray:
        ids, _ = self._tokenizer(text, [])
        return np.concatenate([self._tokenizer.begin, ids[: self._limits[0]], self._tokenizer.end])

    @functools.lru_cache(maxsize=4000)  # noqa: B019 (one reader lives as long as the process)
    def _tokens(self, passage: Text) -> _Tokens:
        title, _ = self._tokenizer(passage.header, [])
        title = title[: self._limits[1]]
        cuts = sorted({cut for place in passage.sentences for cut in place})
        ids, counts = self._tokenizer(passage.text, cuts)
        ids = ids[: self._limits[2]]
        at = dict(zip(cuts, counts.tolist(), strict=True))
        places = [(min(at[a], len(ids)), min(at[b], len(ids))) for a, b in passage.sentences]
        end = self._tokenizer.end
        whole = np.concatenate([self._tokenizer.begin, title, end, ids, end])
        return _Tokens(whole, len(title) + 2, places, self._tokenizer.ends(passage.text)[: len(ids)])

    def _sentences(self, text: _Tokens, passage: Text, spans: np.ndarray, asked: int) -> list[Read]:
        none = float(spans[0].sum())
        found = []
        for (first, last), (begin, end) in zip(text.cuts, passage.sentences, strict=True):
            if last <= first:
                found.append(Read(-1e3, begin, end))
                continue
            there = spans[asked + text.begin + first : asked + text.begin + last]
            i, j, score = best_span(there[:, 0], there[:, 1])
            # a token begins where the one before it ends, but for blanks
            start = int(text.ends[first + i - 1]) if first + i else 0
            stop = int(text.ends[first + j])
            start, stop = max(start, begin), min(stop, end)
            start += len(passage.text[start:stop]) - len(passage.text[start:stop].lstrip())
            found.append(Read(score - none, start, max(start, stop)))
        return found

    def _together(
        self, pairs: Sequence[tuple[np.ndarray, np.ndarray]], mark: str, passages: Sequence[Text]
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """For each pair: span logits float32 [tokens, 2] and verdict logits [3]."""
        first = self._alone([ids for ids, _ in pairs], keep=False)
        second = self._alone([ids for _, ids in pairs], keep=True)
        sizes = [len(a) + len(b) for a, b in pairs]
        made: list[Any] = [None] * len(pairs)

        def run(rows: list[int]) -> None:
            longest = max(sizes[n] for n in rows)
            states = np.zeros((len(rows), longest, first[0].shape[1]), np.float32)
            marks = np.full((len(rows), longest), self._marks["passage"], np.int64)
            mask = np.zeros((len(rows), longest), np.int64)
            for row, n in enumerate(rows):
                asked = len(first[n])
                states[row, :asked], states[row, asked : sizes[n]] = first[n], second[n]
                marks[row, :asked], mask[row, : sizes[n]] = self._marks[mark], 1
            feed = {"states": states, "marks": marks, "attention_mask": mask}
            spans, verdicts = self._upper.run(["spans", "verdicts"], feed)
            for row, n in enumerate(rows):
                made[n] = (spans[row, : sizes[n]], verdicts[row])

        self._in_batches(run, sizes)
        return made

    def _alone(self, texts: Sequence[np.ndarray], keep: bool) -> list[np.ndarray]:
        """What the lowest layers make of each text, float32 [tokens, hidden]."""
        keys = [text.tobytes() for text in texts]
        with self._lock:
            found = {key: self._kept[key] for key in keys if key in self._kept}
            for key in found:
                self._kept.move_to_end(key)
        new = [*{key: text for key, text in zip(keys, texts, strict=True) if key not in found}.items()]

        def run(rows: list[int]) -> None:
            ids = np.full((len(rows), max(len(new[n][1]) for n in rows)), self._tokenizer.pad, np.int64)
            mask = np.zeros_like(ids)
            for row, n in enumerate(rows):
                ids[row, : len(new[n][1])] = new[n][1]
                mask[row, : len(new[n][1])] = 1
            (states,) = self._lower.run(None, {"input_ids": ids, "attention_mask": mask})
            for row, n in enumerate(rows):
                made = states[row, : len(new[n][1])]
                # halves from the first time on, so that a passage reads the same whether it was kept or not
                found[new[n][0]] = made.astype(np.float16) if keep else made

        self._in_batches(run, [len(text) for _, text in new])
        if keep:
            self._keep({key: found[key] for key, _ in new})
        return [found[key].astype(np.float32, copy=False) for key in keys]

    def _keep(self, states: dict[bytes, np.ndarray]) -> None:
        with self._lock:
            for key, value in states.items():
                if key not in self._kept:
                    self._kept[key] = value
                    self._kept_bytes += value.nbytes
            while self._kept_bytes > _KEPT_BYTES:
                _, gone = self._kept.popitem(last=False)
                self._kept_bytes -= gone.nbytes

    def _in_batches(self, run: Any, sizes: Sequence[int]) -> None:
        batches = list(_batches(sizes, self._threads))
        # one batch is not worth a thread
        for _ in self._pool.map(run, batches) if len(batches) > 1 else map(run, batches):
            pass

    @functools.cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._threads, thread_name_prefix="read")


def best_span(starts: np.ndarray, ends: np.ndarray) -> tuple[int, int, float]:
    """The first and last token of the likeliest answer, and its score."""
    scores = starts[:, None] + ends[None, :]
    scores = np.where(
        np.triu(np.ones_like(scores)) * (1 - np.triu(np.ones_like(scores), _LONGEST_ANSWER)), scores, -1e9
    )
    i, j = np.unravel_index(int(scores.argmax()), scores.shape)
    return int(i), int(j), float(scores[i, j])


def _batches(sizes: Sequence[int], threads: int) -> Iterator[list[int]]:
    """Texts by number, alike in length, in batches of about BATCH_TOKENS or, when few, one for each thread."""
    order = sorted(range(len(sizes)), key=lambda n: -sizes[n])
    most = min(BATCH_TOKENS, max(1, sum(sizes) // threads))
    batch: list[int] = []
    for n in order:
        if batch and (len(batch) + 1) * sizes[batch[0]] > most:
            yield batch
            batch = []
        batch.append(n)
    if batch:
        yield batch


def tokenizer(cache_dir: Path) -> SpmTokenizer:
    return SpmTokenizer(convert.convert(cache_dir, convert.best_precision()))
