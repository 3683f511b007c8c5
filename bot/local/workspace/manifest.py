"""Reads an app manifest, so that what it does not ask for does not work here either."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from bot.local.workspace.team import Installation, Json


def read_manifest(source: Path | Json) -> Json:
    """The manifest as data, from a YAML or JSON file or as given.

    Raises:
        ValueError: the file holds no manifest.
    """
    data: Any = yaml.safe_load(source.read_text(encoding="utf-8")) if isinstance(source, Path) else source
    if not isinstance(data, dict) or "features" not in data:
        raise ValueError(f"{source} is no app manifest: it has no `features`.")
    return data


def installed_with(installation: Installation, manifest: Json) -> Installation:
    """The same installation, with what this manifest asks for and nothing else."""
    features = manifest["features"]
    settings = manifest.get("settings", {})
    scopes = manifest.get("oauth_config", {}).get("scopes", {}).get("bot", [])
    return replace(
        installation,
        scopes=frozenset(scopes),
        events=frozenset(settings.get("event_subscriptions", {}).get("bot_events", [])),
        commands=tuple(features.get("slash_commands", [])),
        shortcuts=tuple(features.get("shortcuts", [])),
        functions=dict(manifest.get("functions", {})),
        home_tab=bool(features.get("app_home", {}).get("home_tab_enabled")),
        has_manifest=True,
    )
