"""`make access STAGE=dev`: the address of a deployed stage and its operator key, for a shell.

    eval "$(make --silent access STAGE=dev)"

The address is API Gateway's own, which needs no domain. Prints a credential: it is the operator
who asks.
"""

from __future__ import annotations

import shlex
import sys

from botocore.exceptions import BotoCoreError, ClientError

from dev.release import account, stages


def main(arguments: list[str]) -> int:
    """Print two assignments; 0 where the stage is deployed."""
    try:
        stage = stages.read(arguments[0] if arguments else "dev")
        found = account.find_account()
        print(f"URL={shlex.quote(account.url_of(stage, found))}")
        print(f"KEY={shlex.quote(account.operator_key(stage, found))}")
    except (account.NoAccess, stages.WrongSettings, ClientError, BotoCoreError) as reason:
        print(f"make access: {reason}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
