import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { compileFunction } from 'node:vm';
import { load } from 'js-yaml';

const require = createRequire(import.meta.url);
const Stream = require('kaitai-struct/KaitaiStream') as new (bytes: Uint8Array) => object;

/** The compiler carries no declarations: a compiled file's text by its name. */
const compiler = require('kaitai-struct-compiler') as {
  compile(
    language: 'javascript',
    description: unknown,
    importer: null,
    debug: boolean,
  ): Promise<Readonly<Record<string, string>>>;
};

/** Parses bytes by a description, or throws where they do not fit it. */
type Parse<T> = (bytes: Uint8Array) => T;

export const compileContainer = async (): Promise<Parse<KaitaiContainer>> =>
  (await compileDescription('lvs')) as Parse<KaitaiContainer>;

export const compilePlain = async (): Promise<Parse<KaitaiPlain>> =>
  (await compileDescription('lvmsync')) as Parse<KaitaiPlain>;

async function compileDescription(name: string): Promise<Parse<unknown>> {
  const text = readFileSync(new URL(`../../spec/${name}.ksy`, import.meta.url), 'utf8');
  const files = await compiler.compile('javascript', load(text), null, false);
  const className = name.charAt(0).toUpperCase() + name.slice(1);
  const compiled: Record<string, new (stream: object) => unknown> = {};
  const run = compileFunction(files[`${className}.js`]!, ['exports', 'require']) as (
    exports: typeof compiled,
    load: NodeJS.Require,
  ) => void;
  run(compiled, require);
  return (bytes) => new compiled[className]!(new Stream(bytes));
}

/** The parts of what `lvs.ksy` gives that the tests look at. */
export interface KaitaiContainer {
  readonly header: { readonly payload: { readonly version: number; readonly map: KaitaiDocument } };
  readonly frames: readonly KaitaiFrame[];
}

export interface KaitaiFrame {
  readonly magic: number;
  readonly zstd?: { readonly contentSize: number; readonly blocks: readonly unknown[] };
  readonly payload?: Partial<KaitaiPage> & { readonly ranges?: readonly KaitaiRange[] };
}

interface KaitaiRange {
  readonly offset: number;
  readonly length: number;
}

interface KaitaiPage {
  readonly isLast: boolean;
  readonly entries: readonly {
    readonly kind: number;
    readonly recordCount: number;
    readonly contentSize: number;
  }[];
  readonly pieces: { readonly runs: readonly { readonly type: number; readonly count: number }[] };
  readonly mapRanges: readonly KaitaiRange[];
  readonly closingMap: KaitaiDocument;
}

interface KaitaiDocument {
  readonly value: { readonly fields: readonly { readonly key: { readonly text: string } }[] };
}

export interface KaitaiPlain {
  readonly version: number;
  readonly records: readonly {
    readonly place: { readonly bigEndian: number; readonly littleEndian: number };
    readonly length: number;
    readonly data: Uint8Array;
  }[];
}
