# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A configuration of kind whose clusters sign with an issuer from the start. PRIVATE: it may change without notice.

Pure. kind writes kubeadm's configuration itself: v1beta3 for Kubernetes before 1.36, and v1beta4 from there on (kind
0.31 and older: always v1beta3). It merges C(kubeadmConfigPatches) into the documents of their own version, and says
nothing of a patch for another one. So there is one for each. Neither holds two issuers: v1beta3 has one value for a
flag, and kind merges the list of v1beta4 by name, so that the last one stays. The default issuer follows by a JSON
patch of the manifest, in a directory that kubeadm reads and that is mounted into the control-plane nodes.

Source: kind 0.31 to 0.33, pkg/cluster/internal/kubeadm/config.go and pkg/internal/patch; of kubeadm's orders, see
_api_server/kubeadm.py. What is not changed keeps its values as they are written: kind reads YAML by Go's rules.
"""

from __future__ import annotations

import json
import re
import typing as t
from dataclasses import dataclass

from ansible_collections.onprem.irsa.plugins.module_utils._documents.discovery import check_jwks_uri
from ansible_collections.onprem.irsa.plugins.module_utils._documents.issuer import check_issuer_url
from ansible_collections.onprem.irsa.plugins.module_utils._documents.paths import JWKS_PATH
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError

try:  # ansible-core brings PyYAML to the controller, where kind mostly runs
    import yaml
except ImportError as error:
    IMPORT_ERROR: ImportError | None = error
else:
    IMPORT_ERROR = None

API_VERSION: t.Final = "kind.x-k8s.io/v1alpha4"
DIRECTORY: t.Final = "/etc/onprem-irsa/patches"
"""Where the nodes have kubeadm's patches."""
PATCH_NAME: t.Final = "kube-apiserver50onprem-irsa+json.yaml"
"""As kubeadm asks: target, suffix, type and extension of a patch (kubeadm, "Customizing with patches")."""

_KUBEADM = ("kubeadm.k8s.io/v1beta3", "kubeadm.k8s.io/v1beta4")
_ISSUER, _JWKS_URI = "service-account-issuer", "service-account-jwks-uri"
_MAP, _LIST, _STRING, _NULL, _MERGE = (f"tag:yaml.org,2002:{name}" for name in ("map", "seq", "str", "null", "merge"))
_DNS_NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?")
_NONE = f"kind: Cluster\napiVersion: {API_VERSION}\n"
_HEAD = "# Written by onprem.irsa.irsa_kind_config.\n"


@dataclass(frozen=True)
class KindConfig:
    """What C(kind create cluster) takes."""

    config: str
    """The configuration, as YAML."""
    patch: str
    """The patch for kubeadm, a file of the host that the configuration mounts."""
    issuers: tuple[str, str]
    """What API servers have in the end: the issuer that signs, and kubeadm's default one, which is accepted."""


def kind_config(own: str, issuer: str, jwks_uri: str, patch_path: str) -> KindConfig:
    """Return a configuration of kind with an issuer.

    own: the user's configuration, as YAML; empty for a cluster of one node.
    issuer: the URL that signs; jwks_uri: where its key set is published, by default below it.
    patch_path: the absolute path that the patch has on the host where kind runs.

    Everything of the user's own stays but comments; given what it has made, it returns the same. Raises InputError for
    what is not kind's configuration, and for patches of the user's that say something else of what is set here.
    """
    check_issuer_url(issuer)
    flags = {_ISSUER: issuer, _JWKS_URI: check_jwks_uri(jwks_uri or issuer + JWKS_PATH)}
    root = _root(own or _NONE)
    nodes = _list(root, "nodes")
    if not nodes:
        nodes.append(_map({"role": _string("control-plane")}))
    owners = [_mapping(node, "nodes") for node in nodes]
    patches = [patch for owner in (root, *owners) for patch in _patches(owner)]
    for patch in patches:
        _check(patch, flags)
    default = f"https://kubernetes.default.svc.{_dns_domain(patches)}"
    _add_patches(root, map(_cluster_patch, _KUBEADM, (flags, flags)))
    for owner in owners:
        role = _member(owner, "role")
        if role is None or role.value == "control-plane":
            _add_patches(owner, _node_patches())
            _add_mount(owner, patch_path)
    return KindConfig(
        _HEAD + yaml.serialize(root, Dumper=yaml.SafeDumper, allow_unicode=True, width=1000),
        f"{_HEAD}- op: add\n  path: /spec/containers/0/command/-\n  value: {json.dumps(f'--{_ISSUER}={default}')}\n",
        (issuer, default),
    )


