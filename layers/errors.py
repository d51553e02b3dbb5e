"""What ``layers`` refuses, one class per failure; each message says what, where and what to do."""

from __future__ import annotations

from collections.abc import Mapping


class LayersError(Exception):
    """The request cannot be carried out on what is stored."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


class DatabaseUnavailableError(LayersError):
    """The database does not answer: start the service, or check PATROLGRID_DATABASE_URL."""


class LaterReleaseError(LayersError):
    """The database was written by a later release than this one: use that one, or a later one."""


class HeldError(DatabaseUnavailableError):
    """Somebody else holds these rows for long: try again shortly."""


class TooMuchError(LayersError):
    """This asks for more than one answer can hold: ask for less time, or of a smaller place."""


class NoSuchLayerError(LayersError):
    """There is no such layer: GET /api/layers lists them."""


class NoSuchFeatureError(LayersError):
    """There is no such feature in this layer."""


class NoSuchRasterError(LayersError):
    """There is no such raster: GET /api/rasters lists them."""


class FeatureExistsError(LayersError):
    """A feature with this id exists already: change it with PUT."""


class StaleFeatureError(LayersError):
    """The feature was changed meanwhile: GET it again and repeat the change."""


class BadFeatureError(LayersError):
    """The feature cannot be stored as it is."""

    def __init__(
        self,
        message: str | None = None,
        *,
        features: tuple[str, ...] = (),
        reasons: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        #: Ids of all features at fault, where they are known: without them the rest can be stored.
        self.features = features
        #: What is wrong with each of them, where that is known.
        self.reasons = dict(reasons or {})


class ReadOnlyLayerError(LayersError):
    """This layer is computed from others: change those."""


class BadFileError(LayersError):
    """The file cannot be loaded as it is; nothing was changed."""


class BadFixesError(LayersError):
    """The body is no list of fixes."""


class NoSuchUnitError(LayersError):
    """No such unit is enrolled: enrol it with POST /api/units."""


class NoSuchQuarantinedError(LayersError):
    """No such fix is in quarantine: GET /api/quarantine lists them."""


class CannotReleaseError(LayersError):
    """This fix cannot be believed, whoever vouches for it."""


class RetentionBusyError(LayersError):
    """Another run is dropping fixes: let it finish."""


class NoSuchHoldError(LayersError):
    """There is no such hold: GET /api/holds lists them."""


class BadHoldError(LayersError):
    """The hold cannot be placed as it is."""


class NoSuchTeamError(LayersError):
    """There is no such team."""


class NoSuchBreachError(LayersError):
    """There is no such breach."""


class NotAllowedError(LayersError):
    """This identity may not do that."""


class BadScopeError(LayersError):
    """There is no such scope."""


class NoSuchTokenError(LayersError):
    """There is no such token."""


class BadUnitError(LayersError):
    """The unit or team cannot be stored as it is."""


class InUseError(LayersError):
    """Something else still refers to this."""


class BackupError(LayersError):
    """The backup or restore did not work; nothing was changed."""


class NoSuchSubscriptionError(LayersError):
    """There is no such webhook subscription: GET /api/subscriptions lists them."""


class BadSubscriptionError(LayersError):
    """The webhook subscription cannot be stored as it is."""


class RefusedAddressError(BadSubscriptionError):
    """Webhooks are not sent to this address."""


class BadValueError(LayersError):
    """A value cannot be stored in this column."""


class BadQueryError(LayersError):
    """The question cannot be answered as it is put."""


class BadFilterError(BadQueryError):
    """The filter cannot be understood, or does not fit the layer's columns."""


class NothingToUndoError(LayersError):
    """There is no change that could be undone."""


class CannotUndoError(LayersError):
    """Something else stands against undoing this change."""


class BadDutyError(LayersError):
    """The duty cannot be part of a plan as it is."""


class DutyExistsError(LayersError):
    """A duty with this id exists already: change it with PUT."""


class NoSuchDutyError(LayersError):
    """There is no such duty: GET /api/plan/duties lists them."""
