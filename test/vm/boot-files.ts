import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { packArchive } from './archive.js';
import { SEARCH_PATH } from './requirements.js';

/** What a guest boots from, kept between runs. All are paths. */
export interface BootFiles {
  readonly kernel: string;
  /** The unchanging part of the initial root: busybox and the modules, with `modules/order` to load them in. */
  readonly initialRoot: string;
  /** All modules of the kernel, as /lib/modules has them. */
  readonly modules: string;
}

/** What LVM and mount ask for beyond these, such as dm-raid, the kernel loads when it is asked: most runs don't. */
const MODULES = [
  ...['virtio_pci', 'virtio_blk', 'virtio_console', '9pnet_virtio', '9p', 'overlay'],
  ...['loop', 'dm-snapshot', 'dm-thin-pool'],
];
const KERNEL = 'linux-image-amd64';
const BUSYBOX = 'busybox-static';

const execute = (command: string, args: readonly string[], cwd = '/'): string =>
  execFileSync(command, args, {
    cwd,
    encoding: 'utf8',
    env: { ...process.env, PATH: SEARCH_PATH, LC_ALL: 'C' },
    maxBuffer: 2 ** 28,
  });

/**
 * Debian's stock kernel, fetched from its archive on first use into `$XDG_CACHE_HOME/lvstream-vm`, one folder a
 * version. Throws if apt knows no kernel, or can't fetch it.
 */
export function bootFiles(): BootFiles {
  const cache = path.join(process.env['XDG_CACHE_HOME'] ?? path.join(homedir(), '.cache'), 'lvstream-vm');
  const wanted = versionOf(kernelPackage());
  const madeOf = createHash('sha256').update(MODULES.join()).digest('hex').slice(0, 8);
  const folder = path.join(cache, `${wanted.name}_${wanted.version}_${madeOf}`);
  if (!existsSync(folder)) fetchInto(folder, wanted.name);
  return {
    kernel: path.join(folder, 'vmlinuz'),
    initialRoot: path.join(folder, 'initial-root.cpio'),
    modules: path.join(folder, 'lib', 'modules'),
  };
}

/** The package that holds the kernel itself: `linux-image-amd64` only depends on it. */
function kernelPackage(): string {
  const depends = execute('apt-cache', ['depends', KERNEL]);
  const name = /Depends: (linux-image-\S+)/.exec(depends)?.[1];
  if (name === undefined) throw new Error(`apt knows no ${KERNEL}: run apt-get update`);
  return name;
}

function versionOf(name: string): { name: string; version: string } {
  const version = /^Version: (\S+)/m.exec(execute('apt-cache', ['--no-all-versions', 'show', name]))?.[1];
  if (version === undefined) throw new Error(`apt knows no version of ${name}: run apt-get update`);
  return { name, version };
}

/** Makes the folder appear whole or not at all; whoever comes second finds the first one's work. */
function fetchInto(folder: string, kernel: string): void {
  mkdirSync(path.dirname(folder), { recursive: true });
  const work = mkdtempSync(`${folder}.`);
  try {
    download([kernel, BUSYBOX], work);
    const made = path.join(work, 'made');
    mkdirSync(made);
    takeKernel(path.join(work, 'unpacked'), made);
    if (!existsSync(folder)) renameSync(made, folder);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function download(packages: readonly string[], work: string): void {
  try {
    execute('apt-get', ['-qq', '-o', 'APT::Sandbox::User=root', 'download', ...packages], work);
  } catch (cause) {
    throw new Error(`${packages.join(', ')}: cannot be downloaded: run apt-get update`, { cause });
  }
  const archives = readdirSync(work).filter((name) => name.endsWith('.deb'));
  for (const archive of archives) execute('dpkg-deb', ['-x', archive, 'unpacked'], work);
}

/** Before Debian's trixie everything but the programs stood outside /usr. */
const unpackedAt = (unpacked: string, name: string): string =>
  [path.join(unpacked, name), path.join(unpacked, 'usr', name)].find((each) => existsSync(each))!;

function takeKernel(unpacked: string, made: string): void {
  const boot = path.join(unpacked, 'boot');
  const kernel = readdirSync(boot).find((name) => name.startsWith('vmlinuz-'))!;
  renameSync(path.join(boot, kernel), path.join(made, 'vmlinuz'));
  mkdirSync(path.join(made, 'lib'));
  renameSync(unpackedAt(unpacked, 'lib/modules'), path.join(made, 'lib', 'modules'));
  const busybox = readFileSync(unpackedAt(unpacked, 'bin/busybox'));
  writeFileSync(path.join(made, 'initial-root.cpio'), packRoot(busybox, readModules(made)));
}

interface Module {
  readonly name: string;
  readonly data: Uint8Array;
}

/** The modules and all that they need, each after what it needs. */
function readModules(made: string): Module[] {
  const release = readdirSync(path.join(made, 'lib', 'modules'))[0]!;
  execute('depmod', ['-b', made, release]);
  const listed = execute('modprobe', ['-d', made, '-S', release, '--show-depends', '-a', ...MODULES]);
  const files = new Set([...listed.matchAll(/^insmod (\S+)/gm)].map(([, file]) => file!));
  return [...files].map((file) => ({
    name: path.basename(file).replace(/\.xz$/, ''),
    data: file.endsWith('.xz')
      ? execFileSync('xz', ['-dc', file], { maxBuffer: 2 ** 28 })
      : readFileSync(file),
  }));
}

function packRoot(busybox: Uint8Array, modules: readonly Module[]): Buffer {
  const folders = ['bin', 'modules', 'proc', 'sys', 'dev', 'lower', 'scratch', 'root'];
  const order = modules.map(({ name }) => `${name}\n`).join('');
  return packArchive([
    ...folders.map((folder) => ({ path: folder })),
    { path: 'bin/busybox', data: busybox, executable: true },
    ...modules.map(({ name, data }) => ({ path: `modules/${name}`, data })),
    { path: 'modules/order', data: Buffer.from(order) },
  ]);
}
