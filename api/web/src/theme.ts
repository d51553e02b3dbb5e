/** Light and dark: follows the device until somebody chooses. */

export type Theme = "light" | "dark";

/** Colours of everything drawn on the map. Severity, bands and coverage never share a hue. */
export interface Palette {
  land: string;
  urban: string;
  dedicated: string;
  label: string;
  halo: string;
  grid: string;
  gridTop: string;
  road: string;
  roadMinor: string;
  roadCase: string;
  border: string;
  post: string;
  unattended: string;
  settlement: string;
  station: string;
  camera: string;
  ink: string;
  paper: string;
  coverage: readonly string[];
  unvisited: string;
  hatch: string;
  bands: readonly string[];
  severity: Record<string, string>;
  unit: string;
  route: string;
}

const LIGHT: Palette = {
  land: "#f3f0e8", urban: "#e4dccb", dedicated: "#dfe3d2", label: "#2a2f33", halo: "#fbfaf6",
  grid: "#8d8676", gridTop: "#5d574b", road: "#ffffff", roadMinor: "#b3a68f", roadCase: "#a2937a",
  border: "#8c2f6b", post: "#7a6a35", unattended: "#5f4b3c", settlement: "#3b3f44", station: "#24527a", camera: "#5b6570",
  ink: "#14181c", paper: "#ffffff",
  coverage: ["#d3e8dc", "#aad4bf", "#7cbca0", "#4b9d80", "#267a61", "#0b5242"],
  unvisited: "#f1ede3", hatch: "#8a7f6c",
  bands: ["#5b21b6", "#7546cc", "#9470d8"],
  severity: { info: "#2563a8", low: "#0e7490", medium: "#a16207", high: "#c2410c", critical: "#b91c1c" },
  unit: "#0f4c81", route: "#5b21b6",
};
const DARK: Palette = {
  land: "#12171c", urban: "#232a31", dedicated: "#1c2a28", label: "#e4e9ed", halo: "#0c1013",
  grid: "#4a545e", gridTop: "#8795a3", road: "#b3a78d", roadMinor: "#6f695c", roadCase: "#0d1114",
  border: "#e08bc4", post: "#c3ad66", unattended: "#b9a08c", settlement: "#cfd6dc", station: "#8fc1ee", camera: "#9aa6b2",
  ink: "#f4f7f9", paper: "#12171c",
  coverage: ["#173a33", "#1c5146", "#236c5c", "#2f8b75", "#4fb095", "#8fe0c4"],
  unvisited: "#161c21", hatch: "#6d7781",
  bands: ["#d8c7ff", "#ab8df2", "#7b5cd0"],
  severity: { info: "#74b2f0", low: "#5fd0dd", medium: "#f2c14e", high: "#ff9b54", critical: "#ff6b6b" },
  unit: "#a9d3ff", route: "#d8c7ff",
};

const KEY = "patrolgrid.theme";
const device = matchMedia("(prefers-color-scheme: dark)");
const listeners: (() => void)[] = [];
let chosen: Theme | null = remembered();

function remembered(): Theme | null {
  try {
    const value = localStorage.getItem(KEY);
    return value === "light" || value === "dark" ? value : null;
  } catch {
    return null;
  }
}

export const theme = (): Theme => chosen ?? (device.matches ? "dark" : "light");
export const palette = (): Palette => (theme() === "dark" ? DARK : LIGHT);
export const onTheme = (listener: () => void): void => void listeners.push(listener);

function apply(): void {
  document.documentElement.dataset["theme"] = theme();
  for (const listener of listeners) listener();
}

export function flipTheme(): void {
  chosen = theme() === "dark" ? "light" : "dark";
  try {
    localStorage.setItem(KEY, chosen);
  } catch {
    // A browser that keeps nothing still gets its choice for this visit.
  }
  apply();
}

export function startTheme(): void {
  device.addEventListener("change", apply);
  apply();
}
