import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { following, stateBetween } from '#src/algebra/follows.js';
import type { Ends } from '#src/format/lvs/maps/ends.js';
import type { State } from '#src/format/lvs/maps/state.js';

/**
 * Whether a stream follows (§6.2), over random histories of a small volume: it is written, snapshotted, and copied to a
 * replica by streams that are read while it is written, applied as a whole or in part, late, twice, or never.
 */

const RUNS = process.env['SLOW'] === undefined ? 3000 : 300_000;
const CELLS = 2;
const ALL = [0, 1];

/** A block: what it holds, and which write it is of; undefined of a thin volume's block that is not mapped. */
interface Cell {
  readonly value: number;
  readonly write: number | undefined;
}

interface Snapshot {
  readonly id: string;
  readonly time: number;
  readonly cells: readonly Cell[];
  /** The thin device that it was made of. */
  readonly device: number;
}

interface Stream extends Ends {
  readonly data: ReadonlyMap<number, number>;
}

/** A stream that is being read: which cells it takes, and from where. */
interface Reading extends Ends {
  readonly rest: number[];
  readonly data: Map<number, number>;
  readonly source: Snapshot | undefined;
}

class History {
  clock = 0;
  ids = 0;
  /** The thin device of the volume: a merge exchanges it. */
  device = 0;
  origin: Cell[];
  snapshots: Snapshot[] = [];
  reading: Reading | undefined;
  streams: Stream[] = [];
  replica: number[] = [];
  state: State | undefined;
  undo: { readonly replica: number[]; readonly state: State }[] = [];
  applied = 0;
  refused = 0;

  constructor(readonly kind: 'thick' | 'thin') {
    this.origin = ALL.map(() => ({ value: 0, write: kind === 'thin' ? undefined : 0 }));
    this.snapshot();
    this.replica = this.valuesOf(this.snapshots[0]!);
    this.state = this.stateOf(this.snapshots[0]!);
  }

  write(cell: number, value: number): void {
    this.origin[cell] = { value, write: ++this.clock };
  }

  /** A thick snapshot's origin refuses it. */
  discard(cell: number): void {
    this.clock++;
    if (this.kind === 'thin') this.origin[cell] = { value: 0, write: undefined };
  }

  snapshot(): void {
    this.snapshots.push({
      id: `lv:${this.ids++}`,
      time: ++this.clock,
      cells: [...this.origin],
      device: this.device,
    });
  }

  /** Takes the volume back to a snapshot: a thick one by writing to it, a thin one by giving it the snapshot's tree. */
  merge(pick: number): void {
    const [merged] = this.snapshots.splice(pick % this.snapshots.length, 1);
    if (this.snapshots.length === 0) this.snapshot();
    this.device = ++this.clock;
    if (this.kind === 'thin') this.origin = [...merged!.cells];
    else for (const each of ALL) this.write(each, merged!.cells[each]!.value);
  }

  remove(pick: number): void {
    if (this.snapshots.length > 1) this.snapshots.splice(pick % this.snapshots.length, 1);
  }

  /** Begins to read what changed from one snapshot to the origin, or to another one. */
  begin(from: number, to: number, exhaustive: boolean): void {
    const base = this.snapshots[from % this.snapshots.length]!;
    const target = this.snapshots[to % (this.snapshots.length + 1)];
    if (target === base) return;
    const cells = target?.cells ?? this.origin;
    const changed = ALL.filter((cell) => this.isChanged(base, cells, cell));
    const ends = {
      base: this.stateOf(base),
      result: target ? this.resultOf(target) : this.liveState(),
      exhaustive: exhaustive || target === undefined,
    };
    const kept = changed.filter((cell) => ends.exhaustive || base.cells[cell]!.value !== cells[cell]!.value);
    const unmapped = kept.filter((cell) => cells[cell]!.write === undefined);
    this.reading = {
      ...ends,
      rest: kept.filter((cell) => !unmapped.includes(cell)),
      data: new Map(unmapped.map((cell) => [cell, 0])),
      source: target,
    };
  }

  /** Reads what is left of the stream that is being read. */
  readAll(): void {
    while (this.reading) this.readOn();
  }

