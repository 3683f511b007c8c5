"""`users.*` and `usergroups.*`: who there is."""

from bot.local.workspace.methods.registry import Call, Implementation, page_of
from bot.local.workspace.refusal import Refusal
from bot.local.workspace.team import Json, User


def users_info(call: Call) -> Json:
    """Describe one person."""
    return {"user": _described(call, _known(call))}


def users_list(call: Call) -> Json:
    """List everybody, those who left included."""
    everybody = [_described(call, user) for user in call.state.team.users.values()]
    page, following = page_of(everybody, call.arguments, 1000)
    return {"members": page, "response_metadata": {"next_cursor": following}}


def lookup_by_email(call: Call) -> Json:
    """Find the person with this address."""
    wanted = call.arguments.text("email").lower()
    for user in call.state.team.users.values():
        if user.email and user.email.lower() == wanted and not user.deleted:
            return {"user": _described(call, user)}
    raise Refusal("users_not_found")


def profile_get(call: Call) -> Json:
    """A person's profile."""
    return {"profile": _described(call, _known(call))["profile"]}


def usergroups_list(call: Call) -> Json:
    """List the groups, on request with their members and with those disabled."""
    team = call.state.team
    listed = []
    for group in team.groups.values():
        if group.disabled and not call.arguments.flag("include_disabled"):
            continue
        described = group.as_slack(team.id)
        if call.arguments.flag("include_users"):
            described["users"] = list(group.members)
        if call.arguments.flag("include_count"):
            described["user_count"] = len(group.members)
        listed.append(described)
    return {"usergroups": listed}


def usergroups_users_list(call: Call) -> Json:
    """The ids of a group's members."""
    group = call.state.team.groups.get(call.arguments.text("usergroup"))
    if group is None or (group.disabled and not call.arguments.flag("include_disabled")):
        raise Refusal("no_such_subteam")
    return {"users": list(group.members)}


def _known(call: Call) -> User:
    user = call.state.team.users.get(call.arguments.text("user", call.state.installation.bot_user_id))
    if user is None:
        raise Refusal("user_not_found")
    return user


def _described(call: Call, user: User) -> Json:
    """The user object; the address is shown only to apps that may see addresses."""
    described = user.as_slack(call.state.team.id)
    if "users:read.email" not in call.state.installation.scopes:
        del described["profile"]["email"]
    return described


METHODS: dict[str, Implementation] = {
    "users.info": users_info,
    "users.list": users_list,
    "users.lookupByEmail": lookup_by_email,
    "users.profile.get": profile_get,
    "usergroups.list": usergroups_list,
    "usergroups.users.list": usergroups_users_list,
}
