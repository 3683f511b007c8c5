"""The JSON between the workspace and its own web page; nobody else calls it.

Shapes (every `message` and `view` is Slack's own object plus the fields named here):

`GET /page/state?as=U01ALICE` ->
    {"me": user, "team": {"id", "name", "domain"}, "app": {"user_id", "name"},
     "people": [{"id", "name", "real_name", "title", "initials", "avatar_colour", "is_bot", "deleted"}],
     "groups": [{"id", "handle", "name", "members"}],
     "channels": [{"id", "name", "is_im", "is_private", "is_archived", "topic", "members": [user id], "bookmarks": [...],
                   "pins": [ts]}],
     "commands": [{"command", "description", "usage_hint"}],
     "shortcuts": [{"callback_id", "name", "type": "global"|"message", "description"}],
     "messages": {channel id: [message, oldest first, replies included, flat]},
     "ephemerals": {channel id: [message]}, "views": [view, top last], "home": view|null,
     "warnings": [{"id", "text"}], "panel": panel|null}

message: + "is_ephemeral", "is_broadcast", "pending": [action_id], "warning": text|null,
    "chosen": {block_id: {action_id: state}}; files carry "url_private" relative to this server.
view: + "errors": {block_id: text}, "pending": [action_id], "warning": text|null.

`GET /page/live?as=...` (WebSocket) pushes
    {"type": "changed", "what": "message"|"ephemeral", "channel", "ts", "message": message|null when it is gone}
    {"type": "changed", "what": "view", "views": [the whole stack]}
    {"type": "changed", "what": "home", "home": view|null}
    {"type": "changed", "what": "channel", "channel": channel}
    {"type": "changed", "what": "warning", "warnings": [...]}
    {"type": "panel", "panel": panel}

`POST /page/acts/<act>`, all with "as": user id; answers an Outcome
    {"ok": true, "acked": bool, "warning": text|null, "errors": {block_id: text}, "payload": object|null}
or, for an act nobody could do, 400 {"ok": false, "error": text}:
    click     {"container": {"type": "message", "channel", "ts"} | {"type": "view", "view_id"}, "block_id", "action_id",
               "selected": option value | [option values] | date | time | user id | number | text; absent for a button}
    submit    {"view_id", "values": {block_id: {action_id: Slack state object, or the plain value}}}
    close     {"view_id"}
    slash     {"channel", "command", "text"}
    shortcut  {"callback_id", "message": {"channel", "ts"} | absent}
    home      {}
    post      {"channel", "text", "thread_ts"?}
    react     {"channel", "ts", "name"}          (a second time takes it back)
    dismiss   {"channel", "ts"} an ephemeral message | {"warning": id}

`GET /page/panel` -> {"title", "lines": [{"label", "value", "tone"}], "buttons": [{"id", "label", "tone"}]} or null
`POST /page/panel/<button id>` -> {"ok": true}
"""
