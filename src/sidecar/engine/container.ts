/**
 * A container as Docker and Podman describe it: the few fields that matter here, most of which need not be there.
 *
 * Owns: the types, which `shapes.ts` holds the engine's answers to. Source: the engine's HTTP API, `GET /containers/{id}/json` and `GET /events`.
 */

export interface Container {
  readonly Id: string
  /** With a leading slash. */
  readonly Name?: string
  readonly Config?: {
    readonly Image?: string
    readonly Env?: readonly string[] | null
    readonly Labels?: Readonly<Record<string, string>> | null
    readonly ExposedPorts?: Readonly<Record<string, unknown>> | null
  } | null
  readonly HostConfig?: { readonly NetworkMode?: string } | null
  readonly NetworkSettings?: {
    readonly IPAddress?: string
    /** `80/tcp` → where it is published. */
    readonly Ports?: Readonly<Record<string, readonly PortBinding[] | null>> | null
    readonly Networks?: Readonly<Record<string, { readonly IPAddress?: string } | null>> | null
  } | null
  readonly State: {
    readonly Running: boolean
    /** It has ended and waits to be started anew; Docker counts that as running, too. */
    readonly Restarting?: boolean
    readonly ExitCode?: number
    /** RFC 3339, of the last start. */
    readonly StartedAt?: string
    /** Missing, or with the status `none` or empty, when the image has no HEALTHCHECK. */
    readonly Health?: { readonly Status?: string } | null
    /** Podman's name for it. */
    readonly Healthcheck?: { readonly Status?: string } | null
  }
}

export interface PortBinding {
  readonly HostIp?: string
  readonly HostPort?: string
}

/** Something happened to a container or a network. */
export interface EngineEvent {
  /** The container that it is about; undefined: none. */
  readonly id: string | undefined
  readonly isRemoval: boolean
}

/** Whether its processes are there. One that crashes again and again is not, between its tries. */
export function isRunning({ State }: Container): boolean {
  return State.Running && State.Restarting !== true
}

/** What a HEALTHCHECK says: `healthy`, `unhealthy` or `starting`; undefined where there is none. */
export function healthOf({ State }: Container): string | undefined {
  const status = State.Health?.Status ?? State.Healthcheck?.Status
  return status === undefined || status === '' || status === 'none' ? undefined : status
}
