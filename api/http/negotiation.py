"""In which of the formats that a layer is written in a request wants it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from api.http.errors import ApiError
from layers.export import FORMATS, Format


class NotAcceptableError(ApiError):
    """The client takes none of the formats that there are."""

    def __init__(self, offered: Mapping[str, Format]) -> None:
        there = ", ".join(one.media_types[0] for one in offered.values())
        super().__init__(406, "not_acceptable", f"Accept: this is to be had as {there}")


def wanted(f: str | None, accept: Sequence[str], offered: Mapping[str, Format] = FORMATS) -> Format:
    """The format that ``f`` names, by its short name, its suffix or its media type; else what the
    Accept headers prefer of those that are ``offered``, the first where the client does not mind.

    Accept is RFC 9110's (12.5.1). Raises ApiError 422 for an ``f`` that names none,
    NotAcceptableError.
    """
    if f is not None:
        # The + of a media type is a space where it was not encoded in the address.
        named = _named(offered).get(f.strip().lower().replace(" ", "+"))
        if named is None:
            raise ApiError(422, "bad_format", f"f: give one of {', '.join(offered)}")
        return named
    there = [(media_type, one) for one in offered.values() for media_type in one.media_types]
    ranges = _ranges(", ".join(accept))
    if not ranges:
        return there[0][1]
    # Of those that it likes alike the one that it names, then the one that we offer first.
    best = max(there, key=lambda offer: _liking(offer[0], ranges))
    if _liking(best[0], ranges)[0] <= 0:
        raise NotAcceptableError(offered)
    return best[1]


def _named(offered: Mapping[str, Format]) -> dict[str, Format]:
    """What ``f`` may say: a format's name, its suffix or one of its media types."""
    return {
        name: one
        for one in offered.values()
        for name in (one.name, *(each.removeprefix(".") for each in one.suffixes), *one.media_types)
    }


def _ranges(accept: str) -> dict[str, float]:
    """Each media range, without its parameters, and its quality; what cannot be read is left."""
    found: dict[str, float] = {}
    for item in accept.split(","):
        media_range, *parameters = (part.strip().lower() for part in item.split(";"))
        weights = [p[2:] for p in parameters if p.startswith("q=")]
        try:
            quality = float(weights[0]) if weights else 1.0
        except ValueError:
            continue
        if media_range and 0 <= quality <= 1:
            found[media_range] = max(quality, found.get(media_range, 0.0))
    return found


def _liking(media_type: str, ranges: dict[str, float]) -> tuple[float, int]:
    """How much the client likes a media type, and how exactly it said so: the exactest counts."""
    group = media_type.partition("/")[0] + "/*"
    for exactness, media_range in ((2, media_type), (1, group), (0, "*/*")):
        if media_range in ranges:
            return ranges[media_range], exactness
    return 0.0, 0
