import type { RandomAccessWriter } from '../algebra/random-access.js';
import type { OpenStreamFile } from '../chain/chain-head.js';
import { interrupted } from '../chain/way-back.js';
import { openTarget } from '../device/target.js';
import { onInterrupt } from '../files/interrupt.js';
import type { StreamInput } from '../files/open-input.js';
import { surveyDamage } from '../files/salvage-input.js';
import type { FrameCodec } from '../format/frame-codec.js';
import { executePlan } from './execute.js';
import { planApply } from './plan.js';
import { refuseItself } from './refuse-itself.js';
import { unfinished, type ApplyOptions, type ApplyReport, type Work } from './work.js';

/**
 * Writes a stream to a device or image (§6): checks first all that can be known before the first write, saves what is
 * overwritten if told to, and makes it permanent. An input that is not rewindable is checked as it comes.
 *
 * Throws `RefusedError` before anything is written when going on would not be safe, `FormatError` on damage,
 * `DeviceError` when reading or writing fails; a second run of the same call finishes what was begun.
 */
export async function applyStream(
  input: StreamInput,
  path: string,
  codec: FrameCodec,
  openFile: OpenStreamFile,
  options: ApplyOptions,
): Promise<ApplyReport> {
  refuseItself(path, input.path ?? '/dev/stdin', options.snapback);
  const target = openTarget(path, { inUse: options.inUse, readOnly: options.dryRun });
  try {
    if (options.sync) target.settle();
    return await applyToTarget(input, target, codec, openFile, options);
  } finally {
    target.close();
  }
}

/** The same on a target that is open; `target.name` is its path. It stays the caller's. */
export async function applyToTarget(
  input: StreamInput,
  target: RandomAccessWriter,
  codec: FrameCodec,
  openFile: OpenStreamFile,
  options: ApplyOptions,
): Promise<ApplyReport> {
  const damage = options.salvage ? await surveyDamage(input) : undefined;
  const counts = { written: 0, skipped: 0 };
  const work: Work = { input, target, codec, options, openFile, notices: [], counts, damage };
  const forget = onInterrupt(() => interrupted(unfinished(work)));
  try {
    return await planAndExecute(work);
  } finally {
    forget();
  }
}

async function planAndExecute(work: Work): Promise<ApplyReport> {
  const plan = await planApply(work);
  try {
    return await executePlan(plan, work);
  } finally {
    if (plan.step === 'write') plan.recorder?.close();
  }
}
