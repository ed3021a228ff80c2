"""The chat page: Gradio, mounted on the endpoint's own application. What it shows is made in `ui/render.py`.

Annotations are real here (no `from __future__`), since Gradio reads those of the event handlers.
"""

import hmac
import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import gradio as gr
from fastapi import FastAPI

from index.catalogue import days
from index.errors import DossierError, InputError
from index.nouns import Filters
from index.settings import where_text_goes
from index.sync import SAMPLES
from rag.answer import Piece
from rag.nouns import Answer
from ui import STATIC, render
from ui.desk import Desk
from ui.errors import error_handlers
from ui.forms import LONGEST_QUESTION, MOST_TURNS
from ui.render import Turn

log = logging.getLogger(__name__)

_ANY = "any"
_TURNS_KEPT = 50
_EMPTY = "Nothing is indexed yet. Run `dossier index FOLDER` with the folder that holds your articles."
_EXAMPLES = (
    "What did the first phase of the port of Chancay cost?",
    "Who called protectionism repudiated in Santiago?",
    "Hur länge gäller de lägre tullarna?",
    "How much has China invested in Latin America?",
)


def mount(app: FastAPI, desk: Desk) -> FastAPI:
    """Put the page at `/`. When the endpoint asks for API keys, the page asks for one as its password."""
    keys = [key.get_secret_value() for key in desk.settings.server.api_keys]

    def may_enter(_: str, password: str) -> bool:
        matches = [hmac.compare_digest(password.encode(), key.encode()) for key in keys]
        return any(matches)

    mounted: FastAPI = gr.mount_gradio_app(
        app,
        _blocks(desk),
        path="/",
        app_kwargs={
            "exception_handlers": error_handlers(),
            "docs_url": None,
            "redoc_url": None,
            "openapi_url": None,
        },
        auth=may_enter if keys else None,
        auth_message="Any name will do; the password is an API key of this Dossier." if keys else None,
        favicon_path=str(STATIC / "favicon.svg"),
        theme=gr.themes.Base(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]),
        css=(STATIC / "page.css").read_text(encoding="utf-8"),
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        show_error=False,
        max_file_size=1,
    )
    return mounted


def _blocks(desk: Desk) -> gr.Blocks:
    script = (STATIC / "page.js").read_text(encoding="utf-8")
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    answering: dict[str, Any] = {**quiet, "concurrency_limit": 8, "concurrency_id": "ask"}
    does = _Handlers(desk)
    blocks = gr.Blocks(title="Dossier", analytics_enabled=False, fill_width=True)
    with blocks:
        turns = gr.State([])
        with gr.Column(elem_id="desk"):
            masthead = gr.HTML()
            fields = _limits()
            talk = gr.HTML(elem_id="talk", js_on_load=script, apply_default_css=False)
            box = gr.Textbox(
                elem_id="question",
                label="Your question",
                placeholder="Ask about the articles, in any of their languages",
                show_label=False,
                lines=1,
                max_lines=6,
                max_length=LONGEST_QUESTION,
                submit_btn="Ask",
                autofocus=True,
            )
        reader = gr.HTML(elem_id="reader", js_on_load=script, apply_default_css=False)
        blocks.load(does.opened, None, [masthead, talk, *fields[:3]], **quiet)
        box.submit(does.asked, [box, turns, *fields], [talk, turns, box], **answering)
        talk.example(does.example, [turns, *fields], [talk, turns, box], **answering)
        talk.open(does.open_article, None, reader, **quiet)
        talk.feedback(does.judge, turns, [talk, turns], **quiet)
        reader.close(lambda: "", None, reader, **quiet)
    blocks.queue(default_concurrency_limit=8)
    return blocks


def _limits() -> list[gr.components.Component]:
    """The fields of a filter, in the order of `_filters`."""
    with gr.Accordion("Limit to", open=False, elem_id="limits"):
        return [
            gr.Dropdown(label="Language", filterable=False),
            gr.Dropdown(label="Publisher"),
            gr.Dropdown(label="Genre", filterable=False),
            gr.Textbox(label="Published from", placeholder="2018 or 2018-01-31", max_lines=1),
            gr.Textbox(label="Published until", placeholder="2026", max_lines=1),
            gr.Textbox(label="File", placeholder="2018/* or *.md", max_lines=1),
        ]


