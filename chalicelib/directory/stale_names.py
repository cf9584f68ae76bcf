"""Names that a damaged table reserves for nobody, or does not reserve at all.

A uniqueness item is written and deleted in the transaction of its owner, so the two agree; a
restore may hold half of a transaction, and then a name would be taken for ever. An owner that is
gone, or has another name, does not have this one: a transaction that is conditioned on that frees
it. So what only another request is changing at this moment is never taken for damage.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from chalicelib.directory.context import ConnectionContext
from chalicelib.observability import logger
from chalicelib.storage.directory_items import Group, User
from chalicelib.storage.expressions import NEW, Action, Check, Delete, Item, equals
from chalicelib.storage.keys import ONLY, ConnectionKeys, Key
from chalicelib.storage.lookups import group_has_name, user_has_name
from chalicelib.storage.records import from_item
from chalicelib.storage.transactions import TransactionCanceled


def freed(context: ConnectionContext, name: Key, canceled: TransactionCanceled) -> bool:
    """Free a name that a transaction has found in use, if its owner does not have it.

    Cost: 1 RCU, and a transaction of 4 WCU if it was freed.
    """
    item = canceled.items.get(name)
    if item is None:
        return False
    attribute = "uid" if "uid" in item else "gid"
    key_of, has_name = _OWNERS[attribute]
    owner = key_of(context.keys, item[attribute])
    found = context.items.get(owner)
    if found is not None and has_name(context.keys, found, name):
        return False
    unchanged = NEW if found is None else equals("v", found["v"])
    actions: list[Action] = [
        Check(owner, unchanged),
        Delete(name, equals(attribute, item[attribute])),
    ]
    if context.try_commit(actions) is not None:
        return False
    logger.error("a name was reserved for a resource without it", extra={"owner": item[attribute]})
    return True


def try_commit(
    context: ConnectionContext, actions: Sequence[Action], *, is_last: bool = False
) -> TransactionCanceled | None:
    """Commit a change or delete of a resource, which frees its name unless another has that.

    A name of another, which only a damaged table has, stays theirs; the rest is written.
    """
    canceled = context.try_commit(actions, is_last=is_last)
    if canceled is None:
        return None
    kept = [each for each in actions if not _frees_name_of_another(each, canceled)]
    if len(kept) == len(actions):
        return canceled
    left = context.try_commit(kept, is_last=is_last)
    if left is None:
        # Else the resource has changed since it was read, and may have given up that name.
        logger.error("the name of a resource belongs to another")
    return left


def _frees_name_of_another(action: Action, canceled: TransactionCanceled) -> bool:
    is_name = isinstance(action, Delete) and action.key.sk == ONLY
    return is_name and canceled.items.get(action.key) is not None


# How the owner's item is found, and whether it has the name.
Owner = tuple[Callable[[ConnectionKeys, str], Key], Callable[[ConnectionKeys, Item, Key], bool]]

_OWNERS: Mapping[str, Owner] = {
    "uid": (
        ConnectionKeys.user,
        lambda keys, item, name: user_has_name(keys, from_item(User, item), name),
    ),
    "gid": (
        ConnectionKeys.group,
        lambda keys, item, name: group_has_name(keys, from_item(Group, item), name),
    ),
}
