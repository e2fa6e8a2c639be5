# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the documentation has Prometheus probe an issuer, by a Prometheus and a blackbox exporter that run."""

from __future__ import annotations

import json
import re
import textwrap
import time
import typing as t
import urllib.parse
import urllib.request

import pytest
import yaml

from ansible_collections.onprem.irsa.plugins.module_utils._documents.jwks import jwks_document, jwks_from_pems
from ansible_collections.onprem.irsa.plugins.module_utils._documents.paths import DISCOVERY_PATH
from ansible_collections.onprem.irsa.plugins.module_utils._documents.probes import probes
from ansible_collections.onprem.irsa.tests.unit.plugins.relying_party_servers import (
    Page,
    certificate,
    pages_handler,
    serving,
)
from ansible_collections.onprem.irsa.tests.unit.plugins.some_keys import public_pem, rsa_public_key
from ansible_collections.onprem.irsa.tests.unit.roles.rendered import ROLES

from .prometheus import Json, exporter, free_port, running

if t.TYPE_CHECKING:
    from pathlib import Path

KEYS = jwks_document(jwks_from_pems([("a", public_pem(rsa_public_key(1)))]))
EXPORTERS = ("blackbox-exporter:9115", "prometheus-blackbox-exporter.monitoring.svc:9115")


def of_the_guide() -> Json:
    """Return the job that the page of alerts shows."""
    guide = (ROLES.parent / "docs/docsite/rst/guide_alerts.rst").read_text()
    blocks = re.findall(r"code-block:: yaml\n\n((?:   .*\n|\n)+)", guide)
    (shown,) = (yaml.safe_load(textwrap.dedent(block)) for block in blocks if "scrape_configs" in block)
    (job,) = shown["scrape_configs"]
    return dict(job)


def of_the_example() -> Json:
    """Return the job that the Prometheus operator makes of the example's Probe.

    As C(generateProbeConfig) in its pkg/prometheus/promcfg.go does: its own relabelings come before those of the Probe.
    """
    plays = yaml.safe_load((ROLES.parent / "examples/alerts/playbook.yml").read_text())
    objects = [task["kubernetes.core.k8s"]["definition"] for task in plays[1]["tasks"]]
    (spec,) = (each["spec"] for each in objects if each["kind"] == "Probe")
    prober = spec["prober"]["url"].replace("{{ monitoring_namespace }}", plays[1]["vars"]["monitoring_namespace"])
    relabelings = [
        {"target_label": "job", "replacement": spec["jobName"]},
        {"source_labels": ["__address__"], "target_label": "__param_target"},
        {"source_labels": ["__param_target"], "target_label": "instance"},
        {"target_label": "__address__", "replacement": prober},
        *(
            {"source_labels": each["sourceLabels"], "target_label": each["targetLabel"]}
            for each in spec["targets"]["staticConfig"]["relabelingConfigs"]
        ),
    ]
    static = {"targets": [], "labels": {"namespace": "monitoring"}}
    return {
        "job_name": "probe/monitoring/irsa-issuer",
        "metrics_path": "/probe",
        "static_configs": [static],
        "relabel_configs": relabelings,
    }


def moved(job: Json, targets: list[str], exporter_url: str) -> Json:
    """Return a job for other documents and another exporter."""
    (static,) = job["static_configs"]
    text = json.dumps({**job, "static_configs": [{**static, "targets": targets}], "scrape_interval": "1s"})
    (address,) = (name for name in EXPORTERS if json.dumps(name) in text)
    return dict(json.loads(text.replace(json.dumps(address), json.dumps(exporter_url.removeprefix("http://")))))


def asked(url: str, query: str) -> list[Json]:
    with urllib.request.urlopen(f"{url}/api/v1/query?{urllib.parse.urlencode({'query': query})}") as answer:  # noqa: S310
        found: list[Json] = json.load(answer)["data"]["result"]
    return found


@pytest.mark.parametrize("job", [of_the_guide, of_the_example])
def test_each_document_is_probed_with_its_module(job: t.Callable[[], Json], tmp_path: Path) -> None:
    context, authority = certificate(tmp_path)
    pages = {"/openid/v1/jwks": Page(KEYS)}
    with serving(pages_handler(pages), context) as host:
        issuer = f"https://{host}"
        pages[DISCOVERY_PATH] = Page(json.dumps({"issuer": issuer, "jwks_uri": f"{issuer}/openid/v1/jwks"}))
        each = probes(issuer, f"{issuer}/openid/v1/jwks", KEYS)
        modules = {"modules": {probe.url: probe.module for probe in each}}
        with exporter(tmp_path, modules, ca_file=str(authority)) as exporter_url:
            configuration = {"scrape_configs": [moved(job(), [probe.url for probe in each], exporter_url)]}
            (tmp_path / "prometheus.yml").write_text(json.dumps(configuration))
            address = f"127.0.0.1:{free_port()}"
            arguments = ["--config.file=prometheus.yml", "--storage.tsdb.path=data", f"--web.listen-address={address}"]
            with running(tmp_path, "prometheus", arguments, f"http://{address}/-/ready"):
                end, found = time.monotonic() + 20, list[Json]()
                while len(found) < 2 and time.monotonic() < end:
                    time.sleep(0.3)
                    found = asked(f"http://{address}", "probe_success == 1")
    assert {sample["metric"]["instance"] for sample in found} == {probe.url for probe in each}
    assert {sample["metric"]["job"] for sample in found} == {"irsa-issuer"}
