# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The libraries that the controller needs. PRIVATE to the collection: it may change without notice."""

from __future__ import annotations

import typing as t

from ansible.module_utils.compat.version import LooseVersion

# As meta/ee-requirements.txt has them; botocore comes with boto3, and is as new.
REQUIRED: t.Final = {
    "boto3": "1.35.69",
    "botocore": "1.35.69",
    "cryptography": "42",
    "jwcrypto": "1.5.6",
    "kubernetes": "29",
}


def missing_libraries(found: t.Mapping[str, str], python: str) -> str:
    """Say which libraries the controller lacks or has in a version that is too old; an empty text for none.

    FOUND has versions by names, PYTHON the path of the interpreter that runs modules on the controller.
    """
    wrong = {name: found.get(name, "") for name, least in REQUIRED.items() if _is_older(found.get(name, ""), least)}
    if not wrong:
        return ""
    told = ", ".join(
        f"{name} {version} ({REQUIRED[name]} or newer is needed)" if version else f"no {name}"
        for name, version in wrong.items()
    )
    packages = " ".join(f"'{name}>={REQUIRED[name]}'" for name in wrong)
    return (
        f"The controller lacks Python libraries: {python} has {told}. Install them for that Python: {python} -m pip "
        f"install {packages}"
    )


def _is_older(version: str, least: str) -> bool:
    return not version or bool(LooseVersion(version) < LooseVersion(least))


__all__: t.Final = ("REQUIRED", "missing_libraries")
