import assert from 'node:assert/strict';
import type { Range } from '#src/ranges/range.js';
import { hintOf } from '#src/cli/exit.js';
import { nameOf } from '#src/cli/remedies.js';
import { formatSentence, LvstreamError } from '#src/errors.js';
import type { OpenChanges } from '#src/changes/changes.js';
import { openLiveChanges } from '#src/lvm/live.js';
import type { LiveOptions } from '#src/lvm/live-options.js';
import { attempt } from './run.js';

/** Changes of live volumes, taken out in the process of the case: faster than the command. */

const DEFAULTS: LiveOptions = {
  undo: false,
  full: false,
  keepEqual: false,
  rangesOnly: false,
  waitSeconds: 5,
};

export const openChanges = (name: string, options: Partial<LiveOptions> = {}): Promise<OpenChanges> =>
  openLiveChanges(name, { ...DEFAULTS, ...options });

/** What a dump gave. */
export interface Dumped {
  /** The device after the stream was applied to `before`, zeros behind its end. */
  readonly image: Buffer;
  readonly ranges: readonly Range[];
  /** The ranges of the records themselves. */
  readonly records: readonly Range[];
  readonly consistent: boolean;
  readonly remarks: readonly string[];
  readonly base: string | undefined;
  readonly result: string | undefined;
}

/** Opens changes, applies them to a copy of `before`, and closes them. */
export async function dumpOnto(
  before: Buffer,
  name: string,
  options: Partial<LiveOptions> = {},
): Promise<Dumped> {
  const changes = await openChanges(name, options);
  try {
    return await takeAll(changes, before);
  } finally {
    changes.close();
  }
}

export async function takeAll(changes: OpenChanges, before: Buffer): Promise<Dumped> {
  const image = Buffer.alloc(changes.resultSize);
  before.copy(image);
  const records: Range[] = [];
  for await (const batch of changes.batches()) {
    if (batch.kind === 'zeros') {
      for (const { offset, length } of batch.ranges) image.fill(0, offset, offset + length);
      records.push(...batch.ranges);
      continue;
    }
    const { bytes, count, offsets, lengths, positions } = batch;
    for (let i = 0; i < count; i += 1) {
      const [offset, length] = [offsets[i]!, lengths[i]!];
      image.set(bytes.subarray(positions[i], positions[i]! + length), offset);
      records.push({ offset, length });
    }
  }
  const { consistent } = changes.conclude();
  const { base, result, remarks } = changes;
  return {
    image,
    ranges: [...changes.ranges()],
    records,
    consistent,
    remarks: remarks.map((remark) => formatSentence(remark, nameOf)),
    base: base?.id,
    result: result?.id,
  };
}

/** All that a device holds, read past the page cache. */
export function contentsOf(device: string): Buffer {
  const { status, stdout, stderr } = attempt('dd', [`if=${device}`, 'iflag=direct', 'bs=1M', 'status=none']);
  assert.equal(status, 0, stderr);
  return stdout;
}

/** Two images are the same; a failure says where they are not, and not what they hold. */
export function assertSame(image: Buffer, wanted: Buffer): void {
  assert.equal(image.length, wanted.length);
  for (let at = 0; at < wanted.length; at += 512) {
    const end = Math.min(at + 512, wanted.length);
    if (image.compare(wanted, at, end, at, end) !== 0) assert.fail(`they differ at byte ${at}`);
  }
}

/** The chunks that ranges touch, neighbours joined, the last one clipped to the device. */
export function chunksOf(ranges: readonly Range[], chunkSize: number, deviceSize: number): Range[] {
  const chunks = new Set<number>();
  for (const { offset, length } of ranges) {
    for (let at = Math.floor(offset / chunkSize); at * chunkSize < offset + length; at += 1) chunks.add(at);
  }
  const joined: { offset: number; length: number }[] = [];
  for (const chunk of [...chunks].sort((a, b) => a - b)) {
    const offset = chunk * chunkSize;
    const length = Math.min(chunkSize, deviceSize - offset);
    const last = joined.at(-1);
    if (last !== undefined && last.offset + last.length === offset) last.length += length;
    else joined.push({ offset, length });
  }
  return joined;
}

/** Opening the changes fails with an expected error; returns it as a user would see it: what, and the way out. */
export async function refusalOf(name: string, options: Partial<LiveOptions> = {}): Promise<string> {
  try {
    (await openChanges(name, options)).close();
  } catch (error) {
    if (error instanceof LvstreamError) return `${error.name}: ${error.message} | ${hintOf(error) ?? ''}`;
    throw error;
  }
  return assert.fail(`${name} was not refused`);
}
