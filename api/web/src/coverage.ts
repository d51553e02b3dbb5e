/** Coverage as a choropleth: what part of each grid was really patrolled, and what is not known. */

import type { Feature } from "geojson";
import * as api from "./api";
import type { CoverageAnswer, Region } from "./api";
import { choice, figures, h, toggle } from "./dom";
import { boxOf, type Place, type RegionMap } from "./map";
import { COVERAGE_BOUNDS } from "./overlays";
import { hideCard, panelHead, room, showCard } from "./panels";
import { onRestored, report } from "./status";
import { onTheme, palette } from "./theme";
import { tilesOf } from "./tileset";
import { count, duration, length, moment, share } from "./times";
import { named, onLanguage, t, titled } from "./words";

const WINDOWS = { w_24h: 24, w_7d: 24 * 7, w_30d: 24 * 30 } as const;
type Window = keyof typeof WINDOWS;
type Cell = CoverageAnswer["features"][number];
const SWATHS_M = [50, 200, 500, 2000];
const HOUR_MS = 3_600_000;
const REFRESH_MS = 5 * 60_000;

export class Coverage {
  private window: Window = "w_7d";
  private level: string;
  private swath_m: number;
  private shown = true;
  private answer: CoverageAnswer | null = null;
  private loading: AbortController | null = null;
  private cell: Cell | null = null;
  private readonly unmark = (): void => {
    this.cell = null;
    this.map.put("cell", []);
  };

  constructor(
    private readonly map: RegionMap,
    private readonly region: Region,
    private readonly respond: (place: Place) => void,
  ) {
    const middle = region.levels[Math.min(2, region.levels.length - 1)];
    this.level = middle?.id ?? "";
    this.swath_m = region.swath_m;
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
    try {
      const asked = { ...this.span(), level: this.level, swath_m: this.swath_m };
      const answer = await api.coverage(asked, mine.signal);
      this.answer = answer;
      this.map.putCoverage(tilesOf({ layers: "coverage", ...asked, v: answer.data_version ?? "" }), this.shown);
    } catch (error) {
      report(error);
    } finally {
      if (this.loading === mine) {
        this.loading = null;
        this.redraw();
      }
    }
  }

  private change(edit: () => void): void {
    edit();
    if (this.cell) hideCard();
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
    const swaths = [...new Set([...SWATHS_M, this.region.swath_m])].sort((a, b) => a - b);
    const swath = h("select", {
      id: "swath", onchange: (event) => this.change(() => (this.swath_m = Number((event.target as HTMLSelectElement).value))),
    });
    for (const metres of swaths) swath.append(new Option(length(metres), `${metres}`, false, metres === this.swath_m));
    const focused = document.activeElement;
    const keep = focused instanceof HTMLInputElement && room("coverage").contains(focused) ? [focused.name, focused.value] : null;
    room("coverage").replaceChildren(
      panelHead("coverage", this.loading ? h("span", { class: "busy", role: "status" }, t("loading")) : undefined),
      toggle(t("show_coverage"), this.shown, (on) => this.show(on)),
      choice(t("window"), "window", windows, this.window, (value) => this.change(() => (this.window = value))),
      choice(t("level"), "level", levels, this.level, (value) => this.change(() => (this.level = value))),
      h("div", { class: "field" }, h("label", { for: "swath" }, t("swath")), swath),
      this.legend(),
      this.totals(),
      h("p", { class: "hint" }, t("click_cell")),
    );
    if (keep) room("coverage").querySelector<HTMLElement>(`input[name="${keep[0]}"][value="${keep[1]}"]`)?.focus();
    if (this.cell) this.showCell(this.cell);
  }

  private legend(): HTMLElement {
    const colours = palette();
    const percent = (value: number): string => `${value * 100}`;
    const bounds = [0, ...COVERAGE_BOUNDS, 1];
    const rows = colours.coverage.map((colour, index) => {
      const from = percent(bounds[index] ?? 0);
      const to = percent(bounds[index + 1] ?? 1);
      return swatch(colour, index === 0 ? `< ${to} %` : `${from} – ${to} %`);
    });
    const hatched = swatch(colours.unvisited, t("unknown_hatch"));
    hatched.firstElementChild?.classList.add("hatched");
    return h(
      "div", { class: "legend" },
      h("h3", {}, t("visited_share")),
      h("ul", {}, ...rows.reverse(), swatch(colours.unvisited, t("not_visited")), hatched),
    );
  }

  private totals(): HTMLElement {
    const answer = this.answer;
    if (!answer) return h("div");
    const { totals, features } = answer;
    const visited = features.filter(({ properties }) => (properties.visited_share ?? 0) > 0).length;
    return h(
      "div", { class: "totals" },
      h("h3", {}, t("whole")),
      h("p", {}, t("cells_visited", { n: count(visited), all: count(features.length) })),
      figures([
        [t("patrol_time"), totals["patrol_s"] == null ? null : duration(totals["patrol_s"])],
        [t("patrol_length"), totals["patrol_m"] == null ? null : length(totals["patrol_m"])],
        [t("outside"), totals["outside_s"] == null ? null : duration(totals["outside_s"])],
        [t("unknown_time"), totals["unknown_s"] == null ? null : duration(totals["unknown_s"])],
      ]),
    );
  }

  /** The grid of the answer under a click; the drawn one is cut by tiles, so its ground is asked for. */
  openCell(id: unknown, place: Place): boolean {
    const cell = this.answer?.features.find((feature) => feature.id === id);
    if (!cell) return false;
    this.place = place;
    this.ground = null;
    this.showCell(cell);
    this.cell = cell;
    api.grid(`${id}`).then((grid) => {
      if (this.cell?.id !== id) return;
      this.ground = grid;
      this.map.put("cell", [grid]);
    }).catch(report);
    return true;
  }
  private ground: Feature | null = null;
  private place: Place = { lon: 0, lat: 0 };

  private showCell(cell: Cell): void {
    const p = cell.properties;
    const here = h("button", { type: "button", class: "primary", onclick: () => this.respond(this.place) }, t("response_here"));
    const zoom = h(
      "button", { type: "button", onclick: () => { const box = this.ground && boxOf([this.ground]); if (box) this.map.fit(box); } }, t("zoom_in"),
    );
    showCard(
      named({ ...p }),
      [
        figures([
          [t("visited_share"), share(p.visited_share)],
          [t("last_visit"), moment(p.last_visit) || t("never")],
          [t("patrol_time"), duration(p.patrol_s)],
          [t("patrol_length"), length(p.patrol_m)],
          [t("unknown_time"), p.unknown_s ? duration(p.unknown_s) : t("none")],
          [t("visits"), p.visits == null ? null : count(p.visits)],
          [t("patrols"), p.patrols == null ? null : count(p.patrols)],
          [t("units_count"), p.units == null ? null : count(p.units)],
          [t("first_visit"), moment(p.first_visit)],
          [t("window"), `${moment(this.answer?.from)} – ${moment(this.answer?.to)}`],
          [t("level"), titled(this.region.levels.find(({ id }) => id === p.level)?.title, p.level)],
        ]),
        ...(p.unknown_s ? [h("p", { class: "hint" }, t("unknown_note"))] : []),
        h("div", { class: "row" }, here, zoom),
      ],
      this.unmark,
    );
  }
}

function swatch(colour: string, text: string): HTMLLIElement {
  const sample = h("span", { class: "swatch", "aria-hidden": "true" });
  sample.style.backgroundColor = colour;
  return h("li", {}, sample, text);
}
