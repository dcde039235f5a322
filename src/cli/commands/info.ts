import { inspect, type Inspection } from '../../files/inspect.js';
import type { StreamInput } from '../../files/open-input.js';
import { listRanges, listRecords } from '../../format/list-records.js';
import { isMap } from '../../format/open-stream.js';
import { declaredSize } from '../../format/lvs/order-check.js';
import { expandFolders } from '../arguments/stream-folders.js';
import { defineCommand } from '../command.js';
import { describeForPrograms, describeStream } from './describe-stream.js';
import { eachStream } from './each-stream.js';
import { reportError } from '../exit.js';
import { DIALECT, dialectOf, JSON_OUTPUT, refuseInput } from '../options.js';
import { drawDensity } from '../print/picture.js';
import { print } from '../print/print.js';
import { visible, visibleJson } from '../print/visible.js';

const WIDTH_IN_PIPE = 64;
const MAX_WIDTH = 100;
const INDENT = '  ';

export const info = defineCommand({
  declare: (yargs) =>
    yargs
      .positional('stream', {
        type: 'string',
        array: true,
        demandOption: true,
        describe: 'streams of any format, or folders of them',
      })
      .option('json', JSON_OUTPUT)
      .option('records', {
        type: 'boolean',
        default: false,
        describe: 'list offset and length of every record, of a map of every range',
      })
      .options(DIALECT)
      .example('$0 vm.lvs', 'what vm.lvs holds, and for which device'),
  run: async (args) => {
    const streams = await expandFolders(args.stream, args);
    refuseInput('-', streams);
    const { json, records } = args;
    return eachStream(
      streams,
      { ...dialectOf(args), rewindable: records },
      {
        act: async (input, codec) => {
          const found = await inspect(input, codec);
          await (json ? printForPrograms(input, found, records) : printForPeople(input, found, records));
          return 0;
        },
        report: async (_, error) => {
          reportError('lvstream', error);
        },
      },
    );
  },
});

async function printForPeople(input: StreamInput, found: Inspection, records: boolean): Promise<void> {
  const lines = describeStream(found);
  const width = Math.max(...lines.map(([label]) => label.length)) + INDENT.length;
  const text = lines.map(([label, value]) => `${INDENT}${label.padEnd(width)}${visible(value)}\n`).join('');
  const picture = drawDensity(found.density, scaleOf(found), pictureWidth()).map(
    (line) => `${INDENT}${line}\n`,
  );
  await print(`${visible(input.name)}\n${text}${picture.join('')}`);
  if (records)
    await eachRecords(input, (list) => list.map(([offset, length]) => `${offset} ${length}\n`).join(''));
}

async function printForPrograms(input: StreamInput, found: Inspection, records: boolean): Promise<void> {
  const size = scaleOf(found);
  const map = { size, columns: size === 0 ? [] : found.density.columns(size, WIDTH_IN_PIPE).map(Math.round) };
  const text = visibleJson({ stream: input.name, ...describeForPrograms(found), map });
  if (!records) return print(`${text}\n`);
  let comma = '';
  const list = found.header.kind === 'map' ? 'rangeList' : 'recordList';
  await print(`${text.slice(0, -1)},"${list}":[`);
  await eachRecords(input, (list) => {
    const part = comma + list.map((record) => JSON.stringify(record)).join(',');
    comma = ',';
    return part;
  });
  await print(']}\n');
}

async function eachRecords(
  input: StreamInput,
  say: (list: readonly [number, number][]) => string,
): Promise<void> {
  const stream = await input.open();
  for await (const records of isMap(stream) ? listRanges(stream.ranges) : listRecords(stream.batches)) {
    await print(say(records.map(({ offset, length }) => [offset, length])));
  }
}

/** What the picture is drawn over: the device, or as much of it as the stream tells of. */
function scaleOf({ header, closing: { high } }: Inspection): number {
  const declared = declaredSize(header);
  return Number.isFinite(declared) ? Math.max(declared, high) : high;
}

function pictureWidth(): number {
  if (!process.stdout.isTTY) return WIDTH_IN_PIPE;
  return Math.max(1, Math.min(MAX_WIDTH, process.stdout.columns - INDENT.length));
}
