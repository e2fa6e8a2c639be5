# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import typing as t

import pytest
import yaml

from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._api_server.test_observation import (
    FLAGS,
    PATH,
    observed,
)
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._api_server.test_plan import UNKNOWN
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._flags.test_static_pod_flags import (
    KUBEADM,
    NEW,
    OLD,
)

from .cluster_of_files import Cluster
from .rendered import require_a_path_of_the_user, require_the_authority_of_the_issuer

if t.TYPE_CHECKING:
    from pathlib import Path

NAMES = ["cp1", "cp2", "cp3"]
VARIABLES = {"irsa_apiserver_issuer_url": NEW, "irsa_apiserver_kept_by": "none", "irsa_apiserver_pause": 0}


def cluster(directory: Path, **changes: object) -> Cluster:
    return Cluster(directory, {name: observed(**changes) for name in NAMES})


def changed_one_after_the_other(log: list[tuple[str, str]]) -> list[str]:
    """Return the hosts in the order in which they were changed; no change began before the one before it ended."""
    began, ended = log[::2], log[1::2]
    assert [what for what, _host in began] == ["begin"] * len(began)
    assert [what for what, _host in ended] == ["end"] * len(ended)
    assert [host for _what, host in began] == [host for _what, host in ended]
    return [host for _what, host in began]


@pytest.mark.slow
@pytest.mark.parametrize(
    "play",
    [
        pytest.param({"strategy": "linear"}, marks=pytest.mark.long),
        {"strategy": "free"},
        pytest.param({"serial": 1}, marks=pytest.mark.long),
    ],
    ids=str,
)
def test_one_host_changes_at_a_time_whatever_the_strategy(tmp_path: Path, play: dict[str, object]) -> None:
    hosts = cluster(tmp_path)
    code, output = hosts.play("main", VARIABLES, **play)
    assert code == 0, output
    assert changed_one_after_the_other(hosts.log()) == [*NAMES, *NAMES]  # all accept, then all sign
    assert hosts.issuers() == {name: [NEW, OLD] for name in NAMES}


@pytest.mark.slow
def test_going_back_changes_one_host_at_a_time(tmp_path: Path) -> None:
    hosts = cluster(tmp_path, **signing(NEW, OLD))
    code, output = hosts.play("teardown", VARIABLES, strategy="free")
    assert code == 0, output
    assert {*changed_one_after_the_other(hosts.log())} == {*NAMES}
    assert {issuers[0] for issuers in hosts.issuers().values()} == {OLD}


@pytest.mark.slow
@pytest.mark.parametrize("cut_off", [True, False], ids=["ending a change that was cut off", "a change"])
def test_hosts_after_one_that_fails_are_left_alone(tmp_path: Path, *, cut_off: bool) -> None:
    hosts = cluster(tmp_path, unconfirmed=cut_off)
    hosts.break_host("cp2")
    code, output = hosts.play("main", VARIABLES, strategy="free")
    assert (code != 0, "It did not come up." in output) == (True, True), output
    assert hosts.log() == [("begin", "cp1"), ("end", "cp1"), ("begin", "cp2"), ("fail", "cp2")]


@pytest.mark.slow
@pytest.mark.parametrize("change", ["a change that was cut off", "duplicates of the pod", "a change"])
def test_hosts_after_one_that_is_lost_are_left_alone(tmp_path: Path, change: str) -> None:
    duplicates = {"manifests": {PATH: KUBEADM, f"{PATH}.bak": KUBEADM}} if change == "duplicates of the pod" else {}
    hosts = cluster(tmp_path, unconfirmed=change == "a change that was cut off", **duplicates)
    hosts.lose_host("cp2", after="cp1")
    code, output = hosts.play("main", {**VARIABLES, "irsa_apiserver_move_duplicates": True})
    assert (code, "Connection refused" in output) == (4, True), output
    assert hosts.log() == [("begin", "cp1"), ("end", "cp1")]


