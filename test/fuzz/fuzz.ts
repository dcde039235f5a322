import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { startBounds } from './bounds.js';
import { startCoverage } from './coverage.js';
import { Random } from './random.js';

/** A decoder under attack. */
export interface Target {
  readonly name: string;
  /** What the mutations begin from. */
  readonly seeds: () => readonly Uint8Array[];
  /** Another input, with parts of `other` perhaps, what covers its bytes put right in most cases. */
  mutate(input: Uint8Array, other: Uint8Array, random: Random): Uint8Array;
  /**
   * Reads the input in all ways that there are. Returns what became of it in a few words, each new one of which is
   * worth a place in the corpus; throws where two readings disagree or a rule is broken. `isNew`: it is the first to
   * reach some code, so that slow comparisons are worth their time.
   */
  check(input: Uint8Array, random: Random, isNew: () => boolean): Promise<string>;
}

export interface Campaign {
  readonly seed: number;
  /** How many of the target's seeds to begin with; all, unless said otherwise. */
  readonly seeds?: number;
  readonly inputs?: number;
  readonly seconds?: number;
}

export interface Outcome {
  readonly tried: number;
  readonly corpus: number;
  /** How often each thing became of an input. */
  readonly outcomes: ReadonlyMap<string, number>;
  /** Where the inputs are that broke a rule, and how. */
  readonly finds: readonly string[];
}

const findsFolder = fileURLToPath(new URL('finds', import.meta.url));
const MAX_FINDS = 20;

/**
 * Mutates inputs for so long, or so many of them. What reaches new code, or comes out in a new way, joins the inputs
 * that are mutated. What breaks a rule is left in `test/fuzz/finds`.
 */
export async function fuzz(target: Target, campaign: Campaign): Promise<Outcome> {
  const { inputs = Infinity, seconds = Infinity, seeds = Infinity } = campaign;
  const random = new Random(campaign.seed);
  mkdirSync(findsFolder, { recursive: true });
  const bounds = startBounds(path.join(findsFolder, `${target.name}-hang`));
  const coverage = startCoverage();
  const run = new Run(
    target,
    random,
    (input, act) => bounds.hold(input, act),
    () => coverage.grew(),
  );
  const end = performance.now() + seconds * 1000;
  try {
    for (const seed of someOf(target.seeds(), seeds, random)) await run.attempt(seed, true);
    while (run.tried < inputs && performance.now() < end && run.finds.length < MAX_FINDS)
      await run.attempt(run.next(), false);
  } finally {
    coverage.stop();
    await bounds.stop();
  }
  const { tried, corpus, outcomes, finds } = run;
  return { tried, corpus: corpus.length, outcomes, finds };
}

function someOf<T>(items: readonly T[], count: number, random: Random): readonly T[] {
  return items.length <= count ? items : Array.from({ length: count }, () => random.pick(items));
}

class Run {
  tried = 0;
  readonly corpus: Uint8Array[] = [];
  readonly outcomes = new Map<string, number>();
  readonly finds: string[] = [];

  constructor(
    readonly target: Target,
    readonly random: Random,
    readonly hold: (input: Uint8Array, act: () => Promise<string>) => Promise<string>,
    readonly grew: () => boolean,
  ) {}

  /** What came last is mutated as often as all that came before: it is least known. */
  next(): Uint8Array {
    const { corpus, random } = this;
    const from = random.once(2) ? Math.max(0, corpus.length - 32) : 0;
    const input = corpus[from + random.below(corpus.length - from)]!;
    return this.target.mutate(input, random.pick(corpus), random);
  }

  async attempt(input: Uint8Array, isSeed: boolean): Promise<void> {
    this.tried += 1;
    let isNew = isSeed;
    const look = () => (isNew = this.grew() || isNew);
    try {
      const outcome = await this.hold(input, () => this.target.check(input, this.random, look));
      const count = this.outcomes.get(outcome) ?? 0;
      this.outcomes.set(outcome, count + 1);
      if (look() || count === 0) this.corpus.push(input);
    } catch (error) {
      this.finds.push(this.#keep(input, error));
    }
  }

  #keep(input: Uint8Array, error: unknown): string {
    const digest = createHash('sha256').update(input).digest('hex').slice(0, 12);
    const file = path.join(findsFolder, `${this.target.name}-${digest}`);
    writeFileSync(file, input);
    return `${file}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
  }
}
