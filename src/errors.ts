/**
 * Every error that lvstream expects. `cli/main.ts` alone turns them into a message and an exit status;
 * whatever else is thrown is a fault of lvstream itself and crashes.
 */

/** One value per rejection rule of the specification (§10); the conformance vectors use the same names. */
export const FAULTS = [
  'not-a-stream',
  'foreign-stream',
  'unknown-version',
  'truncated-header',
  'truncated-record',
  'empty-record',
  'offset-limit',
  'ambiguous-units',
  'header-crc',
  'header-identification',
  'header-version',
  'header-reserved',
  'header-map',
  'unsupported-feature',
  'concatenated',
  'first-line',
  'frame-magic',
  'frame-header',
  'frame-size',
  'frame-corrupt',
  'frame-digest',
  'frame-entry',
  'unlisted-frame',
  'record-open',
  'order',
  'declared-size',
  'zero-ranges',
  'zero-frame',
  'page-crc',
  'page-layout',
  'page-sequence',
  'page-table',
  'piece-digests',
  'map-ranges',
  'closing-map',
  'totals',
  'stream-digest',
  'seek-table',
  'truncated',
  'trailing-data',
] as const;

export type Fault = (typeof FAULTS)[number];

interface ErrorDetails {
  /** The way out, as a sentence for the user. */
  readonly hint?: string | undefined;
  readonly cause?: unknown;
}

/** Base of all expected errors: `message` says what and where in one line, `hint` the way out. */
export class LvstreamError extends Error {
  /** A layer that knows a better way out may say so here. */
  hint: string | undefined;

  constructor(message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = new.target.name;
    this.hint = details.hint;
  }
}

interface FaultDetails extends ErrorDetails {
  readonly stream?: string | undefined;
}

/** The stream breaks a rule of the specification. `position` is a byte of the stream as it was read. */
export class FormatError extends LvstreamError {
  readonly fault: Fault;
  readonly position: number;
  /** What to call the stream, where a layer that knows it has said so. */
  readonly stream: string | undefined;
  readonly #what: string;

  constructor(fault: Fault, position: number, what: string, details: FaultDetails = {}) {
    const of = details.stream === undefined ? '' : `${details.stream}: `;
    super(`${of}byte ${position}: ${what} (${fault})`, details);
    this.fault = fault;
    this.position = position;
    this.stream = details.stream;
    this.#what = what;
  }

  /** The same fault, said of the stream of that name; one that has a name keeps it. */
  ofStream(stream: string): FormatError {
    if (this.stream !== undefined) return this;
    const { fault, position, hint, cause } = this;
    const named = new FormatError(fault, position, this.#what, { hint, cause, stream });
    if (this.stack !== undefined) named.stack = this.stack.replace(this.message, named.message);
    return named;
  }
}

/** A device, image or file could not be opened, read or written. */
export class DeviceError extends LvstreamError {}

/** LVM or device-mapper said no, or what it keeps on disk is damaged. */
export class LvmError extends LvstreamError {}

/** Going on would not be safe; the hint says what would allow it. */
export class RefusedError extends LvstreamError {}

/** The command line is wrong. */
export class UsageError extends LvstreamError {}

/** A system call's failure in the shape of Node's own errors: `EIO: i/o error, read` is its message. */
export interface SystemFailure extends Error {
  /** The errno by name, in libuv's spelling: `ENOTSUP` for EOPNOTSUPP, `EAGAIN` for EWOULDBLOCK. */
  readonly code: string;
}

/** The system call's failure that an error is, or wraps. */
export function systemFailure(error: unknown): SystemFailure | undefined {
  if (!(error instanceof Error)) return undefined;
  return typeof (error as Partial<SystemFailure>).code === 'string'
    ? (error as SystemFailure)
    : systemFailure(error.cause);
}

/** The name of the errno behind an error. */
export function errorCode(error: unknown): string | undefined {
  return systemFailure(error)?.code;
}

/** Why a system call failed, as every message words it: the errno's name and its meaning, `EIO: i/o error`. */
export function reason(cause: unknown): string {
  if (cause instanceof LvstreamError) return cause.message;
  return cause instanceof Error ? cause.message.replace(/^([\w -]+: [^,]+),.*$/s, '$1') : String(cause);
}
