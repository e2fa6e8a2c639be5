# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the playbooks refuse by the inventory alone: ansible-playbook itself, with hosts that note being asked."""

from __future__ import annotations

import json
import re
import sys
import typing as t

import pytest

from ansible_collections.onprem.irsa.tests.unit.playbooks.conftest import HOSTS, VARIABLES, Play
from ansible_collections.onprem.irsa.tests.unit.plugins.some_keys import ec_key, private_pem, public_pem

if t.TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


def test_good_input_goes_on_to_the_hosts(play: Play) -> None:
    run = play()
    assert run.asked, run.output


@pytest.mark.parametrize("playbook", ["site", "verify", "doctor", "rotate_keys", "migrate_issuer", "teardown"])
def test_misspelt_variables_wherever_they_stand(play: Play, playbook: str) -> None:
    run = play("-e", "irsa_webhook_mod=policy", playbook=playbook, irsa_iam_rolls=[], irsa_own=1)
    assert (run.code, run.asked) == (2, False), run.output
    assert "irsa_iam_rolls is a variable that no role knows. Did you mean irsa_iam_roles?\n" in run.output
    assert "irsa_webhook_mod is a variable that no role knows. Did you mean irsa_webhook_mode?\n" in run.output
    assert "irsa_own" not in run.output


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        (
            {"irsa_region": None},
            "irsa_region is not set. The AWS region of the bucket, one that botocore knows. Set it, as in irsa_",
        ),
        ({"irsa_issuer_max_age": "soon"}, "irsa_issuer_max_age"),
        (
            {"irsa_issuer_bucket": None},
            "irsa_issuer_bucket is not set, and irsa_issuer_publisher is s3, which publishes in a bucket.",
        ),
        ({"irsa_issuer_publisher": "cloudfront"}, "the URL of the bucket, which is private then. Set irsa_issuer_url"),
        (
            {
                "irsa_issuer_publisher": "cloudfront",
                "irsa_issuer_url": "https://oidc.example.com",
                "irsa_issuer_adopt": True,
                "irsa_issuer_endpoint_url": "https://s3.example.com",
            },
            "is cloudfront, which takes no irsa_issuer_endpoint_url and no irsa_issuer_adopt.",
        ),
        ({"irsa_issuer_bucket": "Acme"}, "The bucket name 'Acme' must consist of lower-case letters"),
        ({"irsa_region": "eu-cental-1"}, "botocore does not know the region 'eu-cental-1'. Did you mean eu-central-1?"),
        ({"irsa_issuer_url": "https://oidc.example.com/"}, "must not end in a slash"),
        (
            {"irsa_iam_roles": [{"name": "a b", "service_accounts": ["apps"]}, {"name": "c"}]},
            "Role 'a b': 'a b' must be 1 to 64",
        ),
        ({"irsa_apiserver_extra_flags": {"v": "4"}}, "The flag v must have a list of values"),
        ({"irsa_apiserver_retired_issuers": ["https://acme-prod-oidc.s3.eu-central-1.amazonaws.com"]}, "be retired"),
        ({"irsa_webhook_image": "webhook", "irsa_webhook_replicas": 0}, "has no tag and no digest"),
        (
            {"irsa_verify_service_account": "reports"},
            "irsa_verify_service_account is 'reports': service account 'reports' must be namespace/name",
        ),
        (
            {
                "irsa_webhook_mode": "policy",
                "irsa_webhook_set_flags": True,
                "irsa_apiserver_extra_flags": {"feature-gates": ["A=true"]},
            },
            "irsa_apiserver_extra_flags has feature-gates, which irsa_webhook_set_flags sets, too",
        ),
    ],
)
def test_input_that_breaks_a_rule(play: Play, variables: dict[str, t.Any], says: str) -> None:
    run = play(**variables)
    assert (run.code, run.asked, says in run.output) == (2, False, True), run.output
    assert "The filter plugin" not in run.output


@pytest.mark.parametrize("playbook", ["verify", "doctor", "rotate_keys", "teardown"])
def test_input_of_the_other_playbooks(play: Play, playbook: str) -> None:
    run = play(playbook=playbook, irsa_region="eu-cental-1")
    assert (run.code, run.asked) == (2, False), run.output
    assert "Did you mean eu-central-1?" in run.output


def test_regions_of_a_store_of_ones_own_are_free(play: Play) -> None:
    url = "https://s3.example.com"
    run = play(
        irsa_issuer_endpoint_url=url,
        irsa_issuer_url=f"{url}/acme-prod-oidc",
        irsa_region="my-place-1",
        irsa_iam_region="eu-central-1",
        irsa_webhook_region="eu-central-1",
        irsa_verify_region="eu-central-1",
    )
    assert run.asked, run.output


