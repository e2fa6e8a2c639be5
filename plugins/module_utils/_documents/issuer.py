# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of issuer URLs and of the buckets that serve them. PRIVATE to the collection: it may change without notice.

An issuer is compared as a string by the API server, by IAM, by STS and by every trust policy, and is not changed
without touching all of them: so what could be read in two ways is refused.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._documents.regions import known_regions
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError, nearest

# IAM, CreateOpenIDConnectProvider, Url: 1 to 255 characters.
MAX_ISSUER_LENGTH = 255

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"(?=.{{1,253}}$){_LABEL}(?:\.{_LABEL})+")  # RFC 1035: 63 octets a label, 253 in all
_PATH = re.compile(r"(?:/[A-Za-z0-9._~-]+)*")
_REGION = re.compile(r"[a-z]{2,4}(?:-[a-z]+)+-[0-9]{1,2}")
# Amazon EC2 user guide, "Regions and Zones": a zone has a letter behind its region's code; a local zone has more.
_ZONE = re.compile(r"([a-z]{2,4}(?:-[a-z]+)+-[0-9]{1,2})(?:-[a-z]+-[0-9]+|-wl[0-9]+-[a-z]+-[a-z]+-[0-9]+)?[a-z]")
_BUCKET = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_ADDRESS = re.compile(r"[0-9]+(?:\.[0-9]+){3}")
# A host of S3 in virtual-hosted style whose bucket has dots.
_DOTTED_BUCKET_HOST = re.compile(r"[^.]+\..+\.s3[.-].*\bamazonaws\.")

INSIDE_CLUSTER: t.Final = "https://kubernetes.default.svc"
"""What the default issuers and audiences of kubeadm and most distributions begin with; nobody outside resolves it."""
NO_ISSUER: t.Final = "There is no issuer. Set irsa_issuer_bucket and irsa_region, or irsa_issuer_url."

# S3 user guide, "General purpose bucket naming rules": what S3 keeps for itself.
_RESERVED_PREFIXES = ("xn--", "sthree-", "amzn-s3-demo-")
_RESERVED_SUFFIXES = ("-s3alias", "--ol-s3", "--x-s3", "--table-s3")


class Partition(t.NamedTuple):
    """A separate AWS: its name in ARNs, and the DNS suffix of its services."""

    name: str
    dns_suffix: str


# The partitions whose regions begin so (botocore, partitions.json); all other regions are in the first one.
_AWS = Partition("aws", "amazonaws.com")
_PARTITIONS = {
    "cn-": Partition("aws-cn", "amazonaws.com.cn"),
    "us-gov-": Partition("aws-us-gov", "amazonaws.com"),
    "eusc-": Partition("aws-eusc", "amazonaws.eu"),
    "us-iso-": Partition("aws-iso", "c2s.ic.gov"),
    "us-isob-": Partition("aws-iso-b", "sc2s.sgov.gov"),
    "us-isof-": Partition("aws-iso-f", "csp.hci.ic.gov"),
    "eu-isoe-": Partition("aws-iso-e", "cloud.adc-e.uk"),
}


class _Rule(t.NamedTuple):
    """A rule that a value may break: how to see it, what it says, and what to do."""

    broken: t.Callable[[str], bool]
    says: str
    fix: str


def _host(url: str) -> str:
    return url[len("https://") :].partition("/")[0]


def _path(url: str) -> str:
    return url[len("https://") + len(_host(url)) :]


# In the order in which a reader would look: the first broken rule is the one reported.
_CERTIFICATE = "the certificate of *.s3.REGION.amazonaws.com covers one label, so HTTPS would fail"
_ISSUER_RULES = (
    _Rule(
        lambda url: not url.isascii() or not url.isprintable() or " " in url or url == "",
        "must be a URL of printable ASCII characters without blanks",
        "Write it as https://HOST or https://HOST/PATH.",
    ),
    _Rule(
        lambda url: "," in url,
        "must be one URL: kube-apiserver takes a list joined by commas for one long issuer",
        "Give the one issuer that new tokens should carry.",
    ),
    _Rule(
        lambda url: not url.startswith("https://"),
        "must begin with https:// (OpenID Connect Discovery 1.0, section 3)",
        "Serve the documents over HTTPS and write the URL with https:// in lower case.",
    ),
    _Rule(
        lambda url: "?" in url,
        "must have no query (OpenID Connect Discovery 1.0, section 3)",
        "Remove everything from the question mark on.",
    ),
    _Rule(
        lambda url: "#" in url,
        "must have no fragment (OpenID Connect Discovery 1.0, section 3)",
        "Remove everything from the number sign on.",
    ),
    _Rule(
        lambda url: "@" in _host(url),
        "must have no user or password in front of the host: AWS fetches it anonymously",
        "Remove everything up to and with the at sign.",
    ),
    _Rule(
        lambda url: re.search(r":[0-9]*$", _host(url)) is not None,
        "must have no port (IAM, CreateOpenIDConnectProvider)",
        "Serve the documents on port 443 and remove the port.",
    ),
    _Rule(
        lambda url: url.endswith("/"),
        "must not end in a slash: issuers are compared as strings",
        "Remove the slash at the end.",
    ),
    _Rule(
        lambda url: _HOST.fullmatch(_host(url)) is None,
        "must name a fully qualified host in lower case",
        "Write the host as DNS has it, for example https://oidc.example.com.",
    ),
    _Rule(
        lambda url: _path(url).endswith("/.well-known/openid-configuration"),
        "must be the issuer, not its discovery document",
        "Remove /.well-known/openid-configuration.",
    ),
    _Rule(
        lambda url: _PATH.fullmatch(_path(url)) is None or {".", ".."} & set(_path(url).split("/")) != set(),
        "must have a path of letters, digits, '-', '.', '_' and '~' alone, without empty or dot segments",
        "Choose a plain path, for example https://oidc.example.com/prod.",
    ),
    _Rule(
        lambda url: len(url) > MAX_ISSUER_LENGTH,
        f"must have at most {MAX_ISSUER_LENGTH} characters (IAM, CreateOpenIDConnectProvider)",
        "Choose a shorter host or path.",
    ),
    _Rule(
        lambda url: _DOTTED_BUCKET_HOST.match(_host(url)) is not None,
        f"must name a bucket without dots: {_CERTIFICATE}",
        "Choose a bucket with hyphens instead of dots.",
    ),
)

