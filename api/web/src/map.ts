/** The map: its style from parts, its sources, where it looks, and what a click means. */

import { Map as GlMap, setWorkerUrl } from "maplibre-gl";
import type { GeoJSONSource, LayerSpecification, MapGeoJSONFeature, StyleSpecification } from "maplibre-gl";
import workerUrl from "maplibre-gl/dist/maplibre-gl-worker.mjs?url";
import "maplibre-gl/dist/maplibre-gl.css";
import type { Feature, FeatureCollection, Geometry } from "geojson";
import type { Region } from "./api";
import { fontFaces } from "./fonts";
import { putImages } from "./icons";
import type { Look, Shade } from "./look";
import { ground, labels, lines, places, postAreas, unattended } from "./mapstyle";
import { BY_SHARE, OVERLAYS, bandFill, bandLines, coverageFill, emptySource, paths, points, type Overlay } from "./overlays";
import { onTheme, palette } from "./theme";
import { tilesOf, type TileSet } from "./tileset";
import { lang, onLanguage } from "./words";

export type Place = { lon: number; lat: number };
/** `features` are near the place, `under` exactly below it. */
export type Hit = { place: Place; features: MapGeoJSONFeature[]; under: MapGeoJSONFeature[]; long: boolean };
export type Box = [number, number, number, number];

type PaintKey = Parameters<GlMap["setPaintProperty"]>[1];
type LayoutKey = Parameters<GlMap["setLayoutProperty"]>[1];

const WALL_PX = 1700;
const LONG_PRESS_MS = 550;
const TAP_RADIUS_PX = 6;

const wallScale = (): number => Math.min(1.6, Math.max(1, innerWidth / WALL_PX));

function stack(look: Look): LayerSpecification[] {
  return [
    ...ground(look), ...coverageFill(look), ...unattended(look), ...postAreas(look), ...bandFill(look), ...lines(look),
    ...bandLines(look), ...paths(look), ...places(look), ...labels(look), ...points(look),
  ];
}

const sourceOf = (layer: LayerSpecification): string => ("source" in layer && typeof layer.source === "string" ? layer.source : "");
const hidden = (layer: LayerSpecification): LayerSpecification =>
  ({ ...layer, layout: { ...layer.layout, visibility: "none" } }) as LayerSpecification;

export class RegionMap {
  readonly gl: GlMap;
  private idles = 0;
  private shade: Shade = BY_SHARE;

  constructor(host: HTMLElement, private readonly region: Region, private tileset: TileSet) {
    setWorkerUrl(new URL(workerUrl, location.href).href);
    this.gl = new GlMap({
      container: host,
      style: this.style(),
      hash: "map",
      attributionControl: tileset.attribution ? { compact: true } : false,
      dragRotate: false,
      pitchWithRotate: false,
      touchPitch: false,
      maxZoom: 18,
      fadeDuration: 120,
      ...(region.bbox ? { bounds: region.bbox, fitBoundsOptions: { padding: 24 } } : { center: [105, 42], zoom: 5 }),
    });
    this.gl.touchZoomRotate.disableRotation();
    this.gl.keyboard.disableRotation();
    this.gl.on("styleimagemissing", () => putImages(this.gl, palette()));
    this.gl.on("idle", () => {
      this.idles += 1;
      document.body.dataset["idle"] = `${this.idles}`;
    });
    onTheme(() => this.restyle());
    onLanguage(() => this.restyle());
    addEventListener("resize", () => this.restyle());
  }

  private look(): Look {
    return { colours: palette(), lang: lang(), levels: this.region.levels, scale: wallScale(), shade: this.shade };
  }

  private style(): StyleSpecification {
    const { template, minzoom, maxzoom, attribution } = this.tileset;
    return {
      version: 8,
      "font-faces": fontFaces(),
      sources: {
        places: { type: "vector", tiles: [template], minzoom, maxzoom, ...(attribution ? { attribution } : {}) },
        // Asked for only while it is shown, as the map asks for no tiles of layers that are hidden.
        unattended: { type: "vector", tiles: [this.unattended()], minzoom, maxzoom },
        ...Object.fromEntries(OVERLAYS.map((name) => [name, emptySource()])),
      },
      layers: stack(this.look())
        .filter((layer) => sourceOf(layer) !== "coverage")
        .map((layer) => (sourceOf(layer) === "unattended" ? hidden(layer) : layer)),
    };
  }

