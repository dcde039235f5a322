import type { FaultRow } from '../fault-table.js';

/** A test that runs in the guest, as root, on clean disks. */
export interface Case {
  readonly name: string;
  /** Throws what makes the case fail. What it reports goes to the table of faults, also when it fails. */
  readonly run: (report: (row: FaultRow) => void) => void | Promise<void>;
  /** 360 unless said: everything takes ten times as long as it does on a real machine. */
  readonly timeoutSeconds?: number;
}

/** How a case ended: a line of JSON from the guest. */
export interface CaseResult {
  readonly name: string;
  readonly seconds: number;
  readonly faults: readonly FaultRow[];
  /** What it failed with: a message and the stack. */
  readonly failure?: string;
}
