# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of API servers, webhooks and pods, beside those of C(chain_faults), in a chain that no kubelet runs."""

from __future__ import annotations

import contextlib
import json
import typing as t

from cryptography.hazmat.primitives.asymmetric import rsa

from ansible_collections.onprem.irsa.tests.faults.chain_faults import FAULTS as COMMON
from ansible_collections.onprem.irsa.tests.faults.chain_faults import Fault, fault
from ansible_collections.onprem.irsa.tests.unit.plugins.some_keys import private_pem

from .live_chain import HOOKS, JWKS_FLAG, Chain
from .some_servers import OLD
from .test_any_cluster import NEW

Json = dict[str, t.Any]
FAULTS: t.Final[list[tuple[str, Fault[t.Any]]]] = [*COMMON]


# --- API servers


@contextlib.contextmanager
def _restarted(chain: Chain, number: int, issuers: t.Sequence[str], *further: str) -> t.Iterator[None]:
    chain.cluster.restart(number, issuers, *further)
    try:
        yield
    finally:
        chain.cluster.restart(number, [NEW, OLD], JWKS_FLAG)


@fault("flags.not-signing", FAULTS)
def a_server_signs_with_the_old_issuer(chain: Chain) -> t.Iterator[None]:
    with _restarted(chain, 1, [OLD, NEW], JWKS_FLAG):
        yield


@fault("flags.differ", FAULTS)
def a_server_has_lost_the_old_issuer(chain: Chain) -> t.Iterator[None]:
    with _restarted(chain, 1, [NEW], JWKS_FLAG):
        yield


@fault("flags.short-tokens", FAULTS)
def tokens_are_shortened(chain: Chain) -> t.Iterator[None]:
    with _restarted(chain, 1, [NEW, OLD], JWKS_FLAG, "--service-account-max-token-expiration=1h"):
        yield


@fault("keys.differ", FAULTS)
def a_server_has_a_key_more(chain: Chain) -> t.Iterator[None]:
    path = chain.directory / "cluster/other.key"
    path.write_text(private_pem(rsa.generate_private_key(65537, 2048)))
    with _restarted(chain, 1, [NEW, OLD], JWKS_FLAG, f"--service-account-key-file={path}"):
        yield


# --- injection


@fault("injection.nothing", FAULTS)
def webhook_is_removed(chain: Chain) -> t.Iterator[None]:
    chain.remove_webhook("pod-identity-webhook")
    yield
    chain.install_webhook("pod-identity-webhook")


@fault("injection.twice", FAULTS)
def webhook_is_installed_again(chain: Chain) -> t.Iterator[None]:
    chain.install_webhook("another")
    yield
    chain.remove_webhook("another")


@fault("injection.service-missing", FAULTS)
def service_of_the_webhook_is_removed(chain: Chain) -> t.Iterator[None]:
    chain.cluster.ask(0, "DELETE", "/api/v1/namespaces/default/services/pod-identity-webhook")
    yield
    with contextlib.suppress(OSError):
        chain.remove_webhook("pod-identity-webhook")
    slices = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/pod-identity-webhook"
    chain.cluster.ask(0, "DELETE", slices)
    chain.install_webhook("pod-identity-webhook")


def _hook(chain: Chain, change: t.Callable[[Json], object]) -> t.Iterator[None]:
    path = f"{HOOKS}/pod-identity-webhook"
    found = chain.cluster.ask(0, "GET", path)
    before = json.dumps(found["webhooks"])
    change(found["webhooks"][0])
    chain.cluster.ask(0, "PUT", path, found)
    yield
    now = chain.cluster.ask(0, "GET", path)
    chain.cluster.ask(0, "PUT", path, {**now, "webhooks": json.loads(before)})


@fault("injection.no-bundle", FAULTS)
def bundle_is_never_filled_in(chain: Chain) -> t.Iterator[None]:
    return _hook(chain, lambda hook: hook["clientConfig"].pop("caBundle"))


@fault("injection.fails-closed", FAULTS)
def webhook_fails_closed(chain: Chain) -> t.Iterator[None]:
    return _hook(chain, lambda hook: hook.update(failurePolicy="Fail"))


@fault("injection.namespace-left-out", FAULTS)
def namespace_is_not_chosen(chain: Chain) -> t.Iterator[None]:
    return _hook(chain, lambda hook: hook.update(namespaceSelector={"matchLabels": {"example.com/injected": "yes"}}))


# --- pods


def _pod(chain: Chain, spec: Json) -> t.Iterator[None]:
    chain.make_pod("other", spec)
    yield
    chain.delete_pod("other")


@fault("pods.missed", FAULTS)
def pod_from_before_the_annotation(chain: Chain) -> t.Iterator[None]:
    return _pod(chain, {"serviceAccountName": "reports", "containers": [{"name": "main", "image": "app:1"}]})


@fault("pods.volume-taken", FAULTS)
def pod_with_a_volume_of_that_name(chain: Chain) -> t.Iterator[None]:
    spec: Json = {"serviceAccountName": "reports", "containers": [{"name": "main", "image": "app:1"}]}
    return _pod(chain, {**spec, "volumes": [{"name": "aws-iam-token", "emptyDir": {}}]})


__all__ = ["FAULTS", "Fault"]
