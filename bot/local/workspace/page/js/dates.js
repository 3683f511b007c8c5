/** Times as people read them, in the reader's own time zone. */

const format = (options) => new Intl.DateTimeFormat("en-GB", options);
const TIME = format({ hour: "2-digit", minute: "2-digit" });
const TIME_SECONDS = format({ hour: "2-digit", minute: "2-digit", second: "2-digit" });
const DATE_NUMBERS = format({ year: "numeric", month: "2-digit", day: "2-digit" });
const DATE = format({ year: "numeric", month: "long", day: "numeric" });
const DATE_SHORT = format({ year: "numeric", month: "short", day: "numeric" });
const DATE_LONG = format({ weekday: "long", year: "numeric", month: "long", day: "numeric" });
const DAY = format({ weekday: "long", month: "long", day: "numeric" });

/** The moment a message `ts` ("seconds.sequence") or a number of seconds stands for. */
export function moment(seconds) {
  return new Date(Number.parseFloat(seconds) * 1000);
}

export function clock(date) {
  return TIME.format(date);
}

export function full(date) {
  return `${DATE_LONG.format(date)} at ${TIME_SECONDS.format(date)}`;
}

/** "Today", "Yesterday" or the day's name. */
export function day(date, now = new Date()) {
  return nearby(date, now) ?? DAY.format(date);
}

export function sameDay(one, other) {
  return one.toDateString() === other.toDateString();
}

function nearby(date, now) {
  const yesterday = new Date(now);
  yesterday.setDate(now.getDate() - 1);
  const tomorrow = new Date(now);
  tomorrow.setDate(now.getDate() + 1);
  if (sameDay(date, now)) return "Today";
  if (sameDay(date, yesterday)) return "Yesterday";
  if (sameDay(date, tomorrow)) return "Tomorrow";
  return null;
}

function ago(date, now = new Date()) {
  const seconds = Math.round((now - date) / 1000);
  const distance = Math.abs(seconds);
  const [amount, unit] =
    distance < 60
      ? [distance, "second"]
      : distance < 3600
        ? [Math.round(distance / 60), "minute"]
        : distance < 86400
          ? [Math.round(distance / 3600), "hour"]
          : [Math.round(distance / 86400), "day"];
  const words = `${amount} ${unit}${amount === 1 ? "" : "s"}`;
  return seconds >= 0 ? `${words} ago` : `in ${words}`;
}

/** Fill the tokens of a `<!date^seconds^template|fallback>` mention. */
export function fillDate(seconds, template, now = new Date()) {
  const date = moment(seconds);
  // As Slack has it: a capital where the template begins with it, "03:02 today" within.
  const pretty = (formatter, at) => {
    const near = nearby(date, now);
    return (at > 0 ? near?.toLowerCase() : near) ?? formatter.format(date);
  };
  const tokens = {
    date_num: () => DATE_NUMBERS.format(date).split("/").reverse().join("-"),
    date: () => DATE.format(date),
    date_slash: () => DATE_NUMBERS.format(date),
    date_short: () => DATE_SHORT.format(date),
    date_long: () => DATE_LONG.format(date),
    date_pretty: (at) => pretty(DATE, at),
    date_short_pretty: (at) => pretty(DATE_SHORT, at),
    date_long_pretty: (at) => pretty(DATE_LONG, at),
    time: () => TIME.format(date),
    time_secs: () => TIME_SECONDS.format(date),
    ago: () => ago(date, now),
  };
  return template.replace(/\{(\w+)\}/g, (whole, token, at) =>
    Object.hasOwn(tokens, token) ? tokens[token](at) : whole,
  );
}
