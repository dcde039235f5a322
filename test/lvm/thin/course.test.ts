import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { memoryReader } from '../thick/cow-model.js';
import { type Entry, MetadataBuilder, packMapping } from './metadata-builder.js';
import type { Mappings } from './thin-tools.js';
import { type CourseEnd, rangesOfCourse } from '#src/lvm/thin/thin-course.js';
import { openThinMetadata } from '#src/lvm/thin/thin-metadata.js';

const numRuns = process.env['SLOW'] === '1' ? 2000 : 100;
const CHUNK = 65536;
const BLOCKS = 12;
/** Volumes end at sectors, also inside chunks. */
const volumeSize = fc.integer({ min: 1, max: (BLOCKS * CHUNK) / 512 }).map((sectors) => sectors * 512);
const mapping = fc.dictionary(fc.nat(BLOCKS + 2).map(String), fc.nat(3));
const asMappings = (blocks: Readonly<Record<string, number>>): ReadonlyMap<number, number> =>
  new Map(Object.entries(blocks).map(([block, data]) => [Number(block), data]));

function poolOf(mappings: Mappings) {
  const builder = new MetadataBuilder();
  const roots = [...mappings].map(([id, blocks]): [number, number] => {
    const entries = [...blocks].sort(([a], [b]) => a - b);
    return [
      id,
      builder.tree(
        entries.map(([key, data]): Entry => [key, packMapping(data, 1)]),
        4,
      ),
    ];
  });
  return openThinMetadata(memoryReader(builder.image(new Map(roots))));
}

/** What a sector of a volume shows: the data block, what lies below it, zeros, or nothing that is known of it. */
function shownAt(blocks: ReadonlyMap<number, number>, size: number, offset: number, below: string): string {
  if (offset >= size) return 'unknown';
  const data = blocks.get(Math.floor(offset / CHUNK));
  return data === undefined ? below : `data ${data}`;
}

describe('the ranges of a course', () => {
  it('cover all that may differ, in order, inside the volume, and call zeros what is zeros', () => {
    const ends = fc.record({
      from: mapping,
      to: mapping,
      fromSize: fc.option(volumeSize),
      toSize: volumeSize,
    });
    fc.assert(
      fc.property(ends, fc.boolean(), ({ from, to, fromSize, toSize }, unmappedIsZero) => {
        const blocks = [asMappings(from), asMappings(to)] as const;
        const pool = poolOf(
          new Map([
            [1, blocks[0]],
            [2, blocks[1]],
          ]),
        );
        const fromEnd: CourseEnd | undefined = fromSize === null ? undefined : { id: 1, size: fromSize };
        const course = { poolUuid: '', from: fromEnd, to: { id: 2, size: toSize }, unmappedIsZero };
        const changes = [...rangesOfCourse(pool, course)];
        let end = 0;
        for (const { offset, length } of changes) {
          expect(offset).toBeGreaterThanOrEqual(end);
          expect(length).toBeGreaterThan(0);
          end = offset + length;
        }
        expect(end).toBeLessThanOrEqual(toSize);
        const below = unmappedIsZero ? 'zeros' : 'external';
        for (let sector = 0; sector < toSize; sector += 512) {
          const before = shownAt(blocks[0], fromSize ?? 0, sector, below);
          const after = shownAt(blocks[1], toSize, sector, below);
          const change = changes.find(({ offset, length }) => sector >= offset && sector < offset + length);
          expect(change !== undefined).toBe(before !== after);
          if (change?.unmapped === true) expect(after).toBe('zeros');
        }
      }),
      { numRuns },
    );
  });

  it('between a volume and its external origin are what the volume maps, read from either', () => {
    const pool = poolOf(new Map([[1, asMappings({ 2: 7, 3: 8, 9: 9 })]]));
    const inside = { id: 1, size: 10 * CHUNK };
    const outside = { id: undefined, size: 10 * CHUNK };
    const wanted = [
      { offset: 2 * CHUNK, length: 2 * CHUNK, unmapped: false },
      { offset: 9 * CHUNK, length: CHUNK, unmapped: false },
    ];
    for (const [from, to] of [
      [inside, outside],
      [outside, inside],
    ] as const)
      expect([...rangesOfCourse(pool, { poolUuid: '', from, to, unmappedIsZero: false })]).toEqual(wanted);
  });
});
