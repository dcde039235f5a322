import type { RecordBatch } from '../../format/batch.js';
import { mergeStreams, type MergeOptions } from '../merge-streams.js';
import type { BatchBuilderOptions } from '../records/batch-builder.js';
import type { MergeSource, Spill } from './merge-source.js';
import { Arena } from './arena.js';
import { Run } from './run.js';

/** What a merge may take. */
export interface MergeLimits {
  /** Bytes of memory of the streams that are read at once. */
  readonly memory: number;
  /** Streams that are read at once. */
  readonly streams: number;
  /** Bytes of memory of the run that is sorted. */
  readonly run: number;
}

export const MERGE_LIMITS: MergeLimits = { memory: 44 << 20, streams: 64, run: 44 << 20 };

/** A run has its own memory already; what it is read into takes about as much again as a batch. */
const READING_RUN = 2 << 20;

export interface MergeSourcesOptions extends MergeOptions {
  readonly limits?: MergeLimits | undefined;
}

/**
 * What applying streams one after the other does, the oldest first, as one sorted stream: {@link mergeStreams} of any number
 * of streams in any order. One that is not sorted is cut into runs that fit in memory, of which each is sorted and, unless it
 * is all and small, spilled; a run then is a stream like any other. More streams than may be read at once are merged in passes.
 *
 * Memory is what the limits say, one run before the first batch comes. Closes all sources, however it ends.
 * Throws what they and `spill` throw.
 */
export async function* mergeSources(
  sources: readonly MergeSource[],
  spill: Spill,
  { limits = MERGE_LIMITS, ...options }: MergeSourcesOptions = {},
): AsyncGenerator<RecordBatch, void, undefined> {
  const line = new Line(spill, limits, options);
  const waiting = [...sources];
  try {
    for (let source = waiting[0]; source; source = waiting[0]) {
      if (source.isSorted) line.append(source);
      else await appendSorted(line, source, waiting.length === 1);
      waiting.shift();
    }
    while (!line.fits) await line.shorten();
    yield* line.merge();
  } finally {
    for (const source of waiting) source.close();
    line.close();
  }
}

async function appendSorted(line: Line, source: MergeSource, isLast: boolean): Promise<void> {
  let run = line.startRun();
  for await (const batch of source.open()) {
    run.add(batch);
    if (run.memory < line.runMemory) continue;
    await line.appendSpilled(run, source.name);
    run = line.startRun();
  }
  if (run.isEmpty) return;
  if (isLast || run.heldMemory <= line.spareMemory) line.appendHeld(run, source.name);
  else await line.appendSpilled(run, source.name);
}

/** Sorted streams, the oldest first, that become fewer where they are more than can be read at once. */
class Line {
  readonly #spill: Spill;
  readonly #limits: MergeLimits;
  readonly #options: MergeOptions;
  #sources: MergeSource[] = [];
  /** Bytes of the runs that stay in memory. */
  #held = 0;
  #arena = new Arena();

  constructor(spill: Spill, limits: MergeLimits, options: MergeOptions) {
    this.#spill = spill;
    this.#limits = limits;
    this.#options = options;
  }

  get runMemory(): number {
    return this.#limits.run - this.#held;
  }

  /** So much of the runs of other streams may stay in memory: half of what there is for them. */
  get spareMemory(): number {
    return this.#limits.run / 2 - this.#held;
  }

  /** They can be read at once. Two always are: fewer would not take less. */
  get fits(): boolean {
    return this.#sources.length <= 2 || this.#fitsWith(this.#sources);
  }

  /** A run, of which there may be one at a time that is neither spilled nor held. */
  startRun(): Run {
    return new Run(this.#arena);
  }

  append(source: MergeSource): void {
    this.#sources.push(source);
  }

  appendHeld(run: Run, name: string): void {
    this.#held += run.heldMemory;
    this.#arena = new Arena();
    this.append(holdRun(run, name, this.#options));
  }

  /** Each that is spilled has a file open, so that their number is bounded too. */
  async appendSpilled(run: Run, name: string): Promise<void> {
    this.append(await this.#spill(run.sorted(this.#options), name));
    if (this.#sources.length > 2 * this.#limits.streams) await this.shorten();
  }

  /** Merges those neighbours that are the least to write again. */
  async shorten(): Promise<void> {
    const { first, end } = this.#cheapest();
    const sources = this.#sources.slice(first, end);
    const merged = await this.#spill(this.#merge(sources), nameOf(sources));
    const old = this.#sources.splice(first, end - first, merged);
    for (const source of old) source.close();
  }

  async *merge(): AsyncGenerator<RecordBatch, void, undefined> {
    yield* this.#merge(this.#sources);
  }

  close(): void {
    for (const source of this.#sources.splice(0)) source.close();
  }

  #merge(sources: readonly MergeSource[]): AsyncGenerator<RecordBatch, void, undefined> {
    const names = sources.map(({ name }) => name);
    return mergeStreams(
      sources.map((source) => source.open()),
      { ...this.#options, names },
    );
  }

  #fitsWith(sources: readonly MergeSource[]): boolean {
    return sources.length <= this.#limits.streams && sumOf(sources, 'memory') <= this.#limits.memory;
  }

  #cheapest(): { readonly first: number; readonly end: number } {
    const windows = this.#sources.slice(1).map((_, first) => {
      let end = first + 2;
      while (end < this.#sources.length && this.#fitsWith(this.#sources.slice(first, end + 1))) end += 1;
      return { first, end, size: sumOf(this.#sources.slice(first, end), 'size') / (end - first - 1) };
    });
    return windows.reduce((best, window) => (window.size < best.size ? window : best));
  }
}

function sumOf(sources: readonly MergeSource[], key: 'memory' | 'size'): number {
  return sources.reduce((sum, source) => sum + source[key], 0);
}

/** Runs of one stream, and several streams that were merged. */
function nameOf(sources: readonly MergeSource[]): string {
  return [...new Set(sources.map(({ name }) => name))].join(', ');
}

function holdRun(run: Run, name: string, options: BatchBuilderOptions): MergeSource {
  const memory = run.heldMemory;
  return {
    isSorted: true,
    name,
    memory: memory + READING_RUN,
    size: memory,
    open: async function* () {
      yield* run.sorted(options);
    },
    close: () => undefined,
  };
}
