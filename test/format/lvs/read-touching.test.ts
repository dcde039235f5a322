import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sliceStream } from '#src/algebra/slice-stream.js';
import { BatchBuilder } from '#src/algebra/records/batch-builder.js';
import { FormatError } from '#src/errors.js';
import { rangesOf, type RecordBatch } from '#src/format/batch.js';
import { readFileIndex } from '#src/format/lvs/file-index.js';
import { readTouching } from '#src/format/lvs/read-touching.js';
import type { Range } from '#src/ranges/range.js';
import { ascendingParts, DEVICE_SIZE, expectedPieces } from '../../algebra/records/parts.js';
import { batchOf, codec, lvsFile, openBytes, plainStream } from '../../streams.js';
import { packStream } from '#src/algebra/pack-stream.js';

const numRuns = process.env['SLOW'] === '1' ? 5_000 : 50;

/** A file that counts what is read of it. */
function countingFile(bytes: Uint8Array) {
  const file = {
    size: bytes.length,
    read: 0,
    readAt: async (target: Uint8Array, position: number) => {
      target.set(bytes.subarray(position, position + target.length));
      file.read += target.length;
    },
  };
  return file;
}

async function collect(batches: AsyncIterable<RecordBatch>): Promise<RecordBatch[]> {
  const all: RecordBatch[] = [];
  for await (const batch of batches) all.push(batch);
  return all;
}

/** What is written, byte by byte, and what is known of pieces. */
function meaning(batches: readonly RecordBatch[]) {
  const bytes = new Map<number, number>();
  for (const batch of batches)
    for (const [i, { offset, length }] of rangesOf(batch).entries())
      for (let n = 0; n < length; n++)
        bytes.set(offset + n, batch.kind === 'data' ? batch.bytes[batch.positions[i]! + n]! : 0);
  const pieces = batches.flatMap(expectedPieces).filter(({ expected }) => expected !== 'unknown');
  return { bytes: [...bytes], pieces };
}

async function sliceByIndex(bytes: Uint8Array, ranges: readonly Range[], pieces: boolean) {
  const file = countingFile(bytes);
  const index = await readFileIndex(file, codec);
  const batches = await collect(sliceStream(readTouching(file, index, ranges, codec), ranges, { pieces }));
  return { batches, read: file.read };
}

const range = fc
  .tuple(fc.nat(DEVICE_SIZE - 1), fc.nat(DEVICE_SIZE - 1))
  .map(([a, b]) => ({ offset: Math.min(a, b), length: Math.abs(a - b) + 1 }));

describe('reading the frames that touch ranges', () => {
  it.each([true, false])('gives the slice that reading all gives, with pieces: %s', async (hasPieces) => {
    await fc.assert(
      fc.asyncProperty(ascendingParts(hasPieces), range, async (parts, cut) => {
        const frames = parts.flatMap((part) => {
          const builder = new BatchBuilder({ pieces: hasPieces });
          builder.add(part);
          return builder.finish();
        });
        const file = await lvsFile(frames, { order: 'sorted', baseDigests: hasPieces || undefined });
        const whole = await collect(
          sliceStream((await openBytes(file)).batches, [cut], { pieces: hasPieces }),
        );
        const { batches } = await sliceByIndex(file, [cut], hasPieces);
        expect(meaning(batches)).toEqual(meaning(whole));
      }),
      { numRuns },
    );
  });

  it('follows a record from where it begins', async () => {
    const data = new Uint8Array(5 << 20).map((_, i) => i % 251);
    const plain = await openBytes(plainStream([{ offset: 512, data }]));
    const parts: Uint8Array[] = [];
    const sink = { write: async (bytes: Uint8Array) => void parts.push(bytes.slice()) };
    await packStream(plain, sink, codec, { generator: 'test', time: 1 });
    const at = { offset: 4 << 20, length: 1000 };
    const { batches } = await sliceByIndex(Buffer.concat(parts), [at], false);
    const expected = data.subarray(at.offset - 512, at.offset - 512 + at.length);
    expect(batches.map(rangesOf)).toEqual([[at]]);
    expect(Buffer.compare(Buffer.from(meaning(batches).bytes.map(([, byte]) => byte)), expected)).toBe(0);
  });

  it('reads no more than that', async () => {
    const batches = Array.from({ length: 200 }, (_, i) =>
      batchOf([{ offset: i << 16, data: randomBytes(1 << 16) }]),
    );
    const file = await lvsFile(batches, { order: 'sorted' });
    const { read } = await sliceByIndex(file, [{ offset: 100 << 16, length: 2 << 16 }], false);
    expect(file.length).toBeGreaterThan(200 << 15);
    const listed = 220 * 64;
    expect(read).toBeLessThan((3 << 16) + listed);
  });

  it('notices a flipped bit in what it reads', async () => {
    const batches = [0, 1, 2].map((i) =>
      batchOf([{ offset: i * 4096, data: new Uint8Array(4096).fill(i + 1) }]),
    );
    const file = await lvsFile(batches, { order: 'sorted' });
    const ranges = [{ offset: 4096, length: 4096 }];
    const sound = meaning((await sliceByIndex(file, ranges, false)).batches);
    let faults = 0;
    for (let at = 0; at < file.length; at++) {
      const damaged = file.slice();
      damaged[at]! ^= 1 << (at % 8);
      try {
        expect(meaning((await sliceByIndex(damaged, ranges, false)).batches)).toEqual(sound);
      } catch (error) {
        if (!(error instanceof FormatError)) throw error;
        faults++;
      }
    }
    expect(faults).toBeGreaterThan(file.length / 2);
  });
});
