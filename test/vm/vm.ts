import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, openSync, closeSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { packArchive } from './archive.js';
import { bootFiles } from './boot-files.js';
import { packProject, PROJECT } from './project-files.js';
import { requirePrograms, SEARCH_PATH } from './requirements.js';

export interface VmOptions {
  /** Bytes of each empty disk: /dev/vda, /dev/vdb, … They take no space until they are written. */
  readonly disks: readonly number[];
  /** After so long the guest is switched off. */
  readonly timeoutSeconds: number;
  /** Three quarters of it may hold files that were written. 1536 unless said. */
  readonly memoryMebibytes?: number;
  /** A folder of the host to be mounted for writing, at the same path. */
  readonly shared?: string;
  /** Gets each line that the command writes to the file that `$REPORT_PORT` names, while it runs. */
  readonly onReport?: (line: string) => void;
}

export interface VmResult {
  /** The command's. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a command as root in a throw-away machine that has Debian's kernel, with device-mapper, and this machine's files:
 * every program is there, and every change is lost but those in `shared`. Boots in some seconds, without KVM too.
 * It runs in the project's folder, which is there as it was at the start, compiled (`packProject`).
 * Throws if a program is missing here, if the machine can't be started, takes too long or dies: with its last words.
 */
export async function runInVm(command: readonly string[], options: VmOptions): Promise<VmResult> {
  requirePrograms();
  const folder = mkdtempSync(path.join(tmpdir(), 'lvstream-vm-'));
  try {
    return await boot(folder, command, options);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function boot(folder: string, command: readonly string[], options: VmOptions): Promise<VmResult> {
  const files = bootFiles();
  const initialRoot = path.join(folder, 'initial-root.cpio');
  writeFileSync(initialRoot, Buffer.concat([readFileSync(files.initialRoot), packRun(command, options)]));
  const machine = [
    ...['-kernel', files.kernel, '-initrd', initialRoot, '-append', KERNEL_PARAMETERS],
    ...machineArguments(folder, options),
    ...shareArguments('hostroot', '/', ',readonly=on'),
    ...shareArguments('modules', files.modules, ',readonly=on'),
    ...(options.shared === undefined ? [] : shareArguments('shared', options.shared, '')),
    ...options.disks.flatMap((size, index) => diskArguments(folder, size, index)),
  ];
  const qemu = start(folder, machine, options.timeoutSeconds);
  const [stdout = '', stderr = '', , status = ''] = await readPorts(qemu, options.onReport);
  const ended = await exitOf(qemu);
  if (/^\d+\n$/.test(status)) return { status: Number(status), stdout, stderr };
  throw new Error(describeEnd(folder, ended, options.timeoutSeconds) + `\n${stdout}${stderr}`);
}

/** The parts of the initial root that differ from run to run. */
function packRun(command: readonly string[], { disks, shared }: VmOptions): Buffer {
  const guestFile = (name: string): Buffer => readFileSync(new URL(`guest/${name}`, import.meta.url));
  const settings = { project: PROJECT, shared: shared ?? '' };
  const environment = {
    PATH: SEARCH_PATH,
    HOME: '/root',
    LANG: 'C.UTF-8',
    DISKS: disks.map((_, index) => `/dev/vd${String.fromCharCode('a'.charCodeAt(0) + index)}`).join(' '),
    SHARED_FOLDER: shared ?? '',
  };
  const script = `export ${assignments(environment)}\ncd ${quote(PROJECT)}\nexec ${command.map(quote).join(' ')}\n`;
  return packArchive([
    { path: 'init', data: guestFile('init.sh'), executable: true },
    { path: 'main.sh', data: guestFile('main.sh') },
    { path: 'settings', data: Buffer.from(`${assignments(settings)}\n`) },
    { path: 'command', data: Buffer.from(script) },
    { path: 'project.cpio', data: packProject() },
  ]);
}

const quote = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;

const assignments = (values: Readonly<Record<string, string>>): string =>
  Object.entries(values)
    .map(([name, value]) => `${name}=${quote(value)}`)
    .join(' ');

/** Emulation works everywhere; that /dev/kvm is there doesn't say that it works, so KVM is only used when asked for. */
const ACCELERATOR = process.env['VM_ACCELERATOR'] ?? 'tcg,thread=multi';

/** The last ones halve the time of a boot without KVM. */
const KERNEL_PARAMETERS =
  'console=ttyS0 quiet panic=-1 oops=panic mitigations=off apparmor=0 audit=0 cryptomgr.notests nowatchdog';

/** Standard output and error, reports, the exit status: numbered from 1 in the guest. */
const PORTS = [1, 2, 3, 4];
/** The first file descriptor of qemu that is a port's. */
const FIRST_PORT_FD = 3;

function machineArguments(folder: string, { memoryMebibytes = 1536 }: VmOptions): string[] {
  return [
    // One processor: emulated, more of them are slower.
    ...['-accel', ACCELERATOR, '-cpu', 'max', '-smp', '1', '-m', String(memoryMebibytes)],
    ...['-nodefaults', '-display', 'none', '-no-reboot', '-serial', `file:${path.join(folder, 'console')}`],
    ...['-device', 'virtio-serial-pci'],
    ...PORTS.flatMap((port, index) => [
      ...['-chardev', `socket,id=port${port},fd=${FIRST_PORT_FD + index}`],
      ...['-device', `virtserialport,nr=${port},chardev=port${port}`],
    ]),
  ];
}

const shareArguments = (tag: string, folder: string, how: string): string[] => [
  ...['-fsdev', `local,id=${tag},path=${folder},security_model=none,multidevs=remap${how}`],
  ...['-device', `virtio-9p-pci,fsdev=${tag},mount_tag=${tag}`],
];

function diskArguments(folder: string, size: number, index: number): string[] {
  const file = path.join(folder, `disk${index}`);
  writeFileSync(file, '');
  truncateSync(file, size);
  return [
    ...['-drive', `if=none,id=disk${index},file=${file},format=raw,cache=unsafe,discard=unmap`],
    ...['-device', `virtio-blk-pci,drive=disk${index}`],
  ];
}

/** What qemu says goes to the file `qemu`. The machine ends with this process, however that ends. */
function start(folder: string, machine: readonly string[], timeoutSeconds: number): ChildProcess {
  const said = openSync(path.join(folder, 'qemu'), 'w');
  const limit = ['timeout', '--kill-after=5', String(timeoutSeconds)];
  const child = spawn('setpriv', ['--pdeathsig', 'TERM', ...limit, 'qemu-system-x86_64', ...machine], {
    env: { ...process.env, PATH: SEARCH_PATH },
    stdio: ['ignore', said, said, ...PORTS.map(() => 'pipe' as const)],
  });
  closeSync(said);
  return child;
}

function readPorts(qemu: ChildProcess, onReport: VmOptions['onReport']): Promise<string[]> {
  const ports = PORTS.map((_, index) => qemu.stdio[FIRST_PORT_FD + index] as Readable);
  if (onReport !== undefined) createInterface(ports[2]!).on('line', onReport);
  return Promise.all(ports.map(readText));
}

async function readText(port: Readable): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of port) parts.push(part as Buffer);
  return Buffer.concat(parts).toString();
}

const exitOf = (child: ChildProcess): Promise<number | null> =>
  new Promise((resolve, reject) => {
    if (child.exitCode !== null) resolve(child.exitCode);
    child.once('error', reject);
    child.once('exit', resolve);
  });

/** Of timeout(1): it had to end the command. */
const TIMED_OUT = [124, 137];
const LAST_LINES = 60;

function describeEnd(folder: string, status: number | null, timeoutSeconds: number): string {
  const why =
    status !== null && TIMED_OUT.includes(status)
      ? `took more than ${timeoutSeconds} s`
      : `died (qemu: ${String(status)})`;
  const read = (name: string): string =>
    readFileSync(path.join(folder, name), { encoding: 'utf8', flag: 'a+' });
  const console = read('console').replaceAll('\r', '').split('\n').slice(-LAST_LINES).join('\n');
  return `the virtual machine ${why}\n${read('qemu')}its console ends:\n${console}`;
}
