"""Prompts are checked when loaded, and take any article text."""

from __future__ import annotations

from pathlib import Path

import pytest

import prompts
from index.errors import SettingsError


def write(folder: Path, text: str) -> Path:
    (folder / "trial.md").write_text(text, "utf-8")
    return folder


def test_fills_in_text_with_braces_and_dollars(tmp_path: Path) -> None:
    template = prompts.load("trial", {"passages"}, write(tmp_path, "It costs $$5 {sic}.\n${passages}\n"))
    assert template.substitute(passages="$1.1bn {0} $name") == "It costs $5 {sic}.\n$1.1bn {0} $name\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("nothing", "lacks `$passages`"),
        ("$passages $question", "asks for `$question`"),
        ("$passages for $5", "begins no placeholder"),
    ],
)
def test_says_which_file_and_placeholder_is_wrong(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(SettingsError, match=r"trial\.md") as raised:
        prompts.load("trial", {"passages"}, write(tmp_path, text))
    assert says in raised.value.message


def test_says_which_file_is_missing_or_not_text(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"trial\.md"):
        prompts.load("trial", set(), tmp_path)
    (tmp_path / "trial.md").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match=r"trial\.md"):
        prompts.load("trial", set(), tmp_path)
