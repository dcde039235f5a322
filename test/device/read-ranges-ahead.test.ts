import { createHash } from 'node:crypto';
import { setImmediate, setTimeout } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readRanges } from '#src/algebra/records/read-ranges.js';
import { type AheadReader, openDirect } from '#src/device/direct.js';
import { readRangesAhead } from '#src/device/read-ranges-ahead.js';
import { DeviceError } from '#src/errors.js';
import { createBufferPool, type DataBatch, releaseBatch } from '#src/format/batch.js';
import type { Range } from '#src/ranges/range.js';
import { attachLoop, KIB, makeFile, MIB } from './block-devices.js';
import { memoryDevice, readingDevice } from '../compare/memory-device.js';

const numRuns = process.env['SLOW'] === '1' ? 3000 : 60;
const SIZE = 3 * MIB + 512;
const content = Uint8Array.from({ length: SIZE }, (_, i) => (i ^ (i >> 9)) % 253);

/** What happened to a device that is read ahead. */
interface Watch {
  inFlight: number;
  most: number;
  /** Reads that nobody waited for meanwhile. */
  alone: number;
  readonly reads: Range[];
}

interface SlowOptions {
  /** Bytes that cannot be read, in whatever is read together with them. */
  readonly bad?: readonly number[];
  /** Milliseconds that read number n takes. */
  readonly delay?: (n: number) => number;
}

/** A device made of an array whose reads end late and out of order; it holds its readers to the contract. */
function slowDevice({ bad = [], delay = () => 0 }: SlowOptions = {}): AheadReader & { watch: Watch } {
  const watch: Watch = { inFlight: 0, most: 0, alone: 0, reads: [] };
  const plain = memoryDevice(content, 'slow');
  const check = (offset: number, length: number): void => {
    if (offset < 0 || offset + length > SIZE) throw new DeviceError(`slow: ${offset} is not inside`);
    const at = bad.find((byte) => byte >= offset && byte < offset + length);
    if (at !== undefined) throw new DeviceError(`slow: cannot be read at byte ${at}`);
  };
  const alone = readingDevice(SIZE, 'slow', (target, offset) => {
    watch.alone += 1;
    check(offset, target.length);
    plain.readInto(target, offset);
  });
  return {
    ...alone,
    watch,
    ahead: {
      unit: 4096,
      read: async (target, offset) => {
        const late = delay(watch.reads.length);
        watch.reads.push({ offset, length: target.length });
        watch.most = Math.max(watch.most, ++watch.inFlight);
        expect(target.byteOffset % 4096).toBe(0);
        expect(offset % 4096).toBe(0);
        expect(target.length % 4096 === 0 || offset + target.length === SIZE).toBe(true);
        // What comes early must not be written over by what comes late.
        plain.readInto(target, offset);
        await (late > 0 ? setTimeout(late) : setImmediate());
        watch.inFlight -= 1;
        check(offset, target.length);
      },
    },
  };
}

interface Outcome {
  readonly batches: {
    /** A digest: comparing bytes one by one takes the test runner seconds. */
    readonly bytes: string;
    readonly offsets: number[];
    readonly lengths: number[];
  }[];
  readonly error: unknown;
}

/** What comes out, and the error that it ends with; each buffer is used again at once. */
async function outcomeOf(batches: AsyncIterable<DataBatch>): Promise<Outcome> {
  const seen: Outcome['batches'] = [];
  try {
    for await (const batch of batches) {
      const offsets = [...batch.offsets.subarray(0, batch.count)];
      const lengths = [...batch.lengths.subarray(0, batch.count)];
      seen.push({ bytes: createHash('sha1').update(batch.bytes).digest('hex'), offsets, lengths });
      batch.bytes.fill(0xee);
      releaseBatch(batch);
    }
  } catch (error) {
    return { batches: seen, error };
  }
  return { batches: seen, error: undefined };
}

const place = fc.oneof(
  fc.nat({ max: SIZE }),
  fc.nat({ max: 700 }).map((block) => block * 4096),
);
const length = fc.oneof(fc.nat({ max: 20_000 }), fc.constantFrom(4096, 65_536, MIB, 2 * MIB));
const anyRange = fc
  .tuple(place, length)
  .map(([offset, wanted]) => ({ offset, length: Math.min(wanted, SIZE - offset) }));
const ranges = fc.array(anyRange, { maxLength: 20 }).chain((all) =>
  fc.constantFrom(
    all,
    all.toSorted((a, b) => a.offset - b.offset),
  ),
);
const poolSize = fc.constantFrom(5000, 100_000, MIB, 2 * MIB);

