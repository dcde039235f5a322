import { join } from 'node:path';
import type { ApplyOptions } from '#src/apply/work.js';
import { hasDigests, type Format, type Shape, type World, type WorldStream } from './world.js';

/** What is cut short: an apply, or the roll-back of one, with a snapback of its own or without. */
export const ACTIONS = [
  'apply',
  'apply without a snapback',
  'roll back',
  'roll back with a snapback',
] as const;
export type Action = (typeof ACTIONS)[number];

/** What is run after that. Behind a roll-back the first stream, applied once more, stands for a newer one. */
export const FOLLOW_UPS = ['the same', 'another name', 'a newer stream', 'the next stream'] as const;
export type FollowUp = (typeof FOLLOW_UPS)[number];

export interface Scenario {
  readonly format: Format;
  readonly shape: Shape;
  readonly action: Action;
  readonly followUps: readonly FollowUp[];
}

/** A command, and what it may do to the device. */
export interface Command {
  readonly label: string;
  /** The stream's path. */
  readonly stream: string;
  /** The snapback's name in the folder. */
  readonly snapback: string | undefined;
  readonly options?: Partial<ApplyOptions>;
  /** Behind a power cut the same must not be refused: it keeps a snapback or a note, or asks nothing of the device. */
  readonly isRepeatable: boolean;
  /** Whether a device may be so when the command says that it is done. */
  readonly isRight: (device: Uint8Array) => boolean;
}

/** The commands of a scenario in a folder. */
export class Commands {
  /** What led to where the scenario begins. */
  readonly history: readonly Command[];
  /** What is to be cut short. */
  readonly first: Command;
  readonly #folder: string;
  readonly #world: World;
  readonly #scenario: Scenario;

  constructor(folder: string, world: World, scenario: Scenario) {
    this.#folder = folder;
    this.#world = world;
    this.#scenario = scenario;
    this.history = this.#history();
    this.first = this.#first();
  }

  /** Those that follow the first one. */
  afterFirst(): Command[] {
    return this.#scenario.followUps.flatMap((followUp) => this.#after(followUp));
  }

  /** Those that follow `second`, which followed the first one and was cut short too. */
  afterSecond(second: Command): Command[] {
    const isSameWork = second.stream === this.first.stream;
    const others = this.#scenario.followUps.includes('another name') && second.snapback !== undefined;
    return [
      second,
      ...(others ? [{ ...second, label: `${second.label} under a third name`, snapback: 'third' }] : []),
      ...(others && isSameWork ? [this.first] : []),
    ];
  }

  get #isRollBack(): boolean {
    return this.#scenario.action.startsWith('roll back');
  }

  #history(): Command[] {
    const { before, first } = this.#world;
    const begin = this.#forward('before', before, undefined);
    if (this.#scenario.action === 'apply without a snapback') return [begin];
    const steps = [{ ...begin, snapback: 'undo-0' }];
    return this.#isRollBack ? [...steps, this.#forward('first', first, 'undo-1')] : steps;
  }

  #first(): Command {
    switch (this.#scenario.action) {
      case 'apply':
        return this.#forward('the same', this.#world.first, 'undo-1');
      case 'apply without a snapback':
        return this.#forward('the same', this.#world.first, undefined);
      case 'roll back':
        return this.#rollBack('the same', undefined);
      case 'roll back with a snapback':
        return this.#rollBack('the same', 'redo-1');
    }
  }

  #after(followUp: FollowUp): Command[] {
    const { snapback } = this.first;
    const other = this.#scenario.action === 'apply without a snapback' ? undefined : 'other';
    const newer = this.#isRollBack ? this.#world.first : this.#world.newer;
    switch (followUp) {
      case 'the same':
        return [this.first];
      case 'another name':
        if (other === undefined) return [];
        return [
          { ...this.first, label: followUp, snapback: other },
          this.#forward(`a newer stream under ${followUp}`, newer, other),
        ];
      case 'a newer stream':
        return [this.#forward(followUp, newer, this.#isRollBack ? other : snapback)];
      case 'the next stream':
        return [this.#next(followUp, other)];
    }
  }

  #forward(label: string, { path, result }: WorldStream, snapback: string | undefined): Command {
    const isRight = (device: Uint8Array) => isEqual(device, result);
    return { label, stream: path, snapback, isRepeatable: this.#isRepeatable(snapback), isRight };
  }

  #rollBack(label: string, snapback: string | undefined): Command {
    const { result } = this.#world.before;
    const stream = join(this.#folder, 'undo-1');
    return { label, stream, snapback, isRepeatable: true, isRight: (device) => isEqual(device, result) };
  }

  /** A stream of which no id is known gets no note. */
  #isRepeatable(snapback: string | undefined): boolean {
    return snapback !== undefined || this.#world.hasIds || !hasDigests(this.#world.format);
  }

  /** Where nothing names the states, nobody can tell what an apply that was cut short left where it writes. */
  #next(label: string, snapback: string | undefined): Command {
    const { next, first, before, format } = this.#world;
    if (format === 'states' && snapback !== undefined) return this.#forward(label, next, snapback);
    const [own, unknown] = [writtenBy(next), writtenBy(first)];
    const isRight = (device: Uint8Array) =>
      device.every((byte, i) =>
        own[i] === 1 ? byte === next.result[i] : unknown[i] === 1 || byte === before.result[i],
      );
    return { label, stream: next.path, snapback, isRepeatable: this.#isRepeatable(snapback), isRight };
  }
}

function writtenBy({ records, result }: WorldStream): Uint8Array {
  const written = new Uint8Array(result.length);
  for (const { offset, data } of records) written.fill(1, offset, offset + data.length);
  return written;
}

export function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
