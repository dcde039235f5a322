import { LvstreamError, UsageError } from '../../errors.js';
import { ClosedOutputError } from '../../files/sink.js';
import { describeError, hintOf, runToExit } from '../exit.js';
import { checkFormat, chattinessOf, parse, refuseOptions, warn, type Chattiness } from './options.js';
import { nameForDropIn } from './remedies.js';
import { packageVersion } from '../package-version.js';
import { print } from '../print/print.js';
import { nameSnapback } from '../arguments/snapback-name.js';
import { visible, visibleLines } from '../print/visible.js';

/** The command line of the original lvmsync; sending to another host is not there yet. */

const USAGE = `lvmsync [-v] [--snapback FILE] SNAPSHOT [--stdout | DEVICE]
lvmsync [-v] [--snapback FILE] --apply FILE|- DEVICE
lvmsync --version

SNAPSHOT is any name that LVM knows a snapshot by: VG/LV, /dev/VG/LV, /dev/mapper/...

  -a, --apply FILE        write a stream to DEVICE; -: the stream on standard input
      --server            the old name of --apply -
  -b, --snapback FILE     save what is overwritten to FILE first; in a folder it is
                          named by device and time, and %Y%m%d-%H%M in a name expand
  -s, --stdout            write the changes to standard output, as a stream
  -r, --data-source DEV   read the data from DEV instead of the snapshot's origin
  -e, --rsh COMMAND       accepted; sending to another host is not available yet
      --format FORMAT     of the snapback: lvs; LVSTREAM_SNAPBACK_FORMAT says the same
  -v, --[no-]verbose      say what was done
  -d, --[no-]debug        with an error, say where in the program it arose
  -q, --[no-]quiet        say nothing but errors
  -V, --version           print the version
  -h, --help              print this

lvstream dump --help and lvstream apply --help have more options.
`;

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
  if (values.server) warn('--server is deprecated, use --apply - instead', chattiness);
  if (values.snapback !== undefined) checkFormat(values.format);
  if (stream === undefined) await sendTo(values, positionals, chattiness);
  else await applyTo(stream, values, positionals, chattiness);
  return 0;
}

type Values = ReturnType<typeof parse>['values'];

async function applyTo(
  stream: string,
  values: Values,
  positionals: readonly string[],
  chattiness: Chattiness,
): Promise<void> {
  refuseOptions(values, ['stdout', 'data-source', 'rsh'], 'has no place with --apply');
  const [device, ...rest] = positionals;
  if (device === undefined)
    throw new UsageError('no destination device is given', { hint: 'see lvmsync --help' });
  if (rest.length > 0) throw new UsageError(`one destination device, not ${positionals.length}`);
  const { runApply } = await import('./apply.js');
  await runApply(stream, device, snapbackOf(values, device), chattiness);
}

/** With `--stdout` a device may be named, and means nothing. */
async function sendTo(values: Values, positionals: readonly string[], chattiness: Chattiness): Promise<void> {
  const [snapshot, device, ...rest] = positionals;
  if (snapshot === undefined) throw new UsageError('no snapshot is given', { hint: 'see lvmsync --help' });
  if (rest.length > 0) throw new UsageError(`a snapshot and a device, not ${positionals.length} names`);
  if (values.stdout)
    refuseOptions(
      values,
      ['snapback'],
      'has no place with --stdout: it is saved where the stream is applied',
    );
  else if (device === undefined)
    throw new UsageError('no destination is given', { hint: 'name a device, or --stdout' });
  const { refuseHost, send } = await import('./send.js');
  const destination = values.stdout ? undefined : device;
  if (destination !== undefined) refuseHost(destination, snapshot);
  const snapback = destination === undefined ? undefined : snapbackOf(values, destination);
  await send(snapshot, values['data-source'], { device: destination, snapback }, chattiness);
}

function snapbackOf({ snapback }: Values, device: string): string | undefined {
  return snapback === undefined ? undefined : nameSnapback(snapback, device, new Date());
}

async function say(text: string): Promise<number> {
  await print(text);
  return 0;
}

/** In the shape that scripts around the original look for. */
function reportFatal(error: LvstreamError, argv: readonly string[]): number {
  process.stderr.write(`FATAL ERROR: ${visible(describeError(error))}\n`);
  const hint = hintOf(error, nameForDropIn);
  if (hint !== undefined) process.stderr.write(`lvmsync: hint: ${visible(hint)}\n`);
  if (argv.some((argument) => argument === '-d' || argument === '--debug'))
    process.stderr.write(`${visibleLines(error.stack!)}\n`);
  return FAILED;
}
