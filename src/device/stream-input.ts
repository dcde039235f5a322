import type { ChangeStream } from '../format/open-stream.js';

/** A stream that a command was given, ready to be read. */
export interface StreamInput {
  /** What to call it in a message. */
  readonly name: string;
  /** The file's path where it is one. */
  readonly path: string | undefined;
  /** It can be opened again and again: a file, or a pipe that has been spooled. */
  readonly rewindable: boolean;
  /** Reads it from the start; a second time only if it is rewindable. Batches carry base digests where it has them. */
  open(): Promise<ChangeStream>;
  close(): void;
}
