"""What differs between deployments, read from the environment once and then frozen.

Checked without pydantic, which would be a fifth of a cold start: a SCIM request needs it for
nothing else.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, Self

CredentialType = Literal["token", "client_secret", "federated"]
CREDENTIAL_TYPES: tuple[CredentialType, ...] = ("token", "client_secret", "federated")


@dataclass(frozen=True, slots=True)
class Rate:
    """How many requests all processes accept together; twice Entra ID's 25/s by default."""

    per_second: float = 50
    burst: int = 200


@dataclass(frozen=True, slots=True)
class Plan:
    """What an organisation on this plan may do.

    `scim`: whether its connections are served; `rate` None: no limit; `log_days`: how long a call
    stays in the log.
    """

    scim: bool
    max_connections: int = 1
    max_members_a_request: int = 10_000
    rate: Rate | None = Rate()
    log_days: int = 30


PLANS: Mapping[str, Plan] = {"free": Plan(scim=False), "enterprise": Plan(scim=True)}

LONGEST_CREDENTIAL = timedelta(days=730)

# How often the admins of one organisation may change something: well above what
# a console's page sends, and below what would make a table grow.
ADMIN_CHANGES = Rate(per_second=5, burst=100)


@dataclass(frozen=True, slots=True)
class Retention:
    """How long is kept what outlives its cause: entries of the audit, and records of erasures.

    How long the provisioning log is kept is part of a plan.
    """

    audit_days: int = 400
    erasure_days: int = 3650

    @property
    def audit(self) -> timedelta:
        """How long an entry of the audit is kept."""
        return timedelta(days=self.audit_days)

    @property
    def erasures(self) -> timedelta:
        """How long the record of an erasure is kept."""
        return timedelta(days=self.erasure_days)


RETENTION = Retention()


@dataclass(frozen=True, slots=True)
class Branding:
    """What the console shows of the SaaS: name, logo (a data URI of an SVG or PNG), colour."""

    name: str = "Passerelle"
    logo: str = ""
    colour: str = "#3a4fc4"


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of one deployment; the environment variable of each is its name in capitals.

    `feed_unbroken_since`: when the table was restored from a backup: older cursors are rejected.
    `admin_changes`: requests of an organisation's admins that change something; None: no limit.
    `retention`: how long the audit and the records of erasures are kept.
    `longest_credential_days`: no token may be valid for longer.
    `authentication_types`: the types of credentials that connections may accept.
    `federated_issuers`: issuers of assertions beside Microsoft Entra ID, each with the URL of its
    key set.
    `return_origins`: where a console link may lead back to.
    `embedding_origins`: whose pages may show the console in a frame.
    `stream_arn`: the stream of the table; empty: no events, and no feed of all organisations.
    `acknowledgements`: the SaaS says of each leaver when their access has ended there.
    """

    table_name: str
    stage: str
    public_url: str = ""
    feed_unbroken_since: datetime | None = None
    admin_changes: Rate | None = ADMIN_CHANGES
    retention: Retention = RETENTION
    longest_credential_days: int = LONGEST_CREDENTIAL.days
    authentication_types: Sequence[CredentialType] = CREDENTIAL_TYPES
    federated_issuers: Mapping[str, str] = field(default_factory=dict)
    return_origins: Sequence[str] = ()
    branding: Branding = Branding()
    embedding_origins: Sequence[str] = ()
    stream_arn: str = ""
    acknowledgements: bool = False
    plans: Mapping[str, Plan] = field(default_factory=lambda: PLANS)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Read the settings.

        Raises:
            InvalidSettings: says of each that is missing or wrong what was expected.
        """
        found: dict[str, Any] = {}
        faults: list[str] = []
        for name, read in READERS.items():
            variable = name.upper()
            try:
                if variable in environment:
                    found[name] = read(environment[variable])
                elif name in REQUIRED:
                    faults.append(f"{variable}: missing.")
            except ValueError as error:
                faults.append(f"{variable}: {error}.")
        if faults:
            raise InvalidSettings(*faults)
        return cls(**found)

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


class InvalidSettings(ValueError):
    """Settings that are missing or wrong; the arguments say each of them."""


# -- How values are read. Each reader raises ValueError, with what was expected.

Reader = Callable[[Any], Any]


def _text(pattern: str, expected: str) -> Reader:
    def read(value: Any) -> str:
        if not isinstance(value, str) or re.fullmatch(pattern, value) is None:
            raise ValueError(f"expected {expected}")
        return value

    return read


