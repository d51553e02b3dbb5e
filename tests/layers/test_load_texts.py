"""Texts as offices write them: code pages, degrees and minutes, times without a zone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from layers import frames, places
from layers.errors import BadFileError
from layers.load import Report, encoding, load, mojibake
from layers.load.angle import BadAngleError, degrees
from scratch import rolled_back

HAZARDS = Path(__file__).parents[2] / "fixtures" / "hazards"
MONGOLIAN = ["Баян-Єндєр", "Дархан", "Улаанбаатар"]


@pytest.fixture
def connection(cluster_url: str, template_database: str) -> Iterator[Connection]:
    with rolled_back(cluster_url, template_database) as made:
        yield made


def put(connection: Connection, name: str, layer: str = "settlements", **more: Any) -> Report:
    return load(connection, layer, HAZARDS / name, **more)


def names(connection: Connection) -> list[str]:
    return list(frames.places(connection, "settlements")["name"])


def test_chinese_and_cyrillic_code_pages_are_told_apart(connection: Connection) -> None:
    assert put(connection, "gbk.csv").notes == ["read as GBK (GB 18030)"]
    assert names(connection) == ["巴彦"]
    notes = put(connection, "cp1251.csv").notes
    assert notes[0] == "read as Windows-1251"
    assert notes[1].startswith("1 word has є or ї, such as 'Єндєр': Windows-1251 has no ө")
    assert names(connection)[:3] == MONGOLIAN


def test_utf_16_is_read_by_its_mark(connection: Connection) -> None:
    report = put(connection, "utf16.csv")
    assert (report.inserted, report.notes) == (1, ["read as UTF-16"])


def test_cyrillic_that_was_read_as_latin_1_is_mended_and_told(connection: Connection) -> None:
    report = put(connection, "latin1.csv")
    assert report.repaired == [
        f"row {n} (id '{n - 1}'): name was Windows-1251 read as Latin-1: {was!r} is {name!r}"
        for n, (was, name) in enumerate(
            zip(["Áàÿí-ªíäºð", "Äàðõàí", "Óëààíáààòàð"], MONGOLIAN, strict=True), start=1
        )
    ]
    assert names(connection) == MONGOLIAN


def test_names_of_western_europe_are_left_as_they_are(connection: Connection) -> None:
    report = put(connection, "europe.csv")
    assert (report.repaired, names(connection)) == ([], ["Müller", "São João"])


def test_a_code_page_that_is_not_certain_is_asked_for(connection: Connection) -> None:
    with pytest.raises(BadFileError, match=r"not certain: say which with --encoding"):
        put(connection, "code_page.csv")
    put(connection, "code_page.csv", encoding="latin-1")
    assert names(connection) == ["Müller"]
    with pytest.raises(BadFileError, match=r"gbk.csv: it is not in --encoding utf-8 \(byte"):
        put(connection, "gbk.csv", encoding="utf-8")
    with pytest.raises(BadFileError, match=r"--encoding klingon: there is no such code page"):
        put(connection, "gbk.csv", encoding="klingon")


@pytest.mark.parametrize(
    ("name", "place", "note"),
    [
        ("gbk_table.zip", "巴彦淖尔", "table read as GBK (GB 18030) (its .cpg says UTF-8)"),
        ("cp1251_table.zip", "Улаанбаатар", "table read as Windows-1251 (no .cpg says)"),
    ],
)
def test_a_shapefiles_code_page_is_found_where_its_cpg_is_wrong_or_missing(
    connection: Connection, name: str, place: str, note: str
) -> None:
    assert put(connection, name).notes == [note]
    assert names(connection) == [place]


@pytest.mark.parametrize(
    ("texts", "codec"),
    [
        (["Хөвсгөл".replace("ө", "є"), "БУЛГАН АЙМАГ"], "cp1251"),
        (["Санкт-Петербург", "Городской округ № 5"], "cp1251"),
        (["额济纳旗", "达来呼布镇", "G7 京新高速"], "gb18030"),
        (["策克口岸"], "gb18030"),
    ],
)
def test_a_guess_holds_for_what_people_write(texts: list[str], codec: str) -> None:
    raw = "\n".join(texts).encode(codec)
    assert encoding.guess(raw) == codec
    read = [text.encode(codec).decode("latin-1") for text in texts]
    found = mojibake.mended(read)
    assert found is not None
    assert found.column(read) == texts


@pytest.mark.parametrize("texts", [["Malmö", "Århus"], ["Île-de-France"], ["É", "à"], ["naïve"]])
def test_a_guess_is_not_made_of_western_names(texts: list[str]) -> None:
    assert encoding.guess("\n".join(texts).encode("latin-1")) is None
    assert mojibake.mended(texts) is None


@pytest.mark.parametrize(
    "texts",
    [
        ["Pont à Mousson", "Vis à vis", "Face à face", "Un à un", "Là où", "Hôtel à côté"],
        ["ÄÖÜÕ", "ÕÄÖ", "Ööö", "Äärä", "Õöölane"],
        ["Ærø", "Ålesund", "Øy", "Å", "Tromsø", "Bodø"],
        ["MÜLLER", "GRÖSSE", "Fuß", "Süßmäßig", "ÜBER"],
        ["Çankırı", "ÖZGÜR", "ğü", "Ünye", "Ölüdeniz"],
        ["Öndör khad", "Bayan-Ölgii", "Mönkh", "Döngön", "Büren"],
    ],
)
def test_names_with_accents_are_never_taken_for_cyrillic(texts: list[str]) -> None:
    assert mojibake.mended(texts) is None


def test_true_names_stay_beside_those_that_were_read_wrong() -> None:
    names = ["Õàð áóëàã", "Ålesund", "Münster", "Çınar", "Öndör khad", "Pont à Mousson", "ascii"]
    found = mojibake.mended(names)
    assert found is not None
    assert found.column(names) == ["Хар булаг", *names[1:]]
    assert found.notes == [
        "4 texts beside those read as Latin-1 left as they are, such as 'Ålesund'"
    ]


def test_short_texts_are_what_most_of_the_column_is() -> None:
    names = ["Õàð áóëàã", "Óëààíáààòàð", "Õàð"]
    found = mojibake.mended(names)
    assert found is not None
    assert found.column(names) == ["Хар булаг", "Улаанбаатар", "Хар"]
    few = ["Õàð áóëàã", "Õàð", "Ålesund", "Münster"]
    found = mojibake.mended(few)
    assert found is not None
    assert found.column(few) == ["Хар булаг", *few[1:]]


def test_utf_8_that_was_read_as_latin_1_is_mended() -> None:
    read = ["Дархан".encode().decode("latin-1"), "plain", None, 3]
    found = mojibake.mended(read)
    assert found is not None
    assert found.column(read) == ["Дархан", "plain", None, 3]


def test_degrees_minutes_and_seconds_are_read_as_people_write_them(
    connection: Connection,
) -> None:
    report = put(connection, "degrees_minutes.csv")
    assert report.inserted == 6
    points = frames.places(connection, "settlements").geometry
    # 3 minutes are 0.05 degrees.
    assert points.x.to_list() == pytest.approx([105.05] * 6)
    assert points.y.to_list() == pytest.approx([40.05] * 6)


@pytest.mark.parametrize(
    ("text", "value"),
    [("41°34'12\"N", 41.57), ("N41 34.5", 41.575), ("41,5", 41.5), ("41 34 12S", -41.57),
     ("南纬41度", -41), ("41:30:00", 41.5), ("−41.5", -41.5), ("４１°３０′Ｎ", 41.5),
     ("12 South", -12)],
)  # fmt: skip
def test_a_latitude_may_be_written_so(text: str, value: float) -> None:
    assert degrees(text, "latitude") == pytest.approx(value)


@pytest.mark.parametrize(
    ("text", "why"),
    [("N41S", "several hemispheres"), ("-41 S", "a sign and a letter"), ("41°61'", "60 or more"),
     ("91°00'N", "no latitude"), ("41.5°30'", "decimals before its end"), ("here", "no number"),
     ("1 2 3 4", "no number"), ("E41", "says E: it is a longitude")],
)  # fmt: skip
def test_a_latitude_may_not_be_written_so(text: str, why: str) -> None:
    with pytest.raises(BadAngleError, match=why):
        degrees(text, "latitude")


def test_excels_own_first_line_chinese_headers_and_decimal_commas(connection: Connection) -> None:
    put(connection, "excel.csv")
    found = places.feature(connection, "settlements", "A")
    assert found["geometry"]["coordinates"] == [105.05, 40.05]
    assert found["properties"]["households"] == 12


def test_one_column_of_both_coordinates_is_read_longitude_first(
    connection: Connection, tmp_path: Path
) -> None:
    put(connection, "amap.csv")
    assert places.bounds(connection) == (105.05, 40.05, 105.05, 40.05)
    path = tmp_path / "x.csv"
    path.write_text("id,location\nA,somewhere\n", encoding="utf-8")
    with pytest.raises(BadFileError, match="'somewhere' is no pair of longitude and latitude"):
        load(connection, "settlements", path)


def test_placemarks_of_kml_load_with_their_names(connection: Connection) -> None:
    put(connection, "placemarks.kml")
    assert names(connection) == ["巴彦"]


def test_a_time_without_a_zone_takes_the_one_that_is_said(
    connection: Connection, tmp_path: Path
) -> None:
    put(connection, "naive_time.csv", "checkpoints", time_zone="Asia/Shanghai")
    found = places.feature(connection, "checkpoints", "A")["properties"]
    assert found["last_heartbeat"] == "2026-03-01T00:00:00Z"
    path = tmp_path / "x.csv"
    for time, why in (("2026-03-29 02:30", "never was"), ("2026-10-25 02:30", "was twice")):
        path.write_text(f"id,lon,lat,last_heartbeat\nA,105,40,{time}\n", encoding="utf-8")
        with pytest.raises(BadFileError, match=rf"{why} in Europe/Berlin, where the clock"):
            load(connection, "checkpoints", path, time_zone="Europe/Berlin")
    with pytest.raises(BadFileError, match=r"--time-zone Mars: there is no such zone"):
        load(connection, "checkpoints", path, time_zone="Mars")


@pytest.mark.parametrize(
    "text",
    ["2026/3/1 8:00", "2026-03-01 8:00", "2026-3-1 08:00:00", "2026年3月1日 8时", "2026.03.01 8:00",
     "2026年3月1日8:00", "2026年3月1日 上午8:00", "01.03.2026 08:00", "1.3.2026 г. 8:00",
     "2026/3/1 8:00 AM",
     "2026/03/01 00:00:00Z", "2026-03-01T08:00+08:00"],
)  # fmt: skip
def test_a_time_may_be_written_so(connection: Connection, tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.csv"
    path.write_text(f"id,lon,lat,last_heartbeat\nA,105,40,{text}\n", encoding="utf-8")
    load(connection, "checkpoints", path, time_zone="Asia/Shanghai")
    found = places.feature(connection, "checkpoints", "A")["properties"]
    assert found["last_heartbeat"] == "2026-03-01T00:00:00Z"


@pytest.mark.parametrize(
    ("text", "kept"),
    [("上午12:30", "00:30"), ("凌晨12点30分", "00:30"), ("凌晨0:30", "00:30"),
     ("上午8:00", "08:00"),
     ("中午1:20", "13:20"), ("中午12点", "12:00"), ("中午11:50", "11:50"), ("中午13:20", "13:20"),
     ("下午12:30", "12:30"), ("下午3点", "15:00"), ("下午15:00", "15:00"), ("晚上8点", "20:00"),
     ("晚上11:59", "23:59"), ("晚上20:00", "20:00")],
)  # fmt: skip
def test_a_half_of_the_day_says_which_of_two_hours_it_is(
    connection: Connection, tmp_path: Path, text: str, kept: str
) -> None:
    path = tmp_path / "x.csv"
    row = f"A,105,40,2026年3月1日 {text}"
    path.write_text(f"id,lon,lat,last_heartbeat\n{row}\n", encoding="utf-8")
    load(connection, "checkpoints", path, time_zone="UTC")
    found = places.feature(connection, "checkpoints", "A")["properties"]
    assert found["last_heartbeat"] == f"2026-03-01T{kept}:00Z"


@pytest.mark.parametrize(
    ("text", "dates", "kept"),
    [("03/01/2026", "day-first", "2026-01-03"), ("03/01/2026", "month-first", "2026-03-01"),
     ("13/01/2026", None, "2026-01-13"), ("01/13/2026", None, "2026-01-13"),
     ("02/02/2026", None, "2026-02-02"), ("03.01.2026", "month-first", "2026-01-03")],
)  # fmt: skip
def test_day_and_month_are_told_apart_or_said(
    connection: Connection, tmp_path: Path, text: str, dates: str | None, kept: str
) -> None:
    path = tmp_path / "x.csv"
    path.write_text(f"id,lon,lat,last_heartbeat\nA,105,40,{text}\n", encoding="utf-8")
    load(connection, "checkpoints", path, time_zone="UTC", dates=dates)
    found = places.feature(connection, "checkpoints", "A")["properties"]
    assert found["last_heartbeat"] == f"{kept}T00:00:00Z"


@pytest.mark.parametrize(
    ("text", "dates", "why"),
    [("03/01/2026", None, "may have the day or the month first: say which with --dates day-first"),
     ("13/01/2026", "month-first", "give a time with its zone"),
     ("2026/2/30", None, "give a time with its zone"), ("01.03.26", None, "give a time"),
     ("46082.33", None, r"a spreadsheet's number of a day \(2026-03-01, or four years later\)"),
     ("2026年3月1日 晚上12点", None, "may be of that day or of the next"),
     ("2026年3月1日 晚上0:30", None, "may be of that day or of the next"),
     ("2026年3月1日 上午13:00", None, "give a time"), ("2026年3月1日 中午8点", None, "give a time"),
     ("1767225600", None, "looks like seconds or milliseconds since 1970"),
     ("1/2/2026", "year-first", "--dates year-first: it is none of day-first, month-first")],
)  # fmt: skip
def test_a_time_that_is_uncertain_is_refused(
    connection: Connection, tmp_path: Path, text: str, dates: str | None, why: str
) -> None:
    path = tmp_path / "x.csv"
    path.write_text(f"id,lon,lat,last_heartbeat\nA,105,40,{text}\n", encoding="utf-8")
    with pytest.raises(BadFileError, match=why):
        load(connection, "checkpoints", path, time_zone="UTC", dates=dates)


def test_words_for_nothing_are_missing_numbers_and_told(connection: Connection) -> None:
    report = put(connection, "words_for_nothing.csv")
    assert report.repaired == [
        f"row {n} (id {i!r}): households {word!r} was taken as missing"
        for n, (i, word) in enumerate(
            zip("ABCDEFG", ["n/a", "NA", "-", "нет", "无", "N/D", "null"], strict=True), start=1
        )
    ]
    found = frames.places(connection, "settlements")["households"]
    assert found.isna().tolist() == [True] * 7 + [False]
    with pytest.raises(BadFileError, match=r"--strict: row 1 \(id 'A'\): households 'n/a' was"):
        put(connection, "words_for_nothing.csv", strict=True)


def test_several_values_and_words_may_mean_unknown(connection: Connection, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    rows = "A,105,40,9999\nB,105.1,40,-1\nC,105.2,40,keine\nD,105.3,40,5\n"
    path.write_text("id,lon,lat,households\n" + rows, encoding="utf-8")
    report = load(connection, "settlements", path, unknown={"households": ["9999", "-1", "keine"]})
    assert report.repaired == []
    found = frames.places(connection, "settlements")["households"]
    assert found.isna().tolist() == [True, True, True, False]


@pytest.mark.parametrize(
    ("encoding", "text", "asked", "why"),
    [("utf-8", "巴彦淖尔", "gbk", "it is UTF-8, of which --encoding gbk would make nonsense"),
     ("utf-8", "Улаанбаатар", "cp1251", "of which --encoding cp1251 would make nonsense"),
     ("utf-8", "巴", "latin-1", "of which --encoding latin-1 would make nonsense"),
     ("gbk", "巴彦淖尔", "cp1251", r"it looks like GBK \(GB 18030\), not --encoding cp1251")],
)  # fmt: skip
def test_a_code_page_that_would_make_nonsense_is_refused(
    connection: Connection, tmp_path: Path, encoding: str, text: str, asked: str, why: str
) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(f"id,lon,lat,name\nA,105,40,{text}\n".encode(encoding))
    with pytest.raises(BadFileError, match=why):
        load(connection, "settlements", path, encoding=asked)
    load(connection, "settlements", path, encoding=encoding)
    assert names(connection) == [text]


def test_decimal_commas_and_blanks_between_thousands_are_read_and_told(
    connection: Connection, tmp_path: Path
) -> None:
    path = tmp_path / "x.csv"
    line = "LINESTRING (105 40, 105.1 40)"
    path.write_text(f"id;speed_kmh;wkt\nA;60,5;{line}\n", encoding="utf-8")
    assert load(connection, "roads", path).repaired == [
        "row 1 (id 'A'): speed_kmh '60,5' was read as 60.5"
    ]
    path.write_text("id;lon;lat;households\nA;105;40;1 234\nB;105;40;1,234\n", encoding="utf-8")
    with pytest.raises(
        BadFileError, match=r"row 2 \(id 'B'\): households is '1,234': give a whole"
    ):
        load(connection, "settlements", path)
    load(connection, "settlements", path, skip_bad=True)
    assert frames.places(connection, "settlements")["households"].to_list() == [1234]
