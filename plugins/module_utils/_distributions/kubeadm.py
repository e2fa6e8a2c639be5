# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubeadm, whose API server is a static pod that the kubelet starts. PRIVATE to the collection.

The flags are those of the manifest. C(kubeadm upgrade) and C(kubeadm join) write it again, from the
ClusterConfiguration in the cluster and from patches on the node; what those should say is planned for the whole cluster
by C(_api_server).
kubespray, kind and minikube call kubeadm: their rooms have the same manifest, and other tooling.

Pure, and for the controller alone: hosts need no YAML library.
"""

from __future__ import annotations

import json
import posixpath
import typing as t
from dataclasses import dataclass

from ansible_collections.onprem.irsa.plugins.module_utils._distributions.by_hand import (
    block,
    by_hand,
    without_values,
)
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.kubeadm_order import (
    Operation,
    command_patch,
    generated,
    sorting_after,
)
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.room import (
    ISSUER,
    PUBLIC_KEYS,
    SIGNING_KEY,
    Edit,
    Flags,
    Marks,
    Places,
    Plan,
    Restart,
    Seen,
    Setting,
    Source,
    Upkeep,
    as_wanted,
    checked,
    readable,
)
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._flags.arguments import flags_of, occurrences
from ansible_collections.onprem.irsa.plugins.module_utils._flags.expansion import protected, shown
from ansible_collections.onprem.irsa.plugins.module_utils._flags.probes import failing
from ansible_collections.onprem.irsa.plugins.module_utils._flags.serving import serving
from ansible_collections.onprem.irsa.plugins.module_utils._flags.static_pod_flags import StaticPod, parse, same_pod

COMPONENT: t.Final = "kube-apiserver"
MARK: t.Final = "kubeadm.kubernetes.io/kube-apiserver.advertise-address.endpoint"
"""The annotation that kubeadm writes into every manifest of kube-apiserver (kubeadm, "Implementation details")."""
PATCH_FILE: t.Final = "kube-apiserver50onprem-irsa+json.yaml"
"""A JSON patch by kubeadm's rule for names: target, suffix, type, extension."""
PATCHES: t.Final = "/etc/kubernetes/patches"

_DEFAULT_ISSUER = "https://kubernetes.default.svc"
_CONFIGURATION = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\napiServer:\n  extraArgs:\n"


