"""Text -> vectors, without LlamaIndex: what an encoder is, and which one the settings ask for.

Importing this is cheap (NumPy only). `index/embed.py` wraps an encoder as a LlamaIndex embedding.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

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


class Encoder(Protocol):
    """Questions and passages -> vectors that can be compared by their dot product."""

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


def make_encoder(settings: EmbeddingSettings, cache_dir: Path) -> Encoder:
    """The encoder the settings name. cache_dir: where the converted builtin model is kept.

    Loads nothing yet except a user's own model. Raises EmbeddingError when that cannot be loaded.
    """
    if settings.base_url:
        return ServerEncoder(settings)
    from index.onnx import BuiltinEncoder, own_encoder

    if settings.model == "builtin":
        return BuiltinEncoder(settings, cache_dir)
    return own_encoder(settings)


def fingerprint_of(settings: EmbeddingSettings) -> str:
    """`make_encoder(settings, ...).fingerprint()` without loading the model."""
    if settings.base_url:
        return _fingerprint("server", settings.base_url, settings.model, *_server_prefixes(settings))
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


class ServerEncoder:
    """An OpenAI-compatible embeddings server. Prefixes are sent only when the settings give them."""

    def __init__(self, settings: EmbeddingSettings) -> None:
        self._settings = settings
        self._query_prefix, self._passage_prefix = _server_prefixes(settings)
        self._client: Any = None

    def fingerprint(self) -> str:
        return fingerprint_of(self._settings)

    def warm(self) -> None:
        self.embed_query("")

    def embed_query(self, text: str) -> np.ndarray:
        vector: np.ndarray = self._embed([self._query_prefix + text])[0]
        return vector

    def embed_passages(
        self,
        texts: Sequence[str],
        spans: Sequence[Spans],
        progress: Tick | None = None,
        *,
        late: bool = False,
    ) -> list[Embedded]:
        return embed_apart(self._embed_passages, texts, spans, progress)

    def _embed_passages(self, texts: list[str]) -> tuple[np.ndarray, Sequence[int]]:
        return self._embed([self._passage_prefix + text for text in texts]), [0] * len(texts)

    def _embed(self, texts: list[str]) -> np.ndarray:
        """float32 [n, d]."""
        batches = [texts[start : start + APART_BATCH] for start in range(0, len(texts), APART_BATCH)]
        try:
            return unit(np.concatenate([self._ask(batch) for batch in batches]))
        except ValueError as error:
            raise self._odd_answer("vectors of different lengths") from error

    def _ask(self, texts: list[str]) -> np.ndarray:
        import openai

        settings = self._settings
        if self._client is None:
            key = settings.api_key.get_secret_value() if settings.api_key else "none"
            self._client = openai.OpenAI(base_url=settings.base_url, api_key=key, timeout=settings.timeout)
        # servers refuse the empty string
        texts = [clean(text) or " " for text in texts]
        try:
            answer = self._client.embeddings.create(
                model=settings.model, input=texts, encoding_format="float"
            )
        except openai.APITimeoutError as error:
            raise EmbeddingError(
                f"The embeddings server {settings.base_url} did not answer within {settings.timeout:g} s.",
                "Try again, or raise `embedding.timeout`.",
                retryable=True,
            ) from error
        except openai.APIConnectionError as error:
            raise EmbeddingError(
                f"The embeddings server {settings.base_url} cannot be reached.",
                "Start it, or check `embedding.base_url`.",
                retryable=True,
            ) from error
        except openai.APIStatusError as error:
            status = error.status_code
            hints = {401: "Check `embedding.api_key`.", 403: "Check `embedding.api_key`."}
            hints |= {404: "Check `embedding.base_url` (it usually ends in /v1) and `embedding.model`."}
            raise EmbeddingError(
                f"The embeddings server {settings.base_url} refused with status {status}.",
                hints.get(status, "See the server's log."),
                retryable=status in (408, 409, 429) or status >= 500,
            ) from error
        except (openai.OpenAIError, ValueError) as error:  # an answer that is not JSON
            raise self._odd_answer("no JSON") from error
        try:
            rows = sorted(answer.data, key=lambda row: row.index)
            vectors = np.array([row.embedding for row in rows], np.float32)
        except (AttributeError, TypeError, ValueError) as error:
            raise self._odd_answer("no embeddings") from error
        if vectors.ndim != 2 or len(vectors) != len(texts):
            raise self._odd_answer(f"{len(vectors)} vectors for {len(texts)} texts")
        return vectors

    def _odd_answer(self, what: str) -> EmbeddingError:
        return EmbeddingError(
            f"The embeddings server {self._settings.base_url} answered with {what}.",
            "Check that `embedding.base_url` names an OpenAI-compatible server (it usually ends in /v1).",
        )


def _server_prefixes(settings: EmbeddingSettings) -> tuple[str, str]:
    given = settings.model_fields_set
    return (
        settings.query_prefix if "query_prefix" in given else "",
        settings.passage_prefix if "passage_prefix" in given else "",
    )
