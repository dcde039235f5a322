/**
 * The main job on what a real kernel left behind, in a temporary folder, each command as a person would type it:
 * dump the changes of a snapshot, look at them, apply them, roll back. Fails if any image comes out wrong.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { decompress } from 'zstd-napi';
import { hasZstd, putCommands } from './shell-commands.js';

const CASE = 'd';
const IMAGES = { 'cow.img': 'vm-cow.img', 'origin.img': 'vm.img', 'snapshot.img': 'old.img' };
const REFUSED = 4;

const root = fileURLToPath(new URL('..', import.meta.url));
const capture = path.join(root, 'fixtures', 'captures', CASE);
const coloured = process.stdout.isTTY && process.env.NO_COLOR === undefined;
const paint = (code) => (text) => (coloured ? `\u001b[${code}m${text}\u001b[0m` : text);
const [bold, dim, green, red] = ['1', '2', '1;32', '1;31'].map(paint);

/** `status`: what the command must end with. `proves`: what is not so if it ends otherwise. */
const STEPS = [
  {
    about: 'A volume of 64 MiB, its exception store, and what it held when its snapshot was taken:',
    shell: 'ls -gGh *.img',
  },
  {
    about: 'The changes since the snapshot become a file; it also says what they must be applied to.',
    shell: 'lvstream dump --cow vm-cow.img --origin vm.img --base-digests -o changes.lvs',
  },
  { about: 'What is in it, and where on the volume:', shell: 'lvstream info changes.lvs' },
  { about: 'Is it whole and undamaged?', shell: 'lvstream verify changes.lvs' },
  {
    about:
      'A replica still holds the old state. The changes bring it up to date; what they overwrite is saved first.',
    shell: 'cp old.img replica.img',
  },
  { shell: 'lvstream apply changes.lvs replica.img --snapback undo.lvs' },
  { shell: 'cmp replica.img vm.img && echo same', proves: 'the changes take the replica to the new state' },
  {
    about: 'Back again: a snapback is a stream like any other.',
    shell: 'lvstream apply undo.lvs replica.img',
  },
  {
    shell: 'cmp replica.img old.img && echo same',
    proves: 'the snapback takes the replica back to the old state',
  },
  {
    about: 'Without lvstream, zstd alone gives the stream that the original lvmsync wrote and read:',
    shell: 'zstd -dc changes.lvs | head -c 32 | od -A d -c',
  },
  { shell: 'zstd -dc changes.lvs | lvmsync --apply - replica.img' },
  {
    shell: 'cmp replica.img vm.img && echo same',
    proves: 'the plain stream takes the replica to the new state',
  },
  {
    about: 'An image that is not what the changes were made for, by one byte, is refused and stays as it is.',
    shell: 'cp old.img wrong.img && printf X | dd of=wrong.img bs=1 seek=8192 conv=notrunc status=none',
  },
  { shell: 'cp wrong.img before.img' },
  {
    shell: 'lvstream apply changes.lvs wrong.img',
    status: REFUSED,
    proves: `a wrong image is refused with status ${REFUSED}`,
  },
  { shell: 'cmp wrong.img before.img && echo same', proves: 'a refused image stays as it was' },
];

/** Unpacks the images and puts the commands where the shell finds them. */
function prepare(folder) {
  for (const [from, to] of Object.entries(IMAGES)) {
    writeFileSync(path.join(folder, to), decompress(readFileSync(path.join(capture, `${from}.zst`))));
  }
  const PATH = putCommands(path.join(folder, '.commands'));
  return { ...process.env, PATH, LC_ALL: 'C.UTF-8' };
}

function run({ about, shell, status = 0, proves }, folder, env) {
  if (about) console.log(`\n${dim(`# ${about}`)}`);
  console.log(`${bold(`$ ${shell}`)}`);
  const ended = spawnSync('sh', ['-c', shell], { cwd: folder, env, stdio: ['ignore', 'inherit', 'inherit'] });
  if (ended.error) throw ended.error;
  if (status !== 0) console.log(dim(`(exit status ${ended.status})`));
  if (ended.status === status) return;
  const what = proves ? `it is not so that ${proves}` : `the command ended with status ${ended.status}`;
  console.error(red(`\ndemo: FAILED: ${what}: ${shell}`));
  process.exit(1);
}

const begun = performance.now();
const folder = mkdtempSync(path.join(tmpdir(), 'lvstream-demo-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));

console.log(`A snapshot as Linux left it (fixtures/captures/${CASE}), unpacked in ${folder}.`);
if (!hasZstd) console.log('There is no zstd command here; the library stands in for it below.');
const env = prepare(folder);
for (const step of STEPS) run(step, folder, env);
const proved = STEPS.filter(({ proves }) => proves !== undefined).length;
const took = ((performance.now() - begun) / 1000).toFixed(1);
console.log(green(`\nAll is well: ${proved} of ${proved} checks hold, in ${took} s.`));
