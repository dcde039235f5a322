import { existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { captureFile, readCapture } from '../captures.js';

/** The command line of the original, on what the original itself wrote. */

const bin = fileURLToPath(new URL('../../bin/lvmsync.js', import.meta.url));
const CASE = 'a';
const old = readCapture(CASE, 'snapshot.img');
const changed = readCapture(CASE, 'origin.img');

let folder: string;
let stream: string;

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'lvmsync-'));
  stream = captureFile(CASE, 'ruby.stream');
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

let names = 0;
const fresh = (name: string): string => path.join(folder, `${names++}-${name}`);

function deviceWith(bytes: Uint8Array): string {
  const device = fresh('device');
  writeFileSync(device, bytes);
  return device;
}

interface Run {
  readonly input?: Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
}

async function lvmsync(argv: readonly string[], { input, env }: Run = {}) {
  const run = await execa(process.execPath, [bin, ...argv], {
    reject: false,
    ...(input ? { input } : { stdin: 'ignore' }),
    ...(env && { env }),
  });
  return { status: run.exitCode, out: run.stdout, err: run.stderr };
}

const SILENT = { status: 0, out: '', err: '' };

/** One line in the shape that scripts look for; lines with a way out may follow. */
function fatal(message: string) {
  return {
    status: 1,
    out: '',
    err: expect.stringMatching(new RegExp(`^FATAL ERROR: ${message}(\n|$)`)) as string,
  };
}

describe('--apply', () => {
  it('writes a stream from a file and says nothing', async () => {
    const device = deviceWith(old);
    expect(await lvmsync(['--apply', stream, device])).toEqual(SILENT);
    expect(readFileSync(device).equals(changed)).toBe(true);
  });

  it.each([
    ['--apply -', ['--apply', '-']],
    ['-a -', ['-a', '-']],
    ['--apply=-', ['--apply=-']],
    ['options behind the device', ['DEVICE', '--apply', '-']],
  ])('writes a stream from standard input: %s', async (_, form) => {
    const device = deviceWith(old);
    const argv = form.includes('DEVICE')
      ? form.map((each) => (each === 'DEVICE' ? device : each))
      : [...form, device];
    expect(await lvmsync(argv, { input: readFileSync(stream) })).toEqual(SILENT);
    expect(readFileSync(device).equals(changed)).toBe(true);
  });

  it('saves a snapback that takes the device back', async () => {
    const device = deviceWith(old);
    const snapback = fresh('snapback');
    const input = readFileSync(stream);
    expect(await lvmsync(['-b', snapback, '--apply', '-', device], { input })).toMatchObject({
      status: 0,
      out: '',
    });
    expect(readFileSync(device).equals(changed)).toBe(true);
    expect(await lvmsync(['--apply', snapback, device])).toMatchObject({ status: 0, out: '' });
    expect(readFileSync(device).equals(old)).toBe(true);
  });

  it('applies a snapback of the original', async () => {
    const device = deviceWith(changed);
    expect(await lvmsync(['--apply', captureFile(CASE, 'ruby.snapback'), device])).toEqual(SILENT);
    expect(readFileSync(device).equals(old)).toBe(true);
  });

  it('says what it did when asked to', async () => {
    const device = deviceWith(old);
    const { status, out, err } = await lvmsync(['-v', '--apply', stream, device]);
    expect({ status, out }).toEqual({ status: 0, out: '' });
    expect(err).toMatch(/^lvmsync: .*device: applied, \d+ bytes written$/);
  });

  it('lets the last of an option and its negation count', async () => {
    const device = deviceWith(old);
    expect(await lvmsync(['-v', '--no-verbose', '--apply', stream, device])).toEqual(SILENT);
    expect(await lvmsync(['-q', '--no-quiet', '-v', '--no-verbose', '-a', stream, device])).toEqual(SILENT);
  });
});

describe('--server', () => {
  it('applies standard input and says that it is deprecated', async () => {
    const device = deviceWith(old);
    const { status, err } = await lvmsync(['--server', device], { input: readFileSync(stream) });
    expect({ status, err }).toEqual({
      status: 0,
      err: 'lvmsync: --server is deprecated, use --apply - instead',
    });
    expect(readFileSync(device).equals(changed)).toBe(true);
  });

  it('does not say so when told to be quiet', async () => {
    expect(await lvmsync(['-q', '--server', deviceWith(old)], { input: readFileSync(stream) })).toEqual(
      SILENT,
    );
  });
});

describe('what it is and how it is called', () => {
  it.each(['-V', '--version'])('%s names it and the version', async (option) => {
    expect(await lvmsync([option])).toEqual({ ...SILENT, out: 'lvmsync 0.1.0' });
  });

  it.each(['-h', '--help'])('%s says how to call it', async (option) => {
    const { status, out } = await lvmsync([option]);
    expect(status).toBe(0);
    expect(out).toContain('--apply FILE|- DEVICE');
  });
});

