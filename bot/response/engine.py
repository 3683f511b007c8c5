"""The durable engine: DBOS behind the ``Flow`` and ``Enqueuer`` protocols.

The only module that knows DBOS. It runs the flows on the loop it was launched in, remembers every step, and after a
crash runs unfinished flows again. A flow that fails in a way it did not foresee is handed to ``on_failure``, because
an error that nobody is told about is the worst kind.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

from dbos import DBOS, AsyncSQLAlchemyDatasource, DBOSClient, DBOSConfig, DBOSPortableJSONSerializer, EnqueueOptions
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker

from bot.response.flow import FlowFunction, Json
from bot.response.ports import Work

APPLICATION_VERSION = "1"
"""Of the flows, not of the program: recovered work keeps running across releases. A changed flow gets a new name."""
POLLING_INTERVAL_SECONDS = 0.1
MAX_EXECUTOR_THREADS = 16
SYSTEM_POOL_SIZE = 10
MAX_RECOVERY_ATTEMPTS = 1000
"""DBOS's own dead-letter limit, out of the way: poison is recognised by our own counter, which tells a person."""
GRACE_SECONDS = 10.0
"""How long flows may finish at shutdown; a verification that takes longer looks again after the restart."""
INCIDENTS_QUEUE = "incidents"
TARGETS_QUEUE = "targets"

log = logging.getLogger(__name__)

OnFailure = Callable[[str, tuple[Any, ...], Exception], Awaitable[None]]
"""``(flow name, its arguments, the error)``: record it and call a person."""


class DurableDatabase(Protocol):
    """What the engine needs of storage: its engine, its sessions, and a ``Work`` over a session that it opened."""

    @property
    def url(self) -> str: ...
    @property
    def engine(self) -> AsyncEngine: ...
    @property
    def sessionmaker(self) -> async_sessionmaker[Any]: ...
    def work(self, session: Any) -> Work: ...


def system_url(database_url: str) -> str:
    """Our async database URL as DBOS's synchronous one: same file or server, same database."""
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite":
        return url.set(drivername="sqlite").render_as_string(hide_password=False)
    return url.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


class Engine:
    """Starts, runs and recovers the durable flows. One per process."""

    def __init__(self, database_url: str, *, executor_id: str = "local") -> None:
        self._url = system_url(database_url)
        self._executor_id = executor_id
        self._serializer = DBOSPortableJSONSerializer()
        self._client = DBOSClient(
            system_database_url=self._url, serializer=self._serializer, system_database_pool_size=2, lazy=True
        )
        self._datasource: AsyncSQLAlchemyDatasource | None = None
        self._database: DurableDatabase | None = None
        self.launched = False
        self._closing = False
        self._running: set[asyncio.Task[Any]] = set()

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
            "workflow_name": flow,
            "queue_name": queue,
            "workflow_id": workflow_id,
            "queue_partition_key": partition,
            "app_version": APPLICATION_VERSION,
        }
        if delay_seconds > 0:
            options["delay_seconds"] = delay_seconds
        self._client.enqueue_in_transaction(session, options, *arguments)

    async def prepare(self) -> None:
        """Create or migrate DBOS's own tables, so that work can be enqueued before anything is launched."""
        config: DBOSConfig = self._config()
        await asyncio.to_thread(lambda: DBOS(config=config))

    async def launch(self, database: DurableDatabase, flows: Mapping[str, FlowFunction], on_failure: OnFailure) -> None:
        """Register ``flows`` by name and start running and recovering them on the *running* loop.

        Must be called inside the loop that everything else uses, or queued work would run on another one.
        """
        self._database = database
        for name, function in flows.items():
            self._register(name, function, on_failure)
        self._datasource = await AsyncSQLAlchemyDatasource.create(
            database.url, engine=database.engine, sessionmaker=database.sessionmaker, serializer=self._serializer
        )
        DBOS.launch()
        for queue in (INCIDENTS_QUEUE, TARGETS_QUEUE):
            await DBOS.register_queue_async(
                queue, partition_concurrency=1, polling_interval_sec=POLLING_INTERVAL_SECONDS
            )
        self.launched = True

    async def close(self, *, grace_seconds: float = GRACE_SECONDS) -> None:
        """Stop taking work and let what runs finish for a while; what is unfinished continues at the next start."""
        self.launched, self._closing = False, True
        if self._running:
            await asyncio.wait(self._running, timeout=grace_seconds)
        logging.getLogger("dbos").setLevel(logging.ERROR)  # it warns of each flow that we interrupt on purpose
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        await asyncio.to_thread(self._client.destroy)
        await asyncio.to_thread(DBOS.destroy, destroy_registry=True)
        # DBOS made its thread pool the loop's default and has just shut it down; whoever closes after us needs one.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(thread_name_prefix="closing"))

    async def transaction(self, name: str, body: Callable[[Work], Awaitable[Json]]) -> Json:
        """See ``flow.Flow``. Outside a flow it is a plain transaction."""
        datasource, database = self._datasource, self._database
        if datasource is None or database is None:
            raise RuntimeError("the durable engine is not launched; call launch() before running flows")

        async def run() -> Json:
            return await body(database.work(datasource.sql_session()))

        return await datasource.run_tx_step_async({"name": name}, run)

    async def step(self, name: str, body: Callable[[], Awaitable[Json]]) -> Json:
        """See ``flow.Flow``."""

        async def run() -> Json:
            return await body()

        return await DBOS.run_step_async({"name": name}, run)

    def _config(self) -> DBOSConfig:
        return {
            "name": "watchkeeper",
            "system_database_url": self._url,
            "sys_db_pool_size": SYSTEM_POOL_SIZE,
            "max_executor_threads": MAX_EXECUTOR_THREADS,
            "serializer": self._serializer,
            "executor_id": self._executor_id,
            "application_version": APPLICATION_VERSION,
            "log_level": "WARNING",
            "enable_otlp": False,
        }

    def _register(self, name: str, function: FlowFunction, on_failure: OnFailure) -> None:
        async def workflow(*arguments: Any) -> None:
            if self._closing:
                raise asyncio.CancelledError  # stays on the list, for the next start
            self._track_this_task()
            try:
                await function(self, *arguments)
            except Exception as error:
                log.exception("flow %s%r failed", name, arguments)
                await on_failure(name, arguments, error)

        workflow.__qualname__ = name
        DBOS.workflow(name=name, max_recovery_attempts=MAX_RECOVERY_ATTEMPTS)(workflow)

    def _track_this_task(self) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._running.add(task)
            task.add_done_callback(self._running.discard)
