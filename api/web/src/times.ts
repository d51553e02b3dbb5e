/** Times in the region's time zone, lengths, areas and shares, as a person reads them. */

import { lang, locale, t } from "./words";

let timeZone = "UTC";
export function setTimeZone(zone: string): void {
  try {
    new Intl.DateTimeFormat("en", { timeZone: zone });
    timeZone = zone;
  } catch {
    timeZone = "UTC";
  }
}

function format(time: Date, options: Intl.DateTimeFormatOptions): string {
  return new Intl.DateTimeFormat(locale(), { timeZone, hourCycle: "h23", ...options }).format(time);
}
const day = (time: Date): string => new Intl.DateTimeFormat("en-CA", { timeZone }).format(time);

const HM: Intl.DateTimeFormatOptions = { hour: "2-digit", minute: "2-digit" };
const HMS: Intl.DateTimeFormatOptions = { ...HM, second: "2-digit" };

/** The hour, with the day before it when that is not today. */
export function moment(value: string | number | null | undefined, seconds = false): string {
  const time = value === null || value === undefined ? NaN : new Date(value);
  if (typeof time === "number" || Number.isNaN(time.getTime())) return "";
  const clock = format(time, seconds ? HMS : HM);
  return day(time) === day(new Date()) ? clock : `${monthDay(time)} ${clock}`;
}
/** The end of a stay: without its day when that is the day of its start. */
export function until(start: string, end: string): string {
  const [from, to] = [new Date(start), new Date(end)];
  return day(from) === day(to) ? format(to, HM) : moment(end);
}
/** Written out rather than left to the browser, whose Mongolian data may be missing. */
function monthDay(time: Date): string {
  const [, month = "", date = ""] = day(time).split("-");
  if (lang() === "zh") return `${Number(month)}月${Number(date)}日`;
  return lang() === "mn" ? `${month}/${date}` : format(time, { day: "numeric", month: "short" });
}
/** A moment's day, or its hour, alone. */
export const dayOf = (value: string): string => monthDay(new Date(value));
export const hourOf = (value: string): string => format(new Date(value), HM);
export const clock = (): string => format(new Date(), HMS);
export const clockZone = (): string =>
  new Intl.DateTimeFormat(locale(), { timeZone, timeZoneName: "longGeneric" })
    .formatToParts()
    .find(({ type }) => type === "timeZoneName")?.value ?? timeZone;

const digits = (value: number, most: number): string =>
  new Intl.NumberFormat(lang() === "mn" ? "en-GB" : locale(), { maximumFractionDigits: most }).format(value);
export const count = (value: number): string => digits(value, 0);

const UNITS = {
  zh: { s: " 秒", min: " 分", h: " 小时", d: " 天" },
  mn: { s: " сек", min: " мин", h: " цаг", d: " хоног" },
  en: { s: " s", min: " min", h: " h", d: " d" },
};
/** A length of time in its two largest units: 45 s, 12 min, 3 h 05 min, 2 d 4 h. */
export function duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return t("unknown");
  const words = UNITS[lang()];
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 90) return `${whole}${words.s}`;
  const minutes = Math.round(whole / 60);
  if (minutes < 60) return `${minutes}${words.min}`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 ? `${hours}${words.h} ${minutes % 60}${words.min}` : `${hours}${words.h}`;
  return `${Math.floor(hours / 24)}${words.d}${hours % 24 ? ` ${hours % 24}${words.h}` : ""}`;
}

/** Whole days as such, what is less in hours. */
export const days = (value: number): string =>
  value >= 1 ? `${digits(value, 1)}${UNITS[lang()].d}` : duration(value * 86_400);

export function length(metres: number | null | undefined): string {
  if (metres === null || metres === undefined) return t("unknown");
  const km = { zh: " 公里", mn: " км", en: " km" }[lang()];
  const m = { zh: " 米", mn: " м", en: " m" }[lang()];
  return metres < 1000 ? digits(metres, 0) + m : digits(metres / 1000, metres < 20_000 ? 1 : 0) + km;
}
export function area(square_m: number | null | undefined): string {
  if (square_m === null || square_m === undefined) return t("unknown");
  const km2 = square_m / 1e6;
  const unit = { zh: " 平方公里", mn: " км²", en: " km²" }[lang()];
  return digits(km2, km2 < 1 ? 2 : km2 < 20 ? 1 : 0) + unit;
}
/** 0-1 as a percentage; a share that is not nothing never reads as nothing. */
export function share(value: number | null | undefined): string {
  if (value === null || value === undefined) return t("unknown");
  const percent = value * 100;
  if (percent > 0 && percent < 0.1) return "< 0.1 %";
  return `${digits(percent, percent < 10 ? 1 : 0)} %`;
}
export const speed = (speed_ms: number): string =>
  digits(speed_ms * 3.6, 0) + { zh: " 公里/时", mn: " км/ц", en: " km/h" }[lang()];
export const degrees = (value: number): string => `${digits(value, 0)}°`;
