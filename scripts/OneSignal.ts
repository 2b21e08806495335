/**
 * Ctrl-C under npm reaches a program twice: from the terminal, which signals everyone in the foreground, and from npm,
 * which passes on its own copy. The program takes a second signal for "at once", so the echo is dropped.
 */
const echoMillis = 500
const heard = new Map<string | symbol, number>()
const emit = process.emit.bind(process) as (
  event: string | symbol,
  ...args: ReadonlyArray<unknown>
) => boolean

process.emit = (event: string | symbol, ...args: ReadonlyArray<unknown>) => {
  if (event === "SIGINT" || event === "SIGTERM") {
    const now = performance.now()
    const last = heard.get(event)
    heard.set(event, now)
    if (last !== undefined && now - last < echoMillis) return true
  }
  return emit(event, ...args)
}
