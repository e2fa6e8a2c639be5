# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a pod is given so that AWS SDKs find its role. PRIVATE to the collection: it may change without notice.

The rules are those of the Amazon EKS Pod Identity Webhook v0.6.17 (pkg/handler/handler.go, pkg/cache/cache.go), so that
a manifest, a policy and the webhook come to the same pod. The tests compare with what its code answers.
"""

from __future__ import annotations

import posixpath
import re
import typing as t

from ansible.module_utils.parsing.convert_bool import boolean

from ansible_collections.onprem.irsa.plugins.module_utils._documents.issuer import partition
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._flags.expansion import expanded, references
from ansible_collections.onprem.irsa.plugins.module_utils._service_accounts import (
    AUDIENCE_ANNOTATION,
    ROLE_ANNOTATION,
    Manifest,
    has_wildcard,
    is_audience,
)

VOLUME: t.Final = "aws-iam-token"
MOUNT_PATH: t.Final = "/var/run/secrets/eks.amazonaws.com/serviceaccount"
TOKEN_FILE: t.Final = f"{MOUNT_PATH}/token"
EXPIRATION_ANNOTATION: t.Final = "eks.amazonaws.com/token-expiration"
REGIONAL_ANNOTATION: t.Final = "eks.amazonaws.com/sts-regional-endpoints"
SKIP_CONTAINERS_ANNOTATION: t.Final = "eks.amazonaws.com/skip-containers"
SKIP_LABEL: t.Final = "eks.amazonaws.com/skip-pod-identity-webhook"
_PREFIX: t.Final = "eks.amazonaws.com/"
SHORTEST: t.Final = 600
"""Seconds: the API server gives no token for less."""
LONGEST: t.Final = 2**32
"""Seconds: it takes no pod whose token is for more (validateProjectionSources in pkg/apis/core/validation)."""

ROLE_ARN: t.Final = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[\w+=,.@/-]+", re.ASCII)
"""IAM user guide, "IAM identifiers": the ARN of a role, with its path."""

_IDENTITY = {"AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"}
_REGION = {"AWS_REGION", "AWS_DEFAULT_REGION"}
_REGIONAL = "AWS_STS_REGIONAL_ENDPOINTS"

# Go's strconv.ParseInt and ParseBool, by which the webhook reads annotations; what they refuse counts for nothing.
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_BOOLEANS = {
    **dict.fromkeys(("1", "t", "T", "true", "True", "TRUE"), True),
    **dict.fromkeys(("0", "f", "F", "false", "False", "FALSE"), False),
}
# A record of RFC 4180 whose fields are names; the webhook skips no container when the annotation is none.
_FIELD = r'(?:"[^"]*"|[^",]*)'
_RECORD = re.compile(f"{_FIELD}(?:,{_FIELD})*")


class Settings(t.NamedTuple):
    """What holds for every service account that does not say otherwise."""

    audience: str = "sts.amazonaws.com"
    region: str = ""
    """Set in no container when empty."""
    regional_sts: bool = True
    expiration: int = 86400
    """Seconds."""


class Account(t.NamedTuple):
    """What the pods of a service account are given; C(expiration) in seconds."""

    role_arn: str
    audience: str
    regional_sts: bool
    expiration: int


def _seconds(text: str | None, default: int) -> int:
    return max(SHORTEST, int(text)) if text is not None and _INTEGER.fullmatch(text) else default


def checked_settings(audience: object, region: object, regional_sts: object, expiration: object) -> Settings:
    """Return the settings as a template gives them, numbers and booleans also as text, or raise InputError.

    Kubernetes takes a token's expiry as a whole number of seconds, 600 to 2^32: API reference,
    ServiceAccountTokenProjection.
    """
    if not is_audience(audience):
        raise InputError(
            f"audience is {audience!r}, and must be a text without blanks.",
            fix="Give the audience that the identity provider takes; AWS's own is sts.amazonaws.com.",
        )
    if not isinstance(region, str):
        raise InputError(
            f"region is {region!r}, and must be a text.", fix="Give the code of an AWS region, or leave it out."
        )
    if region:
        partition(region)
    seconds = str(expiration)
    if re.fullmatch("[0-9]{1,18}", seconds) is None or not SHORTEST <= int(seconds) <= LONGEST:
        raise InputError(
            f"expiration is {expiration!r}, and must be a whole number of seconds, {SHORTEST} to {LONGEST}.",
            fix="An hour is 3600, a day 86400.",
        )
    try:
        regional = boolean(regional_sts, strict=True)
    except TypeError:
        raise InputError(
            f"regional_sts is {regional_sts!r}, and must be a boolean.", fix="Write true or false."
        ) from None
    return Settings(str(audience), region, regional, int(seconds))


def account(annotations: t.Mapping[str, str], settings: Settings) -> Account | None:
    """Read the annotations of a service account; None when they name no role."""
    role_arn = annotations.get(ROLE_ANNOTATION)
    if not role_arn:
        return None
    return Account(
        role_arn,
        annotations.get(AUDIENCE_ANNOTATION, settings.audience),
        _BOOLEANS.get(annotations.get(REGIONAL_ANNOTATION, ""), settings.regional_sts),
        _seconds(annotations.get(EXPIRATION_ANNOTATION), settings.expiration),
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
        if str(key).startswith(_PREFIX) and not isinstance(value, str):
            raise InputError(
                f"The annotation {key} of {name} is {value!r}, which YAML does not read as text.",
                fix="Put it in quotes.",
            )
    return dict(annotations)


def _names(items: t.Iterable[t.Mapping[str, t.Any]] | None) -> set[str]:
    return {item.get("name", "") for item in items or ()}


def skipped_containers(annotations: t.Mapping[str, str]) -> set[str]:
    """Return the containers that the annotation of a pod leaves out."""
    lines = [line.rstrip("\r") for line in annotations.get(SKIP_CONTAINERS_ANNOTATION, "").split("\n")]
    record = next((line for line in lines if line), "")
    if _RECORD.fullmatch(record) is None:
        return set()
    return {name[1:-1] if name.startswith('"') and len(name) > 1 else name for name in record.split(",")}


def _token_file(spec: t.Mapping[str, t.Any]) -> str:
    selector = spec.get("nodeSelector") or {}
    if "windows" in (selector.get("kubernetes.io/os"), selector.get("beta.kubernetes.io/os")):
        return "C:" + TOKEN_FILE.replace("/", "\\")
    return TOKEN_FILE


def _with_role(container: Manifest, wanted: Account, region: str, token_file: str) -> Manifest:
    """Return the container with what it lacks; what it has itself stays as it is."""
    names = _names(container.get("env"))
    if names & _IDENTITY and names & _REGION and _REGIONAL in names:
        return container
    added = []
    if wanted.regional_sts and _REGIONAL not in names:
        added += [(_REGIONAL, "regional")]
    if region and not names & _REGION:
        added += [("AWS_DEFAULT_REGION", region), ("AWS_REGION", region)]
    if not names & _IDENTITY:
        added += [("AWS_ROLE_ARN", wanted.role_arn), ("AWS_WEB_IDENTITY_TOKEN_FILE", token_file)]
    changed = dict(container)
    if added:
        changed["env"] = [*(container.get("env") or []), *({"name": name, "value": value} for name, value in added)]
    mounts = container.get("volumeMounts") or []
    # A second mount at the same path would be refused by the API server.
    if VOLUME not in _names(mounts) and all(mount.get("mountPath") != MOUNT_PATH for mount in mounts):
        changed["volumeMounts"] = [*mounts, {"name": VOLUME, "readOnly": True, "mountPath": MOUNT_PATH}]
    return changed


def inject(
    spec: t.Mapping[str, t.Any], annotations: t.Mapping[str, str], wanted: Account, region: str = ""
) -> Manifest:
    """Return a pod's spec with the token's volume, and with variables and mount in its containers and init containers.

    ANNOTATIONS are the pod's. Every other field stays as it is; what is injected already is not injected again.
    """
    skipped = skipped_containers(annotations)
    token_file = _token_file(spec)
    injected = dict(spec)
    for kind in ("initContainers", "containers"):
        if spec.get(kind):
            injected[kind] = [
                container if container.get("name") in skipped else _with_role(container, wanted, region, token_file)
                for container in spec[kind]
            ]
    token = {
        "audience": wanted.audience,
        "expirationSeconds": _seconds(annotations.get(EXPIRATION_ANNOTATION), wanted.expiration),
        "path": "token",
    }
    if VOLUME not in _names(spec.get("volumes")):
        volume = {"name": VOLUME, "projected": {"sources": [{"serviceAccountToken": token}]}}
        injected["volumes"] = [volume, *(spec.get("volumes") or [])]
    return injected


def service_account_of(spec: t.Mapping[str, t.Any]) -> str:
    """Return the name of a pod's service account."""
    return str(spec.get("serviceAccountName") or spec.get("serviceAccount") or "default")


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
    problem, fix = _given_problem(wanted, _seconds(annotations.get(EXPIRATION_ANNOTATION), wanted.expiration))
    if problem:
        account_name = service_account_of(pod["spec"])
        raise InputError(f"The service account {account_name} would give {name} {problem}.", fix=fix)
    spec = inject(pod["spec"], annotations, wanted, region)
    for kind in ("initContainers", "containers"):
        for before, after in zip(pod["spec"].get(kind) or (), spec.get(kind) or ()):
            if _names(after.get("env")) & _IDENTITY <= _names(before.get("env")):
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


