import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ESLint } from 'eslint';
import ts from 'typescript';
import tseslint from 'typescript-eslint';
import { layers } from './layers.js';
import { TOOLS } from './tools.js';
import { describe, expect, it } from 'vitest';

/** House rules that no linter has. */

const root = fileURLToPath(new URL('..', import.meta.url));
const maxLines = 400;
const maxTextBytes = 2 ** 20;

interface TextFile {
  readonly name: string;
  readonly text: string;
}

const listFiles = (): string[] =>
  execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '-z'], { cwd: root })
    .toString()
    .split('\0')
    .filter((name) => name !== '' && existsSync(path.join(root, name)));

const readText = (name: string): TextFile[] => {
  const bytes = readFileSync(path.join(root, name));
  const isText = bytes.length <= maxTextBytes && !bytes.includes(0);
  return isText ? [{ name, text: bytes.toString() }] : [];
};

const names = listFiles();
const texts = names.flatMap(readText);
const under = (...folders: string[]): TextFile[] =>
  texts.filter(({ name }) => folders.some((folder) => name.startsWith(`${folder}/`)));
const sources = under('src').filter(({ name }) => name.endsWith('.ts'));

/** Where the pattern matches, as `file:line: text`, so that a failure says what to change. */
const matches = (files: readonly TextFile[], pattern: RegExp): string[] =>
  files.flatMap(({ name, text }) =>
    text
      .split('\n')
      .flatMap((line, index) => (pattern.test(line) ? [`${name}:${index + 1}: ${line.trim()}`] : [])),
  );

/** A pattern given in two halves, so that this file does not match itself. */
const halves = (...pairs: [string, string][]): string => pairs.map((pair) => pair.join('')).join('|');

describe('the whole tree', () => {
  it('leaves nothing to be done later', () => {
    const marks = new RegExp(`\\b(?:${halves(['TO', 'DO'], ['FIX', 'ME'], ['XX', 'X'])})\\b`);
    expect(matches(under('src', 'test', 'bin', 'spec'), marks)).toEqual([]);
  });

  it('runs every test', () => {
    const left = new RegExp(
      `\\b(?:describe|it|test)\\.(?:${halves(['on', 'ly'], ['sk', 'ip'], ['to', 'do'])})\\b`,
    );
    expect(matches(under('test'), left)).toEqual([]);
  });

  it('names no place outside itself', () => {
    const outside = new RegExp(halves(['\\.\\./sha', 'red\\b'], ['(?:^|[^\\w.-])/wo', 'rk/']));
    expect(matches(texts, outside)).toEqual([]);
  });

  it('has a lock file that any registry can serve', () => {
    const lock = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8')) as {
      readonly packages: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
    };
    const bound = Object.entries(lock.packages).filter(([, entry]) => 'resolved' in entry);
    expect(bound).toEqual([]);
  });

  it('has the test files that are left out where their tools are missing', () => {
    const named = TOOLS.flatMap(({ files }): readonly string[] => files);
    expect(named.filter((file) => !names.includes(file))).toEqual([]);
  });

  it('has no folder for odds and ends', () => {
    const odds = /(?:^|\/)(?:utils?|helpers?|common|misc)\//;
    expect(names.filter((name) => odds.test(name))).toEqual([]);
  });
});

/** The files of each folder of `src/`, by its path below it. */
const rooms = [...new Set(sources.map(({ name }) => roomOf(name)))].map(
  (room) => [room, sources.filter(({ name }) => roomOf(name) === room)] as const,
);

function roomOf(name: string): string {
  return path.dirname(name).replace(/^src\/?/, '');
}

const importsOf = (name: string, text: string): string[] =>
  [...text.matchAll(/^(?:import|export) [^;]*?from '(\.[^']+)\.js'/gms)].map(
    ([, from]) => `${path.join(path.dirname(name), from!)}.ts`,
  );

