# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with options of the webhook that API servers would refuse. PRIVATE to the collection: it may change.

Sources: Kubernetes API reference (Toleration, ResourceRequirements), "Labels and Selectors", "Object Names and IDs" and
k8s.io/apimachinery, pkg/api/resource/quantity.go.
"""

from __future__ import annotations

import re
import typing as t
from decimal import Decimal

from ansible_collections.onprem.irsa.plugins.module_utils._service_accounts import is_audience

Given = t.Mapping[str, t.Any]

_DNS_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_SUBDOMAIN = re.compile(r"(?=.{1,253}\Z)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*")
_LABEL_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
_QUANTITY = re.compile(r"\+?([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(n|u|m|k|[KMGTPE]i|[MGTPE]|[eE][+-]?[0-9]{1,3})?")
_UNITS: t.Final[dict[str, Decimal]] = {
    **{unit: Decimal(10) ** power for unit, power in zip("num", (-9, -6, -3))},
    **{unit: Decimal(1000) ** (number + 1) for number, unit in enumerate("kMGTPE")},
    **{f"{unit}i": Decimal(1024) ** (number + 1) for number, unit in enumerate("KMGTPE")},
}
_OS_LABELS: t.Final = ("kubernetes.io/os", "beta.kubernetes.io/os")
_TOLERATION: t.Final = ("key", "operator", "value", "effect", "tolerationSeconds")
_EFFECTS: t.Final = ("NoSchedule", "PreferNoSchedule", "NoExecute")
# k8s.io/kubernetes, pkg/apis/core/validation: what a container may have beside the resources of others.
_RESOURCE = re.compile(r"cpu|memory|ephemeral-storage|hugepages-.+")
_SYSTEM_CLASSES: t.Final = ("system-cluster-critical", "system-node-critical")


def is_label_key(key: object) -> bool:
    """Tell whether something is the key of a label: a name, with a DNS subdomain and a slash before it or without."""
    prefix, slash, name = str(key).rpartition("/")
    return bool(_LABEL_NAME.fullmatch(name)) and (not slash or bool(_SUBDOMAIN.fullmatch(prefix)))


def is_label_value(value: object) -> bool:
    """Tell whether something is the value of a label, up to 63 characters; it may be empty."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return False
    return value == "" or bool(_LABEL_NAME.fullmatch(str(value)))


def _labels_problem(option: str, labels: object) -> str:
    if not isinstance(labels, t.Mapping):
        return (
            f"irsa_webhook_{option} is {labels!r}. It must be a mapping of labels to values, as in release: prometheus."
        )
    for key, value in labels.items():
        if not is_label_key(key) or not is_label_value(value):
            return (
                f"irsa_webhook_{option} has {key}: {value!r}. A label's name and its value have up to 63 letters, "
                "digits, - _ and . with a letter or a digit at both ends; a value is text, or empty. Correct it."
            )
    return ""


def _selector_problem(selector: object) -> str:
    problem = _labels_problem("node_selector", selector)
    if problem:
        return problem
    systems = {str(value) for key, value in t.cast("Given", selector).items() if key in _OS_LABELS}
    if systems - {"linux"}:
        return (
            f"irsa_webhook_node_selector asks for nodes of {', '.join(sorted(systems))}, but the webhook's image is of "
            "Linux. Leave the operating system out: the role selects Linux itself."
        )
    return ""


def _toleration_problem(toleration: object) -> str:
    """Say what is wrong with a toleration."""
    if not isinstance(toleration, t.Mapping) or set(toleration) - {*_TOLERATION}:
        return f"it is no mapping of {', '.join(_TOLERATION)}"
    operator, key, value, effect = (
        default if toleration.get(field) in (None, "") else toleration[field]
        for field, default in (("operator", "Equal"), ("key", ""), ("value", ""), ("effect", ""))
    )
    seconds = toleration.get("tolerationSeconds")
    rules = {
        f"its operator {operator} is neither Equal nor Exists": operator in ("Equal", "Exists"),
        f"its key {key} is no label's name": key == "" or (isinstance(key, str) and is_label_key(key)),
        "with the operator Exists it has no value": operator != "Exists" or value == "",
        "with the operator Equal it needs a key": operator != "Equal" or key != "",
        f"its value {value!r} is no text as labels have": isinstance(value, str) and is_label_value(value),
        f"its effect {effect} is none of {', '.join(_EFFECTS)}": effect in ("", *_EFFECTS),
        "tolerationSeconds is a whole number, with the effect NoExecute alone": seconds is None
        or (effect == "NoExecute" and _is_whole(seconds)),
    }
    return next((rule for rule, kept in rules.items() if not kept), "")


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _tolerations_problem(tolerations: object) -> str:
    if not isinstance(tolerations, list):
        return f"irsa_webhook_tolerations is {tolerations!r}. It must be a list of tolerations."
    for toleration in tolerations:
        problem = _toleration_problem(toleration)
        if problem:
            return f"irsa_webhook_tolerations has {toleration!r}: {problem}. See kubectl explain pod.spec.tolerations."
    return ""


