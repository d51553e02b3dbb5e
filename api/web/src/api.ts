/** Every call that the page makes to its server, and the shapes of the answers that it reads. */

import type { Feature, FeatureCollection, Geometry, LineString, MultiPolygon, Point, Polygon } from "geojson";
import type { Names } from "./words";

export interface Versioned {
  data_version?: string;
  as_of?: string;
}
export interface Level {
  id: string;
  /** 0 is the highest; several levels may share a rank. */
  rank: number;
  title: Names;
}
export interface Region {
  name: Names;
  time_zone: string;
  /** Highest first: banner, sumu, gacha, cell. */
  levels: Level[];
  /** west, south, east, north */
  bbox: [number, number, number, number] | null;
  swath_m: number;
  /** Of response areas. */
  minutes: number[];
  modes: string[];
  /** What everybody should know of this region, such as that it is invented. */
  note: Names | undefined;
}
export interface Session {
  scopes: string[];
}
export interface CoverageProps {
  id: string;
  name?: string;
  level: string;
  visited_share: number | null;
  patrol_s: number;
  patrol_m: number;
  unknown_s: number;
  visits: number;
  patrols: number;
  units: number;
  first_visit: string | null;
  last_visit: string | null;
  days_since_visit: number | null;
  longest_unvisited_s: number;
  area_m2: number | null;
  /** With `by`: the same of each part. */
  parts?: Record<string, CoverageProps>;
}
/** Figures alone: the ground is drawn from tiles. */
export interface CoverageAnswer extends Versioned, FeatureCollection<null, CoverageProps> {
  totals: Record<string, number | null>;
  from: string;
  to: string;
  /** null: each kind of unit has its own. */
  swath_m: number | null;
  swept: "kept" | "computed";
}
export interface SeriesPart {
  from: string;
  to: string;
  grids: Record<string, CoverageProps>;
}
export interface SeriesAnswer extends Versioned {
  series: SeriesPart[];
}
export interface BreachProps {
  unit: string;
  call_sign?: string | null;
  fence: string;
  fence_names?: Names;
  fence_id?: string;
  fence_version?: number;
  rule: string;
  severity: string;
  state: string;
  evidence: string;
  direction?: string | null;
  entered_at: string;
  entered_earliest?: string | null;
  entered_latest?: string | null;
  exited_at?: string | null;
  exited_earliest?: string | null;
  exited_latest?: string | null;
  unknown_s?: number | null;
  revision?: number;
}
export type BreachAnswer = Versioned & FeatureCollection<Point | null, BreachProps>;
export interface UnitProps {
  unit: string;
  call_sign?: string | null;
  kind: string;
  team?: string | null;
  max_gap_s?: number | null;
  fix_time: string | null;
  fix_age_s: number | null;
  freshness: string;
  accuracy_m?: number | null;
  speed_ms?: number | null;
  heading_deg?: number | null;
  battery?: number | null;
}
export type UnitAnswer = Versioned & FeatureCollection<Point | null, UnitProps>;
export interface RunProps {
  patrol?: string | null;
  start: string;
  end: string;
  patrol_m: number;
  patrol_s: number;
}
export type TrackAnswer = Versioned & FeatureCollection<LineString, RunProps>;
export interface BandProps {
  minutes: number;
  area_m2: number | null;
  mode: string;
}
export interface BandAnswer extends Versioned, FeatureCollection<Polygon | MultiPolygon, BandProps> {
  origin?: { lon: number; lat: number; road_m: number | null; note?: string | null };
}
export interface DispatchProps {
  unit: string;
  call_sign?: string | null;
  kind: string;
  eta_s: number;
  distance_m: number;
  fix_age_s: number | null;
  freshness: string;
  rank: number;
}
export type DispatchAnswer = Versioned & FeatureCollection<LineString | null, DispatchProps>;
/** A duty of the plan, and how many of its places are in each state. */
export interface DutyTold {
  id: string;
  name?: string | null;
  kept: number;
  due: number;
  late: number;
  missed: number;
}
/** A place that a duty is not kept at (yet). */
export interface NextPlace {
  rank: number;
  id: string;
  duty: string;
  layer: string;
  target: string;
  state: string;
  visited: string;
  rounds: number;
  required: number;
  last_visit: string | null;
  due_at: string | null;
  late_s: number | null;
  lon: number;
  lat: number;
}
export interface PlanAnswer extends Versioned {
  duties: DutyTold[];
  next: NextPlace[];
  looked_from: string;
}
/** One event of the feed; `id` in its data is the breach. */
export interface FeedEvent {
  id: string | number;
  type: string;
  time: string;
  data: BreachProps;
}
/** What the server refused, in its own words (RFC 9457). */
export class Refused extends Error {
  constructor(readonly status: number, readonly code: string, message: string) {
    super(message);
  }
}
/** The server did not answer at all. */
export class LinkLost extends Error {}

