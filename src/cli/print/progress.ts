import type { SingleBar } from 'cli-progress';
import { onInterrupt } from '../../files/interrupt.js';
import { encodedSize, type RecordBatch, type Watch } from '../../format/batch.js';

/** Tells how many bytes of plain stream there will be, if anybody knows. */
export type Total = () => Promise<number | undefined>;

const INTERVAL_MS = 100;

/**
 * Does something that takes long, with a progress bar on standard error meanwhile; without one if that is no
 * terminal, or with `quiet`. However it ends, the terminal wraps lines again, which the bar keeps it from.
 */
export async function withProgress<T>(
  what: string,
  total: Total,
  { quiet = false }: { readonly quiet?: boolean | undefined },
  act: (watch: Watch) => Promise<T>,
): Promise<T> {
  if (quiet || !process.stderr.isTTY) return act((batches) => batches);
  const bar = await startBar(what, await total());
  const stop = (): void => {
    bar.stop();
  };
  const forget = onInterrupt(stop);
  try {
    const progress = { done: 0, shown: 0 };
    return await act((batches) => count(batches, bar, progress));
  } finally {
    forget();
    stop();
  }
}

async function startBar(what: string, total: number | undefined): Promise<SingleBar> {
  const { default: cliProgress } = await import('cli-progress');
  const known = `${what} {bar} {percentage}% {value}/{total} MiB, {eta_formatted} left`;
  const format = total === undefined ? `${what} {value} MiB` : known;
  const bar = new cliProgress.SingleBar(
    { format, clearOnComplete: true },
    cliProgress.Presets.shades_classic,
  );
  bar.start(mebibytes(total ?? 0), 0);
  return bar;
}

/** `progress`: bytes of all that is watched, and when the bar was drawn last. */
async function* count(
  batches: AsyncIterable<RecordBatch>,
  bar: SingleBar,
  progress: { done: number; shown: number },
): AsyncGenerator<RecordBatch> {
  for await (const batch of batches) {
    progress.done += encodedSize(batch);
    const now = performance.now();
    if (now - progress.shown > INTERVAL_MS) {
      bar.update(mebibytes(progress.done));
      progress.shown = now;
    }
    yield batch;
  }
}

function mebibytes(bytes: number): number {
  return Math.round(bytes / 2 ** 20);
}
