# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a cluster has of the injection of pods. PRIVATE: it may change without notice.

Pure but for the reader that it is given, which asks the API server. Private keys are in the observation, because a key
is compared with its certificate; whoever returns something of it leaves them out.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field, replace

from ansible_collections.onprem.irsa.plugins.module_utils._errors import ApiError
from ansible_collections.onprem.irsa.plugins.module_utils._injection.foreign import ForeignWebhook, foreign
from ansible_collections.onprem.irsa.plugins.module_utils._injection.names import (
    CLUSTER_NAME,
    LABELS,
    NAME,
    POLICY,
    POLICY_PARAMETERS,
    PROBE,
    PROBE_CONFIGURATION,
    SELECTOR,
)
from ansible_collections.onprem.irsa.plugins.module_utils._injection.options import Options, own_priority_class
from ansible_collections.onprem.irsa.plugins.module_utils._injection.parts import (
    ADMISSION,
    KINDS,
    POLICY_KINDS,
    SECRET,
    WEBHOOK,
    Kind,
    is_owned,
)
from ansible_collections.onprem.irsa.plugins.module_utils._injection.workloads import RESTARTABLE_KINDS

if t.TYPE_CHECKING:
    from datetime import datetime

_CONFIG_MAP: t.Final = next(kind for kind in KINDS if kind.name == "ConfigMap")
_SERVICE: t.Final = Kind("v1", "Service", "services")
_DEPLOYMENT: t.Final = Kind("apps/v1", "Deployment", "deployments")
_REQUEST: t.Final = Kind("cert-manager.io/v1", "CertificateRequest", "certificaterequests")

Json = dict[str, t.Any]
Apis = t.Mapping[str, t.Mapping[str, str]]
"""The plural names of the kinds that a cluster serves, by C(apiVersion) and C(kind)."""

_POLICY_VERSIONS: t.Final = tuple(f"{ADMISSION}/{version}" for version in ("v1", "v1beta1", "v1alpha1"))
_RELEASE: t.Final = re.compile(r"v?([0-9]+)\.([0-9]+)")
_RUNNING: t.Final = "status.phase!=Succeeded,status.phase!=Failed"


class Reader(t.Protocol):
    """What asks an API server."""

    def get(self, path: str) -> Json | None:
        """Return the object at a path, None for none."""

    def items(self, path: str, *, labels: str = "", fields: str = "") -> list[Json]:
        """Return the objects of a list, with version and kind; none where their kind is not served."""

    def create(self, path: str, body: Json, *, dry_run: bool = False) -> Json:
        """Create an object."""


@dataclass(frozen=True)
class Running:
    """What runs in a cluster, by which pods without their role are found."""

    service_accounts: t.Sequence[Json] = ()
    namespaces: t.Sequence[Json] = ()
    pods: t.Sequence[Json] = ()
    workloads: t.Sequence[Json] = ()


