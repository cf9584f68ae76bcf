"""The request bodies of the admin API, as models that reject unknown fields.

They check what the body alone can tell; whether a plan, a role or a workspace exists is checked
by the functions that use it. A field that is absent from a PATCH stays as it is.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    create_model,
    model_validator,
)
from pydantic_core import PydanticCustomError

from chalicelib.auth.issuers import CLOUDS, TENANT
from chalicelib.organisations.shared_domains import is_shared
from chalicelib.settings import CredentialType
from chalicelib.storage.connection_settings import PRESETS, SETTINGS, VALUES
from chalicelib.storage.settings_items import Profile

# An organisation is created with all its settings in one transaction of at most 100 items: its
# own, the list's, the reference's, the Idempotency-Key's, the audit's, and two per domain.
MAX_WORKSPACES = 40
MAX_ROLES = 35
MAX_DOMAINS = 10
MAX_OVERLAP_HOURS = 24

SHARED = (
    "is a public suffix or belongs to a mail provider, so it is not one customer's; expected a "
    "domain of the customer's own"
)

LOCAL_ID_FORM = r"^[A-Za-z0-9._-]{1,64}$"
# What nobody sees in a name, or sees as something else: control, format and private-use characters.
UNSEEN = frozenset({"Cc", "Cf", "Co", "Cs"})
# The beginning of one of our credentials, however it is spelled.
SECRET = re.compile(r"(?<![A-Za-z0-9])psl_", re.IGNORECASE)
MAX_SETUP_DAYS = 30
# RFC 3986 without user and fragment: a browser is redirected there, and must not end elsewhere.
HTTPS_FORM = (
    r"^https://[A-Za-z0-9.-]+(:[0-9]{1,5})?"
    r"([/?](%[0-9A-Fa-f]{2}|[A-Za-z0-9._~:/?@!$&'()*+,;=-])*)?$"
)
LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
MAX_DOMAIN_CHARACTERS = 253
RFC_3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)

# `created_by` of what an admin of such a name creates would name another actor.
RESERVED = frozenset({"operator", "sweeper"})

# Of the subject or the audience of a federated credential.
MAX_CLAIM = 300
TRUST = ("tenant", "issuer", "subject", "audience")
COMPLETE_TRUST = ({"tenant", "subject", "audience"}, {"issuer", "subject", "audience"})

# In a PATCH: not sent, so not changed. Only fields that are in `model_fields_set` are read.
ABSENT: Any = None

# The type checker cannot read the table of presets; pydantic can.
if TYPE_CHECKING:
    IdentityProvider = str
    Cloud = str
else:
    IdentityProvider = Literal[tuple(PRESETS)]
    Cloud = Literal[tuple(CLOUDS)]


def _domain(text: str) -> str:
    domain = text.lower()
    labels = domain.split(".")
    if not (
        len(labels) > 1
        and len(domain) <= MAX_DOMAIN_CHARACTERS
        and all(LABEL.fullmatch(label) for label in labels)
    ):
        raise PydanticCustomError("domain", "expected a domain name like example.com (ASCII form)")
    if is_shared(domain):
        raise PydanticCustomError("shared_domain", SHARED)
    return domain


def _without_secret(text: str) -> str:
    if SECRET.search(text):
        message = "contains the text of a credential (psl_...); expected a name"
        raise PydanticCustomError("secret", message)
    return text


def _visible(text: str) -> str:
    if any(unicodedata.category(character) in UNSEEN for character in text):
        message = "contains a control, format or private-use character; expected a name"
        raise PydanticCustomError("unseen", message)
    return text


def _without_control(text: str) -> str:
    if any(unicodedata.category(character) == "Cc" for character in text):
        raise PydanticCustomError("control", "contains a control character; expected a name")
    return text


def _not_reserved(name: str) -> str:
    if name.casefold() in RESERVED:
        raise PydanticCustomError("reserved", "is reserved; expected the admin's own name")
    return name


def _rfc_3339(value: Any) -> Any:
    if not (isinstance(value, str) and RFC_3339.fullmatch(value)):
        raise PydanticCustomError("time", "expected an RFC 3339 time like 2027-01-31T12:00:00Z")
    return value


def _distinct(key: Callable[[Any], str]) -> AfterValidator:
    def check(values: list[Any]) -> list[Any]:
        if len(set(map(key, values))) < len(values):
            raise PydanticCustomError("distinct", "contains the same one twice")
        return values

    return AfterValidator(check)


def _id(value: Any) -> str:
    return str(value.id)


LocalId = Annotated[str, StringConstraints(pattern=LOCAL_ID_FORM)]
Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    AfterValidator(_without_control),
    AfterValidator(_without_secret),
]
# A name that people compare by eye: of a token, and of who gets a console link.
CredentialName = Annotated[Name, AfterValidator(_visible)]
Domain = Annotated[str, AfterValidator(_domain)]
Authentication = Annotated[list[CredentialType], Field(min_length=1), _distinct(str)]
Time = Annotated[AwareDatetime, BeforeValidator(_rfc_3339)]


class Body(BaseModel):
    """A body that rejects unknown fields and converts no types."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Sso(Body):
    """How the organisation's users sign in; with `forced` they cannot use a password."""

    provider: Name
    redirect_url: Annotated[str, StringConstraints(pattern=HTTPS_FORM, max_length=2000)]
    forced: Annotated[bool, Field(strict=True)] = False


class NewWorkspace(Body):
    """A workspace, with the SaaS's own id of it."""

    id: LocalId
    name: Name


