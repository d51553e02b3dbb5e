"""The region file: the demo's own is right, and each mistake is refused in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from layers.region import KINDS, Region, RegionError

DEMO = Path(__file__).parents[2] / "fixtures" / "region.toml"


@pytest.fixture(scope="module")
def region() -> Region:
    return Region.read(DEMO)


def test_the_demos_region_has_the_designs_figures(region: Region) -> None:
    assert {kind: region.kind(kind).top_speed_ms for kind in KINDS} == {
        "vehicle": 50, "motorcycle": 50, "horse": 15, "foot": 5, "drone": 40, "robot": 5,
        "collar": 15, "sensor": 0,
    }  # fmt: skip
    assert {
        kind: region.kind(kind).max_gap_s for kind in KINDS if kind != "collar"
    } == dict.fromkeys([kind for kind in KINDS if kind != "collar"], 600)
    assert region.kind("collar").max_gap_s == 14_400
    assert region.swath_m == 500
    assert region.minutes == (1, 3, 5)
    assert region.timezone.key == "Asia/Shanghai"
    assert region.retention_days is None


def test_levels_are_ordered_and_two_words_may_share_a_rank(region: Region) -> None:
    assert [level.word for level in region.levels] == [
        "banner",
        "sumu",
        "gacha",
        "community",
        "cell",
    ]
    assert region.level_rank("gacha") == region.level_rank("community") == 3
    assert region.lowest_level == "cell"


def test_what_the_region_does_not_have_is_refused_by_name(region: Region) -> None:
    with pytest.raises(
        RegionError, match="'parish' is not one of this region's: use one of banner"
    ):
        region.level_rank("parish")
    with pytest.raises(RegionError, match="'ship' is none: use one of vehicle"):
        region.kind("ship")
    with pytest.raises(RegionError, match="'ship' is none"):
        region.mode("ship")


@pytest.mark.parametrize(
    ("age_s", "freshness"),
    [(0, "fresh"), (120, "fresh"), (121, "ageing"), (900, "ageing"), (901, "stale"),
     (86_400, "stale"), (86_401, "silent"), (None, "silent")],
)  # fmt: skip
def test_freshness_goes_by_the_age_of_the_latest_fix(
    region: Region, age_s: float | None, freshness: str
) -> None:
    assert region.kind("vehicle").freshness(age_s) == freshness


def test_a_roads_own_limit_and_surface_slow_a_mode_down(region: Region) -> None:
    vehicle = region.mode("vehicle")
    assert vehicle.road_kmh("primary") == 80
    assert vehicle.road_kmh("primary", limit_kmh=60) == 60
    assert vehicle.road_kmh("track", limit_kmh=60, surface="sand") == 18
    assert vehicle.road_kmh("bridleway") == vehicle.road_kmh(None) == 30
    assert region.mode("drone").straight


NOTE = 'note = { zh = "虚构数据：并无此旗", mn = "Зохиомол: ийм хошуу байхгүй", '


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (None, {"en": "Invented: no such banner exists"}),
        ('note = "For all"\n#', {"zh": "For all", "mn": "For all", "en": "For all"}),
        ("#", {}),
    ],
)
def test_a_note_is_by_language_or_one_for_all_or_none(
    tmp_path: Path, written: str | None, read: dict[str, str]
) -> None:
    text = DEMO.read_text(encoding="utf-8")
    assert NOTE in text
    path = tmp_path / "mine.toml"
    path.write_text(text.replace(NOTE, written or NOTE), encoding="utf-8")
    assert read.items() <= dict(Region.read(path).note or {}).items()
    assert bool(read) == (Region.read(path).note is not None)


MISTAKES = [
    (NOTE, "note = { ", r"\[region.note\] zh is missing"),
    (NOTE, "note = 7 #", r"\[region\] note is 7: give text"),
    ('timezone = "Asia/Shanghai"', 'timezone = "Asia/Nowhere"', r"\[region\] timezone .*IANA name"),
    ('timezone = "Asia/Shanghai"', "", r"\[region\] timezone is missing: add it"),
    ('languages = ["zh", "mn", "en"]', "languages = []", r"\[region\] languages"),
    (
        'languages = ["zh", "mn", "en"]',
        'languages = ["zh", "fr"]',
        r"\[region.name\] fr is missing",
    ),
    ("bbox = [101.9, 40.3, 106.5, 42.8]", "bbox = [106.5, 40.3, 101.9, 42.8]", r"bbox .* west"),
    ("bbox = [101.9, 40.3, 106.5, 42.8]", 'bbox = [1, 2, 3, "n"]', r"bbox .* west"),
    ("bbox = [101.9, 40.3, 106.5, 42.8]", "bbox = 7", r"bbox .* west"),
    ('id = "sarnai"', 'id = "My Region"', r"\[region\] id .*lower-case"),
    ("swath_m = 500", "swath_m = -1", r"\[coverage\] swath_m is -1: give a number above 0"),
    ("swath_m = 500", "swath_m = 400", r"kept_swaths_m lacks swath_m: add 400"),
    (
        "[kind.foot]",
        "[kind.foot]\nswath_m = 0",
        r"\[kind.foot\] swath_m is 0: give a number above 0",
    ),
    ("swath_m = 500", "swath = 500", r"\[coverage\] swath_m is missing"),
    ("minutes = [1, 3, 5]", "minutes = [5, 3]", r"\[response\] minutes .*rising"),
    ("minutes = [1, 3, 5]", "minutes = 5", r"\[response\] minutes .*list of numbers"),
    ("# retention_days = 730", "retention_days = 0", r"retention_days is 0: .*at least 1"),
    ("rank = 4", "rank = 5", r"level has ranks \[1, 2, 3, 3, 5\]"),
    ("rank = 4", "rank = 3", r"level has several words of the last rank"),
    ("rank = 4", 'rank = "low"', r"\[level 5\] rank is 'low': give a whole number"),
    ('word = "sumu"', 'word = "banner"', r"level has a word twice"),
    ("max_gap_s = 14400", "max_gap = 14400", r"\[kind.collar\] max_gap_s is missing"),
    ("max_gap_s = 14400", "max_gap_s = 14400\nmax_gap = 1", r"max_gap is not .*mean 'max_gap_s'"),
    ("max_gap_s = 14400", "max_gap_s = nan", r"\[kind.collar\] max_gap_s is nan"),
    ("max_gap_s = 14400", "max_gap_s = true", r"\[kind.collar\] max_gap_s is True"),
    ("worst_accuracy_m = 250", "worst_accuracy_m = 2", r"worst_accuracy_m is below accuracy_m 12"),
    ("fresh_s = 5400", "fresh_s = 99999", r"\[kind.collar\] stale_s is out of order"),
    ('mode = "robot"', 'mode = "tank"', r"\[kind.robot\] mode is 'tank': give one of"),
    ("[kind.sensor]", "[kind.sonar]", r"\[kind\] sensor is missing"),
    ("[kind.sensor]", "[kind.ship]\nx = 1\n[kind.sensor]", r"\[kind\] ship is not a known key"),
    ("off_road_kmh = 4.5", "off_road_kmh = 0", r"\[mode.foot\] off_road_kmh is 0"),
    ("roads_kmh = { other = 14 }", "roads_kmh = { track = 9 }", r"\[mode.horse\] roads_kmh has no"),
    ("roads_kmh = { other = 14 }", "roads_kmh = 14", r"roads_kmh is not a table"),
    ("\nstraight = true", '\nstraight = "yes"', r"straight is 'yes': give true or false"),
    ("[fixes]", "[colour]\nx = 1\n[fixes]", r"colour is not a known key: remove it"),
]


@pytest.mark.parametrize(("right", "wrong", "complaint"), MISTAKES)
def test_a_mistake_is_refused_in_one_line_that_names_file_and_place(
    tmp_path: Path, right: str, wrong: str, complaint: str
) -> None:
    text = DEMO.read_text(encoding="utf-8")
    assert right in text
    path = tmp_path / "mine.toml"
    path.write_text(text.replace(right, wrong, 1), encoding="utf-8")
    with pytest.raises(RegionError, match=complaint) as refusal:
        Region.read(path)
    assert str(refusal.value).startswith(f"{path}: ")
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"[region\n", "is not TOML: .*line 1"),
        (b"\xff\xfe", "is not UTF-8 text"),
        (b"", r"region is missing"),
        (b"region = 3", r"region is not a table"),
        (None, r"cannot be read \(No such file"),
    ],
)
def test_a_file_that_is_no_region_file_is_refused(
    tmp_path: Path, content: bytes | None, complaint: str
) -> None:
    path = tmp_path / "region.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RegionError, match=complaint):
        Region.read(path)
