# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import subprocess
import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._aws.rendered_files import bring
from ansible_collections.onprem.irsa.plugins.module_utils._aws.rendering import rendered
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._aws.test_rendering import LOOK, MAKE, PUT

if t.TYPE_CHECKING:
    from pathlib import Path


def test_the_shell_fills_in_what_the_answers_had(tmp_path: Path) -> None:
    bring(str(tmp_path / "review"), [MAKE, LOOK, PUT], check_mode=False)
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


def test_files_are_written_once_and_not_in_check_mode(tmp_path: Path) -> None:
    where = tmp_path / "review"
    assert bring(str(where), [MAKE], check_mode=True) is True
    assert not where.exists()
    assert bring(str(where), [MAKE], check_mode=False) is True
    assert bring(str(where), [MAKE], check_mode=False) is False
    (where / "publish.sh").write_text("")
    assert bring(str(where), [MAKE], check_mode=False) is True
    assert (where / "publish.sh").read_text() == rendered([MAKE])["publish.sh"]


def test_calls_that_are_none_any_more_are_not_left_for_review(tmp_path: Path) -> None:
    bring(str(tmp_path), [MAKE, PUT], check_mode=False)
    (tmp_path / "calls" / "notes.txt").write_text("mine")
    assert bring(str(tmp_path), [PUT], check_mode=True) is True
    assert (tmp_path / "calls" / "01-acm-request-certificate.json").is_file()
    assert bring(str(tmp_path), [PUT], check_mode=False) is True
    assert sorted(path.name for path in (tmp_path / "calls").iterdir()) == ["01-s3api-put-object.json", "notes.txt"]
    assert bring(str(tmp_path), [PUT], check_mode=False) is False
