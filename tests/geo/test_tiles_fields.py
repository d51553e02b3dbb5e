"""What features of tiles say, and the numbers that they go by."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mapbox_vector_tile.Mapbox import vector_tile_pb2
from shapely import Point

from geo.tiles import Fields, encode
from geo.tiles.fields import number, varint
from tests.geo.tile_words import TILE, decoded, part, tile_of

HERE = Point(5, 5)


def said(**columns: list[object]) -> list[dict[str, object]]:
    """What features with these columns say, without their ids."""
    count = len(next(iter(columns.values())))
    found = decoded(tile_of([HERE] * count, **columns))
    return [{k: v for k, v in one.properties.items() if k != "id"} for one in found]


def message(tile: bytes) -> vector_tile_pb2.tile.layer:
    read = vector_tile_pb2.tile()
    read.ParseFromString(tile)
    return read.layers[0]


def test_text_numbers_and_truths_come_back_and_nothing_is_left_out() -> None:
    rows = said(
        name=["旗 Нутаг", "", None, "旗 Нутаг"],
        many=[0, -1, 2**62, -(2**63)],
        share=[0.1, float("nan"), -1e300, None],
        open=[True, False, None, True],
    )
    assert rows == [
        {"name": "旗 Нутаг", "many": 0, "share": 0.1, "open": True},
        {"name": "", "many": -1, "open": False},
        {"many": 2**62, "share": -1e300},
        {"name": "旗 Нутаг", "many": -(2**63), "open": True},
    ]


def test_equal_values_of_different_kinds_stay_apart_by_column() -> None:
    (row,) = said(truth=[True], count=[1], share=[1.0], text=["1"])
    assert {name: type(value) for name, value in row.items()} == {
        "truth": bool, "count": int, "share": float, "text": str,
    }  # fmt: skip


@settings(max_examples=100)
@given(st.data(), st.integers(1, 12))
def test_every_value_comes_back(data: st.DataObject, count: int) -> None:
    kinds = [st.text(max_size=9), st.integers(-(2**63), 2**63 - 1), st.booleans(), st.floats()]
    columns = {
        f"c{n}": data.draw(st.lists(st.one_of(st.none(), kind), min_size=count, max_size=count))
        for n, kind in enumerate(kinds)
    }
    expected = [
        {k: v[row] for k, v in columns.items() if v[row] is not None and v[row] == v[row]}
        for row in range(count)
    ]
    assert said(**columns) == expected


def test_a_value_that_many_have_stands_once() -> None:
    layer = message(tile_of([HERE] * 9, level=["cell"] * 9, kind=["rural", "urban", None] * 3))
    assert list(layer.keys) == ["id", "level", "kind"]
    texts = [value.string_value for value in layer.values]
    assert sorted(texts) == sorted(["cell", "rural", "urban", *map(str, range(9))])
    assert (layer.version, layer.extent, layer.name) == (2, 4096, "it")


def test_parts_of_a_layer_share_its_keys_and_number_their_values_on() -> None:
    older = part([HERE, HERE], name=["a", "b"])
    newer = part([HERE], ids=["7"], name=["c"])
    found = decoded(encode("it", [older, newer], *TILE))
    assert [(one.id, one.properties) for one in found] == [
        (0, {"id": "0", "name": "a"}),
        (1, {"id": "1", "name": "b"}),
        (7, {"id": "7", "name": "c"}),
    ]
    again = decoded(encode("it", [older, newer], *TILE))  # the room for work was left as it was
    assert again == found


def test_what_no_tile_can_hold_is_refused() -> None:
    with pytest.raises(TypeError, match="not bytes"):
        Fields.of(["a"], {"secret": [b"x"]})


def test_ids_that_are_numbers_stay_these_and_others_get_one_for_good() -> None:
    assert [number(one) for one in ("0", "7", "999999999999999")] == [0, 7, 999_999_999_999_999]
    others = ["07", "", "-7", "7.0", "1e3", "grid-7", "٣", "9999999999999999", "旗"]
    numbers = [number(one) for one in others]
    assert len(set(numbers)) == len(others)
    assert 7 not in numbers
    assert max(numbers) < 2**53  # JavaScript would round them
    assert number("grid-7") == 3_557_744_076_356_394  # clients may keep it: it must not change
    drawn = decoded(tile_of([HERE] * len(others), ids=others))
    assert [one.id for one in drawn] == numbers
    assert [one.properties["id"] for one in drawn] == others


@given(st.integers(0, 2**64 - 1))
def test_varints_are_read_as_they_were_written(value: int) -> None:
    read = sum((byte & 0x7F) << 7 * n for n, byte in enumerate(varint(value)))
    assert read == value
    assert all(byte & 0x80 for byte in varint(value)[:-1])
    assert varint(value)[-1] < 0x80
