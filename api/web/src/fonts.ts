/** Noto Sans and Noto Sans SC from the page's own files, for the map's labels and the page's text. */

import type { StyleSpecification } from "maplibre-gl";
import sansRanges from "@fontsource/noto-sans/unicode.json";
import scRanges from "@fontsource/noto-sans-sc/unicode.json";

const FILES = {
  ...import.meta.glob<string>(
    "/node_modules/@fontsource/noto-sans/files/noto-sans-{latin,latin-ext,cyrillic,cyrillic-ext}-{400,600}-normal.woff2",
    { query: "?url", import: "default", eager: true },
  ),
  ...import.meta.glob<string>("/node_modules/@fontsource/noto-sans-sc/files/noto-sans-sc-[0-9]*-400-normal.woff2", {
    query: "?url",
    import: "default",
    eager: true,
  }),
};

interface Face {
  family: string;
  weight: string;
  url: string;
  ranges: string;
}

function faces(): Face[] {
  const found: Face[] = [];
  for (const [path, url] of Object.entries(FILES)) {
    const match = /(noto-sans-sc|noto-sans)-([a-z0-9-]+)-(400|600)-normal\.woff2$/.exec(path);
    if (!match) continue;
    const [, font, subset = "", weight = "400"] = match;
    const chinese = font === "noto-sans-sc";
    const table: Record<string, string> = chinese ? scRanges : sansRanges;
    const ranges = table[chinese ? `[${subset}]` : subset];
    if (ranges) found.push({ family: chinese ? "Noto Sans SC" : "Noto Sans", weight, url, ranges });
  }
  return found;
}

export const REGULAR = ["Noto Sans Regular"];
export const BOLD = ["Noto Sans Bold"];

/** The style's `font-faces`: Chinese has one weight, which the bold stack uses too. */
export function fontFaces(): NonNullable<StyleSpecification["font-faces"]> {
  const of = (weight: string): { url: string; "unicode-range": string[] }[] =>
    faces()
      .filter((face) => face.family === "Noto Sans SC" || face.weight === weight)
      .map((face) => ({ url: new URL(face.url, location.href).href, "unicode-range": face.ranges.split(",") }));
  return { "Noto Sans Regular": of("400"), "Noto Sans Bold": of("600") };
}

/** Makes the same files available to the page's own text; each loads when a letter needs it. */
export function startFonts(): void {
  for (const { family, weight, url, ranges } of faces()) {
    document.fonts.add(new FontFace(family, `url("${url}")`, { weight, unicodeRange: ranges, display: "swap" }));
  }
}
