import { UsageError } from '../../errors.js';
import { findSimilar } from './similar.js';

/** A command line that yargs refuses, and what the command takes. */
export interface WrongArguments {
  readonly command: string;
  readonly argv: readonly string[];
  /** Names of what is told from its place, in their order. */
  readonly positionals: readonly string[];
  /** Names of the options, long and short, without dashes, and of those that take no value. */
  readonly options: readonly string[];
  readonly flags: readonly string[];
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
  [
    /^Missing required arguments?: (\S+)/,
    (_, name = '') => ({ text: `${dashed(name.replace(/,$/, ''))} is missing` }),
  ],
  [/Argument: (\S+), Given: (.*), Choices: (.*)$/s, describeChoice],
];

/** The error for a command line that yargs refuses with this message. */
export function wrongArguments(message: string, wrong: WrongArguments): UsageError {
  return usageError(reword(message.trim(), wrong), wrong);
}

function usageError(
  { text, hint }: ReturnType<Wording>,
  { command }: Pick<WrongArguments, 'command'>,
): UsageError {
  return new UsageError(text, { hint: hint ?? `see lvstream ${command} --help` });
}

function reword(message: string, wrong: WrongArguments): ReturnType<Wording> {
  for (const [pattern, describe] of WORDINGS) {
    const found = pattern.exec(message);
    if (found) return describe(wrong, ...found.slice(1));
  }
  return { text: message.replace(/\s*\n\s*/g, ' ') };
}

/** Of an option without its dashes and an argument too many yargs says the same. */
function describeUnknown(wrong: WrongArguments, name = ''): ReturnType<Wording> {
  const given = wrong.argv.find((argument) => isOption(argument, name));
  return given === undefined ? { text: `${name}: one argument too many` } : noSuchOption(given, wrong);
}

/** Whether an argument gives the option of that name, among other letters perhaps. */
function isOption(argument: string, name: string): boolean {
  return /^-[^-]/.test(argument) && name.length === 1 && argument.includes(name);
}

/** The error for an option that the command does not have, as it was given. */
export function unknownOption(given: string, wrong: WrongArguments): UsageError {
  return usageError(noSuchOption(given, wrong), wrong);
}

function noSuchOption(given: string, { options, flags }: WrongArguments): ReturnType<Wording> {
  const [option = ''] = given.split('=');
  const [, dashes = '', word = ''] = /^(--no-|-+)(.*)$/.exec(option) ?? [];
  const isNegated = dashes === '--no-';
  const names = isNegated ? flags : options;
  const meant = findSimilar(
    word,
    names.filter((name) => name.length > 1),
  );
  return {
    text: `${option}: there is no such option`,
    hint: meant === undefined ? undefined : `did you mean ${isNegated ? dashes : '--'}${meant}?`,
  };
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
