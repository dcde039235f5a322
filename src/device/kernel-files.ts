import { readdirSync, readFileSync } from 'node:fs';

/** Reading what the kernel tells in /proc and /sys. */

/** What is asked of the kernel can be gone before it is read: then there is nothing to tell. */
export function safely<T>(ask: () => T): T | undefined {
  try {
    return ask();
  } catch {
    return undefined;
  }
}

/** The text without its last line end; `undefined` where there is no such file. */
export function readText(path: string): string | undefined {
  return safely(() => readFileSync(path, 'utf8').replace(/\n$/, ''));
}

/** The lines that are not empty; none where there is no such file. */
export function readLines(path: string): string[] {
  return (readText(path) ?? '').split('\n').filter((line) => line !== '');
}

/** The names in a directory; none where there is no such directory. */
export function list(directory: string): string[] {
  return safely(() => readdirSync(directory)) ?? [];
}

/** Spaces and the like stand in these files as \ and three octal digits (seq_path, fs/seq_file.c). */
export function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}
