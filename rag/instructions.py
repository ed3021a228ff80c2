"""Text in an article that talks to a language model instead of to a reader.

Such sentences are neither shown to the model nor quoted as evidence. The list is short on purpose: an article about prompt
injection stays readable, only its sample sentences drop out. What the list misses meets the prompt's fence and the
verifier, which lets no sentence through that the passages do not bear out.
"""

from __future__ import annotations

import re
from functools import lru_cache

_TO_A_MODEL = re.compile(
    r"\b(?:ignore|disregard|forget|override)\b.{0,40}\b(?:instructions?|prompts?|rules|above|previous|context)\b"
    r"|\b(?:ignorera|strunta i|glöm|bortse från)\b.{0,40}\b(?:instruktion\w*|anvisning\w*|regler\w*|ovanstående|tidigare)\b"
    r"|\b(?:ignorier\w*|vergiss|missachte)\b.{0,40}\b(?:anweisung\w*|regeln|vorherig\w*|obig\w*)\b"
    r"|\b(?:ignora|olvida|descarta)\b.{0,40}\b(?:instrucci\w+|reglas|anteriores?)\b"
    r"|\b(?:reveal|print|repeat|output|show|avslöja|skriv ut|verrate|muestra|revela)\b.{0,30}\b(?:system ?prompt|your prompt|your instructions|systemprompt\w*|din prompt)"
    r"|\b(?:system|assistant|user)\s*:\s|<\|?(?:im_start|system|assistant)|\[/?INST\]|###\s*(?:instruction|system)"
    r"|\b(?:as an? (?:ai|language model|assistant)|you are (?:now )?an? (?:ai|assistant|language model|helpful)|som (?:en )?(?:ai|språkmodell)|als (?:ki|sprachmodell))\b"
    r"|\b(?:ai|chatbots?|assistants?|language models?|llms?|språkmodell\w*|assistent\w*|sprachmodell\w*)\b.{0,40}\b(?:must|should|shall|måste|ska|bör|soll\w*|muss|debe\w*)\b.{0,60}"
    r"\b(?:answer|say|cite|recommend|respond|reply|include|link|svara|citera|rekommendera|antwort\w*|zitier\w*|empfehl\w*|respond\w*|citar|recomendar)\b"
    r"|\b(?:when|if) (?:asked|answering|summari[sz]ing)\b.{0,60}\b(?:say|cite|recommend|answer|respond|reply|include|write|add|insert)\b",
    re.I | re.S,
)


@lru_cache(maxsize=50_000)
def talks_to_a_model(text: str) -> bool:
    return bool(_TO_A_MODEL.search(text))
