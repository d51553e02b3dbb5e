"""The command line: what it prints, its exit codes, and that a refusal changes nothing."""

from __future__ import annotations

import json
import re
import runpy
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import geopandas as gpd
import pytest
import shapely
from sqlalchemy import Engine, text

from api.cli.main import COMMANDS
from rows import everything
from tests.api.command_words import WALK, Run, write

REGION = Path(__file__).parents[2] / "fixtures" / "region.toml"


# load --------------------------------------------------------------------------------------


def _no_crs(folder: Path) -> Path:
    gpd.GeoDataFrame({"id": ["x"]}, geometry=[shapely.Point(103.1, 42.1)], crs=4326).to_file(
        folder / "bare.shp"
    )
    (folder / "bare.prj").unlink()
    return folder / "bare.shp"


BAD_FILES: Mapping[str, tuple[str, Callable[[Path], Path]]] = {
    "no CRS": ("declares no CRS", _no_crs),
    "a coordinate that is no number": (
        "row 2",
        lambda folder: write(folder / "x.csv", "id,lon,lat\na,103.1,42.1\nb,NaN,42.1\n"),
    ),
    "swapped axes": (
        "swapped",
        lambda folder: write(folder / "x.csv", "id,lon,lat\na,42.1,103.1\nb,42.15,103.15\n"),
    ),
    "nothing at all": ("empty", lambda folder: write(folder / "x.geojson", "")),
    "a header and no rows": ("no rows", lambda folder: write(folder / "x.csv", "id,lon,lat\n")),
    "a collection of nothing": (
        "no features",
        lambda folder: write(
            folder / "x.geojson", json.dumps({"type": "FeatureCollection", "features": []})
        ),
    ),
    "a suffix that lies": (
        "x.gpkg",
        lambda folder: write(folder / "x.gpkg", "id,lon,lat\na,103.1,42.1\n"),
    ),
    "a picture under a name of ours": (
        "x.parquet",
        lambda folder: write(folder / "x.parquet", b"\x89PNG\r\n\x1a\n" + bytes(100)),
    ),
    "a file that was cut short": (
        "x.geojson",
        lambda folder: write(folder / "x.geojson", '{"type": "FeatureCollection", "features": ['),
    ),
    "no file": ("there is no", lambda folder: folder / "missing.geojson"),
    "the same id twice": (
        "a",
        lambda folder: write(folder / "x.csv", "id,lon,lat\na,103.1,42.1\na,103.15,42.1\n"),
    ),
    "fewer than no households": (
        "households",
        lambda folder: write(folder / "x.csv", "id,lon,lat,households\na,103.1,42.1,-4\n"),
    ),
}


@pytest.mark.parametrize(("says", "make"), BAD_FILES.values(), ids=BAD_FILES.keys())
def test_a_bad_file_gets_one_line_and_changes_nothing(
    run: Run, engine: Engine, land: Path, tmp_path: Path, says: str, make: Callable[[Path], Path]
) -> None:
    assert run("load", "grids", land).code == 0
    before = everything(engine)
    assert says in run("load", "settlements", make(tmp_path)).refusal
    assert everything(engine) == before


def test_a_good_file_is_loaded_and_comes_out_again(run: Run, land: Path, tmp_path: Path) -> None:
    loaded = run("load", "grids", land)
    assert loaded.code == 0
    assert "1 read, 1 new, 0 updated" in loaded.out
    written = run("export", "grids", tmp_path / "out.gpkg")
    assert (written.code, written.err) == (0, "")
    frame = gpd.read_file(tmp_path / "out.gpkg")
    assert list(frame["id"]) == ["banner"]
    assert frame.geometry.iloc[0].equals(shapely.MultiPolygon([shapely.box(103, 42, 103.2, 42.2)]))


def test_what_is_asked_of_the_wrong_thing_is_refused(
    run: Run, land: Path, tmp_path: Path, engine: Engine
) -> None:
    before = everything(engine)
    assert "swamps" in run("load", "swamps", land).refusal
    assert "swamps" in run("export", "swamps", tmp_path / "x.geojson").refusal
    assert "x.docx" in run("export", "grids", tmp_path / "x.docx").refusal
    assert "it is a folder: name a file" in run("export", "grids", tmp_path).refusal
    assert "missing" in run("export", "grids", tmp_path / "missing" / "x.geojson").refusal
    assert run("load", "grids", land, "--map", "nonsense").code == 2
    assert "level" in run("load", "grids", land, "--set", "level=planet").refusal
    assert run("load", "grids", land, "--map", "id=").code == 2
    assert everything(engine) == before
    assert not (tmp_path / "x.docx").exists()


