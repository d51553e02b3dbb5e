"""Where webhooks may go: nowhere but to public addresses, and to networks that are allowed."""

from __future__ import annotations

import socket
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.jobs.receivers import check, is_allowed, is_public, parse
from layers.errors import BadSubscriptionError, RefusedAddressError

LOOPBACK = ip_network("127.0.0.0/8")

NOT_PUBLIC = [
    "0.0.0.0", "0.1.2.3", "10.1.2.3", "100.64.0.1", "127.0.0.1", "127.8.9.10", "169.254.169.254",
    "172.16.0.1", "172.31.255.255", "192.0.0.8", "192.0.2.1", "192.88.99.1", "192.168.1.1",
    "198.18.0.1", "198.19.255.255", "198.51.100.7", "203.0.113.7", "224.0.0.1", "239.1.2.3",
    "240.0.0.1", "255.255.255.255",
    "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1",
    "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::", "3fff::1", "5f00::1",
    "fc00::1", "fd12::1", "fe80::1", "fec0::1", "ff02::1", "ff0e::1",
]  # fmt: skip
PUBLIC = ["1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "::ffff:1.1.1.1"]


@pytest.mark.parametrize("number", NOT_PUBLIC)
def test_an_address_that_is_not_public_is_refused(number: str) -> None:
    assert not is_allowed(ip_address(number), [])


@pytest.mark.parametrize("number", PUBLIC)
def test_a_public_address_is_allowed(number: str) -> None:
    assert is_allowed(ip_address(number), [])


@given(st.ip_addresses(v=4))
def test_what_python_calls_private_is_never_public(address) -> None:
    if address.is_private or address.is_multicast or address.is_reserved:
        assert not is_public(address)


def test_an_allowed_network_opens_itself_and_no_more() -> None:
    allowed = [ip_network("10.20.0.0/16"), ip_network("fd00:1::/32")]
    assert is_allowed(ip_address("10.20.3.4"), allowed)
    assert is_allowed(ip_address("::ffff:10.20.3.4"), allowed)  # where it really goes
    assert is_allowed(ip_address("fd00:1::9"), allowed)
    assert not is_allowed(ip_address("10.21.0.1"), allowed)
    assert not is_allowed(ip_address("fd00:2::9"), allowed)


@pytest.mark.parametrize(
    "host",
    ["localhost", "127.1", "0x7f.0.0.1", "2130706433", "017700000001", "[::1]", "[::ffff:7f00:1]"],
)
def test_loopback_is_refused_however_it_is_spelled(host: str) -> None:
    with pytest.raises((RefusedAddressError, BadSubscriptionError)):
        check(f"http://{host}:8080/in")


def test_a_refusal_names_the_setting_that_would_allow_it() -> None:
    with pytest.raises(RefusedAddressError, match=r"127\.0\.0\.1.*PATROLGRID_WEBHOOK_ALLOW"):
        check("https://127.0.0.1/in?key=hidden")


def test_a_name_with_one_private_address_among_public_ones_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def resolve(*_: object, **__: object) -> list[object]:
        return [(0, 0, 0, "", (number, 443)) for number in ("1.1.1.1", "10.0.0.1")]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with pytest.raises(RefusedAddressError, match=r"10\.0\.0\.1"):
        check("https://hooks.example/in")
    assert len(check("https://hooks.example/in", allowed=[ip_network("10.0.0.0/8")]).addresses) == 2


def test_a_link_local_address_with_a_zone_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda *_, **__: [(0, 0, 0, "", ("fe80::1%eth0", 80, 0, 2))]
    )
    with pytest.raises(RefusedAddressError):
        check("http://hooks.example/in")


def test_a_name_that_does_not_resolve_is_refused_in_a_line() -> None:
    with pytest.raises(BadSubscriptionError, match=r"hooks\.invalid does not resolve"):
        check("http://hooks.invalid/in")


@pytest.mark.parametrize(
    "url",
    [
        "ftp://hooks.example/in", "file:///etc/passwd", "//hooks.example/in", "hooks.example",
        "http:///in", "", "http://user@hooks.example/", "https://user:word@hooks.example/",
        "http://hooks.example:0/", "http://hooks.example:99999/", "http://[::1/",
        "https://hooks.example/" + "a" * 2000, "http://hooks.example/\n",
    ],
)  # fmt: skip
def test_a_url_of_another_form_is_refused(url: str) -> None:
    with pytest.raises(BadSubscriptionError, match="url: "):
        parse(url)


def test_the_request_goes_to_the_checked_address_under_the_name_of_the_url() -> None:
    url = "https://localhost:8443/in?a=b#part"
    (first, *_) = check(url, allowed=[LOOPBACK, ip_network("::1")]).requests()
    target, headers, extensions = first
    assert target.host in {"127.0.0.1", "::1"}
    assert (target.scheme, target.port, target.raw_path) == ("https", 8443, b"/in?a=b")
    assert headers == {"Host": "localhost:8443"}
    assert extensions == {"sni_hostname": "localhost"}
