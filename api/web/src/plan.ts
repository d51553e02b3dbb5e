/** The plan: how it is kept, and where to go next: a list, the worst first, and numbers on the map. */

import type { Feature, Point } from "geojson";
import * as api from "./api";
import type { DutyTold, NextPlace, PlanAnswer } from "./api";
import { figures, h } from "./dom";
import { boxOf, type Place, type RegionMap } from "./map";
import { activeTab, hideCard, isPhone, onPanels, open, panelHead, room, showCard } from "./panels";
import { onRestored, report } from "./status";
import { count, duration, moment } from "./times";
import { named, onLanguage, t, term, type Word } from "./words";

const STATES = ["kept", "due", "late", "missed"] as const;
const PLACES = 50;
const REFRESH_MS = 60_000;

export class Plan {
  private answer: PlanAnswer | null = null;
  private duty = "";
  private opened: string | null = null;
  private readonly closed = (): void => {
    this.opened = null;
    this.map.put("cell", []);
  };

  constructor(private readonly map: RegionMap, private readonly respond: (place: Place) => void) {
    onLanguage(() => this.redraw());
    onRestored(() => void this.load());
    onPanels(() => this.turn());
    setInterval(() => activeTab() === "plan" && !document.hidden && void this.load(), REFRESH_MS);
    this.redraw();
  }

  /** The numbers are on the map while the panel is open, and it is asked for first then. */
  private turn(): void {
    if (activeTab() === "plan" && !this.answer) void this.load();
    this.mark();
  }

  private async load(): Promise<void> {
    try {
      this.answer = await api.plan(this.duty || undefined, PLACES);
      if (this.duty && !this.answer.duties.some(({ id }) => id === this.duty)) this.duty = "";
      this.redraw();
    } catch (error) {
      report(error);
    }
  }

  private mark(): void {
    const shown = activeTab() === "plan" ? this.answer?.next ?? [] : [];
    this.map.put("plan", shown.map((place): Feature<Point> => ({
      type: "Feature", geometry: { type: "Point", coordinates: [place.lon, place.lat] },
      properties: { key: place.id, rank: place.rank, label: `${place.rank}`, state: place.state },
    })));
  }

  private redraw(): void {
    this.mark();
    const answer = this.answer;
    const focused = (document.activeElement as HTMLElement | null)?.dataset["place"];
    const scroll = room("plan").querySelector(".scroll")?.scrollTop ?? 0;
    const list = h("ul", { class: "rows scroll" }, ...(answer?.next ?? []).map((place) => this.row(place)));
    room("plan").replaceChildren(
      panelHead("plan"),
      ...(answer === null
        ? [h("p", { class: "busy", role: "status" }, t("loading"))]
        : answer.duties.length === 0
          ? [h("p", { class: "hint" }, t("no_plan"))]
          : [this.choose(answer.duties), this.summary(answer), h("h3", {}, t("where_next")),
            answer.next.length ? list : h("p", { class: "hint" }, t("all_kept"))]),
    );
    list.scrollTop = scroll;
    if (focused) list.querySelector<HTMLElement>(`[data-place="${CSS.escape(focused)}"]`)?.focus();
  }

  private choose(duties: DutyTold[]): HTMLElement {
    const select = h("select", {
      id: "duty", "aria-label": t("duty"),
      onchange: (event) => {
        this.duty = (event.target as HTMLSelectElement).value;
        void this.load();
      },
    });
    select.append(new Option(t("whole_plan"), "", false, this.duty === ""));
    const known = this.duty ? this.every : (this.every = duties);
    for (const duty of known) select.append(new Option(named({ ...duty }), duty.id, false, duty.id === this.duty));
    return h("div", { class: "filters" }, select);
  }
  private every: DutyTold[] = [];

  /** Each duty as a bar of its places by state, and the counts in words beside it. */
  private summary(answer: PlanAnswer): HTMLElement {
    return h("ul", { class: "duties" }, ...answer.duties.map((duty) => {
      const all = STATES.reduce((sum, state) => sum + duty[state], 0);
      const bar = h("span", { class: "state-bar", "aria-hidden": "true" });
      for (const state of STATES) {
        if (!duty[state]) continue;
        const part = h("span", { class: `state-${state}` });
        part.style.flexGrow = `${duty[state]}`;
        bar.append(part);
      }
      const told = STATES.filter((state) => duty[state]).map((state) => `${term("p", state)} ${count(duty[state])}`);
      return h("li", {}, h("b", {}, named({ ...duty })), all ? bar : null,
        h("span", { class: "what" }, all ? told.join(" · ") : t("no_places")));
    }));
  }

  private row(place: NextPlace): HTMLLIElement {
    return h(
      "li", {},
      h(
        "button",
        { type: "button", class: "row-button next-place", "data-place": place.id, onclick: () => this.go(place.id) },
        h("span", { class: `rank state-${place.state}` }, place.rank),
        h("span", { class: "who" }, h("b", {}, named({ ...place, id: place.target })),
          h("span", { class: "fence" }, this.dutyOf(place))),
        h("span", { class: "what" }, last(place)),
        h("span", { class: "tags" },
          h("span", { class: `tag state-${place.state}` }, term("p", place.state)),
          h("span", { class: "tag" }, t("rounds_of", { n: place.rounds, all: place.required })),
          place.visited === "probably_visited" ? h("span", { class: "tag probable" }, t("probably_visited")) : null),
      ),
    );
  }

  private dutyOf(place: NextPlace): string {
    const duty = [...(this.answer?.duties ?? []), ...this.every].find(({ id }) => id === place.duty);
    return duty ? named({ ...duty }) : place.duty;
  }

  /** Opens a place by its id, and flies to it. */
  go(id: string, fly = true): boolean {
    const place = this.answer?.next.find((one) => one.id === id);
    if (!place) return false;
    if (fly && isPhone()) open(null);
    this.detail(place);
    if (place.layer !== "grids") {
      if (fly) this.map.flyTo(place);
      return true;
    }
    api.grid(place.target).then((grid) => {
      if (this.opened !== id) return;
      this.map.put("cell", [grid]);
      const box = boxOf([grid]);
      if (fly && box) this.map.fit(box, 12);
    }).catch(report);
    return true;
  }

  private detail(place: NextPlace): void {
    const here = h("button", { type: "button", class: "primary", onclick: () => this.respond(place) }, t("response_here"));
    showCard(
      named({ ...place, id: place.target }),
      [
        h("p", { class: "headline" }, h("span", { class: `tag state-${place.state}` }, term("p", place.state)), this.dutyOf(place)),
        figures([
          [t("rounds"), t("rounds_of", { n: place.rounds, all: place.required })],
          [t("last_visit"), place.last_visit ? moment(place.last_visit) : t("never_since", { time: moment(this.answer?.looked_from) })],
          [t("due_at"), place.due_at ? moment(place.due_at) : null],
          [t("late_by"), place.late_s ? duration(place.late_s) : null],
          [t("visited_how"), place.layer === "grids" ? null : t(place.visited as Word)],
        ]),
        h("div", { class: "row" }, here),
      ],
      this.closed,
    );
    this.opened = place.id;
  }

  close(): void {
    if (this.opened) hideCard();
  }
}

/** How long ago the last round was, or since when nobody was seen there. */
function last(place: NextPlace): string {
  if (!place.last_visit) return t("nobody_seen");
  const ago = duration((Date.now() - Date.parse(place.last_visit)) / 1000);
  return place.late_s ? `${t("ago", { d: ago })} · ${t("late_by")} ${duration(place.late_s)}` : t("ago", { d: ago });
}
