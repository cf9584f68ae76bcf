"""The settings of a connection and the presets of the identity providers. Pure.

A setting is declared once, as a field of `ConnectionSettings`: its name, its values, its default
and its text. The body that sets it, the response that shows it, the OpenAPI document and the
table in docs/administer.md are made from the declaration. A provider is one entry of `PRESETS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
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
    """An identity provider: its name as people know it, and the settings that suit it."""

    title: str
    settings: ConnectionSettings = DEFAULTS


PRESETS: Mapping[str, Preset] = {
    # Entra ID documents 204 for a PATCH of a group, and relies on `emails[type eq "work"].value`
    # to create the address that a user does not have yet.
    "entra": Preset(
        "Microsoft Entra ID",
        replace(DEFAULTS, group_patch_answer="204", creates_missing_values=True),
    ),
    "okta": Preset("Okta"),
    "google": Preset("Google Workspace"),
    "other": Preset("any other"),
}


def effective_settings(
    identity_provider: str, chosen: Mapping[str, str | bool]
) -> ConnectionSettings:
    """Return the settings in force: those that were chosen, else those of the provider's preset.

    Stored settings that this release does not know are ignored.
    """
    values: dict[str, Any] = {name: chosen[name] for name in SETTINGS if name in chosen}
    return replace(PRESETS[identity_provider].settings, **values)
