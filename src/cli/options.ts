import { RefusedError, UsageError } from '../errors.js';
import { isRegularFile, isSameFile } from '../files/same-file.js';
import { isStandardOutput, refuseTaken } from '../files/sink.js';

/** The stream of a command that takes one, and standard input without it. */
export const INPUT = {
  type: 'string',
  describe: 'a stream of any format; - or nothing: standard input',
} as const;

/** Options that several commands share. */
export const OUTPUT = {
  alias: 'o',
  type: 'string',
  requiresArg: true,
  describe: 'the file to write; without it standard output, unless that is a terminal',
} as const;

export const FORCE = { type: 'boolean', default: false, describe: 'replace the file if it exists' } as const;

export const JSON_OUTPUT = {
  type: 'boolean',
  default: false,
  describe: 'print one line of JSON a stream',
} as const;

export const JSON_REPORT = {
  type: 'boolean',
  default: false,
  describe: 'say what was done as one line of JSON',
} as const;

const DEFAULT_LEVEL = 3;
const MAX_LEVEL = 22;

export const LEVEL = {
  type: 'string',
  requiresArg: true,
  default: String(DEFAULT_LEVEL),
  describe: `zstd level, 1 to ${MAX_LEVEL}; 0 stores`,
  coerce: (text: unknown) => wholeNumber('--level', text, MAX_LEVEL),
} as const;

/** What a stream can be written as, by the name that the command line has for it. */
export const STREAM_FORMATS = ['lvs', 'lvmsync'] as const;
export type StreamFormat = (typeof STREAM_FORMATS)[number];

export const FORMAT = {
  choices: STREAM_FORMATS,
  requiresArg: true,
  default: 'lvs',
  describe: 'lvmsync: the plain stream',
} as const;

/** What every command takes that makes a stream. */
export const STREAM_OUTPUT = {
  output: OUTPUT,
  force: FORCE,
  format: FORMAT,
  level: LEVEL,
  json: JSON_REPORT,
} as const;

/** The three that help to read legacy streams. */
export const DIALECT = {
  'byte-order': {
    choices: ['big', 'little'],
    requiresArg: true,
    describe: 'of the offsets of a legacy stream',
  },
  units: {
    choices: ['bytes', 'chunks'],
    requiresArg: true,
    describe: 'what the offsets of a version 2 stream count',
  },
  assume: { choices: ['lvmsync2'], requiresArg: true, describe: 'what a stream without a first line is' },
} as const;

/** What DIALECT's options say, as the library takes it. */
export function dialectOf(args: {
  readonly byteOrder?: 'big' | 'little' | undefined;
  readonly units?: 'bytes' | 'chunks' | undefined;
  readonly assume?: 'lvmsync2' | undefined;
}) {
  return { byteOrder: args.byteOrder, units: args.units, assume: args.assume };
}

/** What says where a command's result goes. */
export interface OutputArguments {
  readonly output?: string | undefined;
  readonly json?: boolean | undefined;
  readonly force?: boolean | undefined;
}

/** The stream to read: as named, or standard input if that is no terminal. */
export function inputPath(stream: string | undefined): string {
  if (stream !== undefined) return stream;
  if (!process.stdin.isTTY) return '-';
  throw new UsageError('no stream is named', { hint: 'name a file, or - for standard input' });
}

/**
 * Where the output goes: a file, or standard output if that is no terminal, and no JSON is asked for. Throws `UsageError`,
 * and `RefusedError` of a name that is taken, or of a file that is read (`inputs`), before anything takes long.
 */
export function outputPath(
  { output, json = false, force }: OutputArguments,
  inputs: readonly (string | undefined)[],
): string {
  if (output === '') {
    throw new UsageError('--output: the name is empty', { hint: 'name a file, or - for standard output' });
  }
  if (json && isStandardOutput(output ?? '-')) {
    throw new UsageError('--json: standard output is where the stream goes', {
      hint: 'name a file for the stream with -o FILE',
    });
  }
  refuseInput(output ?? '-', inputs);
  refuseTaken(output ?? '-', { force });
  if (output !== undefined || !process.stdout.isTTY) return output ?? '-';
  throw new UsageError('a stream is not for a terminal', {
    hint: 'name a file with -o FILE, or -o - to insist',
  });
}

/**
 * Whatever writes a file or standard output asks this first: nothing is written over what is read, by whatever name it goes,
 * and no option allows it. Throws `RefusedError`.
 */
export function refuseInput(output: string, inputs: readonly (string | undefined)[]): void {
  const written = output === '-' ? '/dev/stdout' : output;
  const isRead = (input: string | undefined) =>
    input !== undefined && isSameFile(input === '-' ? '/dev/stdin' : input, written);
  if (!isRegularFile(written) || !inputs.some(isRead)) return;
  const [name, hint] =
    output === '-' ? ['standard output', 'send it to another file'] : [output, 'choose another name'];
  throw new RefusedError(`${name}: is one of the files that are read`, { hint });
}

/** A whole number from 0 to `most`. Throws `UsageError`. */
export function wholeNumber(option: string, text: unknown, most: number): number {
  const number = typeof text === 'string' && /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (number <= most) return number;
  throw new UsageError(`${option} ${String(text)}: not a whole number from 0 to ${most}`);
}

const UNITS = ['', 'K', 'M', 'G', 'T'];

/** Parses a size such as `4096`, `64K` or `1.5G` (powers of 1024) into bytes. Throws `UsageError`. */
export function parseSize(option: string, text: string): number {
  const [, digits = '', unit = ''] = /^(\d{1,16}(?:\.\d{1,6})?)([KMGT]?)(?:i?B)?$/i.exec(text) ?? [];
  const size = Number(digits) * 1024 ** UNITS.indexOf(unit.toUpperCase());
  if (digits !== '' && Number.isSafeInteger(size)) return size;
  throw new UsageError(`${option} ${text}: not a size; write bytes, or K M G T for powers of 1024`);
}
