/** Units: where each was last, how old that is, and its track of the last hours. */

import type { Feature, LineString, Point } from "geojson";
import * as api from "./api";
import type { UnitProps } from "./api";
import { choice, figures, h } from "./dom";
import { FRESHNESS, isFreshness } from "./icons";
import type { RegionMap } from "./map";
import { isPhone, open, panelHead, room, showCard } from "./panels";
import { onRestored, report } from "./status";
import { degrees, duration, length, moment, speed } from "./times";
import { lang, onLanguage, t, term, type Lang } from "./words";

type Unit = Feature<Point | null, UnitProps>;
const POLL_MS = 10_000;
const TRACK_HOURS = ["2", "6", "24"] as const;
type Hours = (typeof TRACK_HOURS)[number];
const HOUR_MS = 3_600_000;

/** One letter a kind, inside its mark on the map. */
const LETTERS: Record<Lang, Record<string, string>> = {
  zh: { vehicle: "车", motorcycle: "摩", horse: "马", foot: "步", drone: "飞", robot: "机", collar: "圈", sensor: "感" },
  mn: { vehicle: "А", motorcycle: "Ц", horse: "М", foot: "Я", drone: "Д", robot: "Р", collar: "Х", sensor: "Э" },
  en: { vehicle: "V", motorcycle: "M", horse: "H", foot: "F", drone: "D", robot: "R", collar: "C", sensor: "S" },
};

export class Units {
  private all: Unit[] = [];
  private answeredAt = Date.now();
  private loaded = false;
  private sought = "";
  private chosen: string | null = null;
  private hours: Hours = "6";
  private trackText = "";
  private asking: AbortController | null = null;
  private readonly search = h("input", { type: "search", id: "unit-search" });
  private readonly list = h("ul", { class: "rows scroll" });
  private readonly closed = (): void => {
    this.asking?.abort();
    this.chosen = null;
    this.map.put("track", []);
  };

  constructor(private readonly map: RegionMap) {
    this.search.addEventListener("input", () => {
      this.sought = this.search.value.trim().toLocaleLowerCase();
      this.drawList();
    });
    onLanguage(() => this.redraw());
    onRestored(() => void this.load());
    this.redraw();
    void this.poll();
    setInterval(() => this.drawAges(), 1000);
  }

  private async poll(): Promise<void> {
    // A hidden page still asks, seldom: the banner must be true when somebody looks again.
    await this.load();
    setTimeout(() => void this.poll(), document.hidden ? POLL_MS * 6 : POLL_MS);
  }

  private async load(): Promise<void> {
    try {
      const answer = await api.units();
      const order = (unit: Unit): number => FRESHNESS.findIndex((name) => name === unit.properties.freshness) & 7;
      this.all = [...answer.features].sort((a, b) => order(a) - order(b) || label(a).localeCompare(label(b)));
      this.answeredAt = Date.now();
      this.loaded = true;
      this.draw();
      this.drawList();
      const unit = this.find(this.chosen);
      if (unit) this.card(unit);
    } catch (error) {
      report(error);
    }
  }

  private find(id: string | null): Unit | undefined {
    return id === null ? undefined : this.all.find(({ properties }) => properties.unit === id);
  }

  private draw(): void {
    this.map.put("units", this.all.map((unit) => {
      const p = unit.properties;
      const freshness = isFreshness(p.freshness) ? p.freshness : "silent";
      const moving = p.heading_deg == null ? {} : { heading_deg: p.heading_deg };
      return {
        ...unit,
        properties: {
          key: p.unit, freshness, icon: `unit-${freshness}`, letter: LETTERS[lang()][p.kind] ?? "?",
          label: label(unit), speed_ms: p.speed_ms ?? 0, rank: FRESHNESS.length - FRESHNESS.indexOf(freshness), ...moving,
        },
      };
    }));
  }

  private redraw(): void {
    this.search.placeholder = t("find_unit");
    this.search.setAttribute("aria-label", t("find_unit"));
    const key = h("ul", { class: "freshness-key" }, ...FRESHNESS.map((name) => h("li", {}, badge(name), term("f", name))));
    room("units").replaceChildren(panelHead("units"), this.search, key, this.list);
    this.draw();
    this.drawList();
    const unit = this.find(this.chosen);
    if (unit) this.card(unit);
  }

  private drawList(): void {
    const focused = (document.activeElement as HTMLElement | null)?.dataset["unit"];
    const found = this.all.filter(({ properties: p }) =>
      `${p.call_sign ?? ""} ${p.unit} ${p.team ?? ""} ${term("k", p.kind)}`.toLocaleLowerCase().includes(this.sought),
    );
    const top = this.list.scrollTop;
    this.list.replaceChildren(...found.map((unit) => this.row(unit)));
    if (!this.loaded) this.list.append(h("li", { class: "busy" }, t("loading")));
    this.list.scrollTop = top;
    if (focused) this.list.querySelector<HTMLElement>(`[data-unit="${CSS.escape(focused)}"]`)?.focus();
  }

