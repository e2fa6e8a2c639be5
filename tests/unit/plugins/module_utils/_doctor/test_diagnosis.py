# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import re
import shlex
import typing as t
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._doctor.codec import of_json, to_json
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.diagnosis import diagnose
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.redaction import policy_of
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.registry import BY_ID, CHECKS, LINKS
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.snapshot import (
    LEGACY_NOT_ASKED,
    Injection,
    Injector,
    NotLooked,
    Probe,
    Provider,
    Providers,
    Role,
    Roles,
    Rotation,
    ServiceAccount,
)
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.trust_faults import trust_faults
from ansible_collections.onprem.irsa.plugins.module_utils._trust.policy import evaluate

from .faults import FAULTS
from .some_snapshots import ACCOUNT, AUDIENCE, HEALTHY, ISSUER, PROVIDER, kubeadm, role_arn, trust, unseen

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._doctor.checking import Check
    from ansible_collections.onprem.irsa.plugins.module_utils._doctor.snapshot import ApiServer, Bucket, Host, Snapshot

    from .faults import Fault

ROOT = Path(__file__).parents[5]
FAULT = {name: make for _check, name, make in FAULTS}


@pytest.mark.parametrize("healthy", HEALTHY.values(), ids=HEALTHY)
def test_nothing_is_wrong_with_a_healthy_cluster(healthy: t.Callable[[], Snapshot]) -> None:
    assert diagnose(healthy()).findings == ()


@pytest.mark.parametrize(
    ("check", "make"), [(check, make) for check, _name, make in FAULTS], ids=[name for _c, name, _m in FAULTS]
)
def test_the_doctor_names_exactly_what_is_wrong(check: str, make: Fault) -> None:
    diagnosis = diagnose(make())
    assert {finding.check for finding in diagnosis.roots} == {check}, diagnosis.findings


def test_every_check_has_a_fault() -> None:
    assert {check for check, _name, _make in FAULTS} == set(BY_ID)


PARTS = (
    *("documents", "bucket", "providers", "roles", "service_accounts", "pods", "api_servers", "injection", "clock"),
    *("region", "rotation"),
)


@pytest.mark.parametrize("part", PARTS)
def test_what_nobody_looked_at_adds_no_finding(part: str) -> None:
    for check, name, make in FAULTS:
        whole = make()
        nobody: t.Any = {part: NotLooked("there are no credentials")}
        less = diagnose(replace(whole, **nobody))
        seen = {(each.check, each.where) for each in diagnose(whole).findings}
        # Whether AWS trusts an authority of one's own is known at the provider alone: that is a warning then.
        broken = [each for each in less.findings if each.severity == "broken" or each.check != "dns-tls.untrusted"]
        new = {(each.check, each.where) for each in broken} - seen
        assert not new, (check, name)
        assert less.unseen[part] == "there are no credentials"


def test_the_first_broken_link_is_a_cause_and_the_first_in_the_chain() -> None:
    diagnosis = diagnose(FAULT["policy_is_gone"]())
    first = diagnosis.first
    assert first is not None
    assert first.check == "bucket.not-public"
    assert [(each.check, each.follows) for each in diagnosis.findings if each.follows] == [
        ("documents.forbidden", "bucket.not-public")
    ] * 2
    assert (diagnosis.state("bucket"), diagnosis.state("documents")) == ("broken", "broken")
    assert diagnosis.state("keys") == "ok"


@pytest.mark.parametrize("fault", ["no_dns_record", "port_is_closed"])
def test_nobody_is_told_to_correct_a_host_of_aws(fault: str) -> None:
    snapshot = FAULT[fault]()
    own = of_json(
        to_json(snapshot).replace("acme-prod-oidc.s3.eu-central-1.amazonaws.com", "oidc.example.com"), source="a test"
    )
    assert {each.fix.partition(" ")[0] for each in diagnose(snapshot).roots} == {"AWS"}
    assert {each.fix.partition(" ")[0] for each in diagnose(own).roots} & {"Make", "Let"}


def test_a_warning_is_not_the_first_broken_link() -> None:
    diagnosis = diagnose(FAULT["guide_with_one_issuer"]())
    assert (diagnosis.first, diagnosis.state("flags")) == (None, "warning")


def test_what_was_not_looked_at_is_said() -> None:
    diagnosis = diagnose(unseen())
    assert diagnosis.state("trust") == "unseen"
    assert diagnosis.unseen["roles"] == "AWS was not asked"


def _of_server(**parts: object) -> Snapshot:
    made = kubeadm(3)
    servers = t.cast("tuple[ApiServer, ...]", made.api_servers)
    return replace(made, api_servers=(*servers[:2], replace(servers[2], **t.cast("t.Any", parts))))