def _token_in(volume: t.Mapping[str, t.Any]) -> list[t.Mapping[str, t.Any]]:
    """Return the service-account tokens that a volume projects."""
    sources = (volume.get("projected") or {}).get("sources") or []
    return [source["serviceAccountToken"] for source in sources if source.get("serviceAccountToken")]


def _is_tokens(volume: t.Mapping[str, t.Any]) -> bool:
    """Tell whether a volume is the token's, by its name and by what it holds.

    API servers write down what a volume is of: one of which only the name was kept is taken for what its name says.
    """
    return volume.get("name") == VOLUME and (
        all(volume[key] is None for key in volume if key != "name") or bool(_token_in(volume))
    )


def is_injected(pod: Manifest) -> bool:
    """Tell whether a pod has the token's volume, which whatever injects gives to each.

    A volume of the pod's own by that name is none: what injects mounts it, and no token is there.
    """
    return any(map(_is_tokens, pod["spec"].get("volumes") or ()))


def environment(container: Manifest) -> dict[str, str | None]:
    """Return the variables of a container as the kubelet makes them; None for a value that the pod does not say.

    The last one of a name counts, and C($(NAME)) stands for one before it: Kubernetes API, EnvVar.
    """
    values: dict[str, str | None] = {}
    for variable in container.get("env") or ():
        known = {name: value for name, value in values.items() if value is not None}
        value = expanded(str(variable.get("value") or ""), known)
        values[variable.get("name", "")] = None if variable.get("valueFrom") or references(value) else value
    return values


