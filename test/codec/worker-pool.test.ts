import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { createFrameWorker } from '#src/codec/frame-work.js';

const CODEC = fileURLToPath(new URL('../../dist/codec/codec.js', import.meta.url));
const RUNS = process.env['SLOW'] === undefined ? 8 : 200;

/** Closes a codec whose last answers have arrived but have not been taken. */
const PROGRAM = `
  import(${JSON.stringify(CODEC)}).then(async ({ createCodec }) => {
    const codec = createCodec({ level: 1 });
    const job = () => codec.compress(new Uint8Array(2 ** 18), 0, new Uint8Array(2 ** 19));
    const jobs = Array.from({ length: 6 }, job);
    await jobs[3];
    for (const end = performance.now() + 100; performance.now() < end;);
    await codec.close();
    console.log('closed');
  });
`;

test('a codec that is closed with answers under way lets the program go on', async () => {
  for (let run = 0; run < RUNS; run++) {
    const { stdout } = await execa(process.execPath, ['--eval', PROGRAM]);
    expect(stdout).toBe('closed');
  }
});

test('a digest has memory of its own: a view of a pool takes all of that along to another thread', () => {
  const worker = createFrameWorker(1);
  const { frame, sha256 } = worker.compress(new Uint8Array(100), 0, new Uint8Array(1000));
  const again = worker.decompress(frame, new Uint8Array(100), 0);
  expect([sha256, again.sha256].map(({ buffer }) => buffer.byteLength)).toEqual([32, 32]);
});
