"""What a question asks for: its language, the kind of thing that answers it, its dates and names, its parts, and, from
the history, the words that make it stand alone.

The words that ask ("who", "vem", "wer", "quién") are listed for the larger European languages; a question in another
language is found and answered all the same, only without knowing what kind of thing it wants.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from difflib import get_close_matches
from functools import cache, lru_cache
from typing import Literal

from index.errors import InputError
from index.figures import Figure, Moment, demonym, figures, fold, moments, territories
from index.language import detect_question
from index.words import in_dictionary, stem, stop_stems

Wanted = Literal["person", "date", "place", "amount", "count", "share", "duration", "reason", "anything"]
MAX_LENGTH = 4000

# Order matters: the first pattern that is found decides. Typos are met by `_mended`, which corrects these words only.
_ASKS: tuple[tuple[Wanted, str], ...] = (
    ("reason", r"why|how come|for what reason|what (?:caused|led|drove|is the reason)|varför|hur kommer det sig|av vilken anledning|warum|weshalb|wieso|por qu[eé]|pourquoi|perch[eé]|por que|waarom|hvorfor|miksi"),
    ("duration", r"how long|for how long|how many (?:days|weeks|months|years)|hur länge|hur många (?:dagar|dygn|veckor|månader|år)|wie lange|wie viele (?:tage|wochen|monate|jahre)|cu[aá]nto tiempo|cu[aá]ntos (?:d[ií]as|meses|años)|combien de temps|quanto tempo|hoe ?lang|hvor lenge|hvor længe"),
    ("share", r"what (?:share|percentage|proportion|per ?cent|part|fraction)|how large a (?:share|part|proportion)|how big a (?:share|part)|which share|how many per ?cent|hur stor (?:andel|del)|vilken andel|hur många procent|wie (?:hoch|groß) ist der anteil|welcher anteil|welchen anteil|wie viel prozent|wieviel prozent|qu[eé] (?:porcentaje|proporci[oó]n|parte)|quel pourcentage|quelle part|welk percentage|hvor stor (?:andel|del)"),
    ("amount", r"how much|how (?:large|big|high|great|far|tall|deep|wide|heavy|fast|old)|hur (?:långt|djup\w*|bred\w*|tung\w*|gammal|gamla)|wie (?:weit|tief|breit|schwer|alt)|a qué distancia|quelle distance|what (?:size|amount|sum|value|price|cost|figure|volume)|(?:size|amount|value|cost|price) of|what (?:was|is|were) the (?:\w+ )?(?:size|amount|value|volume|cost|price|total)|worth|costs?|hur mycket|hur (?:stor|stort|stora|hög|högt|höga)|kosta\w*|vilket (?:belopp|värde|pris)|wie ?viel|wie (?:hoch|groß|gross|teuer)|cu[aá]nt[oa]|costó|cuesta|costará|kosten|kostete|combien|quanto|quanta|hoeveel|hvor meget|hvor mye|hvor stor|kuinka paljon"),
    ("count", r"how many|number of|hur många|antal(?:et)?|wie ?viele|anzahl|cu[aá]nt[oa]s|combien de|quanti|quante|quant[oa]s|hoeveel|hvor mange|kuinka monta"),
    ("date", r"when|what (?:year|date|month|day|time)|which (?:year|month|day|date)|in what year|since when|by when|när|vilket (?:år|datum)|vilken (?:dag|månad)|wann|(?:welchem|welches|welchen) (?:jahr|tag|monat|datum)|cu[aá]ndo|(?:en )?qu[eé] (?:año|fecha|mes|d[ií]a)|quand|quelle (?:ann[eé]e|date)|quando|wanneer|welk jaar|hvornår|hvilket år|milloin"),
    ("place", r"where|in (?:what|which) (?:city|country|place|town)|which (?:country|city|town)|what (?:country|city)|var(?:t|ifrån)?|vilk(?:et|a) land|vilken (?:stad|ort)|vilka länder|wo|wohin|welche[smn]? (?:land|stadt|ort)|d[oó]nde|qu[eé] (?:pa[ií]s|ciudad)|où|quel pays|quelle ville|dove|onde|waar|welk land|hvor|missä"),
    ("person", r"who(?:se|m)?|vem(?:s)?|vilka|wer|wen|wem|wessen|qui[eé]n(?:es)?|qui|chi|quem|wie|hvem|kuka"),
)  # fmt: skip
_QUESTION_WORDS = [
    "who",
    "whose",
    "whom",
    "when",
    "where",
    "why",
    "how",
    "what",
    "which",
    "much",
    "many",
    "long",
    "large",
    "big",
    "does",
    "did",
    "do",
    "was",
    "were",
    "is",
    "are",
    "has",
    "have",
    "had",
    "will",
    "would",
    "can",
    "could",
    "should",
    "say",
    "said",
    "says",
    "tell",
    "about",
    "vem",
    "vems",
    "vilka",
    "när",
    "var",
    "vart",
    "varför",
    "hur",
    "vad",
    "vilken",
    "vilket",
    "mycket",
    "många",
    "länge",
    "stor",
    "stort",
    "stora",
    "är",
    "blir",
    "blev",
    "sa",
    "sade",
    "säger",
    "berätta",
    "om",
    "wer",
    "wen",
    "wem",
    "wann",
    "wo",
    "warum",
    "wie",
    "was",
    "welche",
    "welcher",
    "welches",
    "welchen",
    "welchem",
    "viel",
    "viele",
    "ist",
    "sind",
    "war",
    "waren",
    "hat",
    "hatte",
    "sagte",
    "quién",
    "quien",
    "quiénes",
    "cuándo",
    "cuando",
    "dónde",
    "donde",
    "cómo",
    "como",
    "cuánto",
    "cuanto",
    "cuánta",
    "cuántos",
    "cuántas",
    "qué",
    "que",
    "cuál",
    "cual",
    "por",
    "es",
    "son",
    "fue",
    "fueron",
    "dijo",
    "qui",
    "quand",
    "où",
    "pourquoi",
    "comment",
    "combien",
    "quel",
    "quelle",
    "quels",
    "quelles",
    "quoi",
    "est",
    "sont",
    "était",
    "sade",
    "sagt",
    "säga",
    "latest",
    "newest",
    "senaste",
    "please",
    "article",
    "articles",
    "according",
    "enligt",
    "laut",
    "según",
    "selon",
]
_LATEST = re.compile(
    r"\b(latest|newest|most recent(?:ly)?|currently|at present|right now|nowadays|as of now|today|senaste|nyaste|just nu|för närvarande"
    r"|idag|i dag|numera|neueste[nrs]?|aktuell\w*|derzeit|zurzeit|heute|últim[oa]s?|actual(?:mente)?|hoy|ahora|más reciente"
    r"|dernières?|derniers?|actuel\w*|aujourd'hui|seneste|nyeste|laatste|attual\w*)\b",
    re.I,
)
_RELATIVE: tuple[tuple[str, str], ...] = (
    (r"last year|the past year|förra året|i fjol|fjolåret|letztes jahr|letzten jahr\w*|vergangenen jahr\w*|vorjahr|el año pasado|l'an(?:née)? dernière?|sidste år|i fjor|vorig jaar|l'anno scorso|ano passado", "year-1"),
    (r"this year|i år|dieses jahr|diesem jahr|este año|cette année|dit jaar|quest'anno", "year"),
    (r"next year|nästa år|nächstes jahr|nächsten jahr|el próximo año|l'année prochaine", "year+1"),
    (r"last month|förra månaden|letzten monat|vergangenen monat|el mes pasado|le mois dernier", "month-1"),
    (r"this month|denna månad|den här månaden|diesen monat|este mes|ce mois", "month"),
)  # fmt: skip
_OPENERS = re.compile(
    r"^\s*(and|but|so|also|what about|how about|och|men|då|samt|und|aber|y|pero|et|mais|e|ma|en|maar|og|ja)\b",
    re.I,
)
_POINTERS = re.compile(
    r"\b(it|its|they|them|their|he|him|his|she|her|that|this|those|these|there|then|the same|one|ones"
    r"|den|det|dess|de|dem|deras|han|honom|hans|hon|henne|hennes|detta|dessa|där|då|samma|dit"
    r"|er|sie|es|ihn|ihm|ihr|ihre|deren|dessen|das|dies|diese[rsnm]?|dort|damals|dabei"
    r"|él|ella|ellos|ellas|eso|esto|esa|ese|esta|este|allí|entonces|lo|su|sus"
    r"|il|elle|ils|elles|cela|ça|ce|cette|son|sa|ses|leur|leurs|y)\b",
    re.I,
)
_YEAR_AFTER = re.compile(
    r"\b(year after|following year|next year|året (?:därpå|efter)|nästa år|jahr da(?:rauf|nach)|folgejahr|año siguiente|l'année suivante)\b",
    re.I,
)
_YEAR_BEFORE = re.compile(
    r"\b(year before|previous year|året (?:innan|före|dessförinnan)|jahr (?:davor|zuvor)|año anterior|l'année précédente)\b",
    re.I,
)
_AND = re.compile(
    r"\s*(?:,\s*|\s)(?:and|och|samt|und|y|et|e|en|og)\s+(?=(?:in |on |at |by |for |to |i |på |till |av |in |an |en |de |por )?"
    r"(?:who|when|where|why|how|what|which|vem|när|var|varför|hur|vad|vilk\w+|wer|wann|wo|warum|wie|was|welche\w*"
    r"|quién|cuándo|dónde|por qué|cómo|cuánt\w+|qué|cuál|qui|quand|où|pourquoi|comment|combien|quel\w*)\b)|[?;]\s+(?=\w)",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Question:
    """text: what was asked; standalone: with what the history adds. terms: stems (tagged with the language's own
    Snowball) of the words that carry the topic. names: folded capitalised words; countries: ISO codes.
    years, months: asked for by number or relative to today. parts: two or more when several things are asked."""

    text: str
    standalone: str
    language: str
    wanted: Wanted
    terms: tuple[str, ...]
    names: tuple[str, ...]
    countries: frozenset[str]
    years: frozenset[int]
    moments: tuple[Moment, ...]
    figures: tuple[Figure, ...]
    latest: bool
    parts: tuple[str, ...] = field(default=())


def plain(text: str) -> str:
    """A question in one line, which is what is embedded of it when nothing came before.

    Raises InputError for an empty or overlong question.
    """
    asked = " ".join(text.split())
    if not re.search(r"\w", asked):
        raise InputError("The question is empty.", "Ask something, for example: Who signed the agreement?")
    if len(asked) > MAX_LENGTH:
        raise InputError(
            f"The question is {len(asked):,} characters long; at most {MAX_LENGTH:,} are read.", "Shorten it."
        )
    return asked.replace("\0", "�")


def understand(
    text: str,
    corpus: Mapping[str, int],
    *,
    history: Sequence[tuple[str, str]] = (),
    today: date | None = None,
    standalone: str | None = None,
) -> Question:
    """Read a question. corpus: language -> passages, to tell short questions' language; standalone: as a model made
    it, instead of carrying words over.

    Raises InputError for an empty or overlong question.
    """
    asked = plain(text)
    day = today or date.today()
    full = standalone or stand_alone(asked, [q for q, _ in history], corpus, day)
    language = detect_question(asked if len(asked.split()) > 2 else full, corpus)
    found = tuple(figures(full, language))
    years = {int(f.value) for f in found if f.kind == "year"} | _relative_years(full, day)
    return Question(
        text=asked,
        standalone=full,
        language=language,
        wanted=wanted(asked, language),
        terms=topic_terms(full, language),
        names=_people_and_things(full, language),
        countries=_countries(full, language),
        years=frozenset(years),
        moments=tuple(moments(full, language)) + _relative_months(full, day),
        figures=tuple(f for f in found if f.kind != "year"),
        latest=bool(_LATEST.search(full)),
        parts=split_parts(full),
    )


def part(question: Question, text: str) -> Question:
    """One part of a two-part question, with the whole's names, dates and topic but its own kind of answer."""
    return replace(question, text=text, wanted=wanted(text, question.language), parts=())


