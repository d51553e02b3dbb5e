/** What the style depends on, and the small words that its expressions are made of. */

import type { ExpressionSpecification } from "maplibre-gl";
import type { Level } from "./api";
import type { Palette } from "./theme";
import type { Lang } from "./words";

export const LAYERS = [
  "grids", "settlements", "checkpoints", "posts", "post_areas", "cameras", "roads", "border", "fences",
] as const;
export type LayerName = (typeof LAYERS)[number];

/** What coverage is coloured by, and where its classes begin: shares (0-1), or days. */
export interface Shade {
  by: "share" | "days";
  bounds: readonly number[];
}

export interface Look {
  shade: Shade;
  colours: Palette;
  lang: Lang;
  /** Highest first. */
  levels: Level[];
  /** Factor on type and symbols: 1 on a desk, more on a wall. */
  scale: number;
}

export type Expr = ExpressionSpecification;
/** Expressions are checked by MapLibre itself when the style loads. */
export const expr = (value: unknown[]): Expr => value as Expr;

/** A value that grows with zoom: pairs of zoom and value. */
export const byZoom = (...stops: number[]): Expr => expr(["interpolate", ["linear"], ["zoom"], ...stops]);

export function nameIn(lang: Lang): Expr {
  const key = ["get", `name_${lang}`];
  return expr(["case", ["to-boolean", key], key, ["coalesce", ["get", "name"], ""]]);
}

export const tile = (layer: LayerName): { source: string; "source-layer": string } => ({
  source: "places",
  "source-layer": layer,
});

/** From which zoom a rank's outlines are worth drawing; a lowest rank of many is small. */
export function levelZoom(rank: number, levels: Level[]): number {
  if (rank <= 1) return 0;
  return rank > 2 && rank === levels.at(-1)?.rank ? 9.5 : 6.2;
}
