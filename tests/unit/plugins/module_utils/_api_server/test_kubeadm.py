# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.onprem.irsa.plugins.module_utils._api_server.cluster_configuration import (
    ClusterConfiguration,
    parse,
)
from ansible_collections.onprem.irsa.plugins.module_utils._api_server.kubeadm import Kept, keeps_order, kept, patched
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._flags.arguments import flags_of

A, B, C = "https://a.example.com", "https://kubernetes.default.svc.cluster.local", "https://z.example.com"
ISSUER, JWKS_URI = "service-account-issuer", "service-account-jwks-uri"
V1BETA3, V1BETA4, V1 = "kubeadm.k8s.io/v1beta3", "kubeadm.k8s.io/v1beta4", "kubeadm.k8s.io/v1"


def configuration(version: str, **arguments: str) -> ClusterConfiguration:
    given = {name.replace("_", "-"): value for name, value in arguments.items()}
    as_list = version != V1BETA3
    lines = [f"- {{name: {name}, value: {value}}}" if as_list else f"{name}: {value}" for name, value in given.items()]
    entries = "".join(f"\n    {line}" for line in lines)
    return parse(f"apiVersion: {version}\nkind: ClusterConfiguration\napiServer:\n  extraArgs:{entries}\n")


def generated(outcome: Kept, version: str) -> dict[str, list[str]]:
    """Return the flags that kubeadm writes: its own ones, replaced by extraArgs, then patched."""
    stored = parse(outcome.configuration)
    own = {ISSUER: [stored.default_issuer], "v": ["2"]}
    extra = stored.extra_args
    if not keeps_order(version):
        extra = {name: sorted(values) for name, values in extra.items()}
    flags = {**own, **extra}
    command = ["kube-apiserver", *(f"--{name}={value}" for name in sorted(flags) for value in flags[name])]
    for operation in outcome.patch:
        place = operation["path"].removeprefix("/spec/containers/0/command/")
        command.insert(len(command) if place == "-" else int(place), operation["value"])
    return flags_of(command[1:])


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("v1.30.14", False),
        ("v1.31.9", False),
        ("v1.32.12", False),
        ("v1.32.13", True),
        ("v1.34.3", False),
        ("v1.34.4", True),
        ("v1.35.4", True),
        ("v1.36.0-rc.1", True),
        ("v2.0.0", True),
    ],
)
def test_which_releases_keep_the_order(version: str, expected: bool) -> None:
    assert keeps_order(version) is expected


@pytest.mark.parametrize(("api", "version"), [(V1BETA4, "v1.34.4"), (V1, "v1.37.0")])
def test_a_list_holds_all_in_a_release_that_keeps_their_order(api: str, version: str) -> None:
    outcome = kept(configuration(api, audit_log_path="x"), {ISSUER: [A, B], JWKS_URI: [A + "/jwks"]}, [version])
    assert outcome.patch == ()
    assert outcome.configuration.endswith(
        f"{{name: audit-log-path, value: x}}\n    - name: {ISSUER}\n      value: {A}\n    - name: {ISSUER}\n"
        f"      value: {B}\n    - name: {JWKS_URI}\n      value: {A}/jwks\n"
    )


@pytest.mark.parametrize("version", [V1BETA3, V1BETA4])
def test_elsewhere_a_patch_puts_the_issuer_before_the_one_that_kubeadm_writes(version: str) -> None:
    outcome = kept(configuration(version), {ISSUER: [A, B], JWKS_URI: [A + "/jwks"]}, ["v1.34.3"])
    assert outcome.patch == (
        {"op": "add", "path": "/spec/containers/0/command/1", "value": f"--service-account-issuer={A}"},
    )
    assert parse(outcome.configuration).extra_args == {JWKS_URI: [A + "/jwks"]}


