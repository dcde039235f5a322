import { describe, expect, it } from 'vitest';
import type { RandomAccessWriter } from '#src/algebra/random-access.js';
import { applyToTarget } from '#src/apply/apply.js';
import type { ApplyOptions } from '#src/apply/work.js';
import { FormatError } from '#src/errors.js';
import { openBytes } from '../streams.js';
import { createInlineCodec } from '../format/inline-codec.js';
import { vectorInput } from '../format/vector-files.js';
import { memoryDevice } from '../compare/memory-device.js';

/** Every bit and every cut is noticed by an apply; of a file before anything is written. */

const names = [
  'good-empty',
  'good-compressed',
  'good-order-disjoint',
  'good-zeros-ranges',
  'good-digests-pages',
  'good-closing-base',
  'good-page-empty',
  'good-header-all-fields',
  'good-closing-extras',
  'good-order-sorted',
] as const;

const codec = createInlineCodec();
const options: ApplyOptions = {
  dryRun: false,
  skipPastEnd: true,
  sync: false,
  baseCheck: false,
  inUse: false,
  finish: false,
  outOfOrder: false,
  salvage: false,
  generator: 'test',
};

/** A device that counts what is written to it and keeps none of it. */
function countingTarget(): RandomAccessWriter & { writes: number } {
  const target = {
    ...memoryDevice(new Uint8Array(1 << 20)),
    writes: 0,
    write: () => {
      target.writes++;
    },
    zero: () => {
      target.writes++;
    },
    sync: () => undefined,
  };
  return target;
}

async function refuse(input: Uint8Array, rewindable: boolean, what: string): Promise<void> {
  const target = countingTarget();
  const open = () => openBytes(input);
  const openFile = () => Promise.reject(new Error('no other file is read'));
  const source = { name: 'stream', rewindable, open, close: () => undefined };
  const error: unknown = await applyToTarget(source, target, codec, openFile, options).catch(
    (reason: unknown) => reason,
  );
  if (!(error instanceof FormatError)) {
    throw new Error(`${what} was not noticed`, { cause: error });
  }
  if (rewindable && target.writes > 0) throw new Error(`${what} was noticed after something was written`);
}

describe.each(names)('%s', (name) => {
  const input = vectorInput(name);

  it.each([true, false])(
    'is applied with no bit flipped (rewindable: %s)',
    async (rewindable) => {
      expect(input.length).toBeLessThan(20_000);
      for (let bit = 0; bit < input.length * 8; bit++) {
        const damaged = input.slice();
        damaged[bit >> 3]! ^= 1 << (bit & 7);
        await refuse(damaged, rewindable, `bit ${bit}`);
      }
    },
    120_000,
  );

  it.each([true, false])(
    'is applied at its full length only (rewindable: %s)',
    async (rewindable) => {
      for (let size = 0; size < input.length; size++)
        await refuse(input.subarray(0, size), rewindable, `cut at ${size}`);
    },
    60_000,
  );
});
