import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { expect, test } from 'vitest';

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
