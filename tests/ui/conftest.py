"""A real server on loopback, and a real browser where there is one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from index.archive import Archive
from tests.ui.made import serving
from ui.server import create_app

if TYPE_CHECKING:
    from playwright.sync_api import Browser

_FLAGS = "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
_FLAGS += " --disable-component-update --disable-sync"


@pytest.fixture(scope="session")
def base(archive: Archive) -> Iterator[str]:
    """The endpoint alone, over the sample articles."""
    with serving(create_app(archive, archive.settings, page=False)) as address:
        yield address


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium is installed (apt install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=_FLAGS.split())
        yield opened
        opened.close()