def _whole_number(least: int, most: int | None = None) -> Reader:
    expected = f"expected a whole number of at least {least}"
    expected += "" if most is None else f" and at most {most}"

    def read(value: Any) -> int:
        if type(value) is not int or value < least or (most is not None and value > most):
            raise ValueError(expected)
        return value

    return read


def _number_above_0(value: Any) -> float:
    if type(value) not in {int, float} or not 0 < value < float("inf"):
        raise ValueError("expected a number above 0")
    return float(value)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("expected true or false")  # noqa: TRY004 - as every wrong value
    return value


def _moment(text: str) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ValueError("expected a time with its zone")
    return moment


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


def _colour(value: Any) -> str:
    colour = _text(r"#[0-9a-fA-F]{6}", "a colour like #3a4fc4")(value)
    ratio = _contrast_with_white(colour)
    if ratio < LEAST_CONTRAST:
        raise ValueError(
            f"its contrast with white is {ratio:.1f}, expected {LEAST_CONTRAST} or more: "
            "choose a darker colour"
        )
    return str(colour)


def _or_null(read: Reader) -> Reader:
    return lambda value: None if value is None else read(value)


def _one_of(words: Sequence[str]) -> Reader:
    return _text("|".join(words), f"one of {', '.join(words)}")


def _array(read: Reader, least: int = 0) -> Reader:
    def read_all(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list) or len(value) < least:
            raise ValueError("expected an array" + (f" of at least {least}" if least else ""))
        return tuple(_at(f"[{position}]", read, each) for position, each in enumerate(value))

    return read_all


def _map(read: Reader) -> Reader:
    def read_all(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise ValueError("expected an object")  # noqa: TRY004 - as every wrong value
        return {name: _at(name, read, each) for name, each in value.items()}

    return read_all


def _object(make: Callable[..., Any], readers: Mapping[str, Reader], *required: str) -> Reader:
    def read(value: Any) -> Any:
        if not isinstance(value, dict):
            raise ValueError("expected an object")  # noqa: TRY004 - as every wrong value
        wrong = [*(value.keys() - readers.keys()), *({*required} - value.keys())]
        if wrong:
            raise ValueError(
                f"expected an object of {', '.join(readers)}, with {', '.join(required) or 'any'}"
            )
        return make(**{name: _at(name, readers[name], each) for name, each in value.items()})

    return read


def _at(place: str, read: Reader, value: Any) -> Any:
    """Read a part of a value; what is wrong is said with its place."""
    try:
        return read(value)
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from None


def _json(read: Reader) -> Reader:
    def read_text(text: str) -> Any:
        try:
            value = json.loads(text)
        except ValueError:
            raise ValueError("expected JSON") from None
        return read(value)

    return read_text


URL = _text(r"(https?://[^\s?#]+)?", "an https URL without query")
ORIGIN = _text(r"https://[a-z0-9.-]+(:[0-9]{1,5})?", "an origin like https://app.example.com")
RATE = _object(Rate, {"per_second": _number_above_0, "burst": _whole_number(1)})
PLAN = _object(
    Plan,
    {
        "scim": _flag,
        "max_connections": _whole_number(0),
        "max_members_a_request": _whole_number(1),
        "rate": _or_null(RATE),
        "log_days": _whole_number(1, 90),
    },
    "scim",
)
RETAINED = _object(
    Retention,
    {"audit_days": _whole_number(30, 3650), "erasure_days": _whole_number(365, 36500)},
)
LOGO = _text(
    r"(?=.{0,20480}\Z)(data:image/(svg\+xml|png)[;,][A-Za-z0-9+/=%;,._~:?#@!$&'()*-]*)?",
    "a data URI of an SVG or PNG, at most 20 KB",
)
NAME = _text(r"(?s:.{1,60})", "1 to 60 characters")

REQUIRED = frozenset({"table_name", "stage"})
READERS: Mapping[str, Reader] = {
    "table_name": _text(r"(?s:.{3,})", "the name of a table"),
    "stage": _text(r"[A-Za-z0-9_-]+", "letters, digits, - and _"),
    "public_url": URL,
    "feed_unbroken_since": _moment,
    "admin_changes": _json(_or_null(RATE)),
    "retention": _json(RETAINED),
    "longest_credential_days": _json(_whole_number(1, 3650)),
    "authentication_types": _json(_array(_one_of(CREDENTIAL_TYPES), least=1)),
    "federated_issuers": _json(_map(URL)),
    "return_origins": _json(_array(ORIGIN)),
    "branding": _json(_object(Branding, {"name": NAME, "logo": LOGO, "colour": _colour})),
    "embedding_origins": _json(_array(ORIGIN)),
    "stream_arn": str,
    "acknowledgements": _json(_flag),
    "plans": _json(_map(PLAN)),
}
