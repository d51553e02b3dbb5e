/** How the region's own layers are drawn: pure functions of theme, language and screen. */

import type { LayerSpecification } from "maplibre-gl";
import { bySeverity, fences } from "./fencestyle";
import { BOLD, REGULAR } from "./fonts";
import { SECTOR_DEGREES } from "./icons";
import { byZoom, expr, levelZoom, nameIn, tile, type Expr, type LayerName, type Look } from "./look";

export function ground({ colours }: Look): LayerSpecification[] {
  return [
    { id: "land", type: "background", paint: { "background-color": colours.land } },
    {
      id: "grids-kind", type: "fill", ...tile("grids"),
      filter: ["in", ["get", "kind"], ["literal", ["urban", "dedicated"]]],
      paint: {
        "fill-color": expr(["match", ["get", "kind"], "urban", colours.urban, colours.dedicated]),
        "fill-opacity": 0.8,
      },
    },
  ];
}

export function postAreas({ colours }: Look): LayerSpecification[] {
  return [
    {
      id: "post_areas-fill", type: "fill", ...tile("post_areas"),
      paint: { "fill-color": colours.post, "fill-opacity": 0.07 },
    },
    {
      id: "post_areas-line", type: "line", ...tile("post_areas"), minzoom: 6,
      paint: {
        "line-color": colours.post, "line-width": byZoom(6, 0.5, 11, 1.2), "line-opacity": 0.6,
        "line-dasharray": [1, 2],
      },
    },
  ];
}

/** What no post looks after, of the highest grids: it is the same ground at every level. */
export function unattended({ colours, levels }: Look): LayerSpecification[] {
  const drawn = {
    source: "unattended", "source-layer": "unattended", filter: expr(["==", ["get", "level"], levels[0]?.id ?? ""]),
  };
  return [
    {
      id: "unattended-fill", type: "fill", ...drawn,
      paint: { "fill-color": colours.unattended, "fill-opacity": 0.26 },
    },
    {
      id: "unattended-line", type: "line", ...drawn, layout: { "line-join": "round" },
      paint: { "line-color": colours.unattended, "line-width": byZoom(5, 0.8, 12, 2), "line-dasharray": [4, 2] },
    },
  ];
}

function gridLines({ colours, levels }: Look): LayerSpecification[] {
  const drawn = levels.map(({ id, rank }): LayerSpecification => {
    const weight = [2.2, 1.3, 0.8][rank] ?? 0.6;
    return {
      id: `grids-line-${id}`, type: "line", ...tile("grids"),
      minzoom: levelZoom(rank, levels),
      filter: ["==", ["get", "level"], id],
      layout: { "line-join": "round" },
      paint: {
        "line-color": rank === 0 ? colours.gridTop : colours.grid,
        "line-width": byZoom(5, weight * 0.7, 12, weight * 1.5),
        "line-opacity": rank === 0 ? 0.9 : 0.75,
      },
    };
  });
  return drawn.reverse();
}

const MAJOR = ["motorway", "trunk", "primary", "motorway_link", "trunk_link", "primary_link"];
const MIDDLE = ["secondary", "tertiary", "secondary_link", "tertiary_link"];
const ROUGH = ["track", "path", "footway", "bridleway", "cycleway", "steps"];
const classIn = (classes: string[]): Expr => expr(["in", ["get", "class"], ["literal", classes]]);

function roads({ colours, scale }: Look): LayerSpecification[] {
  const width = (...stops: number[]): Expr => byZoom(...stops.map((v, i) => (i % 2 ? v * scale : v)));
  const round = { "line-cap": "round", "line-join": "round" } as const;
  const named = expr(["!", classIn([...MAJOR, ...MIDDLE, ...ROUGH])]);
  return [
    {
      id: "roads-track", type: "line", ...tile("roads"), minzoom: 7, filter: classIn(ROUGH),
      layout: { "line-join": "round" },
      paint: {
        "line-color": colours.roadMinor, "line-width": width(7, 0.6, 14, 1.8), "line-dasharray": [3, 2],
        "line-opacity": byZoom(7, 0.55, 10, 1),
      },
    },
    {
      id: "roads-minor-case", type: "line", ...tile("roads"), minzoom: 11.5, filter: named, layout: round,
      paint: { "line-color": colours.roadCase, "line-width": width(12, 2.8, 16, 8.5) },
    },
    {
      id: "roads-minor", type: "line", ...tile("roads"), minzoom: 7.5, filter: named, layout: round,
      paint: {
        "line-color": expr(["interpolate", ["linear"], ["zoom"], 11, colours.roadMinor, 12.5, colours.road]),
        "line-width": width(8, 0.5, 12, 1.6, 16, 6),
      },
    },
    {
      id: "roads-case", type: "line", ...tile("roads"), filter: classIn([...MAJOR, ...MIDDLE]), layout: round,
      paint: {
        "line-color": colours.roadCase,
        "line-width": expr([
          "interpolate", ["linear"], ["zoom"],
          5, ["match", ["get", "class"], MAJOR, 1.6 * scale, 1.1 * scale],
          12, ["match", ["get", "class"], MAJOR, 5.4 * scale, 3.8 * scale],
          16, ["match", ["get", "class"], MAJOR, 13 * scale, 10 * scale],
        ]),
      },
    },
    {
      id: "roads-main", type: "line", ...tile("roads"), filter: classIn([...MAJOR, ...MIDDLE]), layout: round,
      paint: {
        "line-color": colours.road,
        "line-width": expr([
          "interpolate", ["linear"], ["zoom"],
          5, ["match", ["get", "class"], MAJOR, 0.7 * scale, 0.3 * scale],
          12, ["match", ["get", "class"], MAJOR, 3.6 * scale, 2.2 * scale],
          16, ["match", ["get", "class"], MAJOR, 10 * scale, 7.5 * scale],
        ]),
      },
    },
  ];
}

