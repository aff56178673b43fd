"""The EMR Serverless application that runs jobs, and the right to ask it for one.

It starts with a job, stops when it was idle, and never takes more than the plan allows. Jobs reach
S3, Glue, KMS and Secrets Manager in this region only; they are in no network of ours, and nothing
reaches them.
"""

from __future__ import annotations

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_emrserverless as emr
from constructs import Construct

from infra.alarms import AlarmsStack, count
from infra.plan import Plan
from infra.rights import Right, policy
from infra.roles import RolesStack
from infra.stack import PlannedStack


class JobsStack(PlannedStack):
    """The application, who may use it, and an alarm for its jobs that fail."""

    def __init__(
        self, scope: Construct, plan: Plan, roles: RolesStack, alarms: AlarmsStack
    ) -> None:
        super().__init__(
            scope, "jobs", plan, description="Product 360: the application that runs jobs"
        )
        self.application = self._application()
        policy(
            self,
            "AsksForJobs",
            roles.platform,
            self._asking(),
            shown={self.application.attr_arn: "<Application.Arn>"},
        )
        alarms.alarm(self, "JobsFailed", self._failed(), 1, "Jobs that failed")
        self.says(
            "PRODUCT360_EMR_APPLICATION",
            self.application.attr_application_id,
            description="Runs jobs",
        )
        self.says("PRODUCT360_EMR_RELEASE", plan.emr.release, description="Of the application")

    def _application(self) -> emr.CfnApplication:
        chosen = self.plan.emr
        return emr.CfnApplication(
            self,
            "Application",
            name=self.plan.name,
            type="Spark",
            release_label=chosen.release,
            maximum_capacity=emr.CfnApplication.MaximumAllowedResourcesProperty(
                cpu=f"{chosen.most_vcpus} vCPU",
                memory=f"{chosen.most_memory_gb} GB",
                disk=f"{chosen.most_disk_gb} GB",
            ),
            auto_start_configuration=emr.CfnApplication.AutoStartConfigurationProperty(
                enabled=True
            ),
            auto_stop_configuration=emr.CfnApplication.AutoStopConfigurationProperty(
                enabled=True, idle_timeout_minutes=chosen.idle_minutes
            ),
        )

    def _failed(self) -> cloudwatch.Metric:
        # Releases from 7.10 on count by id and name together.
        application = {
            "ApplicationId": self.application.attr_application_id,
            "ApplicationName": self.plan.name,
        }
        return count("AWS/EMRServerless", "FailedJobs", application)

    def _asking(self) -> list[Right]:
        application = self.application.attr_arn
        return [
            Right(("emr-serverless:StartJobRun", "emr-serverless:GetApplication"), (application,)),
            Right(
                (
                    "emr-serverless:GetJobRun",
                    "emr-serverless:CancelJobRun",
                    "emr-serverless:TagResource",
                ),
                (f"{application}/jobruns/*",),
                because="A job run gets its id when it starts.",
            ),
        ]
