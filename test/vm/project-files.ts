import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { packArchive, type ArchiveEntry } from './archive.js';

/** The project's folder, here and in the guest. */
export const PROJECT = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

const at = (...names: string[]): string => path.join(PROJECT, ...names);

/**
 * What the guest runs, to be unpacked in {@link PROJECT} there: what is compiled and packed, the packages that it
 * needs, and what is in test/ compiled beside its sources. Node starts a second sooner with these files in memory,
 * and a run sees one state of them, whatever happens to them on the host meanwhile.
 */
export function packProject(): Buffer {
  return packArchive([
    ...['package.json', ...filesIn('dist', LOADED), ...filesIn('bin', LOADED), ...packageFiles()].map(asIs),
    ...filesIn('test', /(?<!\.test|\.d|\.config)\.ts$/).map(compiled),
  ]);
}

/** What Node loads; packages bring sources, documentation and types along. */
const LOADED = /\.(?:[cm]?js|json|node)$/;

const filesIn = (folder: string, pattern: RegExp): string[] =>
  readdirSync(at(folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && pattern.test(entry.name))
    .map((entry) => path.relative(PROJECT, path.join(entry.parentPath, entry.name)));

/** Of the packages that a user of lvstream has, too. */
function packageFiles(): string[] {
  const lock = JSON.parse(readFileSync(at('node_modules', '.package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<Record<string, { readonly dev?: boolean }>>;
  };
  const shipped = Object.entries(lock.packages).filter(([, { dev }]) => dev !== true);
  return shipped.flatMap(([folder]) => filesIn(folder, LOADED));
}

const asIs = (file: string): ArchiveEntry => ({
  path: file,
  data: readFileSync(at(file)),
  executable: file.startsWith('bin/'),
});

function compiled(file: string): ArchiveEntry {
  const compilerOptions = {
    module: ts.ModuleKind.ESNext,
    target: ts.ScriptTarget.ES2023,
    inlineSourceMap: true,
  };
  const fileName = at(file);
  const { outputText } = ts.transpileModule(readFileSync(fileName, 'utf8'), { compilerOptions, fileName });
  return { path: file.replace(/\.ts$/, '.js'), data: Buffer.from(outputText) };
}
