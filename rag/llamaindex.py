"""Dossier's retrieval as LlamaIndex knows it, to be plugged into its query engines and evaluators."""

from __future__ import annotations

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle

from index.archive import Archive
from index.nouns import Filters
from rag.rerank import as_node
from rag.retrieve import search


class LanguageFairRetriever(BaseRetriever):
    """`rag.retrieve.search` as a retriever: nodes carry their offsets, and their language and article as metadata."""

    def __init__(self, archive: Archive, filters: Filters | None = None, limit: int | None = None) -> None:
        super().__init__()
        self._archive = archive
        self._filters = filters
        self._limit = limit

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        hits = search(query_bundle.query_str, self._archive, filters=self._filters, limit=self._limit)
        return [NodeWithScore(node=as_node(hit), score=hit.score) for hit in hits]
