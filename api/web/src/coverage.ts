/** Coverage as a choropleth: what part of each grid was really patrolled, and what is not known. */

import * as api from "./api";
import type { CoverageAnswer, Region } from "./api";
import { CellCard, type Asked } from "./cellcard";
import { meter } from "./chart";
import { choice, figures, h, toggle } from "./dom";
import type { Shade } from "./look";
import type { Place, RegionMap } from "./map";
import { BY_SHARE, byDays, shades } from "./overlays";
import { hideCard, panelHead, room } from "./panels";
import { onRestored, report } from "./status";
import { onTheme, palette } from "./theme";
import { tilesOf } from "./tileset";
import { count, days, duration, length, share } from "./times";
import { onLanguage, t, titled } from "./words";

const WINDOWS = { w_24h: 24, w_7d: 24 * 7, w_30d: 24 * 30 } as const;
type Window = keyof typeof WINDOWS;
type Colour = "share" | "days";
const SWATHS_M = [50, 200, 500, 2000];
/** An answer that takes longer says how far it has come. */
const PATIENT_MS = 1_000;
const HOUR_MS = 3_600_000;
const REFRESH_MS = 5 * 60_000;

export class Coverage {
  private window: Window = "w_7d";
  private level: string;
  /** undefined: each kind of unit has its own, or the region's. */
  private swath_m: number | undefined;
  private colour: Colour = "share";
  private shown = true;
  private answer: CoverageAnswer | null = null;
  private loading: AbortController | null = null;
  private readonly bar = h("progress", { max: 1, hidden: true, "aria-label": "" });
  private readonly card: CellCard;

  constructor(
    private readonly map: RegionMap,
    private readonly region: Region,
    respond: (place: Place) => void,
  ) {
    this.card = new CellCard(map, region, respond);
    const middle = region.levels[Math.min(2, region.levels.length - 1)];
    this.level = middle?.id ?? "";
    onLanguage(() => this.redraw());
    onTheme(() => this.redraw());
    onRestored(() => void this.load());
    setInterval(() => this.shown && !document.hidden && void this.load(), REFRESH_MS);
    this.redraw();
    void this.load();
  }

  /** The window ends at the next full five minutes, so that a repeated question is the same one. */
  private span(): { from: string; to: string } {
    const step = 5 * 60_000;
    const to = Math.ceil(Date.now() / step) * step;
    const text = (time: number): string => new Date(time).toISOString().replace(".000Z", "Z");
    return { from: text(to - WINDOWS[this.window] * HOUR_MS), to: text(to) };
  }

  private async load(): Promise<void> {
    this.loading?.abort();
    const mine = new AbortController();
    this.loading = mine;
    this.redraw();
    const asked: Asked = { ...this.span(), level: this.level, ...(this.swath_m ? { swath_m: this.swath_m } : {}) };
    const waiting = setTimeout(() => this.wait(asked, mine.signal), PATIENT_MS);
    try {
      const answer = await api.coverage(asked, mine.signal);
      this.answer = answer;
      this.map.shadeCoverage(this.shade());
      this.map.putCoverage(tilesOf({ layers: "coverage", ...asked, v: answer.data_version ?? "" }), this.shown);
    } catch (error) {
      report(error);
    } finally {
      clearTimeout(waiting);
      if (this.loading === mine) {
        this.loading = null;
        this.bar.hidden = true;
        this.redraw();
      }
      mine.abort();
    }
  }

  /** Shows how far the answer has come. */
  private wait(asked: Asked, signal: AbortSignal): void {
    this.bar.removeAttribute("value");
    this.bar.hidden = false;
    api.coverageProgress(asked, signal, (part) => (this.bar.value = part));
  }

  private shade(): Shade {
    return this.colour === "share" ? BY_SHARE : byDays(WINDOWS[this.window] / 24);
  }

  private change(edit: () => void): void {
    edit();
    if (this.card.isOpen) hideCard();
    void this.load();
  }

  show(on: boolean): void {
    this.shown = on;
    this.map.show(["coverage"], on);
    this.redraw();
  }
  get isShown(): boolean {
    return this.shown;
  }

