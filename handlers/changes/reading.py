"""What a report says: which change begins, or is over. Everything is bounded, and every refusal says what is wrong.

Must not know: HTTP, or who may report.
"""

import json
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from bot.policy.file.fields import Duration, duration_text
from bot.policy.situation import Change
from bot.response.interventions.other_hands import BEGINS_WITHIN, LASTS_AT_MOST

LASTS_UNLESS_SAID = timedelta(hours=1)
NAMES_MAX = 50


class ReportError(ValueError):
    """The body cannot be read as a report; the text says why."""


def _one_line(value: str) -> str:
    if not value.strip() or not value.isprintable():
        raise ValueError("is empty, or has characters that cannot be printed")
    return value.strip()


Text = Annotated[str, Field(max_length=200), AfterValidator(_one_line)]
Names = Annotated[tuple[Text, ...], Field(max_length=NAMES_MAX)]


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class End(_Said):
    """A change is over."""

    id: Text
    event: Literal["end"]
    by: Text | None = None
    """Who says so, where that is not whoever began it."""


class Begin(_Said):
    """A change begins."""

    id: Text
    event: Literal["begin"]
    what: Text
    by: Text
    services: Names = ()
    targets: Names = ()
    """By key or by the name people see, as patterns: ``supervisor:web*``."""
    everything: bool = False
    """It may touch anything: then neither services nor targets are named."""
    begins: AwareDatetime | None = None
    """None: now."""
    expires: AwareDatetime | None = None
    lasts: Duration | None = Field(default=None, alias="for")
    """The same as a time from its beginning on."""

    def change(self, now: datetime) -> Change:
        """What is reported, with its times.

        Raises:
            ReportError: its times or its scope cannot be.
        """
        if self.everything == bool(self.services or self.targets):
            raise ReportError(
                "name the services or targets that it touches, or say everything: true where it may be any; not both"
            )
        begins = self.begins or now
        if begins > now + BEGINS_WITHIN:
            raise ReportError(f"begins is more than {duration_text(BEGINS_WITHIN)} ahead; report it later")
        return Change(
            change_id=self.id,
            what=self.what,
            by=self.by,
            begins=begins,
            expires=self._expires(begins, now),
            services=self.services,
            targets=self.targets,
        )

    def _expires(self, begins: datetime, now: datetime) -> datetime:
        if self.expires is not None and self.lasts is not None:
            raise ReportError("its expiry is said twice; say one of expires and for")
        if self.expires is not None:
            expires = self.expires
        elif (lasts := LASTS_UNLESS_SAID if self.lasts is None else self.lasts) <= LASTS_AT_MOST:
            expires = begins + lasts
        else:
            raise ReportError(_TOO_LONG)
        if expires <= max(begins, now):
            raise ReportError("it would have expired already; give an expires or a for that is to come")
        if expires > begins + LASTS_AT_MOST:
            raise ReportError(_TOO_LONG)
        return expires


_TOO_LONG = (
    f"it would stand for more than {duration_text(LASTS_AT_MOST)}; give an earlier expires or a shorter for, and "
    "report it again under another id where it takes longer"
)


def read(body: bytes) -> Begin | End:
    """The report in ``body``.

    Raises:
        ReportError: it is none.
    """
    try:
        document: Any = json.loads(body.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ReportError(f"the body is not UTF-8 at byte {error.start}; send JSON as UTF-8") from error
    except (ValueError, RecursionError) as error:
        raise ReportError(f"the body is not JSON: {error}") from error
    event = document.get("event") if isinstance(document, dict) else None
    if event not in ("begin", "end"):
        raise ReportError('the body must be a JSON object with event: "begin" or "end"')
    try:
        return Begin.model_validate(document) if event == "begin" else End.model_validate(document)
    except ValidationError as error:
        raise ReportError("; ".join(_said(each["loc"], each["msg"]) for each in error.errors())) from error


def _said(place: tuple[int | str, ...], text: str) -> str:
    return f"{'.'.join(map(str, place))}: {text.removeprefix('Value error, ')}"
