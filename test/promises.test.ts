import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, statSync, truncateSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { captureFile, readCapture } from './captures.js';
import { applyPlain, parsePlain } from './cli/plain-records.js';
import { BIN, Folder, lvstream, succeed } from './cli/run-lvstream.js';
import { traced, type SystemCall } from './cli/traced.js';
import { attachLoop, makeFile, MIB, mountOn, startHolding } from './device/block-devices.js';
import { runMeasured } from './long/run-measured.js';
import { batchOf, lvsFile, plainStream } from './streams.js';
import { flipped } from './vectors/bytes.js';

/** What the README says can be relied on: each sentence of it is a test of that name. */

const folder = new Folder();
const isSlow = process.env['SLOW'] !== undefined;
const before = readCapture('a', 'snapshot.img');
const after = readCapture('a', 'origin.img');
const images = ['--cow', captureFile('a', 'cow.img'), '--origin', captureFile('a', 'origin.img')];
const device = (bytes: Uint8Array = before) => folder.file('device', bytes);

async function dump(...options: string[]): Promise<string> {
  const file = folder.fresh('changes.lvs');
  await succeed(['dump', ...images, ...options, '-o', file]);
  return file;
}

async function expectUntouched(status: number, stream: string, target: string, message: string) {
  const held = readFileSync(target);
  const run = await lvstream(['apply', stream, target, '--snapback', folder.fresh('undo.lvs')]);
  expect(run).toMatchObject({ status, text: '' });
  expect(run.errors).toContain(message);
  expect(readFileSync(target).equals(held)).toBe(true);
}

async function checksFirst(): Promise<void> {
  const stream = await dump('--base-digests');
  const bytes = readFileSync(stream);
  await expectUntouched(3, folder.file('header', flipped(bytes, 40)), device(), '(header-crc)');
  await expectUntouched(
    4,
    stream,
    device(before.subarray(0, before.length / 2)),
    'the stream is of a device of',
  );
  await expectUntouched(3, folder.file('cut', bytes.subarray(0, -1)), device(), '(truncated)');
  const wrong = Buffer.from(before);
  wrong[parsePlain(readCapture('a', 'ruby.stream'))[0]!.offset]! ^= 1;
  await expectUntouched(4, stream, device(wrong), '(wrong base)');

  const mounted = attachLoop(makeFile(before.length));
  mountOn(mounted);
  await expectUntouched(4, stream, mounted, 'is mounted on');
  const held = makeFile(before.length);
  attachLoop(held);
  await expectUntouched(4, stream, held, 'is behind the loop device');
  const open = device();
  await startHolding('exec 3<>"$1"; echo held; read line', open);
  await expectUntouched(4, stream, open, 'is open in process');
}

async function savesFirst(): Promise<void> {
  const stream = folder.file('stream', plainStream([{ offset: 4096, data: randomBytes(8192) }]));
  const [target, undo] = [device(), folder.fresh('undo.lvs')];
  const { status, calls } = await traced(
    ['apply', stream, target, '--snapback', undo],
    folder.fresh('trace'),
  );
  expect(status).toBe(0);
  const write = calls.findIndex(({ name, path }) => path === target && name.includes('write'));
  const journal = calls.slice(0, write).filter(({ path }) => path === `${undo}.partial`);
  const isData = ({ name, text }: SystemCall) => name.includes('write') && !text.includes('lvs mark');
  const last = journal.findLastIndex(isData);
  expect(last).toBeGreaterThanOrEqual(0);
  const synced = journal
    .slice(last)
    .filter(({ name, succeeded }) => /^f(data)?sync$/.test(name) && succeeded);
  expect(synced).not.toEqual([]);
}

const SIZE = 24 * MIB;
const RECORD = 64 * 1024;

/** Applies the stream to a device of `old`, and kills that once the journal has so many bytes. */
async function killApply(stream: string, old: Uint8Array, least: number): Promise<[string, string]> {
  for (;;) {
    const [target, undo] = [device(old), folder.fresh('undo.lvs')];
    const run = execa(process.execPath, [BIN, 'apply', stream, target, '--snapback', undo], {
      reject: false,
    });
    const size = () => statSync(`${undo}.partial`, { throwIfNoEntry: false })?.size ?? 0;
    while (run.exitCode === null && size() < least) await sleep(1);
    run.kill('SIGKILL');
    await run;
    if (!existsSync(undo)) return [target, undo];
  }
}

