import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { execa } from 'execa';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { Folder, succeed } from '../cli/run-lvstream.js';
import { parsePlain } from '../cli/plain-records.js';
import { applied, plainStream } from '../streams.js';

/** Ceph's own `rbd merge-diff` reads what is written here, and what it writes is read here. */

const RUNS = process.env['SLOW'] === '1' ? 200 : 4;
const SIZE = 20_000;
const folder = new Folder();

const records = fc
  .array(fc.tuple(fc.nat(3000), fc.uint8Array({ minLength: 1, maxLength: 2000 })), { maxLength: 6 })
  .map((parts) => {
    let end = 0;
    const all = parts.map(([gap, data]) => {
      const offset = end + gap;
      end = offset + data.length;
      return { offset, data };
    });
    return all.filter(({ offset, data }) => offset + data.length <= SIZE);
  });

/** A diff with the size that `rbd merge-diff` asks for. */
async function diffOf(all: readonly { offset: number; data: Uint8Array }[]): Promise<string> {
  const packed = folder.fresh('packed');
  const plain = folder.file('plain', plainStream(all));
  await succeed(['convert', plain, '--to', 'rbd1', '-o', packed]);
  const size = Buffer.alloc(9);
  size.write('s');
  size.writeUInt32LE(SIZE, 1);
  const bytes = readFileSync(packed);
  writeFileSync(packed, Buffer.concat([bytes.subarray(0, 12), size, bytes.subarray(12)]));
  return packed;
}

it('merges the same', async () => {
  await fc.assert(
    fc.asyncProperty(records, records, async (first, second) => {
      const [a, b, merged] = [await diffOf(first), await diffOf(second), folder.fresh('merged')];
      await execa('rbd', ['merge-diff', '--no-progress', a, b, merged]);
      const verified = await succeed(['verify', '--json', merged]);
      expect(JSON.parse(verified.text)).toMatchObject({ verdict: 'whole', format: 'rbd1', order: 'sorted' });
      const plain = parsePlain((await succeed(['decompress', merged])).output);
      const image = new Uint8Array(SIZE).fill(0x77);
      expect(Buffer.compare(applied(image, plain), applied(image, [...first, ...second]))).toBe(0);
      rmSync(merged);
    }),
    { numRuns: RUNS },
  );
});
