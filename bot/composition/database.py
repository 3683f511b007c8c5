"""The database: opened, with this process's place at it taken, and its tables as this release needs them."""

from contextlib import AsyncExitStack

from bot.composition.start_error import StartError
from bot.response.engine.dbos import Engine
from bot.response.engine.liveness import PlaceTakenError
from bot.settings import Settings, default_pause_file
from storage.database import Database
from storage.fitting import MisfitError, refuse_newer_tables, refuse_other_key
from storage.migrations import migrate
from storage.pause_file import PauseFile
from storage.pooler import PoolerError
from storage.trouble import trouble


async def open_database(stack: AsyncExitStack, settings: Settings, engine: Engine) -> Database:
    """The open database; ``stack`` closes it, and the engine before it.

    Raises:
        StartError: it cannot be opened, another process keeps it, or it fits neither this release nor this key.
    """
    try:
        pause_file = PauseFile(settings.pause_file or default_pause_file(settings.database_url))
        database = Database(settings.database_url, engine, settings.audit_key, pause_file)
    except ValueError as error:
        raise StartError(f"DATABASE_URL cannot be used: {error}") from error
    stack.push_async_callback(database.close)
    stack.push_async_callback(engine.close)  # for a start that fails; once it is launched, it is closed sooner
    try:
        await database.open()
        await refuse_newer_tables(database)  # both before anything is written into it
        await refuse_other_key(database, settings.audit_key)
        await engine.prepare()
        await migrate(database)
    except (PlaceTakenError, MisfitError) as error:
        raise StartError(str(error)) from error
    except PoolerError as error:
        raise StartError(f"The database cannot be used: {error}. DATABASE_URL names it.") from error
    except Exception as error:
        raise StartError(trouble(error, database.address)) from error
    return database
