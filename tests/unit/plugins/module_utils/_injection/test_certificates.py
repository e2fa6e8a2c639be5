# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import itertools
import typing as t
from base64 import b64encode
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given as given_values
from hypothesis import settings
from hypothesis import strategies as st

from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._injection import certificates
from ansible_collections.onprem.irsa.plugins.module_utils._injection.certificates import (
    Plan,
    Served,
    State,
    _named,
    given,
    plan,
    read_bundle,
    read_pair,
    served,
    state,
)

from ...some_certificates import HOST, NOW, authority, encoded, leaf, pem, secret
from ...some_keys import ec_key

Data = dict[str, str]
Hash = hashes.SHA224 | hashes.SHA256
NAMES = ("ca", "tls")


def planned(ca: Data, tls: Data, bundle: str = "", *, now: datetime = NOW, days: int = 365) -> Plan:
    return plan(ca, tls, bundle, host=HOST, days=days, now=now, names=NAMES)


CA = secret(authority(), 1)
TLS = secret(leaf(), 11)


def test_a_cluster_with_nothing() -> None:
    assert planned({}, {}) == Plan(True, True, [], False, None, None)


def test_nothing_to_do() -> None:
    found = planned(CA, TLS, encoded(authority()))
    assert (found.new_authority, found.new_certificate, found.kept, found.trusted) == (False, False, [], True)
    assert found.expires == NOW + timedelta(days=365)
    assert found.authority_expires == NOW + timedelta(days=3650)


@pytest.mark.parametrize(("day", "new"), [(0, False), (243, False), (244, True), (364, True), (366, True)])
def test_a_certificate_is_renewed_when_less_than_a_third_of_its_life_is_left(day: int, new: bool) -> None:
    now = NOW + timedelta(days=day)
    found = planned(CA, TLS, encoded(authority()), now=now)
    assert (found.new_authority, found.new_certificate) == (False, new)
    assert (found.expires is None) == new


@pytest.mark.parametrize(("day", "new"), [(3650 - 366, False), (3650 - 364, True)])
def test_an_authority_outlives_what_it_signs(day: int, new: bool) -> None:
    now = NOW + timedelta(days=day)
    tls = secret(leaf(begin=now), 11)
    assert planned(CA, tls, encoded(authority()), now=now).new_authority is new


@pytest.mark.parametrize(
    "tls",
    [
        {},
        {"tls.crt": "", "tls.key": ""},
        {"tls.crt": "bm8gUEVN", "tls.key": "bm8gUEVN"},
        secret(leaf(signer=2), 11),
        secret(leaf(), 12),
        secret(leaf(host="other.svc"), 11),
        secret(leaf(host=""), 11),
        secret(leaf(begin=NOW + timedelta(days=1)), 11),
    ],
)
def test_a_certificate_that_does_not_do_is_made_anew(tls: Data) -> None:
    found = planned(CA, tls, encoded(authority()))
    assert (found.new_authority, found.new_certificate) == (False, True)


@pytest.mark.parametrize(
    ("ca", "says"),
    [
        (secret(authority(), 2), "another's key"),
        ({"tls.crt": CA["tls.crt"]}, "has no 'tls.key'"),
        ({"tls.crt": "bm8gUEVN", "tls.key": CA["tls.key"]}, "no PEM certificate"),
    ],
)
def test_an_authority_that_does_not_match_its_key_is_refused(ca: Data, says: str) -> None:
    with pytest.raises(InputError, match=says) as refused:
        planned(ca, TLS)
    assert "kubectl delete secret ca" in str(refused.value)


def test_what_is_trusted_is_kept_while_it_is_valid() -> None:
    expired = authority(3, begin=NOW - timedelta(days=9), days=8)
    found = planned({}, {}, encoded(authority(2), expired))
    assert found.kept == [pem(authority(2))]
    found = planned(CA, TLS, encoded(authority(2), authority()))
    assert (found.kept, found.trusted) == ([pem(authority(2))], False)


