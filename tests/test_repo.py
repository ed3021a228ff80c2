"""The repository's promises: what README shows exists, imports run one way, nothing forbidden is in it."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import shlex
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from pydantic import BaseModel, SecretStr

from index.settings import Settings, all_keys, load_settings

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text("utf-8")
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
LOCK = (ROOT / "requirements.lock").read_text("utf-8")
TRAINING_LOCK = (ROOT / "requirements-training.lock").read_text("utf-8")
NODEPS_LOCK = (ROOT / "requirements-nodeps.lock").read_text("utf-8")
PROSE = {name: (ROOT / name).read_text("utf-8") for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")}

LARGEST_FILE = 3_000_000
LARGEST_MODEL = 25_000_000  # rag/reader.npz, the trained weights
RUN = 12  # words in a row that count as copied
MAY_IMPORT = {
    "index": {"index"},
    "prompts": {"index", "prompts"},
    "rag": {"index", "prompts", "rag"},
    "evals": {"index", "prompts", "rag", "evals"},
    "ui": {"index", "prompts", "rag", "evals", "ui"},  # `dossier eval` is a command like the others
}


def tracked() -> list[Path]:
    """Files in git, and those about to be."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return []
    return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]


TRACKED = tracked()
needs_git = pytest.mark.skipif(not TRACKED, reason="not a git work tree")


def texts() -> Iterator[tuple[str, str]]:
    for path in TRACKED:
        try:
            yield path.relative_to(ROOT).as_posix(), path.read_text("utf-8")
        except UnicodeDecodeError:
            continue  # a picture


def fenced(text: str, *kinds: str) -> str:
    return "\n".join(
        body for kind, body in re.findall(r"^```(\w*)\n(.*?)^```", text, re.M | re.S) if kind in kinds
    )


def shell_lines(text: str = README) -> list[list[str]]:
    """Commands in a text's shell blocks, as words; continued lines joined, pipes and prompts cut off."""
    block = fenced(text, "sh", "bash", "console").replace("\\\n", " ")
    lines = [re.split(r"\s[|>&]|<<", line.removeprefix("$ "))[0] for line in block.splitlines()]
    words = [
        shlex.split(line, comments=True)
        for line in lines
        if re.match(r"([A-Z_]+=\S+ )*\.?[\w/]*(dossier|make)\b", line)
    ]
    return [
        [w for i, w in enumerate(line) if not re.match(r"[A-Z_]+=", w) or (i and line[0] == "make")]
        for line in words
    ]


def dossier_lines() -> list[list[str]]:
    return [line[1:] for line in shell_lines() if line and line[0].endswith("dossier")]


# --- what the documents show ---------------------------------------------------------------------------


def test_readme_shows_commands_at_all() -> None:
    assert len(dossier_lines()) >= 8
    assert [line for line in shell_lines() if line[0] == "make"]


@pytest.mark.parametrize("words", dossier_lines(), ids=" ".join)
def test_commands_and_options_in_readme_exist(words: list[str]) -> None:
    shown = {word.split("=")[0] for word in words[1:] if word.startswith("--")}
    assert shown <= known_options(words) | {"--help"}


def known_options(words: list[str]) -> set[str]:
    """The options of a `dossier` command, which must exist."""
    from ui.cli import dossier

    command = dossier.commands.get(words[0])
    assert command, f"there is no `dossier {words[0]}`"
    if words[0] == "eval":
        from evals.cli import eval_command

        command = eval_command
        if isinstance(command, click.Group) and len(words) > 1 and words[1] in command.commands:
            command = command.commands[words[1]]
    return {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}


@pytest.mark.parametrize("name", PROSE)
def test_commands_and_targets_in_prose_exist(name: str) -> None:
    from ui.cli import dossier

    prose = re.sub(r"^```.*?^```", "", PROSE[name], flags=re.M | re.S)
    code = "\n".join([*re.findall(r"`([^`\n]+)`", prose), fenced(PROSE[name], "sh", "bash")])
    assert set(re.findall(r"\bmake ([a-z][a-z-]*)", code)) <= targets()
    assert set(re.findall(r"\bdossier ([a-z]+)\b(?!\.)", code)) <= set(dossier.commands)


@pytest.mark.parametrize("name", PROSE)
def test_links_to_files_lead_somewhere(name: str) -> None:
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", PROSE[name])
    local = [link for link in links if "://" not in link and not link.startswith("mailto:")]
    assert [link for link in local if not (ROOT / link).exists()] == []


def test_answer_in_readme_quotes_the_sample_article() -> None:
    for citation in json.loads(fenced(README, "json"))["citations"]:
        text = (ROOT / "seeds" / citation["source"]).read_bytes().decode()
        assert text[citation["start"] : citation["end"]] == citation["quote"]


