// Times as files have them: numbers of milliseconds, ISO 8601, or milliseconds as text.

/** A date, and perhaps a time and an offset. */
const ISO =
  /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)(?: ?(Z|[+-]\d{2})(?::?(\d{2}))?)?)?$/i;

/** From 1973 on: with fewer digits it may just as well be seconds, or a date. */
const MS_IN_TEXT = /^\d{12,}$/;

/** What a Date can be, either way. */
const MS_MAX = 8.64e15;

/** False of NaN. */
export function isTime(ms: number): boolean {
  return Math.abs(ms) <= MS_MAX;
}

/** ms since the epoch, or NaN. Without an offset it is UTC, as other engines write it, wherever this machine is. */
export function timeOf(time: unknown): number {
  const ms = msOf(time);
  return isTime(ms) ? ms : Number.NaN;
}

function msOf(time: unknown): number {
  if (typeof time === 'number') return time;
  if (time instanceof Date) return time.getTime();
  if (typeof time === 'bigint') return Number(time);
  if (typeof time !== 'string') return Number.NaN;
  if (MS_IN_TEXT.test(time)) return Number(time);
  const [, date, clock = '00:00', zone = 'Z', minutes = '00'] = ISO.exec(time) ?? [];
  const offset = zone.toUpperCase() === 'Z' ? 'Z' : `${zone}:${minutes}`;
  return date === undefined ? Number.NaN : Date.parse(`${date}T${clock}${offset}`);
}

/** Why a record with this time is malformed. */
export function noTime(name: string, time: unknown): string {
  const text =
    typeof time === 'number' || typeof time === 'bigint' ? `${time}` : (JSON.stringify(time) ?? 'nothing');
  return `cannot read ${text} in "${name}" as a time: it is neither ISO 8601 nor milliseconds since the epoch`;
}
