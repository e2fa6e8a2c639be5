# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules that the variables of irsa_issuer keep. PRIVATE to the collection: it may change without notice."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._aws.ownership import tag_problems
from ansible_collections.onprem.irsa.plugins.module_utils._documents.issuer import broken, issuer_problems, s3_url
from ansible_collections.onprem.irsa.plugins.module_utils._input.limits import number_problems
from ansible_collections.onprem.irsa.plugins.module_utils._publication.cloudfront_plan import check_certificate
from ansible_collections.onprem.irsa.plugins.module_utils._rules import render
from ansible_collections.onprem.irsa.plugins.module_utils._rules.keys import key_problems
from ansible_collections.onprem.irsa.plugins.module_utils._rules.values import (
    Look,
    Values,
    is_true,
    missing_file,
    rules_file_problems,
    text,
)

_IN_BUCKETS: t.Final = ("s3", "cloudfront")
_NOT_GENERATED: t.Final = (
    "irsa_issuer_key is generate, which makes a key pair on a control-plane host, and irsa_issuer_keys takes the keys "
    "from elsewhere. Leave one of both out."
)
_RULES_FILE: t.Final = "irsa_issuer_alert_rules_file"
_RULES_GROUP: t.Final = "onprem-irsa-issuer"
_BLACKBOX_FILE: t.Final = "irsa_issuer_blackbox_file"
_BLACKBOX_MARK: t.Final = "by onprem.irsa.irsa_issuer"
_NUMBERS: t.Final = ("irsa_issuer_max_age", "irsa_issuer_files_timeout")
# By the publisher: why its issuer is not the bucket's URL, and what it is.
_NOT_AT_THE_BUCKET: t.Final = {
    "cloudfront": ("which is private then", "one on a domain of your own, or on the host that CloudFront gives"),
    "files": ("where no file is written", "the URL at which the web server serves the files"),
    "apiserver": ("where no API server answers", "the URL at which the API servers answer from the Internet"),
}


def problems(values: Values, look: Look) -> list[str]:
    """Say why the documents cannot be published as asked for."""
    return [
        *publication_problems(values),
        *_generated_problems(values),
        *key_problems(values),
        *number_problems({name: values[name] for name in _NUMBERS}),
        *missing_file(values, "irsa_issuer_ca_path", look),
        *_alert_problems(values, look),
    ]


def publication_problems(values: Values) -> list[str]:
    """Say what is wrong with the issuer, and with what publishes its documents."""
    publisher, url = values["irsa_issuer_publisher"], text(values, "irsa_issuer_url")
    bucket = text(values, "irsa_issuer_bucket") if publisher in _IN_BUCKETS else ""
    problems = [
        *_place_problems(publisher, bucket, values),
        *_unused_problems(publisher, values),
        *_bucket_url_problems(publisher, url, values),
        *_store_problems(text(values, "irsa_issuer_endpoint_url")),
        *[f"irsa_issuer_bucket_tags: {problem}" for problem in tag_problems(values.get("irsa_issuer_bucket_tags"))],
    ]
    certificate = text(values, "irsa_issuer_certificate_arn")
    if publisher == "cloudfront" and certificate:
        problems += broken(lambda: check_certificate(certificate))
    # Another store names its regions as it likes.
    region = "" if text(values, "irsa_issuer_endpoint_url") else text(values, "irsa_region")
    of_url = issuer_problems(url, bucket=bucket, region=region)
    return problems + (of_url or list(_key_set_problems(publisher, url, text(values, "irsa_issuer_jwks_uri"))))


def _generated_problems(values: Values) -> t.Iterator[str]:
    """Say that a key pair should be made, and that the keys come from elsewhere."""
    if text(values, "irsa_issuer_key") == "generate" and values["irsa_issuer_keys"] not in (None, "hosts"):
        yield _NOT_GENERATED


