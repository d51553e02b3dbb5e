"""Parts of paths that may hold slashes, and the words behind them that ask for something else."""

from __future__ import annotations

from starlette.convertors import Convertor, register_url_convertor

from layers.places.editing import VERBS

#: What is asked of a unit behind its identifier.
UNIT_VERB = "track"


class _FeatureId(Convertor[str]):
    """A feature's id: the rest of a path, but for what asks for its history or undoes a change.

    So a wrong method on those paths is told the right one, whatever else is wrong.
    """

    regex = rf"(?!(?:.*/)?(?:{'|'.join(VERBS)})$).*"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


class _UnitId(_FeatureId):
    """A unit's identifier, likewise."""

    regex = rf"(?!.*/{UNIT_VERB}$).*"


register_url_convertor("feature_id", _FeatureId())
register_url_convertor("unit_id", _UnitId())
#: These ids as parts of a path, for routes.
FEATURE = "{feature_id:feature_id}"
UNIT = "{unit:unit_id}"
