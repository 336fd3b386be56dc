/**
 * `muster registrator`: announces the services of this machine's containers. Takes the old registrator's words and URIs.
 *
 * Owns: its words and what follows from them. Leaves to others: following the containers (`src/sidecar/engine/`), the life of the
 * agent (`agent-run.ts`).
 */
import { hostname } from 'node:os'
import process from 'node:process'
import { type Command, InvalidArgumentError } from 'commander'
import type { ClientOptions } from '../../src/client/options.ts'
import { parseSwitch } from '../../src/config/switch.ts'
import { checkOptionsOf } from '../../src/sidecar/checks/check.ts'
import { Engine } from '../../src/sidecar/engine/engine.ts'
import { Follower } from '../../src/sidecar/engine/follower.ts'
import { lookAt } from '../../src/sidecar/engine/look.ts'
import type { ContainerRules } from '../../src/sidecar/engine/metadata.ts'
import { Nonsense } from '../../src/sidecar/engine/shapes.ts'
import { Ownership } from '../../src/sidecar/ownership.ts'
import { SILENT } from '../../src/sidecar/ports.ts'
import { RegisterError } from '../../src/sidecar/register-error.ts'
import { parseRegistry, type Registry } from '../../src/sidecar/registry-uri.ts'
import { ownAddress, type Service } from '../../src/sidecar/service.ts'
import { readServices } from '../../src/sidecar/services-file.ts'
import type { AnnounceSettings } from '../../src/sidecar/settings.ts'
import { removeStale } from '../../src/sidecar/stale.ts'
import { type AgentParts, type Feed, runAgent } from './agent-run.ts'
import { type AgentWords, addAgentOptions, announcingOf } from './agent-words.ts'
import { connectionOf } from './connection.ts'
import { failureText } from './exit.ts'
import { FileServices } from './file-services.ts'
import { spanMs } from './go-values.ts'
import { printKeys } from './register.ts'

interface RegistratorWords extends AgentWords {
  readonly ip?: string
  readonly internal?: boolean
  readonly explicit?: boolean
  readonly useIpFromLabel?: string
  readonly tags?: string
  readonly deregister: 'always' | 'on-success'
  readonly cleanup: boolean
  readonly docker?: string
  readonly podman?: string | true
  readonly checkDefault?: string
  readonly allowCmdChecks?: boolean
  /** Milliseconds. */
  readonly deregisterAfter?: number
  readonly file?: string
}

const DOCKER_DEFAULT = 'unix:///var/run/docker.sock'
const PODMAN_DEFAULT = 'unix:///run/podman/podman.sock'

const HELP = `
REGISTRY names store, layout and directory at once: etcd://HOST:PORT,HOST:PORT/PREFIX, etcds:// for TLS,
skydns2://HOST:PORT/DOMAIN. Without it: --endpoints and --layout.

Containers say what they are by SERVICE_NAME, SERVICE_ID, SERVICE_TAGS, SERVICE_IGNORE, SERVICE_<KEY> and
SERVICE_<PORT>_<KEY>, in their environment or as labels; checks by SERVICE_CHECK_HTTP, _TCP, _CMD, _INTERVAL,
_TIMEOUT, _DEREGISTER_AFTER. Without a check of its own an image's HEALTHCHECK counts.

Signals: TERM and INT remove everything and end; HUP reads --file again; USR1 compares with containers and store;
USR2 writes what is known to the log.

Examples:
  muster registrator etcd://10.0.0.1:2379,10.0.0.2:2379/services
  muster registrator -ip 10.0.0.5 -internal -ttl 60 -ttl-refresh 20 etcd://10.0.0.1:2379/services
  muster registrator --podman --endpoints https://10.0.0.1:2379 --cacert ca.pem`

