import { LvmError } from '../errors.js';
import type { OpenChanges } from './changes.js';
import type { LiveOptions, Subject } from './live.js';

/** Opens the changes of a thick volume (see `openLiveChanges`). */
export async function openThickChanges({ volume }: Subject, _options: LiveOptions): Promise<OpenChanges> {
  throw new LvmError(`${volume.name}: not available yet`);
}
