/**
 * What the server last told us, as one person sees it. The page draws from here and never changes it on its own:
 * a click is shown when the server reports it, as in a real client.
 */

export class Model {
  me = null;
  team = { name: "" };
  app = null;
  people = [];
  groups = [];
  channels = [];
  commands = [];
  shortcuts = [];
  messages = {};
  ephemerals = {};
  views = [];
  home = null;
  warnings = [];
  panel = null;
  connected = false;
  unread = new Map();

  /** Take over a whole state, after loading or reconnecting. */
  load(state) {
    this.#countMissed(state.messages ?? {});
    Object.assign(this, state);
  }

  person(id) {
    return this.people.find((person) => person.id === id);
  }

  group(id) {
    return this.groups.find((group) => group.id === id);
  }

  channel(id) {
    return this.channels.find((channel) => channel.id === id);
  }

  /** The installed app as a member of the workspace. */
  get bot() {
    return this.person(this.app?.user_id);
  }

  /** Messages of a channel's main list, with what only I can see, oldest first. */
  roots(channel) {
    const listed = (this.messages[channel] ?? []).filter(
      (message) => isRoot(message) || message.is_broadcast,
    );
    const mine = (this.ephemerals[channel] ?? []).filter((message) => !message.thread_ts);
    return [...listed, ...mine].sort(byTs);
  }

  message(channel, ts) {
    return (this.messages[channel] ?? []).find((message) => message.ts === ts);
  }

  replies(channel, ts) {
    const posted = (this.messages[channel] ?? []).filter(
      (message) => message.thread_ts === ts && message.ts !== ts,
    );
    const mine = (this.ephemerals[channel] ?? []).filter((message) => message.thread_ts === ts);
    return [...posted, ...mine].sort(byTs);
  }

  /** Apply one pushed change. Returns false when it cannot be applied and the state must be loaded again. */
  apply(change) {
    const patch = this.#patches[change.what];
    return patch ? patch(change) !== false : false;
  }

  read(channel) {
    return this.unread.delete(channel);
  }

  #patches = {
    message: ({ channel, message, deleted }) => {
      if (!this.channel(channel)) return false;
      const known = (this.messages[channel] ??= []);
      if (deleted) return remove(known, deleted);
      if (put(known, message) && message.user !== this.me && (isRoot(message) || message.is_broadcast)) {
        this.unread.set(channel, (this.unread.get(channel) ?? 0) + 1);
      }
      return true;
    },
    ephemeral: ({ channel, message, deleted }) => {
      const known = (this.ephemerals[channel] ??= []);
      if (deleted) return remove(known, deleted);
      put(known, message);
      return true;
    },
    view: ({ views }) => Boolean(views && (this.views = views)),
    home: ({ home }) => {
      this.home = home;
    },
    channel: ({ channel }) => {
      put(this.channels, channel, "id");
    },
    warning: ({ warnings }) => Boolean(warnings && (this.warnings = warnings)),
  };

  #countMissed(messages) {
    for (const [channel, list] of Object.entries(messages)) {
      const newest = (this.messages[channel] ?? []).at(-1)?.ts;
      if (!newest) continue;
      const missed = list.filter(
        (message) => message.ts > newest && message.user !== this.me && isRoot(message),
      ).length;
      if (missed) this.unread.set(channel, (this.unread.get(channel) ?? 0) + missed);
    }
  }
}

function isRoot(message) {
  return !message.thread_ts || message.thread_ts === message.ts;
}

function byTs(one, other) {
  return one.ts < other.ts ? -1 : 1;
}

/** Replace or append; true when it was not there before. */
function put(list, item, key = "ts") {
  const at = list.findIndex((each) => each[key] === item[key]);
  if (at === -1) list.push(item);
  else list[at] = item;
  return at === -1;
}

function remove(list, ts) {
  const at = list.findIndex((each) => each.ts === ts);
  if (at !== -1) list.splice(at, 1);
  return true;
}
