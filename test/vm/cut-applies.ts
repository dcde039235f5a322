import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { Random } from '../crash/random.js';
import { encodeWorldStream } from '../crash/world.js';
import { applied, type TestRecord } from '../streams.js';
import { lvstream } from './run.js';
import { folder, target, TARGET_SIZE } from './two-disks.js';

export const ACTIONS = [
  'apply',
  'apply of a plain stream',
  'apply without a snapback',
  'roll back',
  'roll back with a snapback',
] as const;
export type Action = (typeof ACTIONS)[number];

const SEED = 1;
/** A journal is flushed behind 16 of them: what lies on the device and what is recorded grow in turns. */
const BATCHES = 40;
const SLOT = Math.floor(TARGET_SIZE / BATCHES);

const at = (name: string): string => `${folder}/${name}`;
const [stream, undo, redo] = [at('changes.lvs'), at('undo.lvs'), at('redo.lvs')];

/** Data and zeros at odd places, one to a slot. */
function sortedRecords(random: Random): TestRecord[] {
  return drafts(random, (slot, length) => slot * SLOT + random.below(SLOT - length));
}

/** The same anywhere: some overlap. */
function scatteredRecords(random: Random): TestRecord[] {
  return drafts(random, (_, length) => random.below(TARGET_SIZE - length));
}

function drafts(random: Random, place: (slot: number, length: number) => number): TestRecord[] {
  return Array.from({ length: BATCHES }, (_, slot) => {
    const length = 1 + random.below(9000);
    const data = slot % 5 === 0 ? new Uint8Array(length) : random.bytes(length);
    return { offset: place(slot, length), data };
  });
}

/** What is applied to the target: paths, and what the target then holds. */
export interface Step {
  readonly stream: string;
  readonly snapback?: string;
  readonly wanted: Buffer;
}

/** An apply that is to be cut short. */
export interface CutApply {
  readonly step: Step;
  /** What the target holds before. */
  readonly before: Buffer;
  /** What can be done once it is done, one after the other. */
  readonly then: readonly Step[];
}

/** The arguments of `lvstream apply`. */
export function wordsOf({ stream, snapback }: Step): string[] {
  return [stream, target, ...(snapback === undefined ? [] : ['--snapback', snapback])];
}

/** Puts a stream into the folder, and what it is made for on the target; of a roll-back, applies it. */
export async function makeCutApply(action: Action): Promise<CutApply> {
  const { before, after } = await makeStream(action === 'apply of a plain stream');
  const forward: Step = { stream, snapback: undo, wanted: after };
  const back: Step = { stream: undo, wanted: before };
  switch (action) {
    case 'apply':
    case 'apply of a plain stream':
      return { step: forward, before, then: [back] };
    case 'apply without a snapback':
      return { step: { stream, wanted: after }, before, then: [] };
    case 'roll back':
      applyFirst(forward);
      return { step: back, before: after, then: [] };
    case 'roll back with a snapback':
      applyFirst(forward);
      return {
        step: { ...back, snapback: redo },
        before: after,
        then: [{ stream: redo, wanted: after }, back],
      };
  }
}

async function makeStream(isPlain: boolean): Promise<{ before: Buffer; after: Buffer }> {
  const random = new Random(SEED);
  const before = random.bytes(TARGET_SIZE);
  const records = isPlain ? scatteredRecords(random) : sortedRecords(random);
  const format = isPlain ? 'plain' : 'states';
  writeFileSync(stream, await encodeWorldStream(format, { ends: ['lv:1', 'lv:2'] }, before, records));
  writeFileSync(target, before);
  return { before: Buffer.from(before), after: Buffer.from(applied(before, records)) };
}

function applyFirst(step: Step): void {
  const { status, stderr } = lvstream(['apply', ...wordsOf(step)]);
  assert.equal(status, 0, stderr);
}
