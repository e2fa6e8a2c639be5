# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which role a pod has, and why it lacks one. PRIVATE to the collection: it may change without notice."""

from __future__ import annotations

import posixpath
import re
import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._flags.expansion import expanded, references
from ansible_collections.onprem.irsa.plugins.module_utils._injection.pod import (
    ANNOTATION_PREFIX,
    IDENTITY_VARIABLES,
    REGION_VARIABLES,
    REGIONAL_VARIABLE,
    ROLE_ARN,
    TOKEN_FILE,
    VOLUME,
    Account,
    names_of,
    skipped_containers,
)
from ansible_collections.onprem.irsa.plugins.module_utils._service_accounts import ROLE_ANNOTATION, Manifest


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
    missing = [name for name in sorted(IDENTITY_VARIABLES) if name not in env]
    if missing and any(env[name] for name in IDENTITY_VARIABLES - {*missing}):
        return f"has no {missing[0]}, which is not injected where the other variable of the role is there"
    empty = [name for name in sorted(IDENTITY_VARIABLES) if env.get(name) == ""]
    return f"has {empty[0]} without a value" if empty and not missing else ""


def lack_of_token(spec: Manifest, container: Manifest, path: str) -> str:
    """Say why a container has no token at the path that its variable names; empty where it has, or may have."""
    token, why = token_at(spec, container, path)
    return "" if token or _is_own_file(spec, container, path) else why


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
    return [
        container for container in _concerned_containers(pod) if names_of(container.get("env")) & IDENTITY_VARIABLES
    ]


def lacks_role(pod: Manifest) -> bool:
    """Tell whether a pod is not injected and a container that is not left out has neither role nor token file.

    What another webhook adds to a pod that is injected, such as a sidecar, has no part in its role.
    """
    if is_injected(pod):
        return False
    return any(not names_of(container.get("env")) & IDENTITY_VARIABLES for container in _concerned_containers(pod))


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
        why = lack_of_token(pod["spec"], container, path) if path else ""
        problem = _variables_problem(env) or (f"has no token: {why}" if why else "")
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
        is_ours = f"{prefix.lower()}/" == ANNOTATION_PREFIX
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
        regions = [env.get(name) or "" for name in sorted(REGION_VARIABLES)]
        found = next((injected for injected in regions if injected != region), region)
        if found != region:
            return f"{f'the region {found}' if found else 'no region'}, not {region or 'none'}"
    return ""


def is_injected_as(pod: Manifest, wanted: Account, region: str) -> bool:
    """Tell whether a pod has what is injected for WANTED and REGION as they are now, and nothing of before."""
    expected = {"AWS_ROLE_ARN": wanted.role_arn, REGIONAL_VARIABLE: "regional" if wanted.regional_sts else ""}
    having = _containers_with_role(pod)
    environments = [environment(container) for container in having]
    same = all({name: env.get(name) or "" for name in expected} == expected for env in environments)
    return bool(having) and same and not other_settings(pod, wanted.audience, region)


__all__: t.Final = (
    "Lack",
    "environment",
    "is_injected",
    "is_injected_as",
    "lack_of_token",
    "lacks_role",
    "misplaced_role",
    "other_settings",
    "token_at",
    "without_role",
)
