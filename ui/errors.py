"""Errors as the endpoint and the page's own routes answer with them: one form, and a hint at what to do next."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from index.errors import DossierError


def error_body(code: str, message: str, hint: str = "") -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "hint": hint}}


def error_handlers() -> dict[type[Exception], Callable[[Request, Any], JSONResponse]]:
    """Every error in the one form, for the endpoint and the page's own routes alike."""
    return {
        DossierError: _dossier_error,
        RequestValidationError: _validation_error,
        HTTPException: _http_error,
        Exception: _unexpected_error,
    }


def _dossier_error(request: Request, error: DossierError) -> JSONResponse:
    headers = {"retry-after": "5"} if error.retryable else None
    return JSONResponse(error_body(error.code, error.message, error.hint), error.http_status, headers)


def _validation_error(request: Request, error: RequestValidationError) -> JSONResponse:
    first = error.errors()[0]
    if first["type"] == "dossier":
        return JSONResponse(error_body("bad_input", first["ctx"]["message"], first["ctx"]["hint"]), 422)
    if first["type"] == "json_invalid" or first["loc"] == ("body",):
        message = "The body is not a JSON object."
        return JSONResponse(
            error_body("bad_json", message, "Send one as `Content-Type: application/json`."), 400
        )
    where = ".".join(str(part) for part in first["loc"][1:])
    problem = re.sub(r"^\w+ error, ", "", first["msg"])
    message = f"The field `{where}` is wrong: {problem[:1].lower()}{problem[1:]}."
    if first["type"] == "extra_forbidden":
        message = f"There is no field `{where}`."
    return JSONResponse(error_body("bad_input", message, "See /docs for the fields and their limits."), 422)


def _http_error(request: Request, error: HTTPException) -> JSONResponse:
    codes = {401: "unauthorized", 404: "not_found", 405: "method_not_allowed", 413: "too_large"}
    messages = {
        404: f"Nothing is at {request.url.path[:200]}.",
        405: f"{request.method} is not possible at {request.url.path[:200]}.",
    }
    message = messages.get(error.status_code, f"{str(error.detail).rstrip('.')}.")
    body = error_body(codes.get(error.status_code, "http"), message, "See /docs for what there is.")
    return JSONResponse(body, error.status_code, dict(error.headers or {}))


def _unexpected_error(request: Request, error: Exception) -> JSONResponse:
    # Starlette logs the traceback on its way out
    return JSONResponse(error_body(*unexpected()), 500)


def unexpected() -> tuple[str, str, str]:
    return "internal", "Something went wrong inside Dossier.", "Its log has the details; please report it."
