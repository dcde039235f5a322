import { parseArgs } from 'node:util';
import { formatSentence, UsageError, type Sentence } from '../../errors.js';
import { visible } from '../print/visible.js';
import { nameForDropIn } from './remedies.js';

const FLAG = { type: 'boolean' } as const;
const TEXT = { type: 'string' } as const;

/** What the original takes, and `format`. */
const OPTIONS = {
  apply: { ...TEXT, short: 'a' },
  server: FLAG,
  snapback: { ...TEXT, short: 'b' },
  format: TEXT,
  stdout: { ...FLAG, short: 's' },
  'data-source': { ...TEXT, short: 'r' },
  rsh: { ...TEXT, short: 'e' },
  verbose: { ...FLAG, short: 'v' },
  debug: { ...FLAG, short: 'd' },
  quiet: { ...FLAG, short: 'q' },
  version: { ...FLAG, short: 'V' },
  help: { ...FLAG, short: 'h' },
  'no-verbose': FLAG,
  'no-debug': FLAG,
  'no-quiet': FLAG,
} as const;

/** How much it says, on standard error. */
export type Chattiness = Readonly<Record<'verbose' | 'debug' | 'quiet', boolean>>;

/** The command line as given. Throws `UsageError`. */
export function parse(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true, tokens: true });
  } catch (cause) {
    const [message = ''] = (cause as Error).message.split('. ');
    throw new UsageError(message, { cause, hint: 'see lvmsync --help' });
  }
}

/** Of an option and its negation the last one counts. */
export function chattinessOf(tokens: ReturnType<typeof parse>['tokens']): Chattiness {
  const found = { verbose: false, debug: false, quiet: false };
  for (const token of tokens) {
    if (token.kind !== 'option') continue;
    const [, no, name = ''] = /^(no-)?(.*)$/.exec(token.name) ?? [];
    if (Object.hasOwn(found, name)) found[name as keyof Chattiness] = no === undefined;
  }
  const loud = found.debug ? 'debug' : 'verbose';
  if (found.quiet && found[loud]) throw new UsageError(`--quiet and --${loud} exclude each other`);
  return found;
}

/** What the original had to say of an option that has no place in a form. */
export function refuseOptions(
  values: ReturnType<typeof parse>['values'],
  names: readonly (keyof typeof values)[],
  why: string,
): void {
  const given = names.find((name) => values[name] !== undefined && values[name] !== false);
  if (given !== undefined) throw new UsageError(`--${given} ${why}`);
}

/** The format of a snapback by option or environment; only `.lvs` is there. Throws `UsageError`. */
export function checkFormat(format: string | undefined = process.env['LVSTREAM_SNAPBACK_FORMAT']): void {
  if (format === undefined || format === '' || format === 'lvs') return;
  if (format !== 'lvmsync') throw new UsageError(`${format}: there is no such format of a snapback`);
  throw new UsageError('a snapback in the format lvmsync is not available yet for this form', {
    hint: 'save it as .lvs; lvstream decompress makes it a plain stream afterwards',
  });
}

/** Says something that is no error. */
export function warn(text: Sentence, { quiet }: Chattiness): void {
  if (!quiet) process.stderr.write(`lvmsync: ${visible(formatSentence(text, nameForDropIn))}\n`);
}
