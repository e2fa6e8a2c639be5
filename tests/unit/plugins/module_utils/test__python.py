# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import ast
from pathlib import Path

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._python import OLDEST, require_python

ROOT = Path(__file__).parents[4]


@pytest.mark.parametrize("version", [(3, 8, 10), (3, 6), (2, 7, 18)])
def test_an_old_python_is_named_with_its_path_and_the_fix(version: tuple[int, ...]) -> None:
    with pytest.raises(RuntimeError) as caught:
        require_python(version, "/usr/bin/python3")
    words = [
        f"/usr/bin/python3 on this host is Python {'.'.join(map(str, version))}",
        "3.9",
        "ansible_python_interpreter",
    ]
    assert all(word in str(caught.value) for word in words)


@pytest.mark.parametrize("version", [OLDEST, (3, 9, 0), (3, 13, 1), (4, 0, 0)])
def test_a_python_that_will_do(version: tuple[int, ...]) -> None:
    require_python(version, "/usr/bin/python3")


@pytest.mark.parametrize("module", ["control_plane_info", "control_plane_flags_host", "sa_keypair"])
def test_a_module_for_hosts_looks_at_python_before_it_imports_what_an_old_one_cannot_read(module: str) -> None:
    """By the first import that leads to the file; those before it are of Ansible and of the standard library."""
    file = ROOT / "plugins/modules" / f"{module}.py"
    for _hop in range(3):
        imports = [node for node in ast.parse(file.read_text()).body if isinstance(node, ast.ImportFrom)]
        first = next(node for node in imports if str(node.module).startswith("ansible_collections.onprem.irsa"))
        name = str(first.module).partition("onprem.irsa.")[2].replace(".", "/")
        file = ROOT / f"{name}.py" if (ROOT / f"{name}.py").exists() else ROOT / name / f"{first.names[0].name}.py"
        if file.name == "_python.py":
            return
    pytest.fail(f"{module} begins with {file}")
