/**
 * Which tests run when, and how many at once.
 *
 * Seven groups: `unit` (everything in memory or on one socket), `sim` (the simulator), `e2e` (real processes, short),
 * `timed` (those of them that need the machine or its usual ports for themselves),
 * `long` (files named `*.long.test.ts`, which CI and `npm run test:heavy` run), `clients` (programs of others against real
 * processes, `npm run test:clients`) and `diff` (beside a real etcd, `npm run test:diff`). Two files run at
 * a time; groups come one after the other, because those of processes mostly wait, and must not wait for a core that computes.
 */
import { defineConfig } from 'vitest/config'

const LONG = 'tests/**/*.long.test.ts'
const DIFF = 'tests/diff/**/*.test.ts'
const CLIENTS = 'tests/clients/**/*.test.ts'
/** They judge stalls and lateness, or start servers as pages do, at the ports of every installation: nothing runs beside them. */
const TIMED = [
  'tests/e2e/bad-input.test.ts',
  'tests/e2e/failover.test.ts',
  'tests/e2e/start.test.ts',
  'tests/e2e/ttl.test.ts',
  'tests/examples/**/*.test.ts',
]
const PROCESSES = ['tests/e2e/**/*.test.ts', 'tests/bin/**/*.test.ts', 'tests/examples/**/*.test.ts']

export default defineConfig({
  test: {
    maxWorkers: 2,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['tests/**/*.test.ts'],
          exclude: [LONG, DIFF, 'tests/sim/**', CLIENTS, ...PROCESSES],
          testTimeout: 20_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'sim',
          include: ['tests/sim/**/*.test.ts'],
          exclude: [LONG],
          testTimeout: 1_200_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'e2e',
          include: PROCESSES,
          exclude: [LONG, ...TIMED],
          testTimeout: 120_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: 'timed',
          include: TIMED,
          testTimeout: 120_000,
          hookTimeout: 60_000,
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
      {
        extends: true,
        test: {
          name: 'long',
          include: [LONG],
          testTimeout: 900_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 3 },
        },
      },
      {
        extends: true,
        test: {
          name: 'clients',
          include: [CLIENTS],
          testTimeout: 180_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 4 },
        },
      },
      {
        extends: true,
        test: {
          name: 'diff',
          include: [DIFF],
          testTimeout: 1_800_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 5 },
        },
      },
    ],
  },
})
