import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TableTarget } from '#src/device/device-mapper.js';
import { LvmError } from '#src/errors.js';
import { countHandedOut, parseSnapshotStatus } from '#src/lvm/thick/snapshot-status.js';

/** A line of `dmsetup status`. */
const targetOf = (line: string): TableTarget => {
  const [start, length, type, ...words] = line.split(' ');
  return { start: Number(start), length: Number(length), type: type!, words };
};

const refusal = (...lines: string[]): LvmError => {
  try {
    parseSnapshotStatus('vg/snap', lines.map(targetOf));
  } catch (error) {
    if (error instanceof LvmError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
};

describe('the status of a snapshot', () => {
  it('tells the size of the snapshot and what its store holds, in bytes', () => {
    const usage = parseSnapshotStatus('vg/snap', [targetOf('0 32768 snapshot 1720/16384 16')]);
    expect(usage).toEqual({ size: 16 * 2 ** 20, used: 1720 * 512 });
  });

  it.each([
    ['0 32768 snapshot Invalid', 'vg/snap: the snapshot is invalid: it overflowed or met an I/O error'],
    ['0 32768 snapshot Overflow', 'vg/snap: the snapshot overflowed'],
    ['0 32768 snapshot Merge failed', 'vg/snap: merging the snapshot failed'],
    ['0 32768 snapshot Unknown', 'vg/snap: its status is Unknown, which is none that can be read'],
  ])('is an error where it says %s', (line, message) => {
    const error = refusal(line);
    expect(error.message).toBe(message);
    const isLost = /overflowed/.test(message);
    expect(error.hint).toEqual(isLost ? expect.stringContaining('lost for good') : undefined);
  });

  it('is an error of what is no snapshot any more', () => {
    expect(refusal('0 32768 snapshot-merge 504/8192 16').message).toContain(
      'shows snapshot-merge in place of',
    );
    expect(refusal('0 8 error', '8 8 error').message).toContain('shows error, error in place of');
    expect(refusal().message).toContain('shows nothing in place of');
  });
});

/** Chunks in use after `count` exceptions, as `prepare_exception` and `skip_metadata` count them (dm-snap-persistent.c). */
const nextFree = (count: number, perArea: number): number => {
  let next = 2;
  for (let i = 0; i < count; i += 1) {
    next += 1;
    if (next % (perArea + 1) === 1) next += 1;
  }
  return next;
};

describe('the number of exceptions handed out', () => {
  it('is what the kernel handed out, also where an area is full', () => {
    const chunkSizes = fc.constantFrom(512, 4096, 65536);
    fc.assert(
      fc.property(chunkSizes, fc.nat(3), fc.integer({ min: -2, max: 2 }), (chunkSize, areas, more) => {
        const perArea = chunkSize / 16;
        const count = Math.max(0, areas * perArea + more);
        expect(countHandedOut(nextFree(count, perArea) * chunkSize, chunkSize)).toBe(count);
      }),
    );
  });
});
