import { createCodec } from '../../codec/codec.js';
import { randomId } from '../../codec/random-id.js';
import { FormatError } from '../../errors.js';
import { openInput } from '../../files/open-input.js';
import { readMap, type ChangeMap } from '../../files/read-map.js';
import type { FrameCodec } from '../../format/frame-codec.js';
import { findUncertain, mergeMaps } from '../../files/merge/merge-maps.js';
import { defineCommand } from '../command.js';
import { FORCE, JSON_REPORT, OUTPUT, outputPath } from '../options.js';
import { generator } from '../package-version.js';
import { remark } from '../print/remarks.js';
import { reportWritten, writeCounted } from '../print/written.js';
import { withOpen } from '../with-open.js';

export const merge = defineCommand({
  declare: (yargs) =>
    yargs
      .positional('stream', {
        type: 'string',
        array: true,
        demandOption: true,
        describe: 'maps, the oldest first; - is standard input',
      })
      .option('output', OUTPUT)
      .option('force', FORCE)
      .option('json', JSON_REPORT)
      .example('$0 monday.map tuesday.map -o both.map', 'all that changed on either day'),
  run: async (args) => {
    const path = outputPath(args, args.stream);
    const written = await withOpen(async (keep) => {
      const codec = keep(createCodec({ level: 0 }));
      const maps: ChangeMap[] = [];
      for (const stream of args.stream) maps.push(await readMapFrom(stream, codec));
      for (const number of findUncertain(maps))
        remark(
          `map ${number} does not say where it ends: that the next one follows it can't be checked`,
          args,
        );
      const options = { id: randomId(), generator: generator(), time: Date.now() };
      return writeCounted(path, args, (sink) => mergeMaps(maps, sink, codec, options));
    });
    await reportWritten(path, { format: 'lvs', kind: 'map', ...written }, args);
    return 0;
  },
});

/** Reads a map by name. Throws what opening and reading throw, and `RefusedError` for any other stream. */
export async function readMapFrom(path: string, codec: FrameCodec): Promise<ChangeMap> {
  return withOpen(async (keep) => readMap(keep(await openInput(path, codec).catch(sayWhatMapsAre))));
}

/** However else such a file could be read, it would be no map. */
function sayWhatMapsAre(error: unknown): never {
  if (!(error instanceof FormatError) || error.fault !== 'not-a-stream') throw error;
  throw error.withHint('a map is what lvstream changes writes');
}
