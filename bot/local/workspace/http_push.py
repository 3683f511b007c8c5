"""HTTP mode: signed POSTs to the app's request URL, as Slack sends them when Socket Mode is off."""

import hashlib
import hmac
import json
from urllib.parse import urlencode

import aiohttp

from bot.local.workspace.envelope import Answer, Envelope, EnvelopeKind, Silence
from bot.local.workspace.state import State

OK_STATUS = 200


class HttpPush:
    """Sends envelopes to a request URL.

    Args:
        session: the HTTP client to send with.
        state: whose app's signing secret signs, and whose clock dates.
    """

    def __init__(self, session: aiohttp.ClientSession, state: State) -> None:
        self._session = session
        self._state = state

    async def send(self, envelope: Envelope, url: str, timeout: float) -> Answer:
        """POST the envelope; a 200 within `timeout` seconds acknowledges it."""
        content_type, body = _encoded(envelope)
        headers = {"Content-Type": content_type, **self._signature(body)}
        if envelope.retry_attempt:
            headers["X-Slack-Retry-Num"] = str(envelope.retry_attempt)
            headers["X-Slack-Retry-Reason"] = envelope.retry_reason
        try:
            async with self._session.post(
                url, data=body.encode(), headers=headers, timeout=aiohttp.ClientTimeout(total=timeout)
            ) as response:
                text = await response.text()
                if response.status != OK_STATUS:
                    no_retry = response.headers.get("X-Slack-No-Retry") == "1"
                    return Answer(silence=Silence.ERROR, wants_no_retry=no_retry)
                return _understood(text, response.content_type)
        except TimeoutError:
            return Answer(silence=Silence.TIMEOUT)
        except aiohttp.ClientError:
            return Answer(silence=Silence.NO_CONNECTION)

    def _signature(self, body: str) -> dict[str, str]:
        timestamp = str(int(self._state.clock()))
        secret = self._state.installation.signing_secret.encode()
        digest = hmac.new(secret, f"v0:{timestamp}:{body}".encode(), hashlib.sha256).hexdigest()
        return {"X-Slack-Request-Timestamp": timestamp, "X-Slack-Signature": f"v0={digest}"}


def _encoded(envelope: Envelope) -> tuple[str, str]:
    """The content type and body Slack uses for this kind."""
    if envelope.kind is EnvelopeKind.EVENT:
        return "application/json", json.dumps(envelope.payload)
    form = {"payload": json.dumps(envelope.payload)} if envelope.kind is EnvelopeKind.INTERACTIVE else envelope.payload
    return "application/x-www-form-urlencoded", urlencode(form)


def _understood(text: str, content_type: str) -> Answer:
    """A 200's body: nothing, an object, or plain text. JSON that is none is an error, as Slack treats it."""
    if not text:
        return Answer()
    if content_type != "application/json":
        return Answer({"text": text})
    try:
        decoded = json.loads(text)
    except ValueError:
        return Answer(silence=Silence.ERROR)
    return Answer(decoded if isinstance(decoded, dict) else None)
