# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Manifests: the roles of their service accounts, and their pods with them. PRIVATE: it may change without notice."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._injection.pod import (
    ANNOTATION_PREFIX,
    EXPIRATION_ANNOTATION,
    IDENTITY_VARIABLES,
    LONGEST,
    ROLE_ARN,
    SHORTEST,
    SKIP_LABEL,
    TOKEN_FILE,
    VOLUME,
    Account,
    Settings,
    account,
    inject,
    names_of,
    service_account_of,
    token_seconds,
)
from ansible_collections.onprem.irsa.plugins.module_utils._injection.pod_role import token_at
from ansible_collections.onprem.irsa.plugins.module_utils._service_accounts import (
    AUDIENCE_ANNOTATION,
    ROLE_ANNOTATION,
    Manifest,
    has_wildcard,
    is_audience,
)


def accounts(
    manifests: t.Iterable[Manifest],
    roles: t.Iterable[t.Mapping[str, t.Any]],
    settings: Settings,
    namespace: str = "default",
) -> dict[str, Account]:
    """Return what the service accounts get, by C(namespace/name).

    MANIFESTS are those of a cluster or of a file; only its service accounts count, also those in a C(List), and one
    without a namespace is in NAMESPACE. ROLES are results of the module iam_roles; a role that is present stands above
    the annotation. Raises InputError for an annotation that is no text, and for ROLES that are no such results.
    """
    made = _made(roles)
    found = {}
    for manifest in _listed(manifests):
        if manifest.get("kind") == "ServiceAccount":
            metadata = manifest.get("metadata") or {}
            entry = account(_annotations(manifest, _named(manifest, namespace)), settings)
            if entry is not None:
                found[f"{metadata.get('namespace') or namespace}/{metadata.get('name')}"] = entry
    for role in made:
        for key in role["service_accounts"]:
            if role["state"] == "present" and not has_wildcard(key):
                allowed = role["audiences"]
                audience = settings.audience if settings.audience in allowed else allowed[0]
                before = found.get(key, Account("", audience, settings.regional_sts, settings.expiration))
                kept = before.audience if before.audience in allowed else audience
                found[key] = before._replace(role_arn=role["arn"], audience=kept)
    return found


def _is_texts(value: object) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(text, str) for text in value)


def _made(roles: t.Any) -> list[t.Mapping[str, t.Any]]:  # noqa: ANN401 -- whatever a template passes
    """Return the roles, or raise InputError where they are no results of the module iam_roles."""
    fix = "Give the roles that onprem.irsa.iam_roles returned: made.roles, where its result is registered as made."
    if isinstance(roles, (str, t.Mapping)) or not isinstance(roles, t.Iterable):
        raise InputError(f"roles is {roles!r}, and must be a list of results of onprem.irsa.iam_roles.", fix=fix)
    given = list(roles)
    for role in given:
        if not isinstance(role, t.Mapping):
            raise InputError(f"roles has {role!r}, which is no result of onprem.irsa.iam_roles.", fix=fix)
        good = {
            "arn": isinstance(role.get("arn"), str),
            "state": role.get("state") in ("present", "absent"),
            "service_accounts": _is_texts(role.get("service_accounts")),
            "audiences": _is_texts(role.get("audiences")) and len(role["audiences"]) > 0,
        }
        wrong = [f"{key} {role[key]!r}" if key in role else f"no {key}" for key in good if not good[key]]
        if wrong:
            name = repr(role.get("name", dict(role)))
            raise InputError(
                f"roles has {name}, which is no result of onprem.irsa.iam_roles: it has {', '.join(wrong)}.", fix=fix
            )
    return given


def _listed(manifests: t.Iterable[Manifest]) -> t.Iterator[Manifest]:
    """Return manifests with the items of a C(List) in its place; those of a C(PodList), say, may have no kind."""
    for manifest in manifests:
        if _is_list(manifest):
            kind = manifest["kind"].removesuffix("List")
            yield from _listed({**({"kind": kind} if kind else {}), **item} for item in manifest["items"] if item)
        else:
            yield manifest


def _is_list(manifest: t.Mapping[str, t.Any]) -> bool:
    return str(manifest.get("kind", "")).endswith("List") and isinstance(manifest.get("items"), list)


def _annotations(manifest: Manifest, name: str) -> dict[str, str]:
    """Return the annotations of what NAME names; raise InputError for one of ours that no API server would take."""
    annotations = (manifest.get("metadata") or {}).get("annotations") or {}
    for key, value in annotations.items():
        if str(key).startswith(ANNOTATION_PREFIX) and not isinstance(value, str):
            raise InputError(
                f"The annotation {key} of {name} is {value!r}, which YAML does not read as text.",
                fix="Put it in quotes.",
            )
    return dict(annotations)


def _is_pod(value: t.Mapping[str, t.Any]) -> bool:
    """Tell whether a mapping is a pod or the template of one: by its kind, or by its shape where it has none."""
    spec = value.get("spec")
    if value.get("kind", "Pod") != "Pod" or not isinstance(spec, t.Mapping):
        return False
    containers = spec.get("containers")
    return (
        isinstance(containers, list)
        and bool(containers)
        and all(isinstance(container, t.Mapping) for container in containers)
    )


def _with_pods(value: t.Any, namespace: str, change: t.Callable[[Manifest, str], Manifest]) -> t.Any:  # noqa: ANN401 -- any part of a manifest
    """Return a part of a manifest with each pod in it changed, however deep; CHANGE takes its namespace, too.

    Kinds of other APIs have their templates at other places than those of Kubernetes do.
    """
    if isinstance(value, list):
        return [_with_pods(part, namespace, change) for part in value]
    if not isinstance(value, t.Mapping):
        return value
    if "kind" in value:
        metadata = value.get("metadata")
        namespace = (metadata.get("namespace") if isinstance(metadata, t.Mapping) else None) or namespace
    if _is_pod(value):
        return change(t.cast("Manifest", value), namespace)
    return {
        key: part if key in ("metadata", "status") else _with_pods(part, namespace, change)
        for key, part in value.items()
    }


