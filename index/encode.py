"""Text -> vectors, without LlamaIndex: what an encoder is. `index/encoders.py` makes the one that the settings ask for.

Importing this is cheap (NumPy only). `index/embed.py` wraps an encoder as a LlamaIndex embedding.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from index import doors
from index.errors import EmbeddingError
from index.settings import EmbeddingSettings

Spans = Sequence[tuple[int, int]]
Tick = Callable[[int], object]

APART_BATCH = 64  # texts embedded at once where passages and sentences go apart
_NOT_TEXT = re.compile("[\0\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Embedded:
    """A passage as vectors.

    vector: float32 [d], unit length; sentences: float32 [k, d], unit length, one per span given.
    tokens: how many the model ran for it; 0 where a server did.
    """

    vector: np.ndarray
    sentences: np.ndarray
    tokens: int = 0


@runtime_checkable
class Encoder(Protocol):
    """Questions and passages -> vectors that can be compared by their dot product, for many threads at once. Door
    `dossier.encoders`, setting `embedding.encoder`: a factory that takes the `embedding` section of the settings."""

    def fingerprint(self) -> str:
        """Changes when vectors made before and after could not be compared."""

    def warm(self) -> None:
        """Load now what the fastest answer needs (a server process does so before the first question)."""

    def embed_query(self, text: str) -> np.ndarray:
        """float32 [d], unit length. Raises EmbeddingError."""

    def embed_passages(
        self,
        texts: Sequence[str],
        spans: Sequence[Spans],
        progress: Tick | None = None,
        *,
        late: bool = False,
    ) -> list[Embedded]:
        """One Embedded per text. spans: for each text the (start, end) of its sentences, in characters.

        Sentences are embedded as texts of their own, which doubles the work. `late` takes them out of the
        passage's own run instead (late chunking), where the encoder sees token vectors: free, as good at
        telling a passage's sentences apart as a word index in the question's language, much worse in others.
        progress is called with the number of texts done since it was called last. Raises EmbeddingError.
        """


def fingerprint_of(settings: EmbeddingSettings) -> str:
    """`make_encoder(settings, ...).fingerprint()`, which loads no model but one of the user's own."""
    if settings.encoder:
        return doors.built("dossier.encoders", settings.encoder, Encoder, settings).fingerprint()
    if settings.base_url:
        return _fingerprint("server", settings.base_url, settings.model, *server_prefixes(settings))
    if settings.model == "builtin":
        from index.convert import builtin_weights, weights_id

        return _fingerprint("builtin", weights_id(builtin_weights()))
    from index.convert import weights_id

    folder = Path(settings.model).expanduser()
    rest = (settings.query_prefix, settings.passage_prefix, settings.pooling, str(settings.max_tokens))
    return _fingerprint("own", *(weights_id(path) for path in own_files(folder)), *rest)


def own_files(folder: Path) -> list[Path]:
    """The model and the tokenizer of a user's own model: `model.onnx` (also in `onnx/`), `tokenizer.json`.

    Raises EmbeddingError naming what is missing.
    """
    models = [path for path in (folder / "model.onnx", folder / "onnx" / "model.onnx") if path.is_file()]
    tokenizer = folder / "tokenizer.json"
    if not models or not tokenizer.is_file():
        missing = "tokenizer.json" if models else "model.onnx"
        raise EmbeddingError(
            f"There is no {missing} in the embedding model's folder {folder}.",
            "Set `embedding.model` to `builtin` or to a folder with model.onnx and tokenizer.json.",
        )
    data = models[0].with_name("model.onnx_data")
    return [models[0], tokenizer, *([data] if data.is_file() else [])]


def _fingerprint(kind: str, *parts: str) -> str:
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()
    return f"{kind}-{digest[:16]}"


def clean(text: str) -> str:
    """The text, as long as before, with NUL and lone surrogates replaced by U+FFFD."""
    return _NOT_TEXT.sub("\ufffd", text)


def unit(vectors: np.ndarray) -> np.ndarray:
    """float32 [..., d] at unit length. Raises EmbeddingError for a vector that has no direction."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    if not (np.isfinite(lengths).all() and (lengths > 0).all()):
        raise EmbeddingError(
            "The embedding model returned a vector that is empty or not a number.",
            "Check the model named by `embedding.model`.",
        )
    return np.asarray(vectors / lengths, np.float32)


def embed_apart(
    embed: Callable[[list[str]], tuple[np.ndarray, Sequence[int]]],
    texts: Sequence[str],
    spans: Sequence[Spans],
    progress: Tick | None,
) -> list[Embedded]:
    """Passages and each of their sentences as texts of their own. embed: texts -> vectors, tokens of each."""
    made = []
    for first in range(0, len(texts), APART_BATCH):
        batch = texts[first : first + APART_BATCH]
        places = spans[first : first + APART_BATCH]
        sentences = [text[start:end] for text, some in zip(batch, places, strict=True) for start, end in some]
        vectors, tokens = embed([*batch, *sentences])
        ends = itertools.accumulate(map(len, places), initial=len(batch))
        for number, (start, end) in enumerate(itertools.pairwise(ends)):
            run = tokens[number] + sum(tokens[start:end])
            made.append(Embedded(vectors[number], vectors[start:end], run))
        if progress:
            progress(len(batch))
    return made


def server_prefixes(settings: EmbeddingSettings) -> tuple[str, str]:
    given = settings.model_fields_set
    return (
        settings.query_prefix if "query_prefix" in given else "",
        settings.passage_prefix if "passage_prefix" in given else "",
    )
