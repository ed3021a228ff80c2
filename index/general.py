"""What text in a language looks like to the embedder, whatever it is about: the mean vector to fall back on for a language
of which the index holds little, whose own mean would carry the topic of its few articles.

English is taken from the short notices below, on as many subjects as a newspaper has. Another language is English moved
by the difference between the two languages' names for countries, languages, currencies, months and days, which CLDR
(babel) has for all: measured on XQuAD, that difference points where the difference of real text does (cosine 0.80 for
Spanish, 0.86 for German, and as long).
"""

from __future__ import annotations

import logging
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from index.encode import Encoder

log = logging.getLogger(__name__)

_NOTICES = """
The home side scored twice in the last ten minutes and moved up to third place in the league. Their captain left the field with an injured knee.
Heavy snow closed two mountain roads on Friday night. The weather service expects milder air from the west by Sunday.
A court has sentenced a former treasurer to three years in prison for fraud. His lawyer said that he would appeal.
Researchers have found a protein that slows the growth of a common tumour in mice. Trials with patients are years away.
The city council voted to widen the cycle lanes along the river. Shopkeepers fear that they will lose parking spaces.
Her second novel follows three sisters through one summer on an island. Critics praised its dialogue and its restraint.
Prices of food rose more slowly in the autumn than the central bank had forecast. Rents went on climbing.
The school will open a new wing for music and drama after the holidays. Parents raised a fifth of the money.
Firefighters put out a blaze in a furniture warehouse early in the morning. Nobody was hurt, and the cause is not known.
The government has presented a bill that would shorten the wait for asylum decisions. The opposition calls it unworkable.
A fishing boat with four people on board was found after two days adrift. The coast guard had searched from the air.
The company will close its oldest paper mill and move production abroad. The union was told an hour before the press.
Archaeologists have uncovered the floor of a Roman bath below a car park. Visitors may see it from a walkway next spring.
More children than last year have been vaccinated against measles, but some districts lag behind.
The orchestra opened its season with a symphony that had not been played in a century. The hall was sold out.
A software fault grounded flights at two airports for most of the afternoon. Travellers slept in the departure hall.
The party's leader stepped down after the worst election result in its history. A congress will choose her successor.
Farmers bring in the wheat two weeks early after a dry summer. Yields are down, and the price of bread may follow.
A telescope in the desert has recorded the faint light of a planet around a nearby star. It is too hot for water.
Police ask for witnesses to a collision between a lorry and a tram at the central station on Tuesday.
The museum returns eleven bronze figures to the country from which soldiers took them in the nineteenth century.
Sales of electric cars overtook those of diesel cars for the first time. Chargers remain scarce in the countryside.
The bishop opened the restored chapel on Sunday. Its tower had been closed to the public since the storm.
Talks between the two neighbours on the border river ended without a result. They will meet again in the spring.
""".strip().splitlines()


def stored_means(languages: Sequence[str], encoder: Encoder, data_dir: Path) -> dict[str, np.ndarray]:
    """`general_means`, made once per embedder and language and kept in the data directory."""
    path = data_dir / f"general-{encoder.fingerprint()}.npz"
    known: dict[str, np.ndarray] = {}
    if path.is_file():
        try:
            with np.load(path) as stored:
                known = {language: stored[language] for language in stored.files}
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            log.warning("%s is damaged (%s) and is made again.", path, error)
    if missing := [language for language in languages if language not in known]:
        known |= general_means(missing, encoder)
        aside = path.with_name(f"{path.stem}-{os.getpid()}.tmp.npz")
        try:
            np.savez(aside, **known)  # type: ignore[arg-type]
            os.replace(aside, path)
        except OSError as error:  # only a cache: a read-only data directory can still be asked
            log.warning("%s cannot be written (%s).", path, error.strerror)
    return {language: known[language] for language in languages if language in known}


def general_means(languages: Sequence[str], encoder: Encoder) -> dict[str, np.ndarray]:
    """Language -> float32 [2, d]: what a passage and what a sentence of it is like on average.

    Languages that CLDR does not have are left out. Raises EmbeddingError.
    """
    from index.split import sentences

    spans = [sentences(notice, "en") for notice in _NOTICES]
    notices = encoder.embed_passages(_NOTICES, spans)
    passage = np.mean([n.vector for n in notices], axis=0)
    sentence = np.mean(np.concatenate([n.sentences for n in notices]), axis=0)
    english = _names("en", encoder)
    means = {}
    for language in languages:
        own = english if language == "en" else _names(language, encoder)
        if own is not None and english is not None:
            means[language] = np.stack([passage + own - english, sentence + own - english]).astype(np.float32)
    return means


def _names(language: str, encoder: Encoder) -> np.ndarray | None:
    """Mean vector of a language's own names for the same things."""
    from babel import Locale, UnknownLocaleError

    try:
        locale = Locale.parse(language)
    except (UnknownLocaleError, ValueError):
        return None
    territories = [name for code, name in sorted(locale.territories.items()) if code.isalpha()]
    languages = [name for _, name in sorted(locale.languages.items())]
    currencies = [name for _, name in sorted(locale.currencies.items())]
    calendar = [*locale.months["format"]["wide"].values(), *locale.days["format"]["wide"].values()]
    lists = [
        *(territories[i : i + 20] for i in range(0, 160, 20)),
        *(languages[i : i + 20] for i in range(0, 160, 20)),
        *(currencies[i : i + 15] for i in range(0, 120, 15)),
        calendar,
    ]
    texts = [", ".join(names) for names in lists if names]
    mean: np.ndarray = np.mean([e.vector for e in encoder.embed_passages(texts, [[]] * len(texts))], axis=0)
    return mean