def _alert_problems(values: Values, look: Look) -> t.Iterator[str]:
    """Say that alert rules lack what they go by, or that either file cannot be written."""
    given = {name: text(values, name) for name in (_RULES_FILE, _BLACKBOX_FILE)}
    missing = [name for name, path in given.items() if not path]
    if len(missing) == 1:
        (there,) = given.keys() - missing
        yield (
            f"{there} is set, and {missing[0]} is not: the alert rules go by what the blackbox exporter finds with the "
            "modules of that run. Name a file for each, or leave both out."
        )
    elif not missing and look(given[_RULES_FILE]).path == look(given[_BLACKBOX_FILE]).path:
        yield (
            f"{_RULES_FILE} and {_BLACKBOX_FILE} are both {given[_RULES_FILE]}: Prometheus reads the one, the blackbox "
            "exporter the other. Name a file for each."
        )
    yield from rules_file_problems(values, _RULES_FILE, _RULES_GROUP, look)
    yield from rules_file_problems(values, _BLACKBOX_FILE, _BLACKBOX_MARK, look, holds="modules")


def _bucket_url_problems(publisher: str, url: str, values: Values) -> t.Iterator[str]:
    """Say that what a publisher serves is not at the bucket's URL, which the issuer is by default."""
    bucket, region = text(values, "irsa_issuer_bucket"), text(values, "irsa_region")
    if publisher == "s3" or not (bucket and region and url.startswith(s3_url(bucket, region))):
        return
    why, right = _NOT_AT_THE_BUCKET[publisher]
    yield (
        f"irsa_issuer_publisher is {publisher}, and irsa_issuer_url is {url}, the URL of the bucket, {why}. Set "
        f"irsa_issuer_url to {right}."
    )


def _store_problems(endpoint_url: str) -> t.Iterator[str]:
    if endpoint_url and re.fullmatch(r"https?://[^/\s]+\S*", endpoint_url) is None:
        yield (
            f"irsa_issuer_endpoint_url is '{endpoint_url}'. It must be a URL with its scheme. Write it as in "
            "https://s3.example.com."
        )


def _key_set_problems(publisher: str, url: str, jwks_uri: str) -> t.Iterator[str]:
    """Say that the key set is not below the issuer: what publishes the one document publishes the other."""
    if publisher != "apiserver" and jwks_uri and not jwks_uri.startswith(f"{url}/"):
        yield (
            f"irsa_issuer_jwks_uri is {jwks_uri}, which is not below the issuer {url}. Leave it out: the key set is at "
            f"{url}/openid/v1/jwks, or where the published discovery document has it."
        )


def _place_problems(publisher: str, bucket: str, values: Values) -> t.Iterator[str]:
    if publisher in _IN_BUCKETS and not bucket:
        yield (
            f"irsa_issuer_bucket is not set, and irsa_issuer_publisher is {publisher}, which publishes in a bucket. "
            "Set it, as in irsa_issuer_bucket: acme-prod-oidc, or set another irsa_issuer_publisher."
        )
    if publisher == "files" and not values.get("irsa_issuer_files_directory") and not values.get(render.NAME):
        yield (
            "irsa_issuer_files_directory is not set, and irsa_issuer_publisher is files, which writes files there. "
            "Set it to what the web server serves, as in irsa_issuer_files_directory: /var/www/oidc."
        )


def _unused_problems(publisher: str, values: Values) -> t.Iterator[str]:
    """Say what the publisher has no use for; silence would look like consent."""
    given = {
        "irsa_issuer_endpoint_url": text(values, "irsa_issuer_endpoint_url"),
        "irsa_issuer_adopt": is_true(values, "irsa_issuer_adopt"),
    }
    unused = [name for name, is_given in given.items() if is_given]
    if publisher != "s3" and unused:
        yield (
            f"irsa_issuer_publisher is {publisher}, which takes no {' and no '.join(unused)}. Leave that out, or "
            "publish with s3."
        )


__all__: t.Final = ("problems", "publication_problems")
