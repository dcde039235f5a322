import yargs, { type Argv } from 'yargs';
import { UsageError } from '../../errors.js';
import type { Command, CommandEntry, CommonOptions } from '../command.js';
import { checkOptions } from './check-options.js';
import { print } from '../print/print.js';
import { wrongArguments, type WrongArguments } from './wrong-arguments.js';

/** Stands before a bare `-`, which yargs would drop, and before what comes behind `--`, which it would take for options. */
const SHIELD = '\u0000';
const MAX_WIDTH = 110;
const HELP = 'h';
/** Of these there may be several. */
const LISTS = ['stream', 'range'];

/** Parses the arguments of one command and runs it; returns the exit status. */
export async function runCommand(entry: CommandEntry, argv: readonly string[]): Promise<number> {
  const command = await entry.load();
  let text = '';
  let status = 0;
  const handler = async (args: Record<string, unknown>) => {
    status = await command.run(checkRepeats(unshield(args)) as never);
  };
  const parser = createParser(entry, command, argv, handler);
  await parser.parseAsync(shield(argv), {}, (_error, _args, output) => {
    text = output;
  });
  if (text !== '') await print(`${text}\n`);
  return status;
}

function createParser(
  { name, positionals, summary }: CommandEntry,
  command: Command,
  argv: readonly string[],
  handler: (args: Record<string, unknown>) => Promise<void>,
): Argv {
  const places: readonly string[] = positionals.match(/[a-z]+/g) ?? [];
  let wrong: WrongArguments = { command: name, argv, positionals: places, options: [], flags: [] };
  const declare = (declared: Argv) => {
    const all = command.declare(declareCommon(declared)) as Argv;
    const { key, boolean } = optionsOf(all);
    const options = Object.keys(key).filter((option) => !places.includes(option));
    wrong = { ...wrong, options: [...options, HELP], flags: [...boolean, HELP] };
    checkOptions(wrong);
    return all;
  };
  return yargs()
    .scriptName(`lvstream ${name}`)
    .parserConfiguration({ 'parse-numbers': false, 'parse-positional-numbers': false, 'dot-notation': false })
    .command(`$0 ${positionals}`.trim(), summary, declare, handler)
    .strict()
    .help('help', 'print this')
    .alias('help', HELP)
    .version(false)
    .detectLocale(false)
    .wrap(Math.min(MAX_WIDTH, process.stdout.columns || MAX_WIDTH))
    .exitProcess(false)
    .fail((message: string | null, error: Error | undefined) => {
      throw asUsageError(message, error, wrong);
    });
}

function declareCommon(declared: Argv): Argv<CommonOptions> {
  return declared
    .option('quiet', {
      type: 'boolean',
      describe: 'no progress, no remarks, no word when it is done',
    })
    .option('debug', { type: 'boolean', describe: 'with an error, say where in lvstream it arose' });
}

/** What is declared by now. yargs knows it, and its types do not say so. */
function optionsOf(declared: Argv) {
  const known = declared as unknown as {
    getOptions(): { readonly key: Readonly<Record<string, unknown>>; readonly boolean: readonly string[] };
  };
  return known.getOptions();
}

/** yargs says that the command line is wrong by a message, or an error of its own when an option's value is. */
function asUsageError(message: string | null, error: Error | undefined, wrong: WrongArguments): Error {
  if (error !== undefined && error.name !== 'YError') return error;
  return wrongArguments((error?.message ?? message ?? 'wrong arguments').replaceAll(SHIELD, ''), wrong);
}

function shield(argv: readonly string[]): string[] {
  const end = argv.indexOf('--');
  const [own, names] = end < 0 ? [argv, []] : [argv.slice(0, end), argv.slice(end + 1)];
  const shielded = (argument: string) => `${SHIELD}${argument}`;
  return [
    ...own.map((argument) => (argument === '-' ? shielded(argument) : argument)),
    ...names.map(shielded),
  ];
}

function unshield(args: Record<string, unknown>): Record<string, unknown> {
  const bare = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(bare);
    return typeof value === 'string' ? value.replace(SHIELD, '') : value;
  };
  return Object.fromEntries(Object.entries(args).map(([key, value]) => [key, bare(value)]));
}

/** yargs makes a list of an option that is given twice. */
function checkRepeats(args: Record<string, unknown>): Record<string, unknown> {
  const repeated = Object.keys(args).find(
    (key) => key.length > 1 && !LISTS.includes(key) && Array.isArray(args[key]),
  );
  if (repeated === undefined) return args;
  throw new UsageError(`--${repeated} is given more than once`);
}
