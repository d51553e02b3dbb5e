"""Texts in UTF-16: with its mark and without, in either order of bytes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection

from layers.load import encoding, load
from scratch import rolled_back
from tests.layers.loading_words import csv, places_of

UNMARKED = ["utf-16-le", "utf-16-be"]
FEATURE = {
    "type": "Feature",
    "properties": {"name": "一一一"},
    "geometry": {"type": "Point", "coordinates": [105, 40]},
}


@pytest.fixture
def connection(cluster_url: str, template_database: str) -> Iterator[Connection]:
    with rolled_back(cluster_url, template_database) as made:
        yield made


@pytest.mark.parametrize("codec", UNMARKED)
def test_a_table_in_utf_16_without_its_mark_is_read_and_told(
    connection: Connection, tmp_path: Path, codec: str
) -> None:
    # The low byte of 一 (U+4E00) is nought, as the high one of plain signs is.
    table = csv(tmp_path, "id\tlon\tlat\tname", "A\t105\t40\t一一一巴彦", encoding=codec)
    assert load(connection, "settlements", table).notes == ["read as UTF-16 without a mark"]
    assert places_of(connection) == [(105, 40)]


@pytest.mark.parametrize("codec", UNMARKED)
def test_geojson_in_utf_16_without_its_mark_is_read(
    connection: Connection, tmp_path: Path, codec: str
) -> None:
    (tmp_path / "x.geojson").write_bytes(json.dumps(FEATURE, ensure_ascii=False).encode(codec))
    assert load(connection, "settlements", tmp_path / "x.geojson").inserted == 1


@pytest.mark.parametrize("codec", ["utf-16", *UNMARKED])
@pytest.mark.parametrize("declared", ["", " encoding='UTF-16'"])
def test_xml_in_utf_16_is_read(
    connection: Connection, tmp_path: Path, codec: str, declared: str
) -> None:
    xml = (
        f"<?xml version='1.0'{declared}?><kml xmlns='http://www.opengis.net/kml/2.2'>"
        "<Document><Placemark><name>巴彦</name><Point><coordinates>105,40</coordinates></Point>"
        "</Placemark></Document></kml>"
    )
    (tmp_path / "x.kml").write_bytes(xml.encode(codec))
    assert load(connection, "settlements", tmp_path / "x.kml").inserted == 1
    assert places_of(connection) == [(105, 40)]


@given(words=st.text(st.characters(categories=("Lo", "Lu", "Ll")), max_size=30))
def test_text_in_one_byte_or_in_utf_8_is_never_taken_for_utf_16(words: str) -> None:
    assert encoding.unmarked(f"id,lon,lat\nA,105,40,{words}\n".encode()) is None


@pytest.mark.parametrize("codec", UNMARKED)
@given(words=st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF), max_size=30))
def test_a_chinese_row_in_utf_16_is_known_by_its_plain_signs(codec: str, words: str) -> None:
    assert encoding.unmarked(f"id,lon,lat,name\nA,105,40,{words}\n".encode(codec)) == codec


def test_a_single_byte_of_nought_makes_no_utf_16() -> None:
    assert encoding.unmarked(b"id,lon,lat\nA,105,40\0\n") is None
