import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FormatError } from '#src/errors.js';
import { inspect } from '#src/files/inspect.js';
import { openInput } from '#src/files/open-input.js';
import { batchOf, codec, lvsFile } from '../streams.js';
import { flipped } from '../vectors/bytes.js';
import { lvs, map, record, sorted } from '../vectors/vector.js';

const numRuns = process.env['SLOW'] === undefined ? 300 : 30_000;
const file = path.join(mkdtempSync(path.join(tmpdir(), 'inspect-')), 'stream.lvs');
const MIB = 2 ** 20;

/** What `info` says and draws of a file of these bytes. */
async function told(bytes: Uint8Array) {
  writeFileSync(file, bytes);
  const input = await openInput(file, codec);
  try {
    const { density, ...found } = await inspect(input, codec);
    return { ...found, drawn: density.columns(64 * MIB, 64) };
  } finally {
    input.close();
  }
}

/** Few bytes in each frame, far apart, so that frames are decoded to be drawn. */
const scattered = () => {
  const frames = [0, 10, 20, 30].map((first) =>
    batchOf(
      [0, 3, 7].map((n) => ({ offset: (first + n) * MIB, data: new Uint8Array(5000).fill(first + n + 1) })),
    ),
  );
  const zeros = {
    kind: 'zeros' as const,
    ranges: [
      { offset: 50 * MIB, length: MIB },
      { offset: 60 * MIB, length: 9 },
    ],
  };
  return lvsFile([...frames, zeros], { order: 'sorted', resultSize: 64 * MIB });
};
const listed = async () =>
  lvs('', '', { ...map, base_size: 64 * MIB }, (draft) => {
    draft.page({ ranges: [{ offset: 0, length: MIB }] });
    draft.finish({ ranges: [{ offset: 32 * MIB, length: 16 * MIB }] });
  }).input;

test.each([
  ['stream', scattered],
  ['map', listed],
])('of a damaged %s nothing is told that it does not say', async (_, make) => {
  const sound = await make();
  const whole = await told(sound);
  await fc.assert(
    fc.asyncProperty(fc.nat(sound.length - 1), async (position) => {
      const found = await told(flipped(sound, position)).catch((error: unknown) => {
        expect(error).toBeInstanceOf(FormatError);
      });
      expect(found ?? whole).toEqual(whole);
    }),
    { numRuns },
  );
});

test('a page that stands behind 2^53 is damage like any other', async () => {
  const { input } = lvs('', '', sorted, (draft) => {
    draft.data([record(4096)]);
    draft.page();
    draft.data([record(8192)]);
    draft.finish({
      edit: (page) => {
        new DataView(page.table.buffer, page.table.byteOffset).setBigUint64(8, 2n ** 53n + 8n, true);
      },
    });
  });
  await expect(told(input)).rejects.toThrow(FormatError);
});