@pytest.mark.parametrize("bundle", ["", "bm8gUEVN"])
def test_a_bundle_that_cannot_be_read_keeps_nothing(bundle: str) -> None:
    assert read_bundle(bundle) == []
    assert planned(CA, TLS, bundle).trusted is False


def test_a_given_certificate() -> None:
    tls = secret(leaf(), 11, authority())
    found = given(tls, encoded(authority(2)), host=HOST, now=NOW, name="given")
    assert (found.new_authority, found.new_certificate, found.kept) == (False, False, [pem(authority(2))])
    assert found.expires == NOW + timedelta(days=365)
    assert given(tls, encoded(authority()), host=HOST, now=NOW, name="given").trusted


@pytest.mark.parametrize(
    ("tls", "says"),
    [
        (secret(leaf(), 12, authority()), "another's key"),
        (secret(leaf(), 11), "has no ca.crt"),
        (secret(leaf(), 11, authority(2)), "not signed"),
        (secret(leaf(host="other"), 11, authority()), "not for"),
        (secret(leaf(days=0.5, begin=NOW - timedelta(days=1)), 11, authority()), "not valid now"),
    ],
)
def test_a_given_certificate_that_api_servers_would_refuse(tls: Data, says: str) -> None:
    with pytest.raises(InputError, match=says) as refused:
        given(tls, "", host=HOST, now=NOW, name="given")
    assert "The " in refused.value.problem
    assert "given" in refused.value.problem
    assert HOST in refused.value.fix


class Cluster:
    """A cluster as the role's tasks change it: each step is one write, between which the run may end."""

    def __init__(self) -> None:
        self.ca: Data = {}
        self.tls: Data = {}
        self.bundle = ""
        self.pods: list[Data] = []
        self.rolled_for = ""
        self.serial = itertools.count(1)

    def served(self) -> list[x509.Certificate]:
        """What API servers may meet: every pod reads the Secret at some time after it was written."""
        found = [read_pair(data, "", "").certificate for data in [*self.pods, self.tls] if data]
        return found if self.bundle else []

    def run(self, now: datetime) -> t.Iterator[str]:
        todo = planned(self.ca, self.tls, self.bundle, now=now, days=30)
        if todo.new_authority:
            key = next(self.serial)
            self.ca = secret(authority(key, begin=now, days=300), key)
            yield "authority"
        signer = read_pair(self.ca, "", "").certificate
        if self.bundle and pem(signer) not in map(pem, read_bundle(self.bundle)):
            self.bundle = encoded(*read_bundle(encoded(signer)), *map(from_pem, todo.kept))
            yield "both trusted"
        if todo.new_certificate:
            key = signer.serial_number - 1000
            made = next(self.serial)
            self.tls = secret(leaf(key, made, begin=now, days=30), made)
            yield "certificate"
        if self.rolled_for != pem(signer) or not self.pods:
            for number in range(2):
                self.pods = [*self.pods[1:], self.tls] if len(self.pods) == 2 else [*self.pods, self.tls]
                yield f"pod {number}"
            self.rolled_for = pem(signer)
        self.bundle = encoded(signer)
        yield "one trusted"


def from_pem(text: str) -> x509.Certificate:
    return read_bundle(b64encode(text.encode()).decode())[0]


@settings(max_examples=60, deadline=None)
@given_values(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 6)), min_size=1, max_size=40))
def test_whatever_is_served_is_trusted_at_every_moment(runs: list[tuple[int, int]]) -> None:
    """Runs some days apart, each cut off after some writes: no admission fails."""
    cluster, now = Cluster(), NOW
    for days, writes in runs:
        now += timedelta(days=days)
        for _step in itertools.islice(cluster.run(now), writes):
            trusted = read_bundle(cluster.bundle)
            for certificate in cluster.served():
                assert any(is_signed(certificate, authority) for authority in trusted), _step
    for _step in cluster.run(now):
        pass
    assert len(read_bundle(cluster.bundle)) == 1
    assert planned(cluster.ca, cluster.tls, cluster.bundle, now=now, days=30).trusted


