# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t
from dataclasses import replace

import pytest
import yaml

from ansible_collections.onprem.irsa.plugins.module_utils._api_server.by_hand import UNSEEN
from ansible_collections.onprem.irsa.plugins.module_utils._api_server.kubeadm_sources import Sources
from ansible_collections.onprem.irsa.plugins.module_utils._api_server.plan import (
    Plan,
    Seen,
    Towards,
    Wanted,
    Writer,
    plan,
    report,
)
from ansible_collections.onprem.irsa.plugins.module_utils._api_server.rollout import ISSUER, JWKS_URI
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._api_server.test_kubeadm_sources import host
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._api_server.test_observation import (
    FLAGS,
    PATH,
    seen,
)
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._api_server.test_way_back import OWN, manifest
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._flags.test_static_pod_flags import (
    KUBEADM,
    NEW,
    OLD,
)

CONFIGURATION = "apiServer: {}\napiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\n"
LAST = "https://z.example.com"  # sorted by value, another one would sign
URI = f"{NEW}/openid/v1/jwks"
PATCH = "/etc/kubernetes/patches/kube-apiserver50onprem-irsa+json.yaml"
SLICES: list[dict[str, t.Any]] = [
    {"endpoints": [{"addresses": ["10.0.0.1"]}], "ports": [{"name": "https", "port": 6443}]}
]


def observed(*issuers: str, **changes: object) -> dict[str, t.Any]:
    """Return what is observed of a healthy host with these issuers."""
    lines = "\n".join(f"    - --{ISSUER}={issuer}" for issuer in issuers)
    text = KUBEADM.replace(f"    - --{ISSUER}={OLD}", lines)
    return seen(**{"running_flags": {**FLAGS, ISSUER: [*issuers]}, "manifests": {PATH: text}, **changes})


def cluster(*issuers: str, slices: list[dict[str, t.Any]] | None = None, writer: Writer | None = None) -> Seen:
    return Seen({name: observed(*issuers) for name in ("cp1", "cp2")}, slices, writer)


def writer(stored: str = CONFIGURATION, **found: object) -> Writer:
    hosts = {name: host(**found) for name in ("cp1", "cp2")}
    return Writer("kubeadm", Sources(stored, hosts, PATCH))


def test_without_a_wish_the_hosts_alone_are_judged() -> None:
    assert plan(cluster(OLD)) == Plan(())
    (problem,) = plan(Seen({"cp1": observed(OLD), "cp2": observed(OLD, clock=2000.0)})).problems
    assert problem.startswith("cp2: its clock is +1000 s off")
    (warning,) = plan(Seen({"cp2": observed(OLD, stale_key_files=["/sa.pub"])})).warnings
    assert warning.startswith("cp2: /sa.pub was written, or got another owner or mode")


def test_accepting_alone_leaves_what_signs() -> None:
    after = plan(cluster(OLD, writer=writer()), Wanted(NEW, "accept", jwks_uri=URI, flags={"v": ["4"]}))
    assert [(step.phase, step.host, step.flags[ISSUER]) for step in after.steps] == [
        ("accept", "cp1", [OLD, NEW]),
        ("accept", "cp2", [OLD, NEW]),
    ]
    assert after.upkeep is not None
    kept = yaml.safe_load(after.upkeep.configuration)["apiServer"]["extraArgs"]
    assert [arg["value"] for arg in kept if arg["name"] == ISSUER] == [OLD, NEW]
    assert JWKS_URI not in {arg["name"] for arg in kept}
    assert plan(cluster(OLD, NEW), Wanted(NEW, "accept")).steps == ()
    alone = plan(Seen({"cp1": observed(OLD)}), Wanted(NEW, "accept"))
    assert (alone.problems, alone.steps) == ((), ())


