"""Two requests that meet, and what either may be told: tried with each in the other's midst."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from chalicelib.directory import deletes, users
from tests.support.directory import a_document, change, edit, rename
from tests.support.pictures import Picture
from tests.support.trials import (
    Act,
    Scene,
    busy,
    create_group,
    crowd,
    crowded,
    put_group,
    small,
    user,
)

DONE = "done"

# The result of either request: the response, or the name of the error.
Told = tuple[str, str]
Holds = Callable[[Picture, Told], bool]


@dataclass(frozen=True, slots=True)
class Race:
    """Two requests on a scene; `allowed` is what they may be told, `holds` what must be so then."""

    scene: Scene
    one: Act
    other: Act
    allowed: frozenset[Told]
    holds: Holds


def _allowed(*told: Told) -> frozenset[Told]:
    return frozenset(told)


def _members(picture: Picture, team: str) -> set[str]:
    return set(picture.groups[team][-1]) if team in picture.groups else set()


def _numbers(start: int, stop: int) -> set[str]:
    return {user(f"user{number:02}") for number in range(start, stop)}


RACES: Mapping[str, Race] = {
    "create and create of one userName": Race(
        small,
        lambda t, _: users.create(t, a_document("new", title="one")),
        lambda t, _: users.create(t, a_document("NEW", title="other")),
        _allowed((DONE, "Uniqueness"), ("Uniqueness", DONE)),
        lambda end, told: (user("new") in end.users) == (told[0] == DONE),
    ),
    "delete and create again": Race(
        small,
        lambda t, ids: deletes.delete_user(t, ids[user("bob")]),
        lambda t, _: users.create(t, a_document("BOB")),
        _allowed((DONE, DONE), (DONE, "Uniqueness")),
        lambda end, told: (
            user("bob") not in end.users and (user("BOB") in end.users) == (told[1] == DONE)
        ),
    ),
    "user delete and membership": Race(
        small,
        lambda t, ids: deletes.delete_user(t, ids[user("cy")]),
        lambda t, ids: change(t, ids["Tour"], add=[ids[user("cy")]]),
        _allowed((DONE, DONE), (DONE, "InvalidValue")),
        lambda end, _: _members(end, "Tour") == {user("ada"), user("bob")},
    ),
    "user delete and end of a membership": Race(
        small,
        lambda t, ids: deletes.delete_user(t, ids[user("bob")]),
        lambda t, ids: change(t, ids["Tour"], remove=[ids[user("bob")]]),
        _allowed((DONE, DONE)),
        lambda end, _: _members(end, "Tour") == {user("ada")},
    ),
    "user delete and group delete": Race(
        small,
        lambda t, ids: deletes.delete_user(t, ids[user("bob")]),
        lambda t, ids: deletes.delete_group(t, ids["Tour"]),
        _allowed((DONE, DONE)),
        lambda end, _: "Tour" not in end.groups and user("bob") not in end.users,
    ),
    "delete of a user in 40 teams and membership": Race(
        busy,
        lambda t, ids: deletes.delete_user(t, ids[user("ada")]),
        lambda t, ids: change(t, ids["Other"], add=[ids[user("ada")]]),
        _allowed((DONE, DONE), (DONE, "InvalidValue")),
        lambda end, _: not end.users and not _members(end, "Other"),
    ),
    "delete of a user in 40 teams and PATCH of him": Race(
        busy,
        lambda t, ids: deletes.delete_user(t, ids[user("ada")]),
        lambda t, ids: edit(t, ids[user("ada")], title="Countess"),
        _allowed((DONE, DONE), (DONE, "NotFound")),
        lambda end, _: not end.users,
    ),
    "delete of a user in 40 teams, twice": Race(
        busy,
        lambda t, ids: deletes.delete_user(t, ids[user("ada")]),
        lambda t, ids: deletes.delete_user(t, ids[user("ada")]),
        _allowed((DONE, DONE), (DONE, "NotFound"), ("NotFound", DONE)),
        lambda end, _: not end.users,
    ),
    "PATCH and DELETE of a user": Race(
        small,
        lambda t, ids: edit(t, ids[user("ada")], title="Countess"),
        lambda t, ids: deletes.delete_user(t, ids[user("ada")]),
        _allowed((DONE, DONE), ("NotFound", DONE)),
        lambda end, _: user("ada") not in end.users,
    ),
    "two PATCHes of a user": Race(
        small,
        lambda t, ids: edit(t, ids[user("ada")], title="Countess"),
        lambda t, ids: edit(t, ids[user("ada")], nickName="Ada"),
        _allowed((DONE, DONE)),
        lambda end, _: end.users[user("ada")][0] == 3,
    ),
    "rename to a name and create of it": Race(
        small,
        lambda t, ids: edit(t, ids[user("ada")], userName=user("eve")),
        lambda t, _: users.create(t, a_document("eve")),
        _allowed((DONE, "Uniqueness"), ("Uniqueness", DONE)),
        lambda end, told: (user("ada") in end.users) == (told[1] == DONE),
    ),
    "rename from a name and create of it": Race(
        small,
        lambda t, ids: edit(t, ids[user("ada")], userName=user("eve")),
        lambda t, _: users.create(t, a_document("ADA")),
        _allowed((DONE, DONE), (DONE, "Uniqueness")),
        lambda end, told: (user("ADA") in end.users) == (told[1] == DONE),
    ),
    "two renames of a team": Race(
        small,
        lambda t, ids: rename(t, ids["Tour"], "One"),
        lambda t, ids: rename(t, ids["Tour"], "Other"),
        _allowed((DONE, DONE)),
        lambda end, _: len(end.groups) == 2 and "Tour" not in end.groups,
    ),
    "two replaces of a team": Race(
        small,
        lambda t, ids: change(t, ids["Tour"], replace_by=[ids[user("ada")], ids[user("cy")]]),
        lambda t, ids: change(t, ids["Tour"], replace_by=[ids[user("bob")], ids[user("dora")]]),
        _allowed((DONE, DONE)),
        lambda end, _: (
            _members(end, "Tour") in ({user("ada"), user("cy")}, {user("bob"), user("dora")})
        ),
    ),
    "two replaces of a team by many": Race(
        crowded,
        lambda t, ids: change(t, ids["Some"], replace_by=crowd(ids, 10, 50)),
        lambda t, ids: change(t, ids["Some"], replace_by=crowd(ids, 20, 60)),
        _allowed((DONE, DONE)),
        lambda end, _: _members(end, "Some") in (_numbers(10, 50), _numbers(20, 60)),
    ),
    "two large additions to one team": Race(
        crowded,
        lambda t, ids: change(t, ids["Empty"], add=crowd(ids, 0, 40)),
        lambda t, ids: change(t, ids["Empty"], add=crowd(ids, 15, 55)),
        _allowed((DONE, DONE)),
        lambda end, _: _members(end, "Empty") == _numbers(0, 55),
    ),
    "large change and small change of the same members": Race(
        crowded,
        lambda t, ids: change(t, ids["Empty"], add=crowd(ids, 0, 40)),
        lambda t, ids: change(t, ids["Empty"], add=crowd(ids, 50, 52), remove=crowd(ids, 0, 2)),
        _allowed((DONE, DONE)),
        lambda end, _: (
            _numbers(2, 40) | _numbers(50, 52)
            <= _members(end, "Empty")
            <= _numbers(0, 40) | _numbers(50, 52)
        ),
    ),
    "large change and user delete": Race(
        crowded,
        lambda t, ids: change(t, ids["Empty"], add=crowd(ids, 0, 40)),
        lambda t, ids: deletes.delete_user(t, ids[user("user20")]),
        _allowed((DONE, DONE), ("InvalidValue", DONE)),
        lambda end, told: (
            _members(end, "Empty")
            == (_numbers(0, 40) - {user("user20")} if told[0] == DONE else set())
        ),
    ),
    "large removal and user delete": Race(
        crowded,
        lambda t, ids: change(t, ids["Full"], remove=crowd(ids, 0, 52)),
        lambda t, ids: deletes.delete_user(t, ids[user("user20")]),
        _allowed((DONE, DONE)),
        lambda end, _: _members(end, "Full") == _numbers(52, 55),
    ),
    "group delete and large change": Race(
        crowded,
        lambda t, ids: deletes.delete_group(t, ids["Full"]),
        lambda t, ids: change(t, ids["Full"], remove=crowd(ids, 0, 52)),
        _allowed((DONE, DONE), (DONE, "NotFound")),
        lambda end, _: "Full" not in end.groups,
    ),
    "group delete, twice": Race(
        crowded,
        lambda t, ids: deletes.delete_group(t, ids["Full"]),
        lambda t, ids: deletes.delete_group(t, ids["Full"]),
        _allowed((DONE, "NotFound"), ("NotFound", DONE)),
        lambda end, _: "Full" not in end.groups,
    ),
    "creation of a large team and user delete": Race(
        crowded,
        lambda t, ids: create_group(t, *crowd(ids, 0, 40)),
        lambda t, ids: deletes.delete_user(t, ids[user("user20")]),
        _allowed((DONE, DONE), ("InvalidValue", DONE)),
        lambda end, told: (
            _members(end, "New")
            == (_numbers(0, 40) - {user("user20")} if told[0] == DONE else set())
        ),
    ),
    "PUT of a large team and rename of it": Race(
        crowded,
        lambda t, ids: put_group(t, ids["Full"], "Few", crowd(ids, 50, 60)),
        lambda t, ids: rename(t, ids["Full"], "Many"),
        _allowed((DONE, DONE)),
        lambda end, _: _numbers(50, 60) in (_members(end, "Few"), _members(end, "Many")),
    ),
}
