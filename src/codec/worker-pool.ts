import { Worker } from 'node:worker_threads';
import type { CodedFrame, DecodedFrame } from '../format/frame-codec.js';

export type Job =
  | {
      readonly kind: 'compress';
      readonly content: Uint8Array;
      readonly streamPosition: number | undefined;
      readonly room: Uint8Array;
    }
  | {
      readonly kind: 'decompress';
      readonly frame: Uint8Array;
      readonly content: Uint8Array;
      readonly streamPosition: number | undefined;
    };

export type Answer = CodedFrame | DecodedFrame;

interface Waiting {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

interface Thread {
  readonly worker: Worker;
  /** Jobs sent to it, oldest first: it answers in order. */
  readonly waiting: Waiting[];
}

/** Worker threads that each take the next job; started when a job comes and none is idle. */
export class WorkerPool {
  readonly #threads: Thread[] = [];
  readonly #size: number;
  readonly #level: number;

  constructor(size: number, level: number) {
    this.#size = size;
    this.#level = level;
  }

  /** Gives the job, and the buffers in it, to the thread with the fewest jobs; rejects where they can't be given away. */
  run(job: Job): Promise<Answer> {
    const thread = this.#idleThread();
    return new Promise((resolve, reject) => {
      const other = job.kind === 'compress' ? job.room : job.frame;
      thread.worker.postMessage(job, [job.content.buffer as ArrayBuffer, other.buffer as ArrayBuffer]);
      thread.worker.ref();
      thread.waiting.push({ resolve, reject });
    });
  }

  /** The thread with the fewest jobs; a new one while all have some and there may be more. */
  #idleThread(): Thread {
    const [first, ...others] = this.#threads;
    const least =
      first &&
      others.reduce((one, other) => (other.waiting.length < one.waiting.length ? other : one), first);
    if (least && (least.waiting.length === 0 || this.#threads.length === this.#size)) return least;
    const started = this.#start();
    this.#threads.push(started);
    return started;
  }

  /** Ends the threads; jobs that are not done never settle. */
  async close(): Promise<void> {
    await Promise.all(this.#threads.splice(0).map(({ worker }) => stop(worker)));
  }

  #start(): Thread {
    const worker = new Worker(new URL('./worker.js', import.meta.url), {
      workerData: { level: this.#level },
    });
    const thread: Thread = { worker, waiting: [] };
    worker.on('message', (answer: Answer) => {
      thread.waiting.shift()!.resolve(answer);
      if (thread.waiting.length === 0) worker.unref();
    });
    worker.on('error', (error) => {
      this.#drop(thread, error);
    });
    worker.on('exit', (code) => {
      this.#drop(thread, new Error(`a worker thread ended with status ${code}`));
    });
    return thread;
  }

  /**
   * A thread that died gets no more jobs, as it would never answer them. An answer may still be under way, on another
   * port than the news of its end; its job is rejected by then.
   */
  #drop(thread: Thread, error: unknown): void {
    thread.worker.removeAllListeners('message');
    const index = this.#threads.indexOf(thread);
    if (index >= 0) this.#threads.splice(index, 1);
    for (const { reject } of thread.waiting.splice(0)) reject(error);
  }
}

/**
 * An answer that is still under way must not unref a thread that is awaited: Node would end with status 13. That the
 * thread ends is no failure of its jobs, which nobody may be waiting for.
 */
function stop(worker: Worker): Promise<number> {
  worker.removeAllListeners('message');
  worker.removeAllListeners('exit');
  return worker.terminate();
}