/** Adds the command. */
export function addRegistrator(program: Command): void {
  const command = program
    .command('registrator')
    .description("announce the services of this machine's containers")
    .argument('[REGISTRY]', 'etcd://HOST:PORT/PREFIX, etcds://…, skydns2://HOST:PORT/DOMAIN')
    .option('--ip <ADDRESS>', 'for published ports (default: what they are bound to, or this machine)')
    .option('--internal', "announce the containers' own addresses and ports")
    .option('--explicit', 'only containers that have a SERVICE_NAME')
    .option('--useIpFromLabel <LABEL>', 'a label of the container that holds its address')
    .option('--tags <TAGS>', 'for every service, separated by commas')
    .option('--deregister <WHEN>', 'always, or on-success: failed containers stay known as critical', whenOf, 'always')
    .option('--cleanup [BOOL]', 'remove what an earlier agent of this host left behind', switchOf, true)
    .option('--retry-attempts <N>', 'taken for the sake of old command lines; it is tried for ever')
    .option('--retry-interval <MS>', 'likewise; pauses grow from 100 ms to 5 s')
    .option('--docker <SOCKET>', `Docker's socket (DOCKER_HOST, else ${DOCKER_DEFAULT})`)
    .option('--podman [SOCKET]', `Podman's instead (default: ${PODMAN_DEFAULT})`)
    .option('--check-default <CHECK>', 'for services without a check: tcp, or /path')
    .option(
      '--deregister-after <DURATION>',
      'for checks that do not say it: take out whole what was critical for so long',
      spanMs,
    )
    .option('--file <FILE>', 'YAML, TOML or JSON with services that are announced beside the containers')
    .option('--allow-cmd-checks', 'let containers have commands run here by SERVICE_CHECK_CMD')
  addAgentOptions(command)
    .addHelpText('after', HELP)
    .action(async (registry: string | undefined, _words: object, self: Command) => {
      process.exitCode = await run(registry, self.optsWithGlobals())
    })
}

async function run(registryText: string | undefined, words: RegistratorWords): Promise<number> {
  try {
    const registry = registryText === undefined ? undefined : parseRegistry(registryText)
    const settings = announcingOf(words, placeOf(registry))
    const engine = new Engine(socketOf(words))
    const rules = rulesOf(words)
    // Mistakes are told before anything is started.
    const read = (): Promise<readonly Service[]> => servicesIn(words.file, rules, settings)
    const services = await read()
    if (words.dryRun === true) return await dryRun(engine, rules, services, settings)
    return await runAgent({
      words,
      settings,
      connection: await connectionTo(registry, words),
      feed: (parts) => engineFeed(parts, { engine, rules, words, settings, services, read }),
      beside: undefined,
      lingerMs: 0,
    })
  } catch (error) {
    if (!(error instanceof Error)) throw error
    process.stderr.write(`muster: ${failureText(error)}\n`)
    return 1
  }
}

function placeOf(registry: Registry | undefined): Parameters<typeof announcingOf>[1] {
  if (registry === undefined) return {}
  return { layouts: [registry.layout], prefix: registry.prefix, domain: registry.domain }
}

/** The registry's servers count before variables, and explicit options before both. */
async function connectionTo(registry: Registry | undefined, words: RegistratorWords): Promise<ClientOptions> {
  const named = words.endpoints ?? words.endpoint ?? words.peers
  if (registry === undefined || registry.endpoints.length === 0 || named !== undefined) return connectionOf(words)
  return connectionOf({ ...words, endpoints: registry.endpoints.join(',') })
}

/** Services that are described in a file, as this registrator's own. */
async function servicesIn(
  file: string | undefined,
  { hostName, deregisterAfter }: ContainerRules,
  { ttl }: AnnounceSettings,
): Promise<readonly Service[]> {
  const read = file === undefined ? [] : await readServices(file, ttl, hostName)
  return read.map((service) => ({
    ...service,
    instance: { ...service.instance, agent: hostName },
    check: service.check && {
      ...service.check,
      deregisterAfterMs: service.check.deregisterAfterMs ?? (deregisterAfter && deregisterAfter * 1000),
    },
  }))
}

