/**
 * A container as Docker and Podman describe it: the few fields that matter here, none of which need be there.
 *
 * Owns: the shapes. Source: the engine's HTTP API, `GET /containers/{id}/json` and `GET /events`.
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
  }
  readonly HostConfig?: { readonly NetworkMode?: string }
  readonly NetworkSettings?: {
    readonly IPAddress?: string
    /** `80/tcp` → where it is published. */
    readonly Ports?: Readonly<Record<string, readonly PortBinding[] | null>> | null
    readonly Networks?: Readonly<Record<string, { readonly IPAddress?: string }>> | null
  }
  readonly State?: {
    readonly Running?: boolean
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
  readonly Type?: string
  /** `start`, `die`, `health_status: healthy`, … */
  readonly Action?: string
  readonly Actor?: { readonly ID?: string; readonly Attributes?: Readonly<Record<string, string>> }
}

/** Whether its processes are there. One that crashes again and again is not, between its tries. */
export function isRunning({ State }: Container): boolean {
  return State?.Running === true && State.Restarting !== true
}

/** What a HEALTHCHECK says: `healthy`, `unhealthy` or `starting`; undefined where there is none. */
export function healthOf({ State }: Container): string | undefined {
  const status = State?.Health?.Status ?? State?.Healthcheck?.Status
  return status === undefined || status === '' || status === 'none' ? undefined : status
}
