import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readPreImages } from '#src/compare/pre-images.js';
import type { RangeReader } from '#src/algebra/random-access.js';
import {
  createBufferPool,
  type DataBatch,
  dataSize,
  rangesOf,
  type RecordBatch,
  type Segments,
} from '#src/format/batch.js';
import { SegmentList } from '#src/format/segments.js';
import type { Range } from '#src/ranges/range.js';
import { BATCH_SIZE, MIN_ZERO_RUN, RECORD_HEADER_SIZE } from '#src/format/layout.js';
import { memoryDevice } from './memory-device.js';

const COUNT = 300_000;
const MOST_IN_A_BATCH = BATCH_SIZE / (RECORD_HEADER_SIZE + 1);

function segmentsOf(ranges: readonly Range[]): Segments {
  const list = new SegmentList();
  for (const { offset, length } of ranges) list.push(offset, length, 0);
  return list.toSegments();
}

/** `data` undefined: zeros. */
interface Piece extends Range {
  readonly data: Uint8Array | undefined;
}

function dataOf(batch: DataBatch, segment: number, length: number): Uint8Array {
  const at = batch.positions[segment]!;
  return batch.bytes.slice(at, at + length);
}

function* allocatedIn({ offset, length }: Range, isData: readonly boolean[], unit: number): Generator<Range> {
  for (const [i, holds] of isData.entries()) {
    const start = Math.max(offset, i * unit);
    const end = Math.min(offset + length, (i + 1) * unit);
    if (holds && end > start) yield { offset: start, length: end - start };
  }
}

/** Of one range: the holes in it that are long enough, and the data between them. */
function expected(
  { offset, length }: Range,
  bytes: Uint8Array,
  isData: readonly boolean[],
  unit: number,
  knowsHoles: boolean,
): Piece[] {
  const end = offset + length;
  const holds = (at: number) => isData[Math.floor(at / unit)] === true;
  const bounds = [offset, ...isData.map((_, i) => i * unit).filter((at) => at > offset && at < end), end];
  const runs: { start: number; end: number; isHole: boolean }[] = [];
  for (const [i, start] of bounds.slice(0, -1).entries()) {
    const last = runs.at(-1);
    if (last && last.isHole === !holds(start)) last.end = bounds[i + 1]!;
    else runs.push({ start, end: bounds[i + 1]!, isHole: !holds(start) });
  }
  return runs.map(({ start, end: stop, isHole }) => {
    const isLong = knowsHoles && isHole && stop - start >= MIN_ZERO_RUN;
    return { offset: start, length: stop - start, data: isLong ? undefined : bytes.slice(start, stop) };
  });
}

/** How they are cut into records does not matter. */
function joined(pieces: readonly Piece[]): { at: number; end: number; isZeros: boolean; sum: number }[] {
  const all: { at: number; end: number; isZeros: boolean; sum: number }[] = [];
  for (const { offset, length, data } of pieces) {
    const last = all.at(-1);
    const sum = (data ?? new Uint8Array(0)).reduce((total, byte, i) => total + byte * ((offset + i) % 97), 0);
    const isZeros = data === undefined;
    if (last?.end === offset && last.isZeros === isZeros) {
      last.end += length;
      last.sum += sum;
    } else all.push({ at: offset, end: offset + length, isZeros, sum });
  }
  return all;
}

describe('pre-images', () => {
  it('hold one batch of ranges at a time, however many there are', async () => {
    let taken = 0;
    const plain = memoryDevice(new Uint8Array(2 * COUNT));
    const device: RangeReader = {
      ...plain,
      readSegments: (segments, from, to, target) => {
        taken += to - from;
        return plain.readSegments(segments, from, to, target);
      },
    };
    const ranges = [...Array(COUNT).keys()].map((i) => ({ offset: 2 * i, length: 1 }));
    const images = readPreImages(segmentsOf(ranges), device, createBufferPool());
    let saved = 0;
    for await (const image of images) {
      saved += dataSize(image);
      expect(taken - saved).toBeLessThan(MOST_IN_A_BATCH);
    }
    expect(saved).toBe(COUNT);
  });

  it('are what the device holds, zeros where it has holes of 128 KiB and more, and nothing else', async () => {
    const unit = MIN_ZERO_RUN / 4;
    const units = 40;
    const range = fc
      .tuple(fc.nat(units - 1), fc.integer({ min: 1, max: units }), fc.nat(1))
      .map(([start, count, more]) => ({
        offset: start * unit + more,
        length: Math.min(count, units - start) * unit - more,
      }));
    await fc.assert(
      fc.asyncProperty(
        fc.array(range, { maxLength: 3 }),
        fc.array(fc.boolean(), { minLength: units, maxLength: units }),
        fc.boolean(),
        async (ranges, isData, knowsHoles) => {
          const bytes = new Uint8Array(units * unit);
          for (const [i, holds] of isData.entries()) if (holds) bytes.fill(i + 1, i * unit, (i + 1) * unit);
          const allocated = (asked: Range) => allocatedIn(asked, isData, unit);
          const device = { ...memoryDevice(bytes), ...(knowsHoles ? { allocated } : {}) };
          const saved: Piece[] = [];
          for await (const image of readPreImages(segmentsOf(ranges), device, createBufferPool()))
            for (const [i, { offset, length }] of rangesOf(image).entries())
              saved.push({
                offset,
                length,
                data: image.kind === 'data' ? dataOf(image, i, length) : undefined,
              });
          expect(joined(saved)).toEqual(
            joined(ranges.flatMap((each) => expected(each, bytes, isData, unit, knowsHoles))),
          );
        },
      ),
      { numRuns: 60 },
    );
  });

  it('are zeros where the device has long holes, those that touch as one', async () => {
    const ranges = [0, 1, 3].map((i) => ({ offset: i * MIN_ZERO_RUN, length: MIN_ZERO_RUN }));
    const device = { ...memoryDevice(new Uint8Array(4 * MIN_ZERO_RUN)), allocated: () => [] };
    const images: RecordBatch[] = [];
    for await (const image of readPreImages(segmentsOf(ranges), device, createBufferPool()))
      images.push(image);
    expect(images).toEqual([
      {
        kind: 'zeros',
        ranges: [
          { offset: 0, length: 2 * MIN_ZERO_RUN },
          { offset: 3 * MIN_ZERO_RUN, length: MIN_ZERO_RUN },
        ],
      },
    ]);
  });
});