def _named(manifest: Manifest, namespace: str) -> str:
    metadata = manifest.get("metadata") or {}
    name = metadata.get("name") or metadata.get("generateName") or ""
    return f"{manifest.get('kind', 'pod')} {metadata.get('namespace') or namespace}/{name}"


def _given_problem(wanted: Account, seconds: int) -> tuple[str, str]:
    """Say what no pod can use of what its service account would give it, and the fix; empty texts when it can."""
    if ROLE_ARN.fullmatch(wanted.role_arn) is None:
        return (
            f"the role {wanted.role_arn!r}, which is not the ARN of a role",
            f"Write the whole ARN in {ROLE_ANNOTATION}, as in arn:aws:iam::123456789012:role/prod-reports.",
        )
    if not is_audience(wanted.audience):
        return (
            f"a token for the audience {wanted.audience!r}, which must be a text without blanks",
            f"Correct {AUDIENCE_ANNOTATION}, or leave it out; AWS's own is sts.amazonaws.com.",
        )
    if seconds > LONGEST:
        return (
            f"a token for {seconds} seconds, and Kubernetes takes {SHORTEST} to {LONGEST}",
            f"Correct {EXPIRATION_ANNOTATION}, or leave it out.",
        )
    return "", ""


def _injected_pod(pod: Manifest, wanted: Account, region: str, name: str) -> Manifest:
    """Return a pod with its role; raise InputError where a container would be given what it cannot use.

    That is a role or a token that cannot exist, and a token file where none is.
    """
    annotations = _annotations(pod, name)
    problem, fix = _given_problem(wanted, token_seconds(annotations.get(EXPIRATION_ANNOTATION), wanted.expiration))
    if problem:
        account_name = service_account_of(pod["spec"])
        raise InputError(f"The service account {account_name} would give {name} {problem}.", fix=fix)
    spec = inject(pod["spec"], annotations, wanted, region)
    for kind in ("initContainers", "containers"):
        for before, after in zip(pod["spec"].get(kind) or (), spec.get(kind) or ()):
            if names_of(after.get("env")) & IDENTITY_VARIABLES <= names_of(before.get("env")):
                continue
            token, why = token_at(spec, after, TOKEN_FILE)
            if token is not None and token.get("audience") != wanted.audience:
                why = f"the volume {VOLUME} has a token for the audience {token.get('audience')}, not {wanted.audience}"
            if why:
                raise InputError(
                    f"The container {after.get('name')} of {name} cannot be given its token at {TOKEN_FILE}: {why}.",
                    fix=f"Give its own volume another name than {VOLUME}, and mount nothing of its own there.",
                )
    return {**pod, "spec": spec}


def inject_manifest(
    manifest: Manifest, known: t.Mapping[str, Account], region: str = "", namespace: str = "default"
) -> Manifest:
    """Return a manifest whose pods are injected; one that has no pods, or no role, is returned as it is.

    KNOWN are the service accounts that have a role, by C(namespace/name); a manifest without a namespace is in
    NAMESPACE. Pods are found by their shape, wherever a manifest has their template, and in the items of a C(List).
    Raises InputError for a pod whose own volumes and mounts leave no place for the token, for a role, an audience and
    an expiry that no pod can use, and for an annotation that is no text.
    """

    def change(pod: Manifest, own_namespace: str) -> Manifest:
        wanted = known.get(f"{own_namespace}/{service_account_of(pod['spec'])}")
        if wanted is None or SKIP_LABEL in ((pod.get("metadata") or {}).get("labels") or {}):
            return pod
        return _injected_pod(pod, wanted, region, _named(manifest, namespace))

    if _is_list(manifest):
        items = [item and inject_manifest(item, known, region, namespace) for item in manifest["items"]]
        return {**manifest, "items": items}
    own_namespace = (manifest.get("metadata") or {}).get("namespace") or namespace
    return t.cast("Manifest", _with_pods(manifest, own_namespace, change))


_ACCOUNT_FIELD: t.Final = re.compile(r"serviceAccount|\w*[sS]erviceAccountName")


def _accounts_in(value: t.Any) -> t.Iterator[str]:  # noqa: ANN401 -- any part of a manifest
    """Return the service accounts that a part of a manifest names outside of the templates of pods."""
    if isinstance(value, list):
        for part in value:
            yield from _accounts_in(part)
    elif isinstance(value, t.Mapping) and not _is_pod(value):
        for key, part in value.items():
            name = part.get("name") if isinstance(part, t.Mapping) else part
            if _ACCOUNT_FIELD.fullmatch(str(key)) and isinstance(name, str):
                yield name
            elif key not in ("metadata", "status"):
                yield from _accounts_in(part)


def left_alone(
    manifests: t.Iterable[Manifest], known: t.Container[str], namespace: str = "default"
) -> list[tuple[str, str]]:
    """Return the manifests that name a service account with a role but hold no template of a pod with it.

    Each as its kind and name, and the service account as C(namespace/name).
    """
    found = []
    for manifest in _listed(manifests):
        own_namespace = (manifest.get("metadata") or {}).get("namespace") or namespace
        keys = {f"{own_namespace}/{name}" for name in _accounts_in(manifest)}
        found += [(_named(manifest, namespace), key) for key in sorted(keys) if key in known]
    return found


__all__: t.Final = (
    "accounts",
    "inject_manifest",
    "left_alone",
)
