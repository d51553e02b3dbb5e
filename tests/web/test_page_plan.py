"""The plan on the page: how it is kept, where to go next, and the place that is opened."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect

from service import Service
from tests.web import test_page
from tests.web.test_page import DESK, PHONE, _open, _visit

browser, client, link = test_page.browser, test_page.client, test_page.link


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_the_plan_is_a_list_the_worst_first_and_opens_what_is_clicked(
    browser: Browser, demo_service: Service, client: httpx.Client, link: str, tmp_path: Path,
    size: dict[str, int],
) -> None:  # fmt: skip
    told = client.get("/api/plan", params={"limit": 50, "places": "false"}).json()
    with _visit(browser, demo_service, tmp_path, size=size, finger=size is PHONE) as visit:
        page = visit.page
        _open(visit, link, "#lang=en")
        page.locator('[data-tab="plan"]').click()
        panel = page.locator("#panel-plan")
        panel.locator(".next-place").first.wait_for()
        assert panel.locator(".duties li").count() == len(told["duties"])
        expect(panel.locator(".duties")).to_contain_text("Three rounds a day of the town")
        assert panel.locator(".next-place").count() == 50
        first = told["next"][0]
        row = panel.locator(f'[data-place="{first["id"]}"]')
        expect(row).to_contain_text(first["name_en"] or first["name"])
        row.click()
        card = page.locator("#card")
        expect(card).to_contain_text("Rounds")
        expect(card).to_contain_text(f"{first['rounds']} of {first['required']}")
        assert visit.faults == []
        assert visit.strays == []


def test_one_duty_alone_and_in_three_languages(
    browser: Browser, demo_service: Service, link: str, tmp_path: Path
) -> None:
    with _visit(browser, demo_service, tmp_path) as visit:
        page = visit.page
        _open(visit, link, "#lang=zh")
        page.locator('[data-tab="plan"]').click()
        panel = page.locator("#panel-plan")
        panel.locator(".next-place").first.wait_for()
        panel.locator("#duty").select_option("posts")
        expect(panel.locator(".duties li")).to_have_count(1)
        expect(panel.locator(".duties")).to_contain_text("服务站每周一访")
        assert panel.locator("#duty option").count() == 6  # all of them can still be chosen
        page.get_by_role("button", name="Монгол", exact=True).click()
        expect(panel.locator(".duties")).to_contain_text("Пост бүр долоо хоногт нэг")
        panel.locator("#duty").select_option("")
        expect(panel.locator(".duties li")).to_have_count(5)
        assert visit.faults == []
