import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatBorg, formatRbd, writeChangeList, type ListFormat } from '#src/changes/change-lists.js';
import type { Changes } from '#src/changes/changes.js';
import type { Range } from '#src/ranges/range.js';

/** The lists that other backup tools take: what they do not call changed is what they do not read. */

const SIZE = 64;
const numRuns = process.env['SLOW'] === '1' ? 10_000 : 200;

/** Ascending ranges, which may touch, on a device that may grow or shrink. */
const history = fc.record({
  ranges: fc
    .array(fc.record({ gap: fc.nat(6), length: fc.integer({ min: 1, max: 9 }) }), { maxLength: 8 })
    .map((steps) => {
      const ranges: Range[] = [];
      let end = 0;
      for (const { gap, length } of steps) {
        ranges.push({ offset: end + gap, length });
        end += gap + length;
      }
      return ranges;
    }),
  baseSize: fc.option(fc.integer({ min: 1, max: SIZE }), { nil: undefined }),
  resultSize: fc.integer({ min: 1, max: SIZE }),
});

interface History {
  readonly ranges: readonly Range[];
  readonly baseSize?: number | undefined;
  readonly resultSize: number;
}

async function listed({ ranges, ...sizes }: History, format: ListFormat) {
  const changes: Changes = {
    ...{ ...sizes, exhaustive: true, chunkSize: 1, origin: {} },
    ranges: () => ranges,
    batches: async function* () {
      yield* [];
    },
    conclude: () => ({ consistent: true }),
  };
  let text = '';
  const sink = { write: async (bytes: Uint8Array) => void (text += Buffer.from(bytes).toString()) };
  return { totals: await writeChangeList(changes, format, sink), text };
}

/** Every byte that has to be read: changed, or not there before. */
function changedBytes({ ranges, baseSize, resultSize }: History): boolean[] {
  const changed = Array.from({ length: resultSize }, (_, at) => at >= (baseSize ?? resultSize));
  for (const { offset, length } of ranges)
    for (let at = offset; at < Math.min(offset + length, resultSize); at++) changed[at] = true;
  return changed;
}

describe('for borg', () => {
  it('lines that touch, from 0 to the size, whose data is what changed', async () => {
    await fc.assert(
      fc.asyncProperty(history, async (given) => {
        const { text, totals } = await listed(given, 'borg');
        const bytes: boolean[] = [];
        for (const line of text.trimEnd().split('\n')) {
          const [, start, length, state] = /^(\d+) ([1-9]\d*) (data|same)$/.exec(line)!;
          expect(Number(start)).toBe(bytes.length);
          bytes.push(...new Array<boolean>(Number(length)).fill(state === 'data'));
        }
        expect(bytes).toEqual(changedBytes(given));
        expect(totals.data).toBe(bytes.filter(Boolean).length);
        expect(totals.size).toBe(text.length);
      }),
      { numRuns },
    );
  });

  it('reads like the example of its format', async () => {
    const given = { ranges: [{ offset: 4096, length: 8192 }], resultSize: 65536 };
    expect((await listed(given, 'borg')).text).toBe('0 4096 same\n4096 8192 data\n12288 53248 same\n');
  });
});

describe('as rbd diff prints it', () => {
  it('objects that ascend and do not touch, of what changed', async () => {
    await fc.assert(
      fc.asyncProperty(history, async (given) => {
        const found = JSON.parse((await listed(given, 'rbd-json')).text) as (Range & { exists: string })[];
        const bytes = new Array<boolean>(given.resultSize).fill(false);
        let end = -1;
        for (const { offset, length, exists } of found) {
          expect([offset > end, exists]).toEqual([true, 'true']);
          end = offset + length;
          bytes.fill(true, offset, end);
        }
        expect(bytes).toEqual(changedBytes(given));
      }),
      { numRuns },
    );
  });

  it('is an empty list where nothing changed', async () => {
    expect([...formatRbd([])].join('')).toBe('[]\n');
    expect([...formatBorg([], 4096)].join('')).toBe('0 4096 same\n');
  });
});

it('a long list is written in parts', async () => {
  const ranges = Array.from({ length: 20_000 }, (_, i) => ({ offset: i * 8192, length: 4096 }));
  const { text, totals } = await listed({ ranges, resultSize: 20_000 * 8192 }, 'rbd-json');
  expect((JSON.parse(text) as Range[]).length).toBe(20_000);
  expect(totals).toMatchObject({ runs: 20_000, data: 20_000 * 4096 });
});
