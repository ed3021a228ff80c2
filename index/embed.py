"""The embedder as LlamaIndex knows it, so that anything in its ecosystem can use Dossier's vectors.

Importing this imports LlamaIndex (1.5 s): commands that only need vectors use `index/encode.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from llama_index.core.base.embeddings.base import BaseEmbedding
from pydantic import PrivateAttr

from index.encode import Embedded, Encoder, Spans, Tick, fingerprint_of
from index.encoders import make_encoder
from index.settings import EmbeddingSettings

__all__ = ["Embedded", "PassageEmbedder", "fingerprint_of", "make_embedder"]


class PassageEmbedder(BaseEmbedding):
    """A LlamaIndex embedding around an `Encoder`, with the encoder's own methods beside LlamaIndex's."""

    _encoder: Encoder = PrivateAttr()

    def __init__(self, encoder: Encoder, **data: Any) -> None:
        super().__init__(**data)
        self._encoder = encoder

    @classmethod
    def class_name(cls) -> str:
        return "PassageEmbedder"

    def fingerprint(self) -> str:
        return self._encoder.fingerprint()

    def warm(self) -> None:
        self._encoder.warm()

    def embed_query(self, text: str) -> np.ndarray:
        return self._encoder.embed_query(text)

    def embed_passages(
        self,
        texts: Sequence[str],
        spans: Sequence[Spans],
        progress: Tick | None = None,
        *,
        late: bool = False,
    ) -> list[Embedded]:
        return self._encoder.embed_passages(texts, spans, progress, late=late)

    def _get_query_embedding(self, query: str) -> list[float]:
        return [*map(float, self.embed_query(query))]

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return await asyncio.to_thread(self._get_query_embedding, query)

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._get_text_embeddings([text])[0]

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return [made.vector.tolist() for made in self.embed_passages(texts, [()] * len(texts))]


def make_embedder(settings: EmbeddingSettings, cache_dir: Path) -> PassageEmbedder:
    """The embedder the settings name; see `index.encode.make_encoder`."""
    return PassageEmbedder(make_encoder(settings, cache_dir), model_name=settings.model, embed_batch_size=256)