UNKNOWN: dict[str, t.Any] = {
    "distribution": "unknown",
    "manifests": {},
    "manifest_exists": False,
    "pid": None,
    "running_flags": {},
    "api": None,
    "ready": False,
    "version": None,
    "public_keys": [],
    "kids": [],
    "loaded_kids": None,
    "signing_key": None,
}
WAY_OUT = "Set irsa_apiserver_flags: show, irsa_issuer_keys: api, "


def test_what_to_set_on_an_unknown_distribution_is_told_in_its_own_form() -> None:
    hosts = {name: observed(**UNKNOWN, other_distributions=["K3s"]) for name in ("cp1", "cp2")}
    after = plan(Seen(hosts), Wanted(NEW, jwks_uri=URI))
    assert [(found[:5], WAY_OUT in found) for found in after.problems] == [("cp1: ", True), ("cp2: ", True)]
    text = "\n".join(after.by_hand)
    assert after.by_hand[0].startswith("It will ask for what follows on cp1, cp2, a pass at a time.")
    assert after.by_hand[1].startswith(f"{UNSEEN} stands for what `kubectl get --raw /.well-known/openid")
    assert "/etc/rancher/k3s/config.yaml.d/" in text
    assert (text.index("First pass") < text.index("Second pass"), after.steps) == (True, ())


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({}, "where your distribution keeps those of kube-apiserver"),
        ({"other_distributions": ["K3s", "k0s"]}, "where your distribution keeps those"),
    ],
)
def test_what_to_set_where_no_place_is_known(changes: dict[str, t.Any], place: str) -> None:
    found = observed(**{**UNKNOWN, "running_flags": {ISSUER: [OLD, LAST]}, **changes})
    after = plan(Seen({"cp1": found}), Wanted(NEW, jwks_uri=URI, flags={"v": ["2"]}))
    assert place in after.by_hand[1]
    assert [line.strip() for line in after.by_hand if line.startswith("  ")] == [
        *(f"--{ISSUER}={issuer}" for issuer in (OLD, LAST, NEW)),
        "--v=2",
        *(f"--{ISSUER}={issuer}" for issuer in (NEW, OLD, LAST)),
        f"--{JWKS_URI}={URI}",
        "--v=2",
    ]
    assert UNSEEN not in "".join(after.by_hand)


def test_the_way_back_of_an_unknown_distribution() -> None:
    found = observed(**{**UNKNOWN, "running_flags": {ISSUER: [NEW, OLD]}})
    after = plan(Seen({"cp1": found}), Wanted(NEW, "back", jwks_uri=URI, flags={"v": ["2"]}))
    lines = [line.strip() for line in after.by_hand if line.startswith("  ")]
    assert lines == [f"--{ISSUER}={issuer}" for issuer in (NEW, OLD, OLD, NEW)]
    assert f"Remove --{JWKS_URI}." in after.by_hand


@pytest.mark.parametrize(
    ("issuers", "wanted"),
    [
        ([NEW, OLD], Wanted(NEW)),
        ([OLD], Wanted(NEW, "back")),
        ([OLD], Wanted(NEW, "running")),
        ([OLD], None),
    ],
)
def test_an_unknown_distribution_of_which_nothing_is_asked(issuers: list[str], wanted: Wanted | None) -> None:
    after = plan(Seen({"cp1": observed(**{**UNKNOWN, "running_flags": {ISSUER: issuers}})}), wanted)
    assert (WAY_OUT in after.problems[0], after.by_hand) == (True, ())


def test_further_flags_that_are_none_are_said_so() -> None:
    after = plan(Seen({"cp1": observed(**UNKNOWN)}), Wanted(NEW, flags={"--v": ["2"]}))
    assert (WAY_OUT in after.problems[0], "'--v'" in after.by_hand[1]) == (True, True)


