import {
  closeSync,
  constants,
  fsyncSync,
  lstatSync,
  openSync,
  readSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import type { RandomAccessWriter } from '../algebra/random-access.js';
import type { Salvage } from '../algebra/salvage.js';
import type { StreamInput } from '../files/open-input.js';
import { statIfThere, syncFolder } from '../files/sink.js';
import type { FrameCodec } from '../format/frame-codec.js';
import type { StreamHeader } from '../format/lvs/maps/header.js';
import { attempt, closingOnError } from '../device/image.js';
import { safely } from '../device/kernel-files.js';
import { refuseForeign } from '../chain/partial-file.js';
import { errorCode } from '../errors.js';
import { identifyTarget } from '../device/target.js';

/** Says that a stream is being written to a device that held its base or a part of the stream (§6.5). */
export interface ApplyNote {
  /** Its own path. */
  readonly path: string;
  /** An earlier run has made it and has not come to its end. */
  readonly isThere: boolean;
  /** Puts it on stable storage; where the folder takes no note there is none. */
  make(): void;
  /** Removes what is there of it, for good. Throws `DeviceError`. */
  remove(): void;
}

/** What is being applied, and where. */
interface NoteContext {
  readonly input: Pick<StreamInput, 'path'>;
  readonly target: RandomAccessWriter;
  readonly codec: FrameCodec;
  readonly damage: Salvage | undefined;
}

/**
 * The note of a whole stream in a file and a device, which stands beside the file as `FILE.applying`; undefined if the
 * stream has no id or no base digests, or if something else has that name.
 */
export function findNote(
  { input: { path }, target, codec, damage }: NoteContext,
  header: StreamHeader,
): ApplyNote | undefined {
  if (path === undefined || !header.id || header.baseDigests !== true || damage?.fault) return undefined;
  const name = `${path}.applying`;
  const text = textOf(header.id, target.name, codec);
  const held = readNote(name);
  if (held !== text && !isBlank(held, text.length)) return undefined;
  return {
    path: name,
    isThere: held === text,
    make() {
      safely(() => {
        writeNote(name, text);
      });
    },
    remove() {
      if (statIfThere(name, lstatSync) === undefined) return;
      attempt(`${name}: can't be removed`, () => {
        unlinkSync(name);
      });
      syncFolder(name);
    },
  };
}

interface Lasting {
  readonly target: RandomAccessWriter;
  readonly note?: ApplyNote | undefined;
  readonly options: { readonly sync: boolean; readonly dryRun: boolean };
}

/** Puts what was written on stable storage, unless told not to; it needs no note then. Throws `DeviceError`. */
export function makeLasting({ target, note, options: { sync, dryRun } }: Lasting): void {
  if (!sync) return;
  target.sync();
  if (!dryRun) note?.remove();
}

/** Short enough to lie in one sector: a power cut leaves all of it or nothing. */
function textOf(id: Uint8Array, target: string, codec: FrameCodec): string {
  const { path, deviceId, size } = identifyTarget(target);
  const device = codec.sha256(Buffer.from(JSON.stringify([deviceId ?? path, size])));
  return `lvstream apply 1: stream ${hex(id)}, device ${hex(device)}\n`;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** What a power cut leaves of a note that was not synced: nothing can have been written under it. */
function isBlank(text: string, length: number): boolean {
  return text.length <= length && /^\0*$/.test(text);
}

const FLAGS = constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const OTHER = 'something else';

/** Empty if there is no file of that name; {@link OTHER} if what is there is not ours alone, or can't be read. */
function readNote(name: string): string {
  const bytes = Buffer.alloc(256);
  try {
    const got = withFile(name, FLAGS, (fd) => readSync(fd, bytes));
    return bytes.toString('latin1', 0, got);
  } catch (error) {
    return errorCode(error) === 'ENOENT' ? '' : OTHER;
  }
}

function writeNote(name: string, text: string): void {
  withFile(name, FLAGS | constants.O_CREAT, (fd) => {
    writeSync(fd, Buffer.from(text), 0, text.length, 0);
    fsyncSync(fd);
  });
  syncFolder(name);
}

function withFile<T>(name: string, flags: number, use: (fd: number) => T): T {
  const fd = openSync(name, flags, 0o600);
  const result = closingOnError(fd, () => {
    refuseForeign(fd, name);
    return use(fd);
  });
  closeSync(fd);
  return result;
}
