"""Words that turn a sentence's meaning, by what they do to it, for the larger European languages.

The verifier compares what a statement and its source do: deny, rise or fall, expect or state, explain, generalise. A word
of another language is simply not seen, and the comparison of meaning stands alone there.
"""

from __future__ import annotations

import re
from functools import lru_cache

NEGATION = (
    r"not|n['’]t|cannot|never|no|none|nobody|nothing|neither|nor|without|den(?:y|ies|ied)|refus\w+|fail(?:s|ed)? to|reject\w*|lacks?|unable|hardly"
    r"|inte|ej|icke|aldrig|ingen|inget|inga|ingenting|varken|utan|förneka\w*|avvisa\w*|vägra\w*|saknar|knappast|avfärda\w*"
    r"|nicht|kein\w*|nie(?:mals)?|niemand|nichts|weder|ohne|bestreitet|bestritt|bestritten|leugne\w*|verweiger\w*|lehnt\w*|kaum"
    r"|nunca|jamás|ningun[oa]?|ningún|nadie|nada|ni|sin|neg[óa](?:ron)?|niega|rechaz\w+|tampoco"
    r"|ne|n['’]|pas|jamais|aucune?|rien|sans|refus\w+|démenti\w*"
)
_NO_SPANISH = r"(?:^|\s)no\s"

