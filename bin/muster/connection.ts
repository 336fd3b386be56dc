/**
 * The options by which commands are told which cluster to talk to, and how.
 *
 * Owns: their names, variables and defaults, reading the files they name. etcdctl's names of the v2 API, so that scripts and
 * environments carry over.
 */
import { readFileSync } from 'node:fs'
import process from 'node:process'
import { type Command, InvalidArgumentError } from 'commander'
import type { ClientOptions } from '../../src/client/options.ts'

const ENDPOINTS_DEFAULT = 'http://127.0.0.1:2379'

/** What commander makes of the options; a side's prefix goes before each name. */
export interface ConnectionWords {
  readonly endpoints?: string
  readonly username?: string
  readonly caFile?: string
  readonly certFile?: string
  readonly keyFile?: string
}

/** Adds the options for users and TLS. @param side `from-` for those of a source, else empty. */
export function addConnectionOptions(command: Command, side: '' | 'from-'): Command {
  const who = side === '' ? '' : ' of the source'
  return command
    .option(`--${side}username <USER:PASSWORD>`, `whom to log in as${who}; else ${variableNames('USERNAME', side)}`)
    .option(`--${side}ca-file <FILE>`, `PEM file of the authorities that sign the servers' certificates${who}`)
    .option(`--${side}cert-file <FILE>`, `PEM file of the client certificate${who}`)
    .option(`--${side}key-file <FILE>`, `PEM file of its key${who}`)
}

/** Options for a client. Variables stand in for what is not given, but for a source. @throws Error when a file cannot be read. */
export function connectionOf(words: ConnectionWords, side: 'here' | 'source' = 'here'): ClientOptions {
  const variable = side === 'here' ? ownVariable : () => undefined
  const endpoints = words.endpoints ?? variable('ENDPOINTS') ?? ENDPOINTS_DEFAULT
  const credentials = words.username ?? variable('USERNAME')
  const tls = {
    ...readPem('ca', words.caFile ?? variable('CA_FILE')),
    ...readPem('cert', words.certFile ?? variable('CERT_FILE')),
    ...readPem('key', words.keyFile ?? variable('KEY_FILE')),
  }
  return { endpoints: endpoints.split(','), tls, ...(credentials === undefined ? {} : { auth: credentials }) }
}

/** A value of an option that is a whole number of at least `min`. For commander. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const number = Number(text)
    if (/^\d+$/.test(text) && number >= min && number <= max) return number
    throw new InvalidArgumentError(`Expected a whole number from ${min} to ${max}.`)
  }
}

/** A key's path that is clean. For commander. */
export function keyPath(text: string): string {
  const path = text === '/' ? text : text.replace(/\/+$/, '')
  if (path.startsWith('/') && !/\/\/|\/\.\.?(\/|$)/.test(path)) return path
  throw new InvalidArgumentError('Expected a path that begins with "/" and has no empty, "." or ".." names.')
}

function ownVariable(name: string): string | undefined {
  return process.env[`MUSTER_${name}`] ?? process.env[`ETCDCTL_${name}`]
}

function variableNames(name: string, side: string): string {
  return side === '' ? `MUSTER_${name} or ETCDCTL_${name}` : 'nobody'
}

function readPem(name: 'ca' | 'cert' | 'key', file: string | undefined): { readonly [name: string]: string } {
  return file === undefined || file === '' ? {} : { [name]: readFileSync(file, 'utf8') }
}
