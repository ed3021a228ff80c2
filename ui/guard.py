"""What stands before every request: size limit, API keys, rate limit, security headers, request counters."""

from __future__ import annotations

import hmac
import json
import math
import threading
import time
from collections import deque

from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from index.settings import ServerSettings

LARGEST_BODY = 1_000_000
_KEYED = ("/api/", "/v1/", "/metrics")
# what costs computing: the endpoint, and the page's own way of asking
_LIMITED = ("/api/", "/v1/", "/gradio_api/queue/join", "/login")
# the page has nothing to upload, and shows no files of the server
_CLOSED = ("/gradio_api/upload", "/gradio_api/proxy=", "/gradio_api/file=", "/gradio_api/stream/")
# Gradio's page compiles its templates in the browser ('unsafe-eval') and carries inline scripts and styles;
# no host but our own is ever asked
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline';"
    " img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:;"
    " object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
)
_HEADERS = [
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
    (b"cross-origin-opener-policy", b"same-origin"),
]


class Guard:
    """ASGI middleware. Refusals have the form of every other error: {"error": {code, message, hint}}."""

    def __init__(self, app: ASGIApp, server: ServerSettings, registry: CollectorRegistry) -> None:
        self.app = app
        self._keys = [key.get_secret_value().encode() for key in server.api_keys]
        self._window = Window(server.requests_per_minute)
        self._requests = Counter(
            "dossier_http_requests", "Requests answered", ["method", "route", "status"], registry=registry
        )
        self._seconds = Histogram(
            "dossier_http_request_seconds", "Time to the last byte", ["route"], registry=registry
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.monotonic()
        status = 500

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                ours = {name for name, _ in _HEADERS}
                kept = [(k, v) for k, v in message.get("headers", []) if k.lower() not in ours]
                message = {**message, "headers": kept + _HEADERS}
            await send(message)

        try:
            refusal = self._refusal(scope)
            if refusal:
                await _refuse(sending, *refusal)
            else:
                await self._limited(scope, receive, sending)
        finally:
            route = getattr(scope.get("route"), "path", "") or "page"
            self._requests.labels(scope["method"], route, str(status)).inc()
            self._seconds.labels(route).observe(time.monotonic() - began)

    def _refusal(self, scope: Scope) -> tuple[int, str, str, str, dict[str, str]] | None:
        path = scope["path"]
        headers = dict(scope["headers"])
        if scope["method"] == "OPTIONS":
            return None  # a browser asking about CORS sends no key
        if path.startswith(_CLOSED):
            return 404, "not_found", "Nothing is served here.", "See /docs.", {}
        if self._keys and path.startswith(_KEYED) and not self._has_key(headers.get(b"authorization", b"")):
            message = "This endpoint asks for an API key."
            hint = "Send the header `Authorization: Bearer KEY` with a key of server.api_keys."
            return 401, "unauthorized", message, hint, {"www-authenticate": "Bearer"}
        if path.startswith(_LIMITED):
            client = scope.get("client")
            wait = self._window.take(client[0] if client else "", time.monotonic())
            if wait:
                message = f"More than {self._window.limit} requests came from your address within a minute."
                return (
                    429,
                    "too_many_requests",
                    message,
                    f"Try again in {wait} s.",
                    {"retry-after": str(wait)},
                )
        if int(headers.get(b"content-length", b"0") or 0) > LARGEST_BODY:
            return (*_TOO_LARGE, {})
        return None

    def _has_key(self, header: bytes) -> bool:
        scheme, _, given = header.partition(b" ")
        # every key is compared, so that the time taken tells nothing
        matches = [hmac.compare_digest(given.strip(), key) for key in self._keys]
        return scheme.lower() == b"bearer" and any(matches)

    async def _limited(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The request, unless its body, sent without a length, turns out too large."""
        size = 0
        started = False
        refused = False

        async def counting() -> Message:
            nonlocal size, refused
            message = await receive()
            if message["type"] == "http.request":
                size += len(message.get("body", b""))
                if size > LARGEST_BODY and not started and not refused:
                    refused = True
                    await _refuse(send, *_TOO_LARGE, {})
                    return {"type": "http.disconnect"}
            return message

        async def sending(message: Message) -> None:
            nonlocal started
            if refused:
                return
            started = True
            await send(message)

        await self.app(scope, counting, sending)


_TOO_LARGE = (413, "too_large", "The request is larger than 1 MB.", "Send less text at a time.")


class Window:
    """At most `limit` requests per address within any 60 seconds; 0: any number."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._seen: dict[str, deque[float]] = {}
        self._lock = threading.Lock()

    def take(self, address: str, now: float) -> int:
        """Seconds to wait, 0 when the request may pass (and counts)."""
        if not self.limit:
            return 0
        with self._lock:
            if len(self._seen) > 10_000:  # addresses that have gone quiet
                self._seen = {a: times for a, times in self._seen.items() if times and times[-1] > now - 60}
            times = self._seen.setdefault(address, deque())
            while times and times[0] <= now - 60:
                times.popleft()
            if len(times) >= self.limit:
                return max(1, math.ceil(times[0] + 60 - now))
            times.append(now)
            return 0


async def _refuse(
    send: Send, status: int, code: str, message: str, hint: str, headers: dict[str, str]
) -> None:
    body = json.dumps({"error": {"code": code, "message": message, "hint": hint}}).encode()
    sent = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    sent += [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": sent})
    await send({"type": "http.response.body", "body": body})
