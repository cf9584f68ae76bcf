"""`make access STAGE=dev`: print the address of a deployed stage and its operator key, for a shell.

    eval "$(make --silent access STAGE=dev)"

Nothing else goes to stdout. The address is API Gateway's own, which needs no domain. The key is a
credential: it opens every admin route.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from dev.release import account, stages


def main(arguments: Sequence[str]) -> int:
    """Print two assignments, URL and KEY.

    Raises:
        WrongSettings: there is no such stage.
        NoAccess: there are no credentials, or the stage is not deployed from this folder.
    """
    stage = stages.read(arguments[0] if arguments else "dev")
    found = account.find_account()
    url, key = account.url_of(stage, found), account.operator_key(stage, found)
    print(f"URL={shlex.quote(url)}\nKEY={shlex.quote(key)}")
    return 0
