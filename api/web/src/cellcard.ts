/** One grid's coverage: how much, how long ago, and when it was patrolled over the window. */

import type { Feature } from "geojson";
import * as api from "./api";
import type { CoverageAnswer, CoverageProps, Region } from "./api";
import { bars, meter, tally } from "./chart";
import { figures, h } from "./dom";
import { boxOf, type Place, type RegionMap } from "./map";
import { showCard } from "./panels";
import { report } from "./status";
import { count, dayOf, duration, hourOf, length, moment, share } from "./times";
import { named, t, titled } from "./words";

export type Cell = CoverageAnswer["features"][number];
export type Asked = { from: string; to: string; level: string; swath_m?: number };
const DAY_S = 86_400;
const HOURS = Array.from({ length: 24 }, (_, hour) => `${hour}`.padStart(2, "0"));

export class CellCard {
  private cell: Cell | null = null;
  private asked: Asked | null = null;
  private place: Place = { lon: 0, lat: 0 };
  private ground: Feature | null = null;
  private loading: AbortController | null = null;
  private parts: api.SeriesPart[] | null = null;
  private hours: Record<string, CoverageProps> | null = null;
  private computing = false;
  private readonly unmark = (): void => {
    this.loading?.abort();
    this.cell = null;
    this.map.put("cell", []);
  };

  constructor(
    private readonly map: RegionMap,
    private readonly region: Region,
    private readonly respond: (place: Place) => void,
  ) {}

  get isOpen(): boolean {
    return this.cell !== null;
  }

  /** The drawn grid is cut by tiles, so its ground is asked for. */
  open(cell: Cell, place: Place, asked: Asked): void {
    this.loading?.abort();
    const mine = new AbortController();
    Object.assign(this, { place, asked, loading: mine, ground: null, parts: null, hours: null, computing: false });
    this.cell = cell;
    this.redraw();
    api.grid(cell.properties.id).then((grid) => {
      if (mine.signal.aborted) return;
      this.ground = grid;
      this.map.put("cell", [grid]);
    }).catch(report);
    api.series({ ...asked, every: this.every(), grid: cell.properties.id }, mine.signal)
      .then(({ series }) => {
        this.parts = series;
        this.redraw();
      })
      .catch(report);
  }

  private every(): "hour" | "day" {
    return this.window_s() > 2 * DAY_S ? "day" : "hour";
  }
  private window_s(): number {
    return this.asked ? (Date.parse(this.asked.to) - Date.parse(this.asked.from)) / 1000 : 0;
  }

  redraw(): void {
    const { cell, asked } = this;
    if (!cell || !asked) return;
    const p = cell.properties;
    const here = h("button", { type: "button", class: "primary", onclick: () => this.respond(this.place) }, t("response_here"));
    const zoom = h(
      "button", { type: "button", onclick: () => { const box = this.ground && boxOf([this.ground]); if (box) this.map.fit(box); } }, t("zoom_in"),
    );
    showCard(
      named({ ...p }),
      [
        ...this.meters(p),
        tally([
          [t("visits"), count(p.visits)], [t("patrols"), count(p.patrols)], [t("units_count"), count(p.units)],
        ]),
        this.overTime(), this.overTheDay(),
        figures([
          [t("patrol_time"), duration(p.patrol_s)],
          [t("patrol_length"), length(p.patrol_m)],
          [t("first_visit"), moment(p.first_visit)],
          [t("last_visit"), moment(p.last_visit) || t("never")],
          [t("window"), `${moment(asked.from)} – ${moment(asked.to)}`],
          [t("level"), titled(this.region.levels.find(({ id }) => id === p.level)?.title, p.level)],
        ]),
        ...(p.unknown_s ? [h("p", { class: "hint" }, t("unknown_note"))] : []),
        h("div", { class: "row" }, here, zoom),
      ],
      this.unmark,
    );
  }

  private meters(p: CoverageProps): HTMLElement[] {
    const window_s = this.window_s();
    const since_s = p.days_since_visit === null ? null : p.days_since_visit * DAY_S;
    const busy_s = p.patrol_s + p.unknown_s;
    return [
      meter(t("visited_share"), share(p.visited_share), p.visited_share ?? 0),
      meter(t("since_visit"), since_s === null ? t("never") : duration(since_s), (since_s ?? window_s) / window_s, "var(--medium)"),
      meter(t("longest_unvisited"), duration(p.longest_unvisited_s), p.longest_unvisited_s / window_s, "var(--medium)"),
      ...(p.unknown_s ? [meter(t("unknown_time"), duration(p.unknown_s), p.unknown_s / busy_s, "var(--soft)")] : []),
    ];
  }

  private overTime(): HTMLElement {
    const id = this.cell?.properties.id ?? "";
    const title = t(this.every() === "day" ? "share_by_day" : "share_by_hour");
    if (!this.parts) return h("p", { class: "busy", role: "status" }, `${title}: ${t("loading")}`);
    const rows = this.parts.map(({ from, grids }) => {
      const own = grids[id];
      const label = this.every() === "day" ? dayOf(from) : hourOf(from);
      return { value: own?.visited_share ?? 0, label, text: `${label}: ${share(own?.visited_share)}, ${duration(own?.patrol_s)}` };
    });
    return bars(title, rows, share(Math.max(...rows.map(({ value }) => value))));
  }

  /** By hour of the day on demand: that is never kept up, so it takes its time. */
  private overTheDay(): HTMLElement {
    if (this.hours) {
      const rows = HOURS.map((hour) => {
        const seconds = this.hours?.[hour]?.patrol_s ?? 0;
        return { value: seconds, label: hour, text: `${hour}:00 – ${hour}:59: ${duration(seconds)}` };
      });
      return bars(t("hours_of_day"), rows, duration(Math.max(...rows.map(({ value }) => value))));
    }
    if (this.computing) return h("p", { class: "busy", role: "status" }, `${t("hours_of_day")}: ${t("computing")}`);
    return h("div", { class: "row" }, h("button", { type: "button", id: "by-hour", onclick: () => void this.loadHours() }, t("hours_of_day")));
  }

  private async loadHours(): Promise<void> {
    const { cell, asked, loading } = this;
    if (!cell || !asked || !loading) return;
    this.computing = true;
    this.redraw();
    try {
      const answer = await api.coverage({ ...asked, by: "hour", grid: cell.properties.id }, loading.signal);
      if (loading.signal.aborted) return;
      this.hours = answer.features[0]?.properties.parts ?? {};
    } catch (error) {
      report(error);
    } finally {
      if (!loading.signal.aborted) {
        this.computing = false;
        this.redraw();
      }
    }
  }
}
