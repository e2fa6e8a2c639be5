# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import re
import typing as t

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.onprem.irsa.plugins.module_utils._api_server.asking import ask
from ansible_collections.onprem.irsa.plugins.module_utils._api_server.by_hand import (
    UNSEEN,
    ByHand,
    both_passes,
    by_hand,
    known_of_servers,
)
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.registry import ROOMS
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError

from .some_answers import BALANCER, NEW, OLD, Client, One, cluster, sign

ISSUER: t.Final = "service-account-issuer"
JWKS_URI: t.Final = "service-account-jwks-uri"
URI: t.Final = f"{NEW}/openid/v1/jwks"


def left(*servers: One, named: list[str] | None = None, **options: t.Any) -> ByHand:  # noqa: ANN401 -- those of by_hand
    found = cluster(*servers)
    asked = ask(Client(found), [*found] if named is None else named, [NEW], sign)
    return by_hand(asked, NEW, **{"jwks_uri": URI, **options})


@pytest.mark.parametrize(
    ("servers", "stage", "says"),
    [
        (
            [One(), One()],
            "accept",
            "Not every API server accepts https://oidc.example.com yet (10.0.0.1:6443, 10.0.0.2",
        ),
        (
            [One([OLD, NEW]), One()],
            "accept",
            "accepts https://oidc.example.com yet (10.0.0.2:6443). Set the flags of th",
        ),
        ([One([NEW, OLD]), One()], "accept", "10.0.0.1:6443 signs with it already, so do this now."),
        ([One([OLD, NEW]), One([OLD, NEW])], "sign", "the first pass is in force. Set the flags of the second pass"),
        ([One([NEW, OLD]), One([OLD, NEW])], "sign", "(10.0.0.2:6443): the first pass is in force."),
        ([One(hides=True), One([OLD, NEW])], "accept", "do not show whether they accept https://oidc.example.com. Set"),
        ([One([NEW, OLD]), One([NEW])], "done", ""),
    ],
)
def test_what_is_left_follows_from_what_they_answer(servers: list[One], stage: str, says: str) -> None:
    either: tuple[list[str] | None, ...] = (None, [])
    for named in either:  # at their own addresses, and behind a load balancer
        found = left(*servers, named=named)
        assert found.stage == stage
        assert (says if named is None else "") in found.says
        assert bool(found.text) is bool(found.says) is (stage != "done")


def test_a_second_pass_without_the_key_set_is_not_complete() -> None:
    own = "https://10.0.0.1:6443/openid/v1/jwks"
    for named in (None, [BALANCER]):
        found = left(One([NEW, OLD], jwks_uri=own), One([NEW, OLD], jwks_uri=URI), named=named)
        assert (found.stage, found.flags) == ("sign", {ISSUER: [NEW, OLD], JWKS_URI: [URI]})
        assert f"does not name the key set {URI}. Set --{JWKS_URI}={URI} there" in found.says
        assert f"    --{JWKS_URI}={URI}" in found.text
        assert f"the flag --{JWKS_URI} is left to set" in found.report
    alone = left(One([NEW], jwks_uri=own), distribution="K3s")
    assert (alone.stage, alone.flags) == ("sign", {ISSUER: [NEW], JWKS_URI: [URI]})
    assert alone.text[0].startswith("Put the flags where K3s keeps those")
    assert "irsa_apiserver_distribution" not in "".join(alone.text)
    assert left(One([NEW, OLD], jwks_uri=URI)).stage == "done"
    assert left(One([NEW, OLD], jwks_uri=own), distribution="Amazon EKS").stage == "done"


def test_the_way_back_ends_without_the_key_set_that_is_removed() -> None:
    found = left(One([OLD, NEW], jwks_uri=URI), towards="back")
    assert (found.stage, found.flags) == ("sign", {ISSUER: [OLD, NEW], JWKS_URI: []})
    assert f"still names the key set {URI}, which is going to be removed. Remove --{JWKS_URI} from" in found.says
    assert left(One([OLD, NEW], jwks_uri="https://10.0.0.1:6443/openid/v1/jwks"), towards="back").stage == "done"


