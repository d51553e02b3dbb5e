"""Requests that never become any: what the server itself refuses is a problem document, too."""

from __future__ import annotations

from http import HTTPStatus

from starlette.responses import Response
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.http.app import SAFE_HEADERS
from api.http.errors import problem

#: The parser (httptools) counts the places in an address in 16 bits.
MOST_ADDRESS_BYTES = 65_535


class Protocol(HttpToolsProtocol):
    """uvicorn's HTTP on a connection, but for what it answers where it cannot read a request."""

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - its words for all faults are one
        """Answer 414 for an address that is too long, else 400; and close the connection."""
        length = len(getattr(self, "url", b""))
        answer = problem(400, "bad_request", "this is no HTTP request that can be read: mend it")
        if length > MOST_ADDRESS_BYTES:
            answer = problem(
                414, "address_too_long",
                f"the address has {length:,} bytes, and {MOST_ADDRESS_BYTES:,} at most can be read:"
                " ask in parts, or for a larger area and sort out there",
            )  # fmt: skip
        self.transport.write(_on_the_wire(answer))
        self.transport.close()


def _on_the_wire(answer: Response) -> bytes:
    status = HTTPStatus(answer.status_code)
    headers = [*answer.raw_headers, *SAFE_HEADERS, (b"connection", b"close")]
    head = [f"HTTP/1.1 {status.value} {status.phrase}".encode()]
    head += [name + b": " + value for name, value in headers]
    return b"\r\n".join([*head, b"", bytes(answer.body)])
