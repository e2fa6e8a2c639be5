# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
from ansible._internal._templating._utils import Omit
from ansible.errors import AnsibleError, AnsibleUndefinedVariable
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

from ansible_collections.onprem.irsa.plugins.plugin_utils._variables import (
    OmittedError,
    Resolved,
    broken_rules,
    differing_variables,
    look,
    specifications,
)

if t.TYPE_CHECKING:
    from pathlib import Path


def resolved(**variables: object) -> Resolved:
    templates = {
        name: trust_as_template(value) if isinstance(value, str) else value for name, value in variables.items()
    }
    return Resolved(Templar(DataLoader()), templates)


def test_values_are_those_of_the_templates() -> None:
    values = resolved(a="{{ b }}-c", b="b", number="{{ 5 }}")
    assert (values["a"], values["number"], len(values)) == ("b-c", 5, 3)
    assert "none" not in values
    with pytest.raises(KeyError):
        values["none"]


def test_what_nobody_asks_for_may_have_no_value() -> None:
    values = resolved(a="a", wrong="{{ my_tag }}")
    assert values["a"] == "a"
    with pytest.raises(AnsibleError, match="'my_tag' is undefined"):
        values["wrong"]


def test_what_is_omitted_is_not_there() -> None:
    values = resolved(a="{{ omit }}", omit=Omit)
    assert values.get("a", "default") == "default"
    with pytest.raises(OmittedError):
        values["a"]


def test_templates_without_a_value_are_told_by_their_names() -> None:
    values, problems = resolved(a="a", wrong="{{ my_tag }}", unclosed="{{ a").split(
        ["a", "wrong", "unclosed", "absent"]
    )
    assert values == {"a": "a"}
    assert [line.partition(":")[0] for line in problems] == ["wrong has no value", "unclosed has no value"]
    assert all(line.endswith("Correct its template, or set what it names.") for line in problems)


def test_rules_that_cannot_be_applied_say_what_is_missing() -> None:
    def rules(values: t.Mapping[str, t.Any], _look: object) -> list[str]:
        return [values["irsa_a"]]

    assert broken_rules("irsa_x", rules, resolved(irsa_a="a")) == ["a"]
    (line,) = broken_rules("irsa_x", rules, resolved(irsa_a="{{ my_tag }}"))
    assert line == "The variables of irsa_x cannot be checked: 'my_tag' is undefined. Set what is missing."
    assert broken_rules("irsa_x", rules, resolved(irsa_a="{{ my_tag }}"), told=True) == []
    (line,) = broken_rules("irsa_x", rules, resolved(irsa_a="{{ omit }}", omit=Omit))
    assert line.startswith("irsa_a is omitted, and irsa_x needs it.")


class Lazy(dict[str, t.Any]):
    """Variables of which one is a template of another that is not there."""

    def __getitem__(self, name: str) -> object:
        if name == "irsa_issuer_url":
            raise AnsibleUndefinedVariable("'domain' is undefined")
        return super().__getitem__(name)


def test_what_the_roles_take_differs_and_what_they_set_or_is_the_users_may() -> None:
    hosts = {
        "cp1": {"irsa_region": "eu-west-1", "irsa_iam_report": [1], "irsa_mine": 1},
        "cp2": {"irsa_region": "eu-west-2", "irsa_own": 2},
    }
    (line,) = differing_variables(hosts, hosts)
    assert line.startswith("irsa_region differs between hosts of one control plane")
    assert differing_variables(hosts, ["cp1"]) == []


def test_a_template_without_a_value_is_judged_where_it_is_used() -> None:
    hosts = {name: Lazy(irsa_issuer_url="{{ domain }}") for name in ("cp1", "cp2")}
    assert differing_variables(hosts, hosts) == []


def test_all_roles_are_specified() -> None:
    assert {"irsa_iam", "irsa_kubeconfig"} < {*specifications()}
    assert "irsa_iam_roles" in specifications()["irsa_iam"]["argument_specs"]["main"]["options"]


def test_files_are_where_the_user_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "file").write_text("text")
    (tmp_path / "link").symlink_to("file")
    for written in ("file", "link", "~/file", str(tmp_path / "file")):
        found = look(written)
        assert (found.path, found.text, found.is_readable) == (str(tmp_path.resolve() / "file"), "text", True)
    assert look("~").is_directory
    assert (look("none").is_file, look("none").text) == (False, None)


def test_a_file_that_is_no_text_can_be_read_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"\xff")
    found = look(str(tmp_path / "file"))
    assert (found.is_readable, found.text) == (True, None)
