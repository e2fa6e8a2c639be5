# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What injection costs, and how many pods miss it while the webhook is disturbed: ours, and the upstream manifests.

On the lab that is up, of three nodes: pods are created that no scheduler takes, so that admission alone is measured.
Latency is that of one pod after the other, without injection and with it in turns. Missed are pods that the API
server admitted without the token, of 20 a second, while each webhook pod is killed, its node is drained, the
Deployment is rolled, the webhook is configured again and the authority is changed; counted apart, while each webhook's
process is killed without notice (SIGKILL). A pod counts for what was done when it was asked for. It is created,
refused by the API server (any status of HTTP but success), or failed, without an answer (no connection, or none within
REQUEST seconds); where that does not come to as many as were asked for, the benchmark says so and fails. What a busy
machine did not answer (no answer, and 429, 503 and 504) is told apart: it says nothing of whether pods are injected.
The upstream manifests are those of the release, changed where the lab cannot take them: the image is the lab's and is
not pulled, and what cert-manager would do, a new self-signed certificate in the Secret and in caBundle, is done here,
both within the same second.

The last line is a JSON object:

    none_p50_ms, webhook_p50_ms, policy_p50_ms  milliseconds of half of the pods at most, and with _p99_ of 99 in 100
    ours_created, upstream_created              pods admitted from the first to the moment before the first SIGKILL:
                                                undisturbed, and in every disturbance but the crash
    ours_missed, upstream_missed                those of them that have no token
    …_created_in_crash, …_missed_in_crash       the same for pods asked for from the first SIGKILL to the end, and in
                                                neither of the two above
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import subprocess
import sys
import threading
import time
import typing as t
from base64 import b64encode
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from os import environ
from pathlib import Path

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from kubernetes import client
from kubernetes.client.exceptions import ApiException
from kubernetes.config import new_client_from_config_dict
from urllib3.exceptions import HTTPError

from ansible_collections.onprem.irsa.plugins.module_utils._injection.pod_role import is_injected

HERE = Path(__file__).resolve().parent
LAB = HERE.parents[1] / "extensions/lab"
STATE = Path(environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "onprem-irsa/lab/state"
VERSION = "v0.6.17"
IMAGE = f"docker.io/amazon/amazon-eks-pod-identity-webhook:{VERSION}"
NONE, INJECTED = "bench-none", "bench-injected"
ARN = "arn:aws:iam::123456789012:role/bench"
RATE = 20  # pods a second
REQUEST = 60  # seconds until an answer is waited for no more: longer than an API server takes for its webhooks
SETTLED = 10  # seconds between two disturbances
PAGE = 250  # pods that are removed by one request, for which an API server takes a minute at most
ATTEMPTS = 10
PAUSE = 3  # seconds more before each further attempt
BUSY = frozenset({429, 503, 504})  # what an API server answers that has no time
INTERNAL = 500
Answer = t.TypeVar("Answer")
CRASH = "crash"
OTHER_REGION = "us-west-2"


class Webhook(t.NamedTuple):
    """Where a webhook runs, and how its settings and its authority are changed."""

    namespace: str
    selector: str
    configure: t.Callable[[], None]
    rotate: t.Callable[[], None]


def run(command: list[str], text: str | None = None) -> str:
    """Run a command and return what it printed; a failure ends the benchmark with its output."""
    done = subprocess.run(command, check=False, capture_output=True, text=True, input=text)  # noqa: S603 -- our own
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return done.stdout


def kubectl(*arguments: str, objects: t.Sequence[t.Mapping[str, t.Any]] = ()) -> str:
    """Run kubectl in the lab, with objects on its standard input."""
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)}) if objects else None
    return run([str(LAB / "bin/kubectl"), *arguments], text)


def role(**options: object) -> None:
    """Run the role irsa_webhook with these options."""
    options["irsa_webhook_excluded_namespaces"] = [NONE]
    playbook = ["ansible-playbook", "-i", str(STATE / "inventory.yml"), str(HERE / "injection.yml")]
    run([str(LAB / "run"), *playbook, "-e", json.dumps(options)])


def api() -> client.CoreV1Api:
    """Return a client of its own: one is used by one thread at a time."""
    config = yaml.safe_load(run(["podman", "exec", "irsa-lab-cp1", "cat", "/etc/kubernetes/admin.conf"]))
    return client.CoreV1Api(t.cast("t.Callable[..., client.ApiClient]", new_client_from_config_dict)(config))


def pod() -> t.Any:  # noqa: ANN401 -- the client takes it as it is, though its types ask for its own
    """Return a pod that no scheduler takes."""
    return {
        "metadata": {"generateName": "bench-"},
        "spec": {
            "serviceAccountName": "bench",
            "schedulerName": "nobody",
            "terminationGracePeriodSeconds": 0,
            "containers": [{"name": "app", "image": "localhost/onprem-irsa/pause:1"}],
        },
    }


