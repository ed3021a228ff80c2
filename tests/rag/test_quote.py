"""What stands around a quoted sentence: who said it and when it was true."""

from __future__ import annotations

import pytest

from index.archive import Archive
from index.nouns import Article
from rag.quote import as_of, cite, lead_in
from rag.sentence import of_article


def place(archive: Archive, source: str, words: str) -> tuple[Article, int, int]:
    article = next(a for a in archive.catalogue.articles(text=True) if a.source == source)
    start = article.text.index(words)
    return article, start, start + len(words)


@pytest.mark.parametrize(
    ("source", "words", "language", "expected"),
    [
        ("ferry.md", "“I have made it forty thousand times,” he said.", "en", "Fjord Courier, November 2023, Olav Brekke"),
        ("ferry.md", "Its captain, Olav Brekke, said that he would miss the crossing.", "en", "Fjord Courier, November 2023"),
        ("bridge.md", "The old ferry will stop running in June.", "sv", "Fjord Courier, 5 mars 2024"),
        ("silta.txt", "Maalia kului 14 000 litraa.", "sv", "“Varnholmin silta maalattiin punaiseksi, koska …”, odaterad"),
        ("view.md", "I believe that the bridge at Varnholm is a monument to vanity.", "de",
         "Fjord Courier (Meinung, Petra Lindahl), 10. März 2024"),
    ],
)  # fmt: skip
def test_lead_in_has_only_what_is_known(
    harbour: Archive, source: str, words: str, language: str, expected: str
) -> None:
    article, start, end = place(harbour, source, words)
    assert lead_in(article, of_article(article, start, end), language) == expected


@pytest.mark.parametrize(
    ("source", "words", "when"),
    [
        ("ferry.md", "carried 310,000 passengers in 2022", "2022"),
        ("bridge.md", "The old ferry will stop running in June.", "2024-03-05"),
        ("silta.txt", "Maalia kului 14 000 litraa.", None),
    ],
)
def test_as_of_is_the_sentences_own_year_or_else_the_articles_date(
    harbour: Archive, source: str, words: str, when: str | None
) -> None:
    article, start, end = place(harbour, source, words)
    assert as_of(article, of_article(article, start, end)) == when


def test_a_citation_is_exact_and_names_the_copies(archive: Archive) -> None:
    article, start, end = place(
        archive, "2018-01-santiago-forum.md", "Neither the United States nor Canada belongs to it."
    )
    made = cite(article, start, end, 7, archive)
    assert (
        made.quote
        == article.text[made.start : made.end]
        == "Neither the United States nor Canada belongs to it."
    )
    assert (made.number, made.published, made.also_in) == (
        7,
        "2018-01-22",
        ("2018-01-santiago-forum-early.txt",),
    )
