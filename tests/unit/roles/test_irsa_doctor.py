# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook doctor on hosts that are files and an API server in memory: the real playbook, roles and modules."""

from __future__ import annotations

import json
import re
import shlex
import typing as t

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._doctor.codec import to_json

from ..plugins.fake_api_server import FakeApi
from ..plugins.module_utils._api_server.test_observation import observed
from ..plugins.module_utils._doctor.faults import policy_is_gone
from ..plugins.modules.test_injection_info import injected, webhook
from .cluster_with_api import ApiCluster, cluster_with_api

if t.TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

Json = dict[str, t.Any]
NOBODY: t.Final = "https://oidc.invalid"


def see(cluster: ApiCluster, *names: str) -> None:
    """Let these hosts be ones of kubeadm's, and not empty."""
    for name in names:
        (cluster.directory / name).write_text(json.dumps(observed()))


def doctor(cluster: ApiCluster, *options: str, **variables: object) -> tuple[int, str]:
    """Run the playbook on an issuer that nobody serves; return the exit code and what was printed, as one line."""
    code, output = cluster.run("onprem.irsa.doctor", *options, **{"irsa_issuer_url": NOBODY, **variables})
    changes = [asked.path for asked in cluster.api.changes()]
    assert [path for path in changes if not path.endswith(("/serviceaccounts/default/token", "/tokenreviews"))] == []
    return code, output


def test_hosts_and_cluster_are_looked_at(tmp_path: Path) -> None:
    found = {name: str(tmp_path / name) for name in ("d.json", "s.json", "r.html", "j.xml")}
    with cluster_with_api(tmp_path, FakeApi(admit=injected).put(*webhook())) as cluster:
        see(cluster, "cp1", "cp2")
        code, output = doctor(
            cluster,
            irsa_doctor_json=found["d.json"],
            irsa_doctor_snapshot=found["s.json"],
            irsa_doctor_report=found["r.html"],
            irsa_doctor_junit=found["j.xml"],
        )
        assert code == 2, output
        assert "First broken link" in output
        assert "dns-tls.unresolved" in output
        told = json.loads((tmp_path / "d.json").read_text())
        snapshot = json.loads((tmp_path / "s.json").read_text())
        of_hosts = snapshot["api_servers"][:2]
        assert [(server["name"], "flags" in server["host"]) for server in of_hosts] == [("cp1", True), ("cp2", True)]
        assert told["issuer"] == NOBODY
        assert "hosts" not in told["not_looked_at"]
        code, again = cluster.run(
            "onprem.irsa.doctor", irsa_doctor_from=found["s.json"], irsa_doctor_fail=False, irsa_doctor_json="x.json"
        )
        assert code == 0, again
        assert cluster.api.asked == []
        assert json.loads((cluster.directory / "x.json").read_text()) == told


def test_a_host_that_cannot_be_looked_at_hides_nothing_else(tmp_path: Path) -> None:
    with cluster_with_api(tmp_path, FakeApi()) as cluster:
        see(cluster, "cp1")
        code, output = doctor(cluster, irsa_doctor_json="d.json", irsa_doctor_snapshot="s.json")
        assert code == 2, output
        servers = json.loads((cluster.directory / "s.json").read_text())["api_servers"][:2]
    assert ["not_looked_at" in server["host"] for server in servers] == [False, True], (servers, output)


def test_rights_are_printed_and_nothing_is_looked_at(tmp_path: Path) -> None:
    with cluster_with_api(tmp_path, FakeApi()) as cluster:
        code, output = doctor(cluster, irsa_doctor_rights=True)
        assert (code, cluster.api.asked) == (0, []), output
    policy, _end = json.JSONDecoder().raw_decode(output, output.index('{ "Version"'))
    assert "iam:GetAccountAuthorizationDetails" in policy["Statement"][0]["Action"]
    assert "kind: ClusterRole metadata: name: onprem-irsa-doctor rules: - apiGroups: - ''" in output
    assert "First broken link" not in output


def test_commands_are_printed_as_a_shell_takes_them(tmp_path: Path) -> None:
    (tmp_path / "closed.json").write_text(to_json(policy_is_gone()))
    with cluster_with_api(tmp_path, FakeApi()) as cluster:
        _code, output = doctor(cluster, irsa_doctor_from=str(tmp_path / "closed.json"))
    command = re.search(r"\$ (aws s3api put-bucket-policy .*? --policy '.*?')", output)
    assert command, output
    assert json.loads(shlex.split(command[1])[-1])["Version"] == "2012-10-17"


def test_files_are_refused_before_anything_is_looked_at(tmp_path: Path) -> None:
    with cluster_with_api(tmp_path, FakeApi()) as cluster:
        code, output = doctor(cluster, irsa_doctor_report="/none/r.html", irsa_doctor_from="/none/s.json")
        assert (code, cluster.api.asked) == (2, []), output
    assert "irsa_doctor_report names a file in /none, which is no directory on the controller." in output
    assert "irsa_doctor_from names the file /none/s.json, which does not exist" in output