def test_the_operator_of_openshift_sets_the_flags() -> None:
    seen = Seen({"cp1": observed(**UNKNOWN, other_distributions=["OpenShift"])})
    text = "\n".join(plan(seen, Wanted(NEW, jwks_uri=URI)).by_hand)
    assert f'"serviceAccountIssuer": "{NEW}"' in text
    assert ("irsa_apiserver_distribution" in text, UNSEEN in text) == (False, False)
    assert "--patch" not in "\n".join(plan(seen, Wanted(NEW, flags={"v": ["2"]})).by_hand)
    back = plan(seen, Wanted(NEW, "back")).by_hand
    assert (back[1].startswith(UNSEEN), f'"serviceAccountIssuer": "{UNSEEN}"' in "\n".join(back)) == (True, True)


@pytest.mark.parametrize("towards", ["issuer", "back"])
@pytest.mark.parametrize("name", ["K3s", "RKE2", "k0s", "MicroK8s"])
def test_every_distribution_that_a_directory_shows_has_both_passes(name: str, towards: Towards) -> None:
    text = "\n".join(plan(Seen({"cp1": observed(**UNKNOWN, other_distributions=[name])}), Wanted(NEW, towards)).by_hand)
    names = ("First pass", "Second pass") if towards == "issuer" else ("back, first pass", "back, second pass")
    first, second = map(text.index, names)
    assert 0 < first < second
    assert (NEW in text[first:second], UNSEEN in text[second:]) == (True, True)


def test_a_known_distribution_is_not_set_by_hand() -> None:
    hosts = {"cp1": observed(OLD, clock=2000.0)}
    assert plan(Seen(hosts), Wanted(NEW)).by_hand == ()


def test_who_only_looks_plans_nothing() -> None:
    assert plan(cluster(OLD), Wanted(NEW, "look")) == plan(cluster(OLD))
    assert plan(Seen({"cp1": observed(**UNKNOWN)}), Wanted(NEW, "look")).by_hand


def test_hosts_with_more_to_do_than_flags() -> None:
    twice = {"manifests": {PATH: KUBEADM, f"{PATH}.bak": KUBEADM}}
    hosts = {"cp1": observed(OLD), "cp2": observed(OLD, unconfirmed=True), "cp3": observed(OLD, **twice)}
    after = plan(Seen(hosts), duplicates_allowed=True)
    assert (after.problems, after.unconfirmed, after.untidy) == ((), ("cp2",), ("cp2", "cp3"))
    assert "hold the same pod" in plan(Seen(hosts)).problems[0]


def test_links_are_allowed_to_whoever_changes_nothing() -> None:
    hosts = {"cp1": observed(OLD, manifest_link="/elsewhere")}
    assert len(plan(Seen(hosts)).problems) == 1
    assert plan(Seen(hosts), links_allowed=True).problems == ()


def test_to_an_issuer() -> None:
    after = plan(cluster(OLD), Wanted(NEW, jwks_uri=f"{NEW}/jwks", flags={"v": [2]}))
    assert [(step.phase, step.host) for step in after.steps] == [
        ("accept", "cp1"),
        ("accept", "cp2"),
        ("switch", "cp1"),
        ("switch", "cp2"),
    ]
    assert after.steps[0].flags == {ISSUER: [OLD, NEW], "v": ["2"]}
    assert after.steps[2].flags[JWKS_URI] == [f"{NEW}/jwks"]
    assert after.says[0].startswith(f"cp1: accepts {NEW} in addition to {OLD}; still signs with {OLD}")
    assert (after.issuer, after.applies, after.upkeep) == (NEW, True, None)
    assert plan(cluster(OLD), Wanted(OLD)).steps == ()


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        (Wanted(NEW, flags={"--v": ["2"]}), "--v"),
        (Wanted(NEW, retired=[NEW]), "can't sign and be retired"),
        (Wanted(NEW, retired=[OLD]), "as it does on cp1, cp2: the tokens"),
        (Wanted(NEW, flags={"api-audiences": [NEW]}), f"lacks {OLD}, in force on cp1, cp2"),
        (Wanted(NEW, retired_audiences=[OLD]), "can't be retired yet"),
        (Wanted(OLD, "back"), f"{OLD} is the one issuer of cp1, cp2, so there is none to go back to. Run the role"),
    ],
)
def test_a_wish_that_is_refused(wanted: Wanted, says: str) -> None:
    after = plan(cluster(OLD), wanted)
    (problem,) = after.problems
    assert says in problem
    assert (after.steps, after.applies) == ((), False)


