"""Settings: the only reader of the environment.

Each is an environment variable ``PATROLGRID_…``, or a line of the file that
``PATROLGRID_ENV_FILE`` names. They are checked once, at start.
"""

from __future__ import annotations

import os
from importlib import resources
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Literal

from platformdirs import user_data_path
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

PREFIX = "PATROLGRID_"


class SettingsError(Exception):
    """A setting is wrong; the message names it and says what it may be."""


class Settings(BaseSettings):
    """What the operator may set; the README's table explains each."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="ignore", frozen=True
    )

    database_url: str | None = None
    data_dir: Path = Field(default_factory=lambda: user_data_path("patrolgrid"))
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 8080
    region: Path | None = None
    public_url: str | None = None
    secure_cookie: bool = False
    max_body_mb: Annotated[float, Field(gt=0, le=1024)] = 32
    max_batch: Annotated[int, Field(ge=1, le=1_000_000)] = 100_000
    max_uploads: Annotated[int, Field(ge=1, le=100_000)] = 128
    max_uploads_mb: Annotated[float, Field(gt=0, le=1_000_000)] = 128
    upload_s: Annotated[float, Field(gt=0, le=86_400)] = 120
    tile_cache_mb: Annotated[float, Field(ge=0, le=1_000_000)] = 256
    clock_skew_s: Annotated[float, Field(ge=0, le=86_400)] = 60
    retention_days: Annotated[int, Field(ge=1)] | None = None
    webhook_allow: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = ()
    session_hours: Annotated[float, Field(gt=0, le=720)] = 12
    link_minutes: Annotated[float, Field(gt=0, le=1440)] = 60
    token: SecretStr | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @field_validator("webhook_allow", mode="before")
    @classmethod
    def _networks(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(ip_network(part.strip()) for part in value.split(",") if part.strip())
        return value

    def kept_days(self, of_region: float | None) -> float | None:
        """Days that fixes are kept for: as set here, else as the region says; None: for ever."""
        return of_region if self.retention_days is None else self.retention_days

    @property
    def region_file(self) -> Path:
        """The region's TOML file: the demo's unless another is set."""
        return self.region or Path(str(resources.files("fixtures") / "region.toml"))


def read_settings() -> Settings:
    """The settings in force; raises SettingsError with one line a fault."""
    env_file = os.environ.get(f"{PREFIX}ENV_FILE")
    if env_file and not Path(env_file).is_file():
        raise SettingsError(f"{PREFIX}ENV_FILE: there is no file {env_file}")
    try:
        return Settings(_env_file=env_file)  # type: ignore[call-arg]
    except ValidationError as error:
        raise SettingsError(
            "; ".join(
                f"{PREFIX}{str(e['loc'][0]).upper()}: {e['msg'].lower()} (it is {e['input']!r})"
                for e in error.errors()
            )
        ) from None
