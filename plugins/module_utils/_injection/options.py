# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was asked for of the injection of pods. PRIVATE: it may change without notice."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field, fields

Json = t.Mapping[str, t.Any]


@dataclass(frozen=True)
class Options:
    """The options of the role irsa_webhook without their prefix, checked for their types; its README explains them."""

    mode: str
    namespace: str
    audience: str
    region: str = ""
    adopt: bool = False
    excluded_namespaces: t.Sequence[str] = ()
    roles: t.Sequence[Json] = ()
    """As iam_roles returns them."""
    told_of_roles: bool = True
    """Whether all roles are known, also those that no annotation names: in a run of irsa_iam, or by the user."""
    strict: bool = False
    restart_missed: bool = False
    set_flags: bool = False

    image: str = ""
    image_mirror: str = ""
    pull_secret: str = ""
    """As C(namespace/name); empty for none. So is tls_secret."""
    replicas: int = 2
    priority_class: str = ""
    timeout: int = 5
    """Seconds."""
    host_network: bool = False
    port: int = 8443
    network_policy: bool = False
    metrics_service: bool = False
    service_monitor: bool = False
    prometheus_rule: bool = False
    alert_rules_path: str = ""
    """The file of Prometheus rules on the controller; empty for none."""
    tls: str = "own"
    tls_secret: str = ""
    certificate_days: int = 365

    host: str = field(init=False)
    """The name by which API servers call the webhook."""

    def __post_init__(self) -> None:
        """Compute what follows from the others."""
        object.__setattr__(self, "host", f"pod-identity-webhook.{self.namespace}.svc")

    @property
    def injects(self) -> bool:
        """Whether the role itself makes what injects pods."""
        return self.mode in ("webhook", "policy")

    @classmethod
    def of(cls, given: Json) -> Options:
        """Take what is known here of a mapping of options; what the API servers alone judge is left out."""
        return cls(
            **{
                option.name: given[option.name]
                for option in fields(cls)
                if option.init and given.get(option.name) is not None
            }
        )


def own_priority_class(options: Options) -> str:
    """Return the priority class, if there is one that not every cluster has."""
    return "" if options.priority_class.startswith("system-") else options.priority_class


__all__: t.Final = ("Options", "own_priority_class")
