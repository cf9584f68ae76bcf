"""What differs between deployments, read from the environment once and then frozen."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    Json,
    StringConstraints,
)

CredentialType = Literal["token", "client_secret", "federated"]
CREDENTIAL_TYPES: tuple[CredentialType, ...] = ("token", "client_secret", "federated")


class Rate(BaseModel):
    """How many requests all processes accept together; twice Entra ID's 25/s by default."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    per_second: float = Field(default=50, gt=0)
    burst: int = Field(default=200, ge=1)


class Plan(BaseModel):
    """What an organisation on this plan may do."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scim: bool = Field(description="whether its connections are served")
    max_connections: int = Field(default=1, ge=0)
    max_members_a_request: int = Field(default=10_000, ge=1)
    rate: Rate | None = Field(default=Rate(), description="None: no limit")
    log_days: int = Field(default=30, ge=1, le=90, description="how long a call stays in the log")


PLANS: Mapping[str, Plan] = {"free": Plan(scim=False), "enterprise": Plan(scim=True)}

LONGEST_CREDENTIAL = timedelta(days=730)

Origin = Annotated[str, StringConstraints(pattern=r"^https://[a-z0-9.-]+(:[0-9]{1,5})?$")]
Url = Annotated[str, StringConstraints(pattern=r"^(https?://[^\s?#]+)?$")]


# White text on a colour, and the colour on white, must be readable: WCAG 2.2, 1.4.3.
LEAST_CONTRAST = 4.5
# Up to here sRGB is linear.
DARKEST = 0.04045


def _contrast_with_white(colour: str) -> float:
    """Return the contrast ratio of `#rrggbb` and white (WCAG 2.2)."""
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = map(_linear, parts)
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return 1.05 / (luminance + 0.05)


def _linear(part: float) -> float:
    """Undo the gamma of sRGB."""
    return part / 12.92 if part <= DARKEST else ((part + 0.055) / 1.055) ** 2.4


def _readable(colour: str) -> str:
    ratio = _contrast_with_white(colour)
    if ratio < LEAST_CONTRAST:
        raise ValueError(
            f"its contrast with white is {ratio:.1f}, expected {LEAST_CONTRAST} or more: "
            "choose a darker colour"
        )
    return colour


class Branding(BaseModel):
    """What the console shows of the SaaS."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(default="Passerelle", min_length=1, max_length=60)
    logo: Annotated[
        str,
        StringConstraints(
            pattern=r"^(data:image/(svg\+xml|png)[;,][A-Za-z0-9+/=%;,._~:?#@!$&'()*-]*)?$",
            max_length=20_480,
        ),
    ] = ""
    colour: Annotated[
        str, StringConstraints(pattern=r"^#[0-9a-fA-F]{6}$"), AfterValidator(_readable)
    ] = "#3a4fc4"


# How often the admins of one organisation may change something: well above what
# a console's page sends, and below what would make a table grow.
ADMIN_CHANGES = Rate(per_second=5, burst=100)


class Settings(BaseModel):
    """Settings of one deployment, named as the environment variables that hold them."""

    model_config = ConfigDict(frozen=True)

    table_name: str = Field(alias="TABLE_NAME", min_length=3)
    stage: str = Field(alias="STAGE", pattern=r"^[A-Za-z0-9_-]+$")
    public_url: Url = Field(default="", alias="PUBLIC_URL")
    feed_unbroken_since: AwareDatetime | None = Field(
        default=None,
        alias="FEED_UNBROKEN_SINCE",
        description="when the table was restored from a backup: older cursors are rejected",
    )
    admin_changes: Json[Rate] | Rate | None = Field(
        default=ADMIN_CHANGES,
        alias="ADMIN_CHANGES",
        description="requests of an organisation's admins that change something; None: no limit",
    )
    longest_credential_days: int = Field(
        default=LONGEST_CREDENTIAL.days,
        alias="LONGEST_CREDENTIAL_DAYS",
        ge=1,
        le=3650,
        description="no token may be valid for longer",
    )
    authentication_types: Json[list[CredentialType]] | Sequence[CredentialType] = Field(
        default=CREDENTIAL_TYPES,
        alias="AUTHENTICATION_TYPES",
        min_length=1,
        description="the types of credentials that connections may accept: a JSON list",
    )
    federated_issuers: Json[dict[str, Url]] | Mapping[str, Url] = Field(
        default={},
        alias="FEDERATED_ISSUERS",
        description="issuers of assertions beside Microsoft Entra ID: a JSON object of each "
        "issuer with the URL of its key set",
    )
    return_origins: Json[list[Origin]] | Sequence[Origin] = Field(
        default=(),
        alias="RETURN_ORIGINS",
        description="where a console link may lead back to: a JSON list of https origins",
    )
    branding: Json[Branding] | Branding = Field(
        default=Branding(),
        alias="BRANDING",
        description="name, logo (a data URI of an SVG or PNG, at most 20 KB) and colour of the "
        "SaaS in the console: a JSON object",
    )
    embedding_origins: Json[list[Origin]] | Sequence[Origin] = Field(
        default=(),
        alias="EMBEDDING_ORIGINS",
        description="whose pages may show the console in a frame: a JSON list of https origins",
    )
    stream_arn: str = Field(
        default="",
        alias="STREAM_ARN",
        description="the stream of the table; empty: no events, and no feed of all organisations",
    )
    plans: Json[dict[str, Plan]] | Mapping[str, Plan] = Field(default=PLANS, alias="PLANS")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Read the settings.

        Raises:
            pydantic.ValidationError: names what is missing or wrong.
        """
        return cls.model_validate(dict(environment))

    @property
    def secrets_prefix(self) -> str:
        """What the name of every secret of this deployment begins with."""
        return f"passerelle/{self.stage}"

    @property
    def longest_credential(self) -> timedelta:
        """How long a credential may be valid at most."""
        return timedelta(days=self.longest_credential_days)

    @property
    def base_url(self) -> str:
        """The public URL without a trailing slash; empty: derived from each request."""
        return self.public_url.rstrip("/")
