"""What Traccar Client, OsmAnd and others that speak the OsmAnd protocol send.

Two forms: parameters of an address or a form, one fix with its speed in knots; and JSON, with one
or several fixes and their speed in metres a second
(https://www.traccar.org/osmand/, Traccar's OsmAndProtocolDecoder).
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl

from api.intake import records, values
from api.intake.moments import moment
from layers.errors import BadFixesError

Fix = dict[str, object]

_MS_IN_A_KNOT = 1852 / 3600
_IDENTITY = ("id", "deviceid", "device_id")
_MOST_PARAMETERS = 200
#: Beyond every kind's worst: the device itself says that it has no position.
_NO_POSITION_M = float("inf")


def parameters(text: str) -> dict[str, str]:
    """Parameters of an address or a form. Raises BadFixesError for more than any app has."""
    try:
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_PARAMETERS))
    except ValueError:
        raise BadFixesError(f"there are more than {_MOST_PARAMETERS} parameters") from None


def of_parameters(given: Mapping[str, str]) -> list[Fix]:
    """The fix that parameters tell. Raises BadFixesError where they tell none at all.

    ``hdop`` is not kept: it says nothing in metres.
    """
    lat, lon = given.get("lat"), given.get("lon")
    if "location" in given:
        lat, _, lon = given["location"].partition(",")
    if lat is None and lon is None and "timestamp" not in given:
        raise BadFixesError("there is no fix: the app sends id, lat, lon and timestamp")
    accuracy_m: object = given.get("accuracy")
    if given.get("valid", "").lower() in {"false", "0"}:
        accuracy_m = _NO_POSITION_M
    return [
        {
            "unit": next((given[name] for name in _IDENTITY if name in given), None),
            "time": moment(given.get("timestamp")),
            "lon": lon,
            "lat": lat,
            "accuracy_m": accuracy_m,
            "speed_ms": values.number(given.get("speed")) * _MS_IN_A_KNOT,
            "heading_deg": given.get("bearing", given.get("heading")),
            "altitude_m": given.get("altitude"),
            "battery": given.get("batt"),
        }
    ]


def of_json(body: bytes) -> list[Fix]:
    """The fixes of a JSON body: ``location`` is one or a list. Raises BadFixesError."""
    found = records.value(body, "the body")
    if not isinstance(found, dict) or "location" not in found:
        raise BadFixesError("the body has no location: the app sends device_id and location")
    unit = next((found[name] for name in _IDENTITY if name in found), None)
    located = found["location"]
    return [
        {"unit": unit, **_located(one if isinstance(one, dict) else {})}
        for one in (located if isinstance(located, list) else [located])
    ]


def _located(location: Mapping[str, object]) -> Fix:
    coords = _within(location, "coords")
    level = values.number(_within(location, "battery").get("level"))
    return {
        "time": moment(location.get("timestamp")),
        "lon": coords.get("longitude"),
        "lat": coords.get("latitude"),
        "accuracy_m": coords.get("accuracy"),
        "speed_ms": coords.get("speed"),
        "heading_deg": coords.get("heading"),
        "altitude_m": coords.get("altitude"),
        "battery": level * 100,  # they count from 0 to 1
    }


def _within(found: Mapping[str, object], name: str) -> Mapping[str, object]:
    inner = found.get(name)
    return inner if isinstance(inner, dict) else {}