def _unix(path: str) -> str:
    """Return a path in the form in which paths are compared, also one of a Windows container."""
    path = path.replace("\\", "/")
    return posixpath.normpath(path[2:] if path[:2].upper() == "C:" else path).replace("//", "/").rstrip("/")


def _mount_above(container: Manifest, path: str) -> Manifest | None:
    """Return the mount at which a container finds a path: the deepest one above it."""
    mounts = [mount for mount in container.get("volumeMounts") or [] if mount.get("mountPath")]
    above = [mount for mount in mounts if f"{path}/".startswith(f"{_unix(mount['mountPath'])}/")]
    return max(above, key=lambda mount: len(_unix(mount["mountPath"])), default=None)


def token_at(spec: Manifest, container: Manifest, path: str) -> tuple[t.Mapping[str, t.Any] | None, str]:
    """Return the service-account token that a container has at a path, or None and why it has none.

    The kubelet writes a token into the volume where its source's C(path) says, and does not renew a file that is
    mounted by C(subPath): Kubernetes, "Projected Volumes" and "Volumes".
    """
    wanted = _unix(path)
    mount = _mount_above(container, wanted)
    if mount is None:
        return None, f"nothing is mounted at {path}"
    named = [volume for volume in spec.get("volumes") or () if volume.get("name") == mount["name"]]
    volume = next(iter(named), {"name": mount["name"]})
    if mount.get("subPath") or mount.get("subPathExpr"):
        return (
            None,
            f"the volume {volume['name']} is mounted at {mount['mountPath']} by subPath, where no token is renewed",
        )
    kind = next((key for key in volume if key != "name" and volume[key] is not None), "")
    if kind != "projected":
        return (
            None,
            f"the volume {volume['name']} at {mount['mountPath']} is of the kind {kind or 'emptyDir'}, not a token",
        )
    inside = wanted.removeprefix(_unix(mount["mountPath"])).lstrip("/")
    token = next((source for source in _token_in(volume) if _unix(source.get("path") or "") == inside), None)
    return token, "" if token else f"the volume {volume['name']} has no service-account token {inside}"


