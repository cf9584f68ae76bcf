"""Wrong settings are found before anything is made in AWS, and said in words that help."""

from __future__ import annotations

import pytest

from dev.release import stages
from dev.release.stages import WrongSettings

DEV = {
    "api_gateway_stage": "dev",
    "lambda_timeout": 28,
    "lambda_functions": {
        "api_handler": {"iam_policy_file": "policy-api-dev.json"},
        "sweep": {"iam_policy_file": "policy-sweep-dev.json"},
        "stream": {"iam_policy_file": "policy-stream-dev.json"},
        "send": {"iam_policy_file": "policy-send-dev.json"},
    },
}
ENVIRONMENT = {"STAGE": "dev", "TABLE_NAME": "passerelle-dev", "PUBLIC_URL": ""}


def faults(environment=ENVIRONMENT, **settings):
    """List what is wrong with stage dev after some changes."""
    return list(stages.faults("dev", {**DEV, **settings}, environment))


@pytest.mark.parametrize("name", ["dev", "prod"])
def test_the_stages_of_this_repository_can_be_deployed(name):
    """The guide begins with one of them."""
    stage = stages.read(name)

    assert (stage.function, stage.sweep) == (f"passerelle-{name}", f"passerelle-{name}-sweep")


def test_an_unknown_stage_is_rejected_with_a_list_of_the_known_ones():
    """A mistyped STAGE must not make a second deployment."""
    with pytest.raises(WrongSettings, match=r"no stage 'prd'.*it has dev, prod"):
        stages.read("prd")


CASES = [
    ({"environment": {**ENVIRONMENT, "STAGE": "prod"}}, "STAGE is 'prod'; it must be 'dev'"),
    ({"environment": {**ENVIRONMENT, "TABLE_NAME": "t-1"}}, "it must be 'passerelle-dev'"),
    ({"environment": {**ENVIRONMENT, "PUBLIC_URL": "scim.example.com"}}, "PUBLIC_URL: "),
    ({"api_gateway_custom_domain": {"domain_name": "a.example"}}, "domain is 'a.example'"),
    ({"lambda_timeout": 60}, "28 at most"),
    ({"lambda_timeout": None}, "28 at most"),
    ({"throttle": {"per_second": 0}}, "throttle: per_second: expected"),
    ({"alarm_topic": "arn:aws:sqs:eu-west-1:111122223333:alarms"}, "not the ARN of an SNS topic"),
    ({"event_queues": ["arn:aws:sqs:eu-west-1:111122223333:events"]}, "not the ARN of a FIFO"),
    ({"throttle": 2000}, "throttle: expected an object"),
    ({"lambda_functions": {"api_handler": {"reserved_concurrency": "50"}}}, "a whole number"),
    ({"lambda_functions": {"api_handler": {"reserved_concurrency": 0}}}, "a whole number"),
    ({"lambda_functions": {}}, "sweep has no iam_policy_file"),
    (
        {"lambda_functions": {"api_handler": {"iam_policy_file": "policy-nowhere.json"}}},
        "api_handler has no iam_policy_file",
    ),
]


@pytest.mark.parametrize(("changes", "said"), CASES)
def test_what_is_wrong_is_said(changes, said):
    """AWS would find it minutes later, in its own words, or the first customer would."""
    assert [fault for fault in faults(**changes) if said in fault]


def test_nothing_is_wrong_with_a_domain_that_the_public_url_names():
    """The domain and what customers are given are one and the same."""
    domain = {"domain_name": "scim.example.com"}
    environment = {**ENVIRONMENT, "PUBLIC_URL": "https://scim.example.com/"}

    assert faults(environment, api_gateway_custom_domain=domain) == []


def test_a_restored_table_may_have_another_name():
    """D9: a backup is restored to a table of a new name; policies follow TABLE_NAME."""
    environment = {**ENVIRONMENT, "TABLE_NAME": "passerelle-dev-restored"}

    assert faults(environment) == []