@pytest.mark.parametrize("name", ["", "kubeadm", "k0s", "MicroK8s", "Talos", "systemd"])
def test_who_goes_back_is_not_told_of_a_pass_that_he_has_not_seen(name: str) -> None:
    found = left(One([NEW, OLD]), One([NEW, OLD]), towards="back", distribution=name, version="v1.34.4")
    assert not any("pass" in line.lower().replace("password", "") for line in [found.says, *found.text]), found
    assert any(line.startswith("The way back") for line in found.text)
    assert not any("runs with the first" in line for line in found.text)
    before = left(One([NEW]), One([OLD, NEW]), towards="back", distribution=name, version="v1.34.4")
    starts = [line.partition(" pass")[0] for line in before.text if line.startswith("The way back, ")]
    assert starts == ["The way back, first"]
    assert "to which the way back leads, yet" in before.says


@pytest.mark.parametrize("name", ["OpenShift", "openshift"])
def test_the_operator_of_openshift_sets_the_flags(name: str) -> None:
    found = left(One(), One([OLD, NEW]), distribution=name)
    text = "\n".join(found.text)
    assert (found.stage, found.flags) == ("sign", {ISSUER: [NEW]})
    assert f"""--patch='{{"spec": {{"serviceAccountIssuer": "{NEW}"}}}}'""" in text
    assert not any(word in text for word in ("irsa_apiserver_distribution", "First pass", f"--{ISSUER}"))
    own = One([NEW, OLD], jwks_uri="https://api-int.example.com:6443/openid/v1/jwks")
    assert left(own, distribution=name).stage == "done"
    default = One([NEW, "https://kubernetes.default.svc"])
    assert '"serviceAccountIssuer": ""' in "\n".join(left(default, towards="back", distribution=name).text)
    with pytest.raises(InputError, match="has no place for feature-gates, which irsa_apiserver_extra_flags names"):
        left(One(), distribution=name, flags={"feature-gates": ["A=true"]})


def test_flags_of_each_pass() -> None:
    further = {"feature-gates": ["A=true"]}
    assert left(One(), flags=further).flags == {ISSUER: [OLD, NEW], **further}
    assert left(One([OLD, NEW]), flags=further).flags == {ISSUER: [NEW, OLD], JWKS_URI: [URI], **further}
    assert left(One([NEW])).flags == {}


def test_an_issuer_from_before_is_kept_where_it_is_seen() -> None:
    other = "https://kubernetes.default.svc"
    assert left(One(["https://own.example.com", other])).flags[ISSUER] == ["https://own.example.com", other, NEW]


def test_the_text_leaves_out_a_pass_that_is_in_force() -> None:
    first, second = left(One()).text, left(One([OLD, NEW])).text
    assert [any(line.startswith(f"{name} pass") for line in first) for name in ("First", "Second")] == [True, False]
    assert first[-1].startswith("Then run the same command again.")
    assert [any(line.startswith(f"{name} pass") for line in second) for name in ("First", "Second")] == [False, True]
    assert second.index(f"    --{ISSUER}={NEW}") < second.index(f"    --{ISSUER}={OLD}")
    assert any("irsa_apiserver_distribution" in line and "K3s" in line for line in first)


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.name)
def test_each_distribution_says_it_in_its_own_form(room: t.Any) -> None:  # noqa: ANN401 -- a Room
    version = {"K3s": "v1.34.4+k3s1", "RKE2": "v1.34.4+rke2r1", "k0s": "v1.34.4+k0s"}.get(room.name, "v1.34.4")
    first = left(One(), distribution=room.name, version=version).text
    both = left(One(hides=True), distribution=room.name, version=version).text
    second = left(One([OLD, NEW]), distribution=room.name.upper(), version=version).text
    assert "\n".join(both).count("First pass") == 1
    assert [["First pass" in "\n".join(text), "Second pass" in "\n".join(text)] for text in (first, second)] == [
        [True, False],
        [False, True],
    ]
    assert any(NEW in line for line in second)
    back = left(One([NEW, OLD]), distribution=room.name, version=version, towards="back").text
    assert any(OLD in line for line in back)


