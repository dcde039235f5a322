import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readCapture, readManifest, recordedRanges, thickCases, thinCases } from '../../captures.js';
import { applyPlain, normalise, parsePlain } from '../../cli/plain-records.js';
import type { Case } from '../case.js';
import { sha256 } from '../contents.js';
import { lvstream } from '../run.js';
import { restoreThick, restoreThin, type Restored, type RestoredNames } from '../restored.js';

/** Every capture as a volume in use: exactly the ranges of its manifest, whichever way it is dumped. */

/** What is being merged would be gone by the time that it is active. */
const SETTLED_THICK = thickCases.filter((name) => name !== 'h-merging');

export const cases: readonly Case[] = [
  ...SETTLED_THICK.map((name) => capture(name, restoreThick)),
  ...thinCases.map((name) => capture(name, restoreThin)),
  ...['g', 'g-reactivated', 'g-snapfull'].map((name) => ({
    name: `${name}: an overflowed snapshot is refused`,
    run: () => {
      restoreThick(name, namesOf(name));
      refused(name, /^lvstream: \S+: .*(invalid|overflowed)/);
    },
  })),
];

function capture(name: string, restore: (name: string, names: RestoredNames) => Restored): Case {
  return {
    name: `${name}: the recorded ranges, and the right data`,
    run: () => {
      const { origin, snapshot } = restore(name, namesOf(name));
      const [old, current] = [readCapture(name, 'snapshot.img'), readCapture(name, 'origin.img')];
      assert.equal(sha256(origin.device), digest(current), 'the origin is what was captured');
      assert.equal(sha256(snapshot.device), digest(old), 'the snapshot is what was captured');
      const ranges = recordedRanges(readManifest(name)).map(([offset, length]) => ({ offset, length }));
      const forward = dump(snapshot.name);
      assert.deepEqual(rangesOf(forward), ranges);
      assert.equal(digest(applyPlain(old, forward)), digest(current));
      const undo = dump(snapshot.name, '--undo');
      assert.deepEqual(rangesOf(undo), ranges);
      assert.equal(digest(applyPlain(current, undo)), digest(old));
    },
  };
}

const namesOf = (name: string): RestoredNames => readManifest(name) as unknown as RestoredNames;
const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

function dump(...args: string[]) {
  const { status, stdout, stderr } = lvstream(['dump', ...args, '--format', 'lvmsync']);
  assert.equal(status, 0, stderr);
  return normalise(parsePlain(stdout));
}

function rangesOf(records: ReturnType<typeof dump>) {
  return records.map(({ offset, data }) => ({ offset, length: data.length }));
}

function refused(name: string, message: RegExp): void {
  const { vg, snap } = namesOf(name);
  const { status, stdout, stderr } = lvstream(['dump', `${vg}/${snap}`, '--format', 'lvmsync']);
  assert.equal(stdout.length, 0);
  assert.match(stderr, message);
  assert.notEqual(status, 0);
}
