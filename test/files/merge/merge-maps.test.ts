import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mergeRanges } from '#src/ranges/merge-ranges.js';
import { RangeList } from '#src/ranges/range-list.js';
import { RefusedError } from '#src/errors.js';
import { refuseNotConsecutive } from '#src/algebra/consecutive.js';
import { writeDerived } from '#src/algebra/derived-stream.js';
import { mergeMaps, type MergeableMap } from '#src/files/merge/merge-maps.js';
import type { StreamHeader } from '#src/format/lvs/maps/header.js';
import { decode } from '../../reference/decoder.js';
import { codec } from '../../streams.js';

/** A few blocks are the device, so that ends and ranges meet. */

const BLOCK = 4096;
const BLOCKS = 12;
const numRuns = process.env['SLOW'] === undefined ? 300 : 30_000;

interface Listed {
  readonly blocks: readonly number[];
  readonly baseSize: number | undefined;
  readonly resultSize: number | undefined;
}

function mapOf({ blocks, baseSize, resultSize }: Listed, header: Partial<StreamHeader> = {}): MergeableMap {
  const sorted = [...new Set(blocks)].sort((a, b) => a - b);
  const listed = sorted.map((block) => ({ offset: block * BLOCK, length: BLOCK }));
  const ranges = RangeList.from(mergeRanges(listed));
  const totals = {
    size: 17,
    records: 0,
    runs: ranges.count,
    data: ranges.size,
    zeros: 0,
    low: 0,
    high: ranges.end,
  };
  const inBytes = (size: number | undefined) => size && size * BLOCK;
  return {
    header: {
      ...{ kind: 'map', requires: [], order: 'sorted', ...header },
      ...{ baseSize: inBytes(baseSize), resultSize: inBytes(resultSize) },
    } as MergeableMap['header'],
    name: 'map',
    ends: {},
    closing: { ...totals, digest: new Uint8Array(32) },
    ranges,
  };
}

/** The blocks that the merged map lists. */
async function merge(maps: readonly MergeableMap[]): Promise<Set<number>> {
  const parts: Uint8Array[] = [];
  const sink = { write: async (bytes: Uint8Array) => void parts.push(bytes.slice()) };
  refuseNotConsecutive(maps);
  const merged = mergeMaps(maps, { id: new Uint8Array(16), generator: 'test', time: 0 });
  await writeDerived(merged, sink, codec);
  const ranges = decode(Buffer.concat(parts)).ranges;
  return new Set(
    ranges.flatMap(([offset, length]) =>
      Array.from({ length: length / BLOCK }, (_, index) => offset / BLOCK + index),
    ),
  );
}

const size = fc.integer({ min: 1, max: BLOCKS });
const blocksBelow = (end: number) => fc.array(fc.nat(end - 1), { maxLength: 6 });

/** Maps of one device through its sizes, some of which a map does not tell. */
const history = fc
  .array(fc.tuple(size, fc.boolean(), fc.boolean()), { minLength: 2, maxLength: 5 })
  .chain((ends) =>
    fc.tuple(
      ...ends.slice(1).map(([end, , tellsEnd], index) => {
        const [begin, tellsBegin] = ends[index]!;
        const told = [...(tellsBegin ? [begin] : []), ...(tellsEnd ? [end] : [])];
        return blocksBelow(Math.max(...(told.length > 0 ? told : [begin, end]))).map((blocks) => ({
          listed: {
            blocks,
            baseSize: tellsBegin ? begin : undefined,
            resultSize: tellsEnd ? end : undefined,
          },
          end,
        }));
      }),
    ),
  );

const anyMap: fc.Arbitrary<Listed> = fc
  .record({ baseSize: fc.option(size, { nil: undefined }), resultSize: fc.option(size, { nil: undefined }) })
  .chain((sizes) => {
    const known = [sizes.baseSize, sizes.resultSize].filter((each) => each !== undefined);
    const end = known.length === 0 ? BLOCKS : Math.max(...known);
    return blocksBelow(end).map((blocks) => ({ ...sizes, blocks }));
  });

/** Whether the maps from this one on say themselves that the device ended before the block. */
const isCutOff = (maps: readonly Listed[], block: number): boolean =>
  maps.some(
    ({ blocks, baseSize, resultSize }, index) =>
      resultSize !== undefined &&
      resultSize <= block &&
      ((baseSize !== undefined && baseSize > block) || (index === 0 && blocks.includes(block))),
  );

describe('a merge of maps', () => {
  it('of one device that tell their sizes lists all that changed of what there is at the end', async () => {
    await fc.assert(
      fc.asyncProperty(history, async (steps) => {
        const isTold = steps.every(
          ({ listed }) => listed.baseSize !== undefined && listed.resultSize !== undefined,
        );
        const merged = merge(steps.map(({ listed }) => mapOf(listed)));
        if (!isTold) {
          await merged.catch((error: unknown) => {
            expect(error).toBeInstanceOf(RefusedError);
          });
          return;
        }
        const { end } = steps.at(-1)!;
        const all = new Set(steps.flatMap(({ listed }) => listed.blocks));
        expect(await merged).toEqual(new Set([...all].filter((block) => block < end).sort((a, b) => a - b)));
      }),
      { numRuns },
    );
  });

  it('of any maps loses no range but behind an end that one of them tells, and never joins two sizes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyMap, { minLength: 1, maxLength: 4 }), async (maps) => {
        const merged = await merge(maps.map((map) => mapOf(map))).catch((error: unknown) => {
          expect(error).toBeInstanceOf(RefusedError);
        });
        if (merged === undefined) return;
        for (const [index, { blocks }] of maps.entries()) {
          const lost = blocks.filter((block) => !merged.has(block) && !isCutOff(maps.slice(index), block));
          expect(lost).toEqual([]);
        }
        const joints = maps.slice(1).map(({ baseSize }, index) => [maps[index]!.resultSize, baseSize]);
        const told = joints.filter((joint) => !joint.includes(undefined));
        expect(told.filter(([before, after]) => before !== after)).toEqual([]);
      }),
      { numRuns },
    );
  });
});