@pytest.mark.parametrize("name", ["", *(room.name for room in ROOMS)])
@given(
    gone=st.lists(st.sampled_from(["profiling", "feature-gates", "v", "audit-log-path"]), min_size=1, unique=True),
    back=st.booleans(),
)
@settings(deadline=None, max_examples=10)
def test_each_flag_to_remove_is_named_as_such_in_each_pass(name: str, gone: list[str], *, back: bool) -> None:
    versions = {"Talos": "v1.14.0"}
    options: dict[str, t.Any] = {"distribution": name, "version": versions.get(name, "v1.34.4")}
    flags: dict[str, list[str]] = {} if back else {flag: [] for flag in gone}
    for issuers in ([OLD], [OLD, NEW]) if not back else ([NEW, OLD],):
        text = "\n".join(left(One(issuers), flags=flags, towards="back" if back else "issuer", **options).text)
        removed = " ".join(re.findall(r"Remove [^.]*", text))
        assert all(re.search(rf"(?<![\w-])(--)?{flag}(?![\w-])", removed) for flag in flags or [JWKS_URI]), text


@pytest.mark.parametrize("name", ["", *(room.name for room in ROOMS)])
def test_there_is_a_rule_for_other_issuers_in_each_pass(name: str) -> None:
    for issuers in ([OLD], [OLD, NEW]):
        text = "\n".join(left(One(issuers), distribution=name, version="v1.34.4").text)
        assert text.count("put it behind them") == 1
        assert "Keep every other" not in text


def test_the_place_is_offered_where_the_distribution_is_not_known() -> None:
    assert "irsa_apiserver_distribution" in "\n".join(left(One()).text)
    assert "irsa_apiserver_distribution" not in "\n".join(left(One(), distribution="OpenShift").text)


def test_the_way_back_leads_to_an_issuer_that_they_show() -> None:
    assert left(One([OLD, NEW]), towards="back").stage == "done"
    found = left(One([NEW, OLD]), One([NEW, OLD]), towards="back")
    assert (found.stage, found.flags) == ("sign", {ISSUER: [OLD, NEW], JWKS_URI: []})
    assert f"Remove --{JWKS_URI}." in found.text
    assert left(One([NEW, OLD]), One([OLD, NEW]), towards="back").flags[ISSUER] == [OLD, NEW]
    assert left(One([NEW]), One([OLD, NEW]), towards="back").stage == "accept"
    with pytest.raises(InputError, match="none shows another issuer that it accepts"):
        left(One([NEW]), towards="back")


@pytest.mark.parametrize("name", ["Amazon EKS", "Google GKE", "Azure AKS"])
def test_nobody_sets_flags_for_a_provider(name: str) -> None:
    with pytest.raises(InputError, match=f"This cluster is {name}: the provider runs its API servers"):
        left(One(), distribution=name)
    assert left(One([NEW]), distribution=name).stage == "done"


NOTHING: t.Final = {"distribution": "", "version": ""}


def issuers(*servers: One) -> list[list[str]]:
    found = cluster(*servers)
    return known_of_servers(ask(Client(found), [*found], [NEW], sign), NOTHING, []).issuers


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.name)
def test_files_for_review_are_the_same_before_each_pass_and_after_it(room: t.Any) -> None:  # noqa: ANN401 -- a Room
    of_hosts = [[[OLD], [OLD]], [[OLD, NEW], [OLD]], [[OLD, NEW]] * 2, [[NEW, OLD], [OLD, NEW]], [[NEW, OLD]] * 2]
    of_answers = [issuers(*(One([*known]) for known in seen)) for seen in of_hosts]
    texts = {both_passes(NEW, seen, jwks_uri=URI, distribution=room.name) for seen in [*of_hosts, *of_answers]}
    assert len(texts) == 1
    text = "\n".join(texts.pop())
    assert text.startswith(room.show({ISSUER: [NEW, OLD], JWKS_URI: [URI]}, None).partition("First pass")[0])
    assert ("First pass" in text, "Second pass" in text, OLD in text) == (True, True, True)


