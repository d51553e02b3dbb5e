"""Columns headed in Chinese, Mongolian or Russian are ours where that is plain, and it is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from layers import frames, places
from layers.load import headers, load, persons
from scratch import rolled_back
from tests.layers.loading_words import LEVELS, csv, places_of, refusal

TRIANGLE = '"POLYGON((105 40,105.1 40,105.1 40.1,105 40))"'


@pytest.fixture
def connection(cluster_url: str, template_database: str) -> Iterator[Connection]:
    with rolled_back(cluster_url, template_database) as made:
        yield made


@pytest.mark.parametrize(
    ("header", "named"),
    [
        ("编号,名称,户数,经度,纬度", "name_zh"),
        ("код,нэр,өрх,уртраг,өргөрөг", "name_mn"),
        ("Код,Название,Число дворов,Долгота,Широта", "name"),
        ("行政区划代码,居民点名称,总户数,经度(°),纬度(°)", "name_zh"),
        ("ИДЕНТИФИКАТОР,Населённый пункт,Количество домохозяйств,долгота,широта", "name"),
    ],
)
def test_a_table_of_settlements_needs_no_map(
    connection: Connection, tmp_path: Path, header: str, named: str
) -> None:
    report = load(connection, "settlements", csv(tmp_path, header, "A,Сэврэй,20,105,40"))
    theirs = header.split(",")
    names = named if named == "name" else f"{named} and name"
    assert report.notes == [
        f"column {theirs[0]!r} read as id",
        *sorted(
            [f"column {theirs[1]!r} read as {names}", f"column {theirs[2]!r} read as households"],
            key=lambda note: "households" in note,
        ),
    ]
    assert report.repaired == []
    found = frames.places(connection, "settlements")
    assert (list(found.index), list(found["name"]), list(found[named])) == (
        ["A"], ["Сэврэй"], ["Сэврэй"],
    )  # fmt: skip
    assert list(found["households"]) == [20]
    assert places_of(connection) == [(105.0, 40.0)]


def test_levels_kinds_and_parents_are_told_from_their_words(
    connection: Connection, tmp_path: Path
) -> None:
    path = csv(
        tmp_path, "网格编号,网格名称,级别,上级编号,类型,wkt",
        f"1,甲,苏木,,农村,{TRIANGLE}", f"2,乙,网格,1,城镇,{TRIANGLE}",
    )  # fmt: skip
    titles = {"苏木": "sumu", "网格": "cell"}
    report = load(connection, "grids", path, levels=LEVELS, level_titles=titles)
    assert {"kind '农村' was read as rural", "level '苏木' was read as sumu"} <= set(report.notes)
    found = frames.places(connection, "grids")
    assert list(found["level"]) == ["sumu", "cell"]
    assert list(found["parent"])[1] == "1"
    assert list(found["kind"]) == ["rural", "urban"]


def test_yes_and_no_of_a_road_are_understood(connection: Connection, tmp_path: Path) -> None:
    path = csv(
        tmp_path, "编号,路名,道路等级,路面,限速,单行线,桥梁,wkt",
        '1,乙路,县道,沥青,60,否,是,"LINESTRING(105 40,105.1 40)"',
    )  # fmt: skip
    load(connection, "roads", path)
    road = frames.places(connection, "roads").loc["1"]
    assert (road["class"], road["surface"], road["speed_kmh"]) == ("县道", "沥青", 60)
    assert (road["oneway"], road["bridge"], road["tunnel"]) == ("no", True, False)


def test_two_columns_that_may_be_one_of_ours_are_not_read_but_named(
    connection: Connection, tmp_path: Path
) -> None:
    path = csv(tmp_path, "编号,代码,lon,lat", "1,A,105,40")
    report = load(connection, "settlements", path)
    assert report.notes[0] == ("columns '编号', '代码' may be id: say which, such as --map id=编号")
    assert report.dropped_columns == ["编号", "代码"]
    load(connection, "settlements", path, mapping={"id": "代码"})
    assert "A" in frames.places(connection, "settlements").index


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        (["1,105,40", "1,105.1,40"], "it says the same in several rows"),
        (["1,105,40", ",105.1,40"], "not every row has one"),
    ],
)
def test_what_cannot_be_an_id_is_not_taken_for_one(
    connection: Connection, tmp_path: Path, rows: list[str], why: str
) -> None:
    report = load(connection, "settlements", csv(tmp_path, "代码,lon,lat", *rows))
    assert report.inserted == 2
    assert report.notes[0].startswith(f"column '代码' was not read as id: {why}")
    assert report.notes[0].endswith("--map id=代码 takes it all the same")
    assert report.dropped_columns == ["代码"]


def test_a_guess_that_the_values_contradict_refuses_no_file(
    connection: Connection, tmp_path: Path
) -> None:
    path = csv(
        tmp_path, "id,类型,上级,级别,wkt", f"1,牧场,甲镇,特级,{TRIANGLE}",
    )  # fmt: skip
    report = load(connection, "grids", path, levels=LEVELS)
    assert report.inserted == 1
    assert report.dropped_columns == ["级别", "上级", "类型"]
    assert [note.split(":")[0] for note in report.notes] == [
        "column '级别' was not read as level",
        "column '上级' was not read as parent",
        "column '类型' was not read as kind",
    ]
    assert "there is no '甲镇' among the grids" in report.notes[1]


def test_what_is_named_as_ours_or_mapped_comes_before_any_guess(
    connection: Connection, tmp_path: Path
) -> None:
    path = csv(tmp_path, "id,编号,name,名称,lon,lat", "A,1,Sarnai,甲,105,40")
    report = load(connection, "settlements", path, mapping={"name_mn": "名称"})
    assert [note for note in report.notes if "read as" in note] == []
    found = frames.places(connection, "settlements").loc["A"]
    assert (found["name"], found["name_mn"]) == ("Sarnai", "甲")
    assert report.dropped_columns == ["编号"]


def test_mongolian_names_beside_telephones_are_not_read(
    connection: Connection, tmp_path: Path
) -> None:
    path = csv(tmp_path, "код,нэр,утас,уртраг,өргөрөг", "A,Хүн,x,105,40")
    report = load(connection, "settlements", path)
    assert report.dropped_columns == ["нэр", "утас"]
    assert "beside 'утас' it may name persons" in report.notes[0]
    assert frames.places(connection, "settlements")["name"].isna().all()


def test_no_word_of_ours_is_one_that_persons_are_listed_under() -> None:
    words = [word for known in headers.WORDS.values() for word in known]
    assert [word for word in words if persons.is_of_persons(word)] == []
    assert len(words) > 150
    # A word is of one column of a layer, or nothing could be told from it.
    for ours, known in headers.WORDS.items():
        assert len(known) == len({headers.plain(word) for word in known}), ours


def test_population_is_no_number_of_households(connection: Connection, tmp_path: Path) -> None:
    path = csv(tmp_path, "编号,人口,хүн ам,население,经度,纬度", "A,60,60,60,105,40")
    report = load(connection, "settlements", path)
    assert report.dropped_columns == ["人口", "хүн ам", "население"]
    assert frames.places(connection, "settlements")["households"].isna().all()


@pytest.mark.parametrize(
    ("layer", "header", "ours", "unit"),
    [
        ("fences", "停留时间(分钟)", "dwell_s", "seconds"),
        ("fences", "停留时间（单位：小时）", "dwell_s", "seconds"),
        ("fences", "время пребывания (мин.)", "dwell_s", "seconds"),
        ("fences", "缓冲距离(公里)", "margin_m", "metres"),
        ("fences", "буфер, [км]", "margin_m", "metres"),
        ("border", "起点里程(m)", "chainage_start_km", "kilometres"),
        ("roads", "限速(m/s)", "speed_kmh", "km/h"),
        ("cameras", "方位角(弧度)", "bearing_deg", "degrees"),
        ("settlements", "户数(百户)", "households", "single households"),
    ],
)
def test_a_column_in_another_unit_than_ours_is_named_and_not_read(
    layer: str, header: str, ours: str, unit: str
) -> None:
    header = header.replace(",", "")
    guessed = headers.guess([header], [*places.layer(layer).writable], persons.is_of_persons)
    assert guessed.columns == {}
    assert guessed.notes == [
        f"column {header!r} was not read as {ours}, which is in {unit}: if this is, too,"
        f" --map {ours}={header}"
    ]


@pytest.mark.parametrize(
    ("header", "ours"),
    [
        ("停留时间(秒)", "dwell_s"), ("停留时间【单位：秒】", "dwell_s"),
        ("停留时间(必填)(秒)", "dwell_s"), ("缓冲距离（米）", "margin_m"),
        ("буфер (м)", "margin_m"),
        ("буфер (обязательно)", "margin_m"), ("起点里程(km)", "chainage_start_km"),
        ("限速(Km/h)", "speed_kmh"), ("скорость (км/ч)", "speed_kmh"), ("方位角(°)", "bearing_deg"),
        ("азимут (град.)", "bearing_deg"), ("户数(户)", "households"),
        ("户数(2023年底)", "households"), ("缓冲距离（必填，米）", "margin_m"),
        ("级别(必填)", "level"),
    ],
)  # fmt: skip
def test_a_column_in_our_unit_or_with_a_remark_is_read(header: str, ours: str) -> None:
    assert headers.guess([header], [ours], persons.is_of_persons).columns == {ours: header}


def test_minutes_are_loaded_as_seconds_by_nobody(connection: Connection, tmp_path: Path) -> None:
    rows = ("围栏编号,规则,停留时间(分钟),wkt", f"A,禁入,10,{TRIANGLE}")
    report = load(connection, "fences", csv(tmp_path, *rows))
    assert report.dropped_columns == ["停留时间(分钟)"]
    assert list(frames.places(connection, "fences")["dwell_s"]) == [0]


SQUARES = [f'"POLYGON((10{n} 40,10{n}.1 40,10{n}.1 40.1,10{n} 40))"' for n in range(4, 8)]


@pytest.mark.parametrize("top", ["无", " ", "—", "\u200b"])
def test_a_top_row_that_says_it_has_no_parent_leaves_the_others_theirs(
    connection: Connection, tmp_path: Path, top: str
) -> None:
    big = '"POLYGON((103 39,109 39,109 42,103 42,103 39))"'
    path = csv(
        tmp_path, "编号,级别,上级,wkt", f"T,sumu,{top},{big}", f"A,cell,T\u200b,{SQUARES[0]}",
        f"B,cell,T,{SQUARES[1]}",
    )  # fmt: skip
    load(connection, "grids", path, levels=LEVELS)
    found = frames.places(connection, "grids")["parent"]
    assert (found["A"], found["B"], found.isna()["T"]) == ("T", "T", True)


def test_one_odd_level_is_refused_with_its_row_and_the_others_stay(
    connection: Connection, tmp_path: Path
) -> None:
    levels = ["banner", "sumu", "village", "cell"]
    rows = [f"{n},{one},{SQUARES[n]}" for n, one in enumerate(levels)]
    path = csv(tmp_path, "编号,级别,wkt", *rows)
    said = refusal(connection, "grids", path)
    assert "row 3 (id '2'): level is 'village': the region has banner, sumu, cell" in said
    load(connection, "grids", path, levels=LEVELS, skip_bad=True)
    assert list(frames.places(connection, "grids")["level"]) == ["banner", "sumu", "cell"]


def test_one_telephone_among_names_is_refused_with_its_row(
    connection: Connection, tmp_path: Path
) -> None:
    rows = ["A,甲,105,40", "B,13812345678,105.1,40", "C,丙,105.2,40"]
    path = csv(tmp_path, "编号,名称,lon,lat", *rows)
    said = refusal(connection, "settlements", path)
    assert "row 2 (id 'B'): its name looks like a telephone number" in said
    load(connection, "settlements", path, skip_bad=True)
    assert list(frames.places(connection, "settlements")["name"]) == ["甲", "丙"]


def test_a_nearly_empty_column_is_told_by_the_values_it_has(
    connection: Connection, tmp_path: Path
) -> None:
    rows = [f"A{n},{'' if n else '牧场'},{square}" for n, square in enumerate(SQUARES)]
    report = load(connection, "grids", csv(tmp_path, "id,类型,wkt", *rows))
    assert (report.inserted, report.dropped_columns) == (4, ["类型"])


def test_numbers_of_devices_are_no_ids(connection: Connection, tmp_path: Path) -> None:
    # The last digits are those that check the others.
    rows = ["356938035643809,105,40", "352099001761481,105.1,40"]
    path = csv(tmp_path, "设备编号,lon,lat", *rows)
    report = load(connection, "cameras", path)
    assert (report.inserted, report.dropped_columns) == (2, ["设备编号"])
    assert report.notes[0].startswith(
        "column '设备编号' was not read as id: row 1: its id looks like the number of a device"
    )
    assert all(one.startswith("cam") for one in frames.places(connection, "cameras").index)


def test_parents_are_not_looked_for_among_ids_that_were_not_taken(
    connection: Connection, tmp_path: Path
) -> None:
    rows = [f"{row},{square}" for row, square in zip(["T,", "T,T", "A,T"], SQUARES, strict=False)]
    report = load(connection, "grids", csv(tmp_path, "编号,上级,wkt", *rows))
    assert report.dropped_columns == ["编号", "上级"]
    assert frames.places(connection, "grids")["parent"].isna().all()
