# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Have pods admitted by dry runs, one after the other, and count those that were not injected.

Arguments come as JSON on standard input:

    {"kubeconfig": {…}, "stop": FILE, "report": FILE}

Ends when the file stop is there, or after half an hour, and writes the report: how many were injected, and when one was
not.
"""

from __future__ import annotations

import json
import sys
import time
import typing as t
from pathlib import Path

from kubernetes import client
from kubernetes.client.exceptions import ApiException
from kubernetes.config import new_client_from_config_dict

_PAUSE = 0.2
_LIMIT = 1800
_POD: t.Final = {
    "metadata": {"generateName": "admitted-", "namespace": "demo"},
    "spec": {"serviceAccountName": "app", "containers": [{"name": "app", "image": "localhost/onprem-irsa/pause:1"}]},
}


def _is_injected(core: client.CoreV1Api) -> bool:
    """Have a pod admitted, but not stored, as the webhook has no side effects."""
    made = core.create_namespaced_pod("demo", t.cast("client.V1Pod", _POD), dry_run="All")
    return any(volume.name == "aws-iam-token" for volume in (made.spec and made.spec.volumes) or ())


def main() -> None:
    """Do as the arguments say."""
    given = json.load(sys.stdin)
    api = t.cast("t.Callable[..., client.ApiClient]", new_client_from_config_dict)(given["kubeconfig"])
    core, stop, end = client.CoreV1Api(api), Path(given["stop"]), time.monotonic() + _LIMIT
    report: dict[str, t.Any] = {"injected": 0, "missed": [], "refused": []}
    while not stop.exists() and time.monotonic() < end:
        now = time.strftime("%H:%M:%S")
        try:
            if _is_injected(core):
                report["injected"] += 1
            else:
                report["missed"].append(now)
        except ApiException as error:
            report["refused"].append(f"{now} {error.status} {error.reason}")
        time.sleep(_PAUSE)
    Path(given["report"]).write_text(json.dumps(report), encoding="utf-8")


if __name__ == "__main__":
    main()