type LinkListener = (up: boolean, asOf: string | undefined, version: string | undefined) => void;
const linkListeners: LinkListener[] = [];
export const onLink = (listener: LinkListener): void => void linkListeners.push(listener);
const tellLink = (up: boolean, answer?: Versioned): void =>
  linkListeners.forEach((listener) => listener(up, answer?.as_of, answer?.data_version));

const KEPT_ANSWERS = 60;
const kept = new Map<string, { etag: string; body: unknown }>();

async function ask(path: string, init: RequestInit, timeout_ms: number): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, {
      ...init,
      credentials: "same-origin",
      signal: init.signal
        ? AbortSignal.any([init.signal, AbortSignal.timeout(timeout_ms)])
        : AbortSignal.timeout(timeout_ms),
    });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    tellLink(false);
    throw new LinkLost("no answer");
  }
  // A gateway that answers for a dead server is as good as no answer.
  if ([502, 503, 504].includes(response.status)) {
    tellLink(false);
    throw new LinkLost(`${response.status}`);
  }
  if (!response.ok && response.status !== 304) throw await refusal(response);
  return response;
}

async function refusal(response: Response): Promise<Refused> {
  const problem = (await response.json().catch(() => ({}))) as Record<string, unknown>;
  const detail = typeof problem["detail"] === "string" ? problem["detail"] : problem["title"];
  const text = typeof detail === "string" ? detail : response.statusText;
  return new Refused(response.status, String(problem["code"] ?? ""), text || `${response.status}`);
}

/** GET with the ETag of the answer that we already have; an unchanged answer costs a 304. */
export async function get<T>(path: string, signal?: AbortSignal, timeout_ms = 30_000): Promise<T> {
  const before = kept.get(path);
  const headers: Record<string, string> = { Accept: "application/geo+json, application/json" };
  if (before) headers["If-None-Match"] = before.etag;
  const init: RequestInit = { headers, cache: "no-store" };
  if (signal) init.signal = signal;
  const response = await ask(path, init, timeout_ms);
  const body = response.status === 304 && before ? (before.body as T) : ((await response.json()) as T);
  const etag = response.headers.get("ETag") ?? before?.etag;
  kept.delete(path);
  if (etag) kept.set(path, { etag, body });
  if (kept.size > KEPT_ANSWERS) kept.delete(kept.keys().next().value ?? "");
  tellLink(true, body as Versioned);
  return body;
}

function query(values: Record<string, string | number | undefined>): string {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(values)) if (value !== undefined) search.set(key, `${value}`);
  const text = search.toString();
  return text ? `?${text}` : "";
}

/** Follows `next` links; a list is never longer than `pages` × its limit here. */
async function pages<T extends FeatureCollection<Geometry | null>>(path: string, count: number): Promise<T> {
  const first = await get<T & { links?: { rel: string; href: string }[] }>(path);
  let last = first;
  const features = [...first.features];
  for (let page = 1; page < count; page += 1) {
    const next = last.links?.find((link) => link.rel === "next");
    if (!next) break;
    const url = new URL(next.href, location.href);
    last = await get(url.pathname + url.search);
    features.push(...last.features);
  }
  return { ...first, features };
}

/** Who is signed in, or null. */
export async function session(): Promise<Session | null> {
  try {
    const answer = await get<Partial<Session>>("/auth/session");
    return { scopes: answer.scopes ?? [] };
  } catch (error) {
    if (error instanceof Refused && (error.status === 401 || error.status === 403)) return null;
    throw error;
  }
}

