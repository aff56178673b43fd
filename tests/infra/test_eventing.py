"""What comes into the queues of landing, and where it ends, read from what is synthesised."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from synthesised import Template, resources, text

from resources.events import RECEIVES

pytestmark = pytest.mark.usefixtures("templates")
Templates = Mapping[str, Template]


def test_what_was_handed_out_as_often_as_anywhere_lies_with_the_dead(templates: Templates) -> None:
    queues = resources(templates["Eventing"], "AWS::SQS::Queue")
    names = {each["Properties"]["QueueName"]: name for name, each in queues.items()}
    policy = queues[names["product360-landing"]]["Properties"]["RedrivePolicy"]
    assert text(policy["deadLetterTargetArn"]) == f"<{names['product360-landing-dead']}.Arn>"
    assert policy["maxReceiveCount"] == RECEIVES
    assert "RedrivePolicy" not in queues[names["product360-landing-dead"]]["Properties"]


def test_what_comes_into_the_queues_comes_from_the_rule_of_landing(templates: Templates) -> None:
    [rule] = resources(templates["Eventing"], "AWS::Events::Rule")
    policies = resources(templates["Eventing"], "AWS::SQS::QueuePolicy").values()
    given = [
        statement
        for policy in policies
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
    ]
    assert len(given) == len(policies) == 2
    for statement in given:
        assert statement["Principal"] == {"Service": "events.amazonaws.com"}
        source = statement["Condition"]["ArnEquals"]["aws:SourceArn"]
        assert text(source) == f"<{rule}.Arn>"