@pytest.mark.parametrize("playbook", ["site", "verify", "doctor", "rotate_keys", "migrate_issuer", "teardown"])
def test_a_part_of_the_control_plane(play: Play, playbook: str) -> None:
    run = play("--limit", HOSTS[1], playbook=playbook)
    assert (run.code, run.asked) == (2, False), run.output
    assert f"{HOSTS[0]} of the control plane is not in this play." in run.output


@pytest.mark.parametrize("group", ["masters", None])
def test_an_inventory_without_the_group(play: Play, group: str | None) -> None:
    run = play(group=group)
    assert (run.code, run.asked) == (2, False), run.output
    assert "The inventory has no host in the group kube_control_plane." in run.output
    assert "kube_control_plane: {hosts: {cp1.example.com:" in run.output


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--tags", "irsa_iam"), "--tags has irsa_iam, which this playbook does not have. Its tags are publish, iam,"),
        (("--tags", "publish,iamm"), "--tags has iamm, which"),
        (("--tags", "untagged"), "--tags has untagged, which"),
        (
            ("--skip-tags", "publish,iamm"),
            "--skip-tags has iamm, which this playbook does not have. Its tags are publish,",
        ),
        (("--skip-tags", "all"), "--skip-tags has all: that cannot be skipped."),
        (("--skip-tags", "always"), "--skip-tags has always, which checks the input"),
        (("--start-at-task", "Run the webhook"), "--start-at-task 'Run the webhook' would leave out the first play"),
        (("--start-at-task", "Publish*", "--check"), "--start-at-task 'Publish*' would leave out"),
    ],
)
def test_options_by_which_nothing_would_be_done(play: Play, options: tuple[str, ...], says: str) -> None:
    run = play(*options)
    assert (run.code != 0, run.asked, says in run.output) == (True, False, True), run.output
    assert "PLAY" not in run.output


@pytest.mark.parametrize(
    ("playbook", "options"),
    [
        ("verify", ("--skip-tags", "verify")),
        ("doctor", ("--skip-tags", "diagnose")),
        ("teardown", ("--skip-tags", "publish,iam,apiserver,inject")),
        ("site", ("--skip-tags", "publish,iam", "--skip-tags", "apiserver,inject,verify")),
        ("site", ("--tags", "iam,verify", "--skip-tags", "verify,iam", "--check")),
    ],
)
def test_all_that_a_playbook_is_for_is_skipped(play: Play, playbook: str, options: tuple[str, ...]) -> None:
    run = play(*options, playbook=playbook)
    assert (run.code != 0, run.asked) == (True, False), run.output
    assert "which is all that this run would do: nothing would be done." in run.output
    assert "PLAY" not in run.output


@pytest.mark.parametrize(
    ("playbook", "skipped"), [("site", "publish,iam,apiserver,inject"), ("teardown", "publish"), ("site", "verify")]
)
def test_some_links_are_skipped(play: Play, playbook: str, skipped: str) -> None:
    run = play("--skip-tags", skipped, playbook=playbook)
    assert run.asked, run.output


@pytest.mark.parametrize(
    ("playbook", "tag"),
    [("verify", "publish"), ("doctor", "verify"), ("teardown", "verify"), ("rotate_keys", "publish")],
)
def test_tags_are_those_of_each_playbook(play: Play, playbook: str, tag: str) -> None:
    run = play("--tags", tag, playbook=playbook)
    assert (run.code != 0, run.asked) == (True, False), run.output
    assert f"--tags has {tag}, which this playbook does not have." in run.output


@pytest.mark.parametrize(
    ("playbook", "tags"),
    [
        ("site", ["publish", "iam", "apiserver", "inject", "verify"]),
        ("verify", ["verify"]),
        ("doctor", ["diagnose"]),
        ("teardown", ["publish", "iam", "apiserver", "inject"]),
    ],
)
def test_tags_can_be_listed(play: Play, playbook: str, tags: list[str]) -> None:
    run = play("--list-tags", playbook=playbook)
    listed = re.findall(r"TASK TAGS: \[(.*)\]", run.output)
    assert {tag for line in listed for tag in line.split(", ")} == {"always", *tags}


ROLES_WITH_KEYS: t.Final = [("irsa_issuer", "main"), ("irsa_apiserver", "main"), ("irsa_apiserver", "teardown")]


