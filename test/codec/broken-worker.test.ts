import { expect, test } from 'vitest';
import { WorkerPool, type Job } from '#src/codec/worker-pool.js';

/** Work that no thread can do: without room for a frame zstd throws, and the thread ends of it. */
const broken = (): Job => ({
  kind: 'compress',
  content: new Uint8Array(10),
  streamPosition: 0,
  room: new Uint8Array(0),
});
const sound = (): Job => ({
  kind: 'compress',
  content: new Uint8Array(10),
  streamPosition: 0,
  room: new Uint8Array(1000),
});

const ROUNDS = 40;

test('a thread that died gets no more jobs, and those it had are rejected', async () => {
  const pool = new WorkerPool(1, 1);
  expect((await pool.run(sound())).frame.length).toBeGreaterThan(10);
  const jobs = await Promise.allSettled([pool.run(broken()), pool.run(sound())]);
  expect(jobs.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  await expect(pool.run(broken())).rejects.toThrow();
  expect((await pool.run(sound())).frame.length).toBeGreaterThan(10);
  await pool.close();
}, 10_000);

test("an answer that comes behind the news of its thread is nobody else's", async () => {
  const pool = new WorkerPool(1, 1);
  for (let round = 0; round < ROUNDS; round += 1) {
    const [, job] = await Promise.allSettled([pool.run(sound()), pool.run(broken())]);
    expect(job).toMatchObject({ status: 'rejected' });
  }
  await pool.close();
}, 30_000);

test('a job that can not be sent waits for no answer, and leaves the others theirs', async () => {
  const pool = new WorkerPool(1, 1);
  await pool.run(sound());
  const one = new Uint8Array(1000);
  const unsent: Job = {
    kind: 'compress',
    content: one.subarray(0, 10),
    streamPosition: 0,
    room: one.subarray(10),
  };
  const [lost, ...others] = await Promise.allSettled([
    pool.run(unsent),
    pool.run(sound()),
    pool.run(sound()),
  ]);
  expect(lost).toMatchObject({ status: 'rejected' });
  for (const job of others) expect(job).toMatchObject({ status: 'fulfilled' });
  await pool.close();
}, 10_000);

test('a job that does not arrive is rejected', async () => {
  const pool = new WorkerPool(1, 1);
  const job = sound();
  structuredClone(job.content.buffer, { transfer: [job.content.buffer as ArrayBuffer] });
  await expect(pool.run(job)).rejects.toThrow();
  expect((await pool.run(sound())).frame.length).toBeGreaterThan(10);
  await pool.close();
}, 10_000);
