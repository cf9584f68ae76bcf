"""`make costs`: what a deployment costs a month, computed from measured operations.

    make costs                 print the tables
    make costs ARGS=--write    put them into docs/costs.md and docs/storage.md

The cost of an operation in DynamoDB and the size of items are measured here; how many requests
Entra ID sends follows from `CUSTOMER`, prices are in `PRICES`, and what cannot be measured without
an AWS account is in `ASSUMED`. Change them and run it again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from chalicelib.directory import groups, users
from chalicelib.directory.context import ConnectionContext
from chalicelib.directory.groups import GroupChange
from chalicelib.organisations.watch import ROUND
from chalicelib.scim.member_changes import MemberChange
from chalicelib.storage.keys import PENDING_CHANGE_PARTITIONS
from dev.measure import budget, looking, operations, push_costs, sizes
from dev.measure.meter import Cost, item_size
from dev.measure.pages import Section
from dev.measure.scene import context, memory
from dev.release import alarms
from dev.run import resources

SECTION = Section("costs.md", "costs")
PUSH = Section("costs.md", "push")
SNAPSHOT = Section("costs.md", "snapshot")

MILLION = 1_000_000
GIGABYTE = 2**30
DAYS = 30.4
MINUTES = int(DAYS * 24 * 60)

# US dollars in us-east-1 on arm64, as AWS listed them in 2026, without free tiers; Frankfurt and
# Dublin are about 15 % above.
PRICES: Mapping[str, float] = {
    "API Gateway, a request": 3.50 / MILLION,
    "Lambda, an invocation": 0.20 / MILLION,
    "Lambda, a GB-second": 0.0000133334,
    # For Python; the page https://aws.amazon.com/lambda/pricing/ has both under SnapStart.
    "Lambda, a GB-second of a snapshot": 0.0000015046,
    "Lambda, a GB restored from it": 0.0001397998,
    "DynamoDB, a read unit": 0.125 / MILLION,
    "DynamoDB, a write unit": 0.625 / MILLION,
    "DynamoDB, a GB a month, with recovery": 0.25 + 0.20,
    "Secrets Manager, a secret a month": 0.40,
    "Secrets Manager, a call": 5 / MILLION,
    "CloudWatch, a GB of logs": 0.50,
    "CloudWatch, a metric a month": 0.30,
    "CloudWatch, an alarm a month": 0.10,
    "Internet, a GB out": 0.09,
}


@dataclass(frozen=True, slots=True)
class Assumed:
    """What cannot be measured without an AWS account."""

    ms_own: float = 15  # of a request, without its calls to AWS
    ms_per_call: float = 8  # to DynamoDB or Secrets Manager
    ms_sweep: float = 30
    ms_receiver: float = 300  # until the SaaS has accepted an event
    log_bytes: int = 1_600  # of a request, in all logs together
    response_bytes: int = 1_500
    metrics: int = 4
    item_overhead: int = 100  # bytes that DynamoDB adds to each item


ASSUMED = Assumed()


@dataclass(frozen=True, slots=True)
class Customer:
    """An organisation on Entra ID, and what changes there in a month."""

    users: int = 500
    groups: int = 20
    groups_a_user: int = 2
    joiners: int = 10
    leavers: int = 10
    edited: int = 50
    moved: int = 25  # from one group to another
    renamed_groups: int = 1
    tokens: int = 1

    @property
    def memberships(self) -> int:
        """The number of memberships."""
        return self.users * self.groups_a_user


READ, WRITE = PRICES["DynamoDB, a read unit"], PRICES["DynamoDB, a write unit"]
CUSTOMER = Customer()
CUSTOMERS = 100
CYCLES = MINUTES // 40

MATCH_USER, CREATE_USER = "filter userName eq", "create user"
READ_USER, PATCH_USER = "GET user in 3 groups", "PATCH, PUT user"
DELETE_USER = "DELETE user in 3 groups"
MATCH_GROUP, CREATE_GROUP, RENAME_GROUP = "filter displayName eq", "create group", "rename group"
JOIN, LEAVE = "PATCH group: add 1 member", "PATCH group: remove 1 member"
# Part of every request: before it, and after it.
AUTHENTICATION, RECORDING = "authentication", "log entry and counters of a request"

Requests = Mapping[str, int]


def initial(customer: Customer) -> Requests:
    """Count the requests of the first cycle: each resource is searched for, then created.

    A membership is a request of its own, as Entra ID sends them by default; and each user gets a
    manager by a PATCH.
    """
    return {
        MATCH_USER: customer.users,
        CREATE_USER: customer.users,
        PATCH_USER: customer.users,
        MATCH_GROUP: customer.groups,
        CREATE_GROUP: customer.groups,
        JOIN: customer.memberships,
    }


def monthly(customer: Customer) -> Requests:
    """Count the requests of a month after it: each cycle tests the connection, the rest is changes.

    A user who leaves is deactivated, and deleted a month later.
    """
    changes = customer.edited + customer.leavers
    return {
        MATCH_USER: CYCLES + customer.joiners,
        CREATE_USER: customer.joiners,
        READ_USER: changes,
        PATCH_USER: changes,
        DELETE_USER: customer.leavers,
        JOIN: customer.joiners * customer.groups_a_user + customer.moved,
        LEAVE: customer.moved,
        RENAME_GROUP: customer.renamed_groups,
    }


@dataclass(frozen=True, slots=True)
class Units:
    """The cost of one request, with its authentication, its log entry and its counters."""

    calls: int
    reads: int
    writes: int


def measure() -> dict[str, Units]:
    """Measure each operation."""
    wanted = {*initial(CUSTOMER), *monthly(CUSTOMER), AUTHENTICATION, RECORDING}
    lines = [line for line in budget.BUDGET if line.operation in wanted]
    found = {line.operation: cost for line, cost in budget.measured(lines)}
    always = found.pop(AUTHENTICATION), found.pop(RECORDING)
    return {name: _together(cost, *always) for name, cost in found.items()}


def _together(*costs: Cost) -> Units:
    return Units(
        sum(cost.round_trips for cost in costs),
        sum(cost.rcu for cost in costs),
        sum(cost.wcu for cost in costs),
    )


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes in the table, each with its change item; `request` is the log entry of a request."""

    user: float
    group: float
    membership: float
    request: float