def test_an_upgrade_of_kubeadm_moves_the_issuers_from_the_patch_to_the_list() -> None:
    flags = {ISSUER: [A, B]}
    old = kept(configuration(V1BETA4), flags, ["v1.34.3"])
    new = kept(parse(old.configuration), flags, ["v1.34.4"])
    assert (len(old.patch), new.patch) == (1, ())
    assert generated(new, "v1.34.4")[ISSUER] == [A, B]


def test_what_is_kept_already_is_left_as_it_is() -> None:
    before = configuration(V1BETA4, service_account_issuer=A)
    assert kept(before, {ISSUER: [A], JWKS_URI: []}, ["v1.34.4"]) == Kept(before.text, ())


@pytest.mark.parametrize("version", ["v1.34.4", "v1.34.3"])
@pytest.mark.parametrize(
    ("value", "written"),
    [("a$(NODE)", "a$$(NODE)"), ("$$", "$$$$"), ("$(A)$", "$$(A)$$"), ("US$", "US$"), ("a$b", "a$b")],
)
def test_what_the_kubelet_would_replace_is_escaped_once(value: str, written: str, version: str) -> None:
    flags = {ISSUER: [A, B], "oidc-groups-prefix": [value]}
    for before in (configuration(V1BETA4), configuration(V1BETA4, oidc_groups_prefix=f"'{written}'")):
        outcome = kept(before, flags, [version])
        assert parse(outcome.configuration).extra_args["oidc-groups-prefix"] == [written]
        assert kept(parse(outcome.configuration), flags, [version]) == outcome
    added = patched(configuration(V1BETA4), flags, {"oidc-groups-prefix": [value]}).patch
    assert [item["value"] for item in added if "oidc" in item["value"]] == (
        [f"--oidc-groups-prefix={written}"] if written != value else []
    )
    assert len(patched(configuration(V1BETA4), flags, {"oidc-groups-prefix": [written]}).patch) == 1


@pytest.mark.parametrize(
    ("versions", "needs_patch"),
    [
        (["v1.34.4", "v1.34.3"], True),
        (["v1.34.3", "v1.34.4"], True),
        (["v1.33.13", "v1.34.3"], True),  # the older one of two keeps the order, the newer one does not
        (["v1.34.4", "v1.36.0"], False),
    ],
)
def test_one_release_that_sorts_decides(versions: list[str], needs_patch: bool) -> None:
    assert bool(kept(configuration(V1BETA4), {ISSUER: [A, B]}, versions).patch) is needs_patch


def test_releases_to_pass_over_are_those_of_every_version() -> None:
    outcome = kept(configuration(V1BETA4), {ISSUER: [C, B]}, ["v1.33.13", "v1.34.4"])
    assert outcome.avoid == "1.34.0 to 1.34.3, 1.35.0 to 1.35.3"


