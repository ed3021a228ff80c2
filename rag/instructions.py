"""Text in an article that talks to a language model instead of to a reader.

Such sentences are neither shown to the model nor quoted as evidence. The list is short on purpose: an article about prompt
injection stays readable, only its sample sentences drop out. What the list misses meets the prompt's fence and the
verifier, which lets no sentence through that the passages do not bear out.
"""

from __future__ import annotations

import re
from functools import lru_cache

_MODELS = (
    r"(?:ai(?: (?:systems?|models?|assistants?|agents?|tools?))?|chatbots?|(?:virtual |digital )assistants?|language models?|llms?"
    r"|språkmodell\w*|ai-assistent\w*|chattbot\w*|sprachmodell\w*|ki-assistent\w*|modelos? de lenguaje)"
)
# news has people who ignore rules, assistant ministers, and a minister who, when asked, would not say: none of these may match
_TO_A_MODEL = re.compile(
    r"\b(?:ignore|disregard|forget|override)\b.{0,40}\b(?:instructions?|prompts?"
    r"|(?:previous|prior|above|earlier|preceding|your|these) (?:rules|context|texts?|messages?|guidelines|passages?|articles?)"
    r"|(?:the|everything|all|anything) above)\b"
    r"|\b(?:ignorera|strunta i|glöm|bortse från)\b.{0,40}\b(?:(?:instruktion|anvisning)\w*|(?:tidigare|föregående|dina|ovanstående)\s+(?:regler|text|meddelande)\w*|allt ovanstående)"
    r"|\b(?:ignorier\w*|vergiss|missachte)\b.{0,40}\b(?:anweisung\w*|(?:vorherig|obig|bisherig)\w* (?:regeln|texte?|befehle))"
    r"|\b(?:ignora|ignore|olvida|descarta)\b.{0,40}\b(?:instrucci\w+|(?:reglas|mensajes|textos) anteriores|instruções)"
    r"|\b(?:ignorez|oubliez|ignorate|dimenticate?)\b.{0,40}\b(?:instructions|consignes|istruzioni)\b"
    r"|\b(?:reveal|print|repeat|output|show|avslöja|skriv ut|verrate|muestra|revela)\b.{0,30}\b(?:system ?prompt|your prompt|your instructions|systemprompt\w*|din prompt)"
    r"|(?:^|[\n\"“'>*#(\[])\s*(?:system|assistant|user)\s*:\s|\b(?-i:SYSTEM|ASSISTANT|USER)\s*:\s"
    r"|<\|\w+\|>|</?(?:system|assistant)\b|\[/?INST\]|###\s*(?:instruction|system)"
    r"|\b(?:as an? (?:ai|language model|assistant)|som (?:en )?(?:ai|språkmodell)|als (?:ki|sprachmodell))\b(?: (?:language )?(?:model|assistant))?,? (?:i|you|jag|du|ich)\b"
    r"|\byou are (?:now )?an? (?:ai|assistant|language model|helpful)\b"
    rf"|\b{_MODELS}\b.{{0,40}}\b(?:must|should|shall|måste|ska|bör|soll\w*|muss|debe\w*)\b.{{0,60}}"
    r"\b(?:answer|say|cite|recommend|respond|reply|include|link|svara|citera|rekommendera|antwort\w*|zitier\w*|empfehl\w*|respond\w*|citar|recomendar)\b"
    rf"|\b(?:dear|hello|hi|attention|(?:note|message|instructions?) (?:to|for)|if you are)[,:]? (?:an? |all |any |the |every )?{_MODELS}\s*[,.:!-]"
    r"|\b(?:when|if) (?:you are |you're )?(?:asked|answering|summari[sz]ing)\b[^.;]{0,60}(?:,|\b(?:always|never|please|you must|you should))\s+"
    r"(?:always |never |please |only )?(?:say|cite|recommend|answer|respond|reply|include|write|add|insert)\b",
    re.I,
)


@lru_cache(maxsize=20_000)
def talks_to_a_model(text: str) -> bool:
    return bool(_TO_A_MODEL.search(text))
