"""Messages to SQS FIFO queues of the SaaS's account."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

# The ARN of a FIFO queue: region, account and name.
QUEUE = re.compile(r"arn:aws[a-z-]{0,12}:sqs:[a-z0-9-]{1,30}:[0-9]{12}:[A-Za-z0-9_-]{1,75}\.fifo")


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent: the messages of one `group` keep their order; the same `id` is sent on once."""

    body: str
    group: str
    id: str


class NotSent(Exception):
    """The queue did not take the message; the text is the code of SQS's error."""


@cache
def sqs(region: str) -> Any:
    """Make a client of SQS, once: a process that sends to no queue needs none."""
    import boto3  # noqa: PLC0415 - as above
    from botocore.config import Config  # noqa: PLC0415 - as above

    once = Config(retries={"total_max_attempts": 1}, connect_timeout=1, read_timeout=5)
    return boto3.client("sqs", region_name=region, config=once)


@dataclass(frozen=True, slots=True)
class QueueClient:
    """Sends messages to queues; `client` gives the client of SQS in a region."""

    client: Callable[[str], Any] = sqs

    def send(self, queue: str, message: Message) -> None:
        """Send one message to the queue of an ARN.

        Raises:
            NotSent: the queue is not there, it is not ours to write to, or SQS does not respond.
        """
        region, account, name = queue.split(":")[3:]
        client = self.client(region)
        try:
            client.send_message(
                QueueUrl=f"{client.meta.endpoint_url}/{account}/{name}",
                MessageBody=message.body,
                MessageGroupId=message.group,
                MessageDeduplicationId=message.id,
            )
        except ClientError as error:
            raise NotSent(error.response["Error"]["Code"].rpartition(".")[2]) from None
        except BotoCoreError:
            raise NotSent("unreachable") from None
