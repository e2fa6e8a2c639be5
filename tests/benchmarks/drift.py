# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes a policy from some roles, as somebody does by hand."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import boto3


def _main() -> None:
    given = json.loads(Path(sys.argv[1]).read_text())
    iam = boto3.client("iam")
    for name in given["from"]:
        iam.detach_role_policy(RoleName=name, PolicyArn=given["detach"])


if __name__ == "__main__":
    _main()
