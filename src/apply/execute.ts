import { partialPath } from '../chain/partial-file.js';
import { wayOutOfDamage } from '../chain/way-back.js';
import { endOf } from '../compare/survey.js';
import { FormatError } from '../errors.js';
import { dropSecondName } from '../files/sink.js';
import { dataSize, type RecordBatch } from '../format/batch.js';
import { makeLasting } from './apply-note.js';
import type { Plan } from './plan.js';
import { openWhole, report, tooSmall, unfinished, type ApplyReport, type Work } from './work.js';
import { writeAll, writeBatch } from './write-batch.js';

/** Does what was planned. Throws `FormatError` of a stream that turns out to be damaged, and what writing does. */
export async function executePlan(plan: Plan, work: Work): Promise<ApplyReport> {
  if (plan.step === 'nothing') return settleApplied(plan, work);
  if (work.options.dryRun)
    return report(work, { outcome: 'checked', bytesSkipped: plan.survey?.pastEnd ?? 0 });
  return write(plan, work);
}

/**
 * An earlier run wrote it all, and may have been killed before it had it on stable storage, or while the snapback had both of
 * its names.
 */
function settleApplied(
  { pastEnd, snapback, note }: Extract<Plan, { step: 'nothing' }>,
  work: Work,
): ApplyReport {
  if (snapback !== undefined && !work.options.dryRun) dropSecondName(partialPath(snapback), snapback);
  makeLasting({ ...work, note });
  return report(work, { outcome: 'already-applied', bytesSkipped: pastEnd, snapback });
}

async function write(plan: Extract<Plan, { step: 'write' }>, work: Work): Promise<ApplyReport> {
  const { counts, options } = work;
  const { survey, recorder, note } = plan;
  await writeStream(plan, work);
  makeLasting({ ...work, note });
  const isWhole = !work.damage?.fault;
  await recorder?.finish(isWhole);
  const resumed = survey?.verdict?.kind === 'interrupted' || recorder?.recorded !== undefined;
  const bytes = { bytesWritten: counts.written, bytesSkipped: counts.skipped };
  return report(work, {
    outcome: resumed ? 'finished' : 'applied',
    ...bytes,
    snapback: options.snapback,
  });
}

/** Lets go of the stream, and its buffers, before the snapback is finished. */
async function writeStream(
  { stream: first, survey, recorder, note }: Extract<Plan, { step: 'write' }>,
  work: Work,
): Promise<void> {
  const { input, options } = work;
  const stream = input.rewindable ? await openWhole(work, true) : first;
  if (options.sync && !recorder && survey?.verdict) note?.make();
  try {
    const write = (batch: RecordBatch) => {
      writeOne(batch, work);
    };
    if (recorder) await recorder.writeRecorded(stream, survey?.isSorted ?? false, write);
    else await writeAll(stream.batches, write);
  } catch (error) {
    if (!(error instanceof FormatError) || work.counts.written === 0) throw error;
    throw error.withHint(wayOutOfDamage(unfinished(work)));
  }
}

function writeOne(batch: RecordBatch, { target, options, counts }: Work): void {
  const end = endOf(batch);
  if (end > target.size && !options.skipPastEnd) throw tooSmall(target, end);
  const skipped = writeBatch(batch, target);
  counts.skipped += skipped;
  counts.written += dataSize(batch) - skipped;
}
