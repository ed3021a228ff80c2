"""Saved web pages, by trafilatura."""

from __future__ import annotations

import logging
import re

from index import about
from index.errors import UnreadableError
from index.formats.decode import BOMS, decode, storable
from index.formats.draft import Draft
from index.settings import IndexSettings

log = logging.getLogger(__name__)

_CHARSET = re.compile(rb"<(?:meta\b[^>]*?|\?xml\b[^>]*?)(?:charset|encoding)\s*=\s*[\"']?\s*([\w-]+)", re.I)
_DATED = (
    "//*[contains(concat(' ', @itemprop, ' '), ' datePublished ')]/@content",
    "//*[contains(concat(' ', @itemprop, ' '), ' datePublished ')]/@datetime",
    "//article//time[not(ancestor::aside) and not(ancestor::a) and not(ancestor::ul)]/@datetime",
)


def read_html(data: bytes, name: str, settings: IndexSettings, problems: list[str]) -> list[Draft]:
    declared = _CHARSET.search(data[:4096])
    html = ""
    if declared and not data.startswith(tuple(mark for mark, _ in BOMS)):
        try:
            html = data.decode(declared[1].decode("ascii"))
        except (LookupError, UnicodeDecodeError):
            log.debug("%s is not in the encoding it declares", name)
    return [draft_of_html(storable(html) or decode(data, name, problems))]


def draft_of_html(html: str) -> Draft:
    """By trafilatura: the article without menus and advertisements, and the page's own metadata."""
    import trafilatura

    # its date search ends in taking any date on the page, so the date is looked for here
    document = trafilatura.bare_extraction(
        html, with_metadata=True, include_comments=False, date_extraction_params={"extensive_search": False}
    )
    text = storable(document.text or "") if document is not None else ""
    if not text.strip():
        raise UnreadableError(
            "The page holds no article text.", "Save the page again when it has loaded fully."
        )
    section = " ".join(document.categories or ()) or _section(html)
    raw = {
        "title": document.title,
        "publisher": document.sitename,
        "author": (document.author or "").replace("; ", ", "),
        "published": _date_of_html(html),
        "section": section,
    }
    return Draft(text, carried=about.fields_from(raw))


def _section(html: str) -> str:
    match = re.search(r'"articleSection"\s*:\s*\[?\s*"([^"]+)"', html)
    return match[1] if match else ""


def _date_of_html(html: str) -> str | None:
    """When the page says it was published: meta tags, JSON-LD, its address, its own `time` element.

    Dates of changes do not count, nor dates of other articles that the page links to.
    """
    from htmldate import find_date
    from lxml import etree  # type: ignore[import-untyped]
    from trafilatura import load_html

    tree = load_html(html)
    if tree is None:
        return None
    head = etree.Element("html")
    for element in tree.xpath("//meta | //link[@rel='canonical'] | //script[@type='application/ld+json']"):
        marks = " ".join(str(value) for key, value in element.attrib.items() if key != "content").lower()
        if not re.search(r"modif|updat|revis", marks):
            copy = etree.SubElement(head, element.tag, dict(element.attrib))
            copy.text = re.sub(r'"date(?:Modified|Created)"\s*:\s*"[^"]*",?', "", element.text or "")
    kept = "".join(etree.tostring(element, encoding="unicode", method="html") for element in head)
    if date := find_date(f"<html><head>{kept}</head></html>", extensive_search=False, original_date=True):
        return str(date)
    for path in _DATED:
        for value in tree.xpath(path):
            if date := about.parse_date(str(value)):
                return date
    return None
