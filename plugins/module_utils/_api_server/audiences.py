# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""For which audiences API servers accept tokens. PRIVATE to the collection: it may change without notice.

Pure. kube-apiserver accepts a token if one of its audiences is among C(--api-audiences), and gives all of these to a
token for which none is asked (pkg/registry/core/serviceaccount/storage/token.go of Kubernetes). Where the flag is not
given, or is empty, the list of issuers takes its place (pkg/kubeapiserver/options/authentication.go).
"""

from __future__ import annotations

import csv
import io
import re
import typing as t

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._flags.arguments import Flags

AUDIENCES: t.Final = "api-audiences"

# STS itself, of a region, and of the partitions.
_STS: t.Final = re.compile(r"(?:https://)?sts(?:\.[a-z0-9-]+)*\.amazonaws\.com(?:\.cn)?")


def given(values: t.Iterable[str]) -> list[str]:
    """Return the audiences in the values of the flag, each once: a flag holds several as a row of CSV (pflag)."""
    return list(dict.fromkeys(audience for row in csv.reader(values) for audience in row))


def written(audiences: t.Iterable[str]) -> str:
    """Return the one value of the flag that holds these audiences."""
    row = io.StringIO()
    csv.writer(row, lineterminator="").writerow(audiences)
    return row.getvalue()


def in_force(flags: Flags, issuers: t.Sequence[str]) -> list[str]:
    """Return the audiences for which a server with these flags and issuers accepts tokens."""
    return given(flags.get(AUDIENCES, [])) or list(issuers)


def of_aws(audiences: t.Iterable[str], *more: str) -> list[str]:
    """Return those of some audiences that tokens for AWS have: STS's, and any more that are given."""
    return [audience for audience in audiences if audience in more or _STS.fullmatch(audience)]


__all__: t.Final = ("AUDIENCES", "given", "in_force", "of_aws", "written")
