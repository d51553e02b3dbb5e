/** Breaches: points on the map, a list newest first, one in detail, and a notice of each new one. */

import type { Feature, Point } from "geojson";
import * as api from "./api";
import type { BreachProps } from "./api";
import { figures, glyph, h, toggle } from "./dom";
import { SEVERITIES, severityShape } from "./icons";
import type { RegionMap } from "./map";
import { hideCard, isPhone, open, panelHead, room, showCard, toast } from "./panels";
import { onRestored, report } from "./status";
import { duration, moment, until } from "./times";
import { onLanguage, t, term, titled, type Word } from "./words";

type Breach = Feature<Point | null, BreachProps>;
const WINDOWS = { w_24h: 24, w_7d: 24 * 7, w_30d: 24 * 30, w_all: 0 } as const;
type Window = keyof typeof WINDOWS;
const ROWS = 200;
const HOUR_MS = 3_600_000;
const SETTLE_MS = 600;
const REFRESH_MS = 60_000;

export class Breaches {
  private window: Window = "w_7d";
  private onlyOpen = false;
  private all: Breach[] | null = null;
  private opened: string | null = null;
  private waiting: ReturnType<typeof setTimeout> | undefined;
  private readonly closed = (): void => void (this.opened = null);

  constructor(private readonly map: RegionMap, private readonly openUnit: (id: string) => void) {
    onLanguage(() => this.redraw());
    onRestored(() => void this.load());
    // The stream tells of changes; this catches what a broken stream did not.
    setInterval(() => !document.hidden && void this.load(), REFRESH_MS);
    this.redraw();
    void this.load();
  }

  private async load(): Promise<void> {
    const hours = WINDOWS[this.window];
    // To the hour: the same question again can then be answered with "unchanged".
    const from = hours ? new Date(Math.floor(Date.now() / HOUR_MS - hours) * HOUR_MS).toISOString() : undefined;
    try {
      const answer = await api.breaches(from);
      this.all = answer.features.sort((a, b) => Date.parse(b.properties.entered_at) - Date.parse(a.properties.entered_at));
      this.redraw();
      const current = this.all.find(({ id }) => `${id}` === this.opened);
      if (current) this.detail(current);
    } catch (error) {
      report(error);
    }
  }

