import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { parseDelta } from '../lvm/thin/thin-tools.js';
import { watchNodes } from '../lvm/thin/watch-nodes.js';
import { cases } from './cases/thin-large.js';
import { describeInVm } from './suite.js';
import { openImage } from '#src/device/image.js';
import { openThinMetadata, thinDifference } from '#src/lvm/thin/thin-metadata.js';

const GIBIBYTE = 2 ** 30;
const ROUNDS = 11;
const slow = process.env['SLOW'] === '1';

const shared = mkdtempSync(path.join(tmpdir(), 'lvstream-large-'));
afterAll(() => rmSync(shared, { recursive: true }));

describeInVm('thin-large', slow ? cases.slice(1) : cases.slice(0, 1), {
  disks: [64 * GIBIBYTE],
  shared,
});

interface Manifest {
  readonly from: number;
  readonly to: number;
  readonly changed: number;
}

/**
 * The difference alone, in a process of its own that has compiled nothing yet; it says its milliseconds. It kills itself:
 * Node may wait for ever on its way out (nodejs/node#54918).
 */
const DIFFERENCE = `
  import { writeSync } from 'node:fs';
  import { openImage } from '#src/device/image.js';
  import { openThinMetadata, thinDifference } from '#src/lvm/thin/thin-metadata.js';
  const [file, from, to] = process.argv.slice(1);
  const image = openImage(file);
  const begin = performance.now();
  const pool = openThinMetadata(image, { metadataSnapshot: true });
  for (const run of thinDifference(pool, Number(from), Number(to))) if (run.length < 1) throw run;
  writeSync(1, String(performance.now() - begin));
  process.kill(process.pid, 'SIGKILL');
`;

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;

const ask = (file: string, ...args: readonly string[]) => {
  const { stdout, stderr } = spawnSync(file, args, {
    encoding: 'utf8',
    env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` },
    maxBuffer: 2 ** 28,
  });
  expect(stderr).toBe('');
  return stdout;
};

it('reads a small part of the metadata of a real pool, and finds what thin_delta finds in less than half its time, without starting Node', () => {
  const { from, to, changed } = JSON.parse(readFileSync(`${shared}/manifest.json`, 'utf8')) as Manifest;
  const file = `${shared}/tmeta.img`;
  const image = openImage(file);
  const { watched, nodes } = watchNodes(openThinMetadata(image, { metadataSnapshot: true }));
  const runs = [...thinDifference(watched, from, to)];
  image.close();
  const thinDelta = () => ask('thin_delta', '-m', '--snap1', String(from), '--snap2', String(to), file);
  expect(runs).toHaveLength(changed);
  expect(runs).toEqual(parseDelta(thinDelta()));
  expect(nodes.size).toBeLessThan(4 * changed);

  const rounds = Array.from({ length: ROUNDS }, () => {
    const begin = performance.now();
    thinDelta();
    const tool = performance.now() - begin;
    const difference = ['--input-type=module', '--eval', DIFFERENCE, file, String(from), String(to)];
    return { tool, own: Number(ask(process.execPath, ...difference)) };
  });
  const [own, tool] = [median(rounds.map((round) => round.own)), median(rounds.map((round) => round.tool))];
  process.stdout.write(`${nodes.size} nodes, ${own.toFixed(1)} ms; thin_delta ${tool.toFixed(1)} ms\n`);
  expect(own).toBeLessThan(tool / 2);
});
