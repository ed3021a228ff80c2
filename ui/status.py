"""What `dossier status` reports. Opens the catalogue alone: no embedder, and Chroma only for a check."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from index.catalogue import Catalogue, current
from index.settings import Settings, where_text_goes


def describe(settings: Settings, *, check: bool, repair: bool, settings_too: bool) -> dict[str, Any]:
    """With `check`, `problems` lists what is wrong; with `repair`, what is still wrong after mending."""
    found: dict[str, Any] = {"data_dir": str(settings.data_dir.absolute()), "indexed": False, "unread": []}
    found["answers"] = _answers(settings)
    found["text_goes"] = where_text_goes(settings)
    if path := current(settings.data_dir):
        catalogue = Catalogue(path)
        try:
            articles, passages = catalogue.counts()
            found |= {
                "indexed": True,
                "articles": articles,
                "passages": passages,
                "passages_by_language": catalogue.passage_counts(),
                "folders": catalogue.folders(),
                "embedder": catalogue.get("embedder"),
                "settled": catalogue.get("settled") == "1",
                "bytes": sum(f.stat().st_size for f in settings.data_dir.rglob("*") if f.is_file()),
                "unread": [asdict(item) for item in catalogue.unread()],
            }
            if check:
                found |= _check(catalogue, settings, repair)
        finally:
            catalogue.close()
    if settings_too:
        found["settings"] = dict(_flat(settings.model_dump(mode="json")))
    return found


def _answers(settings: Settings) -> str:
    llm = settings.llm
    writer = llm.client or llm.model or ("the model of your server" if llm.base_url else None)
    return f"written by {writer}, else quoted" if writer else "quoted"


def _check(catalogue: Catalogue, settings: Settings, repair: bool) -> dict[str, list[str]]:
    from index import health
    from index.sync import update
    from index.vectors import Vectors

    vectors = Vectors(settings.data_dir, settings.vectors, catalogue.get("name") or "dossier")
    try:
        problems = health.check(catalogue, vectors)
        if not (repair and problems):
            return {"problems": problems}
        health.repair(catalogue, vectors)
        update(settings, wait=60)  # reads again what had to be forgotten
        return {"repaired": problems, "problems": health.check(catalogue, vectors)}
    finally:
        vectors.close()


def _flat(tree: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    flat: list[tuple[str, Any]] = []
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            flat += _flat(value, f"{prefix}{key}.")
        else:
            flat.append((prefix + key, value))
    return flat
