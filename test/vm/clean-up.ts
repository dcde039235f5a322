import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { attempt, run } from './run.js';
import { disks, scratch } from './places.js';

/**
 * Takes the guest back to what it was before a case: no process but this one's ancestors, nothing mounted, no
 * device-mapper device, blank disks, an empty scratch folder. Throws if something can't be removed.
 */
export async function cleanUp(): Promise<void> {
  await killOthers();
  unmountDevices();
  await removeMappings();
  attempt('losetup', ['--detach-all']);
  for (const disk of disks) run('blkdiscard', ['--force', disk]);
  removeStaleNames();
  for (const folder of ['/run/lvm', '/run/lock/lvm', scratch]) {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
  }
}

/** Kernel threads have no command line. */
async function killOthers(): Promise<void> {
  const spared = new Set(ancestors());
  for (const id of readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)) {
    if (spared.has(id) || isCopier(id) || readProcess(id, 'cmdline') === '') continue;
    try {
      process.kill(id, 'SIGKILL');
    } catch {
      // It has ended by itself.
    }
  }
  // What was just killed still holds its files for a moment.
  await delay(20);
}

function ancestors(): number[] {
  const ids: number[] = [];
  for (let id = process.pid; id > 0;) {
    ids.push(id);
    id = Number(/\) \S (\d+)/.exec(readProcess(id, 'stat'))?.[1] ?? 0);
  }
  return ids;
}

/** The busybox that carries this one's output to the host. */
const isCopier = (id: number): boolean => readProcess(id, 'cmdline').startsWith('./busybox\0cat');

function readProcess(id: number, file: string): string {
  try {
    return readFileSync(`/proc/${id}/${file}`, 'utf8');
  } catch {
    return '';
  }
}

function unmountDevices(): void {
  const mounted = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('/dev/'));
  for (const line of mounted.reverse()) attempt('umount', ['--lazy', line.split(' ')[1]!]);
}

const mappings = (): string[] =>
  attempt('dmsetup', ['info', '--columns', '--noheadings', '--options', 'name'])
    .stdout.toString()
    .split('\n')
    .filter((line) => line !== '' && line !== 'No devices found');

/** A device may stand on another, and one that was just unmounted may be busy for a moment. */
async function removeMappings(): Promise<void> {
  for (let left = 20; mappings().length > 0; left -= 1) {
    // Whoever waits for a suspended device can't be killed; and what it waits for must not be written any more.
    attempt('dmsetup', ['remove_all', '--force']);
    for (const name of mappings()) attempt('dmsetup', ['resume', name]);
    if (left === 0) throw new Error(`left behind, and can't be removed: ${mappings().join(', ')}`);
    await delay(100);
  }
}

/** LVM made the links /dev/VG/LV, and it is not asked to remove them. */
function removeStaleNames(): void {
  for (const folder of readdirSync('/dev').map((name) => path.join('/dev', name))) {
    if (!lstatSync(folder).isDirectory()) continue;
    const links = readdirSync(folder).map((name) => path.join(folder, name));
    if (links.length > 0 && links.every(isStaleLink)) rmSync(folder, { recursive: true });
  }
}

const isStaleLink = (link: string): boolean =>
  lstatSync(link).isSymbolicLink() && readlinkSync(link).startsWith('/dev/mapper/') && !existsSync(link);