def _variables_problem(env: t.Mapping[str, str | None]) -> str:
    """Say what is wrong with the variables of a container that has one; what comes from elsewhere may be right."""
    role = env.get("AWS_ROLE_ARN")
    if role and not ROLE_ARN.fullmatch(role):
        return f"has AWS_ROLE_ARN={role}, which is not the ARN of a role"
    missing = [name for name in sorted(_IDENTITY) if name not in env]
    if missing and any(env[name] for name in _IDENTITY - {*missing}):
        return f"has no {missing[0]}, which is not injected where the other variable of the role is there"
    empty = [name for name in sorted(_IDENTITY) if env.get(name) == ""]
    return f"has {empty[0]} without a value" if empty and not missing else ""


def _token_problem(spec: Manifest, container: Manifest, path: str) -> str:
    """Say why a container has no token at the path that its variable names."""
    token, why = token_at(spec, container, path)
    return "" if token or _is_own_file(spec, container, path) else f"has no token: {why}"


def _is_own_file(spec: Manifest, container: Manifest, path: str) -> bool:
    """Tell whether a token may come from elsewhere: from a volume at a place of its own, which a sidecar may write."""
    mount = _mount_above(container, _unix(path))
    if mount is None or _unix(path) == TOKEN_FILE or mount["name"] == VOLUME:
        return False
    return any(
        volume.get("name") == mount["name"] and "projected" not in volume for volume in spec.get("volumes") or ()
    )


def _concerned_containers(pod: Manifest) -> list[Manifest]:
    """Return the containers and init containers that the pod's annotation does not leave out."""
    skipped = skipped_containers((pod["metadata"].get("annotations")) or {})
    containers = [*(pod["spec"].get("initContainers") or []), *(pod["spec"].get("containers") or [])]
    return [container for container in containers if container.get("name") not in skipped]


def _containers_with_role(pod: Manifest) -> list[Manifest]:
    """Return those of them that have a role or a token file, whoever gave it to them."""
    return [container for container in _concerned_containers(pod) if _names(container.get("env")) & _IDENTITY]


def lacks_role(pod: Manifest) -> bool:
    """Tell whether a pod is not injected and a container that is not left out has neither role nor token file.

    What another webhook adds to a pod that is injected, such as a sidecar, has no part in its role.
    """
    if is_injected(pod):
        return False
    return any(not _names(container.get("env")) & _IDENTITY for container in _concerned_containers(pod))