  /** Reads a cell of the stream that is being read; behind the last one it is ready to be applied. */
  readOn(): void {
    const { reading } = this;
    if (!reading) return;
    this.clock++;
    const cell = reading.rest.pop();
    if (cell !== undefined) {
      reading.data.set(cell, (reading.source?.cells ?? this.origin)[cell]!.value);
      return;
    }
    const { base, data, source, exhaustive } = reading;
    const result = source ? reading.result : { ...reading.result!, until: this.clock };
    this.streams.push({ base, result, exhaustive, data });
    this.reading = undefined;
  }

  /** Applies one of the streams that were made, as a whole or, if a run of it is killed, some of its cells. */
  apply(pick: number, killed: boolean, some: readonly number[]): void {
    if (this.streams.length === 0) return;
    const stream = this.streams[pick % this.streams.length]!;
    const found = following(this.state, stream);
    if (found === 'reached') expect(this.replica).toEqual(this.written(stream));
    if (found !== 'same' && found !== 'covered' && found !== 'reached') {
      this.refused++;
      return;
    }
    this.undo.push({ replica: [...this.replica], state: this.state! });
    this.replica = this.written(stream, killed ? some : ALL);
    this.state = killed
      ? stateBetween(`uuid:${this.ids++}`, this.state!, stream.result, this.clock)
      : stream.result;
    this.applied++;
  }

  /** What the replica holds once these cells of a stream are written to it. */
  written({ data }: Stream, cells: readonly number[] = ALL): number[] {
    return this.replica.map((value, cell) => (cells.includes(cell) ? (data.get(cell) ?? value) : value));
  }

  rollBack(): void {
    const before = this.undo.pop();
    if (before) Object.assign(this, before);
  }

  /** What a device that is at a state must do: hold it, and be led to the origin from all that it covers. */
  check(): void {
    const { state } = this;
    for (const snapshot of this.snapshots) {
      if (snapshot.id === state?.id) expect(this.replica).toEqual(this.valuesOf(snapshot));
      const isCovered = state?.covers?.includes(snapshot.id) === true && state.tracks === this.tracks;
      if (snapshot.id !== state?.id && !isCovered) continue;
      const changed = ALL.filter((cell) => this.isChanged(snapshot, this.origin, cell));
      const reached = this.replica.map((value, cell) =>
        changed.includes(cell) ? this.origin[cell]!.value : value,
      );
      expect(reached).toEqual(this.origin.map(({ value }) => value));
    }
  }

  /** A thick snapshot's table lists all that was written since it was made, of two both count; of thin ones trees are compared. */
  isChanged({ cells: before }: Snapshot, after: readonly Cell[], cell: number): boolean {
    const writes = [before, after].map((cells) => cells[cell]!.write);
    if (this.kind === 'thin') return writes[0] !== writes[1];
    return writes.some((write) => write !== this.origin[cell]!.write);
  }

  valuesOf({ cells }: Snapshot): number[] {
    return cells.map(({ value }) => value);
  }

  stateOf(snapshot: Snapshot): State {
    const older = this.snapshots.filter(({ time }) => time < snapshot.time);
    const covers = this.coveredOf(older, snapshot.cells);
    return { id: snapshot.id, time: snapshot.time, covers, tracks: this.tracks };
  }

  /** LVM forgets of what the other thin snapshots were made when one is merged: nothing is said of a state that leads to them. */
  resultOf(snapshot: Snapshot): State | undefined {
    const isForgotten = this.kind === 'thin' && snapshot.device !== this.device;
    return isForgotten ? undefined : this.stateOf(snapshot);
  }

  liveState(): State {
    const covers = this.coveredOf(this.snapshots, this.origin);
    return { id: `uuid:${this.ids++}`, time: ++this.clock, covers, tracks: this.tracks };
  }

  get tracks(): string | undefined {
    return this.kind === 'thin' ? `thin:${this.device}` : undefined;
  }

  coveredOf(snapshots: readonly Snapshot[], cells: readonly Cell[]): string[] {
    const mapsAll = ({ cells: held }: Snapshot) =>
      ALL.every((cell) => cells[cell]!.write === undefined || held[cell]!.write !== undefined);
    return snapshots.filter(mapsAll).map(({ id }) => id);
  }
}

type Act = (history: History) => void;

