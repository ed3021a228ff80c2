"""Which encoder the settings ask for: the builtin one, a user's ONNX model, a server's, or a part of the user's own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from index import doors
from index.encode import (
    APART_BATCH,
    Embedded,
    Encoder,
    Spans,
    Tick,
    clean,
    embed_apart,
    fingerprint_of,
    server_prefixes,
    unit,
)
from index.errors import EmbeddingError
from index.onnx import BuiltinEncoder, own_encoder
from index.settings import EmbeddingSettings


def make_encoder(settings: EmbeddingSettings, cache_dir: Path) -> Encoder:
    """The encoder the settings name. cache_dir: where the converted builtin model is kept.

    Loads nothing yet except a user's own model. Raises EmbeddingError when that cannot be loaded.
    """
    if settings.encoder:
        return doors.built("dossier.encoders", settings.encoder, Encoder, settings)
    if settings.base_url:
        return ServerEncoder(settings)
    if settings.model == "builtin":
        return BuiltinEncoder(settings, cache_dir)
    return own_encoder(settings)


class ServerEncoder:
    """An OpenAI-compatible embeddings server. Prefixes are sent only when the settings give them."""

    def __init__(self, settings: EmbeddingSettings) -> None:
        self._settings = settings
        self._query_prefix, self._passage_prefix = server_prefixes(settings)
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
