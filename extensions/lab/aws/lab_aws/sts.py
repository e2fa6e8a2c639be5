# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""AssumeRoleWithWebIdentity."""

from __future__ import annotations

import re
import time
import typing as t
from xml.sax.saxutils import escape

from . import trust_policy, web_identity
from .errors import AwsError
from .messages import result_response

if t.TYPE_CHECKING:
    from .engine import Session
    from .handling import Context, Handler
    from .messages import Call, HttpResponse

_SESSION_NAME = re.compile(r"[\w+=,.@-]*", re.ASCII)
_MIN_SECONDS, _MAX_SECONDS, _DEFAULT_SECONDS = 900, 43_200, 3600


def _constraint(field: str, constraint: str, value: str | None = None) -> AwsError:
    shown = "" if value is None else f" '{value}'"
    text = (
        f"1 validation error detected: Value{shown} at '{field}' failed to satisfy constraint: Member must {constraint}"
    )
    return AwsError("ValidationError", text)


def _required(call: Call, name: str, shortest: int, longest: int) -> str:
    value = call.parameter(name)
    field = name[0].lower() + name[1:]
    if name not in call.http.parameters:
        raise _constraint(field, "not be null")
    if len(value) < shortest:
        raise _constraint(field, f"have length greater than or equal to {shortest}")
    if len(value) > longest:
        raise _constraint(field, f"have length less than or equal to {longest}")
    return value


def _session_name(call: Call) -> str:
    name = _required(call, "RoleSessionName", 2, 64)
    if not _SESSION_NAME.fullmatch(name):
        raise _constraint("roleSessionName", r"satisfy regular expression pattern: [\w+=,.@-]*", name)
    return name


def _seconds(call: Call) -> int:
    text = call.parameter("DurationSeconds") or str(_DEFAULT_SECONDS)
    if not text.isascii() or not text.isdigit():
        raise AwsError("MalformedInput", "")
    if int(text) < _MIN_SECONDS:
        raise _constraint("durationSeconds", f"have value greater than or equal to {_MIN_SECONDS}", text)
    if int(text) > _MAX_SECONDS:
        raise _constraint("durationSeconds", f"have value less than or equal to {_MAX_SECONDS}", text)
    return int(text)


def _content(identity: web_identity.WebIdentity, session: Session) -> str:
    expires = session.expires.strftime("%Y-%m-%dT%H:%M:%SZ")
    return (
        f"<SubjectFromWebIdentityToken>{escape(identity.subject)}</SubjectFromWebIdentityToken>"
        f"<Audience>{escape(identity.audience)}</Audience>"
        f"<AssumedRoleUser><Arn>{escape(session.arn)}</Arn><AssumedRoleId>{escape(session.user_id)}</AssumedRoleId></AssumedRoleUser>"
        f"<Credentials><AccessKeyId>{session.access_key_id}</AccessKeyId><SecretAccessKey>{escape(session.secret)}</SecretAccessKey>"
        f"<SessionToken>{escape(session.token)}</SessionToken><Expiration>{expires}</Expiration></Credentials>"
        f"<Provider>{escape(identity.provider.arn)}</Provider>"
    )


def assume_role_with_web_identity(context: Context) -> HttpResponse:
    """Answer AssumeRoleWithWebIdentity: verify the token, then let the role's trust policy decide.

    A role that is not there is refused as one whose trust policy says no, so that nobody learns which roles exist.
    """
    call, engine = context.call, context.engine
    role_arn = _required(call, "RoleArn", 20, 2048)
    session_name, seconds = _session_name(call), _seconds(call)
    token = _required(call, "WebIdentityToken", web_identity.MIN_TOKEN, web_identity.MAX_TOKEN)
    role = engine.role(role_arn, context.partition)
    if role is None:
        raise web_identity.not_authorized()
    identity = web_identity.verify(token, engine.providers(context.partition), context.fetch, time.time())
    keys = web_identity.condition_context(identity, session_name=session_name)
    if not trust_policy.allows(role.trust, provider_arn=identity.provider.arn, context=keys):
        raise web_identity.not_authorized()
    if seconds > role.max_session_seconds:
        text = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
        raise AwsError("ValidationError", text)
    session = engine.assume(role, session_name, seconds, call.endpoint)
    return result_response(call, _content(identity, session))


HANDLERS: dict[str, Handler] = {"sts:AssumeRoleWithWebIdentity": assume_role_with_web_identity}
