# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._flags.arguments import flags_of
from ansible_collections.onprem.irsa.plugins.module_utils._kubeadm import (
    Kept,
    default_issuer,
    extra_args,
    keeps_order,
    kept,
    patched,
)

A, B, C = "https://a.example.com", "https://kubernetes.default.svc.cluster.local", "https://z.example.com"
ISSUER, JWKS_URI = "service-account-issuer", "service-account-jwks-uri"
V1BETA3, V1BETA4 = "kubeadm.k8s.io/v1beta3", "kubeadm.k8s.io/v1beta4"


def configuration(version: str, **arguments: str) -> dict[str, t.Any]:
    given = {name.replace("_", "-"): value for name, value in arguments.items()}
    pairs = [{"name": name, "value": value} for name, value in given.items()]
    return {"apiVersion": version, "kind": "ClusterConfiguration", "apiServer": {"extraArgs": given or {}}} | (
        {"apiServer": {"extraArgs": pairs}} if version == V1BETA4 else {}
    )


def generated(outcome: Kept, version: str) -> dict[str, list[str]]:
    """Return the flags that kubeadm writes: its own ones, replaced by extraArgs, then patched."""
    own = {ISSUER: [default_issuer(outcome.configuration)], "v": ["2"]}
    extra = extra_args(outcome.configuration)
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


def test_a_list_holds_all_in_a_release_that_keeps_their_order() -> None:
    outcome = kept(configuration(V1BETA4, audit_log_path="-"), {ISSUER: [A, B], JWKS_URI: [A + "/jwks"]}, "v1.34.4")
    assert outcome.patch == ()
    assert outcome.configuration["apiServer"]["extraArgs"] == [
        {"name": "audit-log-path", "value": "-"},
        {"name": ISSUER, "value": A},
        {"name": ISSUER, "value": B},
        {"name": JWKS_URI, "value": A + "/jwks"},
    ]


@pytest.mark.parametrize("version", [V1BETA3, V1BETA4])
def test_elsewhere_a_patch_puts_the_issuer_before_the_one_that_kubeadm_writes(version: str) -> None:
    outcome = kept(configuration(version), {ISSUER: [A, B], JWKS_URI: [A + "/jwks"]}, "v1.34.3")
    assert outcome.patch == (
        {"op": "add", "path": "/spec/containers/0/command/1", "value": f"--service-account-issuer={A}"},
    )
    assert extra_args(outcome.configuration) == {JWKS_URI: [A + "/jwks"]}


def test_an_upgrade_of_kubeadm_moves_the_issuers_from_the_patch_to_the_list() -> None:
    flags = {ISSUER: [A, B]}
    old = kept(configuration(V1BETA4), flags, "v1.34.3")
    new = kept(old.configuration, flags, "v1.34.4")
    assert (len(old.patch), new.patch) == (1, ())
    assert generated(new, "v1.34.4")[ISSUER] == [A, B]


def test_what_is_kept_already_is_left_as_it_is() -> None:
    before = configuration(V1BETA4, service_account_issuer=A)
    assert kept(before, {ISSUER: [A], JWKS_URI: []}, "v1.34.4") == Kept(before, ())


def test_without_an_apiserver_section_one_is_made() -> None:
    outcome = kept({"apiVersion": V1BETA4}, {"v": ["4"]}, "v1.34.4")
    assert outcome.configuration == {"apiVersion": V1BETA4, "apiServer": {"extraArgs": [{"name": "v", "value": "4"}]}}


@pytest.mark.parametrize(
    ("before", "version", "message"),
    [
        ({"apiVersion": "kubeadm.k8s.io/v1beta9"}, "v1.34.4", "kubeadm config migrate"),
        ({}, "v1.34.3", "kubeadm config migrate"),
        (configuration(V1BETA4), "latest", "no version of Kubernetes"),
    ],
)
def test_what_is_not_known_is_refused(before: dict[str, t.Any], version: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        kept(before, {ISSUER: [A]}, version)


@given(
    st.sampled_from([V1BETA3, V1BETA4]),
    st.sampled_from(["v1.31.9", "v1.34.3", "v1.34.4", "v1.36.0"]),
    st.permutations([A, B, C]),
    st.integers(1, 3),
    st.sampled_from([{}, {"service_account_issuer": A}, {"service_account_issuer": C}, {"audit_log_path": "-"}]),
)
def test_kubeadm_writes_exactly_these_flags_and_a_second_look_changes_nothing(
    api: str, version: str, issuers: list[str], count: int, before: dict[str, str]
) -> None:
    flags = {ISSUER: issuers[:count], JWKS_URI: [issuers[0] + "/jwks"], "service-account-max-token-expiration": ["48h"]}
    outcome = kept(configuration(api, **before), flags, version)
    written = generated(outcome, version)
    assert {name: written[name] for name in flags} == flags
    assert extra_args(outcome.configuration).get("audit-log-path") == (["-"] if "audit_log_path" in before else None)
    assert kept(outcome.configuration, flags, version) == outcome


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
    assert kept(configuration(V1BETA4), {ISSUER: issuers}, version).avoid == expected


@given(st.permutations([A, B, C]), st.integers(1, 3))
def test_a_release_that_is_not_to_be_passed_over_writes_the_flags_in_their_order(
    issuers: list[str], count: int
) -> None:
    flags = {ISSUER: issuers[:count]}
    outcome = kept(configuration(V1BETA4), flags, "v1.34.4")
    assert (generated(outcome, "v1.35.3")[ISSUER] == flags[ISSUER]) is (outcome.avoid == "")
    assert generated(outcome, "v1.35.4")[ISSUER] == flags[ISSUER]


@given(
    st.permutations([A, B, C]),
    st.integers(1, 3),
    st.sampled_from([{}, {"service_account_issuer": A}, {"service_account_jwks_uri": "https://other.example.com"}]),
)
def test_a_patch_alone_does_it_without_a_change_of_the_configuration(
    issuers: list[str], count: int, before: dict[str, str]
) -> None:
    flags = {ISSUER: issuers[:count], JWKS_URI: [issuers[0] + "/jwks"]}
    outcome = patched(configuration(V1BETA4, **before), flags)
    written = generated(outcome, "v1.34.3")
    assert outcome.configuration == configuration(V1BETA4, **before)
    assert written[ISSUER][0] == issuers[0]
    assert [value for value in written[ISSUER] if value in flags[ISSUER]] == flags[ISSUER]
    assert written[JWKS_URI][-1] == issuers[0] + "/jwks"