@pytest.mark.slow
@pytest.mark.parametrize("entry_point", ["preflight", "teardown_preflight"])
def test_what_to_set_on_an_unknown_distribution_is_shown_and_no_host_is_touched(
    tmp_path: Path, entry_point: str
) -> None:
    hosts = cluster(tmp_path, **UNKNOWN, other_distributions=["K3s"])
    code, output = hosts.play(entry_point, VARIABLES)
    assert (code, hosts.log()) == (2, []), output
    assert "cp2: this collection does not set the flags of its API server: K3s is on this host" in output
    assert "Set irsa_apiserver_flags: show, irsa_issuer_keys: api" in output
    assert "It will ask for what follows on cp1, cp2, cp3" in output
    assert "/etc/rancher/k3s/config.yaml.d/90-onprem-irsa.yaml" in output


URI = {"service-account-jwks-uri": [f"{NEW}/openid/v1/jwks"]}


def signing(*issuers: str) -> dict[str, object]:
    """Return what is observed on a host whose API server has these issuers."""
    lines = "\n".join(f"    - --service-account-issuer={issuer}" for issuer in issuers)
    text = KUBEADM.replace(f"    - --service-account-issuer={OLD}", lines)
    return {"running_flags": {**FLAGS, "service-account-issuer": [*issuers]}, "manifests": {PATH: text}}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("entry_point", "issuers", "retired", "says"),
    [
        ("main", [OLD], [OLD], f"The issuer {OLD} can't be retired while it signs, as it does on cp1, cp2, cp3"),
        (
            "teardown",
            [NEW, OLD],
            [NEW],
            f"The issuer {NEW} can't be retired while it signs, as it does on cp1, cp2, cp3",
        ),
        ("teardown", [NEW], [NEW], f"{NEW} is the one issuer of cp1, cp2, cp3"),
    ],
)
def test_what_is_refused_before_a_host_is_touched(
    tmp_path: Path, entry_point: str, issuers: list[str], retired: list[str], says: str
) -> None:
    hosts = cluster(tmp_path, **signing(*issuers))
    code, output = hosts.play(entry_point, {**VARIABLES, "irsa_apiserver_retired_issuers": retired})
    assert (code != 0, says in output, hosts.log()) == (True, True, []), output


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"irsa_apiserver_extra_flags": {"api-audiences": ["sts.amazonaws.com"]}}, "must not have sts.amazonaws.com"),
        (
            {"irsa_apiserver_extra_flags": {"api-audiences": ["aws"]}, "irsa_audience": "aws"},
            "must not have aws, the audience of tokens for AWS",
        ),
        ({"irsa_apiserver_extra_flags": {"api-audiences": [NEW]}}, f"lacks {OLD}, in force on cp1, cp2, cp3"),
        ({"irsa_apiserver_timeout": 0}, "irsa_apiserver_timeout is 0"),
        ({"irsa_apiserver_retired_audiences": [OLD]}, f"The audience {OLD} can't be retired yet"),
        ({"irsa_apiserver_extra_flags": {"secure-port": [7443]}}, "The flag secure-port must not be among"),
    ],
)
def test_flags_that_are_refused_before_a_host_is_touched(
    tmp_path: Path, variables: dict[str, object], says: str
) -> None:
    hosts = cluster(tmp_path)
    code, output = hosts.play("main", {**VARIABLES, **variables})
    assert (code != 0, says in output, hosts.log()) == (True, True, []), output


@pytest.mark.slow
def test_a_retired_issuer_stays_an_audience(tmp_path: Path) -> None:
    hosts = cluster(tmp_path, **signing(NEW, OLD))
    code, output = hosts.play("main", {**VARIABLES, "irsa_apiserver_retired_issuers": [OLD]})
    assert (code, "serviceaccount_stale_tokens_total" in output) == (0, True), output
    assert hosts.running("cp3") == {**FLAGS, "service-account-issuer": [NEW], "api-audiences": [f"{NEW},{OLD}"], **URI}


