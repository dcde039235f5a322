import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { once } from 'node:events';
import { execa, execaSync } from 'execa';
import { onTestFinished } from 'vitest';

/** What a test makes of the system it runs on: all of it is undone when the test has finished. Needs root. */

export const KIB = 1024;
export const MIB = 1024 * KIB;
export const TIB = 1024 * 1024 * MIB;

const sbin = { env: { PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` } };

export function run(command: string, ...args: string[]): string {
  return execaSync(command, args, sbin).stdout;
}

export function makeFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'lvstream-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** A sparse file of `size` bytes that begins with `start`. */
export function makeFile(size: number, start: Uint8Array = new Uint8Array()): string {
  const file = path.join(makeFolder(), 'image');
  writeFileSync(file, start);
  truncateSync(file, size);
  return file;
}

/** A loop device on a file; returns its node. */
export function attachLoop(file: string, ...options: string[]): string {
  const device = run('losetup', '--find', '--show', ...options, file);
  onTestFinished(() => {
    run('losetup', '--detach', device);
  });
  return device;
}

/**
 * Puts a file system on the device and mounts it; returns the mount point. What mounting leaves to be written is written, and
 * nothing is written later by the file system itself: it has no journal and no tables that a thread of the kernel makes.
 */
export function mountOn(device: string): string {
  const point = path.join(makeFolder(), 'mount point');
  run('mkdir', point);
  run('mkfs.ext4', '-q', '-O', '^has_journal', '-E', 'lazy_itable_init=0', device);
  run('mount', device, point);
  run('sync', '--file-system', point);
  onTestFinished(() => {
    run('umount', '--lazy', point);
  });
  return point;
}

/** A process that runs a shell script with `$1`; returns its pid once the script has printed a line. */
export async function startHolding(script: string, argument: string): Promise<number> {
  const holder = execa('sh', ['-c', script, 'sh', argument], { ...sbin, reject: false });
  onTestFinished(async () => {
    holder.kill('SIGKILL');
    await holder;
  });
  await once(holder.stdout, 'data');
  return holder.pid!;
}
