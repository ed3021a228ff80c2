"""Bytes -> text, whatever encoding they are in, and text that the index can hold."""

from __future__ import annotations

import codecs
import re
import unicodedata
from typing import Any

import yaml

from index import language
from index.errors import UnreadableError

BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark begins it
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# which single-byte code page the languages of Latin letters came in; all others in cp1252
_CODE_PAGES = {"cp1250": "bs cs hr hu pl ro sk sl sq", "cp1254": "tr az", "cp1257": "et lt lv"}


_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f-\x84\x86-\x9f]")


def decode(data: bytes, name: str, problems: list[str] | None = None) -> str:
    """By byte order mark, then as UTF-8, then by what the bytes look like. Line ends as `open` gives them."""
    for mark, encoding in BOMS:
        if data.startswith(mark):
            text = data[len(mark) :].decode(encoding, "replace")
            break
    else:
        text = _decode_unmarked(data, problems)
    if len(_CONTROL.findall(text, 0, 20_000)) > 0.01 * min(len(text), 20_000):
        raise UnreadableError(
            f"{name} is not text: it holds binary data.", "Give it the ending of its format."
        )
    return storable(text, nul="\N{REPLACEMENT CHARACTER}").replace("\r\n", "\n").replace("\r", "\n")


def _decode_unmarked(data: bytes, problems: list[str] | None) -> str:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = ""
    # UTF-16 without its mark: every other byte of Western text is zero
    if data and data.count(0) > len(data) * 0.2:
        encoding = "utf-16-le" if data[1::2].count(0) > data[::2].count(0) else "utf-16-be"
        return data.decode(encoding, "replace")
    if text or not data:
        return text
    repaired = data.decode("utf-8", "replace")
    damaged = repaired.count("\N{REPLACEMENT CHARACTER}")
    multibyte = sum(character > "\x7f" for character in repaired) - damaged
    if damaged * 10 <= multibyte:
        if problems is not None:
            problems.append(f"{damaged} bytes are not UTF-8; each is shown as \N{REPLACEMENT CHARACTER}.")
        return repaired
    return _decode_legacy(data)


def _decode_legacy(data: bytes) -> str:
    """charset-normalizer tells scripts apart, but not the Latin code pages: there the language decides."""
    import charset_normalizer

    best = charset_normalizer.from_bytes(data).best()
    guess = str(best) if best else ""
    if best and not any("LATIN" in unicodedata.name(c, "") for c in guess if c > "\x7f"):
        punctuation_only = not any(c.isalpha() for c in guess if c > "\x7f")
        if not punctuation_only:
            return guess
    western = data.decode("cp1252", "replace")
    spoken = language.detect(western)
    for page, spoken_in in _CODE_PAGES.items():
        if spoken in spoken_in.split():
            return data.decode(page, "replace")
    return western if "\N{REPLACEMENT CHARACTER}" not in western else guess or data.decode("latin-1")


def storable(text: str, nul: str = "") -> str:
    """Without NUL and lone surrogates, which neither SQLite nor UTF-8 can hold."""
    if "\0" in text:
        text = text.replace("\0", nul)
    try:
        text.encode()
    except UnicodeEncodeError:
        # a pair written as two escapes becomes its character, a lone half the replacement character
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def parse_yaml(text: str) -> Any:
    """Every scalar as the string it was written as: `language: no` is Norwegian, a wrong date is no crash."""
    try:
        return yaml.load(text, Loader=yaml.BaseLoader)  # makes nothing but str, list and dict
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        reason = getattr(error, "problem", None) or "it is nested too deeply"
        raise UnreadableError(
            f"The YAML does not parse{where}: {reason}.", "Put values with a colon in quotes."
        ) from error


def one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