class NewRole(Body):
    """A role, with the SaaS's own id of it; it may be a default role unless it is protected."""

    id: LocalId
    name: Name
    may_be_default: Annotated[bool | None, Field(strict=True)] = None
    protected: Annotated[bool, Field(strict=True)] = False

    @model_validator(mode="after")
    def _protected_is_never_default(self) -> Self:
        if self.protected and self.may_be_default:
            raise PydanticCustomError("protected", "a protected role may not be a default role")
        return self


class NewDomain(Body):
    """A domain that the organisation has shown to be its own."""

    domain: Domain


class NewOrganisation(Body):
    """An organisation with its first settings."""

    name: Name
    plan: str
    reference: Name | None = None
    workspaces: Annotated[list[NewWorkspace], _distinct(_id)] = Field(
        default=[], max_length=MAX_WORKSPACES
    )
    roles: Annotated[list[NewRole], _distinct(_id)] = Field(default=[], max_length=MAX_ROLES)
    sso: Sso | None = None
    domains: Annotated[list[Domain], _distinct(str)] = Field(default=[], max_length=MAX_DOMAINS)


class OrganisationChanges(Body):
    """Changes of an organisation; null removes `reference`, `sso` and `authentication`."""

    name: Name = ABSENT
    reference: Name | None = None
    plan: str = ABSENT
    state: Literal["active", "suspended"] = ABSENT
    sso: Sso | None = None
    authentication: Authentication | None = None


if TYPE_CHECKING:
    ChosenSettings = Body
else:
    ChosenSettings = create_model(
        "ChosenSettings",
        __base__=Body,
        __doc__="How a connection behaves; null restores the preset of its identity provider.",
        **{
            name: (VALUES[name] | None, Field(default=None, description=setting.text))
            for name, setting in SETTINGS.items()
        },
    )


class NewConnection(Body):
    """A connection of an organisation.

    `authentication` says which types of credentials it accepts, `profile` whether it rejects what
    the SCIM interoperability profile does not allow.
    """

    name: Name
    workspace: LocalId
    default_role: LocalId
    identity_provider: IdentityProvider
    settings: ChosenSettings = ChosenSettings()
    authentication: Authentication | None = None
    profile: Profile = "lenient"


class ConnectionChanges(Body):
    """Changes of a connection."""

    name: Name = ABSENT
    workspace: LocalId = ABSENT
    default_role: LocalId = ABSENT
    identity_provider: IdentityProvider = ABSENT
    state: Literal["active", "paused"] = ABSENT
    settings: ChosenSettings = ABSENT
    authentication: Authentication = ABSENT
    profile: Profile = ABSENT


class NewToken(Body):
    """A token of a connection; it expires in a year unless `expires_at` says otherwise."""

    name: CredentialName
    expires_at: Time | None = None


class NewConnectionCredential(NewToken):
    """A credential of a connection.

    `federated` needs the issuer of its assertions, by a tenant of Entra ID in one of Microsoft's
    clouds or as the URL of an issuer that the operator has added; and the subject and the audience
    that every assertion must have.
    """

    type: CredentialType
    tenant: Annotated[str, StringConstraints(pattern=f"^{TENANT.pattern}$")] | None = None
    cloud: Cloud = "global"
    issuer: Annotated[str, Field(max_length=MAX_CLAIM)] | None = None
    subject: Annotated[Name, Field(max_length=MAX_CLAIM)] | None = None
    audience: Annotated[Name, Field(max_length=MAX_CLAIM)] | None = None

    @model_validator(mode="after")
    def _only_of_federated(self) -> Self:
        given = {name for name in TRUST if getattr(self, name) is not None}
        if self.type != "federated":
            if given:
                message = "{names}: allowed only with the type federated"
                raise PydanticCustomError("of_federated", message, _names(given))
        elif given not in COMPLETE_TRUST:
            message = "expected tenant or issuer, subject and audience, got {names}"
            raise PydanticCustomError("incomplete", message, _names(given))
        return self


def _names(given: Iterable[str]) -> dict[str, Any]:
    return {"names": ", ".join(sorted(given)) or "none"}


class Rotation(Body):
    """A new token that replaces another one, which expires after the overlap; 0: at once."""

    overlap_hours: Annotated[int, Field(strict=True, ge=0, le=MAX_OVERLAP_HOURS)] = (
        MAX_OVERLAP_HOURS
    )


class NewConsoleLink(Body):
    """A console link; `name` says who will use it, and the audit shows it beside their changes.

    `user` is the SaaS's own id of that person. A setup link may do no more than set up and test
    one connection: `connection`, or without it the first one that it is used to create.
    """

    name: Annotated[CredentialName, AfterValidator(_not_reserved)]
    user: CredentialName | None = None
    purpose: Literal["admin", "setup"] = "admin"
    connection: str | None = None
    contact: Annotated[CredentialName | None, Field(max_length=320)] = None
    expires_in_days: Annotated[int, Field(strict=True, ge=1, le=MAX_SETUP_DAYS)] | None = None
    embedded: Annotated[bool, Field(strict=True)] = False
    return_url: Annotated[str, StringConstraints(pattern=HTTPS_FORM, max_length=2000)] | None = None

    @model_validator(mode="after")
    def _only_of_setup_links(self) -> Self:
        of_setup = ("connection", "contact", "expires_in_days")
        given = [name for name in of_setup if getattr(self, name) is not None]
        if given and self.purpose != "setup":
            message = "{names}: allowed only with the purpose setup"
            raise PydanticCustomError("of_setup", message, {"names": ", ".join(given)})
        return self


def present(body: Body, names: Iterable[str]) -> dict[str, Any]:
    """Return those of the named fields that the client has sent, as plain values."""
    return body.model_dump(include=set(names) & body.model_fields_set)