@dataclass(frozen=True)
class Observation:
    """What one look at a cluster has shown."""

    now: datetime
    minor: str
    """The release, such as C(1.34)."""
    apis: Apis
    rules: Json
    """The C(status) of a SelfSubjectRulesReview."""
    namespace: Json | None
    own_namespaces: t.Sequence[str]
    """All that the role has made."""
    configurations: t.Sequence[Json]
    """Every MutatingWebhookConfiguration."""
    nodes: int = 0
    priority_class_exists: bool = True
    given_secret: Json | None = None
    pull_secret: Json | None = None
    owned: t.Sequence[Json] = ()
    """What is the role's, and all Secrets of its own namespace, in the order of their removal."""
    adopted: t.Sequence[Json] = ()
    """Of others, what is removed when their place is taken: configurations, services and the Deployments behind."""
    requests: t.Sequence[Json] = ()
    """What cert-manager has made of what it was asked for."""
    unreadable: t.Sequence[str] = ()
    """Kinds of which a diagnosis could not see what is there."""
    running: Running = field(default_factory=Running)

    @property
    def is_own_namespace(self) -> bool:
        """Whether the namespace is there and the role has made it."""
        return self.namespace_owner == LABELS["app.kubernetes.io/managed-by"]

    @property
    def namespace_owner(self) -> str | None:
        """The value of the namespace's label for what manages it; None where there is no namespace."""
        if self.namespace is None:
            return None
        return str((self.namespace["metadata"].get("labels") or {}).get("app.kubernetes.io/managed-by") or "")

    @property
    def other_namespaces(self) -> list[str]:
        """The namespaces that the role has made, but for the one that is asked for."""
        name = self.namespace["metadata"]["name"] if self.namespace else ""
        return [namespace for namespace in self.own_namespaces if namespace != name]

    @property
    def foreign(self) -> list[ForeignWebhook]:
        """Webhooks of others that inject pods."""
        return foreign(self.configurations, (CLUSTER_NAME, PROBE_CONFIGURATION))

    @property
    def live_webhooks(self) -> list[Json]:
        """The webhooks of the role's configuration, as API servers call them now."""
        own = [
            configuration for configuration in self.configurations if configuration["metadata"]["name"] == CLUSTER_NAME
        ]
        return [hook for configuration in own for hook in configuration.get("webhooks") or []]

    @property
    def has_policy(self) -> bool:
        """Whether the role's policy is there and bound."""
        return self.stands and bool(self._named("MutatingAdmissionPolicyBinding", POLICY))

    @property
    def stands(self) -> bool:
        """Whether the policy is there, bound or not."""
        return bool(self._named("MutatingAdmissionPolicy", POLICY))

    @property
    def deployment(self) -> Json:
        """The webhook's Deployment; empty for none."""
        return self._named("Deployment", NAME)

    @property
    def issued(self) -> Json:
        """The Certificate for which cert-manager makes what pods serve; empty for none."""
        return self._named("Certificate", NAME)

    @property
    def asked(self) -> list[Json]:
        """What cert-manager was asked for, and what it has made of it."""
        own = [part for part in self.owned if part["kind"] in ("Issuer", "Certificate")]
        return [*own, *self.requests]

    @property
    def parameters(self) -> dict[str, str]:
        """The data of the policy's ConfigMap."""
        return data_of(self._named("ConfigMap", POLICY_PARAMETERS))

    @property
    def secrets(self) -> dict[str, Json]:
        """The Secrets of the role's own namespace, by their names."""
        return {part["metadata"]["name"]: part for part in self.owned if part["kind"] == SECRET.name}

    @property
    def has_probe(self) -> bool:
        """Whether the service account of the pods that are tried is there."""
        return bool(self._named("ServiceAccount", PROBE))

    def _named(self, kind: str, name: str) -> Json:
        return next((part for part in self.owned if (part["kind"], part["metadata"]["name"]) == (kind, name)), {})


def data_of(secret: Json | None) -> dict[str, str]:
    """Return the data of a Secret; empty for none."""
    return dict((secret or {}).get("data") or {})


def begin(read: Reader, options: Options, now: datetime) -> Observation:
    """Look at what everybody may see: version, kinds, the user's own rights, namespaces and webhooks."""
    version = (read.get("/version") or {}).get("gitVersion") or ""
    release = _RELEASE.match(str(version))
    namespaces = read.items("/api/v1/namespaces", labels=SELECTOR)
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": options.namespace},
    }
    answer = read.create("/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", review)
    return Observation(
        now=now,
        minor=f"{release[1]}.{release[2]}" if release else "0.0",
        apis=served(read),
        rules=answer.get("status") or {},
        namespace=read.get(f"/api/v1/namespaces/{options.namespace}"),
        own_namespaces=[namespace["metadata"]["name"] for namespace in namespaces],
        configurations=read.items(WEBHOOK.path()),
    )


def served(read: Reader) -> Apis:
    """Return which kinds of the injection's API versions a cluster serves."""
    groups = (read.get("/apis") or {}).get("groups") or []
    there = {version["groupVersion"] for group in groups for version in group.get("versions") or []} | {"v1"}
    wanted = dict.fromkeys([*(kind.version for kind in KINDS), *_POLICY_VERSIONS, *_OTHER_VERSIONS])
    found: dict[str, dict[str, str]] = {}
    for version in wanted:
        if version in there:
            root = f"/api/{version}" if "/" not in version else f"/apis/{version}"
            resources = (read.get(root) or {}).get("resources") or []
            found[version] = {
                resource["kind"]: resource["name"] for resource in resources if "/" not in resource["name"]
            }
    return found


_OTHER_VERSIONS: t.Final = ("discovery.k8s.io/v1", "scheduling.k8s.io/v1")


def policy_version(apis: Apis) -> str:
    """Return the newest C(apiVersion) in which a cluster serves the policy; empty where it serves none."""
    return next((version for version in _POLICY_VERSIONS if POLICY_KINDS[1] in apis.get(version, {})), "")


def complete(read: Reader, options: Options, seen: Observation, *, all_of_it: bool = True) -> Observation:
    """Look at all else that the mode is about, but what runs; raises what the reader raises.

    Not ALL_OF_IT, as a diagnosis needs it: what may not be read of the role's own objects is named in C(unreadable).
    """
    runs_webhook = options.mode == "webhook" and all_of_it
    found, unreadable = owned(read, seen, options.namespace, all_of_it=all_of_it)
    return replace(
        seen,
        nodes=len(read.items("/api/v1/nodes")) if runs_webhook and options.host_network else 0,
        priority_class_exists=not runs_webhook or _has_priority_class(read, options),
        given_secret=_secret(read, options.tls_secret) if runs_webhook and options.tls == "secret" else None,
        pull_secret=_secret(read, options.pull_secret) if runs_webhook else None,
        owned=found,
        adopted=_adopted(read, seen) if all_of_it and options.adopt and options.injects else (),
        requests=_requests(read, seen, options) if runs_webhook and options.tls == "cert-manager" else (),
        unreadable=unreadable,
    )


