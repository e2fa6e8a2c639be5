# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wrong inputs, each with what its line of the message says: the value, the rule and the fix.

What can be wrong together is tried in one run, whose message has a line for each and none beside them. A run that the
options of the command line end, and inventories without a control plane or with several, are in C(test_refusals).
"""

from __future__ import annotations

import sys
import typing as t
from pathlib import Path

import pytest

from ansible_collections.onprem.irsa.tests.unit.playbooks.conftest import KEYS, VARIABLES, Play, Run

pytestmark = pytest.mark.slow

THREE = ["cp1.invalid", "cp2.invalid", "cp3.invalid"]
WEB = "https://oidc.example.com"
READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
LINES_BEFORE = 10
# On a quiet machine it takes half of that; the limit is for a busy one, whose caches others use, too.
CPU_SECONDS = 3.5

# What a line says, in its order: the value, the rule and the fix.
Says = tuple[str, str, str]


class Wrong(t.NamedTuple):
    """Variables that are wrong in one way, which one line tells."""

    says: Says
    variables: dict[str, t.Any]


def wrong(*says: str, **variables: object) -> Wrong:
    value, rule, fix = says
    return Wrong((value, rule, fix), variables)


def refused(run: Run) -> list[str]:
    """Return the lines of a message that came soon, and before anything was asked or written."""
    assert (run.code, run.asked, run.files) == (2, False, []), run.output
    assert run.before <= LINES_BEFORE, run.output
    assert run.cpu < CPU_SECONDS
    assert not {"Traceback", "The filter plugin", "Error rendering"} & {*run.message.splitlines()}, run.output
    return run.message.splitlines()


def assert_told(lines: list[str], all_say: t.Collection[Says]) -> None:
    """Fail unless there is exactly one line for what each says, and no other."""
    untold = [says for says in all_say if sum(all(part in line for part in says) for line in lines) != 1]
    assert untold == [], "\n".join(lines)
    assert len(lines) == len(all_say), "\n".join(lines)


def run_with(play: Play, *options: str, playbook: str = "site", **variables: object) -> Run:
    given = {name: value for name, value in {**VARIABLES, **variables}.items() if value is not ABSENT}
    hosts = {"hosts": {name: {} for name in THREE}, "vars": given}
    return play(*options, playbook=playbook, inventory={"kube_control_plane": hosts})


ABSENT = object()
"""Stands for a variable that is not set."""

NAMES = [
    wrong("irsa_isuer_bucket", "no role knows", "Did you mean irsa_issuer_bucket?", irsa_isuer_bucket="acme"),
    wrong("irsa_clutser", "no role knows", "Did you mean irsa_cluster?", irsa_clutser="prod"),
    wrong("isra_region", "no role knows", "Did you mean irsa_region?", isra_region="eu-central-1"),
    wrong("IRSA_REGION", "no role knows", "Did you mean irsa_region?", IRSA_REGION="eu-central-1"),
    wrong("irsa_iam_role ", "no role knows", "Did you mean irsa_iam_roles?", irsa_iam_role=[]),
    wrong("irsa_webhook_timeuot", "no role knows", "Did you mean irsa_webhook_timeout?", irsa_webhook_timeuot=5),
    wrong(
        "irsa_kubeconfig ",
        "no role knows",
        "Did you mean irsa_kubeconfig_host or irsa_kubeconfig_path?",
        irsa_kubeconfig="~/.kube/config",
    ),
    wrong("irsa_verify_color", "no role knows", "ansible-doc --type role onprem.irsa.irsa_verify", irsa_verify_color=1),
]
TYPES = [
    wrong("irsa_cluster", "YAML has read the number 1 ", "in quotes", irsa_cluster=1),
    wrong("irsa_region is null", "must be text", "Give it one", irsa_region=None),
    wrong('irsa_issuer_bucket is ["acme"]', "must be text", "Give a single value", irsa_issuer_bucket=["acme"]),
    wrong("irsa_iam_cluster", "the boolean true", "in quotes", irsa_iam_cluster=True),
    wrong(
        "irsa_iam_roles is prod-reports", "list of roles", "Write it as irsa_iam_roles:", irsa_iam_roles="prod-reports"
    ),
    wrong("irsa_issuer_adopt is maybe", "true or false", "Write one of them", irsa_issuer_adopt="maybe"),
    wrong("irsa_issuer_max_age is 5m", "a whole number", "in digits", irsa_issuer_max_age="5m"),
    wrong('irsa_issuer_bucket_tags is ["a"]', "a dictionary", "Write it as {", irsa_issuer_bucket_tags=["a"]),
    wrong(
        "irsa_issuer_retired_kids is abc", "a list", 'irsa_issuer_retired_kids: ["abc"]', irsa_issuer_retired_kids="abc"
    ),
    wrong("irsa_apiserver_extra_flags is", "a dictionary", "Write it as {", irsa_apiserver_extra_flags=["v=4"]),
    wrong("irsa_apiserver_pause is short", "a whole number", "in digits", irsa_apiserver_pause="short"),
    wrong("irsa_webhook_mode is 'webhok'", "one of webhook,", "Did you mean webhook?", irsa_webhook_mode="webhok"),
    wrong(
        "irsa_webhook_tls is 'CERT-MANAGER'",
        "one of own,",
        "Did you mean cert-manager?",
        irsa_webhook_tls="CERT-MANAGER",
    ),
    wrong("irsa_webhook_tolerations, item 1, is a", "a dictionary", "Write it as {", irsa_webhook_tolerations=["a"]),
    wrong(
        "irsa_apiserver_kept_by is 'kubesprai'",
        "one of kubeadm,",
        "mean kubespray?",
        irsa_apiserver_kept_by="kubesprai",
    ),
    wrong(
        "irsa_verify_role_arn", "the number 21913025 (012 is read as 10", "in quotes", irsa_verify_role_arn=0o123456701
    ),
    wrong("irsa_kubeconfig_path is {}", "must be text", "Give a single value", irsa_kubeconfig_path={}),
    wrong(
        "irsa_webhook_image has no value",
        "'my_tag' is undefined",
        "Correct its template",
        irsa_webhook_image="a:{{ my_tag }}",
    ),
    wrong("irsa_audience has no value", "Syntax error in template", "Correct its template", irsa_audience="{{ aws"),
]
RULES = [
    wrong("region 'eu-centrall-1'", "botocore does not know", "mean eu-central-1?", irsa_region="eu-centrall-1"),
    wrong("bucket name 'Acme_Prod'", "lower-case letters", "as in acme-prod-oidc", irsa_issuer_bucket="Acme_Prod"),
    wrong("cluster's name ''", "1 to 256 letters", "Rename it", irsa_cluster=""),
    wrong("max_age is -1", "0 or more", "The default is 300", irsa_issuer_max_age=-1),
    wrong("files_timeout is -5", "0 or more", "The default is 5", irsa_issuer_files_timeout="-5"),
    wrong("tag cost has no value", "null", "an empty text in quotes", irsa_issuer_bucket_tags={"cost": None}),
    wrong(
        "irsa_issuer_ca_path", "/none/ca.pem, which does not exist", "Give the path", irsa_issuer_ca_path="/none/ca.pem"
    ),
    wrong(
        "irsa_kubeconfig_path",
        "/none/config, which does not exist",
        "Give the path",
        irsa_kubeconfig_path="/none/config",
    ),
    wrong("audience 'a b'", "without blanks", "sts.amazonaws.com", irsa_audience="a b"),
    wrong("trust_policy_limit 0", "1 to 4096", "Give the quota", irsa_iam_trust_policy_limit=0),
    wrong("managed_policies_limit -1", "at least 1", "Give the quota", irsa_iam_managed_policies_limit=-1),
    wrong("irsa_apiserver_timeout is 0", "60 or more", "The default is 300", irsa_apiserver_timeout=0),
    wrong("sandbox_seconds is 5", "0, or 31 or more", "The default is 0", irsa_apiserver_stale_sandbox_seconds=5),
    wrong("flag v ", "a list of values", 'like v: ["VALUE"]', irsa_apiserver_extra_flags={"v": "4"}),
    wrong("before_host_tasks is /none", "does not have", "Name a file", irsa_apiserver_before_host_tasks="/none"),
    wrong("'apps:reports'", "must be namespace/name", "as apps/reports", irsa_verify_service_account="apps:reports"),
    wrong(
        "'arn:aws:iam::0123456701:role/x'",
        "ARN of a role",
        "123456789012",
        irsa_verify_role_arn="arn:aws:iam::0123456701:role/x",
    ),
    wrong("'https://x/y:1'", "has a scheme", "Name one", irsa_verify_image="https://x/y:1"),
]
WEBHOOK = [
    wrong("Pod_Identity", "RFC 1123 label", "Choose another", irsa_webhook_namespace="Pod_Identity"),
    wrong("'webhook'", "no tag and no digest", "Name one", irsa_webhook_image="webhook"),
    wrong("replicas is 0", "1 or more", "the default is 2", irsa_webhook_replicas=0),
    wrong(
        "operator Exist is",
        "neither Equal nor Exists",
        "kubectl explain pod.spec.tolerations",
        irsa_webhook_tolerations=[{"key": "a", "operator": "Exist"}],
    ),
    wrong("a b: 'c'", "up to 63 letters", "Correct it", irsa_webhook_node_selector={"a b": "c"}),
    wrong("cpu: 'ten'", "no quantity", "as in {requests:", irsa_webhook_resources={"requests": {"cpu": "ten"}}),
    wrong("timeout is 31", "34 seconds at most", "15 or less", irsa_webhook_timeout=31),
    wrong("irsa_webhook_port is 70000", "1024 to 65535", "the defaults are", irsa_webhook_port=70000),
    wrong("certificate_days is 0", "1 or more", "the default is 365", irsa_webhook_certificate_days=0),
    wrong("'Kube'", "RFC 1123 label", "Correct it", irsa_webhook_excluded_namespaces=["Kube"]),
    wrong("'eu-cental-1'", "botocore does not know", "Did you mean eu-central-1?", irsa_webhook_region="eu-cental-1"),
    wrong("tls_secret is x", "namespace/name", "Name the Secret", irsa_webhook_tls_secret="x"),  # noqa: S106 -- no password
    wrong("/none/rules.yml", "no directory /none", "Make it", irsa_webhook_alert_rules_file="/none/rules.yml"),
]
TOGETHER = {"names": NAMES, "types": TYPES, "rules": RULES, "webhook": WEBHOOK}

ROLES: list[tuple[dict[str, object], Says]] = [
    ({"name": "x" * 65}, ("x" * 65, "1 to 64 letters", "Rename it")),
    ({"name": "prod räports"}, ("'prod räports'", "1 to 64 letters", "Rename it")),
    ({"name": 12}, ("Role 12", "the number 12 ", "in quotes")),
    ({"service_acounts": ["a/b"]}, ("service_acounts", "not an option of a role", "Did you mean service_accounts?")),
    ({"service_accounts": []}, ("no service accounts", "nobody could assume it", "Name them in service_accounts")),
    ({"service_accounts": ["reports"]}, ("'reports'", "must be namespace/name", "Put its namespace in front")),
    ({"service_accounts": ["system:serviceaccount:apps:x"]}, (":apps:x'", "namespace/name", "Write it as apps/x")),
    ({"service_accounts": ["apps/*"]}, ("'apps/*'", "has a wildcard", "Name the service accounts, or set")),
    ({"service_accounts": ["Apps/x"]}, ("'Apps'", "RFC 1123 label", "as Kubernetes has it")),
    ({"service_accounts": ["a/b", "a/b"]}, ("a/b", "more than once", "Keep one")),
    ({"managed_policies": ["ReadOnlyAccess"]}, ("'ReadOnlyAccess'", "the ARN of a managed policy", "Correct it")),
    (
        {"managed_policies": ["arn:aws:iam::0123456701:policy/p"]},
        ("0123456701", "the ARN of a managed policy", "Correct"),
    ),
    ({"managed_policies": [READ_ONLY] * 2}, (READ_ONLY, "more than once", "Keep one")),
    ({"permissions_boundary": "Mine"}, ("'Mine'", "the ARN of a managed policy", "Correct it")),
    ({"audiences": ["*"]}, ("audience '*'", "without blanks, * and ?", "sts.amazonaws.com")),
    ({"conditions": ["StringEquals"]}, ('conditions is ["StringEquals"]', "a dictionary", "Write it as {")),
    ({"conditions": {"StringEqual": {"aws:X": "a"}}}, ("'StringEqual'", "IAM does not have", "StringEquals")),
    ({"tags": {"Team": "a", "team": "b"}}, ("Team, team", "differ only by case", "Keep one")),
    ({"tags": {"aws:team": "a"}}, ("'aws:team'", "is reserved", "Remove it")),
    ({"tags": ["team"]}, ('tags is ["team"]', "a dictionary", "Write it as {")),
    ({"path": "team"}, ("'team'", "/ at both ends", "Write it as /irsa/")),
    ({"max_session_duration": 60}, ("max_session_duration 60", "3600 to 43200 s", "Change it")),
    ({"max_session_duration": "1h"}, ("'1h'", "a whole number", "as in 3600")),
    ({"state": "Absent"}, ("'Absent'", "one of present, absent", "Did you mean absent?")),
    (
        {
            "inline_policies": {
                "p": {"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Sidd": "a"}]}
            }
        },
        ("'Sidd'", "IAM knows", "Did you mean Sid?"),
    ),
]

# What stands alone: with each other, one would hide the other.
ALONE: list[Wrong] = [
    wrong(
        "irsa_issuer_bucket is not set",
        "which publishes in a bucket",
        "as in irsa_issuer_bucket:",
        irsa_issuer_bucket=ABSENT,
    ),
    wrong(
        "irsa_isuer_bucket",
        "no role knows",
        "Did you mean irsa_issuer_bucket?",
        irsa_issuer_bucket=ABSENT,
        irsa_isuer_bucket="a",
    ),
    wrong("irsa_region is not set", "AWS region of the bucket", "as in irsa_region: eu-central-1", irsa_region=ABSENT),
    wrong("'eu-central-1a'", "an availability zone of eu-central-1", "Write eu-central-1", irsa_region="eu-central-1a"),
    wrong("'Frankfurt'", "must look like eu-central-1", "Give the code", irsa_region="Frankfurt"),
    wrong("'acme.prod'", "no dots", "Use hyphens", irsa_issuer_bucket="acme.prod"),
    wrong(
        "prod-reports",
        "a dictionary",
        "`- name: prod-reports`",
        irsa_iam_roles={"prod-reports": {"service_accounts": ["a/b"]}},
    ),
    wrong("irsa_iam_roles is null", "must be a list", "or leave it out", irsa_iam_roles=None),
    wrong(
        "role names: prod-a",
        "more than once",
        "Keep one",
        irsa_iam_roles=[
            {"name": name, "service_accounts": [f"apps/{name.lower()}{at}"]}
            for at, name in enumerate(["prod-a", "Prod-A"])
        ],
    ),
    wrong(
        "apps/reports",
        "an annotation names one",
        "Keep one",
        irsa_iam_roles=[{"name": name, "service_accounts": ["apps/reports"]} for name in ("a", "b")],
    ),
    wrong(
        "'http://oidc.example.com'",
        "must begin with https://",
        "write the URL with https://",
        irsa_issuer_url="http://oidc.example.com",
    ),
    wrong(
        "'oidc.example.com'",
        "must begin with https://",
        "write the URL with https://",
        irsa_issuer_url="oidc.example.com",
    ),
    wrong(f"'{WEB}/'", "must not end in a slash", "Remove the slash", irsa_issuer_url=f"{WEB}/"),
    wrong(
        "irsa_issuer_publisher is cloudfront",
        "which is private then",
        "Set irsa_issuer_url",
        irsa_issuer_publisher="cloudfront",
    ),
    wrong(
        "irsa_issuer_publisher is apiserver",
        "no API server answers",
        "Set irsa_issuer_url",
        irsa_issuer_publisher="apiserver",
    ),
    wrong(
        "irsa_issuer_files_directory is not set",
        "writes files there",
        "/var/www/oidc",
        irsa_issuer_publisher="files",
        irsa_issuer_url=WEB,
    ),
    wrong(
        "acm:eu-central-1:",
        "in us-east-1",
        "Request or import",
        irsa_issuer_publisher="cloudfront",
        irsa_issuer_url=WEB,
        irsa_issuer_certificate_arn="arn:aws:acm:eu-central-1:123456789012:certificate/a",
    ),
    wrong("'s3.example.com'", "with its scheme", "https://s3.example.com", irsa_issuer_endpoint_url="s3.example.com"),
    wrong(
        "https://keys.example.com/a",
        "not below the issuer",
        "Leave it out",
        irsa_issuer_jwks_uri="https://keys.example.com/a",
    ),
    wrong(
        "irsa_iam_retired_issuers: The former issuer 'oidc.example.com'",
        "must begin with https://",
        "its identity provider was made for",
        irsa_iam_retired_issuers=["oidc.example.com", "https://oidc.example.com/prod"],
    ),
    *[
        wrong(
            *("Role 'prod-reports': service_accounts", rule, fix),
            irsa_iam_roles=[{"name": "prod-reports", "service_accounts": accounts}],
        )
        for accounts, rule, fix in [
            ({"apps": "reports"}, 'is {"apps": "reports"}. It must be a list', "Write it as"),
            ([5], "item 1, must be a text", "in quotes"),
            ([{"namespace": "apps", "name": "reports"}], "item 1, is {", "Give a single value"),
        ]
    ],
    wrong(
        "irsa_iam_retired_issuers has https://acme-prod-oidc.s3.",
        "would be deleted",
        "former issuers alone",
        irsa_iam_retired_issuers=["https://acme-prod-oidc.s3.eu-central-1.amazonaws.com"],
    ),
    wrong(
        "extra_flags has feature-gates",
        "which irsa_webhook_set_flags sets, too",
        "unset irsa_webhook_set_flags",
        irsa_webhook_mode="policy",
        irsa_webhook_set_flags=True,
        irsa_apiserver_extra_flags={"feature-gates": ["A=true"]},
    ),
]


@pytest.mark.parametrize("wrongs", TOGETHER.values(), ids=TOGETHER)
def test_all_that_is_wrong_is_told_in_one_message(play: Play, wrongs: list[Wrong]) -> None:
    variables: dict[str, t.Any] = {name: value for each in wrongs for name, value in each.variables.items()}
    assert len(variables) == len(wrongs)
    assert_told(refused(run_with(play, **variables)), [each.says for each in wrongs])


def test_all_that_is_wrong_with_roles_is_told_in_one_message(play: Play) -> None:
    roles = [
        {"name": f"role-{number}", "service_accounts": [f"apps/account-{number}"], **wrong_role}
        for number, (wrong_role, _says) in enumerate(ROLES, start=1)
    ]
    del roles[3]["service_accounts"]  # of which another name is given
    assert_told(refused(run_with(play, irsa_iam_roles=roles)), [says for _role, says in ROLES])


def test_roles_as_yaml_reads_them(play: Play, tmp_path: Path) -> None:
    file = tmp_path / "roles.yml"
    file.write_text("""
