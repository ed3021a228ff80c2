"""What Dossier itself says in an answer, in the question's language (English where it has none of it)."""

from __future__ import annotations

from datetime import date

_PHRASES = {
    "en": {
        "not_found": "The articles do not say.",
        "nothing_about": "Nothing was found about {what}.",
        "part_missing": "The articles do not say: {what}",
        "removed_one": "1 sentence was removed: {why}.",
        "removed_many": "{n} sentences were removed: {why}.",
        "fallback": "The language model's answer could not be used ({why}); these are the articles' own words.",
        "nothing_stood": "None of the language model's sentences is borne out by the articles; these are the articles' own words.",
        "undated": "undated",
        "opinion": "opinion",
        "differ": "The articles differ; the newest comes first.",
        "and": "or",
    },
    "sv": {
        "not_found": "Artiklarna säger det inte.",
        "nothing_about": "Inget hittades om {what}.",
        "part_missing": "Artiklarna säger inte: {what}",
        "removed_one": "1 mening togs bort: {why}.",
        "removed_many": "{n} meningar togs bort: {why}.",
        "fallback": "Språkmodellens svar kunde inte användas ({why}); detta är artiklarnas egna ord.",
        "nothing_stood": "Ingen av språkmodellens meningar har stöd i artiklarna; detta är artiklarnas egna ord.",
        "undated": "odaterad",
        "opinion": "åsikt",
        "differ": "Artiklarna skiljer sig åt; den nyaste kommer först.",
        "and": "eller",
    },
    "de": {
        "not_found": "Die Artikel sagen es nicht.",
        "nothing_about": "Nichts gefunden zu {what}.",
        "part_missing": "Die Artikel sagen nicht: {what}",
        "removed_one": "1 Satz wurde entfernt: {why}.",
        "removed_many": "{n} Sätze wurden entfernt: {why}.",
        "fallback": "Die Antwort des Sprachmodells war nicht zu gebrauchen ({why}); dies sind die Worte der Artikel.",
        "nothing_stood": "Kein Satz des Sprachmodells wird von den Artikeln gestützt; dies sind die Worte der Artikel.",
        "undated": "ohne Datum",
        "opinion": "Meinung",
        "differ": "Die Artikel widersprechen sich; der neueste zuerst.",
        "and": "oder",
    },
    "es": {
        "not_found": "Los artículos no lo dicen.",
        "nothing_about": "No se encontró nada sobre {what}.",
        "part_missing": "Los artículos no dicen: {what}",
        "removed_one": "Se quitó 1 frase: {why}.",
        "removed_many": "Se quitaron {n} frases: {why}.",
        "fallback": "La respuesta del modelo de lenguaje no pudo usarse ({why}); estas son las palabras de los artículos.",
        "nothing_stood": "Ninguna frase del modelo de lenguaje tiene respaldo en los artículos; estas son sus propias palabras.",
        "undated": "sin fecha",
        "opinion": "opinión",
        "differ": "Los artículos difieren; primero el más reciente.",
        "and": "o",
    },
    "fr": {
        "not_found": "Les articles ne le disent pas.",
        "nothing_about": "Rien n'a été trouvé sur {what}.",
        "part_missing": "Les articles ne disent pas : {what}",
        "removed_one": "1 phrase a été retirée : {why}.",
        "removed_many": "{n} phrases ont été retirées : {why}.",
        "fallback": "La réponse du modèle de langue n'a pas pu servir ({why}) ; voici les mots des articles.",
        "nothing_stood": "Aucune phrase du modèle de langue n'est étayée par les articles ; voici leurs propres mots.",
        "undated": "non daté",
        "opinion": "opinion",
        "differ": "Les articles divergent ; le plus récent d'abord.",
        "and": "ou",
    },
}


def say(key: str, language: str, **values: object) -> str:
    return _PHRASES.get(language, _PHRASES["en"])[key].format(**values)


def either(words: list[str], language: str) -> str:
    """`2016, Peru or Bolivia`."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {say('and', language)} {words[-1]}"


def shown_date(published: str | None, language: str) -> str | None:
    """An ISO date of day, month or year precision as people write it: 22 January 2018, January 2018, 2018."""
    if not published:
        return None
    from babel.dates import format_date, format_skeleton

    locale = language if language in _PHRASES else "en"
    parts = published.split("-")
    try:
        day = date(*([int(p) for p in parts] + [1, 1])[:3])
    except ValueError:
        return published
    match len(parts):
        case 1:
            return parts[0]
        case 2:
            return str(format_skeleton("yMMMM", day, locale=locale))
        case _:
            return str(format_date(day, "d MMMM y" if locale == "en" else "long", locale=locale))
