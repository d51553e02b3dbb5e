/** The bar: region, link, age of the data, clock, language, theme; and what went wrong. */

import { LinkLost, Refused, onLink, type Region } from "./api";
import { glyph, h } from "./dom";
import { UI_SHAPES } from "./icons";
import { banner, bar, tellProblem } from "./panels";
import { flipTheme, onTheme, theme } from "./theme";
import { clock, clockZone, moment } from "./times";
import { LANGUAGES, LANGUAGE_NAMES, lang, onLanguage, setLanguage, t, titled } from "./words";

let lostAt: number | null = null;
let asOf: string | undefined;
let version: string | undefined;
const restored: (() => void)[] = [];
/** Called when the link comes back, to fetch what was missed. */
export const onRestored = (listener: () => void): void => void restored.push(listener);

const brand = h("h1", { class: "brand" });
const dot = h("span", { class: "dot", "aria-hidden": "true" });
const state = h("span", { class: "state" });
const data = h("span", { class: "asof" });
const time = h("time", { class: "clock" });
const hours = h("span", { class: "hours" });
const zone = h("span", { class: "zone" });
time.append(hours, zone);

export function startStatus({ name, note: remark }: Region): void {
  const languages = h("div", { class: "languages", role: "group" });
  const themes = h("button", { type: "button", class: "icon", onclick: flipTheme });
  const remarked = h("p", { class: "remark" });
  const heading = h("div", { class: "heading" }, brand, h("p", { class: "link" }, dot, state, data), remark ? remarked : null);
  bar.replaceChildren(heading, time, languages, themes);
  const draw = (): void => {
    brand.textContent = titled(name, "patrolgrid");
    remarked.textContent = titled(remark, "");
    document.title = `${brand.textContent} · patrolgrid`;
    languages.setAttribute("aria-label", t("language"));
    languages.replaceChildren(...LANGUAGES.map(languageButton));
    const next = theme() === "dark" ? "to_light" : "to_dark";
    themes.setAttribute("aria-label", t(next));
    themes.title = t(next);
    themes.replaceChildren(glyph(theme() === "dark" ? UI_SHAPES.sun : UI_SHAPES.moon, "glyph", false));
    drawLink();
  };
  onLanguage(draw);
  onTheme(draw);
  draw();
  onLink(note);
  const tick = (): void => {
    hours.textContent = clock();
    zone.textContent = clockZone();
  };
  tick();
  setInterval(tick, 1000);
}

function languageButton(code: (typeof LANGUAGES)[number]): HTMLButtonElement {
  const short = { zh: "中", mn: "Мо", en: "En" }[code];
  const press = (): void => {
    setLanguage(code);
    bar.querySelector<HTMLElement>(`[lang="${code}"]`)?.focus();
  };
  return h(
    "button",
    {
      type: "button", lang: code, title: LANGUAGE_NAMES[code], "aria-label": LANGUAGE_NAMES[code],
      "aria-pressed": String(lang() === code), onclick: press,
    },
    short,
  );
}

function note(up: boolean, answered?: string, answeredVersion?: string): void {
  if (answered && (!asOf || answered > asOf)) {
    asOf = answered;
    version = answeredVersion;
  }
  const back = up && lostAt !== null;
  if (up) lostAt = null;
  else lostAt ??= Date.now();
  drawLink();
  if (back) for (const listener of restored) listener();
}

function drawLink(): void {
  const lost = lostAt !== null;
  document.body.dataset["link"] = lost ? "lost" : "up";
  state.textContent = lost ? "" : asOf ? t("live") : t("connecting");
  data.textContent = asOf ? t("as_of", { time: moment(asOf, true) }) : "";
  data.title = version ?? "";
  const values = { since: moment(lostAt), asof: moment(asOf, true) };
  const text = !lost ? "" : asOf ? t("link_lost", values) : t("link_lost_bare", values);
  if (banner.textContent !== text) banner.textContent = text;
  banner.hidden = !lost;
}

/** One line for what the server refused; a lost link has its banner, an abandoned call nothing. */
export function report(error: unknown): void {
  if (error instanceof LinkLost) return;
  if (error instanceof DOMException && error.name === "AbortError") return;
  if (error instanceof Refused && error.status === 401) return location.reload();
  tellProblem(t("failed", { why: error instanceof Error ? error.message : String(error) }));
}