const cell = fc.nat(CELLS - 1);
const writes: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.tuple(cell, fc.nat(1)).map(
      ([at, value]): Act =>
        (h) =>
          h.write(at, value),
    ),
  },
  {
    weight: 1,
    arbitrary: cell.map(
      (at): Act =>
        (h) =>
          h.discard(at),
    ),
  },
);
const snapshots = fc.constant<Act>((h) => h.snapshot());
/** Reads a stream while the volume is written, and applies it, as a whole or in part, or leaves it for later. */
const copies: fc.Arbitrary<Act> = fc
  .record({
    from: fc.nat(3),
    to: fc.nat(3),
    exhaustive: fc.boolean(),
    during: fc.array(fc.oneof({ weight: 3, arbitrary: writes }, { weight: 1, arbitrary: snapshots }), {
      maxLength: 4,
    }),
    fate: fc.constantFrom('applied', 'killed', 'later'),
    some: fc.subarray(ALL),
  })
  .map(({ from, to, exhaustive, during, fate, some }): Act => (h) => {
    h.begin(from, to, exhaustive);
    for (const act of during) {
      act(h);
      h.readOn();
    }
    h.readAll();
    if (fate !== 'later') h.apply(h.streams.length - 1, fate === 'killed', some);
  });
const acts = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: writes },
    { weight: 3, arbitrary: snapshots },
    {
      weight: 1,
      arbitrary: fc.nat(3).map(
        (pick): Act =>
          (h) =>
            h.remove(pick),
      ),
    },
    {
      weight: 1,
      arbitrary: fc.nat(3).map(
        (pick): Act =>
          (h) =>
            h.merge(pick),
      ),
    },
    { weight: 6, arbitrary: copies },
    {
      weight: 2,
      arbitrary: fc.tuple(fc.nat(9), fc.boolean(), fc.subarray(ALL)).map(
        ([pick, killed, some]): Act =>
          (h) =>
            h.apply(pick, killed, some),
      ),
    },
    { weight: 1, arbitrary: fc.constant<Act>((h) => h.rollBack()) },
  ),
  { minLength: 10, maxLength: 40 },
);

describe.each(['thick', 'thin'] as const)('of a %s volume', (kind) => {
  test('what follows leads where it says, whatever was lost, killed or late before', () => {
    const seen = { applied: 0, refused: 0 };
    fc.assert(
      fc.property(acts, (all) => {
        const history = new History(kind);
        for (const act of all) {
          act(history);
          history.check();
        }
        seen.applied += history.applied;
        seen.refused += history.refused;
      }),
      { numRuns: RUNS },
    );
    expect(Math.min(seen.applied, seen.refused)).toBeGreaterThan(RUNS / 2);
  });
});

describe.each(['thick', 'thin'] as const)(
  'of a %s volume, a snapshot that was made while it was read',
  (kind) => {
    test.each([false, true])('is not where the replica can be led, killed before: %s', (killed) => {
      const h = new History(kind);
      h.write(0, 1);
      h.snapshot();
      h.begin(0, 2, true);
      h.snapshot();
      h.write(0, 0);
      h.readAll();
      h.apply(0, killed, ALL);
      h.begin(1, 2, true);
      h.readAll();
      h.apply(1, false, []);
      h.check();
      expect([h.applied, h.refused]).toEqual([1, 1]);
    });
  },
);

describe('what is known not to follow', () => {
  const base = { id: 'lv:b' };
  const result = { id: 'lv:c', time: 9 };

  test.each<[string, State | undefined, Ends]>([
    ['same', { id: 'lv:b' }, { base }],
    ['covered', { id: 'uuid:1', until: 5, covers: ['lv:b'] }, { base, result, exhaustive: true }],
    ['reached', { id: 'lv:c', covers: ['lv:b'] }, { base, result }],
    ['left-out', { id: 'uuid:1', until: 5, covers: ['lv:b'] }, { base, result }],
    ['earlier', { id: 'uuid:1', until: 10, covers: ['lv:b'] }, { base, result, exhaustive: true }],
    ['earlier', { id: 'uuid:1', covers: ['lv:b'] }, { base, result, exhaustive: true }],
    ['gap', { id: 'uuid:1', until: 5, covers: [] }, { base, result, exhaustive: true }],
    ['gap', { id: 'lv:a' }, { base, result }],
    ['unknown', { id: 'sha256:a' }, { base, result }],
    ['unknown', { id: 'lv:a' }, { base: { id: 'sha256:b' }, result }],
    ['unknown', undefined, { base, result }],
    ['unknown', { id: 'lv:a', covers: [] }, { result }],
  ])('is %s', (found, state, ends) => {
    expect(following(state, ends)).toBe(found);
  });
});
