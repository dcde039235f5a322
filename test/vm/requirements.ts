import { existsSync } from 'node:fs';
import path from 'node:path';

/** What the machine that runs the tests needs, and the Debian package of each: the guest uses the host's programs. */
const PROGRAMS: Readonly<Record<string, string>> = {
  'qemu-system-x86_64': 'qemu-system-x86',
  'apt-get': 'apt',
  'dpkg-deb': 'dpkg',
  setpriv: 'util-linux',
  timeout: 'coreutils',
  xz: 'xz-utils',
  modprobe: 'kmod',
  depmod: 'kmod',
  lvs: 'lvm2',
  dmsetup: 'dmsetup',
  thin_delta: 'thin-provisioning-tools',
  cache_check: 'thin-provisioning-tools',
  'mkfs.ext4': 'e2fsprogs',
  'mkfs.xfs': 'xfsprogs',
};

/** Where programs are looked for, here and in the guest: an ordinary user's PATH lacks those for root. */
export const SEARCH_PATH = [process.env['PATH'] ?? '', '/usr/local/sbin', '/usr/sbin', '/sbin'].join(':');

const isInstalled = (program: string): boolean =>
  SEARCH_PATH.split(':').some((folder) => folder !== '' && existsSync(path.join(folder, program)));

/** Throws an error that names the packages to install if a program is missing. */
export function requirePrograms(): void {
  const missing = Object.keys(PROGRAMS).filter((program) => !isInstalled(program));
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map((program) => PROGRAMS[program]))];
  throw new Error(
    `these tests need a virtual machine with device-mapper, and this machine lacks ${missing.join(', ')}; ` +
      `on Debian: apt-get install ${packages.join(' ')}`,
  );
}
