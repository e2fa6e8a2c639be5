# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules that the variables of irsa_doctor keep. PRIVATE to the collection: it may change without notice."""

from __future__ import annotations

from pathlib import PurePath

from ansible_collections.onprem.irsa.plugins.module_utils._documents.issuer import broken, partition
from ansible_collections.onprem.irsa.plugins.module_utils._rules.keys import key_problems
from ansible_collections.onprem.irsa.plugins.module_utils._rules.values import Look, Values, missing_file, text

_WRITTEN = ("irsa_doctor_snapshot", "irsa_doctor_report", "irsa_doctor_junit", "irsa_doctor_json")
_NO_URL = (
    "irsa_doctor_issuer_url is {!r}. It must be the URL of an issuer. Write it as in https://oidc.example.com, or "
    "leave it out: API servers are asked for it."
)


def problems(values: Values, look: Look) -> list[str]:
    """Say what is wrong with what should be diagnosed, and with where to write it.

    An issuer that breaks a rule of AWS is what a diagnosis is for, as long as it can be fetched from.
    """
    issuer, region = text(values, "irsa_doctor_issuer_url"), text(values, "irsa_doctor_region")
    is_url = issuer.startswith("https://") and issuer.isprintable()
    written = {name: look(text(values, name)).path for name in _WRITTEN if text(values, name)}
    return [
        *([] if is_url or not issuer else [_NO_URL.format(issuer)]),
        *(broken(lambda: partition(region)) if region else []),
        *key_problems(values),
        *missing_file(values, "irsa_kubeconfig_path", look),
        *missing_file(values, "irsa_doctor_from", look),
        *missing_file(values, "irsa_doctor_ca_path", look),
        *(problem for name, path in written.items() for problem in _unwritable(name, path, look)),
        *_doubled(written),
    ]


def _unwritable(name: str, path: str, look: Look) -> list[str]:
    directory = str(PurePath(path).parent)
    if look(path).is_directory:
        return [f"{name} names the directory {path}. It must be a file. Add the name of one."]
    if not look(directory).is_directory:
        return [
            f"{name} names a file in {directory}, which is no directory on the controller. Make it, or name another."
        ]
    return []


def _doubled(written: dict[str, str]) -> list[str]:
    names: dict[str, list[str]] = {}
    for name, path in written.items():
        names.setdefault(path, []).append(name)
    return [
        f"{' and '.join(found)} name the same file {path}: one would be written over the other. Name different ones."
        for path, found in names.items()
        if len(found) > 1
    ]


__all__ = ("problems",)
