"""`make account`: what an AWS account needs once for each region, before the first stage.

It is the role by which API Gateway writes logs. `make deploy` sets it up too; a stack of
CloudFormation fails without it. An account that has one is left as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dev.patience import Patience
from dev.release import roles
from dev.release.account import Account, find_account
from dev.release.stages import Stage

LOGS_ROLE = "passerelle-api-gateway-logs"
LOGS_POLICY = "arn:aws:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"
# API Gateway sees a new role after some seconds, and can be told of one every 20 s.
NEW_ROLE = Patience(
    90, "API Gateway to see its new role", {"BadRequestException", "TooManyRequestsException"}
)
# From this many on nothing is said: AWS's usual quota is 1,000, that of a new account is 10.
ENOUGH_CONCURRENCY = 100
# AWS rejects a reservation that leaves fewer.
UNRESERVED = 100
CONCURRENCY_QUOTA = "L-B99A9384"  # "Concurrent executions" in Service Quotas


def main(_: Sequence[str]) -> int:
    """Set up the account and region of the credentials; can be repeated.

    Raises:
        NoAccess: there are no valid credentials.
        ClientError: AWS rejects a call.
    """
    account = find_account()
    allow_access_log(account)
    print(f"Account {account.number} is ready in {account.region}.")
    warn_of_quota(account)
    return 0


def allow_access_log(account: Account) -> None:
    """Let API Gateway write logs: a setting of the account and region, created if missing."""
    gateway, iam = account.client("apigateway"), account.client("iam")
    if gateway.get_account().get("cloudwatchRoleArn"):
        return
    document = roles.trust("apigateway.amazonaws.com")
    try:
        role = iam.create_role(RoleName=LOGS_ROLE, AssumeRolePolicyDocument=document)
    except iam.exceptions.EntityAlreadyExistsException:
        role = iam.get_role(RoleName=LOGS_ROLE)
    iam.attach_role_policy(RoleName=LOGS_ROLE, PolicyArn=LOGS_POLICY)
    change = [{"op": "replace", "path": "/cloudwatchRoleArn", "value": role["Role"]["Arn"]}]
    NEW_ROLE.repeat(lambda: gateway.update_account(patchOperations=change))
    print(f"  API Gateway in {account.region} now writes its logs as {LOGS_ROLE}.")


def within_quota(stage: Stage, account: Account) -> Stage:
    """Return the stage without its reserved concurrency where the account's quota is too low."""
    wanted, quota = stage.reserved_concurrency, concurrency_quota(account)
    if wanted is None or quota - wanted >= UNRESERVED:
        return stage
    print(
        f"  {wanted} concurrent executions are not reserved: the account may run {quota}, and "
        f"{UNRESERVED} must be left for its other functions."
    )
    return replace(stage, reserved_concurrency=None)


def concurrency_quota(account: Account) -> int:
    """Return how many functions the account may run at once in its region."""
    limits = account.client("lambda").get_account_settings()["AccountLimit"]
    return int(limits["ConcurrentExecutions"])


def warn_of_quota(account: Account) -> None:
    """Say what a new account's quota means, before a customer meets it."""
    concurrency = concurrency_quota(account)
    if concurrency < ENOUGH_CONCURRENCY:
        print(
            f"\nThis account runs at most {concurrency} functions at once, as new accounts do: "
            f"{concurrency} requests of all customers together; each more gets 503. Before the "
            "first customer connects, ask for 1,000:\n\n"
            "  aws service-quotas request-service-quota-increase --service-code lambda \\\n"
            f"    --quota-code {CONCURRENCY_QUOTA} --desired-value 1000 --region {account.region}"
        )
