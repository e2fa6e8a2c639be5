# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules that the variables of a role keep together. PRIVATE to the collection: it may change without notice.

Those of one value are where the value is used: C(_issuer), C(_iam_role_input), C(_rollout) and C(_webhook).
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._issuer import issuer_problems, s3_url
from ansible_collections.onprem.irsa.plugins.module_utils._role_input import missing
from ansible_collections.onprem.irsa.plugins.module_utils._service_accounts import service_account_problem

_IN_BUCKETS: t.Final = ("s3", "cloudfront")
# IAM user guide, "IAM ARNs".
_ROLE_ARN = re.compile(r"arn:[a-z-]+:iam::[0-9]{12}:role/\S+")


def publication_problems(given: t.Mapping[str, t.Any]) -> list[str]:
    """Say why the documents cannot be published as asked for.

    GIVEN are the options of the role irsa_issuer without their prefix (C(region) for C(irsa_region)): C(publisher),
    C(url), C(adopt), C(key); and, empty or left out where they are not given, C(bucket), C(region), C(endpoint_url),
    C(files_directory) and C(render).
    """
    publisher, url = given["publisher"], str(given["url"])
    bucket = str(given.get("bucket") or "") if publisher in _IN_BUCKETS else ""
    problems = [*_place_problems(publisher, bucket, given), *_unused_problems(publisher, given)]
    region = str(given.get("region") or "")
    if publisher == "cloudfront" and bucket and region and url.startswith(s3_url(bucket, region)):
        problems.append(
            f"irsa_issuer_publisher is cloudfront, and irsa_issuer_url is {url}, the URL of the bucket, which is "
            "private then. Set irsa_issuer_url to one on a domain of your own, or on the host that CloudFront gives."
        )
    # A store of one's own names its regions as it likes.
    return problems + issuer_problems(url, bucket=bucket, region="" if given.get("endpoint_url") else region)


def _place_problems(publisher: str, bucket: str, given: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    if publisher in _IN_BUCKETS and not bucket:
        yield (
            f"irsa_issuer_bucket is not set, and irsa_issuer_publisher is {publisher}, which publishes in a bucket. "
            "Set it, as in irsa_issuer_bucket: acme-prod-oidc, or set another irsa_issuer_publisher."
        )
    if publisher == "files" and not given.get("files_directory") and not given.get("render"):
        yield (
            "irsa_issuer_files_directory is not set, and irsa_issuer_publisher is files, which writes files there. "
            "Set it to what the web server serves, as in irsa_issuer_files_directory: /var/www/oidc."
        )


def _unused_problems(publisher: str, given: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    """Say what the publisher has no use for; silence would look like consent."""
    unused = [f"irsa_issuer_{name}" for name in ("endpoint_url", "adopt") if given.get(name)]
    if publisher != "s3" and unused:
        yield (
            f"irsa_issuer_publisher is {publisher}, which takes no {' and no '.join(unused)}. Leave that out, or "
            "publish with s3."
        )


def proof_problems(service_account: str, *, role_arn: str, issuer: str, region: str, bucket: str = "") -> list[str]:
    """Say what is wrong with what should be proved; an empty SERVICE_ACCOUNT or ROLE_ARN is none.

    BUCKET is that of the documents, where there is one.
    """
    problems = []
    wrong = service_account_problem(service_account) if service_account else None
    if wrong:
        problems.append(f"irsa_verify_service_account is '{service_account}': {wrong}")
    if role_arn and _ROLE_ARN.fullmatch(role_arn) is None:
        problems.append(
            f"irsa_verify_role_arn is '{role_arn}'. It must be the ARN of a role. Write it as in "
            "arn:aws:iam::123456789012:role/prod-reports, or leave it out."
        )
    if not region:
        problems.append(missing("irsa_region", "It is the region whose STS is asked."))
    return problems + issuer_problems(issuer, bucket=bucket, region=region)


def injection_conflicts(extra_flags: t.Collection[str]) -> list[str]:
    """Say which flags the roles irsa_apiserver and irsa_webhook would both set, the latter for its mode policy."""
    contested = [flag for flag in ("feature-gates", "runtime-config") if flag in extra_flags]
    if not contested:
        return []
    return [
        f"irsa_apiserver_extra_flags has {' and '.join(contested)}, which irsa_webhook_set_flags sets, too: each would "
        "undo the other. Add MutatingAdmissionPolicy=true to feature-gates and the API's version to runtime-config "
        "there, and unset irsa_webhook_set_flags."
    ]


def missing_files(paths: t.Mapping[str, str], *, exists: t.Callable[[str], bool]) -> list[str]:
    """Say which files that variables name are not on the controller.

    PATHS are complete, or empty where none is named.
    """
    return [
        f"{name} names the file {path}, which does not exist on the controller, or cannot be read. Give the path of "
        "one, from / or relative to the directory in which you run the play."
        for name, path in paths.items()
        if path and not exists(path)
    ]


__all__: t.Final = ("injection_conflicts", "missing_files", "proof_problems", "publication_problems")