def test_settings_in_readme_are_taken(tmp_path: Path) -> None:
    toml = tmp_path / "dossier.toml"
    toml.write_text(fenced(README, "toml"), "utf-8")
    assert toml.read_text("utf-8").strip()
    load_settings(toml)


def test_settings_named_in_prose_exist() -> None:
    keys = set(all_keys())
    sections = {key.split(".")[0] for key in keys if "." in key}
    variables = {"DOSSIER_" + key.upper().replace(".", "__") for key in keys}
    named = {n for n in re.findall(r"`([a-z]+\.[a-z_]+)`", README) if n.split(".")[0] in sections}
    assert {n for n in named if not n.endswith((".py", ".txt"))} <= keys
    assert set(re.findall(r"\bDOSSIER_[A-Z_]+\b", README)) <= variables


def test_settings_table_in_readme_is_up_to_date() -> None:
    """When it is not, put what this prints between the markers."""
    table = "\n".join(settings_table())
    stated = re.search(r"<!-- settings -->\n(.*?)\n<!-- /settings -->", README, re.S)
    assert stated
    assert stated[1] == table, f"README's table of settings should be:\n{table}"


def settings_table() -> Iterator[str]:
    yield "| key | default | what it is |"
    yield "| --- | --- | --- |"
    for name, info in Settings.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            for key, inner in info.annotation.model_fields.items():
                yield row(f"{name}.{key}", inner)
        else:
            yield row(name, info)


def row(key: str, info: Any) -> str:
    default = info.get_default()
    shown = "" if default is None or isinstance(default, SecretStr) else json.dumps(default, default=str)
    choices = re.findall(r"'(\w+)'", str(info.annotation)) if "Literal" in str(info.annotation) else []
    what = "; ".join(
        filter(None, [info.description, "one of " + ", ".join(f"`{c}`" for c in choices) if choices else ""])
    )
    return f"| `{key}` | {f'`{shown}`' if shown else ''} | {what} |"


# --- the Makefile and the lock -------------------------------------------------------------------------


def targets() -> set[str]:
    return set(re.findall(r"^([a-z][a-z-]*):.*## ", MAKEFILE, re.M))


def test_make_lists_every_target() -> None:
    phony = re.search(r"^\.PHONY: ((?:.*\\\n)*.*)$", MAKEFILE, re.M)
    assert phony
    assert set(phony[1].replace("\\", " ").split()) == targets()


@pytest.mark.parametrize("module", sorted(set(re.findall(r"-m (evals\.\w+)", MAKEFILE))))
def test_modules_behind_make_exist(module: str) -> None:
    assert importlib.util.find_spec(module), f"the Makefile runs {module}"


PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]


def names(requirements: list[str]) -> set[str]:
    return {canonicalize_name(Requirement(r).name) for r in requirements}


def test_everything_needed_is_locked_with_hashes() -> None:
    used = [requirements for extra, requirements in EXTRAS.items() if extra != "training"]
    needed = names([*PROJECT["dependencies"], *(r for requirements in used for r in requirements)])
    locked = {canonicalize_name(name) for name in re.findall(r"^([\w.-]+)==", LOCK, re.M)}
    assert needed - locked == set()
    assert names(EXTRAS["training"]) <= {
        canonicalize_name(name) for name in re.findall(r"^([\w.-]+)==", TRAINING_LOCK, re.M)
    }
    for lock in (LOCK, NODEPS_LOCK, TRAINING_LOCK):
        entries = re.split(r"^(?=[\w.-]+==)", lock, flags=re.M)[1:]
        assert entries and [e.split()[0] for e in entries if "--hash=sha256:" not in e] == []


def test_lock_names_no_address_and_nothing_for_gpus() -> None:
    for lock in (LOCK, NODEPS_LOCK):
        assert re.findall(r"://| @ |^--(?:index|extra-index|find-links).*", lock, re.M) == []
        assert re.findall(r"^(?:torch|triton|nvidia|tensorflow)\b[^=]*", lock, re.M) == []


# what may import an extra's packages: they are missing where only the endpoint is installed
MAY_NEED = {"ui": {"ui/page.py"}, "evals": {"evals/"}, "bench": {"evals/bench_"}}


