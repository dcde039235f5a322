import { openImage } from '../device/image.js';
import { UsageError } from '../errors.js';
import { changedThinRanges, dumpThinChanges, type ThinChanges } from '../lvm/thin-dump.js';
import { openThinMetadata } from '../lvm/thin-metadata.js';
import { writeThinDump } from '../lvm/write-thin-dump.js';
import type { DumpForm } from './dump-form.js';

/** Device ids have 24 bits (dm-thin.c, `MAX_DEV_ID`). */
const MAX_ID = 2 ** 24 - 1;

/** What the thin form of `dump` takes, as yargs gives it. */
export interface ThinArguments {
  readonly metadataSnapshot: boolean;
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly source: string | undefined;
}

/**
 * `dump` from one thin device to another, from their pool's metadata. Throws `UsageError`, and what opening throws;
 * that the pool has both devices is found here too, before anything is written.
 */
export function openThinForm(thinMetadata: string, args: ThinArguments): DumpForm {
  const [from, to] = [deviceId('from', args.from), deviceId('to', args.to)];
  const source = given('source', args.source);
  const pool = openThinMetadata(openImage(thinMetadata), { metadataSnapshot: args.metadataSnapshot });
  const changes = { pool, from, to, source: openImage(source) };
  changedThinRanges(changes).next();
  return {
    countBytes: () => countBytes(changes),
    batches: () => dumpThinChanges(changes),
    write: (sink, codec, { baseState: base, resultState: result, ...options }, watch) =>
      writeThinDump(changes, sink, codec, { ...options, base, result }, watch),
  };
}

function countBytes(changes: ThinChanges): number {
  let sum = 0;
  for (const { length } of changedThinRanges(changes)) sum += length;
  return sum;
}

function deviceId(option: string, text: string | undefined): number {
  const digits = given(option, text);
  if (/^\d{1,8}$/.test(digits) && Number(digits) <= MAX_ID) return Number(digits);
  throw new UsageError(`--${option} ${digits}: not the id of a thin device`, {
    hint: 'see: lvs -o name,thin_id',
  });
}

function given(option: string, text: string | undefined): string {
  if (text !== undefined) return text;
  throw new UsageError(`--${option} is missing`, {
    hint: '--thin-metadata goes with --from, --to and --source',
  });
}