def wanted(text: str, language: str) -> Wanted:
    """The kind of thing a question asks for, by its question words."""
    lower = _mended(text.lower(), language)
    best: tuple[int, int, Wanted] | None = None
    for rank, (kind, pattern) in enumerate(_ASKS):
        if kind == "place" and language == "en":
            pattern = pattern.replace(r"var(?:t|ifrån)?|", "")
        if kind == "person" and language != "nl":
            pattern = pattern.replace("|wie|", "|")
        match = re.search(rf"\b(?:{pattern})\b", lower)
        # an asking word further in is no question word ("the day when"): the earliest wins, among equals the rank
        if match and (best is None or (match.start() // 12, rank) < best[:2]):
            best = (match.start() // 12, rank, kind)
    return best[2] if best else "anything"


@cache
def _asking_words() -> tuple[str, ...]:
    return ("when", "where", "which", "what", "much", "many", "varför", "hur", "mycket", "många", "vilken", "vilket",
            "wann", "warum", "welche", "cuándo", "cuánto", "dónde", "quién", "länge")  # fmt: skip


def _mended(text: str, language: str) -> str:
    """Question words with a letter swapped, dropped or doubled ("waht", "vme", "hwo much") put right."""
    out = []
    for i, word in enumerate(text.split()):
        bare = word.strip("?,.!")
        if bare in _QUESTION_WORDS and not (bare == "wen" and language == "en"):
            out.append(word)  # "welcher" is no slip for "welche", nor German "wen" for "when"
        elif i < 4 and bare in _TYPOS:
            out.append(_TYPOS[bare])
        elif i < 4 and len(bare) >= 4 and bare not in _asking_words():
            out.append(_nearly_asking(bare) or word)
        else:
            out.append(word)
    return " ".join(out)


@lru_cache(maxsize=10_000)
def _nearly_asking(word: str) -> str | None:
    """The asking word that this one is a slip for, if any."""
    near = get_close_matches(word, _asking_words(), n=1, cutoff=0.82)
    return near[0] if near and word[0] == near[0][0] and abs(len(near[0]) - len(word)) <= 1 else None


_TYPOS = {"hwo": "how", "woh": "who", "whoo": "who", "wehn": "when", "wen": "when", "waht": "what", "wht": "what", "wy": "why",
          "vme": "vem", "nar": "när", "nör": "när", "vrf": "varför", "varfor": "varför", "hru": "hur", "vda": "vad",
          "manga": "många", "wher": "where", "whn": "when", "cuanto": "cuánto", "cuando": "cuándo", "quien": "quién"}  # fmt: skip


def topic_terms(text: str, language: str) -> tuple[str, ...]:
    """Stems of the words that carry the topic: no question words, no stop words, no figures, each once, in order."""
    skip = _no_topic(language)
    found = []
    for match in re.finditer(r"\w+(?:[’'.]\w+)*", text):
        word = match.group()
        if word[0].isdigit() or (len(word) < 2):
            continue
        stemmed = stem(word, language)
        if stemmed not in skip and word.lower() not in _QUESTION_WORDS:
            found.append(stemmed)
    return tuple(dict.fromkeys(found))


@cache
def _no_topic(language: str) -> frozenset[str]:
    return stop_stems(language) | {stem(word, language) for word in _QUESTION_WORDS}


def names(text: str) -> tuple[str, ...]:
    """Folded words that begin with a capital, but for the first word of the text and question words."""
    found = []
    for match in re.finditer(r"[^\W\d_][\w’'-]*", text):
        word = re.sub(r"[’']s?$", "", match.group())
        first = not text[: match.start()].strip() or text[: match.start()].rstrip()[-1:] in "?.!("
        if (
            word[:1].isupper()
            and (not first or (word.isupper() and len(word) > 1))
            and fold(word) not in _FOLDED
        ):
            found.append(fold(word))
    return tuple(dict.fromkeys(found))


def _people_and_things(text: str, language: str) -> tuple[str, ...]:
    """The names in a question but for countries, their adjectives and months, which are read as what they are."""
    skip = {fold(w) for w in ("america", "american", "latin", "latinamerican")}
    for match in re.finditer(r"[^\W\d_][\w’'-]*(?:\s[A-ZÅÄÖ][\w’'-]*)*", text):
        if territories(match.group(), language):
            skip |= {fold(w) for w in re.split(r"\W+", match.group()) if w}
    kept = []
    for name in names(text):
        whole = next(
            (w for w in re.findall(r"[\w’'-]+", text) if fold(re.sub(r"[’']s?$", "", w)) == name), name
        )
        # "North Sea", and every German noun, is a word like others: its stem is among the terms
        plain = in_dictionary(whole, language) and not whole.isupper()
        if (
            name not in skip
            and not plain
            and not demonym(whole.split("-")[0], language)
            and not moments(whole, language)
        ):
            kept.append(name)
    return tuple(kept)


def _countries(text: str, language: str) -> frozenset[str]:
    """ISO codes of the countries that a question names, by name or adjective."""
    full = _capitalised(text, language)
    found = set(territories(full, language))
    for word in re.findall(r"[^\W\d_][\w’'-]*", full):
        if (
            len(word) > 4
            and (word[0].isupper() or language != "en")
            and (code := demonym(word.split("-")[0], language))
        ):
            found.add(code)
    if re.search(r"\b(?:latin|latein|latino)\W?am[eé]ri\w+", full, re.I):
        found.add("419")
    return frozenset(found)


_FOLDED = frozenset(fold(w) for w in _QUESTION_WORDS)


def _capitalised(text: str, language: str) -> str:
    """A question typed in lower case still names countries; German nouns need no help."""
    return text if any(c.isupper() for c in text[1:]) else text.title()


def split_parts(text: str) -> tuple[str, ...]:
    """The parts of a question that asks for two things ("Who signed it, and when?"); empty when it asks for one."""
    pieces = [p.strip(" ?,;") for p in _AND.split(text) if p and re.search(r"\w", p)]
    asking = [
        p
        for p in pieces
        if wanted(p, "") != "anything" or re.match(r"(what|which|vad|vilk|was|welch|qu[eé]|cuál)", p, re.I)
    ]
    return tuple(p + "?" for p in pieces) if len(asking) >= 2 and len(pieces) <= 4 else ()


# ------------------------------------------------------------------------------------------ standing alone


def stand_alone(text: str, earlier: Sequence[str], corpus: Mapping[str, int], today: date) -> str:
    """The question with the words of the earlier ones that it leaves open, in brackets behind it.

    A year, country or name in the new question takes the place of the old one's; "the year after" is counted from it.
    """
    full = ""
    for question in [*earlier, text]:
        full = _carried(" ".join(question.split())[:MAX_LENGTH], full, corpus, today)
    return full


def _carried(new: str, old: str, corpus: Mapping[str, int], today: date) -> str:
    if not old:
        return new
    language = detect_question(new, corpus)
    own = topic_terms(new, language)
    pointing = bool(
        _POINTERS.search(new) or _OPENERS.search(new) or _YEAR_AFTER.search(new) or _YEAR_BEFORE.search(new)
    )
    if not (pointing and len(own) <= 4) and len(own) > 1:
        return new
    before = detect_question(old, corpus)
    years = [int(f.value) for f in figures(old, before) if f.kind == "year"]
    carried = []
    if years and (_YEAR_AFTER.search(new) or _YEAR_BEFORE.search(new)):
        carried.append(str(years[-1] + (1 if _YEAR_AFTER.search(new) else -1)))
    said_years = any(f.kind == "year" for f in figures(new, language))
    own_years = bool(carried) or said_years or bool(_relative_years(new, today))
    own_countries, own_names = territories(new, language), names(new)
    taken = {stem(w, language) for w in re.findall(r"\w+", new)}
    # "And in Chile?" takes the place of the country named last; "what did Brazil say?" of the people named
    countries = [w for w in re.findall(r"[\w’'.-]*\w", old) if territories(w, before)]
    replaced = set(countries[-1:]) if own_countries else set()
    people = set(names(old)) if own_names and not _POINTERS.search(new) else set()
    for match in re.finditer(r"[\w’'.-]*\w", old):
        word = match.group()
        plain = word.strip("’'")
        if re.fullmatch(r"(?:1[5-9]|20)\d\d", plain):
            if not own_years:
                carried.append(plain)
        elif (
            word in replaced
            or (fold(plain) in people and word not in countries)
            or plain.lower() in _QUESTION_WORDS
            or stem(plain, before) in stop_stems(before)
        ):
            continue
        elif stem(plain, before) not in taken:
            carried.append(plain)
    return f"{new} ({' '.join(dict.fromkeys(carried))})" if carried else new


def _relative_years(text: str, today: date) -> set[int]:
    lower = text.lower()
    return {
        today.year + int(rule[4:] or 0)
        for pattern, rule in _RELATIVE
        if rule.startswith("year") and re.search(rf"\b(?:{pattern})\b", lower)
    }


def _relative_months(text: str, today: date) -> tuple[Moment, ...]:
    found = []
    for pattern, rule in _RELATIVE:
        if rule.startswith("month") and re.search(rf"\b(?:{pattern})\b", text.lower()):
            day = today.replace(day=1) - timedelta(days=1) if rule == "month-1" else today
            found.append(Moment(day.year, day.month, None, 0, 0))
    return tuple(found)