def test_a_wrongly_guessed_column_is_left_out_by_setting_it_to_nothing(
    run: Run, tmp_path: Path
) -> None:
    path = tmp_path / "x.csv"
    path.write_text("id,lon,lat,最后在线时间\nA,103.1,42.1,2026-03-01 08:00\n", encoding="utf-8")
    assert "without a time zone" in run("load", "checkpoints", path).refusal
    assert run("load", "checkpoints", path, "--set", "last_heartbeat=").code == 0
    assert "rule is missing" in run("load", "fences", path, "--set", "rule=").refusal


# ingest, grid, coverage, response ----------------------------------------------------------


def test_from_cells_and_a_walk_to_coverage(
    run: Run, engine: Engine, land: Path, tmp_path: Path
) -> None:
    assert "--area" in run("grid", "--size-m", 5000).refusal
    assert run("load", "grids", land).code == 0
    drawn = run("grid", "--size-m", 5000, "--within", "banner")
    assert (drawn.code, drawn.err) == (0, "")
    assert re.match(r"grids: \d+ cells drawn, (\d+) new", drawn.out)
    assert "no grid nowhere" in run("grid", "--size-m", 5000, "--within", "nowhere").refusal
    assert run("grid", "--size-m", 5000, "--shape", "circle").code == 2

    walk = write(tmp_path / "walk.csv", WALK)
    taken = run("ingest", walk, "--enrol", "vehicle", "--max-gap", 900)
    assert taken.code == 0
    assert "30 accepted, 0 duplicate, 0 refused, 0 quarantined" in taken.out
    again = run("ingest", walk)
    assert again.code == 0
    assert "0 accepted, 30 duplicate" in again.out
    assert run("ingest", walk, "--max-gap", 900).code == 2

    window = ("--from", "2026-03-02T00:00:00Z", "--to", "2026-03-03T00:00:00Z")
    out = tmp_path / "coverage.geojson"
    assert run("coverage", *window, "--out", out).code == 0
    cells = gpd.read_file(out)
    # 30 fixes, a minute apart, all within the cells.
    assert cells["patrol_s"].sum() == pytest.approx(29 * 60)
    shown = run("coverage", *window).out
    assert shown.count("\n") == len(cells) + 2
    assert re.search(r"totals: .*\bunits 1(,|$)", shown, re.MULTILINE)
    assert run("coverage", "--from", "yesterday").code == 2
    assert run("coverage", "--from", "2026-03-02T00:00:00").code == 2
    assert run("coverage", *window[2:], "--from", "2027-01-01T00:00:00Z").code == 2
    assert "planet" in run("coverage", "--level", "planet").refusal


def test_areas_that_can_be_reached_are_told_in_order(run: Run, tmp_path: Path) -> None:
    done = run("response", "--lon", 103.1, "--lat", 42.1, "--minutes", "5,1")
    assert done.code == 0
    first, second = re.findall(r"(\d+) min: ([0-9.]+) km²", done.out)
    assert (first[0], second[0]) == ("1", "5")
    assert 0 < float(first[1]) < float(second[1])
    out = tmp_path / "areas.geojson"
    at = ("response", "--lon", 103.1, "--lat", 42.1, "--out", out)
    assert run(*at, "--mode", "foot").code == 0
    assert set(gpd.read_file(out)["mode"]) == {"foot"}
    assert run("response", "--lon", 103.1, "--lat", 42.1, "--minutes", "soon").code == 2
    assert run("response", "--lon", 203.1, "--lat", 42.1).code == 2
    assert "broom" in run("response", "--lon", 103.1, "--lat", 42.1, "--mode", "broom").refusal


# token, region, db, doctor -----------------------------------------------------------------


def test_a_token_is_printed_and_nothing_else_and_ends_when_it_is_revoked(
    run: Run, engine: Engine
) -> None:
    made = run("token", "create", "--scope", "read,ingest", "--note", "gateway")
    assert (made.code, made.err) == (0, "")
    assert re.fullmatch(r"pg_[\w-]{43}\n", made.out)
    listed = run("token", "list")
    assert made.out.strip() not in listed.out
    (found,) = re.findall(r"^(tok_\w+)  valid +(\S+) +made .* gateway$", listed.out, re.MULTILINE)
    assert set(found[1].split(",")) == {"read", "ingest"}
    assert run("token", "revoke", found[0]).code == 0
    assert f"{found[0]}  revoked" in run("token", "list").out
    assert "tok_none" in run("token", "revoke", "tok_none").refusal
    assert "fly" in run("token", "create", "--scope", "fly").refusal
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM tokens")).scalar_one() == 1


def test_a_region_file_is_checked(run: Run, tmp_path: Path) -> None:
    good = run("region", "check", REGION)
    assert good.code == 0
    assert "in order" in good.out
    assert "cannot be read" in run("region", "check", tmp_path / "missing.toml").refusal
    assert "not TOML" in run("region", "check", write(tmp_path / "r.toml", "[")).refusal
    wrong = REGION.read_text().replace("Asia/Shanghai", "Asia/Atlantis")
    assert "Atlantis" in run("region", "check", write(tmp_path / "r.toml", wrong)).refusal


