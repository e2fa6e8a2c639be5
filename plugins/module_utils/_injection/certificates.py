# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""When the webhook's certificates have to be made again. PRIVATE to the collection: it may change without notice.

What has to be done follows from what the cluster has: the Secrets of authority and certificate, and the C(caBundle) by
which API servers judge the webhook. So a run that was cut off anywhere is planned again, and at every moment API
servers trust both the certificate that is served and the one that will be.
"""

from __future__ import annotations

import re
import typing as t
from base64 import b64decode
from datetime import datetime, timedelta
from ipaddress import IPv4Network, IPv6Network

from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError

try:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
    from cryptography.x509.oid import ExtendedKeyUsageOID
except ImportError as error:
    IMPORT_ERROR: ImportError | None = error
else:
    IMPORT_ERROR = None

Data = t.Mapping[str, str]
"""The C(data) of a Secret: base64 by key; empty when there is no such Secret."""
Chain = list["x509.Certificate"]
"""Certificates, each of which the next one has signed."""


class Plan(t.NamedTuple):
    """What has to be done, and what there is; a C(datetime) is None where there is nothing."""

    new_authority: bool
    new_certificate: bool
    kept: list[str]
    """The other authorities, as PEM, that API servers trust today and that are still valid."""
    trusted: bool
    """Whether API servers trust the authority that signs, and it alone."""
    expires: datetime | None
    authority_expires: datetime | None
    lifetime: timedelta | None = None
    """From the beginning of the certificate's validity to its end."""


class Pair(t.NamedTuple):
    """A certificate, the intermediate ones served with it and the authorities that were given, all as read."""

    certificate: x509.Certificate
    intermediates: list[x509.Certificate]
    authorities: list[x509.Certificate]


class Served(t.NamedTuple):
    """A certificate as pods serve it, and the authority by which API servers trust it."""

    named: bool
    """Whether it is for the name by which API servers call."""
    life: tuple[datetime, datetime]
    authority_life: tuple[datetime, datetime] | None
    """None where they trust no authority that has signed it."""


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


def _public_key(key: t.Any) -> bytes:  # noqa: ANN401 -- one of cryptography's many key types
    encoded: bytes = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return encoded


def _certificates(encoded: str) -> list[x509.Certificate]:
    """Read certificates, base64 of PEM, and their extensions; raise ValueError where one of them cannot be read."""
    found = x509.load_pem_x509_certificates(b64decode(encoded))
    for certificate in found:
        _extensions = certificate.extensions  # they are read when they are asked for
    return found


def read_pair(data: Data, name: str, fix: str) -> Pair:
    """Read the Secret NAME of the type C(kubernetes.io/tls); raise InputError when its key is not the certificate's."""
    try:
        certificate, *intermediates = _certificates(data["tls.crt"])
        key = load_pem_private_key(b64decode(data["tls.key"]), password=None)
        authorities = _certificates(data["ca.crt"]) if data.get("ca.crt") else []
        is_pair = _public_key(certificate.public_key()) == _public_key(key.public_key())
    except KeyError as error:
        raise InputError(f"The Secret {name} has no {error}.", fix=fix) from error
    except (TypeError, ValueError, UnsupportedAlgorithm) as error:
        raise InputError(f"The Secret {name} holds no PEM certificate with a plain key.", fix=fix) from error
    if not is_pair:
        raise InputError(f"The Secret {name} holds a certificate (tls.crt) and another's key (tls.key).", fix=fix)
    return Pair(certificate, intermediates, authorities)


def read_bundle(bundle: str) -> list[x509.Certificate]:
    """Read a C(caBundle), base64 of PEM; what cannot be read is trusted by nobody, and so is nothing to keep."""
    try:
        return _certificates(bundle) if bundle else []
    except ValueError:
        return []