# (name, one side, the other side): a statement on one side is not borne out by a source on the other side alone
OPPOSITES: tuple[tuple[str, str, str], ...] = (
    ("rise/fall",
     r"ris(?:e[sn]?|ing)|rose|grew|grow(?:s|n|th|ing)?|increas\w+|climb\w*|surg\w+|soar\w*|jump\w*|rais(?:e[sd]?|ing)|gain\w*|expand\w*|strengthen\w*|doubl\w+|accelerat\w+|widen\w*"
     r"|ök(?:a\w*|n\w+)|steg|stig(?:er|it|ande)|växer|växte|vuxit|höj\w+|stärk\w+|fördubbla\w*|tilltag\w*|utvidga\w*"
     r"|stieg\w*|steig\w*|gestiegen|wuchs\w*|wächst|wachs\w*|gewachsen|zunahm\w*|zugenommen|erhöh\w+|verdoppel\w+|ausgeweitet|zunehm\w*"
     r"|subi\w+|sube\w*|aument\w+|crec\w+|increment\w+|duplic\w+|ampli\w+|hausse|augment\w+|progress\w+",
     r"f[ae]ll(?:s|en|ing)?|declin\w+|decreas\w+|drop(?:s|ped|ping)?|shr(?:ink|ank|unk)\w*|sank|sink\w*|lower\w*|reduc\w+|cut(?:s|ting)?|slump\w*|halv\w+|weaken\w*|down|slow\w*|narrow\w*|loss\w*"
     r"|minsk\w+|sjönk|sjunk\w*|föll|fall(?:er|it)|sänk\w+|krymp\w*|halver\w+|försvag\w+|rasa\w*|avtog|avtar|dämpa\w*"
     r"|fiel\w*|gefallen|sank\w*|gesunken|sinkt|senk\w+|gesenkt|schrumpf\w*|abnahm\w*|abgenommen|verringer\w+|halbier\w+|rückgang|reduzier\w+|zurückgegangen|zurückging\w*"
     r"|baj[óaoe]\w*|ca(?:e|yó|yeron|ído)\w*|disminu\w+|descend\w+|reduj\w+|redu[cz]\w+|recort\w+|baisse\w*|chut\w+|dimin\w+"),
    ("export/import",
     r"export\w*|utför(?:sel|s)?|ausfuhr\w*|exportaci\w+|s[oå]l[dt]\w*|sell\w*|sälj\w*|verkauf\w*|vend\w+",
     r"import\w*|införs\w*|einfuhr\w*|importaci\w+|bought|buy\w*|köp\w*|kauf\w*|compr\w+"),
    ("more/less",
     r"more than|(?:over|above|at least) (?=[\d$€£])|exceed\w*|surpass\w*|mer än|fler än|(?:över|minst) (?=\d)|översteg|överstiger|mehr als|(?:über|mindestens) (?=\d)|más de|más que|al menos",
     r"less than|(?:under|below|at most|up to) (?=[\d$€£])|fewer than|mindre än|färre än|(?:högst|upp till|under) (?=\d)|weniger als|(?:unter|höchstens) (?=\d)|menos de|menos que|como máximo"),
    ("first/last",
     r"first|första|först|erste[nrsm]?|zuerst|primer[oa]?s?|premi[eè]re?s?",
     r"last|final|second|third|sista|sist|andra|tredje|letzte[nrsm]?|zweite[nrsm]?|dritte[nrsm]?|últim[oa]s?|segund[oa]s?|tercer[oa]?|derni[eè]re?s?|deuxième"),
    ("most/least",
     r"largest|biggest|most|highest|greatest|strongest|störst\w*|högst\w*|flest|mest|größte\w*|höchste\w*|meisten|mayor|más grande|plus grand\w*",
     r"smallest|least|lowest|fewest|weakest|minst\w*|lägst\w*|kleinste\w*|niedrigste\w*|wenigsten|menor|más pequeñ\w+|plus petit\w*"),
    ("join/leave",
     r"join(?:s|ed|ing)?|enter(?:s|ed|ing)?|acced\w+|sign(?:s|ed)? up|anslut\w*|anslöt\w*|gick med|går med|gått med|inträd\w*|trat\w* bei|beigetreten|beitritt|schloss\w* sich|adhiri\w+|adhier\w+|se uni\w+|ingres\w+",
     r"leav(?:e|es|ing)|left|withdr[ae]w\w*|quit|exit\w*|pull(?:s|ed)? out|lämna\w*|dra(?:r|s)? sig ur|drog sig ur|utträd\w*|verl[aä]ss\w*|verließ\w*|austr[ae]t\w*|ausgetreten|abandon\w+|se retir\w+|sal(?:ió|e|ieron) de"),
    ("before/after",
     r"before|prior to|ahead of|earlier|före|innan|tidigare|vor(?:her)?|bevor|antes|avant",
     r"after|later|following|since|efter|sedan|senare|därefter|nach(?:dem|her)?|seit|después|tras|desde|après|depuis"),
    ("for/against",
     r"support\w*|back(?:s|ed|ing)?|welcom\w*|accept\w*|approv\w*|prais\w*|agree\w*|stöd(?:er|de|jer)?|välkomna\w*|godkän\w*|godta\w*|berömde|unterstütz\w*|begrüß\w*|billig\w*|zustimm\w*|stimmte zu|apoy\w+|aprob\w+|acept\w+|celebr\w+",
     r"oppos\w+|against|critici[sz]\w*|reject\w*|condemn\w*|block\w*|object\w*|motsatte|motsätter|emot|kritiser\w*|avvisa\w*|avslog|fördöm\w*|lehnt\w* ab|abgelehnt|gegen|kritisier\w*|verurteil\w*|rechaz\w+|contra|critic\w+|conden\w+|bloque\w+"),
    ("open/close",
     r"open(?:s|ed|ing)?|launch\w*|start\w*|beg[ai]n\w*|inaugurat\w*|öppna\w*|börja\w*|start\w*|inled\w*|inviga\w*|invig\w*|eröffne\w*|begann\w*|beginn\w*|abri\w+|abr[eií]\w*|empez\w+|comenz\w+|inici\w+",
     r"clos(?:e[sd]?|ing)|end(?:s|ed|ing)?|stop\w*|shut\w*|cancel\w*|shelv\w*|scrap\w*|stäng\w*|slut\w*|avslut\w*|upphör\w*|stopp\w*|lades ned|lägg\w* ned|skrinlagt|geschlossen|schließ\w*|schloss|ende\w*|stopp\w*|eingestellt|cerr\w+|termin\w+|cancel\w+|suspend\w+"),
    ("win/lose",
     r"w[io]n(?:s|ning)?|vann|vinn\w*|vunnit|gew[ai]nn\w*|gewonnen|gan(?:ó|a|aron|ado)", r"los(?:e[s]?|t|ing)|förlor\w*|verl[io]r\w*|verlor\w*|perd\w+|pierd\w+"),
    ("surplus/deficit", r"surplus\w*|överskott\w*|überschuss\w*|superávit", r"deficit\w*|underskott\w*|defizit\w*|déficit"),
    ("north/south", r"north\w*|norr\w*|nörd\w*|nord\w*|norte", r"south\w*|söder\w*|södra|sydlig\w*|süd\w*|sur(?=\W)"),
    ("east/west", r"east\w*|öst\w*|ost\w*|este(?=\W)|oriental\w*", r"west\w*|väst\w*|oeste|occidental\w*"),
    ("early/late", r"earl(?:y|ier|iest)|tidig\w*|früh\w*|temprano", r"late(?:r|st)?|sen(?:t|are|ast)|spät\w*|tarde"),
)  # fmt: skip

