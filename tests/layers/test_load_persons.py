"""No record of a person or a device comes in by a column of ours. All numbers are invented."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from layers import frames
from layers.errors import BadFileError
from layers.load import load
from scratch import rolled_back
from tests.layers.loading_words import csv, refusal

HAZARDS = Path(__file__).parents[2] / "fixtures" / "hazards"
TELEPHONE, IDENTITY = "a telephone number", "an identity number"
PASSPORT = "the number of a passport"
PLATE, IMEI, MAC = "a number plate", "the number of a device (IMEI)", "a device (MAC)"


@pytest.fixture
def connection(cluster_url: str, template_database: str) -> Iterator[Connection]:
    with rolled_back(cluster_url, template_database) as made:
        yield made


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("13812345678", TELEPHONE), ("138-1234-5678", TELEPHONE), ("+86 138 1234 5678", TELEPHONE),
        ("Somebody 13812345678", TELEPHONE), ("+976 9911 2233", TELEPHONE),
        ("+7(912)345-67-89", TELEPHONE),
        ("+976 (9911-2233)", TELEPHONE), ("тел+97699112233", TELEPHONE),
        ("Mobile 9911-2233", TELEPHONE), ("Mobile 2024-0512", TELEPHONE), ("2024 УБА", PLATE),
        ("1234 ХОА", PLATE),
        ("8 (912) 345-67-89", TELEPHONE),
        # 1·7+1·9+… of the 17 digits, taken by GB 11643's weights, leave 2: the check digit is X.
        ("11010519491231002X", IDENTITY), ("No. 11010519491231002x", IDENTITY),
        ("蒙M12345", PLATE), ("蒙M·A1234", PLATE), ("1234 УБА", PLATE), ("А123ВС 77", PLATE),
        ("УБ85061512", IDENTITY), ("ха04231512", IDENTITY), ("паспорт № 4510 123456", PASSPORT),
        ("张三13812345678", TELEPHONE), ("１３８１２３４５６７８", TELEPHONE),
        ("0086 13812345678", TELEPHONE),
        ("утас: 7011-2233", TELEPHONE), ("电话 0482-8234567", TELEPHONE),
        ("138.1234.5678", TELEPHONE),
        ("值班车蒙L12345", PLATE), ("蒙L12345号", PLATE), ("машин 1234 УБА", PLATE),
        ("00:1A:2B:3C:4D:5E", MAC), ("00-1a-2b-3c-4d-5e", MAC), ("356938035643809", IMEI),
    ],
)  # fmt: skip
@pytest.mark.parametrize("column", ["id", "name"])
def test_a_number_of_a_person_or_device_is_refused_with_its_row(
    connection: Connection, tmp_path: Path, text: str, what: str, column: str
) -> None:
    rows = {"id": (f"{text},x", "B,x"), "name": (f"A,{text}", "B,x")}[column]
    path = csv(tmp_path, "id,name,lon,lat", *(f"{row},105,40" for row in rows))
    said = refusal(connection, "settlements", path)
    assert said.startswith("x.csv: row 1 (id ")
    assert f"its {column} looks like " in said
    assert f"{what}: records of persons and devices are not kept" in said
    assert load(connection, "settlements", path, skip_bad=True).inserted == 1


@pytest.mark.parametrize(
    "names",
    [
        ["蒙古包", "G7京新高速", "京A路口"],
        # Codes of communities and cells: of one county, no check digits.
        ["15292300101", "15292300102"],
        ["152923001001001", "152923001001002", "152923001001003", "152923001001004"],
        ["152923199013011234"], ["way/13812345678"], ["2026-03-01"], ["490154203237517"],
        ["1234567890"], ["C-00:11:22"], ["Cell 99112233"], ["网格15292110100"], ["2024 ОНД"],
        ["88110001", "88110002", "88120001"], ["E15292101", "E15292102"], ["001-1234567"],
        # Letters of a province and pairs of digits: two have no date, two begin alike.
        ["УБ01010100", "УБ00150100"], ["УБ01010101", "УБ01010102"], ["УБ00150100"],
        ["98765432", "12345678", "45612378"], ["E105.123456"], ["Hotel 12345678"], ["20240315"],
        ["Height +1200 (1250-1300)"], ["+800 (750-900)"], ["K12+300-450000"],
        ["Mobile 2024-05-12"], ["2024 ХОТ"],
        ["G20240112"], ["post G20240112"],
    ],
)  # fmt: skip
def test_names_and_codes_of_places_are_taken(
    connection: Connection, tmp_path: Path, names: list[str]
) -> None:
    rows = [f"{name},105.{n},40,{name}" for n, name in enumerate(names)]
    path = csv(tmp_path, "id,lon,lat,name", *rows)
    assert load(connection, "settlements", path).inserted == len(names)
    assert set(frames.places(connection, "settlements")["name"]) == set(names)


@pytest.mark.parametrize(
    "theirs",
    ["手机号", "联系电话", "身份证号", "户主姓名", "姓名", "车牌", "phone", "contact_phone", "IMEI",
     "mac_addr",
     "head_of_household", "plate_no", "ФИО", "Телефон", "утас", "phone2"],
)  # fmt: skip
def test_a_column_of_persons_cannot_be_mapped(
    connection: Connection, tmp_path: Path, theirs: str
) -> None:
    path = csv(tmp_path, f"id,lon,lat,{theirs}", "A,105,40,x")
    said = refusal(connection, "settlements", path, mapping={"name": theirs})
    assert said.startswith(f"--map name={theirs}: {theirs!r} is called as a record of persons")
    # Not mapped it is never read.
    assert load(connection, "settlements", path).dropped_columns == [theirs]


@pytest.mark.parametrize(
    "theirs", ["名称", "hotel", "template", "macro", "plateau", "cell", "owner"]
)
def test_columns_of_places_can_be_mapped(
    connection: Connection, tmp_path: Path, theirs: str
) -> None:
    path = csv(tmp_path, f"id,lon,lat,{theirs}", "A,105,40,x")
    load(connection, "settlements", path, mapping={"name": theirs})
    assert list(frames.places(connection, "settlements")["name"]) == ["x"]


def test_the_fixture_of_devices_is_refused_row_by_row(connection: Connection) -> None:
    with pytest.raises(BadFileError, match=r"row 1 \(id '00:1A:2B:3C:4D:5E'\): its id looks like"):
        load(connection, "cameras", HAZARDS / "devices.csv")
    report = load(connection, "cameras", HAZARDS / "devices.csv", skip_bad=True)
    assert (report.inserted, len(report.refused)) == (1, 2)


@pytest.mark.parametrize(
    "codes",
    [
        [f"1703101{n:04d}" for n in range(100, 108)],  # census tracts of one county
        [f"{county}0{n}0100" for county in (17001, 17003, 17005) for n in range(10, 18)],
        [f"13101{n:03d}001" for n in range(1, 9)],
        ["10-11-22-33-44-55", "10-11-22-33-44-56"],
    ],
)
def test_columns_of_codes_are_no_telephones_or_devices(
    connection: Connection, tmp_path: Path, codes: list[str]
) -> None:
    path = csv(tmp_path, "id,lon,lat", *(f"{code},105.{n:03d},40" for n, code in enumerate(codes)))
    assert load(connection, "settlements", path).inserted == len(codes)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("99112233", TELEPHONE), ("Хүн 99112233", TELEPHONE), ("9911-2233", TELEPHONE),
        ("88 11 22 33", TELEPHONE), ("0482-8234567", TELEPHONE), ("E12345678", PASSPORT),
        ("EA1234567", PASSPORT), ("某人 G12345678", PASSPORT),
    ],
)  # fmt: skip
def test_numbers_that_may_be_codes_are_refused_as_names_and_taken_as_ids(
    connection: Connection, tmp_path: Path, text: str, what: str
) -> None:
    path = csv(tmp_path, "id,name,lon,lat", f"A,{text},105,40")
    assert f"its name looks like {what}" in refusal(connection, "settlements", path)
    path = csv(tmp_path, "id,name,lon,lat", f"{text},A,105,40")
    assert load(connection, "settlements", path).inserted == 1


def test_ids_of_which_nearly_all_are_telephones_are_refused(
    connection: Connection, tmp_path: Path
) -> None:
    numbers = ["99112233", "88123456", "95001122", "80112233"]
    rows = [f"{number},105.{n},40" for n, number in enumerate(numbers)]
    path = csv(tmp_path, "id,lon,lat", *rows)
    assert "its id looks like a telephone number" in refusal(connection, "settlements", path)
    others = [f"{number},105.{n},40" for n, number in enumerate(["10020030", "20030040"])]
    path = csv(tmp_path, "id,lon,lat", *rows, *others)
    assert load(connection, "settlements", path).inserted == 6
