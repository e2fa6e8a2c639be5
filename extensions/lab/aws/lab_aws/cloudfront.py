# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Distributions as CloudFront keeps them: with the defaults that it adds, the time that they take, what it refuses.

In place of moto's own backend, which gives back what it was given, knows no states and compares no ETags.

Source: Amazon CloudFront API Reference, DistributionConfig and its parts (defaults), CreateDistribution,
    UpdateDistribution, DeleteDistribution, CreateOriginAccessControl and DeleteOriginAccessControl (errors); CloudFront
    Developer Guide, "Required fields for creating and updating distributions".
"""

from __future__ import annotations

import re
import typing as t
from copy import deepcopy

from moto.cloudfront import urls
from moto.cloudfront.exceptions import (
    CloudFrontException,
    InvalidIfMatchVersion,
    NoSuchDistribution,
    NoSuchOriginAccessControl,
)
from moto.cloudfront.models import CloudFrontBackend, Invalidation, OriginAccessControl, cloudfront_backends, random_id
from moto.cloudfront.responses import CloudFrontResponse
from moto.core.responses import ActionResult, EmptyResult

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Config = dict[str, t.Any]

# How many looks a change takes to be everywhere; a look is a question of the API or of a viewer.
LOOKS_TO_DEPLOY = 2
# How many listings do not have a new distribution yet.
LISTINGS_TO_APPEAR = 1

_NONE: t.Final = {"Quantity": 0}
_NOBODY: t.Final = {"Enabled": False, "Quantity": 0}
_METHODS: t.Final = ["HEAD", "GET"]
_CERTIFICATE = re.compile(r"arn:aws:acm:us-east-1:[0-9]{12}:certificate/[0-9a-f-]+")
_LEGACY_CACHING = ("ForwardedValues", "MinTTL", "DefaultTTL", "MaxTTL")
_ORIGIN_KINDS = ("S3OriginConfig", "CustomOriginConfig", "VpcOriginConfig")

_DEFAULTS: t.Final[Config] = {
    "Aliases": _NONE,
    "DefaultRootObject": "",
    "OriginGroups": _NONE,
    "CacheBehaviors": _NONE,
    "CustomErrorResponses": _NONE,
    "Logging": {"Enabled": False, "IncludeCookies": False, "Bucket": "", "Prefix": ""},
    "PriceClass": "PriceClass_All",
    "Restrictions": {"GeoRestriction": {"RestrictionType": "none", "Quantity": 0}},
    "WebACLId": "",
    "HttpVersion": "http2",
    "IsIPV6Enabled": True,
    "ContinuousDeploymentPolicyId": "",
    "Staging": False,
}
_ORIGIN_DEFAULTS: t.Final[Config] = {
    "OriginPath": "",
    "CustomHeaders": _NONE,
    "ConnectionAttempts": 3,
    "ConnectionTimeout": 10,
    "OriginShield": {"Enabled": False},
    "OriginAccessControlId": "",
}
_BEHAVIOR_DEFAULTS: t.Final[Config] = {
    "TrustedSigners": _NOBODY,
    "TrustedKeyGroups": _NOBODY,
    "SmoothStreaming": False,
    "Compress": False,
    "LambdaFunctionAssociations": _NONE,
    "FunctionAssociations": _NONE,
    "FieldLevelEncryptionId": "",
    "GrpcConfig": {"Enabled": False},
}
_REQUIRED_FOR_UPDATES = (
    *("Aliases", "DefaultRootObject", "CacheBehaviors", "CustomErrorResponses", "Logging", "PriceClass"),
    *("ViewerCertificate", "Restrictions", "WebACLId", "HttpVersion"),
)
_ORIGIN_REQUIRED_FOR_UPDATES = ("OriginPath", "CustomHeaders", "ConnectionAttempts", "ConnectionTimeout")
_BEHAVIOR_REQUIRED_FOR_UPDATES = ("AllowedMethods", "SmoothStreaming", "Compress", "LambdaFunctionAssociations")


def _refusal(code: str, message: str) -> CloudFrontException:
    return CloudFrontException(code, message)


def items(listed: Config | None) -> list[t.Any]:
    """Return what a list of the API holds: C(Quantity) and, where that is not zero, C(Items)."""
    return list((listed or {}).get("Items") or [])


def with_defaults(given: Config) -> Config:
    """Return a configuration as CloudFront shows it: with what it adds to what it was given."""
    config = {**deepcopy(_DEFAULTS), **deepcopy(given)}
    config["Origins"]["Items"] = [_origin(each) for each in items(config["Origins"])]
    config["DefaultCacheBehavior"] = _behavior(config["DefaultCacheBehavior"])
    if items(config["CacheBehaviors"]):
        config["CacheBehaviors"]["Items"] = [_behavior(each) for each in items(config["CacheBehaviors"])]
    config["ViewerCertificate"] = _certificate(config.get("ViewerCertificate") or {})
    for name in ("Aliases", "CacheBehaviors"):
        if not items(config[name]):
            config[name] = dict(_NONE)
    return config


def _origin(given: Config) -> Config:
    origin = {**deepcopy(_ORIGIN_DEFAULTS), **given}
    for kind, defaults in (
        ("S3OriginConfig", {"OriginReadTimeout": 30}),
        ("CustomOriginConfig", {"OriginReadTimeout": 30, "OriginKeepaliveTimeout": 5, "IpAddressType": "ipv4"}),
    ):
        if kind in origin:
            origin[kind] = {**defaults, **origin[kind]}
    return origin


def _behavior(given: Config) -> Config:
    behavior = {**deepcopy(_BEHAVIOR_DEFAULTS), **given}
    methods = given.get("AllowedMethods") or {}
    # The order is CloudFront's own, whatever was given.
    behavior["AllowedMethods"] = {
        **_ordered(items(methods) or _METHODS),
        "CachedMethods": _ordered(items(methods.get("CachedMethods")) or _METHODS),
    }
    return behavior


def _ordered(methods: list[str]) -> Config:
    found = sorted(methods, key=["HEAD", "DELETE", "POST", "GET", "OPTIONS", "PUT", "PATCH"].index)
    return {"Quantity": len(found), "Items": found}


def _certificate(given: Config) -> Config:
    arn = given.get("ACMCertificateArn")
    if arn:
        return {"CloudFrontDefaultCertificate": False, "Certificate": arn, "CertificateSource": "acm", **given}
    fixed = {"SSLSupportMethod": "vip", "MinimumProtocolVersion": "TLSv1", "CertificateSource": "cloudfront"}
    return {"CloudFrontDefaultCertificate": True, **fixed}


def check(config: Config, controls: t.Container[str]) -> None:
    """Refuse a configuration that does not hold together, as it was given.

    CONTROLS are the ids of the account's origin access controls.
    """
    _check_quantities(config)
    origins = items(config.get("Origins"))
    if not origins:
        raise _refusal("InvalidArgument", "The parameter Origins is required.")
    for origin in origins:
        _check_origin(origin, controls)
    groups = [group["Id"] for group in items(config.get("OriginGroups"))]
    for behavior in [config["DefaultCacheBehavior"], *items(config.get("CacheBehaviors"))]:
        if behavior["TargetOriginId"] not in [*(origin["Id"] for origin in origins), *groups]:
            raise _refusal("NoSuchOrigin", "One or more of your origins or origin groups do not exist.")
        legacy = [name for name in _LEGACY_CACHING if name in behavior]
        if behavior.get("CachePolicyId") and legacy:
            raise _refusal(
                "InvalidArgument",
                f"The parameter {legacy[0]} cannot be used when a cache policy is associated to the cache behavior.",
            )
    _check_certificate(config)


def _check_quantities(value: t.Any) -> None:  # noqa: ANN401 -- JSON
    if isinstance(value, dict):
        if "Quantity" in value and int(value["Quantity"]) != len(items(value)):
            raise _refusal(
                "InconsistentQuantities",
                "The value of Quantity and the size of Items don't match.",
            )
        value = list(value.values())
    for inner in value if isinstance(value, list) else []:
        _check_quantities(inner)


def _check_origin(origin: Config, controls: t.Container[str]) -> None:
    if sum(kind in origin for kind in _ORIGIN_KINDS) != 1:
        raise _refusal(
            "InvalidOrigin", "The specified origin has exactly one of S3OriginConfig and CustomOriginConfig."
        )
    if "S3OriginConfig" in origin and not origin["DomainName"].endswith("amazonaws.com"):
        raise _refusal("InvalidArgument", "The parameter Origin DomainName does not refer to a valid S3 bucket.")
    control = origin.get("OriginAccessControlId")
    if control and control not in controls:
        raise _refusal("InvalidOriginAccessControl", "The specified origin access control does not exist.")
    if control and (origin.get("S3OriginConfig") or {}).get("OriginAccessIdentity"):
        text = "Cannot use both Origin Access Control and Origin Access Identity on an origin"
        raise _refusal("IllegalOriginAccessConfiguration", text)


def _check_certificate(config: Config) -> None:
    certificate = config.get("ViewerCertificate") or {}
    arn = certificate.get("ACMCertificateArn")
    if arn and _CERTIFICATE.fullmatch(arn) is None:
        raise _refusal(
            "InvalidViewerCertificate",
            "The specified SSL certificate doesn't exist, isn't in us-east-1 region, isn't valid, or doesn't include a "
            "valid certificate chain.",
        )
    if items(config.get("Aliases")) and not arn and not certificate.get("IAMCertificateId"):
        raise _refusal(
            "InvalidViewerCertificate",
            "To add an alternate domain name (CNAME) to a CloudFront distribution, you must attach a trusted "
            "certificate that validates your authorization to use the domain name.",
        )


def check_update(before: Config, after: Config) -> None:
    """Refuse an update that changes what is fixed, or leaves out what only creating may."""
    if before["CallerReference"] != after["CallerReference"]:
        raise _refusal("IllegalUpdate", "You cannot update CallerReference.")
    rows = [
        (after, _REQUIRED_FOR_UPDATES),
        *((origin, _ORIGIN_REQUIRED_FOR_UPDATES) for origin in items(after["Origins"])),
        *(
            (origin.get(kind, {"OriginReadTimeout": 0}), ["OriginReadTimeout"])
            for origin in items(after["Origins"])
            for kind in _ORIGIN_KINDS
        ),
        (after["DefaultCacheBehavior"], _BEHAVIOR_REQUIRED_FOR_UPDATES),
    ]
    for value, names in rows:
        for name in names:
            if name not in value:
                raise _refusal("IllegalUpdate", f"{name} is required for updates.")


class Distribution:
    """One distribution: its configuration, and how far it has come on its way to the edges."""

    def __init__(self, account: str, config: Config) -> None:
        """Begin on the way: nothing serves it yet."""
        self.id = random_id()
        self.arn = f"arn:aws:cloudfront::{account}:distribution/{self.id}"
        self.domain_name = f"{random_id(uppercase=False)}.cloudfront.net"
        self.location = f"https://cloudfront.amazonaws.com/2020-05-31/distribution/{self.id}"
        self.last_modified_time = "2021-11-27T10:34:26.802Z"
        self.in_progress_invalidation_batches = 0
        self.active_trusted_signers = self.active_trusted_key_groups = dict(_NOBODY)
        self.listings_to_appear = LISTINGS_TO_APPEAR
        self.served: Config | None = None
        self.change(config)

    def change(self, config: Config) -> None:
        """Take another configuration, which goes on its way."""
        self.distribution_config, self.etag, self.looks_to_deploy = config, random_id(), LOOKS_TO_DEPLOY

    def look(self) -> None:
        """Let time pass: somebody looks."""
        if self.looks_to_deploy:
            self.looks_to_deploy -= 1
        if not self.looks_to_deploy:
            self.served = self.distribution_config

    @property
    def status(self) -> str:
        """The state, as the API has it."""
        return "InProgress" if self.looks_to_deploy else "Deployed"

    def __getattr__(self, name: str) -> t.Any:  # noqa: ANN401 -- JSON
        """Return a part of the configuration: a listing shows them beside the rest."""
        config = self.__dict__.get("distribution_config", {})
        if name in config:
            return config[name]
        raise AttributeError(name)


class Store(CloudFrontBackend):
    """moto's backend with distributions and origin access controls as CloudFront has them."""

    def __init__(self, region_name: str, account_id: str) -> None:
        """Begin with nothing, also with no caller reference ever used."""
        super().__init__(region_name, account_id)
        self.references: dict[str, str] = {}

    @property
    def _url_module(self) -> t.Any:  # noqa: ANN401 -- as moto, which looks for it beside the class
        return urls

    def _there(self, identifier: str) -> t.Any:  # noqa: ANN401 -- moto's own type is another
        found = self.distributions.get(identifier)
        if found is None:
            raise NoSuchDistribution
        return found

    def create_distribution_with_tags(self, distribution_config: Config, tags: list[dict[str, str]]) -> t.Any:  # noqa: ANN401 -- as moto
        """Make a distribution; a caller reference is good for one alone, also after that one is gone."""
        reference = distribution_config["CallerReference"]
        if reference in self.references:
            text = "The caller reference that you are using to create a distribution is associated with another "
            raise _refusal(
                "DistributionAlreadyExists", f"{text}distribution. Already exists: {self.references[reference]}"
            )
        check(distribution_config, self.origin_access_controls)
        self._check_aliases(distribution_config, None)
        made = Distribution(self.account_id, with_defaults(distribution_config))
        self.references[reference] = made.id
        self.distributions[made.id] = made  # type: ignore[assignment]
        self.tagger.tag_resource(made.arn, tags)
        return made, made.location, made.etag

    def _check_aliases(self, config: Config, own: str | None) -> None:
        for identifier, other in self.distributions.items():
            taken = set(items(config.get("Aliases"))) & set(items(other.distribution_config["Aliases"]))  # type: ignore[index]
            if identifier != own and taken:
                text = "One or more of the CNAMEs you provided are already associated with a different resource."
                raise _refusal("CNAMEAlreadyExists", text)

    def update_distribution(self, dist_config: Config, _id: str, if_match: t.Any) -> t.Any:  # noqa: ANN401 -- as moto
        """Replace the whole configuration."""
        found = self._there(_id)
        _check_version(if_match, found.etag)
        check_update(found.distribution_config, dist_config)
        check(dist_config, self.origin_access_controls)
        self._check_aliases(dist_config, _id)
        found.change(with_defaults(dist_config))
        return found, found.location, found.etag

    def get_distribution(self, distribution_id: str) -> t.Any:  # noqa: ANN401 -- as moto
        """Return a distribution."""
        found = self._there(distribution_id)
        found.look()
        return found, found.etag

    def get_distribution_config(self, distribution_id: str) -> t.Any:  # noqa: ANN401 -- as moto
        """Return a configuration."""
        found, etag = self.get_distribution(distribution_id)
        return found.distribution_config, etag

    def delete_distribution(self, distribution_id: str, if_match: t.Any) -> None:  # noqa: ANN401 -- as moto
        """Delete a distribution that is off, and off everywhere."""
        found = self._there(distribution_id)
        _check_version(if_match, found.etag)
        if found.distribution_config["Enabled"] or found.status != "Deployed":
            text = "The distribution you are trying to delete has not been disabled."
            raise _refusal("DistributionNotDisabled", text)
        del self.distributions[distribution_id]

    def list_distributions(self, *_args: t.Any, **_page: t.Any) -> t.Any:  # noqa: ANN401 -- as moto
        """Return the distributions, but for new ones."""
        shown = []
        for found in t.cast("Iterator[Distribution]", self.distributions.values()):
            found.look()
            if found.listings_to_appear:
                found.listings_to_appear -= 1
            else:
                shown.append(found)
        return shown, None

    def create_invalidation(self, dist_id: str, paths: list[str], caller_ref: str) -> Invalidation:
        """Let the edges forget some paths, at once."""
        made = Invalidation(self._there(dist_id), paths, caller_ref)
        self.invalidations.setdefault(dist_id, []).append(made)
        return made

    def create_origin_access_control(self, config_dict: dict[str, str]) -> OriginAccessControl:
        """Make an origin access control; its name is the only one of the account."""
        if config_dict["Name"] in [each.name for each in self.origin_access_controls.values()]:
            text = "An origin access control with the specified parameters already exists."
            raise _refusal("OriginAccessControlAlreadyExists", text)
        return super().create_origin_access_control(config_dict)

    def delete_origin_access_control_version(self, control_id: str, if_match: str | None) -> None:
        """Delete an origin access control that no distribution uses."""
        control = self.origin_access_controls.get(control_id)
        if control is None:
            raise NoSuchOriginAccessControl
        _check_version(if_match, control.etag)
        for found in self.distributions.values():
            origins = items(found.distribution_config["Origins"])  # type: ignore[index]
            if control_id in [origin.get("OriginAccessControlId") for origin in origins]:
                text = "Cannot delete the origin access control because it's in use by one or more distributions."
                raise _refusal("OriginAccessControlInUse", text)
        super().delete_origin_access_control(control_id)


def _check_version(given: object, etag: str) -> None:
    if not given:
        raise InvalidIfMatchVersion
    if given != etag:
        text = "The precondition in one or more of the request fields evaluated to false."
        raise _refusal("PreconditionFailed", text)


class Response(CloudFrontResponse):
    """moto's answers, where they leave out what a request says."""

    def delete_origin_access_control(self) -> ActionResult:
        """Pass on the version that the request names."""
        identifier, version = (self._get_param(name) for name in ("Id", "IfMatch"))
        t.cast("Store", self.backend).delete_origin_access_control_version(identifier, version)
        return EmptyResult()


def install(replace: Callable[[object, str, object], object] = setattr) -> None:
    """Let moto keep distributions in a Store; REPLACE sets an attribute, and may set it back later."""
    replace(cloudfront_backends, "backend", Store)
    replace(CloudFrontResponse, "delete_origin_access_control", Response.delete_origin_access_control)
