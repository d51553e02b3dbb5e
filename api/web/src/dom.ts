/** Small makers of elements. Text only ever enters the page as text nodes. */

type Child = Node | string | number | null | undefined | false;
type Attrs = Record<string, string | number | boolean | undefined | ((event: Event) => void)>;

export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attrs: Attrs = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(attrs)) {
    if (typeof value === "function") element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value !== undefined) element.setAttribute(key, String(value));
  }
  element.append(...children.filter(present).map((child) => (typeof child === "number" ? `${child}` : child)));
  return element;
}

const present = (child: Child): child is Node | string | number =>
  child !== null && child !== undefined && child !== false;

/** A 24 × 24 drawing from one path, coloured by CSS (`currentColor`). */
export function glyph(path: string, className = "glyph", filled = true): SVGSVGElement {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", className);
  const shape = document.createElementNS(space, "path");
  shape.setAttribute("d", path);
  shape.setAttribute("fill", filled ? "currentColor" : "none");
  shape.setAttribute("stroke", "currentColor");
  shape.setAttribute("stroke-width", "2.2");
  shape.setAttribute("stroke-linejoin", "round");
  shape.setAttribute("stroke-linecap", "round");
  svg.append(shape);
  return svg;
}

/** Rows of a name and its value; rows without a value are left out. */
export function figures(rows: [string, Child][]): HTMLDListElement {
  const list = h("dl", { class: "figures" });
  for (const [name, value] of rows) {
    if (!present(value) || value === "") continue;
    list.append(h("div", {}, h("dt", {}, name), h("dd", {}, value)));
  }
  return list;
}

/** A group of buttons of which one is pressed; arrow keys are the browser's own (radio inputs). */
export function choice<T extends string>(
  label: string,
  name: string,
  options: [T, string][],
  chosen: T,
  pick: (value: T) => void,
): HTMLFieldSetElement {
  const group = h("fieldset", { class: "choice" }, h("legend", {}, label));
  const row = h("div", { class: "choice-row" });
  for (const [value, text] of options) {
    const input = h("input", { type: "radio", name, value, onchange: () => pick(value) });
    input.checked = value === chosen;
    row.append(h("label", {}, input, h("span", {}, text)));
  }
  group.append(row);
  return group;
}

export function toggle(text: Child, on: boolean, flip: (on: boolean) => void): HTMLLabelElement {
  const input = h("input", { type: "checkbox", onchange: () => flip(input.checked) });
  input.checked = on;
  return h("label", { class: "toggle" }, input, h("span", { class: "toggle-text" }, text));
}