def test_what_the_hosts_show_hides_what_would_be_judged_by_it() -> None:
    broken = Seen({"cp1": observed(OLD, clock=2000.0)}, writer=writer(""))
    (problem,) = plan(broken, Wanted(NEW, retired=[NEW])).problems
    assert "its clock" in problem


def test_back_to_the_issuer_from_before() -> None:
    kept = {name: {"a": manifest(OLD, uri=OWN)} for name in ("cp1", "cp2")}
    after = plan(cluster(NEW, OLD), Wanted(NEW, "back", flags={"v": ["2"]}, kept_manifests=kept))
    assert (after.issuer, after.applies, after.notes) == (OLD, True, ())
    assert after.steps[-1].flags == {ISSUER: [OLD, NEW], JWKS_URI: [OWN]}
    mixed = {**kept, "cp2": {"a": manifest(OLD)}}
    (note,) = plan(cluster(NEW, OLD), Wanted(NEW, "back", kept_manifests=mixed)).notes
    assert OWN in note


def test_back_from_what_no_server_knows_is_nothing_to_do() -> None:
    after = plan(cluster(OLD, writer=writer("")), Wanted(NEW, "back"))
    assert (after.problems, after.applies, after.steps, after.upkeep) == ((), False, (), None)


def test_a_second_way_back_drops_the_issuer_and_its_audience() -> None:
    after = plan(cluster(OLD, NEW), Wanted(NEW, "back", retired=[NEW]))
    assert [step.flags for step in after.steps] == [{ISSUER: [OLD]}] * 2


def test_servers_with_different_issuers_have_no_way_back() -> None:
    third = "https://third.example.com"
    hosts = {"cp1": observed(NEW, OLD, third), "cp2": observed(NEW, third, OLD)}
    (problem,) = plan(Seen(hosts), Wanted(NEW, "back")).problems
    assert f"had different issuers before {NEW}: {OLD} on cp1; {third} on cp2." in problem


def test_what_runs_is_kept_with_further_flags() -> None:
    after = plan(cluster(NEW, OLD, writer=writer()), Wanted("", "running", flags={"v": ["4"]}))
    assert after.upkeep is not None
    told = yaml.safe_load(after.upkeep.configuration)["apiServer"]["extraArgs"]
    assert [(entry["name"], entry["value"]) for entry in told] == [(ISSUER, NEW), (ISSUER, OLD), ("v", "4")]
    mixed = Seen({"cp1": observed(NEW, OLD), "cp2": observed(OLD, NEW)})
    (problem,) = plan(mixed, Wanted("", "running")).problems
    assert f"sign with {NEW}, {OLD}, as in the middle of a rollout" in problem


def test_an_api_server_that_is_on_no_host_is_refused() -> None:
    assert plan(cluster(OLD, slices=SLICES), Wanted(NEW)).listed["cp1"] == "https://10.0.0.1:6443"
    strange = [*SLICES, {"endpoints": [{"addresses": ["10.0.0.4"]}]}]
    (problem,) = plan(cluster(OLD, slices=strange), Wanted(NEW)).problems
    assert problem.startswith("The cluster has an API server at 10.0.0.4 (EndpointSlices of default/kubernetes)")


def test_the_configuration_is_that_of_the_end() -> None:
    before = plan(cluster(OLD, writer=writer()), Wanted(LAST)).upkeep
    after = plan(cluster(LAST, OLD, writer=writer()), Wanted(LAST)).upkeep
    assert before == after
    assert before is not None
    assert (before.changed, before.changes_configuration, before.unpatched) == (True, True, ())
    assert before.report == "kept in kubeadm-config; skip 1.35.0 to 1.35.3, with which another issuer would sign"
    told = plan(cluster(OLD, writer=writer(before.configuration)), Wanted(LAST)).upkeep
    assert told == replace(before, changes_configuration=False)
    assert not told.changed


