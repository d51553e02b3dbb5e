/** What stands at a place: a checkpoint, post, camera or settlement in detail; names under a click. */

import type { MapGeoJSONFeature } from "maplibre-gl";
import { figures, h } from "./dom";
import type { Place } from "./map";
import { showCard } from "./panels";
import { count, degrees, length, moment } from "./times";
import { namedOf, t, term, type Word } from "./words";

const KINDS: Record<string, Word> = {
  checkpoints: "checkpoints", posts: "posts", cameras: "cameras", settlements: "settlements",
};

const layerOf = (feature: MapGeoJSONFeature): string => feature.sourceLayer ?? "";
export const isPlace = (feature: MapGeoJSONFeature): boolean =>
  layerOf(feature) in KINDS && feature.geometry.type === "Point";

export function showPlace(feature: MapGeoJSONFeature, respond: (place: Place) => void): void {
  const p = feature.properties;
  const [lon = 0, lat = 0] = feature.geometry.type === "Point" ? feature.geometry.coordinates : [];
  const number = (value: unknown): number | null => (value === undefined || value === null ? null : Number(value));
  const households = number(p["households"]);
  const bearing = number(p["bearing_deg"]);
  const range = number(p["range_m"]);
  const word = KINDS[layerOf(feature)] ?? "layers";
  showCard(namedOf(p, t(word)), [
    figures([
      [t("kind"), `${t(word)}${p["kind"] ? ` · ${term("", p["kind"])}` : ""}`],
      [t("households"), households === null ? null : count(households)],
      [t("team"), p["team"] ?? null],
      [t("site"), p["site"] ?? null],
      [t("bearing"), bearing === null ? null : degrees(bearing)],
      [t("range"), range === null ? null : length(range)],
      [t("last_heartbeat"), p["last_heartbeat"] ? moment(p["last_heartbeat"] as string) : null],
    ]),
    h("div", { class: "row" },
      h("button", { type: "button", class: "primary", onclick: () => respond({ lon, lat }) }, t("response_here"))),
  ]);
}

/** Grids (highest first) and fences under a click, by name. */
export function namesAt(features: MapGeoJSONFeature[], levels: string[]): string[] {
  const names = new Map<string, number>();
  for (const feature of features) {
    const layer = layerOf(feature);
    if (layer === "fences") names.set(`${t("fence")}: ${namedOf(feature.properties)}`, levels.length);
    if (feature.source === "coverage") names.set(namedOf(feature.properties), levels.indexOf(String(feature.properties["level"])));
  }
  return [...names].sort((a, b) => a[1] - b[1]).map(([name]) => name).filter(Boolean);
}
