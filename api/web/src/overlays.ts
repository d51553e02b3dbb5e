/** How computed answers are drawn: coverage, response areas, routes, tracks, breaches, units. */

import type { GeoJSONSourceSpecification, LayerSpecification } from "maplibre-gl";
import { BOLD, REGULAR } from "./fonts";
import { byZoom, expr, type Expr, type Look, type Shade } from "./look";

export const OVERLAYS = [
  "cell", "response", "origin", "routes", "track", "plan", "breaches", "units", "grid-names",
] as const;
export type Overlay = (typeof OVERLAYS)[number];

export const emptySource = (): GeoJSONSourceSpecification => ({
  type: "geojson",
  data: { type: "FeatureCollection", features: [] },
});

/** Lower bounds of the classes of visited share; unequal, since a 500 m swath is little of a vast cell. */
const SHARES = [0.02, 0.05, 0.1, 0.25, 0.5];
export const BY_SHARE: Shade = { by: "share", bounds: SHARES };
/** Days since the last visit, for a window of so many days: what is long ago depends on it. */
export const byDays = (days: number): Shade => ({
  by: "days",
  bounds: days <= 1 ? [1 / 24, 3 / 24, 6 / 24, 12 / 24, 18 / 24] : days <= 7 ? [0.5, 1, 2, 3, 5] : [1, 3, 7, 14, 21],
});

/** Coverage steps back as one looks closer, and behind response areas. */
export function coverageOpacity(behind: boolean): Record<string, Expr> {
  const most = behind ? 0.35 : 0.85;
  return {
    "coverage-fill": byZoom(9, most, 12.5, Math.min(most, 0.5)),
    "coverage-unknown": byZoom(9, behind ? 0.3 : 0.9, 12.5, behind ? 0.12 : 0.3),
  };
}

/** Cells come as tiles: simpler from afar, and only those in sight. */
const cells = { source: "coverage", "source-layer": "coverage" };

/** The colour of each class, lowest values first: the more, or the more lately, the stronger. */
export const shades = (colours: Look["colours"], { by }: Shade): readonly string[] =>
  by === "share" ? colours.coverage : [...colours.coverage].reverse();

export function coverageFill({ colours, shade }: Look): LayerSpecification[] {
  const classes = shades(colours, shade);
  const steps = shade.bounds.flatMap((bound, index) => [bound, classes[index + 1]]);
  const opacity = coverageOpacity(false);
  const value = shade.by === "share" ? ["coalesce", ["get", "visited_share"], 0] : ["coalesce", ["get", "days_since_visit"], 0];
  const visited = expr(["coalesce", ["get", "visited_share"], 0]);
  return [
    {
      id: "coverage-fill", type: "fill", ...cells,
      paint: {
        "fill-color": expr([
          "case", ["<=", visited, 0], colours.unvisited, ["step", value, classes[0], ...steps],
        ]),
        "fill-opacity": opacity["coverage-fill"] ?? 1,
      },
    },
    {
      id: "coverage-unknown", type: "fill", ...cells,
      filter: ["all", ["<=", ["coalesce", ["get", "visited_share"], 0], 0], [">", ["coalesce", ["get", "unknown_s"], 0], 0]],
      paint: { "fill-pattern": "hatch", "fill-opacity": opacity["coverage-unknown"] ?? 1 },
    },
    {
      id: "coverage-line", type: "line", ...cells,
      paint: { "line-color": colours.grid, "line-width": byZoom(5, 0.3, 11, 1), "line-opacity": 0.7 },
    },
  ];
}

const bandColour = ({ colours }: Look): unknown[] => [
  "step", ["get", "order"], colours.bands[0], 1, colours.bands[1], 2, colours.bands[2],
];

export function bandFill(look: Look): LayerSpecification[] {
  return [
    {
      id: "response-fill", type: "fill", source: "response",
      layout: { "fill-sort-key": ["-", 0, ["get", "minutes"]] },
      paint: { "fill-color": expr(bandColour(look)), "fill-opacity": 0.26 },
    },
  ];
}

/** Wider for the sooner band, so that the three read without colour too. */
export function bandLines(look: Look): LayerSpecification[] {
  return [
    {
      id: "response-line", type: "line", source: "response", layout: { "line-join": "round" },
      paint: {
        "line-color": expr(bandColour(look)),
        "line-width": expr(["step", ["get", "order"], 3 * look.scale, 1, 2.2 * look.scale, 2, 1.5 * look.scale]),
      },
    },
    {
      id: "response-label", type: "symbol", source: "response",
      layout: {
        "symbol-placement": "line", "symbol-spacing": 260, "text-field": ["get", "label"], "text-font": BOLD,
        "text-size": 12 * look.scale, "text-padding": 2,
      },
      paint: {
        "text-color": look.colours.bands[0] ?? look.colours.label, "text-halo-color": look.colours.halo, "text-halo-width": 2,
      },
    },
  ];
}

