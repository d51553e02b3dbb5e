"""The wheel: what it holds, and that its command works where there is no checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "api" / "web" / "dist" / "index.html"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the work tree."""
    assert PAGE.is_file(), "the page is not built: run `make setup`"
    out = tmp_path_factory.mktemp("wheel")
    done = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), "."],
        cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = out.glob("patrolgrid-*.whl")
    return built


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@dataclass(frozen=True, kw_only=True)
class Installed:
    """An environment that has the wheel and the dependencies, but no checkout."""

    folder: Path
    elsewhere: Path  #: a working directory with nothing in it

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment; neither PYTHONPATH nor our settings reach it."""
        ours = {k: v for k, v in os.environ.items() if not k.startswith(("PATROLGRID_", "PYTHON"))}
        environment = {**ours, "PATROLGRID_DATA_DIR": str(self.elsewhere / "data")}
        return subprocess.run(
            [str(self.folder / "bin" / program), *arguments],
            cwd=self.elsewhere, env=environment, stdin=subprocess.DEVNULL, capture_output=True,
            text=True, check=False, timeout=120,
        )  # fmt: skip


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """A fresh environment with the wheel, that borrows the dependencies of this one."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, with_pip=False, symlinks=True)
    packages = Path(
        sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)})
    )
    # A folder named in a .pth file is searched; the .pth files in that folder, such as the one of
    # an editable installation, are not.
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "install",
         "--quiet", "--disable-pip-version-check", "--no-deps", "--no-index", str(wheel)],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return Installed(folder=folder, elsewhere=tmp_path_factory.mktemp("elsewhere"))


@pytest.mark.parametrize(
    "name",
    [
        "geo/__init__.py",
        "layers/__init__.py",
        "layers/db/roles.sql",
        "layers/db/migrations/env.py",
        "api/cli/main.py",
        "api/web/dist/index.html",
        "fixtures/region.toml",
        "fixtures/demo/__init__.py",
    ],
)
def test_the_wheel_holds_what_the_command_needs(names: set[str], name: str) -> None:
    assert name in names


def test_the_wheel_holds_every_module_and_statement_of_the_work_tree(names: set[str]) -> None:
    wanted = {
        path.relative_to(ROOT).as_posix()
        for package in ("geo", "layers", "api", "fixtures")
        for kind in ("*.py", "*.sql")
        for path in (ROOT / package).rglob(kind)
        if "node_modules" not in path.parts
    }
    assert any(name.endswith(".sql") for name in wanted)
    assert wanted - names == set()


def test_the_wheel_holds_the_built_page_whole(names: set[str]) -> None:
    built = {path.relative_to(ROOT).as_posix() for path in PAGE.parent.rglob("*") if path.is_file()}
    assert any("/assets/" in name and name.endswith(".js") for name in built)
    assert built - names == set()


def test_the_wheel_holds_nothing_that_only_building_needs(names: set[str]) -> None:
    top = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert top == {"geo", "layers", "api", "fixtures"}
    unwanted = ("node_modules", "__pycache__", "web/src", "tests", ".ts")
    assert [name for name in names if any(part in name for part in unwanted)] == []


def test_the_installed_packages_are_those_of_the_wheel(installed: Installed) -> None:
    done = installed.run(
        "python", "-c",
        "import api, fixtures, geo, layers\n"
        "for package in (api, fixtures, geo, layers): print(package.__file__)",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = done.stdout.split()
    assert len(found) == 4
    assert all(Path(file).is_relative_to(installed.folder) for file in found), found


def test_the_installed_command_checks_its_own_region_file(installed: Installed) -> None:
    done = installed.run("patrolgrid", "region", "check")
    assert done.returncode == 0, done.stderr
    assert str(installed.folder) in done.stdout
    assert str(ROOT) not in done.stdout


def test_the_installed_command_finds_nothing_lacking(installed: Installed) -> None:
    done = installed.run("patrolgrid", "doctor")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "LACK" not in done.stdout
    page = next(line for line in done.stdout.splitlines() if "map page" in line)
    assert str(installed.folder) in page
    assert str(ROOT) not in done.stdout + done.stderr