_BUCKET_RULES = (
    _Rule(
        lambda name: len(name) not in range(3, 64),
        "must have 3 to 63 characters (S3 bucket naming rules)",
        "Choose a name of that length.",
    ),
    _Rule(
        lambda name: _BUCKET.fullmatch(name) is None or _ADDRESS.fullmatch(name) is not None,
        "must consist of lower-case letters, digits and hyphens, and begin and end with a letter or digit (S3 bucket "
        "naming rules)",
        "Choose a name of these characters, as in acme-prod-oidc.",
    ),
    _Rule(
        lambda name: name.startswith(_RESERVED_PREFIXES) or name.endswith(_RESERVED_SUFFIXES),
        f"must not begin with {', '.join(_RESERVED_PREFIXES)} nor end in {', '.join(_RESERVED_SUFFIXES)}: "
        "S3 keeps these for itself (S3 bucket naming rules)",
        "Choose another name.",
    ),
)

_NO_DOTS = _Rule(
    lambda name: "." in name,
    f"must have no dots: {_CERTIFICATE}",
    "Use hyphens instead of dots.",
)


def _refuse_broken(what: str, value: str, rules: t.Iterable[_Rule]) -> str:
    for rule in rules:
        if rule.broken(value):
            raise InputError(f"The {what} {value!r} {rule.says}.", fix=rule.fix)
    return value


def check_issuer_url(url: str) -> str:
    """Return the URL as it is, or raise InputError for the first rule that it breaks.

    The rules are those of OpenID Connect Discovery 1.0 (https, no query, no fragment), of IAM's
    CreateOpenIDConnectProvider (no port, at most 255 characters), and of comparison as strings. A cluster may sign
    with an issuer that breaks one, because kube-apiserver takes more: the fix says what a change means then.
    """
    try:
        return check_document_url("issuer", url)
    except InputError as error:
        if not url.isprintable() or not url.strip():
            raise
        raise InputError(error.problem, fix=f"{error.fix} {_of_existing(url)}") from None


def check_document_url(what: str, url: str) -> str:
    """Return a URL that keeps the rules of an issuer's as it is, or raise InputError; WHAT names it in the message."""
    return _refuse_broken(what, url, _ISSUER_RULES)


def _of_existing(url: str) -> str:
    """Say what it means for a cluster that signs with an issuer already to be given one that keeps the rules.

    kube-apiserver accepts every issuer that it is given, and signs with the first (C(--service-account-issuer)); a
    discovery document names one issuer alone.
    """
    plain = _plain(url)
    beside = (
        f" Both {plain} and {url} have their discovery document at the same URL, and it names one issuer: AWS rejects "
        "tokens of the old one from the moment the new one is published. Where pods have roles by the old one, "
        "choose another host or path."
        if plain
        else ""
    )
    return (
        f"If the cluster signs with {url!r} already, {plain or 'one that keeps the rule'} is another issuer: the API "
        "servers accept both and sign with the new one; on AWS that takes an identity provider of its own, which every "
        f"trust policy has to name.{beside}"
    )


def _plain(url: str) -> str:
    """Return the issuer that has its documents at the same URL and keeps the rules; an empty text where none does.

    RFC 3986 section 6.2: scheme and host in lower case, and no default port; and no slash at the end (OpenID Connect
    Discovery 1.0, section 4: that is left out in front of C(/.well-known)).
    """
    scheme, _colon, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    plain = f"{scheme.lower()}://{host.lower().removesuffix(':443')}{slash}{path}".rstrip("/")
    return "" if any(rule.broken(plain) for rule in _ISSUER_RULES) else plain


