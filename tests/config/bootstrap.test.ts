/** On a first start, name, advertised peer URLs and initial cluster agree or the member says how they do not. */
import { expect, test } from 'vitest'
import { BootstrapError, checkBootstrap } from '../../src/config/bootstrap.ts'
import { loadConfig } from '../../src/config/load.ts'

/** The code and sentence of what is wrong, or `undefined`. */
function problem(...argv: string[]): readonly [string, string] | undefined {
  const loaded = loadConfig(argv, {})
  if ('exit' in loaded) throw new Error(loaded.exit.stderr)
  try {
    checkBootstrap(loaded.config)
    return undefined
  } catch (error) {
    if (!(error instanceof BootstrapError)) throw error
    return [error.code, error.message]
  }
}

const ADVERTISED = '--initial-advertise-peer-urls=http://10.0.0.1:2380'

test('defaults agree, also under another name', () => {
  expect(problem()).toBeUndefined()
  expect(problem('--name=n1')).toBeUndefined()
})

test('a list that names this member with its URLs agrees', () => {
  expect(
    problem('--name=a', ADVERTISED, '--initial-cluster=b=http://10.0.0.2:2380,a=http://10.0.0.1:2380'),
  ).toBeUndefined()
})

test('localhost and 127.0.0.1 are the same', () => {
  expect(problem('--initial-cluster=default=http://127.0.0.1:2380')).toBeUndefined()
})

test('a name that is not in the list is refused', () => {
  expect(problem('--name=q', ADVERTISED, '--initial-cluster=a=http://10.0.0.1:2380')).toEqual([
    'MUSTER_NAME_NOT_IN_CLUSTER',
    'couldn\'t find local name "q" in the initial cluster configuration',
  ])
})

test('a URL of this member that is listed and not advertised is refused, and the other way round', () => {
  expect(problem('--name=a', ADVERTISED, '--initial-cluster=a=http://10.0.0.9:2380')).toEqual([
    'MUSTER_PEER_URLS_MISMATCH',
    '--initial-cluster has a=http://10.0.0.9:2380 but missing from --initial-advertise-peer-urls=http://10.0.0.1:2380',
  ])
  expect(problem('--name=a', `${ADVERTISED},http://10.0.0.1:7001`, '--initial-cluster=a=http://10.0.0.1:2380')).toEqual(
    [
      'MUSTER_PEER_URLS_MISMATCH',
      '--initial-advertise-peer-urls has http://10.0.0.1:7001 but missing from --initial-cluster=a=http://10.0.0.1:2380',
    ],
  )
})

test('a URL that stands for two members is refused', () => {
  expect(problem('--name=a', ADVERTISED, '--initial-cluster=a=http://10.0.0.1:2380,b=http://10.0.0.1:2380')).toEqual([
    'MUSTER_PEER_URL_DUPLICATE',
    'initial cluster a=http://10.0.0.1:2380,b=http://10.0.0.1:2380 has duplicate url',
  ])
})