@pytest.mark.slow
def test_a_second_teardown_retires_the_issuer(tmp_path: Path) -> None:
    hosts = cluster(tmp_path, **signing(OLD, NEW))
    code, output = hosts.play("teardown", {**VARIABLES, "irsa_apiserver_retired_issuers": [NEW]})
    assert code == 0, output
    assert changed_one_after_the_other(hosts.log()) == NAMES
    assert hosts.issuers() == {name: [OLD] for name in NAMES}
    assert "api-audiences" not in hosts.running("cp1")


SITE = {
    "irsa_cluster": "prod",
    "irsa_region": "eu-central-1",
    "irsa_issuer_publisher": "apiserver",
    "irsa_issuer_url": NEW,
    "irsa_kubeconfig_path": __file__,  # which is none, so that no API is asked,
    "irsa_apiserver_kept_by": "none",
    "irsa_apiserver_pause": 0,
}


@pytest.mark.slow
@pytest.mark.parametrize("playbook", ["site", "teardown"])
def test_a_change_that_was_cut_off_is_ended_before_anybody_asks_the_api(tmp_path: Path, playbook: str) -> None:
    """No API can be reached here, as none can while a manifest that never runs stands on the one host there is."""
    hosts = Cluster(tmp_path, {"cp1": observed(unconfirmed=True)})
    code, output = hosts.run(f"onprem.irsa.{playbook}", SITE, "--check")
    assert (code != 0, hosts.log()) == (True, []), output
    code, output = hosts.run(f"onprem.irsa.{playbook}", SITE)
    assert (code != 0, hosts.log()) == (True, [("begin", "cp1"), ("end", "cp1")]), output


@pytest.mark.slow
def test_a_teardown_that_has_no_way_back_removes_nothing(tmp_path: Path) -> None:
    hosts = cluster(tmp_path, **signing(NEW))
    code, output = hosts.run("onprem.irsa.teardown", SITE)
    assert (code != 0, f"{NEW} is the one issuer of cp1, cp2, cp3" in output) == (True, True), output
    assert "Remove the webhook" not in output


@pytest.mark.slow
@pytest.mark.parametrize("entry_point", ["main", "teardown_preflight"])
def test_an_api_server_that_is_not_in_the_inventory(tmp_path: Path, entry_point: str) -> None:
    hosts = cluster(tmp_path)
    hosts.serve("10.0.0.1", "10.0.0.4")
    code, output = hosts.play(entry_point, VARIABLES)
    says = "The cluster has an API server at 10.0.0.4 (EndpointSlices of default/kubernetes), which is the"
    assert (code != 0, says in output, hosts.log()) == (True, True, []), output


@pytest.mark.slow
def test_an_api_server_that_is_not_in_the_inventory_is_seen_once_the_api_is_up(tmp_path: Path) -> None:
    hosts = cluster(tmp_path, unconfirmed=True)
    hosts.serve("10.0.0.1", "10.0.0.4")
    code, output = hosts.play("main", VARIABLES)
    assert (code != 0, "an API server at 10.0.0.4" in output) == (True, True), output
    assert changed_one_after_the_other(hosts.log()) == NAMES  # each is ended, and no new change began
    assert hosts.issuers() == {name: [OLD] for name in NAMES}


@pytest.mark.slow
def test_variables_that_differ_between_the_hosts_are_refused(tmp_path: Path) -> None:
    hosts = cluster(tmp_path)
    hosts.own["cp2"] = {"irsa_apiserver_timeout": 600}
    code, output = hosts.play("main", VARIABLES)
    assert (code != 0, hosts.log()) == (True, []), output
    assert "irsa_apiserver_timeout differs between hosts of one control plane" in output