class Lack(t.NamedTuple):
    """Why a pod has no role."""

    reason: str
    """Empty where it was admitted without role and token."""
    is_cured_by_restart: bool


def without_role(pod: Manifest, audiences: t.Container[str] = ()) -> Lack | None:
    """Say why a pod has no role; None where it has one.

    The question is which token stands at the path that AWS_WEB_IDENTITY_TOKEN_FILE names, in each container and init
    container that is not left out. AUDIENCES are those that the token may be for; any where there are none.
    """
    having = _containers_with_role(pod)
    for container in having:
        env = environment(container)
        path = env.get("AWS_WEB_IDENTITY_TOKEN_FILE")
        problem = _variables_problem(env) or (_token_problem(pod["spec"], container, path) if path else "")
        if problem:
            return Lack(f"its container {container.get('name')} {problem}", False)
        token = token_at(pod["spec"], container, path)[0] if path else None
        if token and audiences and token.get("audience") not in audiences:
            audience = token.get("audience") or "of the API server"
            return Lack(f"its container {container.get('name')} has a token for the audience {audience}", True)
    return Lack("", True) if lacks_role(pod) or (_concerned_containers(pod) and not having) else None


def misplaced_role(annotations: t.Mapping[str, str]) -> str:
    """Return the key of an annotation that plainly was to give a role, whatever its spelling; empty for none.

    That is the right key, and one that differs from it in case and punctuation or in what stands before the slash; with
    the ARN of a role as its value also another one of C(eks.amazonaws.com), and one without a slash that ends like it.
    """
    for key, value in annotations.items():
        prefix, slash, name = key.rpartition("/")
        letters = re.sub(r"[^a-z]", "", name.lower())
        is_arn = ROLE_ARN.fullmatch(str(value).strip()) is not None
        is_named = letters == "rolearn" or (not slash and letters.endswith("rolearn"))
        is_ours = f"{prefix.lower()}/" == _PREFIX
        if key == ROLE_ANNOTATION or (is_named and (is_arn or is_ours)) or (is_ours and is_arn):
            return key
    return ""


def other_settings(pod: Manifest, audience: str, region: str) -> str:
    """Say which audience or region of before a pod was given, and not the AUDIENCE and REGION of now; empty for none.

    Containers without the variables are of others, which add them on admission.
    """
    for container in _containers_with_role(pod):
        env = environment(container)
        token = token_at(pod["spec"], container, env.get("AWS_WEB_IDENTITY_TOKEN_FILE") or "")[0] or {}
        if token.get("audience") != audience:
            return f"a token for the audience {token.get('audience')}, not {audience}"
        regions = [env.get(name) or "" for name in sorted(_REGION)]
        found = next((injected for injected in regions if injected != region), region)
        if found != region:
            return f"{f'the region {found}' if found else 'no region'}, not {region or 'none'}"
    return ""


def is_injected_as(pod: Manifest, wanted: Account, region: str) -> bool:
    """Tell whether a pod has what is injected for WANTED and REGION as they are now, and nothing of before."""
    expected = {"AWS_ROLE_ARN": wanted.role_arn, _REGIONAL: "regional" if wanted.regional_sts else ""}
    having = _containers_with_role(pod)
    environments = [environment(container) for container in having]
    same = all({name: env.get(name) or "" for name in expected} == expected for env in environments)
    return bool(having) and same and not other_settings(pod, wanted.audience, region)


__all__: t.Final = (
    "MOUNT_PATH",
    "SKIP_LABEL",
    "VOLUME",
    "Account",
    "Lack",
    "Settings",
    "account",
    "accounts",
    "checked_settings",
    "environment",
    "inject",
    "inject_manifest",
    "is_injected",
    "is_injected_as",
    "lacks_role",
    "left_alone",
    "misplaced_role",
    "other_settings",
    "service_account_of",
    "skipped_containers",
    "token_at",
    "without_role",
)
