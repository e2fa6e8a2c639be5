# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import copy
import re
import typing as t
from contextlib import nullcontext

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._kube.kubeconfig import (
    NAME,
    at_server,
    current_context,
    login_of,
    public_texts,
    refuse_loopback,
    secret_texts,
    source_of,
)

KUBECONFIG: dict[str, t.Any] = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "prod",
    "preferences": {},
    "contexts": [
        {"name": "prod", "context": {"cluster": "kubernetes", "user": "admin", "namespace": "apps"}},
        {"name": "other", "context": {"cluster": "other", "user": "other"}},
    ],
    "clusters": [
        {"name": "other", "cluster": {"server": "https://other"}},
        {"name": "kubernetes", "cluster": {"server": "https://192.0.2.1:6443", "certificate-authority": "pki/ca.crt"}},
    ],
    "users": [
        {"name": "admin", "user": {"client-certificate": "/etc/admin.crt", "client-key": "admin.key"}},
        {"name": "other", "user": {"token": "of another cluster"}},
    ],
}


def test_current_context_alone() -> None:
    before = copy.deepcopy(KUBECONFIG)
    assert current_context(KUBECONFIG, "/home/me") == {
        "current-context": NAME,
        "contexts": [{"name": NAME, "context": {"cluster": NAME, "user": NAME}}],
        "clusters": [
            {
                "name": NAME,
                "cluster": {"server": "https://192.0.2.1:6443", "certificate-authority": "/home/me/pki/ca.crt"},
            },
        ],
        "users": [
            {"name": NAME, "user": {"client-certificate": "/etc/admin.crt", "client-key": "/home/me/admin.key"}},
        ],
    }
    assert before == KUBECONFIG


def test_embedded_data_is_kept() -> None:
    user = {"client-certificate-data": "QUJD", "client-key-data": "REVG"}
    got = current_context({**KUBECONFIG, "users": [{"name": "admin", "user": user}]})
    assert got["users"][0]["user"] == user
    assert got["clusters"][0]["cluster"]["certificate-authority"] == "pki/ca.crt"


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("./bin/login", "/home/me/./bin/login"),
        ("bin/login", "/home/me/bin/login"),
        ("aws", "aws"),
        ("/bin/x", "/bin/x"),
    ],
)
def test_a_program_that_gives_credentials_is_where_the_kubeconfig_says(command: str, expected: str) -> None:
    user = {"exec": {"command": command, "args": ["./a"], "apiVersion": "client.authentication.k8s.io/v1"}}
    kubeconfig = {**KUBECONFIG, "users": [{"name": "admin", "user": user}]}
    assert current_context(kubeconfig, "/home/me")["users"][0]["user"]["exec"] == {**user["exec"], "command": expected}
    assert current_context(kubeconfig)["users"][0]["user"] == user


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"clusters": []}, "not a kubeconfig"),
        ({"current-context": ""}, "names no current-context. It has prod, other."),
        ({"current-context": "prd"}, "has the current-context prd, which is none of its contexts. It has prod, other."),
        ({"current-context": "prd"}, "Did you mean prod?"),
        ({"contexts": None}, "which is none of its contexts. It has no contexts."),
        ({"contexts": ["prod"]}, "The kubeconfig: contexts is not a list of mappings with a name"),
        ({"users": None}, "(context prod) has no user named 'admin': it has none."),
        ({"clusters": [{"name": "other", "cluster": {}}]}, "has no cluster named 'kubernetes': it has other."),
        ({"contexts": [{"name": "prod", "context": {"user": "admin"}}]}, "(context prod) names no cluster."),
        ({"contexts": [{"name": "prod", "context": "admin"}]}, "has no context named 'prod'"),
    ],
)
def test_refusals_name_what_is_missing(change: dict[str, t.Any], words: str) -> None:
    with pytest.raises(InputError, match=re.escape(words)):
        current_context({**KUBECONFIG, **change})


@pytest.mark.parametrize("value", [None, "", "text", [], {}])
def test_not_a_kubeconfig(value: object) -> None:
    with pytest.raises(InputError, match="not a kubeconfig"):
        current_context(value)


def test_where_it_was_found_is_kept_for_messages() -> None:
    found = current_context(KUBECONFIG, where="~/.kube/config on the controller")
    assert source_of(found) == "the kubeconfig ~/.kube/config on the controller (context prod)"
    assert source_of(at_server(found, "https://x")) == source_of(found)
    assert (source_of("/a/file"), source_of(current_context(KUBECONFIG)), source_of(None)) == (
        "the kubeconfig /a/file", "", ""
    )  # fmt: skip


def test_the_login_command() -> None:
    user = {"exec": {"command": "aws", "apiVersion": "client.authentication.k8s.io/v1"}}
    found = current_context({**KUBECONFIG, "users": [{"name": "admin", "user": user}]})
    assert (login_of(found), login_of(current_context(KUBECONFIG)), login_of("/a/file")) == ("aws", "", "")


def test_secrets_are_told_from_other_texts() -> None:
    arguments = ["get-token", "--cluster", "prod", "--client-secret=s1", "--password", "s2", "--region", "eu"]
    program = {"command": "aws", "args": arguments, "env": [{"name": "AWS_PROFILE", "value": "s3"}]}
    user = {"exec": program, "token": "s4", "client-key-data": "s5", "client-key": "/me.key", "password": "s6"}
    found = current_context({**KUBECONFIG, "users": [{"name": "admin", "user": user}]}, where="./config")
    shown = public_texts(found) - secret_texts(found)
    assert shown == {
        "aws", "get-token", "--cluster", "prod", "--region", "eu", "/me.key", "https://192.0.2.1:6443",
        "pki/ca.crt", "the kubeconfig ./config (context prod)",
    }  # fmt: skip
    assert secret_texts(found) == {"AWS_PROFILE", "s3", "s4", "s5", "s6"}
    found["clusters"][0]["cluster"]["proxy-url"] = "http://me:s7@proxy"
    assert "http://me:s7@proxy" in secret_texts(found)
    assert public_texts("/a/file") == public_texts({}) == secret_texts(None) == set()


def test_another_server() -> None:
    given = current_context(KUBECONFIG)
    there = at_server(given, "https://[fd00::1]:6443")
    cluster = {**given["clusters"][0]["cluster"], "server": "https://[fd00::1]:6443"}
    assert there == {**given, "clusters": [{"name": NAME, "cluster": cluster}]}
    assert given == current_context(KUBECONFIG)


@pytest.mark.parametrize(
    ("server", "is_refused"),
    [
        ("https://127.0.0.1:6443", True),
        ("https://localhost:6443", True),
        ("https://[::1]:6443", True),
        ("https://localhost.example.com:6443", False),
        ("https://192.0.2.1:6443", False),
    ],
)
def test_a_host_that_names_itself_is_refused(server: str, is_refused: bool) -> None:
    given = at_server(current_context(KUBECONFIG), server)
    says = f"/etc/a on cp1 names the API server {server}, which is that host alone. Name a kubeconfig that works on"
    with pytest.raises(InputError, match=re.escape(says)) if is_refused else nullcontext():
        refuse_loopback(given, "/etc/a on cp1")
