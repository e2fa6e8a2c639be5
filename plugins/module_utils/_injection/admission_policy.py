# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Injection by the API server's own policy. PRIVATE to the collection: it may change without notice.

Sources: pkg/features/kube_features.go and pkg/controlplane/instance.go of Kubernetes: MutatingAdmissionPolicy is alpha
from 1.32 (v1alpha1), beta and off from 1.34 (v1beta1), and on by default from 1.36 (v1).
"""

from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._injection.pod import Account, Settings

GATE: t.Final = "MutatingAdmissionPolicy"
GROUP: t.Final = "admissionregistration.k8s.io"
VERSIONS: t.Final = ("v1", "v1beta1", "v1alpha1")
_ALPHA, _BETA, _STABLE = (1, 32), (1, 34), (1, 36)
_KEY_LIMIT: t.Final = 253  # Kubernetes, "ConfigMaps": a key is a DNS subdomain name
_DATA_LIMIT: t.Final = 1024 * 1024  # bytes

_FLAGS: t.Final = ("feature-gates", "runtime-config")

Flags = t.Mapping[str, t.Sequence[str]]


class Api(t.NamedTuple):
    """The version of the policy's API, whether it is served, and the flags that turn it on where that takes some."""

    version: str
    served: bool
    flags: dict[str, str]


def _flags(version: str) -> dict[str, str]:
    return {"feature-gates": f"{GATE}=true", "runtime-config": f"{GROUP}/{version}=true"}


def api(apis: t.Mapping[str, t.Mapping[str, t.Any]], minor: str) -> Api:
    """Choose the newest version that is served, or the one that a server of the release MINOR (C(1.34)) can serve.

    APIS is what the module k8s_cluster_info returns: kinds by group and version. It is what one server serves, so that
    others may lack the flags all the same. Raises InputError for a release that has no such policies.
    """
    release = _release(minor)
    for version in VERSIONS:
        if GATE in apis.get(f"{GROUP}/{version}", {}):
            return Api(version, True, {} if release >= _STABLE else _flags(version))
    if release < _ALPHA:
        raise InputError(
            f"irsa_webhook_mode is policy, but Kubernetes {minor} has no {GATE}; it came with 1.32.",
            fix="Upgrade the cluster, or set irsa_webhook_mode: webhook, which takes 1.30, or none.",
        )
    version = "v1" if release >= _STABLE else "v1beta1" if release >= _BETA else "v1alpha1"
    return Api(version, False, _flags(version))


def on_by_default(minor: str) -> dict[str, dict[str, str]]:
    """Return what the API servers of a release serve of the policy's API without a flag, as api() takes it."""
    return {f"{GROUP}/v1": {GATE: "mutatingadmissionpolicies"}} if _release(minor) >= _STABLE else {}


def _release(minor: str) -> tuple[int, int]:
    major, _dot, rest = minor.partition(".")
    return int(major), int(rest)


def _merged(values: t.Sequence[str], wanted: str) -> list[str]:
    """Return the values of a flag that holds C(key=value) pairs, with one more; what contradicts it is taken out."""
    key = wanted.partition("=")[0]
    pairs = [pair for value in values for pair in value.split(",") if pair and pair.partition("=")[0] != key]
    return [",".join([*pairs, wanted])]


def flag_changes(running: Flags, wanted: t.Mapping[str, str]) -> dict[str, list[str]]:
    """Return the flags to set on an API server that has the flags RUNNING so that it has each WANTED pair, too."""
    changes = {}
    for name, pair in wanted.items():
        values = list(running.get(name, ()))
        if pair not in [given for value in values for given in value.split(",")]:
            changes[name] = _merged(values, pair)
    return changes


def kept_flags(running: Flags) -> dict[str, list[str]]:
    """Return those of an API server's flags that turn the policy's API on, each as the one value that it stands for.

    Every version of kubeadm can hold one value of a flag. A flag that the server does not have is left out.
    """
    joined = {name: ",".join(filter(None, running.get(name, ()))) for name in _FLAGS}
    return {name: [value] for name, value in joined.items() if value}


def parameters(
    accounts: t.Mapping[str, Account], settings: Settings, known: t.Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the C(data) of the ConfigMap by which the policy finds roles.

    ACCOUNTS are the service accounts that have a role, by C(namespace/name). What KNOWN, the data before, says of
    others stays. Raises InputError where they do not fit.
    """
    data = {
        "audience": settings.audience,
        "region": settings.region,
        "regional": str(settings.regional_sts).lower(),
        "expiration": str(settings.expiration),
    }
    for name, account in sorted(accounts.items()):
        key = name.replace("/", ".", 1)
        data[key] = account.role_arn
        if account.audience != settings.audience:
            data[f"{key}_audience"] = account.audience
        if account.expiration != settings.expiration:
            data[f"{key}_expiration"] = str(account.expiration)
        if account.regional_sts != settings.regional_sts:
            data[f"{key}_regional"] = str(account.regional_sts).lower()
    there = {key.replace("/", ".", 1) for key in accounts}
    data.update({key: value for key, value in (known or {}).items() if "." in key and _account(key) not in there})
    long = [key for key in data if len(key) > _KEY_LIMIT]
    if long:
        raise InputError(
            f"The service account {long[0]} has a name too long for the key of a ConfigMap ({_KEY_LIMIT} characters).",
            fix="Shorten it, or set irsa_webhook_mode: webhook.",
        )
    size = sum(len(key) + len(value.encode()) for key, value in data.items())
    if size > _DATA_LIMIT:
        raise InputError(
            f"The roles of {len(accounts)} service accounts take {size} bytes; a ConfigMap holds {_DATA_LIMIT}.",
            fix="Set irsa_webhook_mode: webhook.",
        )
    return data


def _account(key: str) -> str:
    return key.partition("_")[0]  # no name has an underscore


def unknown(accounts: t.Iterable[str], data: t.Mapping[str, str]) -> list[str]:
    """Return those service accounts, as C(namespace/name), to which the ConfigMap's DATA gives no role.

    Another role than the annotation's is one of irsa_iam, which stands above it.
    """
    return sorted(name for name in accounts if name.replace("/", ".", 1) not in data)


def known_roles(data: t.Mapping[str, str]) -> list[dict[str, t.Any]]:
    """Return the roles in the ConfigMap's DATA as iam_roles does, as far as the injection of pods needs it."""
    return [
        {
            "arn": value,
            "state": "present",
            "service_accounts": [key.replace(".", "/", 1)],
            "audiences": [data.get(f"{key}_audience", data.get("audience", ""))],
        }
        for key, value in data.items()
        if "." in key and _account(key) == key
    ]


__all__: t.Final = ("Api", "api", "flag_changes", "kept_flags", "known_roles", "on_by_default", "parameters", "unknown")
