/**
 * What a power cut can leave of a folder: a model of a disk behind a page cache, as hostile as file systems are allowed
 * to be. It knows files and names and reads nothing.
 *
 * - Of a file, what the last sync saw is there. Of what came later, each sector is there in any of the versions that it
 *   has had since, whatever the others are in, and so is the size; what was never written reads as zeros.
 * - A punched hole is metadata: fdatasync does not keep it (fdatasync(2)).
 * - Names are there as the folder's last sync saw them, with the first few of the later changes: file systems journal
 *   them in order. That a file was synced keeps none of its names.
 */

/** What a disk writes whole. */
export const SECTOR = 512;

/** Files by number, and the names that lead to them. */
export interface Disk {
  readonly files: ReadonlyMap<number, Uint8Array>;
  readonly names: ReadonlyMap<string, number>;
}

/** A call that changes a disk, or keeps what was changed. */
export type Call =
  | {
      readonly kind: 'write';
      readonly file: number;
      readonly offset: number;
      readonly bytes: Uint8Array;
    }
  | { readonly kind: 'punch'; readonly file: number; readonly offset: number; readonly length: number }
  | { readonly kind: 'truncate'; readonly file: number; readonly size: number }
  | { readonly kind: 'fsync' | 'fdatasync'; readonly file: number }
  | { readonly kind: 'create'; readonly name: string; readonly file: number }
  | { readonly kind: 'link' | 'rename'; readonly from: string; readonly to: string }
  | { readonly kind: 'unlink'; readonly name: string }
  | { readonly kind: 'fsync-folder' };

/** Decides what reached the disk: which of `count` versions, 0 the oldest, of the thing at `place`, from 0 to 1. */
export type Choice = (count: number, place: number) => number;

export interface Choices {
  /** Asked once for each file, for how its sectors and its size are chosen. */
  readonly file: (file: number) => Choice;
  readonly names: Choice;
}

/** The process died and the machine did not: everything is there. */
export const KEEP_ALL: Choices = { file: () => (count) => count - 1, names: (count) => count - 1 };

/** Nothing is there but what was synced. */
export const KEEP_SYNCED: Choices = { file: () => () => 0, names: () => 0 };

/** What is left of a disk when the power fails after these calls. */
export function cutPower(disk: Disk, calls: readonly Call[], choices: Choices): Disk {
  const names = survivingNames(disk.names, calls, choices.names);
  const files = new Map<number, Uint8Array>();
  for (const file of new Set(names.values()))
    files.set(file, survivingContent(disk.files.get(file) ?? new Uint8Array(0), file, calls, choices));
  return { files, names };
}

type NameCall = Extract<Call, { kind: 'create' | 'link' | 'rename' | 'unlink' }>;

function survivingNames(
  before: Disk['names'],
  calls: readonly Call[],
  choose: Choice,
): ReadonlyMap<string, number> {
  const synced = calls.findLastIndex(({ kind }) => kind === 'fsync-folder');
  const isPending = new Set(calls.slice(synced + 1));
  const changes = calls.filter((call): call is NameCall => 'name' in call || 'from' in call);
  const pending = changes.filter((call) => isPending.has(call)).length;
  const kept = changes.slice(0, changes.length - pending + choose(pending + 1, 1));
  const names = new Map(before);
  for (const call of kept) changeNames(names, call);
  return names;
}

function changeNames(names: Map<string, number>, call: NameCall): void {
  if (call.kind === 'create') names.set(call.name, call.file);
  else if (call.kind === 'unlink') names.delete(call.name);
  else {
    names.set(call.to, names.get(call.from)!);
    if (call.kind === 'rename') names.delete(call.from);
  }
}

type FileCall = Extract<Call, { kind: 'write' | 'punch' | 'truncate' }>;

function survivingContent(
  before: Uint8Array,
  file: number,
  calls: readonly Call[],
  choices: Choices,
): Uint8Array {
  const own = calls.filter((call) => 'file' in call && call.file === file && call.kind !== 'create');
  const synced = lastSync(own);
  const isChange = (call: Call): call is FileCall => call.kind !== 'fsync' && call.kind !== 'fdatasync';
  const stable = own
    .slice(0, synced + 1)
    .filter(isChange)
    .reduce(changed, before);
  const pending = own.slice(synced + 1).filter(isChange);
  return pending.length === 0 ? stable : mix(versionsOf(stable, pending), choices.file(file));
}

/** The last sync that kept all that came before it, by its place among a file's own calls. */
function lastSync(calls: readonly Call[]): number {
  let last = -1;
  let isPunched = false;
  calls.forEach(({ kind }, i) => {
    isPunched ||= kind === 'punch';
    if (kind !== 'fsync' && (kind !== 'fdatasync' || isPunched)) return;
    last = i;
    isPunched = false;
  });
  return last;
}

function changed(content: Uint8Array, call: FileCall): Uint8Array {
  if (call.kind === 'truncate') return resized(content, call.size);
  if (call.kind === 'punch')
    return resized(content, content.length).fill(0, call.offset, call.offset + call.length);
  const result = resized(content, Math.max(content.length, call.offset + call.bytes.length));
  result.set(call.bytes, call.offset);
  return result;
}

function resized(content: Uint8Array, size: number): Uint8Array {
  const result = new Uint8Array(size);
  result.set(content.subarray(0, size));
  return result;
}

/** What a file held, from the last sync on, with the sectors that each call touched. */
interface Versions {
  readonly contents: readonly Uint8Array[];
  readonly touched: ReadonlyMap<number, readonly number[]>;
}

function versionsOf(stable: Uint8Array, calls: readonly FileCall[]): Versions {
  const contents = [stable];
  const touched = new Map<number, number[]>();
  for (const call of calls) {
    const last = contents.at(-1)!;
    const next = changed(last, call);
    for (const sector of touchedSectors(call, last.length, next.length)) {
      const versions = touched.get(sector) ?? [0];
      versions.push(contents.length);
      touched.set(sector, versions);
    }
    contents.push(next);
  }
  return { contents, touched };
}

function* touchedSectors(call: FileCall, sizeBefore: number, sizeAfter: number): Generator<number> {
  const [start, end] =
    call.kind === 'truncate'
      ? [Math.min(sizeBefore, sizeAfter), Math.max(sizeBefore, sizeAfter)]
      : [call.offset, call.offset + (call.kind === 'write' ? call.bytes.length : call.length)];
  for (let at = Math.floor(start / SECTOR); at * SECTOR < end; at++) yield at;
}

function mix({ contents, touched }: Versions, choose: Choice): Uint8Array {
  const sizes = contents.map(({ length }) => length).filter((size, i, all) => size !== all[i - 1]);
  const content = resized(contents[0]!, sizes[choose(sizes.length, 1)]!);
  const sectors = [...touched.keys()].sort((a, b) => a - b);
  sectors.forEach((sector, i) => {
    const versions = touched.get(sector)!;
    const version = contents[versions[choose(versions.length, i / sectors.length)]!]!;
    const start = sector * SECTOR;
    const part = resized(version.subarray(start), SECTOR);
    if (start < content.length) content.set(part.subarray(0, content.length - start), start);
  });
  return content;
}
