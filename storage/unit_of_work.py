"""One transaction over every noun: whatever is done through it is committed together or not at all."""

import asyncio

from sqlalchemy.ext.asyncio import AsyncSession

from bot.response.ports.work import Enqueuer
from storage.action_steps import ActionSteps
from storage.actions import Actions
from storage.arrivals import Arrivals
from storage.attempts import Attempts
from storage.audit import Audit
from storage.budgets import Budgets
from storage.bulletins import Bulletins
from storage.bundles import Bundles
from storage.burn_watches import BurnWatches
from storage.calls import Calls
from storage.candidacies import Candidacies
from storage.causes import Causes
from storage.changes import Changes
from storage.decisions import Decisions
from storage.hindsight import Hindsight
from storage.home_tabs import HomeTabs
from storage.incident_channels import IncidentChannels
from storage.incidents import Incidents
from storage.licences import Licences
from storage.locks import Locks
from storage.outbox import Outbox
from storage.pause_file import PauseFile
from storage.pauses import Pauses
from storage.queue import Queue
from storage.reviews import Reviews
from storage.second_notices import SecondNotices
from storage.used_links import UsedLinks
from storage.votes import Votes
from storage.wear_offs import WearOffs


class UnitOfWork:
    """Implements ``bot.response.ports.work.Work``. Whoever opened the session commits it."""

    def __init__(
        self,
        session: AsyncSession,
        enqueuer: Enqueuer,
        audit_key: bytes,
        outbox_wakeup: asyncio.Event,
        pause_file: PauseFile | None = None,
    ) -> None:
        self.session = session
        self.incidents = Incidents(session)
        self.decisions = Decisions(session)
        self.actions = Actions(session)
        self.votes = Votes(session)
        self.attempts = Attempts(session)
        self.steps = ActionSteps(session)
        self.wear_offs = WearOffs(session)
        self.burn_watches = BurnWatches(session)
        self.locks = Locks(session)
        self.budgets = Budgets(session)
        self.pauses = Pauses(session, pause_file)
        self.calls = Calls(session)
        self.causes = Causes(session)
        self.changes = Changes(session)
        self.licences = Licences(session)
        self.hindsight = Hindsight(session)
        self.candidacies = Candidacies(session)
        self.audit = Audit(session, audit_key)
        self.outbox = Outbox(session, outbox_wakeup)
        self.channels = IncidentChannels(session)
        self.bulletins = Bulletins(session)
        self.bundles = Bundles(session)
        self.reviews = Reviews(session)
        self.queue = Queue(session, enqueuer)
        self.arrivals = Arrivals(session)
        self.home_tabs = HomeTabs(session)
        self.second_notices = SecondNotices(session)
        self.used_links = UsedLinks(session)
