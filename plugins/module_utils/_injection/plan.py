# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run has to do so that pods are injected as asked for. PRIVATE: it may change without notice.

Pure: from what was asked for and what one look at the cluster has shown. A run looks again after what changes the plan,
such as a new authority, so that one that was cut off anywhere is planned in the same way.
"""

from __future__ import annotations

import hashlib
import json
import typing as t
from base64 import b64decode, b64encode
from dataclasses import dataclass

from ansible_collections.onprem.irsa.plugins.module_utils._injection import certificates
from ansible_collections.onprem.irsa.plugins.module_utils._injection.admission_policy import api, parameters
from ansible_collections.onprem.irsa.plugins.module_utils._injection.image import image
from ansible_collections.onprem.irsa.plugins.module_utils._injection.manifests import accounts
from ansible_collections.onprem.irsa.plugins.module_utils._injection.names import (
    AUTHORITY,
    CERTIFICATE,
    ISSUED_CERTIFICATE,
    NAME,
    PROBE,
    PROBE_ROLE,
    PULL_CREDENTIALS,
    SYSTEM_NAMESPACES,
)
from ansible_collections.onprem.irsa.plugins.module_utils._injection.observation import data_of
from ansible_collections.onprem.irsa.plugins.module_utils._injection.parts import (
    SECRET,
    TEMPLATELESS,
    WEBHOOK,
    part_of,
    wanted,
)
from ansible_collections.onprem.irsa.plugins.module_utils._injection.pod import Settings
from ansible_collections.onprem.irsa.plugins.module_utils._injection.workloads import is_rolled_out, superseded

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._injection.certificates import State
    from ansible_collections.onprem.irsa.plugins.module_utils._injection.foreign import ForeignWebhook
    from ansible_collections.onprem.irsa.plugins.module_utils._injection.observation import Observation
    from ansible_collections.onprem.irsa.plugins.module_utils._injection.options import Options

Json = dict[str, t.Any]

_LEVEL: t.Final = "pod-security.kubernetes.io/enforce"
_ALERT_RULES: t.Final = "onprem.irsa/alert-rules"
_STARTED_FOR: t.Final = "onprem.irsa/ca-sha256"
_NAMESPACE_KEY: t.Final = "kubernetes.io/metadata.name"


@dataclass(frozen=True)
class Trust:
    """The webhook's certificate, and by what API servers trust it."""

    certificate: State
    authority: str
    """The PEM of what has signed it."""
    ca_bundle: str
    both_bundles: str
    """Also with what API servers trust today."""
    must_suit_both: bool
    """Whether pods from before and new ones, which serve side by side for a while, need what suits both."""
    copies: t.Sequence[Json]
    """Secrets of the user's to copy: C(name), C(type), and C(namespace) and C(source), from where."""
    is_issued: bool
    """Whether cert-manager has issued what it was asked for last."""

    @property
    def is_due(self) -> bool:
        """Whether a certificate has to be made or copied before the webhook's other objects."""
        return self.certificate.new_authority or self.certificate.new_certificate or self.must_suit_both


@dataclass(frozen=True)
class PolicyPlan:
    """What the policy reads, and where it is in force."""

    version: str
    served: bool
    flags: t.Mapping[str, str]
    """That turn it on, where that takes some."""
    stands: bool
    """Whether the policy was there before."""
    data: t.Mapping[str, str]
    probe_role: str
    """Names the data: so a pod that is tried shows whether an API server reads this data or what it remembers."""
    system_expressions: t.Sequence[Json]
    """The namespaceSelector of the policy for the namespaces of the system, and below that of all others."""
    other_expressions: t.Sequence[Json]


@dataclass(frozen=True)
class Removal:
    """What of the role's own is no longer wanted, in this order."""

    called: t.Sequence[Json]
    """What API servers call."""
    others: t.Sequence[Json]


def is_ready(certificate: Json) -> bool:
    """Tell whether cert-manager has issued a Certificate as it stands: its status may be of an older one.

    An empty one, for none, is not.
    """
    conditions = (certificate.get("status") or {}).get("conditions") or []
    true = {
        condition["type"]: condition.get("observedGeneration", 0)
        for condition in conditions
        if condition["status"] == "True"
    }
    return bool(certificate) and "Issuing" not in true and true.get("Ready") == certificate["metadata"]["generation"]


