"""Who is told of what nobody would see, read from what is synthesised."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from synthesised import Template, resources, text

pytestmark = pytest.mark.usefixtures("templates")
Templates = Mapping[str, Template]


def test_every_alarm_and_the_budget_write_to_the_topic(templates: Templates) -> None:
    [topic] = resources(templates["Alarms"], "AWS::SNS::Topic")
    alarms = resources(templates["Alarms"], "AWS::CloudWatch::Alarm").values()
    assert len(alarms) == 4
    assert all(each["Properties"]["AlarmActions"] == [{"Ref": topic}] for each in alarms)
    [told] = resources(templates["Jobs"], "AWS::CloudWatch::Alarm").values()
    [action] = map(text, told["Properties"]["AlarmActions"])
    assert action.startswith(f"<product360-alarms:ExportsOutputRef{topic}")
    [budget] = resources(templates["Budget"], "AWS::Budgets::Budget").values()
    notices = budget["Properties"]["NotificationsWithSubscribers"]
    assert [each["Notification"]["NotificationType"] for each in notices] == [
        "ACTUAL",
        "FORECASTED",
    ]


def test_a_job_that_fails_raises_an_alarm(templates: Templates) -> None:
    [application] = resources(templates["Jobs"], "AWS::EMRServerless::Application")
    [alarm] = resources(templates["Jobs"], "AWS::CloudWatch::Alarm").values()
    told = alarm["Properties"]
    assert (told["Namespace"], told["MetricName"]) == ("AWS/EMRServerless", "FailedJobs")
    assert {each["Name"]: text(each["Value"]) for each in told["Dimensions"]} == {
        "ApplicationId": f"<{application}.ApplicationId>",
        "ApplicationName": "product360",
    }
    # One failure in five minutes is enough, and an application at rest is none.
    assert (told["Statistic"], told["Threshold"], told["Period"]) == ("Sum", 1, 300)
    assert told["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
    assert told["TreatMissingData"] == "notBreaching"