@dataclass(frozen=True)
class Kubeadm:
    """A cluster that kubeadm has made."""

    name: str = "kubeadm"
    special_form_of: str = ""
    manifests: str = "/etc/kubernetes/manifests"
    """The directory from which the kubelet runs static pods."""

    @property
    def marks(self) -> Marks:
        """What the host's part looks for; of hidden files the kubelet takes no notice."""
        return Marks(globs=(f"{self.manifests}/*",), programs=(COMPONENT,))

    @property
    def manifest(self) -> str:
        """The file of the API server's pod."""
        return f"{self.manifests}/{COMPONENT}.yaml"

    def named_files(self, seen: Seen) -> tuple[str, ...]:
        """Return no file: the manifest says it all."""
        return ()

    def detect(self, seen: Seen) -> bool:
        """Return whether kubeadm wrote the manifest of the API server, or whether that could not be read."""
        return self.manifest in seen.unreadable or MARK in seen.files.get(self.manifest, "")

    def settings(self, seen: Seen) -> list[Setting]:
        """Return the flags of the manifest; what the kubelet alone knows is as the process shows it."""
        pod = self._pod(seen)
        arguments = pod.arguments
        return [
            Setting(
                flag.name, flag.value, Source(self.manifest, pod.text.count("\n", 0, pod.items[flag.index].start) + 1)
            )
            for flag in occurrences(arguments, start=pod.program + 1)
        ]

    def plan(self, seen: Seen, wanted: Flags, *, disruptive: bool = False) -> Plan:
        """Return the manifest with these flags."""
        flags = checked(wanted, seen.version)
        pod = self._pod(seen)
        in_directory = {path: text for path, text in seen.files.items() if posixpath.dirname(path) == self.manifests}
        twins = same_pod(in_directory, self.manifest)
        if twins:
            raise InputError(
                f"The files {', '.join([self.manifest, *twins])} hold the same pod, and the kubelet runs any one of "
                "them.",
                fix="Move all but the right one out of the manifests directory.",
            )
        text = pod.text if as_wanted(pod.flags, flags) else pod.with_flags(flags)
        after = self._pod(Seen(files={self.manifest: text}, processes=seen.processes))
        reason = failing(after.probes, COMPONENT, pod.flags, after.flags)
        if reason:
            raise InputError(
                f"{self.manifest}: {reason}: the kubelet would restart {COMPONENT} again and again, minutes after it "
                "was ready.",
                fix="Leave that flag as it is, or change the probes with it, by what wrote the manifest.",
            )
        edits = (Edit(self.manifest, pod.text, text),) if text != pod.text else ()
        return Plan(edits, Restart("kubelet", COMPONENT, 60, "The API server of this host does not answer."))

    def places(self, seen: Seen) -> Places:
        """Return where key files are on the host, by the manifest's mounts, and the rest."""
        pod = self._pod(seen)
        users = {process.uid for process in seen.processes if posixpath.basename(process.arguments[0]) == COMPONENT}
        signing = pod.flags.get(SIGNING_KEY, [])[-1:]
        return Places(
            signing_key=pod.on_host(signing[0]) if signing else "",
            public_keys=tuple(pod.on_host(file) for file in pod.flags.get(PUBLIC_KEYS, [])),
            kubeconfig="/etc/kubernetes/admin.conf",
            api_url=serving(COMPONENT, pod.flags).url,
            component_user=str(users.pop()) if len(users) == 1 and 0 not in users else "root",
        )

    def upkeep(self, version: str | None) -> Upkeep:
        """Return what upgrades and joins write, and from what."""
        return Upkeep(
            undone_by="`kubeadm upgrade` writes the manifest again, and `kubeadm join` writes that of a new node, from "
            "the ClusterConfiguration in the ConfigMap kube-system/kubeadm-config and from patches on the node.",
            put_instead="apiServer.extraArgs of that ClusterConfiguration."
            if version and _holds_order(version)
            else f"A JSON patch in {PATCHES} on every control-plane node, with `--patches {PATCHES}` at every upgrade "
            "and join.",
        )

    def show(self, wanted: Flags, version: str | None) -> str:
        """Return how to set the flags by hand, and how to keep them."""

        def steps(flags: Flags) -> str:
            last = [self.kept_by_hand(wanted, version)] if flags == wanted else []
            return "\n\n".join([self._by_editor(flags), *last])

        ask = f"ask on each node with `{self.kubectl} get --raw /.well-known/openid-configuration`"
        return by_hand(wanted, about=self.about(), steps=steps, ask=ask)

    @property
    def kubectl(self) -> str:
        """How a node's own API server is asked."""
        return "kubectl --kubeconfig /etc/kubernetes/admin.conf --server=https://ADDRESS-OF-THE-NODE:6443"

    def about(self) -> str:
        """Return where the flags are, and how a change comes into force."""
        return (
            f"kubeadm's API server is the static pod {self.manifest} on every control-plane node; the kubelet starts "
            "it again by itself when the file changes, which takes up to a minute. Keep copies of the file elsewhere: "
            "the kubelet runs every file of that directory."
        )

    def _by_editor(self, flags: Flags) -> str:
        lines = "".join(
            f"- {_plain(f'--{name}={protected(value)}')}\n" for name, values in flags.items() for value in values
        )
        gone = without_values(flags)
        removed = f"Remove the lines of {gone}. " if gone else ""
        return (
            f"On each control-plane node, one after the other, write these lines into spec.containers[0].command of "
            f"{self.manifest}, in this order, in place of all lines of the same flags:\n\n{block(lines)}\n\n"
            f"{removed}Wait until the API server of the node says ok before you go to the next:\n\n"
            f"{block(f'{self.kubectl} get --raw /readyz')}"
        )

    def kept_by_hand(self, wanted: Flags, version: str | None) -> str:
        """Return what makes upgrades and joins write the same."""
        flags = _as_written(wanted)
        gone = without_values(flags, "")
        removed = f" Remove the entries of {gone}." if gone else ""
        if version and _holds_order(version):
            sorting = "" if all(values == sorted(values) for values in flags.values()) else sorting_after(version)
            warned = (
                f" Do not upgrade to {sorting}: their kubeadm sorts the values, and another issuer would sign."
                if sorting
                else ""
            )
            entries = "".join(
                f"  - name: {name}\n    value: {json.dumps(value)}\n"
                for name, values in flags.items()
                for value in values
            )
            return (
                "So that upgrades and joins write the same, edit the ClusterConfiguration in the ConfigMap "
                "(`kubectl -n kube-system edit configmap kubeadm-config`), and put these entries in place of all of "
                f"the same names.{removed}{warned}\n\n{block(_CONFIGURATION + entries)}"
            )
        own, operations = patch_for(wanted)
        return (
            f"So that upgrades and joins write the same, write {PATCHES}/{PATCH_FILE} on every control-plane node, "
            f"and pass `--patches {PATCHES}` to `kubeadm upgrade apply`, `kubeadm upgrade node` and `kubeadm join`:\n\n"
            f"{block(''.join(f'- {json.dumps(operation)}{chr(10)}' for operation in operations))}\n\n"
            f"kubeadm itself writes {own}. The extraArgs in the ConfigMap kube-system/kubeadm-config must not "
            "have another value of these flags: an issuer that is given twice keeps the API server from starting."
            f"{removed}"
        )

    def _pod(self, seen: Seen) -> StaticPod:
        text = readable(seen, self.manifest)
        if text is None:
            raise InputError(
                f"There is no static pod {self.manifest}.", fix="Check that the host is of the control plane."
            )
        pod = parse(text, COMPONENT, source=self.manifest)
        running = next(
            (
                flags_of(each.arguments[1:])
                for each in seen.processes
                if posixpath.basename(each.arguments[0]) == COMPONENT
            ),
            {},
        )
        values = shown(pod.flags, running, pod.hidden)
        return parse(text, COMPONENT, source=self.manifest, shown=values) if values else pod


