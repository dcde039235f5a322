import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readCapture } from './captures.js';
import { putCommands } from './shell-commands.js';

/**
 * What the README shows is what happens: its tour is run, and its output compared apart from what differs between two
 * runs. `UPDATE_README=1` writes what came out into the README instead.
 */

const root = fileURLToPath(new URL('..', import.meta.url));
const readme = path.join(root, 'README.md');
const text = readFileSync(readme, 'utf8');
const lvstream = path.join(root, 'bin', 'lvstream.js');

let folder: string;
let env: Record<string, string>;

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'readme-'));
  for (const [, capture, file, name] of text.matchAll(
    /^zstd -dq fixtures\/captures\/(\S+)\/(\S+)\.zst -o (\S+)$/gm,
  )) {
    writeFileSync(path.join(folder, name!), readCapture(capture!, file!));
  }
  env = { PATH: putCommands(path.join(folder, '.commands')) };
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

interface Shown {
  readonly command: string;
  readonly output: string;
}

const block = /^```console\n(.*?)^```$/gms;

function readSteps(shown: string): Shown[] {
  return shown.split(/^\$ /m).flatMap((step) => {
    const [command, ...output] = step.split('\n');
    return command ? [{ command, output: output.join('\n').trimEnd() }] : [];
  });
}

/** Names, times and what zstd's version decides differ from one run to the next. */
function steady(output: string): string {
  return output
    .replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'UUID')
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
    .replace(/^( +file +).*$/m, '$1SIZE')
    .replace(/( in a file of ).*$/m, '$1SIZE');
}

async function run(command: string): Promise<string> {
  const { all } = await execa('sh', ['-c', command], {
    cwd: folder,
    env,
    all: true,
    stdin: 'ignore',
    reject: false,
  });
  return all.trimEnd();
}

async function runTour(): Promise<string[]> {
  const blocks: string[] = [];
  for (const [, shown = ''] of text.matchAll(block)) {
    let found = '';
    for (const { command } of readSteps(shown)) {
      const output = await run(command);
      found += `$ ${command}\n${output === '' ? '' : `${output}\n`}`;
    }
    blocks.push(found);
  }
  return blocks;
}

describe('the README', () => {
  it('shows what its tour prints', async () => {
    const found = await runTour();
    if (process.env['UPDATE_README'] === '1') {
      let next = 0;
      writeFileSync(
        readme,
        text.replace(block, () => `\`\`\`console\n${found[next++]!}\`\`\``),
      );
      return;
    }
    const shown = [...text.matchAll(block)].map(([, inside = '']) => inside);
    expect(found.map(steady)).toEqual(shown.map(steady));
  });

  it('lists the commands that there are', async () => {
    const { stdout } = await execa(process.execPath, [lvstream, '--help']);
    const [, listed = ''] = /\n\n((?: {2}\S.*\n)+)/.exec(stdout) ?? [];
    const commands = listed.match(/^ {2}\S+/gm)?.map((line) => line.trim());
    const [, section = ''] = /^## Commands\n(.*?)^###? /ms.exec(text) ?? [];
    const shown = [...section.matchAll(/^\| `([a-z]+)\b/gm)].map(([, name]) => name);
    expect([...new Set(shown)]).toEqual(commands);
  });

  it('links to what there is', () => {
    for (const [, target] of text.matchAll(/\]\((?!https?:)([^)#]+)\)/g)) {
      expect(() => readFileSync(path.join(root, target!))).not.toThrow();
    }
  });
});
