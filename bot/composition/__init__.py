"""How the parts that ``bot.app`` starts are put together, one module per part. Nothing is decided or started here."""