interface EngineFeed {
  readonly engine: Engine
  readonly rules: ContainerRules
  readonly words: RegistratorWords
  readonly settings: AnnounceSettings
  /** Those of the file. */
  readonly services: readonly Service[]
  /** Reads the file again. */
  readonly read: () => Promise<readonly Service[]>
}

function engineFeed({ agent, store, log, signal }: AgentParts, feed: EngineFeed): Feed {
  const { engine, rules, words, settings, services, read } = feed
  const { hostName } = rules
  const { prefix, ttl, resyncMs } = settings
  const ownership = new Ownership({ store, prefix, hostName, ttl, log })
  const listed = new FileServices(agent, log)
  const clean = async (): Promise<void> => {
    try {
      if (await ownership.isOurs(signal)) await removeStale({ store, prefix, hostName, agent, log }, signal)
    } catch (error) {
      if (!signal.aborted)
        log.warn({ err: error }, 'could not look for stale entries: trying again at the next comparison')
    }
  }
  const follower = new Follower({
    ...{ engine, agent, rules, ttl, deregister: words.deregister, relistMs: resyncMs, log },
    onListed: words.cleanup ? clean : async () => {},
  })
  /** Before the name is ours nothing may be announced; a file that changes meanwhile is read again then. */
  let state: 'waiting' | 'changed' | 'begun' = 'waiting'
  const reload = (): void => {
    if (state === 'begun') void listed.reload(read)
    else state = 'changed'
  }
  return {
    begin: async () => {
      await ownership.claim(signal)
      listed.replace(services)
      if (state === 'changed') await listed.reload(read)
      state = 'begun'
      await follower.start()
    },
    reload: words.file === undefined ? undefined : reload,
    resync: () => follower.relist(),
    end: async () => {
      listed.end()
      await follower.close()
    },
    // Not before all is removed: a successor writes the same values, which would be taken for ours and removed.
    release: () => ownership.close(),
  }
}

function rulesOf(words: RegistratorWords): ContainerRules {
  return {
    hostName: words.hostname ?? hostname(),
    ip: words.ip ?? '',
    ownAddress: ownAddress(),
    internal: words.internal === true,
    explicit: words.explicit === true,
    ipLabel: words.useIpFromLabel ?? '',
    tags: words.tags ?? '',
    checkDefault: words.checkDefault === undefined ? undefined : checkOptionsOf(words.checkDefault),
    deregisterAfter: words.deregisterAfter === undefined ? undefined : words.deregisterAfter / 1000,
    allowsCommands: words.allowCmdChecks === true,
  }
}

function socketOf({ docker, podman }: RegistratorWords): string {
  if (podman !== undefined) return podman === true ? PODMAN_DEFAULT : podman
  return docker ?? (process.env['DOCKER_HOST'] || DOCKER_DEFAULT)
}

async function dryRun(
  engine: Engine,
  rules: ContainerRules,
  services: readonly Service[],
  settings: AnnounceSettings,
): Promise<number> {
  const { signal } = new AbortController()
  const look = { rules, ttl: settings.ttl, log: SILENT }
  printKeys(services, settings)
  const { containers, nonsense } = await engine.list(signal)
  const missing = nonsense === undefined ? [] : [`some of the list: ${nonsense.message}`]
  for (const [id, runs] of containers) {
    try {
      const looked = runs ? await lookAt(engine, id, look, signal) : undefined
      printKeys(looked?.services ?? [], settings)
    } catch (error) {
      if (!(error instanceof RegisterError && error.cause instanceof Nonsense)) throw error
      missing.push(`container ${id}: ${error.cause.message}`)
    }
  }
  for (const what of missing) process.stderr.write(`muster: left out: ${what}\n`)
  return missing.length === 0 ? 0 : 1
}

function whenOf(text: string): 'always' | 'on-success' {
  if (text === 'always' || text === 'on-success') return text
  throw new InvalidArgumentError('Expected always or on-success.')
}

function switchOf(text: string): boolean {
  const on = parseSwitch(text)
  if (on === undefined) throw new InvalidArgumentError('Expected true or false.')
  return on
}
