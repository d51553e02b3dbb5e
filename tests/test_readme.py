"""The README is true: its routes, commands, settings and dependencies are those of the code."""

from __future__ import annotations

import re
import shlex
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from fastapi import FastAPI
from typer.core import TyperGroup

from api.cli.main import app as commands
from api.http.routes import ROUTERS
from api.intake import bodies
from api.settings import PREFIX, Settings

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
#: Defaults that are made at the start, as the README says them.
MADE_DEFAULTS = {"data_dir": "the user's data folder"}
#: What names a machine or a registry: pieces, so that this file is not found by its own test.
FOREIGN = [
    "/wo" + "rk/", "/ro" + "ot/", "/ho" + "me/", "pypi" + ".org", "files.python" + "hosted",
    "registry.npm" + "js", "/opt/py" + "pi", "registry.yarn" + "pkg",
]  # fmt: skip
_VERB = re.compile(r"(GET|POST|PUT|DELETE)((?:/(?:GET|POST|PUT|DELETE))*) (/\S*)")

Route = tuple[str, str]


def _rows(first: str) -> list[list[str]]:
    """Cells of the table whose first heading is ``first``."""
    lines = README.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(f"| {first} |")) + 2
    rows = []
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split(" | ")])
    return rows


def _spans(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


# Routes ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def openapi() -> dict[str, Any]:
    """Every operation of the app's routers, by path and method; no database is needed."""
    made = FastAPI()
    for router in ROUTERS:
        made.include_router(router)
    paths: dict[str, Any] = made.openapi()["paths"]
    return paths


def _rights() -> dict[Route, str]:
    """The scope of every route, those that OpenAPI does not list included."""
    return {
        (method, route.path_format): route.endpoint.right  # type: ignore[attr-defined]
        for router in ROUTERS
        for route in router.routes
        for method in route.methods  # type: ignore[attr-defined]
    }


def _told() -> Iterator[tuple[Route, list[str], str]]:
    """Route, query parameters and scope, as the README tells them."""
    for routes, scope, _ in _rows("route"):
        for span in _spans(routes):
            parsed = _VERB.fullmatch(span)
            assert parsed is not None, span
            first, others, address = parsed.groups()
            path, _, query = address.partition("?")
            for method in [first, *filter(None, others.split("/"))]:
                yield (method, path), [name for name in query.split("&") if name], scope


def test_the_readme_tells_of_every_route_once_and_of_no_other() -> None:
    told = [route for route, _, _ in _told()]
    assert sorted(told) == sorted(_rights())


def test_every_route_of_the_readme_is_in_the_openapi_document(openapi: dict[str, Any]) -> None:
    listed = {(method.upper(), path) for path, ops in openapi.items() for method in ops}
    told = {route for route, _, _ in _told()}
    assert told - listed == {("GET", "/openapi.json")}


def test_the_readme_names_each_routes_scope() -> None:
    rights = _rights()
    assert {route: scope for route, _, scope in _told()} == rights


def test_the_query_parameters_of_the_readme_exist(openapi: dict[str, Any]) -> None:
    for (method, path), names, _ in _told():
        if not names:
            continue
        parameters = openapi[path][method.lower()].get("parameters", [])
        known = {p["name"] for p in parameters if p["in"] == "query"}
        assert set(names) <= known, f"{method} {path}"


# Commands ----------------------------------------------------------------------------------------


def _leaves(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command that does something, by its words."""
    if not isinstance(command, TyperGroup):
        yield words, command
        return
    if command.invoke_without_command:
        yield words, command
    context = typer.Context(command)
    for name in command.list_commands(context):
        yield from _leaves(command.get_command(context, name), (*words, name))


@pytest.fixture(scope="module")
def tree() -> dict[tuple[str, ...], Any]:
    return dict(_leaves(typer.main.get_command(commands)))


def _invocations() -> list[list[str]]:
    """Every `patrolgrid …` of the README, as its words."""
    lines = [
        span for span in re.findall(r"`(patrolgrid [^`]+)`", README) if "://" not in span
    ] + re.findall(r"^ {4}(patrolgrid .*?)(?:\s+#.*)?$", README, re.MULTILINE)
    return [shlex.split(line)[1:] for line in lines]


def test_every_command_of_the_readme_exists_with_its_options(
    tree: dict[tuple[str, ...], Any],
) -> None:
    for words in _invocations():
        named = tree.get(tuple(words[:2])) or tree.get(tuple(words[:1]))
        assert named is not None, " ".join(words)
        options = {o for p in named.params for o in (*p.opts, *p.secondary_opts)}
        assert {word for word in words if word.startswith("--")} <= options, " ".join(words)


def test_the_readme_tells_of_every_command(tree: dict[tuple[str, ...], Any]) -> None:
    told = {tuple(words[: len(known)]) for words in _invocations() for known in tree}
    assert set(tree) - told == set()


def test_the_options_beside_a_command_are_its_own(
    tree: dict[tuple[str, ...], Any],
) -> None:
    for left, right in _rows("command"):
        known = set()
        for span in _spans(left):
            words = shlex.split(span)[1:]
            command = tree.get(tuple(words[:2])) or tree[tuple(words[:1])]
            known |= {o for p in command.params for o in p.opts}
        named = {word for span in _spans(right) for word in span.split() if word.startswith("--")}
        assert named <= known, left


# Settings ----------------------------------------------------------------------------------------


def _said(name: str) -> str:
    """A setting's default, as the README says it."""
    field = Settings.model_fields[name]
    if name in MADE_DEFAULTS:
        return MADE_DEFAULTS[name]
    if field.default in (None, ()):
        return "none"
    if isinstance(field.default, bool):
        return f"`{str(field.default).lower()}`"
    return f"`{field.default}`"


def test_the_settings_of_the_readme_are_those_of_the_code_with_their_defaults() -> None:
    told = {
        name: default
        for names, defaults, _ in _rows("variable")
        for name, default in zip(_spans(names), defaults.split(", "), strict=True)
    }
    assert told == {f"{PREFIX}{name.upper()}": _said(name) for name in Settings.model_fields}


# Dependencies ------------------------------------------------------------------------------------


def test_the_readme_says_why_each_dependency_is_there() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [
        *project["build-system"]["requires"],
        *project["project"]["dependencies"],
        *(d for extra in project["project"]["optional-dependencies"].values() for d in extra),
        *(d for group in project["dependency-groups"].values() for d in group),
    ]
    names = {re.split(r"[\[<>=~! ]", dependency)[0] for dependency in wanted}
    told = [name for cells in _rows("dependency") for name in _spans(cells[0])]
    assert sorted(told) == sorted(names)


# Examples and the rest ----------------------------------------------------------------------------


def test_the_readmes_fixes_are_read_as_they_stand() -> None:
    found = re.findall(
        r"Content-Type: ([\w/-]+)' \S+/api/fixes \\\n\s+(?:-d|--data-binary) \$?'([^']+)'", README
    )
    assert len(found) == 3
    for media_type, body in found:
        sent = body.replace(r"\n", "\n").encode()
        batch = bodies.parse(sent, media_type, max_batch=10, most_bytes=1_000).frame()
        assert len(batch) == 1
        assert batch["unit"].tolist() == ["V01"]
        assert batch[["time", "lon", "lat"]].notna().all().all()


def test_the_readmes_python_compiles() -> None:
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert blocks
    for block in blocks:
        compile(block, "README.md", "exec")


def test_the_files_that_the_readme_names_are_there() -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / target).is_file(), target
    assert (ROOT / "api/web/page.png").stat().st_size < 400_000


def test_the_changelog_has_the_version_of_the_project() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"\n## {version}\n" in (ROOT / "CHANGELOG.md").read_text()


def test_no_file_names_a_machine_or_a_registry() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("this is no checkout")
    listed = subprocess.run(
        ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z"],
        cwd=ROOT, capture_output=True, check=True,
    ).stdout  # fmt: skip
    found = []
    for name in listed.decode().split("\0"):
        path = ROOT / name
        if not name or not path.is_file():
            continue
        text = path.read_bytes()
        found += [f"{name}: {word}" for word in FOREIGN if word.encode() in text]
    assert found == []
