import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { captureFile } from '../captures.js';
import { BIN, Folder } from './run-lvstream.js';
import { formatPlain } from './plain-records.js';

/** How commands get on with a terminal, and with whoever ends them while they wait. */

const folder = new Folder();
const WRAP_OFF = '\u001b[?7l';
const WRAP_ON = '\u001b[?7h';

type Terminal = ChildProcess & { readonly shown: () => string };

/** Runs a shell's command line on a terminal of its own; its output with what the terminal is told. */
function onTerminal(line: string): Terminal {
  const environment = { ...process.env, LVSTREAM: `${process.execPath} ${BIN}`, SHELL: '/bin/sh' };
  const child = spawn('script', ['--quiet', '--return', '--command', line, '/dev/null'], {
    env: environment,
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let text = '';
  child.stdout.on('data', (part: Buffer) => (text += part.toString()));
  return Object.assign(child, { shown: () => text });
}

/** Whether a process has a handler for the last of the signals that are handled (proc_pid_status(5)); Node has one of its own for SIGINT. */
function catchesSignals(pid: number): boolean {
  const [, caught = '0'] = /^SigCgt:\s*(\S+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return (Number.parseInt(caught, 16) & (1 << (constants.signals.SIGQUIT - 1))) !== 0;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(10);
}

describe('a progress bar', () => {
  const fifo = folder.fresh('fifo');
  execFileSync('mkfifo', [fifo]);
  const stream = formatPlain([{ offset: 0, data: Buffer.alloc(4 << 20, 1) }]);
  const begun = folder.file('begun', stream.subarray(0, 3 << 20));
  const compress = `echo $$; exec $LVSTREAM compress - -o ${folder.fresh('out')}`;

  it.each([
    ['Ctrl-C', 130, (terminal: Terminal) => terminal.stdin!.write('\u0003')],
    ['SIGTERM', 143, (terminal: Terminal) => process.kill(Number.parseInt(terminal.shown(), 10), 'SIGTERM')],
  ])('leaves the terminal as it was: %s', async (_, status, end) => {
    const terminal = onTerminal(`exec 4<>${fifo}; cat ${begun} >&4 & ${compress} <&4`);
    await until(() => terminal.shown().includes(WRAP_OFF));
    end(terminal);
    await expectEnd(terminal, status);
  });

  it('leaves the terminal as it was: damage', async () => {
    await expectEnd(onTerminal(`${compress} < ${begun}`), 3);
  });

  async function expectEnd(terminal: Terminal, status: number): Promise<void> {
    expect((await once(terminal, 'exit'))[0]).toBe(status);
    const shown = terminal.shown();
    expect(shown).toContain(WRAP_OFF);
    expect(shown.lastIndexOf(WRAP_ON)).toBeGreaterThan(shown.lastIndexOf(WRAP_OFF));
  }
});

describe('a terminal in place of a stream', () => {
  const device = captureFile('a', 'snapshot.img');
  it.each([
    ['apply - DEVICE', `apply - ${device}`],
    ['info -', 'info -'],
    ['verify -', 'verify -'],
    ['verify /dev/tty', 'verify /dev/tty'],
    ['compress -', `compress - -o ${folder.fresh('out')}`],
    ['decompress', `decompress -o ${folder.fresh('out')}`],
    ['merge -', `merge - -o ${folder.fresh('out')}`],
    ['dump --map -', `dump --map - --data-source ${device} -o ${folder.fresh('out')}`],
  ])('is refused: %s', async (_, args) => {
    const terminal = onTerminal(`$LVSTREAM ${args}`);
    expect((await once(terminal, 'exit'))[0]).toBe(2);
    expect(terminal.shown()).toMatch(
      /^lvstream: .*(is a terminal|no stream is named).*\r\nlvstream: hint: name a file, or /,
    );
  });
});

describe('whoever waits', () => {
  const fifo = folder.fresh('waits');
  execFileSync('mkfifo', [fifo]);
  const stream = captureFile('a', 'ruby.stream');

  it.each([
    ['for a pipe', ['verify', '-']],
    ['for a FIFO to be written to', ['verify', fifo]],
    ['for a FIFO to be read', ['compress', stream, '-o', fifo]],
  ])('hears Ctrl-C: %s', async (_, args) => {
    const child = spawn(process.execPath, [BIN, ...args], { stdio: ['pipe', 'ignore', 'pipe'] });
    onTestFinished(() => void child.kill('SIGKILL'));
    const end = once(child, 'exit');
    await until(() => catchesSignals(child.pid!));
    await sleep(500);
    child.kill('SIGINT');
    expect(await end).toEqual([130, null]);
  });
});
