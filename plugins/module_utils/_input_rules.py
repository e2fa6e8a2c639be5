# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules that the variables of a role keep together. PRIVATE to the collection: it may change without notice.

Those of one value are where the value is used: C(_documents.issuer), C(_iam.role_input), C(_api_server.rollout)
and C(_injection.problems).
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._aws.ownership import tag_problems
from ansible_collections.onprem.irsa.plugins.module_utils._documents.issuer import broken, issuer_problems, s3_url
from ansible_collections.onprem.irsa.plugins.module_utils._injection.image_reference import reference_problem
from ansible_collections.onprem.irsa.plugins.module_utils._input.role_input import missing
from ansible_collections.onprem.irsa.plugins.module_utils._publication.cloudfront_plan import check_certificate
from ansible_collections.onprem.irsa.plugins.module_utils._service_accounts import service_account_problem

_IN_BUCKETS: t.Final = ("s3", "cloudfront")
# By the publisher: why its issuer is not the bucket's URL, and what it is.
_NOT_AT_THE_BUCKET: t.Final = {
    "cloudfront": ("which is private then", "one on a domain of your own, or on the host that CloudFront gives"),
    "files": ("where no file is written", "the URL at which the web server serves the files"),
    "apiserver": ("where no API server answers", "the URL at which the API servers answer from the Internet"),
}
# IAM user guide, "IAM ARNs".
_ROLE_ARN = re.compile(r"arn:[a-z-]+:iam::[0-9]{12}:role/\S+")


def publication_problems(given: t.Mapping[str, t.Any]) -> list[str]:
    """Say why the documents cannot be published as asked for.

    GIVEN are the options of the role irsa_issuer without their prefix (C(region) for C(irsa_region)): C(publisher),
    C(url), C(adopt), C(key); and, empty or left out where they are not given, C(bucket), C(region), C(endpoint_url),
    C(files_directory), C(render), C(jwks_uri), C(certificate_arn) and C(tags), the tags of the bucket.
    """
    publisher, url = given["publisher"], str(given["url"])
    bucket = str(given.get("bucket") or "") if publisher in _IN_BUCKETS else ""
    problems = [
        *_place_problems(publisher, bucket, given),
        *_unused_problems(publisher, given),
        *_bucket_url_problems(publisher, url, given),
        *_store_problems(str(given.get("endpoint_url") or "")),
        *[f"irsa_issuer_bucket_tags: {problem}" for problem in tag_problems(given.get("tags"))],
    ]
    if publisher == "cloudfront" and given.get("certificate_arn"):
        problems += broken(lambda: check_certificate(str(given["certificate_arn"])))
    # A store of one's own names its regions as it likes.
    region = "" if given.get("endpoint_url") else str(given.get("region") or "")
    of_url = issuer_problems(url, bucket=bucket, region=region)
    return problems + (of_url or list(_key_set_problems(publisher, url, str(given.get("jwks_uri") or ""))))


def _bucket_url_problems(publisher: str, url: str, given: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    """Say that what a publisher serves is not at the bucket's URL, which the issuer is by default."""
    bucket, region = str(given.get("bucket") or ""), str(given.get("region") or "")
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


def proof_problems(  # noqa: PLR0913 -- the options of a role
    service_account: str, *, role_arn: str, issuer: str, region: str, bucket: str = "", image: str = ""
) -> list[str]:
    """Say what is wrong with what should be proved; an empty SERVICE_ACCOUNT, ROLE_ARN or IMAGE is none.

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
    of_image = reference_problem(image, pinned=False) if image else ""
    if of_image:
        problems.append(
            f"irsa_verify_image is '{image}', {of_image}. Name one, as in registry.example.com/aws-cli:2.31.0, or "
            "leave it out."
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
