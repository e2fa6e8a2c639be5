# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What will write the manifests of the API servers at the next upgrade. PRIVATE to the collection.

Pure, and for the controller alone. Flags are kept by planning against what writes them: kubeadm with the configuration
in the cluster, or kubespray with its own; and nothing else on a host may give the same flags.
"""

from __future__ import annotations

import re
import typing as t
from contextlib import suppress
from dataclasses import dataclass
from pathlib import PurePosixPath

from ansible_collections.onprem.irsa.plugins.module_utils._api_server.cluster_configuration import parse
from ansible_collections.onprem.irsa.plugins.module_utils._api_server.kubeadm import kept, patched
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._flags.arguments import word

with suppress(ImportError):  # ansible-core brings PyYAML to the controller, where alone this file is used
    import yaml

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._api_server.kubeadm import Kept, Operation
    from ansible_collections.onprem.irsa.plugins.module_utils._flags.arguments import Flags

Found = t.Mapping[str, t.Any]
"""What C(control_plane_info) returns of kubeadm on one host."""

Keeper = t.Literal["kubeadm", "kubespray"]

# kubespray's, and nobody else's default (kubespray, kube_cert_dir).
_KUBESPRAY_CERTIFICATES = "/etc/kubernetes/ssl"
# As kubespray names the patches that it writes (kubespray, roles/kubernetes/kubeadm_common/tasks/main.yml).
_KUBESPRAY_PATCH = re.compile(r"kube-apiserver[0-9]+\+(strategic|json|merge)\.yaml")

# One of the arguments by its number, in a JSON patch.
_COUNTED = re.compile(r"/spec/containers/[0-9]+/(?:command|args)/[0-9]+")

# Given twice, these are one map (k8s.io/component-base, MapStringBool, ConfigurationMap); of others one value counts.
_MERGED = ("feature-gates", "runtime-config")


@dataclass(frozen=True)
class Sources:
    """What the manifests are written from."""

    configuration: str
    """The ClusterConfiguration in the cluster, as text."""
    hosts: t.Mapping[str, Found]
    patch_file: str
    """Where the patch of this collection belongs, on every host."""
    extra_args: t.Mapping[str, object] | None = None
    """kubespray's C(kube_kubeadm_apiserver_extra_args); None where it is not known."""

    @property
    def patches_directory(self) -> str:
        """The directory in which the patch of this collection belongs."""
        return str(PurePosixPath(self.patch_file).parent)

    @property
    def kubespray_extra_args(self) -> Flags | None:
        """The C(extraArgs) of the API server that kubespray will write; None where nothing is known of them."""
        told = [found["configuration"] for found in self.hosts.values() if found["configuration"]]
        if not told and self.extra_args is None:
            return None
        written = parse(told[0]).extra_args if told else {}
        return {**written, **{name: [word(value)] for name, value in (self.extra_args or {}).items()}}

    @property
    def kubespray_marks(self) -> list[str]:
        """What shows that kubespray writes the manifests."""
        marks = [
            f"{host} has a /etc/kubernetes/kubeadm-config.yaml"
            for host, found in self.hosts.items()
            if found["configuration"] is not None
        ]
        directory = parse(self.configuration).certificates_dir
        if directory.rstrip("/") == _KUBESPRAY_CERTIFICATES:
            marks.insert(0, f"the certificatesDir is {directory}")
        return marks


def keeping(sources: Sources, flags: Flags, versions: t.Iterable[str | None], keeper: Keeper) -> Kept:
    """Return what makes the keeper give the API servers these flags.

    versions: of the API servers; those of kubeadm on the hosts are added.
    """
    configuration = parse(sources.configuration)
    if keeper == "kubespray":
        return patched(configuration, flags, sources.kubespray_extra_args)
    told = [*versions, *(found["version"] for found in sources.hosts.values())]
    return kept(configuration, flags, [version for version in dict.fromkeys(told) if version])


def outdated(sources: Sources, *, keeps_patch: bool) -> list[tuple[str, str]]:
    """Return host and path of each patch of this collection that should be removed, in whichever directory it is.

    keeps_patch: whether the patch is still needed where it belongs.
    """
    name = PurePosixPath(sources.patch_file).name
    own = [
        (host, path)
        for host, found in sources.hosts.items()
        for path in found["patches"]
        if PurePosixPath(path).name == name
    ]
    return [(host, path) for host, path in own if not (keeps_patch and path == sources.patch_file)]


def unpatched(sources: Sources, patch: t.Sequence[Operation]) -> list[str]:
    """Return the hosts on which the patch of this collection does not stand where it belongs, as it should be."""
    return [
        host
        for host, found in sources.hosts.items()
        if _operations(found["patches"].get(sources.patch_file, "")) != [*patch]
    ]