def certificate_state(options: Options, seen: Observation) -> State:
    """Judge what pods serve, or will, by where it comes from."""
    live = _live_bundle(seen)

    def own() -> certificates.Plan:
        return certificates.plan(
            data_of(seen.secrets.get(AUTHORITY)),
            data_of(seen.secrets.get(CERTIFICATE)),
            live,
            host=options.host,
            days=options.certificate_days,
            now=seen.now,
            names=(AUTHORITY, CERTIFICATE),
        )

    def given(secret: Json | None, name: str) -> t.Callable[[], certificates.Plan]:
        return lambda: certificates.given(data_of(secret), live, host=options.host, now=seen.now, name=name)

    if options.tls == "own":
        return certificates.state(own, seen.now)
    if options.tls == "secret":
        return certificates.state(given(seen.given_secret, options.tls_secret), seen.now)
    issued = seen.secrets.get(ISSUED_CERTIFICATE)
    if issued is None:  # cert-manager is about to make it
        return certificates.State()
    return certificates.state(given(issued, ISSUED_CERTIFICATE), seen.now)


def served_secret(options: Options) -> str:
    """Return the name of the Secret that the webhook's pods serve."""
    return ISSUED_CERTIFICATE if options.tls == "cert-manager" else CERTIFICATE


def trust(options: Options, seen: Observation) -> Trust:
    """Plan the webhook's certificate, and what API servers trust."""
    state = certificate_state(options, seen)
    authority = _authority(options, seen)
    live = _text(_live_bundle(seen))
    called = bool(seen.live_webhooks)
    reviews = image(options.image, options.image_mirror).review_versions
    live_reviews = next((hook.get("admissionReviewVersions") or [] for hook in seen.live_webhooks), [])
    other_reviews = called and live_reviews != reviews and "v1" not in reviews
    both = f"{authority.strip()}\n" + "".join(state.kept)
    return Trust(
        certificate=state,
        authority=authority.strip(),
        ca_bundle=b64encode(authority.encode()).decode(),
        both_bundles=b64encode(both.encode()).decode(),
        must_suit_both=(called and authority.strip() not in live) or other_reviews,
        copies=_copies(options, seen),
        is_issued=is_ready(seen.issued) and ISSUED_CERTIFICATE in seen.secrets,
    )


def _live_bundle(seen: Observation) -> str:
    return next((str((hook.get("clientConfig") or {}).get("caBundle") or "") for hook in seen.live_webhooks), "")


def _authority(options: Options, seen: Observation) -> str:
    """Return the PEM of the authorities that have signed what is served; empty before there are any."""
    encoded = {
        "own": data_of(seen.secrets.get(AUTHORITY)).get("tls.crt"),
        "secret": data_of(seen.given_secret).get("ca.crt"),
        "cert-manager": data_of(seen.secrets.get(ISSUED_CERTIFICATE)).get("ca.crt"),
    }[options.tls]
    return _text(encoded or "")


def _text(encoded: str) -> str:
    """Return what somebody has stored as PEM; where it is none, that is said of the certificate."""
    return b64decode(encoded).decode(errors="replace")


def _copies(options: Options, seen: Observation) -> list[Json]:
    """Say which Secrets of the user's are not copied yet as they are: pods read those of their own namespace alone."""
    sources = {
        CERTIFICATE: (options.tls_secret if options.tls == "secret" else "", "kubernetes.io/tls", seen.given_secret),
        PULL_CREDENTIALS: (options.pull_secret, "kubernetes.io/dockerconfigjson", seen.pull_secret),
    }
    return [
        {"name": name, "type": kind, "namespace": source.partition("/")[0], "source": source.partition("/")[2]}
        for name, (source, kind, secret) in sources.items()
        if source and data_of(secret) != data_of(seen.secrets.get(name))
    ]


def policy(options: Options, seen: Observation) -> PolicyPlan:
    """Plan the policy; raises InputError where the cluster cannot have it, or the roles do not fit."""
    served = api(seen.apis, seen.minor)
    settings = Settings(options.audience, options.region)
    known = {} if options.told_of_roles else seen.parameters
    roles = accounts(seen.running.service_accounts, options.roles, settings)
    key = f"{options.namespace}.{PROBE}"
    data = {**parameters(roles, settings, known), key: PROBE_ROLE}
    digest = hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()
    role = f"{PROBE_ROLE}-{digest[:16]}"
    own = {options.namespace, *SYSTEM_NAMESPACES}
    others = [
        *SYSTEM_NAMESPACES,
        *(namespace for namespace in dict.fromkeys(options.excluded_namespaces) if namespace not in own),
    ]
    return PolicyPlan(
        version=served.version,
        served=served.served,
        flags=served.flags,
        stands=seen.stands,
        data={**data, key: role},
        probe_role=role,
        system_expressions=[
            _expression("In", SYSTEM_NAMESPACES),
            *([_expression("NotIn", options.excluded_namespaces)] if options.excluded_namespaces else []),
        ],
        other_expressions=[_expression("NotIn", others)],
    )


