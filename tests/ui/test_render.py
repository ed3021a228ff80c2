from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.nouns import Article
from tests.ui.made import ABSENT, ANSWER, CITATION, REMOVED, STATEMENT
from ui import render
from ui.render import Turn

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "![x](https://evil.example/a.png)",
    "[click](javascript:alert(1))",
    '"><svg onload=alert(1)>',
    "{{constructor.constructor('alert(1)')()}}",
    "${alert(1)} `alert(1)`",
    "</div></article><h1>Owned</h1>",
    "' onmouseover='alert(1)",
    "&lt;b&gt;",
]
_TAGS = {
    "aside", "article", "div", "section", "details", "summary", "ol", "ul", "li", "p", "h1", "h2", "h3",
    "span", "button", "mark", "s", "blockquote", "footer", "header", "svg", "path",
}  # fmt: skip


class Page(HTMLParser):
    """Which tags and attributes a page has, and its text."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.names: set[str] = set()
        self.values: list[str] = []
        self.text = ""
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.names |= {name for name, _ in attrs}
        self.values += [value or "" for _, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


def _everywhere(text: str) -> tuple[str, Article]:
    """The text in every field that a page shows."""
    citation = replace(
        CITATION, source=text, quote=text, title=text, publisher=text, author=text, published=text,
        language=text, article_id=text, also_in=(text,),
    )  # fmt: skip
    statement = replace(STATEMENT, text=text, lead_in=text)
    answer = replace(
        ANSWER, id=text, question=text, standalone_question=text + "?", text=text, language=text,
        statements=(statement, replace(REMOVED, text=text, reason=text)), citations=(citation,), model=text,
        nearest=(citation,), notes=(text,), mode="write",
    )  # fmt: skip
    turns = [
        Turn(text, answer=answer, limits=text, struck=True),
        Turn(text, answer=replace(answer, status="not_found")),
        Turn(text, (statement,), (citation,)),
        Turn(text, error=text),
    ]
    article = Article(
        "a",
        "/",
        text,
        f"before {text} after",
        title=text,
        publisher=text,
        author=text,
        published=text,
        language=text,
    )
    shown = (
        render.conversation(turns)
        + render.conversation([], [text])
        + render.masthead(1, [text], (text, text), text)
    )
    return shown + render.reader(article, 7, 7 + len(text)) + render.problem(text), article


def _harmless(text: str) -> Page:
    page = Page(_everywhere(text)[0])
    assert page.tags <= _TAGS
    assert not any(name.startswith("on") or name in ("href", "src", "style", "srcdoc") for name in page.names)
    return page


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_shown_and_stays_text(text: str) -> None:
    assert text in _harmless(text).text


@given(st.text(alphabet=st.sampled_from("<>&\"'`{}$()/= aä\n!-"), max_size=40))
def test_any_text_stays_text(text: str) -> None:
    _harmless(text)


def test_the_quote_is_marked_and_all_of_the_article_is_there() -> None:
    article = Article("a", "/", "a.md", "---\nx: y\n---\nOne. Two & three. Four.", body=13)
    page = render.reader(article, 18, 30)
    assert ">Two &amp; three.</mark>" in page
    assert "x: y" not in page
    assert "One. Two & three. Four." in Page(page).text


@given(st.integers(-5, 400), st.integers(-5, 400))
def test_offsets_out_of_range_do_no_harm(start: int, end: int) -> None:
    render.reader(Article("a", "/", "a.md", "x" * 300, body=20), start, end)


def test_a_long_article_is_cut_around_the_quote() -> None:
    text = "a" * 100_000 + "QUOTE" + "b" * 100_000
    page = render.reader(Article("a", "/", "a.md", text), 100_000, 100_005)
    assert "QUOTE" in page and len(page) < 70_000
    assert "begins further up" in page and "goes on" in page


def test_an_answer_shows_what_an_editor_needs() -> None:
    text = Page(render.conversation([Turn("What did it cost?", answer=ANSWER)])).text
    for part in (
        "Understood as: What did the port of Chancay cost?",
        "Pacific Ledger, November 2024:",
        "opinion",
        "J. Reyes · November 2024 (inferred) · English",
        "Also in copy.txt",
        "1 sentence removed.",
        "Quoted word for word",
    ):
        assert part in text
    assert "9 trillion" not in text


def test_a_removed_sentence_is_struck_when_the_settings_say_so() -> None:
    page = render.conversation([Turn("q", answer=ANSWER, struck=True)])
    assert "<s>It cost 9 trillion.</s>" in page
    assert "9 trillion is not in the cited passage" in page


def test_not_found_sets_the_nearest_passages_apart() -> None:
    page = render.conversation([Turn("q", answer=ABSENT)])
    before, after = page.split("Nearest passages, not an answer")
    assert "The articles do not say." in before and CITATION.quote not in before
    assert CITATION.quote in after
    assert "Quoted word for word" not in page


def test_an_unknown_date_is_said() -> None:
    answer = replace(ANSWER, citations=(replace(CITATION, published=None, published_basis="unknown"),))
    assert "date unknown" in render.conversation([Turn("q", answer=answer)])
