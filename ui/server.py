"""The HTTP endpoint, described at `/docs`, and the page and the widget on the same port."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from importlib.util import find_spec
from itertools import chain
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import FileResponse, PlainTextResponse, Response, StreamingResponse
from fastapi.routing import APIRoute
from fastapi_offline import FastAPIOffline
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic_core import PydanticCustomError
from starlette.exceptions import HTTPException

from index.archive import Archive
from index.errors import DossierError
from index.settings import Settings
from rag.answer import Piece, warm
from rag.nouns import Answer
from ui import STATIC, completions
from ui.desk import Desk
from ui.errors import error_body, error_handlers, unexpected
from ui.forms import (
    ArticleInfo,
    Articles,
    ArticlesQuery,
    ArticleText,
    AskForm,
    Error,
    FeedbackForm,
    FoundPassage,
    Recorded,
    SearchForm,
    SearchResult,
    VerifyForm,
    VerifyResult,
    pairs,
)
from ui.guard import Guard

log = logging.getLogger(__name__)

_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": Error} for status in (401, 404, 413, 422, 429, 500, 502, 503)
}
_ABOUT = (
    "Questions over a folder of news articles, answered with the exact words that each sentence rests on."
)

_NO_PAGE = "The chat page is not installed; `pip install 'dossier-news[ui]'` adds it."


def create_app(
    archive: Archive, settings: Settings, *, desk: Desk | None = None, page: bool = True
) -> FastAPI:
    """Endpoint, widget and (unless `page` is off) chat page over an opened index."""
    desk = desk or Desk(archive, settings)
    app: FastAPI = FastAPIOffline(
        title="Dossier", description=_ABOUT, redoc_url=None, favicon_url="/favicon.ico", responses=_ERRORS
    )
    _add_questions(app, desk)
    _add_articles(app, desk)
    _add_completions(app, desk)
    _add_health(app, desk)
    _add_files(app)
    _add_errors(app)
    if page and find_spec("gradio") is None:
        _add_no_page(app)
    elif page:
        from ui.page import mount

        app = mount(app, desk)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=settings.server.cors_origins,
        allow_methods=["GET", "POST"],
        allow_headers=["authorization", "content-type"],
    )
    app.add_middleware(Guard, server=settings.server, registry=desk.registry)
    return app


def _add_questions(app: FastAPI, desk: Desk) -> None:
    # plain `def`: FastAPI runs these in its thread pool, since answering computes
    @app.post("/api/v1/ask", response_model=Answer, tags=["questions"])
    def ask(form: AskForm) -> Any:
        """The answer with its citations. With `stream`, server-sent events: `statement` for each checked
        sentence ({statement, citations}), then `answer` with all of it, or `error`."""
        history, filters = pairs(form.history), form.filters.filters()
        if not form.stream:
            return desk.ask(form.question, history, filters)
        steps = _started(desk.stream(form.question, history, filters))
        return _events(map(_step_event, steps), _error_event)

    @app.post("/api/v1/verify", tags=["questions"])
    def verify(form: VerifyForm) -> VerifyResult:
        """A text of anyone's, sentence by sentence: quoted, supported or unsupported, why, and by what."""
        passages = None if form.passages is None else [(p.text, p.language) for p in form.passages]
        checked = desk.verify(form.text, passages, form.filters.filters())
        return VerifyResult(statements=checked.statements, citations=checked.citations)

    @app.post("/api/v1/search", tags=["questions"])
    def search(form: SearchForm) -> SearchResult:
        """The passages nearest to a question."""
        hits = desk.search(form.question, form.filters.filters(), form.limit)
        sources = {a: desk.article(a).source for a in {hit.passage.article_id for hit in hits}}
        return SearchResult(
            hits=[
                FoundPassage(
                    article_id=hit.passage.article_id,
                    source=sources[hit.passage.article_id],
                    start=hit.passage.start,
                    end=hit.passage.end,
                    text=hit.passage.text,
                    language=hit.passage.language,
                    score=hit.score,
                    origin=hit.origin,
                    also_in=hit.also_in,
                )
                for hit in hits
            ]
        )


def _add_articles(app: FastAPI, desk: Desk) -> None:
    @app.get("/api/v1/articles", tags=["articles"])
    def articles(query: Annotated[ArticlesQuery, Query()]) -> Articles:
        """What is indexed, in order of folder and path."""
        found = desk.archive.catalogue.articles(query.filters())
        part = found[query.offset : query.offset + query.limit]
        return Articles(total=len(found), articles=[ArticleInfo.of(a) for a in part])

    @app.get("/api/v1/articles/{article_id}", tags=["articles"])
    def article(article_id: str) -> ArticleText:
        """One article with its text, which the offsets of citations count in (characters)."""
        found = desk.article(article_id)
        return ArticleText(**ArticleInfo.of(found).model_dump(), text=found.text, body=found.body)

    @app.post("/api/v1/feedback", status_code=201, tags=["questions"])
    def feedback(form: FeedbackForm) -> Recorded:
        """What a reader thinks of an answer; `dossier eval feedback` makes candidate questions of it."""
        desk.feedback(form.answer_id, form.verdict, form.comment, form.question, form.answer)
        return Recorded()