def _of_every_server(**parts: object) -> Snapshot:
    made = kubeadm(3)
    servers = t.cast("tuple[ApiServer, ...]", made.api_servers)
    return replace(made, api_servers=tuple(replace(each, **t.cast("t.Any", parts)) for each in servers))


NOBODY = NotLooked("it is forbidden")
ARN = role_arn("prod-reports")


@pytest.mark.parametrize(
    ("make", "unseen_parts", "unseen_links"),
    [
        (lambda: _of_server(host=NOBODY), {"host of cp3"}, ()),
        (lambda: _of_server(minted=NOBODY), {"token of cp3"}, ()),
        (lambda: _of_server(served=NOBODY), {"key_set of cp3"}, ()),
        (lambda: _of_server(accepted=NOBODY), {"accepted_issuers of cp3"}, ()),
        (lambda: _of_every_server(minted=NOBODY), {"tokens"}, ()),
        (
            lambda: _of_every_server(host=NOBODY, minted=NOBODY, accepted=NOBODY),
            {"hosts", "tokens", "accepted_issuers"},
            ("flags",),
        ),
        (
            lambda: _of_every_server(host=NOBODY, minted=NOBODY, accepted=NOBODY, served=NOBODY),
            {"hosts", "tokens", "accepted_issuers", "key_sets"},
            ("keys", "flags"),
        ),
        (lambda: replace(kubeadm(), roles=Roles(unreadable={ARN: NOBODY.reason})), {ARN, "roles"}, ("trust",)),
        (
            lambda: replace(
                kubeadm(), roles=Roles((Role(role_arn("prod-backup"), NOBODY),), unreadable={ARN: NOBODY.reason})
            ),
            {ARN, f"trust policy of {role_arn('prod-backup')}"},
            (),
        ),
        (
            lambda: replace(kubeadm(), bucket=replace(t.cast("Bucket", kubeadm().bucket), account_blocks=NOBODY)),
            {"public_access_block_of_the_account"},
            (),
        ),
        (lambda: replace(kubeadm(), rotation=Rotation(secrets=NOBODY)), {"tokens_of_Secrets"}, ()),
        (lambda: replace(kubeadm(), rotation=Rotation(secrets=NotLooked(LEGACY_NOT_ASKED))), set(), ()),
        (
            lambda: replace(kubeadm(), documents=(Probe("cp1", NOBODY, NOBODY),)),
            {"discovery document from cp1", "key set from cp1"},
            (),
        ),
    ],
)
def test_what_was_not_looked_at_within_a_part_is_said(
    make: t.Callable[[], Snapshot], unseen_parts: set[str], unseen_links: tuple[str, ...]
) -> None:
    """Rights may be missing for a part of a part: for one role, or for the tokens of one API server."""
    diagnosis = diagnose(make())
    assert diagnosis.findings == ()
    assert diagnosis.unseen == dict.fromkeys(unseen_parts, NOBODY.reason)
    assert {*diagnosis.unseen_links} - {"clock"} == {*unseen_links}


@pytest.mark.parametrize("check", CHECKS, ids=[check.id for check in CHECKS])
def test_a_check_says_all_of_it(check: Check) -> None:
    assert check.link in LINKS
    assert re.fullmatch(r"[a-z-]+\.[a-z-]+", check.id)
    assert (check.title[0].isupper() or check.title.startswith("kube-")) and not check.title.endswith(".")
    assert check.cause.endswith(".") and check.fix.endswith(".")
    assert (ROOT / f"docs/docsite/rst/{check.guide}.rst").exists()
    assert {*check.follows} <= {*BY_ID, *LINKS} - {check.id}


def _roles_variables() -> set[str]:
    files = [*ROOT.glob("roles/*/meta/argument_specs.yml"), *ROOT.glob("roles/*/defaults/main.yml")]
    return {name for path in files for name in re.findall(r"\birsa_[a-z_]+", path.read_text())}


def test_fixes_name_what_there_is() -> None:
    texts = [part for check in CHECKS for part in (check.fix, check.command, check.cause)]
    variables = {name for text in texts for name in re.findall(r"\birsa_[a-z_]+", text)}
    assert variables <= _roles_variables()
    playbooks = {name for text in texts for name in re.findall(r"\bonprem\.irsa\.([a-z_]+)", text)}
    assert all((ROOT / f"playbooks/{name}.yml").exists() for name in playbooks)


