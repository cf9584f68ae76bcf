"""The settings of a connection and the presets of the identity providers. Pure.

A setting is declared once, as a field of `ConnectionSettings`: its name, its values, its default
and its text. The body that sets it, the response that shows it, the OpenAPI document and the
table in docs/administer.md are made from the declaration. A provider is one entry of `PRESETS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from types import MappingProxyType
from typing import Annotated, Any, Literal, get_type_hints


@dataclass(frozen=True, slots=True)
class Setting:
    """What a declaration says beside name and values: the default, and the text for the docs."""

    default: str | bool
    text: str


@dataclass(frozen=True, slots=True)
class ConnectionSettings:
    """How a connection behaves: as set, else as its identity provider expects."""

    group_patch_answer: Annotated[
        Literal["auto", "204"],
        Setting(
            "auto",
            "The response to a PATCH of a team: `auto` is the team, or 204 where it has more than "
            "100 members; `204` is always 204.",
        ),
    ]
    unknown_attributes: Annotated[
        Literal["lenient", "strict"],
        Setting(
            "lenient",
            "Attributes that no schema of the connection has: `lenient` ignores them, `strict` "
            "rejects the request with 400 and their names.",
        ),
    ]
    put_without_members: Annotated[
        Literal["keep", "clear"],
        Setting(
            "keep",
            "A PUT of a team without `members`: `keep` leaves its members as they are, `clear` "
            "removes them all.",
        ),
    ]
    creates_missing_values: Annotated[
        Literal[True, False],
        Setting(
            False,  # noqa: FBT003 - it stands where the other settings have their default
            "A PATCH with `replace` whose value filter finds nothing, on a connection whose "
            "`unknown_attributes` is `strict`: `true` creates the value, `false` rejects the "
            "request with 400 `noTarget`. A lenient connection always creates it.",
        ),
    ]


SETTINGS: Mapping[str, Setting] = {
    name: declared.__metadata__[0]
    for name, declared in get_type_hints(ConnectionSettings, include_extras=True).items()
}
VALUES: Mapping[str, Any] = get_type_hints(ConnectionSettings)
DEFAULTS = ConnectionSettings(
    **{name: setting.default for name, setting in SETTINGS.items()}  # type: ignore[arg-type]
)


@dataclass(frozen=True, slots=True)
class Preset:
    """An identity provider, as data.

    `title` is its name as people know it, `settings` suit it, `guide` is the page of docs/ that
    says how to connect it, and `dialogue` names the files that the self-test plays in its place.
    """

    title: str
    settings: ConnectionSettings = DEFAULTS
    guide: str = "connect-other.md"
    dialogue: tuple[str, ...] = ("other",)


# What leaves `members` out of a PUT when the group has none: its last member would keep access.
_CLEARS = replace(DEFAULTS, put_without_members="clear")

PRESETS: Mapping[str, Preset] = {
    # Entra ID documents 204 for a PATCH of a group, and relies on `emails[type eq "work"].value`
    # to create the address that a user does not have yet.
    "entra": Preset(
        "Microsoft Entra ID",
        replace(DEFAULTS, group_patch_answer="204", creates_missing_values=True),
        guide="connect-entra.md",
        dialogue=("entra",),
    ),
    "okta": Preset("Okta", guide="connect-okta.md", dialogue=("okta",)),
    "google": Preset("Google Workspace", guide="connect-google.md", dialogue=("google",)),
    "onelogin": Preset("OneLogin", guide="connect-onelogin.md", dialogue=("onelogin",)),
    "jumpcloud": Preset("JumpCloud", guide="connect-jumpcloud.md", dialogue=("jumpcloud",)),
    "ping": Preset("Ping Identity", dialogue=("ping",)),
    "keycloak": Preset(
        "Keycloak", _CLEARS, guide="connect-keycloak.md", dialogue=("keycloak", "put_clears")
    ),
    "authentik": Preset(
        "authentik", _CLEARS, guide="connect-authentik.md", dialogue=("authentik", "put_clears")
    ),
    # midPoint leaves out what it does not change.
    "midpoint": Preset("midPoint", dialogue=("midpoint", "put_keeps")),
    # Of a client that nobody knows: access that is lost is seen and given again, access that
    # somebody keeps is not seen.
    "other": Preset("any other", _CLEARS),
}

# What a connection has that was created before its preset's settings were stored with it.
STORED_BEFORE: Mapping[str, str | bool] = MappingProxyType({"put_without_members": "keep"})


def preset_settings(identity_provider: str) -> dict[str, str | bool]:
    """Return the settings of a preset, to be stored with a connection that chooses it."""
    return asdict(PRESETS[identity_provider].settings)


def effective_settings(
    identity_provider: str, preset: Mapping[str, str | bool], chosen: Mapping[str, str | bool]
) -> ConnectionSettings:
    """Return the settings in force: those that were chosen, else those stored of the preset.

    What is stored is what the preset had when the provider was chosen, so that a later release
    never changes what a connection does; a setting that the preset did not have then, has its
    present value. Stored settings that this release does not know are ignored.
    """
    stored = {**preset, **chosen}
    values: dict[str, Any] = {name: stored[name] for name in SETTINGS if name in stored}
    return replace(PRESETS[identity_provider].settings, **values)
