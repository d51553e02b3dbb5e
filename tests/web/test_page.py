"""The map page in a real browser, on the running demo."""

from __future__ import annotations

import math
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import shapely
from playwright.sync_api import Browser, Error, Page, Request, Route, expect, sync_playwright
from shapely.geometry import shape

from service import Service

FLAGS = [
    "--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-quic",
    "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync",
]  # fmt: skip
#: On a machine with much else to do; nothing here is timed.
WITHIN_MS = 60_000
expect.set_options(timeout=WITHIN_MS)
DESK = {"width": 1000, "height": 700}
PHONE = {"width": 390, "height": 844}


@dataclass(kw_only=True)
class Visit:
    """A page in a window of its own, and what went on beside it."""

    page: Page
    origin: str
    faults: list[str] = field(default_factory=list)  #: errors in the console, scripts that failed
    strays: list[str] = field(default_factory=list)  #: requests to anybody else
    answers: dict[str, int] = field(default_factory=dict)  #: paths asked for, last status

    def watch(self) -> None:
        """Note what the page says and whom it asks."""
        self.page.on("console", lambda said: said.type == "error" and self.faults.append(said.text))
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.context.on("request", self._asked)
        self.page.context.on(
            "response",
            lambda answer: self.answers.update({httpx.URL(answer.url).path: answer.status}),
        )

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((f"{self.origin}/", "data:", f"blob:{self.origin}/")):
            self.strays.append(request.url)

    def await_idle(self) -> None:
        """Wait until the map has drawn all that it has."""
        self.page.locator("body[data-idle]").wait_for(timeout=WITHIN_MS)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    assert program is not None, "there is no chromium: run `make test`, which installs it"
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def client(demo_service: Service) -> Iterator[httpx.Client]:
    with demo_service.client() as client:
        yield client


@pytest.fixture(scope="module")
def checkpoint(client: httpx.Client) -> tuple[float, float]:
    """A checkpoint of the town, which stands on a road: lon, lat."""
    lon, lat = client.get("/api/layers/checkpoints").json()["features"][0]["geometry"][
        "coordinates"
    ]
    return lon, lat


@contextmanager
def _visit(
    browser: Browser, service: Service, pictures: Path, *, size: dict[str, int] = DESK,
    finger: bool = False,
) -> Iterator[Visit]:  # fmt: skip
    """A window of its own; what it showed is kept in ``pictures`` when something fails."""
    context = browser.new_context(
        viewport={"width": size["width"], "height": size["height"]},
        locale="en-GB", has_touch=finger, is_mobile=finger, reduced_motion="reduce",
    )  # fmt: skip
    page = context.new_page()
    visit = Visit(page=page, origin=service.url)
    visit.watch()
    try:
        yield visit
    except (AssertionError, Error):
        page.screenshot(path=pictures / "page.png")
        raise
    finally:
        context.close()


@pytest.fixture(scope="module")
def link(demo_service: Service) -> str:
    return demo_service.command("token", "link").stdout.strip()


def _open(visit: Visit, link: str, place: str = "") -> None:
    """Sign in beside the page, then load it once; ``place`` is the hash to look at."""
    visit.page.context.request.get(link)
    visit.page.goto(f"{visit.origin}/{place}")
    visit.await_idle()


def _middle(visit: Visit) -> tuple[float, float]:
    """The pixel that the hash of the address names: the middle of the map."""
    box = visit.page.locator("#map canvas").bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def _roundness(area: shapely.Geometry) -> float:
    """1 for a disc, less for anything else: the isoperimetric quotient, in metres."""
    lat = math.radians(area.centroid.y)
    metres = shapely.transform(area, lambda xy: xy * [111_320 * math.cos(lat), 110_940])
    quotient: float = 4 * math.pi * metres.area / metres.length**2
    return quotient