def is_of_machine(error: BaseException) -> bool:
    """Tell whether an error is of a machine or an API server that is too busy to answer, and not an answer."""
    if isinstance(error, ApiException):
        return not error.status or error.status in BUSY
    return isinstance(error, (OSError, HTTPError))


def attempt(call: t.Callable[[], Answer]) -> tuple[Answer | None, str]:
    """Return what a call returns, or None and the words of a machine that is too busy."""
    try:
        return call(), ""
    except (ApiException, HTTPError, OSError) as error:
        # API servers answer 500 where etcd takes too long.
        if not is_of_machine(error) and getattr(error, "status", None) != INTERNAL:
            raise
        return None, " ".join(f"{type(error).__name__}: {error}".split())


def patiently(call: t.Callable[[], Answer]) -> Answer | None:
    """Call again what a busy machine did not answer in time; end the benchmark with its words when it never does."""
    said = ""
    for number in range(ATTEMPTS):
        time.sleep(PAUSE * number)
        answer, said = attempt(call)
        if not said:
            return answer
    sys.exit(f"The machine is too busy for the benchmark: no answer in {ATTEMPTS} attempts. {said}")


def has_more(core: client.CoreV1Api, namespace: str, left: int) -> bool:
    """Tell whether a namespace has more than so many pods."""
    found = patiently(lambda: core.list_namespaced_pod(namespace, limit=left + 1, _request_timeout=REQUEST))
    return found is None or len(found.items) > left


def clear(core: client.CoreV1Api, namespace: str, left: int = 0) -> None:
    """Remove the pods of a namespace until so many are left at most, some at a time.

    For all of them an API server runs into its own time limit; and while pods are created, there may never be
    none.
    """
    options: dict[str, t.Any] = {"grace_period_seconds": 0, "limit": PAGE, "_request_timeout": REQUEST}
    while has_more(core, namespace, left):
        patiently(lambda: core.delete_collection_namespaced_pod(namespace, **options))


def has_token(made: client.V1Pod) -> bool:
    """Tell whether a pod was injected."""
    serialize = t.cast("t.Callable[[object], dict[str, t.Any]]", client.ApiClient().sanitize_for_serialization)
    return is_injected(serialize(made))


def latencies(core: client.CoreV1Api, pods: int) -> dict[str, list[float]]:
    """Create pods in both namespaces in turns; return the milliseconds of each."""
    took: dict[str, list[float]] = {NONE: [], INJECTED: []}
    for number in range(pods + 10):
        for namespace, found in took.items():
            start = time.perf_counter()
            made = core.create_namespaced_pod(namespace, pod())
            found.append((time.perf_counter() - start) * 1000)
            injected = has_token(made)
            if injected != (namespace == INJECTED):
                sys.exit(f"A pod in {namespace} was {'' if injected else 'not '}injected.")
        if number == 9:
            took[NONE].clear()
            took[INJECTED].clear()
    for namespace in took:
        clear(core, namespace)
    return took


def percentile(values: list[float], share: float) -> float:
    """Return the smallest value that this share of the values does not exceed."""
    return round(sorted(values)[math.ceil(share * len(values)) - 1], 2)


class Load(threading.Thread):
    """Creates pods at a steady rate until it is stopped, and keeps what became of each, by what was done meanwhile."""

    def __init__(self, create: t.Callable[[], bool]) -> None:
        """Take what creates a pod and tells whether it was injected; many threads call it at once."""
        super().__init__()
        self.create, self.during = create, ""
        self.ended = threading.Event()
        self.submitted = 0
        self.results: list[tuple[str, Future[bool]]] = []

    def run(self) -> None:
        """Create pods by the clock, however long each takes."""
        with ThreadPoolExecutor(4 * RATE) as workers:
            due = time.monotonic()
            while not self.ended.wait(max(0.0, due - time.monotonic())):
                self.submitted += 1  # before it is handed over, which may fail, too
                self.results.append((self.during, workers.submit(self.create)))
                due += 1 / RATE


def outcomes(result: Future[bool]) -> list[str]:
    """Return the columns in which a pod counts."""
    error = result.exception()
    if error:
        return ["refused" if isinstance(error, ApiException) and error.status else "failed"]  # 0 without an answer
    return ["created"] if result.result() else ["created", "missed"]


def counted(load: Load) -> dict[str, Counter[str]]:
    """Count the pods of a load that has ended, by what was done meanwhile; see that each is counted."""
    counts: dict[str, Counter[str]] = {}
    for during, result in load.results:
        counts.setdefault(during, Counter()).update(outcomes(result))
    found = sum(item["created"] + item["refused"] + item["failed"] for item in counts.values())
    if found != load.submitted:
        sys.exit(f"{load.submitted} pods were submitted, and {found} of them created, refused or failed.")
    return counts