export function paths({ colours, scale }: Look): LayerSpecification[] {
  const round = { "line-cap": "round", "line-join": "round" } as const;
  return [
    {
      id: "cell-line", type: "line", source: "cell", layout: { "line-join": "round" },
      paint: { "line-color": colours.ink, "line-width": 2.6 * scale },
    },
    {
      id: "track-gap", type: "line", source: "track", filter: ["==", ["get", "gap"], true],
      paint: { "line-color": colours.unit, "line-width": 1.6 * scale, "line-dasharray": [0.6, 2.4], "line-opacity": 0.9 },
    },
    {
      id: "track-case", type: "line", source: "track", filter: ["!=", ["get", "gap"], true], layout: round,
      paint: { "line-color": colours.halo, "line-width": 6 * scale },
    },
    {
      id: "track-line", type: "line", source: "track", filter: ["!=", ["get", "gap"], true], layout: round,
      paint: { "line-color": colours.unit, "line-width": 3.2 * scale },
    },
    {
      id: "routes-case", type: "line", source: "routes", layout: round,
      paint: { "line-color": colours.halo, "line-width": 6 * scale, "line-opacity": 0.9 },
    },
    {
      id: "routes-line", type: "line", source: "routes", layout: { "line-join": "round" },
      paint: {
        "line-color": colours.route, "line-dasharray": [2.4, 1.4],
        "line-width": expr(["case", ["==", ["get", "rank"], 1], 3.6 * scale, 2.2 * scale]),
      },
    },
  ];
}

export function points({ colours, scale }: Look): LayerSpecification[] {
  const grow = byZoom(5, 0.62 * scale, 8, 0.8 * scale, 11, scale);
  const solid = ["in", ["get", "freshness"], ["literal", ["fresh", "ageing"]]];
  const opacity = expr(["match", ["get", "freshness"], "fresh", 1, "ageing", 0.92, "stale", 0.85, 0.65]);
  const tone = expr(["match", ["get", "state"], "due", colours.severity["info"], "missed", colours.severity["critical"], colours.severity["high"]]);
  return [
    {
      id: "plan-circle", type: "circle", source: "plan", layout: { "circle-sort-key": ["-", 0, ["get", "rank"]] },
      paint: {
        "circle-radius": byZoom(5, 7 * scale, 9, 11 * scale), "circle-color": tone,
        "circle-stroke-color": colours.halo, "circle-stroke-width": 1.6 * scale,
      },
    },
    {
      id: "plan-rank", type: "symbol", source: "plan",
      layout: {
        "text-field": ["get", "label"], "text-font": BOLD, "text-size": byZoom(5, 8 * scale, 9, 12 * scale),
        "text-allow-overlap": false, "symbol-sort-key": ["get", "rank"], "text-padding": 0,
      },
      paint: { "text-color": colours.paper },
    },
    {
      id: "breaches-icon", type: "symbol", source: "breaches",
      layout: {
        "icon-image": ["get", "icon"], "icon-size": grow, "icon-allow-overlap": true,
        "icon-ignore-placement": true, "symbol-sort-key": ["get", "rank"],
      },
    },
    {
      id: "origin-icon", type: "symbol", source: "origin",
      layout: { "icon-image": "origin", "icon-size": scale, "icon-allow-overlap": true, "icon-ignore-placement": true },
    },
    {
      id: "units-arrow", type: "symbol", source: "units", minzoom: 7,
      filter: ["all", ["has", "heading_deg"], expr(solid), [">", ["coalesce", ["get", "speed_ms"], 0], 0.5]],
      layout: {
        "icon-image": "unit-arrow", "icon-rotate": ["to-number", ["get", "heading_deg"]],
        "icon-rotation-alignment": "map", "icon-size": byZoom(7, 1.25 * scale, 8, 1.4 * scale, 11, 1.7 * scale),
        "icon-allow-overlap": true, "icon-ignore-placement": true,
      },
    },
    {
      id: "units-icon", type: "symbol", source: "units",
      layout: {
        "icon-image": ["get", "icon"], "icon-size": grow, "icon-allow-overlap": true, "symbol-sort-key": ["get", "rank"],
        "text-field": ["get", "letter"], "text-font": BOLD, "text-allow-overlap": true,
        "text-size": byZoom(5, 7.5 * scale, 8, 9.5 * scale, 11, 12 * scale),
      },
      paint: {
        "icon-opacity": opacity, "text-opacity": opacity,
        "text-color": expr(["case", solid, colours.paper, colours.unit]),
      },
    },
    {
      id: "units-label", type: "symbol", source: "units", minzoom: 6.5,
      layout: {
        "text-field": ["get", "label"], "text-font": REGULAR, "text-anchor": "left", "text-offset": [1.2, 0],
        "text-size": byZoom(6.5, 10 * scale, 11, 12.5 * scale), "text-optional": true, "text-padding": 1,
      },
      paint: {
        "text-color": colours.unit, "text-halo-color": colours.halo, "text-halo-width": 1.6, "text-opacity": opacity,
      },
    },
  ];
}
