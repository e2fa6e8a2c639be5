# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._api_server.observation import described
from ansible_collections.onprem.irsa.plugins.module_utils._api_server.service import SERVICES
from ansible_collections.onprem.irsa.plugins.module_utils._rotation.observed import OWN_WAYS, Looked, problems, state
from ansible_collections.onprem.irsa.plugins.module_utils._rotation.state import Config, Publication, RelyingParty
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._api_server.test_observation import observed
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._flags.test_static_pod_flags import OLD

Json = dict[str, t.Any]
NOW = 5000.0
KEY, PUB = "/etc/kubernetes/pki/sa.key", "/etc/kubernetes/pki/sa.pub"
MANIFEST = """
kind: Pod
metadata: {name: kube-controller-manager}
spec:
  containers:
  - name: kube-controller-manager
    command: [kube-controller-manager, --service-account-private-key-file=/etc/kubernetes/pki/sa.key]
"""


def server(**changes: object) -> Json:
    return described(observed(**{"started": 900.0, "clock": NOW + 10.0, **changes}), now=NOW)


def controller(**changes: object) -> Json:
    flags = {"service-account-private-key-file": [KEY]}
    manifests = {"/etc/kubernetes/manifests/kube-controller-manager.yaml": MANIFEST}
    own: Json = {
        "component": "kube-controller-manager",
        "manifest": "/etc/kubernetes/manifests/kube-controller-manager.yaml",
        "manifests": manifests,
        "running_flags": flags,
        "public_keys": [],
        "loaded_kids": None,
        "started": 950.0,
        "clock": NOW + 10.0,
    }
    return described(observed(**{**own, **changes}), now=NOW)


def key(kid: str, made: float = 0.0, kind: str = "RSA 2048") -> Json:
    return {"kid": kid, "kind": kind, "pem": f"pem of {kid}", "made": made}


CUT_OFF: Json = {"unconfirmed": True, "pid": None, "started": None, "signing_key": None, "running_flags": {}}

FILES: Json = {
    "private": {"own": key("one", 100.0), "next": key("two", 200.0, "EC P-256")},
    "public": [key("one")],
    "accepted_since": 110.0,
    "signing_since": 120.0,
}


def looked(**changes: t.Any) -> Looked:  # noqa: ANN401 -- those of Looked
    given: Json = {
        "servers": {"cp1": server()},
        "controllers": {"cp1": controller()},
        "files": {"cp1": FILES},
        "now": NOW,
        "first_seen": 4900.0,
    }
    return Looked(**{**given, **changes})


def test_a_controller_manager_of_a_unit_is_no_problem() -> None:
    unit = {"distribution": "unknown", "manifests": {}, "unit": "kube-controller-manager.service"}
    of_unit = looked(controllers={"cp1": controller(**unit)})
    assert problems(of_unit) == []
    assert state(of_unit).servers[0].secrets_signer == "one"
    assert problems(looked(controllers={"cp1": controller(**{**unit, "unit": ""})})) != []


def test_a_settled_host() -> None:
    assert problems(looked()) == []
    found = state(looked())
    (cp1,) = found.servers
    assert cp1.written == cp1.running == Config(("one",), "one", (OLD,))
    assert (cp1.since, cp1.secrets_since, cp1.secrets_signer) == (890.0, 940.0, "one")  # its clock is 10 s ahead
    assert (cp1.next_kid, cp1.previous_kid) == ("two", "")
    assert (found.kinds, found.made) == ({"one": "RSA", "two": "EC"}, {"one": 100.0, "two": 200.0})
    assert (found.accepted_since, found.settled_since, found.signing_since) == (100.0, 100.0, 110.0)


@pytest.mark.parametrize(
    ("changes", "running"),
    [
        ({"stale_key_files": [KEY]}, Config(("one",), "", (OLD,))),
        ({"stale_key_files": [PUB], "loaded_kids": None}, Config((), "one", (OLD,))),
        ({"loaded_kids": None}, Config(("one",), "one", (OLD,))),
        ({"kids": ["one", "two"], "loaded_kids": ["one"]}, Config(("one",), "one", (OLD,))),
    ],
)
def test_what_a_process_has_read(changes: Json, running: Config) -> None:
    (cp1,) = state(looked(servers={"cp1": server(**changes)})).servers
    assert cp1.running == running


