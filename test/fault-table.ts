import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** What became of one class of faults that tests provoked. */
export interface FaultRow {
  /** What was done, such as "power cut in an apply". Rows of the same name are added up. */
  readonly fault: string;
  readonly tried: number;
  /** Ended as promised: the work done, or refused with a way out. */
  readonly survived: number;
  /** Ended with wrong data and success, or without a way back. */
  readonly lost: number;
}

const FOLDER = 'LVSTREAM_FAULT_TABLE';
const COLUMNS = ['fault', 'tried', 'survived', 'lost'] as const;

/** Adds a row to the table that the run prints at its end. Tests in any worker may call it; it asserts nothing itself. */
export function report({ fault, tried, survived, lost }: FaultRow): void {
  const folder = process.env[FOLDER];
  if (folder === undefined) throw new Error(`${FOLDER} is not set: this runs in no test run`);
  appendFileSync(rowsIn(folder), `${JSON.stringify({ fault, tried, survived, lost })}\n`);
}

/** Collects the rows of all workers of a run, and prints them behind its last test. */
export default function setUp(): () => void {
  const folder = mkdtempSync(path.join(tmpdir(), 'lvstream-faults-'));
  process.env[FOLDER] = folder;
  return () => {
    const rows = existsSync(rowsIn(folder)) ? parseRows(readFileSync(rowsIn(folder), 'utf8')) : [];
    rmSync(folder, { recursive: true });
    if (rows.length > 0) console.log(`\n${formatTable(rows)}`);
  };
}

const rowsIn = (folder: string): string => path.join(folder, 'rows');

function parseRows(text: string): FaultRow[] {
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line) as FaultRow);
}

/** One line a fault, in the order of their first rows, under a line with the names of the columns. */
export function formatTable(rows: readonly FaultRow[]): string {
  const lines = [COLUMNS, ...addUp(rows).map((row) => COLUMNS.map((column) => String(row[column])))];
  const widths = COLUMNS.map((_, i) => Math.max(...lines.map((line) => line[i]!.length)));
  const align = (cell: string, i: number) => (i === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[i]!));
  return lines.map((line) => line.map(align).join(' | ')).join('\n');
}

function addUp(rows: readonly FaultRow[]): FaultRow[] {
  const sums = new Map<string, FaultRow>();
  for (const row of rows) {
    const { fault, tried, survived, lost } = sums.get(row.fault) ?? {
      ...row,
      tried: 0,
      survived: 0,
      lost: 0,
    };
    sums.set(row.fault, {
      fault,
      tried: tried + row.tried,
      survived: survived + row.survived,
      lost: lost + row.lost,
    });
  }
  return [...sums.values()];
}