def machine_says(load: Load) -> str:
    """Say how many pods got no answer because the machine was busy, which says nothing of whether they are injected."""
    errors = [error for _during, result in load.results if (error := result.exception()) is not None]
    disturbed = sum(map(is_of_machine, errors))
    if not disturbed:
        return "the machine answered each of them"
    return f"{disturbed} of them met a machine that was too busy to answer; none of these counts as missed"


def one_by_one(webhook: Webhook, act: t.Callable[[Webhook, str, str], None]) -> None:
    """Do something to each of the webhook's pods in turn, by its name and node, so that none is spared by chance."""
    for found in pods_of(webhook):
        act(webhook, found["metadata"]["name"], found["spec"]["nodeName"])
        settled(webhook)


def kill(webhook: Webhook, name: str, _node: str) -> None:
    """Have the API end a pod, which leaves it the time of its preStop hook."""
    kubectl("delete", "pod", name, "-n", webhook.namespace, "--wait=false")


def crash(_webhook: Webhook, _name: str, node: str) -> None:
    """End a pod's process without notice; the kubelet then starts its container again."""
    run(["podman", "exec", f"irsa-lab-{node}", "pkill", "--signal", "KILL", "--exact", "webhook"])
    time.sleep(1)  # until the kubelet knows


def drain(_webhook: Webhook, _name: str, node: str) -> None:
    """Drain a pod's node, and let it take pods again."""
    try:
        kubectl("drain", node, "--ignore-daemonsets", "--delete-emptydir-data", "--force", "--timeout=120s")
        time.sleep(SETTLED)
    finally:
        kubectl("uncordon", node)


def roll(webhook: Webhook) -> None:
    """Have the Deployment replace all of its pods."""
    kubectl("rollout", "restart", "deployment/pod-identity-webhook", "-n", webhook.namespace)


def pods_of(webhook: Webhook) -> list[dict[str, t.Any]]:
    """Return the webhook's pods, those that end among them."""
    listed = kubectl("get", "pods", "-n", webhook.namespace, "-l", webhook.selector, "-o", "json")
    return t.cast("list[dict[str, t.Any]]", json.loads(listed)["items"])


def settled(webhook: Webhook) -> None:
    """Wait until every pod of the Deployment is there, and those from before are gone: they still serve."""
    kubectl("rollout", "status", "deployment/pod-identity-webhook", "-n", webhook.namespace, "--timeout=180s")
    while any("deletionTimestamp" in item["metadata"] for item in pods_of(webhook)):
        time.sleep(1)
    time.sleep(SETTLED)


def disturb(webhook: Webhook, load: Load) -> None:
    """Disturb the webhook in every way while pods are created."""
    ways: dict[str, t.Callable[[], None]] = {
        "kill": lambda: one_by_one(webhook, kill),
        "drain": lambda: one_by_one(webhook, drain),
        "roll": lambda: roll(webhook),
        "settings": webhook.configure,
        "authority": webhook.rotate,
        CRASH: lambda: one_by_one(webhook, crash),
    }
    cleaner = api()
    load.during = "nothing"
    load.start()
    try:
        time.sleep(SETTLED)
        for name, way in ways.items():
            load.during = name
            way()
            settled(webhook)
            clear(cleaner, INJECTED, left=PAGE)
    finally:
        load.ended.set()
        load.join()


def missed(webhook: Webhook, title: str) -> dict[str, int]:
    """Return how many pods were created and missed in disturbances, and in a crash; print them by disturbance."""
    core = api()
    load = Load(lambda: has_token(core.create_namespaced_pod(INJECTED, pod(), _request_timeout=REQUEST)))
    disturb(webhook, load)
    clear(core, INJECTED)
    counts, columns = counted(load), ("created", "missed", "refused", "failed")
    print(f"{title}: disturbance, {', '.join(columns)}", flush=True)
    for name in sorted(counts):
        print(f"  {name:10} " + " ".join(f"{counts[name][column]:6}" for column in columns), flush=True)
    errors = Counter(type(error).__name__ for _during, result in load.results if (error := result.exception()))
    print(f"  {load.submitted} submitted; errors: {dict(errors)}", flush=True)
    print(f"  {machine_says(load)}", flush=True)
    in_crash = counts.pop(CRASH, Counter())
    figures = {f"{title}_{column}": sum(item[column] for item in counts.values()) for column in columns[:2]}
    return figures | {f"{title}_{column}_in_crash": in_crash[column] for column in columns[:2]}


def configure_ours() -> None:
    """Have the role give pods another region."""
    role(irsa_webhook_region=OTHER_REGION)