class _Handlers:
    """What the page does when it is opened, asked, clicked."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def opened(self) -> list[Any]:
        goes = where_text_goes(self.desk.settings)
        try:
            held = self.desk.holdings()
        except DossierError as error:
            return [render.masthead(0, [], None, goes), render.problem(str(error)), *[gr.skip()] * 3]
        if not held.articles:
            return [render.masthead(0, [], None, goes), render.problem(_EMPTY), *[gr.skip()] * 3]
        examples = _EXAMPLES if held.folders == [str(SAMPLES)] else held.titles
        named = [(render.language_name(code), code) for code in held.languages]
        return [
            render.masthead(held.articles, held.languages, held.years, goes),
            render.conversation([], examples),
            gr.Dropdown(choices=[("Any", _ANY), *named], value=_ANY),
            gr.Dropdown(choices=[("Any", _ANY), *((p, p) for p in held.publishers)], value=_ANY),
            gr.Dropdown(choices=[("Any", _ANY), *((g.capitalize(), g) for g in held.genres)], value=_ANY),
        ]

    def asked(
        self, question: str, before: list[Turn], *limits: str | None
    ) -> Iterator[tuple[str, list[Turn], str]]:
        if not question.strip():
            yield gr.skip(), gr.skip(), question
            return
        struck = self.desk.settings.answer.unsupported == "strike"
        earlier = before[-_TURNS_KEPT:]
        turn = Turn(question.strip(), limits=_in_words(*limits), struck=struck)
        for step in _steps(self.desk, turn, earlier, limits):
            now = [*earlier, step]
            yield render.conversation(now), now, ""

    def example(self, event: gr.EventData, before: list[Turn], *limits: str | None) -> Iterator[Any]:
        yield from self.asked(str(event.question), before, *limits)

    def open_article(self, event: gr.EventData) -> str:
        try:
            article = self.desk.article(str(event.article))
            return render.reader(article, int(event.start), int(event.end))
        except DossierError as error:
            return render.problem(str(error))

    def judge(self, event: gr.EventData, before: list[Turn]) -> tuple[str, list[Turn]]:
        verdict = "up" if event.verdict == "up" else "down"
        now = []
        for turn in before:
            if turn.answer is not None and turn.answer.id == event.answer:
                self.desk.feedback(turn.answer.id, verdict, None, turn.question, turn.answer.text)
                turn = replace(turn, verdict=verdict)
            now.append(turn)
        return render.conversation(now), now


def _steps(desk: Desk, turn: Turn, earlier: list[Turn], limits: tuple[str | None, ...]) -> Iterator[Turn]:
    """The turn as it grows, ending in an answer or an error."""
    yield turn
    try:
        filters = _filters(*limits)
        history = [(t.question, t.answer.text) for t in earlier if t.answer is not None][-MOST_TURNS:]
        for step in desk.stream(turn.question, history, filters):
            if isinstance(step, Piece):
                turn = replace(
                    turn,
                    statements=(*turn.statements, step.statement),
                    citations=(*turn.citations, *step.citations),
                )
            elif isinstance(step, Answer):
                turn = replace(turn, answer=step)
            yield turn
    except DossierError as error:
        yield replace(turn, error=str(error))
    except Exception:
        log.exception("A question on the page broke off.")
        yield replace(turn, error="Something went wrong inside Dossier. Its log has the details.")


def _filters(
    language: str | None,
    publisher: str | None,
    genre: str | None,
    after: str | None,
    before: str | None,
    source: str | None,
) -> Filters | None:
    chosen = [value if value and value != _ANY else None for value in (language, publisher, genre)]
    first, last = _days(after), _days(before)
    return (
        Filters(
            language=chosen[0],
            publisher=chosen[1],
            genre=chosen[2],
            after=first[0] if first else None,
            before=last[1] if last else None,
            source=(source or "").strip() or None,
        )
        or None
    )


def _in_words(
    language: str | None,
    publisher: str | None,
    genre: str | None,
    after: str | None,
    before: str | None,
    source: str | None,
) -> str:
    chosen = {
        "": render.language_name(language) if language and language != _ANY else None,
        "publisher ": publisher if publisher != _ANY else None,
        "genre ": genre if genre != _ANY else None,
        "from ": (after or "").strip(),
        "until ": (before or "").strip(),
        "files ": (source or "").strip(),
    }
    return ", ".join(f"{name}{value}" for name, value in chosen.items() if value)


def _days(text: str | None) -> tuple[date, date] | None:
    """First and last day of a year, month or day. Raises InputError for anything else."""
    if not text or not text.strip():
        return None
    span = days(text.strip())
    if span is None:
        raise InputError(
            f"“{text.strip()[:40]}” is no date.", "Write 2018, 2018-01 or 2018-01-31 under “Limit to”."
        )
    return span