def check_bucket_name(name: str, *, as_host: bool = True) -> str:
    """Return the bucket's name as it is, or raise InputError for the first S3 naming rule that it breaks.

    Dots are refused in a name that becomes a part of a host's, as in the virtual-hosted style.
    """
    return _refuse_broken("bucket name", name, (_NO_DOTS, *_BUCKET_RULES) if as_host else _BUCKET_RULES)


def partition(region: str) -> Partition:
    """Return the partition of a region, or raise InputError for what is not the code of a region."""
    known = known_regions()
    zone = _ZONE.fullmatch(region)
    if zone:
        raise InputError(
            f"The region {region!r} is an availability zone of {zone[1]}, and must be a region.",
            fix=f"Write {zone[1]}.",
        )
    if _REGION.fullmatch(region) is None:
        raise InputError(
            f"The region {region!r} must look like eu-central-1. {nearest(region.strip().lower(), known)}".rstrip(),
            fix="Give the code of an AWS region, as `aws ec2 describe-regions` lists them.",
        )
    if known and region not in known:
        raise InputError(
            f"botocore does not know the region {region!r}. {nearest(region, known)}".rstrip(),
            fix="Give the code of an AWS region, as `aws ec2 describe-regions` lists them; a new one may take a newer "
            "botocore.",
        )
    return partition_of(region)


def partition_of(region: str) -> Partition:
    """Return the partition of a region by how its name begins, whether or not there is such a region."""
    return next((found for prefix, found in _PARTITIONS.items() if region.startswith(prefix)), _AWS)


def s3_host(region: str) -> str:
    """Return the host name of S3's endpoint in a region."""
    return f"s3.{region}.{partition(region).dns_suffix}"


def s3_hosts(region: str) -> list[str]:
    """Return the host names under which S3 serves the buckets of a region, the one for new issuers first.

    AWS General Reference, "Amazon S3 endpoints"; S3 user guide, "Virtual hosting of buckets", backward compatibility:
    names with a dash, and the one without a region, stay for issuers that have them already.
    """
    found = partition(region)
    hosts = [s3_host(region), f"s3.dualstack.{region}.{found.dns_suffix}"]
    return [*hosts, f"s3-{region}.{found.dns_suffix}", "s3.amazonaws.com"] if found is _AWS else hosts


def s3_url(bucket: str, region: str) -> str:
    """Return the URL under which S3 itself serves a bucket's objects over HTTPS (virtual-hosted style, regional).

    It is not checked, and empty without a bucket or a region.
    """
    return f"https://{bucket}.s3.{region}.{partition_of(region).dns_suffix}" if bucket and region else ""


def checked_s3_issuer_url(bucket: str, region: str) -> str:
    """Return the URL of a bucket as C(s3_url) does, or raise InputError where bucket or region breaks a rule."""
    check_bucket_name(bucket)
    partition(region)
    return check_issuer_url(s3_url(bucket, region))


def issuer_problems(url: str, *, bucket: str = "", region: str = "") -> list[str]:
    """Say what is wrong with an issuer and, where they are given, with the bucket and the region of its documents.

    A URL that is made of a wrong bucket or region is not named in addition.
    """
    as_host = _host(url).startswith(f"{bucket}.")
    found = broken(lambda: check_bucket_name(bucket, as_host=as_host)) if bucket else []
    found += broken(lambda: partition(region)) if region else []
    if not found and not url:
        return [NO_ISSUER]
    return found or broken(lambda: check_issuer_url(url))


def former_issuer_problems(urls: t.Collection[str], issuer: str = "") -> list[str]:
    """Say which of irsa_iam_retired_issuers is the ISSUER in use, or one that no identity provider can be of.

    Nothing has to be served for former issuers.
    """
    in_use = [
        f"irsa_iam_retired_issuers has {issuer}, the issuer by which pods get roles: its identity provider would be "
        "deleted. Name former issuers alone."
    ]
    return (in_use if issuer and issuer in urls else []) + [
        f"irsa_iam_retired_issuers: The former issuer {url!r} {rule.says}. Write the URL that its identity "
        "provider was made for, as in https://oidc.example.com/prod, or remove it."
        for url in urls
        for rule in [next((rule for rule in _ISSUER_RULES if rule.broken(url)), None)]
        if rule is not None
    ]


def broken(check: t.Callable[[], object]) -> list[str]:
    """Return what CHECK raises InputError with; nothing where it raises none."""
    try:
        check()
    except InputError as error:
        return [str(error)]
    return []


def issuer_host_path(url: str) -> str:
    """Return the checked issuer without C(https://).

    IAM names the provider so in its ARN, and trust policies in their condition keys (C(HOST/PATH:aud)).
    """
    return check_issuer_url(url)[len("https://") :]


__all__: t.Final = (
    "INSIDE_CLUSTER",
    "MAX_ISSUER_LENGTH",
    "NO_ISSUER",
    "Partition",
    "broken",
    "check_bucket_name",
    "check_document_url",
    "check_issuer_url",
    "checked_s3_issuer_url",
    "former_issuer_problems",
    "issuer_host_path",
    "issuer_problems",
    "partition",
    "partition_of",
    "s3_host",
    "s3_hosts",
    "s3_url",
)
