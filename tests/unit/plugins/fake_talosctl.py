# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A talosctl with nodes in a directory, which takes and refuses configurations as the real ones of 1.12 to 1.14 do.

Each node is a directory with its version and its two configurations: what it runs with, and what it starts with. One
that is tried ends by the clock of the files. Source: Talos' cmd/talosctl/cmd/talos/apply-config.go and the server's
ApplyConfiguration, CanApplyImmediate and RollbackToConfigAfter. Run as a program, its first argument is the directory.
"""

from __future__ import annotations

import sys
import time
import typing as t
from pathlib import Path

import yaml

_TRIES: t.Final = "error applying new configuration: rpc error: code = InvalidArgument desc = "
_DENIED: t.Final = ("service-account-key-file", "service-account-signing-key-file", "etcd-servers")
_DOCUMENT: t.Final = "KubeServiceAccountConfig"


class RefusedError(Exception):
    """What the real one writes to its standard error before it ends with 1."""


class FakeNode:
    """A node."""

    def __init__(self, directory: Path) -> None:
        """Take its directory."""
        self.directory = directory

    @classmethod
    def made(cls, directory: Path, version: str, text: str) -> FakeNode:
        """Make a node that runs with this configuration."""
        directory.mkdir(parents=True)
        (directory / "version").write_text(version)
        for name in ("v1alpha1", "persistent"):
            (directory / name).write_text(text)
        return cls(directory)

    @property
    def version(self) -> str:
        return (self.directory / "version").read_text()

    def configuration(self, name: str = "v1alpha1") -> str:
        """Return what it runs with, or starts with; a try that is over is taken back."""
        tried = self.directory / "try"
        if tried.exists() and time.time() >= float(tried.read_text()):
            self.revert()
        return (self.directory / name).read_bytes().decode()

    def revert(self) -> None:
        """Do what it does when the time of a try is over."""
        (self.directory / "v1alpha1").write_bytes((self.directory / "before").read_bytes())
        (self.directory / "try").unlink()

    def apply(self, text: str, mode: str, seconds: float, *, dry_run: bool) -> str:
        """Take a configuration."""
        if mode != "try" and not dry_run:
            (self.directory / "try").unlink(missing_ok=True)
        self._validate(text)
        if dry_run:
            return "Dry run summary:\nApplied configuration without a reboot (skipped in dry-run).\n"
        if mode == "try":
            (self.directory / "before").write_bytes((self.directory / "v1alpha1").read_bytes())
            (self.directory / "try").write_text(str(time.time() + seconds))
        else:
            (self.directory / "persistent").write_bytes(text.encode())
        (self.directory / "v1alpha1").write_bytes(text.encode())
        return "Applied configuration without a reboot\n"

    def _validate(self, text: str) -> None:
        release = tuple(map(int, self.version.lstrip("v").split(".")[:2]))
        try:
            documents = [each for each in yaml.safe_load_all(text) if each is not None]
        except yaml.YAMLError as error:
            raise RefusedError(f"{_TRIES}failed to parse config: {error}") from error
        [main] = [each for each in documents if "kind" not in each] or [{}]
        if "machine" not in main:
            raise RefusedError(f"{_TRIES}the applied machine configuration doesn't contain v1alpha1 config")
        extra = ((main.get("cluster") or {}).get("apiServer") or {}).get("extraArgs") or {}
        for name, value in extra.items():
            if name in _DENIED:
                raise RefusedError(f"{_TRIES}1 error occurred:\n\t* extra arg {name!r} is not allowed")
            if isinstance(value, list) and release < (1, 13):
                raise RefusedError(f"{_TRIES}yaml: unmarshal errors:\n  cannot unmarshal !!seq into string")
        kinds = [each.get("kind") for each in documents]
        if _DOCUMENT in kinds and release < (1, 14):
            raise RefusedError(f'{_TRIES}"{_DOCUMENT}" "v1alpha1": not registered')
        if _DOCUMENT in kinds and (main.get("cluster") or {}).get("serviceAccount"):
            raise RefusedError(f"{_TRIES}{_DOCUMENT} conflicts with .cluster.serviceAccount")
        before = next(each for each in yaml.safe_load_all(self.configuration()) if "kind" not in each)
        if before["machine"] != main["machine"]:
            raise RefusedError(f"{_TRIES}this config change can't be applied in immediate mode\ndiff: machine")


def call(directory: Path, arguments: t.Sequence[str], text: str = "") -> str:
    """Do what talosctl does with arguments and a standard input; raises RefusedError."""
    options = dict(argument.lstrip("-").partition("=")[::2] for argument in arguments if argument.startswith("-"))
    verb, *words = [argument for argument in arguments if not argument.startswith("-")]
    name = options.pop("nodes", "")
    if not name:
        raise RefusedError(
            "nodes are not set for the command: please use `--nodes` flag or configuration file to set them"
        )
    node = FakeNode(directory / name)
    if not node.directory.exists():
        raise RefusedError(
            f'rpc error: code = Unavailable desc = connection error: dial tcp: lookup {name}: no such host"'
        )
    if verb == "version":
        return f"Client:\n\tTag:         v1.0.0\nServer:\n\tNODE:        {name}\n\tTag:         {node.version}\n"
    if (verb, words[:1], options) == ("get", ["machineconfig"], {"output": "jsonpath={.spec}"}):
        if words[1] not in ("v1alpha1", "persistent"):
            raise RefusedError("rpc error: code = NotFound desc = resource doesn't exist")
        return f"{node.configuration(words[1])}\n"
    if verb != "apply-config" or words:
        raise RefusedError(f'unknown command "{verb}" for "talosctl"')
    unknown = {*options} - {"mode", "file", "timeout", "dry-run"}
    if unknown:
        raise RefusedError(f"unknown flag: --{unknown.pop()}")
    mode = options.get("mode", "auto")
    if mode not in ("auto", "no-reboot", "staged", "try"):
        raise RefusedError(f'invalid argument "{mode}" for "-m, --mode" flag')
    if options.get("file") != "/dev/stdin" or not text:
        raise RefusedError("no configuration data read")
    seconds = float(options.get("timeout", "60s").rstrip("s"))
    return node.apply(text, mode, seconds, dry_run="dry-run" in options)


def program(directory: Path, nodes: Path) -> Path:
    """Write a program talosctl for these nodes into a directory; return its path."""
    file = directory / "talosctl"
    file.write_text(f'#!/bin/sh\nexec {sys.executable} {Path(__file__).resolve()} {nodes} "$@"\n')
    file.chmod(0o755)
    return file


def main() -> None:
    directory, *arguments = sys.argv[1:]
    text = sys.stdin.read() if "apply-config" in arguments else ""
    try:
        sys.stdout.write(call(Path(directory), arguments, text))
    except RefusedError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
