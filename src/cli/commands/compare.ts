import { compareStreams } from '../../algebra/compare-streams.js';
import type { Spill } from '../../algebra/sort/merge-source.js';
import { MERGE_LIMITS } from '../../algebra/sort/merge-sources.js';
import { createCodec } from '../../codec/codec.js';
import { openSorted } from '../../files/merge/open-sorted.js';
import { createSpill } from '../../files/merge/spill.js';
import { openInput, plainSize, type StreamInput } from '../../files/open-input.js';
import type { RecordBatch, Watch } from '../../format/batch.js';
import type { FrameCodec } from '../../format/frame-codec.js';
import { isMap } from '../../format/open-stream.js';
import { defineCommand } from '../command.js';
import { DIFFERENT } from '../exit.js';
import { DIALECT, dialectOf, JSON_REPORT, refuseInput } from '../options.js';
import { Differences } from '../print/differences.js';
import { withProgress } from '../print/progress.js';
import { remarkDialect } from '../print/remarks.js';
import { mapWithoutData } from './verify.js';
import { withOpen } from '../with-open.js';

/** What is spilled is read once. */
const SPILL_LEVEL = 1;
/** Two streams may have to be sorted at once. */
const HALF = {
  memory: MERGE_LIMITS.memory / 2,
  streams: MERGE_LIMITS.streams / 2,
  run: MERGE_LIMITS.run / 2,
};

export const compare = defineCommand({
  declare: (yargs) =>
    yargs
      .positional('stream', { type: 'string', demandOption: true, describe: 'a stream; - is standard input' })
      .positional('other', { type: 'string', demandOption: true, describe: 'another one' })
      .option('json', JSON_REPORT)
      .options(DIALECT)
      .example(
        '$0 monday.lvs monday-again.lvs',
        'whether both do the same, whatever their order and framing',
      ),
  run: async (args) => {
    refuseInput('-', [args.stream, args.other]);
    return withOpen(async (keep) => {
      const codec = keep(createCodec({ level: SPILL_LEVEL }));
      const inputs: StreamInput[] = [];
      for (const path of [args.stream, args.other])
        inputs.push(keep(await openInput(path, codec, dialectOf(args))));
      const [first, second] = inputs as [StreamInput, StreamInput];
      const spill = createSpill({ writing: codec, reading: codec });
      const found = new Differences([first.name, second.name], args);
      const total = async () => sum(await plainSize(first, codec), await plainSize(second, codec));
      await withProgress('compare', total, args, async (watch) => {
        const open = (input: StreamInput) => openForComparing(input, codec, spill, watch, args);
        for await (const differences of compareStreams(await open(first), await open(second)))
          await found.add(differences);
      });
      await found.finish();
      return found.isDifferent ? DIFFERENT : 0;
    });
  },
});

async function openForComparing(
  input: StreamInput,
  codec: FrameCodec,
  spill: Spill,
  watch: Watch,
  args: { readonly quiet?: boolean | undefined },
): Promise<AsyncIterable<RecordBatch>> {
  const stream = await input.open();
  if (isMap(stream)) throw mapWithoutData(input.name);
  remarkDialect(input, stream, args);
  return openSorted(input, stream, codec, { spill, limits: HALF, watch });
}

function sum(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? undefined : one + other;
}