def _assert_three_nested_areas(found: dict[str, Any], place: tuple[float, float]) -> None:
    assert [f["properties"]["minutes"] for f in found["features"]] == [1, 3, 5]
    one, three, five = (shape(f["geometry"]) for f in found["features"])
    assert one.area < three.area < five.area
    # Borders may coincide to the last digit; beyond that the smaller is inside.
    assert one.difference(three).area < 1e-6 * one.area
    assert three.difference(five).area < 1e-6 * three.area
    assert one.buffer(1e-4).covers(shapely.Point(place))


def test_a_window_that_is_not_signed_in_is_told_how_to(
    browser: Browser, demo_service: Service, tmp_path: Path
) -> None:
    with _visit(browser, demo_service, tmp_path) as visit:
        visit.page.goto(demo_service.url)
        notice = visit.page.locator("#signin")
        notice.wait_for()
        for words in ("请登录", "Нэвтэрнэ үү", "Please sign in"):
            expect(notice).to_contain_text(words)
        assert visit.page.locator("#map").count() == 0
        assert visit.answers["/auth/session"] == 401
        assert not any(path.startswith(("/api/", "/tiles")) for path in visit.answers)
        assert visit.strays == []
        # The browser itself reports the 401, and there is nothing else to report.
        assert all("401" in fault for fault in visit.faults)


def test_a_token_opens_the_page_where_a_link_is_not_at_hand(
    browser: Browser, demo_service: Service, tmp_path: Path
) -> None:
    token = demo_service.command("token", "create", "--scope", "read").stdout.strip()
    with _visit(browser, demo_service, tmp_path) as visit:
        visit.page.goto(demo_service.url)
        visit.page.locator("#token").fill("pg_wrong")
        visit.page.keyboard.press("Enter")
        expect(visit.page.locator("#signin [role=alert]")).to_contain_text("not valid")
        visit.page.locator("#token").fill(token)
        visit.page.keyboard.press("Enter")
        visit.page.locator("#map canvas").wait_for()


def test_the_page_shows_units_breaches_and_coverage_and_asks_nobody_else(
    browser: Browser, demo_service: Service, client: httpx.Client, link: str, tmp_path: Path
) -> None:
    units = client.get("/api/units", params={"limit": 10_000}).json()["features"]
    breaches = client.get("/api/breaches", params={"limit": 10_000}).json()["features"]
    with _visit(browser, demo_service, tmp_path) as visit:
        page = visit.page
        page.goto(link)
        visit.await_idle()
        assert "code=" not in page.url
        page.locator("[data-breach]").first.wait_for()
        assert page.locator("[data-breach]").count() >= 8
        shown = {row.get_attribute("data-breach") for row in page.locator("[data-breach]").all()}
        assert shown >= {str(breach["id"]) for breach in breaches}
        page.locator('[data-tab="units"]').click()
        page.locator("[data-unit]").first.wait_for()
        assert page.locator("[data-unit]").count() == len(units)
        page.locator('[data-tab="coverage"]').click()
        legend = page.locator("#panel-coverage .legend")
        legend.wait_for()
        expect(legend).to_contain_text("Nobody has been")
        assert legend.locator(".swatch").count() >= 5
        expect(page.locator("#panel-coverage .totals")).to_contain_text("cells visited")
        page.locator('[data-tab="layers"]').click()
        expect(page.locator("#panel-layers")).to_contain_text("Invented")
        expect(page.locator("#problem")).to_be_hidden()
        expect(page.locator("#banner")).to_be_hidden()
        assert any(path.startswith("/tiles/") for path in visit.answers)
        assert [path for path, status in visit.answers.items() if status >= 400] == []
        assert visit.strays == []
        assert visit.faults == []


def _quiet_place(client: httpx.Client) -> tuple[str, float, float]:
    """A grid, and a place in it at which nothing stands: its id, lon, lat."""
    layers = ("settlements", "checkpoints", "posts", "cameras")
    told = [client.get(f"/api/layers/{one}?limit=10000").json()["features"] for one in layers]
    told.append(client.get("/api/units").json()["features"])
    there = shapely.MultiPoint(
        [one["geometry"]["coordinates"] for found in told for one in found if one["geometry"]]
    )
    grids = client.get("/api/layers/grids?level=gacha").json()["features"]
    inside = {one["id"]: shapely.point_on_surface(shape(one["geometry"])) for one in grids}
    best = max(inside, key=lambda one: inside[one].distance(there))
    return best, inside[best].x, inside[best].y