def weigh() -> Sizes:
    """Measure the bytes of a user, a group, a membership and a log entry."""
    with memory() as table:
        one = context(table)
        empty = _bytes(one)
        ids = [str(users.create(one, operations.document(one))["id"]) for _ in range(20)]
        of_users = _bytes(one)
        group = str(groups.create(one, operations.group(one), frozenset())["id"])
        of_group = _bytes(one)
        for uid in ids:
            groups.change(one, group, GroupChange(None, MemberChange(add=frozenset({uid})), None))
        of_memberships = _bytes(one)
    return Sizes(
        (of_users - empty) / len(ids),
        of_group - of_users,
        (of_memberships - of_group) / len(ids),
        _bytes_of_a_request(),
    )


def _bytes_of_a_request() -> float:
    with operations.with_group_of(0) as scene:
        record = operations.record(scene)
        before = _bytes(scene.set)
        record()
        return _bytes(scene.set) - before


def _bytes(one: ConnectionContext) -> int:
    table = one.items.table
    pages = table.client.get_paginator("scan").paginate(TableName=table.name)
    items = [item for page in pages for item in page["Items"]]
    return sum(item_size(item) + ASSUMED.item_overhead for item in items)


@dataclass(frozen=True, slots=True)
class Bill:
    """The usage of all customers together."""

    requests: int
    seconds: float
    reads: int
    writes: int

    def dollars(self) -> dict[str, float]:
        """Return the price of each service."""
        memory_gb = int(resources.read_json("config.json")["lambda_memory_size"]) / 1024
        compute = self.seconds * memory_gb * PRICES["Lambda, a GB-second"]
        logs = self.requests * ASSUMED.log_bytes / GIGABYTE * PRICES["CloudWatch, a GB of logs"]
        sent = self.requests * ASSUMED.response_bytes / GIGABYTE * PRICES["Internet, a GB out"]
        return {
            "API Gateway": self.requests * PRICES["API Gateway, a request"],
            "Lambda": self.requests * PRICES["Lambda, an invocation"] + compute,
            "DynamoDB, reads": self.reads * PRICES["DynamoDB, a read unit"],
            "DynamoDB, writes": self.writes * PRICES["DynamoDB, a write unit"],
            "logs and traffic": logs + sent,
        }


