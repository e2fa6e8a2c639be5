# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules for irsa_render, with which files are written in place of acting. PRIVATE: it may change without notice."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._rules.values import Look, Values, text

NAME: t.Final = "irsa_render"
VERSION: t.Final = "irsa_kubernetes_version"


def problems(values: Values, look: Look) -> t.Iterator[str]:
    """Say why no files can be written there."""
    given = text(values, NAME)
    if not given:
        yield (
            f"{NAME} is empty. It must name the directory for the files to review. Write it as in {NAME}=review, or "
            "leave it out to act."
        )
    elif look(given).is_file:
        yield f"{NAME} is {given}, which is a file. Name a directory; it is made when it does not exist."
    version = values.get(VERSION)
    if version is not None and not re.match(r"v?\d+\.\d+\.\d", text(values, VERSION)):
        yield (
            f"{VERSION} is {version!r}. It must be a version with all of its numbers, because distributions keep flags "
            f"in another way from one to the next. Write it as in {VERSION}: 1.36.1"
        )


def acting_problems(values: Values) -> t.Iterator[str]:
    """Say that who asks for files would get what they are to be reviewed for."""
    if NAME in values:
        yield (
            f"{NAME} is set, with which files are written in place of acting, and this run would act. Leave it out; or "
            "run onprem.irsa.site, or the entry point render of the role, which write the files."
        )


__all__: t.Final = ("NAME", "VERSION", "acting_problems", "problems")
