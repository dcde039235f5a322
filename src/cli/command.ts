import type { ArgumentsCamelCase, Argv } from 'yargs';

/** What every command takes. */
export interface CommonOptions {
  readonly quiet: boolean | undefined;
  readonly debug: boolean | undefined;
}

/** A command as its own file declares it. */
export interface Command<T = unknown> {
  /** Declares positionals, options and one example. */
  declare(yargs: Argv<CommonOptions>): Argv<T>;
  /** Does it; returns the exit status. */
  run(args: ArgumentsCamelCase<T>): Promise<number>;
}

/** A command as `lvstream --help` lists it; its file is loaded when it is used. */
export interface CommandEntry {
  readonly name: string;
  /** What follows the name, as yargs wants its positionals. */
  readonly positionals: string;
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

/** Keeps the types of the options that `declare` makes for `run`. */
export function defineCommand<T>(command: Command<T>): Command {
  return command;
}