describe('reading ahead', () => {
  it('gives the batches of readRanges, in whatever order the reads end', async () => {
    await fc.assert(
      fc.asyncProperty(
        ranges,
        poolSize,
        fc.array(fc.nat({ max: 2 }), { minLength: 1 }),
        async (wanted, size, delays) => {
          const expected = await outcomeOf(readRanges(wanted, memoryDevice(content), createBufferPool(size)));
          const device = slowDevice({ delay: (n) => delays[n % delays.length]! });
          expect(await outcomeOf(readRangesAhead(wanted, device, createBufferPool(size)))).toEqual(expected);
          expect(device.watch).toMatchObject({ inFlight: 0, alone: 0 });
        },
      ),
      { numRuns },
    );
  });

  it('gives them of a device that cannot be read ahead', async () => {
    const wanted = [
      { offset: 5, length: 2 * MIB },
      { offset: 0, length: 10 },
    ];
    const expected = await outcomeOf(readRanges(wanted, memoryDevice(content)));
    expect(expected.batches.length).toBeGreaterThan(1);
    expect(await outcomeOf(readRangesAhead(wanted, memoryDevice(content)))).toEqual(expected);
  });

  it('gives them of a real device too', async () => {
    const opened = openDirect(attachLoop(makeFile(SIZE, content)));
    onTestFinished(() => {
      opened.close();
    });
    const device: AheadReader = {
      ...opened,
      readSegments: () => {
        throw new Error('it is read twice');
      },
    };
    await fc.assert(
      fc.asyncProperty(ranges, poolSize, async (wanted, size) => {
        const expected = await outcomeOf(readRanges(wanted, memoryDevice(content), createBufferPool(size)));
        expect(await outcomeOf(readRangesAhead(wanted, device, createBufferPool(size)))).toEqual(expected);
      }),
      { numRuns },
    );
  });

  it('fails where readRanges fails, and a gap that cannot be read does not matter', async () => {
    await fc.assert(
      fc.asyncProperty(
        ranges,
        poolSize,
        fc.array(fc.nat({ max: SIZE }), { maxLength: 4 }),
        async (wanted, size, bad) => {
          const expected = await outcomeOf(readRanges(wanted, slowDevice({ bad }), createBufferPool(size)));
          const device = slowDevice({ bad, delay: (n) => n % 3 });
          expect(await outcomeOf(readRangesAhead(wanted, device, createBufferPool(size)))).toEqual(expected);
          expect(device.watch.inFlight).toBe(0);
        },
      ),
      { numRuns },
    );
  });

  it('names the first of two places that cannot be read, whichever read ends first', async () => {
    const wanted = [0, 2].map((n) => ({ offset: n * 128 * KIB, length: 4096 }));
    const bad = [2 * 128 * KIB, 0];
    const expected = await outcomeOf(readRanges(wanted, slowDevice({ bad })));
    const device = slowDevice({ bad, delay: (n) => (n === 0 ? 30 : 0) });
    expect(await outcomeOf(readRangesAhead(wanted, device))).toEqual(expected);
    expect(device.watch.reads).toHaveLength(2);
  });

  it.each([
    ['reach past the end', { offset: SIZE - 100, length: 101 }],
    ['lie behind it', { offset: 2 * SIZE, length: 10 }],
    ['begin nowhere', { offset: -4096, length: 10 }],
  ])('leaves it to the device to refuse ranges that %s', async (_, range) => {
    const wanted = [{ offset: 0, length: MIB }, range];
    const expected = await outcomeOf(readRanges(wanted, slowDevice()));
    expect(expected.error).toBeInstanceOf(DeviceError);
    const device = slowDevice();
    expect(await outcomeOf(readRangesAhead(wanted, device))).toEqual(expected);
    for (const { offset, length: bytes } of device.watch.reads) {
      expect(offset).toBeGreaterThanOrEqual(0);
      expect(offset + bytes).toBeLessThanOrEqual(SIZE);
    }
  });

  it('throws what the ranges throw, behind the batches before it', async () => {
    function* broken(): Generator<Range> {
      yield { offset: 0, length: 3 * MIB };
      throw new RangeError('no more');
    }
    const expected = await outcomeOf(readRanges(broken(), slowDevice()));
    expect(expected.batches.length).toBe(3);
    expect(await outcomeOf(readRangesAhead(broken(), slowDevice({ delay: () => 3 })))).toEqual(expected);
  });
});

const scattered = Array.from({ length: 20 }, (_, i) => ({ offset: i * 128 * KIB + 100, length: 4096 }));

