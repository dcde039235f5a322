import { UsageError } from '../../errors.js';
import { OFFSET_LIMIT } from '../../format/layout.js';
import { mergeRanges } from '../../ranges/merge-ranges.js';
import type { Range } from '../../ranges/range.js';
import { parseSize } from '../options.js';

/**
 * Ranges of a device as they are written: `1G..2G`, open as `1G..` or `..2G`, or `1G+64M`; in any order. What comes back ascends,
 * and no two touch. Throws `UsageError`.
 */
export function parseRanges(option: string, texts: readonly string[]): Range[] {
  const ranges = texts.map((text) => parseRange(option, text)).sort((a, b) => a.offset - b.offset);
  return [...mergeRanges(ranges)];
}

function parseRange(option: string, text: string): Range {
  const [, start = '', sign, last = ''] = /^([^+]*?)(\.\.|\+)([^+]*)$/s.exec(text) ?? [];
  if (sign === undefined || (start === '' && last === '') || (sign === '+' && (start === '' || last === '')))
    throw new UsageError(`${option} ${text}: not a range`, {
      hint: 'write 1G..2G, or 1G.. and ..2G for open ends, or 1G+64M for what is 64 MiB long',
    });
  const offset = start === '' ? 0 : parseSize(option, start);
  const given = last === '' ? OFFSET_LIMIT : parseSize(option, last);
  const end = sign === '+' ? Math.min(OFFSET_LIMIT, offset + given) : given;
  if (end > offset) return { offset, length: end - offset };
  throw new UsageError(`${option} ${text}: ends before it begins, or holds nothing`);
}
