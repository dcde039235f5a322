import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { parseDelta } from '../thin/thin-tools.js';
import { watchNodes } from '../thin/watch-nodes.js';
import { cases } from './cases/thin-large.js';
import { describeInVm } from './suite.js';
import { openImage } from '#src/device/image.js';
import { openThinMetadata, thinDifference } from '#src/lvm/thin-metadata.js';

const GIBIBYTE = 2 ** 30;
const ROUNDS = 5;
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

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;

function timed<T>(act: () => T): { readonly value: T; readonly ms: number } {
  const begin = performance.now();
  const value = act();
  return { value, ms: performance.now() - begin };
}

it('reads a small part of the metadata of a real pool, and finds what thin_delta finds in less time', () => {
  const { from, to, changed } = JSON.parse(readFileSync(`${shared}/manifest.json`, 'utf8')) as Manifest;
  const file = `${shared}/tmeta.img`;
  const difference = () => {
    const image = openImage(file);
    const { watched, nodes } = watchNodes(openThinMetadata(image, { metadataSnapshot: true }));
    const runs = [...thinDifference(watched, from, to)];
    image.close();
    return { runs, nodes: nodes.size };
  };
  const delta = () =>
    spawnSync('thin_delta', ['-m', '--snap1', String(from), '--snap2', String(to), file], {
      encoding: 'utf8',
      env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` },
      maxBuffer: 2 ** 28,
    }).stdout;
  const rounds = Array.from({ length: ROUNDS }, () => ({ own: timed(difference), tool: timed(delta) }));
  const { own, tool } = rounds[0]!;
  expect(own.value.runs).toHaveLength(changed);
  expect(own.value.runs).toEqual(parseDelta(tool.value));
  const [ownMs, toolMs] = [
    median(rounds.map((round) => round.own.ms)),
    median(rounds.map((round) => round.tool.ms)),
  ];
  process.stdout.write(
    `${own.value.nodes} nodes, ${ownMs.toFixed(1)} ms; thin_delta ${toolMs.toFixed(1)} ms\n`,
  );
  expect(own.value.nodes).toBeLessThan(4 * changed);
  expect(ownMs).toBeLessThan(toolMs);
});