  private unattended(): string {
    return tilesOf({ layers: "unattended", v: this.tileset.version });
  }

  /** Theme, language or screen changed: the same layers in other paint; data stays where it is. */
  private restyle(): void {
    if (!this.gl.getLayer("land")) return;
    putImages(this.gl, palette());
    for (const layer of stack(this.look())) {
      if (!this.gl.getLayer(layer.id)) continue;
      for (const [key, value] of Object.entries(layer.paint ?? {})) this.gl.setPaintProperty(layer.id, key as PaintKey, value as never);
      for (const [key, value] of Object.entries(layer.layout ?? {})) this.gl.setLayoutProperty(layer.id, key as LayoutKey, value as never);
    }
  }

  loaded(): Promise<void> {
    return new Promise((resolve) => {
      const ready = (): void => {
        putImages(this.gl, palette());
        resolve();
      };
      if (this.gl.isStyleLoaded()) ready();
      else this.gl.once("style.load", ready);
    });
  }

  put(overlay: Overlay, features: Feature<Geometry | null, object | null>[]): void {
    const drawn = features.filter((feature) => feature.geometry) as Feature[];
    const data: FeatureCollection = { type: "FeatureCollection", features: drawn };
    (this.gl.getSource(overlay) as GeoJSONSource | undefined)?.setData(data);
  }

  /** Draws coverage from these tiles, beneath all but the land. */
  putCoverage(template: string, shown: boolean): void {
    if (this.setTiles("coverage", template)) return;
    const { minzoom, maxzoom } = this.tileset;
    this.gl.addSource("coverage", { type: "vector", tiles: [template], minzoom, maxzoom });
    const layers = stack(this.look());
    const above = layers[layers.findLastIndex((layer) => sourceOf(layer) === "coverage") + 1]?.id;
    for (const layer of layers.filter((one) => sourceOf(one) === "coverage")) {
      this.gl.addLayer(shown ? layer : hidden(layer), above);
    }
  }

  /** Colours coverage by something else, or by other classes. */
  shadeCoverage(shade: Shade): void {
    this.shade = shade;
    for (const layer of coverageFill(this.look())) {
      const colour = "paint" in layer ? (layer.paint as Record<string, unknown>)["fill-color"] : undefined;
      if (colour && this.gl.getLayer(layer.id)) this.gl.setPaintProperty(layer.id, "fill-color", colour as never);
    }
  }

  private setTiles(name: string, template: string): boolean {
    const source = this.gl.getSource(name);
    if (!source || !("setTiles" in source)) return false;
    (source as { setTiles: (tiles: string[]) => void }).setTiles([template]);
    return true;
  }

  /** Shows or hides every layer whose id starts with one of the prefixes. */
  show(prefixes: string[], on: boolean): void {
    for (const id of this.gl.getLayersOrder()) {
      if (prefixes.some((prefix) => id === prefix || id.startsWith(`${prefix}-`))) {
        this.gl.setLayoutProperty(id, "visibility", on ? "visible" : "none");
      }
    }
  }

  /** Room taken by panels, so that what we fly to is not behind one. */
  private padding(): { top: number; bottom: number; left: number; right: number } {
    const frame = this.gl.getContainer().getBoundingClientRect();
    const room = { top: 40, bottom: 40, left: 40, right: 40 };
    for (const element of document.querySelectorAll<HTMLElement>("[data-covers]")) {
      const box = element.getBoundingClientRect();
      if (!box.width || !box.height) continue;
      const side = getComputedStyle(element).getPropertyValue("--covers").trim();
      if (side === "left") room.left = Math.max(room.left, box.right - frame.left + 24);
      if (side === "right") room.right = Math.max(room.right, frame.right - box.left + 24);
      if (side === "bottom") room.bottom = Math.max(room.bottom, frame.bottom - box.top + 24);
    }
    const wide = room.left + room.right < frame.width * 0.8;
    const high = room.top + room.bottom < frame.height * 0.8;
    return {
      top: high ? room.top : 20, bottom: high ? room.bottom : 20,
      left: wide ? room.left : 20, right: wide ? room.right : 20,
    };
  }