def _signed(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    """Tell whether an authority has signed a certificate, by an algorithm that crypto/x509 of Go takes."""
    try:
        certificate.verify_directly_issued_by(authority)
        algorithm = certificate.signature_hash_algorithm  # None for Ed25519
    except (InvalidSignature, TypeError, UnsupportedAlgorithm, ValueError):
        return False
    return algorithm is None or isinstance(algorithm, (hashes.SHA256, hashes.SHA384, hashes.SHA512))


def _chains(certificate: x509.Certificate, intermediates: Chain, authorities: Chain) -> t.Iterator[Chain]:
    """Find the ways from a certificate to an authority by signatures alone."""
    for authority in authorities:
        if _signed(certificate, authority):
            yield [certificate, authority]
    for issuer in intermediates:
        if _signed(certificate, issuer):
            others = [intermediate for intermediate in intermediates if intermediate != issuer]
            yield from ([certificate, *chain] for chain in _chains(issuer, others, authorities))


Extension = t.TypeVar("Extension", bound="x509.ExtensionType")


def _extension(certificate: x509.Certificate, kind: type[Extension]) -> Extension | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _may_sign(issuer: x509.Certificate, below: int) -> bool:
    """Tell whether a certificate may sign others, with so many intermediate ones below it.

    RFC 5280, 4.2.1.9 and 4.2.1.3: where it says what its key is for, that includes certificates.
    """
    constraints, usage = _extension(issuer, x509.BasicConstraints), _extension(issuer, x509.KeyUsage)
    if constraints is None or not constraints.ca or (usage is not None and not usage.key_cert_sign):
        return False
    return constraints.path_length is None or constraints.path_length >= below


def _is_within(name: str, tree: str) -> bool:
    """Tell whether a DNS name is a constraint's or below it: RFC 5280, 4.2.1.10; a dot in front is for those below."""
    return not tree or name == tree or name.endswith(f".{tree.removeprefix('.')}")


def _matches(name: x509.GeneralName, constraint: x509.GeneralName, *, excludes: bool) -> bool:
    """Tell whether a constraint is about a name of its kind; one that excludes, also what a wildcard may stand for."""
    if isinstance(name, x509.IPAddress):
        network = constraint.value
        return isinstance(network, (IPv4Network, IPv6Network)) and name.value in network
    wanted, tree = name.value.lower(), constraint.value.lower()
    stands_for = excludes and wanted.startswith("*.") and tree.partition(".")[2] == wanted[2:]
    return _is_within(wanted, tree) or stands_for


def _forbids(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    """Tell whether an authority may not sign for a DNS name or an IP address of a certificate below it."""
    constraints = _extension(issuer, x509.NameConstraints)
    if constraints is None:
        return False
    for name in _extension(certificate, x509.SubjectAlternativeName) or ():
        if not isinstance(name, (x509.DNSName, x509.IPAddress)):
            continue
        permitted = [tree for tree in constraints.permitted_subtrees or () if isinstance(tree, type(name))]
        excluded = [tree for tree in constraints.excluded_subtrees or () if isinstance(tree, type(name))]
        if permitted and not any(_matches(name, tree, excludes=False) for tree in permitted):
            return True
        if any(_matches(name, tree, excludes=True) for tree in excluded):
            return True
    return False


def _is_unknown(certificate: x509.Certificate) -> bool:
    """Tell whether a certificate has a critical extension that crypto/x509 of Go does not handle."""
    critical = [extension.value for extension in certificate.extensions if extension.critical]
    trees = [
        tree
        for constraint in critical
        if isinstance(constraint, x509.NameConstraints)
        for tree in [*(constraint.permitted_subtrees or ()), *(constraint.excluded_subtrees or ())]
    ]
    handled = (x509.DNSName, x509.IPAddress, x509.RFC822Name, x509.UniformResourceIdentifier)
    return any(isinstance(extension, x509.UnrecognizedExtension) for extension in critical) or not all(
        isinstance(tree, handled) for tree in trees
    )


def _fault(chain: Chain) -> str:
    """Say why API servers refuse a chain whose signatures are right, as what follows a name; empty for nothing."""
    if not all(map(_serves, chain)):
        return ", or what signed it, is for other uses than serverAuth"
    if any(map(_is_unknown, chain)):
        return ", or what signed it, has a critical extension that API servers do not know"
    below = [
        (issuer, certificate)
        for number, issuer in enumerate(chain)
        for certificate in chain[:number]
        if certificate != issuer
    ]
    if any(_forbids(issuer, certificate) for issuer, certificate in below):
        return " has a name for which its authority may not sign (name constraints)"
    return ""


def _chain(
    certificate: x509.Certificate, intermediates: Chain, authorities: Chain, now: datetime | None = None
) -> Chain | None:
    """Return the way to an authority that API servers take (NOW) and that is valid for the longest, or None.

    A certificate that is trusted itself need not be one that may sign: crypto/x509 of Go, which API servers use.
    """
    if certificate in authorities:
        return [certificate, certificate]
    chains = [
        chain
        for chain in _chains(certificate, intermediates, authorities)
        if all(_may_sign(issuer, below) for below, issuer in enumerate(chain[1:]))
    ]

    def rank(chain: Chain) -> tuple[bool, bool, datetime, datetime]:
        begin, end = _life(chain)
        return not _fault(chain), now is None or begin <= now, end, _end(chain[-1:])

    return max(chains, key=rank, default=None)


def _end(chain: Chain) -> datetime:
    return min(certificate.not_valid_after_utc for certificate in chain)


# Labels of a name as crypto/x509 of Go takes them (verify.go, validHostname): also with an underscore.
_LABEL = re.compile(r"[a-z0-9_][a-z0-9_-]*")


def _is_for(pattern: str, host: str) -> bool:
    """Tell whether a DNS name of a certificate is that of a host: RFC 6125, 6.4, as crypto/x509 of Go judges it.

    Case does not count. A star stands for one whole label, the first, of several. A name that is no pattern, such as
    one that ends in a dot, is compared whole.
    """
    wanted, name = host.lower().removesuffix("."), pattern.lower()
    first, *rest = name.split(".")
    labels = rest if first == "*" and rest else [first, *rest]
    if not all(map(_LABEL.fullmatch, labels)):
        return name == host.lower()
    return name == wanted or (first == "*" and rest == wanted.split(".")[1:])


def _named(certificate: x509.Certificate, host: str) -> bool:
    """Tell whether a certificate is for a host: by its alternative names alone, not by its common name."""
    names = _extension(certificate, x509.SubjectAlternativeName)
    return names is not None and any(_is_for(name, host) for name in names.get_values_for_type(x509.DNSName))


def _serves(certificate: x509.Certificate) -> bool:
    """Tell whether a certificate may be used by a server: RFC 5280, 4.2.1.12, where it says what it is for."""
    usages = _extension(certificate, x509.ExtendedKeyUsage)
    wanted = {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
    return usages is None or not wanted.isdisjoint(usages)


def _lifetime(certificate: x509.Certificate) -> timedelta:
    return certificate.not_valid_after_utc - certificate.not_valid_before_utc


def _fresh(certificate: x509.Certificate, now: datetime) -> bool:
    """Tell whether a third of the certificate's life is left."""
    left = certificate.not_valid_after_utc - now
    return certificate.not_valid_before_utc <= now and 3 * left >= _lifetime(certificate)


def _usable_leaf(
    data: Data, name: str, authority: x509.Certificate, host: str, now: datetime
) -> x509.Certificate | None:
    try:
        leaf = read_pair(data, name, "").certificate
    except InputError:
        return None  # it is made again: nothing is lost with it
    return leaf if _signed(leaf, authority) and _named(leaf, host) and _fresh(leaf, now) else None


def plan(  # noqa: PLR0913 -- what there is, and what is wanted
    authority: Data, certificate: Data, bundle: str, *, host: str, days: int, now: datetime, names: tuple[str, str]
) -> Plan:
    """Plan the certificates below an authority of the role's own.

    AUTHORITY and CERTIFICATE are the data of the Secrets NAMES, BUNDLE is the C(caBundle) that API servers have, or
    empty. A certificate for HOST lives DAYS. An authority that would not outlive a certificate signed at NOW is
    replaced. Raises InputError when the authority's key is not its certificate's: nobody else could have signed.
    """
    trusted = read_bundle(bundle)
    valid = [authority for authority in trusted if authority.not_valid_after_utc > now]
    if not authority:
        return Plan(True, True, [_pem(authority) for authority in valid], False, None, None)
    fix = (
        f"Put the right key back, or remove the Secret (kubectl delete secret {names[0]}): a run then makes a new one."
    )
    signer = read_pair(authority, names[0], fix).certificate
    if signer.not_valid_after_utc < now + timedelta(days=days) or signer.not_valid_before_utc > now:
        return Plan(True, True, [_pem(authority) for authority in valid], False, None, None)
    leaf = _usable_leaf(certificate, names[1], signer, host, now)
    return Plan(
        new_authority=False,
        new_certificate=leaf is None,
        kept=[_pem(authority) for authority in valid if authority != signer],
        trusted=trusted == [signer],
        expires=None if leaf is None else leaf.not_valid_after_utc,
        authority_expires=signer.not_valid_after_utc,
        lifetime=None if leaf is None else _lifetime(leaf),
    )


def given(certificate: Data, bundle: str, *, host: str, now: datetime, name: str) -> Plan:
    """Judge a Secret that was given; raise InputError for one that API servers would refuse.

    It is to hold C(tls.crt), C(tls.key) and in C(ca.crt) the authorities, one of which signed the certificate or the
    last of the intermediate ones that follow it in C(tls.crt).
    """
    fix = (
        f"Give a kubernetes.io/tls Secret with tls.crt for {host}, its tls.key, and ca.crt, which signed it or the "
        "intermediate certificates that follow it in tls.crt."
    )
    leaf, intermediates, authorities = read_pair(certificate, name, fix)
    if not authorities:
        raise InputError(f"The Secret {name} has no ca.crt, by which API servers judge the webhook.", fix=fix)
    chain = _chain(leaf, intermediates, authorities, now)
    if chain is None:
        raise InputError(f"The certificate in the Secret {name} is not signed by its ca.crt.", fix=fix)
    if not _named(leaf, host):
        raise InputError(f"The certificate in the Secret {name} is not for {host}.", fix=fix)
    fault = _fault(chain)
    if fault:
        raise InputError(f"The certificate in the Secret {name}{fault}.", fix=fix)
    begin, end = _life(chain)
    if not begin <= now <= end:
        raise InputError(f"The certificate in the Secret {name} is not valid now, {now:%Y-%m-%d}.", fix=fix)
    trusted = read_bundle(bundle)
    return Plan(
        new_authority=False,
        new_certificate=False,
        kept=[
            _pem(authority)
            for authority in trusted
            if authority not in authorities and authority.not_valid_after_utc > now
        ],
        trusted=trusted == authorities,
        expires=end,
        authority_expires=_end(chain[-1:]),
        lifetime=_lifetime(leaf),
    )


def served(certificate: str, bundle: str, host: str) -> Served | None:
    """Look at a C(tls.crt) as API servers do, which have BUNDLE and call HOST; None where it holds no certificate.

    Its key is not looked at. Of several ways to an authority the one that is valid for the longest counts.
    """
    certificates = read_bundle(certificate)
    if not certificates:
        return None
    leaf, *intermediates = certificates
    chain = _chain(leaf, intermediates, read_bundle(bundle))
    if chain is None or _fault(chain):
        return Served(_named(leaf, host), _life([leaf]), None)
    return Served(_named(leaf, host), _life(chain[:-1]), _life(chain[-1:]))


def _life(certificates: Chain) -> tuple[datetime, datetime]:
    """Return from when on and until when all of them are valid."""
    return max(certificate.not_valid_before_utc for certificate in certificates), _end(certificates)


class State(t.NamedTuple):
    """A certificate plan with texts and numbers in place of times, as it may leave the controller: without keys."""

    new_authority: bool = False
    new_certificate: bool = False
    kept: t.Sequence[str] = ()
    trusted: bool = True
    problem: str = ""
    """Why nothing can be planned; empty where it can."""
    expires: str = ""
    """In UTC, as ISO 8601; empty where there is no certificate. So is C(authority_expires)."""
    authority_expires: str = ""
    days_left: int = 0
    timestamp: int = 0
    """The end of the certificate in seconds since 1970."""
    lifetime: int = 0
    """Seconds."""


def state(made: t.Callable[[], Plan], now: datetime) -> State:
    """Return what a planning function says at NOW, or its problem."""
    if IMPORT_ERROR is not None:
        return State(problem="The controller's Python lacks cryptography. Install version 42 or newer.")
    try:
        planned = made()
    except InputError as error:
        return State(problem=str(error))
    return State(
        new_authority=planned.new_authority,
        new_certificate=planned.new_certificate,
        kept=planned.kept,
        trusted=planned.trusted,
        expires=_text(planned.expires),
        authority_expires=_text(planned.authority_expires),
        days_left=0 if planned.expires is None else (planned.expires - now).days,
        timestamp=0 if planned.expires is None else int(planned.expires.timestamp()),
        lifetime=0 if planned.lifetime is None else int(planned.lifetime.total_seconds()),
    )


def _text(when: datetime | None) -> str:
    return "" if when is None else f"{when:%Y-%m-%dT%H:%M:%SZ}"


__all__: t.Final = (
    "IMPORT_ERROR",
    "Plan",
    "Served",
    "State",
    "given",
    "plan",
    "read_bundle",
    "read_pair",
    "served",
    "state",
)
