import assert from 'node:assert/strict';
import { chunksOf, assertSame, contentsOf, dumpOnto, openChanges, refusalOf, takeAll } from '../changes.js';
import type { Case } from '../case.js';
import { fillRandom, writeRandom } from '../contents.js';
import { disks, scratch } from '../places.js';
import { attempt, run, start } from '../run.js';
import { startWriter } from '../thick-writer.js';
import { makeThickSnapshot, makeVolume, makeVolumeGroup, type Volume } from '../volumes.js';

const KIBIBYTE = 2 ** 10;
const MEBIBYTE = 2 ** 20;
const SIZE = 4 * MEBIBYTE;
const STORE = 8 * MEBIBYTE;

function makeOrigin(): Volume {
  const origin = makeVolume(makeVolumeGroup('vg', disks), 'origin', SIZE);
  fillRandom(origin.device, 1);
  return origin;
}

const snapshotOf = (origin: Volume, name: string, chunkSize: number): Volume =>
  makeThickSnapshot(origin, name, { size: STORE, chunkSize });

const CHUNKS: readonly (readonly [number, number])[] = [
  [4, 4],
  [4, 64],
  [64, 4],
  [512, 4],
  [64, 64],
];

/** One round of many: two snapshots while somebody writes, the newer or the older one as the target. */
async function round(number: number, origin: Volume, writes: (more: number) => Promise<void>): Promise<void> {
  const [first, second] = CHUNKS[number % CHUNKS.length]!;
  const older = snapshotOf(origin, 'older', first * KIBIBYTE);
  await writes(16);
  const newer = snapshotOf(origin, 'newer', second * KIBIBYTE);
  const [from, to] = number % 2 === 0 ? [older, newer] : [newer, older];
  if (number % 3 === 0) writeRandom(to.device, { seed: number, count: 5 });
  if (number % 4 === 0) writeRandom(from.device, { seed: number + 100, count: 5 });
  await writes(8);
  const before = contentsOf(from.device);
  const dumped = await dumpOnto(before, from.device, { to: to.device, keepEqual: number % 5 === 0 });
  await writes(8);
  assertSame(dumped.image, contentsOf(to.device));
  const saysWhy = number % 4 === 0 && number % 5 !== 0;
  assert.deepEqual([dumped.consistent, dumped.remarks.length], [true, saysWhy ? 1 : 0]);
  assert.ok(dumped.records.length > 0);
  run('lvremove', ['--quiet', '--force', '--yes', older.name, newer.name]);
}

const busy: Case = {
  name: 'gives the second snapshot exactly, 20 times of 20, while the origin is written',
  timeoutSeconds: 600,
  run: async () => {
    const origin = makeOrigin();
    const writer = startWriter(origin.device, SIZE, `${scratch}/count`);
    for (let number = 0; number < 20; number += 1) await round(number, origin, writer.writes);
    writer.process.kill();
  },
};

const union: Case = {
  name: 'covers the chunks of both tables, and leaves out what is equal',
  run: async () => {
    const origin = makeOrigin();
    const one = snapshotOf(origin, 'one', 64 * KIBIBYTE);
    const ofOrigin = writeRandom(origin.device, { seed: 2, count: 10 });
    const two = snapshotOf(origin, 'two', 4 * KIBIBYTE);
    const later = writeRandom(origin.device, { seed: 3, count: 10 });
    const ofOne = writeRandom(one.device, { seed: 4, count: 3 });
    const ofTwo = writeRandom(two.device, { seed: 5, count: 3 });
    const before = contentsOf(one.device);
    const kept = await dumpOnto(before, one.device, { to: two.device, keepEqual: true });
    const big = chunksOf([...ofOrigin, ...later, ...ofOne], 64 * KIBIBYTE, SIZE);
    const small = chunksOf([...later, ...ofTwo], 4 * KIBIBYTE, SIZE);
    assert.deepEqual(kept.ranges, chunksOf([...big, ...small], 4 * KIBIBYTE, SIZE));
    assert.deepEqual(chunksOf(kept.records, 4 * KIBIBYTE, SIZE), kept.ranges);
    assertSame(kept.image, contentsOf(two.device));
    for (const active of ['n', 'y']) run('vgchange', ['--quiet', '--activate', active, 'vg']);
    const dumped = await dumpOnto(before, one.device, { to: two.device });
    assert.deepEqual(dumped.remarks, []);
    assertSame(dumped.image, kept.image);
    assert.deepEqual(
      chunksOf(dumped.records, 4 * KIBIBYTE, SIZE),
      chunksOf([...ofOrigin, ...ofOne, ...ofTwo], 4 * KIBIBYTE, SIZE),
    );
    assert.match(dumped.base ?? '', /^lv:/);
    assert.notEqual(dumped.base, dumped.result);
  },
};