def problems(
    sources: Sources, flags: Flags, versions: t.Iterable[str | None], keeper: Keeper, *, told: str = ""
) -> list[str]:
    """Return why the flags would not be kept as planned: one sentence and its fix for each problem.

    told: the text of the file with variables for kubespray as it is now; empty where there is none.
    """
    try:
        plan = keeping(sources, flags, versions, keeper)
        marks = sources.kubespray_marks
    except InputError as error:
        return [str(error)]
    found: list[str] = []
    if keeper == "kubeadm" and marks:
        found.append(
            f"kubespray writes the manifests of this cluster ({'; '.join(marks)}), and kubeadm's configuration with "
            "them, from its own variables, so that flags that are stored there are lost at its next run. Set "
            "irsa_apiserver_kept_by to kubespray, or to none and keep them yourself; move a kubeadm-config.yaml that "
            "is not kubespray's elsewhere."
        )
    if keeper == "kubespray" and told and not _is_ours(told):
        found.append(
            "The file for kubespray's variables has something else in it, which would be lost. Name a file of its own "
            "in irsa_apiserver_kubespray_file."
        )
    names = [name for name in flags if name not in _MERGED]
    for host, seen in sources.hosts.items():
        found += _foreign_patches(host, seen, sources, names, spare=keeper == "kubespray" and told != "")
        if keeper == "kubeadm" and plan.patch:
            found += _unread(host, seen, sources.patches_directory)
        adds_patch = plan.patch and sources.patch_file not in seen["patches"]
        if keeper == "kubeadm" and (adds_patch or plan.configuration != sources.configuration):
            found += _counting(host, seen)
    return found


def _counting(host: str, seen: Found) -> t.Iterator[str]:
    """Yield which patches would meet other arguments than now, since flags that come or go move those behind them."""
    for path, text in seen["patches"].items():
        counted = [operation for operation in _operations(text) if _COUNTED.fullmatch(str(operation.get("path")))]
        if any(operation.get("op") != "add" for operation in counted):
            yield (
                f"{host}: {path} changes arguments of kube-apiserver by their numbers, and flags that are kept move "
                "them, so that it would meet others at the next upgrade. Say in apiServer.extraArgs of kubeadm's "
                "configuration what it does, and remove it; or set irsa_apiserver_kept_by to none and keep the flags "
                "yourself."
            )


def _operations(patch: str) -> list[dict[str, t.Any]]:
    """Return the operations of a JSON patch; none of another patch."""
    with suppress(yaml.YAMLError, ValueError):
        documents = [document for document in yaml.safe_load_all(patch) if isinstance(document, list)]
        return [operation for document in documents for operation in document if isinstance(operation, dict)]
    return []


def _unread(host: str, seen: Found, directory: str) -> t.Iterator[str]:
    """Yield why kubeadm would not read a patch in a directory."""
    if seen["obstacle"]:
        yield (
            f"{host}: {seen['obstacle']}, and kubeadm needs a patch there. Name another directory in "
            "irsa_apiserver_patches_directory."
        )
    named = seen.get("named_directories", [])
    if named and directory not in named:
        yield (
            f"{host}: kubeadm's configuration in /etc/kubernetes names {' and '.join(named)} for patches, and kubeadm "
            f"would not read the one in {directory}, with which it keeps the flags. Set "
            f"irsa_apiserver_patches_directory to {named[0]}."
        )


def _is_ours(text: str) -> bool:
    """Return whether a file holds what is written for kubespray, and nothing else: no comment either."""
    with suppress(yaml.YAMLError, AttributeError, KeyError, TypeError, ValueError):
        document = yaml.safe_load(text)
        entries = document["kubeadm_patches"]
        form = [{"target": "kube-apiserver", "type": "json", "patch": entry["patch"]} for entry in entries]
        return "#" not in text and len(document) == 1 and len(entries) <= 1 and entries == form
    return False


def _foreign_patches(host: str, seen: Found, sources: Sources, names: list[str], *, spare: bool) -> t.Iterator[str]:
    """Yield what is wrong with patches that give the same flags; spare: one of kubespray's is from our variables."""
    own = PurePosixPath(sources.patch_file).name
    named = {path: _flags_in(text, names) for path, text in seen["patches"].items()}
    foreign = [path for path, flags in named.items() if flags and PurePosixPath(path).name != own]
    by_kubespray = [path for path in foreign if _KUBESPRAY_PATCH.fullmatch(PurePosixPath(path).name)]
    if spare and len(by_kubespray) == 1:
        foreign.remove(by_kubespray[0])
    for path in foreign:
        source = " (kubespray writes it from kubeadm_patches)" if path in by_kubespray else ""
        flags = " and ".join(f"--{name}" for name in named[path])
        yield (
            f"{host}: {path}{source} gives kube-apiserver {flags}, too. After the next upgrade it would have that "
            "twice: with an issuer it does not start, and of other flags another value may count. Remove it from the "
            "patch, and from what writes the patch; what runs now is kept in its place. Or set irsa_apiserver_kept_by "
            "to none and keep all of it there."
        )


def _flags_in(patch: str, names: list[str]) -> list[str]:
    """Return which of the flags a patch speaks of, in whichever of its forms."""
    try:
        words = [
            event.value for event in yaml.parse(patch, Loader=yaml.SafeLoader) if isinstance(event, yaml.ScalarEvent)
        ]
    except yaml.YAMLError:
        words = patch.split()
    given = {match[1].replace("_", "-") for match in map(re.compile(r"[\"']?--([\w-]+)").match, words) if match}
    return [name for name in names if name in given]


__all__: t.Final = ("Keeper", "Sources", "keeping", "outdated", "problems", "unpatched")
