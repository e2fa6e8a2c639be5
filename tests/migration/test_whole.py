# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole moves by irsa_migrate, under load, on hosts that are told in files and with the AWS that verifies tokens."""

from __future__ import annotations

import re
import typing as t

import pytest

from ansible_collections.onprem.irsa.tests.migration.moving_hosts import (
    ACCOUNT,
    BUCKET,
    DAY,
    FIRST,
    OTHER,
    OWN,
    SECOND,
    THIRD,
    Load,
    Moving,
)
from ansible_collections.onprem.irsa.tests.unit.extensions.lab.aws.conftest import Lab, lab, server

if t.TYPE_CHECKING:
    from pathlib import Path

__all__ = ["lab", "server"]  # fixtures

TO_DOMAIN: dict[str, t.Any] = {
    "irsa_issuer_url": THIRD,
    "irsa_issuer_publisher": "cloudfront",
    "irsa_issuer_bucket": "acme-prod-private",
    "irsa_issuer_certificate_arn": f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/12345678-1234-1234-1234-123456789012",
    "irsa_migrate_other_roles": "change",
}


@pytest.fixture
def two(tmp_path: Path, lab: Lab) -> Moving:
    return Moving(tmp_path, lab, 2)


def run(hosts: Moving, says: str = "", code: int = 0, **variables: t.Any) -> str:  # noqa: ANN401 -- of any type
    """Run the role, and require how it ends and what it says."""
    ended, output = hosts.move(**variables)
    assert ended == code, output
    assert says in output, output
    return output


def signing(hosts: Moving) -> set[tuple[str, ...]]:
    return {tuple(own) for own in hosts.issuers().values()}


def changes_nothing(hosts: Moving, **variables: t.Any) -> None:  # noqa: ANN401 -- of any type
    """Run the role once more, and require that nothing is restarted and nothing written to AWS."""
    before = hosts.log()
    hosts.lab.admin("/calls/reset", {})
    output = run(hosts, **variables)
    assert hosts.log() == before
    assert hosts.lab.admin("/calls")["writes"] == 0
    assert re.search(r"changed=0 .*failed=0", output), output


def test_phase_by_phase_from_a_bucket_to_a_path_in_it(two: Moving) -> None:
    """Roles of others are held, left, and in the way of the end; the way back is one pass."""
    hosts = two
    with Load(hosts, [OWN], DAY) as load:
        changes_nothing(hosts, irsa_migrate_phase="status")
        assert hosts.providers() == {FIRST}
        run(hosts, OTHER, irsa_migrate_phase="trust", irsa_migrate_other_roles="leave")
        assert (hosts.trusted(OWN), hosts.trusted(OTHER), hosts.restarts()) == ({FIRST, SECOND}, {FIRST}, [])
        assert hosts.published() == {FIRST, SECOND}
        run(hosts, f"The role arn:aws:iam::{ACCOUNT}:role/{OTHER} trusts tokens of", code=2)
        assert (hosts.restarts(), signing(hosts)) == (["cp1", "cp2"], {(FIRST, SECOND)})
        leave: dict[str, t.Any] = {"irsa_migrate_other_roles": "leave"}
        run(hosts, "Run again after", **leave)  # for the caches
        assert signing(hosts) == {(FIRST, SECOND)}

        load.pass_time(301)
        run(hosts, "tokens live for up to 86400 s (pod apps/reports)", **leave)
        assert signing(hosts) == {(SECOND, FIRST)}
        run(hosts, irsa_migrate_back=True, irsa_migrate_phase="switch", **leave)
        assert signing(hosts) == {(FIRST, SECOND)}
        run(hosts, "Run again after", **leave)
        assert signing(hosts) == {(SECOND, FIRST)}

        load.pass_time(DAY + 61)
        run(hosts, f"{OTHER} trusts tokens of", code=2, **leave)  # and the provider is left with it
        assert (hosts.trusted(OWN), hosts.trusted(OTHER)) == ({SECOND}, {FIRST})
        assert hosts.providers() == {FIRST, SECOND}
        hosts.lab.client("iam").delete_role(RoleName=OTHER)
        run(hosts, f"{SECOND} signs, and nothing is left of {FIRST}", **leave)
        assert not hosts.is_left_of(FIRST)
        assert (hosts.published(), signing(hosts)) == ({SECOND}, {(SECOND,)})
        assert "api-audiences" not in hosts.running("cp1")
        changes_nothing(hosts, **leave)
    assert load.refused == []
    assert load.uses > 100