def is_signed(certificate: x509.Certificate, signer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(signer)
    except (InvalidSignature, TypeError, ValueError):
        return False
    return True


def test_a_certificate_below_an_intermediate_one() -> None:
    middle, other = authority(2, signer=1, days=100), authority(3)
    tls = {**secret(leaf(2), 11, authority()), "tls.crt": encoded(leaf(2), other, middle)}
    found = given(tls, encoded(authority()), host=HOST, now=NOW, name="given")
    assert found.trusted
    assert found.expires == NOW + timedelta(days=100)  # what ends first
    with pytest.raises(InputError, match="not valid now"):
        given(tls, "", host=HOST, now=NOW + timedelta(days=101), name="given")
    looked = served(tls["tls.crt"], encoded(authority()), HOST)
    assert looked is not None
    assert looked.life == (NOW, NOW + timedelta(days=100))
    assert looked.authority_life == (NOW, NOW + timedelta(days=3650))
    assert served(encoded(leaf(2), other), encoded(authority()), HOST) == Served(
        named=True, life=(NOW, NOW + timedelta(days=365)), authority_life=None
    )


@pytest.mark.parametrize(
    ("middle", "root", "day", "says"),
    [
        (leaf(key=2), authority(), 0, "not signed by its"),  # no authority
        (authority(2, signer=1), authority(days=90), 91, "not valid now"),
    ],
)
def test_a_chain_that_api_servers_refuse(middle: x509.Certificate, root: x509.Certificate, day: int, says: str) -> None:
    tls = {**secret(leaf(2), 11, root), "tls.crt": encoded(leaf(2), middle)}
    with pytest.raises(InputError, match=says):
        given(tls, "", host=HOST, now=NOW + timedelta(days=day), name="given")


def test_a_certificate_that_is_trusted_itself() -> None:
    own = leaf(signer=11)  # no authority
    tls = {**secret(own, 11, own)}
    found = given(tls, encoded(own), host=HOST, now=NOW, name="given")
    assert (found.trusted, found.expires, found.authority_expires) == (True, *(NOW + timedelta(days=365),) * 2)


def test_an_authority_for_certificates_alone_has_no_intermediate_ones() -> None:
    low = authority(4, signer=1)  # its path length is 0
    tls = {**secret(leaf(2), 11, low), "tls.crt": encoded(leaf(2), authority(2, signer=4))}
    with pytest.raises(InputError, match="not signed by its"):
        given(tls, "", host=HOST, now=NOW, name="given")


def test_authorities_that_sign_each_other_end() -> None:
    circle = {
        **secret(leaf(2), 11, authority()),
        "tls.crt": encoded(leaf(2), authority(2, signer=3), authority(3, signer=2)),
    }
    with pytest.raises(InputError, match=r"not signed by its ca[.]crt"):
        given(circle, "", host=HOST, now=NOW, name="given")


@pytest.mark.parametrize(
    ("name", "named"),
    [
        (HOST, True),
        (HOST.upper(), True),
        ("*.pod-identity-webhook.svc", True),
        ("*.Pod-Identity-Webhook.SVC", True),
        ("*.svc", False),
        ("*", False),
        ("*.*.svc", False),
        ("pod-identity-webhook.*.svc", False),
        ("pod-*.pod-identity-webhook.svc", False),
        ("**.pod-identity-webhook.svc", False),
        (f"{HOST}.", False),
        (f"*.{HOST}", False),
        (f"{HOST}.cluster.local", False),
        ("pod-identity-webhook.pod-identity-webhook", False),
        ("-.pod-identity-webhook.svc", False),
    ],
)
def test_a_name_is_compared_as_crypto_x509_of_go_does(name: str, named: bool) -> None:
    found = served(encoded(leaf(host=name)), encoded(authority()), HOST)
    assert found is not None
    assert found.named is named
    tls = secret(leaf(host=name), 11, authority())
    if named:
        assert given(tls, encoded(authority()), host=HOST, now=NOW, name="given").trusted
    else:
        with pytest.raises(InputError, match="not for"):
            given(tls, "", host=HOST, now=NOW, name="given")


def test_a_name_with_a_dot_at_its_end_is_that_host_for_those_who_call_it_so() -> None:
    found = served(encoded(leaf()), encoded(authority()), f"{HOST}.")
    assert found is not None
    assert found.named


def test_names_of_other_kinds_are_none() -> None:
    address = x509.IPAddress(ip_address("10.96.0.9"))
    mail = x509.RFC822Name("a@pod-identity-webhook.pod-identity-webhook.svc")
    url = x509.UniformResourceIdentifier(f"https://{HOST}")
    assert not _named(signed(x509.SubjectAlternativeName([address, mail, url])), HOST)
    assert not _named(signed(), HOST)  # its common name is that of the host


@pytest.mark.parametrize(
    ("usages", "taken"),
    [
        ([ExtendedKeyUsageOID.SERVER_AUTH], True),
        ([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH], True),
        ([ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE], True),
        ([ExtendedKeyUsageOID.CLIENT_AUTH], False),
        ([ExtendedKeyUsageOID.CODE_SIGNING, ExtendedKeyUsageOID.EMAIL_PROTECTION], False),
    ],
)
def test_a_certificate_is_to_be_one_of_a_server(usages: list[x509.ObjectIdentifier], taken: bool) -> None:
    made = signed(x509.SubjectAlternativeName([x509.DNSName(HOST)]), x509.ExtendedKeyUsage(usages))
    tls = secret(made, 11, authority())
    if taken:
        assert given(tls, encoded(authority()), host=HOST, now=NOW, name="given").trusted
    else:
        with pytest.raises(InputError, match="serverAuth"):
            given(tls, "", host=HOST, now=NOW, name="given")


def below(*extensions: x509.ExtensionType) -> x509.Certificate:
    """Return an authority whose certificate has these extensions, all critical."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "CA")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).serial_number(1)
    made = made.public_key(ec_key(1).public_key())
    made = made.not_valid_before(NOW).not_valid_after(NOW + timedelta(days=365))
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    for extension in extensions:
        made = made.add_extension(extension, critical=True)
    return made.sign(ec_key(1), hashes.SHA256())


def limited(permitted: str = "", excluded: str = "", network: str = "") -> x509.NameConstraints:
    """Return what an authority may sign for: a DNS name, or none of a DNS name, or the addresses of a network."""
    addresses = [x509.IPAddress(ip_network(network))] if network else []
    return x509.NameConstraints(
        [x509.DNSName(permitted)] if permitted else addresses or None, [x509.DNSName(excluded)] if excluded else None
    )


UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")


def usage(*, signs: bool) -> x509.KeyUsage:
    """Return that a key is for signatures, and for those of certificates or not."""
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


@pytest.mark.parametrize(
    ("extensions", "says"),
    [
        ([usage(signs=True)], ""),
        ([usage(signs=False)], "not signed by its"),
        ([limited("svc")], ""),
        ([limited(".SVC")], ""),
        ([limited(HOST)], ""),
        ([limited("", "example.com")], ""),
        ([limited(network="10.0.0.0/8")], ""),  # it has no address
        ([limited("example.com")], "name constraints"),
        ([limited(f".{HOST}")], "name constraints"),
        ([limited("identity-webhook.svc")], "name constraints"),
        ([limited("", "svc")], "name constraints"),
        ([limited("svc", "pod-identity-webhook.svc")], "name constraints"),
        ([UNKNOWN], "critical extension"),
        ([x509.NameConstraints([x509.DirectoryName(x509.Name([]))], None)], "critical extension"),
        ([x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])], "serverAuth"),
    ],
)
def test_what_an_authority_may_sign_as_crypto_x509_of_go_judges_it(
    extensions: list[x509.ExtensionType], says: str
) -> None:
    root = below(*extensions)
    tls = secret(leaf(), 11, root)
    found = served(tls["tls.crt"], encoded(root), HOST)
    assert found is not None
    assert (found.authority_life is None) == bool(says)
    if says:
        with pytest.raises(InputError, match=says):
            given(tls, "", host=HOST, now=NOW, name="given")
    else:
        assert given(tls, encoded(root), host=HOST, now=NOW, name="given").trusted


def test_each_name_of_a_certificate_is_one_that_its_authority_may_sign_for() -> None:
    address = x509.IPAddress(ip_address("192.0.2.1"))
    wildcard = x509.DNSName("*.pod-identity-webhook.svc")
    for names, constraints in (
        ([x509.DNSName(HOST), x509.DNSName("a.example.com")], limited("svc")),
        ([x509.DNSName(HOST), address], limited(network="10.0.0.0/8")),
        ([wildcard], limited("", HOST)),
    ):
        tls = secret(signed(x509.SubjectAlternativeName(names)), 11, below(constraints))
        with pytest.raises(InputError, match="name constraints"):
            given(tls, "", host=HOST, now=NOW, name="given")


def test_of_two_authorities_of_one_name_the_one_counts_by_which_api_servers_take_it() -> None:
    later = authority(2, signer=1, begin=NOW + timedelta(days=5), days=3000)
    tls = {**secret(leaf(2), 11, authority()), "tls.crt": encoded(leaf(2), later, authority(2, signer=1, days=100))}
    assert given(tls, "", host=HOST, now=NOW, name="given").expires == NOW + timedelta(days=100)
    for_clients = below(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]))
    assert given(secret(leaf(), 11, for_clients, authority(days=90)), "", host=HOST, now=NOW, name="given").expires


def test_a_certificate_is_valid_until_the_last_second() -> None:
    tls = secret(leaf(days=1), 11, authority())
    assert given(tls, "", host=HOST, now=NOW + timedelta(days=1), name="given").expires
    with pytest.raises(InputError, match="not valid now"):
        given(tls, "", host=HOST, now=NOW + timedelta(days=1, seconds=1), name="given")


def test_an_algorithm_that_go_does_not_take() -> None:
    made = signed(x509.SubjectAlternativeName([x509.DNSName(HOST)]), algorithm=hashes.SHA224())
    with pytest.raises(InputError, match="not signed by its"):
        given(secret(made, 11, authority()), "", host=HOST, now=NOW, name="given")


def signed(*extensions: x509.ExtensionType, algorithm: Hash | None = None) -> x509.Certificate:
    """Return a certificate with the host as its common name and these extensions."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    authoritative = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "CA")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(authoritative).serial_number(1)
    made = made.public_key(ec_key(11).public_key())
    made = made.not_valid_before(NOW).not_valid_after(NOW + timedelta(days=365))
    for extension in extensions:
        made = made.add_extension(extension, critical=False)
    return made.sign(ec_key(1), algorithm or hashes.SHA256())


DAY = NOW + timedelta(days=29)


def test_the_state_of_a_certificate_below_an_authority() -> None:
    assert state(lambda: planned(CA, TLS, encoded(authority()), now=DAY), DAY) == State(
        new_authority=False,
        new_certificate=False,
        kept=[],
        trusted=True,
        expires="2027-01-31T12:00:00Z",
        days_left=336,
        timestamp=1801396800,
        lifetime=365 * 86400,
        problem="",
        authority_expires="2036-01-29T12:00:00Z",
    )


def test_the_state_of_nothing_yet() -> None:
    found = state(lambda: planned({}, {}, now=DAY), DAY)
    assert (found.new_certificate, found.expires, found.days_left) == (True, "", 0)


def test_the_state_of_a_given_certificate() -> None:
    tls = secret(leaf(), 11, authority())
    assert state(lambda: given(tls, "", host=HOST, now=DAY, name="tls"), DAY).days_left == 336


def test_a_state_has_no_private_key() -> None:
    found = str(state(lambda: planned(CA, TLS, now=DAY), DAY)._asdict())
    assert "PRIVATE" not in found
    assert TLS["tls.key"] not in found


def test_the_state_of_what_does_not_match_is_its_problem() -> None:
    found = state(lambda: planned(secret(authority(), 2), TLS, now=DAY), DAY)
    assert "Secret ca" in found.problem
    assert (found.new_authority, found.new_certificate, found.expires) == (False, False, "")


def test_a_controller_without_cryptography_has_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificates, "IMPORT_ERROR", ImportError())
    assert "lacks cryptography" in state(lambda: planned(CA, TLS), DAY).problem
