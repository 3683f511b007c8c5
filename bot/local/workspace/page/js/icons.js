/** Line icons drawn for this page on a 20 by 20 grid, and the mark of the app itself. */

import { svg } from "./dom.js";

const PATHS = {
  hash: ["M7.5 3.5 6 16.5", "M14 3.5 12.5 16.5", "M3.5 7.5h13", "M3.5 12.5h13"],
  lock: ["M5 9h10v7.5H5z", "M7 9V6.5a3 3 0 0 1 6 0V9"],
  home: ["M3.5 9.5 10 4l6.5 5.5", "M5.5 8.5v7.5h9V8.5"],
  person: ["M10 10.2a3.1 3.1 0 1 0 0-6.2 3.1 3.1 0 0 0 0 6.2Z", "M4 16.5c.8-3 3.1-4.3 6-4.3s5.2 1.3 6 4.3"],
  reply: ["M4 4.5h12v8.5H9.5L6 16v-3H4z"],
  smile: [
    "M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14Z",
    "M7 11.5c.7 1.3 1.7 2 3 2s2.3-.7 3-2",
    "M7.5 8v.2",
    "M12.5 8v.2",
  ],
  more: ["M5 10h.01", "M10 10h.01", "M15 10h.01"],
  send: ["M4 10h11", "M10.5 5.5 15 10l-4.5 4.5"],
  close: ["m5 5 10 10", "M15 5 5 15"],
  back: ["M16 10H5", "M9.5 5.5 5 10l4.5 4.5"],
  menu: ["M3.5 6h13", "M3.5 10h13", "M3.5 14h13"],
  warning: ["M10 3.5 17.5 16.5h-15z", "M10 8.5v3.5", "M10 14.3v.1"],
  bolt: ["M11 3 5 11.5h4.5L9 17l6-8.5h-4.5z"],
  chevron: ["m5.5 8 4.5 4.5L14.5 8"],
  eye: [
    "M2.5 10S5 5 10 5s7.5 5 7.5 5-2.5 5-7.5 5-7.5-5-7.5-5Z",
    "M10 12.2a2.2 2.2 0 1 0 0-4.4 2.2 2.2 0 0 0 0 4.4Z",
  ],
  file: ["M5.5 3h6l3.5 3.5V17h-9.5z", "M11.5 3v3.5H15"],
  pin: ["M7 3.5h6l-.8 5 2.3 2.5h-9L7.8 8.5z", "M10 11v5.5"],
  link: [
    "M8.5 11.5a3 3 0 0 0 4.3 0l2.7-2.7a3 3 0 0 0-4.3-4.3l-.9.9",
    "M11.5 8.5a3 3 0 0 0-4.3 0l-2.7 2.7a3 3 0 0 0 4.3 4.3l.9-.9",
  ],
  down: ["M10 4v11", "M5.5 10.5 10 15l4.5-4.5"],
};

export function icon(name) {
  const drawing = svg("svg", { viewBox: "0 0 20 20", class: `icon icon-${name}`, "aria-hidden": "true" });
  drawing.append(...PATHS[name].map((d) => svg("path", { d })));
  return drawing;
}

/** A lantern: the face of the bot. */
export function lantern() {
  return svg(
    "svg",
    { viewBox: "0 0 32 32", class: "lantern", "aria-hidden": "true" },
    svg("path", { d: "M10 9h12l-1.2 3H11.2z", fill: "#f2f6f5" }),
    svg("path", { d: "M11.5 13.5h9V22h-9z", fill: "#ffc857" }),
    svg("path", { d: "M14.4 13.5V22m3.2-8.5V22", stroke: "#0c4a56" }),
    svg("path", { d: "M10 23.5h12V26H10z", fill: "#f2f6f5" }),
    svg("path", { d: "M13 8.5a3 3 0 0 1 6 0", fill: "none", stroke: "#f2f6f5", "stroke-width": "1.6" }),
  );
}
