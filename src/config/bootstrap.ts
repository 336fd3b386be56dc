/**
 * Rules on the first start of a member, when there is no data that says which cluster it belongs to.
 *
 * Owns: the agreement of `--name`, `--initial-advertise-peer-urls` and `--initial-cluster`. Kept apart from `checks.ts`
 * because a member with data ignores these options, whatever they say (API page, 12.4).
 */
import type { Config, Endpoint } from './config.ts'

export type BootstrapCode = 'MUSTER_NAME_NOT_IN_CLUSTER' | 'MUSTER_PEER_URLS_MISMATCH' | 'MUSTER_PEER_URL_DUPLICATE'

/** The options of a first start contradict each other. */
export class BootstrapError extends Error {
  override readonly name = 'BootstrapError'
  readonly code: BootstrapCode

  constructor(code: BootstrapCode, message: string) {
    super(message)
    this.code = code
  }
}

/** Call before the first start of a member without data. Throws a BootstrapError with one sentence. */
export function checkBootstrap(config: Config): void {
  const { name, initialCluster, initialAdvertisePeerUrls } = config
  const self = initialCluster.find((member) => member.name === name)
  if (self === undefined) {
    throw new BootstrapError(
      'MUSTER_NAME_NOT_IN_CLUSTER',
      `couldn't find local name "${name}" in the initial cluster configuration`,
    )
  }

  const all = initialCluster.flatMap((member) => member.peerUrls.map(comparable))
  if (new Set(all).size !== all.length) {
    const text = initialCluster
      .flatMap((member) => member.peerUrls.map((url) => `${member.name}=${url.href}`))
      .join(',')
    throw new BootstrapError('MUSTER_PEER_URL_DUPLICATE', `initial cluster ${text} has duplicate url`)
  }

  const advertised = initialAdvertisePeerUrls.map((url) => url.href).join(',')
  const unadvertised = missingFrom(self.peerUrls, initialAdvertisePeerUrls)
  if (unadvertised !== undefined) {
    throw new BootstrapError(
      'MUSTER_PEER_URLS_MISMATCH',
      `--initial-cluster has ${name}=${unadvertised.href} but missing from --initial-advertise-peer-urls=${advertised}`,
    )
  }
  const unlisted = missingFrom(initialAdvertisePeerUrls, self.peerUrls)
  if (unlisted !== undefined) {
    const listed = self.peerUrls.map((url) => `${name}=${url.href}`).join(',')
    throw new BootstrapError(
      'MUSTER_PEER_URLS_MISMATCH',
      `--initial-advertise-peer-urls has ${unlisted.href} but missing from --initial-cluster=${listed}`,
    )
  }
}

function missingFrom(wanted: readonly Endpoint[], present: readonly Endpoint[]): Endpoint | undefined {
  const known = new Set(present.map(comparable))
  return wanted.find((url) => !known.has(comparable(url)))
}

/** Names are compared as written, but for `localhost`: asking DNS here would make a start depend on it. */
function comparable(url: Endpoint): string {
  const host = url.host.toLowerCase()
  return `${url.protocol}://${host === 'localhost' ? '127.0.0.1' : host}:${url.port}`
}
