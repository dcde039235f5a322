/** A record with its data whole; parts of a record that goes on in further frames are joined. */
export interface ReferenceRecord {
  readonly offset: number;
  readonly data: Uint8Array;
}

/** What a streaming reader has released, up to the end or a fault. */
export interface Released {
  readonly records: ReferenceRecord[];
  /** Of a map: its ranges as `[offset, length]`. */
  readonly ranges: [number, number][];
}

/** The stream breaks the rule that `fault` names (§10). */
export class ReferenceFault extends Error {
  readonly released: Released = { records: [], ranges: [] };

  constructor(
    readonly fault: string,
    readonly position: number,
  ) {
    super(`${fault} at byte ${position}`);
  }
}

/** Throws the fault unless the rule holds. */
export function require(rule: boolean, fault: string, position: number): asserts rule {
  if (!rule) throw new ReferenceFault(fault, position);
}
