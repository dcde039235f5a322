import yargs, { type Argv } from 'yargs';
import { UsageError } from '../errors.js';
import type { Command, CommandEntry, CommonOptions } from './command.js';
import { print } from './print.js';
import { wrongArguments, type WrongArguments } from './wrong-arguments.js';

/** Stands for a bare `-` while yargs, which would drop it, looks at the arguments. */
const DASH = '\u0000-';
const MAX_WIDTH = 110;

/** Parses the arguments of one command and runs it; answers the exit status. */
export async function runCommand(entry: CommandEntry, argv: readonly string[]): Promise<number> {
  const command = await entry.load();
  let text = '';
  let status = 0;
  const handler = async (args: Record<string, unknown>) => {
    status = await command.run(checkRepeats(mapDashes(args, DASH, '-')) as never);
  };
  const parser = createParser(entry, command, argv, handler);
  await parser.parseAsync(swapDashes(argv), {}, (_error, _args, output) => {
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
  let options: readonly string[] = [];
  const declare = (declared: Argv) => {
    const all = command.declare(declareCommon(declared)) as Argv;
    options = namesOf(all).filter((option) => !places.includes(option));
    return all;
  };
  return yargs()
    .scriptName(`lvstream ${name}`)
    .parserConfiguration({ 'parse-numbers': false, 'parse-positional-numbers': false, 'dot-notation': false })
    .command(`$0 ${positionals}`.trim(), summary, declare, handler)
    .strict()
    .help('help', 'print this')
    .alias('help', 'h')
    .version(false)
    .detectLocale(false)
    .wrap(Math.min(MAX_WIDTH, process.stdout.columns || MAX_WIDTH))
    .exitProcess(false)
    .fail((message: string | null, error: Error | undefined) => {
      throw asUsageError(message, error, { command: name, argv, positionals: places, options });
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

/** Names of the options that are declared by now. yargs knows them, and its types do not say so. */
function namesOf(declared: Argv): string[] {
  const known = declared as unknown as { getOptions(): { readonly key: Readonly<Record<string, unknown>> } };
  return Object.keys(known.getOptions().key).filter((name) => name.length > 1);
}

/** yargs says that the command line is wrong by a message, or an error of its own when an option's value is. */
function asUsageError(message: string | null, error: Error | undefined, wrong: WrongArguments): Error {
  if (error !== undefined && error.name !== 'YError') return error;
  return wrongArguments((error?.message ?? message ?? 'wrong arguments').replaceAll(DASH, '-'), wrong);
}

function swapDashes(argv: readonly string[]): string[] {
  return argv.map((argument) => (argument === '-' ? DASH : argument));
}

function mapDashes(args: Record<string, unknown>, from: string, to: string): Record<string, unknown> {
  const swap = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(swap);
    return value === from ? to : value;
  };
  return Object.fromEntries(Object.entries(args).map(([key, value]) => [key, swap(value)]));
}

/** yargs makes a list of an option that is given twice; only positionals are lists here. */
function checkRepeats(args: Record<string, unknown>): Record<string, unknown> {
  const repeated = Object.keys(args).find(
    (key) => key.length > 1 && key !== 'stream' && Array.isArray(args[key]),
  );
  if (repeated === undefined) return args;
  throw new UsageError(`--${repeated} is given more than once`);
}