def patch_for(wanted: Flags) -> tuple[str, list[Operation]]:
    """Return the issuer that kubeadm writes by itself, and the JSON patch that makes the wanted flags of its command.

    The issuer is kubeadm's default, or else the last of the wanted ones, which extraArgs have then.
    """
    flags = _as_written(wanted)
    issuers = flags[ISSUER]
    own = next((issuer for issuer in issuers if issuer.startswith(_DEFAULT_ISSUER)), issuers[-1])
    return own, command_patch(flags, {name: [own] if name == ISSUER else [] for name in flags})


def _as_written(flags: Flags) -> Flags:
    """Return flags as a manifest has to say them: the kubelet replaces C($(NAME)) in it."""
    return {name: [protected(value) for value in values] for name, values in flags.items()}


def _holds_order(version: str) -> bool:
    """Return whether extraArgs hold several values of a flag in any order, as the release writes them."""
    values = {ISSUER: ["https://z", "https://a"]}
    return generated(version, {}, values) == values


def _plain(argument: str) -> str:
    """Return an argument as an item of a list in YAML."""
    return (
        argument if not {*argument} & {*" #'\"{}[],&*!|>%@`$"} and not argument.endswith(":") else json.dumps(argument)
    )


KUBEADM: t.Final = Kubeadm()

__all__: t.Final = ("COMPONENT", "KUBEADM", "MARK", "PATCHES", "PATCH_FILE", "Kubeadm", "patch_for")