async function survivesKills(): Promise<void> {
  const old = randomBytes(SIZE);
  const records = Array.from({ length: SIZE / RECORD / 2 }, (_, i) => ({
    offset: ((i * 67) % (SIZE / RECORD / 2)) * 2 * RECORD,
    data: randomBytes(RECORD),
  }));
  const stream = folder.file('stream', plainStream(records));
  const whole = applyPlain(old, parsePlain(readFileSync(stream)));
  for (const share of isSlow ? Array.from({ length: 50 }, (_, i) => i / 50) : [0.1, 0.6]) {
    const [target, undo] = await killApply(stream, old, (share * SIZE) / 2);
    await succeed(['apply', stream, target, '--snapback', undo]);
    expect(readFileSync(target).equals(whole)).toBe(true);
    await succeed(['apply', undo, target]);
    expect(readFileSync(target).equals(old)).toBe(true);
  }
}

async function goesOnUnderOtherNames(): Promise<void> {
  const old = randomBytes(SIZE);
  const records = Array.from({ length: SIZE / RECORD / 2 }, (_, i) => ({
    offset: i * 2 * RECORD,
    data: randomBytes(RECORD),
  }));
  const id = randomBytes(16);
  const stream = folder.file(
    'stream.lvs',
    await lvsFile(
      records.map((record) => batchOf([record])),
      { id, order: 'sorted' },
    ),
  );
  const whole = applyPlain(old, parsePlain(Buffer.from(plainStream(records))));

  const [target, undo] = await killApply(stream, old, SIZE / 4);
  const other = folder.fresh('other.lvs');
  await succeed(['apply', stream, target, '--snapback', other]);
  expect(readFileSync(target).equals(whole)).toBe(true);
  expect([undo, `${undo}.partial`].map((name) => existsSync(name))).toEqual([false, false]);
  await succeed(['apply', other, target]);
  expect(readFileSync(target).equals(old)).toBe(true);

  const [next, first] = await killApply(stream, old, SIZE / 4);
  const changes = folder.file('changes', plainStream([{ offset: 0, data: randomBytes(RECORD) }]));
  const second = folder.fresh('second.lvs');
  await succeed(['apply', changes, next, '--snapback', second]);
  for (const snapback of [second, first]) await succeed(['apply', snapback, next]);
  expect(readFileSync(next).equals(old)).toBe(true);
}

async function namesWhatIsWhole(): Promise<void> {
  const bytes = plainStream([{ offset: 0, data: randomBytes(16 * MIB) }]);
  const [stream, out] = [folder.file('stream', bytes), folder.fresh('out.lvs')];
  for (let isKilled = false; !isKilled;) {
    const run = execa(process.execPath, [BIN, 'compress', stream, '-o', out], { reject: false });
    await sleep(Math.random() * 500);
    run.kill('SIGKILL');
    isKilled = (await run).signal === 'SIGKILL';
    if (existsSync(out)) {
      await succeed(['verify', out]);
      break;
    }
  }
  const cut = folder.file('cut', bytes.subarray(0, 9 * MIB));
  expect((await lvstream(['compress', cut, '-o', folder.fresh('cut.lvs')])).status).toBe(3);
  expect(folder.names().filter((name) => name.endsWith('cut.lvs'))).toEqual([]);
  const kept = folder.file('kept', 'precious');
  expect((await lvstream(['compress', stream, '-o', kept])).status).toBe(4);
  expect((await lvstream(['apply', stream, device(), '--snapback', kept])).status).toBe(4);
  expect(readFileSync(kept, 'utf8')).toBe('precious');
  await succeed(['compress', stream, '-o', kept, '--force']);
  await succeed(['verify', kept]);
}

async function noticesDamage(): Promise<void> {
  const sound = readFileSync(await dump('--base-digests'));
  const target = device();
  const isNoticed = async (bytes: Uint8Array) => {
    const damaged = folder.file('damaged.lvs', bytes);
    expect((await lvstream(['verify', damaged])).status).toBe(3);
    expect((await lvstream(['apply', damaged, target])).status).toBe(3);
    expect(readFileSync(target).equals(before)).toBe(true);
  };
  const place = fc.nat(sound.length - 1);
  const flips = fc.tuple(place, fc.nat(7)).map(([at, bit]) => flipped(sound, at, 1 << bit));
  const cuts = place.map((end) => sound.subarray(0, end));
  await fc.assert(fc.asyncProperty(fc.oneof(flips, cuts), isNoticed), {
    numRuns: isSlow ? 500 : 8,
    examples: [[sound.subarray(0, -1)], [flipped(sound, -1)]],
  });
}

