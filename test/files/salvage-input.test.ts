import { rmSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openInput } from '#src/files/open-input.js';
import { surveyDamage, writeSalvage } from '#src/files/salvage-input.js';
import { digestsOver } from '../compare/digests-over.js';
import { batchOf, codec, lvsFile, openBytes } from '../streams.js';

/** What is kept of a file that is cut anywhere: every whole record before the cut, with and without base digests. */

const PIECE = 4096;
const folder = mkdtempSync(join(tmpdir(), 'salvage-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const digestPieces = digestsOver(new Uint8Array(16 * PIECE).fill(9));
const records = Array.from({ length: 6 }, (_, i) => ({
  offset: i * 2 * PIECE,
  data: Uint8Array.from({ length: PIECE }, (__, at) => (at * (i + 3)) % 251),
}));
/** What is written takes its batches over. */
const makeBatches = () => [
  ...records.map((record) => batchOf([record])),
  { kind: 'zeros' as const, ranges: [{ offset: 13 * PIECE, length: 2 * PIECE }] },
];

describe.each([[true], [undefined]])('with base digests: %s', (baseDigests) => {
  it('keeps every whole record before a cut', async () => {
    const whole = await lvsFile(
      makeBatches().map((batch) => (baseDigests ? { ...batch, pieces: digestPieces(batch) } : batch)),
      { order: 'sorted', baseDigests, id: new Uint8Array(16).fill(1) },
    );
    const counts = new Set<number>();
    for (let size = whole.length - 1; size > 0; size -= 37) {
      const kept = await salvage(whole.subarray(0, size));
      if (kept === undefined) break;
      counts.add(kept);
    }
    expect([...counts]).toEqual([7, 6, 5, 4, 3, 2, 1, 0]);
  });
});

/** Records that are in what is kept, all of which must be whole; undefined where the file is cut in its first frames. */
async function salvage(bytes: Uint8Array): Promise<number | undefined> {
  const path = join(folder, 'cut.lvs');
  writeFileSync(path, bytes);
  const input = await openInput(path, codec, { pieces: true }).catch(() => undefined);
  if (!input) return undefined;
  try {
    const found = await surveyDamage(input).catch(() => undefined);
    if (!found) return undefined;
    const parts: Uint8Array[] = [];
    const sink = { write: async (part: Uint8Array) => void parts.push(part.slice()) };
    const options = { generator: 'test', time: 0, id: new Uint8Array(16).fill(2) };
    const closing = await writeSalvage(input, found, sink, codec, options);
    const stream = await openBytes(Buffer.concat(parts));
    let count = 0;
    for await (const batch of stream.batches)
      count += batch.kind === 'zeros' ? batch.ranges.length : batch.count;
    expect([count, found.fault?.fault]).toEqual([closing.records, 'truncated']);
    expect(found.records).toBe(count);
    return count;
  } finally {
    input.close();
  }
}