def _add_completions(app: FastAPI, desk: Desk) -> None:
    @app.post("/v1/chat/completions", tags=["OpenAI-compatible"])
    def chat_completions(form: completions.CompletionForm) -> Any:
        """The last message is the question; sources follow as text and, in full, in `citations`."""
        try:
            question = form.question()
        except PydanticCustomError as error:
            raise RequestValidationError(
                [{"type": error.type, "loc": ("messages",), "ctx": error.context}]
            ) from error
        if not form.stream:
            return completions.whole(desk.ask(question, form.history(), None))
        steps = _started(desk.stream(question, form.history(), None))
        return _events(completions.chunks(steps), _error_data, data_only=True)

    @app.get("/v1/models", tags=["OpenAI-compatible"])
    def models() -> dict[str, Any]:
        return completions.models()


def _add_health(app: FastAPI, desk: Desk) -> None:
    @app.get("/healthz", tags=["health"])
    async def healthz() -> dict[str, str]:
        """The process is up."""
        return {"status": "ok"}

    @app.get("/readyz", tags=["health"])
    def readyz() -> dict[str, Any]:
        """Questions can be answered: the index is open and its embedder loaded; 503 otherwise."""
        try:
            articles, passages = desk.archive.catalogue.counts()
            _ = desk.archive.encoder
        except DossierError as error:
            error.http_status = 503
            raise
        return {"status": "ready", "articles": articles, "passages": passages}

    @app.get("/metrics", tags=["health"])
    def metrics() -> Response:
        """Counters for Prometheus."""
        return Response(generate_latest(desk.registry), media_type=CONTENT_TYPE_LATEST)


def _add_files(app: FastAPI) -> None:
    @app.get("/widget.js", include_in_schema=False)
    async def widget_script() -> FileResponse:
        return FileResponse(STATIC / "widget.js", media_type="text/javascript")

    @app.get("/widget", include_in_schema=False)
    async def widget_demo() -> FileResponse:
        return FileResponse(STATIC / "widget.html")

    @app.get("/favicon.ico", include_in_schema=False)
    async def favicon() -> FileResponse:
        return FileResponse(STATIC / "favicon.svg", media_type="image/svg+xml")

    @app.get("/robots.txt", include_in_schema=False)
    async def robots() -> PlainTextResponse:
        return PlainTextResponse("User-agent: *\nDisallow: /\n")


def _add_no_page(app: FastAPI) -> None:
    log.warning("%s", _NO_PAGE)

    @app.get("/", include_in_schema=False)
    async def no_page() -> PlainTextResponse:
        return PlainTextResponse(f"{_NO_PAGE}\nThe endpoint is described at /docs.\n")


def _add_errors(app: FastAPI) -> None:
    methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"]

    # the page is mounted at `/` and would take what no route of the endpoint matches
    @app.api_route("/api/{path:path}", methods=methods, include_in_schema=False)
    @app.api_route("/v1/{path:path}", methods=methods, include_in_schema=False)
    async def nowhere(request: Request, path: str) -> None:
        path = request.url.path
        routes = [r for r in app.routes if isinstance(r, APIRoute) and r.include_in_schema]
        allowed = sorted({m for r in routes if r.path_regex.match(path) for m in r.methods or ()})
        if allowed:
            raise HTTPException(405, headers={"allow": ", ".join(allowed)})
        raise HTTPException(404)

    for kind, handler in error_handlers().items():
        app.add_exception_handler(kind, handler)


# -------------------------------------------------------------------------------------------------- events


def _started(steps: Iterator[Piece | Answer]) -> Iterator[Piece | Answer]:
    """The same steps, the first one made already, so that what fails at once fails with its own status."""
    return chain([next(steps)], steps)


def _events(
    events: Iterable[str], on_error: Callable[[DossierError | None], str], data_only: bool = False
) -> StreamingResponse:
    """Server-sent events; once they have begun, an error is the last of them."""

    def frames() -> Iterator[str]:
        try:
            for event in events:
                yield f"data: {event}\n\n" if data_only else event
        except DossierError as error:
            yield on_error(error)
        except Exception:
            log.exception("An answer broke off.")
            yield on_error(None)

    headers = {"cache-control": "no-cache", "x-accel-buffering": "no"}
    return StreamingResponse(frames(), media_type="text/event-stream", headers=headers)


def _event(name: str, value: Any) -> str:
    return f"event: {name}\ndata: {json.dumps(value, ensure_ascii=False)}\n\n"


def _step_event(step: Piece | Answer) -> str:
    return _event("answer" if isinstance(step, Answer) else "statement", asdict(step))


def _error_event(error: DossierError | None) -> str:
    return _event("error", _stream_error(error))


def _error_data(error: DossierError | None) -> str:
    return f"data: {json.dumps(_stream_error(error))}\n\n"


def _stream_error(error: DossierError | None) -> dict[str, Any]:
    return error_body(error.code, error.message, error.hint) if error else error_body(*unexpected())


# ------------------------------------------------------------------------------------------------- serving


def serve(settings: Settings, sock: socket.socket, ready: Callable[[str], None]) -> None:
    """Serve until interrupted. ready: called with the address once questions can be asked."""
    import uvicorn

    archive = Archive(settings)
    app = create_app(archive, settings)
    warm(archive)
    host, port = sock.getsockname()[:2]
    config = uvicorn.Config(app, log_level="warning", server_header=False, timeout_graceful_shutdown=5)
    server = uvicorn.Server(config)
    shown = {"0.0.0.0": "localhost", "::": "localhost"}.get(host, f"[{host}]" if ":" in host else host)
    ready(f"http://{shown}:{port}/")
    server.run(sockets=[sock])
    archive.close()