def _amount(quantity: object) -> Decimal | None:
    """Return what a quantity of Kubernetes stands for; None for what is none, or less than nothing."""
    if isinstance(quantity, bool) or not isinstance(quantity, (str, int, float)):
        return None
    parts = _QUANTITY.fullmatch(str(quantity))
    if parts is None:
        return None
    unit = parts[2] or ""
    return Decimal(parts[1]) * (
        Decimal(f"1{unit}") if unit[:1] in ("e", "E") and unit[1:] else _UNITS.get(unit, Decimal(1))
    )


def _resources_problem(resources: object) -> str:
    """Say what is wrong with requests and limits."""
    shape = "Give requests and limits, each with quantities, as in {requests: {cpu: 10m, memory: 32Mi}}."
    if not isinstance(resources, t.Mapping) or set(resources) - {"requests", "limits"}:
        return f"irsa_webhook_resources is {resources!r}. {shape}"
    for group, amounts in resources.items():
        if not isinstance(amounts, t.Mapping):
            return f"irsa_webhook_resources has {group}: {amounts!r}. {shape}"
        for name, quantity in amounts.items():
            if "/" not in str(name) and not _RESOURCE.fullmatch(str(name)):
                return (
                    f"irsa_webhook_resources has {name} in {group}. A container has cpu, memory, ephemeral-storage, "
                    f"hugepages-* and resources with a domain, as in example.com/gpu. {shape}"
                )
            if not is_label_key(name) or _amount(quantity) is None:
                return f"irsa_webhook_resources has {name}: {quantity!r} in {group}, which is no quantity. {shape}"
    requests, limits = resources.get("requests", {}), resources.get("limits", {})
    for name in set(requests) & set(limits):
        if t.cast("Decimal", _amount(requests[name])) > t.cast("Decimal", _amount(limits[name])):
            return (
                f"irsa_webhook_resources requests {name}: {requests[name]}, which is more than its limit, "
                f"{limits[name]}. Raise the limit, or request less."
            )
    return ""


def _priority_problem(name: object) -> str:
    if name == "" or (isinstance(name, str) and _SUBDOMAIN.fullmatch(name)):
        if str(name).startswith("system-") and name not in _SYSTEM_CLASSES:
            return (
                f"irsa_webhook_priority_class is {name}. Of the classes of the system there are "
                f"{' and '.join(_SYSTEM_CLASSES)}. Name one of them, or another PriorityClass of the cluster."
            )
        return ""
    return f"irsa_webhook_priority_class is {name!r}. Name a PriorityClass of the cluster; an empty text is for none."


_CHECKS: t.Final[dict[str, t.Callable[[t.Any], str]]] = {
    "tolerations": _tolerations_problem,
    "resources": _resources_problem,
    "priority_class": _priority_problem,
    "node_selector": _selector_problem,
    "monitoring_labels": lambda labels: _labels_problem("monitoring_labels", labels),
}


def pod_problems(given: Given) -> t.Iterator[str]:
    """Say what is wrong with where and how the webhook's pods run, and with the labels of what monitors them.

    GIVEN are the role's options without their prefix; those that are left out are at their default.
    """
    yield from filter(None, (check(given[option]) for option, check in _CHECKS.items() if option in given))


def injection_problems(given: Given) -> t.Iterator[str]:
    """Say what is wrong with what is injected, and where; GIVEN as for C(pod_problems)."""
    audience = given.get("audience", "sts.amazonaws.com")
    if not is_audience(audience):
        yield (
            f"irsa_webhook_audience is {audience!r}. It must be the audience that the identity provider takes, with no "
            "blank in it. Correct it, or irsa_audience, from which it comes by default; AWS's own is sts.amazonaws.com."
        )
    excluded = given.get("excluded_namespaces", [])
    if not isinstance(excluded, list):
        yield f"irsa_webhook_excluded_namespaces is {excluded!r}. It must be a list, as in [{excluded}]."
        return
    wrong = [repr(name) for name in excluded if not isinstance(name, str) or _DNS_LABEL.fullmatch(name) is None]
    if wrong:
        yield (
            f"irsa_webhook_excluded_namespaces has {', '.join(wrong)}. A namespace's name is an RFC 1123 label: up to "
            "63 lower-case letters, digits and - between them, with no pattern. Correct it."
        )


__all__: t.Final = ("injection_problems", "is_label_key", "is_label_value", "pod_problems")