@pytest.mark.parametrize("what", ["site", "verify", "doctor", "teardown", *ROLES_WITH_KEYS, ("irsa_verify", "main")])
def test_a_private_key_is_refused_first_and_not_shown(play: Play, tmp_path: Path, what: str | tuple[str, str]) -> None:
    private, playbook = private_pem(ec_key(1)), tmp_path / "role.yml"
    if isinstance(what, tuple):
        role = {"name": f"onprem.irsa.{what[0]}", "tasks_from": what[1]}
        tasks = [{"name": "Run it", "ansible.builtin.include_role": role}]
        playbook.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
    given = {**VARIABLES, "irsa_issuer_keys": [private], "irsa_apiserver_flags": "show", "irsa_kubeconfig_path": "no"}
    inventory = {"all": {"hosts": {"localhost": {}}, "vars": given}}
    run = play("-vvv", playbook=what if isinstance(what, str) else str(playbook), inventory=inventory)
    assert (run.code, run.asked) == (2, False), run.output
    assert "irsa_issuer_keys, item 1, holds a private key, which is not shown." in run.output
    assert not any(line in run.output for line in private.splitlines()[1:-1]), run.output


@pytest.mark.parametrize("options", [("--tags", "publish"), ("--skip-tags", "iam,apiserver,inject,verify")])
def test_keys_from_the_inventory_are_published_without_a_kubeconfig(play: Play, options: tuple[str, ...]) -> None:
    given = {**VARIABLES, "irsa_issuer_keys": [public_pem(ec_key(1))], "irsa_apiserver_flags": "show"}
    inventory = {"all": {"hosts": {"localhost": {}}, "vars": given}}
    run = play(*options, inventory=inventory)
    assert (run.asked, "irsa_kubeconfig_path" in run.output) == (True, False), run.output
    for more, changes in [(("--tags", "publish,iam"), {}), (options, {"irsa_issuer_keys": "api"}), ((), {})]:
        inventory = {"all": {"hosts": {"localhost": {}}, "vars": {**given, **changes}}}
        run = play(*more, inventory=inventory)
        assert (run.asked, "irsa_kubeconfig_path is not set" in run.output) == (False, True), run.output


def test_an_empty_value_is_not_taken_for_keys_of_hosts(play: Play) -> None:
    group: dict[str, object] = {"kube_control_plane": {"hosts": {"cp1.invalid": {}}}}
    for name, members in {"hosts": {"localhost": {}}, "children": group}.items():
        run = play(inventory={"all": {name: members, "vars": {**VARIABLES, "irsa_issuer_keys": None}}})
        assert (run.code, run.asked) == (2, False), run.output
        assert "irsa_issuer_keys is null, which is what YAML makes of an empty value." in run.output


@pytest.mark.parametrize("tag", ["publish", "iam", "apiserver", "inject", "verify"])
def test_a_link_alone_has_its_input_checked_and_goes_on(play: Play, tag: str) -> None:
    assert play("--tags", tag).asked
    run = play("--tags", tag, irsa_region="eu-cental-1")
    assert (run.code, run.asked) == (2, False), run.output
    assert "Did you mean eu-central-1?" in run.output


def test_tags_of_a_playbook_that_imports_ours_are_its_own(play: Play, tmp_path: Path) -> None:
    mine = tmp_path / "mine.yml"
    mine.write_text("- import_playbook: onprem.irsa.site\n  tags: identity\n")
    assert play("--tags", "identity", playbook=str(mine)).asked
    # The controller is looked at in any case, here by an interpreter that works.
    run = play("--tags", "web", "-e", f"ansible_python_interpreter={sys.executable}", playbook=str(mine))
    assert (run.code, run.asked) == (0, False), run.output
    assert "No link was run: --tags and --skip-tags leave none of publish, iam" in run.output


def clusters(**groups: dict[str, object]) -> dict[str, t.Any]:
    """Return an inventory of several clusters, each with a control plane of two hosts and a worker, with variables."""
    children = {
        f"cluster_{group}": {
            "children": {group: {"hosts": {f"{group}1": {}, f"{group}2": {}}}},
            "hosts": {f"{group}-worker": {}},
            "vars": own,
        }
        for group, own in groups.items()
    }
    return {"all": {"vars": VARIABLES, "children": children}}


TWO_CLUSTERS = clusters(a={"irsa_control_plane_group": "a"}, b={"irsa_control_plane_group": "b"})


