/** A place for bytes that do not fit in memory: a file that has no name and is gone with the process. */
export interface Scratch {
  /** Keeps a copy of the bytes from byte `at` on. Throws `DeviceError`. */
  write(at: number, bytes: Uint8Array): void;
  /** Fills `into` with what was written from byte `at` on. Throws `DeviceError`. */
  read(at: number, into: Uint8Array): void;
  /** Gives its room back. A second call does nothing. */
  close(): void;
}

/** Makes a new one. Whoever offers it closes what its user has left open. Throws `DeviceError` where there can be none. */
export type OpenScratch = () => Scratch;
