# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs scripts with the shell whose C(kubectl) asks an API server of the test: what they use of it, and no more."""

from __future__ import annotations

import base64
import binascii
import json
import re
import typing as t
from pathlib import Path

import yaml

from .fake_api_server import Asked, FakeApi
from .scripts import RefusedError, run_with

if t.TYPE_CHECKING:
    import subprocess

Json = dict[str, t.Any]

_OPTIONS = {
    "apply": {"--filename", "--field-manager"},
    "get": {"--namespace", "--output"},
    "rollout": {"--namespace", "--timeout"},
}
_SWITCHES = {"apply": {"--server-side"}, "get": {"--ignore-not-found"}, "rollout": set[str]()}


def call(api: FakeApi, asked: Json) -> str:
    """Do as kubectl; return what it prints."""
    words, options = _parsed(asked["words"])
    verb = words.pop(0)
    unknown = {*options} - _OPTIONS[verb] - _SWITCHES[verb]
    if unknown:
        raise RefusedError(f"error: unknown flag: {', '.join(unknown)}")
    if verb == "apply":
        assert "--server-side" in options, "another way would keep a copy of each Secret in its annotations"
        texts = _texts(asked, options["--filename"])
        manifests = [manifest for manifest in yaml.safe_load_all(texts) if manifest]
        return "".join(_applied(api, manifest, options["--field-manager"]) for manifest in manifests)
    return _got(api, words, options) if verb == "get" else _rolled_out(api, words, options)


def _parsed(given: t.Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Return the words, and the options with their values."""
    words, options, rest = list[str](), dict[str, str](), [*given]
    switches = {name for names in _SWITCHES.values() for name in names}
    while rest:
        word = rest.pop(0)
        name, sign, value = word.partition("=")
        if not word.startswith("--"):
            words.append(word)
        else:
            options[name] = value if sign or name in switches else rest.pop(0)
    return words, options


def _texts(asked: Json, name: str) -> str:
    if name == "-":
        return str(asked["given"])
    place = Path(asked["directory"], name)
    paths = sorted(place.iterdir()) if place.is_dir() else [place]
    texts = [path.read_text() for path in paths if path.suffix in (".yml", ".yaml", ".json")]
    return "\n---\n".join(texts)


def _applied(api: FakeApi, manifest: Json, manager: str) -> str:
    try:
        _decoded = [base64.b64decode(text, validate=True) for text in _bytes_in(manifest)]
    except binascii.Error as error:
        raise RefusedError(f"error: failed to create typed patch object: illegal base64 data: {error}") from error
    path = api.path_of(manifest)
    namespace = manifest["metadata"].get("namespace")
    if namespace and f"/api/v1/namespaces/{namespace}" not in api.objects:
        raise RefusedError(f'Error from server (NotFound): namespaces "{namespace}" not found')
    status, body = api.answer(Asked("PATCH", path, {"fieldManager": manager, "force": "false"}, manifest))
    if status != 200:
        raise RefusedError(f"Error from server: {body['message']}")
    return f"{manifest['kind'].lower()}/{manifest['metadata']['name']} serverside-applied\n"


def _bytes_in(value: object, key: str = "") -> t.Iterator[str]:
    """Yield what the API has as bytes: in base64."""
    if isinstance(value, dict):
        is_secret = value.get("kind") == "Secret"
        for name, part in value.items():
            if is_secret and name == "data":
                yield from map(str, part.values())
            else:
                yield from _bytes_in(part, name)
    elif isinstance(value, list):
        for part in value:
            yield from _bytes_in(part)
    elif key == "caBundle":
        yield str(value)


def _got(api: FakeApi, words: list[str], options: Json) -> str:
    assert words.pop(0) == "secret"
    found = [api.get(f"/api/v1/namespaces/{options['--namespace']}/secrets/{name}") for name in words]
    if None in found and "--ignore-not-found" not in options:
        raise RefusedError(f'Error from server (NotFound): secrets "{words[found.index(None)]}" not found')
    there = [secret for secret in found if secret is not None]
    if options["--output"] == "name":
        return "".join(f"secret/{secret['metadata']['name']}\n" for secret in there)
    match = re.fullmatch(r"jsonpath=\{\.data(?:\.(.+))?\}", options["--output"])
    assert match, options
    (secret,) = there
    return str(secret["data"][match[1].replace("\\.", ".")]) if match[1] else json.dumps(secret["data"])


def _rolled_out(api: FakeApi, words: list[str], options: Json) -> str:
    assert words.pop(0) == "status"
    deployment = api.get(f"/apis/apps/v1/namespaces/{options['--namespace']}/{words[0].replace('/', 's/')}")
    if deployment is None or not (deployment.get("status") or {}).get("availableReplicas"):
        raise RefusedError("error: timed out waiting for the condition")
    return f'deployment "{words[0]}" successfully rolled out\n'


def run_script(script: Path, api: FakeApi, programs: Path) -> subprocess.CompletedProcess[str]:
    """Run a script with the shell, from another directory than its own."""
    return run_with(script, "kubectl", lambda asked: call(api, asked), programs)