def _expression(operator: str, values: t.Iterable[str]) -> Json:
    return {"key": _NAMESPACE_KEY, "operator": operator, "values": list(values)}


def removal(options: Options, seen: Observation) -> Removal:
    """Say what to remove.

    An object without a part, of a release before that label, may still be wanted until each part that is wanted has
    objects of its own: making what is wanted gives them their labels.
    """
    parts = wanted(options)
    is_made = {*parts} <= {"namespace", *map(part_of, seen.owned)}

    def is_unwanted(owned: Json) -> bool:
        part = part_of(owned)
        if not part and owned["kind"] == SECRET.name:
            return False  # somebody else's
        return part not in parts if part else is_made

    unwanted = [owned for owned in seen.owned if is_unwanted(owned) and (options.injects or not _is_namespaced(owned))]
    if seen.is_own_namespace and not options.injects:
        unwanted.append(t.cast("Json", seen.namespace))  # with all that is in it
    stubs = [_stub(removed) for removed in [*unwanted, *(seen.adopted if options.injects else ())]]
    called = [stub for stub in stubs if stub["kind"] == WEBHOOK.name]
    return Removal(called, [stub for stub in stubs if stub["kind"] != WEBHOOK.name])


def adopted_left(options: Options, seen: Observation) -> list[str]:
    """Say of each webhook whose place is taken what stays of it, and who removes that."""
    return [_left_of(webhook) for webhook in seen.foreign] if options.adopt and options.injects else []


def _left_of(webhook: ForeignWebhook) -> str:
    if webhook.release:
        return (
            f"What else its Helm release {webhook.release} has made stays. Remove it with `helm uninstall "
            f"{webhook.release}`."
        )
    where = webhook.namespace or "its namespace"
    return (
        f"What else was made for {webhook.name} stays, such as service accounts, roles and certificates in {where}. "
        "Remove it with the manifests that made it."
    )


def _is_namespaced(manifest: Json) -> bool:
    return "namespace" in manifest["metadata"]


def _stub(manifest: Json) -> Json:
    """Return what names an object."""
    metadata = {name: manifest["metadata"][name] for name in ("name", "namespace") if name in manifest["metadata"]}
    return {"apiVersion": manifest["apiVersion"], "kind": manifest["kind"], "metadata": metadata}


def plan(options: Options, seen: Observation, *, checks: bool = False) -> Json:
    """Return the plan as the role's tasks and templates take it.

    CHECKS is whether the run changes nothing. Raises InputError as C(policy) does.
    """
    metadata = (seen.namespace or {}).get("metadata") or {}
    privileged = options.mode == "webhook" and options.host_network
    was_privileged = (metadata.get("labels") or {}).get(_LEVEL) == "privileged"
    unwanted = removal(options, seen)
    of_mode = _webhook(options, seen) if options.mode == "webhook" else {}
    of_mode |= _policy(options, seen) if options.mode == "policy" else {}
    comparable = bool(of_mode.pop("is_comparable", False))
    would_make = of_mode.pop("would_make", [])
    parts = [part for part in wanted(options) if part not in TEMPLATELESS]
    return {
        "mode": options.mode,
        # In check mode nothing can be tried in a namespace that is not there yet.
        "is_fresh": checks and seen.namespace is None,
        "namespace_is_own": seen.is_own_namespace,
        # Also until what injects pods today, in the network of its hosts, is no longer needed.
        "namespace_level": "privileged" if privileged or was_privileged else "restricted",
        "must_restrict": was_privileged and not privileged,
        "alert_rules_before": str((metadata.get("annotations") or {}).get(_ALERT_RULES) or ""),
        "alert_rules_path": options.alert_rules_path if options.injects else "",
        "foreign": [webhook._asdict() for webhook in seen.foreign],
        "parts": parts,
        "removes_called": list(unwanted.called),
        "removes": list(unwanted.others),
        "removes_namespace": seen.is_own_namespace and not options.injects,
        "adopted_left": adopted_left(options, seen),
        "would_make": [*would_make, *(parts if seen.namespace is None else [])],
        "is_comparable": seen.is_own_namespace and comparable,
        **of_mode,
    }


def _policy(options: Options, seen: Observation) -> Json:
    planned = policy(options, seen)
    return {
        "policy": vars(planned),
        "probe_role": planned.probe_role,
        "image": image(options.image, options.image_mirror)._asdict(),
        "is_comparable": planned.served,
        "would_make": [] if planned.served else ["policy"],
    }


