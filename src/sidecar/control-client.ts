/**
 * Asking the agents of this machine.
 *
 * Owns: finding their sockets, removing those of the dead, finding the one agent that has an instance.
 */
import { readdir, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { Client } from 'undici'
import { type AgentReport, DRAIN_WAIT_MS, SOCKET_NAME } from './control.ts'
import { RegisterError } from './register-error.ts'

/** Longer than an agent lets anybody wait. Milliseconds. */
const ANSWER_MS_MAX = DRAIN_WAIT_MS + 2_000
/** Agents of one machine that are asked. */
const AGENTS_MAX = 1_000

/** What an agent answered. */
export interface AgentAnswer {
  readonly status: number
  readonly body: { readonly message?: string; readonly [field: string]: unknown }
}

/** What all agents of this user say of themselves; those that do not answer are left out. */
export async function reportsOf(
  folder: string,
): Promise<readonly { readonly path: string; readonly report: AgentReport }[]> {
  const names = await readdir(folder).catch(() => [] as string[])
  const paths = names.filter((name) => SOCKET_NAME.test(name)).slice(0, AGENTS_MAX)
  const reports = await Promise.all(
    paths.map(async (name) => {
      const path = join(folder, name)
      const answer = await ask(path, 'GET', '/status').catch((error: unknown) => forget(path, error))
      return answer?.status === 200 ? [{ path, report: answer.body as unknown as AgentReport }] : []
    }),
  )
  return reports.flat()
}

/**
 * Tells the one agent that has an instance to drain it, or to take that back.
 * @param id undefined: the only instance of that name there is.
 * @throws RegisterError `MUSTER_REGISTER_NO_AGENT` when none has it, or several.
 */
export async function drainAt(
  folder: string,
  name: string,
  id: string | undefined,
  drained: boolean,
): Promise<AgentAnswer> {
  const found = (await reportsOf(folder)).flatMap(({ path, report }) =>
    report.instances
      .filter(
        (each) => each.name === name && (id === undefined || each.id === id || `${each.host}:${each.port}` === id),
      )
      .map((each) => ({ path, id: each.id })),
  )
  const [only] = found
  if (only === undefined || found.length > 1) {
    const what = id === undefined ? `"${name}"` : `"${id}" of "${name}"`
    const ids = found.map((each) => each.id).join(', ')
    const why =
      only === undefined ? `no agent in "${folder}" has ${what}` : `several have ${what}: say which by its id: ${ids}`
    throw new RegisterError('MUSTER_REGISTER_NO_AGENT', why)
  }
  const query = new URLSearchParams({ name, id: only.id })
  return ask(only.path, 'POST', `/${drained ? 'drain' : 'undrain'}?${query}`)
}

/** Tells all agents to compare with the store; how many there are. */
export async function resyncAll(folder: string): Promise<number> {
  const agents = await reportsOf(folder)
  await Promise.all(agents.map(({ path }) => ask(path, 'POST', '/resync')))
  return agents.length
}

async function ask(socketPath: string, method: 'GET' | 'POST', path: string): Promise<AgentAnswer> {
  const client = new Client('http://agent', { socketPath, headersTimeout: ANSWER_MS_MAX, bodyTimeout: ANSWER_MS_MAX })
  try {
    const { statusCode, body } = await client.request({ method, path })
    return { status: statusCode, body: (await body.json()) as AgentAnswer['body'] }
  } finally {
    await client.close()
  }
}

/** Nobody listens there any more: an agent was killed. */
async function forget(path: string, error: unknown): Promise<undefined> {
  if (error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED') await unlink(path).catch(() => {})
}
