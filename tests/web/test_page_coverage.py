"""Coverage on the page: what is asked, what is drawn of the answer, and how long it takes."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from service import Service
from tests.web import test_page
from tests.web.test_page import PHONE, WITHIN_MS, Visit

browser, client, link = test_page.browser, test_page.client, test_page.link
SERIES = re.compile("/api/coverage/series")


def _asked(page: Page) -> list[httpx.URL]:
    """What the page asks of /api/coverage from now on, as it goes."""
    found: list[httpx.URL] = []

    def note(url: httpx.URL) -> None:
        if url.path == "/api/coverage":
            found.append(url)

    page.on("request", lambda request: note(httpx.URL(request.url)))
    return found


def _panel(visit: Visit) -> Locator:
    visit.page.locator('[data-tab="coverage"]').click()
    panel = visit.page.locator("#panel-coverage")
    expect(panel.locator(".totals")).to_contain_text("cells visited")
    return panel


def _open_cell(visit: Visit) -> Locator:
    """The card of the grid in the middle of the map."""
    visit.page.wait_for_timeout(2_000)  # what came last is drawn
    visit.page.mouse.click(*test_page._middle(visit))
    card = visit.page.locator("#card")
    expect(card).to_contain_text("Share of area patrolled")
    return card


def test_a_swath_is_sent_only_when_somebody_chose_one(
    browser: Browser,
    demo_service: Service,
    link: str,
    tmp_path: Path,
) -> None:
    with test_page._visit(browser, demo_service, tmp_path) as visit:
        asked = _asked(visit.page)
        test_page._open(visit, link, "#lang=en")
        panel = _panel(visit)
        assert asked
        assert all("swath_m" not in url.params for url in asked)
        expect(panel).to_contain_text("Read from what is kept up")
        swath = panel.locator("#swath")
        expect(swath.locator("option:checked")).to_have_text("Each kind's own")
        with visit.page.expect_response(re.compile(r"/tiles/.*swath_m=200")):
            swath.select_option("200")
        expect(panel).to_contain_text("Computed for this swath")
        assert asked[-1].params["swath_m"] == "200"
        swath.select_option("")
        expect(panel).to_contain_text("Read from what is kept up")
        assert "swath_m" not in asked[-1].params
        assert visit.faults == []


def test_the_card_of_a_cell_shows_its_figures_and_when_they_were_made(
    browser: Browser,
    demo_service: Service,
    client: httpx.Client,
    link: str,
    tmp_path: Path,
) -> None:
    grid, lon, lat = test_page._quiet_place(client)
    with test_page._visit(browser, demo_service, tmp_path) as visit:
        page = visit.page
        asked = _asked(page)
        test_page._open(visit, link, f"#map=12/{lat}/{lon}&lang=en")
        _panel(visit)
        with page.expect_response(SERIES) as answered:
            card = _open_cell(visit)
        told = answered.value.json()
        query = httpx.URL(answered.value.url).params
        assert (query["grid"], query["every"]) == (grid, "day")
        parts = [one["grids"][grid] for one in told["series"]]
        days = card.locator(".bars").first.locator("li")
        expect(days).to_have_count(len(parts))
        for shown, part in zip(days.all(), parts, strict=True):
            height = shown.locator("i").evaluate("bar => bar.getBoundingClientRect().height")
            assert (height > 0) == (part["visited_share"] > 0)
        [mine] = [
            one["properties"]
            for one in client.get("/api/coverage", params=dict(asked[0].params)).json()["features"]
            if one["id"] == grid
        ]
        for words in ("Since the last visit", "Longest unvisited"):
            expect(card.locator(".meter", has_text=words)).to_have_count(1)
        for name, word in (("visits", "Visits"), ("patrols", "Patrols"), ("units", "Units")):
            number = card.locator(".tally > div", has_text=word).locator("dd")
            expect(number).to_have_text(f"{mine[name]:,}")
        with page.expect_response(re.compile("/api/coverage.*by=hour")) as answered:
            card.locator("#by-hour").click()
        hours = card.locator(".bars").nth(1).locator("li")
        expect(hours).to_have_count(24)
        [one] = answered.value.json()["features"]
        assert one["id"] == grid
        for hour, shown in enumerate(hours.all()):
            part = one["properties"].get("parts", {}).get(f"{hour:02d}")
            height = shown.locator("i").evaluate("bar => bar.getBoundingClientRect().height")
            assert (height > 0) == bool(part and part["patrol_s"])
        assert visit.faults == []


def test_cells_are_coloured_by_share_or_by_how_long_ago_and_the_legend_follows_the_window(
    browser: Browser,
    demo_service: Service,
    link: str,
    tmp_path: Path,
) -> None:
    with test_page._visit(browser, demo_service, tmp_path) as visit:
        test_page._open(visit, link, "#lang=en")
        panel = _panel(visit)
        legend = panel.locator(".legend")
        expect(legend).to_contain_text("25 % – 50 %")
        before = panel.page.locator("#map canvas").screenshot()
        panel.locator("label", has_text="Last visit").click()
        expect(legend).to_contain_text("1 d – 2 d")
        expect(legend).to_contain_text("less than 12 h")
        visit.page.wait_for_timeout(1_000)
        assert panel.page.locator("#map canvas").screenshot() != before
        panel.locator("label", has_text="24 hours").click()
        expect(legend).to_contain_text("3 h – 6 h")
        panel.locator("label", has_text="30 days").click()
        expect(legend).to_contain_text("21 d or more")
        assert visit.faults == []


def test_an_answer_that_takes_long_has_a_bar_and_one_that_is_there_has_none(
    browser: Browser,
    demo_service: Service,
    link: str,
    tmp_path: Path,
) -> None:
    with test_page._visit(browser, demo_service, tmp_path) as visit:
        page = visit.page
        test_page._open(visit, link, "#lang=en")
        panel = _panel(visit)
        bar = panel.locator("progress")
        expect(bar).to_be_hidden()
        held: list[Route] = []
        watched = threading.Event()
        page.on("request", lambda one: "/api/coverage/progress?" in one.url and watched.set())

        def hold(route: Route) -> None:
            held.append(route)

        page.route(re.compile(r"/api/coverage\?.*swath_m=2000"), hold)
        panel.locator("#swath").select_option("2000")
        expect(bar).to_be_visible()
        assert watched.is_set()
        held[0].continue_()
        expect(panel).to_contain_text("Computed for this swath")
        expect(bar).to_be_hidden()
        assert visit.faults == []


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("zh", ("各类单元的默认值", "读自持续更新的结果", "着色依据", "距上次到访")),
        ("mn", ("Төрөл бүрийн өөрийн", "Шинэчлэгдсээр буй дүнгээс", "Сүүлд очсоноос")),
        ("en", ("Each kind's own", "Read from what is kept up", "Coloured by")),
    ],
)
def test_on_a_phone_the_panel_and_the_card_keep_to_its_width_in_every_language(
    browser: Browser, demo_service: Service, client: httpx.Client, link: str, tmp_path: Path,
    language: str, words: tuple[str, ...],
) -> None:  # fmt: skip
    _, lon, lat = test_page._quiet_place(client)
    with test_page._visit(browser, demo_service, tmp_path, size=PHONE, finger=True) as visit:
        page = visit.page
        test_page._open(visit, link, f"#map=12/{lat}/{lon}&lang={language}")
        page.locator('[data-tab="coverage"]').tap()
        panel = page.locator("#panel-coverage")
        panel.locator(".meter").first.wait_for(timeout=WITHIN_MS)
        for word in words:
            expect(panel).to_contain_text(word)
        page.wait_for_timeout(2_000)  # what came last is drawn, and the map has moved up
        with page.expect_response(SERIES):
            page.touchscreen.tap(PHONE["width"] / 2, 180)
        card = page.locator("#card")
        card.locator(".bars").first.wait_for(timeout=WITHIN_MS)
        for box in (panel, card):
            assert box.evaluate("one => one.scrollWidth <= one.clientWidth")
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        assert visit.faults == []