def _adopted(read: Reader, seen: Observation) -> list[Json]:
    """Return the configurations of others' webhooks, the service that each calls, and the Deployments behind that."""
    names = [webhook.name for webhook in seen.foreign]
    found = [configuration for configuration in seen.configurations if configuration["metadata"]["name"] in names]
    for webhook in seen.foreign:
        service = read.get(f"{_SERVICE.path(webhook.namespace)}/{webhook.service}") if webhook.service else None
        if service is None:
            continue
        deployments = read.items(_DEPLOYMENT.path(webhook.namespace))
        selector = (service.get("spec") or {}).get("selector") or {}
        behind = [each for each in deployments if selector and selector.items() <= _labels_of_pods(each).items()]
        found += [service, *behind]
    return found


def _labels_of_pods(deployment: Json) -> dict[str, str]:
    return dict((deployment["spec"]["template"].get("metadata") or {}).get("labels") or {})


def _requests(read: Reader, seen: Observation, options: Options) -> list[Json]:
    return read.items(_REQUEST.path(options.namespace)) if seen.is_own_namespace else []


def look_at_running(read: Reader, seen: Observation, *, workloads: bool) -> Observation:
    """Look at pods, their accounts and namespaces, and with WORKLOADS at what makes them."""
    kinds = [Kind("apps/v1", kind, f"{kind.lower()}s") for kind in RESTARTABLE_KINDS] if workloads else []
    running = Running(
        service_accounts=read.items("/api/v1/serviceaccounts"),
        namespaces=read.items("/api/v1/namespaces"),
        pods=read.items("/api/v1/pods", fields=_RUNNING),
        workloads=[workload for kind in kinds for workload in read.items(kind.path())],
    )
    return replace(seen, running=running)


def owned(read: Reader, seen: Observation, namespace: str, *, all_of_it: bool) -> tuple[list[Json], list[str]]:
    """Return what is the role's, with all Secrets of its own namespace, in the order of their removal.

    Beside it, where not ALL_OF_IT is needed, the kinds that cannot be read.
    """
    found = [
        configuration
        for configuration in seen.configurations
        if configuration["metadata"]["name"] in (CLUSTER_NAME, PROBE_CONFIGURATION)
    ]
    unreadable = []
    kinds = list(own_kinds(seen, namespaced=seen.is_own_namespace))
    if not all_of_it and seen.namespace is not None and _CONFIG_MAP not in kinds:
        kinds.append(_CONFIG_MAP)  # the policy reads its own by name, also in a namespace that has lost its label
    for kind in kinds:
        if kind == WEBHOOK:
            continue  # all of them are known
        # Of which every cluster has many of others, and the role one.
        fields = f"metadata.name={CLUSTER_NAME}" if kind.name in ("ClusterRole", "ClusterRoleBinding") else ""
        try:
            there = read.items(kind.path(namespace if kind.namespaced else ""), fields=fields)
            found += [manifest for manifest in there if kind.name == SECRET.name or is_owned(manifest)]
        except ApiError:
            if all_of_it:
                raise
            unreadable.append(kind.name)
    return found, unreadable


def own_kinds(seen: Observation, *, namespaced: bool) -> t.Iterator[Kind]:
    """Say which kinds the cluster serves of those that the role makes, in the order of their removal.

    Those of a namespace only where the role has made one (NAMESPACED).
    """
    policies = policy_version(seen.apis)
    for kind in KINDS:
        served = replace(kind, version=policies) if kind.name in POLICY_KINDS else kind
        if served.name in seen.apis.get(served.version, {}) and (not served.namespaced or namespaced):
            yield served


def _has_priority_class(read: Reader, options: Options) -> bool:
    name = own_priority_class(options)
    return not name or read.get(f"/apis/scheduling.k8s.io/v1/priorityclasses/{name}") is not None


def _secret(read: Reader, name: str) -> Json | None:
    """Return a Secret by C(namespace/name); None for an empty name."""
    namespace, _slash, own = name.partition("/")
    return read.get(f"{SECRET.path(namespace)}/{own}") if own else None


__all__: t.Final = (
    "Apis",
    "Observation",
    "Reader",
    "Running",
    "begin",
    "complete",
    "data_of",
    "look_at_running",
    "own_kinds",
    "owned",
    "policy_version",
    "served",
)
