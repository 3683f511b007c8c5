"""The durable engine: DBOS behind the ``Flow`` and ``Enqueuer`` protocols.

The only module that knows DBOS. It runs the flows on the loop it was launched in, records every step, and recovers the
unfinished flows of dead processes, its own predecessor's or another replica's. A flow that fails in a way it did not
foresee, or whose process died again and again, is handed to ``on_failure``, because an error that nobody is told about
is the worst kind.
"""

import asyncio
import logging
import os
import secrets
import socket
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

from dbos import (
    DBOS,
    AsyncSQLAlchemyDatasource,
    DBOSClient,
    DBOSConfig,
    DBOSPortableJSONSerializer,
    EnqueueOptions,
    WorkflowStatus,
)

from bot.response.engine.database import memory_options, system_url
from bot.response.engine.liveness import exit_at_once, place_of
from bot.response.engine.needs import DurableDatabase, HeldLeases
from bot.response.engine.waking import Waker
from bot.response.ports.flow import FlowFunction, Json, QueueName
from bot.response.ports.work import Work

APPLICATION = "watchkeeper"
APPLICATION_VERSION = "1"
"""Of the flows, not of the program: recovered work keeps running across releases. A changed flow gets a new name."""
POLLING_INTERVAL_SECONDS = 1.0
"""For what others left, or put off; what this process commits wakes the queues at once."""
CLOSES_WITHIN_SECONDS = 0.1
"""How soon a thread of DBOS on SQLite notices that it is closed: it polls for messages, and no flow waits for one."""
ASSESSMENTS_AT_ONCE = 6
ACTS_AT_ONCE = 16
"""Flows that run at once in this process, by queue. Assessments are short and wait for one writer anyway; of those that
wait for a system, ``ports.patience`` lets only some wait long."""
SYSTEM_POOL_SIZE = 2 * (ASSESSMENTS_AT_ONCE + ACTS_AT_ONCE)
"""More than flows: a flow's transaction holds SQLite's only write lock while DBOS asks on a connection of its own
whether the flow is still ours. If other flows had all of those, waiting for that lock, nobody would ever go on."""
MAX_EXECUTOR_THREADS = 2 * SYSTEM_POOL_SIZE
"""More than connections, for the same reason."""
MAX_RECOVERY_ATTEMPTS = 1000
"""DBOS's own dead-letter limit, out of the way: poison is recognised by our own counter, which tells a person."""
RECOVERIES = "recoveries"
"""Our counter: an attribute of the workflow, because it must not be one of its steps."""
MAX_RECOVERIES = 5
RECOVERY_INTERVAL_SECONDS = 1.0
FAILURE_TRIES = 10
FAILURE_RETRY_SECONDS = 30.0
FINISHED = ["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]
UNFINISHED = ["DELAYED", "ENQUEUED", "PENDING"]
FORGOTTEN_AT_ONCE = 500
GRACE_SECONDS = 10.0
"""How long flows may finish at shutdown; a verification that takes longer checks again after the restart."""

log = logging.getLogger(__name__)

OnFailure = Callable[[str, tuple[Any, ...], Exception], Awaitable[None]]
"""``(flow name, its arguments, the error)``: record it and call a person. Telling twice must do no harm."""


class FlowDiedError(Exception):
    """The process died each time it ran this flow."""


class Engine:
    """Starts, runs and recovers the durable flows. One per process."""

    def __init__(self, database_url: str) -> None:
        self._url = system_url(database_url)
        self.executor_id = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        """This process among others, and among its own predecessors: never the same twice."""
        self._place = place_of(database_url, self.executor_id)
        self._serializer = DBOSPortableJSONSerializer()
        self._client = DBOSClient(
            system_database_url=self._url,
            serializer=self._serializer,
            system_database_pool_size=2,
            application_name=APPLICATION,
            lazy=True,
            retry_connection_errors=False,
        )
        self._waker = Waker()
        self._datasource: AsyncSQLAlchemyDatasource | None = None
        self._database: DurableDatabase | None = None
        self.launched = False
        self._closing = False
        self._on_failure: OnFailure | None = None
        self._leases: HeldLeases | None = None
        self._on_closing: Callable[[], None] = lambda: None
        self._running: set[asyncio.Task[Any]] = set()
        self._duties: list[asyncio.Task[None]] = []

    def enqueue(
        self,
        session: Any,
        flow: str,
        *arguments: Any,
        workflow_id: str,
        queue: str,
        partition: str,
        delay_seconds: float = 0,
    ) -> None:
        """See ``ports.Enqueuer``."""
        options: EnqueueOptions = {
            "workflow_name": str(flow),
            "queue_name": str(queue),
            "workflow_id": workflow_id,
            "queue_partition_key": partition,
            "app_version": APPLICATION_VERSION,
        }
        if delay_seconds > 0:
            options["delay_seconds"] = delay_seconds
        self._client.enqueue_in_transaction(session, options, *arguments)
        self._waker.wake_after_commit(session)

    async def prepare(self) -> None:
        """Take this process's liveness lock; create DBOS's own tables, so that work can be enqueued.

        Raises:
            PlaceTakenError: a SQLite file serves one process, and another one uses it.
        """
        await self._place.take()
        self._waker.attach(await asyncio.to_thread(lambda: DBOS(config=self._config())))
        await asyncio.to_thread(DBOS.migrate, self._url)
        for queue, at_once in ((QueueName.INCIDENTS, ASSESSMENTS_AT_ONCE), (QueueName.TARGETS, ACTS_AT_ONCE)):
            # Before the launch, which finds queues at once and then only every second.
            await self._client.register_queue_async(
                queue.value,
                partition_concurrency=1,
                worker_concurrency=at_once,
                polling_interval_sec=POLLING_INTERVAL_SECONDS,
            )

    async def launch(
        self,
        database: DurableDatabase,
        flows: Mapping[str, FlowFunction],
        on_failure: OnFailure,
        leases: HeldLeases,
        on_lost: Callable[[str], None] = exit_at_once,
        on_closing: Callable[[], None] = lambda: None,
    ) -> None:
        """Register ``flows`` by name; recover workflows whose executor's liveness lock is free, then launch.

        The flows run on the *running* loop: it must be the one that everything else uses.

        Args:
            database: where the flows' transactions go.
            flows: by name; a changed flow has a new name.
            on_failure: called when a flow failed in a way it did not foresee.
            leases: the leases of dead processes, ended beside their flows.
            on_lost: called with the reason when the liveness lock is lost, and others may recover this process's work.
            on_closing: called when flows begin to have only a while to finish.
        """
        self._database, self._on_failure, self._leases = database, on_failure, leases
        self._on_closing = on_closing
        for name, function in flows.items():
            self._register(name, function)
        self._datasource = await AsyncSQLAlchemyDatasource.create(
            database.url, engine=database.engine, sessionmaker=database.sessionmaker, serializer=self._serializer
        )
        await self.take_over()
        DBOS.launch()
        self._duties = [asyncio.create_task(self._keep_place(on_lost)), asyncio.create_task(self._recover_regularly())]
        self.launched = True

    async def close(self, *, grace_seconds: float = GRACE_SECONDS) -> None:
        """Stop taking work and let what runs finish for a while; what is unfinished is put back in its queue.

        Also gives up what ``prepare`` took, when there was no launch. Closing again does nothing.
        """
        if self._closing:
            return
        launched, self.launched, self._closing = self.launched, False, True
        self._on_closing()
        await _cancel(self._duties)
        if self._running:
            await asyncio.wait(self._running, timeout=grace_seconds)
        logging.getLogger("dbos").setLevel(logging.ERROR)  # it warns of each flow that we interrupt on purpose
        await _cancel(self._running)
        await asyncio.to_thread(DBOS.destroy, destroy_registry=True)
        # DBOS made its thread pool the loop's default and has just shut it down; whoever closes after us needs one.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(thread_name_prefix="closing"))
        if launched:
            await self._put_back()
        await asyncio.to_thread(self._client.destroy)
        await self._place.release()

    async def forget_finished(self, before: datetime) -> int:
        """Delete the engine's memory of some flows that ended before this moment; how many, at most 500 at a time."""
        ended = await self._client.list_workflows_async(
            status=FINISHED,
            completed_before=before.isoformat(),
            limit=FORGOTTEN_AT_ONCE,
            load_input=False,
            load_output=False,
        )
        if ended:
            await self._client.delete_workflows_async([flow.workflow_id for flow in ended])
        return len(ended)

    async def under_way(self, queue: QueueName) -> frozenset[str]:
        """The partitions of the queue in which a flow waits or runs, in this process or another."""
        flows = await self._client.list_workflows_async(
            status=UNFINISHED, queue_name=queue.value, load_input=False, load_output=False
        )
        return frozenset(flow.queue_partition_key for flow in flows if flow.queue_partition_key)

    async def take_over(self) -> None:
        """Put the flows of dead processes back in their queues; one that killed too many goes to people instead.

        The leases of dead processes end, too.
        """
        if self._leases is None:
            raise RuntimeError("the durable engine is not launched; call launch() before taking over")
        pending = await self._client.list_workflows_async(status="PENDING", load_input=False, load_output=False)
        names = {flow.executor_id for flow in pending if flow.executor_id} | set(await self._leases.holders())
        for executor_id in sorted(names - {self.executor_id}):
            async with self._place.proven_dead(executor_id) as dead:
                if dead:
                    await self._recover(executor_id)
                    freed = await self._leases.free(executor_id)
                    if freed:
                        log.warning("ended %d lease(s) of %s, which is dead", freed, executor_id)

    async def transaction(self, name: str, body: Callable[[Work], Awaitable[Json]]) -> Json:
        """See ``flow.Flow``. Outside a flow it is a plain transaction."""
        datasource, database = self._datasource, self._database
        if datasource is None or database is None:
            raise RuntimeError("the durable engine is not launched; call launch() before running flows")

        async def run() -> Json:
            return await body(database.work(datasource.sql_session()))

        return await datasource.run_tx_step_async({"name": str(name)}, run)

    async def step(self, name: str, body: Callable[[], Awaitable[Json]]) -> Json:
        """See ``flow.Flow``."""

        async def run() -> Json:
            return await body()

        return await DBOS.run_step_async({"name": str(name)}, run)

    def _config(self) -> DBOSConfig:
        return {
            "name": APPLICATION,
            "system_database_url": self._url,
            "sys_db_pool_size": SYSTEM_POOL_SIZE,
            "db_engine_kwargs": {"connect_args": memory_options(self._url), "hide_parameters": True},
            "max_executor_threads": MAX_EXECUTOR_THREADS,
            "notification_listener_polling_interval_sec": CLOSES_WITHIN_SECONDS,
            "serializer": self._serializer,
            "executor_id": self.executor_id,
            "application_version": APPLICATION_VERSION,
            "log_level": "WARNING",
            "enable_otlp": False,
        }

    def _register(self, name: str, function: FlowFunction) -> None:
        async def workflow(*arguments: Any) -> None:
            if self._closing:
                raise asyncio.CancelledError  # stays on the list, for the next start
            self._track_this_task()
            try:
                await function(self, *arguments)
            except Exception as error:
                log.exception("flow %s%r failed", name, arguments)
                await self._tell(name, arguments, error)

        workflow.__qualname__ = str(name)
        DBOS.workflow(name=str(name), max_recovery_attempts=MAX_RECOVERY_ATTEMPTS)(workflow)

    def _track_this_task(self) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._running.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        self._waker.wake()  # what waited behind it has its turn

    async def _tell(self, name: str, arguments: tuple[Any, ...], error: Exception) -> None:
        """Call ``on_failure``, again if need be: what broke the flow may well break the telling for a while."""
        workflow_id = DBOS.workflow_id
        for tries_left in reversed(range(FAILURE_TRIES)):
            try:
                if await self._owns(workflow_id):
                    await self._report(name, arguments, error)
            except Exception:
                if not tries_left:
                    raise
                log.exception("people could not be told that flow %s%r failed; trying again", name, arguments)
                await asyncio.sleep(FAILURE_RETRY_SECONDS)
            else:
                return

    async def _owns(self, workflow_id: str | None) -> bool:
        """Fencing: whether the flow is still ours; a process that froze while another took over reports nothing."""
        found = await self._client.list_workflows_async(
            workflow_ids=[str(workflow_id)], load_input=False, load_output=False
        )
        return any(flow.status == "PENDING" and flow.executor_id == self.executor_id for flow in found)

    async def _report(self, name: str, arguments: tuple[Any, ...], error: Exception) -> None:
        if self._on_failure is None:
            raise RuntimeError("the durable engine is not launched; call launch() before running flows")
        await self._on_failure(name, arguments, error)

    async def _keep_place(self, on_lost: Callable[[str], None]) -> None:
        reason = await self._place.lost()
        if not self._closing:
            on_lost(reason)

    async def _recover_regularly(self) -> None:
        while True:
            await asyncio.sleep(RECOVERY_INTERVAL_SECONDS)
            try:
                await self.take_over()
            except Exception:
                log.exception("the flows of dead processes could not be recovered; trying again")

    async def _recover(self, executor_id: str) -> None:
        """Recover everything that a process, known to be dead, was running."""
        flows = await self._client.list_workflows_async(status="PENDING", executor_id=executor_id, load_output=False)
        to_run = []
        for flow in flows:
            recoveries = int((flow.attributes or {}).get(RECOVERIES, 0))
            if recoveries >= MAX_RECOVERIES:
                await self._give_up(flow)  # stays PENDING, and so is found again, until people have been told
                continue
            await self._client.update_workflow_attributes_async(
                flow.workflow_id, {RECOVERIES: recoveries + 1}, merge=True
            )
            to_run.append(flow)
        await self._enqueue_again(to_run)
        if to_run:
            log.warning("recovered %d flow(s) of %s, which is dead", len(to_run), executor_id)

    async def _give_up(self, flow: WorkflowStatus) -> None:
        """People first: if this process dies in between, they are told twice rather than never."""
        arguments = tuple(flow.input["args"]) if flow.input else ()
        error = FlowDiedError(f"the process died {MAX_RECOVERIES + 1} times while it ran {flow.name}")
        try:
            await self._report(flow.name, arguments, error)
            await self._client.cancel_workflow_async(flow.workflow_id)
        except Exception:
            log.exception("%s%r is to be given up, but people could not be told; trying again", flow.name, arguments)
        else:
            log.error("gave %s%r up: %s", flow.name, arguments, error)

    async def _put_back(self) -> None:
        """What we interrupted is no crash: it is not counted, and any process may go on with it at once."""
        try:
            await self._enqueue_again(
                await self._client.list_workflows_async(
                    status="PENDING", executor_id=self.executor_id, load_input=False, load_output=False
                )
            )
        except Exception:
            log.exception("what was interrupted could not be put back; it is recovered once this process is dead")

    async def _enqueue_again(self, flows: Sequence[WorkflowStatus]) -> None:
        """Back to the queue each came from, or one at a time per target would not hold."""
        by_queue: defaultdict[str | None, list[str]] = defaultdict(list)
        for flow in flows:
            by_queue[flow.queue_name].append(flow.workflow_id)
        for queue, workflow_ids in by_queue.items():
            await self._client.resume_workflows_async(workflow_ids, queue_name=queue)
        self._waker.wake()


async def _cancel(tasks: Collection[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
