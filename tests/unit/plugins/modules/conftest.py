# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule


@pytest.fixture
def warned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what modules warn of from here on.

    Not from their results: Ansible keeps the warnings of a process, and once a test has loaded plugins as a controller
    does, it shows them in place of returning them.
    """
    said: list[str] = []
    for module in (AnsibleModule, AnsibleAWSModule):
        monkeypatch.setattr(module, "warn", lambda _self, warning: said.append(warning))
    return said