def test_coverage_is_drawn_from_tiles_and_a_click_tells_the_figures_of_the_cell(
    browser: Browser, demo_service: Service, client: httpx.Client, link: str, tmp_path: Path
) -> None:
    grid, lon, lat = _quiet_place(client)
    asked: list[httpx.URL] = []

    def tiles() -> list[httpx.URL]:
        return [url for url in asked if url.params.get("layers") == "coverage"]

    with _visit(browser, demo_service, tmp_path) as visit:
        page = visit.page
        page.on("request", lambda request: asked.append(httpx.URL(request.url)))
        with page.expect_response(re.compile("/tiles/.*layers=coverage"), timeout=WITHIN_MS) as one:
            _open(visit, link, f"#map=12/{lat}/{lon}&lang=en")
        assert one.value.status == 200
        page.locator('[data-tab="coverage"]').click()
        expect(page.locator("#panel-coverage .totals")).to_contain_text("cells visited")
        figures = [url.params for url in asked if url.path == "/api/coverage"]
        assert figures[0]["geometry"] == "false"
        window = {k: v for k, v in tiles()[0].params.items() if k not in {"layers", "v"}}
        assert window == {k: v for k, v in figures[0].items() if k != "geometry"}
        page.wait_for_timeout(2_000)  # what came last is drawn
        with page.expect_response(re.compile(f"/api/layers/grids/{grid}$")):
            page.mouse.click(*_middle(visit))
        told = client.get("/api/coverage", params={**window, "geometry": "false"}).json()
        [mine] = [each["properties"] for each in told["features"] if each["id"] == grid]
        expect(page.locator("#card")).to_contain_text(mine["name_en"] or mine["name"])
        expect(page.locator("#card")).to_contain_text("Share of area patrolled")
        assert visit.faults == []


def test_ground_that_no_post_looks_after_is_drawn_when_it_is_switched_on(
    browser: Browser, demo_service: Service, link: str, tmp_path: Path
) -> None:
    tiles: list[str] = []
    with _visit(browser, demo_service, tmp_path) as visit:
        page = visit.page
        page.on("request", lambda asked: tiles.append(asked.url))
        _open(visit, link, "#lang=en")
        page.locator('[data-tab="layers"]').click()
        switch = page.get_by_label("Looked after by no post")
        expect(switch).not_to_be_checked()
        assert not any("layers=unattended" in url for url in tiles)
        with page.expect_response(re.compile("/tiles/.*layers=unattended")) as drawn:
            switch.check()
        assert drawn.value.status == 200
        # Some of the tiles lie beyond the region, and have nothing.
        asked = [url for url in tiles if "layers=unattended" in url]
        assert any(b"unattended" in page.request.get(url).body() for url in asked)
        for language, words in (
            ("中文", "无服务站照管的地区"),
            ("Монгол", "Цэг хариуцаагүй нутаг"),
        ):
            page.get_by_role("button", name=language, exact=True).click()
            expect(page.get_by_label(words)).to_be_checked()
        assert visit.faults == []


def test_a_click_near_a_road_shows_three_nested_areas_that_are_no_discs(
    browser: Browser, demo_service: Service, client: httpx.Client, link: str, tmp_path: Path,
    checkpoint: tuple[float, float],
) -> None:  # fmt: skip
    lon, lat = checkpoint
    with _visit(browser, demo_service, tmp_path) as visit:
        _open(visit, link, f"#map=14/{lat}/{lon}&lang=en")
        with visit.page.expect_request(re.compile("/api/response")) as asked:
            visit.page.mouse.click(*_middle(visit), button="right")
        visit.page.locator('body[data-response="3"]').wait_for()
        rows = visit.page.locator("#card .bands li")
        expect(rows).to_have_count(3)
        expect(visit.page.locator("#card")).to_contain_text("within 5 min")
        query = httpx.URL(asked.value.url).params
        assert visit.faults == []
        assert visit.strays == []
    place = float(query["lon"]), float(query["lat"])
    assert place == pytest.approx((lon, lat), abs=2e-4)  # two pixels at that zoom
    found = client.get("/api/response", params=dict(query)).json()
    assert found["origin"]["road_m"] < 50
    _assert_three_nested_areas(found, place)
    assert _roundness(shape(found["features"][-1]["geometry"])) < 0.6


