import explained from './survivors.json' with { type: 'json' };

/** What is used here of StrykerJS's report (https://github.com/stryker-mutator/mutation-testing-elements). */
export interface MutationReport {
  readonly files: Readonly<Record<string, MutatedFile>>;
}

interface MutatedFile {
  readonly source: string;
  readonly mutants: readonly Mutant[];
}

interface Mutant {
  readonly status: string;
  readonly replacement?: string;
  readonly location: { readonly start: Place; readonly end: Place };
}

/** Both from 1. */
interface Place {
  readonly line: number;
  readonly column: number;
}

/** Of one module: a mutant that no test noticed, as `before → after`, and why that is right. */
type Explanations = Readonly<Record<string, string>>;

export interface Tried {
  readonly tried: number;
  readonly noticed: number;
  /** Mutants that no test noticed, and that nobody has explained. */
  readonly survivors: readonly string[];
  /** Explanations of what is noticed, or is not in the file. */
  readonly stale: readonly string[];
}

const NOTICED = ['Killed', 'Timeout', 'RuntimeError'];
const MISSED = ['Survived', 'NoCoverage'];

/** Holds a report against what is explained of the modules in it. */
export function judge({ files }: MutationReport): Tried {
  const judged = Object.entries(files).map(([name, file]) => judgeFile(name, file));
  const sum = (of: (one: Tried) => number) => judged.reduce((total, one) => total + of(one), 0);
  return {
    tried: sum(({ tried }) => tried),
    noticed: sum(({ noticed }) => noticed),
    survivors: judged.flatMap(({ survivors }) => survivors),
    stale: judged.flatMap(({ stale }) => stale),
  };
}

function judgeFile(name: string, { source, mutants }: MutatedFile): Tried {
  const module = name.replace(/^src\/|\.ts$/g, '');
  const reasons = (explained as Readonly<Record<string, Explanations>>)[module] ?? {};
  const lines = source.split('\n');
  const withStatus = (statuses: readonly string[]) =>
    mutants.filter(({ status }) => statuses.includes(status));
  const missed = withStatus(MISSED).map((mutant) => ({ mutant, change: changeOf(mutant, lines) }));
  const noticed = withStatus(NOTICED).length;
  const isMissed = (change: string) => missed.some((each) => each.change === change);
  return {
    tried: noticed + missed.length,
    noticed,
    survivors: missed
      .filter(({ change }) => reasons[change] === undefined)
      .map(({ mutant, change }) => `${name}:${mutant.location.start.line}: ${change}`),
    stale: Object.keys(reasons)
      .filter((change) => !isMissed(change))
      .map((change) => `${name}: ${change}`),
  };
}

/** The lines of a mutant before and after, on one line; of a long one the first of its lines. */
function changeOf({ location: { start, end }, replacement = '' }: Mutant, lines: readonly string[]): string {
  const first = lines[start.line - 1]!;
  const rest = lines[end.line - 1]!.slice(end.column - 1);
  const before = start.line === end.line ? first : `${first} …`;
  return `${onOneLine(before)} → ${onOneLine(first.slice(0, start.column - 1) + replacement + rest)}`;
}

const onOneLine = (text: string): string => text.replace(/\s+/g, ' ').trim();