describe('what is read', () => {
  const read = async (wanted: readonly Range[]): Promise<Watch> => {
    const device = slowDevice({ delay: () => 2 });
    await outcomeOf(readRangesAhead(wanted, device));
    return device.watch;
  };

  it('is joined across small gaps only, up to 1 MiB', async () => {
    const near = [
      { offset: 0, length: 4096 },
      { offset: 68 * KIB, length: 4096 },
    ];
    expect((await read(near)).reads).toEqual([{ offset: 0, length: 72 * KIB }]);
    const far = [
      { offset: 0, length: 4096 },
      { offset: 68 * KIB + 1, length: 4095 },
    ];
    expect((await read(far)).reads.length).toBe(2);
    const touching = [0, 4096, 8192].map((offset) => ({ offset, length: 4096 }));
    expect((await read(touching)).reads).toEqual([{ offset: 0, length: 12 * KIB }]);
    // The last one ends where as much is read as can be.
    const full = Array.from({ length: 16 }, (_, i) => ({ offset: i * 64 * KIB + 60 * KIB, length: 4096 }));
    expect((await read(full)).reads).toEqual([{ offset: 60 * KIB, length: 964 * KIB }]);
    const exact = [{ offset: 0, length: 4096 }, ...full];
    expect((await read(exact)).reads).toEqual([{ offset: 0, length: MIB }]);
    const more = [...exact, { offset: MIB, length: 512 }];
    expect((await read(more)).reads).toHaveLength(2);
    const many = Array.from({ length: 300 }, (_, i) => ({ offset: i * 2 * 4096, length: 4096 }));
    const { reads } = await read(many);
    expect(reads.length).toBe(3);
    for (const { length: bytes } of reads) expect(bytes).toBeLessThanOrEqual(MIB);
  });

  it('is as long as can be joined, begins and ends anywhere, and has room', async () => {
    const wanted = Array.from({ length: 17 }, (_, i) => ({ offset: i * 64 * KIB + 100, length: 4096 }));
    wanted[16] = { offset: 16 * 64 * KIB + 100 - 4096, length: 4096 };
    const device = slowDevice();
    const expected = await outcomeOf(readRanges(wanted, memoryDevice(content)));
    expect(await outcomeOf(readRangesAhead(wanted, device))).toEqual(expected);
    expect(device.watch.reads).toEqual([{ offset: 0, length: MIB + 4096 }]);
    expect(device.watch.alone).toBe(0);
  });

  it('is nothing that an earlier batch has left in its place', async () => {
    const [pool, device] = [createBufferPool(), slowDevice()];
    const two = [0, 8192].map((offset) => ({ offset, length: 4096 }));
    await outcomeOf(readRangesAhead(two, device, pool));
    await outcomeOf(readRangesAhead(two.slice(0, 1), device, pool));
    expect(device.watch.reads).toEqual([
      { offset: 0, length: 12 * KIB },
      { offset: 0, length: 4096 },
    ]);
  });

  it('is six reads at a time, of many ranges and of long ones', async () => {
    expect((await read(scattered)).most).toBe(6);
    const again = Array.from({ length: 9 }, () => ({ offset: 0, length: MIB - 4096 }));
    expect((await read(again)).most).toBe(6);
  });
});

describe('whoever takes no more', () => {
  /** Ranges without end, how many of them were asked for, and whether they were told of the end. */
  function endless() {
    const asked = { count: 0, ended: false };
    const wanted = (function* (): Generator<Range> {
      try {
        for (;;) {
          asked.count += 1;
          yield { offset: 0, length: MIB - 4096 };
        }
      } finally {
        asked.ended = true;
      }
    })();
    return { asked, wanted };
  }

  it('is not read for', async () => {
    const { asked, wanted } = endless();
    const device = slowDevice();
    const batches = readRangesAhead(wanted, device);
    await batches.next();
    await setTimeout(50);
    // Six batches behind the one that was given; whether the last one is full tells the range behind it.
    expect(device.watch.reads.length).toBe(7);
    expect(asked.count).toBe(8);
    await batches.return();
  });

  it.each(['return', 'throw'] as const)('by %s has all reads ended, and the ranges', async (how) => {
    const { asked, wanted } = endless();
    const device = slowDevice({ delay: () => 5 });
    const batches = readRangesAhead(wanted, device);
    await batches.next();
    expect(device.watch.inFlight).toBeGreaterThan(0);
    if (how === 'return') await batches.return();
    else await expect(batches.throw(new Error('enough'))).rejects.toThrow('enough');
    expect(device.watch.inFlight).toBe(0);
    expect(asked.ended).toBe(true);
    const { length: reads } = device.watch.reads;
    await setTimeout(20);
    expect(device.watch.reads.length).toBe(reads);
  });
});
