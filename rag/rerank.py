"""The last word on the order of the passages found: a reranker of the user's own, in LlamaIndex's form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from index import doors
from rag.nouns import Hit

if TYPE_CHECKING:
    from llama_index.core.schema import NodeWithScore, TextNode


@runtime_checkable
class Reranker(Protocol):
    """Door `dossier.rerankers`, setting `retrieval.reranker`: a factory without arguments. LlamaIndex's node postprocessors
    are rerankers as they are."""

    def postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: Any = None
    ) -> Sequence[NodeWithScore]:
        """The nodes that stay, best first, with new scores or without. query_bundle.query_str is the question."""


def rerank(hits: list[Hit], question: str, name: str) -> list[Hit]:
    """Raises SettingsError when the reranker cannot be loaded."""
    from llama_index.core.schema import NodeWithScore, QueryBundle

    reranker = doors.built("dossier.rerankers", name, Reranker)
    by_id = {hit.passage.id: hit for hit in hits}
    nodes = [NodeWithScore(node=as_node(hit), score=hit.score) for hit in hits]
    result = []
    for scored in reranker.postprocess_nodes(nodes, query_bundle=QueryBundle(question)):
        hit = by_id[scored.node.node_id]
        score = float(scored.score) if scored.score is not None else hit.score
        result.append(replace(hit, score=score, origin=hit.origin | {"reranked": score}))
    return result


def as_node(hit: Hit) -> TextNode:
    """A hit as a LlamaIndex node; its metadata stay out of what is embedded or prompted."""
    from llama_index.core.schema import TextNode

    p = hit.passage
    return TextNode(
        id_=p.id,
        text=p.text,
        start_char_idx=p.start,
        end_char_idx=p.end,
        metadata={"article_id": p.article_id, "language": p.language},
        excluded_embed_metadata_keys=["article_id", "language"],
        excluded_llm_metadata_keys=["article_id", "language"],
    )
