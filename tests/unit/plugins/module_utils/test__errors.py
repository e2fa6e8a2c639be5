# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import typing as t

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.testing import patch_module_args

from ansible_collections.onprem.irsa.plugins.module_utils._documents.issuer import check_issuer_url
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError, IrsaError, nearest, reported

REGIONS = ["eu-central-1", "eu-west-1", "eu-west-2", "us-east-1", "us-east-2", "us-west-1", "us-west-2"]


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("us-esat-1", "Did you mean us-east-1?"),
        ("su-east-1", "Did you mean us-east-1?"),
        ("us-ewst-2", "Did you mean us-west-2?"),
        ("US-ESAT-2", "Did you mean us-east-2?"),
        ("eu-cental-1", "Did you mean eu-central-1?"),
        ("us-est-1", "Did you mean us-east-1 or us-west-1?"),
        ("eu-west-9", "Did you mean eu-west-1 or eu-west-2?"),
        ("us-east-1", "Did you mean us-east-1?"),
        ("mars", ""),
        ("", ""),
    ],
)
def test_what_is_as_near_is_named_and_a_swap_is_one_slip(written: str, says: str) -> None:
    assert nearest(written, REGIONS) == says


def test_three_that_are_as_near() -> None:
    assert nearest("rack-9", ["rack-3", "rack-1", "rack-2", "room"]) == "Did you mean rack-1, rack-2 or rack-3?"
    assert nearest("rack", []) == ""


def _failed(capsys: pytest.CaptureFixture[str], call: t.Callable[[], object]) -> dict[str, t.Any]:
    """Return what a module returns as its failure when CALL raises."""
    with patch_module_args({}):
        module = AnsibleModule(argument_spec={})
        with pytest.raises(SystemExit), reported(module):
            call()
    result: dict[str, t.Any] = json.loads(capsys.readouterr().out)
    return result


def _with_a_cause() -> None:
    try:
        int("no number")
    except ValueError as error:
        raise IrsaError(f"It cannot be read: {error}.", fix="Look at it.") from error


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (_with_a_cause, "It cannot be read: invalid literal"),
        (lambda: check_issuer_url("http://foo"), "The issuer 'http://foo' must begin with https://"),
    ],
)
def test_a_module_says_its_words_once(
    capsys: pytest.CaptureFixture[str], call: t.Callable[[], object], says: str
) -> None:
    result = _failed(capsys, call)
    assert result["msg"].startswith(says)
    assert "exception" not in result  # of which Ansible would join the words of all causes to the message


def test_the_causes_are_in_the_traceback(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    traces: list[str] = []
    fail_json = AnsibleModule.fail_json

    def noting(module: AnsibleModule, msg: str, *, exception: str, **result: object) -> t.NoReturn:
        traces.append(exception)
        fail_json(module, msg, exception=exception, **result)

    monkeypatch.setattr(AnsibleModule, "fail_json", noting)
    _failed(capsys, _with_a_cause)
    (trace,) = traces
    assert "ValueError: invalid literal" in trace
    assert "IrsaError: It cannot be read" in trace


def test_an_issuer_is_refused_without_the_error_that_says_less() -> None:
    with pytest.raises(InputError) as refused:
        check_issuer_url("http://foo")
    assert refused.value.__cause__ is None
