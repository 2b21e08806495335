/**
 * The time in milliseconds within which a repeated signal is dropped. After Ctrl-C, a program that npm has started
 * receives one signal from the terminal and another from npm. The second signal would end the program without a
 * graceful shutdown.
 */
const repeatMillis = 500
const receivedAt = new Map<string | symbol, number>()
const emit = process.emit.bind(process) as (
  event: string | symbol,
  ...args: ReadonlyArray<unknown>
) => boolean

process.emit = (event: string | symbol, ...args: ReadonlyArray<unknown>) => {
  if (event === "SIGINT" || event === "SIGTERM") {
    const now = performance.now()
    const last = receivedAt.get(event)
    receivedAt.set(event, now)
    if (last !== undefined && now - last < repeatMillis) return true
  }
  return emit(event, ...args)
}
