import yargs, { type Argv } from 'yargs';
import { UsageError } from '../errors.js';
import type { Command, CommandEntry, CommonOptions } from './command.js';
import { print } from './print.js';

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
  const parser = createParser(entry, command, handler);
  await parser.parseAsync(swapDashes(argv), {}, (_error, _args, output) => {
    text = output;
  });
  if (text !== '') await print(`${text}\n`);
  return status;
}

function createParser(
  { name, positionals, summary }: CommandEntry,
  command: Command,
  handler: (args: Record<string, unknown>) => Promise<void>,
): Argv {
  const usage = `$0 ${positionals}`.trim();
  return yargs()
    .scriptName(`lvstream ${name}`)
    .parserConfiguration({ 'parse-numbers': false, 'parse-positional-numbers': false, 'dot-notation': false })
    .command(usage, summary, (declared) => command.declare(declareCommon(declared)), handler)
    .strict()
    .help('help', 'print this')
    .alias('help', 'h')
    .version(false)
    .detectLocale(false)
    .wrap(Math.min(MAX_WIDTH, process.stdout.columns || MAX_WIDTH))
    .exitProcess(false)
    .fail((message: string | null, error: Error | undefined) => {
      throw asUsageError(name, message, error);
    });
}

function declareCommon(declared: Argv): Argv<CommonOptions> {
  return declared
    .option('quiet', {
      type: 'boolean',
      describe: 'no progress, no remarks, and not a word on what was done',
    })
    .option('debug', { type: 'boolean', describe: 'with an error, say where in lvstream it arose' });
}

/** yargs says that the command line is wrong by a message, or an error of its own when an option's value is. */
function asUsageError(name: string, message: string | null, error: Error | undefined): Error {
  if (error !== undefined && error.name !== 'YError') return error;
  const text = asOneLine(error?.message ?? message ?? 'wrong arguments');
  return new UsageError(text, { hint: `see lvstream ${name} --help` });
}

function asOneLine(message: string): string {
  return message
    .replaceAll(DASH, '-')
    .replace(
      /^Not enough non-option arguments: got (\d+), need at least (\d+)/,
      'arguments are missing: $1 of $2',
    )
    .replace(/\s*\n\s*/g, ' ')
    .trim();
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