@pytest.mark.slow
def test_flags_that_another_role_has_set_are_kept_beside_the_issuers(tmp_path: Path) -> None:
    hosts = cluster(tmp_path, **signing(NEW, OLD))
    file = tmp_path / "kubespray.yml"
    variables = {
        "irsa_apiserver_kept_by": "kubespray",
        "irsa_apiserver_kubespray_file": str(file),
        "irsa_apiserver_extra_flags": {"v": ["4"]},
        "irsa_apiserver_kept_flags": {"feature-gates": ["A=true"]},
    }
    code, output = hosts.play("keep", {**VARIABLES, **variables})
    assert (code, hosts.log()) == (0, []), output
    (patch,) = yaml.safe_load(file.read_text())["kubeadm_patches"]
    values = {operation["value"] for operation in patch["patch"]}
    assert values == {f"--service-account-issuer={NEW}", "--feature-gates=A=true", "--v=4"}


@pytest.mark.slow
def test_the_next_api_server_goes_once_the_last_one_is_listed_again_and_after_a_pause(tmp_path: Path) -> None:
    hosts = cluster(tmp_path)
    hosts.serve("10.0.0.1")
    hosts.list_late(1)
    code, output = hosts.play("main", {**VARIABLES, "irsa_apiserver_pause": 1})
    assert code == 0, output
    log = [(what, host) for what, host in hosts.log() if what != "begin"]
    waits = [("end", name) for name in [*NAMES, *NAMES]]
    between = [entry for end in waits for entry in (end, ("unlisted", "api"))][:-1]  # none after the last one
    assert log[: len(between)] == between
    assert output.count("Give load balancers the time to see the last one again]") == len(waits) - 1


@pytest.mark.slow
def test_an_api_server_that_is_not_listed_again_stops_the_roll(tmp_path: Path) -> None:
    hosts = cluster(tmp_path)
    hosts.serve("10.0.0.1")
    hosts.list_late(9)
    role = {"name": "onprem.irsa.irsa_apiserver"}
    playbook = tmp_path / "playbook.json"
    playbook.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "roles": [role]}]))
    code, output = hosts.run(str(playbook), VARIABLES, "-e", "__irsa_apiserver_relist_attempts=1")
    assert code != 0
    assert "does not list the API server of cp1, cp2, cp3 again" in output.replace("\n", " "), output
    assert "cp2 was left alone" in output
    assert {host for what, host in hosts.log() if what == "begin"} == {"cp1"}


def hook(directory: Path, name: str, *, fails_on: str = "") -> str:
    """Write tasks that note the host in the log, and fail on one; return the file."""
    note = {"ansible.builtin.shell": f"echo {name} {{{{ irsa_apiserver_restarted_host }}}} >>{directory / 'log'}"}
    failing = {"ansible.builtin.fail": {"msg": "Not yet."}, "when": f"irsa_apiserver_restarted_host == '{fails_on}'"}
    file = directory / f"{name}.yml"
    file.write_text(json.dumps([{**note, "delegate_to": "localhost"}, failing]))
    return str(file)


@pytest.mark.slow
def test_tasks_of_the_users_own_before_and_after_each_restart(tmp_path: Path) -> None:
    hosts = cluster(tmp_path, **signing(OLD, NEW))
    own = {name: hook(tmp_path, name) for name in ("before", "after")}
    variables = {**VARIABLES, **{f"irsa_apiserver_{name}_host_tasks": file for name, file in own.items()}}
    code, output = hosts.play("main", variables)
    assert code == 0, output
    assert hosts.log() == [(what, name) for name in NAMES for what in ("before", "begin", "end", "after")]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "restarted"), [("before", ["cp1"]), ("after", ["cp1", "cp2"])])
def test_a_task_of_the_users_own_that_fails_stops_the_roll(tmp_path: Path, name: str, restarted: list[str]) -> None:
    hosts = cluster(tmp_path)
    variables = {**VARIABLES, f"irsa_apiserver_{name}_host_tasks": hook(tmp_path, name, fails_on="cp2")}
    code, output = hosts.play("main", variables)
    assert (code != 0, "Not yet." in output) == (True, True), output
    assert [host for what, host in hosts.log() if what == "end"] == restarted