  private row(unit: Unit): HTMLLIElement {
    const p = unit.properties;
    return h(
      "li", {},
      h(
        "button",
        { type: "button", class: "row-button unit", "data-unit": p.unit, onclick: () => this.go(p.unit) },
        badge(p.freshness, LETTERS[lang()][p.kind]),
        h("span", { class: "who" }, h("b", {}, label(unit)), h("span", { class: "fence" }, p.team ?? "")),
        h("span", { class: "what" }, `${term("k", p.kind)} · ${term("f", p.freshness)} · `, this.ageText(p)),
      ),
    );
  }

  /** Ages grow between answers, too, and while there is no link. */
  private age(p: UnitProps): number | null {
    return p.fix_age_s === null || p.fix_age_s === undefined ? null : p.fix_age_s + (Date.now() - this.answeredAt) / 1000;
  }
  private ageText(p: UnitProps): HTMLElement {
    const age = this.age(p);
    return h("span", { "data-age-of": p.unit }, age === null ? t("no_fix") : t("ago", { d: duration(age) }));
  }
  private drawAges(): void {
    if (document.hidden) return;
    for (const span of document.querySelectorAll<HTMLElement>("[data-age-of]")) {
      if (!span.offsetParent) continue;
      const unit = this.find(span.dataset["ageOf"] ?? null);
      const age = unit && this.age(unit.properties);
      if (typeof age === "number") span.textContent = t("ago", { d: duration(age) });
    }
  }

  /** Opens a unit by its id, with its track, and flies to it. */
  go(id: string, fly = true): boolean {
    const unit = this.find(id);
    if (!unit) return false;
    if (isPhone()) open(null);
    this.trackText = "";
    this.map.put("track", []);
    this.card(unit);
    if (fly && unit.geometry) {
      const [lon = 0, lat = 0] = unit.geometry.coordinates;
      this.map.flyTo({ lon, lat }, 10);
    }
    void this.loadTrack();
    return true;
  }

  private async loadTrack(): Promise<void> {
    const id = this.chosen;
    if (id === null) return;
    this.asking?.abort();
    const mine = new AbortController();
    this.asking = mine;
    const to = Math.ceil(Date.now() / 60_000) * 60_000;
    const text = (time: number): string => new Date(time).toISOString();
    try {
      const answer = await api.track(id, text(to - Number(this.hours) * HOUR_MS), text(to), mine.signal);
      if (this.chosen !== id) return;
      const metres = answer.features.reduce((sum, run) => sum + (run.properties.patrol_m ?? 0), 0);
      this.trackText = answer.features.length ? length(metres) : t("no_track");
      this.map.put("track", withGaps(answer.features));
      const unit = this.find(id);
      if (unit) this.card(unit);
    } catch (error) {
      report(error);
    }
  }

  private card(unit: Unit): void {
    const p = unit.properties;
    const options = TRACK_HOURS.map((hours): [Hours, string] => [hours, t("hours", { n: hours })]);
    const pick = (hours: Hours): void => {
      this.hours = hours;
      void this.loadTrack();
    };
    const focused = document.activeElement instanceof HTMLInputElement && document.activeElement.name === "hours";
    const tracks = choice(t("track"), "hours", options, this.hours, pick);
    showCard(
      label(unit),
      [
        h("p", { class: "headline" }, badge(p.freshness, LETTERS[lang()][p.kind]), `${term("k", p.kind)} · ${term("f", p.freshness)}`),
        figures([
          [t("fix_age"), h("span", {}, this.ageText(p), p.fix_time ? h("small", {}, h("br"), moment(p.fix_time, true)) : null)],
          [t("team"), p.team ?? null],
          [t("speed"), p.speed_ms == null ? null : speed(p.speed_ms)],
          [t("heading"), p.heading_deg == null ? null : degrees(p.heading_deg)],
          [t("accuracy"), p.accuracy_m == null ? null : `± ${length(p.accuracy_m)}`],
          [t("battery"), p.battery == null ? null : `${Math.round(p.battery)} %`],
          [t("max_gap"), p.max_gap_s == null ? null : duration(p.max_gap_s)],
        ]),
        tracks,
        h("p", { class: "hint" }, [this.trackText, t("track_gap")].filter(Boolean).join(" · ")),
      ],
      this.closed,
    );
    this.chosen = p.unit;
    if (focused) tracks.querySelector<HTMLInputElement>("input:checked")?.focus();
  }
}

const label = (unit: Unit): string => unit.properties.call_sign ?? unit.properties.unit;

function badge(freshness: string, letter = ""): HTMLSpanElement {
  const known = isFreshness(freshness) ? freshness : "silent";
  return h("span", { class: `badge ${known}`, "aria-hidden": "true" }, letter);
}

/** Joins the runs by dotted lines: between them the unit went somewhere, we do not know where. */
function withGaps(runs: Feature<LineString, api.RunProps>[]): Feature<LineString>[] {
  const sorted = [...runs].sort((a, b) => a.properties.start.localeCompare(b.properties.start));
  const gaps = sorted.slice(1).flatMap((run, index): Feature<LineString>[] => {
    const from = sorted[index]?.geometry.coordinates.at(-1);
    const to = run.geometry.coordinates[0];
    if (!from || !to) return [];
    return [{ type: "Feature", properties: { gap: true }, geometry: { type: "LineString", coordinates: [from, to] } }];
  });
  return [...sorted, ...gaps];
}