EXPECTED = (
    r"expect\w*|plan(?:s|ned|ning)?|may|might|could|would|should|intend\w*|hope[sd]?|hoping|likely|propos\w+|consider\w*|aim\w*|set to|is to|are to|was to|were to|due to (?=[a-z]+\b)|draft|forecast\w*|will|wants? to|promis\w+|pledg\w+|potential|possib\w+|projected|predict\w*|estimat\w*|seek\w*|target\w*|meant to"
    r"|vänta\w*|planer\w*|kan(?:ske)?|kunde|skulle|ska|skall|bör|borde|avser|hoppa\w+|trolig\w+|föresl\w+|överväg\w*|siktar|utkast|prognos\w*|vill|lova\w*|möjlig\w*|beräknas|tänker|ämnar"
    r"|erwart\w*|plan(?:t|te|en|ung)\w*|könn\w*|dürft\w*|soll\w*|würd\w*|wird|werden|will|wollen|beabsichtig\w*|hoff\w*|voraussichtlich|wahrscheinlich|entwurf|prognos\w*|möglich\w*|vorgeschlagen|versprach|versprochen"
    r"|esper\w+|prev[éeí]\w*|planea\w*|podr[íi]a\w*|pued[ea]\w*|deber[íi]a\w*|propon\w+|propuest\w+|proyect\w+|probable\w*|intenci\w+|borrador|promet\w+|busca\w*|quier\w+|será\w*|\w+rá[ns]?(?=\W)|\w+ría[ns]?(?=\W)"
    r"|pourr\w+|devr\w+|prévoi\w+|envisag\w+|espèr\w+|projet\w*|propos\w+"
)
CAUSE = (
    r"because|due to|owing to|as a result|thanks to|caused by|cause[sd]?|led to|leads? to|driven by|since (?=the|it|they|he|she)|on account of|prompted|in response to|triggered|resulted|therefore|so that|which is why|under pressure|amid"
    r"|eftersom|därför|på grund av|till följd av|tack vare|orsaka\w*|ledde till|leder till|beror på|berodde på|föranle\w*|drivs? av|efter påtryckningar|som svar på|med anledning av|följd(?:en)? av"
    r"|weil|wegen|aufgrund|infolge|dank|verursach\w*|führt\w* zu|deshalb|deswegen|daher|auf grund|ausgelöst|als reaktion|da (?=die|der|das|es|sie|er)"
    r"|porque|debido a|a causa de|gracias a|por culpa de|provoc\w+|caus(?:ó|a|ado|ada)|llev(?:ó|a) a|por lo que|ya que|como consecuencia|a raíz de|en respuesta"
    r"|parce que|en raison|à cause|grâce à|provoqu\w+|car"
)
UNIVERSAL = (
    r"all|every\w*|always|entire\w*|whole|each|only|exclusively|completely|totally|nowhere|never|no one|everyone"
    r"|alla|allt|varje|alltid|hela|samtliga|bara|endast|enbart|helt|fullständigt|överallt|aldrig"
    r"|alle[snrm]?|jede[snrm]?|immer|ganze?[nrsm]?|sämtliche\w*|nur|ausschließlich|völlig|vollständig|überall|nie"
    r"|tod[oa]s?|cada|siempre|enter[oa]s?|sólo|solo|solamente|únicamente|exclusivamente|completamente|totalmente|nunca"
    r"|tous|toutes|toujours|chaque|seulement|uniquement|entièrement"
)
SPEECH = (
    r"sa(?:id|ys|ying)|told|according to|argu\w+|claims?|claimed|stat(?:ed|es)|announced|promised|declared|stressed|warned|wrote|writes|called|calls|described|noted|insisted|told|believes|thinks|points? out|pointed out|denied|denies|criticised|criticized|praised|added|expressed|complained"
    r"|sade|säger|sa|enligt|uppger|uppgav|hävda\w*|menar|menade|anser|ansåg|meddela\w*|lova\w*|varna\w*|betona\w*|skriver|skrev|kalla\w*|tycker|tyckte|påpeka\w*|förneka\w*|kritiser\w*|klaga\w*|beskriv\w*|beskrev"
    r"|sagte|sagt|laut|zufolge|erklärt\w*|behaupte\w*|betont\w*|warnt\w*|kündigt\w*|schrieb|schreibt|nannte|meint\w*|kritisiert\w*|bestritt|lobte"
    r"|dijo|dice|según|afirm\w+|declar\w+|anunci\w+|asegur\w+|señal\w+|explic\w+|advirti\w+|escrib\w+|llam(?:ó|a)|sosti\w+|critic\w+|neg[óa]|calific\w+"
    r"|dit|selon|déclar\w+|affirm\w+|annonc\w+|averti\w*|estim\w+|critiqu\w+"
)  # fmt: skip


@lru_cache(maxsize=64)
def pattern(words: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w-])(?:{words})(?!\w)", re.I)


def has(words: str, text: str) -> bool:
    return bool(pattern(words).search(text))


def negations(text: str, language: str) -> int:
    """How often a text denies; "no" counts in English and Spanish, "ni" not in Swedish."""
    found = [m.group().lower() for m in pattern(NEGATION).finditer(text)]
    found += ["n't"] * len(re.findall(r"\w(?:n['’]t)\b", text))
    if {"neither", "weder", "ni"} & set(found):  # "neither ... nor" denies once
        found = [w for i, w in enumerate(found) if w != "nor" and not (w == "ni" and "ni" in found[:i])]
    alien = {"sv": {"no", "ni", "nie", "ne", "pas", "sin", "nada"}, "de": {"no", "ni", "sin", "ne", "pas", "nor", "utan"},
             "en": {"ni", "sin", "nie", "ne", "pas", "ej", "inga", "nada"}, "es": {"inga", "not", "nie", "ej", "ne", "pas", "lacks"}}  # fmt: skip
    return sum(word not in alien.get(language, set()) for word in found)


def sides(text: str) -> dict[str, set[int]]:
    """Which sides of each pair of opposites a text is on: {"rise/fall": {0}}."""
    found: dict[str, set[int]] = {}
    for name, one, other in OPPOSITES:
        both = {i for i, words in enumerate((one, other)) if has(words, text)}
        if both:
            found[name] = both
    return found