def bill(requests: Requests, measured: Mapping[str, Units]) -> Bill:
    """Add up the usage of requests."""
    count = sum(requests.values()) * CUSTOMERS
    calls = sum(measured[name].calls * times for name, times in requests.items()) * CUSTOMERS
    return Bill(
        requests=count,
        seconds=(count * ASSUMED.ms_own + calls * ASSUMED.ms_per_call) / 1000,
        reads=sum(measured[name].reads * times for name, times in requests.items()) * CUSTOMERS,
        writes=sum(measured[name].writes * times for name, times in requests.items()) * CUSTOMERS,
    )


def standing(sizes: Sizes) -> dict[str, float]:
    """Return the price of what costs without a request: storage, secrets, sweeper, alarms.

    The dashboard is one of the three that AWS does not charge an account for.
    """
    one = CUSTOMER
    whole = one.users * sizes.user + one.groups * sizes.group + one.memberships * sizes.membership
    whole += sum(monthly(one).values()) * sizes.request  # kept for a month
    kept = whole * CUSTOMERS / GIGABYTE
    secrets = CUSTOMERS * one.tokens + 1
    memory_gb = int(resources.read_json("config.json")["lambda_memory_size"]) / 1024
    compute = MINUTES * ASSUMED.ms_sweep / 1000 * memory_gb * PRICES["Lambda, a GB-second"]
    reads = PENDING_CHANGE_PARTITIONS * PRICES["DynamoDB, a read unit"]
    looks = looking.measure()
    return {
        "Secrets Manager": secrets * PRICES["Secrets Manager, a secret a month"],
        "DynamoDB, storage and recovery": kept * PRICES["DynamoDB, a GB a month, with recovery"],
        "sweeper": MINUTES * (PRICES["Lambda, an invocation"] + reads) + compute,
        "looks at connections": CUSTOMERS * _looks(looks, memory_gb),
        "metrics": ASSUMED.metrics * PRICES["CloudWatch, a metric a month"],
        "alarms": len(alarms.TABLE) * PRICES["CloudWatch, an alarm a month"],
    }


def _looks(looks: looking.Looks, memory_gb: float) -> float:
    """Return the price of a month's looks at one connection, one an hour with something new."""
    rounds, hours = MINUTES // ROUND, MINUTES // 60
    seconds = rounds * looks.writing.round_trips * ASSUMED.ms_per_call / 1000
    return (
        rounds * looks.idle.rcu * PRICES["DynamoDB, a read unit"]
        + hours * looks.writing.wcu * PRICES["DynamoDB, a write unit"]
        + seconds * memory_gb * PRICES["Lambda, a GB-second"]
    )


def changes(requests: Requests) -> int:
    """Count the requests that change something: what all customers together are pushed."""
    reading = {MATCH_USER, MATCH_GROUP, READ_USER}
    return CUSTOMERS * sum(times for name, times in requests.items() if name not in reading)


def pushing(count: int, steps: Mapping[str, Cost]) -> Mapping[str, float]:
    """Return the price of pushing changes to one webhook, each alone: the dearest there is."""
    costs = [steps[name] for name in push_costs.OF_A_CHANGE]
    calls = sum(cost.round_trips for cost in costs) + 2  # the sender is woken, and reads its secret
    own = 2 * ASSUMED.ms_own + ASSUMED.ms_receiver
    memory_gb = int(resources.read_json("config.json")["lambda_memory_size"]) / 1024
    seconds = count * (own + calls * ASSUMED.ms_per_call) / 1000
    invocations = 2 * count * PRICES["Lambda, an invocation"]
    return {
        "Lambda": invocations + seconds * memory_gb * PRICES["Lambda, a GB-second"],
        "Secrets Manager, calls": count * PRICES["Secrets Manager, a call"],
        "DynamoDB, reads": count * sum(cost.rcu for cost in costs) * READ,
        "DynamoDB, writes": count * sum(cost.wcu for cost in costs) * WRITE,
    }


