import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCodec } from '#src/codec/codec.js';
import { openInput } from '#src/files/open-input.js';
import { readMap } from '#src/files/read-map.js';
import { writeOutput } from '#src/files/write-output.js';
import type { Range } from '#src/ranges/range.js';
import { writeMap } from '#src/format/lvs/write-map.js';
import { runMeasured } from './run-measured.js';

/** A map of 10 million ranges: 160 MB, the changes of several TiB. */

const COUNT = 10_000_000;
const MAX_PEAK_MIB = 200;
const CHUNK = 65536;
const codec = createCodec({ level: 0 });
let folder: string;
let file: string;

function* scattered(): Generator<Range> {
  for (let i = 0, at = 0; i < COUNT; i++) {
    at += CHUNK * (1 + ((i * 7919) % 13));
    yield { offset: at, length: CHUNK };
    at += CHUNK;
  }
}

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'maps-'));
  file = path.join(folder, 'map.lvs');
  await writeOutput(file, {}, (output) =>
    writeMap([scattered()], output, codec, {
      id: new Uint8Array(16),
      kind: 'map',
      requires: [],
      order: 'sorted',
    }),
  );
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

it('is read into a list of less than 80 MiB, every range of it', async () => {
  const input = await openInput(file, codec);
  const { ranges } = await readMap(input);
  input.close();
  expect(ranges.memory).toBeLessThan(80 * 2 ** 20);
  const expected = scattered();
  let different = 0;
  for (const range of ranges) {
    const { offset, length } = expected.next().value as Range;
    if (range.offset !== offset || range.length !== length) different++;
  }
  expect({ count: ranges.count, different }).toEqual({ count: COUNT, different: 0 });
});

describe.each([
  ['info', []],
  ['verify', []],
  ['compress', ['-o', 'again.lvs']],
])('%s', (command, [flag, name]) => {
  it('takes little memory', async () => {
    const output = flag === undefined ? [] : [flag, path.join(folder, name!)];
    const { status, seconds, peakMib } = await runMeasured(command, file, ...output);
    console.log(`${command}: ${seconds.toFixed(1)} s, ${peakMib.toFixed(0)} MiB`);
    expect(status).toBe(0);
    expect(peakMib).toBeLessThan(MAX_PEAK_MIB);
  });
});