/** What the strings and templates of a source say; a template is one string, a space where something goes in. */
function stringsOf(text: string): string[] {
  const strings: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isStringLiteralLike(node)) strings.push(node.text);
    if (ts.isTemplateExpression(node))
      strings.push(
        [node.head, ...node.templateSpans.map(({ literal }) => literal)].map(({ text }) => text).join(' '),
      );
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile('source.ts', text, ts.ScriptTarget.Latest));
  return strings;
}

/** The files of a circle of imports; none if there is no circle. */
function findCircle(imports: ReadonlyMap<string, readonly string[]>): readonly string[] {
  const done = new Set<string>();
  const visit = (name: string, way: readonly string[]): readonly string[] => {
    if (way.includes(name)) return [...way, name];
    if (done.has(name)) return [];
    done.add(name);
    for (const next of imports.get(name) ?? []) {
      const circle = visit(next, [...way, name]);
      if (circle.length > 0) return circle;
    }
    return [];
  };
  for (const name of imports.keys()) {
    const circle = visit(name, []);
    if (circle.length > 0) return circle;
  }
  return [];
}

describe('src', () => {
  it('names no command that does not exist', () => {
    const { text: index } = sources.find(({ name }) => name === 'src/cli/commands.ts')!;
    const named = sources.flatMap(({ text }) => [...text.matchAll(/\blvstream ([a-z]+) --/g)]);
    const unknown = named.filter(([, command]) => !index.includes(`name: '${command!}'`));
    expect(unknown.map(([found]) => found)).toEqual([]);
  });

  // An option that is a string of its own is an argument for a tool.
  it('names options of lvstream in cli/ alone', () => {
    const options = new Set(
      under('src/cli').flatMap(({ text }) =>
        [...text.matchAll(/\.option\('([a-z-]+)'|^ {2}'?([a-z-]+)'?: \{/gm)].map(
          ([, declared, shared]) => declared ?? shared!,
        ),
      ),
    );
    expect([...options]).toEqual(expect.arrayContaining(['in-use', 'base-check', 'units', 'to', 'wait']));
    const named = sources
      .filter(({ name }) => !name.startsWith('src/cli/'))
      .flatMap(({ name, text }) => stringsOf(text).map((string) => [name, string] as const))
      .filter(([, string]) => /[^a-z-]/.test(string))
      .filter(([, string]) =>
        [...string.matchAll(/--(?:no-)?([a-z-]+)/g)].some(([, option]) => options.has(option!)),
      );
    expect(named).toEqual([]);
  });

  it('is named in kebab case', () => {
    const kebab = /^src(?:\/[a-z0-9]+(?:-[a-z0-9]+)*)+\.ts$/;
    const strangers = names.filter(
      (name) => name.startsWith('src/') && name !== 'src/README.md' && !kebab.test(name),
    );
    expect(strangers).toEqual([]);
  });

  it(`has no file over ${maxLines} lines`, () => {
    const long = sources.filter(({ text }) => text.split('\n').length - 1 > maxLines);
    expect(long.map(({ name }) => name)).toEqual([]);
  });

  it('imports each package in one file, and yargs in cli/', () => {
    const importers = new Map<string, Set<string>>();
    for (const { name, text } of sources) {
      for (const [, specifier] of text.matchAll(/(?:\bfrom|\bimport|\bimport\()\s*'([^'.][^']*)'/g)) {
        if (specifier === undefined || specifier.startsWith('node:')) continue;
        const parts = specifier.split('/');
        const bare = parts.slice(0, specifier.startsWith('@') ? 2 : 1).join('/');
        const place = bare === 'yargs' && name.startsWith('src/cli/') ? 'src/cli/' : name;
        importers.set(bare, (importers.get(bare) ?? new Set()).add(place));
      }
    }
    const shared = [...importers].filter(([, places]) => places.size > 1);
    expect(shared.map(([bare, places]) => `${bare}: ${[...places].join(', ')}`)).toEqual([]);
  });

  it('has no room of more than 15 files that has no rooms of its own', () => {
    const crowded = rooms.filter(
      ([room, files]) => files.length > 15 && !rooms.some(([other]) => other.startsWith(`${room}/`)),
    );
    expect(crowded.map(([room]) => room)).toEqual([]);
  });

  it('has no room, and no order of them, that its page does not tell', () => {
    const { text } = texts.find(({ name }) => name === 'src/README.md')!;
    const told = [...text.matchAll(/^\| `([a-z/]+)\/` \|/gm)].map(([, room]) => room!);
    expect(told.toSorted()).toEqual(
      rooms
        .map(([room]) => room)
        .filter((room) => room !== '')
        .toSorted(),
    );
    expect(told.filter((room) => !room.includes('/'))).toEqual(layers.map(({ name }) => name));
  });

  it('has no import in a circle', () => {
    expect(findCircle(new Map(sources.map(({ name, text }) => [name, importsOf(name, text)])))).toEqual([]);
  });

  it('has one barrel', () => {
    const others = sources.filter(({ name }) => name !== 'src/index.ts');
    expect(others.filter(({ name }) => name.endsWith('/index.ts')).map(({ name }) => name)).toEqual([]);
    expect(matches(others, /^export\s+(?:type\s+)?(?:\*|\{[^}]*\}\s+from\b)/)).toEqual([]);
  });
});

it('a name that is exported means one thing in all of src', () => {
  const declared = /^export (?:async )?(?:function\*?|class|interface|type|const) (\w+)/gm;
  const exported = sources.flatMap(({ text }) => [...text.matchAll(declared)].map(([, name]) => name));
  expect(exported.length).toBeGreaterThan(100);
  expect(exported.filter((name, index) => exported.indexOf(name) !== index)).toEqual([]);
});

describe('the layer rule', () => {
  const names = layers.map(({ name }) => name);
  const pure = layers.filter((layer) => layer.pure).map(({ name }) => name);

  const eslint = new ESLint({
    cwd: root,
    overrideConfigFile: path.join(root, 'test', 'eslint.config.js'),
    // The planted files do not exist, so there is no type information to lint them with.
    overrideConfig: tseslint.configs.disableTypeChecked,
  });

  const complaints = async (file: string, imports: readonly string[]): Promise<number> => {
    const planted = imports.map((from) => `import '${from}';\n`).join('');
    const [result] = await eslint.lintText(planted, { filePath: path.join(root, file) });
    const messages = result?.messages ?? [];
    expect(messages.filter(({ fatal }) => fatal === true)).toEqual([]);
    return new Set(
      messages.filter(({ ruleId }) => ruleId === 'no-restricted-imports').map(({ line }) => line),
    ).size;
  };

  it.each(names)('lets %s import the layers before it and no other', async (layer) => {
    const position = names.indexOf(layer);
    const before = names.slice(0, position).map((other) => `../${other}/thing.js`);
    const after = names.slice(position + 1).map((other) => `../${other}/thing.js`);
    expect(await complaints(`src/${layer}/planted.ts`, ['./own.js', '../errors.js', ...before])).toBe(0);
    expect(await complaints(`src/${layer}/planted.ts`, after)).toBe(after.length);
    expect(await complaints(`src/${layer}/deep/planted.ts`, ['../../index.js', '#src/index.js'])).toBe(2);
  });

  it.each(names)('holds %s to its packages', async (layer) => {
    expect(await complaints(`src/${layer}/planted.ts`, ['left-pad', 'fs'])).toBe(2);
    expect(await complaints(`src/${layer}/planted.ts`, ['node:fs'])).toBe(pure.includes(layer) ? 1 : 0);
  });

  it('lets errors.ts import nothing', async () => {
    expect(await complaints('src/errors.ts', ['./format/thing.js'])).toBe(1);
  });
});