describe('what it refuses, with FATAL ERROR and status 1', () => {
  it.each([
    ['nothing at all', [], 'no snapshot is given'],
    ['an unknown option', ['--bad'], "Unknown option '--bad'"],
    ['an option without its value', ['--apply'], "Option '-a, --apply <value>' argument missing"],
    ['no device', ['--apply', '-'], 'no destination device is given'],
    ['two devices', ['--apply', '-', 'one', 'two'], 'one destination device, not 2'],
    ['quiet and verbose', ['-q', '-v', '-a', '-', 'x'], '--quiet and --verbose exclude each other'],
    ['quiet and debug', ['-qd', '-a', '-', 'x'], '--quiet and --debug exclude each other'],
    ['a snapback beside --stdout', ['-s', '-b', 'x', 'vg/snap'], '--snapback has no place with --stdout.*'],
    [
      'a stream that is not there',
      ['-a', '/nowhere/x', '/nowhere/y'],
      "/nowhere/x: can't be opened: ENOENT.*",
    ],
    ['a data source for --apply', ['-a', '-', '-r', 'x', 'y'], '--data-source has no place with --apply'],
  ])('%s', async (_, argv, message) => {
    expect(await lvmsync(argv)).toEqual(fatal(message));
  });

  it.each([
    ['a snapshot that does not exist', ['vg/snap', '/dev/vg/lv', '--snapback', 'x']],
    ['a snapshot that does not exist, to standard output', ['vg/snap', '--stdout']],
  ])('%s', async (_, argv) => {
    const { status, out, err } = await lvmsync(argv);
    expect({ status, out }).toEqual({ status: 1, out: '' });
    expect(err).toMatch(
      /^FATAL ERROR: (vg\/snap: there is no such logical volume|lvs can't be run|logical volumes can)/,
    );
  });

  it.each([
    [['vg/snap', 'host:/dev/vg/lv']],
    [['-r', '/dev/vg/other', 'vg/snap', 'root@host:/dev/vg/lv']],
    [['-e', 'ssh -p 2222', 'vg/snap', 'host:/dev/vg/lv']],
  ])('another host: %j', async (argv) => {
    expect(await lvmsync(argv)).toEqual(fatal('sending to another host is not available yet'));
  });

  it('two destinations, and none', async () => {
    expect(await lvmsync(['vg/snap', 'one', 'two'])).toEqual(fatal('a snapshot and a device, not 3 names'));
    expect(await lvmsync(['vg/snap'])).toEqual({
      ...{ status: 1, out: '' },
      err: 'FATAL ERROR: no destination is given\nlvmsync: hint: name a device, or --stdout',
    });
  });

  it('a plain snapback, asked for either way, before anything is written', async () => {
    const device = deviceWith(old);
    const message = 'a snapback in the format lvmsync is not available yet for this form';
    const argv = ['--apply', stream, '--snapback', fresh('snapback'), device];
    expect(await lvmsync(['--format', 'lvmsync', ...argv])).toEqual(fatal(message));
    expect(await lvmsync(argv, { env: { LVSTREAM_SNAPBACK_FORMAT: 'lvmsync' } })).toEqual(fatal(message));
    expect(readFileSync(device).equals(old)).toBe(true);
  });

  it('a device that is too small, before anything is written', async () => {
    const device = deviceWith(old);
    truncateSync(device, 8192);
    expect(await lvmsync(['--apply', stream, device])).toEqual(fatal('.*device: has 8192 bytes, .*'));
    expect(readFileSync(device).equals(old.subarray(0, 8192))).toBe(true);
  });

  it('a snapback file that exists, before anything is written', async () => {
    const device = deviceWith(old);
    const snapback = fresh('snapback');
    writeFileSync(snapback, 'mine');
    expect(await lvmsync(['-b', snapback, '-a', stream, device])).toEqual(
      fatal('.*snapback: exists already'),
    );
    expect(readFileSync(snapback, 'utf8')).toBe('mine');
    expect(readFileSync(device).equals(old)).toBe(true);
  });

  it('what is no stream, and leaves no snapback', async () => {
    const device = deviceWith(old);
    const snapback = fresh('snapback');
    const input = Buffer.from('no stream at all');
    expect(await lvmsync(['-b', snapback, '-a', '-', device], { input })).toEqual(
      fatal('.*not a change stream.*'),
    );
    expect(existsSync(snapback)).toBe(false);
    expect(readFileSync(device).equals(old)).toBe(true);
  });

  it('says whose option it is that a hint names', async () => {
    const device = deviceWith(old.subarray(0, 4096));
    const { err } = await lvmsync(['-a', stream, device]);
    expect(err).toMatch(
      /\nlvmsync: hint: use a device of the origin's size; lvstream apply --skip-past-end leaves out what does not fit$/,
    );
    const input = Buffer.from('no stream at all');
    expect((await lvmsync(['-a', '-', device], { input })).err).toMatch(
      /\nlvmsync: hint: .*: lvstream reads it with --assume lvmsync2$/,
    );
  });
});
