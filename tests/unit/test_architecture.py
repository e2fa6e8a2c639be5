# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks the imports of plugins/: no circles, lower floors only, no I/O where something is decided; and loop names."""

from __future__ import annotations

import ast
import graphlib
import os
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

PLUGINS = Path(__file__).parents[2] / "plugins"
COLLECTION = "ansible_collections.onprem.irsa.plugins."

# The packages and modules of module_utils, from the ground up: each imports those on lower floors, and itself.
FLOORS = (
    ("_finding", "_progress", "_python", "_service_accounts", "_table", "_unquoted"),
    ("_errors",),
    ("_review_files",),
    ("_aws", "_documents", "_flags", "_kube", "_policies", "_trust"),
    ("_distributions", "_in_use"),
    ("_api_server", "_host", "_injection", "_input"),
    ("_controller", "_migration", "_proof", "_rotation"),
    ("_iam",),
    ("_publication",),
    ("_doctor", "_rules"),
)
# Those with modules that do I/O (AWS, a cluster, web servers, files, the clock); all others decide on data alone.
SOME_IO = {
    *("_aws", "_controller", "_doctor", "_host", "_iam", "_kube", "_progress", "_proof", "_publication"),
    "_review_files",
}
ONLY_IO = {"_host", "_kube"}

# A module that imports one of these does I/O. Types of clients count: who is given a client calls it.
IO = (
    "ansible.module_utils.basic",
    "ansible.module_utils.urls",
    "ansible_collections.amazon.aws.plugins.module_utils.modules",
    "ansible_collections.kubernetes",
    "ansible_collections.onprem.irsa.plugins.module_utils._progress",  # lets time pass
    "boto3",
    "botocore",
    "builtins.open",
    "concurrent",
    "fcntl",
    "http",
    "importlib.metadata",
    "kubernetes",
    "multiprocessing",
    "mypy_boto3_cloudfront",
    "mypy_boto3_iam",
    "mypy_boto3_s3",
    "mypy_boto3_sts",
    "os",
    "pathlib",
    "requests",
    "shutil",
    "signal",
    "socket",
    "ssl",
    "subprocess",
    "tempfile",
    "threading",
    "time",
    "urllib.error",
    "urllib.request",
    "urllib3",
)
# Parts of these that are classes, tables or settings.
NO_IO = ("botocore.exceptions", "botocore.loaders", "os.environ", "pathlib.PurePath", "pathlib.PurePosixPath")

# What each kind of plugin may import of the others; an action has the arguments and the main() of its module besides.
KINDS: dict[str, tuple[str, ...]] = {
    "action": ("module_utils", "plugin_utils"),
    "doc_fragments": (),
    "filter": ("module_utils",),
    "module_utils": ("module_utils",),
    "modules": ("module_utils",),
    "plugin_utils": ("module_utils", "plugin_utils"),
}

Imports = dict[str, set[str]]
"""The names that each module imports or opens files with, by the module's own name below plugins/."""


def imports_of(plugins: Path) -> Imports:
    return {
        ".".join(path.relative_to(plugins).with_suffix("").parts).removesuffix(".__init__"): {
            name for node in ast.walk(ast.parse(path.read_text())) for name in _names(node)
        }
        for path in sorted(plugins.rglob("*.py"))
    }


def _names(node: ast.AST) -> t.Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, f"relative import of {node.module}: write the whole name"
        yield from (f"{node.module}.{alias.name}" for alias in node.names)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "open":
        yield "builtins.open"


def problems(plugins: Path) -> list[str]:
    """Say which imports of a tree lead where none should."""
    imports = imports_of(plugins)
    with_io = {name for name, imported in imports.items() if _does_io(name, imported)}
    inner = {
        name: {whole.removeprefix(COLLECTION) for whole in imported if whole.startswith(COLLECTION)}
        for name, imported in imports.items()
    }
    arrows = {
        name: {target for whole in imported if (target := _module(whole, inner)) and target != name}
        for name, imported in inner.items()
    }
    wrong = [f"{name} does I/O, and its package is pure" for name in with_io if _room(name) not in {*SOME_IO, ""}]
    for name, targets in arrows.items():
        wrong += [
            problem
            for target in targets
            for problem in (
                _wrong_kind(name, target, inner[name]),
                _wrong_floor(_room(name), _room(target)),
                _wrong_purpose(name, target, with_io),
            )
            if problem
        ]
    return sorted(wrong) + _circle(arrows)


