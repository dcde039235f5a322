import { parentPort, workerData } from 'node:worker_threads';
import { createFrameWorker } from './frame-work.js';
import type { Answer, Job } from './worker-pool.js';

const { level } = workerData as { level: number };
const worker = createFrameWorker(level);

/** Does one job after the other; buffers travel by transfer, there and back. */
parentPort!.on('message', (job: Job) => {
  const answer: Answer =
    job.kind === 'compress'
      ? worker.compress(job.content, job.streamPosition, job.room)
      : worker.decompress(job.frame, job.content, job.streamPosition);
  const buffers = new Set([answer.frame.buffer, answer.blocks.buffer, answer.content?.buffer]);
  const owned = [...buffers].filter((buffer) => buffer instanceof ArrayBuffer);
  parentPort!.postMessage(answer, owned);
});

/** A job that does not arrive can't be answered either: with the thread all that wait for it fail. */
parentPort!.on('messageerror', (error: unknown) => {
  throw error;
});
