"""Mails saved as `.eml`."""

from __future__ import annotations

from typing import Any

from index import about
from index.errors import UnreadableError
from index.formats.decode import decode, storable
from index.formats.draft import Draft
from index.formats.html import draft_of_html
from index.settings import IndexSettings


def read_mail(data: bytes, name: str, settings: IndexSettings, problems: list[str]) -> list[Draft]:
    import email
    import email.policy
    import email.utils

    message = email.message_from_bytes(data, policy=email.policy.default)
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    text = _part_text(plain, problems) if plain is not None else ""
    if text.strip():
        draft = Draft(text.strip("\n"))
    elif html is not None:
        draft = Draft(draft_of_html(_part_text(html, problems)).text)
    else:
        raise UnreadableError("The mail holds no text.", "Save what is attached to it as files of their own.")
    sender, _ = email.utils.parseaddr(str(message.get("From", "")))
    stamp = email.utils.parsedate(str(message.get("Date", "")))
    raw = {
        "title": message.get("Subject"),
        "author": sender,
        "published": "{:04}-{:02}-{:02}".format(*stamp[:3]) if stamp else None,
    }
    draft.carried = {key: storable(value) for key, value in about.fields_from(raw).items()}
    return [draft]


def _part_text(part: Any, problems: list[str]) -> str:
    data = part.get_payload(decode=True) or b""
    try:
        return (
            storable(data.decode(part.get_content_charset("utf-8"))).replace("\r\n", "\n").replace("\r", "\n")
        )
    except (LookupError, UnicodeDecodeError):
        return decode(data, "the mail", problems)