function border({ colours }: Look): LayerSpecification[] {
  return [
    {
      id: "border-glow", type: "line", ...tile("border"), layout: { "line-join": "round" },
      paint: { "line-color": colours.border, "line-width": byZoom(5, 5, 12, 12), "line-opacity": 0.16 },
    },
    {
      id: "border-line", type: "line", ...tile("border"), layout: { "line-join": "round" },
      paint: {
        "line-color": colours.border, "line-width": byZoom(5, 1.4, 12, 2.4), "line-dasharray": [6, 2, 1, 2],
      },
    },
  ];
}

export const lines = (look: Look): LayerSpecification[] => [
  ...gridLines(look), ...roads(look), ...border(look), ...fences(look),
];

export function places({ colours, scale }: Look): LayerSpecification[] {
  const fov = expr(["coalesce", ["get", "fov_deg"], 60]);
  const step = SECTOR_DEGREES.slice(1).flatMap((d, i) => [((SECTOR_DEGREES[i] ?? d) + d) / 2, `sector-${d}`]);
  return [
    {
      id: "cameras-sector", type: "symbol", ...tile("cameras"), minzoom: 12, filter: ["has", "bearing_deg"],
      layout: {
        "icon-image": expr(["step", fov, `sector-${SECTOR_DEGREES[0]}`, ...step]),
        "icon-rotate": expr(["to-number", ["get", "bearing_deg"]]), "icon-rotation-alignment": "map",
        "icon-size": byZoom(12, 0.5, 16, 2), "icon-allow-overlap": true, "icon-ignore-placement": true,
      },
    },
    {
      id: "cameras-dot", type: "circle", ...tile("cameras"), minzoom: 8, maxzoom: 11.5,
      paint: { "circle-color": colours.camera, "circle-radius": byZoom(8, 1.2, 11, 2.4), "circle-opacity": 0.85 },
    },
    {
      id: "cameras-icon", type: "symbol", ...tile("cameras"), minzoom: 11.5,
      layout: { "icon-image": "camera", "icon-size": scale * 0.85 },
    },
    {
      id: "settlements-dot", type: "circle", ...tile("settlements"), minzoom: 5,
      paint: {
        "circle-color": colours.settlement, "circle-stroke-color": colours.halo,
        "circle-radius": byZoom(5, 1.1 * scale, 9, 2.4 * scale, 13, 4 * scale),
        "circle-stroke-width": byZoom(5, 0.4, 9, 1.2),
      },
    },
    {
      id: "posts-icon", type: "symbol", ...tile("posts"), minzoom: 6,
      layout: {
        "icon-image": "post", "icon-size": byZoom(6, 0.5 * scale, 10, 0.9 * scale), "icon-allow-overlap": true,
      },
    },
    {
      id: "checkpoints-icon", type: "symbol", ...tile("checkpoints"), minzoom: 5.5,
      layout: {
        "icon-image": expr(["match", ["get", "kind"], "electronic", "electronic", "staffed"]),
        "icon-size": byZoom(5.5, 0.45 * scale, 10, 0.9 * scale), "icon-allow-overlap": true,
      },
    },
  ];
}

export function labels({ colours, lang, scale }: Look): LayerSpecification[] {
  const paint = { "text-color": colours.label, "text-halo-color": colours.halo, "text-halo-width": 1.6 };
  const small = byZoom(6, 10.5 * scale, 12, 13 * scale);
  const under = (id: string, layer: LayerName, minzoom: number): LayerSpecification => ({
    id, type: "symbol", ...tile(layer), minzoom,
    layout: {
      "text-field": nameIn(lang), "text-font": REGULAR, "text-size": small, "text-anchor": "top",
      "text-offset": [0, 0.7], "text-max-width": 8, "text-optional": true, "text-padding": 4,
    },
    paint,
  });
  const inRange = [[">=", ["zoom"], ["get", "from_zoom"]], ["<", ["zoom"], ["get", "to_zoom"]]];
  const named = (id: string, which: unknown[], layout: object): LayerSpecification => ({
    id, type: "symbol", source: "grid-names", filter: expr(["all", which, ...inRange]),
    layout: { "text-field": nameIn(lang), "text-font": BOLD, "text-max-width": 7, ...layout },
    paint: { ...paint, "text-opacity": 0.85 },
  });
  return [
    under("settlements-label", "settlements", 8),
    under("posts-label", "posts", 9.5),
    under("checkpoints-label", "checkpoints", 9),
    {
      id: "fences-label", type: "symbol", ...tile("fences"), minzoom: 7,
      layout: {
        "text-field": nameIn(lang), "text-font": REGULAR, "text-size": small, "text-max-width": 8,
        "text-padding": 20,
      },
      paint: { ...paint, "text-color": bySeverity(colours) },
    },
    named("grids-label", [">=", ["get", "rank"], 2], {
      "text-size": 12 * scale, "text-padding": 6,
    }),
    // The names of large areas lie under everything, as on a wall map, and nothing pushes them away.
    named("grids-label-large", ["<", ["get", "rank"], 2], {
      "text-size": expr(["match", ["get", "rank"], 0, 19 * scale, 15.5 * scale]), "text-letter-spacing": 0.12,
      "text-allow-overlap": true, "text-ignore-placement": true,
    }),
  ];
}
