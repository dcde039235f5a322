import { openImage } from '../../../device/image.js';
import { UsageError } from '../../../errors.js';
import type { OpenChanges } from '../../../changes/changes.js';
import { openTogether } from '../../../lvm/opened.js';
import { momentOf } from '../../../lvm/single-moment.js';
import { readThickSnapshot, thickChanges } from '../../../lvm/thick/thick-dump.js';

/** What the form for images of a thick snapshot takes, as yargs gives it. */
export interface ThickArguments {
  readonly cow: string | undefined;
  readonly origin: string | undefined;
  readonly snapshotData: boolean;
  readonly consistent: boolean;
  readonly rangesOnly?: boolean | undefined;
}

/** The changes of a thick snapshot, from its exception store. Throws `UsageError`, and what opening and reading throw. */
export async function openThickImages(args: ThickArguments): Promise<OpenChanges> {
  const { cow, origin, snapshotData } = args;
  if (cow === undefined || origin === undefined) {
    throw new UsageError(`--${cow === undefined ? 'cow' : 'origin'} is missing`, {
      hint: '--cow and --origin go together',
    });
  }
  const moment = momentOf(origin, args);
  return openTogether(async (keep) => {
    const device = keep(openImage(origin));
    const store = keep(openImage(cow));
    return { ...thickChanges(readThickSnapshot(store, device), snapshotData), ...moment };
  });
}