@pytest.mark.parametrize("playbook", ["site", "verify", "doctor", "rotate_keys", "teardown"])
def test_one_of_several_clusters_is_not_chosen_by_chance(play: Play, playbook: str) -> None:
    for inventory, groups in (
        (TWO_CLUSTERS, "a by a-worker, a1, a2; b by b-worker, b1, b2"),
        (clusters(b={"irsa_control_plane_group": "b"}, kube_control_plane={}), "b by b-worker, b1, b2; kube_control_"),
    ):
        run = play(playbook=playbook, inventory=inventory)
        assert (run.code, run.asked) == (2, False), run.output
        assert f"in irsa_control_plane_group: {groups}" in run.output
        assert "Choose one with -e irsa_control_plane_group=" in run.output


@pytest.mark.parametrize(
    ("options", "importer"),
    [
        (["-e", "irsa_control_plane_group=b"], None),
        ([], "b"),
        ([], "{{ 'b' }}"),
        (["--limit", "cluster_b"], None),
        (["--limit", "b"], None),
        (["--limit", "cluster_b"], "b"),
    ],
)
def test_one_of_several_clusters_is_chosen(
    play: Play, tmp_path: Path, options: list[str], importer: str | None
) -> None:
    playbook = tmp_path / "playbook.json"
    vars_ = {} if importer is None else {"vars": {"irsa_control_plane_group": importer}}
    playbook.write_text(json.dumps([{"ansible.builtin.import_playbook": "onprem.irsa.site", **vars_}]))
    run = play(*options, playbook=str(playbook), inventory=TWO_CLUSTERS)
    assert run.asked, run.output
    assert "b1" in run.output
    assert "a1" not in run.output.partition("Check before anything is changed")[2].replace("[a1]", "")


def test_an_importer_names_the_group_where_no_host_does(play: Play, tmp_path: Path) -> None:
    playbook = tmp_path / "playbook.json"
    for name in ("b", "{{ mine }}"):
        importer = {"ansible.builtin.import_playbook": "onprem.irsa.site", "vars": {"irsa_control_plane_group": name}}
        playbook.write_text(json.dumps([importer]))
        run = play(playbook=str(playbook), inventory=clusters(a={"mine": "b"}, b={"mine": "b"}))
        assert run.asked, run.output
        assert "b2" in run.output


def test_a_part_of_the_chosen_cluster(play: Play) -> None:
    for options in (["--limit", "b-worker"], ["--limit", "a", "-e", "irsa_control_plane_group=b"]):
        run = play(*options, inventory=TWO_CLUSTERS)
        assert (run.code, run.asked) == (2, False), run.output
        assert "b1, b2 of the control plane are not in this play." in run.output


@pytest.mark.parametrize("playbook", ["site", "verify", "doctor", "rotate_keys", "teardown"])
def test_variables_that_differ_between_hosts_of_one_control_plane(play: Play, playbook: str) -> None:
    own: dict[str, dict[str, object]] = {
        "cp1": {"irsa_region": "eu-central-1", "irsa_own": 1},
        "cp2": {"irsa_region": "eu-west-1", "irsa_own": 2},
        "cp3": {"irsa_region": "{{ 'eu-central-1' }}", "irsa_issuer_url": "https://oidc.example.com"},
    }
    run = play(playbook=playbook, inventory={"kube_control_plane": {"hosts": own, "vars": {"irsa_cluster": "prod"}}})
    assert (run.code, run.asked) == (2, False), run.output
    said = "between hosts of one control plane, but it applies to the whole cluster:"
    assert f'irsa_region differs {said} "eu-central-1" for cp1, cp3; "eu-west-1" for cp2. Set it once' in run.output
    assert f'irsa_issuer_url differs {said} not set for cp1, cp2; "https://oidc.example.com" for cp3.' in run.output
    assert "irsa_own" not in run.output
    assert "irsa_cluster" not in run.output


@pytest.mark.parametrize(
    ("name", "value", "least"),
    [
        ("irsa_apiserver_timeout", 0, "60"),
        ("irsa_apiserver_timeout", "-300", "60"),
        ("irsa_apiserver_stale_sandbox_seconds", 30, "0, or 31"),
        ("irsa_apiserver_stale_sandbox_seconds", -1, "0, or 31"),
        ("irsa_apiserver_pause", -1, "0"),
    ],
)
def test_numbers_with_which_nothing_can_come_of_it(play: Play, name: str, value: object, least: str) -> None:
    variables: dict[str, t.Any] = {name: value}
    run = play(**variables)
    assert (run.code, run.asked) == (2, False), run.output
    assert f"{name} is {value}. It must be {least} or more" in run.output
