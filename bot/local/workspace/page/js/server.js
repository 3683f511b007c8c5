/** The page's side of the wire: loading the state, performing acts, and hearing what changes. */

const RECONNECT_FIRST_MS = 300;
const RECONNECT_LAST_MS = 5000;
const LONGEST_REFUSAL = 500;

export class ServerRefusal extends Error {}

async function call(path, body) {
  const options =
    body === undefined
      ? {}
      : { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new ServerRefusal("The workspace server does not answer. Is it still running?");
  }
  if (response.ok) return response.json();
  const words = (await response.text()).slice(0, LONGEST_REFUSAL);
  throw new ServerRefusal(refusalIn(words) ?? `The workspace server refused (${response.status}): ${words}`);
}

function refusalIn(words) {
  try {
    return JSON.parse(words).error;
  } catch {
    return null;
  }
}

export function loadState(person) {
  return call(person ? `/page/state?as=${encodeURIComponent(person)}` : "/page/state");
}

export function pressPanelButton(id) {
  return call(`/page/panel/${encodeURIComponent(id)}`, {});
}

/** Perform an act of a person; resolves to its outcome `{acked, warning, errors, …}`. */
export function act(name, body) {
  return call(`/page/acts/${name}`, body);
}

/** One person's live connection. `hear` gets every push; `connection(up)` is told when it comes and goes. */
export class Live {
  #socket = null;
  #closed = false;
  #waitMs = RECONNECT_FIRST_MS;

  constructor(person, { hear, connection }) {
    this.person = person;
    this.hear = hear;
    this.connection = connection;
    this.#open();
  }

  close() {
    this.#closed = true;
    this.#socket.close();
  }

  #open() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    this.#socket = new WebSocket(
      `${scheme}://${location.host}/page/live?as=${encodeURIComponent(this.person)}`,
    );
    this.#socket.addEventListener("open", () => {
      this.#waitMs = RECONNECT_FIRST_MS;
      this.connection(true);
    });
    this.#socket.addEventListener("message", (event) => {
      if (!this.#closed) this.hear(JSON.parse(event.data));
    });
    this.#socket.addEventListener("close", () => {
      if (this.#closed) return;
      this.connection(false);
      setTimeout(() => this.#closed || this.#open(), this.#waitMs);
      this.#waitMs = Math.min(this.#waitMs * 2, RECONNECT_LAST_MS);
    });
  }
}
