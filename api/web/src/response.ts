/** Who and what can be at a place in time: three nested areas, and the nearest units with routes. */

import type { Feature, LineString, Point } from "geojson";
import * as api from "./api";
import type { BandAnswer, DispatchAnswer, Region } from "./api";
import { choice, h } from "./dom";
import { boxOf, type Place, type RegionMap } from "./map";
import { coverageOpacity } from "./overlays";
import { showCard } from "./panels";
import { onRestored, report } from "./status";
import { onTheme, palette } from "./theme";
import { area, duration, length } from "./times";
import { onLanguage, t, term } from "./words";

const UNITS_SHOWN = 3;

export class Response {
  private mode = "vehicle";
  private place: Place | null = null;
  private context: string[] = [];
  private bands: BandAnswer | null = null;
  private nearest: DispatchAnswer | null = null;
  private asking: AbortController | null = null;

  constructor(
    private readonly map: RegionMap,
    private readonly region: Region,
    private readonly openUnit: (id: string) => void,
  ) {
    onLanguage(() => this.redraw());
    onTheme(() => {
      this.drawOrigin();
      if (this.place) this.card();
    });
    onRestored(() => this.place && void this.ask(false));
  }

  /** Asks for both at once; each is shown as soon as it is there. `context`: what lies under the place. */
  at(place: Place, context: string[] = []): void {
    this.place = place;
    this.context = context;
    this.bands = this.nearest = null;
    void this.ask(true);
  }

  readonly clear = (): void => {
    this.asking?.abort();
    this.place = this.bands = this.nearest = null;
    delete document.body.dataset["response"];
    for (const overlay of ["response", "origin", "routes"] as const) this.map.put(overlay, []);
    this.fade(false);
  };

  private async ask(move: boolean): Promise<void> {
    const place = this.place;
    if (!place) return;
    this.asking?.abort();
    const mine = new AbortController();
    this.asking = mine;
    const at = { lon: Number(place.lon.toFixed(6)), lat: Number(place.lat.toFixed(6)) };
    this.card();
    // The card of another thing undoes its own drawing when this one opens: draw after it.
    this.drawOrigin();
    const fields = api.response({ ...at, minutes: this.region.minutes.join(","), mode: this.mode }, mine.signal).then((answer) => {
      this.bands = answer;
      this.redraw();
      const box = boxOf(answer.features);
      if (box && move) this.map.fit(box, 14);
    });
    const units = api.dispatch({ ...at, limit: UNITS_SHOWN }, mine.signal).then((answer) => {
      this.nearest = answer;
      this.redraw();
    });
    for (const result of await Promise.allSettled([fields, units])) {
      if (result.status === "rejected" && !mine.signal.aborted) report(result.reason);
    }
    if (this.asking === mine) this.asking = null;
    if (this.place) this.card();
  }

  private drawOrigin(): void {
    if (!this.place) return;
    const { lon, lat } = this.place;
    const origin: Feature<Point> = {
      type: "Feature", properties: {}, geometry: { type: "Point", coordinates: [lon, lat] },
    };
    this.map.put("origin", [origin]);
    this.fade(true);
  }

  private fade(behind: boolean): void {
    for (const [id, opacity] of Object.entries(coverageOpacity(behind))) {
      // Coverage comes when it is computed, which may be later than this.
      if (this.map.gl.getLayer(id)) this.map.gl.setPaintProperty(id, "fill-opacity", opacity);
    }
  }

  private redraw(): void {
    if (!this.place) return;
    if (this.bands) {
      const labelled = this.bands.features.map((band) => ({
        ...band,
        properties: {
          ...band.properties,
          order: this.region.minutes.indexOf(band.properties.minutes),
          label: t("minutes_short", { n: band.properties.minutes }),
        },
      }));
      this.map.put("response", labelled);
      document.body.dataset["response"] = `${this.bands.features.length}`;
    }
    if (this.nearest) this.map.put("routes", this.nearest.features as Feature<LineString | null>[]);
    this.card();
  }

  private card(): void {
    const modes = this.region.modes.map((mode): [string, string] => [mode, term("k", mode)]);
    const pick = (mode: string): void => {
      this.mode = mode;
      this.bands = null;
      void this.ask(true);
    };
    const focusedMode = document.activeElement instanceof HTMLInputElement && document.activeElement.name === "mode";
    const choices = choice(t("mode"), "mode", modes, this.mode, pick);
    showCard(
      t("response"),
      [
        ...(this.context.length ? [h("p", { class: "here" }, this.context.join(" · "))] : []),
        choices,
        this.legend(),
        this.unitList(),
      ],
      this.clear,
    );
    if (focusedMode) choices.querySelector<HTMLInputElement>("input:checked")?.focus();
  }

  private legend(): HTMLElement {
    const busy = this.asking && !this.bands;
    const colours = palette().bands;
    const sorted = [...(this.bands?.features ?? [])].sort((a, b) => a.properties.minutes - b.properties.minutes);
    const rows = sorted.map(({ properties }, index) => {
      const sample = h("span", { class: `swatch band band-${index}`, "aria-hidden": "true" });
      sample.style.setProperty("--band", colours[Math.min(index, colours.length - 1)] ?? "");
      return h("li", {}, sample, t("within", { n: properties.minutes }), h("b", {}, area(properties.area_m2)));
    });
    const origin = this.bands?.origin;
    const road = !origin
      ? null
      : origin.road_m == null ? t("no_road") : t("road_distance", { d: length(origin.road_m) });
    return h(
      "div", { class: "legend", "aria-busy": busy ? "true" : "false" },
      busy ? h("p", { class: "busy", role: "status" }, t("computing")) : h("ul", { class: "bands" }, ...rows),
      road ? h("p", { class: "hint" }, road, origin?.note ? ` — ${origin.note}` : null) : null,
    );
  }

  private unitList(): HTMLElement {
    const units = this.nearest?.features ?? [];
    const rows = units.map(({ properties: p }, index) =>
      h(
        "li", {},
        h(
          "button", { type: "button", class: "row-button", onclick: () => this.openUnit(p.unit) },
          h("span", { class: "rank" }, p.rank ?? index + 1),
          h("span", { class: "who" }, h("b", {}, p.call_sign ?? p.unit), ` ${term("k", p.kind)}`),
          h("span", { class: "what" }, t("eta", { d: duration(p.eta_s) }), ` · ${length(p.distance_m)}`),
          h("span", { class: `fresh ${p.freshness}` }, `${term("f", p.freshness)} · ${t("ago", { d: duration(p.fix_age_s) })}`),
        ),
      ),
    );
    const empty = this.nearest && !units.length ? h("p", { class: "hint" }, t("no_units")) : null;
    const waiting = !this.nearest && this.asking ? h("p", { class: "busy" }, t("computing")) : null;
    return h("div", { class: "nearest" }, h("h3", {}, t("nearest_units")), h("ul", { class: "rows" }, ...rows), empty, waiting);
  }
}