def test_far_from_any_road_the_areas_are_nearly_discs(client: httpx.Client) -> None:
    """What tells roads from open ground in the test before is the road, not the drawing."""
    found = client.get("/api/response", params={"lon": 104.9, "lat": 41.12}).json()
    place = found["origin"]["lon"], found["origin"]["lat"]
    assert found["origin"]["road_m"] > 3000
    _assert_three_nested_areas(found, place)
    assert _roundness(shape(found["features"][-1]["geometry"])) > 0.9


def test_the_page_speaks_the_languages_of_those_who_use_it(
    browser: Browser, demo_service: Service, link: str, tmp_path: Path
) -> None:
    spoken = {
        "中文": ("zh", ["越界事件", "巡逻单元", "巡逻覆盖", "萨日乃旗", "烽燧群", "虚构数据"]),
        "Монгол": ("mn", ["Зөрчил", "Нэгж", "Хамралт", "Сарнай хошуу", "Дохионы цамхгууд"]),
    }
    with _visit(browser, demo_service, tmp_path) as visit:
        _open(visit, link)
        page = visit.page
        for button, (code, words) in spoken.items():
            page.get_by_role("button", name=button, exact=True).click()
            for word in words:
                expect(page.locator("body")).to_contain_text(word)
            expect(page.locator("#tabs")).not_to_contain_text("Breaches")
            expect(page.locator("html")).to_have_attribute("lang", re.compile(f"^{code}-"))
            assert f"lang={code}" in page.url  # so that a reload and a link keep it
        assert visit.faults == []


def test_on_a_phone_the_map_is_free_and_a_sheet_opens_over_it(
    browser: Browser, demo_service: Service, link: str, tmp_path: Path,
    checkpoint: tuple[float, float],
) -> None:  # fmt: skip
    lon, lat = checkpoint
    with _visit(browser, demo_service, tmp_path, size=PHONE, finger=True) as visit:
        _open(visit, link, f"#map=14/{lat}/{lon}&lang=en")
        page = visit.page
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        expect(page.locator("#panel-breaches")).to_be_hidden()
        page.locator('[data-tab="breaches"]').tap()
        page.locator("[data-breach]").first.wait_for()
        box = page.locator("#panel-breaches").bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= PHONE["width"]
        page.locator('[data-tab="breaches"]').tap()
        expect(page.locator("#panel-breaches")).to_be_hidden()
        page.get_by_role("button", name="Reach from the map's centre").tap()
        page.locator('body[data-response="3"]').wait_for()
        assert visit.faults == []
        assert visit.strays == []


def test_a_lost_link_is_said_and_what_was_shown_stays(
    browser: Browser, demo_service: Service, link: str, tmp_path: Path,
    checkpoint: tuple[float, float],
) -> None:  # fmt: skip
    lon, lat = checkpoint

    def cut(route: Route) -> None:
        route.abort("connectionfailed")

    with _visit(browser, demo_service, tmp_path) as visit:
        _open(visit, link, f"#map=14/{lat}/{lon}&lang=en")
        page = visit.page
        page.locator("[data-breach]").first.wait_for()
        page.route("**/api/**", cut)
        page.mouse.click(*_middle(visit), button="right")
        expect(page.locator("#banner")).to_contain_text("No link since")
        assert page.locator("[data-breach]").count() >= 8
        page.unroute("**/api/**", cut)
