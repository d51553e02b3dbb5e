/** Where the vector tiles are, as the server's TileJSON says it. */

import { get } from "./api";

export interface TileSet {
  template: string;
  /** Of the layers' data: another makes the map ask anew for tiles that it holds. */
  version: string;
  minzoom: number;
  maxzoom: number;
  attribution?: string;
}

/** The URL of tiles that are drawn beside those, by what is asked of them. */
export const tilesOf = (asked: Record<string, string | number>): string =>
  `${location.origin}/tiles/{z}/{x}/{y}.mvt?${new URLSearchParams(Object.entries(asked).map(([k, v]) => [k, `${v}`]))}`;

/** The tile URL on this origin, whatever host the server believes that it has. */
export async function tiles(layers: readonly string[]): Promise<TileSet> {
  const json = await get<{
    tiles?: string[]; minzoom?: number; maxzoom?: number; attribution?: string; data_version?: string;
  }>("/tiles.json");
  const path = (json.tiles?.[0] ?? "/tiles/{z}/{x}/{y}.mvt").replace(/^https?:\/\/[^/]+/, "");
  const joined = path.includes("layers=")
    ? path
    : `${path}${path.includes("?") ? "&" : "?"}layers=${layers.join(",")}`;
  const version = json.data_version ?? "";
  return {
    template: `${location.origin}${joined}&v=${encodeURIComponent(version)}`,
    version,
    minzoom: json.minzoom ?? 0,
    maxzoom: json.maxzoom ?? 14,
    ...(json.attribution ? { attribution: json.attribution } : {}),
  };
}