def _does_io(name: str, imported: t.Iterable[str]) -> bool:
    return _room(name) in ONLY_IO or any(_is_in(whole, IO) and not _is_in(whole, NO_IO) for whole in imported)


def _is_in(name: str, packages: t.Iterable[str]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def _module(name: str, known: t.Container[str]) -> str:
    """Return the module that a name, or what it is a part of, is."""
    return name if name in known else _module(name.rpartition(".")[0], known) if "." in name else ""


def _room(name: str) -> str:
    """Return the package, or the module outside of packages, of module_utils; empty for other kinds of plugins."""
    kind, _dot, rest = name.partition(".")
    return rest.partition(".")[0] if kind == "module_utils" else ""


def _floor(room: str) -> int:
    return next((floor for floor, rooms in enumerate(FLOORS) if room in rooms), -1)


def _wrong_floor(room: str, target: str) -> str:
    if "" in (room, target) or room == target or -1 < _floor(target) < _floor(room):
        return ""
    return f"{room} imports {target}, which FLOORS does not have below it"


def _wrong_purpose(name: str, target: str, with_io: t.Container[str]) -> str:
    decides = bool(_room(name)) and name not in with_io
    return f"{name} decides, and imports {target}, which does I/O" if decides and target in with_io else ""


def _wrong_kind(name: str, target: str, inner: t.Collection[str]) -> str:
    kind, _dot, rest = name.partition(".")
    allowed = KINDS[kind]
    if target.partition(".")[0] in allowed:
        return ""
    of_target = {whole for whole in inner if _is_in(whole, [target])}
    of_own = {f"{target}.ARGUMENT_SPEC", f"{target}.main"}
    if kind == "action" and target == f"modules.{rest}" and of_target <= of_own:
        return ""
    return f"{name} imports {target}, and may import {', '.join(allowed) or 'nothing'}"


def _circle(arrows: t.Mapping[str, t.Iterable[str]]) -> list[str]:
    try:
        graphlib.TopologicalSorter(arrows).prepare()
    except graphlib.CycleError as error:
        return [f"circle: {' <- '.join(error.args[1])}"]
    return []


def test_no_import_leads_where_none_should() -> None:
    assert problems(PLUGINS) == []


def test_every_room_has_a_floor() -> None:
    rooms = {_room(name) for name in imports_of(PLUGINS)} - {""}
    listed = [room for floor in FLOORS for room in floor]
    assert sorted(listed) == sorted(rooms)
    assert set(listed) >= SOME_IO >= ONLY_IO


MODULE_UTILS = f"{COLLECTION}module_utils."
ERRORS = "module_utils/_errors"
FLAGS = "module_utils/_flags/arguments"
OBSERVATION = "module_utils/_api_server/observation"
ROLES = "module_utils/_iam/roles"
TREE = {
    ERRORS: "import sys",
    FLAGS: f"from {MODULE_UTILS}_errors import InputError",
    "module_utils/_host/api": f"import ssl\nfrom {MODULE_UTILS}_flags.arguments import Flags",
    OBSERVATION: f"from {MODULE_UTILS}_flags.arguments import Flags",
    "module_utils/_aws/calls": "from botocore.exceptions import ClientError",
    "module_utils/_aws/patience": "import time",
    ROLES: f"from {MODULE_UTILS}_aws.calls import Call",
    "module_utils/_iam/iam_calls": f"import boto3\nfrom {MODULE_UTILS}_iam.roles import Role",
    "plugin_utils/_shared": f"from {MODULE_UTILS}_api_server import observation",
    "modules/look": f"from {MODULE_UTILS}_host.api import Api",
    "modules/other": "",
    "filter/other": "",
    "filter/judge": f"from {MODULE_UTILS}_iam.roles import Role",
    "action/look": f"from {COLLECTION}modules.look import ARGUMENT_SPEC\n"
    f"from {COLLECTION}plugin_utils._shared import Shared",
}


def grown(root: Path, added: t.Mapping[str, str]) -> Path:
    for name, text in {**TREE, **{name: f"{TREE.get(name, '')}\n{text}" for name, text in added.items()}}.items():
        path = root / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        (path.parent / "__init__.py").touch()
        path.write_text(text)
    return root


def test_a_sound_tree_has_no_problem(tmp_path: Path) -> None:
    assert problems(grown(tmp_path, {})) == []


@pytest.mark.parametrize(
    ("module", "added", "says"),
    [
        (FLAGS, f"from {MODULE_UTILS}_api_server import observation", "_flags imports _api_server"),
        (FLAGS, "import botocore.session", "arguments does I/O"),
        (ERRORS, f"from {MODULE_UTILS}_flags import arguments", "_errors imports _flags"),
        (ERRORS, f"from {MODULE_UTILS}_flags import arguments", "circle: "),
        (ERRORS, "from pathlib import Path", "_errors does I/O"),
        ("module_utils/_aws/calls", f"from {MODULE_UTILS}_flags.arguments import Flags", "_aws imports _flags"),
        ("module_utils/_new/room", f"from {MODULE_UTILS}_errors import InputError", "_new imports _errors"),
        (ROLES, f"from {MODULE_UTILS}_iam.iam_calls import read", "circle: "),
        (ROLES, f"from {MODULE_UTILS}_iam.iam_calls import read", "_iam.roles decides, and"),
        (ROLES, f"from {MODULE_UTILS}_aws import patience", "_iam.roles decides, and"),
        (ROLES, f"from {COLLECTION}modules.look import main", "_iam.roles imports modules.look"),
        (OBSERVATION, f"from {MODULE_UTILS}_host.api import Api", "observation decides, and"),
        (OBSERVATION, "import subprocess", "observation does I/O"),
        (OBSERVATION, "import urllib.request", "observation does I/O"),
        (OBSERVATION, "def f():\n    from os import path", "observation does I/O"),
        (OBSERVATION, "if t.TYPE_CHECKING:\n    from mypy_boto3_s3 import S3Client", "observation does I/O"),
        (OBSERVATION, "text = open('a').read()", "observation does I/O"),
        ("plugin_utils/_shared", f"from {COLLECTION}action.look import ActionModule", "_shared imports action.look"),
        ("filter/judge", f"from {COLLECTION}filter.other import f", "filter.judge imports filter.other"),
        ("filter/judge", f"from {COLLECTION}modules.look import ARGUMENT_SPEC", "filter.judge imports modules.look"),
        ("modules/other", f"from {COLLECTION}modules.look import ARGUMENT_SPEC", "modules.other imports modules.look"),
        ("action/look", f"from {COLLECTION}modules.other import ARGUMENT_SPEC", "action.look imports modules.other"),
        ("action/look", f"from {COLLECTION}modules.look import RETURN", "action.look imports modules.look"),
    ],
)
def test_an_arrow_that_is_added_is_found(tmp_path: Path, module: str, added: str, says: str) -> None:
    found = problems(grown(tmp_path, {module: added}))
    assert any(says in problem for problem in found), found


@pytest.mark.parametrize(
    "added",
    ["from pathlib import PurePosixPath", "from os import environ", "import posixpath", "from io import StringIO"],
)
def test_what_is_no_io_is_free(tmp_path: Path, added: str) -> None:
    assert problems(grown(tmp_path, {OBSERVATION: added})) == []


def loops_over_one(source: str) -> list[int]:
    """Return the lines of loops and comprehensions that call an item C(one), whatever it is."""
    loops = (ast.comprehension, ast.For)
    targets = [node.target for node in ast.walk(ast.parse(source)) if isinstance(node, loops)]
    names = [name for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)]
    return [name.lineno for name in names if name.id == "one"]


def test_loops_say_what_their_items_are() -> None:
    assert loops_over_one("for one in x: pass\ny = [a\n for b, one in x for one in b]") == [1, 3, 3]
    found = {path.name: loops_over_one(path.read_text()) for path in PLUGINS.rglob("*.py")}
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize("module", ["control_plane_info", "control_plane_edits_host", "control_plane_flags_host"])
def test_what_looks_at_hosts_imports_no_library_of_the_controller(module: str) -> None:
    """Where a host has them, each of a dozen looks in a run would load them for nothing."""
    name = f"{COLLECTION}modules.{module}"
    program = f"import sys, {name}; print(sorted({{'botocore', 'cryptography', 'jwcrypto'}} & {{*sys.modules}}))"
    environment = {**os.environ, "PYTHONPATH": str(PLUGINS.parent / ".build")}
    done = subprocess.run(  # noqa: S603 -- our own
        [sys.executable, "-c", program], env=environment, check=True, capture_output=True, text=True
    )
    assert done.stdout == "[]\n"
