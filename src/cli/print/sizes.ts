import type { Totals } from '../../format/lvs/maps/closing.js';
import type { Kind } from '../../format/lvs/maps/header.js';

const UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'];

/** A size rounded to three digits for people: `852 KiB`, `1.5 GiB`. */
export function roundSize(bytes: number): string {
  let value = bytes;
  let unit = 0;
  for (; Math.round(value) >= 1024 && unit < UNITS.length - 1; unit++) value /= 1024;
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return `${Number(value.toFixed(digits))} ${UNITS[unit]!}`;
}

/** A size exactly and rounded: `872448 bytes (852 KiB)`. */
export function formatSize(bytes: number): string {
  return bytes < 1024 ? `${bytes} bytes` : `${bytes} bytes (${roundSize(bytes)})`;
}

/** `1 record`, `2 records`. */
export function countOf(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** What a stream or map holds: `660 records, 2822144 bytes (2.69 MiB)`, `a map of 2 ranges, 8192 bytes (8 KiB)`. */
export function sayTotals({ records, runs = 0, data }: Totals, kind: Kind | undefined): string {
  const parts = kind === 'map' ? `a map of ${countOf(runs, 'range')}` : countOf(records, 'record');
  return `${parts}, ${formatSize(data)}`;
}
