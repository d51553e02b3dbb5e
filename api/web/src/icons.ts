/** Shapes, drawn once as paths and used both by the map (canvas) and by the lists (SVG). */

import type { Map as GlMap } from "maplibre-gl";
import type { Palette } from "./theme";

/** One outline a severity, so that it reads without its colour. All in a 24 × 24 box. */
export const SEVERITY_SHAPES: Record<string, string> = {
  info: "M12 4a8 8 0 1 0 0 16a8 8 0 1 0 0-16z",
  low: "M5 5h14v14H5z",
  medium: "M12 3L21.5 20H2.5z",
  high: "M12 2L22 12L12 22L2 12z",
  critical: "M8 2.5h8L21.5 8v8L16 21.5H8L2.5 16V8z",
};
export const SEVERITIES = Object.keys(SEVERITY_SHAPES);
export const severityShape = (severity: string): string =>
  SEVERITY_SHAPES[severity] ?? (SEVERITY_SHAPES["info"] as string);

export const PLACE_SHAPES = {
  staffed: "M12 2.5L20 5.5v6c0 5-3.4 8.4-8 10c-4.6-1.6-8-5-8-10v-6z",
  electronic: "M4 4h16v16H4z",
  post: "M12 3L21.5 11H18.5V20.5H5.5V11H2.5z",
  camera: "M3 7h11v10H3zM14 10.5l7-3.5v10l-7-3.5z",
} as const;

export const FRESHNESS = ["fresh", "ageing", "stale", "silent"] as const;
export type Freshness = (typeof FRESHNESS)[number];
export const isFreshness = (value: string): value is Freshness => FRESHNESS.includes(value as Freshness);

export const UI_SHAPES = {
  plus: "M12 5v14M5 12h14",
  minus: "M5 12h14",
  whole: "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5",
  reach: "M12 12m-2 0a2 2 0 1 0 4 0a2 2 0 1 0-4 0M12 12m-6 0a6 6 0 1 0 12 0a6 6 0 1 0-12 0M12 12m-10 0a10 10 0 1 0 20 0a10 10 0 1 0-20 0",
  close: "M6 6l12 12M18 6L6 18",
  sun: "M12 8a4 4 0 1 0 0 8a4 4 0 1 0 0-8zM12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.4 1.4M17.6 17.6L19 19M5 19l1.4-1.4M17.6 6.4L19 5",
  moon: "M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5z",
  layers: "M12 3l9 5-9 5-9-5zM3 13l9 5 9-5",
  coverage: "M4 4h16v16H4zM4 12h16M12 4v16",
  plan: "M5 4h14v17H5zM9 2.5h6v3H9zM8.5 13l2.5 2.5L15.5 11",
  breaches: "M12 3L21.5 20H2.5zM12 9.5v5M12 17v.3",
  units: "M12 21s-7-6.2-7-11.5a7 7 0 0 1 14 0C19 14.8 12 21 12 21zM12 7.5a2.3 2.3 0 1 0 0 4.6a2.3 2.3 0 1 0 0-4.6z",
} as const;

const BOX = 24;
const PIXELS = 2;

type Draw = (pen: CanvasRenderingContext2D) => void;

function image(draw: Draw, box = BOX): ImageData {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = box * PIXELS;
  const pen = canvas.getContext("2d") as CanvasRenderingContext2D;
  pen.scale(PIXELS, PIXELS);
  pen.lineJoin = "round";
  pen.lineCap = "round";
  draw(pen);
  return pen.getImageData(0, 0, canvas.width, canvas.height);
}

function shape(path: string, fill: string, line: string, width: number, scale = 0.8): Draw {
  return (pen) => {
    pen.translate(BOX / 2, BOX / 2);
    pen.scale(scale, scale);
    pen.translate(-BOX / 2, -BOX / 2);
    const outline = new Path2D(path);
    pen.fillStyle = fill;
    pen.strokeStyle = line;
    pen.lineWidth = width;
    pen.stroke(outline);
    pen.fill(outline);
  };
}

/** A breach: filled while it is open, an outline once it is closed. */
function breach(path: string, colour: string, paper: string, open: boolean): Draw {
  return (pen) => {
    shape(path, paper, paper, 6, 0.74)(pen);
    const outline = new Path2D(path);
    pen.fillStyle = open ? colour : paper;
    pen.strokeStyle = colour;
    pen.lineWidth = 3;
    pen.fill(outline);
    pen.stroke(outline);
    if (!open) return;
    pen.strokeStyle = paper;
    pen.lineWidth = 2.6;
    pen.stroke(new Path2D("M12 9.5v4M12 16.8v.2"));
  };
}

