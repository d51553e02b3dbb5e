"""Subscriptions over HTTP: where webhooks may not go, and what may be said of them."""

from __future__ import annotations

import httpx
import pytest

from api.settings import Settings
from tests.api.api_words import code


@pytest.fixture
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings that allow no private address."""
    return Settings(data_dir=tmp_path_factory.mktemp("data"))


def test_a_subscription_goes_to_public_addresses_only(admin: httpx.Client) -> None:
    for url in (
        "http://127.0.0.1/", "http://localhost/x", "http://[::1]/", "http://2130706433/",
        "http://0x7f.1/", "http://10.0.0.1", "http://169.254.169.254/latest", "http://0/",
        "http://[::ffff:127.0.0.1]/", "http://[::]/",
    ):  # fmt: skip
        answer = admin.post("/api/subscriptions", json={"url": url})
        assert code(answer) == "422 refused_address", url
    for url in ("ftp://1.1.1.1", "x", "javascript:alert(1)", "http://u:p@1.1.1.1/",
                "http://1.1.1.1:0", "http://1.1.1.1/\n"):  # fmt: skip
        answer = admin.post("/api/subscriptions", json={"url": url})
        assert code(answer) == "422 bad_subscription", url


def test_a_subscription_is_made_shown_changed_and_ended(admin: httpx.Client) -> None:
    good = {"url": "http://1.1.1.1/hook", "types": ["breach.opened"]}
    made = admin.post("/api/subscriptions", json=good)
    path = made.headers["Location"]
    assert made.json()["secret"].startswith("whsec_")
    assert "secret" not in admin.get(path).json()
    assert admin.get(f"{path}/deliveries").json()["deliveries"] == []
    assert admin.get(f"{path}/deliveries?state=bad").status_code == 422
    assert admin.post(f"{path}/replay", json={}).json() == {"deliveries": 0}
    assert admin.post(f"{path}/replay", json={"since": "x"}).status_code == 422
    private = {"url": "http://127.0.0.1/"}
    assert code(admin.put(path, json=private)) == "422 refused_address"
    assert admin.put(path, json={**good, "active": False}).json()["active"] is False
    unknown = admin.post("/api/subscriptions", json={**good, "types": ["nope"]})
    assert code(unknown) == "422 bad_subscription"
    nul = admin.post("/api/subscriptions", json={**good, "note": "a\0"})
    assert code(nul) == "422 bad_value"
    assert admin.delete(path).status_code == 204
    assert code(admin.get(path)) == "404 no_such_subscription"
