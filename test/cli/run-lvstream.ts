import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll } from 'vitest';

/** `lvstream` as a person runs it. */

export const BIN = fileURLToPath(new URL('../../bin/lvstream.js', import.meta.url));

export interface Run {
  readonly status: number | undefined;
  readonly output: Buffer;
  readonly text: string;
  readonly errors: string;
}

/** Runs a command to its end; `input` is its standard input, which is empty otherwise. */
export async function lvstream(args: readonly string[], input: Uint8Array = new Uint8Array(0)): Promise<Run> {
  const run = await execa(process.execPath, [BIN, ...args], {
    input,
    encoding: 'buffer',
    reject: false,
    stripFinalNewline: false,
  });
  const output = Buffer.from(run.stdout);
  return {
    status: run.exitCode,
    output,
    text: output.toString(),
    errors: Buffer.from(run.stderr).toString(),
  };
}

/** Runs a command that must succeed. */
export async function succeed(args: readonly string[], input?: Uint8Array): Promise<Run> {
  const run = await lvstream(args, input);
  if (run.status !== 0) throw new Error(`lvstream ${args.join(' ')}: status ${run.status}\n${run.errors}`);
  return run;
}

/** A folder of a test file's own, removed after its tests. */
export class Folder {
  readonly path = mkdtempSync(path.join(tmpdir(), 'lvstream-cli-'));
  #count = 0;

  constructor() {
    afterAll(() => {
      rmSync(this.path, { recursive: true });
    });
  }

  /** A name that nothing has yet. */
  fresh(name: string): string {
    return path.join(this.path, `${this.#count++}-${name}`);
  }

  /** A file of these bytes. */
  file(name: string, bytes: Uint8Array | string): string {
    const file = this.fresh(name);
    writeFileSync(file, bytes);
    return file;
  }

  names(): string[] {
    return readdirSync(this.path).sort();
  }
}
