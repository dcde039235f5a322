import type { ArgumentsCamelCase, Argv } from 'yargs';
import { createCodec } from '../../../codec/codec.js';
import { UsageError, type Sentence } from '../../../errors.js';
import type { FrameCodec } from '../../../format/frame-codec.js';
import type { State } from '../../../format/lvs/maps/state.js';
import type { OpenChanges } from '../../../changes/changes.js';
import type { CommonOptions } from '../../command.js';
import { outputPath, parseSize, wholeNumber, type OutputArguments } from '../../options.js';
import { remark, remarking } from '../../print/remarks.js';
import { withOpen } from '../../with-open.js';

const text = { type: 'string', requiresArg: true } as const;
const flag = { type: 'boolean', default: false } as const;

const MAX_WAIT_SECONDS = 86_400;

/** The parts in which help shows what many options are for. */
export const LIVE_GROUP = 'Of a snapshot:';
export const OUTPUT_GROUP = 'Output:';
const THICK_GROUP = 'Offline, from images of a thick snapshot:';
const THIN_GROUP = 'Offline, between two thin devices, from images:';
const OFFLINE_GROUP = 'Offline, either way:';

/** Declares where changes come from: a snapshot in use, or images of what one is made of. */
export function declareChanges(yargs: Argv<CommonOptions>) {
  const live = yargs
    .positional('snapshot', { type: 'string', describe: 'a snapshot: VG/LV, /dev/VG/LV, a UUID' })
    .option('to', { ...text, describe: 'a second snapshot that the changes lead to' })
    .option('undo', { ...flag, describe: 'the reverse: what takes the origin back to the snapshot' })
    .option('temporary-snapshot', {
      ...text,
      describe: 'read from a second snapshot, made with a store of this size and removed afterwards',
      coerce: (size: unknown) =>
        typeof size === 'string' ? parseSize('--temporary-snapshot', size) : undefined,
    })
    .option('wait', {
      ...text,
      default: '30',
      describe: "seconds to wait for a thin pool's metadata snapshot that somebody else holds",
      coerce: (seconds: unknown) => wholeNumber('--wait', seconds, MAX_WAIT_SECONDS),
    })
    .group(['to', 'undo', 'temporary-snapshot', 'wait'], LIVE_GROUP);
  return declareOffline(declareThin(declareThick(live)));
}

function declareThick<T>(yargs: Argv<T>) {
  return yargs
    .option('cow', { ...text, describe: "the snapshot's exception store, an image of its -cow device" })
    .option('origin', { ...text, describe: 'an image of the volume that the snapshot was taken of' })
    .option('snapshot-data', { ...flag, describe: 'the same as --undo' })
    .group(['cow', 'origin', 'snapshot-data'], THICK_GROUP);
}

function declareThin<T>(yargs: Argv<T>) {
  return yargs
    .option('thin-metadata', { ...text, describe: "their pool's metadata, an image of its _tmeta device" })
    .option('metadata-snapshot', { ...flag, describe: 'read the metadata snapshot in it' })
    .option('from', { ...text, describe: 'id of the device that the changes begin at; --to names the other' })
    .option('source', { ...text, describe: 'an image of the device --to, which has no external origin' })
    .group(['thin-metadata', 'metadata-snapshot', 'from', 'source'], THIN_GROUP);
}

function declareOffline<T>(yargs: Argv<T>) {
  return yargs
    .option('base-state', {
      ...text,
      describe: "id of the snapshot's state, or of --from's",
      coerce: (id: string | undefined) => refuseEmpty('--base-state', id),
    })
    .option('result-state', {
      ...text,
      describe: "id of the origin's state, or of --to's",
      coerce: (id: string | undefined) => refuseEmpty('--result-state', id),
    })
    .option('consistent', {
      ...flag,
      default: true,
      describe: 'the origin or source was not in use (--no-consistent: it was)',
    })
    .group(['base-state', 'result-state', 'consistent'], OFFLINE_GROUP);
}

/** Any text but none can be the id of a state (§6.1). Throws `UsageError`. */
function refuseEmpty<T>(option: string, id: T): T {
  if (id === '') throw new UsageError(`${option}: the id is empty`, { hint: `leave out ${option}` });
  return id;
}

type Declared<T> = T extends Argv<infer Options> ? Options : never;

/** What {@link declareChanges} gives, and what some commands add. */
export type ChangeArguments = ArgumentsCamelCase<Declared<ReturnType<typeof declareChanges>>> & {
  readonly full?: boolean | undefined;
  readonly keepEqual?: boolean | undefined;
  readonly dataSource?: string | undefined;
  readonly baseDigests?: boolean | undefined;
  readonly map?: string | undefined;
  /** The data is not asked for. */
  readonly rangesOnly?: boolean | undefined;
};

/** The file to write, as `outputPath` finds it. */
export function outputOf(args: ChangeArguments & OutputArguments): string {
  const { cow, origin, thinMetadata, source, map, dataSource } = args;
  return outputPath(args, [cow, origin, thinMetadata, source, map, dataSource]);
}

