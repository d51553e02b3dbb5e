/** Where the vector tiles are, as the server's TileJSON says it. */

import { get } from "./api";

export interface TileSet {
  template: string;
  minzoom: number;
  maxzoom: number;
  attribution?: string;
}

/** The tile URL on this origin, whatever host the server believes that it has. */
export async function tiles(layers: readonly string[]): Promise<TileSet> {
  const json = await get<{
    tiles?: string[]; minzoom?: number; maxzoom?: number; attribution?: string; data_version?: string;
  }>("/tiles.json");
  const path = (json.tiles?.[0] ?? "/tiles/{z}/{x}/{y}.mvt").replace(/^https?:\/\/[^/]+/, "");
  const joined = path.includes("layers=")
    ? path
    : `${path}${path.includes("?") ? "&" : "?"}layers=${layers.join(",")}`;
  return {
    // The version makes the map ask anew for tiles that it holds.
    template: `${location.origin}${joined}&v=${encodeURIComponent(json.data_version ?? "")}`,
    minzoom: json.minzoom ?? 0,
    maxzoom: json.maxzoom ?? 14,
    ...(json.attribution ? { attribution: json.attribution } : {}),
  };
}
