"""The command line: one module per group of commands, put together in ``bot.cli.app``.

What stops or proves works where the rest does not: with the database alone, while Slack is away and no bot is running.
"""
