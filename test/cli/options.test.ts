import { describe, expect, it } from 'vitest';
import { UsageError } from '#src/errors.js';
import { parseSize } from '#src/cli/options.js';
import { roundSize } from '#src/cli/print/sizes.js';
import { visible, visibleJson } from '#src/cli/print/visible.js';

/** What people type and what they are shown. */

describe('parseSize', () => {
  it.each([
    ['0', 0],
    ['4096', 4096],
    ['64K', 65536],
    ['64k', 65536],
    ['1.5G', 1.5 * 2 ** 30],
    ['2T', 2 ** 41],
    ['3MiB', 3 << 20],
  ])('reads %s', (text, size) => expect(parseSize('--range', text)).toBe(size));

  it.each(['', 'K', '-1', '1 G', '0.3', '1e3', '9007199254740992', '99999T', '0x10'])('refuses %j', (text) =>
    expect(() => parseSize('--range', text)).toThrow(UsageError),
  );
});

describe('roundSize', () => {
  it.each([
    [0, '0 bytes'],
    [1023, '1023 bytes'],
    [1024, '1 KiB'],
    [872448, '852 KiB'],
    [2 ** 40 - 1, '1 TiB'],
    [1.5 * 2 ** 30, '1.5 GiB'],
  ])('rounds %d', (bytes, text) => expect(roundSize(bytes)).toBe(text));
});

describe('visible', () => {
  it('shows what steers a terminal or hides in a text', () => {
    expect(visible('a\u001b[31m\n\u009b\u202e\u200bé漢')).toBe('a\\x1b[31m\\x0a\\x9b\\u{202e}\\u{200b}é漢');
  });

  it('is JSON still', () => {
    const value = { name: '\u001b\u009b\u202e\u{e0001}"\\é' };
    const text = visibleJson(value);
    expect(JSON.parse(text)).toEqual(value);
    expect(visible(text)).toBe(text);
  });
});
