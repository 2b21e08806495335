/**
 * Drops repeated signals. Ctrl-C under npm sends a program two: one from the terminal, and a copy from npm. The program
 * treats a second signal as an order to stop at once.
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
