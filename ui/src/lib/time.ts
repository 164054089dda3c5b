/** Times in words, by this device's clock. */
import { t } from "./strings";

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const weekday = new Intl.DateTimeFormat("en-GB", { weekday: "long" });
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "long" });
const dayAndYear = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "long", year: "numeric" });

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

const startOfDay = (time: number): number => new Date(time).setHours(0, 0, 0, 0);

/** When something was: "just now", "at 14:02", "yesterday at 14:02", "Saturday", "12 November". */
export function since(time: number, now = Date.now()): string {
  if (now - time < MINUTE) return t.time.now;
  if (now - time < 10 * MINUTE) return t.time.minutes(Math.floor((now - time) / MINUTE));
  const days = Math.round((startOfDay(now) - startOfDay(time)) / DAY);
  if (days <= 0) return t.time.at(clock.format(time));
  if (days === 1) return t.time.yesterday(clock.format(time));
  if (days < 7) return weekday.format(time);
  return new Date(now).getFullYear() === new Date(time).getFullYear() ? day.format(time) : dayAndYear.format(time);
}

/** The same, as short as a list's margin needs it. */
export function shortly(time: number, now = Date.now()): string {
  if (now - time < MINUTE) return "now";
  if (startOfDay(now) <= startOfDay(time)) return clock.format(time);
  if (now - time < 6 * DAY) return weekday.format(time).slice(0, 3);
  return new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" }).format(time);
}

/** When something will be: "today, 14:02", "Thursday, 14:02", "12 November". */
export function until(time: number, now = Date.now()): string {
  const days = Math.round((startOfDay(time) - startOfDay(now)) / DAY);
  if (days <= 0) return `today, ${clock.format(time)}`;
  if (days === 1) return `tomorrow, ${clock.format(time)}`;
  if (days < 7) return `${weekday.format(time)}, ${clock.format(time)}`;
  return day.format(time);
}
