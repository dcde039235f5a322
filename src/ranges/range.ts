/** Bytes of a device without their data. */
export interface Range {
  readonly offset: number;
  readonly length: number;
}