/**
 * Opens the changes that the options name, does something with them, and says what there is to know of them. What was made
 * to read them may not go away again: nothing is to be said to be done before this returns.
 */
export async function withChanges<T>(
  args: ChangeArguments,
  level: number,
  act: (changes: OpenChanges, codec: FrameCodec) => Promise<T>,
): Promise<T> {
  return withOpen(async (keep) => {
    const codec = keep(createCodec({ level }));
    const changes = keep(await openChanges(args));
    const say = (text: Sentence): void => {
      remark(text, args);
    };
    return remarking(changes, say, () => act(changes, codec));
  });
}

/** Opens what the options name; the caller closes it. Each form's own options mean nothing to the others: that is a mistake. */
async function openChanges(args: ChangeArguments): Promise<OpenChanges> {
  if (args.map !== undefined) return openMapOf(args, args.map);
  if (args.snapshot !== undefined) return openLive(args, args.snapshot);
  refuse('only of a snapshot that is named', live(args));
  const { to, undo, thinMetadata, cow, origin, snapshotData, baseDigests } = args;
  if (thinMetadata !== undefined) {
    const thick = { cow, origin, 'snapshot-data': snapshotData, undo, 'base-digests': baseDigests };
    refuse('not with --thin-metadata', thick);
    const { openThinImages } = await import('./dump-thin.js');
    return named(await openThinImages(thinMetadata, args), args);
  }
  if (cow === undefined && origin === undefined)
    throw new UsageError('no snapshot is named', {
      hint: 'name a snapshot, or --cow and --origin, or --thin-metadata',
    });
  refuse('only with --thin-metadata', { to, ...thinOnly(args) });
  const { openThickImages } = await import('./dump-thick.js');
  const reverse = undo || snapshotData;
  const opened = await openThickImages({ ...args, snapshotData: reverse });
  const { base, result, ...changes } = named(opened, args);
  return reverse ? { ...changes, base: result, result: base } : { ...changes, base, result };
}

async function openMapOf(args: ChangeArguments, map: string): Promise<OpenChanges> {
  const { snapshot, to, undo, thinMetadata, cow, origin, baseDigests } = args;
  refuse('not with --map', {
    ...{ to, undo, cow, origin, 'thin-metadata': thinMetadata, 'base-digests': baseDigests },
    ...{ ...live(args), 'data-source': undefined, ...thinOnly(args) },
  });
  if (snapshot !== undefined) throw new UsageError('--map lists the changes: no snapshot is needed');
  const { openMap } = await import('./dump-map.js');
  return openMap(map, args.dataSource);
}

async function openLive(args: ChangeArguments, snapshot: string): Promise<OpenChanges> {
  const { cow, origin, thinMetadata, snapshotData, baseState, resultState, consistent } = args;
  refuse('not of a snapshot that is named', {
    ...{ cow, origin, 'snapshot-data': snapshotData, 'thin-metadata': thinMetadata, ...thinOnly(args) },
    ...{ 'base-state': baseState, 'result-state': resultState, 'no-consistent': !consistent },
  });
  refuseContradictions(args);
  const { openLiveChanges } = await import('../../../lvm/live.js');
  const { full = false, keepEqual = false, rangesOnly = false } = args;
  return openLiveChanges(snapshot, { ...args, full, keepEqual, rangesOnly, waitSeconds: args.wait });
}

/** Of what says where to read the changes from and to, one alone. */
function refuseContradictions(args: ChangeArguments): void {
  const { to, undo, full, keepEqual, dataSource, temporarySnapshot } = args;
  if (keepEqual && to === undefined && temporarySnapshot === undefined)
    throw new UsageError('--keep-equal: only with --to or --temporary-snapshot');
  const [first, second] = givenOf({
    ...{ to, undo, full, 'data-source': dataSource, 'temporary-snapshot': temporarySnapshot },
  });
  if (second !== undefined) throw new UsageError(`--${first!} and --${second} exclude each other`);
}

function live({ full, keepEqual, dataSource, temporarySnapshot }: ChangeArguments) {
  return {
    full,
    'keep-equal': keepEqual,
    'data-source': dataSource,
    'temporary-snapshot': temporarySnapshot,
  };
}

function thinOnly({ from, source, metadataSnapshot }: ChangeArguments) {
  return { from, source, 'metadata-snapshot': metadataSnapshot };
}

/** Gives the states their names. */
function named(changes: OpenChanges, { baseState, resultState }: ChangeArguments): OpenChanges {
  return { ...changes, base: stateOf(baseState), result: stateOf(resultState) };
}

function stateOf(id: string | undefined): State | undefined {
  return id === undefined ? undefined : { id };
}

/** Throws `UsageError` if one of the options is given. */
export function refuse(why: string, options: GivenOptions, hint?: string): void {
  const [given] = givenOf(options);
  if (given !== undefined) throw new UsageError(`--${given}: ${why}`, { hint });
}

type GivenOptions = Readonly<Record<string, string | number | boolean | undefined>>;

function givenOf(options: GivenOptions): string[] {
  return Object.keys(options).filter((name) => options[name] !== undefined && options[name] !== false);
}
