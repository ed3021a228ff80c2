"""The chat page in a real browser: what it shows, what it asks for, that articles can do nothing to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from pydantic import SecretStr

from index.archive import Archive
from index.settings import ServerSettings, Settings
from index.sync import update
from rag.answer import Piece
from tests.ui.made import ANSWER, CITATION, DOWN, STATEMENT, scripted, serving
from ui.server import create_app

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

# Gradio counts its events with pandas, in ways that pandas 3 warns of; as errors, these stop Gradio's queue
pytestmark = pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")

QUESTION = "How far from Lima is the port of Chancay?"


@pytest.fixture(scope="module")
def site(archive: Archive) -> Iterator[str]:
    with serving(create_app(archive, archive.settings)) as address:
        yield address


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    context.set_default_timeout(15_000)
    page = context.new_page()
    yield page
    context.close()


def _ask(page: Page, question: str) -> None:
    page.fill("#question textarea", question)
    page.keyboard.press("Enter")


def test_an_answer_opens_the_article_at_the_quote(site: str, page: Page) -> None:
    asked: list[str] = []
    errors: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(site)
    page.wait_for_selector(".example")
    _ask(page, QUESTION)
    page.wait_for_selector(".acts")
    assert "70 kilometres" in page.inner_text(".answer")
    page.click("button.mark >> nth=0")
    page.wait_for_selector(".reader mark")
    page.wait_for_timeout(800)  # the scroll is smooth
    quote = page.inner_text(".reader mark")
    assert quote and quote in page.inner_text(".answer")
    box = page.locator(".reader mark").bounding_box()
    assert box and 0 <= box["y"] < 900 and page.evaluate("document.activeElement.id") == "quote"
    page.keyboard.press("Escape")
    page.wait_for_selector(".reader", state="detached")
    page.click("[data-verdict=up]")
    page.wait_for_selector(".thanks")
    hosts = {urlsplit(url).netloc for url in asked if not url.startswith(("data:", "blob:"))}
    assert hosts == {urlsplit(site).netloc}
    assert not errors


def test_a_phone_shows_all_of_it(site: str, page: Page) -> None:
    page.set_viewport_size({"width": 400, "height": 800})
    page.goto(site)
    page.click(".example >> nth=0")
    page.wait_for_selector(".acts")
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    page.click("button.mark >> nth=0")
    box = page.locator(".reader").bounding_box()
    assert box and box["width"] == 400


def test_filters_limit_the_answer(site: str, page: Page) -> None:
    page.goto(site)
    page.wait_for_selector(".example")
    page.click("#limits button >> nth=0")
    page.get_by_label("Published from").fill("soon")
    _ask(page, "How many tonnes of cherries were exported?")
    page.wait_for_selector(".problem")
    assert "is no date" in page.inner_text(".problem")
    page.get_by_label("Published from").fill("2022-02")
    page.get_by_label("Published until").fill("2022-02")
    _ask(page, "How many tonnes of cherries were exported?")
    page.wait_for_selector(".turn:nth-child(2) .acts")
    assert "from 2022-02, until 2022-02" in page.inner_text(".turn:nth-child(2)")
    assert "2022" in page.inner_text(".turn:nth-child(2) .byline >> nth=0")


def test_hostile_articles_and_questions_do_nothing(tmp_path: Path, page: Page) -> None:
    folder = tmp_path / "articles"
    folder.mkdir()
    attack = "<img src=x onerror=\"document.title='owned'\"> <script>document.title='owned'</script>"
    text = (
        f"The harbour of Brakholm cost 12 million {attack} ![x](https://evil.example/x.png) kronor in 2020."
    )
    front = f"---\ntitle: '{attack.replace(chr(39), chr(34))}'\npublisher: '<b>Bold</b>'\n---\n"
    (folder / "a.md").write_text(
        f"{front}{text} [here](javascript:alert(1)) {{{{7*7}}}} ${{7*7}}.\n", "utf-8"
    )
    settings = Settings(data_dir=tmp_path / "data")
    update(settings, [folder])
    archive = Archive(settings)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    with serving(create_app(archive, settings)) as site:
        page.goto(site)
        page.wait_for_selector(".example, .start")
        _ask(page, f"What did the harbour of Brakholm cost? {attack}")
        page.wait_for_selector(".acts")
        page.click("button.title >> nth=0")
        page.wait_for_selector(".reader mark")
        assert "onerror" in page.inner_text(".reader .text")
        assert "{{7*7}} ${7*7}" in page.inner_text(".reader .text")
        assert page.title() == "Dossier"
        assert page.locator("#talk img, #reader img, #talk a, #reader a, #talk b").count() == 0
    assert not [url for url in asked if "evil" in url]
    archive.close()


def test_errors_are_said_on_the_page(archive: Archive, page: Page) -> None:
    desk = scripted(archive, archive.settings, Piece(STATEMENT, (CITATION,)), DOWN)
    with serving(create_app(archive, archive.settings, desk=desk)) as site:
        page.goto(site)
        page.wait_for_selector(".example")
        _ask(page, "q")
        page.wait_for_selector(".problem")
        assert DOWN.message in page.inner_text(".problem") and DOWN.hint in page.inner_text(".problem")
        desk.steps = (ZeroDivisionError("a secret"),)
        _ask(page, "q")
        page.wait_for_selector(".turn:nth-child(2) .problem")
        assert "secret" not in page.inner_text("body")
        desk.steps = (ANSWER,)
        _ask(page, "q")
        page.wait_for_selector(".turn:nth-child(3) .acts")
        assert "Understood as" in page.inner_text(".turn:nth-child(3)")


def test_with_keys_the_page_asks_for_one(archive: Archive, page: Page) -> None:
    server = ServerSettings(api_keys=[SecretStr("k-1")])
    settings = archive.settings.model_copy(update={"server": server})
    with serving(create_app(archive, settings)) as site:
        page.goto(site)
        page.wait_for_selector("input[type=password]")
        assert page.locator(".example").count() == 0
        page.fill("input >> nth=0", "me")
        page.fill("input[type=password]", "k-1")
        page.keyboard.press("Enter")
        page.wait_for_selector(".example")


def test_the_docs_ask_no_other_host(site: str, page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{site}/docs")
    page.get_by_text("/api/v1/ask").first.wait_for()
    assert {urlsplit(url).netloc for url in asked if not url.startswith("data:")} == {urlsplit(site).netloc}


def test_the_widget_answers_on_another_site(archive: Archive, page: Page) -> None:
    paper = FastAPI()
    with serving(paper) as elsewhere:
        server = ServerSettings(cors_origins=[elsewhere])
        settings = archive.settings.model_copy(update={"server": server})
        with serving(create_app(archive, settings, page=False)) as site:
            body = f'<h1>A newspaper</h1><script src="{site}/widget.js"></script>'
            paper.get("/")(lambda: HTMLResponse(body))
            page.goto(elsewhere)
            page.click("text=Ask the archive")
            page.fill("textarea", QUESTION)
            page.keyboard.press("Enter")
            page.wait_for_selector(".talk details")
            assert "70 kilometres" in page.inner_text(".said >> nth=0")
            page.fill("textarea", "<b>x</b>")
            page.keyboard.press("Enter")
            page.wait_for_selector("text=<b>x</b>")
