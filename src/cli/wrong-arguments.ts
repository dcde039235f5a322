import { UsageError } from '../errors.js';
import { findSimilar } from './similar.js';

/** A command line that yargs refuses, and what the command takes. */
export interface WrongArguments {
  readonly command: string;
  readonly argv: readonly string[];
  /** Names of what is told from its place, in their order. */
  readonly positionals: readonly string[];
  /** Names of the options, without dashes. */
  readonly options: readonly string[];
}

type Wording = (
  wrong: WrongArguments,
  ...parts: string[]
) => Readonly<{ text: string; hint?: string | undefined }>;

/** What yargs says, in English, and what to make of its parts. */
const WORDINGS: readonly (readonly [RegExp, Wording])[] = [
  [/^Unknown arguments?: (.*?)(?:, .*)?$/s, describeUnknown],
  [/^Not enough non-option arguments: got (\d+)/, describeMissing],
  [
    /^Not enough arguments following: (.*)$/s,
    (_, name = '') => ({ text: `${dashed(name)}: no value is given` }),
  ],
  [/Argument: (\S+), Given: (.*), Choices: (.*)$/s, describeChoice],
];

/** The error for a command line that yargs refuses with this message. */
export function wrongArguments(message: string, wrong: WrongArguments): UsageError {
  const { text, hint = `see lvstream ${wrong.command} --help` } = reword(message.trim(), wrong);
  return new UsageError(text, { hint });
}

function reword(message: string, wrong: WrongArguments): ReturnType<Wording> {
  for (const [pattern, describe] of WORDINGS) {
    const found = pattern.exec(message);
    if (found) return describe(wrong, ...found.slice(1));
  }
  return { text: message.replace(/\s*\n\s*/g, ' ') };
}

/** Of an option without its dashes and an argument too many yargs says the same. */
function describeUnknown({ argv, options }: WrongArguments, name = ''): ReturnType<Wording> {
  const given = argv.map((argument) => argument.split('=')[0]!).find((argument) => isOption(argument, name));
  if (given === undefined) return { text: `${name}: one argument too many` };
  const [, dashes = '', word = ''] = /^(--no-|-+)(.*)$/.exec(given) ?? [];
  const meant = findSimilar(word, options);
  const prefix = dashes === '--no-' ? dashes : '--';
  return {
    text: `${given}: there is no such option`,
    hint: meant === undefined ? undefined : `did you mean ${prefix}${meant}?`,
  };
}

/** Whether an argument gives the option of that name, among other letters perhaps. */
function isOption(argument: string, name: string): boolean {
  if (argument.startsWith('--')) return argument === `--${name}` || argument === `--no-${name}`;
  return /^-./.test(argument) && name.length === 1 && argument.includes(name);
}

function describeMissing({ positionals }: WrongArguments, count: string | undefined): ReturnType<Wording> {
  return { text: `no ${positionals[Number(count)] ?? 'argument'} is named` };
}

function describeChoice(_: WrongArguments, name = '', given = '', choices = ''): ReturnType<Wording> {
  return { text: `${dashed(name)} ${given}: not one of ${choices}`.replaceAll('"', '') };
}

function dashed(name: string): string {
  return name.length === 1 ? `-${name}` : `--${name}`;
}
