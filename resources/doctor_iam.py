"""Who we are to AWS, and what IAM says we may do there, without doing any of it.

The hazard is to take this for the last word. IAM simulates the policies of the caller and of its
organization; policies of buckets, keys and endpoints, which can refuse as well, it does not see.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from resources.aws import session
from resources.doctor import Finding, ok
from resources.doctor_calls import DENIED, Clients, ask, refusal
from resources.doctor_rights import Right

_SESSION = re.compile(
    r"arn:(?P<partition>[^:]+):sts::(?P<account>[0-9]+):assumed-role/(?P<role>[^/]+)/.+"
)


def look_at_region() -> Iterator[Finding]:
    """Whether the SDK knows a region: some of its clients do without one, and most do not."""
    thing, answer = "AWS region", ask(lambda: {"region": session().region_name})
    if answer.code:
        yield refusal(thing, "a profile", answer.code)
    elif answer.value["region"]:
        yield ok(thing, answer.value["region"])
    else:
        yield Finding(
            thing,
            "failed",
            "none in AWS_DEFAULT_REGION or the AWS profile",
            "the region where the platform is deployed",
            "export AWS_DEFAULT_REGION, or set region in the AWS profile",
        )


def look_at_caller(aws: Clients) -> Iterator[Finding]:
    """Who the credentials belong to."""
    answer = ask(lambda: aws("sts").get_caller_identity())
    if answer.code:
        yield refusal("AWS credentials", "sts:GetCallerIdentity", answer.code)
    else:
        yield ok("AWS credentials", answer.value["Arn"])


def look_at_right(aws: Clients, right: Right) -> Iterator[Finding]:
    """Whether the caller may do what the platform does with these resources."""
    thing, sts = f"permissions on {right.thing}", aws("sts")
    answer = ask(sts.get_caller_identity)
    if answer.code:
        yield refusal(thing, "sts:GetCallerIdentity", answer.code)
        return
    caller = str(answer.value["Arn"])
    principal = principal_of(caller)
    if principal is None:
        yield _not_checked(thing, right, f"{caller} is no user and no role")
        return
    open_parts = {
        "partition": caller.split(":")[1],
        "account": str(answer.value["Account"]),
        "region": str(sts.meta.region_name),
    }
    on = [pattern.format_map(open_parts) for pattern in right.on]
    decided = ask(lambda: {"denied": _denied(aws, principal, right, on)})
    if decided.code in DENIED:
        yield _not_checked(thing, right, f"iam:SimulatePrincipalPolicy is denied ({decided.code})")
    elif decided.code == "NoSuchEntity":
        yield _not_checked(thing, right, "IAM knows the caller's role by another path")
    elif decided.code:
        yield refusal(thing, "iam:SimulatePrincipalPolicy", decided.code, needed=False)
    else:
        yield _verdict(thing, right, decided.value["denied"])


def principal_of(caller: str) -> str | None:
    """The ARN of the user or role whose policies count; a session is of its role.

    None for the account's root and for federated users, which nothing can be simulated for.
    """
    if session := _SESSION.fullmatch(caller):
        return "arn:{partition}:iam::{account}:role/{role}".format_map(session.groupdict())
    return caller if ":user/" in caller or ":role/" in caller else None


def _denied(aws: Clients, principal: str, right: Right, on: Sequence[str]) -> list[str]:
    """The actions that IAM would not allow on one of the resources."""
    context = {
        "ContextKeyName": "iam:PassedToService",
        "ContextKeyValues": [right.passed_to],
        "ContextKeyType": "string",
    }
    pages = aws("iam").get_paginator("simulate_principal_policy")
    results = [
        result
        for page in pages.paginate(
            PolicySourceArn=principal,
            ActionNames=list(right.actions),
            ResourceArns=list(on),
            ContextEntries=[context] if right.passed_to else [],
        )
        for result in page["EvaluationResults"]
    ]
    return sorted({r["EvalActionName"] for r in results if r["EvalDecision"] != "allowed"})


def _verdict(thing: str, right: Right, denied: Sequence[str]) -> Finding:
    if not denied:
        return ok(thing, f"{', '.join(right.actions)} allowed by IAM's simulation")
    condition = f", where iam:PassedToService is {right.passed_to}" if right.passed_to else ""
    return Finding(
        thing,
        "failed",
        f"{', '.join(denied)} would be denied",
        f"{', '.join(right.actions)} allowed",
        f"allow {', '.join(denied)} on it in the policy of the caller's role{condition}",
    )


def _not_checked(thing: str, right: Right, why: str) -> Finding:
    return Finding(
        thing,
        "skipped",
        f"not checked, as {why}: {', '.join(right.actions)}",
        "iam:SimulatePrincipalPolicy on the caller itself",
        "run the doctor as somebody who has it, or compare the role's policy with docs/doctor.md",
    )