def test_the_way_back_after_each_phase(two: Moving) -> None:
    """Nobody knows the new issuer any longer where somebody turns round, and goes back to the end."""
    hosts, given = two, {**TO_DOMAIN, "irsa_issuer_max_age": 1}
    with Load(hosts, [OWN, OTHER], 0.0) as load:
        for phase in ("publish", "trust", "accept", "switch", "retire_trust", "retire_provider", "retire_issuer"):
            run(hosts, irsa_migrate_phase=phase, irsa_migrate_settle=0, **given)
            run(
                hosts,
                f"{FIRST} signs, and nothing is left of {THIRD}",
                irsa_migrate_back=True,
                irsa_migrate_settle=0,
                **given,
            )
            assert (hosts.is_left_of(THIRD), hosts.trusted(OTHER), signing(hosts)) == (False, {FIRST}, {(FIRST,)})
    assert load.refused == []


# What a run is cut off at, in the order in which it comes there.
BORDERS: t.Final = (
    "after cloudfront_issuer made",
    "before cloudfront_issuer documents",
    "after cloudfront_issuer documents",
    "after iam_oidc_provider made",
    "before iam_roles made",
    "after iam_roles made",
    "after iam_issuer_trust copy",
    "within restart cp1",
    "after restart cp2",
    "within restart cp1",
    "after restart cp1",
    "within restart cp2",
    "after iam_roles made",
    "after iam_issuer_trust withdraw",
    "before iam_oidc_provider absent",
    "after iam_oidc_provider absent",
    "within restart cp1",
    "after restart cp1",
    "before s3_issuer absent",
    "after s3_issuer absent",
)


def test_the_same_command_arrives_at_a_domain_wherever_it_was_killed(two: Moving) -> None:
    hosts, given = two, {**TO_DOMAIN, "irsa_issuer_max_age": 1, "irsa_migrate_settle": 0}
    (hosts.directory / "kills").write_text("".join(f"{moment}\n" for moment in BORDERS))
    codes: list[int] = []
    with Load(hosts, [OWN, OTHER], 0.0) as load:
        while codes.count(-9) == len(codes) and len(codes) <= len(BORDERS):
            code, output = hosts.move(**given)
            codes.append(code)
            assert load.refused == [], output
        assert (codes.count(-9), code) == (len(BORDERS), 0), (hosts.directory / "kills").read_text() + output
        assert f"{THIRD} signs, and nothing is left of {FIRST}" in output
        assert (hosts.is_left_of(FIRST), hosts.trusted(OTHER), hosts.providers()) == (False, {THIRD}, {THIRD})
        assert (hosts.published(), signing(hosts)) == ({THIRD}, {(THIRD,)})
    assert load.refused == []


def test_one_run_each_from_a_bucket_to_a_path_to_a_domain(tmp_path: Path, lab: Lab) -> None:
    """A server alone needs no pass to accept; with a known settling time, a run goes from one end to the other."""
    hosts = Moving(tmp_path, lab, 1)
    given: dict[str, t.Any] = {"irsa_migrate_other_roles": "change", "irsa_issuer_max_age": 1, "irsa_migrate_settle": 0}
    with Load(hosts, [OWN, OTHER], 0.0) as load:
        run(hosts, f"{SECOND} signs, and nothing is left of {FIRST}", **given)
        assert (hosts.is_left_of(FIRST), hosts.trusted(OTHER)) == (False, {SECOND})
        assert hosts.restarts() == ["cp1", "cp1"]
        second = {"irsa_issuer_url": SECOND, "irsa_issuer_bucket": BUCKET}
        run(hosts, f"{THIRD} signs, and nothing is left of {SECOND}", **given | TO_DOMAIN, irsa_migrate_from=second)
        assert (hosts.is_left_of(SECOND), hosts.trusted(OTHER)) == (False, {THIRD})
        assert hosts.published() == {THIRD}
        assert lab.get(f"{FIRST}/")[0] == 404  # the bucket is gone with the last of its documents
        changes_nothing(hosts, **given | TO_DOMAIN, irsa_migrate_from=second)
    assert load.refused == []


def test_nothing_is_done_while_a_host_cannot_be_reached(two: Moving) -> None:
    (two.directory / "log").write_text("end nobody\n")
    two.lose_host("cp2", after="nobody")
    two.lab.admin("/calls/reset", {})
    code, output = two.move(irsa_migrate_settle=0)
    assert code != 0, output
    assert re.search(r'failed: \[cp1 -> cp2\].*"unreachable": true', output), output
    assert (two.restarts(), two.lab.admin("/calls")["writes"]) == ([], 0)
