"""What Dossier itself says in an answer, in the question's language (English where it has no pack)."""

from __future__ import annotations

from index.languages import cldr, pack


def say(key: str, language: str, **values: object) -> str:
    says = pack(language).says or pack("en").says
    return says[key].format(**values)


def either(words: list[str], language: str) -> str:
    """`2016, Peru or Bolivia`."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {say('or', language)} {words[-1]}"


def shown_date(published: str | None, language: str) -> str | None:
    """An ISO date of day, month or year precision as people write it: 22 January 2018, January 2018, 2018."""
    return cldr.shown_date(published, language if pack(language).says else "en") if published else None
