import type { SingleBar } from 'cli-progress';
import { encodedSize, type RecordBatch } from '../format/batch.js';

/** How far the work has come, for people who watch. */
export interface Progress {
  /** Passes the batches on and counts them. */
  readonly watch: (batches: AsyncIterable<RecordBatch>) => AsyncIterable<RecordBatch>;
  /** Takes the bar off the terminal. A second call does nothing. */
  readonly stop: () => void;
}

const INTERVAL_MS = 100;
const SILENT: Progress = { watch: (batches) => batches, stop: () => undefined };

/**
 * A progress bar on standard error over `total` bytes of plain stream; one that shows nothing if that is no terminal,
 * or with `quiet`.
 */
export async function startProgress(
  what: string,
  total: number | undefined,
  { quiet = false }: { readonly quiet?: boolean | undefined },
): Promise<Progress> {
  if (quiet || !process.stderr.isTTY) return SILENT;
  const { default: cliProgress } = await import('cli-progress');
  const format = `${what} {bar} {percentage}% {value}/{total} MiB, {eta_formatted} left`;
  const bar = new cliProgress.SingleBar(
    { format: total === undefined ? `${what} {value} MiB` : format, clearOnComplete: true, hideCursor: null },
    cliProgress.Presets.shades_classic,
  );
  bar.start(mebibytes(total ?? 0), 0);
  return { watch: (batches) => count(batches, bar), stop: () => bar.stop() };
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
