import { readFileSync, symlinkSync } from 'node:fs';
import { execa } from 'execa';
import { describe, expect, it } from 'vitest';
import { captureFile } from '../captures.js';
import { BIN, Folder, lvstream } from './run-lvstream.js';

/** What nobody has thought of: said in a line where it is the system's fault, and as a bug where it is not. */

const folder = new Folder();
const EXIT = new URL('../../dist/cli/exit.js', import.meta.url).href;

/** Runs a program that ends by what the text throws. */
async function endBy(text: string, ...args: string[]) {
  const program = `import { readFileSync } from 'node:fs';
    const { runToExit } = await import('${EXIT}');
    await runToExit('lvstream', async () => { ${text}; });`;
  const options = { reject: false, stripFinalNewline: false } as const;
  return execa(process.execPath, ['--input-type=module', '--eval', program, '--', ...args], options);
}

describe('an error that nobody expected', () => {
  it('is a line where a system call failed', async () => {
    const { exitCode, stderr } = await endBy("readFileSync('/nonexistent/\\u001b[31m')");
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(
      /^lvstream: ENOENT: no such file or directory, open '\/nonexistent\/\\x1b\[31m'\n$/,
    );
  });

  it('says where it arose when asked', async () => {
    expect((await endBy("readFileSync('/nonexistent')", '--debug')).stderr).toContain('    at ');
  });

  it('is called a bug where it is one', async () => {
    const { exitCode, stderr } = await endBy('undefined.length');
    expect(exitCode).toBe(1);
    expect(stderr).toContain('this is a bug in lvstream');
    expect(stderr).toContain('    at ');
  });
});

describe('names that lead nowhere, and folders that are gone', () => {
  const loop = folder.fresh('loop');
  symlinkSync(loop, loop);
  const stream = captureFile('a', 'ruby.stream');

  it.each([
    ['dump', ['dump', loop]],
    ['dump --to', ['dump', 'vg/vm', '--to', loop]],
    ['changes', ['changes', loop]],
    ['info', ['info', loop]],
    ['merge', ['merge', loop]],
    ['apply', ['apply', stream, loop]],
    ['apply --snapback', ['apply', stream, captureFile('a', 'snapshot.img'), '--snapback', `${loop}/undo`]],
    ['compress -o', ['compress', stream, '-o', `${loop}/out`]],
    ['verify --against', ['verify', stream, '--against', loop]],
  ])('are an error of a line: %s', async (_, args) => {
    const { status, errors } = await lvstream(args);
    expect([1, 4]).toContain(status);
    expect(errors).toMatch(/^lvstream: [^\n]+\n(lvstream: hint: [^\n]+\n)?$/);
    expect(errors).not.toContain('bug');
  });

  it.each([
    ['of temporary files', 'TMPDIR=/nonexistent exec "$@"', ['verify', '-'], 1],
    ['that it stands in', 'mkdir "$0" && cd "$0" && rmdir "$0" && exec "$@"', ['verify', stream], 1],
  ])('are no bug: the one %s', async (_, script, args, status) => {
    const run = await execa('sh', ['-c', script, folder.fresh('gone'), process.execPath, BIN, ...args], {
      reject: false,
      input: readFileSync(captureFile('a', 'ruby.stream')).fill('2', 14, 15),
    });
    expect(run.exitCode).toBe(status);
    expect(run.stderr).not.toContain('    at ');
  });
});
