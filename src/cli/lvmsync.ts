import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { createCodec } from '../codec/codec.js';
import { applyStream } from '../device/apply.js';
import { partialPath } from '../device/journal.js';
import { LvstreamError, UsageError } from '../errors.js';
import { openInput } from '../files/open-input.js';
import { ClosedOutputError } from '../files/sink.js';
import { describeError, hintOf, runToExit } from './exit.js';
import { generator, packageVersion } from './package-version.js';
import { print } from './print.js';
import { visible } from './visible.js';
import { widenPipes } from './widen-pipes.js';

/** The command line of the original lvmsync, as far as it goes by now. */

const USAGE = `lvmsync [-v] [--snapback FILE] --apply FILE|- DEVICE
lvmsync --version

  -a, --apply FILE        write a stream to DEVICE; -: the stream on standard input
      --server            the old name of --apply -
  -b, --snapback FILE     save what is overwritten to FILE first
      --format FORMAT     of the snapback: lvs; LVSTREAM_SNAPBACK_FORMAT says the same
  -v, --[no-]verbose      say what was done
  -d, --[no-]debug        with an error, say where in the program it arose
  -q, --[no-]quiet        say nothing but errors
  -V, --version           print the version
  -h, --help              print this

The other forms of the original are not available yet. lvstream apply --help has more options.
`;

const FLAG = { type: 'boolean' } as const;
const TEXT = { type: 'string' } as const;

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

type Chattiness = Readonly<Record<'verbose' | 'debug' | 'quiet', boolean>>;

const FAILED = 1;

await runToExit('lvmsync', async () => {
  const argv = process.argv.slice(2);
  try {
    return await main(argv);
  } catch (error) {
    if (error instanceof LvstreamError && !(error instanceof ClosedOutputError))
      return reportFatal(error, argv);
    throw error;
  }
});

async function main(argv: readonly string[]): Promise<number> {
  const { values, positionals, tokens } = parse(argv);
  if (values.help) return say(USAGE);
  if (values.version) return say(`lvmsync ${packageVersion()}\n`);
  const chattiness = chattinessOf(tokens);
  const stream = values.server ? '-' : values.apply;
  if (stream === undefined) throw notAvailable(values, positionals);
  for (const option of ['stdout', 'data-source', 'rsh'] as const) {
    if (values[option] !== undefined) throw new UsageError(`--${option} has no place with --apply`);
  }
  const [device, ...rest] = positionals;
  if (device === undefined)
    throw new UsageError('no destination device is given', { hint: 'see lvmsync --help' });
  if (rest.length > 0) throw new UsageError(`one destination device, not ${positionals.length}`);
  if (values.server) warn('--server is deprecated, use --apply - instead', chattiness);
  const { snapback, format } = values;
  if (snapback !== undefined) checkFormat(format ?? process.env['LVSTREAM_SNAPBACK_FORMAT']);
  await apply(stream, device, snapback, chattiness);
  return 0;
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true, tokens: true });
  } catch (cause) {
    const [message = ''] = (cause as Error).message.split('. ');
    throw new UsageError(message, { cause, hint: 'see lvmsync --help' });
  }
}

async function say(text: string): Promise<number> {
  await print(text);
  return 0;
}

/** Of an option and its negation the last one counts. */
function chattinessOf(tokens: ReturnType<typeof parse>['tokens']): Chattiness {
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

function notAvailable(values: ReturnType<typeof parse>['values'], [snapshot]: readonly string[]): UsageError {
  if (snapshot === undefined) return new UsageError('no snapshot is given', { hint: 'see lvmsync --help' });
  if (values.stdout && values.snapback !== undefined) {
    return new UsageError('--snapback has no place with --stdout: it is saved where the stream is applied');
  }
  const option = (['stdout', 'data-source', 'rsh'] as const).find((name) => values[name] !== undefined);
  const what = option === undefined ? 'sending a snapshot' : `--${option}`;
  return new UsageError(`${what} is not available yet for this form`, {
    hint: 'lvstream dump --cow FILE --origin FILE makes a stream of a snapshot that is not in use',
  });
}

function checkFormat(format: string | undefined): void {
  if (format === undefined || format === '' || format === 'lvs') return;
  if (format !== 'lvmsync') throw new UsageError(`${format}: there is no such format of a snapback`);
  throw new UsageError('a snapback in the format lvmsync is not available yet for this form', {
    hint: 'save it as .lvs; lvstream decompress makes it a plain stream afterwards',
  });
}

async function apply(
  stream: string,
  device: string,
  snapback: string | undefined,
  chattiness: Chattiness,
): Promise<void> {
  const codec = createCodec({ level: 3 });
  const rewindable = snapback !== undefined && existsSync(partialPath(snapback));
  const openFile = (path: string) => openInput(path, codec, { pieces: true, rewindable });
  widenPipes();
  const input = await openFile(stream);
  try {
    const { outcome, bytesWritten, notices } = await applyStream(input, device, codec, openFile, {
      ...{ snapback, sync: true, baseCheck: true, generator: generator() },
      ...{
        dryRun: false,
        skipPastEnd: false,
        inUse: false,
        finish: false,
        outOfOrder: false,
        salvage: false,
      },
    });
    for (const notice of notices) warn(notice, chattiness);
    if (chattiness.verbose || chattiness.debug)
      warn(`${device}: ${outcome}, ${bytesWritten} bytes written`, chattiness);
  } finally {
    input.close();
    await codec.close();
  }
}

function warn(text: string, { quiet }: Chattiness): void {
  if (!quiet) process.stderr.write(`lvmsync: ${visible(text)}\n`);
}

/** In the shape that scripts around the original look for. */
function reportFatal(error: LvstreamError, argv: readonly string[]): number {
  process.stderr.write(`FATAL ERROR: ${visible(describeError(error))}\n`);
  const hint = hintOf(error);
  const options = /(^|\s)--\w/.test(hint ?? '') && !/lvstream|lvmsync/.test(hint ?? '');
  if (hint !== undefined) {
    process.stderr.write(
      `lvmsync: hint: ${visible(hint)}${options ? ' (an option of lvstream apply)' : ''}\n`,
    );
  }
  if (argv.some((argument) => argument === '-d' || argument === '--debug'))
    process.stderr.write(`${error.stack!}\n`);
  return FAILED;
}
