import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { imageDifference } from '#src/changes/image-difference.js';
import type { RangeReader } from '#src/algebra/random-access.js';
import type { Range } from '#src/ranges/range.js';
import { apply, coalesced, collect } from '../algebra/small-streams.js';
import { memoryDevice, readingDevice } from '../compare/memory-device.js';

/** The laws of section 7 of the difference of two devices, on devices of a few blocks of 8 bytes. */

const numRuns = process.env['SLOW'] === '1' ? 10_000 : 200;
const BLOCK = 8;

/** A device of a few blocks, of which the last may be cut: each holes, or data that is often the same. */
const images = fc
  .tuple(fc.array(fc.constantFrom(-1, 0, 1, 2), { maxLength: 12 }), fc.nat(BLOCK - 1))
  .map(([blocks, cut]) => ({ blocks, size: Math.max(0, blocks.length * BLOCK - cut) }));
type Image = typeof images extends fc.Arbitrary<infer T> ? T : never;

const bytesOf = ({ blocks, size }: Image): Uint8Array =>
  Uint8Array.from(
    { length: size },
    (_, i) => Math.max(0, blocks[Math.floor(i / BLOCK)]!) * ((i % BLOCK) + 1),
  );

/** The device, which fails where it is read in a hole; `read` are the ranges that were read. */
function sparse(image: Image): RangeReader & { readonly read: Range[] } {
  const read: Range[] = [];
  const bytes = bytesOf(image);
  const isHole = (at: number) => image.blocks[Math.floor(at / BLOCK)] === -1;
  const device = readingDevice(bytes.length, 'sparse', (target, offset) => {
    read.push({ offset, length: target.length });
    for (let at = offset; at < offset + target.length; at++)
      if (isHole(at)) throw new Error(`byte ${at} is a hole`);
    target.set(bytes.subarray(offset, offset + target.length));
  });
  return {
    ...device,
    read,
    *allocated({ offset, length }) {
      for (let at = offset, end = offset + length; at < end;) {
        const next = Math.min(end, (Math.floor(at / BLOCK) + 1) * BLOCK);
        if (!isHole(at)) yield { offset: at, length: next - at };
        at = next;
      }
    },
  };
}

const blockSizes = fc.constantFrom(4, 8, 16, 24);
const difference = (x: RangeReader, y: RangeReader, blockSize: number) =>
  collect(imageDifference(x, y, { blockSize }).batches());

/** The device as long as the other one. */
const resized = (bytes: Uint8Array, size: number): Uint8Array => {
  const result = new Uint8Array(size);
  result.set(bytes.subarray(0, size));
  return result;
};

describe('laws', () => {
  it('apply(diff(x, y), x) = y', async () => {
    await fc.assert(
      fc.asyncProperty(images, images, blockSizes, async (x, y, blockSize) => {
        const batches = await difference(sparse(x), memoryDevice(bytesOf(y)), blockSize);
        expect(apply(batches, resized(bytesOf(x), y.size))).toEqual(bytesOf(y));
      }),
      { numRuns },
    );
  });

  it('diff(x, y) writes no block that is equal, each byte once, and all behind the end of x', async () => {
    await fc.assert(
      fc.asyncProperty(images, images, blockSizes, async (x, y, blockSize) => {
        const written = new Set(
          coalesced(await difference(memoryDevice(bytesOf(x)), memoryDevice(bytesOf(y)), blockSize)).map(
            ([at]) => at,
          ),
        );
        const [old, now] = [bytesOf(x), bytesOf(y)];
        const common = Math.min(x.size, y.size);
        for (let start = 0; start < y.size; start += blockSize) {
          const end = Math.min(start + blockSize, common);
          const isEqual =
            end <= start || Buffer.compare(old.subarray(start, end), now.subarray(start, end)) === 0;
          for (let at = start; at < Math.min(start + blockSize, y.size); at++)
            expect(written.has(at)).toBe(at >= common || !isEqual);
        }
      }),
      { numRuns },
    );
  });

  it('diff(x, x) = ∅', async () => {
    await fc.assert(
      fc.asyncProperty(images, async (x) => {
        expect(await difference(sparse(x), memoryDevice(bytesOf(x)), BLOCK)).toEqual([]);
      }),
      { numRuns },
    );
  });

  it('what is read lies in the ranges, each byte once', async () => {
    await fc.assert(
      fc.asyncProperty(images, images, blockSizes, async (x, y, blockSize) => {
        const [old, now] = [sparse({ ...x, blocks: x.blocks }), sparse(y)];
        const { size } = old;
        const isTail = y.size > size && y.blocks.some((block, i) => block === -1 && (i + 1) * BLOCK > size);
        if (isTail) return;
        const changes = imageDifference(old, now, { blockSize });
        const listed = [...changes.ranges()];
        await collect(changes.batches());
        const isListed = ({ offset, length }: Range) =>
          listed.some((range) => range.offset <= offset && offset + length <= range.offset + range.length);
        for (const device of [old, now]) {
          let end = 0;
          for (const range of device.read) {
            expect([range.offset >= end, isListed(range)]).toEqual([true, true]);
            end = range.offset + range.length;
          }
        }
      }),
      { numRuns },
    );
  });
});