  private redraw(): void {
    const windows = (Object.keys(WINDOWS) as Window[]).map((key): [Window, string] => [key, t(key)]);
    const levels = this.region.levels.map(({ id, title }): [string, string] => [id, titled(title, id)]);
    const colours: [Colour, string][] = [["share", t("by_share")], ["days", t("by_days")]];
    this.bar.setAttribute("aria-label", t("computing"));
    const focused = document.activeElement;
    const keep = focused instanceof HTMLInputElement && room("coverage").contains(focused) ? [focused.name, focused.value] : null;
    room("coverage").replaceChildren(
      panelHead("coverage", this.loading ? h("span", { class: "busy", role: "status" }, t("loading")) : undefined),
      toggle(t("show_coverage"), this.shown, (on) => this.show(on)),
      choice(t("window"), "window", windows, this.window, (value) => this.change(() => (this.window = value))),
      choice(t("level"), "level", levels, this.level, (value) => this.change(() => (this.level = value))),
      h("div", { class: "field" }, h("label", { for: "swath" }, t("swath")), this.swaths()),
      this.bar,
      h("p", { class: "hint" }, this.answer ? t(this.answer.swept === "kept" ? "swept_kept" : "swept_computed") : null),
      this.totals(),
      choice(t("colour_by"), "colour", colours, this.colour, (value) => {
        this.colour = value;
        this.map.shadeCoverage(this.shade());
        this.redraw();
      }),
      this.legend(),
      h("p", { class: "hint" }, t("click_cell")),
    );
    if (keep) room("coverage").querySelector<HTMLElement>(`input[name="${keep[0]}"][value="${keep[1]}"]`)?.focus();
    this.card.redraw();
  }

  private swaths(): HTMLElement {
    const select = h("select", {
      id: "swath",
      onchange: (event) => this.change(() => (this.swath_m = Number((event.target as HTMLSelectElement).value) || undefined)),
    });
    select.append(new Option(t("swath_own"), "", false, this.swath_m === undefined));
    const widths = [...new Set([...SWATHS_M, this.region.swath_m])].sort((a, b) => a - b);
    for (const metres of widths) select.append(new Option(length(metres), `${metres}`, false, metres === this.swath_m));
    return select;
  }

  private legend(): HTMLElement {
    const colours = palette();
    const shade = this.shade();
    const said = (value: number): string => (shade.by === "share" ? `${value * 100} %` : days(value));
    const rows = shades(colours, shade).map((colour, index) => {
      const [from, to] = [shade.bounds[index - 1], shade.bounds[index]];
      if (from === undefined) return swatch(colour, t("less_than", { d: said(to ?? 0) }));
      return swatch(colour, to === undefined ? t("at_least", { d: said(from) }) : `${said(from)} – ${said(to)}`);
    });
    const hatched = swatch(colours.unvisited, t("unknown_hatch"));
    hatched.firstElementChild?.classList.add("hatched");
    return h(
      "div", { class: "legend" },
      h("h3", {}, t(shade.by === "share" ? "visited_share" : "since_visit")),
      h("ul", {}, ...(shade.by === "share" ? rows.reverse() : rows), swatch(colours.unvisited, t("not_visited")), hatched),
    );
  }

  private totals(): HTMLElement {
    const answer = this.answer;
    if (!answer) return h("div");
    const { totals, features } = answer;
    const sum = (value: (cell: api.CoverageProps) => number): number =>
      features.reduce((before, { properties }) => before + value(properties), 0);
    const visited = features.filter(({ properties }) => properties.visits > 0).length;
    const area_m2 = sum((cell) => cell.area_m2 ?? 0);
    const seen_m2 = sum((cell) => (cell.area_m2 ?? 0) * (cell.visited_share ?? 0));
    const unknown_s = sum((cell) => cell.unknown_s) + (totals["unknown_s"] ?? 0);
    const known_s = sum((cell) => cell.patrol_s) + (totals["outside_s"] ?? 0);
    const part = (some: number, all: number): number => (all > 0 ? some / all : 0);
    return h(
      "div", { class: "totals" },
      h("h3", {}, t("whole")),
      meter(t("visited_share"), share(part(seen_m2, area_m2)), part(seen_m2, area_m2)),
      meter(
        t("cells_visited", { n: count(visited), all: count(features.length) }),
        share(part(visited, features.length)), part(visited, features.length),
      ),
      meter(t("unknown_time"), duration(unknown_s), part(unknown_s, unknown_s + known_s), "var(--soft)"),
      figures([
        [t("patrol_time"), totals["patrol_s"] == null ? null : duration(totals["patrol_s"])],
        [t("patrol_length"), totals["patrol_m"] == null ? null : length(totals["patrol_m"])],
        [t("outside"), totals["outside_s"] == null ? null : duration(totals["outside_s"])],
      ]),
    );
  }

  /** The grid of the answer under a click. */
  openCell(id: unknown, place: Place): boolean {
    const answer = this.answer;
    const cell = answer?.features.find((feature) => feature.id === id);
    if (!answer || !cell) return false;
    const { from, to } = answer;
    this.card.open(cell, place, { from, to, level: this.level, ...(this.swath_m ? { swath_m: this.swath_m } : {}) });
    return true;
  }
}

function swatch(colour: string, text: string): HTMLLIElement {
  const sample = h("span", { class: "swatch", "aria-hidden": "true" });
  sample.style.backgroundColor = colour;
  return h("li", {}, sample, text);
}