const refusals: Case = {
  name: 'refuses another origin, the same snapshot, one that is open for writing or written meanwhile',
  run: async () => {
    const origin = makeOrigin();
    const one = snapshotOf(origin, 'one', 4 * KIBIBYTE);
    const two = snapshotOf(origin, 'two', 4 * KIBIBYTE);
    const stranger = makeVolume({ vg: 'vg' }, 'stranger', MEBIBYTE);
    const third = snapshotOf(stranger, 'third', 4 * KIBIBYTE);
    assert.match(
      await refusalOf(one.name, { to: third.name }),
      /^RefusedError: vg\/one and vg\/third are snapshots of different origins, vg\/origin and vg\/stranger/,
    );
    assert.match(await refusalOf(one.name, { to: one.name }), /^UsageError: .*the same snapshot/);
    assert.match(
      await refusalOf(one.name, { to: origin.name }),
      /^LvmError: vg\/origin: it is not a snapshot/,
    );
    for (const written of [one, two]) {
      const hold = start('sleep', ['1000'], { stdoutFile: written.device });
      assert.match(
        await refusalOf(one.name, { to: two.name }),
        /^RefusedError: vg\/(one|two) is open for writing in process \d+ \(sleep 1000\) \| end that use/,
      );
      hold.process.kill();
      await hold.ended;
      const changes = await openChanges(one.name, { to: two.name });
      writeRandom(written.device, { seed: 1, count: 1 });
      await assert.rejects(takeAll(changes, contentsOf(one.device)), /it was written to while it was read/);
      changes.close();
    }
    writeRandom(origin.device, { seed: 6, count: 5 });
    const before = contentsOf(one.device);
    assertSame((await dumpOnto(before, one.name, { to: two.name })).image, contentsOf(two.device));
  },
};

const noTraces = (): void => {
  assert.equal(run('lvs', ['--noheadings', '--options', 'lv_name', '@lvstream.temporary']).trim(), '');
  assert.equal(attempt('ls', ['-A', '/run/lvstream']).stdout.toString(), '');
};

const temporary: Case = {
  name: 'makes a snapshot for the dump, and removes it, whatever happens',
  timeoutSeconds: 400,
  run: async () => {
    const origin = makeOrigin();
    const snapshot = snapshotOf(origin, 'snap', 64 * KIBIBYTE);
    const writer = startWriter(origin.device, SIZE, `${scratch}/count`);
    await writer.writes(64);
    const before = contentsOf(snapshot.device);
    const changes = await openChanges(snapshot.name, { temporarySnapshot: STORE });
    const made = run('lvs', ['--noheadings', '--options', 'lv_name', '@lvstream.temporary']).trim();
    assert.match(made, /^lvstream-[0-9a-f]{12}$/);
    const wanted = contentsOf(`/dev/vg/${made}`);
    await writer.writes(64);
    const dumped = await takeAll(changes, before);
    assertSame(dumped.image, wanted);
    assert.deepEqual([dumped.consistent, dumped.remarks], [true, []]);
    changes.close();
    noTraces();

    writer.process.kill();
    await writer.ended;
    const overflowing = await openChanges(snapshot.name, { temporarySnapshot: MEBIBYTE });
    fillRandom(origin.device, 2);
    await assert.rejects(takeAll(overflowing, before), /the snapshot was lost while it was read/);
    overflowing.close();
    noTraces();
    run('lvcreate', [
      '--quiet',
      '--yes',
      '--wipesignatures',
      'n',
      '--extents',
      '100%FREE',
      '--name',
      'rest',
      'vg',
    ]);
    assert.match(
      await refusalOf(snapshot.name, { temporarySnapshot: MEBIBYTE }),
      /^LvmError: vg\/origin: no temporary snapshot can be made: lvcreate: .*(insufficient|free).* \| vgs vg/i,
    );
    noTraces();
  },
};

export const cases: readonly Case[] = [union, refusals, busy, temporary];