@pytest.mark.slow
def test_tasks_of_the_users_own_are_looked_at_before_a_host_is_touched(tmp_path: Path) -> None:
    hosts = cluster(tmp_path)
    variables = {**VARIABLES, "irsa_apiserver_before_host_tasks": "nowhere.yml"}
    code, output = hosts.play("main", variables)
    said = "irsa_apiserver_before_host_tasks is nowhere.yml, which the controller does not have"
    assert (code != 0, said in output, hosts.log()) == (True, True, []), output


@pytest.mark.slow
def test_the_key_set_is_that_of_the_documents_that_were_published_after_the_check(tmp_path: Path) -> None:
    hosts = cluster(tmp_path)
    published = f"{NEW}/keys.json"

    def role(entry_point: str) -> dict[str, object]:
        return {"ansible.builtin.include_role": {"name": "onprem.irsa.irsa_apiserver", "tasks_from": entry_point}}

    tasks = [
        role("preflight"),
        {"ansible.builtin.set_fact": {"irsa_issuer_published_jwks_uri": published}},
        {**role("cluster"), "when": "inventory_hostname == ansible_play_hosts_all | first"},
    ]
    playbook = tmp_path / "playbook.json"
    playbook.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": tasks}]))
    code, output = hosts.run(str(playbook), VARIABLES)
    assert code == 0, output
    assert [hosts.running(name)["service-account-jwks-uri"] for name in NAMES] == [[published]] * 3


CORPORATE = "https://corp.example.com/keys.json"


@pytest.mark.slow
@pytest.mark.parametrize("hosts_with_it", [NAMES, NAMES[:1]], ids=["all hosts", "one host"])
def test_going_back_keeps_the_jwks_uri_from_before_or_names_it(tmp_path: Path, hosts_with_it: list[str]) -> None:
    hosts = cluster(tmp_path, **signing(NEW, OLD))
    for name in NAMES:
        flag = f"    - --service-account-jwks-uri={CORPORATE}\n" if name in hosts_with_it else ""
        line = f"    - --service-account-issuer={OLD}\n"
        kept = tmp_path / "backup" / name
        kept.mkdir(parents=True)
        (kept / "kube-apiserver.yaml.20260101T000000Z").write_text(KUBEADM.replace(line, line + flag))
    directory = f"__irsa_apiserver_backup_directory={tmp_path / 'backup'}/{{{{ item }}}}"
    playbook = tmp_path / "playbook.json"
    role = {"name": "onprem.irsa.irsa_apiserver", "tasks_from": "teardown"}
    tasks = [{"ansible.builtin.include_role": role}]
    playbook.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": tasks}]))
    code, output = hosts.run(str(playbook), VARIABLES, "-e", directory)
    assert (code, CORPORATE in output) == (0, True), output
    after = [hosts.running(name).get("service-account-jwks-uri") for name in NAMES]
    assert after == [[CORPORATE] if hosts_with_it == NAMES else None] * 3


@pytest.mark.slow
def test_going_back_to_one_of_several_issuers_is_not_left_to_chance(tmp_path: Path) -> None:
    third = "https://third.example.com"
    hosts = Cluster(
        tmp_path, {"cp1": observed(**signing(NEW, OLD, third)), "cp2": observed(**signing(NEW, third, OLD))}
    )
    code, output = hosts.play("teardown", VARIABLES)
    said = f"had different issuers before {NEW}: {OLD} on cp1; {third} on cp2."
    assert (code != 0, said in output, hosts.log()) == (True, True, []), output


def test_files_are_where_the_user_is() -> None:
    require_the_authority_of_the_issuer("irsa_apiserver", "__irsa_apiserver_ca_path")
    require_a_path_of_the_user("irsa_apiserver", "irsa_issuer_ca_path", "__irsa_apiserver_ca_path")
    require_a_path_of_the_user("irsa_apiserver", "irsa_apiserver_kubespray_file", "__irsa_apiserver_kubespray_path")
