import { mkdirSync, readdirSync, statSync, watch } from 'node:fs';
import path from 'node:path';
import { execa } from 'execa';
import { expect, it } from 'vitest';
import { captureFile } from '../captures.js';
import { BIN, Folder } from './run-lvstream.js';

/** What SECURITY.md says of the files that are made. */

const folder = new Folder();
const stream = captureFile('a', 'ruby.stream');

/** The modes of all files that a command with a umask of 0 has in the folder, by how their names begin and end. */
async function modesOf(place: string, args: readonly string[]): Promise<Record<string, number>> {
  const seen: Record<string, number> = {};
  const note = () => {
    for (const name of readdirSync(place)) {
      const mode = statSync(path.join(place, name), { throwIfNoEntry: false })?.mode;
      if (mode !== undefined) seen[name.replace(/\d+(?=\.tmp$)/, '*')] = mode & 0o777;
    }
  };
  const watcher = watch(place, note);
  const script = 'umask 0; exec "$@"';
  const run = await execa('sh', ['-c', script, 'sh', process.execPath, BIN, ...args], { reject: false });
  note();
  watcher.close();
  expect(run.exitCode).toBe(0);
  return seen;
}

function freshFolder(name: string): string {
  const place = folder.fresh(name);
  mkdirSync(place);
  return place;
}

it("an output file is its owner's alone, also while it is written", async () => {
  const place = freshFolder('out');
  const out = path.join(place, 'new.lvs');
  expect(await modesOf(place, ['compress', stream, '-o', out, '--level', '19'])).toEqual({
    '.new.lvs.*.tmp': 0o600,
    'new.lvs': 0o600,
  });
});

it('so is a snapback', async () => {
  const place = freshFolder('undo');
  const args = [
    'apply',
    stream,
    captureFile('a', 'snapshot.img'),
    '--snapback',
    path.join(place, 'undo.lvs'),
  ];
  const modes = await modesOf(place, args);
  expect(modes).toMatchObject({ 'undo.lvs.partial': 0o600, 'undo.lvs': 0o600 });
  expect(Object.values(modes).filter((mode) => (mode & 0o077) !== 0)).toEqual([]);
});