def _webhook(options: Options, seen: Observation) -> Json:
    trusted, runs = trust(options, seen), image(options.image, options.image_mirror)
    excluded = [options.namespace, *options.excluded_namespaces]
    days = options.certificate_days
    new = f"a certificate for {options.host}, valid for {days} days"
    is_issued = options.tls != "cert-manager" or trusted.is_issued
    state = trusted.certificate._asdict()
    return {
        "image": runs._asdict(),
        "probe_role": PROBE_ROLE,
        "certificate": state if state["expires"] else {**state, "days_left": days},
        "certificate_is_due": trusted.is_due,
        "certificate_is_issued": is_issued,
        # As cert-manager writes them; a certificate is renewed when a third of its life is left.
        "issued": {
            "authority_duration": f"{10 * 24 * days}h0m0s",
            "duration": f"{24 * days}h0m0s",
            "renew_before": f"{8 * days}h0m0s",
        },
        "authority": trusted.authority,
        "authority_sha256": _started_for(seen, trusted),
        "ca_bundle": trusted.ca_bundle,
        "both_bundles": trusted.both_bundles,
        "must_suit_both": trusted.must_suit_both,
        "copies": list(trusted.copies),
        "is_called": bool(seen.live_webhooks),
        "live_webhooks": seen.live_webhooks,
        "served_secret": served_secret(options),
        "excluded": excluded,
        "excluded_strictly": list(dict.fromkeys([*excluded, *SYSTEM_NAMESPACES])),
        # In the network of its host a pod waits until the one before it has ended.
        "minutes": 3 + (2 * options.replicas if options.host_network else 0),
        "lookup_grace_ms": min(2000, 500 * options.timeout),
        "is_settled": _is_settled(options, seen),
        "hint": _hint(seen, runs.reference),
        "not_issued": "" if is_issued else _not_issued(options, seen),
        # Before there is what pods serve, the rest would be compared with what it will not be.
        "is_comparable": is_issued and not trusted.is_due and not trusted.copies,
        "would_make": [new] if trusted.is_due or not is_issued else [copy["name"] for copy in trusted.copies],
    }


def _started_for(seen: Observation, trusted: Trust) -> str:
    """Return the digest of the authority for which the pods are started, in their template; empty for none.

    Another one restarts them. Where API servers trust the authority alone, no pod has to be restarted for it, and what
    the template says stays: files that others apply do not know the authority.
    """
    if seen.deployment and seen.live_webhooks and trusted.certificate.trusted:
        metadata = seen.deployment["spec"]["template"].get("metadata") or {}
        return str((metadata.get("annotations") or {}).get(_STARTED_FOR) or "")
    return hashlib.sha256(trusted.authority.encode()).hexdigest()


def _hint(seen: Observation, reference: str) -> str:
    """Say what it means that the webhook's pods do not come up, and what may help."""
    still = "still call the pods from before" if seen.live_webhooks else "do not call it yet"
    return (
        f"API servers {still}. Where nodes cannot pull the image {reference}, set irsa_webhook_image or "
        "irsa_webhook_image_mirror."
    )


def _not_issued(options: Options, seen: Observation) -> str:
    """Say why cert-manager has not issued what it was asked for."""
    conditions = [
        condition for asked in seen.asked for condition in (asked.get("status") or {}).get("conditions") or []
    ]
    words = dict.fromkeys(
        condition["message"] for condition in conditions if condition["status"] == "False" and condition.get("message")
    )
    why = "; ".join(words) or "it has not taken notice of what it was asked for, and so seems not to run"
    still = "still call the webhook as it was" if seen.live_webhooks else "do not call the webhook yet"
    return (
        f"cert-manager has not issued the webhook's certificate within two minutes: {why}. API servers {still}. Look "
        f"at the pods of cert-manager, and at `kubectl --namespace {options.namespace} describe "
        "issuers,certificates,certificaterequests`; then run again. Or leave irsa_webhook_tls at its default."
    )


def _is_settled(options: Options, seen: Observation) -> bool:
    """Tell whether every pod of the webhook is of its template and ready, and none from before answers."""
    pods = [
        pod
        for pod in seen.running.pods
        if pod["metadata"]["namespace"] == options.namespace
        and (pod["metadata"].get("labels") or {}).get("app.kubernetes.io/name") == NAME
    ]
    return bool(seen.deployment) and is_rolled_out(seen.deployment) and not superseded(pods)


__all__: t.Final = (
    "PolicyPlan",
    "Removal",
    "Trust",
    "adopted_left",
    "certificate_state",
    "is_ready",
    "plan",
    "policy",
    "removal",
    "served_secret",
    "trust",
)