def _cluster_patch(version: str, flags: t.Mapping[str, str]) -> str:
    """Return the patch of kubeadm's ClusterConfiguration of one version."""
    head = f"apiVersion: {version}\nkind: ClusterConfiguration\napiServer:\n  extraArgs:\n"
    form = "    {}: {}\n" if version.endswith("v1beta3") else "  - name: {}\n    value: {}\n"
    return head + "".join(form.format(name, json.dumps(value)) for name, value in flags.items())


def _node_patches() -> t.Iterator[str]:
    """Return the patches that let kubeadm read the directory: C(init) on the first node, C(join) on the others."""
    for version in _KUBEADM:
        for kind in ("InitConfiguration", "JoinConfiguration"):
            yield f"apiVersion: {version}\nkind: {kind}\npatches:\n  directory: {DIRECTORY}\n"


@dataclass(frozen=True)
class _Patch:
    """A document of C(kubeadmConfigPatches), or one of C(kubeadmConfigPatchesJSON6902)."""

    kind: str
    content: t.Any
    """The document; the text of a JSON patch."""


def _patches(owner: yaml.MappingNode) -> t.Iterator[_Patch]:
    """Return the patches of the cluster or of a node."""
    for item in _items(owner, "kubeadmConfigPatches"):
        try:
            documents = list(yaml.safe_load_all(str(item.value)))
        except (yaml.YAMLError, ValueError) as error:  # PyYAML fails at the 30th of February
            raise InputError(
                f"A patch in kubeadmConfigPatches is not YAML: {' '.join(str(error).split())}",
                fix="Correct it; kind reads each as a text (a block that begins with |).",
            ) from error
        for content in documents:
            if isinstance(content, dict):
                yield _Patch(str(content.get("kind")), content)
    for item in _items(owner, "kubeadmConfigPatchesJSON6902"):
        members = {key.value: value.value for key, value in _mapping(item, "kubeadmConfigPatchesJSON6902").value}
        yield _Patch(str(members.get("kind")), str(members.get("patch")))


def _check(patch: _Patch, flags: t.Mapping[str, str]) -> None:
    """Refuse a patch of the user's that says something else of what is set here."""
    if isinstance(patch.content, str):
        for name in (*flags, "/patches"):
            if name in patch.content and patch.kind in (
                "ClusterConfiguration",
                "InitConfiguration",
                "JoinConfiguration",
            ):
                raise InputError(
                    f"A patch of the {patch.kind} in kubeadmConfigPatchesJSON6902 changes {name.strip('/')}, which is "
                    "set here.",
                    fix="Remove it there: kind applies those patches last.",
                )
    elif patch.kind == "ClusterConfiguration":
        for name, value in _extra_args(patch.content):
            if value != flags.get(name, value):
                raise InputError(
                    f"A patch in kubeadmConfigPatches sets {name} to {value}, and here it is {flags[name]}.",
                    fix="Remove it there, or give that value here.",
                )
    elif patch.kind in ("InitConfiguration", "JoinConfiguration"):
        directory = _at(patch.content, "patches", "directory")
        if directory not in (None, DIRECTORY):
            raise InputError(
                f"A patch in kubeadmConfigPatches sets the patches.directory of kubeadm's {patch.kind} to {directory}, "
                f"and kubeadm reads one directory alone, here {DIRECTORY}.",
                fix=f"Remove it there, and mount your patches into {DIRECTORY} with extraMounts.",
            )


def _extra_args(content: t.Any) -> t.Iterator[tuple[str, str]]:  # noqa: ANN401 -- a document
    """Return the flags that a patch sets, in either form."""
    given = _at(content, "apiServer", "extraArgs")
    if isinstance(given, dict):
        yield from ((str(name), str(value)) for name, value in given.items())
    elif isinstance(given, list):
        yield from ((str(item.get("name")), str(item.get("value"))) for item in given if isinstance(item, dict))


def _dns_domain(patches: t.Iterable[_Patch]) -> str:
    """Return the cluster's domain, of which kubeadm makes its default issuer."""
    given = {
        str(domain)
        for patch in patches
        if patch.kind == "ClusterConfiguration" and (domain := _at(patch.content, "networking", "dnsDomain"))
    }
    if len(given) > 1 or not all(map(_DNS_NAME.fullmatch, given)):
        raise InputError(
            f"Patches in kubeadmConfigPatches set networking.dnsDomain to {' and '.join(sorted(given))}.",
            fix="Give one domain, such as cluster.local, in each of them.",
        )
    return given.pop() if given else "cluster.local"