def test_everything_imported_is_a_dependency() -> None:
    """Of the project's own, not only of something it depends on, which may drop it."""
    ours = set(MAY_IMPORT) | {"tests"}
    distributions = importlib_distributions()
    # these come with what is stated, by design of the latter
    part_of = {"starlette": "fastapi", "pydantic_core": "pydantic"}
    for path, modules in imports():
        where = path.relative_to(ROOT).as_posix()
        stated = names(PROJECT["dependencies"])
        for extra, places in MAY_NEED.items():
            if where.startswith(tuple(places)):
                stated |= names(EXTRAS[extra])
        for top in {m.split(".")[0] for m in modules} - ours:
            found = distributions.get(top, set())
            assert not found or found & stated or part_of.get(top) in stated, f"{where} imports {top}"


def test_every_dependency_is_imported() -> None:
    imported = {module for _, modules in imports() for module in modules}
    tops = {module.split(".")[0] for module in imported}
    needed_by = {"bm25s"}  # not ours to import: see pyproject.toml
    wanted = names([*PROJECT["dependencies"], *(r for e in MAY_NEED for r in EXTRAS[e])]) - needed_by
    found = {name for top, some in importlib_distributions().items() if top in tops for name in some}
    # LlamaIndex's parts share one package: "llama-index-llms-openai-like" is llama_index.llms.openai_like
    flat = {re.sub(r"[._]", "-", module) for module in imported}
    assert [
        n for n in wanted if n.startswith("llama-index-") and not any(f.startswith(n) for f in flat)
    ] == []
    assert wanted - found == set()


def importlib_distributions() -> dict[str, set[str]]:
    from importlib.metadata import packages_distributions

    return {top: {canonicalize_name(n) for n in names} for top, names in packages_distributions().items()}


# --- the code ------------------------------------------------------------------------------------------


def imports() -> Iterator[tuple[Path, set[str]]]:
    """Every module of the packages, and what it imports anywhere in it."""
    for package in MAY_IMPORT:
        for path in sorted((ROOT / package).rglob("*.py")):
            found: set[str] = set()
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Import):
                    found |= {alias.name for alias in node.names}
                elif isinstance(node, ast.ImportFrom):
                    found.add(package if node.level else node.module or "")
            yield path, found


def test_imports_run_one_way() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path, modules in imports()
        for module in modules
        if (top := module.split(".")[0]) in (set(MAY_IMPORT) | {"tests"})
        and top not in MAY_IMPORT[path.relative_to(ROOT).parts[0]]
    ]
    assert wrong == []


def definitions() -> Iterator[tuple[Path, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]]:
    for package in MAY_IMPORT:
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                    yield path, node


def test_no_two_nouns_have_one_name() -> None:
    """Nor has a function the name of a room."""
    seen: dict[str, Path] = {}
    for path, node in definitions():
        where = path.relative_to(ROOT)
        assert node.name not in MAY_IMPORT, f"{where}: {node.name} is a room"
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            assert node.name not in seen, f"{node.name} in {seen[node.name]} and {where}"
            seen[node.name] = where


def test_sql_stays_in_the_catalogue() -> None:
    """But for the evals' checks of the file itself."""
    asks = re.compile(r"\.execute(?:many|script)?\(|\bsqlite3\.connect")
    rooms = [path for room in ("index", "rag", "ui") for path in (ROOT / room).rglob("*.py")]
    found = [path.name for path in rooms if asks.search(path.read_text("utf-8"))]
    assert found == ["catalogue.py"]


# --- what must not be in the repository ----------------------------------------------------------------


@needs_git
def test_no_addresses_of_package_indexes_and_no_paths_of_a_machine() -> None:
    # written in pieces, so that this file does not hold them
    forbidden = re.compile(
        r"--(?:extra-)?index" + r"-url[ =]\S|pypi\.org/simp" + r"le|files\.python" + r"hosted\.org"
        r"|(?<![\w.~-])/(?:wo" + r"rk|ro" + r"ot|tm" + r"p)/\w|/home/(?!me\b|you\b)\w"
    )
    found = [f"{name}: {match[0]}" for name, text in texts() if (match := forbidden.search(text))]
    assert found == []


@needs_git
def test_no_sentences_of_the_real_articles(real_seeds: Path) -> None:
    theirs = {run for path in real_seeds.glob("*.txt") for run in runs(path.read_text("utf-8", "replace"))}
    assert len(theirs) > 100
    copied = {name: " ".join(run) for name, text in texts() for run in runs(text) if run in theirs}
    assert copied == {}


def runs(text: str) -> Iterator[tuple[str, ...]]:
    words = re.findall(r"\w+", text.casefold())
    return zip(*(words[i:] for i in range(RUN)), strict=False)


@needs_git
def test_no_file_is_too_large() -> None:
    limits = {ROOT / "rag" / "reader.npz": LARGEST_MODEL}
    assert [p.name for p in TRACKED if p.stat().st_size > limits.get(p, LARGEST_FILE)] == []