async function post(path: string, body: unknown): Promise<void> {
  const headers = { "Content-Type": "application/json" };
  await ask(path, { method: "POST", headers, body: JSON.stringify(body) }, 30_000);
}
export const signIn = (token: string): Promise<void> => post("/auth/session", { token });
export const signOut = (): Promise<void> => post("/auth/sign-out", {});

interface RegionAnswer extends Versioned {
  name: Names;
  note?: Names | null;
  timezone: string;
  bbox?: Region["bbox"];
  levels: { level: string; rank: number; title: Names }[];
  modes: string[];
  minutes: number[];
  swath_m: number;
}

export async function region(): Promise<Region> {
  const { name, note, timezone, bbox, levels, modes, minutes, swath_m } = await get<RegionAnswer>("/api/region");
  const top = Math.min(...levels.map(({ rank }) => rank));
  return {
    name, modes, minutes, swath_m,
    note: note ?? undefined,
    time_zone: timezone,
    bbox: bbox ?? null,
    levels: levels
      .map(({ level, rank, title }) => ({ id: level, rank: rank - top, title }))
      .sort((a, b) => a.rank - b.rank),
  };
}

export const gridsOf = (level: string): Promise<FeatureCollection<Polygon | MultiPolygon>> =>
  pages(`/api/layers/grids${query({ level, limit: 1000 })}`, 3);

/** Without `swath_m` each kind of unit has its own. */
export type CoverageQuery = { from: string; to: string; level: string; swath_m?: number; by?: "hour"; grid?: string };
const LONG_MS = 600_000;

export const coverage = (asked: CoverageQuery, signal: AbortSignal): Promise<CoverageAnswer> =>
  get(`/api/coverage${query({ ...asked, geometry: "false" })}`, signal, LONG_MS);

export const series = (asked: CoverageQuery & { every: "hour" | "day" }, signal: AbortSignal): Promise<SeriesAnswer> =>
  get(`/api/coverage/series${query(asked)}`, signal, LONG_MS);

/** Hears how far that answer has come, 0-1, until it is there or refused, or `signal` ends it. */
export function coverageProgress(asked: CoverageQuery, signal: AbortSignal, hear: (part: number) => void): void {
  if (signal.aborted) return;
  const stream = new EventSource(`/api/coverage/progress${query(asked)}`);
  const end = (): void => stream.close();
  signal.addEventListener("abort", end);
  // A browser would ask again after each of these.
  for (const last of ["ready", "failed", "error"]) stream.addEventListener(last, end);
  stream.addEventListener("progress", (message: MessageEvent<string>) => {
    const { done, of } = JSON.parse(message.data) as { done: number; of: number };
    hear(of > 0 ? done / of : 0);
  });
}

export const plan = (duty: string | undefined, limit: number): Promise<PlanAnswer> =>
  get(`/api/plan${query({ duty, limit, places: "false" })}`, undefined, 120_000);

export const grid = (id: string): Promise<Feature<Polygon | MultiPolygon>> =>
  get(`/api/layers/grids/${encodeURIComponent(id)}`);

export const breaches = (from: string | undefined): Promise<BreachAnswer> =>
  pages<BreachAnswer>(`/api/breaches${query({ from, limit: 10_000 })}`, 3);

export const units = (): Promise<UnitAnswer> => pages<UnitAnswer>(`/api/units${query({ limit: 10_000 })}`, 2);

export const track = (unit: string, from: string, to: string, signal: AbortSignal): Promise<TrackAnswer> =>
  get(`/api/units/${encodeURIComponent(unit)}/track${query({ from, to })}`, signal);

export const response = (
  at: { lon: number; lat: number; minutes: string; mode: string },
  signal: AbortSignal,
): Promise<BandAnswer> => get(`/api/response${query(at)}`, signal, 60_000);

export const dispatch = (
  at: { lon: number; lat: number; limit: number },
  signal: AbortSignal,
): Promise<DispatchAnswer> => get(`/api/dispatch${query(at)}`, signal, 60_000);

/** Without `after` the stream begins with what happens next. */
export const eventStream = (after: string | undefined): EventSource =>
  new EventSource(`/api/events${query({ after })}`);
