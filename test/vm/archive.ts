/** A file or folder of an archive; `path` has no slash in front, and its folders are named before it. */
export interface ArchiveEntry {
  readonly path: string;
  /** None for a folder. */
  readonly data?: Uint8Array;
  readonly executable?: boolean;
}

const FOLDER = 0o040755;
const FILE = 0o100644;
const EXECUTABLE = 0o100755;
const END = 'TRAILER!!!';

/** A cpio archive in the format that the kernel takes for an initial root (initramfs buffer format, "newc"). */
export function packArchive(entries: Iterable<ArchiveEntry>): Buffer {
  const parts: Uint8Array[] = [];
  let inode = 1;
  for (const { path, data, executable } of entries) {
    const mode = data === undefined ? FOLDER : executable === true ? EXECUTABLE : FILE;
    parts.push(...packEntry(path, inode, mode, data ?? new Uint8Array()));
    inode += 1;
  }
  return Buffer.concat([...parts, ...packEntry(END, 0, 0, new Uint8Array())]);
}

/** Header: "070701" and 13 numbers of 8 hexadecimal digits; name and data are padded to multiples of 4. */
function packEntry(path: string, inode: number, mode: number, data: Uint8Array): Uint8Array[] {
  const name = Buffer.from(`${path}\0`);
  const [owner, links, time, device] = [0, 1, 0, 0];
  const fields = [inode, mode, owner, owner, links, time, data.length, device, device, device, device];
  const numbers = [...fields, name.length, 0].map((field) => field.toString(16).padStart(8, '0'));
  const header = Buffer.concat([Buffer.from(`070701${numbers.join('')}`), name]);
  return [header, padding(header.length), data, padding(data.length)];
}

const padding = (length: number): Uint8Array => new Uint8Array(-length & 3);
