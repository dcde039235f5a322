import { openImage } from '../../../device/image.js';
import { UsageError } from '../../../errors.js';
import type { OpenChanges } from '../../../changes/changes.js';
import { openTogether } from '../../../lvm/opened.js';
import { momentOf } from '../../../lvm/single-moment.js';
import { thinChanges } from '../../../lvm/thin/thin-dump.js';
import { openThinMetadata } from '../../../lvm/thin/thin-metadata.js';

/** Device ids have 24 bits (dm-thin.c, `MAX_DEV_ID`). */
const MAX_ID = 2 ** 24 - 1;

/** What the form for images of a thin pool takes, as yargs gives it. */
export interface ThinArguments {
  readonly metadataSnapshot: boolean;
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly source: string | undefined;
  readonly consistent: boolean;
  readonly rangesOnly?: boolean | undefined;
}

/**
 * The changes from one thin device to another, from their pool's metadata. Throws `UsageError`, and what opening
 * throws; that the pool has both devices is found here too, before anything is written.
 */
export async function openThinImages(thinMetadata: string, args: ThinArguments): Promise<OpenChanges> {
  const [from, to] = [deviceId('from', args.from), deviceId('to', args.to)];
  const sourcePath = given('source', args.source);
  const moment = momentOf(sourcePath, args);
  const { metadataSnapshot } = args;
  return openTogether(async (keep) => {
    const metadata = keep(openImage(thinMetadata));
    const source = keep(openImage(sourcePath));
    const pool = openThinMetadata(metadata, { metadataSnapshot });
    return { ...thinChanges({ pool, from, to, source }), ...moment };
  });
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
