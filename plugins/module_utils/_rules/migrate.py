# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules that the variables of irsa_migrate keep. PRIVATE to the collection: it may change without notice."""

from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._documents.issuer import issuer_problems, s3_url
from ansible_collections.onprem.irsa.plugins.module_utils._errors import nearest
from ansible_collections.onprem.irsa.plugins.module_utils._input.limits import number_problems
from ansible_collections.onprem.irsa.plugins.module_utils._rules.issuer import publication_problems
from ansible_collections.onprem.irsa.plugins.module_utils._rules.values import Look, Values, missing_file, text

_FROM: t.Final = "irsa_migrate_from"
NAMES: t.Final = (
    "irsa_issuer_url",
    "irsa_issuer_publisher",
    "irsa_region",
    "irsa_issuer_bucket",
    "irsa_issuer_jwks_uri",
    "irsa_issuer_endpoint_url",
    "irsa_issuer_certificate_arn",
    "irsa_issuer_hosted_zone_id",
    "irsa_issuer_files_host",
    "irsa_issuer_files_directory",
    "irsa_issuer_ca_path",
    "irsa_issuer_adopt",
)
"""The variables by which an issuer and its documents are described."""

_NOT_SET: t.Final = (
    "irsa_migrate_from is not set. It must have the variables irsa_issuer_... as they were for the issuer that should "
    "go, while those of the inventory are for the one that should sign. Write it as in irsa_migrate_from: "
    "{irsa_issuer_bucket: acme-prod-oidc}"
)
_RETIRED: t.Final = ("irsa_apiserver_retired_issuers", "irsa_iam_retired_issuers")


def problems(values: Values, look: Look) -> list[str]:
    """Say why the cluster cannot move from one issuer to the other."""
    given = values.get(_FROM)
    if not isinstance(given, dict) or not given:
        return [_NOT_SET]
    former = {"irsa_issuer_publisher": "s3", "irsa_region": text(values, "irsa_region"), **given}
    url = text(former, "irsa_issuer_url") or s3_url(text(former, "irsa_issuer_bucket"), text(former, "irsa_region"))
    new = text(values, "irsa_migrate_issuer_url")
    wrong = [
        *_name_problems(given),
        *(f"{_FROM}: {problem}" for problem in _former_problems(former, url, look)),
        *issuer_problems(new, bucket=text(values, "irsa_issuer_bucket"), region=text(values, "irsa_region")),
    ]
    return [
        *wrong,
        *(_side_by_side_problems(values, former, url, new) if not wrong else []),
        *_way_problems(values),
        *(_retired_problems(values, (url, new)) if not wrong else []),
        *number_problems(values),
    ]


def _name_problems(given: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    for name in given:
        if name not in NAMES:
            hint = nearest(str(name), NAMES) or f"It may have {', '.join(NAMES)}."
            yield f"{_FROM} has {name}, which does not describe an issuer. {hint}"


def _former_problems(former: t.Mapping[str, t.Any], url: str, look: Look) -> list[str]:
    jwks_uri = text(former, "irsa_issuer_jwks_uri") or f"{url}/openid/v1/jwks"
    whole = {**former, "irsa_issuer_url": url, "irsa_issuer_jwks_uri": jwks_uri}
    return [*publication_problems(whole), *missing_file(whole, "irsa_issuer_ca_path", look)]


def _side_by_side_problems(values: Values, former: t.Mapping[str, t.Any], url: str, new: str) -> t.Iterator[str]:
    """Say why both cannot be published at the same time."""
    if url == new:
        yield (
            f"{_FROM} is for the issuer {url}, and so is the inventory. Set irsa_issuer_url, or irsa_issuer_bucket, to "
            "the issuer that should sign; what moves the documents of one issuer elsewhere is onprem.irsa.site."
        )
        return
    publishers = [text(former, "irsa_issuer_publisher"), text(values, "irsa_issuer_publisher") or "s3"]
    if "apiserver" in publishers:
        yield (
            "irsa_issuer_publisher is apiserver for one of the two issuers, and API servers publish the documents of "
            "the one issuer that signs: tokens of the other one would be refused. Publish that issuer's documents "
            "with another publisher first, under the same URL."
        )
    bucket = text(former, "irsa_issuer_bucket")
    if bucket and bucket == text(values, "irsa_issuer_bucket") and publishers != ["s3", "s3"]:
        yield (
            f"Both issuers would be published in the bucket {bucket}, one of them behind CloudFront, which closes it "
            "to everybody else and goes with its distribution. Give the new issuer a bucket of its own."
        )
    places = [
        (text(each, "irsa_issuer_files_host") or "localhost", text(each, "irsa_issuer_files_directory"))
        for each in (former, values)
    ]
    if publishers == ["files", "files"] and places[0] == places[1]:
        yield (
            f"Both issuers would be published in {places[0][1]} on {places[0][0]}, where there is room for one "
            "discovery document. Give the new issuer a directory of its own in irsa_issuer_files_directory."
        )


def _way_problems(values: Values) -> t.Iterator[str]:
    """Say what asks for something that a move does in its own way."""
    if (values.get("irsa_issuer_keys") or "hosts") != "hosts" or text(values, "irsa_apiserver_flags") == "show":
        yield (
            "A move sets flags of API servers, so that their hosts must be in the inventory: leave irsa_issuer_keys "
            "and irsa_apiserver_flags at their defaults. Where you set the flags yourself, run onprem.irsa.site with "
            "the new issuer, and retire the former one a day later."
        )
    settle = values.get("irsa_migrate_settle")
    if settle is not None and str(settle).lstrip("-").isdecimal() and int(settle) < 0:
        yield f"irsa_migrate_settle is {settle}. It must be 0 or more seconds. Leave it out to have it computed."


def _retired_problems(values: Values, issuers: t.Collection[str]) -> t.Iterator[str]:
    for name in _RETIRED:
        for issuer in values.get(name) or []:
            if issuer in issuers:
                yield (
                    f"{name} has {issuer}, which would go at once, with the tokens that pods have of it. Remove it "
                    "there: a move retires it once they have ended."
                )


__all__: t.Final = ("NAMES", "problems")
