"""The door of the Web API: `/api/<method>`, checked in the order Slack checks.

Token, method, rate, scope and arguments are judged here against the facts; what a method does is in `methods`.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiohttp import web

from bot.local.workspace.changes import Change
from bot.local.workspace.facts import MethodFacts, method_facts
from bot.local.workspace.limits import RateLimited, RateLimits
from bot.local.workspace.methods import METHODS
from bot.local.workspace.methods.registry import Arguments, Call
from bot.local.workspace.misbehave import CallFault, Misbehaviour, Trouble
from bot.local.workspace.refusal import Refusal, invalid_arguments
from bot.local.workspace.state import State
from bot.local.workspace.team import Json
from bot.local.workspace.workflows import ExecutionState

OPEN_CONNECTION = "apps.connections.open"
HIDDEN = "(hidden)"
# Bolt's clients add the team to every call, whatever the method documents; Slack takes no offence.
WELCOME_EVERYWHERE = frozenset({"token", "team_id"})


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One Web API call as it happened. `error` is Slack's code, or says how the call was made to fail."""

    method: str
    arguments: Json
    ok: bool
    error: str | None
    at: datetime


class WebApi:
    """Answers Web API calls.

    Args:
        state: what the methods read and change.
        limits: how often they may be called.
        misbehaviour: what to do wrong, if anything.
        issue_ticket: gives the WebSocket URL for `apps.connections.open`.
    """

    def __init__(
        self,
        state: State,
        limits: RateLimits,
        misbehaviour: Misbehaviour,
        issue_ticket: Callable[[], str],
    ) -> None:
        self._state = state
        self._limits = limits
        self._misbehaviour = misbehaviour
        self._issue_ticket = issue_ticket
        self.calls: list[CallRecord] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """The aiohttp handler."""
        method = request.match_info["method"]
        try:
            given = await _given_arguments(request)
        except Refusal as refusal:
            self._record(method, {}, refusal.code)
            return web.json_response(refusal.as_slack())
        fault = self._misbehaviour.next_for_call(method)
        if fault is not None and fault.trouble is not Trouble.ANSWER_LOST:
            return await self._refuse_as_asked(request, method, given, fault)
        response = self._answer(method, given, _token(request, given))
        if fault is not None:
            await _break_connection(request, fault.hold_seconds)
        return response

    def _answer(self, method: str, given: Json, token: str) -> web.Response:
        headers: dict[str, str] = {}
        status = 200
        try:
            facts = self._facts(method, token)
            headers["x-oauth-scopes"] = ",".join(sorted(self._state.installation.scopes))
            headers["x-accepted-oauth-scopes"] = ",".join(facts.scopes)
            body = {"ok": True, **self._run(facts, given)}
        except Refusal as refusal:
            if isinstance(refusal, RateLimited):
                status = 429
                headers["Retry-After"] = str(refusal.retry_after_seconds)
            body = refusal.as_slack()
        self._record(method, given, body.get("error"))
        return web.json_response(body, status=status, headers=headers)

    def _facts(self, method: str, token: str) -> MethodFacts:
        """The method's facts, if the token opens it."""
        facts = method_facts().get(method)
        if facts is None or (method not in METHODS and method != OPEN_CONNECTION):
            raise Refusal("unknown_method", req_method=method)
        app = self._state.installation
        if not token and method != "api.test":
            raise Refusal("not_authed")
        of_steps = {step.token for step in self._state.executions.values() if step.state is ExecutionState.RUNNING}
        if token not in {app.bot_token, app.app_token} | of_steps and method != "api.test":
            raise Refusal("invalid_auth")
        needs_app_token = method == OPEN_CONNECTION
        if method not in ("api.test", "auth.test") and needs_app_token != (token == app.app_token):
            raise Refusal("not_allowed_token_type")
        return facts

    def _run(self, facts: MethodFacts, given: Json) -> Json:
        self._limits.spend(facts, str(given.get("channel", "")))
        if facts.name == OPEN_CONNECTION:
            return {"url": self._issue_ticket()}
        call = Call(self._state, Arguments(given))
        call.require_scope(*facts.scopes)
        _check_arguments(facts, given)
        try:
            return METHODS[facts.name](call)
        except Refusal as refusal:
            if not facts.may_answer(refusal.code) and facts.name != "api.test":
                raise RuntimeError(
                    f"{facts.name} refused with {refusal.code!r}, which Slack does not document for it. "
                    "Answer with one of the errors in facts.json."
                ) from refusal
            raise

    async def _refuse_as_asked(
        self, request: web.Request, method: str, given: Json, fault: CallFault
    ) -> web.StreamResponse:
        self._record(method, given, fault.trouble.value)
        if fault.trouble is Trouble.RATE_LIMITED:
            body = {"ok": False, "error": "ratelimited"}
            return web.json_response(body, status=429, headers={"Retry-After": str(fault.retry_after_seconds)})
        if fault.trouble is Trouble.REQUEST_LOST:
            await _break_connection(request, fault.hold_seconds)
        return web.Response(status=fault.status, text="upstream trouble")

    def _record(self, method: str, given: Json, error: str | None) -> None:
        arguments = {name: HIDDEN if name == "token" else value for name, value in given.items()}
        self.calls.append(CallRecord(method, arguments, error is None, error, self._state.now()))
        self._state.changes.announce(Change("call"))


def _token(request: web.Request, given: Json) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token
    return str(given.get("token", ""))


async def _given_arguments(request: web.Request) -> Json:
    """Arguments from query, form or JSON body. JSON is read only by methods that take it, as with Slack.

    Raises:
        Refusal: `invalid_json` or `json_not_object`.
    """
    given: Json = dict(request.query)
    if request.content_type != "application/json":
        given.update(await request.post())
        return given
    facts = method_facts().get(request.match_info["method"])
    body = await request.text()
    if body and (facts is None or facts.accepts_json):
        try:
            decoded = json.loads(body)
        except ValueError:
            raise Refusal("invalid_json") from None
        if not isinstance(decoded, dict):
            raise Refusal("json_not_object")
        given.update(decoded)
    return given


def _check_arguments(facts: MethodFacts, given: Json) -> None:
    problems = [f"missing required field: {name}" for name in facts.required if given.get(name) is None]
    for name, value in given.items():
        if name in WELCOME_EVERYWHERE:
            continue
        kinds = facts.argument_types.get(name)
        if kinds is None:
            problems.append(f"invalid additional property: {name} [json-pointer:/{name}]")
        elif not any(_is_of_kind(value, kind) for kind in kinds):
            problems.append(f"must be of type {' or '.join(kinds)} [json-pointer:/{name}]")
    if problems:
        raise invalid_arguments(*problems)


def _is_of_kind(value: Any, kind: str) -> bool:
    """Whether Slack would take this value; structured arguments may come as JSON or as a string of JSON."""
    if isinstance(value, str) or kind == "any":
        return True
    if kind == "boolean":
        return isinstance(value, bool) or value in (0, 1)
    if kind in ("number", "integer"):
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind == "null":
        return value is None
    return isinstance(value, dict | list) if kind in ("array", "object", "string") else False


async def _break_connection(request: web.Request, hold_seconds: float) -> None:
    """Leave the caller waiting, then cut the line; what the handler returns afterwards reaches nobody."""
    await asyncio.sleep(hold_seconds)
    if request.transport is not None:
        request.transport.abort()
