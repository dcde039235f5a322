import { openImage } from '../device/image.js';
import { UsageError } from '../errors.js';
import { readThickSnapshot } from '../lvm/thick-dump.js';
import { thickBatches, writeThickDump } from '../lvm/write-thick-dump.js';
import type { DumpForm } from './dump-form.js';

/** What the thick form of `dump` takes, as yargs gives it. */
export interface ThickArguments {
  readonly cow: string | undefined;
  readonly origin: string | undefined;
  readonly snapshotData: boolean;
  readonly baseDigests: boolean;
}

/** `dump` of a thick snapshot, from its exception store. Throws `UsageError`, and what opening and reading throw. */
export function openThickForm({ cow, origin, snapshotData: undo, baseDigests }: ThickArguments): DumpForm {
  if (cow === undefined || origin === undefined) {
    throw new UsageError(`--${cow === undefined ? 'cow' : 'origin'} is missing`, {
      hint: 'name --cow and --origin of a thick snapshot, or --thin-metadata of a thin one',
    });
  }
  const device = openImage(origin);
  const snapshot = readThickSnapshot(openImage(cow), device);
  return {
    countBytes: () => snapshot.exceptions.count * snapshot.exceptions.chunkSize,
    batches: () => thickBatches(snapshot, undo),
    write: (sink, codec, { baseState: snapshotState, resultState: originState, ...options }, watch) =>
      writeThickDump(
        snapshot,
        sink,
        codec,
        { ...options, undo, baseDigests, snapshotState, originState },
        watch,
      ),
  };
}