  /** Several events often come together; one question answers them all. */
  changed(): void {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => void this.load(), SETTLE_MS);
  }

  announce(id: string, data: BreachProps): void {
    const note = h(
      "span", { class: `breach severity-${data.severity}` },
      glyph(severityShape(data.severity)),
      h("span", {}, h("b", {}, `${t("new_breach")}: ${fenceOf(data)}`), h("br"), `${data.call_sign ?? data.unit} · ${term("r", data.rule)}`),
    );
    toast(note, () => this.go(id) || this.go(this.idOf(data)));
  }

  /** For a notice that does not name its breach. */
  private idOf(data: BreachProps): string {
    const same = this.all?.find(({ properties: p }) =>
      p.unit === data.unit && p.fence === data.fence && p.entered_at === data.entered_at);
    return `${same?.id ?? ""}`;
  }

  /** Opens one by its id and flies to it. */
  go(id: string, fly = true): boolean {
    const breach = this.all?.find((feature) => `${feature.id}` === id);
    if (!breach) return false;
    if (fly && breach.geometry) {
      const [lon = 0, lat = 0] = breach.geometry.coordinates;
      if (isPhone()) open(null);
      this.detail(breach);
      this.map.flyTo({ lon, lat });
    } else this.detail(breach);
    return true;
  }

  private shown(): Breach[] {
    return (this.all ?? []).filter(({ properties: { state } }) => state !== "withdrawn" && (!this.onlyOpen || state === "open"));
  }

  private redraw(): void {
    const shown = this.shown();
    this.map.put("breaches", shown.map((breach) => ({
      ...breach,
      properties: {
        key: `${breach.id}`,
        icon: `breach-${SEVERITIES.includes(breach.properties.severity) ? breach.properties.severity : "info"}-${breach.properties.state === "open" ? "open" : "closed"}`,
        rank: SEVERITIES.indexOf(breach.properties.severity) + (breach.properties.state === "open" ? 10 : 0),
      },
    })));
    const select = h("select", {
      "aria-label": t("window"),
      onchange: (event) => {
        this.window = (event.target as HTMLSelectElement).value as Window;
        void this.load();
      },
    });
    for (const key of Object.keys(WINDOWS) as Window[]) select.append(new Option(t(key), key, false, key === this.window));
    const flip = (on: boolean): void => {
      this.onlyOpen = on;
      this.redraw();
    };
    const scroll = room("breaches").querySelector(".scroll")?.scrollTop ?? 0;
    const focused = (document.activeElement as HTMLElement | null)?.dataset["breach"];
    const list = h("ul", { class: "rows scroll" }, ...shown.slice(0, ROWS).map((breach) => this.row(breach)));
    if (shown.length > ROWS) list.append(h("li", { class: "hint" }, t("more_rows", { n: shown.length - ROWS })));
    room("breaches").replaceChildren(
      panelHead("breaches", h("span", { class: "count" }, this.all ? shown.length : "")),
      h("div", { class: "filters" }, select, toggle(t("only_open"), this.onlyOpen, flip)),
      this.all === null ? h("p", { class: "busy" }, t("loading")) : shown.length ? list : h("p", { class: "hint" }, t("no_breaches")),
    );
    list.scrollTop = scroll;
    if (focused) list.querySelector<HTMLElement>(`[data-breach="${CSS.escape(focused)}"]`)?.focus();
  }

  private row(breach: Breach): HTMLLIElement {
    const p = breach.properties;
    const [began, ended] = words(p.rule);
    const times = p.rule === "line"
      ? `${t(began)} ${moment(p.entered_at)}`
      : `${t(began)} ${moment(p.entered_at)} – ${p.exited_at ? `${t(ended)} ${until(p.entered_at, p.exited_at)}` : t("still")}`;
    return h(
      "li", {},
      h(
        "button",
        {
          type: "button", class: `row-button breach severity-${p.severity} state-${p.state}`, "data-breach": `${breach.id}`,
          onclick: () => this.go(`${breach.id}`),
        },
        glyph(severityShape(p.severity), "glyph", p.state === "open"),
        h("span", { class: "who" }, h("b", {}, p.call_sign ?? p.unit), h("span", { class: "fence" }, fenceOf(p))),
        h("span", { class: "what" }, times),
        h("span", { class: "tags" },
          tag(term("s", p.severity), "severity"), tag(term("r", p.rule)), tag(term("e", p.evidence), p.evidence),
          tag(term("st", p.state), p.state),
        ),
      ),
    );
  }

  private detail(breach: Breach): void {
    const p = breach.properties;
    const [began, ended] = words(p.rule);
    const exit = p.rule === "line" ? null : p.exited_at ? moment(p.exited_at, true) : t("still");
    const unit = h("button", { type: "button", onclick: () => this.openUnit(p.unit) }, p.call_sign ?? p.unit);
    showCard(
      fenceOf(p),
      [
        h("p", { class: `breach severity-${p.severity} headline` },
          glyph(severityShape(p.severity), "glyph", p.state === "open"),
          `${term("s", p.severity)} · ${term("r", p.rule)} · ${term("st", p.state)}`),
        figures([
          [t("unit"), unit],
          [t(began), withBounds(p.entered_at, p.entered_earliest, p.entered_latest)],
          [t(ended), exit && p.exited_at ? withBounds(p.exited_at, p.exited_earliest, p.exited_latest) : exit],
          [t("evidence"), term("e", p.evidence)],
          [t("unknown_time"), p.unknown_s ? duration(p.unknown_s) : null],
          [t("direction"), p.direction ? term("", p.direction) : null],
          [t("fence"), p.fence_version ? `${fenceOf(p)} · ${t("version")} ${p.fence_version}` : fenceOf(p)],
          [t("revision"), p.revision ?? null],
        ]),
      ],
      this.closed,
    );
    this.opened = `${breach.id}`;
  }

  close(): void {
    if (this.opened) hideCard();
  }
}

/** The fence's name in the page's language; of one that was deleted, the name that it had. */
const fenceOf = ({ fence, fence_names: names }: BreachProps): string => titled(names, fence);

/** A keep-in fence is broken by leaving, a line by crossing. */
function words(rule: string): [Word, Word] {
  if (rule === "keep_in") return ["left_area", "came_back"];
  return [rule === "line" ? "crossed" : "entered", "exited"];
}

const tag = (text: string, className = ""): HTMLSpanElement => h("span", { class: `tag ${className}` }, text);

/** The time, and how far the fixes let it move. */
function withBounds(at: string, earliest?: string | null, latest?: string | null): HTMLElement {
  const bounds = earliest && latest && earliest !== latest
    ? h("small", {}, t("between", { a: moment(earliest, true), b: moment(latest, true) }))
    : null;
  return h("span", {}, moment(at, true), bounds ? h("br") : null, bounds);
}
