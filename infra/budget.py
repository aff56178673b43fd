"""What a month may cost before somebody is told. A budget tells; it stops nothing.

What jobs may use is capped elsewhere: at once by the application's capacity, by the day and the
month by the platform, which refuses a job that could pass it.
"""

from __future__ import annotations

from aws_cdk import aws_budgets as budgets
from constructs import Construct

from infra.alarms import AlarmsStack
from infra.plan import Plan
from infra.stack import PlannedStack

# Of the budget, in percent: what was spent, and what is forecast for the month.
SPENT, FORECAST = 80, 100


class BudgetStack(PlannedStack):
    """The month's budget of everything that carries the deployment's tag."""

    def __init__(self, scope: Construct, plan: Plan, alarms: AlarmsStack) -> None:
        super().__init__(scope, "budget", plan, description="Product 360: what a month may cost")
        budgets.CfnBudget(
            self,
            "Month",
            budget=budgets.CfnBudget.BudgetDataProperty(
                budget_name=f"{plan.name} a month",
                budget_type="COST",
                time_unit="MONTHLY",
                budget_limit=budgets.CfnBudget.SpendProperty(
                    amount=plan.monthly_budget_usd, unit="USD"
                ),
                cost_filters={"TagKeyValue": [f"user:product360:deployment${plan.name}"]},
            ),
            notifications_with_subscribers=[
                _notice("ACTUAL", SPENT, alarms.topic.topic_arn),
                _notice("FORECASTED", FORECAST, alarms.topic.topic_arn),
            ],
        )


def _notice(
    kind: str, percent: float, topic: str
) -> budgets.CfnBudget.NotificationWithSubscribersProperty:
    return budgets.CfnBudget.NotificationWithSubscribersProperty(
        notification=budgets.CfnBudget.NotificationProperty(
            comparison_operator="GREATER_THAN",
            notification_type=kind,
            threshold=percent,
            threshold_type="PERCENTAGE",
        ),
        subscribers=[budgets.CfnBudget.SubscriberProperty(subscription_type="SNS", address=topic)],
    )
