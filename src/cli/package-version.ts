import { readFileSync } from 'node:fs';

/** The version in `package.json`. */
export function packageVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** What the headers of our streams name as their generator. */
export function generator(): string {
  return `lvstream ${packageVersion()}`;
}
