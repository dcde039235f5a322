import { createRequire } from 'node:module';
import { setTimeout as delay } from 'node:timers/promises';
import type * as Koffi from 'koffi';

/**
 * Devices of device-mapper and mounts, made without starting a program: each of those takes a tenth of a second without
 * KVM, and a case that cuts the power makes thousands.
 */

/** A part of a device's table: in sectors of 512 bytes, as dmsetup(8) takes it. */
export interface TableLine {
  readonly start: number;
  readonly size: number;
  readonly type: string;
  readonly parameters: string;
}

export interface Mapping {
  /** Below /dev/mapper. */
  readonly name: string;
  readonly table: readonly TableLine[];
}

const SECTOR_SIZE = 512;

/** A line of a table, of sizes in bytes. */
export function tableLine(start: number, size: number, type: string, parameters: string): TableLine {
  return { start: start / SECTOR_SIZE, size: size / SECTOR_SIZE, type, parameters };
}

export const linear = (start: number, size: number, device: string, from: number): TableLine =>
  tableLine(start, size, 'linear', `${device} ${from / SECTOR_SIZE}`);

/** Of libdevmapper.h. */
const TASK = { create: 0, reload: 1, remove: 2, suspend: 4, resume: 5 } as const;

type Call = (...values: unknown[]) => unknown;

let library: Readonly<Record<string, Call>> | undefined;

function calls(): Readonly<Record<string, Call>> {
  // There is no udev in the guest to make the nodes.
  process.env['DM_DISABLE_UDEV'] = '1';
  library ??= load();
  return library;
}

function load(): Readonly<Record<string, Call>> {
  const koffi = createRequire(import.meta.url)('koffi') as typeof Koffi;
  const [mapper, c] = [koffi.load('libdevmapper.so.1.02.1'), koffi.load(null)];
  return {
    create: mapper.func('void *dm_task_create(int type)'),
    setName: mapper.func('int dm_task_set_name(void *task, const char *name)'),
    setUuid: mapper.func('int dm_task_set_uuid(void *task, const char *uuid)'),
    addTarget: mapper.func(
      'int dm_task_add_target(void *task, uint64_t start, uint64_t size, const char *type, const char *parameters)',
    ),
    skipLockfs: mapper.func('int dm_task_skip_lockfs(void *task)'),
    run: mapper.func('int dm_task_run(void *task)'),
    destroy: mapper.func('void dm_task_destroy(void *task)'),
    updateNodes: mapper.func('void dm_task_update_nodes()'),
    mount: c.func(
      'int mount(const char *source, const char *target, const char *type, unsigned long flags, const char *options)',
    ),
    umount: c.func('int umount(const char *target)'),
    errno: () => koffi.errno(),
  };
}

function succeed(what: string, name: string, ...values: unknown[]): void {
  if (calls()[name]!(...values) !== 0) throw new Error(`${what}: errno ${String(calls()['errno']!())}`);
}

export function mount(device: string, folder: string, type: string): void {
  succeed(`${device}: cannot be mounted on ${folder}`, 'mount', device, folder, type, 0, '');
}

export function unmount(folder: string): void {
  succeed(`${folder}: cannot be unmounted`, 'umount', folder);
}

function runTask(type: keyof typeof TASK, { name, table }: Mapping): boolean {
  const { create, setName, setUuid, addTarget, skipLockfs, run, destroy, updateNodes } = calls();
  const task = create!(TASK[type]);
  setName!(task, name);
  if (type === 'create') setUuid!(task, `lvstream-${name}`);
  if (type === 'suspend') skipLockfs!(task);
  for (const { start, size, type: target, parameters } of table)
    addTarget!(task, start, size, target, parameters);
  const isDone = run!(task) === 1;
  destroy!(task);
  updateNodes!();
  return isDone;
}

function requireTask(type: keyof typeof TASK, mapping: Mapping): void {
  if (!runTask(type, mapping)) throw new Error(`${mapping.name}: device-mapper: ${type} failed`);
}

/** Makes the devices, each of which may stand on those before it, and removes them when `use` has ended. */
export async function withMappings<T>(mappings: readonly Mapping[], use: () => T | Promise<T>): Promise<T> {
  const made: Mapping[] = [];
  try {
    for (const mapping of mappings) {
      requireTask('create', mapping);
      made.push(mapping);
    }
    return await use();
  } finally {
    for (const { name } of made.reverse()) await remove(name);
  }
}

/** What was just unmounted may be busy for a moment. */
async function remove(name: string): Promise<void> {
  for (let left = 50; !runTask('remove', { name, table: [] }); left -= 1) {
    if (left === 0) throw new Error(`${name}: can't be removed`);
    await delay(20);
  }
}

/** Gives a device another table. What is being written to it ends first; a file system on it is not synced, nor told. */
export function reload(mapping: Mapping): void {
  requireTask('reload', mapping);
  requireTask('suspend', { ...mapping, table: [] });
  requireTask('resume', { ...mapping, table: [] });
}
