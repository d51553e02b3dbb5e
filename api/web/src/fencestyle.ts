/** How fences are drawn: the rule is the line's pattern, the severity its colour. */

import type { LayerSpecification } from "maplibre-gl";
import { SEVERITIES } from "./icons";
import { byZoom, expr, tile, type Expr, type Look } from "./look";
import type { Palette } from "./theme";

export function bySeverity(colours: Palette): Expr {
  const pairs = SEVERITIES.flatMap((severity) => [severity, colours.severity[severity]]);
  return expr(["match", ["get", "severity"], ...pairs, colours.severity["medium"]]);
}

const DASHES: Record<string, number[] | undefined> = {
  keep_out: undefined, keep_in: [4, 2], line: undefined, presence: [1, 1.6],
};

export function fences({ colours, scale }: Look): LayerSpecification[] {
  const lines = Object.entries(DASHES).map(([rule, dashes]): LayerSpecification => ({
    id: `fences-${rule}`, type: "line", ...tile("fences"),
    filter: ["==", ["get", "rule"], rule],
    layout: { "line-join": "round" },
    paint: {
      "line-color": bySeverity(colours),
      "line-width": byZoom(5, 1.4 * scale, 12, (rule === "line" ? 3.4 : 2.4) * scale),
      ...(dashes ? { "line-dasharray": dashes } : {}),
    },
  }));
  const right = expr(["!=", ["get", "direction"], "right_to_left"]);
  const left = expr(["!=", ["get", "direction"], "left_to_right"]);
  const ticks = ([["right", right, 0], ["left", left, 180]] as const).map(
    ([side, which, turn]): LayerSpecification => ({
      id: `fences-ticks-${side}`, type: "symbol", ...tile("fences"),
      filter: expr(["all", ["==", ["get", "rule"], "line"], which]),
      layout: {
        "symbol-placement": "line", "symbol-spacing": 90,
        "icon-image": expr(["concat", "tick-", ["get", "severity"]]),
        "icon-size": byZoom(5, 0.65 * scale, 12, 0.9 * scale), "icon-rotate": turn, "icon-allow-overlap": true,
        "icon-keep-upright": false,
      },
    }),
  );
  return [
    {
      id: "fences-fill", type: "fill", ...tile("fences"),
      filter: ["==", ["geometry-type"], "Polygon"],
      paint: { "fill-color": bySeverity(colours), "fill-opacity": 0.1 },
    },
    ...lines,
    ...ticks,
  ];
}