irsa_iam_roles:
  - {name: role-a, service_accounts: [apps/a], tags: {account: "1", on: "yes"}}
  - {name: role-b, service_accounts: [apps/b], inline_policies: {a: {}, 12: {}}}
  - {name: role-c, service_accounts: [apps/c], conditions: {StringEquals: {"aws:X": a}, off: {"aws:X": a}}}
  - {name: role-d, service_accounts: [apps/d], no: 1}
  - {name: role-e, service_accounts: [apps/e], conditions: {StringEquals: {"aws:SourceAccount": 012345670123}}}
  - {name: role-f, service_accounts: [apps/f], tags: {account: 012345670123, 2026-01-01 09:00:00: a}}
""")
    says: list[Says] = [
        ("role-a", "tags: key must be a text, and YAML has read the boolean true", "in quotes"),
        ("role-b", "inline_policies: key must be a text, and YAML has read the number 12", "in quotes"),
        ("role-c", "conditions: key must be a text, and YAML has read the boolean false", "in quotes"),
        ("role-d", "options: key must be a text, and YAML has read the boolean false", "in quotes"),
        ("role-e", "aws:SourceAccount must be a text, and YAML has read the number 1402433619", "in quotes"),
        ("role-f", "tag account must be a text, and YAML has read the number 1402433619", "in quotes"),
        ("role-f", "tags: key must be a text, and YAML has read the time 2026-01-01T09:00:00", "in quotes"),
    ]
    assert_told(refused(run_with(play, "-e", f"@{file}", irsa_iam_roles=ABSENT)), says)


@pytest.mark.parametrize("alone", ALONE, ids=lambda alone: " ".join(alone.variables))
def test_each_is_told_by_one_line(play: Play, alone: Wrong) -> None:
    assert_told(refused(run_with(play, **alone.variables)), [alone.says])


@pytest.mark.parametrize("playbook", ["verify", "doctor", "rotate_keys", "teardown"])
def test_other_playbooks_refuse_their_input_as_soon(play: Play, playbook: str) -> None:
    run = run_with(play, playbook=playbook, irsa_region=None, irsa_kubeconfig_path="/none/config", irsa_clutser="prod")
    says = [("irsa_region is null", "must be text", "Give it one"), RULES[7].says, NAMES[1].says]
    assert_told(refused(run), says)


ROTATE = [
    wrong("irsa_rotate_signing_kid is 'abc'", "43 letters", "phase=status", irsa_rotate_signing_kid="abc"),
    wrong("irsa_rotate_emergency is set", "no key is named", "leave irsa_rotate", irsa_rotate_emergency=True),
    wrong("irsa_rotate_min_age is -1", "0 or more", "The default is 86400", irsa_rotate_min_age=-1),
    wrong("'RAS'", "one of RSA, EC", "Did you mean RSA?", irsa_rotate_key_type="RAS"),
    wrong(
        "irsa_relying_parties, item 1 (vault)",
        "kids",
        "Set manual: true",
        irsa_relying_parties=[{"name": "vault", "command": ["vault-kids"], "kids": ["a" * 43]}],
    ),
]


def test_a_rotation_is_refused_as_soon(play: Play) -> None:
    given = {name: value for each in ROTATE for name, value in each.variables.items()}
    assert_told(refused(run_with(play, playbook="rotate_keys", **given)), [each.says for each in ROTATE])


MIGRATE = [
    wrong(
        "irsa_migrate_from is for the issuer https://acme-prod-oidc.s3",
        "so is the inventory",
        "Set irsa_issuer_url, or",
        irsa_migrate_from={"irsa_issuer_bucket": "acme-prod-oidc"},
    ),
    wrong("irsa_migrate_settle is -1", "0 or more seconds", "Leave it out", irsa_migrate_settle=-1),
    wrong("'chnage'", "one of hold, leave, change", "Did you mean change?", irsa_migrate_other_roles="chnage"),
    wrong("'retire'", "one of status, publish,", "retire_documents", irsa_migrate_phase="retire"),
]


def test_a_move_is_refused_as_soon(play: Play) -> None:
    given = {name: value for each in MIGRATE for name, value in each.variables.items()}
    assert_told(refused(run_with(play, playbook="migrate_issuer", **given)), [each.says for each in MIGRATE])


def test_a_controller_without_the_libraries(play: Play, tmp_path: Path) -> None:
    bare = tmp_path / "bare-python"
    bare.write_text(f'#!/bin/sh\nexec {Path(sys.base_prefix) / "bin/python3"} -S "$@"\n')
    bare.chmod(0o700)
    run = run_with(play, "-e", f"ansible_python_interpreter={bare}")
    assert (run.code, run.asked) == (2, False), run.output
    assert all(part in run.message for part in ("has no boto3", "jwcrypto", "-m pip install")), run.message


def test_a_controller_without_credentials(play: Play, tmp_path: Path) -> None:
    nowhere = {"HOME": str(tmp_path), "AWS_EC2_METADATA_DISABLED": "true"}
    inventory = {"kube_control_plane": {"hosts": {name: {} for name in THREE}, "vars": VARIABLES}}
    options = ("-e", f"ansible_python_interpreter={sys.executable}")
    run = play(*options, inventory=inventory, environment=nowhere)
    assert (run.code, run.asked) == (2, False), run.output
    assert "There are no AWS credentials on the controller" in run.message
    assert "AWS_PROFILE" in run.message
    removing = play(*options, playbook="teardown", inventory=inventory, environment=nowhere)
    assert removing.message == run.message
    assert " made" not in removing.message
    assert play(*options, inventory=inventory, environment={**nowhere, **KEYS}).asked


def test_there_are_enough() -> None:
    assert sum(map(len, TOGETHER.values())) + len(ROLES) + len(ALONE) >= 60


@pytest.mark.parametrize(("playbook", "role"), [("rotate_keys", "rotate"), ("migrate_issuer", "migrate")])
def test_a_phase_that_is_misspelt_is_refused_as_soon(play: Play, playbook: str, role: str) -> None:
    moving = {"irsa_issuer_bucket": "acme-former-oidc"} if role == "migrate" else None
    run = refused(play("-e", "phase=swich", playbook=playbook, irsa_migrate_from=moving))
    assert_told(run, [(f"irsa_{role}_phase is 'swich'", "must be one of status,", "Did you mean switch?")])