  fit(box: Box, maxZoom = 15, animate = true): void {
    this.gl.fitBounds(box, { padding: this.padding(), maxZoom, duration: animate && !calm() ? 600 : 0 });
  }

  fitRegion(animate = true): void {
    if (this.region.bbox) this.fit(this.region.bbox, 15, animate);
  }

  flyTo({ lon, lat }: Place, zoom = 12): void {
    const target = Math.max(this.gl.getZoom(), zoom);
    const padding = this.padding();
    const offset: [number, number] = [(padding.left - padding.right) / 2, (padding.top - padding.bottom) / 2];
    this.gl.easeTo({ center: [lon, lat], zoom: target, offset, duration: calm() ? 0 : 700 });
  }

  /** The middle of what can be seen between the panels. */
  centre(): Place {
    const { width, height } = this.gl.getContainer().getBoundingClientRect();
    const { left, right, top, bottom } = this.padding();
    const { lng, lat } = this.gl.unproject([(left + width - right) / 2, (top + height - bottom) / 2]);
    return { lon: lng, lat };
  }

  featuresAt(x: number, y: number, radius_px: number): MapGeoJSONFeature[] {
    return this.gl.queryRenderedFeatures([[x - radius_px, y - radius_px], [x + radius_px, y + radius_px]]);
  }

  /** Click or tap; right button or a finger held still counts as long. */
  onPress(press: (hit: Hit) => void): void {
    const tell = (x: number, y: number, long: boolean): void => {
      const { lng, lat } = this.gl.unproject([x, y]);
      const features = this.featuresAt(x, y, TAP_RADIUS_PX);
      press({ place: { lon: lng, lat }, features, under: this.featuresAt(x, y, 0), long });
    };
    let held: ReturnType<typeof setTimeout> | undefined;
    let wasLong = 0;
    const release = (): void => clearTimeout(held);
    this.gl.on("touchstart", (event) => {
      release();
      if (event.points.length > 1) return;
      held = setTimeout(() => {
        wasLong = Date.now();
        tell(event.point.x, event.point.y, true);
      }, LONG_PRESS_MS);
    });
    for (const ending of ["touchend", "touchcancel", "dragstart", "zoomstart"] as const) this.gl.on(ending, release);
    this.gl.on("click", (event) => {
      // The click that a browser sends after a long press is the same finger.
      if (Date.now() - wasLong > 800) tell(event.point.x, event.point.y, event.originalEvent.shiftKey);
    });
    this.gl.on("contextmenu", (event) => {
      event.preventDefault();
      if (Date.now() - wasLong > 800) tell(event.point.x, event.point.y, true);
    });
  }

  /** The cached answer of a tile stops being used when the server names a new version. */
  useTiles(tileset: TileSet): void {
    if (tileset.template === this.tileset.template) return;
    this.tileset = tileset;
    this.setTiles("places", tileset.template);
    this.setTiles("unattended", this.unattended());
  }
}

const calm = (): boolean => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** west, south, east, north of the geometries; null of none. */
export function boxOf(features: { geometry: Geometry | null }[]): Box | null {
  const box: Box = [Infinity, Infinity, -Infinity, -Infinity];
  const walk = (part: unknown): void => {
    if (!Array.isArray(part)) return;
    if (typeof part[0] !== "number") return part.forEach(walk);
    const [x, y] = part as [number, number];
    box[0] = Math.min(box[0], x);
    box[1] = Math.min(box[1], y);
    box[2] = Math.max(box[2], x);
    box[3] = Math.max(box[3], y);
  };
  for (const { geometry } of features) {
    if (geometry && geometry.type !== "GeometryCollection") walk(geometry.coordinates);
  }
  return Number.isFinite(box[0]) ? box : null;
}