def _at(content: t.Any, *keys: str) -> t.Any:  # noqa: ANN401 -- a document
    for key in keys:
        content = content.get(key) if isinstance(content, dict) else None
    return content


def _root(text: str) -> yaml.MappingNode:
    """Return the configuration as a parser's nodes, which keep how each value is written."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise InputError(
            f"The configuration of kind is not YAML of one document: {' '.join(str(error).split())}",
            fix="Correct it.",
        ) from error
    root = _mapping(root, "configuration")
    told = {name: getattr(_member(root, name), "value", None) for name in ("kind", "apiVersion")}
    if told != {"kind": "Cluster", "apiVersion": API_VERSION}:
        raise InputError(
            f"It is {told['kind']} of {told['apiVersion']}, and kind's configuration is Cluster of {API_VERSION}.",
            fix="Give the file that you would give to kind create cluster --config.",
        )
    return root


def _mapping(node: yaml.Node | None, where: str) -> yaml.MappingNode:
    if not isinstance(node, yaml.MappingNode):
        raise InputError(f"kind's {where} must be made of keys with values.", fix="See kind's page on configuration.")
    return node


def _member(mapping: yaml.MappingNode, key: str) -> yaml.Node | None:
    """Return a value, also one that a merge key brings."""
    merged: list[yaml.Node] = []
    for name, value in mapping.value:
        if name.value == key:
            return t.cast("yaml.Node", value)
        if name.tag == _MERGE:
            merged += value.value if isinstance(value, yaml.SequenceNode) else [value]
    found = (_member(_mapping(node, "merged values"), key) for node in merged)
    return next((node for node in found if node is not None), None)


def _items(mapping: yaml.MappingNode, key: str) -> list[yaml.Node]:
    """Return the items of a list, none where there is no list."""
    found = _member(mapping, key)
    if found is None or found.tag == _NULL:
        return []
    if not isinstance(found, yaml.SequenceNode):
        raise InputError(f"{key} in kind's configuration must be a list.", fix="See kind's page on configuration.")
    return t.cast("list[yaml.Node]", found.value)


def _list(mapping: yaml.MappingNode, key: str) -> list[yaml.Node]:
    """Return the items of a list, to which one can add; makes the list where there is none."""
    items = _items(mapping, key)
    found = _member(mapping, key)
    if isinstance(found, yaml.SequenceNode):
        found.flow_style = False
        return items
    mapping.value[:] = [(name, value) for name, value in mapping.value if value is not found]
    mapping.value.append((_string(key), yaml.SequenceNode(_LIST, items, flow_style=False)))
    mapping.flow_style = False
    return items


def _add_patches(owner: yaml.MappingNode, texts: t.Iterable[str]) -> None:
    patches = _list(owner, "kubeadmConfigPatches")
    known = [patch.value for patch in patches]
    patches += [yaml.ScalarNode(_STRING, text, style="|") for text in texts if text not in known]


def _add_mount(node: yaml.MappingNode, patch_path: str) -> None:
    mounts = _list(node, "extraMounts")
    inside = f"{DIRECTORY}/{PATCH_NAME}"
    for item in mounts:
        mount = _mapping(item, "extraMounts")
        place = _member(mount, "containerPath")
        if place is not None and str(place.value).rstrip("/") in (DIRECTORY, inside):
            source = getattr(_member(mount, "hostPath"), "value", None)
            if place.value == inside and source == patch_path:
                return
            raise InputError(
                f"{source} is mounted at {place.value}, where the patch of the issuer comes to.",
                fix="Mount single files into that directory, under other names.",
            )
    own = {"hostPath": _string(patch_path), "containerPath": _string(inside), "readOnly": _true()}
    mounts.append(_map(own))


def _map(members: t.Mapping[str, yaml.Node]) -> yaml.MappingNode:
    return yaml.MappingNode(_MAP, [(_string(key), value) for key, value in members.items()], flow_style=False)


def _string(text: str) -> yaml.ScalarNode:
    return yaml.ScalarNode(_STRING, text)


def _true() -> yaml.ScalarNode:
    return yaml.ScalarNode("tag:yaml.org,2002:bool", "true")


__all__: t.Final = ("API_VERSION", "DIRECTORY", "IMPORT_ERROR", "PATCH_NAME", "KindConfig", "kind_config")
