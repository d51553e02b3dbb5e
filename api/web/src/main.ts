/** Starts the page: who is asking, which region, then each capability in its room. */

import "./page.css";
import "./panels.css";
import * as api from "./api";
import { LinkLost } from "./api";
import { Breaches } from "./breaches";
import { Coverage } from "./coverage";
import { glyph, h } from "./dom";
import { startFonts } from "./fonts";
import { nameGrids } from "./gridnames";
import { UI_SHAPES } from "./icons";
import { Layers } from "./layers";
import { Live } from "./live";
import { RegionMap, type Hit } from "./map";
import { LAYERS } from "./look";
import { activeTab, hideCard, mapHost, onPanels, sheetHeight, startPanels, tools } from "./panels";
import { isPlace, namesAt, showPlace } from "./places";
import { Plan } from "./plan";
import { Response } from "./response";
import { showSignIn } from "./signin";
import { report, startStatus } from "./status";
import { startTheme } from "./theme";
import { tiles } from "./tileset";
import { setTimeZone } from "./times";
import { Units } from "./units";
import { isLang, lang, onLanguage, setLanguage, t, type Lang, type Word } from "./words";

const TILES_CHECK_MS = 60_000;
const RETRY_MS = 5_000;

function languageOfHash(): Lang | null {
  const value = new URLSearchParams(location.hash.slice(1)).get("lang");
  return isLang(value) ? value : null;
}

/** `#map=zoom/lat/lon&lang=mn`: the map writes its part, this the other. */
function keepLanguage(): void {
  const parts = location.hash.slice(1).split("&").filter((part) => part && !part.startsWith("lang="));
  history.replaceState(history.state, "", `#${[...parts, `lang=${lang()}`].join("&")}`);
}

function firstLanguage(): Lang {
  const device = navigator.languages.map((code) => code.slice(0, 2)).find(isLang);
  return languageOfHash() ?? device ?? "zh";
}

function startTools(map: RegionMap, response: Response): void {
  const keys: [Word, string, () => void][] = [
    ["zoom_in", UI_SHAPES.plus, () => void map.gl.zoomIn()],
    ["zoom_out", UI_SHAPES.minus, () => void map.gl.zoomOut()],
    ["whole_region", UI_SHAPES.whole, () => map.fitRegion()],
    ["response_at_centre", UI_SHAPES.reach, () => response.at(map.centre())],
  ];
  const draw = (): void => {
    tools.replaceChildren(...keys.map(([word, shape, press]) =>
      h("button", { type: "button", class: "icon", title: t(word), "aria-label": t(word), onclick: press }, glyph(shape, "glyph", false)),
    ));
    map.gl.getCanvas().setAttribute("aria-label", t("map_keys"));
  };
  onLanguage(draw);
  draw();
}

async function start(host: HTMLElement): Promise<void> {
  const session = await api.session();
  if (!session) return showSignIn(host);
  const [region, tileset] = await Promise.all([api.region(), tiles(LAYERS)]);
  setTimeZone(region.time_zone);
  startPanels(host);
  startStatus(region);
  const seen = location.hash.includes("map=");
  const map = new RegionMap(mapHost, region, tileset);
  if (!seen) map.fitRegion(false);
  await map.loaded();
  const units = new Units(map);
  const openUnit = (id: string): void => void units.go(id);
  const breaches = new Breaches(map, openUnit);
  const response = new Response(map, region, openUnit);
  const coverage = new Coverage(map, region, (place) => response.at(place));
  const plan = new Plan(map, (place) => response.at(place));
  new Layers(map, coverage, session.scopes, region.note);
  new Live(breaches);
  startTools(map, response);
  keepLanguage();
  onLanguage(keepLanguage);
  addEventListener("hashchange", () => {
    const next = languageOfHash();
    if (next && next !== lang()) setLanguage(next);
  });
  const levels = region.levels.map(({ id }) => id);
  void nameGrids(map, region.levels).catch(report);
  setInterval(() => !document.hidden && void tiles(LAYERS).then((next) => map.useTiles(next)).catch(report), TILES_CHECK_MS);

  let sheet = 0;
  onPanels(() => {
    // What was in the middle of the map stays in the middle of what a sheet leaves of it.
    const change = sheetHeight() - sheet;
    sheet += change;
    if (change) map.gl.panBy([0, change / 2], { duration: 250 });
  });

  /** What is on top of the map wins; ground means reach, or a cell's figures while coverage is open. */
  map.onPress(({ features, under, place, long }: Hit) => {
    const first = (layer: string): Record<string, unknown> | undefined =>
      features.find((feature) => feature.layer.id === layer)?.properties;
    const unit = first("units-icon");
    const breach = first("breaches-icon");
    const planned = first("plan-circle");
    if (!long) {
      if (unit && units.go(String(unit["key"]), false)) return;
      if (breach && breaches.go(String(breach["key"]), false)) return;
      if (planned && plan.go(String(planned["key"]), false)) return;
      const spot = features.find(isPlace);
      if (spot) return showPlace(spot, (at) => response.at(at));
      const cell = activeTab() === "coverage" ? under.find(({ layer }) => layer.id === "coverage-fill")?.properties : undefined;
      if (cell && coverage.openCell(cell["id"], place)) return;
    }
    response.at(place, namesAt(under, levels));
  });
  addEventListener("keydown", (event) => {
    if (event.key === "Escape") hideCard();
    const typing = event.target instanceof Element && event.target.matches("input[type=search], select");
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
    if (event.key.toLowerCase() === "r" && plain && !typing) response.at(map.centre());
  });
}

/** A first start without a server waits for it instead of showing an empty page. */
function begin(host: HTMLElement): void {
  start(host).catch((error: unknown) => {
    const why = error instanceof LinkLost ? t("no_link") : error instanceof Error ? error.message : String(error);
    host.replaceChildren(h("p", { class: "startup", role: "alert" }, t("failed", { why })));
    if (error instanceof LinkLost) setTimeout(() => begin(host), RETRY_MS);
  });
}

startTheme();
startFonts();
setLanguage(firstLanguage());
const host = document.getElementById("app");
if (host) begin(host);
