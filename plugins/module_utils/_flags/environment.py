# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The environment of a static pod's container. PRIVATE to the collection: it may change without notice.

As the kubelet makes it (pkg/kubelet/kubelet_pods.go, makeEnvironmentVariables): envFrom first, then env in its order,
where a value may name those before it, and services where neither has the name. Pure; takes a YAML library.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field

from ansible_collections.onprem.irsa.plugins.module_utils._flags.expansion import escaped, expanded, references
from ansible_collections.onprem.irsa.plugins.module_utils._flags.manifest import child, elements, scalar

if t.TYPE_CHECKING:
    import yaml

# Kubernetes, "Service", environment variables: those of default/kubernetes, and of the services in the pod's namespace.
_OF_SERVICE = re.compile(
    r"KUBERNETES_PORT|[A-Z][A-Z0-9_]*_SERVICE_(?:HOST|PORT(?:_[A-Z0-9_]+)?)"
    r"|[A-Z][A-Z0-9_]*_PORT_[0-9]+_(?:TCP|UDP|SCTP)(?:_PROTO|_PORT|_ADDR)?"
)


@dataclass(frozen=True)
class Environment:
    """What a manifest says about the variables of a container."""

    values: t.Mapping[str, str] = field(default_factory=dict)
    """Those that are defined, in which C($(NAME)) stands for the value of one that the kubelet alone knows."""
    hidden: frozenset[str] = frozenset()
    """Those whose value the kubelet alone knows: the node's address and name (fieldRef), for example."""
    prefixes: tuple[str, ...] = ()
    """With which names begin that come from elsewhere (envFrom)."""
    within: t.Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The variables that the kubelet alone knows in the value of each one that is defined."""

    def expanded(self, text: str) -> str:
        """Return what the kubelet makes of a text; C($(NAME)) stays where the kubelet alone knows the value."""
        return expanded(text, self.values)

    def escaped(self, text: str) -> str:
        """Return the text of which the kubelet makes this one; the same where it would change nothing."""
        changed = self.expanded(text) != text or any(map(self.is_hidden, references(text)))
        return escaped(text) if changed else text

    def unknown(self, text: str) -> list[str]:
        """Return the variables that the kubelet alone knows and puts into a text, also by the value of another one."""
        found: list[str] = []
        for name in references(text):
            found += self.within.get(name, ()) if name in self.values else [name] * self.is_hidden(name)
        return found

    def is_hidden(self, name: str) -> bool:
        """Return whether the variable has, or may have, a value that the manifest does not say."""
        if name in self.values:
            return False
        return name in self.hidden or name.startswith(self.prefixes) or _OF_SERVICE.fullmatch(name) is not None


def environment_of(container: yaml.Node, shown: t.Mapping[str, str]) -> Environment:
    """Return the environment of a container.

    shown: the values of variables that the kubelet alone knows, as far as a running process shows them.
    """
    prefixes = tuple(scalar(source, "prefix") for source in elements(container, "envFrom"))
    declared = elements(container, "env")
    own = {scalar(variable) for variable in declared}
    values, hidden = {name: value for name, value in shown.items() if name not in own}, set[str]()
    within: dict[str, tuple[str, ...]] = {}
    for variable in declared:
        name, text = scalar(variable), scalar(variable, "value")
        if text or child(variable, "valueFrom") is None:
            so_far = Environment(values, frozenset(hidden), prefixes, within)
            within[name] = tuple(so_far.unknown(text))
            values[name] = expanded(text, values)
            hidden.discard(name)
        elif name not in shown:
            values.pop(name, None)
            hidden.add(name)
        else:
            values[name] = shown[name]
            within.pop(name, None)
    return Environment(values, frozenset(hidden), prefixes, within)


__all__: t.Final = ("Environment", "environment_of")