@pytest.mark.parametrize(
    ("changes", "signer"), [({}, "one"), ({"stale_key_files": [KEY]}, ""), ({"signing_key": None}, "one")]
)
def test_what_signs_the_tokens_of_secrets(changes: Json, signer: str) -> None:
    (cp1,) = state(looked(controllers={"cp1": controller(**changes)})).servers
    assert cp1.secrets_signer == signer


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"servers": {"cp1": server(ready=False)}}, "kube-apiserver is not ready"),
        ({"controllers": {"cp1": controller(ready=False)}}, "kube-controller-manager is not ready"),
        (
            {"controllers": {"cp1": controller(signing_key={"file": "/other.key", "kid": "one"})}},
            "signs the tokens of Secrets with /other.key",
        ),
        (
            {"servers": {"cp1": server(public_keys=[{"file": PUB, "pem": ""}, {"file": "/b.pub", "pem": ""}])}},
            "several key files",
        ),
        ({"servers": {"cp1": server(public_keys=[{"file": KEY, "pem": ""}])}}, "is both the private key file"),
        ({"servers": {"cp1": server(loaded_kids=["one", "lost"])}}, "accepts tokens by lost, which it read"),
        ({"servers": {"cp1": server(public_keys=[], kids=[])}}, "kube-apiserver does not name both files"),
        ({"servers": {"cp1": server(signing_key=None)}}, "kube-apiserver does not name both files"),
        ({"servers": {"cp1": server(**CUT_OFF)}}, "a run was cut off while kube-apiserver restarted"),
        ({"controllers": {"cp1": controller(**CUT_OFF)}}, "a run was cut off while kube-controller-manager restarted"),
    ],
)
def test_hosts_that_are_not_as_they_must_be(changes: Json, says: str) -> None:
    (problem,) = problems(looked(**changes))
    assert says in problem


@pytest.mark.parametrize("name", [name for name in SERVICES if name != "systemd"])
def test_distributions_that_run_their_controller_manager_themselves(name: str) -> None:
    others = {"cp1": {**server(), "distribution": name}, "cp2": server()}
    (problem,) = problems(looked(servers=others, controllers={"cp1": controller(), "cp2": controller()}))
    assert problem.startswith(f"cp1: keys of {name} are not rotated here")
    assert OWN_WAYS[name] in problem


def test_keys_that_differ_are_no_problem_while_they_change() -> None:
    servers = {"cp1": server(), "cp2": server(kids=["one", "two"], loaded_kids=["one"])}
    controllers = {"cp1": controller(), "cp2": controller()}
    assert problems(looked(servers=servers, controllers=controllers, files={"cp1": FILES, "cp2": FILES})) == []


def test_what_is_published() -> None:
    served = {"served": True, "kids": ["one"], "max_age": 300.0, "unchanged_for": 60.0}
    assert state(looked(published={OLD: served})).publications == (Publication(OLD, ("one",), 4940.0, 300.0),)


def test_what_api_servers_publish_themselves() -> None:
    servers = {"cp1": server(loaded_kids=["one", "two"]), "cp2": server(loaded_kids=["two", "three"])}
    controllers = {"cp1": controller(), "cp2": controller()}
    found = state(
        looked(servers=servers, controllers=controllers, files={"cp1": FILES, "cp2": FILES}, by_api_servers=OLD)
    )
    assert found.publications == (Publication(OLD, ("two",), by_api_servers=True),)


def test_an_api_server_that_is_on_none_of_the_hosts() -> None:
    own = {"advertise-address": ["192.0.2.1"]}
    servers = {"cp1": server(running_flags={**server()["running_flags"], **own})}
    slices = [{"endpoints": [{"addresses": ["192.0.2.1"]}, {"addresses": ["192.0.2.4"]}]}]
    assert state(looked(servers=servers, use={"slices": slices})).unlisted == ("192.0.2.4",)
    assert state(looked(servers=servers)).unlisted == ()


def test_a_key_is_as_old_as_its_oldest_file() -> None:
    servers = {"cp1": server(), "cp2": server()}
    controllers = {"cp1": controller(), "cp2": controller()}
    joined = {**FILES, "private": {"own": key("one", 4000.0)}}
    found = state(looked(servers=servers, controllers=controllers, files={"cp1": FILES, "cp2": joined}))
    assert found.made["one"] == 100.0


def test_relying_parties() -> None:
    parties = [
        {"name": "aws"},
        {"name": "pool", "kids": ["one"], "rs256_only": True},
        {"name": "unseen", "manual": True},
    ]
    assert state(looked(relying_parties=parties)).relying_parties == (
        RelyingParty("aws"),
        RelyingParty("pool", ("one",), rs256_only=True),
        RelyingParty("unseen", ()),
    )
