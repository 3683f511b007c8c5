"""`api.test`, `auth.test`, `team.info` and `bots.info`: who am I, and where."""

from bot.local.workspace.methods.registry import Call, Implementation
from bot.local.workspace.refusal import Refusal
from bot.local.workspace.team import Json


def api_test(call: Call) -> Json:
    """Answer with what was asked."""
    if error := call.arguments.text("error"):
        raise Refusal(error)
    return {}


def auth_test(call: Call) -> Json:
    """Say whose token it is."""
    team, app = call.state.team, call.state.installation
    return {
        "url": f"{call.state.base_url}/",
        "team": team.name,
        "user": team.users[app.bot_user_id].name,
        "team_id": team.id,
        "user_id": app.bot_user_id,
        "bot_id": app.bot_id,
        "is_enterprise_install": False,
    }


def team_info(call: Call) -> Json:
    """Describe the workspace."""
    team = call.state.team
    if call.arguments.text("team", team.id) != team.id:
        raise Refusal("team_not_found")
    return {"team": {"id": team.id, "name": team.name, "domain": team.domain, "icon": {}}}


def bots_info(call: Call) -> Json:
    """Describe the app's bot."""
    app = call.state.installation
    if call.arguments.text("bot", app.bot_id) != app.bot_id:
        raise Refusal("bot_not_found")
    bot = {"id": app.bot_id, "deleted": False, "name": app.app_name, "app_id": app.app_id, "user_id": app.bot_user_id}
    return {"bot": bot}


METHODS: dict[str, Implementation] = {
    "api.test": api_test,
    "auth.test": auth_test,
    "team.info": team_info,
    "bots.info": bots_info,
}