function unit(freshness: Freshness, colour: string, paper: string): Draw {
  return (pen) => {
    const disc = (radius: number): Path2D => {
      const path = new Path2D();
      path.arc(BOX / 2, BOX / 2, radius, 0, Math.PI * 2);
      return path;
    };
    const solid = freshness === "fresh" || freshness === "ageing";
    pen.fillStyle = paper;
    pen.fill(disc(11.6));
    pen.strokeStyle = colour;
    pen.lineWidth = freshness === "fresh" ? 1.6 : 2;
    if (freshness === "silent") pen.setLineDash([2.4, 4]);
    if (freshness !== "ageing") pen.stroke(disc(freshness === "fresh" ? 10.6 : 9.2));
    pen.setLineDash([]);
    pen.fillStyle = colour;
    if (solid) pen.fill(disc(freshness === "fresh" ? 8.4 : 9.2));
  };
}

function hatch(colour: string): ImageData {
  return image((pen) => {
    pen.strokeStyle = colour;
    pen.lineWidth = 1.1;
    pen.globalAlpha = 0.75;
    for (let offset = -8; offset <= 16; offset += 4) {
      pen.beginPath();
      pen.moveTo(offset - 2, 10);
      pen.lineTo(offset + 10, -2);
      pen.stroke();
    }
  }, 8);
}

export const SECTOR_DEGREES = [30, 60, 90, 120, 180, 360] as const;

function sector(degrees: number, colour: string): ImageData {
  return image((pen) => {
    const half = (degrees * Math.PI) / 360;
    pen.beginPath();
    if (degrees < 360) pen.moveTo(32, 32);
    pen.arc(32, 32, 30, -Math.PI / 2 - half, -Math.PI / 2 + half);
    pen.closePath();
    const fade = pen.createRadialGradient(32, 32, 2, 32, 32, 30);
    fade.addColorStop(0, colour);
    fade.addColorStop(1, "transparent");
    pen.globalAlpha = 0.42;
    pen.fillStyle = fade;
    pen.fill();
  }, 64);
}

function arrow(colour: string, paper: string): Draw {
  return shape("M12 .8L16.4 6.4H7.6z", colour, paper, 1.6, 1);
}

/** Every image of the style, in this theme's colours. */
export function images(colours: Palette): Record<string, ImageData> {
  const { paper, unit: blue, station, post, camera } = colours;
  const all: Record<string, ImageData> = {
    hatch: hatch(colours.hatch),
    "unit-arrow": image(arrow(blue, paper), BOX),
    staffed: image(shape(PLACE_SHAPES.staffed, station, paper, 4)),
    electronic: image(shape(PLACE_SHAPES.electronic, station, paper, 4, 0.6)),
    post: image(shape(PLACE_SHAPES.post, post, paper, 4, 0.7)),
    camera: image(shape(PLACE_SHAPES.camera, camera, paper, 4, 0.56)),
    origin: image((pen) => {
      shape("M12 12m-5 0a5 5 0 1 0 10 0a5 5 0 1 0-10 0", paper, colours.bands[0] ?? blue, 8, 1)(pen);
    }),
  };
  for (const degrees of SECTOR_DEGREES) all[`sector-${degrees}`] = sector(degrees, camera);
  for (const freshness of FRESHNESS) all[`unit-${freshness}`] = image(unit(freshness, blue, paper));
  for (const severity of SEVERITIES) {
    const colour = colours.severity[severity] ?? blue;
    const path = severityShape(severity);
    all[`breach-${severity}-open`] = image(breach(path, colour, paper, true));
    all[`breach-${severity}-closed`] = image(breach(path, colour, paper, false));
    // Points to the right of the line's own direction.
    all[`tick-${severity}`] = image(shape("M7 12h10L12 18z", colour, paper, 2, 1));
  }
  return all;
}

export function putImages(map: GlMap, colours: Palette): void {
  for (const [name, data] of Object.entries(images(colours))) {
    if (map.hasImage(name)) map.updateImage(name, data);
    else map.addImage(name, data, { pixelRatio: PIXELS });
  }
}