@pytest.mark.parametrize("make", [make for _check, _name, make in FAULTS], ids=[name for _c, name, _m in FAULTS])
def test_fixes_are_filled_in(make: Fault) -> None:
    for finding in diagnose(make()).findings:
        assert not re.search(r"\{[a-z_]*\}", finding.fix), finding
        assert shlex.split(finding.command) or not finding.command


def test_what_was_seen_is_no_shell() -> None:
    """A snapshot may come from somebody else: names in it are data, also in a command that people copy."""
    name = "x; rm -rf /"
    seen = kubeadm()
    accounts = (ServiceAccount("apps", name, f"{role_arn('prod-reports')}\n"),)
    (finding,) = diagnose(replace(seen, service_accounts=accounts, pods=())).roots[:1]
    words = shlex.split(finding.command)
    assert name in words
    assert finding.check == "annotations.blanks"


@pytest.mark.parametrize("name", ["-oProxyCommand=x", "cp1;x", "$(x)", "a b", "", "cp1\nx", "\x1b[2J"])
def test_no_command_for_another_host_has_what_its_shell_would_read(name: str) -> None:
    (own,) = t.cast("tuple[ApiServer, ...]", kubeadm().api_servers)
    off = replace(own, name=name, host=replace(t.cast("Host", own.host), clock_offset=400.0))
    (finding,) = diagnose(replace(kubeadm(), api_servers=(off,))).roots
    assert (finding.check, finding.command) == ("clock.host", "")


@pytest.mark.parametrize(
    ("others", "own", "is_left"),
    [
        ((), "", True),
        ((Injector("gone-too", "default/gone", service_exists=False),), "", True),
        ((Injector("working", "default/working", service_exists=True),), "", False),
        ((Injector("somewhere"),), "", False),
        ((), "pod-identity-webhook", False),
    ],
)
def test_the_only_webhook_is_not_deleted_for_its_service(
    others: tuple[Injector, ...], own: str, *, is_left: bool
) -> None:
    """Without it, nothing would inject pods either."""
    broken = Injector("pod-identity-webhook", "default/pod-identity-webhook", service_exists=False)
    made = replace(kubeadm(), injection=Injection(foreign=(broken, *others), own=own))
    [command] = {
        finding.command
        for finding in diagnose(made).findings
        if (finding.check, finding.where) == ("injection.service-missing", broken.name)
    }
    assert command == ("" if is_left else f"kubectl delete mutatingwebhookconfiguration {broken.name}")


@pytest.mark.parametrize("arn", [None, f"{PROVIDER}/"])
@pytest.mark.parametrize(("cluster", "tags"), [("prod", ["--tags", "Key=onprem.irsa/cluster,Value=prod"]), ("", [])])
def test_a_provider_that_is_made_by_hand_stays_that_of_its_cluster(
    arn: str | None, cluster: str, tags: list[str]
) -> None:
    """Otherwise onprem.irsa.site refuses it from then on, as one of somebody else."""
    there = Providers(ACCOUNT, found=(Provider(arn, (AUDIENCE,)),) if arn else ())
    [finding] = [
        finding
        for finding in diagnose(replace(kubeadm(), cluster=cluster, providers=there)).findings
        if finding.link == "provider"
    ]
    made = ["create-open-id-connect-provider", "--url", ISSUER, "--client-id-list", AUDIENCE]
    assert shlex.split(finding.command) == ["aws", "iam", *made, *tags]


def test_the_repaired_policy_lets_in_who_names_the_role() -> None:
    for name in (
        "condition_keys_with_a_scheme",
        "misspelt_namespace",
        "role_of_the_old_cluster",
        "audience_of_another_partition",
        "no_subject",
    ):
        (finding,) = diagnose(FAULT[name]()).findings
        policy = json.loads(shlex.split(finding.command)[-1])
        verdict = evaluate(policy, provider_arn=PROVIDER, audience=AUDIENCE, sub="system:serviceaccount:apps:reports")
        assert verdict.allowed
        assert trust_faults(policy, PROVIDER, [("apps/reports", AUDIENCE)]) == [] or name == "role_of_the_old_cluster"


def test_a_policy_of_which_a_value_is_hidden_is_not_written_back() -> None:
    policy = trust("apps/report")
    external = {"StringEquals": {"sts:ExternalId": "between-two-parties"}}
    other = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole", "Condition": external}
    kept = policy_of({**policy, "Statement": [*policy["Statement"], other]})
    roles = Roles((Role(role_arn("prod-reports"), kept or {}),))
    (finding,) = [each for each in diagnose(replace(kubeadm(), roles=roles)).findings if each.link == "trust"]
    assert (finding.check, finding.command) == ("trust.subject-wrong", "")
