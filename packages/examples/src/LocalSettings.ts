import { ListenAddress, Settings } from "@registry-packages-proxy/proxy"
import { Result } from "effect"

/** The flags' defaults, but for a port that is free on this machine, and a log of errors alone. */
export const settings: Settings.Settings = {
  ...Settings.defaults,
  listenAddress: Result.getSuccess(ListenAddress.parse("127.0.0.1:0")),
  logLevel: "Error"
}
