# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role irsa_issuer writes for Prometheus, from the probe to the alert: make alerts.

A web server serves documents in one of many ways, the blackbox exporter probes them with the role's modules, and
Prometheus evaluates the role's rules on what the exporter has found, as if it found that for an hour.
"""

from __future__ import annotations

import json
import re
import time
import typing as t
import urllib.parse
import urllib.request

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._documents.discovery import discovery_document
from ansible_collections.onprem.irsa.plugins.module_utils._documents.jwks import jwks_document, jwks_from_pems
from ansible_collections.onprem.irsa.plugins.module_utils._documents.paths import DISCOVERY_PATH
from ansible_collections.onprem.irsa.tests.unit.plugins.relying_party_servers import (
    Page,
    certificate,
    pages_handler,
    serving,
)
from ansible_collections.onprem.irsa.tests.unit.plugins.some_keys import ec_key, public_pem, rsa_public_key

from .prometheus import Fires, check, exporter, free_port, require_firing, require_words, series, templates

if t.TYPE_CHECKING:
    from pathlib import Path

    from .prometheus import Json

ISSUER = "https://oidc.example.com/prod"
KEY_SET = f"{ISSUER}/openid/v1/jwks"
DISCOVERY = ISSUER + DISCOVERY_PATH
PEMS = [public_pem(rsa_public_key(1)), public_pem(ec_key(2)), public_pem(rsa_public_key(3, 4096))]
FIRST, SECOND, OTHER = jwks_from_pems([(str(number), pem) for number, pem in enumerate(PEMS)])
KEYS = jwks_document([FIRST, SECOND])
DOCUMENT = discovery_document(ISSUER, KEY_SET, ["RS256", "ES256"])
LABELS = {"job": "irsa-issuer"}
SETS: dict[str, Json] = {
    "published": {"__irsa_issuer_published": {"jwks": KEYS}},
    "by API servers": {"__irsa_issuer_published": {"changed": False}},
}


def rendered(name: str) -> dict[str, Json]:
    shared = {"irsa_cluster": "prod", "irsa_issuer_url": ISSUER, "irsa_issuer_published_jwks_uri": KEY_SET}
    return templates("irsa_issuer", name, {given: {**shared, **options} for given, options in SETS.items()})


@pytest.fixture(scope="module")
def rules() -> dict[str, Json]:
    return rendered("alert_rules")


@pytest.fixture(scope="module")
def modules() -> dict[str, Json]:
    return rendered("blackbox")


def probed(exporter_url: str, target: str, module: str) -> dict[str, float]:
    """Return what the exporter finds, by the names of metrics that have no labels."""
    asked = urllib.parse.urlencode({"target": target, "module": module})
    with urllib.request.urlopen(f"{exporter_url}/probe?{asked}", timeout=20) as answer:  # noqa: S310 -- loopback
        text = answer.read().decode()
    return {name: float(value) for name, value in re.findall(r"^(\w+) (\S+)$", text, re.MULTILINE)}


def recorded(directory: Path, modules: Json, pages: dict[str, Page], **how: t.Any) -> dict[str, str]:  # noqa: ANN401
    """Return what Prometheus would record in an hour of what a server serves.

    HOW says for how many HOURS its certificate is valid, whether the exporter is TOLD of its authority, and whether
    somebody LISTENS.
    """
    context, authority = certificate(directory, hours=how.get("hours", 24 * 365))
    tls = {"ca_file": str(authority)} if how.get("told", True) else {}
    found = {}
    with serving(pages_handler(pages), context) as host, exporter(directory, modules, **tls) as url:
        for document in (DISCOVERY, KEY_SET):
            address = host if how.get("listens", True) else f"localhost:{free_port()}"
            target = document.replace("oidc.example.com", address)
            metrics = probed(url, target, document)
            assert "probe_success" in metrics, metrics
            for name, value in metrics.items():
                # promtool's time begins at 0.
                shown = value - time.time() if name.endswith(("_expiry", "_timestamp_seconds")) else value
                found[series(name, {**LABELS, "instance": document})] = f"{shown:.3f}x60"
    return found


def serves(keys: str | Page = KEYS, discovery: str | Page = DOCUMENT) -> dict[str, Page]:
    """Return the pages of a server by their paths."""
    pages = {urllib.parse.urlsplit(DISCOVERY).path: discovery, urllib.parse.urlsplit(KEY_SET).path: keys}
    return {path: page if isinstance(page, Page) else Page(page) for path, page in pages.items()}


def alert(name: str, document: str, severity: str = "critical") -> Json:
    return {"alertname": name, "instance": document, "severity": severity, "irsa_cluster": "prod", **LABELS}


def unreached(*documents: str) -> list[Json]:
    return [alert("IrsaIssuerIsNotReached", document) for document in documents]


def differs(document: str) -> list[Json]:
    return [alert("IrsaIssuerDiffers", document)]


def slow(*documents: str) -> list[Json]:
    return [alert("IrsaIssuerIsSlow", document, "warning") for document in documents]


BOTH = (DISCOVERY, KEY_SET)
EXPIRES = alert("IrsaIssuerCertificateExpires", DISCOVERY, "warning")
REDIRECT = Page("https://oidc.example.com/elsewhere", status=301)
EVIL = "https://evil.example.com"
# How the documents are served, what is known of the server, and what fires.
SITUATIONS: dict[str, tuple[dict[str, Page], Json, list[Json]]] = {
    "as published": (serves(), {}, []),
    "in other white space": (serves(json.dumps(json.loads(KEYS), indent=2) + "\n"), {}, []),
    "in another order": (serves(jwks_document([SECOND, FIRST])), {}, []),
    "with another content type": (serves(Page(KEYS, kind="text/plain")), {}, []),
    "with a further member": (serves(discovery=json.dumps({**json.loads(DOCUMENT), "claims_supported": []})), {}, []),
    "a key is missing": (serves(jwks_document([FIRST])), {}, differs(KEY_SET)),
    "a key was added": (serves(jwks_document([FIRST, SECOND, OTHER])), {}, differs(KEY_SET)),
    "a key has another modulus": (serves(jwks_document([{**FIRST, "n": OTHER["n"]}, SECOND])), {}, differs(KEY_SET)),
    "a key set in front": (serves(f'{{"keys":[{json.dumps(OTHER)}],{KEYS[1:]}'), {}, differs(KEY_SET)),
    "a page instead": (serves(Page("<html>Sorry</html>", kind="text/html")), {}, differs(KEY_SET)),
    "nothing instead": (serves(""), {}, differs(KEY_SET)),
    "another issuer": (serves(discovery=discovery_document(f"{ISSUER}2", KEY_SET, ["RS256"])), {}, differs(DISCOVERY)),
    "another key set": (serves(discovery=discovery_document(ISSUER, EVIL, ["RS256"])), {}, differs(DISCOVERY)),
    "two key sets": (serves(discovery=f'{DOCUMENT[:-1]},"jwks_uri":"{EVIL}"}}'), {}, differs(DISCOVERY)),
    "forbidden": (serves(Page(KEYS, status=403)), {}, unreached(KEY_SET)),
    "gone": (serves(discovery=Page("", status=404)), {}, unreached(DISCOVERY)),
    "an error": (serves(Page(KEYS, status=503)), {}, unreached(KEY_SET)),
    "without a content": (serves(Page(KEYS, status=203)), {}, unreached(KEY_SET)),
    "redirected": (serves(REDIRECT), {}, unreached(KEY_SET)),
    "by a certificate that nobody trusts": (serves(), {"told": False}, unreached(*BOTH)),
    "by a certificate that has ended": (serves(), {"hours": 0}, unreached(*BOTH)),
    "by nobody": (serves(), {"listens": False}, unreached(*BOTH)),
    "by a certificate for 13 days more": (serves(), {"hours": 13 * 24}, [EXPIRES]),
    "by a certificate for 15 days more": (serves(), {"hours": 15 * 24}, []),
    "slowly": (serves(Page(KEYS, seconds=3)), {}, slow(KEY_SET)),
    "too late": (serves(Page(KEYS, seconds=6)), {}, [*unreached(KEY_SET), *slow(KEY_SET)]),
}
BY_API_SERVERS: dict[str, tuple[str, list[Json]]] = {
    "the keys of now": (KEYS, []),
    "other keys": (jwks_document([OTHER]), []),
    "no keys": ('{"keys":[]}', differs(KEY_SET)),
    "a status": ('{"kind":"Status","status":"Failure"}', differs(KEY_SET)),
}


@pytest.mark.parametrize("given", SETS)
def test_prometheus_takes_the_rules(rules: dict[str, Json], given: str, tmp_path: Path) -> None:
    check(tmp_path, rules[given])


@pytest.mark.parametrize("situation", SITUATIONS)
def test_what_fires(rules: dict[str, Json], modules: dict[str, Json], situation: str, tmp_path: Path) -> None:
    pages, how, expected = SITUATIONS[situation]
    found = recorded(tmp_path, modules["published"], pages, **how)
    # Prometheus goes on for an hour and a minute, the pending time of the certificate's alert.
    lasting = {name: values.replace("x60", "x70") for name, values in found.items()}
    require_firing(tmp_path, rules["published"], lasting, {"65m": expected})


@pytest.mark.parametrize("situation", BY_API_SERVERS)
def test_what_api_servers_serve_themselves(
    rules: dict[str, Json], modules: dict[str, Json], situation: str, tmp_path: Path
) -> None:
    keys, expected = BY_API_SERVERS[situation]
    found = recorded(tmp_path, modules["by API servers"], serves(keys))
    require_firing(tmp_path, rules["by API servers"], found, {"50m": expected})


def metrics(success: str, by_content: str = "0x60", seconds: str = "0.1x60", document: str = KEY_SET) -> dict[str, str]:
    """Return what is recorded of one document, minute by minute, and that the other one is as it should be."""
    other = DISCOVERY if document == KEY_SET else KEY_SET
    of_it = {"probe_success": success, "probe_failed_due_to_regex": by_content, "probe_duration_seconds": seconds}
    of_other = {"probe_success": "1x60", "probe_failed_due_to_regex": "0x60", "probe_duration_seconds": "0.1x60"}
    return {
        series(name, {**LABELS, "instance": each}): values
        for each, found in ((document, of_it), (other, of_other))
        for name, values in found.items()
    }


MISSING = {
    "alertname": "IrsaIssuerIsNotProbed", "severity": "warning", "irsa_cluster": "prod", "instance": KEY_SET
}  # fmt: skip
# What is recorded, and what fires when: a passing fault wakes nobody.
TIMES: dict[str, tuple[dict[str, str], dict[str, list[Json]]]] = {
    "a fault of four minutes": (metrics("1x9 0x3 1x40"), {"13m": [], "20m": []}),
    "a fault of ten minutes": (
        metrics("1x9 0x9 1x40"),
        {"14m": [], "15m": unreached(KEY_SET), "19m": unreached(KEY_SET), "20m": []},
    ),
    "another content for ten minutes": (metrics("1x9 0x9 1x40", "0x9 1x9 0x40"), {"15m": [], "19m": [], "25m": []}),
    "another content for half an hour": (
        metrics("1x9 0x29 1x10", "0x9 1x29 0x10"),
        {"24m": [], "25m": differs(KEY_SET), "39m": differs(KEY_SET), "40m": []},
    ),
    "one slow answer": (metrics("1x60", seconds="0.1x9 4.9 0.1x40"), {"15m": [], "25m": []}),
    "half of the answers are slow": (
        metrics("1x60", seconds=f"{'4.9 0.1 ' * 8} {'4.9 1.0 ' * 22}"),
        {"15m": [], "50m": slow(KEY_SET)},
    ),
    "no probe": (
        {name: values for name, values in metrics("1x60").items() if KEY_SET not in name},
        {"14m": [], "15m": [MISSING], "40m": [MISSING]},
    ),
    "the other has no probe": (
        {name: values for name, values in metrics("1x60").items() if DISCOVERY not in name},
        {"15m": [{**MISSING, "instance": DISCOVERY}]},
    ),
    "another issuer's documents": (
        {**metrics("1x60"), series("probe_success", {**LABELS, "instance": "https://oidc.example.com/x"}): "0x60"},
        {"40m": []},
    ),
}


@pytest.mark.parametrize("situation", TIMES)
def test_when_it_fires(rules: dict[str, Json], situation: str, tmp_path: Path) -> None:
    found, expected = TIMES[situation]
    require_firing(tmp_path, rules["published"], found, expected)


@pytest.mark.parametrize(
    ("found", "fires"),
    [
        (
            metrics("0x60"),
            Fires(unreached(KEY_SET)[0], f"The document {KEY_SET} cannot be fetched as AWS fetches it.", "30m"),
        ),
        (
            metrics("0x60", "1x60", document=DISCOVERY),
            Fires(
                differs(DISCOVERY)[0],
                f"The document {DISCOVERY} is not what was published there.",
                "30m",
            ),
        ),
        (
            metrics("1x60", seconds="3.25x60"),
            Fires(slow(KEY_SET)[0], f"The document {KEY_SET} takes 3.25s on average.", "30m"),
        ),
        (
            {series("probe_ssl_earliest_cert_expiry", {**LABELS, "instance": DISCOVERY}): "86400x100"},
            Fires(EXPIRES, f"The certificate of {ISSUER} ends in 22h 0m 0s.", "2h"),
        ),
    ],
)
def test_what_an_alert_says(rules: dict[str, Json], found: dict[str, str], fires: Fires, tmp_path: Path) -> None:
    long = {name: values.replace("x100", "x200") for name, values in found.items()}
    require_words(tmp_path, rules["published"], long, fires)
