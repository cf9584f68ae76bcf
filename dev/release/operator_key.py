"""`make operator-key STAGE=dev NAME=... SCOPES=...`: make an operator key; list and revoke them.

    make operator-key STAGE=dev NAME=sign-in-page SCOPES=sign-in      print a new key, once
    make operator-keys STAGE=dev                                      list them all
    make revoke-operator-key STAGE=dev ID=...                         reject it from now on

STAGE=local is the server that `make run` has started in LOCAL_DIR. A key of a deployed stage can be
read again where its secret may be: `passerelle/<stage>/operator-key-<id>`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from random import SystemRandom

from chalicelib.auth.tokens import mint
from dev.release import reach
from dev.run.operator_keys import lines


def main(arguments: Sequence[str]) -> int:
    """Create, list or revoke: the first argument says which, the second one is the stage.

    Raises:
        WrongKey: the name, a scope or the id is not one.
        VerbError: no server runs in LOCAL_DIR.
        WrongSettings: there is no such stage.
        NoAccess: there are no credentials.
        ClientError: AWS rejects a call.
    """
    action, stage = arguments
    keys = reach.find(stage, os.environ).operator_keys
    if action == "create":
        scopes = re.split(r"[\s,]+", os.environ.get("SCOPES", "").strip(" ,"))
        text = mint("op", SystemRandom()).text
        key = keys.create(text, os.environ.get("NAME", ""), [each for each in scopes if each])
        print(f"The key `{key.name}` ({key.id}) with {', '.join(key.scopes)}:\n\n  {text}\n")
    elif action == "list":
        print("\n".join(lines(keys.list())))
    else:
        keys.revoke(os.environ.get("ID", ""))
        print("It is rejected from now on.")
    return 0
