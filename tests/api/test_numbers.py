"""Numbers in addresses are written as numbers, in plain digits; all else is refused in words."""

from __future__ import annotations

import httpx
import pytest

from tests.api.api_words import code, feature, put


@pytest.mark.parametrize("wrong", ["%2B5", "5.0", "1_0", "%205", "5%20", "５", "0x5", "5e0", ""])
def test_a_whole_number_is_written_in_plain_digits(admin: httpx.Client, wrong: str) -> None:
    assert admin.get("/tiles/5/5/5.mvt").status_code == 200
    for path in (
        f"/api/layers/posts?limit={wrong}", f"/api/layers/posts/history?limit={wrong}",
        f"/api/events?after={wrong}", f"/api/grids/gaps?limit={wrong}",
        f"/tiles/5/{wrong}/5.mvt", f"/tiles/5/5/{wrong}.mvt", f"/tiles/{wrong}/1/1.mvt",
    ):  # fmt: skip
        if "//" in path or "/.mvt" in path:
            assert code(admin.get(path)) == "404 not_found", path
            continue
        refused = admin.get(path)
        assert code(refused) == "422 invalid_request", path
        assert "in plain digits, such as 5" in refused.json()["detail"]
    for query in (f"limit={wrong}", f"offset={wrong}"):
        refused = admin.get(f"/ogc/collections/posts/items?{query}")
        assert code(refused) == "400 invalid_request", query


@pytest.mark.parametrize("wrong", ["%2B5", "1_0", "%205", "５", "nan", "inf", "0x5", "5e", "."])
def test_a_number_is_written_as_one(admin: httpx.Client, wrong: str) -> None:
    for path in (
        f"/api/grids/at?lon={wrong}&lat=40", f"/api/rasters/elevation/at?lon=100&lat={wrong}",
        f"/api/coverage?swath_m={wrong}", f"/api/dispatch?lon=100&lat={wrong}",
        f"/api/response?lon={wrong}&lat=40",
    ):  # fmt: skip
        refused = admin.get(path)
        assert code(refused) == "422 invalid_request", path
        assert "in plain digits, such as 5" in refused.json()["detail"]
    if wrong != "%205":  # a blank after a comma is of those who write lists
        assert code(admin.get(f"/api/layers/posts?bbox={wrong},0,6,6")) == "422 bad_bbox"
        assert code(admin.get(f"/ogc/collections/posts/items?bbox={wrong},0,6,6")) == "400 bad_bbox"
        minutes = f"/api/response?lon=100&lat=40&minutes=1,{wrong}"
        assert code(admin.get(minutes)) == "422 bad_minutes"


def test_numbers_in_every_plain_form_are_understood(admin: httpx.Client) -> None:
    put(admin, "posts", feature("p", {"type": "Point", "coordinates": [100, 40]}))
    for bbox in ("99,39,101,41", "99, 39, 101, 41", "99.,.39e2,1.01E+2,4100e-2", "-180,-90,180,90"):
        assert admin.get("/api/layers/posts", params={"bbox": bbox}).json()["numberReturned"] == 1
    assert admin.get("/api/layers/posts?limit=0005").status_code == 200
    wide = admin.get("/ogc/collections/posts/items", params={"filter": "households > ５"})
    assert code(wide) == "400 bad_filter"


def test_a_property_that_is_a_number_is_asked_for_as_one(admin: httpx.Client) -> None:
    place = {"type": "Point", "coordinates": [100, 40]}
    put(admin, "settlements", feature("three", place, households=3))
    put(admin, "settlements", feature("none", place))

    def ids(value: str) -> list[str]:
        path = "/ogc/collections/settlements/items"
        told = admin.get(f"{path}?households={value}").json()
        return [one["id"] for one in told["features"]]

    assert (ids("3"), ids("3.0"), ids("0.3e1"), ids("4")) == (["three"], ["three"], ["three"], [])
    assert ids("") == ["none"]  # as before: that have no value
    for wrong in ("٣", "３", "३", "%203", "%2B3", "0_3", "nan", "x"):
        refused = admin.get(f"/ogc/collections/settlements/items?households={wrong}")
        assert code(refused) == "400 bad_query", wrong
        assert "plain digits" in refused.json()["detail"]
    for language in ("households = '٣'", "households = ٣", "households IN (３)"):
        refused = admin.get("/ogc/collections/settlements/items", params={"filter": language})
        assert code(refused) == "400 bad_filter", language


@pytest.mark.parametrize(
    ("path", "status"),
    [("/ogc/collections", 400), ("/ogc", 400), ("/ogc/tileMatrixSets", 400), ("/api/layers", 422)],
)
def test_a_limit_of_what_is_never_in_pages_is_one_all_the_same(
    admin: httpx.Client, path: str, status: int
) -> None:
    assert admin.get(f"{path}?limit=5").status_code == 200
    for wrong in ("garbage", "0", "-1", "5.0", "٥", ""):
        assert code(admin.get(f"{path}?limit={wrong}")) == f"{status} bad_limit", wrong
    assert admin.get(f"{path}?limit=5&limit=x").status_code == status