@pytest.mark.parametrize(
    ("versions", "message"), [(["latest"], "not a version of Kubernetes"), ([], "tells its version")]
)
def test_an_unknown_release_is_refused(versions: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        kept(configuration(V1BETA4), {ISSUER: [A]}, versions)


@settings(deadline=None)  # the time an example takes says how busy the machine is
@given(
    st.sampled_from([V1BETA3, V1BETA4]),
    st.sampled_from(["v1.31.9", "v1.34.3", "v1.34.4", "v1.36.0"]),
    st.permutations([A, B, C]),
    st.integers(1, 3),
    st.sampled_from([{}, {"service_account_issuer": A}, {"service_account_issuer": C}, {"audit_log_path": "x"}]),
)
def test_kubeadm_writes_exactly_these_flags_and_a_second_look_changes_nothing(
    api: str, version: str, issuers: list[str], count: int, before: dict[str, str]
) -> None:
    flags = {ISSUER: issuers[:count], JWKS_URI: [issuers[0] + "/jwks"], "service-account-max-token-expiration": ["48h"]}
    outcome = kept(configuration(api, **before), flags, [version])
    written = generated(outcome, version)
    assert {name: written[name] for name in flags} == flags
    assert parse(outcome.configuration).extra_args.get("audit-log-path") == (
        ["x"] if "audit_log_path" in before else None
    )
    assert kept(parse(outcome.configuration), flags, [version]) == outcome


@pytest.mark.parametrize(
    ("version", "issuers", "expected"),
    [
        ("v1.32.13", [C, B], "1.33.0 to 1.33.12"),
        ("v1.33.13", [C, B], "1.34.0 to 1.34.3"),
        ("v1.34.4", [C, B], "1.35.0 to 1.35.3"),
        ("v1.34.4", [A, B], ""),  # sorted already
        ("v1.34.4", [C], ""),
        ("v1.35.4", [C, B], ""),
        ("v1.34.3", [C, B], ""),  # the patch keeps them
    ],
)
def test_releases_to_pass_over(version: str, issuers: list[str], expected: str) -> None:
    assert kept(configuration(V1BETA4), {ISSUER: issuers}, [version]).avoid == expected


@settings(deadline=None)  # the time an example takes says how busy the machine is
@given(st.permutations([A, B, C]), st.integers(1, 3))
def test_a_release_that_is_not_to_be_passed_over_writes_the_flags_in_their_order(
    issuers: list[str], count: int
) -> None:
    flags = {ISSUER: issuers[:count]}
    outcome = kept(configuration(V1BETA4), flags, ["v1.34.4"])
    assert (generated(outcome, "v1.35.3")[ISSUER] == flags[ISSUER]) is (outcome.avoid == "")
    assert generated(outcome, "v1.35.4")[ISSUER] == flags[ISSUER]


@settings(deadline=None)  # the time an example takes says how busy the machine is
@given(
    st.permutations([A, B, C]),
    st.integers(1, 3),
    st.sampled_from([None, {}, {ISSUER: [A]}, {JWKS_URI: ["https://other.example.com"]}, {"v": ["4"]}]),
    st.sampled_from(
        [{}, {"service_account_issuer": A}, {"service_account_issuer": C}, {"service_account_jwks_uri": C}]
    ),
)
def test_for_kubespray_the_patch_is_planned_on_what_it_writes_whatever_the_cluster_holds(
    issuers: list[str], count: int, written: dict[str, list[str]] | None, stored: dict[str, str]
) -> None:
    flags = {ISSUER: issuers[:count], JWKS_URI: [issuers[0] + "/jwks"]}
    outcome = patched(configuration(V1BETA4, **stored), flags, written)
    theirs = configuration(V1BETA4, **{name.replace("-", "_"): values[0] for name, values in (written or {}).items()})
    made = generated(Kept(theirs.text, outcome.patch), "v1.34.3")
    assert made[ISSUER][0] == issuers[0]
    assert [value for value in made[ISSUER] if value in flags[ISSUER]] == flags[ISSUER]
    assert made[JWKS_URI][-1] == issuers[0] + "/jwks"
    # Until kubespray writes it again, a join takes the configuration in the cluster, with the same patch.
    assert generated(outcome, "v1.34.3")[ISSUER] == made[ISSUER]


@pytest.mark.parametrize("directly", [True, False])
def test_kubespray_after_kubeadm_is_told_the_same_as_at_once(directly: bool) -> None:
    flags = {ISSUER: [A, B], JWKS_URI: [A + "/jwks"]}
    before = configuration(V1BETA4, audit_log_path="x")
    stored = before if directly else parse(kept(before, flags, ["v1.34.4"]).configuration)
    outcome = patched(stored, flags)
    assert [operation["value"] for operation in outcome.patch] == [f"--{ISSUER}={A}", f"--{JWKS_URI}={A}/jwks"]
    assert outcome.configuration == before.text


def test_what_kubespray_sets_itself_and_nobody_should_set_is_refused() -> None:
    with pytest.raises(InputError, match=r"kubespray writes --v=4.*kube_kubeadm_apiserver_extra_args"):
        patched(configuration(V1BETA4), {ISSUER: [A], "v": []}, {"v": ["4"]})
