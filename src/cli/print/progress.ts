import type { SingleBar } from 'cli-progress';
import { onInterrupt } from '../../files/interrupt.js';
import { encodedSize, type RecordBatch } from '../../format/batch.js';
import type { Watch } from '../../changes/write-changes.js';

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
    return await act((batches) => count(batches, bar));
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

async function* count(batches: AsyncIterable<RecordBatch>, bar: SingleBar): AsyncGenerator<RecordBatch> {
  let done = 0;
  let shown = 0;
  for await (const batch of batches) {
    done += encodedSize(batch);
    const now = performance.now();
    if (now - shown > INTERVAL_MS) {
      bar.update(mebibytes(done));
      shown = now;
    }
    yield batch;
  }
}

function mebibytes(bytes: number): number {
  return Math.round(bytes / 2 ** 20);
}