# --- the tables -------------------------------------------------------------------------------


def report(measured: Mapping[str, Units]) -> str:
    """Return both tables."""
    once, month, fixed = initial(CUSTOMER), monthly(CUSTOMER), standing(weigh())
    return "\n".join(
        [
            *_operations(once, month, measured),
            "",
            f"For {CUSTOMERS} organisations, in US dollars:",
            "",
            *_dollars(bill(once, measured).dollars(), bill(month, measured).dollars(), fixed),
            "",
        ]
    )


def report_push(steps: Mapping[str, Cost]) -> str:
    """Return the tables of push."""
    counts = changes(initial(CUSTOMER)), changes(monthly(CUSTOMER))
    prices = [pushing(count, steps) for count in counts]
    secret = PRICES["Secrets Manager, a secret a month"]
    rest = MINUTES * steps[push_costs.REST].rcu * READ
    sums = sum(prices[0].values()), sum(prices[1].values()) + secret + rest
    lines = [
        *push_costs.table(steps),
        "",
        f"| one webhook of {CUSTOMERS} organisations | first cycle, once | a month |",
        "|---|---|---|",
        f"| changes | {counts[0]:,} | {counts[1]:,} |",
        *(f"| {name} | {prices[0][name]:.2f} | {prices[1][name]:.2f} |" for name in prices[0]),
        f"| at rest: the webhook's secret | | {secret:.2f} |",
        f"| at rest: a look every minute | | {rest:.2f} |",
        f"| **all** | **{sums[0]:.2f}** | **{sums[1]:.2f}** |",
    ]
    return "\n".join([*lines, ""])


def report_snapshot() -> str:
    """Return the table of what `SnapStart` adds."""
    memory_gb = int(resources.read_json("config.json")["lambda_memory_size"]) / 1024
    kept = MINUTES * 60 * memory_gb * PRICES["Lambda, a GB-second of a snapshot"]
    restored = 1_000 * memory_gb * PRICES["Lambda, a GB restored from it"]
    lines = [
        "| with `SnapStart=on` | US dollars |",
        "|---|---|",
        f"| the snapshot of the version that runs, a month | {kept:.2f} |",
        f"| 1,000 containers that start from it | {restored:.2f} |",
    ]
    return "\n".join([*lines, ""])


def _operations(once: Requests, month: Requests, measured: Mapping[str, Units]) -> Iterator[str]:
    yield "| request, with authentication and log | calls | RCU | WCU | first cycle | month after |"
    yield "|---|---|---|---|---|---|"
    for name, units in measured.items():
        cells = (units.calls, units.reads, units.writes, once.get(name, 0), month.get(name, 0))
        yield f"| {name} | {' | '.join(f'{cell:,}' for cell in cells)} |"
    counts = sum(once.values()), sum(month.values())
    yield f"| **all, of one organisation** | | | | {counts[0]:,} | {counts[1]:,} |"


def _dollars(
    once: Mapping[str, float], month: Mapping[str, float], fixed: Mapping[str, float]
) -> Iterator[str]:
    yield "| | first cycle, once | a month |"
    yield "|---|---|---|"
    for name in once:
        yield f"| {name} | {once[name]:.2f} | {month[name]:.2f} |"
    for name, dollars in fixed.items():
        yield f"| {name} | | {dollars:.2f} |"
    sums = sum(once.values()), sum(month.values()) + sum(fixed.values())
    yield f"| **all** | **{sums[0]:.2f}** | **{sums[1]:.2f}** |"
    yield f"| **an organisation** | **{sums[0] / CUSTOMERS:.2f}** | **{sums[1] / CUSTOMERS:.2f}** |"


def main(arguments: Sequence[str]) -> int:
    """Print the tables, and put them into the pages where that is asked for."""
    SECTION.publish(report(measure()), arguments)
    PUSH.publish(report_push(push_costs.measure()), arguments)
    SNAPSHOT.publish(report_snapshot(), arguments)
    sizes.SECTION.publish(sizes.table(PRICES["DynamoDB, a write unit"]), arguments)
    return 0
