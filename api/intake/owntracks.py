"""What OwnTracks sends over HTTP (https://owntracks.org/booklet/tech/json/)."""

from __future__ import annotations

from collections.abc import Mapping

from api.intake import records, values
from api.intake.moments import moment
from layers.errors import BadFixesError

Fix = dict[str, object]

_KMH_IN_A_MS = 3.6


class EncryptedError(BadFixesError):
    """The fix is encrypted, and nobody here has the key: empty the app's encryption key; TLS keeps
    what is sent from others."""


def message(body: bytes) -> Mapping[str, object]:
    """What was sent. Raises BadFixesError, EncryptedError for what only the app can read."""
    found = records.value(body, "the body")
    if not isinstance(found, dict) or not isinstance(found.get("_type"), str):
        raise BadFixesError("the body is no message of OwnTracks: a JSON object with _type")
    if found["_type"] == "encrypted":
        raise EncryptedError(" ".join((EncryptedError.__doc__ or "").split()))
    return found


def user(sent: Mapping[str, object]) -> str | None:
    """Who sends, by the topic owntracks/USER/DEVICE; None where there is none."""
    topic = sent.get("topic")
    parts = topic.split("/") if isinstance(topic, str) else []
    return parts[1] if len(parts) >= 2 and parts[0] == "owntracks" else None


def of_message(sent: Mapping[str, object]) -> list[Fix]:
    """The fix of a location; nothing of all else that the app tells (waypoints, steps, …)."""
    if sent["_type"] != "location":
        return []
    return [
        {
            "time": moment(sent.get("tst")),
            "lon": sent.get("lon"),
            "lat": sent.get("lat"),
            "accuracy_m": sent.get("acc"),
            "speed_ms": values.number(sent.get("vel")) / _KMH_IN_A_MS,
            "heading_deg": sent.get("cog"),
            "altitude_m": sent.get("alt"),
            "battery": sent.get("batt"),
        }
    ]
