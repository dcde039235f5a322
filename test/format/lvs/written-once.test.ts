import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LvstreamError } from '#src/errors.js';
import type { RecordBatch } from '#src/format/batch.js';
import type { Range } from '#src/ranges/range.js';
import { OrderCheck } from '#src/format/lvs/order-check.js';
import { WrittenOnce } from '#src/format/lvs/written-once.js';
import { ByteReader } from '#src/format/byte-reader.js';
import { openStream } from '#src/format/open-stream.js';
import { writeLvs } from '#src/format/lvs/write-lvs.js';
import { sourceOf } from '../../streams.js';
import { createInlineCodec } from '../inline-codec.js';
import { MemoryScratch, noScratch } from '../../ranges/memory-scratch.js';

const numRuns = process.env['SLOW'] === '1' ? 20_000 : 200;
/** Room for no partly covered block at all, for a few, and for many. */
const limits = fc.record({
  maxRuns: fc.integer({ min: 0, max: 6 }),
  most: fc.constantFrom(0, 2, 100),
});
const ranges = fc.array(
  fc.record({ offset: fc.nat(60), length: fc.integer({ min: 1, max: 6 }), block: fc.nat(3) }),
  { maxLength: 20 },
);

/** Bytes of a few blocks, so that a small room is too small for them. */
const spread = ({ offset, length, block }: Range & { readonly block: number }): Range => ({
  offset: block * 4096 + offset,
  length,
});

/** Whether a range may come, by a set of all bytes before it; one that may not ends the stream. */
function naive(): (range: Range) => boolean {
  const bytes = new Set<number>();
  return ({ offset, length }) => {
    const own = Array.from({ length }, (_, i) => offset + i);
    const once = own.every((byte) => !bytes.has(byte));
    for (const byte of own) bytes.add(byte);
    return once;
  };
}

/** The verdict; undefined where there is too little room. */
function verdict(written: WrittenOnce, range: Range): boolean | undefined {
  try {
    return written.add(range);
  } catch (error) {
    if (error instanceof LvstreamError) return undefined;
    throw error;
  }
}

describe('ranges that may be written once', () => {
  it('are told from others as by a set of bytes', () => {
    fc.assert(
      fc.property(ranges, fc.integer({ min: 0, max: 6 }), (list, maxRuns) => {
        const written = new WrittenOnce(noScratch, { maxRuns });
        const expected = naive();
        for (const range of list.map(spread)) {
          const once = expected(range);
          expect(written.add(range)).toBe(once);
          if (!once) return;
        }
      }),
      { numRuns },
    );
  });

  it('are never told wrongly with too little room', () => {
    fc.assert(
      fc.property(ranges, limits, (list, few) => {
        const written = new WrittenOnce(noScratch, few);
        const expected = naive();
        for (const range of list.map(spread)) {
          const once = expected(range);
          const found = verdict(written, range);
          if (found === undefined) return;
          expect(found).toBe(once);
          if (!once) return;
        }
      }),
      { numRuns },
    );
  });

  it('need no room while they ascend', () => {
    const written = new WrittenOnce(noScratch, { maxRuns: 2, most: 0 });
    for (let i = 0; i < 100; i++) expect(written.add({ offset: i * 8192, length: 512 })).toBe(true);
    expect(written.add({ offset: 600, length: 8192 })).toBe(false);
    expect(() => written.add({ offset: 50 * 8192 + 512, length: 512 })).toThrow(LvstreamError);
  });
});

describe('a stream that is called disjoint', () => {
  const many = 170_000;

  it('may have very many scattered records', () => {
    const check = new OrderCheck({ kind: 'snapback', requires: [], order: 'disjoint' }, noScratch);
    for (let i = 0; i < many; i++) check.admit(i * 8192, 512, 0);
    check.admit(4096, 512, 0);
    expect(() => {
      check.admit(8192 * (many - 1) + 100, 8, 77);
    }).toThrow(`byte 77: a record at ${8192 * (many - 1) + 100} is written twice`);
  });
});

describe('a reader of a stream that memory is too small for', () => {
  const PAGE = 2 ** 27;
  const count = 6000;

  /** A file of zeros far from each other, the last ones first. */
  async function farApart(): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    const sink = {
      write: async (bytes: Uint8Array) => {
        parts.push(bytes.slice());
      },
    };
    const ranges = Array.from({ length: count }, (_, i) => ({ offset: (count - i) * PAGE, length: 4096 }));
    async function* batches(): AsyncGenerator<RecordBatch> {
      yield { kind: 'zeros', ranges };
    }
    await writeLvs(batches(), sink, createInlineCodec(), {
      kind: 'changes',
      requires: [],
      order: 'disjoint',
    });
    return Buffer.concat(parts);
  }

  it.each([
    ['the end of the file', 0, undefined],
    ['a file that is cut', 20, 'truncated'],
  ])('gives its scratch back at %s', async (_, cut, fault) => {
    const file = await farApart();
    const open = new Set<MemoryScratch>();
    const openScratch = () => {
      const scratch = new MemoryScratch(() => open.delete(scratch));
      open.add(scratch);
      return scratch;
    };
    const codec = { ...createInlineCodec(), openScratch };
    const reader = new ByteReader(sourceOf(file.subarray(0, file.length - cut)));
    const { batches } = await openStream(reader, codec);
    let most = 0;
    const read = async () => {
      for await (const _batch of batches) most = open.size;
    };
    if (fault) await expect(read()).rejects.toMatchObject({ fault });
    else await read();
    expect(most).toBe(1);
    expect(open.size).toBe(0);
  });
});
