"""Passages found: across languages, under filters, each story once, by date, through LlamaIndex."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatch
from typing import Any

import pytest
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import NodeWithScore, QueryBundle

from index.archive import Archive
from index.catalogue import days
from index.errors import InputError, SettingsError
from index.nouns import Article, Filters
from index.settings import RetrievalSettings
from rag.llamaindex import LanguageFairRetriever
from rag.nouns import Hit
from rag.retrieve import look_up, rank, search, understood

TODAY = date(2026, 3, 1)


def found(question: str, archive: Archive, **options: Any) -> list[tuple[Hit, Article]]:
    hits = search(question, archive, today=TODAY, **options)
    articles = archive.catalogue.articles_by_id({h.passage.article_id for h in hits})
    return [(h, articles[h.passage.article_id]) for h in hits]


def sources(question: str, archive: Archive, **options: Any) -> list[str]:
    return [article.source for _, article in found(question, archive, **options)]


@pytest.mark.parametrize(
    ("question", "source"),
    [
        ("How long is the planned high-speed railway in Panama?", "2018-12-panama-snabbtag.md"),
        ("Why did Tsingshan give up its lithium plant?", "2025-05-litium-skrinlagt.md"),
        ("Vad kostade första etappen av hamnen i Chancay?", "2024-11-chancay-port.md"),
        ("Hur mycket var handeln värd år 2000?", "2026-02-half-a-trillion.md"),
        ("Hur långt norr om Lima ligger hamnen?", "2024-11-chancay-port.md"),
        ("Combien de tonnes par an l'usine de BYD devait-elle produire ?", "2023-04-byd-lithium-plant.md"),
        ("チャンカイ港はどこにありますか", "2024-11-chancay-port.md"),
    ],
)
def test_the_passage_is_found_in_another_language(archive: Archive, question: str, source: str) -> None:
    # two articles tell of BYD's plant; which comes first turns on how the CPU rounds
    assert source in sources(question, archive)[: 2 if "BYD" in question else 1]


def test_a_language_of_a_single_article_is_found_and_finds(harbour: Archive) -> None:
    assert "brücke.md" in sources("Who designed the bridge at Varnholm?", harbour)[:4]
    assert sources("Who was told that the ferry goes to a museum?", harbour).index("silta.txt") < 3
    assert sources("Miksi silta maalattiin punaiseksi?", harbour)[0] == "silta.txt"
    assert sources("Wie viele Passagiere fuhren 2022 mit der Fähre?", harbour)[0] == "ferry.md"


@pytest.mark.parametrize(
    "question", ["vad", "Chancay", "xqzzy blorf", "🚢", '"*(" OR NEAR/2 col:x', "%s {0} \\"]
)
def test_any_question_finds_something_or_nothing_but_does_not_fail(archive: Archive, question: str) -> None:
    try:
        hits = search(question, archive)
    except InputError:
        return
    assert len({h.passage.id for h in hits}) == len(hits) <= archive.settings.retrieval.limit


def test_hits_are_the_articles_own_words_best_first(archive: Archive) -> None:
    hits = found("How much did the port of Chancay cost?", archive, limit=5)
    assert len(hits) == 5
    assert all(h.passage.text == a.text[h.passage.start : h.passage.end] for h, a in hits)
    assert [h.score for h, _ in hits] == sorted((h.score for h, _ in hits), reverse=True)
    assert {"dense", "words", "fair", "score"} <= hits[0][0].origin.keys()


@pytest.mark.parametrize(
    "filters",
    [
        Filters(language="sv"),
        Filters(source="2025-*.md"),
        Filters(publisher="Nordsyn"),
        Filters(genre="opinion"),
        Filters(after=date(2025, 1, 1)),
        Filters(before=date(2018, 12, 31)),
        Filters(language="en", publisher="Pacific Ledger", after=date(2023, 1, 1), before=date(2024, 12, 31)),
    ],
    ids=str,
)
def test_filters_hold_exactly(archive: Archive, filters: Filters) -> None:
    hits = found("What does China trade with Latin America?", archive, filters=filters, limit=100)

    def passes(a: Article) -> bool:
        span = days(a.published)
        return (
            filters.language in (None, a.language)
            and filters.publisher in (None, a.publisher)
            and filters.genre in (None, a.genre)
            and (filters.source is None or fnmatch(a.source, filters.source))
            and (filters.after is None or (span is not None and span[1] >= filters.after))
            and (filters.before is None or (span is not None and span[0] <= filters.before))
        )

    assert hits and all(passes(a) for _, a in hits)
    expected = {a.story for a in archive.catalogue.articles() if passes(a)}
    assert {a.story for _, a in hits} == expected, "a filter hides nothing that passes it"


def test_a_filter_that_nothing_passes_finds_nothing(archive: Archive) -> None:
    assert search("trade with China", archive, filters=Filters(language="xx")) == []
    assert search("trade with China", archive, filters=Filters(after=date(2090, 1, 1))) == []


def test_one_wire_story_is_found_once_and_names_its_copies(archive: Archive) -> None:
    question = "What did Foreign Minister Wang Yi tell delegates in Santiago?"
    told = [(h, a) for h, a in found(question, archive) if "belonged naturally in the plan" in h.passage.text]
    assert len(told) == 1
    hit, article = told[0]
    copies = {"2018-01-santiago-forum.md", "2018-01-santiago-forum-early.txt"}
    assert {article.source, *hit.also_in} == copies
    alone = found("How far north of Lima is the port?", archive)[0]
    assert alone[0].also_in == ()


def test_no_story_takes_all_places(archive: Archive) -> None:
    stories = [a.story for _, a in found("Chancay port Peru Cosco ships Shanghai", archive)]
    assert max(stories.count(s) for s in stories) <= archive.settings.retrieval.per_article


def test_a_year_asked_for_lifts_what_speaks_of_it_and_hides_nothing(archive: Archive) -> None:
    plain = found("trade between China and Latin America", archive, limit=60)
    dated = found("trade between China and Latin America in 2021", archive, limit=60)
    lifted = [h for h, _ in dated if h.origin.get("date")]
    assert lifted and all("2021" in h.passage.text or "date" in h.origin for h in lifted)
    assert "2021" in dated[0][0].passage.text
    assert {a.story for _, a in dated} == {a.story for _, a in plain}
    assert not any("date" in h.origin for h, _ in plain)


def test_a_month_and_the_latest(archive: Archive) -> None:
    may = found("What was announced in May 2025?", archive)
    assert (may[0][1].published or "").startswith("2025-05")
    latest = found("the latest figures for trade between China and Latin America", archive)
    assert latest[0][1].source == "2026-02-half-a-trillion.md"
    assert latest[0][0].origin["date"] == max(h.origin.get("date", 0.0) for h, _ in latest)


@pytest.mark.parametrize(
    ("figure", "said"),
    [
        ("9.2 billion dollars of credit", "9,2 miljarder"),
        ("$9.2bn of credit for the region", "9,2 miljarder"),
        ("the 352,000 tonnes of fruit", "352 000 ton"),
        ("diese 352.000 Tonnen Kirschen", "352 000 ton"),
        ("nine tenths of the fruit", "nio tiondelar"),
        ("90 % of the fruit", "nio tiondelar"),
    ],
)
def test_figures_match_however_they_are_written(archive: Archive, figure: str, said: str) -> None:
    best = max(search(figure, archive, filters=Filters(language="sv")), key=lambda h: h.origin["words"])
    assert said in best.passage.text and best.origin["words"] > 0


@pytest.mark.parametrize("mode", ["fusion", "dense", "words"])
def test_the_other_modes_rank_too(archive: Archive, mode: Any) -> None:
    asked = understood("How much did the first phase of the port of Chancay cost?", archive)
    vector = archive.encoder.embed_query(asked.standalone)
    chosen = RetrievalSettings(mode=mode)
    hits = rank(look_up(asked, archive, chosen), vector, archive, chosen)
    assert hits and "Chancay" in hits[0].passage.text


def test_as_a_llamaindex_retriever(archive: Archive) -> None:
    retriever = LanguageFairRetriever(archive, filters=Filters(language="sv"), limit=4)
    nodes = retriever.retrieve("How large is the credit line in yuan?")
    assert len(nodes) == 4 and any("66 miljarder yuan" in n.node.get_content() for n in nodes[:2])
    for scored in nodes:
        node: Any = scored.node
        text = archive.catalogue.article(node.metadata["article_id"]).text  # type: ignore[union-attr]
        assert text[node.start_char_idx : node.end_char_idx] == node.text
        assert node.metadata["language"] == "sv" and node.get_content("embed") == node.text


@dataclass
class Asked:
    questions: list[str]


ASKED = Asked([])


class ShortestFirst(BaseNodePostprocessor):
    """Stands for any LlamaIndex reranker."""

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        ASKED.questions.append(query_bundle.query_str if query_bundle else "")
        ranked: Sequence[NodeWithScore] = sorted(nodes, key=lambda n: len(n.node.get_content()))
        return [NodeWithScore(node=n.node, score=1.0 / (1 + i)) for i, n in enumerate(ranked)]


def test_a_reranker_is_plugged_in_by_setting(archive: Archive) -> None:
    question = "How much did the port of Chancay cost?"
    asked = understood(question, archive)
    vector = archive.encoder.embed_query(question)
    settings = RetrievalSettings(reranker=f"{__name__}:ShortestFirst")
    hits = rank(look_up(asked, archive, settings), vector, archive, settings, 3)
    assert ASKED.questions == [question]
    assert len(hits) == 3 and [h.score for h in hits] == [1.0, 0.5, pytest.approx(1 / 3)]
    assert [len(h.passage.text) for h in hits] == sorted(len(h.passage.text) for h in hits)
    assert hits[0].origin["reranked"] == 1.0


@pytest.mark.parametrize(
    "name", ["nowhere:at_all", "json:nothing", "json", ":", "json:decoder", "json:JSONDecoder"]
)
def test_a_reranker_that_cannot_be_loaded_is_named(archive: Archive, name: str) -> None:
    asked = understood("How much did the port cost?", archive)
    vector = archive.encoder.embed_query(asked.standalone)
    chosen = RetrievalSettings(reranker=name)
    with pytest.raises(SettingsError, match="reranker"):
        rank(look_up(asked, archive, chosen), vector, archive, chosen)
