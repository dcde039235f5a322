import {
  closeSync,
  ftruncateSync,
  linkSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Disk } from './disk.js';
import { newFile } from './record-calls.js';

const BLOCK = 4096;
const ZEROS = new Uint8Array(BLOCK);

/** Makes a folder hold what a disk does; blocks of zeros become holes. */
export function putDisk(folder: string, { files, names }: Disk): void {
  for (const name of readdirSync(folder)) rmSync(join(folder, name));
  const paths = new Map<number, string>();
  for (const [name, file] of names) {
    const path = join(folder, name);
    const other = paths.get(file);
    if (other === undefined) putFile(path, files.get(file)!);
    else linkSync(other, path);
    paths.set(file, path);
  }
}

function putFile(path: string, content: Uint8Array): void {
  const fd = openSync(path, 'wx', 0o600);
  ftruncateSync(fd, content.length);
  for (let at = 0; at < content.length; at += BLOCK) {
    const block = content.subarray(at, at + BLOCK);
    if (Buffer.compare(block, ZEROS.subarray(0, block.length)) !== 0)
      writeSync(fd, block, 0, block.length, at);
  }
  closeSync(fd);
}

/** What a folder of files holds. */
export function takeDisk(folder: string): Disk {
  const byInode = new Map<number, number>();
  const files = new Map<number, Uint8Array>();
  const names = new Map<string, number>();
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    const inode = statSync(path).ino;
    const file = byInode.get(inode) ?? newFile();
    byInode.set(inode, file);
    if (!files.has(file)) files.set(file, readFileSync(path));
    names.set(name, file);
  }
  return { files, names };
}
