/** The layer panel: what is drawn, with its legend beside its switch. */

import { signOut } from "./api";
import { glyph, h, toggle } from "./dom";
import { PLACE_SHAPES, SEVERITIES, severityShape } from "./icons";
import type { RegionMap } from "./map";
import { LAYERS, type LayerName } from "./look";
import { panelHead, room } from "./panels";
import { report } from "./status";
import { onTheme, palette } from "./theme";
import { onLanguage, t, term, titled, type Names } from "./words";
import type { Coverage } from "./coverage";

/** Computed answers that can be hidden like a layer; their style ids start with the same word. */
const ANSWERS = ["units", "breaches"] as const;
/** Drawn from tiles of its own, and only when somebody asks for it. */
const UNATTENDED = "unattended";
type Switch = LayerName | (typeof ANSWERS)[number] | typeof UNATTENDED;

export class Layers {
  private readonly hidden = new Set<Switch>([UNATTENDED]);

  constructor(
    private readonly map: RegionMap,
    private readonly coverage: Coverage,
    private readonly scopes: string[],
    private readonly note: Names | undefined,
  ) {
    onLanguage(() => this.redraw());
    onTheme(() => this.redraw());
    this.redraw();
  }

  private flip(layer: Switch, on: boolean): void {
    if (on) this.hidden.delete(layer);
    else this.hidden.add(layer);
    this.map.show([layer], on);
  }

  /** Coverage is switched from its own panel too, so its box is drawn when this panel opens. */
  redraw(): void {
    const every: Switch[] = [...ANSWERS, ...LAYERS, UNATTENDED];
    const rows = every.map((layer) =>
      h("li", {}, toggle(h("span", { class: "layer" }, t(layer), sample(layer)), !this.hidden.has(layer), (on) => this.flip(layer, on))),
    );
    rows.splice(2, 0, h("li", {}, toggle(t("coverage"), this.coverage.isShown, (on) => this.coverage.show(on))));
    const leave = (): void => void signOut().then(() => location.reload()).catch(report);
    room("layers").replaceChildren(
      panelHead("layers"),
      h("ul", { class: "switches scroll" }, ...rows, h("li", {}, legend()),
        this.note ? h("li", { class: "hint" }, titled(this.note, "")) : null,
        h("li", { class: "who-am-i" },
          h("span", { class: "hint" }, t("signed_in_as", { scopes: this.scopes.join(", ") || t("none") })),
          h("button", { type: "button", onclick: leave }, t("sign_out")))),
    );
  }
}

function coloured<T extends HTMLElement | SVGElement>(element: T, colour: string): T {
  element.style.color = colour;
  return element;
}
const stroke = (className: string, colour: string): HTMLElement =>
  coloured(h("span", { class: `stroke ${className}`, "aria-hidden": "true" }), colour);

function sample(layer: Switch): Node | null {
  const c = palette();
  switch (layer) {
    case "grids": return stroke("solid", c.grid);
    case "settlements": return coloured(h("span", { class: "dot-sample", "aria-hidden": "true" }), c.settlement);
    case "checkpoints": return coloured(glyph(PLACE_SHAPES.staffed), c.station);
    case "posts": return coloured(glyph(PLACE_SHAPES.post), c.post);
    case "post_areas": return stroke("dotted", c.post);
    case "unattended": return coloured(h("span", { class: "area-sample", "aria-hidden": "true" }), c.unattended);
    case "cameras": return coloured(glyph(PLACE_SHAPES.camera), c.camera);
    case "roads": return stroke("solid thick", c.roadMinor);
    case "border": return stroke("dashdot thick", c.border);
    case "fences": return stroke("solid thick", c.severity["high"] ?? c.ink);
    default: return null;
  }
}

function legend(): HTMLElement {
  const c = palette();
  const severities = SEVERITIES.map((name) =>
    h("li", {}, coloured(glyph(severityShape(name)), c.severity[name] ?? c.ink), term("s", name)),
  );
  const rules = ([["keep_out", "solid"], ["keep_in", "dashed"], ["line", "solid thick"], ["presence", "dotted"]] as const).map(
    ([rule, look]) => h("li", {}, stroke(look, c.ink), term("r", rule)),
  );
  const stations = (["staffed", "electronic"] as const).map((kind) =>
    h("li", {}, coloured(glyph(PLACE_SHAPES[kind]), c.station), t(kind)),
  );
  const roads = ([["road_major", "solid thick"], ["road_minor", "solid"], ["road_track", "dashed"]] as const).map(
    ([word, look]) => h("li", {}, stroke(look, c.roadMinor), t(word)),
  );
  const states = h("li", {}, coloured(glyph(severityShape("medium"), "glyph", false), c.severity["medium"] ?? c.ink), term("st", "closed"));
  return h(
    "details", { class: "legend", open: true },
    h("summary", {}, t("legend")),
    h("h3", {}, t("severity")), h("ul", { class: "columns" }, ...severities.reverse(), states),
    h("h3", {}, `${t("fences")}: ${t("rule")}`), h("ul", { class: "columns" }, ...rules),
    h("h3", {}, t("checkpoints")), h("ul", { class: "columns" }, ...stations),
    h("h3", {}, t("roads")), h("ul", { class: "columns" }, ...roads),
  );
}