async function refusesOtherDevices(): Promise<void> {
  const [target, undo] = [device(), folder.fresh('undo.lvs')];
  await succeed(['apply', await dump(), target, '--snapback', undo]);
  const other = device(randomBytes(before.length));
  const wrong = await lvstream(['apply', undo, other]);
  expect(wrong.status).toBe(4);
  expect(wrong.errors).toContain('is not what the stream was made for (wrong base)');
  const { offset, data } = parsePlain(readCapture('a', 'ruby.stream')).at(-1)!;
  const partly = Buffer.from(after);
  before.copy(partly, offset, offset, offset + data.length);
  const part = await lvstream(['apply', undo, device(partly)]);
  expect(part.status).toBe(4);
  expect(part.errors).toContain('holds some of the stream already');
  await succeed(['apply', undo, target]);
  expect(readFileSync(target).equals(before)).toBe(true);
  expect((await succeed(['apply', undo, target])).text).toContain('already applied, nothing written');
}

async function staysSmall(): Promise<void> {
  const target = makeFile(0);
  truncateSync(target, 8 * 1024 * 1024 * MIB);
  const far = 8 * 1024 * 1024 * MIB - 4096;
  const data = Array.from({ length: 160 }, (_, i) => ({ offset: i * 2 * MIB, data: randomBytes(MIB) }));
  const stream = folder.file('large', plainStream([...data, { offset: far, data: randomBytes(4096) }]));
  const packed = folder.fresh('large.lvs');
  for (const args of [
    ['compress', stream, '-o', packed],
    ['verify', packed],
    ['apply', packed, target, '--snapback', folder.fresh('undo.lvs')],
  ]) {
    const { status, peakMib } = await runMeasured(...args);
    expect(status).toBe(0);
    expect(peakMib).toBeLessThan(256);
  }
}

async function needsNoLvstream(): Promise<void> {
  const stream = await dump('--base-digests');
  const plain = execFileSync('zstd', ['-dc', stream], { maxBuffer: 64 * MIB });
  expect(plain.subarray(0, 17).toString()).toBe('lvmsync PROTO[3]\n');
  expect(applyPlain(before, parsePlain(plain)).equals(after)).toBe(true);
}

const PROMISES: Readonly<Record<string, () => Promise<void>>> = {
  "`apply` writes nothing before it has checked what can be checked: the header, the device's size, that it is not mounted, held or open elsewhere, that a file is whole, and that the device holds what the stream was made for, if the stream says what that is (snapbacks do, and dumps with `--base-digests`).":
    checksFirst,
  'With `--snapback`, old data is on stable storage before it is overwritten.': savesFirst,
  'Killed at any moment, the same command run again finishes the work, and the snapback holds the data from before the first run.':
    survivesKills,
  'Under another name in the same folder, the same changes are gone on with; before others, what was begun is closed as a snapback of its own.':
    goesOnUnderOtherNames,
  'A finished file appears under its name whole, or not at all, and never replaces another unless told to.':
    namesWhatIsWhole,
  'One flipped bit anywhere in an `.lvs` file is noticed by `verify` and `apply`, and so is a file that ends early.':
    noticesDamage,
  'A snapback refuses a device that does not hold what it undoes, and says if it has been applied already, or partly.':
    refusesOtherDevices,
  'Memory stays under 256 MiB, whatever the size of device and stream.': staysSmall,
  '`zstd -dc FILE.lvs` gives a plain lvmsync stream: what you keep can be restored without lvstream.':
    needsNoLvstream,
};

/** The sentences of the numbered list, each in one line. */
function promisesIn(readme: string): string[] {
  const [, section = ''] = /^## What you can rely on$(.*?)^## /ms.exec(readme) ?? [];
  const items = section
    .trim()
    .split(/^\d+\. /m)
    .slice(1);
  return items.flatMap((item) =>
    item
      .trim()
      .replace(/\s+/g, ' ')
      .split(/(?<=\.) (?=[A-Z`])/),
  );
}

describe('what you can rely on', () => {
  it.each(Object.keys(PROMISES))('%s', (sentence) => PROMISES[sentence]!(), (isSlow ? 3600 : 120) * 1000);

  it('is what the README says, sentence by sentence', () => {
    const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
    expect(promisesIn(readme)).toEqual(Object.keys(PROMISES));
  });
});