def test_the_doctor_says_what_is_there_and_what_is_not(
    run: Run, monkeypatch: pytest.MonkeyPatch, database_url: str, tmp_path: Path
) -> None:
    well = run("doctor")
    assert "ok    database: is at revision" in well.out
    assert well.code == int("LACK" in well.out)
    monkeypatch.setenv("PATROLGRID_DATABASE_URL", database_url.replace("/test_", "/no_such_"))
    monkeypatch.setenv("PATROLGRID_REGION", str(tmp_path / "missing.toml"))
    ill = run("doctor")
    assert (ill.code, ill.err) == (1, "")
    assert "LACK  database: " in ill.out
    assert "LACK  region: " in ill.out


def test_what_the_database_says_is_told_in_one_line(
    run: Run, monkeypatch: pytest.MonkeyPatch, database_url: str, engine: Engine, tmp_path: Path
) -> None:
    assert "no such file" in run("db", "restore", tmp_path / "missing").refusal
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert "revision 9999" in run("db", "upgrade").refusal
    monkeypatch.setenv("PATROLGRID_DATABASE_URL", database_url.replace("/test_", "/no_such_"))
    assert "does not exist" in run("token", "list").refusal


WRONG_SETTINGS = {
    "PATROLGRID_PORT": "http",
    "PATROLGRID_MAX_BODY_MB": "-1",
    "PATROLGRID_LOG_LEVEL": "loud",
    "PATROLGRID_WEBHOOK_ALLOW": "everybody",
    "PATROLGRID_RETENTION_DAYS": "0",
    "PATROLGRID_SESSION_HOURS": "nan",
    "PATROLGRID_DATABASE_URL": "mysql://secret:word@here/there",
    "PATROLGRID_ENV_FILE": "missing.env",
    "PATROLGRID_REGION": "missing.toml",
}


@pytest.mark.parametrize(("name", "value"), WRONG_SETTINGS.items())
def test_a_wrong_setting_is_named_in_one_line(
    run: Run, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    line = run("coverage").refusal
    assert name in line or name == "PATROLGRID_REGION"
    assert "word" not in line


@pytest.mark.parametrize("url", ["nonsense", "postgresql://u:word@h:port/d", "://"])
def test_a_database_url_that_is_none_is_refused_and_not_repeated(
    run: Run, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("PATROLGRID_DATABASE_URL", url)
    line = run("token", "list").refusal
    assert "PATROLGRID_DATABASE_URL" in line
    assert "word" not in line


def test_a_setting_left_blank_is_its_default(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PATROLGRID_PORT", "PATROLGRID_REGION", "PATROLGRID_RETENTION_DAYS"):
        monkeypatch.setenv(name, "")
    assert run("region", "check").code == 0


def test_help_lists_every_command_and_an_unknown_one_is_refused(run: Run) -> None:
    shown = run("--help")
    assert shown.code == 0
    for command in ("run", "load", "ingest", "coverage", "response", "db", "token", "doctor"):
        assert re.search(rf"^  {command} ", shown.out, re.MULTILINE), command
    assert run("fly").code == 2


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_no_command_offers_to_change_the_shell(run: Run, command: str) -> None:
    shown = run(command, "--help")
    assert shown.code == 0
    assert "completion" not in shown.out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["fly"], "patrolgrid: No such command 'fly': see `patrolgrid --help`"),
        (["db", "fly"], "patrolgrid db: No such command 'fly': see `patrolgrid db --help`"),
        (["load"], "patrolgrid load: Missing argument 'layer': see `patrolgrid load --help`"),
        (["load", "grids", "x", "--mop", "a=b"], "No such option: --mop"),
        (["coverage", "--from", "x"], "'x': write RFC 3339, such as"),
        (["grid", "--size-m", "0"], "'--size-m'"),
    ],
)
def test_wrong_usage_is_one_line_that_says_where_to_read_more(
    run: Run, arguments: list[str], told: str
) -> None:
    ended = run(*arguments)
    assert ended.code == 2
    assert ended.out == ""
    assert told in ended.err
    assert ended.err.count("\n") == 1
    assert ended.err.endswith("--help`\n")


def test_a_group_without_a_command_shows_its_help_and_nothing_else(run: Run) -> None:
    ended = run("db")
    assert ended.code == 2
    assert "backup" in ended.out + ended.err
    assert ": see `" not in ended.err


def test_python_m_api_is_the_same_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["patrolgrid", "--help"])
    with pytest.raises(SystemExit):
        runpy.run_module("api", run_name="__main__")
    assert "doctor" in capsys.readouterr().out