def test_files_for_review_say_what_stands_for_an_issuer_that_nobody_has_seen() -> None:
    seen_by_nobody: list[list[list[str]]] = [[], [[]]]
    for seen in seen_by_nobody:
        text = both_passes(NEW, seen, distribution="k3s", jwks_uri=URI)
        assert text[0].startswith(f"{UNSEEN} stands for what `kubectl get --raw /.well-known/openid-configuration`")
        assert any(f"service-account-issuer={UNSEEN}" in line for line in text)
    of_openshift = both_passes(NEW, [], distribution="OpenShift")
    assert not any(UNSEEN in line for line in of_openshift)


def test_files_for_review_of_a_cluster_that_has_one_issuer_alone() -> None:
    (line,) = both_passes(NEW, [[NEW], [NEW]], distribution="kubeadm", jwks_uri=URI)
    assert line == f"Nothing is left to set: every API server signs with {NEW}, and accepts no other issuer."
    text = both_passes(NEW, [[NEW]], distribution="kubeadm", flags={"v": ["2"]})
    assert "    --v=2" in text


def test_files_for_review_leave_out_what_is_retired_once_it_signs_no_more() -> None:
    text = both_passes(NEW, [[NEW, OLD]], retired=[OLD])
    assert f"    --service-account-issuer={NEW}" in text
    assert OLD not in "\n".join(text)
    with pytest.raises(InputError, match="still signs, and is one of the retired issuers"):
        both_passes(NEW, [[NEW, OLD], [OLD, NEW]], retired=[OLD])


def test_no_files_for_review_are_written_for_a_provider() -> None:
    with pytest.raises(InputError, match="the provider runs its API servers"):
        both_passes(NEW, [[OLD]], distribution="Amazon EKS")


@settings(deadline=None)
@given(st.data())
def test_whoever_does_as_told_in_any_order_has_every_token_accepted_at_all_times(data: st.DataObject) -> None:
    servers = [One() for _number in range(data.draw(st.integers(1, 3)))]
    for _run in range(20):
        named = data.draw(st.sampled_from([None, [BALANCER]]))
        found = left(*servers, named=named)
        if found.stage == "done":
            break
        changed = [one for one in servers if one.issuers != found.flags[ISSUER]]
        for one in data.draw(st.permutations(changed))[: data.draw(st.integers(1, 3))]:
            # In a second pass that was begun, those of the first are done already.
            one.issuers = list(found.flags[ISSUER])
            assert all(signer.issuers[0] in other.issuers for signer in servers for other in servers)
    assert {tuple(one.issuers) for one in servers} == {(NEW, OLD)}


def host(distribution: str, *others: str, version: str = "", issuers: t.Sequence[str] = ()) -> dict[str, t.Any]:
    flags = {ISSUER: [*issuers]} if issuers else {}
    return {
        "distribution": distribution,
        "other_distributions": [*others],
        "version": version,
        "running_flags": flags,
    }


@pytest.mark.parametrize(
    ("shown", "hosts", "named", "distribution", "version"),
    [
        ("", [host("kubeadm", version="v1.34.4")], "", "kubeadm", "v1.34.4"),
        ("kubeadm", [host("kubeadm")] * 2, "", "kubeadm", "v1.36.1"),
        ("K3s", [host("RKE2")], "", "", "v1.36.1"),  # not the same everywhere
        ("K3s", [host("RKE2")], "RKE2", "RKE2", "v1.36.1"),
        ("", [host("unknown", "k0s", version="v1.34.1+k0s.0")], "", "k0s", "v1.34.1+k0s.0"),
        ("", [host("unknown", "k0s", "K3s", version="v1.34.1")], "", "", "v1.34.1"),  # not certain
        ("", [], "", "", ""),
    ],
)
def test_what_is_known_is_what_all_show(
    shown: str, hosts: list[dict[str, t.Any]], named: str, distribution: str, version: str
) -> None:
    asked = ask(Client(cluster(One())), [*cluster(One())], [NEW], sign)
    of_servers = {"distribution": shown, "version": "v1.36.1" if shown else ""}
    found = known_of_servers(asked, of_servers, hosts, named=named)
    assert (found.distribution, found.version) == (distribution, version)
    assert found.issuers == [[OLD], *([] for _host in hosts)]
