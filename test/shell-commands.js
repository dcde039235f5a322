import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

export const hasZstd = spawnSync('zstd', ['--version']).status === 0;

/**
 * Puts `lvstream` and `lvmsync` in the folder for a shell to find, and something for `zstd -dc` where no zstd is
 * installed. Answers the PATH that finds them.
 */
export function putCommands(folder) {
  mkdirSync(folder);
  for (const name of ['lvstream', 'lvmsync']) {
    symlinkSync(path.join(root, 'bin', `${name}.js`), path.join(folder, name));
  }
  if (!hasZstd) putZstd(path.join(folder, 'zstd'));
  return `${folder}${path.delimiter}${process.env.PATH}`;
}

/** The library that lvstream uses, and nothing of lvstream. */
function putZstd(command) {
  const module = path.join(root, 'node_modules', 'zstd-napi', 'dist', 'index.js');
  const script = [
    `#!${process.execPath}`,
    `const { DecompressStream } = require(${JSON.stringify(module)});`,
    "process.stdout.on('error', () => process.exit(0));",
    "require('node:fs').createReadStream(process.argv[3]).pipe(new DecompressStream()).pipe(process.stdout);",
  ];
  writeFileSync(command, `${script.join('\n')}\n`);
  chmodSync(command, 0o755);
}
