# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._flags.arguments import check_flags, flags_of


@pytest.mark.parametrize(
    ("arguments", "flags"),
    [
        ([], {}),
        (["kube-apiserver", "--a=1", "--b=2", "--a=0"], {"a": ["1", "0"], "b": ["2"]}),
        (["kube-apiserver", "--a", "1", "--b=2"], {"a": ["1"], "b": ["2"]}),
        (["kube-apiserver", "--enabled", "--b=2"], {"enabled": ["true"], "b": ["2"]}),
        (["kube-apiserver", "--last"], {"last": ["true"]}),
        (["--service_account_issuer=https://a"], {"service-account-issuer": ["https://a"]}),
        (["--a=b=c"], {"a": ["b=c"]}),
        (["--a="], {"a": [""]}),
        (["--issuer=https://a,https://b"], {"issuer": ["https://a,https://b"]}),
        (["-v=2"], {"v": ["2"]}),
        (["-v2"], {"v": ["2"]}),
        (["-v", "2"], {"v": ["2"]}),
        (["--a=1", "--", "--b=2"], {"a": ["1"]}),
        (["hyperkube", "kube-apiserver", "--a=1", "stray"], {"a": ["1"]}),
    ],
)
def test_flags_as_pflag_reads_them(arguments: list[str], flags: dict[str, list[str]]) -> None:
    assert flags_of(arguments) == flags


@pytest.mark.parametrize("name", ["--service-account-issuer", "", "a=b", "a b", "A", "service_account_issuer"])
def test_a_misspelt_name_is_refused_by_name(name: str) -> None:
    with pytest.raises(InputError, match="without dashes in front") as caught:
        check_flags({name: ["1"]})
    assert repr(name) in str(caught.value)


@pytest.mark.parametrize("value", ["a\nb", "\x00", "\u2028"])
def test_a_value_that_no_line_can_hold_is_refused(value: str) -> None:
    with pytest.raises(InputError, match="printable"):
        check_flags({"a": [value]})


@pytest.mark.parametrize("value", [0.001, None, ["a"], {"a": "b"}])
def test_a_value_that_is_no_word_is_named(value: object) -> None:
    with pytest.raises(InputError) as caught:
        check_flags({"goaway-chance": ["0", value]})
    assert f"{value!r} is none of these. Write in quotes" in str(caught.value)


@pytest.mark.parametrize("values", ["2", 2, None, {"a": "b"}, [None], [["a"]], [1.5]])
def test_values_that_are_no_list_of_words_are_refused(values: object) -> None:
    with pytest.raises(InputError, match="list of values"):
        check_flags({"v": values})


def test_yaml_numbers_and_booleans_become_words() -> None:
    assert check_flags({"v": [2], "profiling": [False], "a": ["x"]}) == {"v": ["2"], "profiling": ["false"], "a": ["x"]}
