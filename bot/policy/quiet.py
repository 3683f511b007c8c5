"""Quiet hours: when a group of people is not to be called, in the group's own time of day.

Pure: ``now`` is passed in. A clock that is put forward or back moves the hours with it, as it does for the people.
"""

from datetime import UTC, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

from bot.policy.file.document import Group, QuietHours


def quiet_until(group: Group, severity: str, now: datetime) -> datetime | None:
    """When the quiet hours that hold at ``now`` end; None when the group may be called for this severity."""
    hours = _bound_by(group, severity)
    if hours is None:
        return None
    zone = ZoneInfo(hours.timezone)
    at = now.astimezone(zone).time()
    overnight = hours.since > hours.until
    holds = at >= hours.since or at < hours.until if overnight else hours.since <= at < hours.until
    return _next(hours.until, zone, now) if holds else None


def quiet_from(group: Group, severity: str, now: datetime) -> datetime | None:
    """When the group's quiet hours begin next; None when it has none for this severity."""
    hours = _bound_by(group, severity)
    return None if hours is None else _next(hours.since, ZoneInfo(hours.timezone), now)


def _bound_by(group: Group, severity: str) -> QuietHours | None:
    hours = group.quiet_hours
    excepted = hours is not None and severity.lower() in {word.lower() for word in hours.severities}
    return None if excepted else hours


def _next(at: time, zone: tzinfo, now: datetime) -> datetime:
    """The first moment after ``now`` at which clocks in ``zone`` show ``at``, in UTC.

    Clocks that are put back show some times twice (``fold``); those put forward skip some, which then count as the
    moment they would have been.
    """
    today = now.astimezone(zone).date()
    moments = []
    for days in (0, 1, 2):
        for fold in (0, 1):
            moment = datetime.combine(today + timedelta(days=days), at.replace(fold=fold), tzinfo=zone)
            utc = moment.astimezone(UTC)
            if fold == 0 or utc.astimezone(zone).time() == at:
                moments.append(utc)
    return min(moment for moment in moments if moment > now)
