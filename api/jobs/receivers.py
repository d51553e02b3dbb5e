"""Where webhooks may go: an address is resolved once, checked, and used as it was checked.

Without this a subscription could make the service send requests into the network that it stands
in (server-side request forgery). A name is checked when it is given and again at every delivery,
as what it resolves to may change.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

import httpx

from layers.errors import BadSubscriptionError, RefusedAddressError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_MAX_URL = 2000  # characters

#: IANA's special-purpose registries (RFC 6890 and its updates), multicast and reserved space.
#: Spelled out, as what ``is_global`` says differs from one Python release to the next.
_NOT_PUBLIC_V4 = [
    IPv4Network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
        "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24",
        "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15",
        "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    )
]  # fmt: skip
#: Only 2000::/3 is given out, so ::1, ::, 64:ff9b::/96, fc00::/7, fe80::/10, fec0::/10 and ff00::/8
#: are refused for lying outside of it; these lie inside.
_GIVEN_OUT_V6 = IPv6Network("2000::/3")
_NOT_PUBLIC_V6 = [
    IPv6Network(text)
    for text in (
        "2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20",
    )
]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Receiver:
    """A URL whose addresses were checked."""

    url: httpx.URL = field(repr=False)  #: it may carry a secret in its query
    addresses: tuple[Address, ...]  #: what it resolves to, each allowed, in the resolver's order

    def requests(self) -> list[tuple[httpx.URL, dict[str, str], dict[str, str]]]:
        """URL, headers and httpx's extensions that reach it at each checked address in turn.

        The connection goes to the address; Host and the name that TLS asks for and verifies stay
        those of the URL.
        """
        host = self.url.raw_host.decode("ascii")
        extensions = {"sni_hostname": host.strip("[]")} if self.url.scheme == "https" else {}
        headers = {"Host": self.url.netloc.decode("ascii")}
        return [
            (self.url.copy_with(host=str(address)), headers, extensions)
            for address in self.addresses
        ]


def is_public(address: Address) -> bool:
    """Whether ``address`` is an ordinary one on the internet."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _NOT_PUBLIC_V4)
    return address in _GIVEN_OUT_V6 and not any(address in network for network in _NOT_PUBLIC_V6)


def is_allowed(address: Address, allowed: Sequence[Network]) -> bool:
    """Whether webhooks may go to ``address``: it is public, or the operator allows its network."""
    judged = address
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        judged = address.ipv4_mapped  # where the connection would really go
    return any(judged in network for network in allowed) or is_public(judged)


def parse(url: str) -> httpx.URL:
    """``url`` if it has the form of a receiver's; raises BadSubscriptionError."""
    if len(url) > _MAX_URL:
        raise BadSubscriptionError(f"url: longer than {_MAX_URL} characters")
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, UnicodeError) as error:
        raise BadSubscriptionError(f"url: {error}") from None
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise BadSubscriptionError("url: give an absolute http:// or https:// address")
    if parsed.userinfo:
        raise BadSubscriptionError(
            "url: no user or password in it; messages are signed with the subscription's secret"
        )
    if parsed.port is not None and not 1 <= parsed.port <= 65_535:
        raise BadSubscriptionError(f"url: there is no port {parsed.port}")
    return parsed.copy_with(fragment=None)


def check(url: str, *, allowed: Sequence[Network] = ()) -> Receiver:
    """Resolve and check a receiver; it blocks for as long as the resolver does.

    Raises BadSubscriptionError for a URL of the wrong form or a name that does not resolve, and
    RefusedAddressError when any of its addresses is neither public nor in ``allowed``.
    """
    parsed = parse(url)
    addresses = tuple(dict.fromkeys(_resolve(parsed)))
    for address in addresses:
        if not is_allowed(address, allowed):
            raise RefusedAddressError(
                f"url: {parsed.host} is {address}, which is not on the public internet; "
                "if webhooks may go there, add its network to PATROLGRID_WEBHOOK_ALLOW"
            )
    return Receiver(url=parsed, addresses=addresses)


def _resolve(url: httpx.URL) -> list[Address]:
    """Addresses of a URL's host, numbers in all the spellings that a resolver takes included."""
    port = url.port or (443 if url.scheme == "https" else 80)
    host = url.raw_host.decode("ascii").strip("[]")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        # An address with a zone (fe80::1%eth0) is link-local: its number alone decides.
        numbers = [str(entry[4][0]).partition("%")[0] for entry in found]
    except (OSError, UnicodeError, ValueError):
        raise BadSubscriptionError(f"url: the name {url.host} does not resolve") from None
    if not numbers:
        raise BadSubscriptionError(f"url: the name {url.host} has no address")
    return [ipaddress.ip_address(number) for number in numbers]