def rotate_ours() -> None:
    """Have the role make another authority."""
    kubectl("delete", "secret", "pod-identity-webhook-ca", "-n", "pod-identity-webhook")
    role()


def self_signed() -> dict[str, str]:
    """Return the data of a Secret with a certificate as the upstream manifests ask cert-manager for."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(timezone.utc)
    host = "pod-identity-webhook.default.svc"
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(x509.random_serial_number())
    made = made.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(days=90))
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    certificate = made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)
    return {"tls.crt": b64encode(certificate).decode(), "tls.key": b64encode(private).decode()}


def upstream() -> list[dict[str, t.Any]]:
    """Return the objects of the upstream manifests, but cert-manager's, with a certificate in their place."""
    module = f"github.com/aws/amazon-eks-pod-identity-webhook@{VERSION}/deploy"
    folder = Path(run(["go", "env", "GOMODCACHE"]).strip()) / module
    texts = [path.read_text().replace("IMAGE", IMAGE) for path in sorted(folder.glob("*.yaml"))]
    objects = [item for text in texts for item in yaml.safe_load_all(text) if item]
    objects = [item for item in objects if not item["apiVersion"].startswith("cert-manager.io/")]
    data = self_signed()
    for item in objects:
        if item["kind"] == "Deployment":
            item["spec"]["template"]["spec"]["containers"][0]["imagePullPolicy"] = "IfNotPresent"
        if item["kind"] == "MutatingWebhookConfiguration":
            item["webhooks"][0]["clientConfig"]["caBundle"] = data["tls.crt"]
    metadata = {"name": "pod-identity-webhook-cert", "namespace": "default"}
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/tls",
        "metadata": metadata,
        "data": data,
    }
    return [secret, *objects]


def configure_upstream() -> None:
    """Apply the upstream Deployment with another region."""
    (deployment,) = (item for item in upstream() if item["kind"] == "Deployment")
    command = deployment["spec"]["template"]["spec"]["containers"][0]["command"]
    command.append(f"--aws-default-region={OTHER_REGION}")
    kubectl("apply", "-f", "-", objects=[deployment])


def rotate_upstream() -> None:
    """Renew the upstream certificate as cert-manager and its injector do."""
    wanted = ("Secret", "MutatingWebhookConfiguration")
    kubectl("apply", "-f", "-", objects=[item for item in upstream() if item["kind"] in wanted])
    time.sleep(90)  # until the kubelet has given the Secret to the pod


def upstream_missed() -> dict[str, int]:
    """Install the upstream manifests, disturb them and remove them again."""
    role(irsa_webhook_mode="none")
    objects = upstream()
    kubectl("apply", "-f", "-", objects=objects)
    try:
        webhook = Webhook("default", "app=pod-identity-webhook", configure_upstream, rotate_upstream)
        settled(webhook)
        return missed(webhook, "upstream")
    finally:
        kubectl("delete", "-f", "-", "--ignore-not-found", objects=objects)


@contextlib.contextmanager
def namespaces() -> t.Iterator[None]:
    """Make the namespaces and their service accounts, and remove them in the end."""
    objects = []
    for name in (NONE, INJECTED):
        annotations = {"eks.amazonaws.com/role-arn": ARN}
        account = {"name": "bench", "namespace": name, "annotations": annotations}
        objects += [
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}},
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account},
        ]
    kubectl("apply", "-f", "-", objects=objects)
    try:
        yield
    finally:
        kubectl("delete", "namespace", NONE, INJECTED, "--wait=false")


def say(words: str) -> None:
    """Tell who waits what is done now."""
    print(words, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pods", type=int, default=400, help="how many pods a latency is measured with")
    pods = parser.parse_args().pods
    with namespaces():
        say("The policy, with restarts of the API servers, and pods one after the other (three minutes)")
        role(irsa_webhook_mode="policy", irsa_webhook_set_flags=True)
        core = api()
        by_policy = latencies(core, pods)
        say("The webhook, and pods one after the other (two minutes)")
        role()
        by_webhook = latencies(core, pods)
        name = "pod-identity-webhook"
        say("The webhook is disturbed (twelve minutes)")
        ours = missed(Webhook(name, f"app.kubernetes.io/name={name}", configure_ours, rotate_ours), "ours")
        say("The webhook of the upstream manifests is disturbed (six minutes)")
        theirs = upstream_missed()
        role()
    measured = {
        "none": by_policy[NONE] + by_webhook[NONE],
        "webhook": by_webhook[INJECTED],
        "policy": by_policy[INJECTED],
    }
    figures: dict[str, float] = {}
    for share in (50, 99):
        for name, values in measured.items():
            figures[f"{name}_p{share}_ms"] = percentile(values, share / 100)
    print(json.dumps({**figures, **ours, **theirs}))


if __name__ == "__main__":
    main()
