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

/** What a caller who knows better may say to have it done all the same; the options of the library have the same names. */
export const OVERRIDES = [
  'in-use',
  'skip-past-end',
  'no-base-check',
  'finish',
  'out-of-order',
  'any-order',
  'lossy',
  'force',
] as const;

export type Override = (typeof OVERRIDES)[number];

/** What else lvstream has that helps. */
export const OFFERS = [
  'compress-salvage',
  'apply-salvage',
  'assume-lvmsync2',
  'units',
  'info',
  'dump',
  'dump-images',
  'full',
  'second-volume',
  'second-snapshot',
  'keep-equal',
  'without-base-digests',
  'snapshot-of-map',
  'wait',
  'temp-folder',
  'squash',
] as const;

export type Offer = (typeof OFFERS)[number];

/** Something that lvstream can do about it. Each program calls it as its own users do: an option, a command, a button. */
export type Remedy =
  | { readonly name: Override | Offer }
  | {
      /** Apply the whole records of an unfinished snapback. */
      readonly name: 'take-back';
      readonly stream: string;
      readonly device: string;
      readonly skipPastEnd: boolean;
    };

/** Words for the user; a remedy among them stands where its name goes. */
export type Sentence = string | readonly (string | Remedy)[];

export function remedy(name: Override | Offer): Remedy {
  return { name };
}

/** Tag of a template: a sentence made of words, remedies and other sentences. */
export function sentence(
  words: TemplateStringsArray,
  ...values: readonly (Sentence | Remedy)[]
): readonly (string | Remedy)[] {
  return words.flatMap((text, index) => [text, ...values.slice(index, index + 1).flat()]);
}

/** The sentence, with each remedy called as `nameOf` says. */
export function formatSentence(said: Sentence, nameOf: (remedy: Remedy) => string): string {
  return [said]
    .flat()
    .map((part) => (typeof part === 'string' ? part : nameOf(part)))
    .join('');
}

function plainName(found: Remedy): string {
  return found.name === 'take-back'
    ? `apply what is whole of ${found.stream} to ${found.device}`
    : found.name;
}

interface ErrorDetails {
  /** The way out, for the user. */
  readonly hint?: Sentence | undefined;
  readonly cause?: unknown;
}

/** Base of all expected errors: `message` says what and where in one line, `wayOut` what to do about it. */
export class LvstreamError extends Error {
  readonly wayOut: Sentence | undefined;
  /** The same as text, in which remedies have the names that they have here. */
  readonly hint: string | undefined;

  constructor(message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = new.target.name;
    this.wayOut = details.hint;
    this.hint = this.wayOut && formatSentence(this.wayOut, plainName);
  }

  /** What lvstream can do about it. */
  get remedies(): readonly Remedy[] {
    return [this.wayOut ?? []].flat().filter((part) => typeof part !== 'string');
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
    return this.#with({ stream });
  }

  /** The same fault, where a layer knows a better way out. */
  withHint(hint: Sentence): FormatError {
    return this.#with({ hint });
  }

  #with(details: FaultDetails): FormatError {
    const { fault, position, wayOut: hint, cause, stream } = this;
    const other = new FormatError(fault, position, this.#what, { hint, cause, stream, ...details });
    if (this.stack !== undefined) other.stack = this.stack.replace(this.message, other.message);
    return other;
  }
}

/** A device, image or file could not be opened, read or written. */
export class DeviceError extends LvstreamError {}

/** LVM or device-mapper said no, or what it keeps on disk is damaged. */
export class LvmError extends LvstreamError {}

/** Going on would not be safe. */
export class RefusedError extends LvstreamError {
  /** What would allow it all the same; undefined: nothing does. */
  get override(): Override | undefined {
    return OVERRIDES.find((override) => this.remedies.some(({ name }) => name === override));
  }
}

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
