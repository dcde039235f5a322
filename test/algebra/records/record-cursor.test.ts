import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BatchBuilder } from '#src/algebra/records/batch-builder.js';
import { RecordCursor, type RecordPart } from '#src/algebra/records/record-cursor.js';
import { createBufferPool, type RecordBatch } from '#src/format/batch.js';
import { openBytes, plainStream } from '../../streams.js';
import {
  ascendingParts,
  DEVICE_SIZE,
  expectedPieces,
  isEqual,
  learned,
  part,
  piecesOfParts,
  sectionOf,
  writeBatches,
  writeParts,
} from './parts.js';

const numRuns = process.env['SLOW'] === '1' ? 5000 : 50;
const device = new Uint8Array(DEVICE_SIZE).fill(0xaa);
const takes = fc.array(fc.oneof(fc.integer({ min: 1, max: 9000 }), fc.constant(4096)), {
  minLength: 1,
  maxLength: 9,
});

async function* flow(batches: readonly RecordBatch[]): AsyncGenerator<RecordBatch> {
  yield* batches;
}

function batchesOf(parts: readonly RecordPart[], size: number, pieces: boolean): readonly RecordBatch[] {
  const builder = new BatchBuilder({ pool: createBufferPool(size), pieces });
  for (const each of parts) builder.add(each);
  return builder.finish();
}

/** All of a stream in parts of these lengths, one after the other and over again. */
async function takeAll(
  batches: AsyncIterable<RecordBatch>,
  lengths: readonly number[],
): Promise<RecordPart[]> {
  const cursor = new RecordCursor(batches);
  const parts: RecordPart[] = [];
  while (await cursor.next()) {
    while (cursor.length > 0) {
      const { offset, length } = cursor;
      const most = lengths[parts.length % lengths.length]!;
      const taken = cursor.take(most);
      expect([taken.offset, taken.length]).toEqual([offset, Math.min(most, length)]);
      parts.push({ ...taken, bytes: taken.bytes?.slice() });
    }
    expect(cursor.offset).toBe(Infinity);
  }
  return parts;
}

describe('the parts that are taken', () => {
  it('write what the stream does, whatever their lengths', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(part(false), { maxLength: 12 }),
        fc.constantFrom(100, 5000, 1 << 20),
        takes,
        async (parts, size, lengths) => {
          const taken = await takeAll(flow(batchesOf(parts, size, false)), lengths);
          expect(isEqual(writeParts(device, taken), writeParts(device, parts))).toBe(true);
        },
      ),
      { numRuns },
    );
  });

  it('know of each piece what its batch says, and of a cut one nothing but zeros', async () => {
    await fc.assert(
      fc.asyncProperty(ascendingParts(true), takes, async (parts, lengths) => {
        const taken = await takeAll(flow(batchesOf(parts, 1 << 20, true)), lengths);
        expect(learned(piecesOfParts(parts), piecesOfParts(taken))).toEqual([]);
      }),
      { numRuns },
    );
  });

  it('keep all that is known where they end on blocks, and put together they are the same stream', async () => {
    await fc.assert(
      fc.asyncProperty(ascendingParts(true), fc.integer({ min: 1, max: 3 }), async (parts, blocks) => {
        const batches = batchesOf(parts, 1 << 20, true);
        const cursor = new RecordCursor(flow(batches));
        const builder = new BatchBuilder({ pieces: true });
        while (await cursor.next())
          while (cursor.length > 0) builder.add(cursor.take(blocks * 4096 - (cursor.offset % 4096)));
        const again = builder.finish();
        expect(again.flatMap(expectedPieces)).toEqual(batches.flatMap(expectedPieces));
        expect(isEqual(writeBatches(device, again), writeBatches(device, batches))).toBe(true);
      }),
      { numRuns },
    );
  });

  it('follow a record through the batches that it is cut into', async () => {
    const data = new Uint8Array(3 << 20).map((_, i) => i % 251);
    const { batches } = await openBytes(plainStream([{ offset: 4096, data }]));
    const taken = await takeAll(batches, [1 << 30]);
    expect(taken.length).toBeGreaterThan(1);
    const written = writeParts(new Uint8Array(4 << 20), taken).subarray(4096, 4096 + data.length);
    expect(isEqual(written, data)).toBe(true);
  });
});

describe('a whole batch', () => {
  const [batch] = batchesOf(
    [{ offset: 7, length: 3, bytes: Uint8Array.of(1, 2, 3), pieces: undefined }],
    99,
    false,
  );

  it('is taken as it is where nothing of it has been', async () => {
    const cursor = new RecordCursor(flow([batch!]));
    await cursor.next();
    expect(cursor.batchEnd).toBe(10);
    expect(cursor.takeBatch()).toBe(batch);
    expect(await cursor.next()).toBe(false);
  });

  it('is not taken once a part of it is', async () => {
    const cursor = new RecordCursor(flow([batch!]));
    await cursor.next();
    cursor.take(1);
    expect(cursor.takeBatch()).toBeUndefined();
    expect([cursor.offset, cursor.length]).toEqual([8, 2]);
  });
});

it('batches go back to their pool when they are used up, and the stream is ended when nobody wants more', async () => {
  const given: ArrayBufferLike[] = [];
  const pool = { ...createBufferPool(100), give: (buffer: ArrayBufferLike) => void given.push(buffer) };
  const builder = new BatchBuilder({ pool });
  for (const offset of [0, 1000, 2000, 3000]) builder.addData(offset, new Uint8Array(80).fill(1));
  const batches = builder.finish();
  let isEnded = false;
  const stream = async function* () {
    try {
      yield* batches;
    } finally {
      isEnded = true;
    }
  };
  const cursor = new RecordCursor(stream());
  await cursor.next();
  cursor.take();
  await cursor.next();
  expect(given).toHaveLength(1);
  await cursor.end();
  expect([given.length, isEnded]).toEqual([2, true]);
});

it('more than there is can not be taken', async () => {
  const cursor = new RecordCursor(flow([]));
  expect(await cursor.next()).toBe(false);
  expect(() => cursor.take(1)).toThrow('nothing is left');
  const short = new RecordCursor(
    flow([{ kind: 'zeros', ranges: [{ offset: 0, length: 8192 }], pieces: sectionOf(['zero']) }]),
  );
  await short.next();
  expect(() => short.take(8192)).toThrow('too few piece digests');
});
