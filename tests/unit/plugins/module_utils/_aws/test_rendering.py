# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import subprocess
import typing as t

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._aws.calls import Call
from ansible_collections.onprem.irsa.plugins.module_utils._aws.rendering import ScriptStep, check_state, rendered
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._review_files import bring

if t.TYPE_CHECKING:
    from pathlib import Path

MAKE = ScriptStep("acm", "us-east-1", Call("request_certificate", {"DomainName": "a"}), {"arn": "CertificateArn"})
LOOK = ScriptStep(
    "acm",
    "us-east-1",
    Call("describe_certificate", {"CertificateArn": "${arn}"}),
    {"name": "Record.Name", "value": "Record.Value"},
    says="Make ${name} ${value}",
)
PUT = ScriptStep(
    "s3api", "eu-central-1", Call("put_object", {"Bucket": "b", "Key": "a/b", "Body": b"{}", "Tagging": "${arn}"})
)


@pytest.mark.parametrize(
    ("steps", "wanted"),
    [
        ([MAKE], ["acm request-certificate 01-acm-request-certificate.json {'DomainName': 'a'} CertificateArn"]),
        (
            [MAKE, LOOK],
            [
                "acm request-certificate 01-acm-request-certificate.json {'DomainName': 'a'} CertificateArn",
                "acm describe-certificate 02-acm-describe-certificate.json {'CertificateArn': '${arn}'} Record.Name",
            ],
        ),
    ],
)
def test_a_call_is_a_line_and_a_file(steps: list[ScriptStep], wanted: list[str]) -> None:
    files = rendered(steps)
    lines = [line for line in files["publish.sh"].splitlines() if "aws " in line]
    assert len(lines) == len(steps)
    for line, text in zip(lines, wanted):
        service, command, name, arguments = text.split(" ", 3)
        given, query = arguments.rsplit(" ", 1)
        assert f"aws {service} {command} --region us-east-1" in line
        assert f"calls/{name}" in line
        assert query in line
        assert str(json.loads(files[f"calls/{name}"])) == given


def test_only_what_was_captured_before_is_filled_in() -> None:
    assert "sed" not in rendered([PUT])["publish.sh"]
    assert "sed" not in rendered([PUT, MAKE])["publish.sh"]
    files = rendered([MAKE, PUT])
    assert '"s|\\${arn}|$arn|g" calls/02-s3api-put-object.json' in files["publish.sh"]
    assert files["documents/a/b"] == "{}"
    assert json.loads(files["calls/02-s3api-put-object.json"]) == {"Bucket": "b", "Key": "a/b", "Tagging": "${arn}"}


def test_a_removal_is_not_rendered() -> None:
    check_state("present")
    with pytest.raises(InputError, match="no calls to review for state absent"):
        check_state("absent")


def test_the_shell_fills_in_what_the_answers_had(tmp_path: Path) -> None:
    bring(str(tmp_path / "review"), rendered([MAKE, LOOK, PUT]), owned=(), check_mode=False)
    # Answers None to the first look; keeps what it was called with.
    program = r"""#!/bin/sh
printf '%s\n' "$*" >> "$LOG"
case "$2" in
request-certificate) echo arn:aws:acm:us-east-1:1:certificate/1-2 ;;
describe-certificate)
  if [ -e "$LOG.once" ]; then printf '_a.example.com.\t_b.acm-validations.aws.\n'; else printf 'None\tNone\n'; fi
  touch "$LOG.once" ;;
esac
"""
    for name, text in (("aws", program), ("sleep", "#!/bin/sh\n")):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "LOG": str(tmp_path / "log")}
    command = ["/bin/sh", str(tmp_path / "review/publish.sh")]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)  # noqa: S603 -- rendered
    assert done.stdout == "Make _a.example.com. _b.acm-validations.aws.\n"
    log = (tmp_path / "log").read_text()
    assert log.count("acm describe-certificate") == 2
    assert log.count('"CertificateArn": "arn:aws:acm:us-east-1:1:certificate/1-2"') == 2
    assert '"Tagging": "arn:aws:acm:us-east-1:1:certificate/1-2"' in log
    assert "--body documents/a/b" in log
