/** One label a grid: tiles cut polygons, so a label made from tiles would repeat in each of them. */

import type { Feature, MultiPolygon, Point, Polygon, Position } from "geojson";
import * as api from "./api";
import type { Level } from "./api";
import { levelZoom } from "./look";
import type { RegionMap } from "./map";

type Ring = Position[];

function ringArea(ring: Ring): number {
  let twice = 0;
  for (let i = 1; i < ring.length; i += 1) {
    const [x0 = 0, y0 = 0] = ring[i - 1] ?? [];
    const [x1 = 0, y1 = 0] = ring[i] ?? [];
    twice += x0 * y1 - x1 * y0;
  }
  return Math.abs(twice) / 2;
}

/** The middle of the widest run inside the largest ring, at one of several heights. */
function labelPoint(geometry: Polygon | MultiPolygon): Position {
  const rings = geometry.type === "Polygon" ? [geometry.coordinates[0]] : geometry.coordinates.map((part) => part[0]);
  const ring = rings.filter((r) => r !== undefined).sort((a, b) => ringArea(b) - ringArea(a))[0] ?? [];
  const ys = ring.map((position) => position[1] ?? 0);
  const low = Math.min(...ys);
  const high = Math.max(...ys);
  let best = { width: -1, x: ring[0]?.[0] ?? 0, y: low };
  for (const share of [0.5, 0.42, 0.58, 0.34, 0.66]) {
    const y = low + (high - low) * share;
    const xs = crossings(ring, y);
    for (let i = 0; i + 1 < xs.length; i += 2) {
      const width = (xs[i + 1] ?? 0) - (xs[i] ?? 0);
      // A later height must be clearly wider: labels near the middle look calmer.
      if (width > best.width * 1.15) best = { width, x: ((xs[i] ?? 0) + (xs[i + 1] ?? 0)) / 2, y };
    }
  }
  return [best.x, best.y];
}

function crossings(ring: Ring, y: number): number[] {
  const xs: number[] = [];
  for (let i = 1; i < ring.length; i += 1) {
    const [x0 = 0, y0 = 0] = ring[i - 1] ?? [];
    const [x1 = 0, y1 = 0] = ring[i] ?? [];
    if (y0 <= y !== y1 <= y) xs.push(x0 + ((y - y0) / (y1 - y0)) * (x1 - x0));
  }
  return xs.sort((a, b) => a - b);
}

/** The zoom from which the second level is named, and the first no more: theirs may overlap. */
const SECOND_FROM = 5.6;

/** From where to where in zoom a level's names are shown, highest level first. */
function range(rank: number, levels: Level[]): [number, number] {
  if (rank === 0) return [0, levels.length > 1 ? SECOND_FROM : 24];
  const from = rank === 1 ? SECOND_FROM : levelZoom(rank, levels) + 1.6;
  return [from, [0, 8.6, 11.5][rank] ?? 24];
}

/** Names the upper levels at once, and the lowest, which may be thousands, when somebody comes near. */
export async function nameGrids(map: RegionMap, levels: Level[]): Promise<void> {
  const points: Feature<Point>[] = [];
  for (const { id, rank } of levels) {
    const [from_zoom, to_zoom] = range(rank, levels);
    if (rank > 2) await near(map, from_zoom);
    const grids = await api.gridsOf(id);
    for (const { geometry, properties } of grids.features) {
      if (!geometry) continue;
      points.push({
        type: "Feature",
        geometry: { type: "Point", coordinates: labelPoint(geometry) },
        properties: { ...properties, rank, from_zoom, to_zoom },
      });
    }
    map.put("grid-names", points);
  }
}

function near(map: RegionMap, zoom: number): Promise<void> {
  return new Promise((resolve) => {
    const check = (): void => {
      if (map.gl.getZoom() < zoom) return;
      map.gl.off("zoomend", check);
      resolve();
    };
    map.gl.on("zoomend", check);
    check();
  });
}