def test_a_host_that_was_looked_at_without_kubeadm_is_not_one_without_patches() -> None:
    looked = writer()
    short = replace(looked, sources=replace(looked.sources, hosts={"cp1": looked.sources.hosts["cp1"]}))
    (problem,) = plan(cluster(OLD, writer=short), Wanted(NEW)).problems
    assert "writes the manifest from on cp2 is not known" in problem


def test_hosts_get_a_patch_where_the_configuration_is_not_enough() -> None:
    first = plan(cluster(OLD, writer=writer(version="v1.34.3")), Wanted(NEW)).upkeep
    assert first is not None
    assert first.unpatched == ("cp1", "cp2")
    assert first.report == "kept in kubeadm-config and in /etc/kubernetes/patches"
    written = {PATCH: yaml.safe_dump([*first.patch])}
    again = plan(cluster(OLD, writer=writer(first.configuration, version="v1.34.3", patches=written)), Wanted(NEW))
    assert again.upkeep is not None
    assert (again.upkeep.unpatched, again.upkeep.changed) == ((), False)
    newer = plan(cluster(OLD, writer=writer(patches=written)), Wanted(NEW)).upkeep
    assert newer is not None
    assert newer.outdated == (("cp1", PATCH), ("cp2", PATCH))


def test_for_kubespray_a_patch_does_it_all() -> None:
    by_kubespray = Writer("kubespray", writer().sources, file="/k.yml")
    after = plan(cluster(OLD, writer=by_kubespray), Wanted(NEW)).upkeep
    assert after is not None
    assert (after.configuration, after.changed) == (CONFIGURATION, False)
    assert [operation["value"] for operation in after.patch] == [f"--{ISSUER}={NEW}"]
    assert after.report == "kept by kubespray once it has the variables in /k.yml"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (writer(""), "no ConfigMap kube-system/kubeadm-config"),
        (writer("kind: ClusterConfiguration\n"), "kubeadm config migrate"),
        (writer(configuration=CONFIGURATION), "kubespray writes the manifests of this cluster"),
    ],
)
def test_what_cannot_keep_the_flags(given: Writer, says: str) -> None:
    after = plan(cluster(OLD, writer=given), Wanted(NEW))
    assert says in after.problems[0]
    assert after.upkeep is None


@pytest.mark.parametrize(
    ("seen_now", "towards", "restarted", "checking", "says"),
    [
        (cluster(NEW, OLD), "issuer", [], False, f"{NEW} signs on cp1, cp2, as before"),
        (cluster(NEW, OLD), "issuer", [], True, f"{NEW} signs on cp1, cp2, as before"),
        (cluster(OLD), "issuer", [], True, f"{NEW} would sign on cp1, cp2; restarts: 4"),
        (
            cluster(NEW, OLD),
            "issuer",
            [3.5, 9.5],
            False,
            f"{NEW} signs on cp1, cp2; restarts: 2; longest time without an answer: 9.5 s",
        ),
        (cluster(OLD), "back", [], False, f"no API server knows {NEW}"),
        (cluster(OLD), "accept", [], True, f"{NEW} would be accepted on cp1, cp2; restarts: 2"),
        (cluster(OLD, NEW), "accept", [], False, f"{NEW} is accepted on cp1, cp2, as before"),
    ],
)
def test_what_was_done_in_words(
    seen_now: Seen, towards: Towards, restarted: list[float], says: str, *, checking: bool
) -> None:
    wanted = Wanted(NEW, towards)
    after = plan(seen_now, wanted)
    assert report(after, wanted, seen_now.hosts, restarted=restarted, checking=checking) == says
