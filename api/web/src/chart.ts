/** Small pictures of figures: how full, and how it was over time. Each says its numbers in words, too. */

import { h } from "./dom";

/** A name, its value in words, and a line as full as `part` (0-1); `tone` is a CSS colour. */
export function meter(name: string, value: string, part: number, tone = "var(--accent)"): HTMLElement {
  const full = h("i", { "aria-hidden": "true" });
  full.style.width = `${100 * Math.min(1, Math.max(0, part))}%`;
  full.style.background = tone;
  return h(
    "div", { class: "meter" },
    h("p", {}, h("span", {}, name), h("b", {}, value)),
    h("div", { class: "meter-line" }, full),
  );
}

/** Numbers beside each other, each above its name. */
export function tally(rows: [string, string][]): HTMLElement {
  return h("dl", { class: "tally" }, ...rows.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}

export interface Bar {
  value: number;
  /** What stands below it, if there is room. */
  label: string;
  /** All that it says. */
  text: string;
}

/** Bars from the left to the right, the highest as high as there is room; `top` says how much that is. */
export function bars(title: string, rows: Bar[], top: string): HTMLElement {
  const most = Math.max(...rows.map(({ value }) => value));
  const every = Math.max(1, Math.ceil(rows.length / 6));
  const columns = rows.map(({ value, label, text }, index) => {
    const bar = h("i", { "aria-hidden": "true" });
    // What is not nothing is to be seen.
    bar.style.height = value > 0 ? `max(2px, ${(100 * value) / most}%)` : "0";
    return h(
      "li", { title: text },
      h("div", { class: "column" }, bar), h("span", { class: "unseen" }, text),
      // Near the right end there is no room for a name.
      index % every === 0 && index + every / 2 <= rows.length ? h("span", { class: "tick", "aria-hidden": "true" }, label) : null,
    );
  });
  return h(
    "figure", { class: "bars" },
    h("figcaption", {}, h("span", {}, title), most > 0 ? h("b", {}, top) : null),
    h("ol", {}, ...columns),
  );
}
