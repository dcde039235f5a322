import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  applyRecords,
  collect,
  exceptionByte,
  joinedRanges,
  memoryReader,
  naiveRanges,
  putHeader,
  simulate,
  type Simulation,
  storeOf,
} from './cow-model.js';
import { readCapture, readManifest } from '../../captures.js';
import { LvmError } from '#src/errors.js';
import { createBufferPool, releaseBatch } from '#src/format/batch.js';
import { type ChangedChunks, changedRanges, readChangedChunks } from '#src/lvm/thick/changed-chunks.js';
import { type ExceptionPart, loadExceptions } from '#src/lvm/thick/exception-part.js';
import { createSnapshotView } from '#src/lvm/thick/snapshot-view.js';
import { dumpChanges, dumpSnapshotData, readThickSnapshot } from '#src/lvm/thick/thick-dump.js';

const numRuns = process.env['SLOW'] === '1' ? 10_000 : 100;
const chunkSize = 512;
const originSize = 100 * chunkSize - 100;

const read = (cow: Buffer, size = originSize): ChangedChunks =>
  readChangedChunks(memoryReader(cow, '/dev/vg/snap-cow'), size);

const failure = (action: () => unknown): LvmError => {
  try {
    action();
  } catch (error) {
    if (error instanceof LvmError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
};

/** Exceptions 0 to `count` - 1 as the kernel numbers them. */
const listOf = (count: number): [number, number][] =>
  Array.from({ length: count }, (_, i) => [i, 2 + i + Math.floor(i / (chunkSize / 16))]);

describe('the header', () => {
  const cases: [string, Parameters<typeof putHeader>[1], string][] = [
    ['nothing at all', { magic: 0, chunkSize }, 'byte 0: not an exception store: its header is blank'],
    [
      'another magic number',
      { magic: 0x12345, chunkSize },
      'byte 0: not an exception store: its magic number is 0x00012345',
    ],
    ['an overflowed snapshot', { valid: 0, chunkSize }, 'byte 4: the snapshot is invalid'],
    ['a flag that nobody writes', { valid: 3, chunkSize }, 'byte 4: the valid flag is 3'],
    ['another version', { version: 2, chunkSize }, 'byte 8: exception store of version 2'],
    ['chunks of nothing', { chunkSize: 0 }, 'byte 12: absurd chunk size of 0 sectors'],
    ['chunks of three sectors', { chunkSize: 1536 }, 'byte 12: absurd chunk size of 3 sectors'],
    ['chunks of 2 GiB', { chunkSize: 2 ** 31 }, 'byte 12: absurd chunk size of 4194304 sectors'],
  ];

  it.each(cases)('refuses %s', (_, fields, message) => {
    const cow = storeOf(chunkSize, 40, []);
    putHeader(cow, fields);
    const error = failure(() => read(cow));
    expect(error.message).toContain(`/dev/vg/snap-cow: ${message}`);
    expect(error.hint).toMatch(/\w+/);
  });

  it('refuses a device too short for one', () => {
    expect(failure(() => read(Buffer.alloc(7))).message).toContain(
      'byte 0: not an exception store: only 7 bytes',
    );
  });

  it('does not allocate what an absurd chunk size asks for', () => {
    const cow = storeOf(chunkSize, 40, []);
    putHeader(cow, { chunkSize: 2 ** 30 });
    expect(failure(() => read(cow)).message).toContain(
      `byte ${2 ** 30}: the exception list runs past the end`,
    );
  });
});

describe('the list', () => {
  const refused = (list: [number, number][], chunks = 40): string =>
    failure(() => read(storeOf(chunkSize, chunks, list))).message;

  it('may be empty, or fill areas exactly', () => {
    expect(read(storeOf(chunkSize, 2, [])).count).toBe(0);
    expect(read(storeOf(chunkSize, 36, listOf(32))).count).toBe(32);
    expect(read(storeOf(chunkSize, 70, listOf(64))).count).toBe(64);
  });

  it('is refused where it runs past the end of the device', () => {
    expect(refused(listOf(32), 34)).toContain(`byte ${34 * chunkSize}: the exception list runs past the end`);
    expect(refused([], 1)).toContain(`byte ${chunkSize}: the exception list runs past the end`);
  });

  it('is refused where a new chunk holds no data', () => {
    expect(
      refused([
        [0, 2],
        [1, 1],
      ]),
    ).toContain(`byte ${chunkSize + 24}: new chunk 1 is no data chunk: it holds metadata`);
    expect(refused([[0, 34]])).toContain('new chunk 34 is no data chunk: it holds metadata');
    expect(refused([[0, 40]])).toContain(
      'new chunk 40 is no data chunk: it lies past the end of the device (40 chunks)',
    );
    expect(refused([[0, 2 ** 60]])).toContain('new chunk 2^53 or more is no data chunk');
  });

  it('is refused where a new chunk is used twice', () => {
    expect(
      refused([
        [0, 3],
        [1, 2],
        [2, 3],
      ]),
    ).toContain(`byte ${chunkSize + 40}: new chunk 3 is used by two exceptions`);
  });

  it('may use new chunks in any order', () => {
    const cow = storeOf(chunkSize, 40, [
      [0, 3],
      [1, 2],
      [2, 5],
    ]);
    const changed = read(cow);
    const [{ oldChunks, newChunks }] = changed.chunks
      .partition(3)
      .map((part) => loadExceptions(changed, part)) as [ExceptionPart];
    expect([Array.from(oldChunks), Array.from(newChunks)]).toEqual([
      [0, 1, 2],
      [3, 2, 5],
    ]);
  });

  it('is refused where an origin chunk is listed twice, at the second', () => {
    const list = listOf(40);
    list[35]![0] = 7;
    expect(refused(list, 80)).toContain(
      `byte ${exceptionByte(chunkSize, 35)}: origin chunk 7 is listed twice`,
    );
  });

  it('is refused where an origin chunk lies past the end of the origin', () => {
    expect(read(storeOf(chunkSize, 40, [[99, 2]])).count).toBe(1);
    const message = `byte ${chunkSize}: origin chunk 100 lies past the end of the origin (100 chunks)`;
    expect(refused([[100, 2]])).toContain(message);
    expect(refused([[2 ** 60, 2]])).toContain('origin chunk 2^53 or more lies past the end');
  });

  it('is refused where an exception lost its new chunk', () => {
    expect(
      refused([
        [5, 2],
        [9, 0],
      ]),
    ).toContain(`byte ${chunkSize + 16}: exception of origin chunk 9 has no new chunk`);
  });

  it('is not read behind its end marker, in the same area or later', () => {
    const cow = storeOf(chunkSize, 40, [
      [5, 2],
      [0, 0],
      [5, 2],
      [7, 1],
    ]);
    expect(read(cow).count).toBe(1);
  });
});

describe('a generated snapshot', () => {
  const scenario = fc.record({
    size: fc.integer({ min: 1, max: 90 * chunkSize }),
    writes: fc.array(fc.record({ chunk: fc.nat(89), fill: fc.integer({ min: 1, max: 255 }) }), {
      maxLength: 150,
    }),
    stale: fc.nat(255),
  });
  type Scenario = typeof scenario extends fc.Arbitrary<infer T> ? T : never;
  const run = ({ size, writes, stale }: Scenario): Simulation => {
    const snapshot = Buffer.from(Array.from({ length: size }, (_, i) => (i * 7 + (i >> 9)) & 0xff));
    const inside = writes.filter(({ chunk }) => chunk * chunkSize < size);
    return simulate(snapshot, chunkSize, inside, stale);
  };

  it('is dumped both ways as the model has it', async () => {
    await fc.assert(
      fc.asyncProperty(scenario, async (given) => {
        const { cow, origin, snapshot, exceptions } = run(given);
        const thick = readThickSnapshot(memoryReader(cow), memoryReader(origin));
        const oldChunks = exceptions.map(([oldChunk]) => oldChunk);
        const ranges = naiveRanges(oldChunks, chunkSize, origin.length);
        const changes = await collect(dumpChanges(thick));
        const undo = await collect(dumpSnapshotData(thick));
        expect(joinedRanges(changes)).toEqual(ranges);
        expect(joinedRanges(undo)).toEqual(ranges);
        expect(applyRecords(snapshot, changes).equals(origin)).toBe(true);
        expect(applyRecords(origin, undo).equals(snapshot)).toBe(true);
      }),
      { numRuns },
    );
  });

  it('can be read anywhere as the snapshot was', () => {
    const place = fc.tuple(fc.nat(), fc.nat());
    fc.assert(
      fc.property(scenario, fc.array(place, { maxLength: 20 }), (given, places) => {
        const { cow, origin, snapshot } = run(given);
        const thick = readThickSnapshot(memoryReader(cow), memoryReader(origin));
        const view = createSnapshotView(thick.changed, thick.origin);
        for (const [from, long] of places) {
          const offset = from % origin.length;
          const target = Buffer.alloc(long % (origin.length - offset + 1));
          view.readInto(target, offset);
          expect(target.equals(snapshot.subarray(offset, offset + target.length))).toBe(true);
        }
      }),
      { numRuns },
    );
  });

  it('is cut into batches of any size without a change', async () => {
    await fc.assert(
      fc.asyncProperty(scenario, fc.integer({ min: 13, max: 9000 }), async (given, size) => {
        const { cow, origin, snapshot } = run(given);
        const thick = readThickSnapshot(memoryReader(cow), memoryReader(origin));
        const batches = await collect(dumpChanges(thick, createBufferPool(size)));
        expect(applyRecords(snapshot, batches).equals(origin)).toBe(true);
        for (const batch of batches) expect(batch.bytes.length).toBeLessThanOrEqual(size);
      }),
      { numRuns },
    );
  });
});

describe('the order of chunks', () => {
  it('is ascending, with each new chunk still beside its own, up to the largest devices', () => {
    const far = fc.uniqueArray(
      fc.oneof(
        fc.nat(5000),
        fc.maxSafeNat().map((n) => n % 2 ** 43),
      ),
      { maxLength: 200 },
    );
    fc.assert(
      fc.property(far, fc.integer({ min: 1, max: 300 }), (chunks, most) => {
        const list = chunks.map((chunk, i): [number, number] => [chunk, listOf(200)[i]![1]]);
        const changed = read(storeOf(chunkSize, 300, list), 2 ** 52);
        const loaded = changed.chunks.partition(most).flatMap((part) => {
          const { oldChunks, newChunks } = loadExceptions(changed, part);
          return Array.from(oldChunks, (chunk, i) => [chunk, newChunks[i]]);
        });
        expect(loaded).toEqual([...list].sort(([a], [b]) => a - b));
      }),
      { numRuns },
    );
  });

  it('joins chunks of a long run and clips the last', () => {
    const store = read(storeOf(chunkSize, 140, listOf(100).reverse()));
    expect([...changedRanges(store, originSize)]).toEqual([{ offset: 0, length: originSize }]);
  });
});

describe('buffers', () => {
  it('are used again once released', async () => {
    const size = 4 << 20;
    const cow = storeOf(
      4096,
      1400,
      Array.from({ length: 1024 }, (_, i) => [i, 2 + i + Math.floor(i / 256)]),
    );
    const thick = readThickSnapshot(memoryReader(cow), memoryReader(Buffer.alloc(size, 5)));
    const buffers = new Set<ArrayBufferLike>();
    const lengths: number[] = [];
    for await (const batch of dumpChanges(thick)) {
      buffers.add(batch.bytes.buffer);
      lengths.push(...batch.lengths.subarray(0, batch.count));
      releaseBatch(batch);
    }
    expect(buffers.size).toBe(1);
    expect(lengths).toEqual([1044480, 1044480, 1044480, 1044480, 16384]);
  });
});

describe('a damaged copy', () => {
  const { origin_size, cow } = readManifest('c');
  const { chunk_size, exceptions } = cow;
  const image = readCapture('c', 'cow.img');

  /** What comes of reading the image with one bit turned over: an error, or the exceptions. */
  const readFlipped = (bit: number): LvmError | ChangedChunks => {
    image[bit >> 3]! ^= 1 << (bit & 7);
    try {
      return read(image, origin_size);
    } catch (error) {
      if (error instanceof LvmError) return error;
      throw error;
    } finally {
      image[bit >> 3]! ^= 1 << (bit & 7);
    }
  };

  /** Whether a kernel could have written this list: nothing shows that it is damaged. */
  const believable = (list: readonly (readonly [number, number])[]): boolean =>
    new Set(list.map(([oldChunk]) => oldChunk)).size === list.length &&
    new Set(list.map(([, newChunk]) => newChunk)).size === list.length &&
    list.every(
      ([oldChunk, newChunk]) =>
        oldChunk * chunk_size < origin_size &&
        newChunk > 1 &&
        newChunk * chunk_size < image.length &&
        newChunk % (chunk_size / 16 + 1) !== 1,
    );

  it('is noticed by any bit of its header', () => {
    for (let bit = 0; bit < 128; bit += 1) expect(readFlipped(bit)).toBeInstanceOf(LvmError);
  });

  it('is noticed by any bit of its table, or gives just what the table says', () => {
    const entries = [...exceptions, [0, 0] as const];
    entries.forEach(([oldChunk, newChunk], index) => {
      for (let bit = 0; bit < 128; bit += 1) {
        const turned = bit < 64 ? [flip(oldChunk, bit), newChunk] : [oldChunk, flip(newChunk, bit - 64)];
        const list = exceptions.toSpliced(index, 1, [turned[0]!, turned[1]!]);
        const result = readFlipped(exceptionByte(chunk_size, index) * 8 + bit);
        expect(result instanceof LvmError).toBe(!believable(list));
        if (!(result instanceof LvmError)) expect(result.count).toBe(list.length);
      }
    });
  });

  it('is harmless where nothing is looked at', () => {
    for (const byte of [16, 4095, 4096 + 16 * 66, 8191, 3 * 4096]) {
      expect(readFlipped(byte * 8)).toMatchObject({ count: exceptions.length });
    }
  });
});

/** Number arithmetic: the bit may lie above what bitwise operators reach. */
function flip(value: number, bit: number): number {
  const unit = 2 ** bit;
  return Math.floor(value / unit) % 2 === 0 ? value + unit : value - unit;
}
