import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openInput } from '#src/files/open-input.js';
import { readMap } from '#src/files/read-map.js';
import { createInlineCodec } from '../format/inline-codec.js';
import { vectorInput } from '../format/vector-files.js';
import { flipped } from '../vectors/bytes.js';

const codec = createInlineCodec();
const folder = mkdtempSync(path.join(tmpdir(), 'read-map-'));
const whole = vectorInput('good-map-pages');
const ranges = [
  { offset: 4096, length: 4096 },
  { offset: 8193, length: 10 },
  { offset: 2 ** 52, length: 2 ** 40 },
];
let count = 0;

afterAll(() => {
  rmSync(folder, { recursive: true });
});

function fileOf(bytes: Uint8Array): string {
  const file = path.join(folder, `${count++}.lvs`);
  writeFileSync(file, bytes);
  return file;
}

/** A pipe through which the bytes come from another process. */
function pipeOf(bytes: Uint8Array): string {
  const pipe = path.join(folder, `${count++}.pipe`);
  execFileSync('mkfifo', [pipe]);
  spawn('sh', ['-c', 'exec cat "$1" > "$2"', 'sh', fileOf(bytes), pipe]);
  return pipe;
}

async function read(name: string) {
  const input = await openInput(name, codec);
  try {
    return await readMap(input);
  } finally {
    input.close();
  }
}

describe.each([
  ['a file', fileOf],
  ['a pipe', pipeOf],
])('of %s', (_, make) => {
  it('gives what the map says of itself, and its ranges', async () => {
    const map = await read(make(whole));
    expect([...map.ranges]).toEqual(ranges);
    expect(map.header.kind).toBe('map');
    expect(map.closing).toMatchObject({ runs: 3, low: 4096, high: 2 ** 52 + 2 ** 40 });
  });

  it('gives nothing of a map that is damaged at its very end, and names it', async () => {
    const name = make(flipped(whole, -1));
    await expect(read(name)).rejects.toMatchObject({ fault: 'seek-table', stream: name });
  });

  it('refuses a stream that is no map', async () => {
    const name = make(vectorInput('good-compressed'));
    await expect(read(name)).rejects.toThrow(`${name}: is no map`);
  });
});
