/** A rest that ends early when somebody says so, and leaves no timer behind. */

/** Resolves after so many milliseconds, or when one of the signals aborts. Never rejects. */
export function pause(ms: number, ...signals: readonly (AbortSignal | undefined)[]): Promise<void> {
  return new Promise((resolve) => {
    if (signals.some((signal) => signal?.aborted === true)) {
      resolve()
      return
    }
    const end = (): void => {
      clearTimeout(timer)
      for (const signal of signals) signal?.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, ms)
    for (const signal of signals) signal?.addEventListener('abort', end, { once: true })
  })
}

/** The pause before the attempt after `failures`: twice as long each time, shortened by up to a half at random. */
export function delayAfter(failures: number, delayMsMin: number, delayMsMax: number): number {
  const ms = Math.min(delayMsMax, delayMsMin * 2 ** Math.min(failures - 1, 30))
  return ms * (0.5 + Math.random() / 2)
}
