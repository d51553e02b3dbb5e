/** The frame of the page: bar, tabs, panels, card, messages. Each capability fills its own room. */

import { glyph, h } from "./dom";
import { UI_SHAPES } from "./icons";
import { onLanguage, t, type Word } from "./words";

export const TABS = ["breaches", "units", "coverage", "plan", "layers"] as const;
export type Tab = (typeof TABS)[number];

const WALL = matchMedia("(min-width: 1900px) and (min-height: 900px)");
const PHONE = matchMedia("(max-width: 700px)");
export const isPhone = (): boolean => PHONE.matches;

let active: Tab | null = null;
let closeCard: (() => void) | null = null;
const problems = h("div", { id: "problem", role: "alert", hidden: true });
const toasts = h("div", { id: "toasts", role: "status", "aria-live": "polite" });
const card = h("aside", { id: "card", "data-covers": true, hidden: true });
const tabs = h("nav", { id: "tabs" });
export const bar = h("header", { id: "bar" });
export const banner = h("div", { id: "banner", role: "alert", hidden: true });
export const mapHost = h("main", { id: "map" });
export const tools = h("div", { id: "tools" });
const rooms = Object.fromEntries(
  TABS.map((tab) => [tab, h("section", { id: `panel-${tab}`, class: "panel", "data-covers": true, role: "tabpanel" })]),
) as Record<Tab, HTMLElement>;

export const room = (tab: Tab): HTMLElement => rooms[tab];
export const activeTab = (): Tab | null => active;

export function startPanels(host: HTMLElement): void {
  host.replaceChildren(
    bar, banner, mapHost, tools, tabs, ...TABS.map((tab) => rooms[tab]), card, toasts, problems,
  );
  onLanguage(drawTabs);
  WALL.addEventListener("change", () => open(active));
  open(isPhone() ? null : "breaches");
}

const moved: (() => void)[] = [];
/** Called after a panel opened or closed. */
export const onPanels = (listener: () => void): void => void moved.push(listener);
/** How much of the page's height the open sheet takes, in pixels; on a phone only. */
export const sheetHeight = (): number => (isPhone() && active ? rooms[active].offsetHeight : 0);

/** On a wall the breaches have a place of their own, so their tab has nothing to open. */
export function open(tab: Tab | null): void {
  active = WALL.matches && tab === "breaches" ? "layers" : tab;
  for (const name of TABS) {
    const docked = WALL.matches && name === "breaches";
    rooms[name].hidden = name !== active && !docked;
    rooms[name].classList.toggle("docked", docked);
  }
  document.body.classList.toggle("panel-open", active !== null);
  drawTabs();
  for (const listener of moved) listener();
}

function drawTabs(): void {
  tabs.setAttribute("role", "tablist");
  tabs.setAttribute("aria-label", t("panels"));
  const focused = document.activeElement?.closest<HTMLElement>("[data-tab]")?.dataset["tab"];
  const shown = TABS.filter((tab) => !(WALL.matches && tab === "breaches"));
  tabs.replaceChildren(...shown.map((tab) => tabButton(tab, shown)));
  if (focused) tabs.querySelector<HTMLElement>(`[data-tab="${focused}"]`)?.focus();
  for (const name of TABS) rooms[name].setAttribute("aria-label", t(name));
}

function tabButton(tab: Tab, shown: Tab[]): HTMLButtonElement {
  const step = (event: Event): void => {
    const key = (event as KeyboardEvent).key;
    const move = key === "ArrowRight" ? 1 : key === "ArrowLeft" ? -1 : 0;
    if (!move) return;
    const next = shown[(shown.indexOf(tab) + move + shown.length) % shown.length] ?? tab;
    open(next);
    tabs.querySelector<HTMLElement>(`[data-tab="${next}"]`)?.focus();
  };
  return h(
    "button",
    {
      type: "button", role: "tab", "data-tab": tab, "aria-controls": `panel-${tab}`,
      "aria-selected": String(active === tab), tabindex: active === tab || (!active && tab === shown[0]) ? 0 : -1,
      onclick: () => open(active === tab ? null : tab), onkeydown: step,
    },
    glyph(UI_SHAPES[tab], "glyph", false),
    h("span", {}, t(tab)),
  );
}

/** A heading with the button that folds the panel away. */
export function panelHead(word: Word, extra?: Node): HTMLElement {
  return h(
    "div", { class: "panel-head" },
    h("h2", {}, t(word)),
    extra ?? null,
    h(
      "button", { type: "button", class: "icon fold", "aria-label": t("collapse"), onclick: () => open(null) },
      glyph(UI_SHAPES.close, "glyph", false),
    ),
  );
}

/** Shows one thing in detail. `closed` undoes what its opener drew on the map. */
export function showCard(title: string, content: Node[], closed?: () => void): void {
  if (closeCard && closeCard !== closed) closeCard();
  closeCard = closed ?? null;
  const head = h(
    "div", { class: "panel-head" },
    h("h2", {}, title),
    h(
      "button", { type: "button", class: "icon", "aria-label": t("close"), onclick: hideCard },
      glyph(UI_SHAPES.close, "glyph", false),
    ),
  );
  card.replaceChildren(head, h("div", { class: "card-body" }, ...content));
  card.setAttribute("aria-label", title);
  card.hidden = false;
  document.body.classList.add("card-open");
}

export function hideCard(): void {
  const undo = closeCard;
  closeCard = null;
  card.hidden = true;
  document.body.classList.remove("card-open");
  undo?.();
}

const TOASTS = 3;
const TOAST_MS = 12_000;
export function toast(content: Node, go: () => void): void {
  const item = h("button", { type: "button", class: "toast" }, content);
  item.addEventListener("click", () => {
    item.remove();
    go();
  });
  toasts.prepend(item);
  while (toasts.childElementCount > TOASTS) toasts.lastElementChild?.remove();
  setTimeout(() => item.remove(), TOAST_MS);
}

let problemTimer: ReturnType<typeof setTimeout> | undefined;
const PROBLEM_MS = 10_000;
/** One clear line, which goes away by itself. */
export function tellProblem(text: string): void {
  clearTimeout(problemTimer);
  problems.replaceChildren(
    h("span", {}, text),
    h(
      "button", { type: "button", class: "icon", "aria-label": t("close"), onclick: () => (problems.hidden = true) },
      glyph(UI_SHAPES.close, "glyph", false),
    ),
  );
  problems.hidden = false;
  problemTimer = setTimeout(() => (problems.hidden = true), PROBLEM_MS);
}
